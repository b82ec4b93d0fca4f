//! Reads of what is committed.

use credential::zk::RevocationDelta;
use did_registry::canonical::decode;
use did_registry::{Did, Digest, Timestamp};
use ledger_chain::tree::ShardRoots;
use ledger_chain::{Genesis, SignedHead, StateKey, TRANSACTION_BYTES};
use rocksdb::{DBRawIterator, ReadOptions};

use super::batch::{delta_key, listed_key, published_prefix, value_key};
use super::{Column, Store, StoreError};

/// Where a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// Its block.
    pub height: u64,
    /// Transactions before it in that block.
    pub position: u32,
}

impl Store {
    /// The last block's height; `None` before genesis.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tip(&self) -> Result<Option<u64>, StoreError> {
        self.get(Column::Meta, b"tip")?.map(|bytes| number(&bytes)).transpose()
    }

    /// What the ledger started from; `None` before genesis.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn genesis(&self) -> Result<Option<Genesis>, StoreError> {
        let stored = self.get(Column::Meta, b"genesis")?;
        stored.map(|bytes| Genesis::from_bytes(&bytes).map_err(damaged)).transpose()
    }

    /// A block's canonical bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn block(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(Column::Blocks, &height.to_be_bytes())
    }

    /// The signed head of a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn head(&self, height: u64) -> Result<Option<SignedHead>, StoreError> {
        let stored = self.get(Column::Heads, &height.to_be_bytes())?;
        stored.map(|bytes| SignedHead::from_bytes(&bytes).map_err(damaged)).transpose()
    }

    /// The greatest height whose time is `time` or before; `None` before genesis.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn height_at(&self, time: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut rows = self.db.raw_iterator_cf(self.column(Column::Times));
        rows.seek_for_prev(super::batch::time_key(time, u64::MAX));
        rows.status()?;
        rows.key().and_then(|key| key.get(8..)).map(number).transpose()
    }

    /// Where a transaction is; `None` if it is in no block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn transaction(&self, id: &Digest) -> Result<Option<Position>, StoreError> {
        let place = self.get(Column::Transactions, id.as_bytes())?;
        place
            .map(|bytes| {
                let (height, position) = bytes.split_at_checked(8).ok_or_else(|| short("transactions"))?;
                let position =
                    position.try_into().map(u32::from_be_bytes).map_err(|_| short("transactions"))?;
                Ok(Position { height: number(height)?, position })
            })
            .transpose()
    }

    /// The record of a key as of a height; `u64::MAX` asks for the latest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, key: &StateKey, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.value(&key.hash(), height)
    }

    pub(super) fn value(&self, key: &Digest, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        read_value(&mut self.values(), key, height)
    }

    /// Reads values; its view of the store is fixed when it is made.
    pub(super) fn values(&self) -> DBRawIterator<'_> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        self.db.raw_iterator_cf_opt(self.column(Column::Values), options)
    }

    /// Heights at which a record was written, ascending, at most `limit` of the latest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn versions(&self, key: &StateKey, limit: usize) -> Result<Vec<u64>, StoreError> {
        let mut values = self.values();
        values.seek_for_prev(value_key(&key.hash(), u64::MAX));
        let mut heights = Vec::new();
        while let Some(found) = values.key().filter(|_| heights.len() < limit) {
            heights.push(number(found.get(32..).ok_or_else(|| short("values"))?)?);
            values.prev();
        }
        values.status()?;
        heights.reverse();
        Ok(heights)
    }

    /// The shard roots of a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roots(&self, height: u64) -> Result<Option<ShardRoots>, StoreError> {
        let stored = self.get(Column::Roots, &height.to_be_bytes())?;
        stored.map(|bytes| decode(&bytes, 4096).map_err(damaged)).transpose()
    }

    /// Keys of a listed namespace in the store's order, after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keys(
        &self,
        namespace: &str,
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<StateKey>, StoreError> {
        let start = after.map(|key| listed_key(namespace, &did_registry::canonical::encode(key)));
        self.rows(&listed_key(namespace, &[]), start.as_deref(), limit)
    }

    /// Keys of the schemas, policies and status lists that `publisher` published at any height, in the store's
    /// order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn published(&self, publisher: &Did, limit: usize) -> Result<Vec<StateKey>, StoreError> {
        self.rows(&published_prefix(publisher), None, limit)
    }

    /// An issuer's deltas after epoch `after`, in order: as many as come to at most `bytes`, and one at least if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn deltas(&self, issuer: &Did, after: u64, bytes: usize) -> Result<Vec<RevocationDelta>, StoreError> {
        let start = delta_key(issuer, after.saturating_add(1));
        let prefix = start.get(..start.len() - 8).unwrap_or_default();
        let mut rows = self.db.raw_iterator_cf(self.column(Column::Keys));
        rows.seek(&start);
        let (mut deltas, mut size) = (Vec::new(), 0);
        while let Some((_, value)) = rows.item().filter(|(key, _)| key.starts_with(prefix)) {
            size += value.len();
            if size > bytes && !deltas.is_empty() {
                break;
            }
            deltas.push(decode(value, TRANSACTION_BYTES).map_err(damaged)?);
            rows.next();
        }
        rows.status()?;
        Ok(deltas)
    }

    /// What follows `prefix` in the rows after `start`.
    fn rows(&self, prefix: &[u8], start: Option<&[u8]>, limit: usize) -> Result<Vec<StateKey>, StoreError> {
        let mut rows = self.db.raw_iterator_cf(self.column(Column::Keys));
        rows.seek(start.unwrap_or(prefix));
        if start.is_some() && rows.key() == start {
            rows.next();
        }
        let mut keys = Vec::new();
        while let Some(row) = rows.key().filter(|_| keys.len() < limit) {
            let Some(key) = row.strip_prefix(prefix) else { break };
            keys.push(decode(key, TRANSACTION_BYTES).map_err(damaged)?);
            rows.next();
        }
        rows.status()?;
        Ok(keys)
    }

    pub(super) fn log_node(&self, level: u32, index: u64) -> Result<Option<Digest>, StoreError> {
        let stored = self.get(Column::Log, &super::batch::log_key(level, index))?;
        stored.map(|bytes| bytes.try_into().map(Digest::from_bytes).map_err(|_| short("log"))).transpose()
    }

    pub(super) fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(Column::Nodes, key)
    }
}

/// The newest value of `key` at `height` or before.
pub(super) fn read_value(
    values: &mut DBRawIterator<'_>,
    key: &Digest,
    height: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    values.seek_for_prev(value_key(key, height));
    // Outside its prefix the iterator may stand anywhere, so the key is compared.
    let found =
        values.item().filter(|(found, _)| found.starts_with(key.as_bytes())).map(|(_, value)| value.to_vec());
    if found.is_none() {
        values.status()?;
    }
    Ok(found)
}

fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| short("a number"))
}

fn short(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} has another length"))
}

fn damaged(error: did_registry::RegistryError) -> StoreError {
    StoreError::Damaged(error.to_string())
}
