//! W4: the anchored list says valid, or the credential is not accepted.

use super::*;
use crate::jws;

#[test]
fn what_its_issuer_revoked_or_suspended_is_refused() {
    for format in FORMATS {
        let mut world = World::new();
        let terms = world.terms(format);
        let mut after = |index, status| {
            world.set_status(index, status);
            faults(&world.decide(&terms))
        };
        assert_eq!(after(4, Status::Invalid), [""; 0], "its neighbours' statuses are theirs");
        assert_eq!(after(6, Status::Suspended), [""; 0]);
        assert_eq!(after(5, Status::Suspended), ["status SUSPENDED"]);
        assert_eq!(after(5, Status::Valid), [""; 0], "a suspension may be lifted");
        assert_eq!(
            after(5, Status::Other(3)),
            ["status BAD_ENCODING"],
            "an unknown status is not a valid one"
        );
        assert_eq!(after(5, Status::Invalid), ["status REVOKED"]);
        assert_eq!(world.list.set(5, Status::Valid), Err(crate::status::StatusError::Final));
    }
}

#[test]
fn an_index_outside_the_list_has_no_status() {
    let world = World::new();
    for format in FORMATS {
        let at = |index| world.decide_changed(format, |terms| terms.status.as_mut().unwrap().index = index);
        assert_faults(&at(1_023), &[]);
        for index in [1_024, u64::from(u32::MAX), (1 << 53) - 1] {
            assert_faults(&at(index), &["status BAD_ENCODING"]);
        }
    }
}

/// A credential that cannot be revoked is nobody's credential here.
#[test]
fn a_credential_without_a_status_reference_is_refused() {
    let world = World::new();
    for format in FORMATS {
        let decision = world.decide_changed(format, |terms| terms.status = None);
        assert_faults(&decision, &["status BAD_ENCODING"]);
    }
}

#[test]
fn a_mechanism_that_is_not_understood_is_not_skipped() {
    let world = World::new();
    let terms = world.terms(SdJwtVc);
    let whole = terms.sd_jwt();
    let payload = jws::from_base64url(whole.signed_part().split('.').nth(1).unwrap()).unwrap();
    for status in [
        json!({"status_assertion": {}}),
        json!({"status_list": {"idx": 5, "uri": LIST}, "status_attestation": {}}),
        json!({"status_list": {"idx": "5", "uri": LIST}}),
        json!({"status_list": {"idx": -1, "uri": LIST}}),
        json!({"status_list": {"idx": 5}}),
        json!([]),
        json!(null),
    ] {
        let mut payload = object(serde_json::from_slice(&payload).unwrap());
        payload.insert("status".into(), status);
        let header = object(json!({"typ": TYPE, "kid": terms.method}));
        let signed = jws::sign(header, Value::Object(payload).to_string().as_bytes(), &terms.key);
        let decision = world.decide_text(SdJwtVc, &format!("{signed}~"));
        assert_faults(&decision, &["integrity BAD_ENCODING", "holder HOLDER_MISMATCH"]);
    }
    let mut pass = world.terms(Pass).document();
    pass.remove("proof");
    for (member, value) in [("type", json!("BitstringStatusListEntry")), ("statusListIndex", json!("05"))] {
        let mut pass = pass.clone();
        pass["credentialStatus"][member] = value;
        let pass = world.terms(Pass).sign(pass);
        let text = present_pass(&pass, &world.ed25519, AUDIENCE, NONCE, noon()).unwrap();
        assert_ended(&world.decide_text(Pass, &text), "integrity WRONG_KIND");
    }
}

#[test]
fn a_list_that_the_facts_lack_leaves_the_status_open() {
    let mut world = World::new();
    for format in FORMATS {
        let elsewhere = world.decide_changed(format, |terms| {
            terms.status.as_mut().unwrap().uri = "https://g.example/status/2".into()
        });
        assert_faults(&elsewhere, &["status LIST_STALE?"]);
        assert_eq!(elsewhere.source.unwrap().status_epoch, None);
    }
    world.facts.statuses.clear();
    for format in FORMATS {
        assert_faults(&world.decide(&world.terms(format)), &["status LIST_STALE?"]);
    }
}

/// A list answers for its own issuer's credentials only: nobody borrows a friendlier one.
#[test]
fn the_list_of_another_issuer_says_nothing() {
    let mut world = World::new();
    let other = Agency::new(&mut ChaCha20Rng::seed_from_u64(5));
    world.facts.statuses.get_mut(LIST).unwrap().issuer = other.did().clone();
    for format in FORMATS {
        assert_faults(&world.decide(&world.terms(format)), &["status LIST_STALE?"]);
    }
}

#[test]
fn a_list_past_its_own_end_leaves_the_status_open() {
    for format in FORMATS {
        let ending = |expires: Timestamp| {
            let mut world = World::new();
            world.publish_list(|claims| claims.expires = Some(expires));
            faults(&world.decide(&world.terms(format)))
        };
        assert_eq!(ending(noon().plus(HOUR)), [""; 0]);
        assert_eq!(ending(noon().minus(HOUR)), ["status LIST_STALE?"]);
        let mut world = World::new();
        world.list.set(5, Status::Invalid).unwrap();
        world.publish_list(|claims| claims.expires = Some(noon().minus(HOUR)));
        assert_faults(&world.decide(&world.terms(format)), &["status REVOKED"]);
    }
}
