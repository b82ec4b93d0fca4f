//! Changes that become visible and durable together.

use std::collections::BTreeMap;

use rocksdb::WriteBatch;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sealed::Plain;
use super::{Column, RowId, Table, Vault, VaultError, column_family};

/// Changes under way inside [`Vault::write`]. Reads see them; nobody else does until they are written.
pub struct Batch<'v> {
    vault: &'v Vault,
    /// Sealed already: plaintext does not wait in memory.
    pending: BTreeMap<(Column, RowId), Option<Vec<u8>>>,
}

impl<'v> Batch<'v> {
    pub(super) fn new(vault: &'v Vault) -> Self {
        Self { vault, pending: BTreeMap::new() }
    }

    /// The vault under change.
    pub fn vault(&self) -> &'v Vault {
        self.vault
    }

    /// A row as it will be, this batch's changes included.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn get<T: DeserializeOwned>(&self, table: Table<T>, id: &RowId) -> Result<Option<T>, VaultError> {
        match self.pending.get(&(table.column, *id)) {
            Some(Some(sealed)) => {
                let plain = self.vault.open_row(table.column, id, sealed)?;
                table.decode(id, &plain).map(Some)
            }
            Some(None) => Ok(None),
            None => self.vault.get(table, id),
        }
    }

    /// Whether a row will exist, without opening it.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn contains(&self, column: Column, id: &RowId) -> Result<bool, VaultError> {
        match self.pending.get(&(column, *id)) {
            Some(change) => Ok(change.is_some()),
            None => self.vault.contains(column, id),
        }
    }

    /// Writes a row, over an older one if there is one.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], [`VaultError::Unencodable`], or the database's.
    pub fn put<T: Serialize>(&mut self, table: Table<T>, id: &RowId, value: &T) -> Result<(), VaultError> {
        let mut plain = Plain::new();
        serde_json::to_writer(&mut plain, value).map_err(|_| VaultError::Unencodable(table.column))?;
        self.put_plain(table.column, id, plain)
    }

    /// Writes a row of bytes that are no JSON, such as a status list's bits.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn put_bytes(&mut self, column: Column, id: &RowId, value: &[u8]) -> Result<(), VaultError> {
        let mut plain = Plain::new();
        std::io::Write::write_all(&mut plain, value).map_err(|_| VaultError::Unencodable(column))?;
        self.put_plain(column, id, plain)
    }

    /// Removes a row; removing none is no error.
    pub fn delete(&mut self, column: Column, id: &RowId) {
        self.pending.insert((column, *id), None);
    }

    fn put_plain(&mut self, column: Column, id: &RowId, plain: Plain) -> Result<(), VaultError> {
        let sealed = self.vault.seal_row(column, id, plain)?;
        self.pending.insert((column, *id), Some(sealed));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn into_changes(self) -> WriteBatch {
        let mut changes = WriteBatch::default();
        for ((column, id), change) in &self.pending {
            let family = column_family(&self.vault.db, column.name());
            match change {
                Some(sealed) => changes.put_cf(family, id.as_bytes(), sealed),
                None => changes.delete_cf(family, id.as_bytes()),
            }
        }
        changes
    }
}
