//! The application under an ordering engine: proposes a block, validates a block, commits a block.
//!
//! An engine decides *which* block follows; what a block may hold and what it does to the state is decided
//! here, by `ledger-chain`, the same way for one's own blocks and for everybody else's:
//!
//! - a proposal holds only transactions that execute; a refused one is handed back with its rule;
//! - a foreign block is valid only if its header continues the chain, every signature holds under the keys
//!   at the block's start, every operation executes, and the state root is the one it claims. One bad
//!   transaction makes the whole block bad, and is named;
//! - signatures are checked against the keys at the block's start, so that they can be checked in one batch.
//!   A key change is therefore its actor's last transaction in a block.
//!
//! Trust is in the types: only [`Application::propose`] and [`Application::validate`] make an [`Executed`],
//! and only an [`Executed`] can be committed.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use did_registry::canonical::encode;
use did_registry::{Did, Digest, Moment, PublicKey, Timestamp, merkle};
use ledger_chain::history::log_root;
use ledger_chain::light::verify_certificate;
use ledger_chain::tree::{Entry, ShardRoots, ShardUpdate, split, update_shard};
use ledger_chain::{
    Block, Changes, Committed, Genesis, Head, Header, Overlay, Record, Refusal, SignedHead,
    SignedTransaction, StateKey, VerifiedTransaction, execute, transactions_root,
};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use crate::NodeError;
use crate::mempool::{Dropped, is_creation};
use crate::store::{BlockBatch, LogView, StateView, Store, StoreError, TreeView};

/// Seconds a foreign block's time may lie ahead of this node's clock.
const AHEAD: u64 = 30;
/// Signatures in one batch: large enough that the cost of each has levelled off, small enough to share out.
pub(crate) const SIGNATURES: usize = 256;

/// Why a block is not valid. The first reason found; it names the guilty transaction by position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Another ledger's block.
    #[error("a block names the ledger it belongs to")]
    OtherLedger,
    /// Not the next one.
    #[error("the next block has height {next}, this one {got}")]
    Height {
        /// What is expected.
        next: u64,
        /// What it says.
        got: u64,
    },
    /// Does not continue the chain.
    #[error("a block names the hash of the one before it")]
    Previous,
    /// Earlier than the block before, or too far ahead.
    #[error("a block's time is not before the last one's and not over 30 s ahead of the clock")]
    Time,
    /// The header does not name the transactions.
    #[error("a header names the root of its transactions")]
    Transactions,
    /// Nobody could have signed.
    #[error(
        "transaction {position} ({id}): at the block's start its actor has no key; a key change is the last transaction of its actor in a block"
    )]
    NoKey {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
    },
    /// A signature that does not hold.
    #[error(
        "transaction {position} ({id}): the signature does not hold under the actor's key at the block's start"
    )]
    Signature {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
    },
    /// An operation that breaks a rule.
    #[error("transaction {position} ({id}): {refusal}")]
    Refused {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
        /// The rule.
        refusal: Refusal,
    },
    /// Executing it gives another state.
    #[error("executing the block gives another state root than its header's")]
    State,
    /// The certificate does not certify this block's head.
    #[error("the certificate is not one of this block: {0}")]
    Certificate(String),
    /// The next block was decided meanwhile.
    #[error("the block was made for height {0}, which is taken")]
    Overtaken(u64),
    /// The store, not the block.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The last block.
#[derive(Clone, Debug)]
pub struct Tip {
    /// Its header.
    pub header: Header,
    /// Its certified head.
    pub head: SignedHead,
    /// Its shard roots.
    pub roots: ShardRoots,
}

/// A block that executes, with everything it writes; not committed yet.
pub struct Executed {
    header: Header,
    head: Head,
    roots: ShardRoots,
    transactions: Vec<Arc<VerifiedTransaction>>,
    ids: Vec<Digest>,
    batch: BlockBatch,
    timings: Timings,
}

/// Where the time of making a block went.
#[derive(Clone, Copy, Default, Debug)]
pub struct Timings {
    /// Executing its operations.
    pub execute: Duration,
    /// Updating the state tree.
    pub tree: Duration,
    /// Gathering what is to be written.
    pub gather: Duration,
}

impl Executed {
    /// What validators certify: sign [`Head::message`].
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Its transactions, in order.
    pub fn transactions(&self) -> &[Arc<VerifiedTransaction>] {
        &self.transactions
    }

    /// Their identifiers, in order.
    pub fn ids(&self) -> &[Digest] {
        &self.ids
    }

    /// Where the time went.
    pub fn timings(&self) -> &Timings {
        &self.timings
    }
}

