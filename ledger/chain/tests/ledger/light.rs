//! The light client: what it follows, and each refusal by name.

use ledger_chain::light::{LightError, TrustedHead, verify_certificate};
use ledger_chain::{GroupId, Head, SignedHead, ValidatorSet};

use crate::chain::{Chain, certify, key, time, validators};
use crate::samples::{anchor, chain};

fn at(chain: &Chain, height: u64) -> TrustedHead {
    TrustedHead::from_genesis(&chain.genesis, chain.head(height)).unwrap()
}

/// A head with changes, certified by all validators.
fn changed(signed: &SignedHead, change: impl FnOnce(&mut Head)) -> SignedHead {
    let mut head = signed.head.clone();
    change(&mut head);
    certify(head, 100..104)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, LightError>, code: &str) {
    assert_eq!(outcome.unwrap_err().code(), code);
}

/// The same genesis, another history from block 2 on.
fn fork() -> Chain {
    let mut chain = Chain::new(1);
    chain.register(10..40);
    for n in 60..66 {
        chain.block([(1, anchor(n))]);
    }
    chain
}

#[test]
fn follows_later_heads_from_any_height_to_any() {
    let chain = chain();
    for old in 0..=5 {
        for new in old + 1..=5 {
            let next = at(&chain, old).follow(chain.head(new), Some(&chain.consistency(old, new))).unwrap();
            assert_eq!(next, at(&chain, new));
        }
    }
}

#[test]
fn the_same_head_again_needs_no_proof() {
    let chain = chain();
    assert_eq!(at(&chain, 3).follow(chain.head(3), None), Ok(at(&chain, 3)));
}

#[test]
fn other_ledger_is_refused() {
    let chain = chain();
    let other = Chain::new(2);
    refused(TrustedHead::from_genesis(&chain.genesis, other.head(0)), "OTHER_LEDGER");
    refused(at(&other, 0).follow(chain.head(3), Some(&chain.consistency(0, 3))), "OTHER_LEDGER");
    let changes: [fn(&mut Head); 3] = [
        |head| head.ledger = head.block,
        |head| head.network = did_registry::NetworkId::new("elsewhere").unwrap(),
        |head| head.group = GroupId(9),
    ];
    for change in changes {
        let head = changed(chain.head(3), change);
        refused(TrustedHead::from_genesis(&chain.genesis, &head), "OTHER_LEDGER");
        refused(at(&chain, 2).follow(&head, Some(&chain.consistency(2, 3))), "OTHER_LEDGER");
    }
}

#[test]
fn rolled_back_is_refused() {
    let chain = chain();
    for old in 0..4 {
        refused(at(&chain, 4).follow(chain.head(old), Some(&chain.consistency(old, 4))), "ROLLED_BACK");
        refused(at(&chain, 4).follow(chain.head(old), None), "ROLLED_BACK");
    }
}

#[test]
fn split_view_is_refused() {
    let (here, there) = (chain(), fork());
    assert_eq!(at(&here, 1), at(&there, 1));
    refused(at(&here, 3).follow(there.head(3), None), "SPLIT_VIEW");
    let proof = here.consistency(3, 3);
    refused(at(&here, 3).follow(there.head(3), Some(&proof)), "SPLIT_VIEW");
    // Only a certified head accuses the validators.
    let unsigned = certify(there.head(3).head.clone(), 100..102);
    refused(at(&here, 3).follow(&unsigned, None), "NO_QUORUM");
}

#[test]
fn inconsistent_history_is_refused() {
    let (here, there) = (chain(), fork());
    let trusted = at(&here, 3);
    for proof in
        [here.consistency(3, 5), there.consistency(3, 5), here.consistency(2, 5), here.consistency(3, 4)]
    {
        refused(trusted.follow(there.head(5), Some(&proof)), "INCONSISTENT_HISTORY");
    }
    refused(trusted.follow(here.head(5), Some(&here.consistency(2, 5))), "INCONSISTENT_HISTORY");
    refused(trusted.follow(here.head(5), None), "INCONSISTENT_HISTORY");
    assert!(trusted.follow(here.head(5), Some(&here.consistency(3, 5))).is_ok());
}

#[test]
fn earlier_time_is_refused() {
    let chain = chain();
    let trusted = at(&chain, 3);
    let then = trusted.head().time;
    let proof = chain.consistency(3, 5);
    refused(
        trusted.follow(&changed(chain.head(5), |head| head.time = then.minus(1)), Some(&proof)),
        "EARLIER_TIME",
    );
    assert!(trusted.follow(&changed(chain.head(5), |head| head.time = then), Some(&proof)).is_ok());
    let before = changed(chain.head(0), |head| head.time = time(1_599_999_999));
    refused(TrustedHead::from_genesis(&chain.genesis, &before), "EARLIER_TIME");
}

#[test]
fn no_quorum_is_refused() {
    let chain = chain();
    let head = &chain.head(5).head;
    for signers in [100..100, 100..101, 100..102] {
        let signed = certify(head.clone(), signers);
        refused(verify_certificate(&signed, &validators()), "NO_QUORUM");
        refused(at(&chain, 3).follow(&signed, Some(&chain.consistency(3, 5))), "NO_QUORUM");
        refused(TrustedHead::from_genesis(&chain.genesis, &signed), "NO_QUORUM");
    }
    assert_eq!(verify_certificate(&certify(head.clone(), [101, 102, 103]), &validators()), Ok(()));
}

