//! Foreign certificates, on real ones: the call whose shape others rely on, and transcoding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use credential::presentation::{document_digest, present_pass};
use did_registry::{PublicKey, SigningKey, Suite, Timestamp};
use gateway::operator::Role;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use reqwest::Method;
use serde_json::json;

use super::*;

const VERIFY: &str = "/v1/foreign-certificates/verify";
const TRANSCODE: &str = "/v1/foreign-certificates/transcode";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/dcc")
}

/// What a case's code holds, and when to look.
fn case(file: &str) -> (String, Timestamp) {
    let case: Value = serde_json::from_slice(&std::fs::read(data().join(file)).unwrap()).unwrap();
    let clock = case.pointer("/TESTCTX/VALIDATIONCLOCK").and_then(Value::as_str).unwrap();
    (case["PREFIX"].as_str().unwrap().to_owned(), clock.parse().unwrap())
}

/// One case for each way to end, with its code.
fn cases() -> Vec<(String, Option<String>)> {
    let list = std::fs::read_to_string(data().join("expected.jsonl")).unwrap();
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for line in list.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (file, reason) = (line["file"].as_str().unwrap(), line["reason"].as_str().unwrap());
        if reason != "UNREADABLE" && seen.insert(reason.to_owned()) {
            chosen.push((file.to_owned(), (line["expected"] != "accept").then(|| reason.to_owned())));
        }
    }
    assert!(chosen.len() > 8);
    chosen
}

