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
//! A block can be made on the one before while that is still on its way to the disk ([`Ground`]): what the store
//! does not hold yet is read from memory. Nothing of it is told to anybody before it is committed.
//!
//! Trust is in the types: only [`Application::propose`] and [`Application::validate`] make an [`Executed`],
//! and only an [`Executed`] can be committed.

mod error;
mod executed;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use did_registry::canonical::encode;
use did_registry::{Did, Digest, Moment, PublicKey, Timestamp, merkle};
use ledger_chain::history::log_root;
use ledger_chain::light::verify_certificate;
use ledger_chain::tree::{Entry, ShardRoots, ShardUpdate, split, update_shard};
use ledger_chain::{
    Block, Changes, Committed, Genesis, Head, Header, Operation, Overlay, Record, SignedHead,
    SignedTransaction, StateKey, VerifiedTransaction, execute, transactions_root,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use crate::NodeError;
use crate::mempool::{Dropped, is_creation};
use crate::store::{BlockBatch, Layer, LogView, StateView, Store, StoreError, TreeView};
use executed::Base;

pub use error::BlockError;
pub use executed::{Executed, Ground, Timings};

/// Seconds a foreign block's time may lie ahead of this node's clock.
const AHEAD: u64 = 30;
/// Signatures in one batch: large enough that the cost of each has levelled off, small enough to share out.
pub(crate) const SIGNATURES: usize = 256;

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
        let view = StateView::new(&self.store, None);
        let mut overlay = Overlay::new(&view);
        ledger_chain::genesis(&mut overlay, &self.genesis)
            .map_err(|refusal| NodeError::Genesis(refusal.to_string()))?;
        let changes = overlay.into_changes(Moment { height: 0, time: self.genesis.time });
        view.check()?;
        let mut executed = self.finish(None, Vec::new(), changes, self.genesis.time)?;
        executed.batch.genesis(&self.store, &self.genesis);
        Ok(executed)
    }

    /// A block of those candidates that execute, on top of `ground` or of the tip, at `now` or at the last block's
    /// time if that is later.
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
        ground: Option<&Ground>,
    ) -> Result<(Executed, Vec<Dropped>), StoreError> {
        let start = Instant::now();
        let tip = self.tip().ok_or_else(no_genesis)?;
        let base = Base::of(&tip, ground);
        let at = Moment { height: base.header.height + 1, time: now.max(base.header.time) };
        let view = StateView::new(&self.store, base.layer);
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
        let changes = overlay.into_changes(at);
        view.check()?;
        let execute = start.elapsed();
        let mut executed = self.finish(Some(base), taken, changes, at.time)?;
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
        let view = StateView::new(&self.store, None);
        let verified = self.verify_signatures(&view, block.transactions)?;
        let mut overlay = Overlay::new(&view);
        for (position, transaction) in verified.iter().enumerate() {
            let outcome = guarded(|| execute(&mut overlay, transaction, at), || view.check())?;
            let id = *transaction.id();
            outcome.map_err(|refusal| BlockError::Refused { position, id, refusal })?;
        }
        let changes = overlay.into_changes(at);
        view.check()?;
        let executed = self.finish(Some(Base::of(&tip, None)), verified, changes, at.time)?;
        if executed.ground.header != block.header { Err(BlockError::State) } else { Ok(executed) }
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
        base: Option<Base<'_>>,
        transactions: Vec<Arc<VerifiedTransaction>>,
        changes: Changes,
        time: Timestamp,
    ) -> Result<Executed, StoreError> {
        let height = base.map_or(0, |base| base.header.height + 1);
        let mut roots = base.map_or(ShardRoots::EMPTY, |base| base.roots.clone());
        let below = base.and_then(|base| base.layer);
        let start = Instant::now();
        let updates = self.update_tree(height, &roots, &changes, below)?;
        let tree = start.elapsed();
        for update in &updates {
            roots.apply(update);
        }
        let ids: Vec<Digest> = transactions.iter().map(|transaction| *transaction.id()).collect();
        let header = Header {
            ledger: self.ledger,
            height,
            time,
            previous: base.map_or(self.ledger, |base| base.header.hash()),
            transactions: transactions_root(ids.iter().copied()),
            state: roots.state_root(),
        };
        let block = header.hash();
        let bytes = encode_block(&header, &transactions);
        let mut batch = BlockBatch::new(height, written(&updates, &ids) + bytes.len());
        batch.state(&self.store, &changes, &updates, &roots);
        batch.block(&self.store, &bytes, &ids);
        for transaction in transactions.iter().map(|verified| &verified.signed().transaction) {
            if let Operation::Revocation(delta) = &transaction.operation {
                batch.delta(&self.store, &transaction.actor, delta);
            }
        }
        let history = LogView::new(&self.store, below);
        let mut added = BTreeMap::new();
        merkle::append(&history, height, &block, |level, index, hash| {
            added.insert((level, index), hash);
        });
        for ((level, index), hash) in &added {
            batch.log(&self.store, *level, *index, hash);
        }
        let history = history.with(&added);
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
        let nodes = updates.into_iter().flat_map(|update| update.nodes).collect();
        let ground = Arc::new(Ground { header, roots, layer: Layer { records: changes, nodes, log: added } });
        let timings = Timings { execute: Duration::ZERO, tree, gather: start.elapsed() - tree };
        Ok(Executed { ground, head, transactions, ids, batch, timings })
    }

    /// The shards that change, on all cores.
    fn update_tree<'a>(
        &self,
        height: u64,
        roots: &ShardRoots,
        changes: &'a Changes,
        below: Option<&Layer>,
    ) -> Result<Vec<ShardUpdate<'a>>, StoreError> {
        let view = TreeView::new(&self.store, below);
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
        let Executed { ground, transactions, mut batch, .. } = executed;
        let tip = self.tip().map(|tip| (tip.header.height + 1, tip.header.hash()));
        if (ground.header.height, ground.header.previous) != tip.unwrap_or((0, self.ledger)) {
            return Err(BlockError::Overtaken(ground.header.height));
        }
        batch.head(&self.store, &head);
        self.store.commit(batch)?;
        let (header, roots) = (ground.header.clone(), ground.roots.clone());
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

/// About how many bytes `updates` and the places of `ids` take in a batch, with their keys and lengths.
fn written(updates: &[ShardUpdate<'_>], ids: &[Digest]) -> usize {
    let rows = |update: &ShardUpdate<'_>| {
        let nodes: usize = update.nodes.iter().map(|(key, node)| key.len() + node.len() + 8).sum();
        nodes + update.values.iter().map(|(_, record)| record.len() + 48).sum::<usize>()
    };
    updates.iter().map(rows).sum::<usize>() + 56 * ids.len() + 4096
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
