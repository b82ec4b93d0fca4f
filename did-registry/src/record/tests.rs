use std::collections::BTreeSet;

use super::*;
use crate::{NetworkId, SigningKey, Suite};

mod lives;
mod recovery;

/// Seconds after the story's start; one block every ten seconds.
fn at(seconds: u64) -> Moment {
    let time = Timestamp::from_seconds(1_600_000_000 + seconds).unwrap();
    Moment { height: seconds / 10, time }
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_bytes(Suite::Ed25519, &[seed; 32]).unwrap()
}

fn document_key(fragment: &str, seed: u8) -> DocumentKey {
    DocumentKey { fragment: fragment.into(), purposes: Purposes::ASSERTION, key: signer(seed).public_key() }
}

const CONTROL: u8 = 1;
const NEXT: u8 = 2;
const GUARDIANS: [u8; 3] = [21, 22, 23];
const DELAY: u64 = 86_400;

fn guardians() -> Guardians {
    let keys = GUARDIANS.iter().map(|seed| signer(*seed).public_key()).collect();
    Guardians { threshold: 2, keys, delay: DELAY }
}

fn genesis() -> Genesis {
    let network = NetworkId::new("test").unwrap();
    let mut genesis =
        Genesis::new(network, signer(CONTROL).public_key(), signer(NEXT).public_key().commitment())
            .with_key("assert-1", Purposes::ASSERTION, signer(11).public_key())
            .with_key("login-1", Purposes::AUTHENTICATION, signer(12).public_key());
    genesis.guardians = Some(guardians());
    genesis
}

fn registered() -> DidRecord {
    let genesis = genesis();
    DidRecord::create(&genesis.did(), &genesis, at(0)).unwrap()
}

fn stranger() -> Did {
    Genesis { control: signer(99).public_key(), ..genesis() }.did()
}

/// A rotation that reveals `reveal`, commits to `next` and keeps `keys`.
fn rotation(record: &DidRecord, reveal: u8, next: u8, keys: Vec<DocumentKey>) -> Rotation {
    Rotation {
        previous: record.head,
        control: signer(reveal).public_key(),
        next: signer(next).public_key().commitment(),
        keys,
        retirement: Retirement::Superseded,
        guardians: record.guardians.clone(),
        services: record.services.clone(),
    }
}

fn proven(record: &DidRecord, rotation: Rotation, by: u8) -> DidOperation {
    let proof = signer(by).sign(&rotation.proof_message(&record.did));
    DidOperation::Rotate(rotation, proof)
}

fn current(record: &DidRecord) -> Vec<DocumentKey> {
    record.current_keys().cloned().collect()
}

fn recovery(record: &DidRecord, control: u8, keys: Vec<DocumentKey>) -> Recovery {
    Recovery {
        subject: record.did.clone(),
        previous: record.head,
        control: signer(control).public_key(),
        next: signer(control + 1).public_key().commitment(),
        keys,
    }
}

fn approved(recovery: &Recovery, by: &[u8]) -> Vec<Approval> {
    let approve = |seed: &u8| Approval {
        guardian: signer(*seed).public_key(),
        signature: signer(*seed).sign(&recovery.approval_message()),
    };
    by.iter().map(approve).collect()
}

fn requested(record: &DidRecord, control: u8, time: u64) -> DidRecord {
    let recovery = recovery(record, control, vec![document_key("assert-r", control + 50)]);
    let approvals = approved(&recovery, &GUARDIANS[..2]);
    record.apply(&stranger(), &DidOperation::RequestRecovery(recovery, approvals), at(time)).unwrap()
}

// (1) The identifier is the hash of its genesis.

#[test]
fn creation_takes_over_the_genesis() {
    let (genesis, record) = (genesis(), registered());
    assert_eq!(record.did, genesis.did());
    assert_eq!((record.version, record.created, record.updated), (1, at(0), at(0)));
    assert_eq!(record.head, DidOperation::Create(genesis.clone()).hash(&record.did));
    assert_eq!(current(&record), genesis.keys);
    assert!(matches!(record.key("assert-1"), KeyState::Current(key) if key == &document_key("assert-1", 11)));
    assert_eq!(record.key("assert-2"), KeyState::Unknown);
    assert_eq!(record.key("control"), KeyState::Unknown, "the control key signs no credential");
}

#[test]
fn w9_nobody_squats_an_identifier() {
    let victim = genesis().did();
    let own = Genesis { control: signer(66).public_key(), ..genesis() };
    let refused = DidRecord::create(&victim, &own, at(0));
    assert_eq!(refused, Err(RegistryError::NotSelfCertified(own.did())));
    let again = registered().apply(&victim, &DidOperation::Create(genesis()), at(1));
    assert_eq!(again, Err(RegistryError::DidExists(victim)));
}

