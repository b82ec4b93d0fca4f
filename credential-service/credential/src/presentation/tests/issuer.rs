//! The stated issuer owns the key, may use it for this, and was and is recognised for the type.

use super::*;
use crate::jws;

/// W5, and what `ssi` leaves to its caller: that the signer is the stated issuer.
#[test]
fn a_key_of_somebody_else_than_the_stated_issuer_is_unknown() {
    let mut world = World::new();
    let evil = Agency::new(&mut ChaCha20Rng::seed_from_u64(5));
    // Registered on the same ledger, and even recognised for something else.
    world.facts.dids.insert(evil.did().clone(), evil.record.clone());
    let mut recognition = world.facts.recognitions.values().next().unwrap().clone();
    (recognition.issuer, recognition.credential_type) = (evil.did().clone(), kind("Diploma"));
    world.facts.recognitions.insert((kind("Diploma"), evil.did().clone()), recognition);
    for format in FORMATS {
        let fragment = if format == SdJwtVc { "es256" } else { "ed25519" };
        let key = if format == SdJwtVc { &evil.es256 } else { &evil.ed25519 };
        let signed_by_evil = |terms: &mut Terms| {
            terms.method = evil.did().url(fragment);
            terms.key = copy(key);
        };
        let foreign = world.decide_changed(format, signed_by_evil);
        assert_ended(&foreign, "issuer KEY_UNKNOWN");
        assert!(foreign.verdict.findings()[0].detail.contains("somebody else"));
        // Under the issuer's own key name, with the stranger's key.
        let forged = world.decide_changed(format, |terms| terms.key = copy(key));
        assert_ended(&forged, "integrity BAD_SIGNATURE");
        // In its own name it is what it is: not recognised for this.
        let own = world.decide_changed(format, |terms| {
            signed_by_evil(terms);
            terms.issuer = evil.did().to_string();
        });
        assert!(faults(&own).contains(&"issuer ISSUER_NOT_RECOGNISED".to_owned()), "{:?}", faults(&own));
        assert_eq!(own.verdict.overall(), Overall::Refuse);
    }
}

#[test]
fn a_key_that_nobody_registered_is_unknown() {
    let world = World::new();
    let stranger = Agency::new(&mut ChaCha20Rng::seed_from_u64(6));
    for format in FORMATS {
        for method in [
            world.agency.did().url("other"),
            world.agency.did().to_string(),
            "did:key:z6Mk#z6Mk".to_owned(),
            "https://g.example/keys/1".to_owned(),
        ] {
            let decision = world.decide_changed(format, |terms| terms.method = method.clone());
            assert_ended(&decision, "issuer KEY_UNKNOWN");
        }
        let unregistered = world.decide_changed(format, |terms| {
            terms.issuer = stranger.did().to_string();
            terms.method = stranger.did().url("es256");
        });
        assert_ended(&unregistered, "issuer KEY_UNKNOWN");
        for issuer in ["https://g.example", "did:key:z6Mk", "x"] {
            let decision = world.decide_changed(format, |terms| terms.issuer = issuer.to_owned());
            assert_ended(&decision, "integrity BAD_ENCODING");
        }
    }
}

/// What `ssi` leaves to its caller as well: the key is listed for this purpose.
#[test]
fn a_key_that_is_listed_for_another_purpose_signs_no_credential() {
    let world = World::new();
    for format in FORMATS {
        let fragment = if format == SdJwtVc { "es256-calls" } else { "ed25519-calls" };
        let decision = world.decide_changed(format, |terms| terms.method = world.agency.did().url(fragment));
        assert_ended(&decision, "issuer WRONG_KEY_USE");
    }
}

#[test]
fn a_key_decides_the_algorithm_and_with_it_the_format() {
    let world = World::new();
    let other = world.agency.did().url("ed25519");
    let decision = world.decide_changed(SdJwtVc, |terms| terms.method = other.clone());
    assert_ended(&decision, "integrity BAD_SIGNATURE");
    let decision = world.decide_changed(Pass, |terms| terms.method = world.agency.did().url("es256"));
    assert_ended(&decision, "integrity WRONG_KIND");
}

