//! Nodes of the state tree: hashes, keys and bytes.
//!
//! An inner node is four levels of the binary tree in one: sixteen places, each empty, a leaf, or a further
//! inner node. Hashes are those of the crate `jmt`. Leaves are not stored on their own: a place holds the
//! leaf's hash and its record's key, which is all that an update must know.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::{Digest, digest, label};
use sha2::{Digest as _, Sha256};

/// Hash of the empty place.
const EMPTY: Digest = Digest::from_bytes(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");
const LEAF: &[u8] = b"JMT::LeafNode";
const INNER: &[u8] = b"JMT::IntrnalNode";

/// What lies at one place of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) enum Place {
    /// No record.
    #[default]
    Empty,
    /// One record: hash of its leaf, hash of its key.
    Leaf { hash: Digest, key: Digest },
    /// Two or more records: hash over them, height of the last change.
    Inner { hash: Digest, version: u64 },
}

impl Place {
    pub(super) fn hash(&self) -> Digest {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf { hash, .. } | Self::Inner { hash, .. } => *hash,
        }
    }

    /// Two places in one: a lone leaf rises, so that its path is as short as can be.
    fn above(left: &Self, right: &Self) -> Self {
        match (left, right) {
            (Self::Empty, lone @ (Self::Empty | Self::Leaf { .. }))
            | (lone @ Self::Leaf { .. }, Self::Empty) => *lone,
            _ => Self::Inner { hash: join(&left.hash(), &right.hash()), version: 0 },
        }
    }
}

/// An inner node's places, by nibble.
pub(super) type Places = [Place; 16];

/// The binary tree over sixteen places as a heap: number 1 is the root, `2i` and `2i + 1` lie below `i`, and
/// place `n` is number `16 + n`. Versions above the places mean nothing.
pub(super) fn heap(places: &Places) -> [Place; 32] {
    let mut heap = [Place::Empty; 32];
    let (inner, bottom) = heap.split_at_mut(16);
    bottom.copy_from_slice(places);
    for index in (1..16).rev() {
        let below = |child: usize| {
            inner.get(child).or_else(|| bottom.get(child - 16)).expect("below 32 because index is below 16")
        };
        let place = Place::above(below(2 * index), below(2 * index + 1));
        if let Some(slot) = inner.get_mut(index) {
            *slot = place;
        }
    }
    heap
}

/// The hash over sixteen places.
pub(super) fn root(places: &Places) -> Digest {
    let [_, root, ..] = heap(places);
    root.hash()
}

/// Hash of a leaf.
pub(super) fn leaf(key: &Digest, value: &Digest) -> Digest {
    hash(LEAF, key, value)
}

/// What a leaf commits to of a record.
pub(super) fn value_hash(record: &[u8]) -> Digest {
    digest(label::STATE_VALUE, &[record])
}

/// Hash of two nodes side by side.
pub(super) fn join(left: &Digest, right: &Digest) -> Digest {
    hash(INNER, left, right)
}

fn hash(prefix: &[u8], left: &Digest, right: &Digest) -> Digest {
    let hasher =
        Sha256::new().chain_update(prefix).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// Nibble `index` of a hash, counted from the first.
pub(super) fn nibble(hash: &Digest, index: usize) -> usize {
    let byte = hash.as_bytes().get(index / 2).expect("a nibble of a hash because a tree is 64 nodes deep");
    usize::from(if index.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

/// Key of the node that was written at `version` and holds the keys that begin with `depth` nibbles of `hash`:
/// `version (8, big-endian) ‖ depth (1) ‖ nibbles, two a byte`. So what a block writes lies together in the
/// store, after everything older.
pub(super) fn key(version: u64, depth: usize, hash: &Digest) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + depth.div_ceil(2));
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.push(u8::try_from(depth).expect("fits because a tree is 64 nodes deep"));
    bytes.extend_from_slice(
        hash.as_bytes().get(..depth / 2).expect("a prefix because a tree is 64 nodes deep"),
    );
    if depth % 2 == 1 {
        bytes.push(u8::try_from(nibble(hash, depth - 1) << 4).expect("fits because a nibble is below 16"));
    }
    bytes
}

/// A node's bytes: which places are taken, which of these are leaves, then each one's hash and key or version.
pub(super) fn encode(places: &Places) -> Vec<u8> {
    let (mut taken, mut leaves) = (0u16, 0u16);
    let size = |place: &Place| match place {
        Place::Empty => 0,
        Place::Leaf { .. } => 64,
        Place::Inner { .. } => 40,
    };
    let mut bytes = Vec::with_capacity(4 + places.iter().map(size).sum::<usize>());
    bytes.extend_from_slice(&[0; 4]);
    for (index, place) in places.iter().enumerate() {
        match place {
            Place::Empty => {}
            Place::Leaf { hash, key } => {
                taken |= 1 << index;
                leaves |= 1 << index;
                bytes.extend_from_slice(hash.as_bytes());
                bytes.extend_from_slice(key.as_bytes());
            }
            Place::Inner { hash, version } => {
                taken |= 1 << index;
                bytes.extend_from_slice(hash.as_bytes());
                bytes.extend_from_slice(&version.to_be_bytes());
            }
        }
    }
    let [a, b] = taken.to_be_bytes();
    let [c, d] = leaves.to_be_bytes();
    if let Some(head) = bytes.first_chunk_mut::<4>() {
        *head = [a, b, c, d];
    }
    bytes
}

/// Reads a node's bytes; `None` if they are not a node's.
pub(super) fn decode(bytes: &[u8]) -> Option<Places> {
    let (head, mut rest) = bytes.split_first_chunk::<4>()?;
    let bits = u32::from_be_bytes(*head);
    let (taken, leaves) = (bits >> 16, bits & 0xffff);
    let mut places = [Place::Empty; 16];
    for (index, place) in places.iter_mut().enumerate().filter(|(index, _)| taken >> index & 1 == 1) {
        let (hash, after) = rest.split_first_chunk()?;
        let hash = Digest::from_bytes(*hash);
        *place = if leaves >> index & 1 == 1 {
            let (key, after) = after.split_first_chunk()?;
            rest = after;
            Place::Leaf { hash, key: Digest::from_bytes(*key) }
        } else {
            let (version, after) = after.split_first_chunk()?;
            rest = after;
            Place::Inner { hash, version: u64::from_be_bytes(*version) }
        };
    }
    rest.is_empty().then_some(places)
}
