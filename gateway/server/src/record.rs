//! Imported source records: what the agency knows, from which it issues.

use std::fmt;

use did_registry::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use crate::vault::{Column, RowId, Table, Vault};

/// Records, by [`row_id`].
pub const RECORDS: Table<Record> = Table::new(Column::Records);

/// How far a record has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordStatus {
    /// Stored; no credential has been issued over it.
    Imported,
    /// A credential has been issued over it.
    Issued,
}

/// One source record. Personal: prints only its schema and status, and is wiped on drop.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The agency's own name for it, unique per schema.
    pub record_id: String,
    /// The schema that its claims satisfy in full.
    pub schema: Digest,
    /// The claims, as the schema normalises them.
    pub claims: Map<String, Value>,
    /// How far it has come.
    pub status: RecordStatus,
    /// The import job that brought it.
    pub job: RowId,
    /// When.
    pub imported: Timestamp,
}

/// Where the record named `record_id` under `schema` lies: a keyed hash, because such names are personal.
pub fn row_id(vault: &Vault, schema: &Digest, record_id: &str) -> RowId {
    vault.index(Column::Records, &[schema.as_bytes(), record_id.as_bytes()])
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("schema", &self.schema)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.record_id.zeroize();
        wipe(&mut self.claims);
    }
}

/// Overwrites the texts of claims. Numbers and dates' binary forms live on the stack and are not reached.
pub(crate) fn wipe(claims: &mut Map<String, Value>) {
    for value in claims.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
}
