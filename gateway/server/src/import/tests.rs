use std::io::Cursor;

use did_registry::{ClaimKind, ClaimSpec, CredentialType, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value, json};

use super::*;
use crate::record::{RECORDS, RecordStatus, row_id};
use crate::vault::Kek;

fn schema() -> Schema {
    let spec = |kind, required| ClaimSpec { kind, required };
    let codes = ["negative", "positive"].map(str::to_owned).into();
    let claims = [
        ("family_name", spec(ClaimKind::Text { max: 40 }, true)),
        ("given_name", spec(ClaimKind::Text { max: 40 }, false)),
        ("birth_date", spec(ClaimKind::Date, true)),
        ("result", spec(ClaimKind::Code { of: codes }, true)),
        ("doses", spec(ClaimKind::Integer { min: 0, max: 9 }, false)),
        ("resident", spec(ClaimKind::Boolean, false)),
    ];
    let claims = claims.map(|(name, spec)| (name.to_owned(), spec)).into();
    Schema { credential_type: CredentialType::new("HealthTest").unwrap(), version: 1, claims }
}

const HEADER: &str = "record_id,family_name,given_name,birth_date,result,doses,resident\n";

const LIMITS: ImportLimits =
    ImportLimits { file_bytes: 1 << 20, row_bytes: 1024, rows: 5_000, chunk_rows: 50 };

struct Office {
    _directory: tempfile::TempDir,
    vault: Arc<Vault>,
    imports: Arc<Imports>,
}

fn office_with(limits: ImportLimits) -> Office {
    let directory = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(directory.path(), Kek::generate()).unwrap());
    let clock = Clock::fixed(Timestamp::from_seconds(1_622_505_600).unwrap());
    let imports = Imports::new(Arc::clone(&vault), clock, limits);
    Office { _directory: directory, vault, imports }
}

fn office() -> Office {
    office_with(LIMITS)
}

impl Office {
    fn prepare(&self, file: &[u8]) -> Result<Import<Cursor<Vec<u8>>>, ImportError> {
        self.imports.prepare("clerk", &schema(), Cursor::new(file.to_vec()))
    }

    fn import(&self, file: &[u8]) -> (RowId, Job) {
        let import = self.prepare(file).unwrap();
        (import.id(), import.run(|_| true).unwrap())
    }

    fn claims(&self, record_id: &str) -> Option<Map<String, Value>> {
        let record = self.vault.get(RECORDS, &row_id(&self.vault, &schema().id(), record_id)).unwrap()?;
        assert_eq!((record.record_id.as_str(), record.status), (record_id, RecordStatus::Imported));
        Some(record.claims.clone())
    }

    fn faults(&self, file: &str) -> Vec<(u64, u64, Option<String>, RowFault)> {
        let (id, job) = self.import(file.as_bytes());
        let issues = self.imports.issues(&id, 0, 4096).unwrap();
        assert_eq!(job.issues, issues.len() as u64);
        issues.into_iter().map(|issue| (issue.row, issue.line, issue.column, issue.fault)).collect()
    }
}

/// A file of `rows` good rows, seeded.
fn population(seed: u64, rows: usize) -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut file = HEADER.to_owned();
    for row in 0..rows {
        let family = ["王", "李", "da Conceição", "Araújo", "\"Sousa, filho\""][rng.gen_range(0..5)];
        let given = ["小明", "Inês", "João", "美玲"][rng.gen_range(0..4)];
        let result = ["negative", "positive"][rng.gen_range(0..2)];
        let (year, day, doses) = (rng.gen_range(1930..2020), rng.gen_range(1..29), rng.gen_range(0..4));
        file += &format!(
            "R{row:06},{family},{given},{year}-03-{day:02},{result},{doses},{}\n",
            rng.r#gen::<bool>()
        );
    }
    file
}

