//! Passing off somebody else, or somebody's key, as the issuer; and credentials that were taken back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_examples::health_code::consortium::Rules;
use causeway_examples::town::{csv, row};
use credential::anchor::credential_digest;
use credential::exchange::ChallengeResponse;
use credential::jws;
use credential::sd_jwt::SdJwt;
use did_registry::{ClaimKind, ClaimSpec, CredentialType, Schema, Suite};
use ledger_chain::Operation;
use rand::rngs::OsRng;
use serde_json::json;
use wallet::{Application, WalletError};

use super::*;

/// A schema that anybody may publish.
fn own_schema() -> Schema {
    let day = ClaimSpec { kind: ClaimKind::Date, required: true };
    Schema {
        credential_type: CredentialType::new("CanteenVisit").unwrap(),
        version: 1,
        claims: [("day".to_owned(), day)].into(),
    }
}

/// W4: verification ignores revocation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w4_what_was_revoked_or_suspended_is_refused_everywhere() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let pass = town.pass(&holding).await.unwrap();
    accepted(&town.show(&pass).await.unwrap());
    for (status, faults) in
        [("suspended", &["status SUSPENDED"][..]), ("valid", &[]), ("revoked", &["status REVOKED"])]
    {
        assert_eq!(town.set_status(&town.guangdong, holding.id(), status).await.unwrap().status, 200);
        town.follow().await.unwrap();
        let answer = town.apply_with(&holding).await.unwrap();
        if faults.is_empty() { accepted(&answer) } else { refused(&answer, faults) }
    }
    assert_eq!(town.set_status(&town.macau, pass.id(), "revoked").await.unwrap().status, 200);
    town.follow().await.unwrap();
    refused(&town.show(&pass).await.unwrap(), &["status REVOKED"]);

    // One that its own issuer made so that it cannot be revoked, and one that points to somebody else's list.
    let holder = key(Suite::P256, 1);
    let keys = town.guangdong.config().unwrap().keys().unwrap();
    let mut forgery = Forgery {
        issuer: &town.guangdong.did,
        key_id: town.guangdong.did.url("es256-1"),
        key: &keys.assertion_p256,
        kind: kind(&town, "HealthTest"),
        status: None,
    };
    refused(&shown(&town, &forgery.sign(&town, &holder), &holder).await, &["status BAD_ENCODING"]);
    let uri = format!("{}/status/1", town.macau.url());
    forgery.status = Some(StatusReference { uri, index: 1 });
    refused(&shown(&town, &forgery.sign(&town, &holder), &holder).await, &["status LIST_STALE?"]);
}

/// W5: verification accepts any DID as issuer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w5_a_registered_stranger_issues_nothing_that_counts() {
    let (mut town, _place) = town().await;
    let stranger = town.stranger("stranger", None).await.unwrap();
    let holder = key(Suite::P256, 1);
    let credential = Forgery::by(&town, &stranger).sign(&town, &holder);
    refused(&shown(&town, &credential, &holder).await, &["issuer KEY_UNKNOWN"]);
    // With an anchor of its own, and whatever it publishes: that buys no place in anybody's bundle.
    stranger.voice.say(Operation::Schema(own_schema())).await.unwrap();
    let anchor = town.anchor(&stranger, &credential).await.unwrap();
    town.follow().await.unwrap();
    assert!(!town.facts(&town.macau).await.unwrap().schemas.contains_key(&own_schema().id()));
    let apply = |town: &Town, challenge: &ChallengeResponse| {
        application(town, &credential, &holder, &anchor, challenge, &key(Suite::Ed25519, 2))
    };
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    refused(&town.apply(&apply(&town, &challenge)).await.unwrap(), &["issuer KEY_UNKNOWN"]);
    // With keys that every bundle carries, because it is recognised for another type.
    town.recognise(&stranger.did, "CanteenVisit").await.unwrap();
    town.follow().await.unwrap();
    let faults = ["issuer ISSUER_NOT_RECOGNISED", "status LIST_STALE?"];
    refused(&shown(&town, &credential, &holder).await, &faults);
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    refused(&town.apply(&apply(&town, &challenge)).await.unwrap(), &faults);
    // Borrowing the schema of this one.
    let borrowed = Forgery { kind: kind(&town, "CanteenVisit"), ..Forgery::by(&town, &stranger) };
    let borrowed = borrowed.sign(&town, &holder);
    refused(&shown(&town, &borrowed, &holder).await, &["status LIST_STALE?", "rule WRONG_KIND"]);
    // A genuine credential, vouched for by somebody else's anchor.
    town.enrol(&["P1"]).await.unwrap();
    let (issued, _) = claimed(&town, "P1", &holder).await;
    let genuine = SdJwt::restore(&issued.sd_jwt).unwrap();
    let digest = credential_digest(genuine.signed_part().as_bytes());
    let (anchor, _) = town.anchor_digest(&stranger, digest).await.unwrap();
    town.follow().await.unwrap();
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let request = application(&town, &genuine, &holder, &anchor, &challenge, &key(Suite::Ed25519, 2));
    refused(&town.apply(&request).await.unwrap(), &["issuer NOT_ANCHORED"]);
}

