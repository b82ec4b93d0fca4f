//! Transactions that wait for a block: verified, in order by actor, bounded.
//!
//! An actor's transactions are executed by sequence number, whatever order they arrive in: one that arrives
//! early waits for those before it, for a while and within bounds. Actors take turns, so that a busy one does
//! not keep others out of a block. What is handed to a block stays here until the block is settled, so that
//! resending it meanwhile is answered with "pending" and not taken in twice. While such a block is on its way to
//! the disk its transactions are placed: the next block takes those after them.
//!
//! The mempool also remembers the control key and next number of the actors seen lately: checking a
//! signature then costs no read of the store. A block that changes an identifier makes it forget that one.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use did_registry::{Did, DidOperation, Digest, PublicKey};
use ledger_chain::{Operation, Refusal, VerifiedTransaction};

use crate::config::{BlockLimits, MempoolLimits};
use crate::outcome::Rejection;
use crate::store::StoreError;

mod queue;

use queue::{Inner, Waiting};

/// Transactions an actor hands in before the next one's turn.
const TURN: usize = 64;

/// What checking a signature and placing a transaction needs to know of its actor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    /// The control key; for an identifier whose creation waits here, the one it will have.
    pub(crate) control: PublicKey,
    /// The next sequence number.
    pub(crate) next: u64,
}

/// A transaction to take in.
pub(crate) struct Admission {
    pub(crate) verified: VerifiedTransaction,
    /// Bytes of its canonical form.
    pub(crate) bytes: usize,
    /// Its actor's next number when the signature was checked.
    pub(crate) next: u64,
}

/// A transaction that left the mempool without a block.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    pub(crate) actor: Did,
    pub(crate) sequence: u64,
    pub(crate) id: Digest,
    pub(crate) refusal: Refusal,
}

/// What woke the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// Transactions are ready.
    Ready,
    /// The deadline passed.
    Deadline,
    /// The node stops.
    Stop,
}

/// See the module.
pub(crate) struct Mempool {
    limits: MempoolLimits,
    inner: Mutex<Inner>,
    ready: Condvar,
}

impl Mempool {
    pub(crate) fn new(limits: MempoolLimits) -> Self {
        Self { limits, inner: Mutex::new(Inner::new()), ready: Condvar::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned because nothing panics under it")
    }

    /// What is known of each actor, and the number of blocks settled so far, for [`Mempool::learn`].
    pub(crate) fn accounts<'a>(&self, actors: impl Iterator<Item = &'a Did>) -> (u64, Vec<Option<Account>>) {
        let mut inner = self.inner();
        let known = actors.map(|actor| inner.account(actor)).collect();
        (inner.settled, known)
    }

    /// Remembers what was read from the store, unless a block was settled since `settled`.
    pub(crate) fn learn(&self, settled: u64, accounts: impl Iterator<Item = (Did, Account)>) {
        let mut inner = self.inner();
        if inner.settled == settled {
            for (actor, account) in accounts {
                inner.accounts.insert(actor, account);
            }
        }
    }

    /// Whether a transaction waits here.
    pub(crate) fn contains(&self, id: &Digest) -> bool {
        self.inner().ids.contains(id)
    }

