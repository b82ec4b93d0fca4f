//! Who this agency is, what it believes, and what it has done.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ledger_chain::bundle::TrustBundle;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, run};
use crate::audit::{self, Entry};
use crate::operator::{MayAdminister, MayAudit, Operator};
use crate::problem::Problem;

pub(super) async fn agency(State(app): State<App>) -> Json<Value> {
    let head = app.agency.head();
    Json(json!({
        "did": app.agency.did(), "name": app.name.as_ref(), "network": head.head().network,
        "ledger": head.head().ledger, "policies": app.agency.policies(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    from: Option<u64>,
}

/// The trust bundle as canonical bytes: whoever fetches it verifies it.
pub(super) async fn bundle(State(app): State<App>, Query(query): Query<From>) -> Result<Response, Problem> {
    let bundle = app.agency.bundle(query.from).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bundle.to_bytes()).into_response())
}

pub(super) async fn import_bundle(
    State(app): State<App>,
    operator: Operator<MayAdminister>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let bundle = TrustBundle::from_bytes(&body)?;
    let as_of = app.agency.import_bundle(bundle).await?;
    let agency = app.agency.clone();
    run(move || agency.note(operator.name(), "trust.import", Vec::new(), "done")).await?;
    Ok(Json(json!({"height": as_of.height, "time": as_of.time})))
}

pub(super) async fn refresh(
    State(app): State<App>,
    operator: Operator<MayAdminister>,
) -> Result<Json<Value>, Problem> {
    let as_of = app.agency.refresh().await?;
    let agency = app.agency.clone();
    run(move || agency.note(operator.name(), "trust.refresh", Vec::new(), "done")).await?;
    Ok(Json(json!({"height": as_of.height, "time": as_of.time})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Epoch {
    epoch: Option<u64>,
}

/// A list as it is, or as it was at an epoch: what was decided on it can be recomputed.
pub(super) async fn status_list(
    State(app): State<App>,
    Path(list): Path<u32>,
    Query(query): Query<Epoch>,
) -> Result<Response, Problem> {
    let token = match query.epoch {
        None => app.agency.status_token(list).map(|token| token.to_string()),
        Some(epoch) => Some(run(move || app.agency.status_token_at(list, epoch)).await?),
    };
    let token = token.ok_or_else(|| Problem::not_found("the status list is not published yet"))?;
    Ok(([(CONTENT_TYPE, "application/statuslist+jwt")], token).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default = "first")]
    from: u64,
    #[serde(default = "hundred")]
    limit: usize,
}

fn first() -> u64 {
    1
}

fn hundred() -> usize {
    100
}

pub(super) async fn audit_log(
    State(app): State<App>,
    _: Operator<MayAudit>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let entries = run(move || Ok(audit::entries(app.agency.vault(), page.from, page.limit)?)).await?;
    Ok(Json(entries))
}