/// W5: a gate takes the pass of any issuer that is recognised for passes. Guangdong is, and lets everybody in;
/// that is Guangdong's to say at its own gate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w5_a_pass_opens_no_gate_of_another_agency() {
    let (town, _place) = town().await;
    let mut lax = Rules::of(&town.guangdong.did, &town.schema, town.clock.now()).unwrap();
    lax.entry.predicates[0].test =
        credential::Test::OneOf(["negative", "positive"].map(str::to_owned).into());
    lax.publish(&town.voice(&town.guangdong).unwrap()).await.unwrap();
    let rows = csv(&[row("P1", "positive", 0, town.clock.now())]);
    town.guangdong.import(&town.schema.id(), &rows).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    town.follow().await.unwrap();
    refused(&town.apply_with(&holding).await.unwrap(), &["rule RULE_FAILED"]);

    let ask = |policy: Digest| {
        let guangdong = &town.guangdong;
        async move {
            let answer = guangdong.post(None, "/v1/challenges", &json!({"policy": policy})).await.unwrap();
            answer.read::<ChallengeResponse>().unwrap()
        }
    };
    let (asked, facts) = (ask(lax.entry.id()).await, town.facts(&town.guangdong).await.unwrap());
    let (application, request) =
        Application::begin(&holding, &asked, &facts, true, town.clock.now(), &mut OsRng).unwrap();
    let body = serde_json::to_value(&request).unwrap();
    let given = town.guangdong.post(None, "/v1/passes", &body).await.unwrap();
    let pass = application.accept(given.read().unwrap(), &facts, town.clock.now()).unwrap();
    refused(&town.show(&pass).await.unwrap(), &["issuer ISSUER_NOT_RECOGNISED"]);
    let own = ask(lax.gate.id()).await;
    let text = pass.show(&own.audience.to_string(), &own.nonce, town.clock.now()).unwrap();
    let body = json!({"presentation": text, "nonce": own.nonce});
    accepted(&town.guangdong.post(None, "/v1/presentations/verify", &body).await.unwrap());
}

/// What `ssi` 0.16 leaves to its caller: is the signer the stated issuer, and may its key do this?
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssi_omission_the_signer_is_the_issuer_and_its_key_is_listed_for_this() {
    let (mut town, _place) = town().await;
    let evil = town.stranger("evil", None).await.unwrap();
    town.recognise(&evil.did, "HealthTest").await.unwrap();
    town.follow().await.unwrap();
    let holder = key(Suite::P256, 1);
    let own = || Forgery::by(&town, &evil);
    refused(&shown(&town, &own().sign(&town, &holder), &holder).await, &["status LIST_STALE?"]);
    // `issuer: agency1`, signed by `evil` with a key of its own, and under the agency's key's name.
    let stated = Forgery { issuer: &town.guangdong.did, ..own() };
    refused(&shown(&town, &stated.sign(&town, &holder), &holder).await, &["issuer KEY_UNKNOWN"]);
    let named = Forgery { key_id: town.guangdong.did.url("es256-1"), issuer: &town.guangdong.did, ..own() };
    refused(&shown(&town, &named.sign(&town, &holder), &holder).await, &["integrity BAD_SIGNATURE"]);
    // The right issuer's own key, listed to prove who calls, and not to sign credentials.
    let calls = Forgery { key_id: evil.did.url("calls"), ..own() };
    refused(&shown(&town, &calls.sign(&town, &holder), &holder).await, &["issuer WRONG_KEY_USE"]);
}

