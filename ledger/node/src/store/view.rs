//! The store as execution, the state tree and the history read it.
//!
//! Their traits know no failing disk. A view therefore answers "nothing" when a read fails, keeps the error,
//! and its maker asks [`Fault`] before it believes the result.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use did_registry::Digest;
use did_registry::merkle::Nodes;
use ledger_chain::tree::TreeReader;
use ledger_chain::{Committed, StateKey};
use rocksdb::DBRawIterator;

use super::query::read_value;
use super::{Store, StoreError};

/// The first error of a view.
#[derive(Default)]
struct Fault(Mutex<Option<StoreError>>);

impl Fault {
    fn note<T>(&self, outcome: Result<Option<T>, StoreError>) -> Option<T> {
        outcome.unwrap_or_else(|error| {
            self.0.lock().expect("not poisoned because nothing panics under it").get_or_insert(error);
            None
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.0.lock().expect("not poisoned because nothing panics under it").take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Records as of the last block; each that exists is read once.
pub(crate) struct StateView<'a> {
    values: RefCell<DBRawIterator<'a>>,
    read: RefCell<HashMap<StateKey, Vec<u8>>>,
    fault: Fault,
}

impl<'a> StateView<'a> {
    /// The state when this is called; later blocks do not show.
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { values: RefCell::new(store.values()), read: RefCell::default(), fault: Fault::default() }
    }

    /// Whether everything could be read.
    ///
    /// # Errors
    /// The first error.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.fault.check()
    }
}

impl Committed for StateView<'_> {
    fn record(&self, key: &StateKey) -> Option<Vec<u8>> {
        if let Some(known) = self.read.borrow().get(key) {
            return Some(known.clone());
        }
        let found = self.fault.note(read_value(&mut self.values.borrow_mut(), &key.hash(), u64::MAX))?;
        self.read.borrow_mut().insert(key.clone(), found.clone());
        Some(found)
    }
}

/// Tree nodes and the values they commit to.
pub(crate) struct TreeView<'a> {
    store: &'a Store,
    fault: Fault,
}

impl<'a> TreeView<'a> {
    /// Reads from `store`.
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store, fault: Fault::default() }
    }

    /// Whether everything could be read.
    ///
    /// # Errors
    /// The first error.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.fault.check()
    }
}

impl TreeReader for TreeView<'_> {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.fault.note(self.store.node(key))
    }

    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>> {
        self.fault.note(self.store.value(key, version))
    }
}

/// The history's hashes, with those of the block being made on top.
pub(crate) struct LogView<'a> {
    store: &'a Store,
    added: BTreeMap<(u32, u64), Digest>,
    fault: Fault,
}

impl<'a> LogView<'a> {
    /// Reads from `store`.
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store, added: BTreeMap::new(), fault: Fault::default() }
    }

    /// Shows the hashes of a block that is not committed yet.
    pub(crate) fn with(mut self, added: impl IntoIterator<Item = (u32, u64, Digest)>) -> Self {
        self.added.extend(added.into_iter().map(|(level, index, hash)| ((level, index), hash)));
        self
    }

    /// Whether everything could be read.
    ///
    /// # Errors
    /// The first error, or [`StoreError::Damaged`] if a hash was missing.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.fault.check()
    }
}

impl Nodes for LogView<'_> {
    fn node(&self, level: u32, index: u64) -> Digest {
        if let Some(hash) = self.added.get(&(level, index)) {
            return *hash;
        }
        let missing =
            || StoreError::Damaged(format!("the history lacks the hash at level {level}, index {index}"));
        let found = self.store.log_node(level, index).and_then(|hash| hash.ok_or_else(missing).map(Some));
        self.fault.note(found).unwrap_or(Digest::from_bytes([0; 32]))
    }
}
