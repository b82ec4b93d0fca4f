use std::collections::{BTreeMap, BTreeSet};

use did_registry::canonical::encode;
use did_registry::{Did, NetworkId, digest, label};
use jmt::storage::{LeafNode, Node, NodeBatch, NodeKey};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, Version};
use proptest::prelude::*;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use sha2::Sha256;

use super::*;
use crate::{Record, StateKey};

/// A store in memory that can drop what was superseded.
#[derive(Default)]
struct Store {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    values: BTreeMap<(Digest, u64), Vec<u8>>,
    stale: Vec<Vec<u8>>,
}

impl TreeReader for Store {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.nodes.get(key).cloned()
    }

    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>> {
        self.values.range((*key, 0)..=(*key, version)).next_back().map(|(_, value)| value.clone())
    }
}

impl Store {
    /// Applies one height's entries to all shards.
    fn put(&mut self, roots: &ShardRoots, version: u64, entries: &[(Digest, Vec<u8>)]) -> ShardRoots {
        let mut after = roots.clone();
        for shard in 0..16u8 {
            let own = entries.iter().filter(|(key, _)| key.as_bytes()[0] >> 4 == shard);
            let own = own.map(|(key, value)| (*key, value.as_slice())).collect();
            let update = update_shard(self, shard, version, roots.get(shard), own);
            after.apply(&update);
            for (key, node) in update.nodes {
                assert!(self.nodes.insert(key, node).is_none(), "a node is written once");
            }
            for (key, value) in update.values {
                self.values.insert((key, version), value.to_vec());
            }
            self.stale.extend(update.stale);
        }
        after
    }

    fn prune(&mut self) {
        for key in self.stale.drain(..) {
            assert!(self.nodes.remove(&key).is_some(), "a stale node was there");
        }
    }
}

fn did(n: u64) -> Did {
    let bytes = encode(&(NetworkId::new("test").unwrap(), digest("test/did", &[&n.to_le_bytes()])));
    borsh::from_slice(&bytes).unwrap()
}

fn key(n: u64) -> StateKey {
    StateKey::Actor(did(n))
}

fn random_digest(rng: &mut ChaCha20Rng) -> Digest {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    Digest::from_bytes(bytes)
}

/// Digests that crowd: many share long beginnings, so that paths get deep.
fn crowded(rng: &mut ChaCha20Rng, count: usize) -> Vec<Digest> {
    let mut all = vec![random_digest(rng)];
    while all.len() < count {
        let mut bytes = *all[rng.gen_range(0..all.len())].as_bytes();
        let from = rng.gen_range(0..256);
        bytes[from / 8] ^= 0x80 >> (from % 8);
        rng.fill_bytes(&mut bytes[from / 8 + 1..]);
        all.push(Digest::from_bytes(bytes));
    }
    all
}

/// `jmt` over everything at once: what root and what proofs does it give?
struct Oracle(NodeBatch);

#[derive(borsh::BorshDeserialize)]
enum Sibling {
    Null,
    Internal(Digest, Digest),
    Leaf(Digest, Digest),
}

impl jmt::storage::TreeReader for Oracle {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.0.nodes().get(key).cloned())
    }
    fn get_value_option(&self, version: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.0.values().get(&(version, key)).cloned().flatten())
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("not asked for")
    }
}

impl Oracle {
    fn new(model: &BTreeMap<Digest, Vec<u8>>) -> (Self, Digest) {
        let empty = Self(NodeBatch::default());
        // Its value is what our value hash is the SHA-256 of.
        let value = |record: &[u8]| {
            [label::STATE_VALUE.as_bytes(), &[0], &(record.len() as u64).to_le_bytes(), record].concat()
        };
        let leaves = model.iter().map(|(key, record)| (KeyHash(*key.as_bytes()), value(record))).collect();
        let tree = JellyfishMerkleTree::<_, Sha256>::new(&empty);
        let (roots, batch) = tree.batch_put_value_sets(vec![leaves], None, 0).unwrap();
        (Self(batch.node_batch), Digest::from_bytes(roots[0].0))
    }

    /// The hashes beside a key's path, deepest first.
    fn siblings(&self, key: &Digest) -> Vec<Digest> {
        let tree = JellyfishMerkleTree::<_, Sha256>::new(self);
        let (_, proof) = tree.get_with_proof(KeyHash(*key.as_bytes()), 0).unwrap();
        let (_, siblings): (Option<(Digest, Digest)>, Vec<Sibling>) =
            borsh::from_slice(&encode(&proof)).unwrap();
        let hash = |sibling: &Sibling| match sibling {
            Sibling::Null => Place::Empty.hash(),
            Sibling::Internal(left, right) => node::join(left, right),
            Sibling::Leaf(key, value) => node::leaf(key, value),
        };
        siblings.iter().map(hash).collect()
    }
}

#[test]
fn empty_state_has_the_root_that_jmt_gives_it() {
    let empty = Oracle(NodeBatch::default());
    let root = JellyfishMerkleTree::<Oracle, Sha256>::EMPTY_ROOT;
    assert_eq!(ShardRoots::EMPTY.state_root().as_bytes(), &root.0);
    assert!(empty.0.is_empty());
    let proof = prove(&Store::default(), &key(1), 0, &ShardRoots::EMPTY).unwrap();
    assert_eq!(proof.verify(&ShardRoots::EMPTY.state_root()), Ok(None));
}

