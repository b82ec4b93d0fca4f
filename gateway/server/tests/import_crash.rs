//! kill -9 during an import: a real process, killed at chosen chunks, and the same file goes on.
//!
//! The process under fire is this test program itself, started again with `CAUSEWAY_IMPORT_DIRECTORY` set. It
//! says a line after each chunk and waits for one back, so the killing needs no clock.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use did_registry::{ClaimKind, ClaimSpec, CredentialType, Schema, Timestamp};
use gateway::audit;
use gateway::clock::Clock;
use gateway::import::{ImportLimits, Imports, Job, JobState};
use gateway::record::{RECORDS, row_id};
use gateway::vault::{Column, Kek, Vault};

const DIRECTORY: &str = "CAUSEWAY_IMPORT_DIRECTORY";
const ROWS: u64 = 4_000;
const CHUNK: usize = 100;

fn schema() -> Schema {
    let name = ClaimSpec { kind: ClaimKind::Text { max: 60 }, required: true };
    let day = ClaimSpec { kind: ClaimKind::Date, required: true };
    let claims = [("name".to_owned(), name), ("day".to_owned(), day)].into();
    Schema { credential_type: CredentialType::new("HealthTest").unwrap(), version: 1, claims }
}

fn name_of(row: u64) -> String {
    format!("{} {row}", if row.is_multiple_of(2) { "王小明" } else { "Inês Araújo" })
}

/// Rows 7, 107, 207, … have no valid day.
fn make_office(directory: &Path) {
    Kek::generate().save(&directory.join("kek")).unwrap();
    let mut file = File::create(directory.join("records.csv")).unwrap();
    writeln!(file, "record_id,name,day").unwrap();
    for row in 0..ROWS {
        let day = if row % 100 == 7 { "soon" } else { "2021-06-01" };
        writeln!(file, "P{row},{},{day}", name_of(row)).unwrap();
    }
}

fn open(directory: &Path) -> (Arc<Vault>, Arc<Imports>) {
    let kek = Kek::load(&directory.join("kek")).unwrap();
    let vault = Arc::new(Vault::open(&directory.join("vault"), kek).unwrap());
    let limits = ImportLimits { file_bytes: 1 << 20, row_bytes: 1 << 10, rows: 10_000, chunk_rows: CHUNK };
    (Arc::clone(&vault), Imports::new(vault, Clock::fixed(Timestamp::default()), limits))
}

fn import(directory: &Path, proceed: impl FnMut(&Job) -> bool) -> (Arc<Vault>, Job) {
    let (vault, imports) = open(directory);
    let source = File::open(directory.join("records.csv")).unwrap();
    let job = imports.prepare("clerk", &schema(), source).unwrap().run(proceed).unwrap();
    (vault, job)
}

/// Everything is there once: each good row with its own claims, each bad row as one issue.
fn assert_whole(vault: &Vault, job: &Job) {
    assert_eq!((job.state, job.rows_done, job.stored), (JobState::Finished, ROWS, ROWS - ROWS / 100));
    assert_eq!((job.unchanged, job.refused, job.issues), (0, ROWS / 100, ROWS / 100));
    assert_eq!(vault.count(Column::Records).unwrap(), job.stored);
    assert_eq!(vault.count(Column::ImportIssues).unwrap(), job.issues);
    for row in 0..ROWS {
        let record = vault.get(RECORDS, &row_id(vault, &schema().id(), &format!("P{row}"))).unwrap();
        let name =
            record.as_ref().and_then(|record| record.claims.get("name")).and_then(|name| name.as_str());
        assert_eq!(name, (row % 100 != 7).then(|| name_of(row)).as_deref(), "row {row}");
    }
}

/// What the audit log says.
fn outcomes(vault: &Vault) -> Vec<String> {
    audit::entries(vault, 1, 100).unwrap().into_iter().map(|entry| entry.outcome).collect()
}

/// A test of its own, and the program that the other test kills.
#[test]
fn an_import_that_nobody_disturbs_is_whole() {
    if let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) {
        let mut answers = std::io::stdin().lines();
        let (_, job) = import(&directory, |job| {
            say(job.rows_done);
            answers.next().is_some_and(|answer| answer.is_ok())
        });
        assert_eq!(job.rows_done, ROWS, "the other side went away early");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    make_office(directory.path());
    let (vault, job) = import(directory.path(), |_| true);
    assert_whole(&vault, &job);
}

/// Past the test harness, which holds back what `println!` says.
fn say(rows: u64) {
    let mut out = std::io::stdout();
    writeln!(out, "rows {rows}").and_then(|()| out.flush()).unwrap();
}

struct Importer {
    process: Child,
    answers: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Importer {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "an_import_that_nobody_disturbs_is_whole", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = process.stdin.take().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers, said }
    }

    /// The rows done that it says next; none when it has ended.
    fn next(&mut self) -> Option<u64> {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            // The harness shares the line with us: "test … ... rows 100".
            if let Some((_, rows)) = line.trim_end().rsplit_once("rows ") {
                return Some(rows.parse().unwrap());
            }
            line.clear();
        }
        None
    }

    fn go_on(&mut self) {
        writeln!(self.answers).unwrap();
    }

    /// SIGKILL: no destructor runs, no buffer is flushed.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Importer {
    fn drop(&mut self) {
        // A failing assertion must leave no process behind; one that has ended already is no error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_killed_import_goes_on_with_nothing_lost_or_doubled() {
    let directory = tempfile::tempdir().unwrap();
    make_office(directory.path());
    let mut acknowledged = 0;
    let mut begun = Vec::new();
    for chunks in [1, 3, 1, 7, 2, 12] {
        let mut importer = Importer::start(directory.path());
        for chunk in 0..chunks {
            let rows = importer.next().unwrap();
            assert!(rows >= acknowledged + CHUNK as u64, "chunk {chunk} repeats rows that were done");
            acknowledged = rows;
            importer.go_on();
        }
        // It is at work on the next chunk now, somewhere between reading and syncing.
        importer.kill();
        let (vault, imports) = open(directory.path());
        let jobs = vault.page(gateway::import::JOBS, None, 10).unwrap();
        let [(id, job)] = jobs.as_slice() else { unreachable!("one file is one job, found {}", jobs.len()) };
        assert!(job.rows_done >= acknowledged, "an acknowledged chunk was lost");
        assert!(job.rows_done.is_multiple_of(CHUNK as u64), "half a chunk is visible");
        assert_eq!(vault.count(Column::Records).unwrap(), job.stored, "records and count disagree");
        assert_eq!(imports.issues(id, 0, 4096).unwrap().len() as u64, job.issues);
        acknowledged = job.rows_done;
        begun.push("begun".to_owned());
        assert_eq!(outcomes(&vault), begun, "no row is stored before its import is noted");
    }
    assert!(acknowledged < ROWS, "every killing was in the middle");
    let (vault, job) = import(directory.path(), |_| true);
    assert_whole(&vault, &job);
    begun.extend(["begun".to_owned(), "done".to_owned()]);
    assert_eq!(outcomes(&vault), begun);
    audit::verify_chain(&vault, None).unwrap();
}
