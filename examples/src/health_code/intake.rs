//! Records come into the vaults: whole populations as tables, with a few bad rows among them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use did_registry::{Digest, Schema};
use serde_json::{Map, Value};

use super::desk::{Import, RowError};
use super::jurisdiction::Jurisdiction;
use super::promises::grouped;
use super::stage::Stage;
use crate::population::{COLUMNS, Person, write_csv};

/// How often the job is asked how far it is.
const ASK: Duration = Duration::from_millis(40);

/// A row as a tired clerk writes it, the column at fault, and the fault that must be found.
type Slip = (fn(&mut Vec<String>), Option<&'static str>, &'static str);

/// The slips, each made on a copy of a good row with a record name of its own.
const SLIPS: [Slip; 6] = [
    (|cells| put(cells, "birth_date", "1984-02-30"), Some("birth_date"), "BAD_VALUE"),
    (|cells| put(cells, "test_result", "neg"), Some("test_result"), "BAD_VALUE"),
    (|cells| put(cells, "vaccine_doses", "twelve"), Some("vaccine_doses"), "BAD_VALUE"),
    (|cells| put(cells, "document_number", ""), Some("document_number"), "MISSING"),
    (|cells| put(cells, "record_id", ""), Some("record_id"), "RECORD_ID"),
    (|cells| cells.truncate(3), None, "CELL_COUNT"),
];

fn put(cells: &mut [String], column: &str, value: &str) {
    let place = COLUMNS.iter().position(|name| *name == column);
    if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
        value.clone_into(cell);
    }
}

/// The table of one side, bad rows last.
fn table(people: &[Person]) -> anyhow::Result<String> {
    let mut csv = Vec::new();
    write_csv(&mut csv, people)?;
    let mut csv = String::from_utf8(csv)?;
    let good = people.first().context("there are people")?;
    for (number, (slip, ..)) in SLIPS.iter().enumerate() {
        let mut cells = good.row().to_vec();
        put(&mut cells, "record_id", &format!("SLIP-{number}"));
        slip(&mut cells);
        csv.push_str(&cells.join(","));
        csv.push('\n');
    }
    Ok(csv)
}

/// The claims of a person's record, typed as the schema says.
pub fn claims(person: &Person, schema: &Schema) -> Map<String, Value> {
    let cells = COLUMNS.iter().zip(person.row());
    let typed = cells.filter_map(|(name, cell)| {
        Some(((*name).to_owned(), schema.claims.get(*name)?.kind.value_of_text(&cell)))
    });
    typed.collect()
}

/// Imports both populations at once.
///
/// # Errors
/// If a table is refused as a whole, or its import stops.
pub async fn import(
    sides: &[Jurisdiction; 2],
    schema: &Digest,
    stage: &Stage,
) -> anyhow::Result<[Import; 2]> {
    let total: usize = sides.iter().map(|side| side.people.len() + SLIPS.len()).sum();
    let step = stage.step("importing records", total as u64);
    let mut jobs = Vec::new();
    for side in sides {
        jobs.push(side.desk.import(schema, table(&side.people)?).await?);
    }
    let mut pause = tokio::time::interval(ASK);
    loop {
        pause.tick().await;
        let mut seen = Vec::new();
        for (side, job) in sides.iter().zip(&jobs) {
            seen.push(side.desk.import_progress(job).await?);
        }
        step.reach(seen.iter().map(|import| import.rows_done).sum());
        if seen.iter().all(|import| import.state == "finished") {
            let [one, two]: [Import; 2] =
                seen.try_into().map_err(|_| anyhow::anyhow!("there are two sides"))?;
            step.done(format!(
                "{} + {} records imported into two vaults; {} bad rows refused, each by its row",
                grouped(one.stored),
                grouped(two.stored),
                one.refused + two.refused,
            ))?;
            return Ok([one, two]);
        }
        ensure!(stage.elapsed() < Duration::from_secs(600), "an import does not end");
    }
}

/// Where an import did not come out as it must: every good row stored, every slip found where it is.
pub fn surprises(import: &Import, people: usize) -> Vec<String> {
    let mut surprises = Vec::new();
    if import.stored != people as u64 || import.refused != SLIPS.len() as u64 {
        surprises.push(format!("{} rows stored and {} refused", import.stored, import.refused));
    }
    for (number, (_, column, fault)) in (people as u64 + 1..).zip(SLIPS) {
        let found = |error: &RowError| {
            error.row == number && error.column.as_deref() == column && error.fault == fault
        };
        if !import.errors.iter().any(found) {
            surprises.push(format!("row {number}: {fault} was not found"));
        }
    }
    surprises
}
