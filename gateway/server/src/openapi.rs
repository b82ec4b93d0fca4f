//! The OpenAPI document: one row for each address; a test holds the rows against the router.

use axum::Json;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, ResponseBuilder,
    request_body,
};

use crate::operator::Role;
use crate::problem::PROBLEM_JSON;

/// One address.
pub(crate) struct Call {
    pub method: HttpMethod,
    pub path: &'static str,
    pub summary: &'static str,
    /// Who may call it; anybody, if none.
    pub role: Option<Role>,
    /// Media type of the request's body, if it has one.
    pub body: Option<&'static str>,
    /// Status and media type of success.
    pub answer: (&'static str, &'static str),
}

const JSON: &str = "application/json";

const fn get(path: &'static str, role: Option<Role>, summary: &'static str) -> Call {
    Call { method: HttpMethod::Get, path, summary, role, body: None, answer: ("200", JSON) }
}

const fn post(path: &'static str, role: Option<Role>, status: &'static str, summary: &'static str) -> Call {
    Call { method: HttpMethod::Post, path, summary, role, body: Some(JSON), answer: (status, JSON) }
}

/// Every address.
pub(crate) const CALLS: [Call; 23] = [
    get("/v1/agency", None, "Who this agency is: identifier, network, ledger, policies"),
    Call {
        answer: ("200", "application/octet-stream"),
        ..get(
            "/v1/bundle",
            None,
            "The trust bundle, canonical bytes; ?from=height adds the consistency proof",
        )
    },
    Call {
        body: Some("application/octet-stream"),
        ..post(
            "/v1/bundle",
            Some(Role::Admin),
            "200",
            "Import a trust bundle, verified against the head trusted so far",
        )
    },
    Call {
        body: None,
        ..post("/v1/trust/refresh", Some(Role::Admin), "200", "Move on to the ledger's newest head")
    },
    Call {
        answer: ("200", "application/statuslist+jwt"),
        ..get(
            "/status/{list}",
            None,
            "A status list token that the ledger anchors; ?epoch= for an earlier one",
        )
    },
    Call {
        body: Some("text/csv"),
        ..post("/v1/records/import", Some(Role::Issue), "202", "Import records; ?schema=digest")
    },
    get("/v1/records/imports/{job}", Some(Role::Issue), "Progress of an import and its errors by row"),
    post("/v1/offers", Some(Role::Issue), "201", "One-time claim codes for records"),
    post("/v1/claims", None, "201", "Redeem a claim code with proof of possession; both formats come back"),
    post("/v1/credentials/batch", Some(Role::Issue), "201", "Issue over many records to known keys"),
    post(
        "/v1/credentials/{id}/status",
        Some(Role::Issue),
        "200",
        "Revoke, suspend or reinstate, with a cause",
    ),
    Call {
        answer: ("200", "application/jwt"),
        ..get("/v1/credentials/{id}/status", None, "Why the status was changed, signed by the agency")
    },
    get("/v1/receipts/{id}", None, "The anchor receipt of a credential; ?wait=seconds"),
    post("/v1/challenges", None, "201", "A challenge for one presentation under a policy"),
    post("/v1/passes", None, "200", "Apply for a pass; the verdict says part by part why not"),
    post("/v1/presentations/verify", None, "200", "Verify a presentation that answers a challenge"),
    post("/v1/foreign-certificates/verify", None, "200", "Verify a foreign certificate (EU DCC)"),
    post(
        "/v1/foreign-certificates/transcode",
        Some(Role::Verify),
        "200",
        "Make a pass of a foreign certificate",
    ),
    get("/v1/audit/transcodings/{pass}", Some(Role::Audit), "The evidence behind a pass, to recompute it by"),
    get("/v1/audit/log", Some(Role::Audit), "The hash-chained audit log; ?from=&limit="),
    get("/health", None, "Whether the vault takes writes"),
    Call { answer: ("200", "text/plain"), ..get("/metrics", Some(Role::Audit), "Counters for Prometheus") },
    get("/openapi.json", None, "This document"),
];

/// The document.
pub(crate) async fn document() -> Json<OpenApi> {
    let mut paths = PathsBuilder::new();
    for call in &CALLS {
        let success =
            ResponseBuilder::new().description("Done").content(call.answer.1, Content::default()).build();
        let problem = ResponseBuilder::new()
            .description("A problem with a stable code (RFC 9457)")
            .content(PROBLEM_JSON, Content::default())
            .build();
        let mut operation = OperationBuilder::new()
            .summary(Some(call.summary))
            .response(call.answer.0, success)
            .response("default", problem);
        for name in call.path.split(['{', '}']).skip(1).step_by(2) {
            let parameter = utoipa::openapi::path::ParameterBuilder::new()
                .name(name)
                .parameter_in(utoipa::openapi::path::ParameterIn::Path)
                .required(utoipa::openapi::Required::True);
            operation = operation.parameter(parameter);
        }
        if let Some(media) = call.body {
            let body = request_body::RequestBodyBuilder::new().content(media, Content::default()).build();
            operation = operation.request_body(Some(body));
        }
        if let Some(role) = call.role {
            operation = operation.security(SecurityRequirement::new("operator", [role.name()]));
        }
        paths = paths.path(call.path, PathItem::new(call.method.clone(), operation));
    }
    let operator = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let info = InfoBuilder::new().title("Causeway gateway").version(env!("CARGO_PKG_VERSION")).build();
    let components = ComponentsBuilder::new().security_scheme("operator", operator).build();
    Json(OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build())
}
