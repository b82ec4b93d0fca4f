//! The state tree: a Jellyfish Merkle tree, updated in sixteen independent shards.
//!
//! Hash for hash it is the tree of the crate [`jmt`](https://docs.rs/jmt/0.12) (Gao, Hu, Wu 2021), which the
//! tests hold every root against; the update is our own, several times faster for a block's worth of records.
//! A record lies at the bits of [`StateKey::hash`](crate::StateKey::hash), its leaf commits to that hash and
//! to the record. The root node's sixteen subtrees are the shards: a block's changes are applied to each on
//! whatever thread is free, and [`ShardRoots`] is the root node.
//!
//! Nodes are never changed, only superseded, and carry the height they were written at. So proofs at any
//! height work for as long as the store keeps what was superseded.
//!
//! ```text
//! Changes ─split─► 16 × entries ─update_shard─► 16 × ShardUpdate ─ShardRoots::apply─► state root
//! ```
//! Absent on purpose: deletion. No operation removes a record.

mod node;
mod proof;

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::Digest;

use crate::Changes;
use node::{Place, Places, nibble};
pub use proof::{ProofError, RECORD_PROOF_BYTES, RecordProof, prove};

/// Number of shards.
pub const SHARDS: usize = 16;

/// What the tree reads from the store.
pub trait TreeReader: Sync {
    /// A node under the key that an update gave it; `None` if it was pruned or never existed.
    fn node(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// The newest value of a record, by its key's hash, that was written at `version` or before.
    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>>;
}

/// A record to write: its key's hash and its bytes.
pub type Entry<'a> = (Digest, &'a [u8]);

/// The root of one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ShardRoot(Place);

/// The roots of all shards at a height. The store keeps them for each height at which it can prove records.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ShardRoots(Places);

/// What an update of one shard asks the store to write, all of it or nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardUpdate<'a> {
    /// Which shard, below [`SHARDS`].
    pub shard: u8,
    /// Its root from now on.
    pub root: ShardRoot,
    /// New nodes, by key. Keys of different shards and versions differ, and sort by version.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The records written, which [`TreeReader::value`] finds from this version on.
    pub values: Vec<Entry<'a>>,
    /// Keys of nodes that this update superseded; a store that proves no older heights deletes them.
    pub stale: Vec<Vec<u8>>,
}

impl ShardRoots {
    /// The roots before genesis.
    pub const EMPTY: Self = Self([Place::Empty; SHARDS]);

    /// A shard's root.
    ///
    /// # Panics
    /// If `shard` is not below [`SHARDS`].
    pub fn get(&self, shard: u8) -> ShardRoot {
        ShardRoot(*self.0.get(usize::from(shard)).expect("below 16 because callers count to SHARDS"))
    }

    /// Takes over the root of an updated shard.
    ///
    /// # Panics
    /// If `update.shard` is not below [`SHARDS`].
    pub fn apply(&mut self, update: &ShardUpdate<'_>) {
        let place = self.0.get_mut(usize::from(update.shard));
        *place.expect("below 16 because update_shard checked it") = update.root.0;
    }

    /// The state root.
    pub fn state_root(&self) -> Digest {
        node::root(&self.0)
    }
}

/// Sorts changes into shards, hashing each key once.
pub fn split(changes: &Changes) -> [Vec<Entry<'_>>; SHARDS] {
    let mut shards: [Vec<Entry<'_>>; SHARDS] = Default::default();
    for (key, record) in changes {
        let hash = key.hash();
        if let Some(shard) = shards.get_mut(nibble(&hash, 0)) {
            shard.push((hash, record));
        }
    }
    shards
}

/// The shard after `entries` are written at height `version`, which is above every earlier update's.
///
/// Entries belong to the shard and have distinct keys, as [`split`] gives them. Without entries nothing changes.
///
/// # Panics
/// If the store lacks a node below `previous`, which means that the database is corrupt; if an entry belongs
/// to another shard.
pub fn update_shard<'a>(
    reader: &dyn TreeReader,
    shard: u8,
    version: u64,
    previous: ShardRoot,
    mut entries: Vec<Entry<'a>>,
) -> ShardUpdate<'a> {
    entries.sort_unstable_by_key(|(key, _)| *key);
    let own = |(key, _): &Entry<'_>| nibble(key, 0) == usize::from(shard);
    assert!(
        entries.first().is_none_or(own) && entries.last().is_none_or(own),
        "entries belong to shard {shard}"
    );
    let leaves: Vec<Leaf> = entries
        .iter()
        .map(|(key, record)| Leaf { key: *key, hash: node::leaf(key, &node::value_hash(record)) })
        .collect();
    let mut update = Update { reader, version, nodes: Vec::new(), stale: Vec::new() };
    let root = ShardRoot(update.put(previous.0, 1, &leaves));
    ShardUpdate { shard, root, nodes: update.nodes, values: entries, stale: update.stale }
}

/// A leaf to put into the tree.
#[derive(Clone, Copy)]
struct Leaf {
    key: Digest,
    hash: Digest,
}

/// An update on its way through one shard.
struct Update<'a> {
    reader: &'a dyn TreeReader,
    version: u64,
    nodes: Vec<(Vec<u8>, Vec<u8>)>,
    stale: Vec<Vec<u8>>,
}

impl Update<'_> {
    /// The place after `leaves` are put there: ascending, distinct, and all with the place's first `depth` nibbles.
    fn put(&mut self, place: Place, depth: usize, leaves: &[Leaf]) -> Place {
        let Some(first) = leaves.first() else { return place };
        let mut places = match place {
            Place::Inner { version, .. } => {
                let key = node::key(version, depth, &first.key);
                let stored = self.reader.node(&key).and_then(|bytes| node::decode(&bytes));
                self.stale.push(key);
                stored.expect("stored and readable because the database holds all that a root reaches")
            }
            Place::Leaf { hash, key } if leaves.binary_search_by_key(&key, |leaf| leaf.key).is_err() => {
                let mut all = leaves.to_vec();
                all.insert(all.partition_point(|leaf| leaf.key < key), Leaf { key, hash });
                return self.put(Place::Empty, depth, &all);
            }
            Place::Leaf { .. } | Place::Empty => match leaves {
                [Leaf { key, hash }] => return Place::Leaf { hash: *hash, key: *key },
                _ => [Place::Empty; 16],
            },
        };
        for group in leaves.chunk_by(|a, b| nibble(&a.key, depth) == nibble(&b.key, depth)) {
            if let Some(place) = group.first().and_then(|leaf| places.get_mut(nibble(&leaf.key, depth))) {
                *place = self.put(*place, depth + 1, group);
            }
        }
        self.nodes.push((node::key(self.version, depth, &first.key), node::encode(&places)));
        Place::Inner { hash: node::root(&places), version: self.version }
    }
}

#[cfg(test)]
mod tests;