/// The ledger's rules over a store.
pub struct Application {
    store: Arc<Store>,
    genesis: Genesis,
    ledger: Digest,
    validators: Digest,
    tip: RwLock<Option<Arc<Tip>>>,
    /// Held while a block is written, so that readers of the tip do not wait for the disk.
    committing: Mutex<()>,
}

impl Application {
    /// The application over `store`, which holds the ledger of `genesis` or nothing.
    ///
    /// # Errors
    /// [`StoreError::OtherLedger`], [`StoreError::Damaged`], or the disk.
    pub fn open(store: Arc<Store>, genesis: Genesis) -> Result<Self, StoreError> {
        let ledger = genesis.id();
        if let Some(found) = store.genesis()?.map(|stored| stored.id())
            && found != ledger
        {
            return Err(StoreError::OtherLedger { found, expected: ledger });
        }
        let tip = store.tip()?.map(|height| load(&store, height)).transpose()?;
        let validators = genesis.validators.hash();
        Ok(Self {
            store,
            genesis,
            ledger,
            validators,
            tip: RwLock::new(tip.map(Arc::new)),
            committing: Mutex::new(()),
        })
    }

    /// The ledger's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The ledger's identifier.
    pub fn ledger(&self) -> &Digest {
        &self.ledger
    }

    /// The last block; `None` before block 0 is committed.
    pub fn tip(&self) -> Option<Arc<Tip>> {
        // A reader that panicked left the tip as it was.
        self.tip.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Block 0: what the genesis says, and no transactions.
    ///
    /// # Errors
    /// [`NodeError::Genesis`] if it breaks a rule, [`NodeError::Store`].
    pub fn found(&self) -> Result<Executed, NodeError> {
        let view = StateView::new(&self.store);
        let mut overlay = Overlay::new(&view);
        ledger_chain::genesis(&mut overlay, &self.genesis)
            .map_err(|refusal| NodeError::Genesis(refusal.to_string()))?;
        let changes = overlay.into_changes();
        view.check()?;
        let mut executed = self.finish(None, Vec::new(), &changes, self.genesis.time)?;
        executed.batch.genesis(&self.store, &self.genesis);
        Ok(executed)
    }

    /// A block of those candidates that execute, at `now` or at the last block's time if that is later.
    ///
    /// A candidate whose predecessor was refused, or whose actor is created in this very block, is neither
    /// taken nor refused: its turn comes later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn propose(
        &self,
        candidates: Vec<Arc<VerifiedTransaction>>,
        now: Timestamp,
    ) -> Result<(Executed, Vec<Dropped>), StoreError> {
        let start = Instant::now();
        let tip = self.tip().ok_or_else(no_genesis)?;
        let at = Moment { height: tip.header.height + 1, time: now.max(tip.header.time) };
        let view = StateView::new(&self.store);
        let mut overlay = Overlay::new(&view);
        let (mut taken, mut dropped) = (Vec::with_capacity(candidates.len()), Vec::new());
        let mut paused: HashSet<Did> = HashSet::new();
        for candidate in candidates {
            let transaction = &candidate.signed().transaction;
            if !paused.is_empty() && paused.contains(&transaction.actor) {
                continue;
            }
            match guarded(|| execute(&mut overlay, &candidate, at), || view.check())? {
                Ok(()) => {
                    if is_creation(&candidate) {
                        paused.insert(transaction.actor.clone());
                    }
                    taken.push(candidate);
                }
                Err(refusal) => {
                    paused.insert(transaction.actor.clone());
                    let (actor, sequence) = (transaction.actor.clone(), transaction.sequence);
                    dropped.push(Dropped { actor, sequence, id: *candidate.id(), refusal });
                }
            }
        }
        let changes = overlay.into_changes();
        view.check()?;
        let execute = start.elapsed();
        let mut executed = self.finish(Some(&tip), taken, &changes, at.time)?;
        executed.timings.execute = execute;
        Ok((executed, dropped))
    }

    /// Checks a block from outside against everything it must obey; `now` is this node's clock.
    ///
    /// # Errors
    /// The first [`BlockError`], naming the guilty transaction.
    pub fn validate(&self, block: Block, now: Timestamp) -> Result<Executed, BlockError> {
        let tip = self.tip().ok_or_else(no_genesis)?;
        self.check_header(&block, &tip, now)?;
        let at = Moment { height: block.header.height, time: block.header.time };
        let view = StateView::new(&self.store);
        let verified = self.verify_signatures(&view, block.transactions)?;
        let mut overlay = Overlay::new(&view);
        for (position, transaction) in verified.iter().enumerate() {
            let outcome = guarded(|| execute(&mut overlay, transaction, at), || view.check())?;
            let id = *transaction.id();
            outcome.map_err(|refusal| BlockError::Refused { position, id, refusal })?;
        }
        let changes = overlay.into_changes();
        view.check()?;
        let executed = self.finish(Some(&tip), verified, &changes, at.time)?;
        if executed.header != block.header { Err(BlockError::State) } else { Ok(executed) }
    }

