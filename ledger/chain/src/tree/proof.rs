//! Proofs that a record is in the state, or that no record has a key.
//!
//! **Statement.** Under state root `R`, the record of key `k` is `v` (inclusion), or there is none (absence).
//!
//! **Argument.** The tree puts a leaf at the end of the shortest path of key bits that it shares with no other
//! leaf. So the path of `k` ends in exactly one of three things: the leaf of `k`, which commits to `v`; an
//! empty place; or the leaf of another key, which then is the only one below that point. The last two exclude
//! a leaf of `k`. Leaves, inner nodes and the empty place hash differently, so none passes for another.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::{Digest, RegistryError};

use super::node::{self, Place, nibble};
use super::{ShardRoots, TreeReader};
use crate::{Record, StateKey, TRANSACTION_BYTES};

/// Bytes of the largest proof: a record of the largest size and a path of the greatest depth.
pub const RECORD_PROOF_BYTES: usize = TRANSACTION_BYTES + 16 * 1024;

/// Bits of a key's hash, and so the deepest path.
const LEVELS: usize = 256;

/// Why a proof was not made or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The store keeps no nodes of that height any more.
    #[error("this height is pruned: a node of its state tree is gone")]
    Pruned,
    /// More levels than a key has bits.
    #[error("a path has at most {LEVELS} levels")]
    TooDeep,
    /// A leaf that proves no absence: the key's own, or one that lies elsewhere.
    #[error("absence is proven by the only other leaf at the end of the key's path")]
    NotOnPath,
    /// The path ends in another root.
    #[error("the path leads to another state root")]
    OtherRoot,
    /// Proven bytes that are not that key's kind of record.
    #[error("the record does not read as one of its key's kind: {0}")]
    NotARecord(RegistryError),
}

/// Proof of a record, or of its absence, under a state root.
///
/// 32 bytes a level: about 0.7 kB and the record itself in a state of a million records.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RecordProof {
    /// The key it speaks of.
    pub key: StateKey,
    ending: Ending,
    /// Hashes beside the path, from the deepest up.
    siblings: Vec<Digest>,
}

/// What the key's path ends in.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
enum Ending {
    /// The key's record.
    Record(Vec<u8>),
    /// An empty place.
    Nothing,
    /// The leaf of another key: hash of that key, hash of its value.
    Other(Digest, Digest),
}

/// Proves what `key` has at `height`, whose shard roots are `roots`.
///
/// # Errors
/// [`ProofError::Pruned`] if the store lacks a node or value of that height.
pub fn prove(
    reader: &dyn TreeReader,
    key: &StateKey,
    height: u64,
    roots: &ShardRoots,
) -> Result<RecordProof, ProofError> {
    let hash = key.hash();
    let (place, siblings) = descend(reader, &hash, roots).ok_or(ProofError::Pruned)?;
    let ending = match place {
        Place::Leaf { hash: committed, key: found } => {
            let record = reader.value(&found, height).ok_or(ProofError::Pruned)?;
            let value = node::value_hash(&record);
            if node::leaf(&found, &value) != committed {
                return Err(ProofError::Pruned);
            }
            if found == hash { Ending::Record(record) } else { Ending::Other(found, value) }
        }
        Place::Empty | Place::Inner { .. } => Ending::Nothing,
    };
    Ok(RecordProof { key: key.clone(), ending, siblings })
}

/// The place at the end of the key's path and the hashes beside the path, deepest first; `None` without a node.
pub(super) fn descend(
    reader: &dyn TreeReader,
    key: &Digest,
    roots: &ShardRoots,
) -> Option<(Place, Vec<Digest>)> {
    let (mut places, mut depth, mut siblings) = (roots.0, 0, Vec::new());
    loop {
        let heap = node::heap(&places);
        let below = 16 + nibble(key, depth);
        let mut place = *heap.get(1)?;
        for level in (0..4).rev() {
            if !matches!(place, Place::Inner { .. }) {
                break;
            }
            let index = below >> level;
            siblings.push(heap.get(index ^ 1)?.hash());
            place = *heap.get(index)?;
        }
        let Place::Inner { version, .. } = place else {
            siblings.reverse();
            return Some((place, siblings));
        };
        depth += 1;
        places = node::decode(&reader.node(&node::key(version, depth, key))?)?;
    }
}

impl RecordProof {
    /// Reads a proof from outside; says nothing about whether it holds.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] or [`RegistryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, RECORD_PROOF_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The record under `state`, or `None` if the proof shows that there is none.
    ///
    /// # Errors
    /// The [`ProofError`] that keeps it from holding.
    pub fn verify(&self, state: &Digest) -> Result<Option<Record>, ProofError> {
        let key = self.key.hash();
        let depth = self.siblings.len();
        if depth > LEVELS {
            return Err(ProofError::TooDeep);
        }
        let end = match &self.ending {
            Ending::Record(record) => node::leaf(&key, &node::value_hash(record)),
            Ending::Nothing => Place::Empty.hash(),
            Ending::Other(other, value) => {
                if other == &key || common_bits(other, &key) < depth {
                    return Err(ProofError::NotOnPath);
                }
                node::leaf(other, value)
            }
        };
        if &climb(&key, end, &self.siblings) != state {
            return Err(ProofError::OtherRoot);
        }
        match &self.ending {
            Ending::Record(record) => {
                Record::read(&self.key, record).map(Some).map_err(ProofError::NotARecord)
            }
            Ending::Nothing | Ending::Other(..) => Ok(None),
        }
    }
}

/// The root above `end`, which lies at the end of the key's path with these hashes beside it.
pub(super) fn climb(key: &Digest, end: Digest, siblings: &[Digest]) -> Digest {
    (0..siblings.len()).rev().zip(siblings).fold(end, |below, (level, sibling)| {
        if bit(key, level) { node::join(sibling, &below) } else { node::join(&below, sibling) }
    })
}

/// Bit `level` of a hash, counted from the first.
fn bit(hash: &Digest, level: usize) -> bool {
    hash.as_bytes().get(level / 8).is_some_and(|byte| byte >> (7 - level % 8) & 1 == 1)
}

fn common_bits(left: &Digest, right: &Digest) -> usize {
    (0..LEVELS).take_while(|level| bit(left, *level) == bit(right, *level)).count()
}

#[cfg(test)]
mod tests;
