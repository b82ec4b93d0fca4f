//! A column read as rows of one type, in JSON.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{Column, RowId, VaultError};

/// Rows of type `T` in a column. A name to read by, without state: make it a `const`.
pub struct Table<T> {
    pub(super) column: Column,
    row: PhantomData<fn() -> T>,
}

// Derives would ask the same of `T`.
impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Table<T> {}

impl<T> Table<T> {
    /// The rows of `column` as values of type `T`.
    pub const fn new(column: Column) -> Self {
        Self { column, row: PhantomData }
    }

    /// Where the rows lie.
    pub const fn column(self) -> Column {
        self.column
    }
}

impl<T: DeserializeOwned> Table<T> {
    pub(super) fn decode(self, id: &RowId, plain: &[u8]) -> Result<T, VaultError> {
        // The parser's own words may quote the value, so they stop here.
        serde_json::from_slice(plain).map_err(|_| VaultError::RowShape { column: self.column, row: *id })
    }
}
