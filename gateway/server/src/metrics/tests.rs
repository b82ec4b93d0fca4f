use axum::body::{Body, to_bytes};
use axum::extract::FromRef;
use axum::routing::get;
use axum::{Router, middleware};
use tower::ServiceExt as _;

use super::*;
use crate::operator::{Operators, Role, new_token};
use crate::vault::Kek;

#[test]
fn every_counter_appears_under_its_labels() {
    let metrics = Metrics::new();
    metrics.refused(Reason::Expired);
    metrics.refused(Reason::Expired);
    metrics.issued("dc+sd-jwt", 3);
    metrics.verified(Overall::Accept);
    metrics.transcoded(Overall::Refuse);
    let text = metrics.text().unwrap();
    for line in [
        r#"causeway_refusals_total{code="EXPIRED"} 2"#,
        r#"causeway_refusals_total{code="REVOKED"} 0"#,
        r#"causeway_issued_total{format="dc+sd-jwt"} 3"#,
        r#"causeway_verified_total{verdict="accept"} 1"#,
        r#"causeway_verified_total{verdict="undecided"} 0"#,
        r#"causeway_transcoded_total{verdict="refuse"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[derive(Clone)]
struct Office {
    metrics: Arc<Metrics>,
    vault: Arc<Vault>,
    operators: Arc<Operators>,
}

impl FromRef<Office> for Arc<Metrics> {
    fn from_ref(office: &Office) -> Self {
        Arc::clone(&office.metrics)
    }
}

impl FromRef<Office> for Arc<Vault> {
    fn from_ref(office: &Office) -> Self {
        Arc::clone(&office.vault)
    }
}

impl FromRef<Office> for Arc<Operators> {
    fn from_ref(office: &Office) -> Self {
        Arc::clone(&office.operators)
    }
}

async fn ask(router: &Router, path: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_are_counted_by_the_routes_pattern_and_shown_to_auditors() {
    let directory = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(directory.path(), Kek::generate()).unwrap());
    let ((token, digest), (other, other_digest)) = (new_token(), new_token());
    let file = Operators::entry("auditor", &digest, &[Role::Audit])
        + &Operators::entry("clerk", &other_digest, &[Role::Issue, Role::Admin]);
    let office = Office { metrics: Metrics::new(), vault, operators: Operators::parse(&file).unwrap() };
    let router = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(exposition))
        .route("/people/{id}", get(async || "found"))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&office.metrics), track))
        .with_state(office);
    assert_eq!(ask(&router, "/health", None).await, (200, r#"{"status":"ok"}"#.into()));
    for id in ["CA-8812734", "CA-8812735"] {
        assert_eq!(ask(&router, &format!("/people/{id}"), None).await.0, 200);
    }
    assert_eq!(ask(&router, "/metrics", None).await.0, 401);
    assert_eq!(ask(&router, "/metrics", Some(other.expose())).await.0, 403);
    let (status, text) = ask(&router, "/metrics", Some(token.expose())).await;
    assert_eq!(status, 200);
    for line in [
        r#"causeway_requests_total{method="GET",route="/people/{id}",status="200"} 2"#,
        r#"causeway_requests_total{method="GET",route="/health",status="200"} 1"#,
        r#"causeway_requests_total{method="GET",route="/metrics",status="401"} 1"#,
        r#"causeway_requests_total{method="GET",route="/metrics",status="403"} 1"#,
        r#"causeway_request_seconds_count{route="/people/{id}"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("8812734"), "a path became a label");
}

#[test]
fn an_import_is_counted_by_what_became_of_its_rows() {
    let metrics = Metrics::new();
    let before: Job = serde_json::from_value(serde_json::json!({
        "schema": "00".repeat(32), "state": "unfinished", "rows_total": 10, "rows_done": 3, "stored": 2,
        "unchanged": 1, "refused": 0, "issues": 0, "bytes_total": 90, "bytes_done": 30,
        "started": "2021-06-01T00:00:00Z", "updated": "2021-06-01T00:00:00Z"}))
    .unwrap();
    let after = Job { rows_done: 10, stored: 7, unchanged: 1, refused: 2, ..before };
    metrics.imported(&before, &after);
    let text = metrics.text().unwrap();
    for (outcome, rows) in [("stored", 5), ("unchanged", 0), ("refused", 2)] {
        let line = format!("causeway_import_rows_total{{outcome=\"{outcome}\"}} {rows}");
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_method_that_a_client_invents_is_no_label() {
    assert_eq!(known(&Method::POST), "POST");
    assert_eq!(known(&Method::from_bytes(b"WANG-WEI").unwrap()), "OTHER");
}
