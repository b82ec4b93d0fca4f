//! Time that stands still until somebody moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use did_registry::Timestamp;
use gateway::clock::Clock;

/// The town's clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct TownClock(Arc<AtomicU64>);

impl TownClock {
    /// A clock that shows `now`.
    pub fn starting(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.seconds())))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::default().plus(self.0.load(Ordering::SeqCst))
    }

    /// Moves on.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The clock, for a gateway.
    pub fn gateway(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }

    /// The clock, for a ledger's node.
    pub fn ledger(&self) -> ledger_node::Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}