#[test]
fn every_root_and_every_path_is_that_of_jmt() {
    for seed in 0..60 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let size = [1, 2, 3, 17, 200][seed as usize % 5];
        let keys = if seed % 2 == 0 {
            crowded(&mut rng, size)
        } else {
            (0..size).map(|_| random_digest(&mut rng)).collect()
        };
        let (mut store, mut roots, mut model) = (Store::default(), ShardRoots::EMPTY, BTreeMap::new());
        for version in 0..6 {
            let picked: BTreeSet<Digest> =
                (0..size.div_ceil(2)).map(|_| keys[rng.gen_range(0..size)]).collect();
            let entries: Vec<_> =
                picked.into_iter().map(|key| (key, vec![version as u8; rng.gen_range(0..90)])).collect();
            roots = store.put(&roots, version, &entries);
            model.extend(entries);
            let (oracle, root) = Oracle::new(&model);
            assert_eq!(roots.state_root(), root, "seed {seed}, version {version}");
            let strangers = crowded(&mut rng, 5);
            for key in keys.iter().chain(&strangers) {
                let (place, siblings) = proof::descend(&store, key, &roots).unwrap();
                assert_eq!(siblings, oracle.siblings(key), "seed {seed}, version {version}");
                assert_eq!(proof::climb(key, place.hash(), &siblings), root);
                let found = matches!(place, Place::Leaf { key: found, .. } if &found == key);
                assert_eq!(found, model.contains_key(key));
            }
        }
    }
}

#[test]
fn entries_of_one_height_may_come_in_any_order() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut entries: Vec<_> = crowded(&mut rng, 50)
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|key| (key, vec![1]))
        .collect();
    let forward = Store::default().put(&ShardRoots::EMPTY, 3, &entries);
    entries.reverse();
    assert_eq!(Store::default().put(&ShardRoots::EMPTY, 3, &entries), forward);
}

#[test]
#[should_panic(expected = "entries belong to shard 3")]
fn an_entry_of_another_shard_is_refused() {
    update_shard(
        &Store::default(),
        3,
        0,
        ShardRoots::EMPTY.get(3),
        vec![(Digest::from_bytes([0x4f; 32]), &[])],
    );
}

#[test]
fn nodes_read_back_and_nothing_else_does() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    for _ in 0..200 {
        let places: Places = std::array::from_fn(|_| match rng.gen_range(0..3) {
            0 => Place::Empty,
            1 => Place::Leaf { hash: random_digest(&mut rng), key: random_digest(&mut rng) },
            _ => Place::Inner { hash: random_digest(&mut rng), version: rng.r#gen() },
        });
        let bytes = node::encode(&places);
        assert_eq!(node::decode(&bytes), Some(places));
        assert_eq!(node::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(node::decode(&[bytes.as_slice(), &[0]].concat()), None);
    }
}

#[test]
fn pruning_keeps_the_latest_height_provable_and_says_so_of_older_ones() {
    let (mut store, mut roots) = (Store::default(), ShardRoots::EMPTY);
    let entries = |value: u64| (0..40).map(|n| (key(n).hash(), encode(&value))).collect::<Vec<_>>();
    for version in 0..3 {
        let before = roots.clone();
        roots = store.put(&roots, version, &entries(version));
        store.prune();
        for n in 0..40 {
            let proof = prove(&store, &key(n), version, &roots).unwrap();
            assert_eq!(proof.verify(&roots.state_root()), Ok(Some(Record::Actor(version))));
        }
        if version > 0 {
            assert!((0..40).any(|n| prove(&store, &key(n), version - 1, &before) == Err(ProofError::Pruned)));
        }
    }
}

#[test]
fn a_missing_value_is_reported_as_pruned() {
    let mut store = Store::default();
    let roots = store.put(&ShardRoots::EMPTY, 0, &[(key(1).hash(), encode(&1u64))]);
    store.values.clear();
    assert_eq!(prove(&store, &key(1), 0, &roots), Err(ProofError::Pruned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over many versions, proofs at every height agree with a map.
    #[test]
    fn proofs_agree_with_a_map_at_every_height(blocks in prop::collection::vec(prop::collection::btree_map(0u64..40, any::<u64>(), 0..12), 1..12)) {
        let (mut store, mut roots, mut model) = (Store::default(), ShardRoots::EMPTY, BTreeMap::new());
        let mut heights = Vec::new();
        for (version, block) in (5u64..).step_by(3).zip(blocks) {
            let entries: Vec<_> = block.iter().map(|(n, value)| (key(*n).hash(), encode(value))).collect();
            roots = store.put(&roots, version, &entries);
            model.extend(block);
            heights.push((version, roots.clone(), model.clone()));
        }
        for (version, roots, model) in &heights {
            for n in 0..44 {
                let proof = prove(&store, &key(n), *version, roots).unwrap();
                let expected = model.get(&n).map(|value| Record::Actor(*value));
                prop_assert_eq!(proof.verify(&roots.state_root()), Ok(expected));
                prop_assert_eq!(RecordProof::from_bytes(&proof.to_bytes()), Ok(proof));
            }
        }
    }
}
