//! The agency's addresses: parse, call the agency, answer. Nothing is decided here.
//!
//! Open to all is only what a wallet or a verifier needs; every other call takes an operator with a role.

mod answers;
mod credentials;
mod foreign;
mod openapi;
mod passes;
mod records;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use crate::agency::Agency;
use crate::config::Limits;
use crate::metrics::{self, Metrics};
use crate::operator::Operators;
use crate::problem::Problem;
use crate::vault::Vault;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use base64::Engine as _;
use ledger_node::egress::EgressLog;

pub(crate) use answers::run;

/// What handlers reach.
#[derive(Clone)]
pub(crate) struct App {
    pub agency: Arc<Agency>,
    pub name: Arc<str>,
}

impl FromRef<App> for Arc<Operators> {
    fn from_ref(app: &App) -> Self {
        app.agency.operators().clone()
    }
}

impl FromRef<App> for Arc<Metrics> {
    fn from_ref(app: &App) -> Self {
        app.agency.metrics().clone()
    }
}

impl FromRef<App> for Arc<Vault> {
    fn from_ref(app: &App) -> Self {
        app.agency.vault().clone()
    }
}

/// Text form of canonical bytes in JSON.
pub fn base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes of a call that changes the most credentials.
const STATUSES_BYTES: usize = 1 << 20;

/// All addresses.
pub(crate) fn router(app: App, limits: &Limits, egress: Option<EgressLog>) -> Router {
    let imports = Router::new()
        .route("/v1/records/import", post(records::import))
        .layer(DefaultBodyLimit::max(usize::try_from(limits.import_file_bytes).unwrap_or(usize::MAX)));
    let bundles = Router::new()
        .route("/v1/bundle", get(trust::bundle).post(trust::import_bundle))
        .layer(DefaultBodyLimit::max(ledger_chain::bundle::BUNDLE_BYTES));
    let statuses = Router::new()
        .route("/v1/credentials/status", post(credentials::set_statuses))
        .layer(DefaultBodyLimit::max(limits.body_bytes.max(STATUSES_BYTES)));
    let calls = Router::new()
        .route("/v1/agency", get(trust::agency))
        .route("/v1/trust/refresh", post(trust::refresh))
        .route("/status/{list}", get(trust::status_list))
        .route("/v1/records/imports/{job}", get(records::job))
        .route("/v1/offers", post(credentials::offer))
        .route("/v1/claims", post(credentials::claim))
        .route("/v1/credentials/batch", post(credentials::batch))
        .route("/v1/credentials/{id}/status", post(credentials::set_status).get(credentials::cause))
        .route("/v1/revocations", get(credentials::revocations))
        .route("/v1/receipts/{id}", get(credentials::receipt))
        .route("/v1/challenges", post(passes::challenge))
        .route("/v1/passes", post(passes::apply))
        .route("/v1/presentations/verify", post(passes::verify))
        .route("/v1/foreign-certificates/verify", post(foreign::verify))
        .route("/v1/foreign-certificates/transcode", post(foreign::transcode))
        .route("/v1/audit/transcodings/{pass}", get(passes::evidence))
        .route("/v1/audit/log", get(trust::audit_log))
        .route("/health", get(metrics::health))
        .route("/metrics", get(metrics::exposition))
        .route("/openapi.json", get(openapi::document))
        .layer(DefaultBodyLimit::max(limits.body_bytes));
    let metrics = app.agency.metrics().clone();
    let router = calls
        .merge(imports)
        .merge(bundles)
        .merge(statuses)
        .route_layer(from_fn_with_state(metrics, metrics::track))
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD", "this address takes another method")
        });
    let router = answers::in_time(router, Duration::from_secs(limits.request_seconds));
    // Outermost, so that nothing is answered beside it.
    let router = match egress {
        Some(log) => router.layer(from_fn_with_state(log, ledger_node::egress::record)),
        None => router,
    };
    router.with_state(app)
}
