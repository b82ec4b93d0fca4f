use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::WWW_AUTHENTICATE;
use axum::routing::get;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

async fn issue(operator: Operator<MayIssue>) -> String {
    format!("issued by {}", operator.name())
}

async fn audit(operator: Operator<MayAudit>) -> String {
    format!("read by {}", operator.name())
}

struct Desk {
    router: Router,
    clerk: Secret<String>,
    auditor: Secret<String>,
}

fn desk() -> Desk {
    let ((clerk, clerk_digest), (auditor, auditor_digest)) = (new_token(), new_token());
    let text = Operators::entry("lab-desk-1", &clerk_digest, &[Role::Issue, Role::Verify])
        + &Operators::entry("auditor", &auditor_digest, &[Role::Audit]);
    let operators = Operators::parse(&text).unwrap();
    let router = Router::new().route("/issue", get(issue)).route("/audit", get(audit)).with_state(operators);
    Desk { router, clerk, auditor }
}

async fn call(desk: &Desk, path: &str, credentials: &[&str]) -> (u16, Option<String>, String) {
    let mut request = Request::builder().uri(path);
    for value in credentials {
        request = request.header(AUTHORIZATION, *value);
    }
    let response = desk.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, challenge, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn an_operator_with_the_role_comes_through_by_name() {
    let desk = desk();
    let clerk = format!("Bearer {}", desk.clerk.expose());
    assert_eq!(call(&desk, "/issue", &[&clerk]).await, (200, None, "issued by lab-desk-1".into()));
    let lower = format!("bearer {}", desk.auditor.expose());
    assert_eq!(call(&desk, "/audit", &[&lower]).await, (200, None, "read by auditor".into()));
}

#[tokio::test]
async fn without_a_known_token_nobody_comes_through() {
    let desk = desk();
    let token = desk.clerk.expose();
    let unknown = new_token().0;
    let (cut, longer) = (&token[..63], format!("{token}0"));
    let cases: [(&[&str], &str); 11] = [
        (&[], "Bearer realm=\"causeway\""),
        (&[""], "Bearer realm=\"causeway\""),
        (&["Bearer"], "Bearer realm=\"causeway\""),
        (&["Bearer "], "Bearer realm=\"causeway\""),
        (&[token], "Bearer realm=\"causeway\""),
        (&[&format!("Basic {token}")], "Bearer realm=\"causeway\""),
        (&[&format!("Bearer {token}"), &format!("Bearer {token}")], "Bearer realm=\"causeway\""),
        (&[&format!("Bearer {}", "a".repeat(257))], "Bearer realm=\"causeway\""),
        (&[&format!("Bearer {}", unknown.expose())], "Bearer realm=\"causeway\", error=\"invalid_token\""),
        (&[&format!("Bearer {cut}")], "Bearer realm=\"causeway\", error=\"invalid_token\""),
        (&[&format!("Bearer {longer}")], "Bearer realm=\"causeway\", error=\"invalid_token\""),
    ];
    for (credentials, expected) in cases {
        let (status, challenge, body) = call(&desk, "/issue", credentials).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, challenge.as_deref()), (401, Some(expected)), "{credentials:?}");
        assert_eq!(problem["code"], "UNAUTHENTICATED");
        assert!(!body.contains(token.as_str()), "the answer repeats the token");
    }
}

#[tokio::test]
async fn a_token_without_the_role_is_refused_and_no_role_contains_another() {
    let desk = desk();
    for (path, token, role) in [("/audit", &desk.clerk, "audit"), ("/issue", &desk.auditor, "issue")] {
        let (status, challenge, body) = call(&desk, path, &[&format!("Bearer {}", token.expose())]).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, problem["code"].as_str()), (403, Some("ROLE_MISSING")));
        assert_eq!(problem["detail"], format!("this address needs the role {role}"));
        assert!(challenge.unwrap().ends_with("error=\"insufficient_scope\""));
    }
}

#[test]
fn tokens_are_fresh_long_and_known_by_digest_only() {
    let ((one, digest), (two, _)) = (new_token(), new_token());
    assert_ne!(one.expose(), two.expose());
    assert_eq!(one.expose().len(), 64);
    assert_eq!(digest, Digest::sha256(one.expose().as_bytes()));
    let operators = Operators::parse(&Operators::entry("a", &digest, &[Role::Admin])).unwrap();
    assert_eq!(format!("{operators:?}"), r#"{"a"}"#, "names only");
    assert!(!format!("{one:?}").contains(one.expose().as_str()));
}

#[test]
fn an_operators_file_that_breaks_a_rule_is_refused() {
    let digest = |byte: u8| Digest::sha256(&[byte]);
    let entry = |name: &str, byte| Operators::entry(name, &digest(byte), &[Role::Issue]);
    let many: String = (0..=OPERATORS)
        .map(|n| Operators::entry(&format!("o{n}"), &Digest::sha256(&n.to_le_bytes()), &[Role::Issue]))
        .collect();
    let refused = |text: &str| Operators::parse(text).expect_err(text);
    assert!(matches!(refused(""), OperatorError::Shape(_)));
    assert!(matches!(refused("operator = []"), OperatorError::Count));
    assert!(matches!(refused(&many), OperatorError::Count));
    for name in ["", "Lab", "lab desk", "王", &"a".repeat(65)] {
        assert!(matches!(refused(&(entry("first", 1) + &entry(name, 2))), OperatorError::Name(2)), "{name}");
    }
    assert!(matches!(refused(&(entry("a", 1) + &entry("a", 2))), OperatorError::Repeated(2)));
    assert!(
        matches!(refused(&(entry("a", 1) + &entry("b", 1))), OperatorError::Repeated(2)),
        "one token, two names"
    );
    assert!(matches!(refused(&Operators::entry("a", &digest(1), &[])), OperatorError::NoRole(1)));
    for wrong in [
        entry("a", 1).replace("issue", "everything"),
        entry("a", 1).replace("token_sha256", "token"),
        entry("a", 1) + "admin = true\n",
        entry("a", 1).replace(&digest(1).to_string(), "a-token-in-clear"),
    ] {
        let error = refused(&wrong);
        assert!(matches!(error, OperatorError::Shape(_)));
        assert!(!error.to_string().contains("a-token-in-clear"), "{error}");
    }
}

#[test]
fn an_operators_file_that_others_may_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("operators.toml");
    fs::write(&path, Operators::entry("a", &Digest::sha256(b"t"), &[Role::Admin])).unwrap();
    for (mode, accepted) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(Operators::load(&path).is_ok(), accepted, "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, " ".repeat(300 << 10)).unwrap();
    assert!(matches!(Operators::load(&path), Err(OperatorError::TooLarge)));
    assert!(matches!(Operators::load(&directory.path().join("absent")), Err(OperatorError::Unreadable(_))));
}
