//! The agency's own voice on the ledger: one transaction at a time, each waited for.

use did_registry::{Did, Digest, SigningKey};
use ledger_chain::{Operation, Transaction};
use ledger_node::client::{ClientError, LedgerClient};
use tokio::sync::Mutex;

/// Signs and sends the agency's operations in order.
pub(crate) struct LedgerWriter {
    client: LedgerClient,
    ledger: Digest,
    actor: Did,
    control: SigningKey,
    /// The next sequence number, once known.
    next: Mutex<Option<u64>>,
}

impl LedgerWriter {
    pub(crate) fn new(client: LedgerClient, ledger: Digest, actor: Did, control: SigningKey) -> Self {
        Self { client, ledger, actor, control, next: Mutex::new(None) }
    }

    /// The node.
    pub(crate) fn client(&self) -> &LedgerClient {
        &self.client
    }

    /// Sends an operation and waits until a block holds it; gives the block's height.
    ///
    /// One at a time: a refused transaction leaves its number to the next, so none waits behind a gap.
    ///
    /// # Errors
    /// The ledger's refusal, or that it could not be reached.
    pub(crate) async fn commit(&self, operation: Operation) -> Result<u64, ClientError> {
        let mut next = self.next.lock().await;
        // Whatever comes of it, the number is asked for again unless it is known to be used.
        let sequence = match next.take() {
            Some(sequence) => sequence,
            None => self.client.next_sequence(&self.actor).await?,
        };
        let transaction = Transaction { actor: self.actor.clone(), sequence, operation };
        let (height, _) = self.client.commit(&transaction.sign(&self.ledger, &self.control)).await?;
        *next = Some(sequence + 1);
        Ok(height)
    }
}
