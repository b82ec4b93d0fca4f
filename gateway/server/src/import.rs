//! Import of source records from CSV: good rows go to the vault, bad ones are named, and a crash loses
//! neither the place nor a row.
//!
//! A file is read twice. The first pass ([`Imports::prepare`]) stores nothing: it checks the bounds and the
//! header, counts the rows, and hashes the bytes. The job's identifier is a keyed hash of that digest and
//! the schema, so sending the same file again finds the same job. The second pass ([`Import::run`]) stores
//! rows chunk by chunk; a chunk's records, its issues and the count of rows done are one atomic write. After
//! a crash the same file goes on where the count stands; rows before it are only read, for their names.
//! The audit log says who began or resumed it before any row is stored, and that it is done with the last one.
//!
//! Within a file a record identifier may appear once. A record that is in the vault with the same claims is
//! left alone; with other claims it is a conflict.
//!
//! Absent on purpose: the uploaded file is never written to the disk, because it is plaintext.

mod error;
mod intake;
mod job;
mod row;
mod source;
mod store;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use csv::ByteRecord;
use did_registry::{Digest, Schema, SchemaError};
use tokio::sync::watch;

pub use error::{ImportError, Issue, RowFault};
pub use job::{ImportLimits, JOBS, Job, JobState};

use crate::audit::{self, Actor, Subject};
use crate::clock::Clock;
use crate::vault::{Column, RowId, Vault, VaultError};
use intake::Intake;
use job::ISSUES;
use row::Columns;
use source::Source;
use store::Store;

/// The column that names records; every file has it, and no schema may.
pub const RECORD_ID: &str = "record_id";
/// What an import is in the audit log.
const OPERATION: &str = "records.import";
/// Bytes of rows that are written together at most.
const CHUNK_BYTES: u64 = 4 << 20;

/// The imports of one vault.
#[derive(Debug)]
pub struct Imports {
    vault: Arc<Vault>,
    clock: Clock,
    limits: ImportLimits,
    running: Mutex<HashMap<RowId, watch::Receiver<Job>>>,
}

impl Imports {
    /// Imports into `vault`.
    pub fn new(vault: Arc<Vault>, clock: Clock, limits: ImportLimits) -> Arc<Self> {
        Arc::new(Self { vault, clock, limits, running: Mutex::default() })
    }

    /// First pass: checks bounds and header, and claims the job for operator `by`. Reads the whole source, so it
    /// blocks.
    ///
    /// # Errors
    /// [`ImportError`]; nothing has been stored then.
    pub fn prepare<R: Read + Seek>(
        self: &Arc<Self>,
        by: &str,
        schema: &Schema,
        mut source: R,
    ) -> Result<Import<R>, ImportError> {
        schema.check()?;
        if schema.claims.contains_key(RECORD_ID) {
            return Err(SchemaError::Senseless(format!(
                "no claim of an imported record is named {RECORD_ID}"
            ))
            .into());
        }
        source.seek(SeekFrom::Start(0)).map_err(ImportError::Unreadable)?;
        let mut rows = Source::new(&mut source, self.limits);
        let mut cells = ByteRecord::new();
        rows.next(&mut cells)?.ok_or(ImportError::NoHeader)?;
        Columns::read(schema, &cells)?;
        let mut rows_total = 0;
        while rows.next(&mut cells)?.is_some() {
            rows_total += 1;
        }
        let (digest, bytes_total) = rows.finish();
        // Keyed: the plain hash of a short file would let a reader of the address guess its content.
        let id = self.vault.index(Column::Imports, &[digest.as_bytes(), schema.id().as_bytes()]);
        let now = self.clock.now();
        let mut running = self.running();
        if running.contains_key(&id) {
            return Err(ImportError::Running);
        }
        let actor = Actor::Operator(by.to_owned());
        let job = self.vault.write(|batch| {
            let known = batch.get(JOBS, &id)?;
            let job = known.unwrap_or_else(|| Job::new(schema.id(), rows_total, bytes_total, now));
            if job.state == JobState::Unfinished {
                batch.put(JOBS, &id, &job)?;
                audit::append(batch, now, actor.clone(), OPERATION, vec![Subject::Row(id)], "begun")?;
            }
            Ok::<_, VaultError>(job)
        })?;
        let (progress, seen) = watch::channel(job);
        running.insert(id, seen);
        drop(running);
        Ok(Import { imports: Arc::clone(self), schema: schema.clone(), source, digest, id, actor, progress })
    }

