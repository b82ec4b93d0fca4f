//! The solo engine: one validator, one process, no network.
//!
//! It makes a block as soon as something is ready, of everything that is ready by then. So a block is small
//! when little happens, and large when transactions arrive while the last one is written: the fsync is shared
//! by as many as there are, and nobody waits for a timer. Without traffic an empty block every heartbeat
//! shows verifiers that the head is current.
//!
//! Under load the next block is made while the last one is written, on what that one leaves in memory:
//!
//! ```text
//! engine   make 7 │ make 8 ───────│ make 9 ───────│
//! writer          │ write 7 ──│   │ write 8 ──│   │ …
//! ```
//! Blocks are written one after the other, and only a written block is told of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use did_registry::{SigningKey, Timestamp};
use ledger_chain::{Genesis, SignedHead};

use crate::NodeError;
use crate::application::{Executed, Ground};
use crate::ledger::Ledger;
use crate::mempool::Wake;
use crate::ordering::Ordering;

/// Transactions from which on making a block beside the writing of another pays: fewer are better off sharing the
/// next write with those that arrive meanwhile.
const LARGE: usize = 1_000;

/// Reads a clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock, in UTC.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since.as_secs())
    })
}

/// The only validator of its ledger.
pub struct Solo {
    key: SigningKey,
    heartbeat: Duration,
    clock: Clock,
}

impl Solo {
    /// An engine that certifies with `key`, and makes an empty block `heartbeat` after the last one.
    pub fn new(key: SigningKey, heartbeat: Duration, clock: Clock) -> Self {
        Self { key, heartbeat, clock }
    }

    /// A solo ledger has one validator: this one.
    pub(crate) fn check(&self, genesis: &Genesis) -> Result<(), NodeError> {
        let alone = genesis.validators.power(&self.key.public_key()) == genesis.validators.total();
        if alone { Ok(()) } else { Err(NodeError::NotValidator) }
    }

    fn certify(&self, executed: &Executed) -> SignedHead {
        let head = executed.head().clone();
        let signature = self.key.sign(&head.message());
        SignedHead { head, certificate: BTreeMap::from([(self.key.public_key(), signature)]) }
    }

    fn commit(&self, ledger: &Ledger, executed: Executed) -> Result<(), NodeError> {
        let head = self.certify(&executed);
        ledger.commit(executed, head)
    }
}

impl Ordering for Solo {
    fn run(self: Box<Self>, ledger: Arc<Ledger>) -> Result<(), NodeError> {
        self.check(ledger.application().genesis())?;
        let age = match ledger.tip() {
            None => {
                let block = ledger.application().found()?;
                self.commit(&ledger, block)?;
                Duration::ZERO
            }
            Some(tip) => Duration::from_secs((self.clock)().since(tip.header.time)),
        };
        // From here on the age of the last block is measured by a clock that nobody sets.
        let mut due = Instant::now() + self.heartbeat.saturating_sub(age);
        std::thread::scope(|scope| {
            let mut writing: Option<Writing<'_>> = None;
            loop {
                let beat = match ledger.wait(due) {
                    Wake::Stop => return finish(writing.take()),
                    Wake::Ready => Instant::now() >= due,
                    Wake::Deadline => true,
                };
                if ledger.waiting() < LARGE {
                    finish(writing.take())?;
                }
                let ground = writing.as_ref().map(|writing| &*writing.ground);
                let Some(block) = ledger.propose((self.clock)(), beat, ground)? else { continue };
                finish(writing.take())?;
                if block.ids().len() < LARGE {
                    self.commit(&ledger, block)?;
                } else {
                    ledger.place(&block);
                    let (ground, head, ledger) = (block.ground(), self.certify(&block), &*ledger);
                    let thread = scope.spawn(move || ledger.commit(block, head));
                    writing = Some(Writing { ground, thread });
                }
                due = Instant::now() + self.heartbeat;
            }
        })
    }
}

/// A block on its way to the disk.
struct Writing<'scope> {
    ground: Arc<Ground>,
    thread: ScopedJoinHandle<'scope, Result<(), NodeError>>,
}

/// Waits until a block is on disk.
fn finish(writing: Option<Writing<'_>>) -> Result<(), NodeError> {
    let Some(writing) = writing else { return Ok(()) };
    writing.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests;
