//! The agency's status tree for proofs: what changes in it is public, whole delta by whole delta.
//!
//! A change is in the vault with its cause before it is published. What was published last follows from the deltas, which
//! are in the vault too, each before it is sent: whatever a crash does, no epoch names two deltas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use credential::zk::{DELTA, RevocationDelta, Revocations};
use did_registry::canonical::encode;
use did_registry::{Did, Digest, canonical};
use ledger_chain::{Record, StateKey};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zk_policy::Handle;

use super::AgencyError;
use super::ledger::{LedgerWriter, Statement};
use crate::vault::{Batch, Column, RowId, Table, Vault, VaultError};

/// What waits to be published.
const WAITING: Table<Waiting> = Table::new(Column::Settings);
/// Bytes of the largest delta.
const DELTA_BYTES: usize = 1 << 20;

/// What becomes of a handle, and the digest of the signed cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    revoked: bool,
    cause: Digest,
}

/// Changes by handle, the last one of each.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Waiting(BTreeMap<u32, Change>);

/// The tree as the ledger has it, and how it moves on.
pub(crate) struct RevocationTree {
    vault: Arc<Vault>,
    writer: Arc<LedgerWriter>,
    issuer: Did,
    /// As published; held while publishing.
    published: Mutex<Revocations>,
}

fn waiting_row(vault: &Vault) -> RowId {
    vault.index(Column::Settings, &[b"revocations", b"waiting"])
}

fn delta_row(vault: &Vault, epoch: u64) -> RowId {
    vault.index(Column::Settings, &[b"revocation delta", &epoch.to_be_bytes()])
}

fn delta_at(vault: &Vault, epoch: u64) -> Result<Option<RevocationDelta>, AgencyError> {
    let Some(bytes) = vault.get_bytes(Column::Settings, &delta_row(vault, epoch))? else { return Ok(None) };
    let damaged = |_| AgencyError::File { what: "a revocation delta", error: "cannot be read".into() };
    canonical::decode(&bytes, DELTA_BYTES).map(Some).map_err(damaged)
}

impl RevocationTree {
    /// The tree by the deltas in the vault, but the last, of which nobody knows whether it arrived.
    ///
    /// # Errors
    /// The vault's, or deltas that do not follow from each other.
    pub(crate) fn open(
        vault: Arc<Vault>,
        writer: Arc<LedgerWriter>,
        issuer: Did,
    ) -> Result<Self, AgencyError> {
        let mut deltas = Vec::new();
        while let Some(delta) = delta_at(&vault, deltas.len() as u64 + 1)? {
            deltas.push(delta);
        }
        deltas.pop();
        let mut published = Revocations::new();
        published
            .follow(&deltas)
            .map_err(|error| AgencyError::File { what: "a revocation delta", error: error.to_string() })?;
        Ok(Self { vault, writer, issuer, published: Mutex::new(published) })
    }

    /// Notes a change, in the vault's change that makes it.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) fn stage(
        change: &mut Batch<'_>,
        handles: impl IntoIterator<Item = (u32, Digest)>,
        revoked: bool,
    ) -> Result<(), VaultError> {
        let row = waiting_row(change.vault());
        let mut waiting = change.get(WAITING, &row)?.unwrap_or_default();
        waiting.0.extend(handles.into_iter().map(|(handle, cause)| (handle, Change { revoked, cause })));
        change.put(WAITING, &row, &waiting)
    }

    /// Publishes what waits; gives the tree's epoch.
    ///
    /// # Errors
    /// The vault's or the ledger's: what waits is published later.
    pub(crate) async fn publish(&self) -> Result<u64, AgencyError> {
        let mut published = self.published.lock().await;
        while let Some(delta) = tokio::task::block_in_place(|| self.next(&published))? {
            self.send(&delta).await?;
            tokio::task::block_in_place(|| {
                let followed = published.follow([&delta]);
                followed.expect("follows because it was made from this tree");
                self.forget(&published)
            })?;
        }
        Ok(published.epoch())
    }

    /// What is published next: the delta that an earlier attempt left, or one of what waits.
    fn next(&self, published: &Revocations) -> Result<Option<RevocationDelta>, AgencyError> {
        let epoch = published.epoch() + 1;
        if let Some(delta) = delta_at(&self.vault, epoch)? {
            return Ok(Some(delta));
        }
        let waiting = self.vault.get(WAITING, &waiting_row(&self.vault))?.unwrap_or_default();
        let (mut revoked, mut reinstated) = (BTreeSet::new(), BTreeMap::new());
        for (handle, change) in &waiting.0 {
            let Some(handle) = Handle::new(*handle) else { continue };
            if published.tree().is_revoked(handle) == change.revoked
                || revoked.len() + reinstated.len() == DELTA
            {
                continue;
            }
            if change.revoked {
                revoked.insert(handle);
            } else {
                reinstated.insert(handle, change.cause);
            }
        }
        if revoked.is_empty() && reinstated.is_empty() {
            return Ok(None);
        }
        let delta = published.delta(revoked, reinstated);
        let row = delta_row(&self.vault, epoch);
        self.vault.write(|change| change.put_bytes(Column::Settings, &row, &encode(&delta)))?;
        Ok(Some(delta))
    }

    async fn send(&self, delta: &RevocationDelta) -> Result<(), AgencyError> {
        let Err(error) = self.writer.say(&Statement::Revocation(delta.clone())).await else { return Ok(()) };
        // It may have arrived in an attempt whose answer did not.
        let current = self.writer.follower().current(&StateKey::Revocation(self.issuer.clone())).await?;
        match current.record {
            Some(Record::Revocation(record)) if record.epoch == delta.epoch && record.root == delta.root => {
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    /// Drops what the published tree says.
    fn forget(&self, published: &Revocations) -> Result<(), AgencyError> {
        self.vault.write(|change| {
            let row = waiting_row(change.vault());
            let mut waiting = change.get(WAITING, &row)?.unwrap_or_default();
            let is = |handle: &u32| Handle::new(*handle).is_some_and(|it| published.tree().is_revoked(it));
            waiting.0.retain(|handle, change| is(handle) != change.revoked);
            Ok(change.put(WAITING, &row, &waiting)?)
        })
    }

    /// The deltas after an epoch, in order, as many as `limit` bytes hold, at least one if there is any.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) async fn deltas(&self, after: u64, limit: usize) -> Result<Vec<RevocationDelta>, AgencyError> {
        let last = self.published.lock().await.epoch();
        let (mut deltas, mut bytes) = (Vec::new(), 0);
        for epoch in after.saturating_add(1)..=last {
            let delta = delta_at(&self.vault, epoch)?.ok_or(AgencyError::Missing("revocation delta"))?;
            bytes += encode(&delta).len();
            if bytes > limit && !deltas.is_empty() {
                break;
            }
            deltas.push(delta);
        }
        Ok(deltas)
    }
}
