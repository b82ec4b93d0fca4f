//! One traveller of the last story, looked at closely: how it ended, the verdict part by part, and the audit of
//! the decision behind the pass.
//!
//! The story leaves a line a traveller in its directory, with no personal value in it. Whoever does not run any
//! more is started for the audit, from what lies on the disk, and ended again: so this works after a story that
//! ended as well as beside one that was kept.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use causeway::agency::Agency;
use causeway::audit::AuditedPass;
use causeway::ledger::Ledger;
use causeway::screen::{age, verdict_rows};
use causeway::{files, trust};
use did_registry::Secret;

use super::crowd::{Told, direction_name};
use super::jurisdiction::{Named as _, TOKEN};
use super::process::Parties;
use super::report::{ending, oldest, words};
use super::stage::Stage;
use super::traveller::End;
use super::{Options, proof, report};
use crate::population::Side;

/// The file with a line a traveller.
const LINES: &str = "travellers.jsonl";

/// Writes down how everybody's journey went.
///
/// # Errors
/// The system's.
pub fn write(told: &[Told], directory: &Path) -> anyhow::Result<()> {
    let lines: Vec<String> = told.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(fs::write(directory.join(LINES), lines.join("\n") + "\n")?)
}

fn read(directory: &Path, number: usize) -> anyhow::Result<Told> {
    let file = directory.join(LINES);
    let text = fs::read_to_string(&file).with_context(|| {
        format!("{}: no story was told to its end here; `make demo` tells it", file.display())
    })?;
    let lines: Vec<&str> = text.lines().collect();
    let line = number.checked_sub(1).and_then(|place| lines.get(place));
    let line = line.with_context(|| format!("travellers are numbered 1 to {}", lines.len()))?;
    Ok(serde_json::from_str(line)?)
}

/// The command that looks closer at traveller `number`, for a shell.
pub fn command(options: &Options, number: usize) -> String {
    let program = quoted(&options.causeway.with_file_name("health-code"));
    if options.directory == Path::new(super::DIRECTORY) {
        format!("{program} look {number}")
    } else {
        format!("{program} look {number} --directory {}", quoted(&options.directory))
    }
}

/// A path as a shell reads it back.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Shows traveller `number`, from 1, and audits the decision behind the pass, if there is one; gives whether
/// everything in it holds.
///
/// # Errors
/// If no story was told there, nobody has that number, or somebody does not answer.
pub async fn look(directory: &Path, causeway: &Path, number: usize, stage: &Stage) -> anyhow::Result<bool> {
    let told = read(directory, number)?;
    show(number, &told, stage)?;
    match told.journey.ok().and_then(|journey| journey.shown) {
        Some(shown) => {
            let pass = AuditedPass::read(&shown)?;
            Box::pin(audit(directory, causeway, (told.from, &pass), stage)).await
        }
        None => Ok(true),
    }
}

/// How the journey went, and what was said where it ended.
fn show(number: usize, told: &Told, stage: &Stage) -> io::Result<()> {
    stage.title(&format!("Traveller {number}, {}", direction_name(told.from)))?;
    let mut facts = vec![("story", words(told.story).to_owned())];
    let journey = match &told.journey {
        Ok(journey) => journey,
        Err(error) => {
            facts.push(("went wrong", error.clone()));
            return stage.show(|screen| screen.facts(&facts));
        }
    };
    facts.push(("end", format!("{}: {}", ending(journey.end), journey.why())));
    let spent = [("first pass", journey.first_pass), ("repeat crossing", journey.repeat)];
    facts.extend(
        spent
            .into_iter()
            .filter_map(|(what, spent)| Some((what, format!("{:.1} ms", spent?.as_secs_f64() * 1_000.0)))),
    );
    let ages = [("at the desk", journey.at_desk), ("at the gate", journey.at_gate)];
    facts.extend(ages.into_iter().filter_map(|(place, ages)| {
        Some((place, format!("decided on keys, rules and status at most {} old", age(oldest(&ages?)))))
    }));
    stage.show(|screen| screen.facts(&facts))?;
    let place = if matches!(journey.end, End::RefusedAtDesk(_)) { "desk" } else { "gate" };
    stage.title(&format!("What was said at the {place}"))?;
    stage.table(&["part", "answer", "code", "detail"], verdict_rows(&journey.verdict))
}

async fn audit(
    directory: &Path,
    causeway: &Path,
    (source, pass): (Side, &AuditedPass),
    stage: &Stage,
) -> anyhow::Result<bool> {
    let directory = fs::canonicalize(directory)?;
    let step = stage.wait("an auditor recomputes the decision behind the pass");
    let mut parties = Parties::of(causeway)?;
    let ledger = directory.join("ledger");
    let url = find(&mut parties, "ledger", &ledger.join("node"), "node").await?;
    let mut urls = Vec::new();
    for side in [source, source.other()] {
        urls.push(find(&mut parties, side.name(), &directory.join(side.folder()), "gateway").await?);
    }
    let [issuer, verifier] = urls.as_slice() else { bail!("there are two agencies") };
    let (asked, agency) = (Agency::new(verifier)?, source.other());
    let host = issuer.strip_prefix("http://").context("agencies here have plain addresses")?;
    let token = Secret::new(files::read_text(&directory.join(agency.folder()).join(TOKEN), 1024)?);
    let mut ledger = Ledger::connect(&url, trust::read_genesis(&ledger.join("genesis.bin"))?).await?;
    let audit = proof::audited(&mut ledger, (&asked, &token), host, pass).await?;
    parties.end_all().await?;
    ensure!(!audit.checks.is_empty(), "an audit compares something");
    let pass = pass.digest();
    step.done(format!("an auditor recomputed the decision behind pass {}…", pass.short()))?;
    report::audit(&audit, &pass, stage)?;
    Ok(audit.is_complete())
}

async fn find(
    parties: &mut Parties,
    name: &'static str,
    directory: &Path,
    kind: &str,
) -> anyhow::Result<String> {
    let text = directory.to_str().context("the directory's name is UTF-8")?;
    parties.find_or_start(name, directory, &[kind, "run", text]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_back_by_a_shell() {
        for path in ["out/demo", "/srv/cache/target-2/release", "/tmp/with space/it's"] {
            let echo = format!("printf %s {}", quoted(Path::new(path)));
            let said = std::process::Command::new("sh").args(["-c", &echo]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), path);
        }
    }
}
