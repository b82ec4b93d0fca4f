//! Shown by the key that the issuer bound, over all that is shown; one credential at a time.

use super::*;
use crate::dcc::{base45, zlib};
use crate::{json, jws};

/// The presentation without the holder's token, and that token's payload.
fn split(text: &str) -> (&str, Map<String, Value>) {
    let (front, token) = text.rsplit_once('~').unwrap();
    let payload = jws::from_base64url(token.split('.').nth(1).unwrap()).unwrap();
    (front, object(serde_json::from_slice(&payload).unwrap()))
}

/// The same with a token over `payload` by `key`.
fn bound(front: &str, payload: &Map<String, Value>, key: &SigningKey, typ: &str) -> String {
    let header = object(json!({"typ": typ}));
    format!("{front}~{}", jws::sign(header, Value::Object(payload.clone()).to_string().as_bytes(), key))
}

fn opened(text: &str) -> Map<String, Value> {
    let bytes = zlib::inflate(&base45::decode(text.strip_prefix("CWP:").unwrap()).unwrap()).unwrap();
    object(serde_json::from_slice(&bytes).unwrap())
}

fn closed(presentation: &Map<String, Value>) -> String {
    format!("CWP:{}", base45::encode(&zlib::deflate(&json::canonical_object(presentation))))
}

/// A presentation of these passes, by the holder's key.
fn presented(world: &World, passes: Value, purpose: Purpose) -> String {
    let did = data_integrity::did_key(&world.ed25519.public_key());
    let document = json!({"@context": [data_integrity::CREDENTIALS_V2], "type": ["VerifiablePresentation"],
        "holder": did, "verifiableCredential": passes});
    let method = format!("{did}#{}", world.ed25519.public_key().to_multibase());
    let options = ProofOptions {
        verification_method: &method,
        purpose,
        created: noon(),
        expires: None,
        challenge: Some(NONCE),
        domain: Some(AUDIENCE),
    };
    closed(&data_integrity::secure(object(document), &options, &world.ed25519).unwrap())
}

/// The presentation, signed again by its holder without a time.
fn undated(world: &World, mut presentation: Map<String, Value>) -> Map<String, Value> {
    let mut proof = object(presentation.remove("proof").unwrap());
    proof.retain(|name, _| !["created", "proofValue"].contains(&name.as_str()));
    let hash = |members| *Digest::sha256(&json::canonical_object(members)).as_bytes();
    let signature = world.ed25519.sign(&[hash(&proof), hash(&presentation)].concat());
    proof
        .insert("proofValue".into(), format!("z{}", bs58::encode(signature.as_bytes()).into_string()).into());
    presentation.insert("proof".into(), Value::Object(proof));
    presentation
}

#[test]
fn a_certificate_is_shown_by_its_holders_key_over_exactly_what_is_shown() {
    let world = World::new();
    let text = world.shown(&world.terms(SdJwtVc));
    let (front, payload) = split(&text);
    let thief = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(9));
    let decide = |text: &str| world.decide_text(SdJwtVc, text);
    assert_faults(&decide(&bound(front, &payload, &world.es256, "kb+jwt")), &[]);
    // A file that was copied: without a token, and with one by whoever copied it.
    for lent in [format!("{front}~"), bound(front, &payload, &thief, "kb+jwt")] {
        let decision = decide(&lent);
        assert_faults(&decision, &["holder HOLDER_MISMATCH"]);
        assert_eq!(decision.verdict.freshness, Part::NotChecked);
    }
    // W1: the nonce is swapped under the holder's signature.
    let mut swapped = payload.clone();
    swapped.insert("nonce".into(), "another".into());
    let token = text.rsplit_once('~').unwrap().1.split('.').collect::<Vec<_>>();
    let body = jws::base64url(Value::Object(swapped).to_string().as_bytes());
    let replayed = format!("{front}~{}.{body}.{}", token[0], token[2]);
    let another = Challenge { nonce: "another", ..challenge(noon()) };
    assert_faults(&world.verify(SdJwtVc, &replayed, &another), &["holder HOLDER_MISMATCH"]);
    // One disclosure less, and one more, than the holder signed.
    let (less, last) = front.rsplit_once('~').unwrap();
    let token = text.rsplit_once('~').unwrap().1;
    assert!(faults(&decide(&format!("{less}~{token}"))).contains(&"holder HOLDER_MISMATCH".to_owned()));
    let more = world.terms(SdJwtVc).sd_jwt().disclosure("full_name").unwrap().to_owned();
    assert_faults(&decide(&format!("{front}~{more}~{token}")), &["holder HOLDER_MISMATCH"]);
    assert_ended(&decide(&format!("{front}~{last}~{token}")), "integrity BAD_ENCODING");
    // A token of another kind by the same key.
    assert_faults(&decide(&bound(front, &payload, &world.es256, "jwt")), &["freshness WRONG_KIND"]);
}