    fn check_header(&self, block: &Block, tip: &Tip, now: Timestamp) -> Result<(), BlockError> {
        let (header, last) = (&block.header, &tip.header);
        if header.ledger != self.ledger {
            return Err(BlockError::OtherLedger);
        }
        if header.height != last.height + 1 {
            return Err(BlockError::Height { next: last.height + 1, got: header.height });
        }
        if header.previous != last.hash() {
            return Err(BlockError::Previous);
        }
        if header.time < last.time || header.time > now.plus(AHEAD).max(last.time) {
            return Err(BlockError::Time);
        }
        if header.transactions != transactions_root(block.transactions.iter().map(SignedTransaction::id)) {
            return Err(BlockError::Transactions);
        }
        Ok(())
    }

    /// Every signature, in batches on all cores, under the keys in `view`.
    fn verify_signatures(
        &self,
        view: &StateView<'_>,
        transactions: Vec<SignedTransaction>,
    ) -> Result<Vec<Arc<VerifiedTransaction>>, BlockError> {
        let mut keys: HashMap<Did, Option<PublicKey>> = HashMap::new();
        let mut signed = Vec::with_capacity(transactions.len());
        for (position, transaction) in transactions.into_iter().enumerate() {
            let actor = transaction.transaction.actor.clone();
            let known = keys.entry(actor.clone()).or_insert_with(|| control_key(view, &actor)).clone();
            let no_key = || BlockError::NoKey { position, id: transaction.id() };
            let signer = transaction.signer(|_| known.clone()).ok_or_else(no_key)?;
            signed.push((transaction, signer));
        }
        view.check()?;
        // In a batch a key is unpacked once however many signatures it made, so those of an actor go together.
        let mut signed: Vec<_> = signed.into_iter().enumerate().collect();
        signed.sort_by(|(_, (_, one)), (_, (_, other))| one.cmp(other));
        let mut chunks = Vec::new();
        while !signed.is_empty() {
            chunks.push(signed.split_off(signed.len().saturating_sub(SIGNATURES)));
        }
        let verify = |chunk: Vec<(usize, (SignedTransaction, PublicKey))>| {
            let (places, pairs): (Vec<_>, Vec<_>) = chunk.into_iter().unzip();
            let ids: Vec<Digest> = pairs.iter().map(|(signed, _)| signed.id()).collect();
            let outcomes = VerifiedTransaction::verify_all(&self.ledger, pairs, &mut StdRng::from_entropy());
            let rows = places.into_iter().zip(ids).zip(outcomes);
            rows.map(|((position, id), outcome)| (position, id, outcome)).collect::<Vec<_>>()
        };
        let mut checked: Vec<_> = chunks.into_par_iter().flat_map_iter(verify).collect();
        checked.sort_unstable_by_key(|(position, ..)| *position);
        let name = |(position, id, outcome): (usize, Digest, Result<_, _>)| {
            outcome.map(Arc::new).map_err(|_| BlockError::Signature { position, id })
        };
        checked.into_iter().map(name).collect()
    }

    /// The header, head and writes of a block whose transactions made `changes`.
    fn finish(
        &self,
        tip: Option<&Tip>,
        transactions: Vec<Arc<VerifiedTransaction>>,
        changes: &Changes,
        time: Timestamp,
    ) -> Result<Executed, StoreError> {
        let height = tip.map_or(0, |tip| tip.header.height + 1);
        let mut roots = tip.map_or(ShardRoots::EMPTY, |tip| tip.roots.clone());
        let start = Instant::now();
        let updates = self.update_tree(height, &roots, changes)?;
        let tree = start.elapsed();
        for update in &updates {
            roots.apply(update);
        }
        let ids: Vec<Digest> = transactions.iter().map(|transaction| *transaction.id()).collect();
        let header = Header {
            ledger: self.ledger,
            height,
            time,
            previous: tip.map_or(self.ledger, |tip| tip.header.hash()),
            transactions: transactions_root(ids.iter().copied()),
            state: roots.state_root(),
        };
        let block = header.hash();
        let mut batch = BlockBatch::new(height);
        batch.state(&self.store, changes, &updates, &roots);
        batch.block(&self.store, &encode_block(&header, &transactions), &ids);
        let history = LogView::new(&self.store);
        let mut added = Vec::new();
        merkle::append(&history, height, &block, |level, index, hash| added.push((level, index, hash)));
        for (level, index, hash) in &added {
            batch.log(&self.store, *level, *index, hash);
        }
        let history = history.with(added);
        let log = log_root(&history, height);
        history.check()?;
        let head = Head {
            ledger: self.ledger,
            network: self.genesis.network.clone(),
            group: self.genesis.group,
            height,
            time,
            block,
            state: header.state,
            log,
            validators: self.validators,
            next_validators: self.validators,
        };
        let timings = Timings { execute: Duration::ZERO, tree, gather: start.elapsed() - tree };
        Ok(Executed { header, head, roots, transactions, ids, batch, timings })
    }

