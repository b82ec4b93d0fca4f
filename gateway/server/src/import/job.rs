//! Import jobs: what is kept of a file, which is never the file.

use did_registry::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Issue;
use crate::schemas;
use crate::vault::{Column, Table};

/// Import jobs, by their identifier.
pub const JOBS: Table<Job> = Table::new(Column::Imports);
/// What was refused, as members 0, 1, … of the job.
pub(super) const ISSUES: Table<Issue> = Table::new(Column::ImportIssues);

/// Bounds of one import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportLimits {
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Bytes of a row.
    pub row_bytes: usize,
    /// Rows of a file, without the header.
    pub rows: u64,
    /// Rows per atomic write.
    pub chunk_rows: usize,
}

/// A job's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Under way, or interrupted: the same file goes on.
    Unfinished,
    /// Every row was read.
    Finished,
}

/// How far an import has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The schema the rows are checked against.
    #[schema(value_type = schemas::Digest)]
    pub schema: Digest,
    /// Whether it is over.
    pub state: JobState,
    /// Rows of the file.
    pub rows_total: u64,
    /// Rows read: `stored + unchanged + refused`.
    pub rows_done: u64,
    /// Rows that became records.
    pub stored: u64,
    /// Rows whose record was there with the same claims.
    pub unchanged: u64,
    /// Rows with a fault.
    pub refused: u64,
    /// Faults found; at most 10,000 are kept.
    pub issues: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Bytes read.
    pub bytes_done: u64,
    /// When the file was first seen.
    #[schema(value_type = schemas::Timestamp)]
    pub started: Timestamp,
    /// When the last chunk was stored.
    #[schema(value_type = schemas::Timestamp)]
    pub updated: Timestamp,
}

impl Job {
    pub(super) fn new(schema: Digest, rows_total: u64, bytes_total: u64, now: Timestamp) -> Self {
        Self {
            schema,
            state: JobState::Unfinished,
            rows_total,
            rows_done: 0,
            stored: 0,
            unchanged: 0,
            refused: 0,
            issues: 0,
            bytes_total,
            bytes_done: 0,
            started: now,
            updated: now,
        }
    }
}