#[test]
fn good_rows_become_records_with_their_names_intact() {
    let office = office();
    let file = "\u{feff}record_id,result,birth_date,family_name,given_name,doses,resident\r\n\
        A-1,negative,1990-02-17,da Conceição,João,2,true\r\n\
        A-2,positive,1985-11-30,王,小明,,\r\n\
        A-3,negative,2001-01-01,\"Sousa, \"\"o velho\"\"\",,0,false\r\n";
    let (id, job) = office.import(file.as_bytes());
    assert_eq!((job.state, job.rows_total, job.rows_done, job.stored), (JobState::Finished, 3, 3, 3));
    assert_eq!((job.unchanged, job.refused, job.issues), (0, 0, 0));
    assert_eq!((job.bytes_done, job.bytes_total), (file.len() as u64, file.len() as u64));
    assert_eq!(office.imports.job(&id).unwrap(), Some(job));
    let expected = json!({"family_name": "da Conceição", "given_name": "João", "birth_date": "1990-02-17",
        "result": "negative", "doses": 2, "resident": true});
    assert_eq!(office.claims("A-1").map(Value::Object), Some(expected));
    let expected =
        json!({"family_name": "王", "given_name": "小明", "birth_date": "1985-11-30", "result": "positive"});
    assert_eq!(office.claims("A-2").map(Value::Object), Some(expected), "an empty cell is an absent claim");
    assert_eq!(office.claims("A-3").unwrap()["family_name"], "Sousa, \"o velho\"");
    assert_eq!(office.claims("A-4"), None);
}

#[test]
fn a_byte_order_mark_is_recognised_however_the_bytes_arrive() {
    struct Drip(Cursor<Vec<u8>>);
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }
    impl Seek for Drip {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let office = office();
    let file = format!("\u{feff}{}", population(1, 3));
    let import = office.imports.prepare("clerk", &schema(), Drip(Cursor::new(file.into_bytes()))).unwrap();
    assert_eq!(import.run(|_| true).unwrap().stored, 3);
}

#[test]
fn bad_rows_are_named_with_every_fault_and_good_ones_stored() {
    let office = office();
    let file = format!(
        "{HEADER}\
        B-1,王,,1990-02-17,negative,,\n\
        B-2,,,1990-02-30,maybe,10,yes\n\
        B-3,Araújo,,1990-02-17\n\
        ,Araújo,,1990-02-17,negative,,\n\
        \" B-5\",Araújo,,1990-02-17,negative,,\n\
        B-1,李,,1970-01-01,positive,,\n\
        B-2,李,,1970-01-01,positive,,\n\
        \"B\n8\",Araújo,,1990-02-17,negative,,\n\
        B-9,=1+1,,1990-02-17,negative,,\n"
    );
    let column = |name: &str| Some(name.to_owned());
    let expected = [
        (2, 3, column("birth_date"), RowFault::BadValue),
        (2, 3, column("doses"), RowFault::BadValue),
        (2, 3, column("family_name"), RowFault::Missing),
        (2, 3, column("resident"), RowFault::BadValue),
        (2, 3, column("result"), RowFault::BadValue),
        (3, 4, None, RowFault::CellCount),
        (4, 5, column("record_id"), RowFault::RecordId),
        (5, 6, column("record_id"), RowFault::RecordId),
        (6, 7, column("record_id"), RowFault::Duplicate),
        (7, 8, column("record_id"), RowFault::Duplicate),
        (8, 9, column("record_id"), RowFault::RecordId),
    ];
    assert_eq!(office.faults(&file), expected);
    assert_eq!(office.vault.count(Column::Records).unwrap(), 2);
    assert_eq!(office.claims("B-1").unwrap()["family_name"], "王", "the first of a name, not the last");
    assert!(office.claims("B-9").is_some(), "a cell that a spreadsheet would compute is text here");
}

#[test]
fn what_is_said_of_a_row_never_repeats_its_values() {
    let office = office();
    let file = format!("{HEADER}DOC-8812734,\u{7}Wang,Wei\u{1},1990-02-31,inconclusive,7777,perhaps\n");
    let (id, job) = office.import(file.as_bytes());
    assert_eq!((job.stored, job.refused), (0, 1));
    let issues = office.imports.issues(&id, 0, 10).unwrap();
    assert_eq!(issues.len(), 6);
    let said = format!("{issues:?} {}", serde_json::to_string(&issues).unwrap());
    for value in ["DOC-8812734", "Wang", "Wei", "1990", "inconclusive", "7777", "perhaps"] {
        assert!(!said.contains(value), "{value} in {said}");
    }
    let rules: Vec<&str> = issues.iter().map(|issue| issue.rule.as_str()).collect();
    assert!(rules.contains(&"result must be one of negative, positive"), "{rules:?}");
}

#[test]
fn bytes_that_are_no_text_are_a_fault_of_their_cell() {
    let office = office();
    let mut file = HEADER.as_bytes().to_vec();
    file.extend(b"C-1,\xb8\xe1,,1990-02-17,negative,,\n\xff,Lei,,1990-02-17,negative,,\nC-3,Lei,,1990-02-17,negative,,\n");
    let (id, job) = office.import(&file);
    assert_eq!((job.stored, job.refused), (1, 2));
    let issues = office.imports.issues(&id, 0, 10).unwrap();
    let faults: Vec<_> =
        issues.iter().map(|issue| (issue.row, issue.column.as_deref(), issue.fault)).collect();
    assert_eq!(
        faults,
        [(1, Some("family_name"), RowFault::NotUtf8), (2, Some("record_id"), RowFault::NotUtf8)]
    );
}

