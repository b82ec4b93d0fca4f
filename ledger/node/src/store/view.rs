//! The store as execution, the state tree and the history read it, with the block on its way to the disk on top.
//!
//! Their traits know no failing disk. A view therefore answers "nothing" when a read fails, keeps the error,
//! and its maker asks [`Fault`] before it believes the result.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use did_registry::Digest;
use did_registry::merkle::Nodes;
use ledger_chain::tree::TreeReader;
use ledger_chain::{Changes, Committed, StateKey};
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

/// What a block adds to the store. The next block is made on top of it while it is written.
#[derive(Default)]
pub(crate) struct Layer {
    pub(crate) records: Changes,
    pub(crate) nodes: HashMap<Vec<u8>, Vec<u8>>,
    pub(crate) log: BTreeMap<(u32, u64), Digest>,
}

/// Records as of the last block; each that exists is read once.
pub(crate) struct StateView<'a> {
    over: Option<&'a Layer>,
    values: RefCell<DBRawIterator<'a>>,
    read: RefCell<HashMap<StateKey, Vec<u8>>>,
    fault: Fault,
}

impl<'a> StateView<'a> {
    /// The state when this is called, with `over` on top; later blocks do not show.
    pub(crate) fn new(store: &'a Store, over: Option<&'a Layer>) -> Self {
        let values = RefCell::new(store.values());
        Self { over, values, read: RefCell::default(), fault: Fault::default() }
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
        if let Some(record) = self.over.and_then(|layer| layer.records.get(key)) {
            return Some(record.clone());
        }
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
    over: Option<&'a Layer>,
    store: &'a Store,
    fault: Fault,
}

impl<'a> TreeView<'a> {
    /// Reads from `store`, with `over` on top.
    pub(crate) fn new(store: &'a Store, over: Option<&'a Layer>) -> Self {
        Self { over, store, fault: Fault::default() }
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
        let above = self.over.and_then(|layer| layer.nodes.get(key)).cloned();
        above.or_else(|| self.fault.note(self.store.node(key)))
    }

    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>> {
        self.fault.note(self.store.value(key, version))
    }
}

/// The history's hashes, with those of blocks that are not on disk on top.
pub(crate) struct LogView<'a> {
    store: &'a Store,
    over: [Option<&'a BTreeMap<(u32, u64), Digest>>; 2],
    fault: Fault,
}

impl<'a> LogView<'a> {
    /// Reads from `store`, with `over` on top.
    pub(crate) fn new(store: &'a Store, over: Option<&'a Layer>) -> Self {
        Self { store, over: [over.map(|layer| &layer.log), None], fault: Fault::default() }
    }

    /// Shows the hashes of the block being made.
    pub(crate) fn with(mut self, added: &'a BTreeMap<(u32, u64), Digest>) -> Self {
        let [_, made] = &mut self.over;
        *made = Some(added);
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
        let mut above = self.over.iter().flatten();
        if let Some(hash) = above.find_map(|layer| layer.get(&(level, index))) {
            return *hash;
        }
        let missing =
            || StoreError::Damaged(format!("the history lacks the hash at level {level}, index {index}"));
        let found = self.store.log_node(level, index).and_then(|hash| hash.ok_or_else(missing).map(Some));
        self.fault.note(found).unwrap_or(Digest::from_bytes([0; 32]))
    }
}
