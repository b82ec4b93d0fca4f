//! Who this agency is, what it believes, and what it has done.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use did_registry::{Did, Digest, Moment, NetworkId};
use ledger_chain::bundle::TrustBundle;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{App, run};
use crate::audit::{self, Entry};
use crate::operator::{MayAdminister, MayAudit, Operator};
use crate::problem::Problem;
use crate::schemas;

/// Who an agency is.
#[derive(Serialize, ToSchema)]
#[schema(as = Agency)]
pub(super) struct Introduction {
    /// Its identifier, which its document on the ledger gives keys to.
    #[schema(value_type = schemas::Did)]
    did: Did,
    /// Its name, for people.
    name: String,
    /// The network it is on.
    #[schema(value_type = schemas::NetworkId)]
    network: NetworkId,
    /// The ledger it follows, by the hash of its genesis.
    #[schema(value_type = schemas::Digest)]
    ledger: Digest,
    /// Its policies on the ledger.
    #[schema(value_type = Vec<schemas::Digest>)]
    policies: Vec<Digest>,
}

/// Who this agency is.
#[utoipa::path(
    get, path = "/v1/agency", tag = "trust",
    responses((status = 200, description = "Identifier, network, ledger, policies", body = Introduction)),
)]
pub(super) async fn agency(State(app): State<App>) -> Json<Introduction> {
    let head = app.agency.head();
    Json(Introduction {
        did: app.agency.did().clone(),
        name: app.name.as_ref().to_owned(),
        network: head.head().network.clone(),
        ledger: head.head().ledger,
        policies: app.agency.policies(),
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// A height whose head the caller trusts: the bundle proves that it continues it. Absent: from the genesis.
    from: Option<u64>,
}

/// The trust bundle: whoever fetches it verifies it.
#[utoipa::path(
    get, path = "/v1/bundle", tag = "trust",
    params(Since),
    responses((
        status = 200, description = "Head, records with their proofs, status lists",
        body = schemas::Bundle, content_type = "application/octet-stream",
    )),
)]
pub(super) async fn bundle(State(app): State<App>, Query(query): Query<Since>) -> Result<Response, Problem> {
    let bundle = app.agency.bundle(query.from).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bundle.to_bytes()).into_response())
}

/// Take a trust bundle that somebody brought, as when the ledger cannot be reached.
///
/// It is verified against the head trusted so far; refused with `ROLLED_BACK`, `INCONSISTENT_HISTORY`, or another
/// code of the light client, and then nothing changes.
#[utoipa::path(
    post, path = "/v1/bundle", tag = "trust",
    request_body(content = schemas::Bundle, content_type = "application/octet-stream"),
    responses((status = 200, description = "What the agency's view is as of now", body = schemas::Moment)),
    security(("operator" = ["admin"])),
)]
pub(super) async fn import_bundle(
    State(app): State<App>,
    operator: Operator<MayAdminister>,
    body: Bytes,
) -> Result<Json<Moment>, Problem> {
    let bundle = TrustBundle::from_bytes(&body)?;
    Ok(Json(app.agency.import_bundle(operator.name(), bundle).await?))
}

/// Move on to the ledger's newest head.
#[utoipa::path(
    post, path = "/v1/trust/refresh", tag = "trust",
    responses((status = 200, description = "What the agency's view is as of now", body = schemas::Moment)),
    security(("operator" = ["admin"])),
)]
pub(super) async fn refresh(
    State(app): State<App>,
    operator: Operator<MayAdminister>,
) -> Result<Json<Moment>, Problem> {
    Ok(Json(app.agency.refresh(Some(operator.name())).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Epoch {
    /// The list as it was at this epoch, so that what was decided on it can be recomputed. Absent: as it is.
    epoch: Option<u64>,
}

/// The status list token whose digest the ledger has; or, at an epoch, as it was then, so that what was decided on it
/// can be recomputed.
#[utoipa::path(
    get, path = "/status/{list}", tag = "trust",
    params(("list" = u32, Path, description = "The list's number, from 1"), Epoch),
    responses((
        status = 200, description = "A Token Status List",
        body = schemas::Jws, content_type = "application/statuslist+jwt",
    )),
)]
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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The number of the first entry, from 1. Absent: 1.
    #[serde(default = "first")]
    from: u64,
    /// How many entries at most; more than 4,096 are 4,096. Absent: 100.
    #[serde(default = "hundred")]
    limit: usize,
}

fn first() -> u64 {
    1
}

fn hundred() -> usize {
    100
}

/// The audit log: who did what when, as a hash chain.
#[utoipa::path(
    get, path = "/v1/audit/log", tag = "audit",
    params(Page),
    responses((status = 200, description = "Entries, in their order", body = Vec<Entry>)),
    security(("operator" = ["audit"])),
)]
pub(super) async fn audit_log(
    State(app): State<App>,
    _: Operator<MayAudit>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let entries = run(move || Ok(audit::entries(app.agency.vault(), page.from, page.limit)?)).await?;
    Ok(Json(entries))
}