#[test]
fn a_header_that_does_not_fit_is_refused_before_anything_is_stored() {
    let office = office();
    let refused = |header: &str| {
        let error = office.prepare(format!("{header}\nD-1,a,b\n").as_bytes()).expect_err(header);
        assert!(!error.to_string().contains("Wang"), "{error}");
        error
    };
    assert!(matches!(office.prepare(b""), Err(ImportError::NoHeader)));
    assert!(matches!(refused("record_id,family_name,Wang Wei"), ImportError::UnknownColumn { column: 3 }));
    assert!(matches!(refused("Record_ID,family_name"), ImportError::UnknownColumn { column: 1 }));
    assert!(matches!(
        refused("record_id,family_name,family_name"),
        ImportError::RepeatedColumn { column: 3 }
    ));
    assert!(matches!(refused("record_id,record_id"), ImportError::RepeatedColumn { column: 2 }));
    assert!(
        matches!(refused("family_name,birth_date,result"), ImportError::MissingColumn(name) if name == "record_id")
    );
    assert!(
        matches!(refused("record_id,family_name,birth_date"), ImportError::MissingColumn(name) if name == "result")
    );
    assert!(matches!(office.prepare(b"\xff\xfe,a\n"), Err(ImportError::UnknownColumn { column: 1 })));
    for column in [Column::Records, Column::Imports, Column::ImportIssues] {
        assert_eq!(office.vault.count(column).unwrap(), 0);
    }
    let mut odd = schema();
    odd.claims.insert(RECORD_ID.into(), ClaimSpec { kind: ClaimKind::Date, required: false });
    let error = office.imports.prepare("clerk", &odd, Cursor::new(HEADER.as_bytes())).unwrap_err();
    assert!(matches!(error, ImportError::Schema(SchemaError::Senseless(_))));
}

#[test]
fn every_bound_holds() {
    let limits = ImportLimits { file_bytes: 400_000, row_bytes: 200, rows: 10, chunk_rows: 3 };
    let office = office_with(limits);
    let row = |number: usize, name: &str| format!("E-{number},{name},,1990-02-17,negative,,\n");
    let rows =
        |count: usize| HEADER.to_owned() + &(0..count).map(|number| row(number, "Lei")).collect::<String>();
    assert_eq!(office.import(rows(10).as_bytes()).1.stored, 10);
    assert!(matches!(office.prepare(rows(11).as_bytes()), Err(ImportError::TooManyRows { limit: 10 })));
    let short = office_with(ImportLimits { file_bytes: 350, ..limits });
    assert!(matches!(short.prepare(rows(10).as_bytes()), Err(ImportError::FileTooLarge { limit: 350 })));
    assert_eq!(short.import(rows(9).as_bytes()).1.stored, 9);
    for filler in [" ", "\n"] {
        let large = rows(2) + &filler.repeat(200_000);
        let refused = office.prepare(large.as_bytes());
        assert!(matches!(refused, Err(ImportError::RowWithoutEnd { limit: 200, line: 4 })), "{filler:?}");
    }
    // A quotation mark that is never closed would take the rest of the file into one cell.
    let open = rows(2) + "E-2,\"Lei,,1990-02-17,negative,,\n" + &row(3, "Lei").repeat(5_000);
    assert!(matches!(
        office.prepare(open.as_bytes()),
        Err(ImportError::RowWithoutEnd { limit: 200, line: 4 })
    ));
    // A row that is too long and ends is a fault of that row alone.
    let long = HEADER.to_owned() + &row(20, &"a".repeat(300)) + &row(21, "Lei");
    let (id, job) = office.import(long.as_bytes());
    assert_eq!((job.stored, job.refused), (1, 1));
    assert_eq!(office.imports.issues(&id, 0, 10).unwrap()[0].fault, RowFault::RowTooLong);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let office = office();
    let file = population(7, 120) + "R000119,x,,bad,negative,,\n";
    let (first, job) = office.import(file.as_bytes());
    assert_eq!((job.stored, job.refused, job.issues), (120, 1, 2));
    let (second, again) = office.import(file.as_bytes());
    assert_eq!((first, job), (second, again));
    assert_eq!(office.vault.count(Column::Records).unwrap(), 120);
    assert_eq!(office.vault.count(Column::ImportIssues).unwrap(), 2);
}

