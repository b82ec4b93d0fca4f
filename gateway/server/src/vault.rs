//! The vault: an agency's own records, encrypted at rest in RocksDB.
//!
//! Statement: the files on disk hold no plaintext and no unkeyed hash of one, and every acknowledged write
//! survives a crash whole. Argument: values are sealed row by row ([`sealed`]) under wrapped data keys
//! ([`keys`]); row identifiers are random, keyed hashes or counters ([`RowId`]); a write is one atomic batch
//! of the write-ahead log, synced before [`Vault::write`] returns.
//!
//! In clear on disk: column names, row identifiers, and the number and lengths of rows. Absent on purpose:
//! protection against somebody who puts back an older copy of the whole directory, or removes whole rows;
//! for the audit log [`crate::audit::verify_chain`] notices, given a head noted elsewhere.
//!
//! Calls block on the disk: from async code use `tokio::task::spawn_blocking`.

mod batch;
mod column;
mod error;
mod keys;
mod row_id;
mod sealed;
mod table;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, Direction, IteratorMode,
    LogLevel, Options, WriteOptions,
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use batch::Batch;
pub use column::Column;
pub use error::VaultError;
pub use keys::Kek;
pub use row_id::RowId;
pub use table::Table;

/// Largest row.
const ROW_BYTES: usize = 16 << 20;
/// Most rows of one page.
const PAGE: usize = 4096;

/// An open vault. Share it in an `Arc`; every method takes `&self`.
pub struct Vault {
    db: DB,
    keys: keys::Keys,
    /// Held while a change is decided and written, so that changes have one order.
    order: Mutex<()>,
    /// Changes written so far.
    written: AtomicU64,
    /// Changes known to be on the disk; held while syncing, so that one sync serves all who wait.
    durable: Mutex<u64>,
}

