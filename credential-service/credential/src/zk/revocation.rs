//! Revocation by deltas: what an issuer changes in its status tree is public, and so is the root that follows.
//!
//! The ledger takes a delta as its issuer signs it and does not hash the tree: whoever holds the deltas does. So an issuer
//! that states another root than follows is found by the first who looks, with its signature on both; and a bit cannot fall
//! again unless a delta says so, with the digest of the cause that the issuer signed.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::{Digest, Moment};
use serde::Serialize;
use zk_policy::{Element, HANDLES, Handle, StatusTree};

use super::RootBytes;

/// Credentials that one delta changes at the most.
pub const DELTA: usize = 10_000;

/// What changes in an issuer's status tree, and the root that follows.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct RevocationDelta {
    /// One more than the delta before; the first is 1.
    pub epoch: u64,
    /// The root afterwards.
    pub root: RootBytes,
    /// Handles that are revoked.
    pub revoked: BTreeSet<u32>,
    /// Handles that are no longer revoked, each with the digest of its signed cause.
    pub reinstated: BTreeMap<u32, Digest>,
}

/// How far an issuer's deltas have come: a record of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct RevocationRecord {
    /// The last delta's epoch.
    pub epoch: u64,
    /// The root that it states.
    pub root: RootBytes,
    /// When.
    pub updated: Moment,
}

/// Why a delta is senseless.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// Too many, or nothing.
    #[error("a delta changes 1 to {DELTA} credentials")]
    Count,
    /// No such place.
    #[error("a handle is below {HANDLES}")]
    Handle,
    /// Both ways at once.
    #[error("a handle is revoked or reinstated, not both")]
    Both,
    /// Not an element.
    #[error("a root is an element of the circuit's field")]
    Root,
}

/// Why a delta does not follow from those before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkedDelta {
    /// One is missing, or comes twice.
    #[error("delta {got} is not the one after {before}")]
    Epoch {
        /// The last one applied.
        before: u64,
        /// What came.
        got: u64,
    },
    /// Already revoked, or not revoked at all.
    #[error("delta {0} changes a credential into what it is")]
    Unchanged(u64),
    /// The stated root is not the one that follows.
    #[error("the root of delta {0} is not the one that follows from it")]
    Root(u64),
}

impl RevocationDelta {
    /// Checks what can be checked without the tree.
    ///
    /// # Errors
    /// The first [`DeltaError`].
    pub fn check(&self) -> Result<(), DeltaError> {
        if !(1..=DELTA).contains(&(self.revoked.len() + self.reinstated.len())) {
            return Err(DeltaError::Count);
        }
        if self.revoked.iter().chain(self.reinstated.keys()).any(|handle| *handle >= HANDLES) {
            return Err(DeltaError::Handle);
        }
        if self.revoked.iter().any(|handle| self.reinstated.contains_key(handle)) {
            return Err(DeltaError::Both);
        }
        self.root.element().map(drop).ok_or(DeltaError::Root)
    }
}

/// An issuer's status tree, as somebody follows it by its deltas.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    epoch: u64,
    tree: StatusTree,
}

impl Revocations {
    /// Nothing is revoked, and no delta applied.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last delta applied.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The tree.
    pub fn tree(&self) -> &StatusTree {
        &self.tree
    }

    /// The delta that changes these, with the root that follows; nothing is applied.
    pub fn delta(&self, revoked: BTreeSet<Handle>, reinstated: BTreeMap<Handle, Digest>) -> RevocationDelta {
        let mut after = self.tree.clone();
        after.revoke(revoked.iter().copied());
        after.reinstate(reinstated.keys().copied());
        RevocationDelta {
            epoch: self.epoch + 1,
            root: RootBytes::of(&after.root()),
            revoked: revoked.iter().map(Handle::number).collect(),
            reinstated: reinstated.iter().map(|(handle, cause)| (handle.number(), *cause)).collect(),
        }
    }

    /// Applies deltas in order, and checks the last one's root: a wrong one before it shows there, or in a closer look with
    /// each alone. On failure nothing is applied.
    ///
    /// # Errors
    /// [`ForkedDelta`].
    pub fn follow<'a>(
        &mut self,
        deltas: impl IntoIterator<Item = &'a RevocationDelta>,
    ) -> Result<(), ForkedDelta> {
        let mut after = self.clone();
        let mut stated: Option<Element> = None;
        // Each leaf is hashed once, however many deltas change it.
        let mut changes: BTreeMap<Handle, bool> = BTreeMap::new();
        for delta in deltas {
            if delta.epoch != after.epoch + 1 {
                return Err(ForkedDelta::Epoch { before: after.epoch, got: delta.epoch });
            }
            after.epoch = delta.epoch;
            let revoked = delta.revoked.iter().map(|handle| (*handle, true));
            for (handle, now) in revoked.chain(delta.reinstated.keys().map(|handle| (*handle, false))) {
                let handle = Handle::new(handle).ok_or(ForkedDelta::Unchanged(delta.epoch))?;
                let was = changes.get(&handle).copied().unwrap_or_else(|| self.tree.is_revoked(handle));
                if was == now {
                    return Err(ForkedDelta::Unchanged(delta.epoch));
                }
                changes.insert(handle, now);
            }
            stated = delta.root.element();
            if stated.is_none() {
                return Err(ForkedDelta::Root(delta.epoch));
            }
        }
        let now =
            |wanted: bool| changes.iter().filter(move |(_, now)| **now == wanted).map(|(handle, _)| *handle);
        after.tree.revoke(now(true));
        after.tree.reinstate(now(false));
        if stated.is_some_and(|root| root != after.tree.root()) {
            return Err(ForkedDelta::Root(after.epoch));
        }
        *self = after;
        Ok(())
    }
}
