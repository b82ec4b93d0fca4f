//! The agency's status list: two bits a credential, one list, its head on the ledger.
//!
//! A change is in the vault before it is published, and the token that is served is always the one whose
//! digest the ledger has: it changes over only when the ledger has taken the new head.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use credential::status::{self, Status, StatusClaims, StatusList, StatusReference};
use did_registry::{Did, SigningKey};
use ledger_chain::{Operation, StatusHead};
use tokio::sync::Mutex as AsyncMutex;

use super::AgencyError;
use super::ledger::LedgerWriter;
use super::rows::{COUNTERS, TEXTS};
use crate::clock::Clock;
use crate::vault::{self, Column, RowId, Vault};

/// The one list's number.
const LIST: u32 = 1;
/// Bits of an index: the list has 2²⁰ entries.
const INDEX_BITS: u32 = 20;

/// The list, and the token that stands for it.
pub(crate) struct Statuses {
    vault: Arc<Vault>,
    writer: Arc<LedgerWriter>,
    issuer: Did,
    key: (String, SigningKey),
    uri: String,
    clock: Clock,
    list: Mutex<StatusList>,
    token: RwLock<Arc<str>>,
    /// Held while publishing; the epoch published last.
    epoch: AsyncMutex<u64>,
}

fn bits_row() -> RowId {
    RowId::number(u64::from(LIST))
}

fn setting(vault: &Vault, name: &str) -> RowId {
    vault.index(Column::Settings, &[b"status", name.as_bytes()])
}

fn epoch_row(vault: &Vault, epoch: u64) -> RowId {
    vault.index(Column::Settings, &[b"status token", &epoch.to_be_bytes()])
}

impl Statuses {
    /// The list as the vault has it, or a fresh one, and its token as it was served last.
    ///
    /// # Errors
    /// The vault's, or a damaged list.
    pub(crate) fn open(
        vault: Arc<Vault>,
        writer: Arc<LedgerWriter>,
        issuer: Did,
        key: (String, SigningKey),
        uri: String,
        clock: Clock,
    ) -> Result<Self, AgencyError> {
        let list = match vault.get_bytes(Column::StatusLists, &bits_row())? {
            Some(bytes) => StatusList::from_bytes(2, bytes.to_vec())?,
            None => StatusList::new(2, 1 << INDEX_BITS)?,
        };
        let token = vault.get(TEXTS, &setting(&vault, "token"))?.unwrap_or_default();
        let epoch = vault.get(COUNTERS, &setting(&vault, "epoch"))?.unwrap_or(0);
        Ok(Self {
            vault,
            writer,
            issuer,
            key,
            uri,
            clock,
            list: Mutex::new(list),
            token: RwLock::new(token.into()),
            epoch: AsyncMutex::new(epoch),
        })
    }

    /// The token to serve; empty before the first is published.
    pub(crate) fn token(&self) -> Arc<str> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token of an earlier epoch, for recomputing what was decided on it.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) fn token_at(&self, epoch: u64) -> Result<Option<String>, AgencyError> {
        Ok(self.vault.get(TEXTS, &epoch_row(&self.vault, epoch))?)
    }

    /// Where a credential with this index finds its status.
    pub(crate) fn reference(&self, index: u64) -> StatusReference {
        StatusReference { uri: self.uri.clone(), index }
    }

    /// The next free index, in an order that says nothing of when it was taken.
    ///
    /// # Errors
    /// The vault's; [`AgencyError::ListFull`].
    pub(crate) fn allocate(change: &mut vault::Batch<'_>) -> Result<u64, AgencyError> {
        let id = setting(change.vault(), "next");
        let next: u64 = change.get(COUNTERS, &id)?.unwrap_or(0);
        if next >= 1 << INDEX_BITS {
            return Err(AgencyError::ListFull);
        }
        change.put(COUNTERS, &id, &(next + 1))?;
        Ok(scatter(change.vault(), next))
    }

    /// Sets a status, publishes the list, and returns its epoch once the ledger has its head.
    ///
    /// # Errors
    /// [`AgencyError::Status`] for a revocation undone, or the vault's or the ledger's.
    pub(crate) async fn set(&self, index: u64, status: Status) -> Result<u64, AgencyError> {
        tokio::task::block_in_place(|| {
            let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changed = list.clone();
            changed.set(index, status)?;
            self.vault
                .write(|change| change.put_bytes(Column::StatusLists, &bits_row(), changed.as_bytes()))?;
            *list = changed;
            Ok::<_, AgencyError>(())
        })?;
        self.publish().await
    }

    /// Publishes the list as it is. Changes that gather while one is under way share the next.
    ///
    /// # Errors
    /// The vault's or the ledger's; the token served stays the published one.
    pub(crate) async fn publish(&self) -> Result<u64, AgencyError> {
        let mut published = self.epoch.lock().await;
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let digest_of = |token: &str| status::anchored_digest(token);
        let now = self.clock.now();
        let claims = StatusClaims {
            uri: self.uri.clone(),
            issuer: Some(self.issuer.to_string()),
            issued: now,
            expires: None,
            ttl: None,
        };
        let token = tokio::task::block_in_place(|| status::issue(&list, &claims, &self.key.0, &self.key.1));
        let epoch = *published + 1;
        let head = StatusHead { list: LIST, uri: self.uri.clone(), epoch, digest: digest_of(&token) };
        // The number is taken before it is sent: whatever a crash does, no epoch names two lists.
        tokio::task::block_in_place(|| {
            let id = setting(&self.vault, "epoch");
            self.vault.write(|change| change.put(COUNTERS, &id, &epoch))
        })?;
        *published = epoch;
        self.writer.commit(Operation::Status(head)).await?;
        tokio::task::block_in_place(|| {
            let (latest, own) = (setting(&self.vault, "token"), epoch_row(&self.vault, epoch));
            self.vault.write(|change| {
                change.put(TEXTS, &latest, &token)?;
                change.put(TEXTS, &own, &token)
            })
        })?;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token.into();
        Ok(epoch)
    }
}

/// A permutation of the indices under the vault's index key: four Feistel rounds on two halves, so that
/// neighbours in time are not neighbours in the list, and no index is given twice.
fn scatter(vault: &Vault, number: u64) -> u64 {
    const HALF: u32 = INDEX_BITS / 2;
    const MASK: u64 = (1 << HALF) - 1;
    let (mut left, mut right) = (number >> HALF, number & MASK);
    for round in 0..4u8 {
        let keyed = vault.index(Column::StatusLists, &[b"scatter", &[round], &right.to_be_bytes()]);
        (left, right) = (right, (left ^ keyed.to_number()) & MASK);
    }
    (left << HALF) | right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Kek;

    #[test]
    fn every_index_is_given_once() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(directory.path(), Kek::generate()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let mut ascending = 0;
        let mut last = 0;
        for number in 0..5_000 {
            let index = scatter(&vault, number);
            assert!(index < 1 << INDEX_BITS);
            assert!(seen.insert(index), "{number}");
            ascending += usize::from(index > last);
            last = index;
        }
        assert!((2_000..3_000).contains(&ascending), "no order is left: {ascending} of 5,000 ascend");
    }
}