/// Keys after a rotation: what was replaced in good order counts for what an anchor proves to be older.
#[test]
fn a_replaced_key_counts_only_for_what_was_anchored_in_its_time() {
    let mut world = World::new();
    let terms = world.terms(SdJwtVc);
    world.agency.rotate(Retirement::Superseded, Vec::new());
    world.publish_record();
    let (added, removed) = (noon().minus(100 * DAY), noon().minus(2 * DAY));
    let text = world.shown(&terms);
    let decide =
        |anchored| verify_presentation(&text, &world.entry.id(), &world.facts, &challenge(noon()), anchored);
    assert_ended(&decide(None), "issuer KEY_REMOVED");
    assert_faults(&decide(Some(added)), &[]);
    assert_faults(&decide(Some(removed.minus(1))), &[]);
    // The moment of removal and everything after it, and before the key was there.
    for anchored in [removed, removed.plus(1), noon(), added.minus(1)] {
        assert_ended(&decide(Some(anchored)), "issuer KEY_REMOVED");
    }
    // Passes and pages bring no anchor.
    for format in [Pass, Printed] {
        assert_ended(&world.decide(&world.terms(format)), "issuer KEY_REMOVED");
    }
}

#[test]
fn a_compromised_key_counts_for_nothing() {
    let mut world = World::new();
    let terms = world.terms(SdJwtVc);
    world.agency.rotate(Retirement::Compromised, Vec::new());
    world.publish_record();
    let text = world.shown(&terms);
    for anchored in [None, Some(noon().minus(100 * DAY)), Some(noon().minus(50 * DAY)), Some(noon())] {
        let decision =
            verify_presentation(&text, &world.entry.id(), &world.facts, &challenge(noon()), anchored);
        assert_ended(&decision, "issuer KEY_REMOVED");
    }
}

#[test]
fn the_key_that_took_over_signs_and_the_identifier_stays() {
    let mut world = World::new();
    let fresh = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(7));
    let key =
        DocumentKey { fragment: "es256-2".into(), purposes: Purposes::ASSERTION, key: fresh.public_key() };
    let before = world.agency.did().clone();
    world.agency.rotate(Retirement::Superseded, vec![key]);
    world.publish_record();
    assert_eq!(world.agency.did(), &before);
    let decision = world.decide_changed(SdJwtVc, |terms| {
        terms.method = before.url("es256-2");
        terms.key = copy(&fresh);
    });
    assert_faults(&decision, &[]);
}

#[test]
fn an_issuer_that_ended_issues_no_more_whatever_was_anchored() {
    let mut world = World::new();
    let terms = world.terms(SdJwtVc);
    world.agency.apply(&DidOperation::Deactivate(world.agency.record.head));
    world.publish_record();
    let text = world.shown(&terms);
    let decide =
        |anchored| verify_presentation(&text, &world.entry.id(), &world.facts, &challenge(noon()), anchored);
    assert_ended(&decide(None), "issuer KEY_REMOVED");
    assert_faults(&decide(Some(noon().minus(5 * DAY))), &["issuer ISSUER_NOT_RECOGNISED"]);
}

/// W5: recognised for this type, when it issued and now.
#[test]
fn an_issuer_is_recognised_both_then_and_now() {
    let issued = noon().minus(HOUR);
    let (early, late) = (noon().minus(90 * DAY), noon().plus(90 * DAY));
    for format in FORMATS {
        let name = if format == Pass { "HealthPass" } else { "HealthTest" };
        let within = |from, until| {
            let mut world = World::new();
            world.recognise(name, from, until);
            faults(&world.decide(&world.terms(format)))
        };
        assert_eq!(within(early, late), [""; 0]);
        assert_eq!(within(issued, noon().plus(1)), [""; 0], "to the second");
        let refused = ["issuer ISSUER_NOT_RECOGNISED"];
        assert_eq!(within(issued.plus(1), late), refused, "now, and not then");
        assert_eq!(within(early, noon()), refused, "then, and not now");
        assert_eq!(within(noon().plus(1), late), refused, "neither");
        let mut world = World::new();
        world.facts.recognitions.clear();
        assert_faults(&world.decide(&world.terms(format)), &refused);
    }
}

