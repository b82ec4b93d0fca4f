//! Replaying, redirecting, stretching and relabelling what a holder showed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::data_integrity::{self, CREDENTIALS_V2, ProofOptions, Purpose, did_key};
use credential::dcc::{base45, zlib};
use credential::exchange::{PassResponse, Possession};
use credential::json::canonical_object;
use credential::jws;
use credential::presentation::present_pass;
use credential::sd_jwt::{self, SdJwt};
use did_registry::{SigningKey, Suite};
use serde_json::{Map, Value, json};

use super::*;

/// W1: replay by swapping the nonce, or by sending the same again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_nothing_that_was_shown_is_good_for_another_challenge_or_verifier() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let (_, first) = town.application(&holding).await.unwrap();
    accepted(&town.apply(&first).await.unwrap());
    refused(&town.apply(&first).await.unwrap(), &["freshness REPLAYED"]);

    // An application that was overheard and never arrived, under a challenge of the thief's own.
    let (_, overheard) = town.application(&holding).await.unwrap();
    let fresh = || async { town.challenge(&town.rules.entry.id()).await.unwrap().nonce };
    let mut renamed = overheard.clone();
    renamed.consent.consent.nonce = fresh().await;
    refused(&town.apply(&renamed).await.unwrap(), &["freshness WRONG_AUDIENCE"]);
    let mut rewritten = overheard.clone();
    let nonce = fresh().await;
    rewritten.consent.consent.nonce.clone_from(&nonce);
    rewritten.presentation = with_nonce(&overheard.presentation, &nonce);
    refused(&town.apply(&rewritten).await.unwrap(), &["holder HOLDER_MISMATCH"]);
    let mut made_up = overheard;
    made_up.consent.consent.nonce = "thisnoncewasmadebynobody".into();
    refused(&town.apply(&made_up).await.unwrap(), &["freshness REPLAYED"]);

    // Shown to Guangdong, and carried to Macau with Macau's own nonce in it.
    let holder = key(Suite::P256, 1);
    let credential = SdJwt::restore(&claimed(&town, "P1", &holder).await.0.sd_jwt).unwrap();
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let (elsewhere, names) = (town.guangdong.did.to_string(), challenge.policy.claims());
    let carried =
        sd_jwt::present(&credential, &names, &holder, &elsewhere, &challenge.nonce, town.clock.now())
            .unwrap();
    refused(&town.verify(&carried, &challenge.nonce).await.unwrap(), &["freshness WRONG_AUDIENCE"]);
}

/// The presentation with another nonce in the holder's token, under the signature that was there.
fn with_nonce(presentation: &str, nonce: &str) -> String {
    let (front, token) = presentation.rsplit_once('~').unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut payload = object(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap());
    payload.insert("nonce".into(), nonce.into());
    let payload = URL_SAFE_NO_PAD.encode(Value::Object(payload).to_string());
    format!("{front}~{}.{payload}.{}", parts[0], parts[2])
}

/// W1: the screenshot of a pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_a_code_that_was_scanned_once_opens_no_second_gate() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let pass = town.pass(&town.credential("P1").await.unwrap()).await.unwrap();
    let challenge = town.challenge(&town.rules.gate.id()).await.unwrap();
    let picture = pass.show(&challenge.audience.to_string(), &challenge.nonce, town.clock.now()).unwrap();
    accepted(&town.verify(&picture, &challenge.nonce).await.unwrap());
    refused(&town.verify(&picture, &challenge.nonce).await.unwrap(), &["freshness REPLAYED"]);
    let fresh = town.challenge(&town.rules.gate.id()).await.unwrap();
    refused(&town.verify(&picture, &fresh.nonce).await.unwrap(), &["freshness WRONG_AUDIENCE"]);
    // Answered too late, and answered after the challenge had ended.
    let late = town.challenge(&town.rules.gate.id()).await.unwrap();
    let text = pass.show(&late.audience.to_string(), &late.nonce, town.clock.now()).unwrap();
    town.clock.advance(300);
    refused(&town.verify(&text, &late.nonce).await.unwrap(), &["freshness EXPIRED"]);
}

/// Presentations of several passes in one code, by their holder.
fn packed(passes: &[Value], holder: &SigningKey, challenge: &ChallengeResponse, town: &Town) -> String {
    let did = did_key(&holder.public_key());
    let method = format!("{did}#{}", holder.public_key().to_multibase());
    let audience = challenge.audience.to_string();
    let document = object(json!({"@context": [CREDENTIALS_V2], "type": ["VerifiablePresentation"],
        "holder": did, "verifiableCredential": passes}));
    let options = ProofOptions {
        verification_method: &method,
        purpose: Purpose::Authentication,
        created: town.clock.now(),
        expires: None,
        challenge: Some(&challenge.nonce),
        domain: Some(&audience),
    };
    let secured = data_integrity::secure(document, &options, holder).unwrap();
    format!("CWP:{}", base45::encode(&zlib::deflate(&canonical_object(&secured))))
}

