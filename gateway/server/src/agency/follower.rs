//! The newest head that this agency has verified, and what the ledger has under it.
//!
//! Every head comes through here, one after the other, and each is shown to continue the one before. So a node
//! that shows one history to those who ask and another to the view is found out, and what it only says is not
//! believed.

use std::sync::{PoisonError, RwLock};

use ledger_chain::StateKey;
use ledger_chain::light::{LightError, TrustedHead};
use ledger_chain::tree::RecordProof;
use ledger_node::client::{ClientError, CurrentRecord, LedgerClient};
use tokio::sync::Mutex;

/// A node, and how far its ledger has been followed.
pub(crate) struct Follower {
    client: LedgerClient,
    newest: RwLock<TrustedHead>,
    /// Held while following, so that heads come one after the other.
    following: Mutex<()>,
}

/// What the ledger has for a key: a record, or provably none.
#[derive(Clone)]
pub(crate) struct Found {
    /// A verified head.
    pub head: TrustedHead,
    /// The proof under it.
    pub proof: RecordProof,
}

impl Follower {
    /// Follows from a head that was verified.
    pub(crate) fn new(client: LedgerClient, head: TrustedHead) -> Self {
        Self { client, newest: RwLock::new(head), following: Mutex::default() }
    }

    /// The node.
    pub(crate) fn client(&self) -> &LedgerClient {
        &self.client
    }

    /// The newest head so far.
    pub(crate) fn newest(&self) -> TrustedHead {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves on to the ledger's newest head.
    ///
    /// # Errors
    /// [`ClientError::Light`] if it does not continue the one before, or that the node did not answer.
    pub(crate) async fn follow(&self) -> Result<TrustedHead, ClientError> {
        let _following = self.following.lock().await;
        let head = self.client.follow(&self.newest()).await?;
        self.advance(head.clone());
        Ok(head)
    }

    /// What the ledger has for `key` now, by proof under its newest head.
    ///
    /// # Errors
    /// As [`Follower::follow`].
    pub(crate) async fn current(&self, key: &StateKey) -> Result<CurrentRecord, ClientError> {
        let _following = self.following.lock().await;
        let current = self.client.current_record(&self.newest(), key).await?;
        self.advance(current.trusted.clone());
        Ok(current)
    }

    /// Goes on from the head of a bundle that somebody brought, and that continues the view, if it is newer.
    ///
    /// # Errors
    /// [`LightError::SplitView`] if another head of the same height was seen.
    pub(crate) async fn catch_up(&self, head: &TrustedHead) -> Result<(), LightError> {
        let _following = self.following.lock().await;
        let (newest, brought) = (self.newest(), head.head().height);
        if newest.head().height == brought && newest.head() != head.head() {
            return Err(LightError::SplitView(brought));
        }
        if newest.head().height < brought {
            self.advance(head.clone());
        }
        Ok(())
    }

    /// What the ledger has for `key`, by proof under a head of at least `height`, or the newest if that is lower.
    /// Only a height that was not followed to before makes others wait.
    ///
    /// # Errors
    /// As [`Follower::follow`].
    pub(crate) async fn find(&self, key: &StateKey, height: u64) -> Result<Found, ClientError> {
        let head = self.newest();
        if head.head().height < height {
            let CurrentRecord { proof, trusted, .. } = self.current(key).await?;
            return Ok(Found { head: trusted, proof });
        }
        let proof = self.client.record_proof(key, Some(head.head().height)).await?;
        head.lookup(key, &proof)?;
        Ok(Found { head, proof })
    }

    fn advance(&self, head: TrustedHead) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = head;
    }
}
