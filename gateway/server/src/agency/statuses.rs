//! One of the agency's status lists: two bits a credential, its head on the ledger.
//!
//! A change is in the vault before it is published, and the token that is served is always the one whose
//! digest the ledger has: it changes over only when the ledger has taken the new head. Changes are counted,
//! so what a crash or a lost ledger left unpublished is published later ([`Statuses::publish_rest`]).

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use credential::status::{self, Status, StatusClaims, StatusList, StatusListText};
use did_registry::{Did, SigningKey};
use ledger_chain::StatusHead;
use tokio::sync::Mutex as AsyncMutex;

use super::AgencyError;
use super::ledger::{LedgerWriter, Statement};
use super::lists::ENTRIES;
use super::rows::{COUNTERS, TEXTS};
use crate::clock::Clock;
use crate::vault::{self, Column, RowId, Vault, VaultError};

/// What all lists are published with.
pub(crate) struct Publisher {
    pub(crate) vault: Arc<Vault>,
    pub(crate) writer: Arc<LedgerWriter>,
    pub(crate) issuer: Did,
    /// The key that signs them, by its URL.
    pub(crate) key: (String, SigningKey),
    /// What the agency is called by.
    pub(crate) public_url: String,
    pub(crate) clock: Clock,
}

impl Publisher {
    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Where a list is served.
    pub(crate) fn uri(&self, list: u32) -> String {
        format!("{}/status/{list}", self.public_url)
    }
}

/// A list, and the token that stands for it.
pub(crate) struct Statuses {
    publisher: Arc<Publisher>,
    number: u32,
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

fn bits_row(list: u32) -> RowId {
    RowId::number(u64::from(list))
}

fn setting(vault: &Vault, list: u32, name: &str) -> RowId {
    vault.index(Column::Settings, &[b"status", &list.to_be_bytes(), name.as_bytes()])
}

fn epoch_row(vault: &Vault, list: u32, epoch: u64) -> RowId {
    vault.index(Column::Settings, &[b"status token", &list.to_be_bytes(), &epoch.to_be_bytes()])
}

/// The token of a list's epoch: for recomputing what was decided on it, and for this agency's own view.
///
/// # Errors
/// The vault's.
pub(crate) fn token_at(vault: &Vault, list: u32, epoch: u64) -> Result<Option<String>, VaultError> {
    vault.get(TEXTS, &epoch_row(vault, list, epoch))
}

impl Statuses {
    /// The list as the vault has it, or a fresh one, and its token as it was served last.
    ///
    /// # Errors
    /// The vault's, or a damaged list.
    pub(crate) fn open(publisher: Arc<Publisher>, number: u32) -> Result<Self, AgencyError> {
        let vault = publisher.vault();
        let list = match vault.get_bytes(Column::StatusLists, &bits_row(number))? {
            Some(bytes) => StatusList::from_bytes(2, bytes.to_vec())?,
            None => StatusList::new(2, ENTRIES)?,
        };
        let counter = |name| vault.get(COUNTERS, &setting(vault, number, name));
        let (changes, taken) = (counter("changes")?.unwrap_or(0), counter("epoch")?.unwrap_or(0));
        let token = vault.get(TEXTS, &setting(vault, number, "token"))?.unwrap_or_default();
        let served = counter("served epoch")?.zip(counter("served changes")?);
        // Under a key that was replaced since, the list is published again.
        let own = StatusListText::parse(&token)
            .is_ok_and(|token| token.unverified_key_id() == Some(&publisher.key.0));
        let served = served.filter(|_| own);
        Ok(Self {
            publisher,
            number,
            list: Mutex::new(Current { list, changes }),
            token: RwLock::new(token.into()),
            published: AsyncMutex::new(Published { taken, served }),
        })
    }