    /// A job, running or not.
    ///
    /// # Errors
    /// The vault's.
    pub fn job(&self, id: &RowId) -> Result<Option<Job>, ImportError> {
        Ok(self.vault.get(JOBS, id)?)
    }

    /// Follows a running job; none if it does not run now.
    pub fn watch(&self, id: &RowId) -> Option<watch::Receiver<Job>> {
        self.running().get(id).cloned()
    }

    /// At most `limit` (and never over 4,096) issues of a job, from number `from` on, in the file's order.
    ///
    /// # Errors
    /// The vault's.
    pub fn issues(&self, id: &RowId, from: u64, limit: usize) -> Result<Vec<Issue>, ImportError> {
        let issues = self.vault.members(ISSUES, id, from, limit)?;
        Ok(issues.into_iter().map(|(_, issue)| issue).collect())
    }

    fn running(&self) -> MutexGuard<'_, HashMap<RowId, watch::Receiver<Job>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that passed the first pass. Its job counts as running until this is dropped.
#[derive(Debug)]
pub struct Import<R> {
    imports: Arc<Imports>,
    schema: Schema,
    source: R,
    digest: Digest,
    id: RowId,
    actor: Actor,
    progress: watch::Sender<Job>,
}

impl<R> Import<R> {
    /// The job's identifier.
    pub fn id(&self) -> RowId {
        self.id
    }

    /// How far it has come.
    pub fn job(&self) -> Job {
        *self.progress.borrow()
    }
}

impl<R: Read + Seek> Import<R> {
    /// Second pass: stores the rows that are left, and returns how far it came. Blocks.
    ///
    /// `proceed` is asked after each stored chunk; on false the job rests until the same file comes again.
    ///
    /// # Errors
    /// [`ImportError`]; chunks stored before it stay stored and counted.
    pub fn run(mut self, mut proceed: impl FnMut(&Job) -> bool) -> Result<Job, ImportError> {
        let mut job = self.job();
        if job.state == JobState::Finished {
            return Ok(job);
        }
        self.source.seek(SeekFrom::Start(0)).map_err(ImportError::Unreadable)?;
        let store = Store::new(&self.imports.vault, &self.imports.clock, self.id, job.schema);
        let mut rows = Source::new(&mut self.source, self.imports.limits);
        let mut cells = ByteRecord::new();
        rows.next(&mut cells)?.ok_or(ImportError::SourceChanged)?;
        let columns = Columns::read(&self.schema, &cells).map_err(|_| ImportError::SourceChanged)?;
        let mut intake = Intake::new(&self.imports.vault, self.imports.limits, job.schema, columns);
        let mut chunk = Vec::new();
        let mut chunk_bytes = 0;
        let mut number = 0;
        while let Some(place) = rows.next(&mut cells)? {
            number += 1;
            if number <= job.rows_done {
                intake.pass_over(number, place, &cells);
                continue;
            }
            chunk.push(intake.row(number, place, &cells));
            chunk_bytes += place.bytes;
            if chunk.len() >= self.imports.limits.chunk_rows || chunk_bytes >= CHUNK_BYTES {
                job = store.rows(&mut chunk)?;
                chunk_bytes = 0;
                self.progress.send_replace(job);
                if !proceed(&job) {
                    return Ok(job);
                }
            }
        }
        if rows.finish() != (self.digest, job.bytes_total) {
            return Err(ImportError::SourceChanged);
        }
        job = store.last_rows(&mut chunk, &self.actor)?;
        self.progress.send_replace(job);
        proceed(&job);
        Ok(job)
    }
}

impl<R> Drop for Import<R> {
    fn drop(&mut self) {
        self.imports.running().remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
