//! RFC 9162 Merkle trees over digests: root, inclusion and consistency, over SHA-256.
//!
//! One tree serves batches of blinded commitments (in memory) and the ledger's history (in a database):
//! both hand out hashes of complete subtrees through [`Nodes`]. A leaf's hash is `SHA-256(0x00 ‖ leaf)`,
//! an inner node's `SHA-256(0x01 ‖ left ‖ right)`; the tree of no leaves hashes to `SHA-256("")`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// Hash of the complete subtree at `(level, index)`: leaves `index·2^level .. (index+1)·2^level`.
pub trait Nodes {
    /// The node, which exists because that subtree is complete.
    fn node(&self, level: u32, index: u64) -> Digest;
}

/// Hashes from a leaf's sibling up to the root's child; or what consistency needs.
#[derive(Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub Vec<Digest>);

/// Longest path accepted: a tree of 2⁶³ leaves.
const LONGEST: usize = 64;

/// The hash of a leaf.
pub fn leaf_hash(leaf: &Digest) -> Digest {
    let mut bytes = [0u8; 33];
    bytes[1..].copy_from_slice(leaf.as_bytes());
    Digest::sha256(&bytes)
}

fn join(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1u8; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Digest::sha256(&bytes)
}

/// Calls `store` with each subtree that becomes complete when `leaf` is appended as number `index`.
pub fn append(nodes: &impl Nodes, index: u64, leaf: &Digest, mut store: impl FnMut(u32, u64, Digest)) {
    let mut hash = leaf_hash(leaf);
    let (mut level, mut position) = (0, index);
    store(level, position, hash);
    while position & 1 == 1 {
        hash = join(&nodes.node(level, position - 1), &hash);
        level += 1;
        position >>= 1;
        store(level, position, hash);
    }
}

/// Root of the first `size` leaves.
pub fn root(nodes: &impl Nodes, size: u64) -> Digest {
    if size == 0 { Digest::sha256(b"") } else { subtree(nodes, 0, size) }
}

/// Hash of leaves `start..end`, not empty; `start` is a multiple of a power of two ≥ `end - start`.
fn subtree(nodes: &impl Nodes, start: u64, end: u64) -> Digest {
    let width = end - start;
    if width.is_power_of_two() {
        return nodes.node(width.trailing_zeros(), start / width);
    }
    let middle = start + split(width);
    join(&subtree(nodes, start, middle), &subtree(nodes, middle, end))
}

/// The largest power of two smaller than `width` (at least 2).
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// Inclusion path of leaf `index` in the tree of `size` leaves (RFC 9162 §2.1.3.1); `None` if outside.
pub fn inclusion(nodes: &impl Nodes, index: u64, size: u64) -> Option<Path> {
    if index >= size {
        return None;
    }
    let (mut start, mut end, mut path) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree(nodes, middle, end));
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle));
            start = middle;
        }
    }
    path.reverse();
    Some(Path(path))
}

/// Whether `leaf` is number `index` of the `size` leaves under `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(root: &Digest, size: u64, index: u64, leaf: &Digest, path: &Path) -> bool {
    if index >= size || path.0.len() > LONGEST {
        return false;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = leaf_hash(leaf);
    for sibling in &path.0 {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = join(sibling, &hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = join(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && &hash == root
}

/// Proof that the tree of `new` leaves extends the tree of `old` (RFC 9162 §2.1.4.1); `None` unless `0 < old ≤ new`.
pub fn consistency(nodes: &impl Nodes, old: u64, new: u64) -> Option<Path> {
    if old == 0 || old > new {
        return None;
    }
    let (mut start, mut end, mut path, mut whole) = (0, new, Vec::new(), true);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(subtree(nodes, middle, end));
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle));
            start = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(subtree(nodes, start, end));
    }
    path.reverse();
    Some(Path(path))
}

/// Whether the tree of `new` leaves under `new_root` extends the one of `old` under `old_root` (RFC 9162 §2.1.4.2).
pub fn verify_consistency(old_root: &Digest, old: u64, new_root: &Digest, new: u64, path: &Path) -> bool {
    if old == 0 || old > new || path.0.len() > LONGEST {
        return false;
    }
    if old == new {
        return path.0.is_empty() && old_root == new_root;
    }
    let mut siblings = path.0.iter();
    let (mut position, mut last) = (old - 1, new - 1);
    let first = if old.is_power_of_two() { Some(old_root) } else { siblings.next() };
    let Some(first) = first else { return false };
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in siblings {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old_hash = join(sibling, &old_hash);
            new_hash = join(sibling, &new_hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = join(&new_hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && &old_hash == old_root && &new_hash == new_root
}

/// A tree in memory, for batches.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    levels: Vec<Vec<Digest>>,
}

impl Nodes for Tree {
    fn node(&self, level: u32, index: u64) -> Digest {
        let level = usize::try_from(level).expect("fits because levels are at most 64");
        let index = usize::try_from(index).expect("fits because the tree is in memory");
        *self
            .levels
            .get(level)
            .and_then(|row| row.get(index))
            .expect("present because complete subtrees are stored")
    }
}

impl Tree {
    /// The tree over `leaves`.
    pub fn new(leaves: &[Digest]) -> Self {
        let mut levels = vec![leaves.iter().map(leaf_hash).collect::<Vec<_>>()];
        while let Some(row) = levels.last().filter(|row| row.len() > 1) {
            let above = row.chunks_exact(2).map(|pair| match pair {
                [left, right] => join(left, right),
                _ => unreachable!("chunks of two because chunks_exact(2)"),
            });
            let above: Vec<_> = above.collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |row| row.len() as u64)
    }

    /// Root of all leaves.
    pub fn root(&self) -> Digest {
        root(self, self.size())
    }

    /// Inclusion path of a leaf; `None` if outside.
    pub fn inclusion(&self, index: u64) -> Option<Path> {
        inclusion(self, index, self.size())
    }
}

#[cfg(test)]
mod tests;
