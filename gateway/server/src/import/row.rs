//! One row against the schema.

use csv::ByteRecord;
use did_registry::{Schema, SchemaError};
use serde_json::{Map, Value};

use super::{ImportError, RECORD_ID, RowFault};
use crate::record;

/// Longest record identifier, in characters.
const RECORD_ID_CHARACTERS: usize = 128;

/// The header: what each column holds.
pub(super) struct Columns<'s> {
    schema: &'s Schema,
    /// Claim names, [`RECORD_ID`] among them, in the file's order.
    names: Vec<&'s str>,
}

/// A fault without its place in the file.
pub(super) struct Fault {
    pub(super) column: Option<String>,
    pub(super) fault: RowFault,
    pub(super) rule: String,
}

/// What a row says, once read.
pub(super) struct Reading {
    /// Given even when the row has faults, so that a second row of that name is noticed.
    pub(super) record_id: Option<String>,
    pub(super) claims: Result<Map<String, Value>, Vec<Fault>>,
}

impl<'s> Columns<'s> {
    /// Accepts a header that names `record_id`, every required claim, and nothing twice or unknown.
    pub(super) fn read(schema: &'s Schema, header: &ByteRecord) -> Result<Self, ImportError> {
        let mut names = Vec::with_capacity(header.len().min(schema.claims.len() + 1));
        for (index, cell) in header.iter().enumerate() {
            let column = index + 1;
            let text = std::str::from_utf8(cell).map_err(|_| ImportError::UnknownColumn { column })?;
            let claim = schema.claims.get_key_value(text).map(|(name, _)| name.as_str());
            let name = claim.or((text == RECORD_ID).then_some(RECORD_ID));
            let name = name.ok_or(ImportError::UnknownColumn { column })?;
            if names.contains(&name) {
                return Err(ImportError::RepeatedColumn { column });
            }
            names.push(name);
        }
        let required = schema.claims.iter().filter(|(_, spec)| spec.required).map(|(name, _)| name.as_str());
        if let Some(missing) = [RECORD_ID].into_iter().chain(required).find(|name| !names.contains(name)) {
            return Err(ImportError::MissingColumn(missing.to_owned()));
        }
        Ok(Self { schema, names })
    }

    /// Reads a row and names everything that is wrong with it.
    pub(super) fn reading(&self, cells: &ByteRecord) -> Reading {
        if cells.len() != self.names.len() {
            let rule = format!("a row has {} cells, as the header has", self.names.len());
            return Reading {
                record_id: None,
                claims: Err(vec![Fault { column: None, fault: RowFault::CellCount, rule }]),
            };
        }
        let mut faults = Vec::new();
        let mut claims_read = Map::new();
        for (name, cell) in self.names.iter().zip(cells.iter()) {
            let Ok(text) = std::str::from_utf8(cell) else {
                faults.push(fault(name, RowFault::NotUtf8, "UTF-8 text"));
                continue;
            };
            if *name == RECORD_ID {
                if !is_record_id(text) {
                    let rule = format!(
                        "1 to {RECORD_ID_CHARACTERS} characters without control characters or outer white space"
                    );
                    faults.push(fault(name, RowFault::RecordId, &rule));
                }
            } else if let (false, Some(spec)) = (text.is_empty(), self.schema.claims.get(*name)) {
                claims_read.insert((*name).to_owned(), spec.kind.value_of_text(text));
            }
        }
        let claims = match self.schema.check_full(&claims_read) {
            Ok(checked) if faults.is_empty() => Ok(checked.to_json()),
            Ok(_) => Err(faults),
            Err(_) => {
                self.explain(&claims_read, &mut faults);
                Err(faults)
            }
        };
        record::wipe(&mut claims_read);
        Reading { record_id: self.record_id(cells).map(str::to_owned), claims }
    }

    /// The name of a row's record, if it has one.
    pub(super) fn record_id<'c>(&self, cells: &'c ByteRecord) -> Option<&'c str> {
        let column = self.names.iter().position(|name| *name == RECORD_ID)?;
        let cell = cells.get(column).filter(|_| cells.len() == self.names.len())?;
        std::str::from_utf8(cell).ok().filter(|text| is_record_id(text))
    }

    /// The schema names its first fault; a clerk who corrects a file wants them all.
    fn explain(&self, claims: &Map<String, Value>, faults: &mut Vec<Fault>) {
        for (name, spec) in &self.schema.claims {
            // A cell that is no UTF-8 has been named, and is not missing as well.
            let named = faults.iter().any(|fault| fault.column.as_deref() == Some(name));
            match claims.get(name) {
                None if spec.required && !named => faults.push(fault(name, RowFault::Missing, "present")),
                None => {}
                Some(value) => {
                    let mut single: Map<String, Value> =
                        [(name.clone(), value.clone())].into_iter().collect();
                    if let Err(SchemaError::BadValue { rule, .. }) = self.schema.check_partial(&single) {
                        faults.push(fault(name, RowFault::BadValue, &rule));
                    }
                    record::wipe(&mut single);
                }
            }
        }
    }
}

fn fault(column: &str, fault: RowFault, rule: &str) -> Fault {
    Fault { column: Some(column.to_owned()), fault, rule: format!("{column} must be {rule}") }
}

fn is_record_id(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= RECORD_ID_CHARACTERS
        && !text.chars().any(char::is_control)
}