#[test]
fn every_field_of_the_genesis_is_in_the_identifier() {
    let base = genesis();
    let service =
        Service { fragment: "gate".into(), kind: "Gateway".into(), endpoint: "https://gd.example".into() };
    let changed = [
        base.clone(),
        Genesis { network: NetworkId::new("other").unwrap(), ..base.clone() },
        Genesis { control: signer(3).public_key(), ..base.clone() },
        Genesis { next: signer(3).public_key().commitment(), ..base.clone() },
        Genesis { keys: base.keys[..1].to_vec(), ..base.clone() },
        Genesis { guardians: None, ..base.clone() },
        Genesis { services: vec![service], ..base.clone() },
    ];
    let ids: BTreeSet<_> = changed.iter().map(|genesis| *genesis.did().id()).collect();
    assert_eq!(ids.len(), changed.len());
}

#[test]
fn a_genesis_out_of_bounds_is_refused() {
    let create = |genesis: Genesis| DidRecord::create(&genesis.did(), &genesis, at(0)).map(|_| ());
    let keys = |count: u8| (0..count).map(|i| document_key(&format!("k{i}"), 30 + i)).collect::<Vec<_>>();
    let service = |i: usize, endpoint: &str| Service {
        fragment: format!("s{i}"),
        kind: "Gateway".into(),
        endpoint: endpoint.into(),
    };
    let services = |count: usize| (0..count).map(|i| service(i, "https://gd.example")).collect::<Vec<_>>();
    assert_eq!(create(Genesis { keys: keys(16), services: services(8), ..genesis() }), Ok(()));
    let limit = |what, limit| Err(RegistryError::TooMany { what, limit });
    assert_eq!(create(Genesis { keys: keys(17), ..genesis() }), limit("keys", 16));
    assert_eq!(create(Genesis { services: services(9), ..genesis() }), limit("services", 8));

    let named =
        |fragment: &str| create(genesis().with_key(fragment, Purposes::ASSERTION, signer(40).public_key()));
    assert_eq!(named("assert-1"), Err(RegistryError::FragmentReused("assert-1".into())));
    assert_eq!(named("control"), Err(RegistryError::FragmentReused("control".into())));
    for bad in ["", "a b", "ключ", "a#b", &"x".repeat(33)] {
        assert!(matches!(named(bad), Err(RegistryError::Malformed(_))), "{bad:?}");
    }
    for bad in ["ftp://gd.example", "gd.example", "", &format!("https://{}", "x".repeat(249))] {
        let refused = create(Genesis { services: vec![service(0, bad)], ..genesis() });
        assert!(matches!(refused, Err(RegistryError::Malformed(_))), "{bad:?}");
    }
    let shared = Service { fragment: "assert-1".into(), ..service(0, "https://gd.example") };
    let refused = create(Genesis { services: vec![shared], ..genesis() });
    assert_eq!(refused, Err(RegistryError::FragmentReused("assert-1".into())));
}

// (2) An operation names the one before; (3) a rotation reveals what was committed to.

#[test]
fn rotation_replaces_the_control_key_and_the_document() {
    let mut record = registered();
    let mut heads = BTreeSet::from([record.head]);
    for step in 0..5u8 {
        let key = document_key(&format!("assert-{}", step + 2), 30 + step);
        let operation =
            proven(&record, rotation(&record, NEXT + step, NEXT + step + 1, vec![key.clone()]), NEXT + step);
        let after = record.apply(&record.did, &operation, at(10 + u64::from(step))).unwrap();
        assert_eq!(after.control, signer(NEXT + step).public_key());
        assert_eq!(after.did, record.did, "the identifier outlives its keys (W11)");
        assert_eq!(current(&after), vec![key]);
        assert_eq!((after.version, after.created), (u32::from(step) + 2, at(0)));
        assert!(heads.insert(after.head));
        record = after;
    }
    assert_eq!(record.keys.len(), 7, "retired keys are remembered");
}

#[test]
fn a_rotation_that_reveals_another_key_is_refused() {
    let record = registered();
    for thief in [CONTROL, 3, 66] {
        let operation = proven(&record, rotation(&record, thief, 4, current(&record)), thief);
        assert_eq!(
            record.apply(&record.did, &operation, at(1)),
            Err(RegistryError::NotPrecommitted),
            "{thief}"
        );
    }
}

#[test]
fn the_incoming_key_agrees_to_exactly_this_rotation() {
    let record = registered();
    let wanted = rotation(&record, NEXT, 3, current(&record));
    let signed_by_old = proven(&record, wanted.clone(), CONTROL);
    let elsewhere =
        DidOperation::Rotate(wanted.clone(), signer(NEXT).sign(&wanted.proof_message(&stranger())));
    let swapped = {
        let proof = signer(NEXT).sign(&wanted.proof_message(&record.did));
        DidOperation::Rotate(Rotation { next: signer(66).public_key().commitment(), ..wanted }, proof)
    };
    for operation in [signed_by_old, elsewhere, swapped] {
        assert_eq!(record.apply(&record.did, &operation, at(1)), Err(RegistryError::BadSignature));
    }
}

