//! One ledger in this process: what the engine drives, the API serves and tests look into.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use did_registry::{Digest, Timestamp};
use ledger_chain::{SignedHead, SignedTransaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::application::{Application, BlockError, Executed, Ground, Tip};
use crate::config::{BlockLimits, Config};
use crate::ingress::{self, Submission};
use crate::mempool::{Dropped, Mempool, Wake};
use crate::metrics::Metrics;
use crate::outcome::{Outcomes, Rejection, Status};
use crate::store::{Store, StoreError};
use crate::{Answer, NodeError};

mod query;

pub use query::{ProvenRecord, QueryError};

/// A ledger: store, rules, mempool and outcomes. Shared by the engine and the API.
pub struct Ledger {
    pub(crate) store: Arc<Store>,
    pub(crate) application: Application,
    pub(crate) mempool: Mempool,
    pub(crate) outcomes: Outcomes,
    pub(crate) metrics: Metrics,
    block: BlockLimits,
    submissions: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
    height: watch::Sender<u64>,
    halted: OnceLock<String>,
    ended: watch::Sender<bool>,
    /// Falls after the store is closed, and tells who waits for that.
    _gone: oneshot::Sender<()>,
}

impl Ledger {
    /// Opens the ledger in the configured directory; block 0 may still be missing. Checking of submitted
    /// transactions runs on the current runtime until the ledger is dropped; the receiver ends when that has
    /// happened and the directory can be opened again.
    ///
    /// # Errors
    /// [`NodeError::Store`], [`NodeError::File`] or [`NodeError::Registry`] for the genesis.
    pub fn open(config: &Config) -> Result<(Arc<Self>, oneshot::Receiver<()>), NodeError> {
        config.check()?;
        let bytes =
            std::fs::read(&config.genesis).map_err(|error| NodeError::file(&config.genesis, error))?;
        let genesis = ledger_chain::Genesis::from_bytes(&bytes)?;
        std::fs::create_dir_all(&config.directory)
            .map_err(|error| NodeError::file(&config.directory, error))?;
        let store = Arc::new(Store::open(&config.directory, &config.store)?);
        let application = Application::open(store.clone(), genesis)?;
        let (submissions, receiver) = mpsc::channel(ingress::GROUPS);
        let (gone, closed) = oneshot::channel();
        let height = application.tip().map_or(0, |tip| tip.header.height);
        let ledger = Arc::new(Self {
            store,
            application,
            mempool: Mempool::new(config.mempool),
            outcomes: Outcomes::default(),
            metrics: Metrics::new(),
            block: config.block,
            submissions,
            room: Arc::new(Semaphore::new(ingress::ROOM)),
            height: watch::Sender::new(height),
            halted: OnceLock::new(),
            ended: watch::Sender::new(false),
            _gone: gone,
        });
        ledger.metrics.height.set(i64::try_from(height).unwrap_or(i64::MAX));
        tokio::spawn(ingress::run(Arc::downgrade(&ledger), receiver));
        Ok((ledger, closed))
    }

    /// The ledger's identifier.
    pub fn id(&self) -> &Digest {
        self.application.ledger()
    }

    /// The rules: for engines and tests.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The last block; `None` before block 0.
    pub fn tip(&self) -> Option<Arc<Tip>> {
        self.application.tip()
    }

    /// Tells each new height.
    pub fn heights(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// Why the node stopped committing, if it did.
    pub fn halted(&self) -> Option<&str> {
        self.halted.get().map(String::as_str)
    }

    // --- for those who submit ---------------------------------------------------------------------------

    /// Hands in transactions; one answer each, in order. Waits for room if much is being checked.
    pub async fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Answer> {
        let wanted = room_for(transactions.len());
        match self.room.clone().acquire_many_owned(wanted).await {
            Ok(room) => self.check(transactions, room).await,
            Err(_closed) => self.refuse_all(&transactions),
        }
    }

    /// The same, refused with [`Rejection::Busy`] if there is no room now.
    pub async fn try_submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Answer> {
        let wanted = room_for(transactions.len());
        match self.room.clone().try_acquire_many_owned(wanted) {
            Ok(room) => self.check(transactions, room).await,
            Err(TryAcquireError::Closed) => self.refuse_all(&transactions),
            Err(TryAcquireError::NoPermits) => {
                transactions.iter().map(|signed| (signed.id(), Err(Rejection::Busy))).collect()
            }
        }
    }

    async fn check(&self, transactions: Vec<SignedTransaction>, room: OwnedSemaphorePermit) -> Vec<Answer> {
        let (reply, answers) = oneshot::channel();
        let ids: Vec<Digest> = transactions.iter().map(SignedTransaction::id).collect();
        let submission = Submission { ids: ids.clone(), transactions, reply, _room: room };
        let sent = self.submissions.send(submission).await.is_ok();
        match answers.await {
            Ok(verdicts) if sent => ids.into_iter().zip(verdicts).collect(),
            // Checking failed, or ended with the node: nothing was taken in, and the log says why.
            _ => ids.into_iter().map(|id| (id, Err(self.stopping()))).collect(),
        }
    }

    fn refuse_all(&self, transactions: &[SignedTransaction]) -> Vec<Answer> {
        transactions.iter().map(|signed| (signed.id(), Err(self.stopping()))).collect()
    }

    fn stopping(&self) -> Rejection {
        Rejection::Halted(self.halted().unwrap_or("it is shutting down").to_owned())
    }

    /// Where a transaction stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn status(&self, id: &Digest) -> Result<Status, StoreError> {
        // The mempool lets go of a transaction only when it is in the store, or its refusal is remembered. So it
        // is asked first: asked last, it could let go between two looks, and nobody would know of it.
        if self.mempool.contains(id) {
            return Ok(Status::Pending);
        }
        if let Some(place) = self.store.transaction(id)? {
            return Ok(place.into());
        }
        Ok(self.outcomes.recall(id).unwrap_or(Status::Unknown))
    }

    /// Waits until a transaction that was taken in is committed or refused.
    ///
    /// # Errors
    /// [`Rejection::Halted`] if the node stops before, or cannot read its disk.
    pub async fn settled(&self, id: Digest) -> Result<Status, Rejection> {
        let _forget = GiveUp { ledger: self, id };
        let outcome = self.outcomes.wait(id);
        // Looked up after asking to be told, so that nothing slips between.
        match self.status(&id) {
            Ok(Status::Pending) => {}
            Ok(settled) => return Ok(settled),
            Err(error) => return Err(Rejection::Halted(error.to_string())),
        }
        outcome.await.map_err(|_| self.stopping())
    }

    // --- for the engine ---------------------------------------------------------------------------------

    /// Waits for transactions, at most until `deadline`.
    pub fn wait(&self, deadline: Instant) -> Wake {
        self.mempool.wait(deadline)
    }

    /// How many transactions wait that are in no block yet.
    pub fn waiting(&self) -> usize {
        self.mempool.unplaced()
    }

    /// A block of what waits, made at `now` on top of `ground` or of the tip; `None` if nothing that waits executes
    /// and `empty` is not wanted.
    ///
    /// # Errors
    /// [`NodeError::Store`]; the node then commits nothing more.
    pub fn propose(
        &self,
        now: Timestamp,
        empty: bool,
        ground: Option<&Ground>,
    ) -> Result<Option<Executed>, NodeError> {
        self.drop_refused(&self.mempool.overdue(Instant::now()));
        let candidates = self.mempool.take(&self.block);
        if candidates.is_empty() && !empty {
            return Ok(None);
        }
        let (executed, dropped) =
            self.application.propose(candidates, now, ground).inspect_err(|error| self.halt(error))?;
        self.metrics.proposed(executed.timings());
        self.drop_refused(&dropped);
        Ok((empty || !executed.ids().is_empty()).then_some(executed))
    }

    /// Keeps the transactions of a block that will be committed out of the next one, which is made before that.
    pub fn place(&self, executed: &Executed) {
        self.mempool.place(executed.transactions());
    }

    fn drop_refused(&self, dropped: &[Dropped]) {
        for entry in dropped {
            self.metrics.refused(entry.refusal.code());
            self.outcomes.refused(entry.id, &entry.refusal);
        }
        self.mempool.discard(dropped);
    }

    /// Commits a certified block and tells everybody who waits.
    ///
    /// # Errors
    /// [`NodeError::Block`]. If the disk failed the node commits nothing more.
    pub fn commit(&self, executed: Executed, head: SignedHead) -> Result<(), NodeError> {
        if let Some(reason) = self.halted() {
            return Err(NodeError::Halted(reason.to_owned()));
        }
        let ids = executed.ids().to_vec();
        let height = head.head.height;
        let timer = self.metrics.commit_seconds.start_timer();
        let block = self.application.commit(executed, head).inspect_err(|error| {
            if let BlockError::Store(cause) = error {
                self.halt(cause);
            }
        })?;
        timer.observe_duration();
        self.mempool.settle(&block);
        self.outcomes.committed(height, &ids);
        self.metrics.committed(height, &block);
        self.height.send_replace(height);
        tracing::debug!(height, transactions = ids.len(), "block committed");
        Ok(())
    }

    /// Stops committing for good; reading goes on. Everybody who waits hears it.
    pub fn halt(&self, reason: &dyn std::fmt::Display) {
        if self.halted.set(reason.to_string()).is_ok() {
            tracing::error!(%reason, "the node stops committing");
            self.metrics.halted.set(1);
        }
        self.stop();
    }

    /// Ends when the node takes in nothing more.
    pub async fn stopped(&self) {
        // The sender is in this ledger, so waiting cannot fail.
        let mut ended = self.ended.subscribe();
        // A closed channel means that it has ended, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Takes in nothing more, and wakes the engine so that it ends.
    pub(crate) fn stop(&self) {
        self.mempool.stop(self.halted().unwrap_or("it is shutting down"));
        self.room.close();
        self.outcomes.close();
        self.ended.send_replace(true);
    }
}

fn room_for(transactions: usize) -> u32 {
    u32::try_from(transactions.clamp(1, ingress::ROOM)).expect("fits because ROOM does")
}

/// Takes back the request to be told, however the wait ends.
struct GiveUp<'a> {
    ledger: &'a Ledger,
    id: Digest,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.ledger.outcomes.give_up(&self.id);
    }
}
