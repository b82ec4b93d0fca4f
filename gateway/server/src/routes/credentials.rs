//! Offers, claims, batches, statuses and receipts.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use credential::exchange::{ClaimRequest, Issued};
use credential::status::Status;
use did_registry::canonical::encode;
use did_registry::{Digest, PublicKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{App, base64url, run};
use crate::agency::Offer;
use crate::body::Body;
use crate::operator::{MayIssue, Operator};
use crate::problem::Problem;
use crate::schemas;

/// Which records to make claim codes for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferRequest {
    /// The schema under which they were imported.
    #[schema(value_type = schemas::Digest)]
    schema: Digest,
    /// The agency's own names for them.
    #[schema(min_items = 1, max_items = 500)]
    record_ids: Vec<String>,
}

/// One code for each record, in the order of the request.
#[derive(Serialize, ToSchema)]
pub(super) struct Offers {
    offers: Vec<Offer>,
}

/// Make one-time claim codes for records.
///
/// All or none. A code works once, within 30 days, and is to be handed to the person whose record it is.
#[utoipa::path(
    post, path = "/v1/offers", tag = "issuing",
    request_body = OfferRequest,
    responses((status = 201, description = "The codes", body = Offers)),
    security(("operator" = ["issue"])),
)]
pub(super) async fn offer(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Body(request): Body<OfferRequest>,
) -> Result<(StatusCode, Json<Offers>), Problem> {
    let offers = run(move || app.agency.offer(operator.name(), &request.schema, &request.record_ids));
    Ok((StatusCode::CREATED, Json(Offers { offers: offers.await? })))
}

/// Redeem a claim code with the proof that one holds a key.
///
/// Refused with `CODE_UNKNOWN`, `CODE_USED`, `CODE_EXPIRED`, `HOLDER_MISMATCH`, `NO_CAUSEWAY`, or `ISSUER_NOT_RECOGNISED` while
/// the committee does not recognise the agency; only a credential that was given uses the code up.
#[utoipa::path(
    post, path = "/v1/claims", tag = "issuing",
    request_body = schemas::ClaimRequest,
    responses((status = 201, description = "The credential, in each format", body = schemas::Issued)),
)]
pub(super) async fn claim(
    State(app): State<App>,
    Body(request): Body<ClaimRequest>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    let issued = run(move || app.agency.claim(&request)).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Which records to issue over, and to whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    /// The schema under which they were imported.
    #[schema(value_type = schemas::Digest)]
    schema: Digest,
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<BatchItem>,
}

/// One record and its holder.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchItem {
    /// The agency's own name for the record.
    record_id: String,
    /// A key that the agency knows to be the holder's.
    #[schema(value_type = schemas::PublicKey)]
    holder: PublicKey,
}

/// One credential for each item, in the order of the request.
#[derive(Serialize, ToSchema)]
pub(super) struct Batch {
    #[schema(value_type = Vec<schemas::Issued>)]
    issued: Vec<Issued>,
}

/// Issue over many records at once, to keys that the agency knows to be their holders'. All or none.
#[utoipa::path(
    post, path = "/v1/credentials/batch", tag = "issuing",
    request_body = BatchRequest,
    responses((status = 201, description = "The credentials", body = Batch)),
    security(("operator" = ["issue"])),
)]
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

/// A change of status, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "revoked", "cause": "the laboratory withdrew the result"})))]
pub(super) struct StatusRequest {
    status: Wanted,
    /// For the holder to read: no red without a cause. At most 280 characters, outer white space aside, and no
    /// control characters.
    #[schema(min_length = 1)]
    cause: String,
}

/// What becomes of a credential. A revocation is final.
#[derive(Deserialize, Clone, Copy, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Valid,
    Suspended,
    Revoked,
}

/// Many changes of status with one cause.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusesRequest {
    /// The issuer's names for the credentials, each once.
    #[schema(value_type = Vec<schemas::Digest>, min_items = 1, max_items = 10_000)]
    ids: BTreeSet<Digest>,
    status: Wanted,
    /// As for one.
    #[schema(min_length = 1)]
    cause: String,
}

/// The change is on the ledger.
#[derive(Serialize, ToSchema)]
pub(super) struct Published {
    /// The status list's epoch that has it.
    epoch: u64,
}

/// Revoke, suspend or reinstate a credential or pass, with a cause.
///
/// Answers once the ledger has the new list. Where it cannot be reached the answer is `LEDGER`; the change is made
/// all the same, and published as soon as it can be.
#[utoipa::path(
    post, path = "/v1/credentials/{id}/status", tag = "issuing",
    params(("id" = schemas::Digest, Path, description = "The issuer's name for the credential or pass")),
    request_body = StatusRequest,
    responses((status = 200, description = "Published", body = Published)),
    security(("operator" = ["issue"])),
)]
pub(super) async fn set_status(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Path(id): Path<Digest>,
    Body(request): Body<StatusRequest>,
) -> Result<Json<Published>, Problem> {
    change(&app, &operator, &[id].into(), (request.status, &request.cause)).await
}

