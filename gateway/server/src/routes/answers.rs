//! From the agency's errors to problems: one exhaustive match.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use credential::Reason;
use ledger_node::client::ClientError;
use tokio::task::JoinSet;

use crate::agency::{AgencyError, TrustError};
use crate::problem::{self, Problem};

impl From<AgencyError> for Problem {
    fn from(error: AgencyError) -> Self {
        let detail = error.to_string();
        match &error {
            AgencyError::Vault(_)
            | AgencyError::Config(_)
            | AgencyError::CircuitKeys(_)
            | AgencyError::File { .. }
            | AgencyError::Fetch(_) => Self::internal(&error),
            AgencyError::Finding(finding) if finding.code == Reason::IssuerNotRecognised => {
                Self::conflict(finding.code.code(), detail)
            }
            AgencyError::Finding(finding) => Self::refused(finding.code.code(), detail),
            AgencyError::Ledger(ClientError::Refused { .. }) => Self::conflict("LEDGER_REFUSED", detail),
            AgencyError::Trust(TrustError::Bundle(error)) => Self::conflict(error.code(), detail),
            AgencyError::Ledger(lie) | AgencyError::Trust(TrustError::Ledger(lie))
                if matches!(lie, ClientError::Light(_) | ClientError::Unproven) =>
            {
                tracing::error!(%lie, "the ledger's node says what does not hold");
                Self::new(StatusCode::BAD_GATEWAY, "LEDGER_UNPROVEN", detail)
            }
            AgencyError::Ledger(_) | AgencyError::Trust(_) => {
                tracing::warn!(%error, "the ledger or a status list did not answer");
                Self::new(StatusCode::BAD_GATEWAY, "LEDGER", "the ledger or a status list cannot be had now")
            }
            AgencyError::Schema(_) => Self::refused("SCHEMA", detail),
            AgencyError::SdJwt(_) | AgencyError::Document(_) => Self::refused("FORMAT", detail),
            AgencyError::Status(_) => Self::conflict("STATUS", detail),
            AgencyError::Missing(_) => Self::not_found(detail),
            AgencyError::CodeUnknown => Self::new(StatusCode::NOT_FOUND, "CODE_UNKNOWN", detail),
            AgencyError::CodeUsed => Self::conflict("CODE_USED", detail),
            AgencyError::CodeExpired => Self::new(StatusCode::GONE, "CODE_EXPIRED", detail),
            AgencyError::BatchSize(_) => Self::refused("BATCH_SIZE", detail),
            AgencyError::NoCauseway => Self::conflict("NO_CAUSEWAY", detail),
            AgencyError::NoPass => Self::conflict("NO_PASS", detail),
            AgencyError::AsOf => Self::refused("AS_OF", detail),
            AgencyError::NoForeign => Self::conflict("NOT_CONFIGURED", detail),
        }
    }
}

/// Runs what blocks, on the vault's disk or in signatures, away from the threads that serve.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AgencyError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))?;
    Ok(done?)
}

/// Every answer comes in time, and every refusal is a problem: those of the framework's own readers of paths
/// and queries too.
pub(super) fn in_time<S: Clone + Send + Sync + 'static>(router: Router<S>, patience: Duration) -> Router<S> {
    let wait = move |request: Request, next: Next| async move {
        let answer = tokio::time::timeout(patience, panics_are_problems(request, next)).await;
        answer.unwrap_or_else(|_| {
            let detail = format!("a request takes at most {} s", patience.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", detail).into_response()
        })
    };
    router.layer(from_fn(wait)).layer(map_response(problem::uniform))
}

/// A bug in one request is a problem for that request alone. A request that is given up ends here too.
async fn panics_are_problems(request: Request, next: Next) -> Response {
    let mut work = JoinSet::new();
    work.spawn(next.run(request));
    match work.join_next().await {
        Some(Ok(response)) => response,
        Some(Err(error)) => Problem::internal(&error).into_response(),
        None => Problem::internal(&"a request left no answer").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::Path;
    use axum::http::header::CONTENT_TYPE;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use did_registry::Digest;
    use ledger_node::egress::{self, EgressLog};
    use tower::ServiceExt as _;

    use super::*;
    use crate::problem::PROBLEM_JSON;

    fn bug() -> &'static str {
        panic!("a bug")
    }

    async fn answer(address: &str, log: &EgressLog) -> (StatusCode, String, String) {
        let router = Router::new()
            .route("/never", get(std::future::pending::<()>))
            .route("/bug", get(|| async { bug() }))
            .route("/digest/{digest}", get(|_: Path<Digest>| async {}));
        let router = in_time(router, Duration::from_millis(20));
        let router = router.layer(from_fn_with_state(log.clone(), egress::record));
        let response = router.oneshot(Request::get(address).body(Body::empty()).unwrap()).await.unwrap();
        let (status, kind) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_takes_too_long_or_breaks_is_a_problem_and_written_down() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egress.log");
        let log = EgressLog::open(&path).unwrap();
        for (address, status, code) in [
            ("/never", 408, "TIMEOUT"),
            ("/bug", 500, "INTERNAL"),
            ("/digest/xyz", 400, "BAD_REQUEST"),
            ("/nowhere", 404, "NOT_FOUND"),
        ] {
            let (got, kind, body) = answer(address, &log).await;
            assert_eq!((got.as_u16(), kind.as_str()), (status, PROBLEM_JSON), "{address}");
            assert!(body.contains(&format!("\"code\":\"{code}\"")), "{address}: {body}");
            assert!(!body.contains("xyz"), "what came in is not repeated: {body}");
            let last = egress::read(&path).unwrap().pop().unwrap();
            assert_eq!(last.body, body.as_bytes(), "{address}");
        }
        let (status, kind, _) = answer(&format!("/digest/{}", Digest::sha256(b"")), &log).await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, ""));
    }
}
