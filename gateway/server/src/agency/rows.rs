//! What the vault holds of the agency's doings.

use credential::anchor::{LeafKind, Opening};
use credential::consent::SignedConsent;
use credential::transcoding::Transcoding;
use did_registry::{CredentialType, Digest, Timestamp};
use ledger_chain::ReceiptKind;
use serde::{Deserialize, Serialize};

use crate::vault::{Column, RowId, Table};

/// Issued credentials and passes, by their identifier.
pub(crate) const ISSUED: Table<IssuedRow> = Table::new(Column::Issued);
/// Offers, by keyed hash of their claim code.
pub(crate) const OFFERS: Table<OfferRow> = Table::new(Column::Offers);
/// Decisions and what they were made on, by keyed hash of the pass's digest.
pub(crate) const TRANSCODINGS: Table<EvidenceRow> = Table::new(Column::Transcodings);
/// Commitments, by the digest they commit to.
pub(crate) const PENDING: Table<PendingRow> = Table::new(Column::Pending);
/// Counters and heads.
pub(crate) const COUNTERS: Table<u64> = Table::new(Column::Settings);
/// Texts, such as the status token served.
pub(crate) const TEXTS: Table<String> = Table::new(Column::Settings);

/// A credential or pass that was issued. Its claims stay in the record; nothing of them is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuedRow {
    /// The record it was made of; none for a pass.
    pub record: Option<RowId>,
    /// What it is.
    pub credential_type: CredentialType,
    /// Under which schema.
    pub schema: Digest,
    /// Its number in the status lists: see [`super::lists`].
    pub status_index: u64,
    /// Its place in the status tree, if proofs can be made from it.
    #[serde(default)]
    pub handle: Option<u32>,
    /// The digest whose commitment is anchored.
    pub digest: Digest,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// An offer that waits for its holder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferRow {
    /// What will be issued.
    pub record: RowId,
    /// Until when the code works.
    pub expires: Timestamp,
    /// When it was redeemed; a code works once.
    pub used: Option<Timestamp>,
}

/// What a regulator needs to recompute a decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvidenceRow {
    /// The decision.
    pub transcoding: Transcoding,
    /// The presentation, if the policy lets the agency retain every claim in it.
    pub presentation: Option<String>,
    /// What the holder agreed to; none for a foreign certificate, which its bearer hands over.
    pub consent: Option<SignedConsent>,
    /// The receipt for the source, base64url.
    pub anchor: Option<String>,
    /// What blinds the commitment to a source without a receipt: a foreign certificate.
    #[serde(default)]
    pub salt: Option<Digest>,
}

/// What a commitment is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CommitmentKind {
    /// A credential or pass.
    Credential,
    /// A consent.
    Consent,
    /// A decision.
    Transcoding,
}

impl CommitmentKind {
    pub(crate) const ALL: [Self; 3] = [Self::Credential, Self::Consent, Self::Transcoding];

    pub(crate) const fn leaf(self) -> LeafKind {
        match self {
            Self::Credential => LeafKind::Credential,
            Self::Consent | Self::Transcoding => LeafKind::Receipt,
        }
    }

    pub(crate) const fn receipt(self) -> Option<ReceiptKind> {
        match self {
            Self::Credential => None,
            Self::Consent => Some(ReceiptKind::Consent),
            Self::Transcoding => Some(ReceiptKind::Transcoding),
        }
    }
}

/// A digest on its way to the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingRow {
    /// What for.
    pub kind: CommitmentKind,
    /// What is committed to.
    pub digest: Digest,
    /// Its place in a batch, once there is one; kept before the batch is sent, so that a crash loses none.
    pub opening: Option<Opening>,
    /// Whether the ledger has the batch.
    pub anchored: bool,
}