#[test]
fn a_pass_is_shown_by_its_holders_key_over_this_challenge() {
    let world = World::new();
    let pass = world.terms(Pass).document();
    let thief = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(9));
    let decide = |text: &str| world.decide_text(Pass, text);
    let stolen = present_pass(&pass, &thief, AUDIENCE, NONCE, noon()).unwrap();
    let decision = decide(&stolen);
    assert_faults(&decision, &["holder HOLDER_MISMATCH"]);
    assert_eq!(decision.verdict.freshness, Part::NotChecked);
    // The thief names the holder's key and signs with another.
    let mut named = opened(&stolen);
    let good = opened(&world.shown(&world.terms(Pass)));
    named["proof"]["verificationMethod"] = good["proof"]["verificationMethod"].clone();
    assert_faults(&decide(&closed(&named)), &["holder BAD_SIGNATURE"]);
    // W1: the challenge is swapped under the holder's signature.
    let mut swapped = good.clone();
    swapped["proof"]["challenge"] = "another".into();
    let another = Challenge { nonce: "another", ..challenge(noon()) };
    assert_faults(&world.verify(Pass, &closed(&swapped), &another), &["holder BAD_SIGNATURE"]);
    // A proof that does not say when it was made could be old.
    let decision = decide(&closed(&undated(&world, good)));
    assert_faults(&decision, &["freshness EXPIRED"]);
    assert_eq!(decision.verdict.holder, Part::Good);
    let stated = presented(&world, json!([pass]), Purpose::AssertionMethod);
    assert_faults(&decide(&stated), &["freshness WRONG_KEY_USE"]);
}

/// W12: a gate that scans a pass has all of it but its holder's key, and so has whoever looks on.
#[test]
fn a_pass_that_somebody_printed_is_nobodys() {
    let world = World::new();
    let printed = print_credential(&world.terms(Pass).document());
    let faults = ["issuer ISSUER_NOT_RECOGNISED", "holder HOLDER_MISMATCH", "rule WRONG_KIND"];
    assert_faults(&world.decide_text(Printed, &printed), &faults);
}

/// W7: nothing goes unchecked behind the first item.
#[test]
fn a_presentation_holds_one_pass_with_one_proof() {
    let world = World::new();
    let pass = Value::Object(world.terms(Pass).document());
    let decide = |passes: Value| world.decide_text(Pass, &presented(&world, passes, Purpose::Authentication));
    assert_faults(&decide(json!([pass])), &[]);
    let mut forged = pass.clone();
    forged["credentialSubject"]["colour"] = "red".into();
    for several in [json!([pass, pass]), json!([pass, forged]), json!([forged, pass]), json!([pass, null])] {
        assert_ended(&decide(several), "integrity MULTIPLE_ENTRIES");
    }
    for none in [json!([]), json!(null), pass.clone(), json!("text")] {
        assert_ended(&decide(none), "integrity BAD_ENCODING");
    }
    let mut twice = pass.clone();
    twice["proof"] = json!([pass["proof"], pass["proof"]]);
    assert_ended(&decide(json!([twice])), "integrity MULTIPLE_ENTRIES");
    let mut chained = opened(&world.shown(&world.terms(Pass)));
    let proof = chained["proof"].clone();
    chained["proof"] = json!([proof]);
    assert_faults(&world.decide_text(Pass, &closed(&chained)), &[]);
    chained["proof"] = json!([proof, proof]);
    assert_ended(&world.decide_text(Pass, &closed(&chained)), "integrity MULTIPLE_ENTRIES");
    chained.remove("proof");
    assert_ended(&world.decide_text(Pass, &closed(&chained)), "integrity WRONG_KIND");
}

#[test]
fn what_is_no_pass_and_no_page_is_told_apart_from_a_damaged_one() {
    let world = World::new();
    let text = world.shown(&world.terms(Pass));
    let long = format!("CWP:{}", "0".repeat(PASS_LIMIT));
    for (text, fault) in [
        ("", "integrity WRONG_KIND"),
        ("HC1:NCF", "integrity WRONG_KIND"),
        ("CWP:", "integrity BAD_ENCODING"),
        ("CWP:abc", "integrity BAD_ENCODING"),
        (&text[..text.len() / 2], "integrity BAD_ENCODING"),
        (&long, "integrity BAD_ENCODING"),
    ] {
        assert_ended(&world.decide_text(Pass, text), fault);
        assert_ended(&world.decide_text(Printed, &text.replacen("CWP", "CWE", 1)), fault);
        assert!(faults(&world.decide_text(SdJwtVc, text))[0].starts_with("integrity "));
    }
    // A pass is no printed page, and a page no pass.
    assert_ended(&world.decide_text(Printed, &text), "integrity WRONG_KIND");
    let page = world.shown(&world.terms(Printed));
    assert_ended(&world.decide_text(Pass, &page), "integrity WRONG_KIND");
}
