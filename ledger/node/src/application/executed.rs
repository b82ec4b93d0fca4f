//! A block that executes, and what the next one stands on.

use std::sync::Arc;
use std::time::Duration;

use did_registry::Digest;
use ledger_chain::tree::ShardRoots;
use ledger_chain::{Head, Header, VerifiedTransaction};

use super::Tip;
use crate::store::{BlockBatch, Layer};

/// A block that executes, with everything it writes; not committed yet.
pub struct Executed {
    pub(super) ground: Arc<Ground>,
    pub(super) head: Head,
    pub(super) transactions: Vec<Arc<VerifiedTransaction>>,
    pub(super) ids: Vec<Digest>,
    pub(super) batch: BlockBatch,
    pub(super) timings: Timings,
}

/// A block as the next one needs it. Until it is on disk, what it writes is here.
pub struct Ground {
    pub(super) header: Header,
    pub(super) roots: ShardRoots,
    pub(super) layer: Layer,
}

/// What a block is made on: the tip, or a block on its way to the disk.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) header: &'a Header,
    pub(super) roots: &'a ShardRoots,
    pub(super) layer: Option<&'a Layer>,
}

impl<'a> Base<'a> {
    /// `ground` while it is ahead of the tip, else the tip.
    pub(super) fn of(tip: &'a Tip, ground: Option<&'a Ground>) -> Self {
        match ground.filter(|ground| ground.header.height > tip.header.height) {
            Some(Ground { header, roots, layer }) => Self { header, roots, layer: Some(layer) },
            None => Self { header: &tip.header, roots: &tip.roots, layer: None },
        }
    }
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

    /// What the next block can be made on before this one is on disk.
    pub fn ground(&self) -> Arc<Ground> {
        self.ground.clone()
    }

    /// Where the time went.
    pub fn timings(&self) -> &Timings {
        &self.timings
    }
}
