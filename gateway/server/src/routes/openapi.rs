//! The OpenAPI document, gathered from what stands at each handler and each type.
//!
//! Tests hold it against the service: every address is there and no other (`examples/tests/gateway_api.rs`), and
//! the client of those tests validates every answer and every accepted body against it.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{credentials, foreign, passes, records, trust};
use crate::problem::PROBLEM_JSON;
use crate::{metrics, schemas};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Causeway gateway",
        description = "An agency's server: it issues credentials over its own records, verifies what holders show, \
                       and makes passes of it. Refusals are problems (RFC 9457) with a stable code. Who holds a \
                       credential is never named: identifiers are random, and only its holder knows them."
    ),
    paths(
        trust::agency,
        trust::bundle,
        trust::import_bundle,
        trust::refresh,
        trust::status_list,
        records::import,
        records::job,
        credentials::offer,
        credentials::claim,
        credentials::batch,
        credentials::set_status,
        credentials::set_statuses,
        credentials::cause,
        credentials::revocations,
        credentials::receipt,
        passes::challenge,
        passes::apply,
        passes::verify,
        foreign::verify,
        foreign::transcode,
        passes::evidence,
        trust::audit_log,
        metrics::health,
        metrics::exposition,
        document,
    ),
    components(schemas(schemas::Problem)),
    modifiers(&Common),
    tags(
        (name = "trust", description = "Who the agency is, and what it believes of the ledger"),
        (name = "records", description = "The agency's own records"),
        (name = "issuing", description = "Credentials over records, their receipts and their status"),
        (name = "verifying", description = "What holders show, and passes for it"),
        (name = "foreign certificates", description = "Certificates of other systems"),
        (name = "audit", description = "For those who check the agency"),
        (name = "service", description = "The service itself"),
    ),
)]
struct Document;

/// What all addresses have in common: operators' tokens, and the form of a refusal.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let refusal = ResponseBuilder::new()
            .description("A refusal, or a fault")
            .content(PROBLEM_JSON, Content::new(Some(Ref::from_schema_name("Problem"))))
            .build();
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.responses.responses.insert("default".to_owned(), refusal.clone().into());
            }
        }
        let operator = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("64 hexadecimal digits")
            .description(Some(
                "An operator's token (RFC 6750). The role that a call needs stands beside it: issue, verify, \
                 admin or audit; no role contains another.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("operator", SecurityScheme::Http(operator));
    }
}

/// The document as text, made once.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    Document::openapi().to_json().expect("serialises because every part of it is text, a number or a list")
});

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = schemas::OpenApi)),
)]
pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

#[cfg(test)]
mod tests;
