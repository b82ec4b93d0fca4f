//! Rows into the vault: one atomic write per chunk.

use did_registry::{Digest, Timestamp};
use serde_json::{Map, Value};

use super::job::ISSUES;
use super::row::Fault;
use super::source::Place;
use super::{Issue, JOBS, Job, JobState, OPERATION, RECORD_ID, RowFault};
use crate::audit::{self, Actor, Subject};
use crate::clock::Clock;
use crate::record::{self, RECORDS, Record, RecordStatus};
use crate::vault::{Batch, Column, RowId, Vault, VaultError};

/// Issues kept of one file; the rest is only counted.
const ISSUES_KEPT: u64 = 10_000;

/// A row, read.
pub(super) struct Row {
    /// From 1, without the header.
    pub(super) number: u64,
    pub(super) place: Place,
    /// Its record's name and claims, or what is wrong with it.
    pub(super) content: Result<(String, Map<String, Value>), Vec<Fault>>,
}

/// Where the rows of one job go.
pub(super) struct Store<'i> {
    vault: &'i Vault,
    clock: &'i Clock,
    id: RowId,
    schema: Digest,
}

impl<'i> Store<'i> {
    pub(super) fn new(vault: &'i Vault, clock: &'i Clock, id: RowId, schema: Digest) -> Self {
        Self { vault, clock, id, schema }
    }

    /// Stores some rows.
    pub(super) fn rows(&self, rows: &mut Vec<Row>) -> Result<Job, VaultError> {
        self.write(rows, None)
    }

    /// Stores the rows that are left, and ends the job that `actor` saw to.
    pub(super) fn last_rows(&self, rows: &mut Vec<Row>, actor: &Actor) -> Result<Job, VaultError> {
        self.write(rows, Some(actor))
    }

    /// One atomic write: records, issues, how far the job has come, and, with the last, who saw to it.
    fn write(&self, rows: &mut Vec<Row>, last: Option<&Actor>) -> Result<Job, VaultError> {
        let now = self.clock.now();
        self.vault.write(|batch| {
            let mut job = batch
                .get(JOBS, &self.id)?
                .ok_or(VaultError::RowShape { column: Column::Imports, row: self.id })?;
            for row in rows.drain(..) {
                job.rows_done = row.number;
                job.bytes_done = row.place.end;
                self.row(batch, &mut job, row, now)?;
            }
            job.updated = now;
            if let Some(actor) = last {
                job.state = JobState::Finished;
                job.bytes_done = job.bytes_total;
                let subjects = vec![Subject::Row(self.id), Subject::Number(job.stored)];
                audit::append(batch, now, actor.clone(), OPERATION, subjects, "done")?;
            }
            batch.put(JOBS, &self.id, &job)?;
            Ok(job)
        })
    }

    fn row(&self, batch: &mut Batch<'_>, job: &mut Job, row: Row, now: Timestamp) -> Result<(), VaultError> {
        let faults = match row.content {
            Ok((record_id, claims)) => {
                let id = record::row_id(batch.vault(), &self.schema, &record_id);
                let record = Record {
                    record_id,
                    schema: self.schema,
                    claims,
                    status: RecordStatus::Imported,
                    job: self.id,
                    imported: now,
                };
                match batch.get(RECORDS, &id)? {
                    None => {
                        batch.put(RECORDS, &id, &record)?;
                        job.stored += 1;
                        return Ok(());
                    }
                    Some(known) if known.claims == record.claims => {
                        job.unchanged += 1;
                        return Ok(());
                    }
                    Some(_) => vec![Fault {
                        column: Some(RECORD_ID.to_owned()),
                        fault: RowFault::Conflict,
                        rule: "a record that is stored keeps its claims, and these differ".to_owned(),
                    }],
                }
            }
            Err(faults) => faults,
        };
        job.refused += 1;
        for Fault { column, fault, rule } in faults {
            if job.issues < ISSUES_KEPT {
                let issue = Issue { row: row.number, line: row.place.line, column, fault, rule };
                batch.put(ISSUES, &RowId::member(&self.id, job.issues), &issue)?;
            }
            job.issues += 1;
        }
        Ok(())
    }
}