impl Vault {
    /// Opens the vault in `directory`, making it (mode 0700) if there is none.
    ///
    /// # Errors
    /// [`VaultError::WrongKek`], [`VaultError::InUse`], [`VaultError::KeyDamaged`],
    /// [`VaultError::KeyMissing`], or the database's.
    pub fn open(directory: &Path, kek: Kek) -> Result<Self, VaultError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(VaultError::Directory)?;
        let names = Column::ALL.iter().map(|column| column.name()).chain([keys::KEYS]);
        let families = names.map(|name| ColumnFamilyDescriptor::new(name, column_options()));
        let db = DB::open_cf_descriptors(&options(), directory, families)?;
        let keys = keys::Keys::open(&db, kek)?;
        Ok(Self { db, keys, order: Mutex::new(()), written: AtomicU64::new(0), durable: Mutex::new(0) })
    }

    /// The row that stands for `parts` in a column, as HMAC-SHA-256 under the vault's index key. The same
    /// parts give the same row in this vault and an unrelated one in every other.
    pub fn index(&self, column: Column, parts: &[&[u8]]) -> RowId {
        let named: Vec<&[u8]> = [column.name().as_bytes()].into_iter().chain(parts.iter().copied()).collect();
        RowId(self.keys.index(&named))
    }

    /// A row.
    ///
    /// # Errors
    /// [`VaultError::RowDamaged`], [`VaultError::RowShape`], or the database's.
    pub fn get<T: DeserializeOwned>(&self, table: Table<T>, id: &RowId) -> Result<Option<T>, VaultError> {
        self.get_bytes(table.column, id)?.map(|plain| table.decode(id, &plain)).transpose()
    }

    /// A row's bytes.
    ///
    /// # Errors
    /// [`VaultError::RowDamaged`], or the database's.
    pub fn get_bytes(&self, column: Column, id: &RowId) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let sealed = self.db.get_pinned_cf(self.family(column), id.as_bytes())?;
        sealed.map(|sealed| self.open_row(column, id, &sealed)).transpose()
    }

    /// Whether a row exists, without opening it.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn contains(&self, column: Column, id: &RowId) -> Result<bool, VaultError> {
        Ok(self.db.get_pinned_cf(self.family(column), id.as_bytes())?.is_some())
    }

    /// At most `limit` (and never over 4,096) rows after `after`, ascending by identifier. Walk a table by
    /// passing the last identifier of one page to the next call; an empty page is the end.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn page<T: DeserializeOwned>(
        &self,
        table: Table<T>,
        after: Option<&RowId>,
        limit: usize,
    ) -> Result<Vec<(RowId, T)>, VaultError> {
        let from = match after.map(next) {
            Some(None) => return Ok(Vec::new()),
            Some(Some(id)) => id,
            None => RowId([0; 32]),
        };
        self.range(table, &from, limit, |_| true)
    }

    /// At most `limit` (and never over 4,096) of the rows [`RowId::member`] of `parent`, from number `from` on.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn members<T: DeserializeOwned>(
        &self,
        table: Table<T>,
        parent: &RowId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, T)>, VaultError> {
        let first = RowId::member(parent, from);
        let own = |id: &RowId| RowId::member(parent, id.to_number()) == *id;
        let rows = self.range(table, &first, limit, own)?;
        Ok(rows.into_iter().map(|(id, value)| (id.to_number(), value)).collect())
    }

    /// Opens every row of a column, in the order of identifiers, as when somebody looks for what must not be there.
    ///
    /// # Errors
    /// [`VaultError::RowDamaged`], or the database's.
    pub fn each(&self, column: Column, mut look: impl FnMut(&RowId, &[u8])) -> Result<(), VaultError> {
        for row in self.db.iterator_cf(self.family(column), IteratorMode::Start) {
            let (key, sealed) = row?;
            let id = row_id(&key)?;
            look(&id, &self.open_row(column, &id, &sealed)?);
        }
        Ok(())
    }

    /// The rows of a column, counted one by one without opening them.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn count(&self, column: Column) -> Result<u64, VaultError> {
        self.db
            .iterator_cf(self.family(column), IteratorMode::Start)
            .try_fold(0, |rows, row| Ok(row.map(|_| rows + 1)?))
    }

    /// Decides and writes one atomic change, and returns once it is on the disk.
    ///
    /// `change` runs while no other change does, so what it reads stays true until its own writes are in.
    /// It must be quick and must not call `write` again. If it fails, nothing is written.
    ///
    /// The disk is waited for outside that order and once for all who wait, so others may read a change
    /// shortly before it is durable; what they then write lies behind it in the same log.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub fn write<R, E: From<VaultError>>(
        &self,
        change: impl FnOnce(&mut Batch<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let (result, number) = {
            let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            let mut batch = Batch::new(self);
            let result = change(&mut batch)?;
            if batch.is_empty() {
                // What it has read must be durable before it is acknowledged.
                (result, self.written.load(Ordering::Acquire))
            } else {
                self.db
                    .write_opt(batch.into_changes(), &WriteOptions::default())
                    .map_err(VaultError::from)?;
                (result, self.written.fetch_add(1, Ordering::AcqRel) + 1)
            }
        };
        self.wait_durable(number)?;
        Ok(result)
    }

    /// Starts a new data key for a column; rows under older keys stay readable.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn advance_key(&self, column: Column) -> Result<u32, VaultError> {
        self.keys.advance(&self.db, column)
    }

    /// Rotates the key-encryption key: wraps every data key under `kek`, all or none. No row is touched.
    ///
    /// Save the new key file first, then call this, then point the configuration at the new file: at every
    /// moment one of the two files opens the vault. What the old key opened is gone from the vault's files once
    /// it is closed.
    ///
    /// # Errors
    /// [`VaultError::KeyDamaged`], or the database's.
    pub fn rewrap(&self, kek: Kek) -> Result<(), VaultError> {
        self.keys.rewrap(&self.db, kek)?;
        // Until they are written anew, the log and older tables hold the keys as the old one wrapped them.
        self.flush()?;
        let keys = column_family(&self.db, keys::KEYS);
        self.db.compact_range_cf(keys, None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }

    /// Moves everything from memory and the log into table files, as before a backup.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn flush(&self) -> Result<(), VaultError> {
        for name in Column::ALL.iter().map(|column| column.name()).chain([keys::KEYS]) {
            self.db.flush_cf(column_family(&self.db, name))?;
        }
        Ok(())
    }

    /// Whether the database still accepts writes: false after a disk error, until the vault is reopened.
    pub fn is_healthy(&self) -> bool {
        let errors = self.db.property_int_value("rocksdb.background-errors");
        matches!(errors, Ok(Some(0)))
    }

    fn family(&self, column: Column) -> &ColumnFamily {
        column_family(&self.db, column.name())
    }

    fn seal_row(&self, column: Column, id: &RowId, plain: sealed::Plain) -> Result<Vec<u8>, VaultError> {
        if plain.len() > ROW_BYTES {
            return Err(VaultError::TooLarge { limit: ROW_BYTES, got: plain.len() });
        }
        let (epoch, key) = self.keys.sealing(&self.db, column)?;
        Ok(plain.seal(&key, column, epoch, id))
    }

    fn open_row(&self, column: Column, id: &RowId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let damaged = || VaultError::RowDamaged { column, row: *id };
        let epoch = sealed::epoch_of(sealed).ok_or_else(damaged)?;
        let key = match self.keys.opening(column, epoch) {
            // No such epoch was ever made, so it is the row that is wrong.
            Err(VaultError::KeyMissing { .. }) => return Err(damaged()),
            key => key?,
        };
        sealed::open(&key, column, id, sealed).ok_or_else(damaged)
    }

    fn range<T: DeserializeOwned>(
        &self,
        table: Table<T>,
        from: &RowId,
        limit: usize,
        belongs: impl Fn(&RowId) -> bool,
    ) -> Result<Vec<(RowId, T)>, VaultError> {
        let mut rows = Vec::new();
        let mode = IteratorMode::From(from.as_bytes(), Direction::Forward);
        for row in self.db.iterator_cf(self.family(table.column), mode).take(limit.min(PAGE)) {
            let (key, sealed) = row?;
            let id = row_id(&key)?;
            if !belongs(&id) {
                break;
            }
            let plain = self.open_row(table.column, &id, &sealed)?;
            rows.push((id, table.decode(&id, &plain)?));
        }
        Ok(rows)
    }

    fn wait_durable(&self, number: u64) -> Result<(), VaultError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if *durable < number {
            let covered = self.written.load(Ordering::Acquire);
            self.db.flush_wal(true)?;
            *durable = covered;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// The identifier that a stored row has as its key.
fn row_id(key: &[u8]) -> Result<RowId, VaultError> {
    Ok(RowId(key.try_into().map_err(|_| VaultError::RowName)?))
}

/// The identifier after this one, unless it is the last.
fn next(id: &RowId) -> Option<RowId> {
    let mut bytes = id.0;
    for byte in bytes.iter_mut().rev() {
        let (next, carry) = byte.overflowing_add(1);
        *byte = next;
        if !carry {
            return Some(RowId(bytes));
        }
    }
    None
}

fn column_family<'a>(db: &'a DB, name: &str) -> &'a ColumnFamily {
    db.cf_handle(name).expect("the column family is there because `open` asked for all of them")
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // A torn tail is what a crash leaves; nothing acknowledged lies there, because acknowledging syncs.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_open_files(256);
    options.set_db_write_buffer_size(32 << 20);
    options.set_max_total_wal_size(64 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_log_level(LogLevel::Warn);
    options
}

fn column_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(8 << 20);
    options.set_compression_type(DBCompressionType::None); // ciphertext does not compress
    options
}

#[cfg(test)]
mod tests;
