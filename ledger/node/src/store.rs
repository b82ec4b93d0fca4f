//! The store: one RocksDB database, one synced write batch a block.
//!
//! A block, its head, its transactions' positions, the records and tree nodes it wrote and the history's new
//! hashes travel in ONE batch across all column families, through the write-ahead log, fsynced before the
//! call returns. So after a crash at any point a block is there whole or not at all. A torn last entry of
//! the log was never acknowledged and is dropped; damage anywhere else refuses to open.
//!
//! ```text
//! blocks        height                       → block, canonical
//! heads         height                       → signed head, canonical
//! times         time ‖ height                → ()             the latest head at or before a time
//! transactions  id                           → height ‖ position
//! nodes         as ledger-chain names them   → tree node
//! values        key's hash ‖ version         → record         seek backwards for the latest ≤ height
//! keys          namespace ‖ 0 ‖ key          → ()             what there is to ask for, without the bulk
//!               published ‖ 0 ‖ DID ‖ key    → ()             schemas, policies and status lists by who published them
//! roots         height                       → sixteen shard roots
//! log           level ‖ index                → hash of a complete subtree of the history
//! meta          name                         → tip, genesis, format
//! ```
//! All numbers are big-endian, so that order in the store is order in time.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    ErrorKind, LogLevel, Options, SliceTransform, WriteBatch, WriteOptions,
};

use crate::config::StoreConfig;

mod batch;
mod query;
mod view;

pub(crate) use batch::BlockBatch;
pub(crate) use batch::is_listed;
pub use query::Position;
pub(crate) use view::{Layer, LogView, StateView, TreeView};

/// The layout above; another one needs a migration.
const FORMAT: &[u8] = b"causeway-ledger-3";

/// Why the store cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk failed or is full. Nothing of the block was acknowledged.
    #[error("the store could not read or write its disk: {0}")]
    Disk(String),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Another process has it open.
    #[error("another process has this store open: {0}")]
    Locked(String),
    /// Another layout, or no ledger's directory.
    #[error("the store has another layout than this program's")]
    Format,
    /// The directory belongs to another ledger.
    #[error("the store holds the ledger {found}, the configuration names {expected}")]
    OtherLedger {
        /// In the directory.
        found: did_registry::Digest,
        /// In the configuration.
        expected: did_registry::Digest,
    },
}

impl From<rocksdb::Error> for StoreError {
    fn from(error: rocksdb::Error) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::Corruption => Self::Damaged(text),
            ErrorKind::IOError if text.contains("lock") => Self::Locked(text),
            _ => Self::Disk(text),
        }
    }
}

/// A column family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    Blocks,
    Heads,
    Times,
    Transactions,
    Nodes,
    Values,
    Keys,
    Roots,
    Log,
    Meta,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::Blocks,
        Self::Heads,
        Self::Times,
        Self::Transactions,
        Self::Nodes,
        Self::Values,
        Self::Keys,
        Self::Roots,
        Self::Log,
        Self::Meta,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Heads => "heads",
            Self::Times => "times",
            Self::Transactions => "transactions",
            Self::Nodes => "nodes",
            Self::Values => "values",
            Self::Keys => "keys",
            Self::Roots => "roots",
            Self::Log => "log",
            Self::Meta => "meta",
        }
    }

    /// Hot columns get large write buffers; filters answer "not there" without touching a block of data.
    fn options(self, cache: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_block_size(if self == Self::Blocks { 64 * 1024 } else { 4 * 1024 });
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_format_version(5);
        let mut options = Options::default();
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_level_compaction_dynamic_level_bytes(true);
        let hot = matches!(self, Self::Nodes | Self::Values | Self::Transactions | Self::Blocks);
        options.set_write_buffer_size(if hot { 64 * 1024 * 1024 } else { 4 * 1024 * 1024 });
        match self {
            Self::Transactions | Self::Nodes | Self::Log => table.set_bloom_filter(10.0, false),
            Self::Values => {
                table.set_bloom_filter(10.0, false);
                table.set_whole_key_filtering(false);
                options.set_prefix_extractor(SliceTransform::create_fixed_prefix(32));
                options.set_memtable_prefix_bloom_ratio(0.1);
            }
            _ => {}
        }
        options.set_block_based_table_factory(&table);
        options
    }
}

/// A ledger's database.
pub struct Store {
    db: DB,
}

impl Store {
    /// Opens the database in `directory`, or makes one.
    ///
    /// # Errors
    /// [`StoreError`]: the disk, a lock held by another process, damage, another layout.
    pub fn open(directory: &Path, config: &StoreConfig) -> Result<Self, StoreError> {
        let cache = Cache::new_lru_cache(config.cache_bytes);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_max_total_wal_size(512 * 1024 * 1024);
        options.set_max_background_jobs(2);
        options.set_bytes_per_sync(1024 * 1024);
        options.set_max_open_files(512);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(4 * 1024 * 1024);
        options.set_log_level(LogLevel::Warn);
        let columns =
            Column::ALL.map(|column| ColumnFamilyDescriptor::new(column.name(), column.options(&cache)));
        let store = Self { db: DB::open_cf_descriptors(&options, directory, columns)? };
        match store.get(Column::Meta, b"format")? {
            None if store.get(Column::Meta, b"tip")?.is_none() => {
                let mut batch = WriteBatch::default();
                batch.put_cf(store.column(Column::Meta), b"format", FORMAT);
                store.write(batch)?;
            }
            Some(found) if found == FORMAT => {}
            _ => return Err(StoreError::Format),
        }
        Ok(store)
    }

    fn column(&self, column: Column) -> &ColumnFamily {
        self.db.cf_handle(column.name()).expect("there because the database was opened with every column")
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get_cf(self.column(column), key)?)
    }

    /// One synced write: all of it survives a crash, or none.
    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.db.write_opt(batch, &options)?)
    }

    /// Bytes on disk in sorted files, for people; the write-ahead log comes on top.
    pub fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        for column in Column::ALL {
            let size = self.db.property_int_value_cf(self.column(column), "rocksdb.total-sst-files-size")?;
            total += size.unwrap_or(0);
        }
        Ok(total)
    }
}

#[cfg(test)]
impl Store {
    /// Damages the store: the state tree's nodes are gone.
    pub(crate) fn lose_nodes(&self) {
        let nodes = self.column(Column::Nodes);
        self.db.delete_range_cf(nodes, [0u8; 1].as_slice(), [255u8; 64].as_slice()).expect("deletes");
    }
}

#[cfg(test)]
mod tests;
