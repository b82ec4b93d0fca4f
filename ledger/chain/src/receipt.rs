//! Receipts that verify with no node: an opening, the batch's record with its proof, and the head.

use borsh::{BorshDeserialize, BorshSerialize};
use credential::anchor::{LeafKind, Opening};
use credential::{Finding, Reason};
use did_registry::canonical::{decode, encode};
use did_registry::{Did, Digest, Moment, RegistryError};

use crate::light::{TrustedHead, verify_certificate};
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

    /// Verifies every link, from `digest` to a head certified by the trusted validators.
    ///
    /// A head older than the trusted one is fine: what was anchored stays anchored. Whether the batch was
    /// withdrawn later is for whoever holds newer facts.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify(
        &self,
        trusted: &TrustedHead,
        kind: LeafKind,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        let refuse = |detail: String| Finding::new(Reason::NotAnchored, detail);
        if self.head.head.ledger != trusted.head().ledger {
            return Err(refuse("the receipt is of another ledger".into()));
        }
        verify_certificate(&self.head, trusted.validators()).map_err(|error| refuse(error.to_string()))?;
        let key = match kind {
            LeafKind::Credential => StateKey::Anchor(self.issuer.clone(), self.opening.root),
            LeafKind::Receipt => StateKey::Receipt(self.issuer.clone(), self.opening.root),
        };
        if self.record.key != key {
            return Err(refuse("the record is of another batch".into()));
        }
        let record = self.record.verify(&self.head.head.state).map_err(|error| refuse(error.to_string()))?;
        let (count, at) = match record {
            Some(Record::Anchor(record)) if record.withdrawn.is_none() => (record.count, record.anchored),
            Some(Record::Receipt(record)) => (record.count, record.anchored),
            Some(Record::Anchor(_)) => return Err(refuse("the batch was withdrawn".into())),
            _ => return Err(refuse("the batch is not on the ledger".into())),
        };
        if u64::from(count) != self.opening.size {
            return Err(refuse("the batch has another size".into()));
        }
        let commitment = self.opening.verify(kind, digest)?;
        Ok(Anchored { issuer: self.issuer.clone(), commitment, at })
    }

    /// The same for a batch of receipts of one kind: a consent is no decision.
    ///
    /// # Errors
    /// `NOT_ANCHORED`.
    pub fn verify_receipt(
        &self,
        trusted: &TrustedHead,
        kind: ReceiptKind,
        digest: &Digest,
    ) -> Result<Anchored, Finding> {
        let anchored = self.verify(trusted, LeafKind::Receipt, digest)?;
        match self.record.verify(&self.head.head.state) {
            Ok(Some(Record::Receipt(record))) if record.kind == kind => Ok(anchored),
            _ => Err(Finding::new(Reason::NotAnchored, "the batch is of another kind of receipt")),
        }
    }
}
