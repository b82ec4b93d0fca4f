//! Why an import was refused as a whole, and why a row was.

use std::io;

use did_registry::SchemaError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::vault::VaultError;

/// Why a file was refused, or its import stopped. Names columns by number: a file without a header has
/// personal values where names belong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source cannot be read.
    #[error("the file must be readable to its end: {0}")]
    Unreadable(#[source] io::Error),
    /// Over the size limit.
    #[error("a file has at most {limit} bytes")]
    FileTooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// More rows than allowed.
    #[error("a file has at most {limit} rows")]
    TooManyRows {
        /// Rows allowed.
        limit: u64,
    },
    /// A row so long that its end was not found: as a rule, a quotation mark that is never closed.
    #[error(
        "a row has at most {limit} bytes; the one that starts at line {line} may lack a closing quotation mark"
    )]
    RowWithoutEnd {
        /// Bytes allowed.
        limit: usize,
        /// Where it starts, from 1.
        line: u64,
    },
    /// No first row.
    #[error("a file starts with a header that names its columns")]
    NoHeader,
    /// A header cell that names no claim.
    #[error("column {column} of the header names no claim of the schema")]
    UnknownColumn {
        /// From 1.
        column: usize,
    },
    /// Two columns of one name.
    #[error("column {column} of the header repeats an earlier one")]
    RepeatedColumn {
        /// From 1.
        column: usize,
    },
    /// A column that must be there.
    #[error("the header must name column {0:?}")]
    MissingColumn(String),
    /// The schema is senseless.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The same file is being imported now.
    #[error("this file is being imported already")]
    Running,
    /// The bytes read the second time are not those read the first time.
    #[error("the file changed while it was read")]
    SourceChanged,
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl ImportError {
    /// A stable code that names the rule.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "IMPORT_UNREADABLE",
            Self::FileTooLarge { .. } => "IMPORT_FILE_TOO_LARGE",
            Self::TooManyRows { .. } => "IMPORT_TOO_MANY_ROWS",
            Self::RowWithoutEnd { .. } => "IMPORT_ROW_WITHOUT_END",
            Self::NoHeader => "IMPORT_NO_HEADER",
            Self::UnknownColumn { .. } => "IMPORT_UNKNOWN_COLUMN",
            Self::RepeatedColumn { .. } => "IMPORT_REPEATED_COLUMN",
            Self::MissingColumn(_) => "IMPORT_MISSING_COLUMN",
            Self::Schema(_) => "IMPORT_SCHEMA",
            Self::Running => "IMPORT_RUNNING",
            Self::SourceChanged => "IMPORT_SOURCE_CHANGED",
            Self::Vault(_) => "VAULT",
        }
    }
}

/// What is wrong with a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RowFault {
    /// More bytes than a row may have.
    RowTooLong,
    /// More or fewer cells than the header.
    CellCount,
    /// A cell that is not UTF-8.
    NotUtf8,
    /// A record identifier that is empty, too long, or has outer white space or control characters.
    RecordId,
    /// The record identifier of an earlier row of this file.
    Duplicate,
    /// A record that is in the vault with other claims.
    Conflict,
    /// A required claim's cell is empty.
    Missing,
    /// A claim's value breaks its rule.
    BadValue,
}

/// One fault of one row: where, and which rule. Never the value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Issue {
    /// Which row of data, from 1.
    pub row: u64,
    /// The line of the file where it starts, from 1.
    pub line: u64,
    /// Which column, if it is one column's fault.
    pub column: Option<String>,
    /// The stable code.
    pub fault: RowFault,
    /// The rule, in words.
    pub rule: String,
}
