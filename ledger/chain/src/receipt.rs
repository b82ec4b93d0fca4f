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

    /// Verifies every link, from a credential's digest to a head certified by the trusted validators.
    ///
    /// A head older than the trusted one is fine: what was anchored stays anchored. Whether the batch was
    /// withdrawn later is for whoever holds newer facts.
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
        let refuse = |detail: String| Finding::new(Reason::NotAnchored, detail);
        if self.head.head.ledger != trusted.head().ledger {
            return Err(refuse("the receipt is of another ledger".into()));
        }
        verify_certificate(&self.head, trusted.validators()).map_err(|error| refuse(error.to_string()))?;
        let (issuer, root) = (self.issuer.clone(), self.opening.root);
        let (leaf, key) = match kind {
            None => (LeafKind::Credential, StateKey::Anchor(issuer, root)),
            Some(_) => (LeafKind::Receipt, StateKey::Receipt(issuer, root)),
        };
        if self.record.key != key {
            return Err(refuse("the record is of another batch".into()));
        }
        let record = self.record.verify(&self.head.head.state).map_err(|error| refuse(error.to_string()))?;
        let (count, at) = match record {
            Some(Record::Anchor(record)) if record.withdrawn.is_none() => (record.count, record.anchored),
            Some(Record::Receipt(record)) if Some(record.kind) == kind => (record.count, record.anchored),
            Some(Record::Receipt(_)) => {
                return Err(refuse("the batch is of another kind of receipts".into()));
            }
            Some(Record::Anchor(_)) => return Err(refuse("the batch was withdrawn".into())),
            _ => return Err(refuse("the batch is not on the ledger".into())),
        };
        if u64::from(count) != self.opening.size {
            return Err(refuse("the batch has another size".into()));
        }
        let commitment = self.opening.verify(leaf, digest)?;
        Ok(Anchored { issuer: self.issuer.clone(), commitment, at })
    }
}
