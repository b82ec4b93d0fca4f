//! From the agency's errors to problems: one exhaustive match.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use credential::Reason;
use ledger_node::client::ClientError;

use crate::agency::{AgencyError, TrustError};
use crate::problem::Problem;

impl From<AgencyError> for Problem {
    fn from(error: AgencyError) -> Self {
        let detail = error.to_string();
        match &error {
            AgencyError::Vault(_)
            | AgencyError::Config(_)
            | AgencyError::File { .. }
            | AgencyError::Fetch(_) => Self::internal(&error),
            AgencyError::Finding(finding) if finding.code == Reason::IssuerNotRecognised => {
                Self::conflict(finding.code.code(), detail)
            }
            AgencyError::Finding(finding) => Self::refused(finding.code.code(), detail),
            AgencyError::Ledger(ClientError::Refused { .. }) => Self::conflict("LEDGER_REFUSED", detail),
            AgencyError::Trust(TrustError::Bundle(error)) => Self::conflict(error.code(), detail),
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
            AgencyError::ListFull => Self::conflict("LIST_FULL", detail),
            AgencyError::NoPass => Self::conflict("NO_PASS", detail),
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

/// A bug in one request is a problem for that request alone.
pub(super) async fn panics_are_problems(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => axum::response::IntoResponse::into_response(Problem::internal(&error)),
    }
}
