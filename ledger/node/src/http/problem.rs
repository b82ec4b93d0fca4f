//! Errors as they leave the machine: RFC 9457 problem details with a stable code.
//!
//! | Status | Codes |
//! |---|---|
//! | 400 | `MALFORMED`, `QUERY`, `FRAMING`, `CURSOR`, and those of a key or digest that does not read |
//! | 404 | `NO_SUCH_ROUTE`, `NO_SUCH_HEIGHT`, `NO_SUCH_TRANSACTION`, `DID_UNKNOWN`, `NO_SUCH_VERSION`, `NO_SUCH_NAMESPACE` |
//! | 405, 408, 415 | `METHOD`, `TIMEOUT`, `MEDIA_TYPE` |
//! | 409 | `SEQUENCE_USED`, `SEQUENCE_AHEAD`, `SEQUENCE_TAKEN` |
//! | 410 | `PRUNED` |
//! | 413 | `TOO_LARGE`, `TOO_MANY` |
//! | 422 | every other rule of the ledger, by its own code |
//! | 500 | `STORE`, `BUG`, `BUNDLE_FULL` |
//! | 503 | `BUSY`, `MEMPOOL_FULL`, `HALTED` |

use std::borrow::Cow;

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use did_registry::{Digest, RegistryError};
use serde::{Deserialize, Serialize};

use crate::ledger::QueryError;
use crate::outcome::Rejection;
use crate::store::StoreError;

/// A problem, as the API answers with it and the client reads it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:causeway:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// Names the rule; stable.
    pub code: Cow<'static, str>,
    /// States the rule.
    pub detail: String,
    /// The transaction, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Digest>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self { kind: format!("urn:causeway:problem:{code}"), status, code, detail: detail.into(), id: None }
    }

    pub(crate) fn query(detail: impl Into<String>) -> Self {
        Self::new(400, "QUERY", detail)
    }

    pub(crate) fn halted(reason: &str) -> Self {
        Self::new(503, "HALTED", format!("the node has stopped committing: {reason}"))
    }

    /// About this transaction.
    #[must_use]
    pub(crate) fn of(mut self, id: Digest) -> Self {
        self.id = Some(id);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("writes because a problem is plain text and numbers");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let status = match error {
            RegistryError::Malformed(_) => 400,
            RegistryError::TooLarge { .. } => 413,
            RegistryError::UnknownDid(_) => 404,
            _ => 422,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = status_of(rejection.code());
        Self::new(status, rejection.code(), rejection.to_string())
    }
}

/// The status of a refused transaction, the same whether it is refused at once or when its turn comes.
pub(crate) fn status_of(code: &str) -> u16 {
    match code {
        "MALFORMED" => 400,
        "TOO_LARGE" => 413,
        "SEQUENCE_USED" | "SEQUENCE_AHEAD" | "SEQUENCE_TAKEN" => 409,
        "MEMPOOL_FULL" | "BUSY" | "HALTED" => 503,
        _ => 422,
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The text may name files of this machine; it is for the log.
        tracing::error!(%error, "a request could not be answered");
        Self::new(500, "STORE", "the store could not be read")
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::NoSuchHeight => Self::new(404, "NO_SUCH_HEIGHT", text),
            QueryError::NoSuchTransaction => Self::new(404, "NO_SUCH_TRANSACTION", text),
            QueryError::BundleFull { .. } => Self::new(500, "BUNDLE_FULL", text),
            QueryError::Proof(ledger_chain::tree::ProofError::Pruned) => Self::new(410, "PRUNED", text),
            QueryError::Proof(_) => Self::new(500, "STORE", text),
            QueryError::Store(error) => error.into(),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::query(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(400, "MALFORMED", rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(413, "TOO_LARGE", "the body is larger than this path takes")
            }
            _ => Self::new(400, "MALFORMED", "the body broke off"),
        }
    }
}