    /// The shards that change, on all cores.
    fn update_tree<'a>(
        &self,
        height: u64,
        roots: &ShardRoots,
        changes: &'a Changes,
    ) -> Result<Vec<ShardUpdate<'a>>, StoreError> {
        let view = TreeView::new(&self.store);
        let shards = (0u8..).zip(split(changes));
        let work: Vec<_> = shards.filter(|(_, entries)| !entries.is_empty()).collect();
        let update = |(shard, entries): (u8, Vec<Entry<'a>>)| {
            update_shard(&view, shard, height, roots.get(shard), entries)
        };
        let few = changes.len() < 64; // then handing work to other threads costs more than it saves
        guarded(
            || {
                if few {
                    work.into_iter().map(update).collect()
                } else {
                    work.into_par_iter().with_max_len(1).map(update).collect()
                }
            },
            || view.check(),
        )
    }

    /// Makes a block the tip: on disk when this returns.
    ///
    /// # Errors
    /// [`BlockError::Certificate`] unless `head` certifies exactly this block, [`BlockError::Overtaken`] if
    /// another one was committed meanwhile, [`BlockError::Store`] if the disk fails: then this process must
    /// not certify another block, because the disk may hold this one.
    pub fn commit(
        &self,
        executed: Executed,
        head: SignedHead,
    ) -> Result<Vec<Arc<VerifiedTransaction>>, BlockError> {
        if head.head != executed.head {
            return Err(BlockError::Certificate("it certifies another head".to_owned()));
        }
        verify_certificate(&head, &self.genesis.validators)
            .map_err(|error| BlockError::Certificate(error.to_string()))?;
        let _one_at_a_time = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.tip().map_or(0, |tip| tip.header.height + 1);
        if executed.header.height != next {
            return Err(BlockError::Overtaken(executed.header.height));
        }
        let Executed { header, roots, transactions, mut batch, .. } = executed;
        batch.head(&self.store, &head);
        self.store.commit(batch)?;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(Tip { header, head, roots }));
        Ok(transactions)
    }
}

/// Runs what panics if the database is corrupt, and gives the store's own error for that.
fn guarded<T>(
    work: impl FnOnce() -> T,
    check: impl FnOnce() -> Result<(), StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let unread = check().err();
        unread.unwrap_or_else(|| StoreError::Damaged("the state does not read as it was written".to_owned()))
    })
}

fn control_key(view: &StateView<'_>, actor: &Did) -> Option<PublicKey> {
    let key = StateKey::Did(actor.clone());
    match Record::read(&key, &view.record(&key)?) {
        Ok(Record::Did(record)) => Some(record.control),
        _ => None,
    }
}

/// The canonical bytes of a [`Block`], without copying its transactions into one.
fn encode_block(header: &Header, transactions: &[Arc<VerifiedTransaction>]) -> Vec<u8> {
    let mut bytes = encode(header);
    let count = u32::try_from(transactions.len()).expect("fits because a block has at most 64 MiB");
    bytes.extend_from_slice(&count.to_le_bytes());
    for transaction in transactions {
        bytes.extend_from_slice(&transaction.signed().to_bytes());
    }
    bytes
}

fn load(store: &Store, height: u64) -> Result<Tip, StoreError> {
    let missing = |what: &str| StoreError::Damaged(format!("the tip, height {height}, has no {what}"));
    let block = store.block(height)?.ok_or_else(|| missing("block"))?;
    let header = Block::from_bytes(&block).map_err(|error| StoreError::Damaged(error.to_string()))?.header;
    let head = store.head(height)?.ok_or_else(|| missing("head"))?;
    let roots = store.roots(height)?.ok_or_else(|| missing("shard roots"))?;
    if head.head.block != header.hash() || header.state != roots.state_root() {
        return Err(missing("head that fits"));
    }
    Ok(Tip { header, head, roots })
}

fn no_genesis() -> StoreError {
    StoreError::Damaged("block 0 comes before any other".to_owned())
}

#[cfg(test)]
mod tests;
