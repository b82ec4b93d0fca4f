//! What a block writes.

use credential::zk::RevocationDelta;
use did_registry::canonical::encode;
use did_registry::{Did, Digest, Timestamp};
use ledger_chain::tree::{ShardRoots, ShardUpdate};
use ledger_chain::{Changes, Genesis, Record, SignedHead, StateKey};
use rocksdb::WriteBatch;

use super::{Column, Store, StoreError};

/// Everything one block writes, gathered in memory; nothing is visible before [`Store::commit`].
pub(crate) struct BlockBatch {
    batch: WriteBatch,
    height: u64,
}

impl BlockBatch {
    /// Nothing yet, for the block at `height`. Room for `bytes` is made once, where growing would copy them.
    pub(crate) fn new(height: u64, bytes: usize) -> Self {
        Self { batch: WriteBatch::with_capacity_bytes(bytes), height }
    }

    fn put(&mut self, store: &Store, column: Column, key: &[u8], value: &[u8]) {
        self.batch.put_cf(store.column(column), key, value);
    }

    /// The genesis that the ledger starts from.
    pub(crate) fn genesis(&mut self, store: &Store, genesis: &Genesis) {
        self.put(store, Column::Meta, b"genesis", &encode(genesis));
    }

    /// The block and where its transactions are.
    pub(crate) fn block(&mut self, store: &Store, bytes: &[u8], ids: &[Digest]) {
        let height = self.height.to_be_bytes();
        self.put(store, Column::Blocks, &height, bytes);
        for (position, id) in ids.iter().enumerate() {
            let position = u32::try_from(position).expect("fits because a block has at most 64 MiB");
            let mut place = [0u8; 12];
            place[..8].copy_from_slice(&height);
            place[8..].copy_from_slice(&position.to_be_bytes());
            self.put(store, Column::Transactions, id.as_bytes(), &place);
        }
    }

    /// What an issuer changed in its status tree, for those who follow it.
    pub(crate) fn delta(&mut self, store: &Store, issuer: &Did, delta: &RevocationDelta) {
        self.put(store, Column::Keys, &delta_key(issuer, delta.epoch), &encode(delta));
    }

    /// Records, their tree and its roots.
    pub(crate) fn state(
        &mut self,
        store: &Store,
        changes: &Changes,
        updates: &[ShardUpdate<'_>],
        roots: &ShardRoots,
    ) {
        for update in updates {
            for (key, node) in &update.nodes {
                self.put(store, Column::Nodes, key, node);
            }
            for (key, record) in &update.values {
                self.put(store, Column::Values, &value_key(key, self.height), record);
            }
        }
        for (key, record) in changes {
            if is_listed(key.namespace()) {
                self.put(store, Column::Keys, &listed_key(key.namespace(), &encode(key)), &[]);
            }
            if let Some(publisher) = publisher(key, record) {
                let row = [published_prefix(&publisher), encode(key)].concat();
                self.put(store, Column::Keys, &row, &[]);
            }
        }
        self.put(store, Column::Roots, &self.height.to_be_bytes(), &encode(roots));
    }

    /// A subtree of the history that this block completes.
    pub(crate) fn log(&mut self, store: &Store, level: u32, index: u64, hash: &Digest) {
        self.put(store, Column::Log, &log_key(level, index), hash.as_bytes());
    }

    /// The certified head; the block becomes the tip.
    pub(crate) fn head(&mut self, store: &Store, head: &SignedHead) {
        let height = self.height.to_be_bytes();
        self.put(store, Column::Heads, &height, &head.to_bytes());
        self.put(store, Column::Times, &time_key(head.head.time, self.height), &[]);
        self.put(store, Column::Meta, b"tip", &height);
    }
}

impl Store {
    /// Writes a block: fsynced when this returns, invisible if it fails.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; then the caller must not go on to another block.
    pub(crate) fn commit(&self, block: BlockBatch) -> Result<(), StoreError> {
        self.write(block.batch)
    }
}

/// Namespaces whose keys are listed: those with few records, that a trust bundle is made of. The rows of
/// [`published_prefix`] and [`delta_key`] are keys of no namespace.
pub(crate) fn is_listed(namespace: &str) -> bool {
    let many = ["did", "actor", "anchor", "receipt", "signature", "revocation", "published", DELTAS];
    !many.contains(&namespace)
}

/// Who published what a trust bundle takes from its publishers.
fn publisher(key: &StateKey, record: &[u8]) -> Option<Did> {
    match key {
        StateKey::Status(did, _) => Some(did.clone()),
        StateKey::Schema(_) | StateKey::Policy(_) => match Record::read(key, record).ok()? {
            Record::Schema(record) => Some(record.author),
            Record::Policy(record) => Some(record.policy.verifier),
            _ => None,
        },
        _ => None,
    }
}

/// What the keys of everything that somebody published begin with.
pub(super) fn published_prefix(publisher: &Did) -> Vec<u8> {
    listed_key("published", &encode(publisher))
}

/// Rows of deltas: of no namespace either, and with a value.
const DELTAS: &str = "deltas";

/// Where the delta of an epoch lies; those of an issuer follow each other.
pub(super) fn delta_key(issuer: &Did, epoch: u64) -> Vec<u8> {
    [listed_key(DELTAS, &encode(issuer)).as_slice(), &epoch.to_be_bytes()].concat()
}

pub(super) fn listed_key(namespace: &str, key: &[u8]) -> Vec<u8> {
    [namespace.as_bytes(), &[0], key].concat()
}

pub(super) fn value_key(key: &Digest, version: u64) -> [u8; 40] {
    let mut bytes = [0u8; 40];
    bytes[..32].copy_from_slice(key.as_bytes());
    bytes[32..].copy_from_slice(&version.to_be_bytes());
    bytes
}

pub(super) fn log_key(level: u32, index: u64) -> [u8; 12] {
    let mut bytes = [0u8; 12];
    bytes[..4].copy_from_slice(&level.to_be_bytes());
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    bytes
}

pub(super) fn time_key(time: Timestamp, height: u64) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&time.seconds().to_be_bytes());
    bytes[8..].copy_from_slice(&height.to_be_bytes());
    bytes
}
