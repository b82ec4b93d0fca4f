//! Records of real blocks, proven at every height through the light client.

use std::collections::BTreeMap;

use ledger_chain::light::{LightError, TrustedHead};
use ledger_chain::{Record, StateKey};

use crate::chain::{Chain, did};
use crate::samples::{anchor, chain, root};

#[test]
fn every_record_is_proven_at_its_height_and_absent_before() {
    let chain = chain();
    let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(chain.height())).unwrap();
    for (key, bytes) in chain.keys() {
        let proven = trusted.lookup(key, &chain.prove(key, chain.height())).unwrap();
        assert_eq!((proven.at().height, proven.at().time), (5, trusted.head().time));
        assert_eq!(proven.into_value(), Some(Record::read(key, bytes).unwrap()));
    }
    let born = StateKey::Did(did(10));
    for (height, present) in [(0, false), (1, true), (4, true)] {
        let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(height)).unwrap();
        let proven = trusted.record(&chain.prove(&born, height)).unwrap();
        assert_eq!(proven.present().is_some(), present, "height {height}");
    }
}

#[test]
fn a_record_is_proven_as_it_was_at_each_height() {
    let mut chain = Chain::new(1);
    let key = StateKey::Actor(did(4));
    for n in 0..20 {
        chain.block((n % 3 > 0).then(|| (4, anchor(n))));
    }
    let mut seen = BTreeMap::new();
    for height in 0..=chain.height() {
        let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(height)).unwrap();
        seen.insert(height, trusted.lookup(&key, &chain.prove(&key, height)).unwrap().into_value());
    }
    // Block h holds operation h - 1; every third one is empty.
    let sent = |height: u64| (0..height).filter(|n| n % 3 > 0).count() as u64;
    for (height, record) in seen {
        assert_eq!(record, Some(sent(height)).filter(|sent| *sent > 0).map(Record::Actor), "height {height}");
    }
}

#[test]
fn bad_proof_of_another_height_is_refused() {
    let chain = chain();
    let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(5)).unwrap();
    for height in 0..5 {
        let key = StateKey::Anchor(did(12), root(12));
        let refused = trusted.record(&chain.prove(&key, height)).unwrap_err();
        assert_eq!(refused.code(), "BAD_PROOF", "height {height}");
    }
}

#[test]
fn other_key_is_refused_as_an_answer() {
    let chain = chain();
    let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(5)).unwrap();
    let asked = StateKey::Anchor(did(12), root(12));
    let answered = chain.prove(&StateKey::Anchor(did(13), root(13)), 5);
    assert!(trusted.record(&answered).is_ok());
    assert_eq!(trusted.lookup(&asked, &answered), Err(LightError::OtherKey));
    assert_eq!(LightError::OtherKey.code(), "OTHER_KEY");
}
