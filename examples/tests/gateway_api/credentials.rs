//! Offers, claims, batches, receipts and statuses.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_examples::town::PATIENCE;
use credential::anchor::credential_digest;
use credential::exchange::{ClaimRequest, Issued, Possession};
use credential::jws::Jws;
use did_registry::{Did, Digest, Motion, Purposes, SigningKey, Suite};
use gateway::operator::Role;
use ledger_chain::light::TrustedHead;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::json;
use wallet::Holding;

use super::*;

const DAY: u64 = 86_400;

fn key(number: u64) -> SigningKey {
    SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(number))
}

async fn claim(town: &Town, code: &str, key: &SigningKey, receiver: &Did) -> Answer {
    let request = ClaimRequest {
        holder: Possession::prove(key, receiver, code),
        code: code.to_owned(),
        causeway: None,
    };
    town.guangdong.post(None, "/v1/claims", &serde_json::to_value(&request).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_code_works_once_in_time_for_whoever_holds_the_key() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let (guangdong, holder) = (&town.guangdong.did, key(1));
    let code = town.offer("P1").await.unwrap();
    // A key that its sender does not hold, or a proof that was made for another agency or another code.
    let stolen = ClaimRequest {
        causeway: None,
        holder: Possession { key: key(2).public_key(), ..Possession::prove(&holder, guangdong, &code) },
        code: code.clone(),
    };
    let answer =
        town.guangdong.post(None, "/v1/claims", &serde_json::to_value(&stolen).unwrap()).await.unwrap();
    problem(&answer, 422, "HOLDER_MISMATCH");
    problem(&claim(&town, &code, &holder, &town.macau.did).await, 422, "HOLDER_MISMATCH");
    let issued = claim(&town, &code, &holder, guangdong).await;
    assert_eq!(issued.status, 201);
    let issued: Issued = issued.read().unwrap();
    problem(&claim(&town, &code, &holder, guangdong).await, 409, "CODE_USED");
    problem(&claim(&town, &code, &key(2), guangdong).await, 409, "CODE_USED");
    problem(&claim(&town, "nosuchcode", &holder, guangdong).await, 404, "CODE_UNKNOWN");
    problem(&claim(&town, &format!("{code} "), &holder, guangdong).await, 404, "CODE_UNKNOWN");
    assert_eq!(issued.data_integrity["issuer"], guangdong.to_string());
    // Two codes for one record are two credentials; each code has its own time.
    let (early, late) = (town.offer("P1").await.unwrap(), town.offer("P1").await.unwrap());
    town.clock.advance(30 * DAY - 1);
    town.follow().await.unwrap();
    let second: Issued = claim(&town, &early, &holder, guangdong).await.read().unwrap();
    assert_ne!((second.id, second.sd_jwt), (issued.id, issued.sd_jwt));
    town.clock.advance(1);
    problem(&claim(&town, &late, &holder, guangdong).await, 410, "CODE_EXPIRED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_and_batches_are_whole_or_not_at_all() {
    let (town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let schema = town.schema.id();
    let town = &town;
    let made = ask(town, "/v1/offers", &json!({"schema": schema, "record_ids": ["P1", "P2"]})).await;
    let offers = made.json();
    assert_eq!((made.status, offers["offers"].as_array().unwrap().len()), (201, 2));
    assert_ne!(offers["offers"][0]["code"], offers["offers"][1]["code"]);
    for (schema, records, status, code) in [
        (schema, vec!["P1".to_owned(), "P9".to_owned()], 404, "NOT_FOUND"),
        (Digest::sha256(b""), vec!["P1".to_owned()], 404, "NOT_FOUND"),
        (schema, vec![], 422, "BATCH_SIZE"),
        (schema, vec!["P1".to_owned(); 501], 422, "BATCH_SIZE"),
    ] {
        let body = json!({"schema": schema, "record_ids": records});
        problem(&ask(town, "/v1/offers", &body).await, status, code);
    }
    let holder = key(3).public_key();
    let items = |records: &[&str]| -> Value {
        let items: Vec<_> =
            records.iter().map(|record| json!({"record_id": record, "holder": holder})).collect();
        json!({"schema": schema, "items": items})
    };
    let answer = ask(town, "/v1/credentials/batch", &items(&["P1", "P2", "P1"])).await;
    let issued = answer.json()["issued"].as_array().unwrap().clone();
    assert_eq!((answer.status, issued.len()), (201, 3));
    for one in &issued {
        let id: Digest = one["id"].as_str().unwrap().parse().unwrap();
        town.receipt(&town.guangdong, &id).await.unwrap();
    }
    let issued_so_far = metric(town, "causeway_issued_total{format=\"dc+sd-jwt\"}").await;
    problem(&ask(town, "/v1/credentials/batch", &items(&["P1", "P9"])).await, 404, "NOT_FOUND");
    problem(&ask(town, "/v1/credentials/batch", &items(&[])).await, 422, "BATCH_SIZE");
    assert_eq!(metric(town, "causeway_issued_total{format=\"dc+sd-jwt\"}").await, issued_so_far);
    // What was made is noted, once each, and what was refused left no trace.
    let log = town.guangdong.get(Some(Role::Audit), "/v1/audit/log?limit=1000").await.unwrap().json();
    let noted: Vec<_> =
        log.as_array().unwrap().iter().map(|it| (&it["operation"], &it["subjects"])).collect();
    let made = |operation: &str| {
        noted.iter().filter(|it| it.0 == operation).map(|it| it.1.clone()).collect::<Vec<_>>()
    };
    assert_eq!(made("offer.make"), [json!([{"number": 2}])]);
    assert_eq!(made("credential.batch"), [json!([{"number": 3}])]);
}

async fn ask(town: &Town, path: &str, body: &Value) -> Answer {
    town.guangdong.post(Some(Role::Issue), path, body).await.unwrap()
}

async fn metric(town: &Town, name: &str) -> String {
    let text = town.guangdong.get(Some(Role::Audit), "/metrics").await.unwrap().bytes;
    let text = String::from_utf8(text).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_that_is_not_recognised_issues_nothing() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let code = town.offer("P1").await.unwrap();
    let credential_type = town.schema.credential_type.clone();
    let withdraw = Motion::WithdrawIssuer { issuer: town.guangdong.did.clone(), credential_type };
    town.decide(withdraw).await.unwrap();
    town.clock.advance(1);
    town.follow().await.unwrap();
    problem(&claim(&town, &code, &key(1), &town.guangdong.did).await, 409, "ISSUER_NOT_RECOGNISED");
    let (now, credential_type) = (town.clock.now(), town.schema.credential_type.clone());
    let (issuer, until) = (town.guangdong.did.clone(), now.plus(DAY));
    town.decide(Motion::RecogniseIssuer { issuer, credential_type, from: now, until }).await.unwrap();
    town.follow().await.unwrap();
    assert_eq!(
        claim(&town, &code, &key(1), &town.guangdong.did).await.status,
        201,
        "the code was not used up"
    );
}

/// 4.6: a receipt needs nobody but whoever holds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_comes_when_the_ledger_does_and_then_verifies_with_no_node() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let genesis = town.network.genesis.clone();
    let (codes, before) = ([town.offer("P1").await.unwrap(), town.offer("P1").await.unwrap()], key(1));
    let issued: Issued = claim(&town, &codes[0], &before, &town.guangdong.did).await.read().unwrap();
    let receipt = town.receipt(&town.guangdong, &issued.id).await.unwrap();
    // The cable is out: what was issued stays issued, and what is issued now waits for its anchor.
    town.stop_ledger().await;
    let trusted = TrustedHead::from_genesis(&genesis, &receipt.head).unwrap();
    let signed = issued.sd_jwt.split('~').next().unwrap();
    let anchored = receipt.verify_credential(&trusted, &credential_digest(signed.as_bytes())).unwrap();
    assert_eq!((&anchored.issuer, anchored.at.time), (&town.guangdong.did, town.clock.now()));
    let later: Issued = claim(&town, &codes[1], &key(2), &town.guangdong.did).await.read().unwrap();
    let waiting = town.guangdong.get(None, &format!("/v1/receipts/{}", later.id)).await.unwrap();
    assert_eq!((waiting.status, waiting.json()["pending"].as_bool()), (202, Some(true)));
    let unknown = town.guangdong.get(None, &format!("/v1/receipts/{}", Digest::sha256(b""))).await.unwrap();
    problem(&unknown, 404, "NOT_FOUND");
    problem(&town.guangdong.get(None, "/v1/receipts/xyz").await.unwrap(), 400, "BAD_REQUEST");
    town.start_ledger().await.unwrap();
    let receipt = town.receipt(&town.guangdong, &later.id).await.unwrap();
    let signed = later.sd_jwt.split('~').next().unwrap();
    receipt.verify_credential(&trusted, &credential_digest(signed.as_bytes())).unwrap();
    assert!(receipt.verify_credential(&trusted, &credential_digest(b"another")).is_err());
    assert!(URL_SAFE_NO_PAD.encode(receipt.to_bytes()).len() < 8_192, "it fits a wallet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_status_is_felt_at_the_next_application() {
    let (town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (holding, other) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    let mut epochs = Vec::new();
    for (status, faults) in [
        ("suspended", &["status SUSPENDED"][..]),
        ("valid", &[]),
        ("suspended", &["status SUSPENDED"]),
        ("revoked", &["status REVOKED"]),
    ] {
        let answer = town.set_status(&town.guangdong, holding.id(), status).await.unwrap();
        epochs.push(answer.json()["epoch"].as_u64().unwrap());
        town.follow().await.unwrap();
        let answer = town.apply_with(&holding).await.unwrap();
        if faults.is_empty() {
            accepted(&answer)
        } else {
            refused(&answer, faults)
        }
        accepted(&town.apply_with(&other).await.unwrap());
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    problem(&town.set_status(&town.guangdong, holding.id(), "valid").await.unwrap(), 409, "STATUS");
    // No red without a cause, which its holder can read, signed.
    let cause = cause(&town, &holding).await;
    let subject = format!("urn:causeway:credential:{}", holding.id());
    assert_eq!((&cause["sub"], &cause["status"]), (&json!(subject), &json!(1)), "{cause}");
    assert_eq!(
        (&cause["cause"], &cause["iat"]),
        (&json!("as the test says"), &json!(town.clock.now().seconds()))
    );
    problem(&told(&town, &other).await, 404, "NOT_FOUND");
    let path = format!("/v1/credentials/{}/status", other.id());
    for (body, status, code) in [
        (json!({"status": "revoked", "cause": " "}), 422, "CAUSE"),
        (json!({"status": "revoked", "cause": "x".repeat(281)}), 422, "CAUSE"),
        (json!({"status": "revoked", "cause": "a\u{1b}[2Jb"}), 422, "CAUSE"),
        (json!({"status": "revoked"}), 400, "BAD_SHAPE"),
        (json!({"status": "red", "cause": "colour"}), 400, "BAD_SHAPE"),
    ] {
        let answer = town.guangdong.post(Some(Role::Issue), &path, &body).await.unwrap();
        problem(&answer, status, code);
    }
    accepted(&town.apply_with(&other).await.unwrap());
    // The list as it was at each epoch, for whoever recomputes a decision.
    let earlier = town.guangdong.get(None, &format!("/status/1?epoch={}", epochs[0])).await.unwrap();
    let latest = town.guangdong.get(None, "/status/1").await.unwrap();
    assert_eq!(
        (earlier.kind.as_str(), latest.kind.as_str()),
        ("application/statuslist+jwt", "application/statuslist+jwt")
    );
    assert_ne!(earlier.bytes, latest.bytes);
}

/// What the agency answers to whoever asks for the reason of a status.
async fn told(town: &Town, holding: &Holding) -> Answer {
    town.guangdong.get(None, &format!("/v1/credentials/{}/status", holding.id())).await.unwrap()
}

/// The reason as its holder reads it, under a key that the issuer's document lists.
async fn cause(town: &Town, holding: &Holding) -> Value {
    let answer = told(town, holding).await;
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/jwt"), "{answer:?}");
    let signed = Jws::parse(std::str::from_utf8(&answer.bytes).unwrap(), 4096).unwrap();
    let facts = town.facts(&town.guangdong).await.unwrap();
    let method = signed.unverified_key_id().unwrap().to_owned();
    let key = facts.key(holding.issuer(), &method, Purposes::ASSERTION, None).unwrap();
    serde_json::from_slice(signed.verify(key).unwrap().payload()).unwrap()
}

/// A change that the ledger did not take is not lost: it is published when the ledger is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_while_the_ledger_is_away_is_published_later() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (holding, other) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    town.stop_ledger().await;
    let answer = town.set_status(&town.guangdong, holding.id(), "revoked").await.unwrap();
    problem(&answer, 502, "LEDGER");
    // It is kept, with its cause and its entry: there is no moment at which one of the three stands alone.
    let log = town.guangdong.get(Some(Role::Audit), "/v1/audit/log?limit=1000").await.unwrap().json();
    let last = log.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["operation"], &last["subjects"]),
        (&json!("credential.revoke"), &json!([{"digest": holding.id()}]))
    );
    assert_eq!(cause(&town, &holding).await["status"], 1);
    town.start_ledger().await.unwrap();
    // The next start, or the next look at the ledger, brings it through; so does the next change.
    town.guangdong.stop().await.unwrap();
    town.guangdong.start().await.unwrap();
    town.acquaint().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(Duration::from_millis(50));
    loop {
        look.tick().await;
        town.follow().await.unwrap();
        let answer = town.apply_with(&holding).await.unwrap();
        if answer.faults() == ["status REVOKED"] {
            break;
        }
        assert!(Instant::now() < deadline, "the revocation is never published: {:?}", answer.faults());
    }
    accepted(&town.apply_with(&other).await.unwrap());
}
