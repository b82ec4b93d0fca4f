//! Problems: every refusal over HTTP, as RFC 9457 `application/problem+json` with a stable code.
//!
//! The detail says which rule was broken, never a claim's value. What broke inside this machine goes to
//! the log; the other side is told that something did.

mod codes;

use axum::body::Body as Bytes;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use did_registry::{RegistryError, SchemaError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::import::ImportError;
use crate::vault::VaultError;

pub(crate) use codes::codes;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One refusal.
///
/// `type` is `urn:causeway:problem:<code>`, `title` the status in words; `code` repeats the stable code
/// for clients that compare it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Members of our own, such as `reasons`.
    members: Map<String, Value>,
    challenge: Option<&'static str>,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem. The detail names the rule and holds no personal value.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), members: Map::new(), challenge: None }
    }

    /// Nothing of that name, or nothing that this caller may know of.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", detail)
    }

    /// Well-formed, but against a rule of this service.
    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// Contradicts what is stored.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// A fault of this machine: `cause` goes to the log, not to the caller.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside the gateway");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "the request failed here; the operator's log says why",
        )
    }

    /// Adds a member of our own, for example the findings behind a refusal. RFC 9457's own names stay.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !["type", "title", "status", "detail", "code"].contains(&name) {
            self.members.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Adds the `WWW-Authenticate` header that RFC 6750 asks for.
    #[must_use]
    pub(crate) fn challenging(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The rule, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn body(&self) -> Vec<u8> {
        let wire = Wire {
            kind: format!("urn:causeway:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Refused"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            members: &self.members,
        };
        serde_json::to_vec(&wire).expect("a problem is JSON because its members are")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(CONTENT_TYPE, PROBLEM_JSON)], self.body()).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// Makes every error answer a problem, the router's own (404, 405) too. Mount it with
/// `axum::middleware::map_response(problem::uniform)`.
pub async fn uniform(response: Response) -> Response {
    let status = response.status();
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("NOT_FOUND", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => ("METHOD", "this address takes another method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("TOO_LARGE", "the body is larger than this address takes"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("MEDIA_TYPE", "this address does not take that media type"),
        StatusCode::REQUEST_TIMEOUT => ("TIMEOUT", "the request took too long"),
        status if status.is_client_error() => (
            "BAD_REQUEST",
            "the address's parameters or the request's headers are not as this service documents",
        ),
        _ => ("INTERNAL", "the request failed here; the operator's log says why"),
    };
    let body = Problem::new(status, code, detail).body();
    // The head keeps its headers (Allow, WWW-Authenticate); the text is not passed on, for it may quote input.
    let (mut head, _) = response.into_parts();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Bytes::from(body))
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", error.to_string())
            }
            VaultError::RowName => Self::new(StatusCode::BAD_REQUEST, "ROW_NAME", error.to_string()),
            VaultError::Directory(_)
            | VaultError::InUse
            | VaultError::Store(_)
            | VaultError::WrongKek
            | VaultError::KeyDamaged { .. }
            | VaultError::KeyMissing { .. }
            | VaultError::RowDamaged { .. }
            | VaultError::RowShape { .. }
            | VaultError::Unencodable(_) => Self::internal(&error),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let status = match &error {
            ImportError::FileTooLarge { .. } | ImportError::TooManyRows { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            ImportError::Running => StatusCode::CONFLICT,
            ImportError::Unreadable(_) | ImportError::SourceChanged => StatusCode::BAD_REQUEST,
            ImportError::RowWithoutEnd { .. }
            | ImportError::NoHeader
            | ImportError::UnknownColumn { .. }
            | ImportError::RepeatedColumn { .. }
            | ImportError::MissingColumn(_)
            | ImportError::Schema(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ImportError::Vault(_) => match error {
                ImportError::Vault(inner) => return inner.into(),
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let status = match &error {
            RegistryError::Malformed(_) | RegistryError::WeakKey(_) => StatusCode::BAD_REQUEST,
            RegistryError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            RegistryError::UnknownDid(_) => StatusCode::NOT_FOUND,
            RegistryError::DidExists(_) | RegistryError::NotNext(_) => StatusCode::CONFLICT,
            RegistryError::Deactivated(_) => StatusCode::GONE,
            // Every other rule of the registry, those to come included, refuses something well-formed.
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<SchemaError> for Problem {
    fn from(error: SchemaError) -> Self {
        Self::refused("SCHEMA", error.to_string())
    }
}

#[cfg(test)]
mod tests;