#[test]
fn exactly_two_thirds_are_no_quorum_and_power_counts_not_heads() {
    let powers = |powers: [u64; 3]| {
        ValidatorSet::new((100..103).map(|owner| key(owner, 0).public_key()).zip(powers).collect()).unwrap()
    };
    let outcome = |set: ValidatorSet, signers: &[u8]| {
        let chain = chain();
        let mut head = chain.head(5).head.clone();
        head.validators = set.hash();
        verify_certificate(&certify(head, signers.iter().copied()), &set)
    };
    assert_eq!(outcome(powers([1, 1, 1]), &[100, 101]), Err(LightError::NoQuorum { power: 2, total: 3 }));
    assert_eq!(outcome(powers([1, 1, 1]), &[100, 101, 102]), Ok(()));
    assert_eq!(outcome(powers([1, 1, 5]), &[100, 101]), Err(LightError::NoQuorum { power: 2, total: 7 }));
    assert_eq!(outcome(powers([1, 1, 5]), &[102]), Ok(()));
}

#[test]
fn unknown_validator_is_refused_by_name() {
    let chain = chain();
    let signed = certify(chain.head(5).head.clone(), 100..105); // all four, and a stranger
    let stranger = LightError::UnknownValidator(key(104, 0).public_key());
    assert_eq!(stranger.code(), "UNKNOWN_VALIDATOR");
    assert_eq!(verify_certificate(&signed, &validators()), Err(stranger.clone()));
    assert_eq!(at(&chain, 3).follow(&signed, Some(&chain.consistency(3, 5))), Err(stranger));
}

#[test]
fn bad_signature_is_refused_by_name_even_beside_a_quorum() {
    let chain = chain();
    for guilty in 100..104 {
        let mut signed = certify(chain.head(5).head.clone(), 100..104);
        let name = key(guilty, 0).public_key();
        signed.certificate.insert(name.clone(), key(guilty, 0).sign(b"something else"));
        let refusal = verify_certificate(&signed, &validators()).unwrap_err();
        assert_eq!((refusal.code(), &refusal), ("BAD_SIGNATURE", &LightError::BadSignature(name)));
    }
}

#[test]
fn signatures_of_another_head_are_refused() {
    let chain = chain();
    let moved =
        SignedHead { head: chain.head(4).head.clone(), certificate: chain.head(5).certificate.clone() };
    refused(verify_certificate(&moved, &validators()), "BAD_SIGNATURE");
}

#[test]
fn wrong_validators_are_refused() {
    let chain = chain();
    let usurpers =
        ValidatorSet::new((110..114).map(|owner| (key(owner, 0).public_key(), 1)).collect()).unwrap();
    let mut head = chain.head(5).head.clone();
    head.validators = usurpers.hash();
    head.next_validators = usurpers.hash();
    let signed = certify(head, 110..114);
    assert_eq!(verify_certificate(&signed, &usurpers), Ok(()), "among themselves they agree");
    refused(at(&chain, 3).follow(&signed, Some(&chain.consistency(3, 5))), "WRONG_VALIDATORS");
    refused(
        at(&chain, 3).follow_change(&signed, Some(&chain.consistency(3, 5)), &usurpers),
        "WRONG_VALIDATORS",
    );
    refused(TrustedHead::from_genesis(&chain.genesis, &signed), "WRONG_VALIDATORS");
}

#[test]
fn next_validators_are_supplied_by_the_hash_that_was_certified() {
    let chain = chain();
    let next = ValidatorSet::new((110..114).map(|owner| (key(owner, 0).public_key(), 1)).collect()).unwrap();
    let change = changed(chain.head(4), |head| head.next_validators = next.hash());
    let proof = chain.consistency(3, 4);
    refused(at(&chain, 3).follow(&change, Some(&proof)), "NEXT_VALIDATORS");
    refused(at(&chain, 3).follow_change(&change, Some(&proof), &validators()), "NEXT_VALIDATORS");
    refused(TrustedHead::from_genesis(&chain.genesis, &change), "NEXT_VALIDATORS");
    let trusted = at(&chain, 3).follow_change(&change, Some(&proof), &next).unwrap();
    assert_eq!(trusted.validators(), &next);
    let proof = chain.consistency(4, 5);
    refused(trusted.follow(chain.head(5), Some(&proof)), "WRONG_VALIDATORS");
    let mut head = chain.head(5).head.clone();
    (head.validators, head.next_validators) = (next.hash(), next.hash());
    assert!(trusted.follow(&certify(head, 110..113), Some(&proof)).is_ok());
}

#[test]
fn a_pinned_head_comes_with_its_validators() {
    let chain = chain();
    let head = chain.head(3).head.clone();
    assert_eq!(TrustedHead::pinned(head.clone(), validators()), Ok(at(&chain, 3)));
    let others = ValidatorSet::new([(key(110, 0).public_key(), 1)].into()).unwrap();
    refused(TrustedHead::pinned(head, others), "NEXT_VALIDATORS");
    refused(TrustedHead::from_bytes(&[0; 10]), "MALFORMED");
}

#[test]
fn a_genesis_is_checked_before_it_is_trusted() {
    let chain = chain();
    let mut genesis = chain.genesis.clone();
    genesis.dids.remove(0);
    refused(TrustedHead::from_genesis(&genesis, chain.head(3)), "DID_UNKNOWN");
}

#[test]
fn every_flipped_bit_of_a_head_is_refused() {
    let chain = chain();
    let trusted = at(&chain, 3);
    let proof = chain.consistency(3, 5);
    let bytes = chain.head(5).to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(signed) = SignedHead::from_bytes(&flipped) {
            assert!(trusted.follow(&signed, Some(&proof)).is_err(), "bit {bit}");
        }
    }
}
