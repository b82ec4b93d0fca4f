//! Genesis, blocks, validator sets and signed heads.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::merkle::Tree;
use did_registry::{
    Committee, Did, Digest, Genesis as DidGenesis, NetworkId, PublicKey, RegistryError, Signature, Timestamp,
    digest, label,
};
use serde::Serialize;

use crate::SignedTransaction;

/// Bytes of the largest block.
pub const BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of the largest signed head: 128 validators.
pub const HEAD_BYTES: usize = 32 * 1024;

/// A ledger of its own within a network: its number.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize,
)]
pub struct GroupId(pub u32);

/// Who certifies heads, with voting power.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ValidatorSet(BTreeMap<PublicKey, u64>);

impl ValidatorSet {
    /// A set of 1 to 128 validators with positive powers that sum to at most 2³².
    ///
    /// # Errors
    /// [`RegistryError::Malformed`].
    pub fn new(powers: BTreeMap<PublicKey, u64>) -> Result<Self, RegistryError> {
        let set = Self(powers);
        set.check()?;
        Ok(set)
    }

    /// The same rule for sets that were decoded.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`].
    pub fn check(&self) -> Result<(), RegistryError> {
        let bounded =
            self.0.values().try_fold(0u64, |sum, power| sum.checked_add(*power).filter(|_| *power > 0));
        match bounded {
            Some(1..=0xffff_ffff) if self.0.len() <= 128 => Ok(()),
            _ => Err(RegistryError::Malformed(
                "1 to 128 validators have positive powers of at most 2^32 in all".into(),
            )),
        }
    }

    /// The set's hash.
    pub fn hash(&self) -> Digest {
        digest(label::VALIDATORS, &[&encode(self)])
    }

    /// A validator's power, zero for strangers.
    pub fn power(&self, key: &PublicKey) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// All power together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Keys and powers.
    pub fn iter(&self) -> impl Iterator<Item = (&PublicKey, u64)> {
        self.0.iter().map(|(key, power)| (key, *power))
    }
}

/// What a ledger starts from; its hash is the ledger's identifier.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Genesis {
    /// The network.
    pub network: NetworkId,
    /// The group.
    pub group: GroupId,
    /// Time of block 0.
    pub time: Timestamp,
    /// The first validators.
    pub validators: ValidatorSet,
    /// Identifiers that exist from the start.
    pub dids: Vec<DidGenesis>,
    /// The first committee, among those identifiers.
    pub committee: Committee,
}

impl Genesis {
    /// The ledger's identifier.
    pub fn id(&self) -> Digest {
        digest(label::LEDGER_GENESIS, &[&encode(self)])
    }

    /// Reads a genesis from outside and checks it.
    ///
    /// # Errors
    /// [`RegistryError`]: malformed, or a committee member that is not among the identifiers.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        let genesis: Self = decode(bytes, 1024 * 1024)?;
        genesis.check()?;
        Ok(genesis)
    }

    /// Checks the parts against each other.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn check(&self) -> Result<(), RegistryError> {
        self.validators.check()?;
        Committee::new(self.committee.threshold(), self.committee.members().clone())?;
        let known: Vec<Did> = self.dids.iter().map(DidGenesis::did).collect();
        if let Some(stranger) = self.committee.members().iter().find(|member| !known.contains(member)) {
            return Err(RegistryError::UnknownDid(stranger.clone()));
        }
        if self.dids.iter().any(|did| did.network != self.network) {
            return Err(RegistryError::Malformed("identifiers of a genesis belong to its network".into()));
        }
        Ok(())
    }
}

/// A block's header; its hash is a leaf of the history.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Header {
    /// The ledger's identifier.
    pub ledger: Digest,
    /// Blocks before this one.
    pub height: u64,
    /// Not before the previous block's time.
    pub time: Timestamp,
    /// Hash of the header before; the ledger's identifier for block 0.
    pub previous: Digest,
    /// RFC 9162 root over the transactions' identifiers.
    pub transactions: Digest,
    /// State root after the transactions.
    pub state: Digest,
}

impl Header {
    /// The block's hash.
    pub fn hash(&self) -> Digest {
        digest(label::BLOCK, &[&encode(self)])
    }
}

/// A header and its transactions.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Block {
    /// What is hashed and certified.
    pub header: Header,
    /// In order of execution.
    pub transactions: Vec<SignedTransaction>,
}

impl Block {
    /// Reads a block from outside; checks that the header names the transactions.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        let block: Self = decode(bytes, BLOCK_BYTES)?;
        if transactions_root(block.transactions.iter().map(SignedTransaction::id))
            != block.header.transactions
        {
            return Err(RegistryError::Malformed("a header names the root of its transactions".into()));
        }
        Ok(block)
    }
}

/// RFC 9162 root over transaction identifiers.
pub fn transactions_root(ids: impl Iterator<Item = Digest>) -> Digest {
    Tree::new(&ids.collect::<Vec<_>>()).root()
}

/// What validators certify about a height.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Head {
    /// The ledger's identifier.
    pub ledger: Digest,
    /// The network, for people; the ledger's identifier covers it.
    pub network: NetworkId,
    /// The group.
    pub group: GroupId,
    /// The height.
    pub height: u64,
    /// The block's time.
    pub time: Timestamp,
    /// The block's hash.
    pub block: Digest,
    /// State root after the block.
    pub state: Digest,
    /// RFC 9162 root of the block hashes 0 to `height`, so of `height + 1` leaves.
    pub log: Digest,
    /// Hash of the validator set that certifies this head.
    pub validators: Digest,
    /// Hash of the set that certifies the next.
    pub next_validators: Digest,
}

impl Head {
    /// The bytes each validator signs.
    pub fn message(&self) -> Vec<u8> {
        digest(label::SIGNED_HEAD, &[&encode(self)]).as_bytes().to_vec()
    }
}

/// A head and the signatures that certify it, ascending by key.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct SignedHead {
    /// What is certified.
    pub head: Head,
    /// By whom.
    #[serde(skip)]
    pub certificate: BTreeMap<PublicKey, Signature>,
}

impl SignedHead {
    /// Reads a signed head from outside; says nothing about its signatures.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, HEAD_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}