#[test]
fn a_record_that_is_known_is_left_alone_and_a_different_one_refused() {
    let office = office();
    let row = |id: &str, doses: &str| format!("{id},王,,1990-02-17,negative,{doses},\n");
    office.import((HEADER.to_owned() + &row("F-1", "1") + &row("F-2", "1")).as_bytes());
    let known = row_id(&office.vault, &schema().id(), "F-1");
    let mark = |batch: &mut crate::vault::Batch<'_>| {
        let mut record = batch.get(RECORDS, &known)?.unwrap();
        record.status = RecordStatus::Issued;
        batch.put(RECORDS, &known, &record)
    };
    office.vault.write(mark).unwrap();
    let (id, job) = office
        .import((HEADER.to_owned() + &row("F-1", "1") + &row("F-2", "2") + &row("F-3", "1")).as_bytes());
    assert_eq!((job.stored, job.unchanged, job.refused), (1, 1, 1));
    let issue = &office.imports.issues(&id, 0, 10).unwrap()[0];
    assert_eq!((issue.row, issue.fault), (2, RowFault::Conflict));
    assert_eq!(office.claims("F-2").unwrap()["doses"], 1, "the stored record keeps its claims");
    let record = office.vault.get(RECORDS, &known).unwrap().unwrap();
    assert_eq!(record.status, RecordStatus::Issued, "and its status");
    let twice = HEADER.to_owned() + &row("F-1", "1") + &row("F-1", "1");
    let (_, job) = office.import(twice.as_bytes());
    assert_eq!((job.unchanged, job.refused), (1, 1), "a name twice in a file is a fault, known or not");
}

#[test]
fn another_schema_is_another_job_and_another_record() {
    let office = office();
    let file = population(3, 5);
    let (first, _) = office.import(file.as_bytes());
    let mut next = schema();
    next.version = 2;
    let import = office.imports.prepare("clerk", &next, Cursor::new(file.into_bytes())).unwrap();
    assert_ne!(import.id(), first);
    assert_eq!(import.run(|_| true).unwrap().stored, 5);
    assert_eq!(office.vault.count(Column::Records).unwrap(), 10);
}

#[test]
fn an_import_can_rest_and_go_on_at_every_chunk() {
    let file = population(11, 430) + "R000001,王,,1990-02-17,negative,,\nR000430,王,,1990-02-17,negative,,\n";
    let whole = office().import(file.as_bytes()).1;
    assert_eq!((whole.stored, whole.refused), (431, 1));
    for rest_after in 1..=8 {
        let office = office();
        let mut chunks = 0;
        let resting = office.prepare(file.as_bytes()).unwrap().run(|_| {
            chunks += 1;
            chunks < rest_after
        });
        let resting = resting.unwrap();
        assert_eq!((resting.state, resting.rows_done), (JobState::Unfinished, rest_after * 50));
        assert_eq!(office.vault.count(Column::Records).unwrap(), rest_after * 50);
        let import = office.prepare(file.as_bytes()).unwrap();
        assert_eq!(import.job(), resting, "it starts from where it rested");
        let job = import.run(|_| true).unwrap();
        assert_eq!(job, whole);
        assert_eq!(office.vault.count(Column::Records).unwrap(), 431, "nothing lost, nothing doubled");
    }
}

#[test]
fn the_audit_log_says_who_began_and_resumed_an_import_and_when_it_was_done() {
    let office = office();
    let file = population(19, 120);
    let import = |by: &str, proceed: bool| {
        let import = office.imports.prepare(by, &schema(), Cursor::new(file.clone().into_bytes())).unwrap();
        (import.id(), import.run(|_| proceed).unwrap())
    };
    let (id, _) = import("ana", false);
    let (_, job) = import("wei", true);
    import("rui", true); // changes nothing, so nothing is noted
    assert!(office.prepare(b"no,header,of,ours\n").is_err());
    let noted: Vec<_> = audit::entries(&office.vault, 1, 100)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.actor, entry.operation, entry.subjects, entry.outcome))
        .collect();
    let entry = |by: &str, subjects, outcome: &str| {
        (Actor::Operator(by.to_owned()), "records.import".to_owned(), subjects, outcome.to_owned())
    };
    let begun = vec![Subject::Row(id)];
    let done = vec![Subject::Row(id), Subject::Number(job.stored)];
    let expected =
        [entry("ana", begun.clone(), "begun"), entry("wei", begun, "begun"), entry("wei", done, "done")];
    assert_eq!(noted, expected);
}

