//! The rules of the vault, one variant each.

use std::io;

use super::{Column, RowId};

/// Why the vault refused. Names columns and blinded row identifiers, never a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No directory to live in.
    #[error("the vault needs a directory it can write to: {0}")]
    Directory(#[source] io::Error),
    /// Another process has it open.
    #[error("one process at a time opens a vault, and another has it open")]
    InUse,
    /// The database refused: a full disk, an unreadable or altered file.
    #[error("the vault's database refused: {0}")]
    Store(#[source] rocksdb::Error),
    /// A key-encryption key of another vault, or from before the last rotation.
    #[error("this vault is locked with another key-encryption key")]
    WrongKek,
    /// A wrapped data key does not open under the right key-encryption key.
    #[error("data key {epoch} of {name} does not open: its bytes were altered, moved or cut")]
    KeyDamaged {
        /// Column, or `index`.
        name: String,
        /// Which of its keys.
        epoch: u32,
    },
    /// A data key is gone while rows under it remain.
    #[error("data key {epoch} of {name} is missing")]
    KeyMissing {
        /// Column, or `index`.
        name: String,
        /// Which of its keys.
        epoch: u32,
    },
    /// A row does not open.
    #[error("row {row} of {column} does not open: its bytes were altered, moved or cut")]
    RowDamaged {
        /// Where.
        column: Column,
        /// Which.
        row: RowId,
    },
    /// A row opens and is of another shape than its table says.
    #[error("row {row} of {column} is not what its table holds")]
    RowShape {
        /// Where.
        column: Column,
        /// Which.
        row: RowId,
    },
    /// A value that its type cannot write, such as a map with keys that are no text.
    #[error("a value for {0} has no encoding")]
    Unencodable(Column),
    /// A value over the limit.
    #[error("a row holds at most {limit} bytes, got {got}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        got: usize,
    },
    /// Text that names no row.
    #[error("a row identifier is 64 lower-case hexadecimal digits")]
    RowName,
}

impl From<rocksdb::Error> for VaultError {
    fn from(error: rocksdb::Error) -> Self {
        // RocksDB has no kind of its own for this one.
        let locked = error.kind() == rocksdb::ErrorKind::IOError && error.as_ref().contains("lock");
        if locked { Self::InUse } else { Self::Store(error) }
    }
}
