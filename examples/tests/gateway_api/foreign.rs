//! Foreign certificates, on real ones: the call whose shape others rely on, and transcoding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use credential::anchor::LeafKind;
use credential::dcc::{TrustList, ValueSets, Verifier};
use credential::presentation::{document_digest, present_pass};
use did_registry::{Digest, PublicKey, SigningKey, Suite, Timestamp};
use gateway::operator::Role;
use ledger_chain::{AnchorOperation, Operation};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use reqwest::Method;
use serde_json::json;

use super::*;

const VERIFY: &str = "/v1/foreign-certificates/verify";
const TRANSCODE: &str = "/v1/foreign-certificates/transcode";

fn data() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../shared/data/dcc")
}

/// What a case's code holds, and when to look.
fn case(file: &str) -> (String, Timestamp) {
    let case: Value = serde_json::from_slice(&std::fs::read(data().join(file)).unwrap()).unwrap();
    let clock = case.pointer("/TESTCTX/VALIDATIONCLOCK").and_then(Value::as_str).unwrap();
    (case["PREFIX"].as_str().unwrap().to_owned(), clock.parse().unwrap())
}

/// The lists that the agencies have.
fn verifier() -> Verifier {
    let trust = TrustList::from_json(&std::fs::read(data().join("trustlist.json")).unwrap()).unwrap();
    let files: Vec<(String, Vec<u8>)> = std::fs::read_dir(data().join("valuesets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Verifier::new(trust, ValueSets::from_files(files).unwrap())
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

/// Macau starts anew with a trust list of this age, and with `limits` added to its configuration.
async fn with_list(town: &mut Town, age: i64, limits: &str) {
    town.macau.stop().await.unwrap();
    let list = town.macau.directory.join("list.json");
    std::fs::copy(data().join("trustlist.json"), &list).unwrap();
    let written = town.clock.now().seconds().checked_add_signed(-age).unwrap();
    let file = std::fs::File::options().write(true).open(&list).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(written)).unwrap();
    let path = town.macau.directory.join("gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (own, _) = text.split_once("[trust_list_ages]").unwrap_or((&text, ""));
    let listed = |line: &str| {
        if line.starts_with("trust_list_file") {
            "trust_list_file = \"list.json\"".to_owned()
        } else {
            line.to_owned()
        }
    };
    let own: Vec<String> = own.lines().map(listed).collect();
    std::fs::write(&path, format!("{}\n{limits}", own.join("\n"))).unwrap();
    town.macau.start().await.unwrap();
    town.follow().await.unwrap();
}

/// P4, as far as a file without a signature allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_trust_list_is_told_and_where_limits_are_set_decides_nothing() {
    const HOUR: i64 = 3_600;
    let limits = "[trust_list_ages]\namber_hours = 24\nrefuse_hours = 72\n";
    let (mut town, _place) = town().await;
    let find =
        |reason: Option<&str>| case(&cases().iter().find(|(_, it)| it.as_deref() == reason).unwrap().0);
    let (good, forged) = (find(None), find(Some("BAD_SIGNATURE")));
    let bearer = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(9)).public_key();
    for (age, limits, amber, verdict, faults) in [
        (10 * 366 * 24 * HOUR, "", None, "accept", &[][..]),
        (24 * HOUR - 1, limits, Some(false), "accept", &[]),
        (24 * HOUR, limits, Some(true), "accept", &[]),
        (72 * HOUR - 1, limits, Some(true), "accept", &[]),
        (72 * HOUR, limits, Some(true), "undecided", &["LIST_STALE"]),
        (-24 * HOUR, limits, Some(true), "undecided", &["CLOCK_SUSPECT"]),
    ] {
        with_list(&mut town, age, limits).await;
        let codes = |body: &Value| -> Vec<String> {
            let reasons = body["reasons"].as_array().unwrap().iter();
            reasons.map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
        };
        let ask = |(qr, at): &(String, Timestamp)| json!({"qr": qr, "at": at});
        let verified = town.macau.post(None, VERIFY, &ask(&good)).await.unwrap().json();
        let mut question = ask(&good);
        question["policy"] = json!(town.rules.foreign.id());
        question["holder"] = json!(bearer);
        let transcoded = town.macau.post(Some(Role::Verify), TRANSCODE, &question).await.unwrap().json();
        for body in [&verified, &transcoded] {
            assert_eq!(
                (&body["verdict"], codes(body)),
                (&json!(verdict), faults.iter().map(|&it| it.to_owned()).collect()),
                "{age}: {body}"
            );
            assert_eq!(body["ages"]["trust_list"], json!(age.max(0)));
            assert_eq!(body["ages"].get("amber").map(|it| it.as_bool().unwrap()), amber);
        }
        assert_eq!(transcoded.get("pass").is_some(), verdict == "accept", "{transcoded}");
        // What is bad on any list stays bad.
        let body = town.macau.post(None, VERIFY, &ask(&forged)).await.unwrap().json();
        let all: Vec<String> =
            std::iter::once("BAD_SIGNATURE").chain(faults.iter().copied()).map(str::to_owned).collect();
        assert_eq!((&body["verdict"], codes(&body)), (&json!("refuse"), all));
    }
}

/// The rule that turns a certificate into a pass is the ledger's, and an agency that hears nothing of the ledger
/// gives none; the certificate itself needs no ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_too_old_makes_no_pass_of_a_certificate() {
    let (mut town, _place) = town().await;
    let (qr, at) = case(&cases().iter().find(|(_, reason)| reason.is_none()).unwrap().0);
    let bearer = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(10)).public_key();
    let question = json!({"qr": qr, "policy": town.rules.foreign.id(), "holder": bearer, "at": at});
    town.stop_ledger().await;
    for (hours, verdict, code) in [(71, "accept", None), (1, "undecided", Some("LIST_STALE"))] {
        town.clock.advance(hours * 3_600);
        let body = town.macau.post(Some(Role::Verify), TRANSCODE, &question).await.unwrap().json();
        assert_eq!(
            (&body["verdict"], body["reasons"][0]["code"].as_str()),
            (&json!(verdict), code),
            "{body}"
        );
        assert_eq!(body.get("pass").is_some(), code.is_none());
        let body = town.macau.post(None, VERIFY, &json!({"qr": qr, "at": at})).await.unwrap().json();
        assert_eq!(body["verdict"], "accept");
    }
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
        ("", "{\"qr\": \"HC1:\"}", 415, "MEDIA_TYPE"),
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

