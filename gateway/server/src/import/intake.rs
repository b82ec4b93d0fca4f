//! The rows of one file as they come in: read against the schema, and told apart by name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use csv::ByteRecord;
use did_registry::Digest;

use super::row::{Columns, Fault, Reading};
use super::source::Place;
use super::store::Row;
use super::{ImportLimits, RECORD_ID, RowFault};
use crate::record;
use crate::vault::{RowId, Vault};

/// What is remembered while a file is read.
pub(super) struct Intake<'i> {
    vault: &'i Vault,
    limits: ImportLimits,
    schema: Digest,
    columns: Columns<'i>,
    /// Row numbers by blinded record identifier: 40 bytes a row, bounded by the limit on rows.
    seen: HashMap<RowId, u64>,
}

impl<'i> Intake<'i> {
    pub(super) fn new(vault: &'i Vault, limits: ImportLimits, schema: Digest, columns: Columns<'i>) -> Self {
        Self { vault, limits, schema, columns, seen: HashMap::new() }
    }

    /// Reads a row, and remembers its name.
    pub(super) fn row(&mut self, number: u64, place: Place, cells: &ByteRecord) -> Row {
        let limit = self.limits.row_bytes;
        if place.bytes > limit as u64 {
            let rule = format!("a row has at most {limit} bytes");
            let fault = Fault { column: None, fault: RowFault::RowTooLong, rule };
            return Row { number, place, content: Err(vec![fault]) };
        }
        let Reading { record_id, claims } = self.columns.reading(cells);
        let first = record_id.as_deref().and_then(|name| self.first_row(name, number));
        let content = match (record_id, claims, first) {
            (Some(record_id), Ok(claims), None) => Ok((record_id, claims)),
            (_, claims, first) => {
                let mut faults = match claims {
                    Ok(mut claims) => {
                        record::wipe(&mut claims);
                        Vec::new()
                    }
                    Err(faults) => faults,
                };
                faults.extend(first.map(|first| Fault {
                    column: Some(RECORD_ID.to_owned()),
                    fault: RowFault::Duplicate,
                    rule: format!("{RECORD_ID} must be new in its file; row {first} has it"),
                }));
                Err(faults)
            }
        };
        Row { number, place, content }
    }

    /// Remembers the name of a row that was stored before.
    pub(super) fn pass_over(&mut self, number: u64, place: Place, cells: &ByteRecord) {
        if place.bytes <= self.limits.row_bytes as u64
            && let Some(record_id) = self.columns.record_id(cells)
        {
            self.first_row(record_id, number);
        }
    }

    /// The earlier row of this file that has the same record identifier, if there is one.
    fn first_row(&mut self, record_id: &str, number: u64) -> Option<u64> {
        match self.seen.entry(record::row_id(self.vault, &self.schema, record_id)) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(vacant) => {
                vacant.insert(number);
                None
            }
        }
    }
}
