//! The history: an RFC 9162 log of block hashes, and proofs against its root in a head.
//!
//! **Statements.** Block `b` is number `n` of the log in head `H`; the log in head `H` extends the log in an
//! earlier head `G`; transaction `t` is in block `b`. **Argument.** RFC 9162 §2.1.3 and §2.1.4: each is a
//! chain of hashes up to a root that validators certified. Leaves and inner nodes hash under different
//! prefixes. The sizes of the logs are the heads' heights and one, so a prover does not choose them.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::merkle::{self, Nodes, Path, Tree};
use did_registry::{Digest, RegistryError};

use crate::{Block, Head, Header, SignedTransaction};

/// Bytes of the largest proof of this module: two paths and a header.
pub const HISTORY_PROOF_BYTES: usize = 8 * 1024;

/// Hashes in the longest path: a log of 2⁶³ blocks.
const LONGEST: usize = 64;

/// Log root at `height`: over the hashes of blocks 0 to `height`.
pub fn log_root(nodes: &impl Nodes, height: u64) -> Digest {
    merkle::root(nodes, height.saturating_add(1))
}

/// Proof that a block is in a head's history.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct BlockProof {
    #[borsh(deserialize_with = "bounded")]
    path: Path,
}

impl BlockProof {
    /// Proves the block at `height` to holders of the head at `head`; `None` if that is lower.
    pub fn new(nodes: &impl Nodes, height: u64, head: u64) -> Option<Self> {
        Some(Self { path: merkle::inclusion(nodes, height, head.checked_add(1)?)? })
    }

    /// Whether the block with this header is in `head`'s history.
    pub fn holds(&self, head: &Head, header: &Header) -> bool {
        let leaf = header.hash();
        let size = head.height.checked_add(1);
        header.ledger == head.ledger
            && size.is_some_and(|size| {
                merkle::verify_inclusion(&head.log, size, header.height, &leaf, &self.path)
            })
    }
}

/// Proof that a head's history continues an earlier head's.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ConsistencyProof {
    #[borsh(deserialize_with = "bounded")]
    path: Path,
}

impl ConsistencyProof {
    /// Proves to holders of the head at height `old` that the head at `new` continues it; `None` if that is lower.
    pub fn new(nodes: &impl Nodes, old: u64, new: u64) -> Option<Self> {
        Some(Self { path: merkle::consistency(nodes, old.checked_add(1)?, new.checked_add(1)?)? })
    }

    /// Whether `new` continues `old`.
    pub fn holds(&self, old: &Head, new: &Head) -> bool {
        match (old.height.checked_add(1), new.height.checked_add(1)) {
            (Some(before), Some(after)) => {
                merkle::verify_consistency(&old.log, before, &new.log, after, &self.path)
            }
            _ => false,
        }
    }

    /// Reads a proof from outside; says nothing about whether it holds.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] or [`RegistryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, HISTORY_PROOF_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// Proof that a transaction is in a block of a head's history.
///
/// `index` and `count` say how the path runs; nothing else in a header vouches for them, so they are not
/// handed out: what is proven is the transaction, the block's height and the block's time.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct TransactionProof {
    header: Header,
    index: u64,
    count: u64,
    #[borsh(deserialize_with = "bounded")]
    path: Path,
    block: BlockProof,
}

impl TransactionProof {
    /// Proves transaction number `index` of `block` to holders of the head at `head`; `None` if there is no
    /// such transaction or the head is lower.
    pub fn new(nodes: &impl Nodes, block: &Block, index: u64, head: u64) -> Option<Self> {
        let ids: Vec<Digest> = block.transactions.iter().map(SignedTransaction::id).collect();
        let tree = Tree::new(&ids);
        Some(Self {
            header: block.header.clone(),
            index,
            count: tree.size(),
            path: tree.inclusion(index)?,
            block: BlockProof::new(nodes, block.header.height, head)?,
        })
    }

    /// The block it names; only [`TransactionProof::holds`] gives that meaning.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the transaction with this identifier is in the named block, and that in `head`'s history.
    pub fn holds(&self, head: &Head, id: &Digest) -> bool {
        self.block.holds(head, &self.header)
            && merkle::verify_inclusion(&self.header.transactions, self.count, self.index, id, &self.path)
    }

    /// Reads a proof from outside; says nothing about whether it holds.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] or [`RegistryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, HISTORY_PROOF_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

fn bounded<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Path> {
    let length = u32::deserialize_reader(reader)?;
    if usize::try_from(length).map_or(true, |length| length > LONGEST) {
        return Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, "a path has at most 64 hashes"));
    }
    (0..length).map(|_| Digest::deserialize_reader(reader)).collect::<borsh::io::Result<_>>().map(Path)
}