/// The shape that tests outside this project rely on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fixed_shape_of_a_verdict_on_a_foreign_certificate() {
    let (town, _place) = town().await;
    for (file, reason) in cases() {
        let (qr, at) = case(&file);
        let answer = town.macau.post(None, VERIFY, &json!({"qr": qr, "at": at})).await.unwrap();
        assert_eq!((answer.status, answer.kind.as_str()), (200, "application/json"), "{file}");
        let body = answer.json();
        let names: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["ages", "format", "reasons", "verdict"]));
        assert_eq!(body["format"], "eu-dcc");
        assert!(body["ages"]["trust_list"].is_u64());
        let reasons = body["reasons"].as_array().unwrap();
        match &reason {
            None => assert_eq!((&body["verdict"], reasons.len()), (&json!("accept"), 0), "{file}"),
            Some(reason) => {
                assert_eq!(
                    (&body["verdict"], &reasons[0]["code"]),
                    (&json!("refuse"), &json!(reason)),
                    "{file}"
                );
                assert!(!reasons[0]["detail"].as_str().unwrap().is_empty());
                assert_eq!(reasons[0].as_object().unwrap().len(), 2);
            }
        }
    }
    // Without a time it is now, when these have long ended.
    let (qr, _) = case(&cases()[0].0);
    let answer = town.macau.post(None, VERIFY, &json!({"qr": qr})).await.unwrap().json();
    assert_eq!((&answer["verdict"], &answer["reasons"][0]["code"]), (&json!("refuse"), &json!("EXPIRED")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_question_about_a_certificate_is_a_problem() {
    let (town, _place) = town().await;
    let send = |kind: &'static str, bytes: Vec<u8>| {
        let macau = &town.macau;
        async move { macau.send(Method::POST, VERIFY, None, Some((kind, bytes))).await.unwrap() }
    };
    let json_kind = "application/json";
    for (kind, body, status, code) in [
        (json_kind, "", 400, "BAD_JSON"),
        (json_kind, "{", 400, "BAD_JSON"),
        (json_kind, "HC1:NCF", 400, "BAD_JSON"),
        (json_kind, "\u{feff}{\"qr\": \"HC1:\"}", 400, "BAD_JSON"),
        (json_kind, "[]", 400, "BAD_SHAPE"),
        (json_kind, "{}", 400, "BAD_SHAPE"),
        (json_kind, "{\"qr\": 1}", 400, "BAD_SHAPE"),
        (json_kind, "{\"qr\": \"HC1:\", \"at\": \"yesterday\"}", 400, "BAD_SHAPE"),
        (json_kind, "{\"qr\": \"HC1:\", \"clock\": 1}", 400, "BAD_SHAPE"),
        ("text/plain", "{\"qr\": \"HC1:\"}", 415, "MEDIA_TYPE"),
        ("application/x-www-form-urlencoded", "qr=HC1", 415, "MEDIA_TYPE"),
    ] {
        problem(&send(kind, body.into()).await, status, code);
    }
    let deep = format!("{{\"qr\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(send(json_kind, deep.into()).await.problem().unwrap().0, 400);
    let large = json!({"qr": format!("HC1:{}", "0".repeat(300 << 10))}).to_string();
    problem(&send(json_kind, large.into()).await, 413, "TOO_LARGE");
    problem(&send(json_kind, vec![0xff; 100]).await, 400, "BAD_JSON");
    // What is a question, and nothing more, has an answer.
    for qr in ["", "HC1:", "HC2:ABC", "\u{0}", &"HC1:".repeat(2_000)] {
        let answer = town.macau.post(None, VERIFY, &json!({"qr": qr})).await.unwrap();
        assert_eq!((answer.status, answer.json()["verdict"].as_str()), (200, Some("refuse")), "{qr:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_certificate_becomes_a_pass_and_is_not_kept() {
    let (mut town, _place) = town().await;
    let bearer = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(4));
    let ask = |qr: &str, policy, holder: PublicKey, at: Timestamp| json!({"qr": qr, "policy": policy, "holder": holder, "at": at});
    let rule = town.rules.foreign.id();
    let verify = Some(Role::Verify);
    let (good, at) = case(&cases().iter().find(|(_, reason)| reason.is_none()).unwrap().0);
    let answer =
        town.macau.post(verify, TRANSCODE, &ask(&good, rule, bearer.public_key(), at)).await.unwrap();
    let body = answer.json();
    assert_eq!((answer.status, &body["verdict"]), (200, &json!("accept")), "{answer:?}");
    let pass: credential::exchange::Pass = serde_json::from_value(body["pass"].clone()).unwrap();
    assert!(pass.credential["credentialSubject"]["trust_epoch"].as_str().unwrap().starts_with("list:"));
    assert!(pass.credential["credentialSubject"].get("status_epoch").is_none(), "the format has none");
    // The pass opens the gate like any other, and its evidence holds nothing of the certificate.
    town.follow().await.unwrap();
    let gate = town.challenge(&town.rules.gate.id()).await.unwrap();
    let text =
        present_pass(&pass.credential, &bearer, &gate.audience.to_string(), &gate.nonce, town.clock.now());
    accepted(&town.verify(&text.unwrap(), &gate.nonce).await.unwrap());
    town.receipt(&town.macau, &pass.id).await.unwrap();
    let path = format!("/v1/audit/transcodings/{}", document_digest(&Value::Object(pass.credential.clone())));
    let evidence = town.macau.get(Some(Role::Audit), &path).await.unwrap().json();
    for absent in ["presentation", "anchor", "consent", "consent_receipt"] {
        assert_eq!(evidence[absent], Value::Null, "{absent}");
    }
    assert!(evidence["receipt"].is_string());
    // A refused one gives none; nor does a rule about something else, or a key that cannot sign passes.
    let (bad, when) = case(&cases().iter().find(|(_, it)| it.as_deref() == Some("BAD_SIGNATURE")).unwrap().0);
    let answer =
        town.macau.post(verify, TRANSCODE, &ask(&bad, rule, bearer.public_key(), when)).await.unwrap().json();
    assert_eq!((&answer["reasons"][0]["code"], answer.get("pass")), (&json!("BAD_SIGNATURE"), None));
    let other = ask(&good, town.rules.entry.id(), bearer.public_key(), at);
    let answer = town.macau.post(verify, TRANSCODE, &other).await.unwrap().json();
    assert_eq!((&answer["reasons"][0]["code"], answer.get("pass")), (&json!("WRONG_KIND"), None));
    let p256 = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(5)).public_key();
    let answer = town.macau.post(verify, TRANSCODE, &ask(&good, rule, p256, at)).await.unwrap();
    assert!(answer.json().get("pass").is_none_or(Value::is_null), "no pass that nobody can show: {answer:?}");
    let unknown = ask(&good, did_registry::Digest::sha256(b""), bearer.public_key(), at);
    problem(&town.macau.post(verify, TRANSCODE, &unknown).await.unwrap(), 404, "NOT_FOUND");
    // Nothing of the certificate is on the disk.
    town.macau.stop().await.unwrap();
    let needles =
        causeway_examples::health_code::search::Needles::new([good.as_bytes(), &good.as_bytes()[..40]])
            .unwrap();
    assert_eq!(needles.search_files(&town.macau.directory.join("vault")).unwrap().hits, 0);
}
