//! Attacks on proofs: nothing but a true statement verifies.

use std::collections::BTreeMap;

use did_registry::{Did, NetworkId, digest};

use super::*;
use crate::tree::{SHARDS, update_shard};

#[derive(Default)]
struct Store {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    values: BTreeMap<Digest, Vec<u8>>,
}

impl TreeReader for Store {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.nodes.get(key).cloned()
    }
    fn value(&self, key: &Digest, _: u64) -> Option<Vec<u8>> {
        self.values.get(key).cloned()
    }
}

fn key(n: u64) -> StateKey {
    let bytes = encode(&(NetworkId::new("test").unwrap(), digest("test/did", &[&n.to_le_bytes()])));
    StateKey::Actor(borsh::from_slice::<Did>(&bytes).unwrap())
}

/// A state in which actors 0 to `count` have sent as many transactions as their number says.
fn state(count: u64) -> (Store, ShardRoots) {
    let (mut store, mut roots) = (Store::default(), ShardRoots::EMPTY);
    store.values = (0..count).map(|n| (key(n).hash(), encode(&n))).collect();
    for shard in 0..16u8 {
        let own = store.values.iter().filter(|(key, _)| key.as_bytes()[0] >> 4 == shard);
        let update =
            update_shard(&store, shard, 0, roots.get(shard), own.map(|(k, v)| (*k, v.as_slice())).collect());
        roots.apply(&update);
        let nodes = update.nodes;
        store.nodes.extend(nodes);
    }
    (store, roots)
}

const COUNT: u64 = 200;

