//! What the agency believes of the others: facts proved under the ledger's head.
//!
//! The node hands out records with proofs; each issuer hands out its status list. Neither is believed: the
//! bundle they make is verified like any other before it becomes the view. A failed refresh leaves the view
//! as it was, and older.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use credential::facts::Facts;
use did_registry::{Did, Digest, Moment};
use ledger_chain::bundle::{BundleError, TrustBundle};
use ledger_chain::light::TrustedHead;
use ledger_chain::{Genesis, Record};
use ledger_node::client::{ClientError, LedgerClient};
use tokio::sync::Mutex;

use crate::fetch::{FetchError, Fetcher};

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
    client: LedgerClient,
    fetcher: Fetcher,
    /// This agency, whose document every view has.
    own: [Did; 1],
    view: RwLock<Arc<View>>,
    /// Held while refreshing; status tokens by their digest, so that an unchanged list is not fetched again.
    tokens: Mutex<BTreeMap<Digest, String>>,
}

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The node could not be reached, or refused.
    #[error("the ledger: {0}")]
    Ledger(#[from] ClientError),
    /// An issuer's status list could not be fetched.
    #[error("a status list: {0}")]
    Status(#[from] FetchError),
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
        did: Did,
        genesis: &Genesis,
        remembered: Option<TrustedHead>,
    ) -> Result<Self, TrustError> {
        let own = [did];
        let mut tokens = BTreeMap::new();
        let (bundle, trusted) = match remembered {
            Some(head) => (client.bundle(None, Some(head.head().height), &own).await?, head),
            None => {
                let bundle = client.bundle(None, None, &own).await?;
                let head = TrustedHead::from_genesis(genesis, &bundle.head).map_err(BundleError::from)?;
                (bundle, head)
            }
        };
        let view = complete(bundle, &trusted, &fetcher, &mut tokens).await?;
        Ok(Self { client, fetcher, own, view: RwLock::new(Arc::new(view)), tokens: Mutex::new(tokens) })
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
        let trusted = self.view().head.clone();
        let bundle = self.client.bundle(None, Some(trusted.head().height), &self.own).await?;
        let view = complete(bundle, &trusted, &self.fetcher, &mut tokens).await?;
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
        let as_of = facts.as_of;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(View { head, facts, bundle });
        Ok(as_of)
    }
}

/// Adds the status lists that the bundle's own records name, and verifies the whole.
async fn complete(
    mut bundle: TrustBundle,
    trusted: &TrustedHead,
    fetcher: &Fetcher,
    tokens: &mut BTreeMap<Digest, String>,
) -> Result<View, TrustError> {
    let mut current = BTreeMap::new();
    for proof in &bundle.records {
        let record =
            proof.verify(&bundle.head.head.state).map_err(|error| BundleError::Light(error.into()))?;
        let Some(Record::Status(record)) = record else { continue };
        let token = match tokens.get(&record.head.digest) {
            Some(token) => token.clone(),
            None => fetcher.status_token(&record.head.uri).await?,
        };
        // A list that has moved on since the head is left out: its credentials stay undecided until the
        // next refresh, which finds head and list together again.
        if credential::status::anchored_digest(&token) == record.head.digest {
            current.insert(record.head.digest, token);
        }
    }
    bundle.statuses = current.values().cloned().collect();
    *tokens = current;
    let (head, facts) = bundle.verify(trusted)?;
    Ok(View { head, facts, bundle })
}