    /// Transactions and bytes that wait.
    pub(crate) fn size(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.ids.len(), inner.bytes)
    }

    /// Transactions that wait and are in no block yet.
    pub(crate) fn unplaced(&self) -> usize {
        let inner = self.inner();
        inner.ids.len() - inner.placed
    }

    /// A block with these is on its way to the disk, and the next one may be made.
    pub(crate) fn place(&self, block: &[Arc<VerifiedTransaction>]) {
        let mut inner = self.inner();
        for transaction in block.iter().map(|entry| &entry.signed().transaction) {
            if let Some(queue) = inner.queues.get_mut(&transaction.actor) {
                queue.unplaced = transaction.sequence + 1;
                inner.placed += 1;
            }
        }
    }

    /// Takes transactions in; one answer each. One that waits here already is taken in silently.
    ///
    /// `reread` gives an actor's next number from the store, for when a block was settled since `settled`.
    pub(crate) fn admit(
        &self,
        settled: u64,
        admissions: Vec<Admission>,
        mut reread: impl FnMut(&Did) -> Result<u64, StoreError>,
    ) -> Vec<Result<(), Rejection>> {
        let mut inner = self.inner();
        let outdated = inner.settled != settled;
        let now = Instant::now();
        let mut answers = Vec::with_capacity(admissions.len());
        for mut admission in admissions {
            let actor = &admission.verified.signed().transaction.actor;
            if outdated {
                let known = inner.accounts.get(actor).map(|account| account.next);
                match known.map_or_else(|| reread(actor), Ok) {
                    Ok(next) => admission.next = next,
                    Err(error) => {
                        answers.push(Err(Rejection::Halted(error.to_string())));
                        continue;
                    }
                }
            }
            answers.push(inner.admit(&self.limits, admission, now));
        }
        if !inner.turns.is_empty() {
            self.ready.notify_all();
        }
        answers
    }

    /// Waits until a transaction is ready, or until `deadline`, or until the node stops.
    pub(crate) fn wait(&self, deadline: Instant) -> Wake {
        let mut inner = self.inner();
        loop {
            if inner.stopped.is_some() {
                return Wake::Stop;
            }
            if !inner.turns.is_empty() {
                return Wake::Ready;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Deadline;
            }
            let woken = self.ready.wait_timeout(inner, left);
            inner = woken.expect("not poisoned because nothing panics under it").0;
        }
    }

    /// Transactions for a block, in order; they stay here until [`Mempool::settle`].
    ///
    /// A creation ends its actor's run: the next block's validators know its key, this one's do not.
    pub(crate) fn take(&self, limits: &BlockLimits) -> Vec<Arc<VerifiedTransaction>> {
        let mut inner = self.inner();
        let inner = &mut *inner;
        let (mut taken, mut bytes) = (Vec::new(), 0usize);
        let mut turns: VecDeque<(Did, u64)> = VecDeque::new();
        for actor in std::mem::take(&mut inner.turns) {
            match inner.queues.get_mut(&actor) {
                Some(queue) if queue.is_ready() => turns.push_back((actor, queue.first())),
                Some(queue) if queue.waiting.is_empty() => {
                    inner.queues.remove(&actor);
                }
                Some(queue) => queue.listed = false,
                None => {}
            }
        }
        let mut served = VecDeque::new();
        'block: while let Some((actor, from)) = turns.pop_front() {
            let waiting = inner.queues.get(&actor).into_iter().flat_map(|queue| queue.waiting.range(from..));
            let mut next = from;
            let mut over = true;
            for (sequence, entry) in waiting.take(TURN) {
                if *sequence != next {
                    over = true;
                    break;
                }
                let full = taken.len() >= limits.transactions || bytes + entry.bytes > limits.bytes;
                if full && !taken.is_empty() {
                    turns.push_front((actor, next));
                    break 'block;
                }
                taken.push(entry.verified.clone());
                bytes += entry.bytes;
                next += 1;
                over = is_creation(&entry.verified);
                if over {
                    break;
                }
            }
            if over {
                served.push_back(actor);
            } else {
                turns.push_back((actor, next));
            }
        }
        // Those who were not heard come first next time.
        inner.turns = turns.into_iter().map(|(actor, _)| actor).chain(served).collect();
        taken
    }

    /// Forgets transactions that were refused.
    pub(crate) fn discard(&self, dropped: &[Dropped]) {
        let mut inner = self.inner();
        for entry in dropped {
            inner.remove(&entry.actor, entry.sequence);
            inner.relist(&entry.actor);
        }
    }

    /// A block is committed: forgets its transactions, and what they changed.
    pub(crate) fn settle(&self, block: &[Arc<VerifiedTransaction>]) {
        let mut inner = self.inner();
        inner.settled += 1;
        for entry in block {
            let transaction = &entry.signed().transaction;
            inner.passed(&transaction.actor, transaction.sequence);
            if let Operation::Did(operation) = &transaction.operation {
                inner.accounts.remove(operation.subject(&transaction.actor));
            }
        }
        for actor in block.iter().map(|entry| &entry.signed().transaction.actor) {
            inner.relist(actor);
        }
        if !inner.turns.is_empty() {
            self.ready.notify_all();
        }
    }

    /// What has waited too long for a transaction before it. Looks at most once a second.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<Dropped> {
        let patience = Duration::from_secs(self.limits.gap_seconds);
        let mut inner = self.inner();
        if now.saturating_duration_since(inner.swept) < Duration::from_secs(1) {
            return Vec::new();
        }
        inner.swept = now;
        let mut overdue = Vec::new();
        for (actor, queue) in inner.queues.iter().filter(|(_, queue)| !queue.is_ready()) {
            let late = |entry: &&Waiting| now.saturating_duration_since(entry.since) >= patience;
            let unplaced = queue.waiting.range(queue.first()..);
            for (sequence, entry) in unplaced.filter(|(_, entry)| late(entry)) {
                let refusal =
                    Refusal::SequenceAhead { actor: actor.clone(), got: *sequence, next: queue.next };
                let id = *entry.verified.id();
                overdue.push(Dropped { actor: actor.clone(), sequence: *sequence, id, refusal });
            }
        }
        overdue
    }

    /// Takes nothing in from now on, and wakes the engine.
    pub(crate) fn stop(&self, reason: &str) {
        self.inner().stopped.get_or_insert_with(|| Rejection::Halted(reason.to_owned()));
        self.ready.notify_all();
    }
}

/// Whether it registers its actor, whose key nobody knows before.
pub(crate) fn is_creation(verified: &VerifiedTransaction) -> bool {
    matches!(verified.signed().transaction.operation, Operation::Did(DidOperation::Create(_)))
}

#[cfg(test)]
mod tests;
