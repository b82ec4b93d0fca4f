//! Anchoring: digests wait in the vault, are blinded and batched, and go to the ledger as one root a batch.
//!
//! A digest is written to the vault together with what it belongs to; its opening is written before its
//! batch is sent. So a crash at any point loses nothing: on start, digests without an opening are batched
//! anew, and batches that may not have arrived are sent again (the ledger answers that it has them).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use credential::anchor::{Batch, Opening};
use did_registry::{Did, Digest};
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::tree::RecordProof;
use ledger_chain::{ReceiptBatch, SignedHead};
use ledger_node::client::{ClientError, LedgerClient};
use rand::rngs::OsRng;
use tokio::sync::{Notify, watch};

use super::AgencyError;
use super::ledger::{LedgerWriter, Statement};
use super::rows::{CommitmentKind, PENDING, PendingRow};
use crate::config::Anchoring;
use crate::vault::{self, Column, RowId, Vault, VaultError};

/// The queue and its worker's state.
pub(crate) struct Anchors {
    vault: Arc<Vault>,
    writer: Arc<LedgerWriter>,
    actor: Did,
    /// How long a digest waits for company.
    delay: Duration,
    /// Digests in one batch.
    most: usize,
    waiting: Mutex<BTreeMap<CommitmentKind, Vec<Digest>>>,
    more: Notify,
    /// Batches anchored since start, so that those who wait look again.
    done: watch::Sender<u64>,
    /// Proofs of recent batches, by root.
    proofs: Mutex<BTreeMap<Digest, (RecordProof, SignedHead)>>,
}

/// Rows by the batch they are in.
type Batches = BTreeMap<(CommitmentKind, Digest), Vec<(RowId, PendingRow)>>;

/// The row of a digest.
pub(crate) fn row_id(vault: &Vault, digest: &Digest) -> RowId {
    vault.index(Column::Pending, &[digest.as_bytes()])
}

impl Anchors {
    /// An empty queue; [`Anchors::recover`] fills it with what an earlier run left.
    pub(crate) fn new(vault: Arc<Vault>, writer: Arc<LedgerWriter>, actor: Did, how: Anchoring) -> Self {
        Self {
            vault,
            writer,
            actor,
            delay: how.max_delay(),
            most: how.max_size,
            waiting: Mutex::default(),
            more: Notify::new(),
            done: watch::channel(0).0,
            proofs: Mutex::default(),
        }
    }

    /// The node that batches go to.
    pub(crate) fn client(&self) -> &LedgerClient {
        self.writer.follower().client()
    }

    /// Writes a digest to the vault with the change it belongs to. Call [`Anchors::announce`] once it is written.
    pub(crate) fn stage(
        batch: &mut vault::Batch<'_>,
        kind: CommitmentKind,
        digest: &Digest,
    ) -> Result<(), VaultError> {
        let id = row_id(batch.vault(), digest);
        let row = PendingRow { kind, digest: *digest, opening: None, anchored: false };
        batch.put(PENDING, &id, &row)
    }

    /// Tells the worker of digests that are in the vault.
    pub(crate) fn announce(&self, kind: CommitmentKind, digests: impl IntoIterator<Item = Digest>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(kind).or_default().extend(digests);
        drop(waiting);
        self.more.notify_one();
    }

