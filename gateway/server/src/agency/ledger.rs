//! The agency's own voice on the ledger: one thing at a time, each waited for and shown by proof.

use std::sync::Arc;

use credential::zk::RevocationDelta;
use did_registry::{Did, Digest, SigningKey};
use ledger_chain::{AnchorOperation, Operation, ReceiptBatch, Record, StateKey, StatusHead, Transaction};
use ledger_node::client::{ClientError, CurrentRecord};
use tokio::sync::Mutex;

use super::follower::Follower;

/// What an agency at work says on the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// A batch of commitments to credentials.
    Anchor {
        /// Its root.
        root: Digest,
        /// Its leaves.
        count: u32,
    },
    /// A batch of commitments to consents or decisions.
    Receipt(ReceiptBatch),
    /// The head of its status list.
    Status(StatusHead),
    /// What changes in its status tree.
    Revocation(RevocationDelta),
}

impl Statement {
    fn operation(&self) -> Operation {
        match self.clone() {
            Self::Anchor { root, count } => Operation::Anchor(AnchorOperation::Batch { root, count }),
            Self::Receipt(batch) => Operation::Receipt(batch),
            Self::Status(head) => Operation::Status(head),
            Self::Revocation(delta) => Operation::Revocation(delta),
        }
    }

    /// The record that it leaves.
    pub(crate) fn key(&self, actor: &Did) -> StateKey {
        match self {
            Self::Anchor { root, .. } => StateKey::Anchor(actor.clone(), *root),
            Self::Receipt(batch) => StateKey::Receipt(actor.clone(), batch.root),
            Self::Status(head) => StateKey::Status(actor.clone(), head.list),
            Self::Revocation(_) => StateKey::Revocation(actor.clone()),
        }
    }

    /// Whether this is that record.
    fn left(&self, record: &Record) -> bool {
        match (self, record) {
            (Self::Anchor { count, .. }, Record::Anchor(record)) => record.count == *count,
            (Self::Receipt(batch), Record::Receipt(record)) => {
                record.kind == batch.kind && record.count == batch.count
            }
            (Self::Status(head), Record::Status(record)) => record.head == *head,
            (Self::Revocation(delta), Record::Revocation(record)) => {
                (record.epoch, record.root) == (delta.epoch, delta.root)
            }
            _ => false,
        }
    }
}

/// Signs and sends the agency's statements in order.
pub(crate) struct LedgerWriter {
    follower: Arc<Follower>,
    ledger: Digest,
    actor: Did,
    control: SigningKey,
    /// The next sequence number, once known.
    next: Mutex<Option<u64>>,
}

impl LedgerWriter {
    pub(crate) fn new(follower: Arc<Follower>, ledger: Digest, actor: Did, control: SigningKey) -> Self {
        Self { follower, ledger, actor, control, next: Mutex::new(None) }
    }

    /// What the ledger is read by.
    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Says something, waits until a block holds it, and gives the record that shows it.
    ///
    /// That the node says so is not enough: the record is proved under a head that continues all heads before.
    /// That the ledger has exactly this already is as good. One at a time: a refused transaction leaves its
    /// number to the next, so none waits behind a gap.
    ///
    /// # Errors
    /// The ledger's refusal, that it could not be reached, or [`ClientError::Unproven`].
    pub(crate) async fn say(&self, statement: &Statement) -> Result<CurrentRecord, ClientError> {
        let mut next = self.next.lock().await;
        // Whatever comes of it, the number is asked for again unless it is known to be used.
        let sequence = match next.take() {
            Some(sequence) => sequence,
            None => self.follower.client().next_sequence(&self.actor).await?,
        };
        let transaction =
            Transaction { actor: self.actor.clone(), sequence, operation: statement.operation() };
        let signed = transaction.sign(&self.ledger, &self.control);
        let sent = self.follower.client().commit(&signed).await;
        match sent {
            Err(error) if error.code() != "EXISTS" => return Err(error),
            _ => {}
        }
        let current = self.follower.current(&statement.key(&self.actor)).await?;
        if !current.record.as_ref().is_some_and(|record| statement.left(record)) {
            return Err(ClientError::Unproven);
        }
        if sent.is_ok() {
            *next = Some(sequence + 1);
        }
        Ok(current)
    }
}
