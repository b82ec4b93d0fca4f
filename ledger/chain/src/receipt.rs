//! Receipts that verify with no node: an opening, the batch's record with its proof, and the head.
//!
//! A receipt shows what stood under its own head. What stands now, and in which of two histories, is shown by
//! the record under a head of one's own: [`AnchorReceipt::verify_standing`].

use borsh::{BorshDeserialize, BorshSerialize};
use credential::anchor::{LeafKind, Opening};
use credential::{Finding, Reason};
use did_registry::canonical::{decode, encode};
use did_registry::{Did, Digest, Moment, RegistryError};

use crate::light::{Proven, TrustedHead, verify_certificate};
use crate::tree::RecordProof;
use crate::{ReceiptKind, Record, SignedHead, StateKey};

/// Bytes of the largest receipt.
pub const RECEIPT_BYTES: usize = 64 * 1024;

/// Shows that something was committed to on the ledger, and when. Its holder's alone: it links.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct AnchorReceipt {
    /// Whose batch.
    pub issuer: Did,
    /// That the commitment is in the batch.
    pub opening: Opening,
    /// That the batch is on the ledger.
    pub record: RecordProof,
    /// The head this is proved under.
    pub head: SignedHead,
}

/// What a receipt shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchored {
    /// Whose batch.
    pub issuer: Did,
    /// The blinded commitment.
    pub commitment: Digest,
    /// When the ledger took it.
    pub at: Moment,
}

impl AnchorReceipt {
    /// Reads a receipt from outside.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, RECEIPT_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The record of the batch, to be looked up.
    pub fn key(&self, leaf: LeafKind) -> StateKey {
        match leaf {
            LeafKind::Credential => StateKey::Anchor(self.issuer.clone(), self.opening.root),
            LeafKind::Receipt => StateKey::Receipt(self.issuer.clone(), self.opening.root),
        }
    }

    /// Verifies every link, from a credential's digest to a head certified by the trusted validators: all that can
    /// be checked with no node at hand.
    ///
    /// A head of any age will do, so this does not show that the batch was not withdrawn since. Nor does it show
    /// that the head is of the history that is trusted: dishonest validators certify two. Whoever can ask a node
    /// goes on with [`AnchorReceipt::verify_standing`].
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify_credential(&self, trusted: &TrustedHead, digest: &Digest) -> Result<Anchored, Finding> {
        self.verify(trusted, None, digest)
    }

    /// The same for what is receipted in a batch of its own kind: a consent is not anchored among uses.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify_receipt(
        &self,
        trusted: &TrustedHead,
        kind: ReceiptKind,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        self.verify(trusted, Some(kind), digest)
    }

    fn verify(
        &self,
        trusted: &TrustedHead,
        kind: Option<ReceiptKind>,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        if self.head.head.ledger != trusted.head().ledger {
            return Err(refuse("the receipt is of another ledger"));
        }
        verify_certificate(&self.head, trusted.validators()).map_err(|error| refuse(error.to_string()))?;
        if self.record.key != self.key(leaf(kind)) {
            return Err(refuse("the record is of another batch"));
        }
        let record = self.record.verify(&self.head.head.state).map_err(|error| refuse(error.to_string()))?;
        self.open(record, self.head.head.height, kind, digest)
    }

    /// Verifies a credential's opening against the batch's record as the trusted history has it, proved by `record`,
    /// and that the batch stood at `height`. The receipt's own record and head count for nothing here.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify_standing(
        &self,
        trusted: &TrustedHead,
        record: &RecordProof,
        height: u64,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        self.open(self.looked_up(trusted, record, None)?, height, None, digest)
    }

    /// The same for what is receipted in a batch of its own kind. Such a batch is not withdrawn, so no height is asked
    /// for.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify_receipt_standing(
        &self,
        trusted: &TrustedHead,
        record: &RecordProof,
        kind: ReceiptKind,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        let found = self.looked_up(trusted, record, Some(kind))?;
        self.open(found, trusted.head().height, Some(kind), digest)
    }

    fn looked_up(
        &self,
        trusted: &TrustedHead,
        record: &RecordProof,
        kind: Option<ReceiptKind>,
    ) -> Result<Option<Record>, Finding> {
        let found = trusted.lookup(&self.key(leaf(kind)), record);
        found.map(Proven::into_value).map_err(|error| refuse(error.to_string()))
    }

    /// The batch is there, is of this kind, was not withdrawn up to `height`, and holds the commitment.
    fn open(
        &self,
        record: Option<Record>,
        height: u64,
        kind: Option<ReceiptKind>,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        let (count, at, withdrawn) = match record {
            Some(Record::Anchor(record)) => (record.count, record.anchored, record.withdrawn),
            Some(Record::Receipt(record)) if Some(record.kind) == kind => {
                (record.count, record.anchored, None)
            }
            Some(Record::Receipt(_)) => return Err(refuse("the batch is of another kind of receipts")),
            _ => return Err(refuse("the batch is not on the ledger")),
        };
        if withdrawn.is_some_and(|withdrawn| withdrawn.height <= height) {
            return Err(refuse("the batch was withdrawn"));
        }
        if u64::from(count) != self.opening.size {
            return Err(refuse("the batch has another size"));
        }
        let commitment = self.opening.verify(leaf(kind), digest)?;
        Ok(Anchored { issuer: self.issuer.clone(), commitment, at })
    }
}

fn leaf(kind: Option<ReceiptKind>) -> LeafKind {
    if kind.is_some() { LeafKind::Receipt } else { LeafKind::Credential }
}

fn refuse(detail: impl Into<String>) -> Finding {
    Finding::new(Reason::NotAnchored, detail)
}