/// A second form of a signature would be a second operation to the same effect, under another hash.
#[test]
fn a_proof_and_an_approval_have_one_form() {
    let p256 = |seed: u8| SigningKey::from_bytes(Suite::P256, &[seed; 32]).unwrap();
    let mut genesis = genesis();
    genesis.next = p256(NEXT).public_key().commitment();
    genesis.guardians = Some(Guardians { threshold: 1, keys: [p256(21).public_key()].into(), delay: DELAY });
    let record = DidRecord::create(&genesis.did(), &genesis, at(0)).unwrap();
    let wanted = Rotation { control: p256(NEXT).public_key(), ..rotation(&record, NEXT, 3, vec![]) };
    let proof = p256(NEXT).sign(&wanted.proof_message(&record.did));
    let rotate = |proof| record.apply(&record.did, &DidOperation::Rotate(wanted.clone(), proof), at(1));
    assert_eq!(rotate(proof.other_form()), Err(RegistryError::BadSignature));
    assert!(rotate(proof).is_ok());

    let wanted = recovery(&record, 70, vec![]);
    let signature = p256(21).sign(&wanted.approval_message());
    let request = |signature| {
        let approvals = vec![Approval { guardian: p256(21).public_key(), signature }];
        record.apply(&stranger(), &DidOperation::RequestRecovery(wanted.clone(), approvals), at(1))
    };
    let refused = RegistryError::TooFewGuardians { needed: 1, valid: 0 };
    assert_eq!(request(signature.other_form()), Err(refused));
    assert!(request(signature).is_ok());
}

#[test]
fn replayed_and_reordered_operations_are_refused() {
    let record = registered();
    let first = proven(&record, rotation(&record, NEXT, 3, current(&record)), NEXT);
    let after = record.apply(&record.did, &first, at(1)).unwrap();
    let not_next = Err(RegistryError::NotNext(record.did.clone()));
    assert_eq!(after.apply(&record.did, &first, at(2)), not_next);
    let second = proven(&after, rotation(&after, 3, 4, current(&after)), 3);
    assert_eq!(record.apply(&record.did, &second, at(2)), not_next, "the second cannot come first");
    assert_eq!(after.apply(&record.did, &DidOperation::Deactivate(record.head), at(2)), not_next);
    let stale = recovery(&record, 70, vec![]);
    let approvals = approved(&stale, &GUARDIANS);
    assert_eq!(after.apply(&stranger(), &DidOperation::RequestRecovery(stale, approvals), at(2)), not_next);
}

#[test]
fn retired_keys_say_from_when_to_when_and_why() {
    let record = registered();
    let kept = vec![document_key("assert-2", 13)];
    for reason in [Retirement::Superseded, Retirement::Compromised] {
        let rotation = Rotation { retirement: reason, ..rotation(&record, NEXT, 3, kept.clone()) };
        let after = record.apply(&record.did, &proven(&record, rotation, NEXT), at(500)).unwrap();
        let key = document_key("assert-1", 11);
        let removal = Removal { at: at(500), reason };
        assert_eq!(after.key("assert-1"), KeyState::Retired(&key, at(0), removal));
        assert!(matches!(after.key("assert-2"), KeyState::Current(_)));
    }
}

// (6) A fragment never names two keys.

#[test]
fn a_fragment_never_names_a_second_key() {
    let record = registered();
    let reuse = |record: &DidRecord, reveal: u8, key: DocumentKey| {
        let operation = proven(record, rotation(record, reveal, reveal + 1, vec![key]), reveal);
        record.apply(&record.did, &operation, at(1))
    };
    let reused = Err(RegistryError::FragmentReused("assert-1".into()));
    assert_eq!(reuse(&record, NEXT, document_key("assert-1", 40)), reused, "while it is current");
    let wider = DocumentKey {
        purposes: Purposes::ASSERTION.and(Purposes::AUTHENTICATION),
        ..document_key("assert-1", 11)
    };
    assert_eq!(reuse(&record, NEXT, wider), reused, "even for another purpose of the same key");
    let retired = reuse(&record, NEXT, document_key("assert-2", 40)).unwrap();
    assert_eq!(reuse(&retired, 3, document_key("assert-1", 41)), reused, "after it was retired");
    assert_eq!(reuse(&retired, 3, document_key("assert-1", 11)), reused, "even for the key it named");
}