#[test]
fn a_vault_that_was_dropped_between_chunks_goes_on_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let kek_file = directory.path().join("kek");
    Kek::generate().save(&kek_file).unwrap();
    let open = || {
        let vault = Vault::open(&directory.path().join("vault"), Kek::load(&kek_file).unwrap()).unwrap();
        let vault = Arc::new(vault);
        (Arc::clone(&vault), Imports::new(vault, Clock::fixed(Timestamp::default()), LIMITS))
    };
    let file = population(13, 300);
    for round in 1..=5u64 {
        let (_vault, imports) = open();
        let import = imports.prepare("clerk", &schema(), Cursor::new(file.as_bytes())).unwrap();
        assert_eq!(import.job().rows_done, (round - 1) * 50);
        assert_eq!(import.run(|_| false).unwrap().rows_done, round * 50);
    }
    let (vault, imports) = open();
    let job =
        imports.prepare("clerk", &schema(), Cursor::new(file.as_bytes())).unwrap().run(|_| true).unwrap();
    assert_eq!((job.stored, job.unchanged, job.state), (300, 0, JobState::Finished));
    assert_eq!(vault.count(Column::Records).unwrap(), 300);
}

#[test]
fn a_running_import_can_be_followed_and_not_started_twice() {
    let office = office();
    let file = population(17, 120);
    let import = office.prepare(file.as_bytes()).unwrap();
    let id = import.id();
    let watch = office.imports.watch(&id).unwrap();
    assert!(matches!(office.prepare(file.as_bytes()), Err(ImportError::Running)));
    let mut seen = Vec::new();
    let job = import.run(|_| {
        seen.push(watch.borrow().rows_done);
        true
    });
    assert_eq!(seen, [50, 100, 120]);
    assert_eq!(*watch.borrow(), job.unwrap());
    assert!(office.imports.watch(&id).is_none(), "over");
    assert!(office.prepare(file.as_bytes()).is_ok());
}

#[test]
fn a_file_that_changes_under_our_hands_is_not_finished() {
    struct Shifty {
        passes: [Cursor<Vec<u8>>; 2],
        pass: usize,
    }
    impl Read for Shifty {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.passes[self.pass - 1].read(buffer)
        }
    }
    impl Seek for Shifty {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.pass += 1;
            self.passes[self.pass - 1].seek(to)
        }
    }
    let office = office();
    let passes = [population(19, 20), population(20, 20)].map(|file| Cursor::new(file.into_bytes()));
    let import = office.imports.prepare("clerk", &schema(), Shifty { passes, pass: 0 }).unwrap();
    let id = import.id();
    assert!(matches!(import.run(|_| true), Err(ImportError::SourceChanged)));
    assert_eq!(office.imports.job(&id).unwrap().unwrap().state, JobState::Unfinished);
    assert_eq!(office.vault.count(Column::Records).unwrap(), 0);
}

#[test]
fn issues_beyond_the_bound_are_counted_and_not_kept() {
    let office = office_with(ImportLimits { rows: 20_000, chunk_rows: 1_000, ..LIMITS });
    let file = HEADER.to_owned() + &"x\n".repeat(10_500);
    let (id, job) = office.import(file.as_bytes());
    assert_eq!((job.refused, job.issues), (10_500, 10_500));
    assert_eq!(office.vault.count(Column::ImportIssues).unwrap(), 10_000);
    let last = office.imports.issues(&id, 9_999, 10).unwrap();
    assert_eq!(last.iter().map(|issue| issue.row).collect::<Vec<_>>(), [10_000]);
}

#[test]
fn random_bytes_never_panic_and_are_never_stored_half() {
    let mut rng = ChaCha20Rng::seed_from_u64(23);
    let office = office();
    let alphabet = b"ab,\"\n\r\xe7\x8e\x8b\xff 01";
    for _ in 0..300 {
        let mut file = HEADER.as_bytes().to_vec();
        file.extend((0..rng.gen_range(0..400)).map(|_| alphabet[rng.gen_range(0..alphabet.len())]));
        let (_, job) = office.import(&file);
        assert_eq!(job.rows_done, job.stored + job.unchanged + job.refused);
        assert_eq!((job.rows_done, job.bytes_done), (job.rows_total, file.len() as u64));
    }
    for _ in 0..100 {
        let file: Vec<u8> = (0..rng.gen_range(0..200)).map(|_| rng.r#gen()).collect();
        assert!(office.prepare(&file).is_err(), "random bytes have no header of ours");
    }
}
