//! The API: `/v1` over HTTP/1.1.
//!
//! What a client must believe travels as base64url of canonical bytes next to a JSON view: `signed_head`,
//! `proof`, `block`. The view is for people; a light client reads the bytes. Every error is
//! `application/problem+json` with a stable `code` (see [`problem`]).
//!
//! ```text
//! POST /v1/transactions            one, canonical bytes         ?wait=committed
//! POST /v1/transactions/batch      (length, bytes)*             ?wait=committed
//! GET  /v1/transactions/{id}       where it stands              ?proof=1&from=HEIGHT
//! GET  /v1/head                    the signed head              ?from=height: with proof that it continues that one
//! GET  /v1/genesis                 what the ledger started from
//! GET  /v1/records/{namespace}/…   a record with its proof      ?height= or ?time=, ?from=;  /v1/records?key= takes canonical bytes
//! GET  /v1/bundle               what verifiers decide on, octets  ?height= ?from= ?did=,…: whom it holds besides the recognised
//! GET  /v1/revocations/{did}       what an issuer changed, octets  ?after=EPOCH
//! GET  /v1/keys/{namespace}        which records there are      ?after= &limit=
//! GET  /v1/blocks, /v1/blocks/{h}  headers; a block             ?from= &limit=
//! GET  /v1/dids/{did}              W3C DID resolution           ?versionId= or ?versionTime= or ?height=
//! GET  /v1/events                  server-sent events           ?cursor=height.position, Last-Event-ID
//! GET  /health, /metrics
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger_chain::TRANSACTION_BYTES;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use crate::config::HttpLimits;
use crate::egress::{self, EgressLog};
use crate::ledger::Ledger;
use problem::Problem;

pub(crate) use keys::{from_text as key_from_text, to_text as key_text};

mod events;
mod keys;
pub(crate) mod problem;
pub(crate) mod read;
mod resolve;
pub(crate) mod submit;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) limits: HttpLimits,
    pub(crate) streams: Arc<Semaphore>,
    /// True once the node shuts down.
    pub(crate) stopping: watch::Receiver<bool>,
}

type Reply = Result<Response, Problem>;

/// The routes, their bounds, and the egress log if there is one.
pub(crate) fn router(api: Api, egress: Option<EgressLog>) -> Router {
    let router = Router::new()
        .route("/v1/transactions", post(submit::one).layer(DefaultBodyLimit::max(TRANSACTION_BYTES)))
        .route(
            "/v1/transactions/batch",
            post(submit::many).layer(DefaultBodyLimit::max(api.limits.body_bytes)),
        )
        .route("/v1/transactions/{id}", get(submit::status))
        .route("/v1/head", get(read::head))
        .route("/v1/genesis", get(read::genesis))
        .route("/v1/records", get(read::record_by_key))
        .route("/v1/records/{namespace}", get(read::record_alone))
        .route("/v1/records/{namespace}/{*id}", get(read::record))
        .route("/v1/keys/{namespace}", get(read::keys))
        .route("/v1/blocks", get(read::blocks))
        .route("/v1/blocks/{height}", get(read::block))
        .route("/v1/dids/{did}", get(resolve::did))
        .route("/v1/bundle", get(read::bundle))
        .route("/v1/revocations/{did}", get(read::revocations))
        .route("/v1/events", get(events::stream))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(|| async { Problem::new(404, "NO_SUCH_ROUTE", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(405, "METHOD", "this path takes another method")
        })
        .layer(middleware::from_fn_with_state(api.clone(), bound))
        .with_state(api);
    match egress {
        Some(log) => router.layer(middleware::from_fn_with_state(log, egress::record)),
        None => router,
    }
}

/// Ends a request that takes too long, and counts what was answered.
async fn bound(State(api): State<Api>, request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(api.limits.request_seconds);
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(408, "TIMEOUT", "a request is sent and answered within the time limit")
            .into_response(),
    };
    api.ledger.metrics.requests.with_label_values(&[response.status().as_str()]).inc();
    response
}

async fn health(State(api): State<Api>) -> Reply {
    if let Some(reason) = api.ledger.halted() {
        return Err(Problem::halted(reason));
    }
    let head = api.ledger.latest()?.head;
    Ok(axum::Json(json!({"status": "ok", "height": head.height, "time": head.time})).into_response())
}

async fn metrics(State(api): State<Api>) -> Response {
    let text = api.ledger.metrics.text(api.ledger.mempool.size());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Runs what reads much on a thread that may block.
async fn blocking<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(&Ledger) -> T + Send + 'static,
) -> Result<T, Problem> {
    let ledger = api.ledger.clone();
    let done = tokio::task::spawn_blocking(move || work(&ledger)).await;
    done.map_err(|_| Problem::new(500, "BUG", "this request broke the node's own rules; its log says how"))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str, limit: usize) -> Option<Vec<u8>> {
    if text.len() > limit.div_ceil(3) * 4 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()
}
