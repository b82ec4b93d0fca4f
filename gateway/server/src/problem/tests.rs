use std::collections::BTreeSet;
use std::path::Path;

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::routing::post;
use credential::Reason;
use did_registry::Digest;
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::body::Body;
use crate::vault::{Column, RowId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
    times: u8,
}

async fn greet(Body(greeting): Body<Greeting>) -> Result<String, Problem> {
    if greeting.times == 0 {
        return Err(Problem::refused("NEVER", "a greeting is said at least once").with("limit", 1));
    }
    Ok(greeting.name.repeat(greeting.times.into()))
}

fn router() -> Router {
    Router::new()
        .route("/greet", post(greet))
        .layer(DefaultBodyLimit::max(1024))
        .layer(axum::middleware::map_response(uniform))
}

async fn send(
    method: &str,
    path: &str,
    kind: Option<&str>,
    body: impl Into<HttpBody>,
) -> (StatusCode, String, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(kind) = kind {
        request = request.header(CONTENT_TYPE, kind);
    }
    let response = router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, kind, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_refusal_has_the_members_of_rfc_9457() {
    let (status, kind, problem) =
        send("POST", "/greet", Some("application/json"), r#"{"name":"Ana","times":0}"#).await;
    assert_eq!((status.as_u16(), kind.as_str()), (422, PROBLEM_JSON));
    let expected = json!({"type": "urn:causeway:problem:NEVER", "title": "Unprocessable Entity", "status": 422,
        "detail": "a greeting is said at least once", "code": "NEVER", "limit": 1});
    assert_eq!(problem, expected);
}

#[test]
fn members_of_our_own_do_not_replace_the_standard_ones() {
    let problem = Problem::not_found("nothing").with("status", 200).with("code", "OK").with("hint", "look");
    let wire: Value = serde_json::from_slice(&problem.body()).unwrap();
    assert_eq!(
        (&wire["status"], &wire["code"], &wire["hint"]),
        (&json!(404), &json!("NOT_FOUND"), &json!("look"))
    );
}

#[tokio::test]
async fn a_body_is_json_of_the_right_shape_and_size() {
    let json = Some("application/json");
    let long = format!(r#"{{"name":"{}","times":1}}"#, "a".repeat(2000));
    let deep = "[".repeat(500);
    let cases: [(Option<&str>, &[u8], u16, &str); 11] = [
        (json, b"", 400, "BAD_JSON"),
        (json, b"{", 400, "BAD_JSON"),
        (json, b"{\"name\":\"\xff\",\"times\":1}", 400, "BAD_JSON"),
        (json, deep.as_bytes(), 400, "BAD_SHAPE"),
        (json, b"[]", 400, "BAD_SHAPE"),
        (json, br#"{"name":"Wang Wei"}"#, 400, "BAD_SHAPE"),
        (json, br#"{"name":"Ana","times":"Wang Wei"}"#, 400, "BAD_SHAPE"),
        (json, br#"{"name":"Ana","times":1,"Wang Wei":2}"#, 400, "BAD_SHAPE"),
        (json, long.as_bytes(), 413, "TOO_LARGE"),
        (None, br#"{"name":"Ana","times":1}"#, 415, "MEDIA_TYPE"),
        (Some("text/plain"), br#"{"name":"Ana","times":1}"#, 415, "MEDIA_TYPE"),
    ];
    for (kind, body, status, code) in cases {
        let (found, media, problem) = send("POST", "/greet", kind, body.to_vec()).await;
        let shown = String::from_utf8_lossy(body).into_owned();
        assert_eq!(
            (found.as_u16(), media.as_str(), problem["code"].as_str()),
            (status, PROBLEM_JSON, Some(code)),
            "{shown}"
        );
        assert!(!problem.to_string().contains("Wang"), "a problem repeats what was sent: {problem}");
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/LD+JSON"] {
        let (status, _, _) = send("POST", "/greet", Some(kind), r#"{"name":"Ana","times":1}"#).await;
        assert_eq!(status, StatusCode::OK, "{kind}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let refused = crate::body::read::<Value>("[".repeat(100_000).as_bytes()).unwrap_err();
    assert_eq!((refused.status(), refused.code()), (StatusCode::BAD_REQUEST, "BAD_JSON"));
}

#[tokio::test]
async fn the_routers_own_errors_are_problems_too() {
    let (status, kind, problem) = send("GET", "/greet", None, "").await;
    assert_eq!((status.as_u16(), kind.as_str()), (405, PROBLEM_JSON));
    assert_eq!(problem["code"], "METHOD");
    let (status, kind, problem) = send("GET", "/people/Wang%20Wei", None, "").await;
    assert_eq!(
        (status.as_u16(), kind.as_str(), problem["code"].as_str()),
        (404, PROBLEM_JSON, Some("NOT_FOUND"))
    );
    assert!(!problem.to_string().contains("Wang"));
}

#[test]
fn faults_of_this_machine_are_not_explained_to_others() {
    let (column, row) = (Column::Records, RowId::number(1));
    let path = rocksdb::DB::open_default("/proc/nowhere/vault").unwrap_err();
    for error in [
        VaultError::WrongKek,
        VaultError::InUse,
        VaultError::RowDamaged { column, row },
        VaultError::RowShape { column, row },
        VaultError::KeyMissing { name: "records".into(), epoch: 1 },
        VaultError::Store(path),
    ] {
        let problem = Problem::from(error);
        assert_eq!((problem.status(), problem.code()), (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"));
        assert!(!problem.detail().contains("/proc") && !problem.detail().contains("records"));
    }
}

#[test]
fn each_kind_of_error_has_its_status_and_code() {
    let cases: [(Problem, u16, &str); 11] = [
        (VaultError::TooLarge { limit: 1, got: 2 }.into(), 413, "TOO_LARGE"),
        (VaultError::RowName.into(), 400, "ROW_NAME"),
        (ImportError::Running.into(), 409, "IMPORT_RUNNING"),
        (ImportError::FileTooLarge { limit: 5 }.into(), 413, "IMPORT_FILE_TOO_LARGE"),
        (ImportError::UnknownColumn { column: 3 }.into(), 422, "IMPORT_UNKNOWN_COLUMN"),
        (ImportError::SourceChanged.into(), 400, "IMPORT_SOURCE_CHANGED"),
        (ImportError::Vault(VaultError::WrongKek).into(), 500, "INTERNAL"),
        (RegistryError::BadSignature.into(), 422, "BAD_SIGNATURE"),
        (RegistryError::TooLarge { limit: 1, got: 2 }.into(), 413, "TOO_LARGE"),
        ("zz".parse::<Digest>().unwrap_err().into(), 400, "MALFORMED"),
        (SchemaError::Missing("result".into()).into(), 422, "SCHEMA"),
    ];
    for (problem, status, code) in cases {
        assert_eq!((problem.status().as_u16(), problem.code()), (status, code), "{problem}");
    }
}

/// The words in capitals, between quotation marks, of a file: codes, and little else.
fn capitals(path: &Path) -> Vec<String> {
    let code = std::fs::read_to_string(path).unwrap();
    let capital = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    let words = code.split('"').filter(|word| word.len() > 4 && word.chars().all(capital));
    words.map(str::to_owned).collect()
}

/// What the API's document promises of codes: no other leaves this service, and none is listed for nothing.
#[test]
fn every_code_is_on_the_list_and_every_one_on_the_list_is_given() {
    let own = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let chain = own.join("../../ledger/chain/src");
    // A bundle is refused with the light client's own codes.
    let mut given: BTreeSet<String> =
        ["bundle.rs", "light.rs"].iter().flat_map(|file| capitals(&chain.join(file))).collect();
    let mut folders = vec![own.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") && !path.ends_with("codes.rs") {
                given.extend(capitals(&path));
            }
        }
    }
    // Methods of HTTP, a style of names, and two codes that are looked at here and go no further.
    for word in ["DELETE", "OPTIONS", "OTHER", "PATCH", "SCREAMING_SNAKE_CASE", "EXISTS", "VAULT"] {
        assert!(given.remove(word), "{word} is no exception any more");
    }
    given.extend(["MALFORMED".to_owned(), "TOO_LARGE".to_owned()]); // bytes that are no bundle
    given.extend(Reason::ALL.map(|reason| reason.code().to_owned()));
    let listed: BTreeSet<String> = codes().map(str::to_owned).collect();
    assert_eq!(given, listed);
}