/// The fixed call reads what its callers may send: times in several forms, and no type where it is JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fixed_call_reads_times_loosely_and_json_without_its_type() {
    let (town, _place) = town().await;
    let (qr, at) = case(&cases().iter().find(|(_, reason)| reason.is_none()).unwrap().0);
    let utc = at.to_string();
    let local = utc.strip_suffix('Z').unwrap();
    let earlier = format!("{local}+2359");
    for (at, verdict) in [
        (json!(local), "accept"),
        (json!(format!("{local}+0000")), "accept"),
        (json!(format!("{local}-00")), "accept"),
        (json!(at.plus(86_400).date()), "accept"),
        (json!(null), "refuse"),
        (json!(earlier), "refuse"),
        (json!("2001-01-01"), "refuse"),
    ] {
        let answer = town.macau.post(None, VERIFY, &json!({"qr": qr, "at": at})).await.unwrap();
        assert_eq!((answer.status, answer.json()["verdict"].as_str()), (200, Some(verdict)), "{at}");
    }
    for at in [json!(""), json!(at.seconds()), json!(format!("{local}+2")), json!([])] {
        problem(
            &town.macau.post(None, VERIFY, &json!({"qr": qr, "at": at})).await.unwrap(),
            400,
            "BAD_SHAPE",
        );
    }
    // Elsewhere a time has one form.
    let holder = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(6)).public_key();
    let question = json!({"qr": qr, "policy": town.rules.foreign.id(), "holder": holder, "at": local});
    problem(&town.macau.post(Some(Role::Verify), TRANSCODE, &question).await.unwrap(), 400, "BAD_SHAPE");

    let untyped = |body: String| {
        let url = format!("{}{VERIFY}", town.macau.url());
        async move { reqwest::Client::new().post(url).body(body).send().await.unwrap() }
    };
    let answer = untyped(json!({"qr": qr, "at": utc}).to_string()).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["verdict"], "accept");
    assert_eq!(untyped("qr=HC1".into()).await.status(), 400);
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
    // Whoever is shown the certificate again opens the commitment that the pass names.
    let salt: Digest = serde_json::from_value(evidence["salt"].clone()).unwrap();
    let certificate = verifier().verify(&good, at).unwrap();
    let source = LeafKind::Credential.commit(&salt, certificate.source_digest());
    assert_eq!(pass.credential["credentialSubject"]["source"], json!(source));
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
    let unknown = ask(&good, Digest::sha256(b""), bearer.public_key(), at);
    problem(&town.macau.post(verify, TRANSCODE, &unknown).await.unwrap(), 404, "NOT_FOUND");
    // Each attempt is noted: the pass that was given, and why the others got none.
    let log = town.macau.get(Some(Role::Audit), "/v1/audit/log?limit=1000").await.unwrap().json();
    let noted: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["operation"] == "foreign.transcode")
        .map(|entry| (entry["outcome"].as_str().unwrap(), entry["subjects"].clone()))
        .collect();
    let as_of = |at: Timestamp| json!({"number": at.seconds()});
    let expected = [
        ("done", json!([{"digest": pass.id}, as_of(at)])),
        ("BAD_SIGNATURE", json!([as_of(when)])),
        ("WRONG_KIND", json!([as_of(at)])),
    ];
    assert_eq!(noted, expected);
    // Nothing of the certificate is on the disk.
    town.macau.stop().await.unwrap();
    let needles =
        causeway_examples::health_code::search::Needles::new([good.as_bytes(), &good.as_bytes()[..40]])
            .unwrap();
    assert_eq!(needles.search_files(&town.macau.directory.join("vault")).unwrap().hits, 0);
}

