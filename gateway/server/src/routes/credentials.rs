//! Offers, claims, batches, statuses and receipts.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use credential::exchange::{ClaimRequest, Issued};
use credential::status::Status;
use did_registry::{Digest, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{App, base64url, run};
use crate::agency::Offer;
use crate::body::Body;
use crate::operator::{MayIssue, Operator};
use crate::problem::Problem;

/// Which records to make claim codes for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferRequest {
    schema: Digest,
    record_ids: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Offers {
    offers: Vec<Offer>,
}

pub(super) async fn offer(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Body(request): Body<OfferRequest>,
) -> Result<(StatusCode, Json<Offers>), Problem> {
    let offers = run(move || app.agency.offer(operator.name(), &request.schema, &request.record_ids));
    Ok((StatusCode::CREATED, Json(Offers { offers: offers.await? })))
}

pub(super) async fn claim(
    State(app): State<App>,
    Body(request): Body<ClaimRequest>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    let issued = run(move || app.agency.claim(&request)).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    schema: Digest,
    items: Vec<BatchItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchItem {
    record_id: String,
    holder: PublicKey,
}

#[derive(Serialize)]
pub(super) struct Batch {
    issued: Vec<Issued>,
}

pub(super) async fn batch(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Body(request): Body<BatchRequest>,
) -> Result<(StatusCode, Json<Batch>), Problem> {
    let issued = run(move || {
        let items: Vec<_> = request.items.into_iter().map(|item| (item.record_id, item.holder)).collect();
        app.agency.issue_batch(operator.name(), &request.schema, &items)
    });
    Ok((StatusCode::CREATED, Json(Batch { issued: issued.await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusRequest {
    status: Wanted,
    /// For the holder to read: no red without a cause.
    cause: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Valid,
    Suspended,
    Revoked,
}

pub(super) async fn set_status(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Path(id): Path<Digest>,
    Body(request): Body<StatusRequest>,
) -> Result<Response, Problem> {
    if request.cause.trim().is_empty() || request.cause.chars().count() > 280 {
        return Err(Problem::refused("CAUSE", "a change of status has a cause of 1 to 280 characters"));
    }
    let status = match request.status {
        Wanted::Valid => Status::Valid,
        Wanted::Suspended => Status::Suspended,
        Wanted::Revoked => Status::Invalid,
    };
    let epoch = app.agency.set_status(operator.name(), &id, status, request.cause.trim()).await?;
    Ok(Json(json!({"epoch": epoch})).into_response())
}

/// Why a credential's status is what it is, signed by the agency: no red without a cause its holder can read.
pub(super) async fn cause(State(app): State<App>, Path(id): Path<Digest>) -> Result<Response, Problem> {
    let signed = run(move || app.agency.cause(&id)).await?;
    Ok(([(CONTENT_TYPE, "application/jwt")], signed).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    wait: Option<u64>,
}

pub(super) async fn receipt(
    State(app): State<App>,
    Path(id): Path<Digest>,
    Query(patience): Query<Patience>,
) -> Result<Response, Problem> {
    let patience = Duration::from_secs(patience.wait.unwrap_or(0).min(30));
    Ok(match app.agency.receipt(&id, patience).await? {
        Some(receipt) => Json(json!({"receipt": base64url(&receipt.to_bytes())})).into_response(),
        None => (StatusCode::ACCEPTED, Json(json!({"pending": true}))).into_response(),
    })
}