/// W5: both are recognised for passes, and each gives them for its own gates alone, in whatever format.
#[test]
fn a_pass_of_another_agency_than_the_rules_own_opens_nothing() {
    let mut world = World::new();
    let abroad = Policy { verifier: world.entry.verifier.clone(), ..world.gate.clone() };
    world.facts.policies.insert(abroad.id(), abroad.clone());
    let pass = world.terms(Pass);
    let relabelled = Terms { claims: pass.claims.clone(), kind: pass.kind.clone(), ..world.terms(SdJwtVc) };
    let names = abroad.claims();
    let token = sd_jwt::present(&relabelled.sd_jwt(), &names, &world.es256, AUDIENCE, NONCE, noon()).unwrap();
    for (rule, expected) in [(&world.gate, &[][..]), (&abroad, &["issuer ISSUER_NOT_RECOGNISED"][..])] {
        let (id, facts, asked) = (rule.id(), &world.facts, challenge(noon()));
        assert_faults(&verify_pass(&world.shown(&pass), &id, facts, &asked), expected);
        assert_faults(&verify_presentation(&token, &id, facts, &asked, None), expected);
    }
    // What is no pass is evidence, and another's to decide on, in this format too.
    let mut evidence = world.terms(Printed);
    evidence.format = Pass;
    let decision = verify_pass(&world.shown(&evidence), &world.entry.id(), &world.facts, &challenge(noon()));
    assert_faults(&decision, &[]);
}

/// Recognised for one type, an issuer does not issue another one under its schema.
#[test]
fn a_schema_of_another_type_lends_no_recognition() {
    let mut world = World::new();
    world.recognise("Diploma", noon().minus(90 * DAY), noon().plus(90 * DAY));
    for format in FORMATS {
        let schema = read_type_name(&world.terms(format).kind).unwrap().1;
        world.facts.recognitions.retain(|(name, _), _| name == &kind("Diploma"));
        let decision =
            world.decide_changed(format, |terms| terms.kind = type_name(&kind("Diploma"), &schema));
        assert_faults(&decision, &["rule WRONG_KIND"]);
        assert_eq!(decision.verdict.issuer, Part::Good, "for what it says it is");
    }
}

#[test]
fn what_a_credential_must_say_of_itself_it_says() {
    let world = World::new();
    let terms = world.terms(SdJwtVc);
    let whole = terms.sd_jwt();
    let payload = jws::from_base64url(whole.signed_part().split('.').nth(1).unwrap()).unwrap();
    let payload = object(serde_json::from_slice(&payload).unwrap());
    let forge = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut payload = payload.clone();
        change(&mut payload);
        let header = object(json!({"typ": TYPE, "kid": terms.method}));
        let signed = jws::sign(header, Value::Object(payload).to_string().as_bytes(), &terms.key);
        let compact = whole.compact().replacen(whole.signed_part(), &signed, 1);
        faults(&world.decide_text(SdJwtVc, &compact))
    };
    assert_eq!(forge(&|_| ()), ["holder HOLDER_MISMATCH"], "nothing was changed, and nobody showed it");
    for (name, first) in [
        ("iss", "integrity BAD_ENCODING"),
        ("vct", "integrity BAD_ENCODING"),
        ("iat", "integrity BAD_ENCODING"),
        ("cnf", "integrity BAD_ENCODING"),
    ] {
        let lacking = forge(&|payload| drop(payload.remove(name)));
        assert_eq!(lacking[0], first, "{name}");
    }
    for vct in
        ["HealthTest", "urn:causeway:HealthTest", "urn:causeway:Health Test:00", "urn:causeway:HealthTest:00"]
    {
        let named = forge(&|payload| drop(payload.insert("vct".into(), vct.into())));
        assert_eq!(named[0], "integrity BAD_ENCODING", "{vct}");
    }
    let mut twice = world.terms(Pass).document();
    twice.remove("proof");
    let name = twice["type"][1].clone();
    twice["type"].as_array_mut().unwrap().push(name);
    let text = present_pass(&world.terms(Pass).sign(twice), &world.ed25519, AUDIENCE, NONCE, noon()).unwrap();
    assert_ended(&world.decide_text(Pass, &text), "integrity BAD_ENCODING");
}
