//! Anchors: blinded commitments to credentials and receipts, in Merkle batches.
//!
//! The ledger sees a batch's root and size, nothing else. A commitment is
//! `H(label ‖ salt ‖ digest)` with a fresh 256-bit salt, so it says nothing about what it commits to, even
//! when that could be guessed (P1). Whoever holds the salt and the path shows, with no node, that the
//! credential was in the batch; without them nobody can.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::merkle::{Path, Tree, verify_inclusion};
use did_registry::{Digest, digest, label};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

use crate::{Finding, Reason};

/// What a batch's leaves commit to; each kind has its own label.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeafKind {
    /// Issued credentials.
    Credential,
    /// Consents, transcodings and uses.
    Receipt,
}

impl LeafKind {
    /// The blinded commitment to `digest`.
    pub fn commit(self, salt: &Digest, digest_of: &Digest) -> Digest {
        let label = match self {
            Self::Credential => label::ANCHOR_LEAF,
            Self::Receipt => label::RECEIPT_LEAF,
        };
        digest(label, &[salt.as_bytes(), digest_of.as_bytes()])
    }
}

/// The digest of an issued credential's signed bytes.
pub fn credential_digest(signed: &[u8]) -> Digest {
    digest(label::CREDENTIAL, &[signed])
}

/// A fresh blinding salt.
pub fn salt<R: RngCore + CryptoRng>(rng: &mut R) -> Digest {
    let mut bytes = [0u8; 32];
    rng.fill_bytes(&mut bytes);
    Digest::from_bytes(bytes)
}

/// Shows that a commitment is a leaf of the batch under a root. Its holder's alone: it links.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The blinding salt.
    pub salt: Digest,
    /// The leaf's number.
    pub index: u64,
    /// Leaves in the batch.
    pub size: u64,
    /// From the leaf to the root.
    pub path: Path,
    /// The anchored root.
    pub root: Digest,
}

impl Opening {
    /// The commitment it opens, if `digest` is what was committed to and the path leads to the root.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify(&self, kind: LeafKind, digest: &Digest) -> Result<Digest, Finding> {
        let leaf = kind.commit(&self.salt, digest);
        if verify_inclusion(&self.root, self.size, self.index, &leaf, &self.path) {
            Ok(leaf)
        } else {
            Err(Finding::new(Reason::NotAnchored, "the commitment is not in the anchored batch"))
        }
    }
}

/// A batch of commitments about to be anchored.
#[derive(Clone, Debug)]
pub struct Batch {
    tree: Tree,
    salts: Vec<Digest>,
}

impl Batch {
    /// Blinds each digest and builds the tree.
    pub fn new<R: RngCore + CryptoRng>(kind: LeafKind, digests: &[Digest], rng: &mut R) -> Self {
        let salts: Vec<Digest> = digests.iter().map(|_| salt(rng)).collect();
        let leaves: Vec<Digest> =
            salts.iter().zip(digests).map(|(salt, digest)| kind.commit(salt, digest)).collect();
        Self { tree: Tree::new(&leaves), salts }
    }

    /// The root to anchor.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The opening of one leaf; `None` if outside.
    pub fn opening(&self, index: u64) -> Option<Opening> {
        let salt = *self.salts.get(usize::try_from(index).ok()?)?;
        Some(Opening { salt, index, size: self.size(), path: self.tree.inclusion(index)?, root: self.root() })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn only_what_was_committed_opens() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let digests: Vec<Digest> = (0..37u8).map(|i| credential_digest(&[i])).collect();
        let batch = Batch::new(LeafKind::Credential, &digests, &mut rng);
        for (index, digest) in digests.iter().enumerate() {
            let opening = batch.opening(index as u64).expect("inside");
            let leaf = opening.verify(LeafKind::Credential, digest).expect("committed");
            assert_ne!(&leaf, digest, "blinded");
            assert!(opening.verify(LeafKind::Receipt, digest).is_err(), "another kind");
            assert!(
                opening.verify(LeafKind::Credential, &credential_digest(b"else")).is_err(),
                "another credential"
            );
            let mut moved = opening.clone();
            moved.index = (moved.index + 1) % moved.size;
            assert!(moved.verify(LeafKind::Credential, digest).is_err(), "another place");
        }
        assert!(batch.opening(37).is_none());
    }

    /// W3: a commitment binds where its parts end.
    #[test]
    fn equal_claims_give_unrelated_commitments() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(2);
        let digest = credential_digest(b"the same");
        let batch = Batch::new(LeafKind::Credential, &[digest, digest], &mut rng);
        let leaf =
            |index| batch.opening(index).expect("inside").verify(LeafKind::Credential, &digest).expect("in");
        assert_ne!(leaf(0), leaf(1));
    }
}
