//! (4) Recovery: k distinct guardians, a delay, the owner's veto.

use super::*;

#[test]
fn guardians_bring_an_identifier_back() {
    let record = requested(&registered(), 70, 100);
    assert_eq!(record.control, signer(CONTROL).public_key(), "nothing changes before the delay has passed");
    assert_eq!(record.pending.as_ref().unwrap().effective, at(100 + DELAY).time);

    let complete = DidOperation::CompleteRecovery(record.did.clone());
    let after = record.apply(&stranger(), &complete, at(100 + DELAY)).unwrap();
    assert_eq!(after.control, signer(70).public_key());
    assert_eq!(after.next, signer(71).public_key().commitment());
    assert_eq!(current(&after), vec![document_key("assert-r", 120)]);
    assert_eq!((after.pending.as_ref(), after.guardians.as_ref()), (None, Some(&guardians())));
    let compromised = Removal { at: at(100 + DELAY), reason: Retirement::Compromised };
    assert!(matches!(after.key("assert-1"), KeyState::Retired(_, _, removal) if removal == compromised));
}

#[test]
fn recovery_takes_k_distinct_guardians_who_signed_it() {
    let record = registered();
    let wanted = recovery(&record, 70, vec![]);
    let other = Recovery { control: signer(66).public_key(), ..wanted.clone() };
    let [one, two, three] = GUARDIANS;
    let mut forged = approved(&wanted, &[one, two]);
    forged[1].signature = forged[0].signature;
    let cases = [
        ("none", vec![], 0),
        ("too few", approved(&wanted, &[one]), 1),
        ("one guardian twice", approved(&wanted, &[one, one]), 1),
        ("foreign keys", approved(&wanted, &[66, 67, CONTROL]), 0),
        ("a guardian and a foreigner", approved(&wanted, &[three, 66]), 1),
        ("signed another recovery", [approved(&wanted, &[one]), approved(&other, &[two])].concat(), 1),
        ("someone else's signature", forged, 1),
    ];
    for (case, approvals, valid) in cases {
        let operation = DidOperation::RequestRecovery(wanted.clone(), approvals);
        let refused = record.apply(&stranger(), &operation, at(1));
        assert_eq!(refused, Err(RegistryError::TooFewGuardians { needed: 2, valid }), "{case}");
    }
    let operation = DidOperation::RequestRecovery(wanted.clone(), approved(&wanted, &[three, one]));
    assert!(record.apply(&stranger(), &operation, at(1)).is_ok(), "any two of the three will do");
}

#[test]
fn a_record_without_guardians_is_not_recovered() {
    let plain = Genesis { guardians: None, ..genesis() };
    let record = DidRecord::create(&plain.did(), &plain, at(0)).unwrap();
    let wanted = recovery(&record, 70, vec![]);
    let approvals = approved(&wanted, &GUARDIANS);
    let refused = record.apply(&stranger(), &DidOperation::RequestRecovery(wanted, approvals), at(1));
    assert_eq!(refused, Err(RegistryError::GuardianRule));
}

#[test]
fn senseless_guardian_rules_are_refused() {
    let rule = |threshold, count: u8, delay| Guardians {
        threshold,
        keys: (0..count).map(|i| signer(100 + i).public_key()).collect(),
        delay,
    };
    for good in [rule(1, 1, DELAY), rule(16, 16, 31_536_000), rule(1, 16, DELAY + 1)] {
        assert_eq!(good.check(), Ok(()));
    }
    let delays = [0, DELAY - 1, 31_536_001, u64::MAX].map(|delay| rule(2, 3, delay));
    let counts = [(0, 3), (4, 3), (1, 0), (1, 17)].map(|(threshold, count)| rule(threshold, count, DELAY));
    for bad in delays.into_iter().chain(counts) {
        assert_eq!(bad.check(), Err(RegistryError::GuardianRule));
        let genesis = Genesis { guardians: Some(bad.clone()), ..genesis() };
        assert_eq!(DidRecord::create(&genesis.did(), &genesis, at(0)), Err(RegistryError::GuardianRule));
        let record = registered();
        let rotation = Rotation { guardians: Some(bad), ..rotation(&record, NEXT, 3, vec![]) };
        let refused = record.apply(&record.did, &proven(&record, rotation, NEXT), at(1));
        assert_eq!(refused, Err(RegistryError::GuardianRule));
    }
}

