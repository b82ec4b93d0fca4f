//! Changes of status, each with its signed cause: no red that its holder cannot read the reason of.
//!
//! The change, the cause and the entry in the audit log are one change of the vault, so a crash leaves all three
//! or none; that the list is published comes after, and later if it must. The cause therefore names no epoch of
//! the list, which nobody knows before it is published: it counts from the first list issued at its time or later.

use credential::jws;
use credential::status::Status;
use did_registry::{Digest, Timestamp};

use super::rows::{ISSUED, TEXTS};
use super::{Agency, AgencyError, note};
use crate::audit::Subject;
use crate::vault::{Batch, Column, RowId, Vault};

impl Agency {
    /// Revokes, suspends or reinstates a credential, as operator `by` and for `cause`; answers with the epoch of
    /// the list once the ledger has its head.
    ///
    /// # Errors
    /// [`AgencyError::Missing`], [`AgencyError::Status`], or the ledger's: then the change is kept with its cause
    /// and its entry, and published later.
    pub async fn set_status(
        &self,
        by: &str,
        id: &Digest,
        status: Status,
        cause: &str,
    ) -> Result<u64, AgencyError> {
        let row = tokio::task::block_in_place(|| self.vault.get(ISSUED, &RowId::from(*id)))?;
        let row = row.ok_or(AgencyError::Missing("credential"))?;
        let operation = match status {
            Status::Valid => "credential.reinstate",
            Status::Suspended => "credential.suspend",
            Status::Invalid | Status::Other(_) => "credential.revoke",
        };
        let now = self.clock.now();
        let signed = self.sign_cause(id, status, cause, now);
        let explain = |change: &mut Batch<'_>| {
            change.put(TEXTS, &cause_row(change.vault(), id), &signed)?;
            note(change, now, by, operation, vec![Subject::Digest(*id)])
        };
        self.statuses.set(row.status_index, status, explain).await
    }

    /// Why the status of a credential is what it is: a token (`status-cause+jwt`) that the agency signed. Only
    /// who knows the credential's identifier, 256 random bits, can ask.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] if its status was never changed.
    pub fn cause(&self, id: &Digest) -> Result<String, AgencyError> {
        self.vault.get(TEXTS, &cause_row(&self.vault, id))?.ok_or(AgencyError::Missing("change of status"))
    }

    fn sign_cause(&self, id: &Digest, status: Status, cause: &str, now: Timestamp) -> String {
        let mut header = serde_json::Map::new();
        header.insert("typ".into(), "status-cause+jwt".into());
        header.insert("kid".into(), self.keys.ed25519.0.as_str().into());
        let payload = serde_json::json!({
            "iss": self.did, "sub": format!("urn:causeway:credential:{id}"), "iat": now.seconds(),
            "status": u8::from(status), "cause": cause,
        });
        jws::sign(header, payload.to_string().as_bytes(), &self.keys.ed25519.1)
    }
}

fn cause_row(vault: &Vault, credential: &Digest) -> RowId {
    vault.index(Column::Settings, &[b"status cause", credential.as_bytes()])
}
