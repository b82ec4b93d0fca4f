//! The audit log: who did what when, as a hash chain in the vault.
//!
//! Statement: an entry cannot be altered, removed, inserted or moved without changing the head, which names
//! the number of entries and the hash of the last. Argument: each entry's hash covers its number, its
//! content and the hash before (SHA-256, canonical encoding). Somebody who holds the keys can write the
//! whole chain anew, or put back an older one; [`verify_chain`] notices when it is given a [`Head`] that
//! was noted elsewhere, on the ledger for example.
//!
//! An entry is written in the same change of the vault as what it reports, so a crash leaves both or neither. An
//! import is many changes: the first, before any row, says that it is begun, and the last that it is done. What
//! only reads, or is refused, is noted by itself.
//! An entry names rows and digests, never text that a request brought: there is no place for a claim's value.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::{CredentialType, Did, Digest, Timestamp, canonical, digest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::vault::{Batch, Column, RowId, Table, Vault, VaultError};
use crate::{label, schemas};

/// Entries by number, from 1.
const ENTRIES: Table<Entry> = Table::new(Column::Audit);
/// The head, at [`head_row`].
const HEADS: Table<Head> = Table::new(Column::Settings);
/// Entries verified at a time.
const PAGE: usize = 1_000;

/// Who acted.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// An operator, by the name in the operators file.
    Operator(String),
    /// A holder, who has no name here.
    Holder,
    /// The gateway itself: a timer, a restart.
    Gateway,
}

/// What was acted on.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A row of this vault, by its blinded identifier.
    Row(RowId),
    /// A blinded commitment, a policy, a schema, a transaction.
    #[schema(value_type = schemas::Digest)]
    Digest(Digest),
    /// An agency.
    #[schema(value_type = schemas::Did)]
    Did(Did),
    /// A kind of credential.
    #[schema(value_type = schemas::CredentialType)]
    Type(CredentialType),
    /// A status index, an epoch, a count, a time in seconds since 1970.
    Number(u64),
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: u64,
    /// When.
    #[schema(value_type = schemas::Timestamp)]
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What: the stable code of an operation, such as `credential.revoke`.
    pub operation: String,
    /// To what.
    pub subjects: Vec<Subject>,
    /// How it ended: `done`, or a stable refusal code; `begun` for what ends in an entry of its own.
    pub outcome: String,
    /// The hash of the entry before; for the first, that of nothing.
    #[schema(value_type = schemas::Digest)]
    pub previous: Digest,
}

/// What stands for the whole log: how many entries, and the hash of the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Entries.
    pub count: u64,
    /// Hash of the last; of nothing while there is none.
    pub hash: Digest,
}

/// Where the chain does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// An entry is gone.
    #[error("entry {0} of the audit log is missing")]
    Missing(u64),
    /// An entry does not name the hash of the one before it, so one of the two was altered.
    #[error("entry {0} of the audit log does not follow the one before it")]
    Broken(u64),
    /// The entries add up to another head than the one stored, or noted.
    #[error("the audit log does not lead to the head {0:?}")]
    OtherHead(Head),
    /// An entry does not open, or the database refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Entry {
    /// The hash that the next entry names.
    pub fn hash(&self) -> Digest {
        digest(label::AUDIT_ENTRY, &[&canonical::encode(self)])
    }
}

/// Adds an entry within a change of the vault. `operation` and `outcome` are codes of this program.
///
/// # Errors
/// The vault's.
pub fn append(
    batch: &mut Batch<'_>,
    at: Timestamp,
    actor: Actor,
    operation: &'static str,
    subjects: Vec<Subject>,
    outcome: &'static str,
) -> Result<Head, VaultError> {
    let row = head_row(batch.vault());
    let before = batch.get(HEADS, &row)?.unwrap_or_else(empty);
    let (operation, outcome) = (operation.to_owned(), outcome.to_owned());
    let entry =
        Entry { number: before.count + 1, at, actor, operation, subjects, outcome, previous: before.hash };
    let head = Head { count: entry.number, hash: entry.hash() };
    batch.put(ENTRIES, &RowId::number(entry.number), &entry)?;
    batch.put(HEADS, &row, &head)?;
    Ok(head)
}

/// The head now.
///
/// # Errors
/// The vault's.
pub fn head(vault: &Vault) -> Result<Head, VaultError> {
    Ok(vault.get(HEADS, &head_row(vault))?.unwrap_or_else(empty))
}

/// At most `limit` (and never over 4,096) entries from `number` on, the first being 1.
///
/// # Errors
/// The vault's.
pub fn entries(vault: &Vault, number: u64, limit: usize) -> Result<Vec<Entry>, VaultError> {
    let rows = vault.members(ENTRIES, &RowId::number(0), number, limit)?;
    Ok(rows.into_iter().map(|(_, entry)| entry).collect())
}

/// Walks the whole chain up to the head stored when this began, and past `noted`, a head of the same log
/// seen earlier. Returns the head. Blocks; time grows with the log.
///
/// # Errors
/// [`AuditError`], naming the first entry that does not hold.
pub fn verify_chain(vault: &Vault, noted: Option<&Head>) -> Result<Head, AuditError> {
    let stored = head(vault)?;
    let mut reached = empty();
    let mut passed = noted.is_none_or(|noted| *noted == reached);
    while reached.count < stored.count {
        let page = entries(vault, reached.count + 1, PAGE)?;
        if page.is_empty() {
            return Err(AuditError::Missing(reached.count + 1));
        }
        for entry in page.iter().take_while(|entry| entry.number <= stored.count) {
            let number = reached.count + 1;
            if entry.number != number {
                return Err(AuditError::Missing(number));
            }
            if entry.previous != reached.hash {
                return Err(AuditError::Broken(number));
            }
            reached = Head { count: number, hash: entry.hash() };
            passed |= noted == Some(&reached);
        }
    }
    match noted {
        _ if reached != stored => Err(AuditError::OtherHead(stored)),
        Some(noted) if !passed => Err(AuditError::OtherHead(*noted)),
        _ => Ok(reached),
    }
}

fn empty() -> Head {
    Head { count: 0, hash: Digest::sha256(b"") }
}

fn head_row(vault: &Vault) -> RowId {
    vault.index(Column::Settings, &[b"audit-head"])
}

#[cfg(test)]
mod tests;