/// Revoke, suspend or reinstate up to 10,000 credentials at once, with one cause: one list, and one delta of the status
/// tree, on the ledger. All or none.
///
/// Answers as for one.
#[utoipa::path(
    post, path = "/v1/credentials/status", tag = "issuing", operation_id = "set_statuses",
    request_body = StatusesRequest,
    responses((status = 200, description = "Published", body = Published)),
    security(("operator" = ["issue"])),
)]
pub(super) async fn set_statuses(
    State(app): State<App>,
    operator: Operator<MayIssue>,
    Body(request): Body<StatusesRequest>,
) -> Result<Json<Published>, Problem> {
    change(&app, &operator, &request.ids, (request.status, &request.cause)).await
}

async fn change(
    app: &App,
    operator: &Operator<MayIssue>,
    ids: &BTreeSet<Digest>,
    (status, cause): (Wanted, &str),
) -> Result<Json<Published>, Problem> {
    let cause = cause.trim();
    if !(1..=280).contains(&cause.chars().count()) || cause.chars().any(char::is_control) {
        let rule = "a change of status has a cause of 1 to 280 characters, none of them a control character";
        return Err(Problem::refused("CAUSE", rule));
    }
    let status = match status {
        Wanted::Valid => Status::Valid,
        Wanted::Suspended => Status::Suspended,
        Wanted::Revoked => Status::Invalid,
    };
    let epoch = app.agency.set_statuses(operator.name(), ids, status, cause).await?;
    Ok(Json(Published { epoch }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The last epoch that is known; 0 for none.
    after: Option<u64>,
}

/// Deltas of the status tree.
#[derive(Serialize, ToSchema)]
pub(super) struct Deltas {
    /// Canonical bytes of each: epoch, root, handles revoked, handles reinstated with the digest of the cause.
    #[schema(value_type = Vec<schemas::Base64Url>)]
    deltas: Vec<String>,
}

/// What changed in the status tree that proofs are made under, in whole deltas: nobody asks for one handle.
///
/// In order, as many as one answer holds: ask again after the last, until there are no more. The ledger has the root that
/// they lead to.
#[utoipa::path(
    get, path = "/v1/revocations", tag = "issuing",
    params(After),
    responses((status = 200, description = "Deltas, perhaps none", body = Deltas)),
)]
pub(super) async fn revocations(
    State(app): State<App>,
    Query(After { after }): Query<After>,
) -> Result<Json<Deltas>, Problem> {
    let deltas = app.agency.revocation_deltas(after.unwrap_or(0)).await?;
    Ok(Json(Deltas { deltas: deltas.iter().map(|delta| base64url(&encode(delta))).collect() }))
}

/// Why a credential's status is what it is, signed by the agency.
///
/// For its holder: nobody else knows its identifier. The token (`typ` is `status-cause+jwt`) has `iss`, `sub`
/// (`urn:causeway:credential:` and the identifier), `iat`, `status` (0 valid, 1 revoked, 2 suspended) and `cause`.
#[utoipa::path(
    get, path = "/v1/credentials/{id}/status", tag = "issuing", operation_id = "cause",
    params(("id" = schemas::Digest, Path, description = "The issuer's name for the credential or pass")),
    responses((
        status = 200, description = "The signed cause of the last change",
        body = schemas::Jws, content_type = "application/jwt",
    )),
)]
pub(super) async fn cause(State(app): State<App>, Path(id): Path<Digest>) -> Result<Response, Problem> {
    let signed = run(move || app.agency.cause(&id)).await?;
    Ok(([(CONTENT_TYPE, "application/jwt")], signed).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Patience {
    /// Seconds to wait for it; more than 30 are 30.
    wait: Option<u64>,
}

/// An anchor receipt.
#[derive(Serialize, ToSchema)]
pub(super) struct Receipt {
    /// Canonical bytes: opening, record with proof, signed head. It verifies with no node.
    #[schema(value_type = schemas::Base64Url)]
    receipt: String,
}

/// It is not anchored yet.
#[derive(Serialize, ToSchema)]
pub(super) struct Pending {
    /// Always true.
    pending: bool,
}

/// The anchor receipt of a credential or pass, or of a consent by its digest.
#[utoipa::path(
    get, path = "/v1/receipts/{id}", tag = "issuing",
    params(
        ("id" = schemas::Digest, Path, description = "The issuer's name for the credential or pass"),
        Patience,
    ),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        (status = 202, description = "Not anchored yet: ask again", body = Pending),
    ),
)]
pub(super) async fn receipt(
    State(app): State<App>,
    Path(id): Path<Digest>,
    Query(patience): Query<Patience>,
) -> Result<Response, Problem> {
    let patience = Duration::from_secs(patience.wait.unwrap_or(0).min(30));
    Ok(match app.agency.receipt(&id, patience).await? {
        Some(receipt) => Json(Receipt { receipt: base64url(&receipt.to_bytes()) }).into_response(),
        None => (StatusCode::ACCEPTED, Json(Pending { pending: true })).into_response(),
    })
}