#[test]
fn a_proof_is_small() {
    let (store, roots) = state(COUNT);
    for n in 0..2 * COUNT {
        let bytes = prove(&store, &key(n), 0, &roots).unwrap().to_bytes();
        assert!(bytes.len() < 160 + 32 * 24, "{} bytes", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_refused_or_makes_another_true_statement() {
    let (store, roots) = state(COUNT);
    let root = roots.state_root();
    let truth: BTreeMap<StateKey, u64> = (0..COUNT).map(|n| (key(n), n)).collect();
    for n in [0, 1, COUNT, COUNT + 1, COUNT + 2] {
        let proof = prove(&store, &key(n), 0, &roots).unwrap();
        let bytes = proof.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(other) = RecordProof::from_bytes(&flipped) else { continue };
            if let Ok(found) = other.verify(&root) {
                // An empty place proves the absence of every key that would lie there.
                assert_ne!(other.key, proof.key, "bit {bit}");
                assert_eq!(found, truth.get(&other.key).map(|value| Record::Actor(*value)), "bit {bit}");
            }
        }
    }
}

#[test]
fn another_key_is_refused() {
    let (store, roots) = state(COUNT);
    for n in 0..COUNT {
        let mut proof = prove(&store, &key(n), 0, &roots).unwrap();
        proof.key = key((n + 1) % COUNT);
        assert_eq!(proof.verify(&roots.state_root()), Err(ProofError::OtherRoot));
        proof.key = key(n + COUNT);
        assert_eq!(proof.verify(&roots.state_root()), Err(ProofError::OtherRoot));
    }
}

#[test]
fn another_value_is_refused() {
    let (store, roots) = state(COUNT);
    let mut proof = prove(&store, &key(3), 0, &roots).unwrap();
    proof.ending = Ending::Record(encode(&4u64));
    assert_eq!(proof.verify(&roots.state_root()), Err(ProofError::OtherRoot));
}

#[test]
fn another_height_is_refused() {
    let (store, roots) = state(COUNT);
    let (_, later) = state(COUNT + 1);
    let proof = prove(&store, &key(3), 0, &roots).unwrap();
    assert_eq!(proof.verify(&later.state_root()), Err(ProofError::OtherRoot));
}

#[test]
fn another_shard_is_refused() {
    let (store, roots) = state(COUNT);
    let proof = prove(&store, &key(3), 0, &roots).unwrap();
    for shift in 1..SHARDS {
        let mut moved = roots.0;
        moved.rotate_right(shift);
        assert_eq!(proof.verify(&node::root(&moved)), Err(ProofError::OtherRoot));
    }
}

#[test]
fn absence_of_an_existing_key_is_impossible() {
    let (store, roots) = state(COUNT);
    let root = roots.state_root();
    for n in 0..COUNT {
        let honest = prove(&store, &key(n), 0, &roots).unwrap();
        let refused = |ending: Ending, siblings: &[Digest]| {
            let forged = RecordProof { key: key(n), ending, siblings: siblings.to_vec() };
            assert!(forged.verify(&root).is_err());
        };
        let value = node::value_hash(&encode(&n));
        let leaf = node::leaf(&key(n).hash(), &value);
        for skipped in 0..=honest.siblings.len() {
            refused(Ending::Nothing, &honest.siblings[skipped..]);
            refused(Ending::Other(key(n).hash(), value), &honest.siblings[skipped..]);
        }
        // The own leaf as if it were a sibling of an empty place one level below.
        refused(Ending::Nothing, &[&[leaf], honest.siblings.as_slice()].concat());
        // Every other record's leaf with that record's own path.
        for other in (0..COUNT).filter(|other| *other != n) {
            let path = prove(&store, &key(other), 0, &roots).unwrap().siblings;
            refused(Ending::Other(key(other).hash(), node::value_hash(&encode(&other))), &path);
        }
        // What proves the absence of a stranger.
        let stranger = prove(&store, &key(n + COUNT), 0, &roots).unwrap();
        refused(stranger.ending.clone(), &stranger.siblings);
    }
}

#[test]
fn presence_of_a_missing_key_is_impossible() {
    let (store, roots) = state(COUNT);
    for n in 0..COUNT {
        let absent = key(COUNT + n);
        for shown in [&absent, &key(n)] {
            let siblings = prove(&store, shown, 0, &roots).unwrap().siblings;
            let forged = RecordProof { key: absent.clone(), ending: Ending::Record(encode(&n)), siblings };
            assert_eq!(forged.verify(&roots.state_root()), Err(ProofError::OtherRoot));
        }
    }
}

#[test]
fn a_leaf_off_the_path_proves_nothing() {
    let (store, roots) = state(2);
    let root = roots.state_root();
    let hash = |n| key(n).hash();
    // A stranger whose path leaves that of record 0 above its leaf.
    let path = prove(&store, &key(0), 0, &roots).unwrap().siblings;
    let stranger = (2..).find(|n| common_bits(&hash(*n), &hash(0)) < path.len()).unwrap();
    let forged = RecordProof {
        key: key(stranger),
        ending: Ending::Other(hash(0), node::value_hash(&encode(&0u64))),
        siblings: path,
    };
    assert_eq!(forged.verify(&root), Err(ProofError::NotOnPath));
}

#[test]
fn a_record_of_another_kind_is_refused_even_if_committed() {
    let mut store = Store::default();
    let hash = key(0).hash();
    store.values.insert(hash, vec![1, 2, 3]);
    let shard = hash.as_bytes()[0] >> 4;
    let update = update_shard(&store, shard, 0, ShardRoots::EMPTY.get(shard), vec![(hash, &[1, 2, 3])]);
    let mut roots = ShardRoots::EMPTY;
    roots.apply(&update);
    let verified = prove(&store, &key(0), 0, &roots).unwrap().verify(&roots.state_root());
    assert!(matches!(verified, Err(ProofError::NotARecord(_))), "{verified:?}");
}

#[test]
fn bounds_are_kept() {
    let deep = RecordProof { key: key(0), ending: Ending::Nothing, siblings: vec![Place::Empty.hash(); 257] };
    assert_eq!(deep.verify(&ShardRoots::EMPTY.state_root()), Err(ProofError::TooDeep));
    assert!(RecordProof::from_bytes(&deep.to_bytes()).is_ok(), "within the bytes allowed");
    let full = RecordProof { ending: Ending::Record(vec![0; RECORD_PROOF_BYTES]), ..deep };
    let refused = RecordProof::from_bytes(&full.to_bytes());
    assert!(matches!(refused, Err(RegistryError::TooLarge { limit: RECORD_PROOF_BYTES, .. })));
    // A count that promises more than there is.
    let mut promise = encode(&(key(0), Ending::Nothing));
    promise.extend(u32::MAX.to_le_bytes());
    assert!(matches!(RecordProof::from_bytes(&promise), Err(RegistryError::Malformed(_))));
}