/// A pass says when it was decided, and that is when it is decided: now, on a rule and on facts of today.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_becomes_no_pass_on_a_stale_or_ended_rule_or_as_of_another_day() {
    let (mut town, _place) = town().await;
    let bearer = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(4)).public_key();
    let (good, at) = case(&cases().iter().find(|(_, reason)| reason.is_none()).unwrap().0);
    let asked = json!({"qr": good, "policy": town.rules.foreign.id(), "holder": bearer, "at": at});
    let ask = async |town: &Town, body: &Value| {
        let answer = town.macau.post(Some(Role::Verify), TRANSCODE, body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["verdict"]), text(&body["reasons"][0]["code"]), body.get("pass").is_some())
    };
    let outcome = |verdict: &str, code: &str, pass| (verdict.to_owned(), code.to_owned(), pass);
    let fresh = async |town: &Town| {
        let root = Digest::sha256(&town.clock.now().seconds().to_be_bytes());
        town.members[0].say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await.unwrap();
        town.follow().await.unwrap();
    };
    assert_eq!(ask(&town, &asked).await, outcome("accept", "", true));
    // Three days without the ledger.
    town.clock.advance(3 * 86_400);
    assert_eq!(ask(&town, &asked).await, outcome("undecided", "LIST_STALE", false));
    fresh(&town).await;
    assert_eq!(ask(&town, &asked).await, outcome("accept", "", true));
    // What is bad stays bad on stale facts.
    town.clock.advance(3 * 86_400);
    let other = json!({"qr": good, "policy": town.rules.entry.id(), "holder": bearer, "at": at});
    assert_eq!(ask(&town, &other).await, outcome("refuse", "WRONG_KIND", false));
    // The rule ends a year after it was made.
    town.clock.advance(365 * 86_400);
    fresh(&town).await;
    assert_eq!(ask(&town, &asked).await, outcome("undecided", "RULE_OPEN", false));
    // The time that was asked for is in the audit log.
    let log = town.macau.get(Some(Role::Audit), "/v1/audit/log?limit=1000").await.unwrap();
    assert!(String::from_utf8_lossy(&log.bytes).contains(&at.seconds().to_string()), "{log:?}");

    // An agency that is not configured for it decides as of now, when this certificate has long ended.
    town.macau.stop().await.unwrap();
    town.macau.configure(|text| text.replace("transcode_as_of_any_time = true", "")).unwrap();
    town.macau.start().await.unwrap();
    problem(&town.macau.post(Some(Role::Verify), TRANSCODE, &asked).await.unwrap(), 422, "AS_OF");
    let now = json!({"qr": good, "policy": town.rules.foreign.id(), "holder": bearer});
    assert_eq!(ask(&town, &now).await, outcome("refuse", "EXPIRED", false));
    let verified = town.macau.post(None, VERIFY, &json!({"qr": good, "at": at})).await.unwrap();
    assert_eq!(verified.json()["verdict"], "accept", "who only asks may ask about any time");
}