#[test]
fn recovery_waits_for_its_delay() {
    let record = requested(&registered(), 70, 100);
    let complete = DidOperation::CompleteRecovery(record.did.clone());
    let early = record.apply(&stranger(), &complete, at(100 + DELAY - 1));
    assert_eq!(early, Err(RegistryError::RecoveryTooEarly(at(100 + DELAY).time)));
    assert!(record.apply(&stranger(), &complete, at(100 + DELAY)).is_ok());
}

#[test]
fn the_owner_vetoes_a_recovery() {
    let record = requested(&registered(), 70, 100);
    let foreign = record.apply(&stranger(), &DidOperation::VetoRecovery, at(101));
    assert_eq!(foreign, Err(RegistryError::NotControlKey(record.did.clone())));
    let vetoed = record.apply(&record.did, &DidOperation::VetoRecovery, at(101)).unwrap();
    assert_eq!((vetoed.pending.as_ref(), &vetoed.control), (None, &record.control));
    let pending = Err(RegistryError::RecoveryState(record.did.clone(), "pending"));
    let complete = DidOperation::CompleteRecovery(record.did.clone());
    assert_eq!(vetoed.apply(&stranger(), &complete, at(100 + DELAY)), pending);
    assert_eq!(vetoed.apply(&record.did, &DidOperation::VetoRecovery, at(102)), pending);
}

#[test]
fn one_recovery_waits_at_a_time() {
    let record = requested(&registered(), 70, 100);
    let second = recovery(&record, 80, vec![]);
    let approvals = approved(&second, &GUARDIANS);
    let refused = record.apply(&stranger(), &DidOperation::RequestRecovery(second, approvals), at(101));
    assert_eq!(refused, Err(RegistryError::RecoveryState(record.did.clone(), "absent")));
}

#[test]
fn approvals_hold_once_whatever_follows_a_veto() {
    let mut record = registered();
    let mut used = Vec::new();
    for round in 0..3u8 {
        let wanted = recovery(&record, 70 + round, vec![]);
        let approvals = approved(&wanted, &GUARDIANS);
        used.push(DidOperation::RequestRecovery(wanted, approvals));
        record = record.apply(&stranger(), used.last().unwrap(), at(u64::from(round))).unwrap();
        record = record.apply(&record.did, &DidOperation::VetoRecovery, at(u64::from(round))).unwrap();
        for old in &used {
            let refused = record.apply(&stranger(), old, at(10));
            assert_eq!(refused, Err(RegistryError::NotNext(record.did.clone())), "round {round}");
        }
    }
}

#[test]
fn approvals_hold_once_whatever_follows_a_completion() {
    let mut record = registered();
    let mut used = Vec::new();
    for round in 0..3u8 {
        let wanted = recovery(&record, 70 + round, vec![]);
        let approvals = approved(&wanted, &GUARDIANS);
        used.push(DidOperation::RequestRecovery(wanted, approvals));
        record = record.apply(&stranger(), used.last().unwrap(), at(0)).unwrap();
        let complete = DidOperation::CompleteRecovery(record.did.clone());
        record = record.apply(&stranger(), &complete, at(DELAY)).unwrap();
        for old in &used {
            let refused = record.apply(&stranger(), old, at(DELAY));
            assert_eq!(refused, Err(RegistryError::NotNext(record.did.clone())), "round {round}");
        }
    }
}

#[test]
fn rotation_cancels_a_recovery() {
    let record = requested(&registered(), 70, 100);
    let operation = proven(&record, rotation(&record, NEXT, 3, current(&record)), NEXT);
    let rotated = record.apply(&record.did, &operation, at(200)).unwrap();
    assert_eq!(rotated.pending, None);
    let complete = DidOperation::CompleteRecovery(record.did.clone());
    let refused = rotated.apply(&stranger(), &complete, at(100 + DELAY));
    assert_eq!(refused, Err(RegistryError::RecoveryState(record.did, "pending")));
}

#[test]
fn a_recovery_that_could_never_complete_is_refused_at_once() {
    let record = registered();
    let wanted = recovery(&record, 70, vec![document_key("assert-1", 40)]);
    let approvals = approved(&wanted, &GUARDIANS);
    let refused = record.apply(&stranger(), &DidOperation::RequestRecovery(wanted, approvals), at(1));
    assert_eq!(refused, Err(RegistryError::FragmentReused("assert-1".into())));
}
