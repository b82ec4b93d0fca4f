//! What the agency believes of the others: facts proved under the ledger's head.
//!
//! The node hands out records with proofs; each issuer hands out its status list. Neither is believed: the
//! bundle they make is verified like any other before it becomes the view. A failed refresh leaves the view
//! as it was, and older.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use credential::facts::Facts;
use credential::status::anchored_digest;
use did_registry::{Did, Digest, Moment};
use ledger_chain::bundle::{BundleError, TrustBundle};
use ledger_chain::light::{LightError, TrustedHead};
use ledger_chain::{Genesis, Record, StateKey, StatusHead};
use ledger_node::client::{ClientError, LedgerClient};
use tokio::sync::Mutex;

use super::follower::Follower;
use super::statuses::token_at;
use crate::fetch::Fetcher;
use crate::vault::{Vault, VaultError};

/// One consistent view.
pub(crate) struct View {
    /// The head it was proved under.
    pub head: TrustedHead,
    /// What was proved.
    pub facts: Facts,
    /// What it was proved from, for checkpoints.
    pub bundle: TrustBundle,
}

/// The current view, and how to get the next.
pub(crate) struct Trust {
    follower: Arc<Follower>,
    fetcher: Fetcher,
    own: Own,
    view: RwLock<Arc<View>>,
    /// Held while refreshing; status tokens by their digest, so that an unchanged list is not fetched again.
    tokens: Mutex<BTreeMap<Digest, String>>,
}

/// This agency: every view has its document, and its own status list is taken from its own vault.
pub(crate) struct Own {
    pub did: [Did; 1],
    pub vault: Arc<Vault>,
}

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The node could not be reached, or refused.
    #[error("the ledger: {0}")]
    Ledger(#[from] ClientError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What they sent does not hold.
    #[error("the trust bundle: {0}")]
    Bundle(#[from] BundleError),
}

impl Trust {
    /// The first view, trusted from the pinned genesis on, or from a head remembered from before.
    ///
    /// # Errors
    /// [`TrustError`].
    pub(crate) async fn open(
        client: LedgerClient,
        fetcher: Fetcher,
        own: Own,
        genesis: &Genesis,
        remembered: Option<TrustedHead>,
    ) -> Result<Self, TrustError> {
        if remembered.as_ref().is_some_and(|head| head.head().ledger != genesis.id()) {
            return Err(BundleError::from(LightError::OtherLedger).into());
        }
        let mut tokens = BTreeMap::new();
        let (bundle, trusted) = match remembered {
            Some(head) => (client.bundle(None, Some(head.head().height), &own.did).await?, head),
            None => {
                let bundle = client.bundle(None, None, &own.did).await?;
                let head = TrustedHead::from_genesis(genesis, &bundle.head).map_err(BundleError::from)?;
                (bundle, head)
            }
        };
        let view = complete(bundle, &trusted, &own, &fetcher, &mut tokens).await?;
        let follower = Arc::new(Follower::new(client, view.head.clone()));
        Ok(Self { follower, fetcher, own, view: RwLock::new(Arc::new(view)), tokens: Mutex::new(tokens) })
    }

    /// The newest head, and what the ledger has under it.
    pub(crate) fn follower(&self) -> &Arc<Follower> {
        &self.follower
    }

    /// The current view.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves on to the ledger's newest head; gives what it is as of.
    ///
    /// # Errors
    /// [`TrustError`]; the view stays as it was.
    pub(crate) async fn refresh(&self) -> Result<Moment, TrustError> {
        let mut tokens = self.tokens.lock().await;
        let trusted = self.follower.follow().await?;
        let height = Some(trusted.head().height);
        let bundle = self.follower.client().bundle(height, None, &self.own.did).await?;
        let view = complete(bundle, &trusted, &self.own, &self.fetcher, &mut tokens).await?;
        let as_of = view.facts.as_of;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(as_of)
    }
}

impl Trust {
    /// Takes a bundle that somebody brought, as when the ledger cannot be reached; gives what it is as of.
    ///
    /// # Errors
    /// [`TrustError::Bundle`] if it does not continue the current view or does not hold; the view stays.
    pub(crate) async fn import(&self, bundle: TrustBundle) -> Result<Moment, TrustError> {
        let _refreshing = self.tokens.lock().await; // one change of view at a time
        let (head, facts) = bundle.verify(&self.view().head)?;
        self.follower.catch_up(&head).await.map_err(BundleError::from)?;
        let as_of = facts.as_of;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(View { head, facts, bundle });
        Ok(as_of)
    }
}

/// Adds the status lists that the bundle's own records name, and verifies the whole.
///
/// A list that cannot be had, or has moved on since the head, is left out: its credentials stay undecided
/// until a refresh finds head and list together again, and nobody's silence stops the others.
async fn complete(
    mut bundle: TrustBundle,
    trusted: &TrustedHead,
    own: &Own,
    fetcher: &Fetcher,
    tokens: &mut BTreeMap<Digest, String>,
) -> Result<View, TrustError> {
    let mut current = BTreeMap::new();
    for (issuer, StatusHead { list, uri, epoch, digest }) in lists(&bundle)? {
        let token = match tokens.get(&digest) {
            Some(token) => Some(token.clone()),
            None if own.did.contains(&issuer) => token_at(&own.vault, list, epoch)?,
            None => match fetcher.status_token(&uri).await {
                Ok(token) => Some(token),
                Err(error) => {
                    tracing::info!(%error, issuer = %issuer.short(), "a status list cannot be had");
                    None
                }
            },
        };
        current.extend(token.filter(|token| anchored_digest(token) == digest).map(|token| (digest, token)));
    }
    bundle.statuses = current.values().cloned().collect();
    *tokens = current;
    if let Err(BundleError::Status(uri)) = bundle.verify(trusted) {
        // Its issuer lost the key that signed it: that is one issuer's trouble, and no reason to stand still.
        tracing::info!(%uri, "a status list counts no more");
        let alone = |token: &String| TrustBundle { statuses: vec![token.clone()], ..bundle.clone() };
        let kept =
            bundle.statuses.iter().filter(|token| alone(token).verify(trusted).is_ok()).cloned().collect();
        bundle.statuses = kept;
    }
    let (head, facts) = bundle.verify(trusted)?;
    Ok(View { head, facts, bundle })
}

/// The heads of recognised issuers' lists. Whoever is registered may name any address, so the others' are
/// not fetched.
fn lists(bundle: &TrustBundle) -> Result<Vec<(Did, StatusHead)>, BundleError> {
    let (mut issuers, mut heads) = (BTreeSet::new(), Vec::new());
    for proof in &bundle.records {
        let record =
            proof.verify(&bundle.head.head.state).map_err(|error| BundleError::Light(error.into()))?;
        match (&proof.key, record) {
            (StateKey::Issuer(_, did), Some(_)) => drop(issuers.insert(did.clone())),
            (StateKey::Status(did, _), Some(Record::Status(record))) => {
                heads.push((did.clone(), record.head))
            }
            _ => {}
        }
    }
    heads.retain(|(did, _)| issuers.contains(did));
    Ok(heads)
}
