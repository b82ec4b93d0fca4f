//! Request bodies: JSON, of bounded size, refused as problems.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body of type `T`.
///
/// Answers 415 without `application/json`, 413 over the router's `DefaultBodyLimit` (2 MiB where none is
/// set), and 400 for what is not JSON or not a `T`. The parser's text is not passed on: it quotes input.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body is application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "MEDIA_TYPE", detail));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "TOO_LARGE",
                    "the body is larger than this address takes",
                ),
                _ => Problem::new(StatusCode::BAD_REQUEST, "BAD_BODY", "the body did not arrive whole"),
            })?;
        read(&bytes).map(Self)
    }
}

/// Reads JSON of type `T`; nesting over 128 levels is refused.
///
/// # Errors
/// `BAD_JSON` for bytes that are not JSON, `BAD_SHAPE` for JSON of another shape; both say where.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let (code, what) = match error.classify() {
            serde_json::error::Category::Data => ("BAD_SHAPE", "has the members this address documents"),
            _ => ("BAD_JSON", "is JSON of at most 128 levels"),
        };
        Problem::new(
            StatusCode::BAD_REQUEST,
            code,
            format!("the body {what}; it fails at line {line}, column {column}"),
        )
    })
}

/// `application/json` or `application/…+json`, parameters aside.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|rest| rest == "json" || rest.ends_with("+json"))
}
