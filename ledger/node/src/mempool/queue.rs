//! What waits of each actor, and whose turn it is.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use did_registry::{Did, Digest};
use ledger_chain::{Refusal, VerifiedTransaction};

use super::{Account, Admission, is_creation};
use crate::cache::Generations;
use crate::config::MempoolLimits;
use crate::outcome::Rejection;

/// Actors whose keys are kept in memory, at the least.
const ACCOUNTS: usize = 100_000;

pub(super) struct Inner {
    pub(super) queues: HashMap<Did, Queue>,
    /// Actors whose next transaction is here, in the order of their turns; may hold some that no longer are.
    pub(super) turns: VecDeque<Did>,
    pub(super) ids: HashSet<Digest>,
    pub(super) bytes: usize,
    /// How many of those that wait are in a block on its way to the disk.
    pub(super) placed: usize,
    pub(super) accounts: Generations<Did, Account>,
    /// Blocks settled; what was read from the store before the last one may be out of date.
    pub(super) settled: u64,
    pub(super) swept: Instant,
    pub(super) stopped: Option<Rejection>,
}

pub(super) struct Queue {
    /// The next number on the ledger.
    pub(super) next: u64,
    /// The first number that is in no block on its way to the disk, if there is such a block.
    pub(super) unplaced: u64,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    pub(super) listed: bool,
}

pub(super) struct Waiting {
    pub(super) verified: Arc<VerifiedTransaction>,
    pub(super) bytes: usize,
    pub(super) since: Instant,
}

impl Queue {
    /// The number of the next transaction for a block.
    pub(super) fn first(&self) -> u64 {
        self.next.max(self.unplaced)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting.contains_key(&self.first())
    }
}

impl Inner {
    pub(super) fn new() -> Self {
        Self {
            queues: HashMap::new(),
            turns: VecDeque::new(),
            ids: HashSet::new(),
            bytes: 0,
            placed: 0,
            accounts: Generations::new(ACCOUNTS),
            settled: 0,
            swept: Instant::now(),
            stopped: None,
        }
    }

    pub(super) fn account(&mut self, actor: &Did) -> Option<Account> {
        if let Some(account) = self.accounts.get(actor) {
            return Some(account.clone());
        }
        // A creation that waits here says which key the actor will have.
        let first = self.queues.get(actor)?.waiting.get(&0)?;
        is_creation(&first.verified).then(|| Account { control: first.verified.signer().clone(), next: 0 })
    }

    pub(super) fn admit(
        &mut self,
        limits: &MempoolLimits,
        admission: Admission,
        now: Instant,
    ) -> Result<(), Rejection> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        let id = *admission.verified.id();
        if self.ids.contains(&id) {
            return Ok(());
        }
        let transaction = &admission.verified.signed().transaction;
        let (actor, sequence) = (transaction.actor.clone(), transaction.sequence);
        let next = self.queues.get(&actor).map_or(0, |queue| queue.next).max(admission.next);
        if sequence < next {
            return Err(Refusal::SequenceUsed { actor, got: sequence, next }.into());
        }
        if sequence - next >= limits.per_actor as u64 {
            return Err(Refusal::SequenceAhead { actor, got: sequence, next }.into());
        }
        if self.ids.len() >= limits.transactions || self.bytes + admission.bytes > limits.bytes {
            return Err(Rejection::Full);
        }
        let queue = self.queues.entry(actor.clone()).or_insert_with(|| Queue {
            next,
            unplaced: 0,
            waiting: BTreeMap::new(),
            listed: false,
        });
        queue.next = next;
        if queue.waiting.contains_key(&sequence) {
            return Err(Rejection::SequenceTaken { actor, sequence });
        }
        let verified = Arc::new(admission.verified);
        queue.waiting.insert(sequence, Waiting { verified, bytes: admission.bytes, since: now });
        self.ids.insert(id);
        self.bytes += admission.bytes;
        self.relist(&actor);
        Ok(())
    }

    pub(super) fn remove(&mut self, actor: &Did, sequence: u64) {
        let Some(queue) = self.queues.get_mut(actor) else { return };
        if let Some(entry) = queue.waiting.remove(&sequence) {
            self.placed -= usize::from(sequence < queue.unplaced);
            self.ids.remove(entry.verified.id());
            self.bytes -= entry.bytes;
        }
    }

    /// `sequence` of `actor` is on the ledger.
    pub(super) fn passed(&mut self, actor: &Did, sequence: u64) {
        self.remove(actor, sequence);
        if let Some(queue) = self.queues.get_mut(actor) {
            queue.next = sequence + 1;
        }
        if let Some(account) = self.accounts.get(actor) {
            account.next = sequence + 1;
        }
    }

    /// Gives an actor its turn, or forgets it when nothing of it waits.
    pub(super) fn relist(&mut self, actor: &Did) {
        let Some(queue) = self.queues.get_mut(actor) else { return };
        if queue.waiting.is_empty() && !queue.listed {
            self.queues.remove(actor); // a listed one goes when its turn comes, so that none is listed twice
        } else if queue.is_ready() && !queue.listed {
            queue.listed = true;
            self.turns.push_back(actor.clone());
        }
    }
}
