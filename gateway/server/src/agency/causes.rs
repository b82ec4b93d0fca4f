//! Changes of status, each with its signed cause: no red that its holder cannot read the reason of.
//!
//! The change, the cause and the entry in the audit log are one change of the vault, so a crash leaves all three
//! or none; that the list is published comes after, and later if it must. The cause therefore names no epoch of
//! the list, which nobody knows before it is published: it counts from the first list issued at its time or later.

use std::collections::{BTreeMap, BTreeSet};

use credential::jws;
use credential::status::Status;
use credential::zk::{DELTA, RevocationDelta};
use did_registry::{Digest, Timestamp};

use super::revocations::RevocationTree;
use super::rows::{ISSUED, TEXTS};
use super::{Agency, AgencyError, note};
use crate::audit::Subject;
use crate::vault::{Batch, Column, RowId, Vault};

/// Credentials that one call changes, as one delta on the ledger.
pub(crate) const CHANGED: usize = DELTA;
/// Bytes of one answer with deltas, about.
const ANSWER: usize = 512 << 10;
/// Digests in one entry of the audit log.
const NOTED: usize = 500;

impl Agency {
    /// Revokes, suspends or reinstates credentials, as operator `by` and for `cause`; answers with the epoch of the
    /// list once the ledger has its head, and the delta of the status tree for proofs.
    ///
    /// # Errors
    /// [`AgencyError::BatchSize`]; [`AgencyError::Missing`] or [`AgencyError::Status`] for any of them, and then none is
    /// changed; or the ledger's: then the change is kept with its causes and entries, and published later.
    pub async fn set_statuses(
        &self,
        by: &str,
        ids: &BTreeSet<Digest>,
        status: Status,
        cause: &str,
    ) -> Result<u64, AgencyError> {
        if !(1..=CHANGED).contains(&ids.len()) {
            return Err(AgencyError::BatchSize(CHANGED));
        }
        let operation = match status {
            Status::Valid => "credential.reinstate",
            Status::Suspended => "credential.suspend",
            Status::Invalid | Status::Other(_) => "credential.revoke",
        };
        let now = self.clock.now();
        let changes = tokio::task::block_in_place(|| {
            let change = |id: &Digest| {
                let row =
                    self.vault.get(ISSUED, &RowId::from(*id))?.ok_or(AgencyError::Missing("credential"))?;
                let signed = self.sign_cause(id, status, cause, now);
                Ok((row.status_index, (*id, row.handle, signed)))
            };
            ids.iter().map(change).collect::<Result<BTreeMap<u64, _>, AgencyError>>()
        })?;
        let explain = |change: &mut Batch<'_>, numbers: &BTreeSet<u64>| {
            let mut handles = Vec::new();
            let these: Vec<_> = numbers.iter().filter_map(|number| changes.get(number)).collect();
            for (id, handle, signed) in &these {
                change.put(TEXTS, &cause_row(change.vault(), id), signed)?;
                handles.extend(handle.map(|handle| (handle, Digest::sha256(signed.as_bytes()))));
            }
            // In proofs there is one bit: what is suspended is not proved either.
            RevocationTree::stage(change, handles, status != Status::Valid)?;
            for part in these.chunks(NOTED) {
                let subjects = part.iter().map(|(id, ..)| Subject::Digest(*id)).collect();
                note(change, now, by, operation, subjects)?;
            }
            Ok(())
        };
        let epoch = self.statuses.set(changes.keys().copied(), status, explain).await?;
        self.revocations.publish().await?;
        Ok(epoch)
    }

    /// What changed in the status tree for proofs after an epoch, as much as one answer holds.
    ///
    /// # Errors
    /// The vault's.
    pub async fn revocation_deltas(&self, after: u64) -> Result<Vec<RevocationDelta>, AgencyError> {
        self.revocations.deltas(after, ANSWER).await
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