#[test]
fn a_compromised_key_never_comes_back() {
    let record = registered();
    let burn = Rotation { retirement: Retirement::Compromised, ..rotation(&record, NEXT, 3, vec![]) };
    let burnt = record.apply(&record.did, &proven(&record, burn, NEXT), at(1)).unwrap();
    let back = proven(&burnt, rotation(&burnt, 3, 4, vec![document_key("assert-9", 11)]), 3);
    assert_eq!(burnt.apply(&burnt.did, &back, at(2)), Err(RegistryError::CompromisedKey("assert-9".into())));

    let retire = proven(&record, rotation(&record, NEXT, 3, vec![]), NEXT);
    let retired = record.apply(&record.did, &retire, at(1)).unwrap();
    let back = proven(&retired, rotation(&retired, 3, 4, vec![document_key("assert-9", 11)]), 3);
    assert!(retired.apply(&retired.did, &back, at(2)).is_ok(), "a superseded one may, under a new name");
}

#[test]
fn a_record_remembers_at_most_64_keys() {
    let mut record = registered();
    for step in 0..62u8 {
        let keys = vec![document_key(&format!("k{step}"), 100 + step)];
        let operation = proven(&record, rotation(&record, NEXT + step, NEXT + step + 1, keys), NEXT + step);
        record = record.apply(&record.did, &operation, at(u64::from(step))).unwrap();
    }
    assert_eq!(record.keys.len(), 64);
    let one_more = proven(&record, rotation(&record, 64, 65, vec![document_key("k62", 200)]), 64);
    let limit = RegistryError::TooMany { what: "keys, retired ones included", limit: 64 };
    assert_eq!(record.apply(&record.did, &one_more, at(99)), Err(limit));
    let same = proven(&record, rotation(&record, 64, 65, current(&record)), 64);
    assert!(record.apply(&record.did, &same, at(99)).is_ok(), "control still rotates");
}

#[test]
fn the_oldest_key_of_a_purpose_is_preferred() {
    let record = registered();
    assert_eq!(record.key_for(Purposes::AUTHENTICATION).unwrap().fragment, "login-1");
    let mut keys = current(&record);
    keys.insert(0, document_key("assert-2", 13));
    let operation = proven(&record, rotation(&record, NEXT, 3, keys), NEXT);
    let after = record.apply(&record.did, &operation, at(1)).unwrap();
    assert_eq!(after.key_for(Purposes::ASSERTION).unwrap().fragment, "assert-1");
    assert_eq!(after.key_for(Purposes::ASSERTION.and(Purposes::AUTHENTICATION)), None);
}

// (5) Deactivation is final.

#[test]
fn deactivation_is_final() {
    let record = requested(&registered(), 70, 100);
    let ended = record.apply(&record.did, &DidOperation::Deactivate(record.head), at(200)).unwrap();
    assert_eq!((ended.deactivated, ended.pending.as_ref()), (Some(at(200)), None));
    assert_eq!(ended.current_keys().count(), 0);
    let superseded = Removal { at: at(200), reason: Retirement::Superseded };
    assert!(matches!(ended.key("assert-1"), KeyState::Retired(_, _, removal) if removal == superseded));

    let wanted = recovery(&ended, 70, vec![]);
    let approvals = approved(&wanted, &GUARDIANS);
    let everything = [
        DidOperation::Create(genesis()),
        proven(&ended, rotation(&ended, NEXT, 3, vec![]), NEXT),
        DidOperation::RequestRecovery(wanted, approvals),
        DidOperation::VetoRecovery,
        DidOperation::CompleteRecovery(ended.did.clone()),
        DidOperation::Deactivate(ended.head),
    ];
    for operation in everything {
        let refused = ended.apply(&ended.did, &operation, at(100 + DELAY));
        assert_eq!(refused, Err(RegistryError::Deactivated(ended.did.clone())), "{operation:?}");
    }
}

// W8, W9: nobody else, whoever they are, changes a record.

#[test]
fn w9_no_outsider_changes_a_record() {
    let record = requested(&registered(), 70, 100);
    let mut attempts = vec![
        proven(&record, rotation(&record, NEXT, 3, vec![]), NEXT), // perfect but for the sender
        proven(&record, rotation(&record, 66, 67, vec![]), 66),
        DidOperation::VetoRecovery,
        DidOperation::Deactivate(record.head),
    ];
    // A committee member, a guardian and a fellow agency have identifiers like any other.
    for outsider in [stranger(), Genesis { control: signer(GUARDIANS[0]).public_key(), ..genesis() }.did()] {
        for attempt in &attempts {
            let refused = record.apply(&outsider, attempt, at(101));
            assert_eq!(refused, Err(RegistryError::NotControlKey(record.did.clone())), "{attempt:?}");
        }
    }
    attempts.push(DidOperation::CompleteRecovery(record.did.clone()));
    for attempt in attempts {
        assert_eq!(attempt.subject(&record.did), &record.did);
    }
}