    /// The token to serve; empty before the first is published.
    pub(crate) fn token(&self) -> Arc<str> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets a status for many and writes, in the same change, what `explain` does; publishes the list, and returns its
    /// epoch once the ledger has its head.
    ///
    /// # Errors
    /// [`AgencyError::Status`] for a revocation undone, or the vault's or the ledger's: then the change is kept,
    /// and published later.
    pub(crate) async fn set(
        &self,
        indices: impl IntoIterator<Item = u64>,
        status: Status,
        explain: impl FnOnce(&mut vault::Batch<'_>) -> Result<(), VaultError>,
    ) -> Result<u64, AgencyError> {
        let changes = tokio::task::block_in_place(|| {
            let mut current = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changed = current.clone();
            for index in indices {
                changed.list.set(index, status)?;
            }
            changed.changes += 1;
            self.publisher.vault.write(|change| {
                change.put_bytes(Column::StatusLists, &bits_row(self.number), changed.list.as_bytes())?;
                change.put(COUNTERS, &self.setting("changes"), &changed.changes)?;
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
        let Publisher { vault, writer, issuer, key, clock, .. } = &*self.publisher;
        let uri = self.publisher.uri(self.number);
        let claims = StatusClaims {
            uri: uri.clone(),
            issuer: Some(issuer.to_string()),
            issued: clock.now(),
            expires: None,
            ttl: None,
        };
        let token = tokio::task::block_in_place(|| status::issue(&list, &claims, &key.0, &key.1));
        let epoch = published.taken + 1;
        let digest = status::anchored_digest(&token);
        let head = StatusHead { list: self.number, uri, epoch, digest };
        // Number and token are kept before they are sent: whatever a crash does, no epoch names two lists, and
        // none is on the ledger without its token here.
        tokio::task::block_in_place(|| {
            vault.write(|change| {
                change.put(COUNTERS, &self.setting("epoch"), &epoch)?;
                change.put(TEXTS, &epoch_row(vault, self.number, epoch), &token)
            })
        })?;
        published.taken = epoch;
        writer.say(&Statement::Status(head)).await?;
        tokio::task::block_in_place(|| {
            vault.write(|change| {
                change.put(TEXTS, &self.setting("token"), &token)?;
                change.put(COUNTERS, &self.setting("served epoch"), &epoch)?;
                change.put(COUNTERS, &self.setting("served changes"), &changes)
            })
        })?;
        published.served = Some((epoch, changes));
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token.into();
        Ok(epoch)
    }

    fn setting(&self, name: &str) -> RowId {
        setting(self.publisher.vault(), self.number, name)
    }
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
        let publisher = Publisher {
            vault: vault.clone(),
            writer,
            key: (did.url("es256-1"), key),
            issuer: did,
            public_url: "https://gd.example".to_owned(),
            clock: Clock::fixed(Timestamp::default()),
        };
        Statuses::open(Arc::new(publisher), 1).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_status_and_what_explains_it_are_written_together_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::open(directory.path(), Kek::generate()).unwrap());
        let why = setting(&vault, 1, "why");
        let read = |statuses: &Statuses| {
            (statuses.list.lock().unwrap().list.get(7).unwrap(), vault.get(TEXTS, &why).unwrap())
        };
        let statuses = alone(&vault);
        let unexplained = statuses.set([7], Status::Suspended, |change| {
            change.put(TEXTS, &why, &"half".to_owned())?;
            Err(VaultError::RowName)
        });
        assert!(matches!(unexplained.await, Err(AgencyError::Vault(VaultError::RowName))));
        assert_eq!(read(&statuses), (Status::Valid, None));
        assert_eq!(read(&alone(&vault)), (Status::Valid, None));
        // The ledger is away, and both are kept: for this run, and for the next.
        let explained =
            statuses.set([7], Status::Suspended, |change| change.put(TEXTS, &why, &"whole".to_owned()));
        assert!(matches!(explained.await, Err(AgencyError::Ledger(_))));
        assert_eq!(read(&statuses), (Status::Suspended, Some("whole".to_owned())));
        assert_eq!(read(&alone(&vault)), (Status::Suspended, Some("whole".to_owned())));
    }
}
