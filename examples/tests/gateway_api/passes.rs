//! Challenges, applications, verification, and the evidence behind a pass.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_examples::town::{csv, row};
use credential::anchor::{Batch, LeafKind};
use credential::exchange::PassResponse;
use credential::transcoding::{Transcoding, TrustEpoch};
use did_registry::Digest;
use gateway::operator::Role;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{Operation, ReceiptBatch, ReceiptKind, StateKey};
use rand::rngs::OsRng;
use serde_json::json;
use wallet::{Answer as Came, Wallet};

use super::*;

const DAY: u64 = 86_400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_challenge_to_pass_to_gate_and_every_part_is_answered() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let challenge =
        town.macau.post(None, "/v1/challenges", &json!({"policy": town.rules.entry.id()})).await.unwrap();
    assert_eq!((challenge.status, &challenge.json()["audience"]), (201, &json!(town.macau.did)));
    let (application, request) = town.application(&holding).await.unwrap();
    // Only what the rule needs is in what is sent.
    let sent = serde_json::to_string(&request).unwrap();
    assert_eq!(request.presentation.split('~').count(), 4, "two disclosures and the holder's token");
    assert!(!sent.contains("full_name") && !sent.contains("birth_date"));
    let answer = town.apply(&request).await.unwrap();
    accepted(&answer);
    let body = answer.json();
    for part in ["integrity", "issuer", "validity", "status", "holder", "freshness", "rule"] {
        assert_eq!(body["verdict"][part]["answer"], "good", "{part}");
    }
    let ages = ["keys", "rules", "status"].map(|name| body["ages"][name].as_u64().unwrap());
    assert_eq!((ages, body["ages"]["amber"].as_bool()), ([0; 3], Some(false)));
    let response: PassResponse = answer.read().unwrap();
    let subject = response.pass.as_ref().unwrap().credential["credentialSubject"].clone();
    assert_eq!((subject["colour"].as_str(), subject["verdict"].as_str()), (Some("green"), Some("accept")));
    assert_eq!(subject["policy"], json!(town.rules.entry.id()));
    let facts = town.facts(&town.macau).await.unwrap();
    let pass = application.accept(response, &facts, town.clock.now()).unwrap();
    accepted(&town.show(&pass).await.unwrap());
    // It lasts as long as its rule says: a day.
    town.clock.advance(DAY + 61);
    town.follow().await.unwrap();
    refused(&town.show(&pass).await.unwrap(), &["validity EXPIRED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_satisfy_the_rule_is_told_which_part_and_gets_no_pass() {
    let (town, _place) = town().await;
    let now = town.clock.now();
    let file = csv(&[
        row("sick", "positive", 0, now),
        row("old", "negative", 9, now),
        row("well", "negative", 0, now),
    ]);
    town.guangdong.import(&town.schema.id(), &file).await.unwrap();
    for (record, rule) in [("sick", "test result is negative"), ("old", "sample date is on or after")] {
        let answer = town.apply_with(&town.credential(record).await.unwrap()).await.unwrap();
        refused(&answer, &["rule RULE_FAILED"]);
        let why = answer.json()["verdict"]["rule"]["why"]["detail"].as_str().unwrap().to_owned();
        assert!(why.contains("entry v1 predicate") && why.contains(rule), "{why}");
        assert!(!why.contains("positive"), "the rule is named, not the value");
    }
    // An anchor of something else, and none at all.
    let (well, sick) = (town.credential("well").await.unwrap(), town.credential("sick").await.unwrap());
    for anchor in [sick.anchor().unwrap(), "", "AAAA", "not base64url!"] {
        let (_, mut request) = town.application(&well).await.unwrap();
        request.anchor = anchor.to_owned();
        refused(&town.apply(&request).await.unwrap(), &["issuer NOT_ANCHORED"]);
    }
    // Two weeks later it has ended, and so has the answer to a challenge after five minutes.
    let (_, slow) = town.application(&well).await.unwrap();
    town.clock.advance(301);
    refused(&town.apply(&slow).await.unwrap(), &["freshness EXPIRED"]);
    town.clock.advance(14 * DAY);
    town.follow().await.unwrap();
    let faults = town.apply_with(&well).await.unwrap().faults();
    assert_eq!(faults, ["validity EXPIRED", "freshness LIST_STALE?", "rule RULE_FAILED"]);
    // Text that is nothing at all is answered as well.
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let answer = town.verify("~", &challenge.nonce).await.unwrap();
    refused(&answer, &["integrity BAD_ENCODING"]);
    let answer = town.verify("CWP:", "made up").await.unwrap();
    refused(&answer, &["freshness REPLAYED"]);
}

/// P4: the verdict says how old its facts are, warns, and at last decides nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_that_hears_nothing_of_the_ledger_turns_amber_and_then_undecided() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let pass = town.pass(&town.credential("P1").await.unwrap()).await.unwrap();
    let gate = &town.rules.gate.id();
    let policy = town.challenge(gate).await.unwrap();
    assert_eq!(policy.policy, town.rules.gate);
    town.stop_ledger().await;
    let refresh = town.macau.call(Some(Role::Admin), "/v1/trust/refresh").await.unwrap();
    problem(&refresh, 502, "LEDGER");
    town.clock.advance(DAY - 1);
    accepted(&town.show(&pass).await.unwrap());
    town.clock.advance(2);
    let answer = town.show(&pass).await.unwrap();
    accepted(&answer);
    assert_eq!(answer.json()["ages"]["amber"], true);
    town.clock.advance(2 * DAY);
    let answer = town.show(&pass).await.unwrap();
    assert_eq!(
        (answer.json()["overall"].as_str(), answer.faults()[0].as_str()),
        (Some("refuse"), "validity EXPIRED")
    );
    assert!(answer.faults().contains(&"freshness LIST_STALE?".to_owned()));
    assert_eq!(answer.json()["ages"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_of_somebody_else_is_not_asked_for_here() {
    let (town, _place) = town().await;
    for policy in [town.rules.entry.id(), Digest::sha256(b"none")] {
        let answer = town.guangdong.post(None, "/v1/challenges", &json!({"policy": policy})).await.unwrap();
        problem(&answer, 404, "NOT_FOUND");
    }
    // Two agencies' challenges do not mix.
    town.enrol(&["P1"]).await.unwrap();
    let (_, request) = town.application(&town.credential("P1").await.unwrap()).await.unwrap();
    let body = serde_json::to_value(&request).unwrap();
    refused(&town.guangdong.post(None, "/v1/passes", &body).await.unwrap(), &["freshness REPLAYED"]);
    accepted(&town.apply(&request).await.unwrap());
}

/// Whoever hears of a challenge cannot use it up for the one who asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_holders_answer_uses_a_challenge_up() {
    let (town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (mine, theirs) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    let (_, request) = town.application(&mine).await.unwrap();
    let nonce = &request.consent.consent.nonce;
    refused(&town.verify("~", nonce).await.unwrap(), &["integrity BAD_ENCODING"]);
    // Somebody else's answer to another challenge.
    let (_, mut other) = town.application(&theirs).await.unwrap();
    other.consent.consent.nonce.clone_from(nonce);
    refused(&town.apply(&other).await.unwrap(), &["freshness WRONG_AUDIENCE"]);
    accepted(&town.apply(&request).await.unwrap());
    refused(&town.apply(&request).await.unwrap(), &["freshness REPLAYED"]);
}

/// What a regulator gets: the decision as the pass names it, and what it was made on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_evidence_behind_a_pass_is_what_was_decided_on() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let (application, request) = town.application(&holding).await.unwrap();
    let response: PassResponse = town.apply(&request).await.unwrap().read().unwrap();
    let facts = town.facts(&town.macau).await.unwrap();
    let pass = application.accept(response, &facts, town.clock.now()).unwrap();
    let path = format!("/v1/audit/transcodings/{}", pass.digest());
    let evidence = town.macau.get(Some(Role::Audit), &path).await.unwrap();
    let body = evidence.json();
    // What was decided, the pass says itself.
    let mut claims = pass.credential()["credentialSubject"].as_object().unwrap().clone();
    claims.remove("id");
    let transcoding = Transcoding::from_pass_claims(&claims).unwrap();
    assert_eq!(transcoding.policy, town.rules.entry.id());
    assert!(matches!(transcoding.trust, TrustEpoch::Ledger(height) if height <= facts.as_of.height));
    assert_eq!(body["presentation"], json!(request.presentation), "all that was asked may be kept");
    assert_eq!(body["consent"], json!(request.consent), "what its holder signed");
    // The source's anchor, the decision's own, and the consent's.
    let receipt = |text: &Value| {
        AnchorReceipt::from_bytes(&URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()).unwrap()
    };
    let decided = receipt(&body["receipt"]);
    let trusted = TrustedHead::from_genesis(&town.network.genesis, &decided.head).unwrap();
    let decision = transcoding.digest();
    decided.verify_receipt(&trusted, ReceiptKind::Transcoding, &decision).unwrap();
    assert!(decided.verify_receipt(&trusted, ReceiptKind::Consent, &decision).is_err());
    let consent = request.consent.consent.digest();
    let consented = receipt(&body["consent_receipt"]);
    let anchored = consented.verify_receipt(&trusted, ReceiptKind::Consent, &consent).unwrap();
    assert_eq!(anchored.issuer, town.macau.did);
    assert!(consented.verify_receipt(&trusted, ReceiptKind::Consent, &decision).is_err());
    let source = receipt(&body["anchor"]);
    assert_eq!(URL_SAFE_NO_PAD.encode(source.to_bytes()), holding.anchor().unwrap());
    let digest =
        credential::anchor::credential_digest(request.presentation.split('~').next().unwrap().as_bytes());
    let anchored = source.verify_credential(&trusted, &digest).unwrap();
    assert_eq!(anchored.commitment, transcoding.source);
    // The holder asks for the consent's by its digest, which nobody else knows; what others were shown names none.
    let own = town.receipt(&town.macau, &consent).await.unwrap();
    assert_eq!(own.opening, consented.opening);
    for known in [decision, digest, pass.digest()] {
        problem(&town.macau.get(None, &format!("/v1/receipts/{known}")).await.unwrap(), 404, "NOT_FOUND");
    }
    // Only for those who may.
    let by_name = format!("/v1/audit/transcodings/{}", pass.id());
    problem(&town.macau.get(Some(Role::Audit), &by_name).await.unwrap(), 404, "NOT_FOUND");
    problem(&town.macau.get(Some(Role::Issue), &path).await.unwrap(), 403, "ROLE_MISSING");
    problem(&town.guangdong.get(Some(Role::Audit), &path).await.unwrap(), 404, "NOT_FOUND");
}

/// What was agreed to stays with the holder: who asked, why, under which rule, and that it was anchored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_stays_with_its_holder_and_is_proved_with_no_node() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let (application, request) = town.application(&holding).await.unwrap();
    let mut receipt = application.consent().clone();
    let mut other = town.application(&holding).await.unwrap().0.consent().clone();
    let consent = receipt.digest();
    let unknown = format!("/v1/receipts/{consent}");
    problem(&town.macau.get(None, &unknown).await.unwrap(), 404, "NOT_FOUND");
    accepted(&town.apply(&request).await.unwrap());

    let text = |receipt: &AnchorReceipt| URL_SAFE_NO_PAD.encode(receipt.to_bytes());
    let anchored = town.receipt(&town.macau, &consent).await.unwrap();
    let trusted = TrustedHead::from_genesis(&town.network.genesis, &anchored.head).unwrap();
    // Another consent's, a credential's and a stranger's are none; nor is it kept under another ledger.
    assert!(other.keep_anchor(text(&anchored), &trusted).is_err());
    let credential = town.receipt(&town.guangdong, holding.id()).await.unwrap();
    assert!(receipt.keep_anchor(text(&credential), &trusted).is_err());
    let stranger = town.stranger("stranger", None).await.unwrap();
    let batch = Batch::new(LeafKind::Receipt, &[consent], &mut OsRng);
    let root = batch.root();
    let said = ReceiptBatch { kind: ReceiptKind::Consent, root, count: 1 };
    stranger.voice.say(Operation::Receipt(said)).await.unwrap();
    let key = StateKey::Receipt(stranger.did.clone(), root);
    let (record, head) = town.ledger.client().record_and_head(&key).await.unwrap();
    let opening = batch.opening(0).unwrap();
    let theirs = AnchorReceipt { issuer: stranger.did.clone(), opening, record, head };
    let refused = receipt.keep_anchor(text(&theirs), &trusted).unwrap_err();
    assert!(refused.detail.contains("by its receiver"), "{refused}");
    assert!(receipt.is_owed() && receipt.verify(&trusted).unwrap().is_none(), "nothing of it was kept");
    receipt.keep_anchor(text(&anchored), &trusted).unwrap();

    // From here on there is neither ledger nor agency.
    town.macau.stop().await.unwrap();
    town.guangdong.stop().await.unwrap();
    town.stop_ledger().await;
    let wallet = Wallet { receipts: vec![receipt], ..Wallet::default() };
    let mut wallet = Wallet::read(wallet.write().expose()).unwrap();
    wallet.answered(&consent, Came::Refused);
    let kept = &wallet.receipts[0];
    let shown = kept.verify(&trusted).unwrap().unwrap();
    assert_eq!((&shown.issuer, shown.at.time), (&town.macau.did, town.clock.now()));
    assert_eq!(
        (kept.policy(), kept.given(), kept.answer()),
        (&town.rules.entry, &request.consent, Came::Refused)
    );
    // A word changed in the file is noticed, be it of the consent or of the rule it was given under.
    type Alter = fn(&mut Value);
    let alterations: [Alter; 4] = [
        |it| it["given"]["consent"]["claims"] = json!(["full_name"]),
        |it| it["given"]["consent"]["given"] = json!("2021-01-01T00:00:00Z"),
        |it| it["policy"]["purpose"] = json!("To sell it"),
        |it| it["anchor"] = json!("AAAA"),
    ];
    for alter in alterations {
        let mut stored: Value = serde_json::from_str(wallet.write().expose()).unwrap();
        alter(&mut stored["receipts"][0]);
        let altered = Wallet::read(&stored.to_string()).unwrap();
        altered.receipts[0].verify(&trusted).unwrap_err();
    }
    // A wallet of before has none, and reads.
    let before = json!({"holdings": [], "passes": [], "log": []});
    assert!(Wallet::read(&before.to_string()).unwrap().receipts.is_empty());
}
