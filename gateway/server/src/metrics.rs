//! Metrics: counts for Prometheus, and nothing that names a person.
//!
//! Every label comes from a closed list (`&'static str`, an enum, a route's pattern), so no identifier or
//! claim can become one by mistake (P1).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use credential::{Overall, Reason};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder, core::Collector,
};

use crate::import::Job;
use crate::operator::{MayAudit, Operator};
use crate::problem::Problem;
use crate::schemas;
use crate::vault::Vault;

/// Upper bounds in seconds; 0.3 s is a checkpoint's budget for a verdict.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 1.0, 3.0, 10.0];

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    refusals: IntCounterVec,
    issued: IntCounterVec,
    verified: IntCounterVec,
    transcoded: IntCounterVec,
    import_rows: IntCounterVec,
}

impl Metrics {
    /// Counters at zero. Reason codes and verdicts are all present from the start, so a rate has a base.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter =
                IntCounterVec::new(Opts::new(name, help), labels).expect("valid because the names are ours");
            register(&registry, &counter);
            counter
        };
        let seconds = HistogramOpts::new("causeway_request_seconds", "Time to answer, by route.");
        let seconds = HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["route"])
            .expect("valid because it is ours");
        register(&registry, &seconds);
        let metrics = Self {
            requests: counter(
                "causeway_requests_total",
                "Requests by route, method and status.",
                &["route", "method", "status"],
            ),
            refusals: counter(
                "causeway_refusals_total",
                "Refusals and open answers by reason code.",
                &["code"],
            ),
            issued: counter("causeway_issued_total", "Credentials issued by format.", &["format"]),
            verified: counter("causeway_verified_total", "Verifications by verdict.", &["verdict"]),
            transcoded: counter("causeway_transcoded_total", "Transcodings by verdict.", &["verdict"]),
            import_rows: counter(
                "causeway_import_rows_total",
                "Rows of imported files by outcome.",
                &["outcome"],
            ),
            seconds,
            registry,
        };
        for reason in Reason::ALL {
            metrics.refusals.with_label_values(&[reason.code()]);
        }
        for verdict in [Overall::Accept, Overall::Refuse, Overall::Undecided].map(word) {
            metrics.verified.with_label_values(&[verdict]);
            metrics.transcoded.with_label_values(&[verdict]);
        }
        Arc::new(metrics)
    }

    /// A refusal, or an open answer, for this reason.
    pub fn refused(&self, reason: Reason) {
        self.refusals.with_label_values(&[reason.code()]).inc();
    }

    /// Credentials issued in a format, such as `dc+sd-jwt`.
    pub fn issued(&self, format: &'static str, count: u64) {
        self.issued.with_label_values(&[format]).inc_by(count);
    }

    /// A verification that ended in `verdict`.
    pub fn verified(&self, verdict: Overall) {
        self.verified.with_label_values(&[word(verdict)]).inc();
    }

    /// A transcoding that ended in `verdict`.
    pub fn transcoded(&self, verdict: Overall) {
        self.transcoded.with_label_values(&[word(verdict)]).inc();
    }

    /// What an import did between two states of its job.
    pub fn imported(&self, before: &Job, after: &Job) {
        for (outcome, from, to) in [
            ("stored", before.stored, after.stored),
            ("unchanged", before.unchanged, after.unchanged),
            ("refused", before.refused, after.refused),
        ] {
            self.import_rows.with_label_values(&[outcome]).inc_by(to.saturating_sub(from));
        }
    }

    /// Everything in the Prometheus text format.
    ///
    /// # Errors
    /// [`prometheus::Error`] if a metric has no encoding, which is a bug here.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn register(registry: &Registry, collector: &(impl Collector + Clone + 'static)) {
    registry.register(Box::new(collector.clone())).expect("accepted because no two names are equal");
}

const fn word(verdict: Overall) -> &'static str {
    match verdict {
        Overall::Accept => "accept",
        Overall::Refuse => "refuse",
        Overall::Undecided => "undecided",
    }
}

/// Middleware that counts and times requests. The label is the route's pattern, never the path, which may
/// hold identifiers. Mount it with `Router::route_layer` and `axum::middleware::from_fn_with_state`.
pub async fn track(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or("none".to_owned(), |path| path.as_str().to_owned());
    let method = known(request.method());
    let started = Instant::now();
    let response = next.run(request).await;
    metrics.seconds.with_label_values(&[route.as_str()]).observe(started.elapsed().as_secs_f64());
    metrics.requests.with_label_values(&[route.as_str(), method, response.status().as_str()]).inc();
    response
}

/// HTTP lets a client invent methods; labels are not the client's to invent.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Whether the service takes writes.
///
/// `VAULT_READ_ONLY` after an error of the disk: then nothing is accepted until the gateway is started again.
#[utoipa::path(
    get, path = "/health", tag = "service",
    responses((status = 200, description = "It does", body = schemas::Health)),
)]
pub async fn health(State(vault): State<Arc<Vault>>) -> Response {
    if vault.is_healthy() {
        ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response()
    } else {
        let detail = "the vault's disk refused a write; nothing is accepted until the gateway restarts";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "VAULT_READ_ONLY", detail).into_response()
    }
}

/// Counters, in the Prometheus text format 0.0.4: numbers, and nothing that names a person.
///
/// # Errors
/// 401 and 403 as [`Operator`].
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    description = "Numbers, and nothing that names a person.",
    responses((status = 200, description = "All counters", body = String, content_type = "text/plain")),
    security(("operator" = ["audit"])),
)]
pub async fn exposition(
    _: Operator<MayAudit>,
    State(metrics): State<Arc<Metrics>>,
) -> Result<Response, Problem> {
    let text = metrics.text().map_err(|error| Problem::internal(&error))?;
    Ok(([(CONTENT_TYPE, TextEncoder::new().format_type().to_owned())], text).into_response())
}

#[cfg(test)]
mod tests;
