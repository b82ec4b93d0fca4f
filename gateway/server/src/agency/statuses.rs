//! The agency's status list: two bits a credential, one list, its head on the ledger.
//!
//! A change is in the vault before it is published, and the token that is served is always the one whose
//! digest the ledger has: it changes over only when the ledger has taken the new head. Changes are counted,
//! so what a crash or a lost ledger left unpublished is published later ([`Statuses::publish_rest`]).

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use credential::status::{self, Status, StatusClaims, StatusList, StatusListText, StatusReference};
use did_registry::{Did, SigningKey};
use ledger_chain::StatusHead;
use tokio::sync::Mutex as AsyncMutex;

use super::AgencyError;
use super::ledger::{LedgerWriter, Statement};
use super::rows::{COUNTERS, TEXTS};
use crate::clock::Clock;
use crate::vault::{self, Column, RowId, Vault, VaultError};

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
    list: Mutex<Current>,
    token: RwLock<Arc<str>>,
    /// Held while publishing.
    published: AsyncMutex<Published>,
}

/// The list as the vault has it.
#[derive(Clone)]
struct Current {
    list: StatusList,
    /// Changes so far.
    changes: u64,
}

/// How far publishing has come.
struct Published {
    /// The epoch used last, whether or not it arrived.
    taken: u64,
    /// Of the token that is served: its epoch, and the changes it holds. None before the first.
    served: Option<(u64, u64)>,
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

/// The token of an epoch: for recomputing what was decided on it, and for this agency's own view.
///
/// # Errors
/// The vault's.
pub(crate) fn token_at(vault: &Vault, epoch: u64) -> Result<Option<String>, VaultError> {
    vault.get(TEXTS, &epoch_row(vault, epoch))
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
        let counter = |name| vault.get(COUNTERS, &setting(&vault, name));
        let (changes, taken) = (counter("changes")?.unwrap_or(0), counter("epoch")?.unwrap_or(0));
        let token = vault.get(TEXTS, &setting(&vault, "token"))?.unwrap_or_default();
        let served = counter("served epoch")?.zip(counter("served changes")?);
        // Under a key that was replaced since, the list is published again.
        let own = StatusListText::parse(&token).is_ok_and(|token| token.unverified_key_id() == Some(&key.0));
        let served = served.filter(|_| own);
        Ok(Self {
            vault,
            writer,
            issuer,
            key,
            uri,
            clock,
            list: Mutex::new(Current { list, changes }),
            token: RwLock::new(token.into()),
            published: AsyncMutex::new(Published { taken, served }),
        })
    }

