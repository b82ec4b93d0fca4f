//! What the agency hands out to show what it did: receipts to holders, evidence to regulators.

use std::time::Duration;

use credential::consent::SignedConsent;
use did_registry::Digest;
use ledger_chain::receipt::AnchorReceipt;
use serde::{Deserialize, Serialize};

use super::anchors::row_id;
use super::rows::{CommitmentKind, ISSUED, PENDING, TRANSCODINGS};
use super::{Agency, AgencyError};
use crate::schemas;
use crate::vault::{Column, RowId, Vault};

/// How long a regulator's question waits for a batch to be anchored.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a regulator gets to recompute a decision by. What was decided, the pass itself says.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The presentation it was made on, with the policy's claims and no others, if they may be retained.
    pub presentation: Option<String>,
    /// What the holder agreed to; none for a foreign certificate, which its bearer hands over.
    #[schema(value_type = Option<schemas::SignedConsent>)]
    pub consent: Option<SignedConsent>,
    /// The receipt for the source, base64url.
    #[schema(value_type = Option<schemas::Base64Url>)]
    pub anchor: Option<String>,
    /// Of a foreign certificate, which has no receipt: what blinds the commitment to it. Its holder can show the
    /// certificate again, and the two open the commitment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::Digest>)]
    pub salt: Option<Digest>,
    /// The receipt for the decision, base64url, once it is anchored.
    #[schema(value_type = Option<schemas::Base64Url>)]
    pub receipt: Option<String>,
    /// The receipt for the consent, base64url, once it is anchored.
    #[schema(value_type = Option<schemas::Base64Url>)]
    pub consent_receipt: Option<String>,
}

/// The row of what a pass was given on.
pub(super) fn evidence_row(vault: &Vault, pass: &Digest) -> RowId {
    vault.index(Column::Transcodings, &[pass.as_bytes()])
}

impl Agency {
    /// The anchor receipt of a credential or pass by its identifier, or of a consent by its digest; none while it
    /// waits, which is asked for up to `patience`. Nobody but its holder and this agency knows either.
    ///
    /// # Errors
    /// [`AgencyError::Missing`].
    pub async fn receipt(
        &self,
        id: &Digest,
        patience: Duration,
    ) -> Result<Option<AnchorReceipt>, AgencyError> {
        let digest = tokio::task::block_in_place(|| self.committed(id))?;
        self.anchors.receipt(&digest, patience).await
    }

    /// The digest that is anchored for what its holder calls `id`. Digests of credentials and decisions are known
    /// to everybody who was shown them, so those do not name a receipt.
    fn committed(&self, id: &Digest) -> Result<Digest, AgencyError> {
        if let Some(row) = self.vault.get(ISSUED, &RowId::from(*id))? {
            return Ok(row.digest);
        }
        let row = self.vault.get(PENDING, &row_id(&self.vault, id))?;
        let consent = row.filter(|row| row.kind == CommitmentKind::Consent);
        consent.map(|row| row.digest).ok_or(AgencyError::Missing("credential or consent"))
    }

    /// What a regulator needs to recompute the decision behind the pass with this digest: whoever has the pass, or has
    /// seen its code, can ask.
    ///
    /// # Errors
    /// [`AgencyError::Missing`].
    pub async fn evidence(&self, pass: &Digest) -> Result<Evidence, AgencyError> {
        let row =
            tokio::task::block_in_place(|| self.vault.get(TRANSCODINGS, &evidence_row(&self.vault, pass)))?;
        let row = row.ok_or(AgencyError::Missing("pass"))?;
        let receipt = self.anchored_text(&row.transcoding.digest()).await?;
        let consent_receipt = match &row.consent {
            Some(consent) => self.anchored_text(&consent.consent.digest()).await?,
            None => None,
        };
        Ok(Evidence {
            presentation: row.presentation,
            consent: row.consent,
            anchor: row.anchor,
            salt: row.salt,
            receipt,
            consent_receipt,
        })
    }

    async fn anchored_text(&self, digest: &Digest) -> Result<Option<String>, AgencyError> {
        let receipt = self.anchors.receipt(digest, PATIENCE).await?;
        Ok(receipt.map(|receipt| crate::routes::base64url(&receipt.to_bytes())))
    }
}