    /// Finds what an earlier run left: batches that may not have arrived are sent again, and what was in none,
    /// or in one that still does not arrive, waits for the next.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) async fn recover(&self) -> Result<(), AgencyError> {
        for ((kind, root), rows) in tokio::task::block_in_place(|| self.left())? {
            let opening = rows.first().and_then(|(_, row)| row.opening.as_ref());
            let size = opening.map_or(0, |opening| opening.size);
            match self.send(kind, root, size).await {
                Ok(()) => tokio::task::block_in_place(|| self.mark(rows))?,
                Err(error) => {
                    tracing::warn!(%error, count = rows.len(), "a batch of an earlier run is made anew");
                    self.announce(kind, rows.iter().map(|(_, row)| row.digest));
                }
            }
        }
        Ok(())
    }

    /// The batches of an earlier run that may not have arrived; announces what is in none.
    fn left(&self) -> Result<Batches, AgencyError> {
        let mut sent = Batches::new();
        let mut after = None;
        loop {
            let page = self.vault.page(PENDING, after.as_ref(), 4096)?;
            let Some((last, _)) = page.last() else { return Ok(sent) };
            after = Some(*last);
            for (id, row) in page.into_iter().filter(|(_, row)| !row.anchored) {
                match &row.opening {
                    Some(opening) => sent.entry((row.kind, opening.root)).or_default().push((id, row)),
                    None => self.announce(row.kind, [row.digest]),
                }
            }
        }
    }

    /// Batches and sends for as long as the agency runs.
    pub(crate) async fn work(&self) {
        loop {
            self.more.notified().await;
            tokio::time::sleep(self.delay).await; // gather company
            for kind in CommitmentKind::ALL {
                while let Some(digests) = self.take(kind) {
                    if let Err(error) = self.anchor(kind, &digests).await {
                        tracing::warn!(%error, count = digests.len(), "anchoring failed; will try again");
                        self.announce(kind, digests);
                        tokio::time::sleep(Duration::from_secs(1)).await; // the ledger is away
                        break;
                    }
                }
            }
        }
    }

    fn take(&self, kind: CommitmentKind) -> Option<Vec<Digest>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let all = waiting.get_mut(&kind).filter(|all| !all.is_empty())?;
        let rest = all.split_off(all.len().min(self.most));
        Some(std::mem::replace(all, rest))
    }

    async fn anchor(&self, kind: CommitmentKind, digests: &[Digest]) -> Result<(), AgencyError> {
        let rows = tokio::task::block_in_place(|| self.blind(kind, digests))?;
        let Some((root, size)) = rows
            .first()
            .and_then(|(_, row)| row.opening.as_ref())
            .map(|opening| (opening.root, opening.size))
        else {
            return Ok(());
        };
        self.send(kind, root, size).await?;
        tokio::task::block_in_place(|| self.mark(rows))
    }

    /// Blinds digests that have no opening yet, and keeps the openings.
    fn blind(
        &self,
        kind: CommitmentKind,
        digests: &[Digest],
    ) -> Result<Vec<(RowId, PendingRow)>, AgencyError> {
        self.vault.write(|change| {
            let batch = Batch::new(kind.leaf(), digests, &mut OsRng);
            let mut rows = Vec::with_capacity(digests.len());
            for (index, digest) in (0..).zip(digests) {
                let id = row_id(change.vault(), digest);
                let row =
                    PendingRow { kind, digest: *digest, opening: batch.opening(index), anchored: false };
                change.put(PENDING, &id, &row)?;
                rows.push((id, row));
            }
            Ok(rows)
        })
    }

    /// Sends a root, and keeps the proof that it arrived for the receipts.
    async fn send(&self, kind: CommitmentKind, root: Digest, size: u64) -> Result<(), AgencyError> {
        let current = self.writer.say(&statement(kind, root, size)).await?;
        self.keep(root, current.proof, current.head);
        Ok(())
    }

    fn keep(&self, root: Digest, proof: RecordProof, head: SignedHead) {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        if proofs.len() >= 1024 {
            proofs.pop_first();
        }
        proofs.insert(root, (proof, head));
    }

    fn mark(&self, rows: Vec<(RowId, PendingRow)>) -> Result<(), AgencyError> {
        self.vault.write(|change| -> Result<(), VaultError> {
            for (id, row) in rows {
                change.put(PENDING, &id, &PendingRow { anchored: true, ..row })?;
            }
            Ok(())
        })?;
        self.done.send_modify(|batches| *batches += 1);
        Ok(())
    }

    /// The receipt of a digest; `None` while it waits. Waits up to `patience` for its batch.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] for a digest that was never staged.
    pub(crate) async fn receipt(
        &self,
        digest: &Digest,
        patience: Duration,
    ) -> Result<Option<AnchorReceipt>, AgencyError> {
        let id = row_id(&self.vault, digest);
        let mut done = self.done.subscribe();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            done.mark_unchanged();
            let row = tokio::task::block_in_place(|| self.vault.get(PENDING, &id))?;
            let row = row.ok_or(AgencyError::Missing("commitment"))?;
            if let (true, Some(opening)) = (row.anchored, row.opening) {
                return Ok(Some(self.assemble(row.kind, opening).await?));
            }
            if !matches!(tokio::time::timeout_at(deadline, done.changed()).await, Ok(Ok(()))) {
                return Ok(None);
            }
        }
    }

    async fn assemble(&self, kind: CommitmentKind, opening: Opening) -> Result<AnchorReceipt, AgencyError> {
        let known = self.proofs.lock().unwrap_or_else(PoisonError::into_inner).get(&opening.root).cloned();
        let (record, head) = match known {
            Some(known) => known,
            None => {
                let key = statement(kind, opening.root, opening.size).key(&self.actor);
                let current = self.writer.follower().current(&key).await?;
                if current.record.is_none() {
                    return Err(ClientError::Unproven.into());
                }
                self.keep(opening.root, current.proof.clone(), current.head.clone());
                (current.proof, current.head)
            }
        };
        Ok(AnchorReceipt { issuer: self.actor.clone(), opening, record, head })
    }
}

/// What is said of a batch on the ledger.
fn statement(kind: CommitmentKind, root: Digest, size: u64) -> Statement {
    let count = u32::try_from(size).expect("fits because a batch is bounded");
    match kind.receipt() {
        None => Statement::Anchor { root, count },
        Some(kind) => Statement::Receipt(ReceiptBatch { kind, root, count }),
    }
}