    /// The token to serve; empty before the first is published.
    pub(crate) fn token(&self) -> Arc<str> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token of an earlier epoch.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) fn token_at(&self, epoch: u64) -> Result<Option<String>, AgencyError> {
        Ok(token_at(&self.vault, epoch)?)
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

    /// Sets a status and writes, in the same change, what `explain` does; publishes the list, and returns its
    /// epoch once the ledger has its head.
    ///
    /// # Errors
    /// [`AgencyError::Status`] for a revocation undone, or the vault's or the ledger's: then the change is kept,
    /// and published later.
    pub(crate) async fn set(
        &self,
        index: u64,
        status: Status,
        explain: impl FnOnce(&mut vault::Batch<'_>) -> Result<(), VaultError>,
    ) -> Result<u64, AgencyError> {
        let changes = tokio::task::block_in_place(|| {
            let mut current = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changed = current.clone();
            changed.list.set(index, status)?;
            changed.changes += 1;
            self.vault.write(|change| {
                change.put_bytes(Column::StatusLists, &bits_row(), changed.list.as_bytes())?;
                change.put(COUNTERS, &setting(&self.vault, "changes"), &changed.changes)?;
                explain(change)
            })?;
            *current = changed;
            Ok::<_, AgencyError>(current.changes)
        })?;
        self.publish(changes).await
    }

    /// Publishes what is not published yet: the first list, or what an earlier attempt did not bring through.
    ///
    /// # Errors
    /// The vault's or the ledger's.
    pub(crate) async fn publish_rest(&self) -> Result<u64, AgencyError> {
        let changes = self.list.lock().unwrap_or_else(PoisonError::into_inner).changes;
        self.publish(changes).await
    }

    /// Publishes a list with at least so many changes. Those that gather while one is under way share the next.
    ///
    /// # Errors
    /// The vault's or the ledger's; the token served stays the published one.
    async fn publish(&self, changes: u64) -> Result<u64, AgencyError> {
        let mut published = self.published.lock().await;
        if let Some((epoch, _)) = published.served.filter(|(_, served)| *served >= changes) {
            return Ok(epoch);
        }
        let Current { list, changes } = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let claims = StatusClaims {
            uri: self.uri.clone(),
            issuer: Some(self.issuer.to_string()),
            issued: self.clock.now(),
            expires: None,
            ttl: None,
        };
        let token = tokio::task::block_in_place(|| status::issue(&list, &claims, &self.key.0, &self.key.1));
        let epoch = published.taken + 1;
        let digest = status::anchored_digest(&token);
        let head = StatusHead { list: LIST, uri: self.uri.clone(), epoch, digest };
        // Number and token are kept before they are sent: whatever a crash does, no epoch names two lists, and
        // none is on the ledger without its token here.
        tokio::task::block_in_place(|| {
            self.vault.write(|change| {
                change.put(COUNTERS, &setting(&self.vault, "epoch"), &epoch)?;
                change.put(TEXTS, &epoch_row(&self.vault, epoch), &token)
            })
        })?;
        published.taken = epoch;
        self.writer.say(&Statement::Status(head)).await?;
        tokio::task::block_in_place(|| {
            self.vault.write(|change| {
                change.put(TEXTS, &setting(&self.vault, "token"), &token)?;
                change.put(COUNTERS, &setting(&self.vault, "served epoch"), &epoch)?;
                change.put(COUNTERS, &setting(&self.vault, "served changes"), &changes)
            })
        })?;
        published.served = Some((epoch, changes));
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
    use did_registry::{Digest, Genesis, NetworkId, Suite, Timestamp};
    use ledger_chain::light::TrustedHead;
    use ledger_chain::{GroupId, Head, ValidatorSet};
    use ledger_node::client::LedgerClient;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::agency::follower::Follower;
    use crate::vault::Kek;

    /// The list of an agency whose ledger nobody answers for.
    fn alone(vault: &Arc<Vault>) -> Statuses {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let (control, key) =
            (SigningKey::generate(Suite::Ed25519, &mut rng), SigningKey::generate(Suite::P256, &mut rng));
        let (own, next) = (control.public_key(), control.public_key().commitment());
        let did = Genesis::new(NetworkId::new("demo").unwrap(), own.clone(), next).did();
        let ledger = Digest::sha256(b"");
        let validators = ValidatorSet::new([(own, 1)].into()).unwrap();
        let head = Head {
            ledger,
            network: NetworkId::new("demo").unwrap(),
            group: GroupId(0),
            height: 0,
            time: Timestamp::default(),
            block: ledger,
            state: ledger,
            log: ledger,
            validators: validators.hash(),
            next_validators: validators.hash(),
        };
        let client = LedgerClient::new("http://127.0.0.1:9").unwrap();
        let follower = Arc::new(Follower::new(client, TrustedHead::pinned(head, validators).unwrap()));
        let writer = Arc::new(LedgerWriter::new(follower, ledger, did.clone(), control));
        let key = (did.url("es256-1"), key);
        let uri = "https://gd.example/status/1".to_owned();
        Statuses::open(vault.clone(), writer, did, key, uri, Clock::fixed(Timestamp::default())).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_status_and_what_explains_it_are_written_together_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::open(directory.path(), Kek::generate()).unwrap());
        let why = setting(&vault, "why");
        let read = |statuses: &Statuses| {
            (statuses.list.lock().unwrap().list.get(7).unwrap(), vault.get(TEXTS, &why).unwrap())
        };
        let statuses = alone(&vault);
        let unexplained = statuses.set(7, Status::Suspended, |change| {
            change.put(TEXTS, &why, &"half".to_owned())?;
            Err(VaultError::RowName)
        });
        assert!(matches!(unexplained.await, Err(AgencyError::Vault(VaultError::RowName))));
        assert_eq!(read(&statuses), (Status::Valid, None));
        assert_eq!(read(&alone(&vault)), (Status::Valid, None));
        // The ledger is away, and both are kept: for this run, and for the next.
        let explained =
            statuses.set(7, Status::Suspended, |change| change.put(TEXTS, &why, &"whole".to_owned()));
        assert!(matches!(explained.await, Err(AgencyError::Ledger(_))));
        assert_eq!(read(&statuses), (Status::Suspended, Some("whole".to_owned())));
        assert_eq!(read(&alone(&vault)), (Status::Suspended, Some("whole".to_owned())));
    }

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