/// W6: the prover supplies the rule, or the issuer's key, that the verifier then uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w6_neither_rule_nor_key_comes_from_the_prover() {
    let (mut town, _place) = town().await;
    let stranger = town.stranger("stranger", None).await.unwrap();
    let holder = key(Suite::P256, 1);
    // A key in the header, beside or instead of the name of the issuer's.
    let forgery =
        Forgery { issuer: &town.guangdong.did, ..Forgery::by(&town, &stranger) }.sign(&town, &holder);
    let claims = URL_SAFE_NO_PAD.decode(forgery.signed_part().split('.').nth(1).unwrap()).unwrap();
    let jwk = stranger.es256.public_key().to_jwk();
    for (header, fault) in [
        (
            json!({"typ": "dc+sd-jwt", "kid": town.guangdong.did.url("es256-1"), "jwk": jwk}),
            "integrity BAD_SIGNATURE",
        ),
        (json!({"typ": "dc+sd-jwt", "jwk": jwk}), "integrity BAD_ENCODING"),
        (json!({"typ": "dc+sd-jwt", "kid": "jwk", "jwk": jwk}), "issuer KEY_UNKNOWN"),
    ] {
        let signed = jws::sign(object(header), &claims, &stranger.es256);
        let compact = forgery.compact().replacen(forgery.signed_part(), &signed, 1);
        let credential = SdJwt::restore(&compact).unwrap();
        refused(&shown(&town, &credential, &holder).await, &[fault]);
    }
    // A rule of the prover's own: published by the prover, or brought along.
    let mut easy = town.rules.entry.clone();
    easy.predicates.truncate(1);
    easy.retained.clear();
    easy.verifier = stranger.did.clone();
    stranger.voice.say(Operation::Policy(easy.clone())).await.unwrap();
    town.follow().await.unwrap();
    for policy in [easy.id(), did_registry::Digest::sha256(b"none")] {
        let answer = town.macau.post(None, "/v1/challenges", &json!({"policy": policy})).await.unwrap();
        assert_eq!(answer.problem().unwrap(), (404, "NOT_FOUND".into()));
    }
    let answer = town.macau.post(None, "/v1/challenges", &json!({"policy": easy})).await.unwrap();
    assert_eq!(answer.problem().unwrap(), (400, "BAD_SHAPE".into()));
    town.enrol(&["P1"]).await.unwrap();
    let (_, request) = town.application(&town.credential("P1").await.unwrap()).await.unwrap();
    let mut body = serde_json::to_value(&request).unwrap();
    body["policy"] = serde_json::to_value(&easy).unwrap();
    let answer = town.macau.post(None, "/v1/passes", &body).await.unwrap();
    assert_eq!(answer.problem().unwrap(), (400, "BAD_SHAPE".into()));
}

/// W6 from the other side: a wallet answers no rule that is not anchored, and nobody but the rule's own verifier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w6_a_wallet_answers_anchored_rules_of_their_own_verifier() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let facts = town.facts(&town.macau).await.unwrap();
    let asked = town.challenge(&town.rules.entry.id()).await.unwrap();
    let begin = |challenge: &ChallengeResponse| {
        Application::begin(&holding, challenge, &facts, true, town.clock.now(), &mut OsRng).map(|_| ())
    };
    assert!(begin(&asked).is_ok());
    let mut curious = asked.clone();
    let name = credential::Predicate {
        claim: "full_name".into(),
        test: credential::Test::OneOf(["Nobody".to_owned()].into()),
    };
    curious.policy.predicates.push(name);
    assert!(matches!(begin(&curious), Err(WalletError::PolicyNotAnchored(_))));
    let fake = ChallengeResponse { audience: town.guangdong.did.clone(), ..asked };
    assert!(matches!(begin(&fake), Err(WalletError::NotVerifier(_))));
}
