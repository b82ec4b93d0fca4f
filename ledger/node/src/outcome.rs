//! What became of a transaction, for those who ask and those who wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use did_registry::{Did, Digest};
use ledger_chain::Refusal;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::store::Position;

/// Refusals remembered; the oldest are forgotten.
const REMEMBERED: usize = 65_536;

/// Where a transaction stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    /// Never seen, or refused so long ago that it is forgotten.
    Unknown,
    /// Signed correctly and waiting for its block.
    Pending,
    /// On the ledger.
    Committed {
        /// Its block.
        height: u64,
        /// Transactions before it in that block.
        position: u32,
    },
    /// Refused when its turn came. It may be sent again, and is judged anew.
    Refused {
        /// Names the rule.
        code: String,
        /// States the rule.
        rule: String,
    },
}

impl From<Position> for Status {
    fn from(place: Position) -> Self {
        Self::Committed { height: place.height, position: place.position }
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused { code: refusal.code().to_owned(), rule: refusal.to_string() }
    }
}

/// Why a transaction was not taken in. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A rule of the ledger.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another transaction with this number waits already.
    #[error("sequence {sequence} of {actor} is taken by another transaction that waits for its block")]
    SequenceTaken {
        /// Who.
        actor: Did,
        /// Which number.
        sequence: u64,
    },
    /// The node's bound.
    #[error("the mempool is full; send it again later")]
    Full,
    /// More arrives than can be checked.
    #[error("more arrives than this node can check; send it again later")]
    Busy,
    /// The node does not commit any more.
    #[error("the node has stopped committing: {0}")]
    Halted(String),
}

impl Rejection {
    /// A stable code that names the rule; part of the public interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::SequenceTaken { .. } => "SEQUENCE_TAKEN",
            Self::Full => "MEMPOOL_FULL",
            Self::Busy => "BUSY",
            Self::Halted(_) => "HALTED",
        }
    }
}

/// Refusals of the recent past, and those who wait for a block.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    refused: HashMap<Digest, Status>,
    order: VecDeque<Digest>,
    waiting: HashMap<Digest, Vec<oneshot::Sender<Status>>>,
    closed: bool,
}

impl Outcomes {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("not poisoned because nothing panics under it")
    }

    /// Hears what becomes of `id`; an error of the receiver means that the node stopped.
    pub(crate) fn wait(&self, id: Digest) -> oneshot::Receiver<Status> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.inner();
        if !inner.closed {
            inner.waiting.entry(id).or_default().push(sender);
        }
        receiver
    }

    /// Forgets those who gave up waiting for `id`.
    pub(crate) fn give_up(&self, id: &Digest) {
        let mut inner = self.inner();
        if let Some(waiting) = inner.waiting.get_mut(id) {
            waiting.retain(|sender| !sender.is_closed());
            if waiting.is_empty() {
                inner.waiting.remove(id);
            }
        }
    }

    /// The ids of a block's transactions, in order, are committed.
    pub(crate) fn committed(&self, height: u64, ids: &[Digest]) {
        let mut inner = self.inner();
        for (position, id) in (0u32..).zip(ids) {
            if inner.waiting.is_empty() && inner.refused.is_empty() {
                break;
            }
            inner.refused.remove(id);
            for sender in inner.waiting.remove(id).into_iter().flatten() {
                // Nobody listens any more: that is their choice.
                let _gone = sender.send(Status::Committed { height, position });
            }
        }
    }

    /// A transaction was refused.
    pub(crate) fn refused(&self, id: Digest, refusal: &Refusal) {
        let status = Status::from(refusal);
        let mut inner = self.inner();
        for sender in inner.waiting.remove(&id).into_iter().flatten() {
            let _gone = sender.send(status.clone());
        }
        if inner.refused.insert(id, status).is_none() {
            inner.order.push_back(id);
        }
        while inner.order.len() > REMEMBERED {
            if let Some(oldest) = inner.order.pop_front() {
                inner.refused.remove(&oldest);
            }
        }
    }

    /// Transactions are judged anew: what was remembered of them no longer counts.
    pub(crate) fn forget<'a>(&self, ids: impl Iterator<Item = &'a Digest>) {
        let mut inner = self.inner();
        if !inner.refused.is_empty() {
            for id in ids {
                inner.refused.remove(id);
            }
        }
    }

    /// What is remembered of a refusal.
    pub(crate) fn recall(&self, id: &Digest) -> Option<Status> {
        self.inner().refused.get(id).cloned()
    }

    /// The node stops: everybody who waits hears that.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> Digest {
        Digest::sha256(&number.to_be_bytes())
    }

    #[tokio::test]
    async fn waiting_ends_with_the_outcome_or_with_the_node() {
        let outcomes = Outcomes::default();
        let (first, second, third) = (outcomes.wait(id(1)), outcomes.wait(id(1)), outcomes.wait(id(2)));
        outcomes.committed(7, &[id(0), id(1)]);
        assert_eq!(first.await, Ok(Status::Committed { height: 7, position: 1 }));
        assert_eq!(second.await, Ok(Status::Committed { height: 7, position: 1 }));
        outcomes.close();
        assert!(third.await.is_err());
        assert!(outcomes.wait(id(3)).await.is_err(), "nor does anybody start to wait");
    }

    #[test]
    fn refusals_are_bounded_and_end_with_a_commit() {
        let outcomes = Outcomes::default();
        for number in 0..70_000 {
            outcomes.refused(id(number), &Refusal::Withdrawn);
        }
        assert_eq!(outcomes.recall(&id(0)), None, "the oldest are forgotten");
        assert!(
            matches!(outcomes.recall(&id(69_999)), Some(Status::Refused { code, .. }) if code == "WITHDRAWN")
        );
        assert!(outcomes.inner().refused.len() <= REMEMBERED);
        outcomes.committed(1, &[id(69_999)]);
        assert_eq!(outcomes.recall(&id(69_999)), None);
    }

    #[test]
    fn who_gives_up_is_forgotten() {
        let outcomes = Outcomes::default();
        drop(outcomes.wait(id(1)));
        let stays = outcomes.wait(id(1));
        outcomes.give_up(&id(1));
        assert_eq!(outcomes.inner().waiting.get(&id(1)).map(Vec::len), Some(1));
        drop(stays);
        outcomes.give_up(&id(1));
        assert!(outcomes.inner().waiting.is_empty());
    }
}
