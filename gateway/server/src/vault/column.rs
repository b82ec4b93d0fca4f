//! The vault's columns: one per kind of row, each under data keys of its own.

use std::fmt;

/// A column of the vault. The name is part of what a row is sealed to, so it never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Column {
    /// Imported source records, by [`crate::record::row_id`].
    Records,
    /// Issued credentials: record, status index, digests, the opening of the anchor.
    Issued,
    /// Offers, by keyed hash of the one-time claim code.
    Offers,
    /// Status lists: bits and epoch.
    StatusLists,
    /// Evidence of each transcoding decision.
    Transcodings,
    /// Import jobs.
    Imports,
    /// What was refused in imports, by job.
    ImportIssues,
    /// Nonces and challenges until used or expired.
    Challenges,
    /// Commitments that wait for the next anchored batch.
    Pending,
    /// The audit log, by sequence number.
    Audit,
    /// Settings, cursors and heads.
    Settings,
}

impl Column {
    /// Every column.
    pub const ALL: [Self; 11] = [
        Self::Records,
        Self::Issued,
        Self::Offers,
        Self::StatusLists,
        Self::Transcodings,
        Self::Imports,
        Self::ImportIssues,
        Self::Challenges,
        Self::Pending,
        Self::Audit,
        Self::Settings,
    ];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Issued => "issued",
            Self::Offers => "offers",
            Self::StatusLists => "status-lists",
            Self::Transcodings => "transcodings",
            Self::Imports => "imports",
            Self::ImportIssues => "import-issues",
            Self::Challenges => "challenges",
            Self::Pending => "pending",
            Self::Audit => "audit",
            Self::Settings => "settings",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