/// W7: the first item of a presentation ends the checking of the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w7_a_good_first_item_carries_no_second_one_in() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let (holder, bearer) = (key(Suite::P256, 1), key(Suite::Ed25519, 2));
    let (issued, anchor) = claimed(&town, "P1", &holder).await;
    let credential = SdJwt::restore(&issued.sd_jwt).unwrap();
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let request = application(&town, &credential, &holder, &anchor, &challenge, &bearer);
    let response: PassResponse = town.apply(&request).await.unwrap().read().unwrap();
    let pass = Value::Object(response.pass.unwrap().credential);

    let gate = || async { town.challenge(&town.rules.gate.id()).await.unwrap() };
    let show = |passes: Vec<Value>| {
        let (town, bearer, gate) = (&town, &bearer, &gate);
        async move {
            let challenge = gate().await;
            town.verify(&packed(&passes, bearer, &challenge, town), &challenge.nonce).await.unwrap()
        }
    };
    accepted(&show(vec![pass.clone()]).await);
    let mut forged = pass.clone();
    forged["validUntil"] = "2099-01-01T00:00:00Z".into();
    refused(&show(vec![forged.clone()]).await, &["integrity BAD_SIGNATURE"]);
    for several in
        [vec![pass.clone(), forged.clone()], vec![forged, pass.clone()], vec![pass.clone(), pass.clone()]]
    {
        refused(&show(several).await, &["integrity MULTIPLE_ENTRIES"]);
    }
    // Two proofs on one pass, of which a verifier might look at the first.
    let mut twice = pass.clone();
    twice["proof"] = json!([pass["proof"], {"type": "DataIntegrityProof"}]);
    refused(&show(vec![twice]).await, &["integrity MULTIPLE_ENTRIES"]);

    // In the other format: a claim of the holder's own behind the issuer's.
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let own = URL_SAFE_NO_PAD.encode(json!(["c2FsdHNhbHRzYWx0c2FsdA", "dose", 3]).to_string());
    let (names, audience) = (challenge.policy.claims(), challenge.audience.to_string());
    let text =
        sd_jwt::present(&credential, &names, &holder, &audience, &challenge.nonce, town.clock.now()).unwrap();
    let front = format!("{}{own}~", &text[..=text.rfind('~').unwrap()]);
    let header: Map<String, Value> = object(json!({"typ": "kb+jwt"}));
    let payload = json!({"aud": audience, "nonce": challenge.nonce, "iat": town.clock.now().seconds(),
        "sd_hash": sha256(&front)});
    let signed = format!("{front}{}", jws::sign(header, payload.to_string().as_bytes(), &holder));
    refused(&town.verify(&signed, &challenge.nonce).await.unwrap(), &["integrity BAD_SIGNATURE"]);
}

/// W12: an authorisation works for whoever holds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w12_a_consent_and_a_pass_work_for_their_holder_alone() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let (holder, bearer) = (key(Suite::P256, 1), key(Suite::Ed25519, 2));
    let (issued, anchor) = claimed(&town, "P1", &holder).await;
    let credential = SdJwt::restore(&issued.sd_jwt).unwrap();
    let (thief, taker) = (key(Suite::P256, 8), key(Suite::Ed25519, 9));
    let fresh = || async {
        let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
        (application(&town, &credential, &holder, &anchor, &challenge, &bearer), challenge)
    };
    // Somebody on the way asks that the pass be bound to a key of theirs.
    let (mut taken, challenge) = fresh().await;
    taken.holder = Possession::prove(&taker, &challenge.audience, &challenge.nonce);
    refused(&town.apply(&taken).await.unwrap(), &["holder HOLDER_MISMATCH"]);
    let (mut taken, challenge) = fresh().await;
    taken.holder = Possession::prove(&taker, &challenge.audience, &challenge.nonce);
    taken.consent.consent.pass = Some(taker.public_key());
    refused(&town.apply(&taken).await.unwrap(), &["holder BAD_SIGNATURE"]);
    // A consent by somebody else than the credential's holder; one for less, one for more, one for another rule.
    let (mut other, challenge) = fresh().await;
    let (policy, now) = (&challenge.policy, town.clock.now());
    other.consent = Consent::to(policy, thief.public_key(), &challenge.nonce, now).sign(&thief);
    refused(&town.apply(&other).await.unwrap(), &["holder HOLDER_MISMATCH"]);
    for claims in [vec!["test_result"], vec!["test_result", "sample_date", "full_name"]] {
        let (mut other, challenge) = fresh().await;
        let mut consent =
            Consent::to(policy, holder.public_key(), &challenge.nonce, now).for_pass(bearer.public_key());
        consent.claims = claims.into_iter().map(str::to_owned).collect();
        other.consent = consent.sign(&holder);
        refused(&town.apply(&other).await.unwrap(), &["holder WRONG_AUDIENCE"]);
    }
    let (mut other, challenge) = fresh().await;
    let mut consent =
        Consent::to(policy, holder.public_key(), &challenge.nonce, now).for_pass(bearer.public_key());
    consent.policy = town.rules.gate.id();
    other.consent = consent.sign(&holder);
    refused(&town.apply(&other).await.unwrap(), &["holder WRONG_AUDIENCE"]);

    // A copied credential without its key, and a copied pass without its own.
    let (mut copied, challenge) = fresh().await;
    let text = &copied.presentation;
    let front = &text[..=text.rfind('~').unwrap()];
    let payload = json!({"aud": challenge.audience, "nonce": challenge.nonce, "iat": now.seconds(), "sd_hash": sha256(front)});
    let token = jws::sign(object(json!({"typ": "kb+jwt"})), payload.to_string().as_bytes(), &thief);
    copied.presentation = format!("{front}{token}");
    refused(&town.apply(&copied).await.unwrap(), &["holder HOLDER_MISMATCH"]);
    let (request, _) = fresh().await;
    let response: PassResponse = town.apply(&request).await.unwrap().read().unwrap();
    let pass = response.pass.unwrap().credential;
    let gate = town.challenge(&town.rules.gate.id()).await.unwrap();
    let shown = present_pass(&pass, &taker, &gate.audience.to_string(), &gate.nonce, now).unwrap();
    refused(&town.verify(&shown, &gate.nonce).await.unwrap(), &["holder HOLDER_MISMATCH"]);
}
