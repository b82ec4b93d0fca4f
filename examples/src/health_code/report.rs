//! What people read at the end.

use std::collections::BTreeMap;
use std::io;

use causeway::audit::Outcome as Compared;
use causeway::screen::{Tone, age, toned};
use comfy_table::{Cell, CellAlignment};

use super::Outcome;
use super::crowd::{Told, direction_name};
use super::desk::Import;
use super::jurisdiction::Named as _;
use super::latency::Latency;
use super::opening::Scene;
use super::promises::{grouped, megabytes};
use super::stage::Stage;
use super::traffic;
use super::traveller::End;
use crate::population::{Side, Story};

const SIDES: [Side; 2] = [Side::Guangdong, Side::Macau];

/// A story in words.
const fn words(story: Story) -> &'static str {
    match story {
        Story::Passes => "negative and recent; crosses twice",
        Story::ExpiredTest => "test too old",
        Story::Positive => "tested positive",
        Story::RevokedAfterIssue => "revoked after it was issued",
        Story::UnrecognisedIssuer => "from a clinic that may not test",
        Story::SomeoneElsesCredential => "somebody else's credential",
        Story::ReplayedQr => "crosses; the same code is shown again",
    }
}

/// How a story must end.
fn expected(story: Story) -> End {
    match (story, story.expected()) {
        (_, None) => End::Crossed,
        (Story::ReplayedQr, Some(reason)) => End::RefusedAtGate(reason),
        (_, Some(reason)) => End::RefusedAtDesk(reason),
    }
}

fn ending(end: End) -> String {
    match end {
        End::Crossed => "crossed".to_owned(),
        End::RefusedAtDesk(reason) => format!("{} at the desk", reason.code()),
        End::RefusedAtGate(reason) => format!("{} at the gate", reason.code()),
    }
}

/// What happened to a traveller, if it is not what must: in words.
fn surprise(told: &Told) -> Option<String> {
    match &told.journey {
        Err(error) => Some(error.clone()),
        Ok(journey) if journey.end != expected(told.story) => Some(ending(journey.end)),
        Ok(journey) if journey.warned != matches!(told.story, Story::ExpiredTest | Story::Positive) => {
            Some("the wallet's own forecast was wrong".to_owned())
        }
        Ok(_) => None,
    }
}

/// Every kind of surprise, and how often.
pub fn unexpected(told: &[Told]) -> Vec<String> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for one in told {
        if let Some(what) = surprise(one) {
            *kinds
                .entry(format!("{}, {}: {what}", direction_name(one.from), words(one.story)))
                .or_default() += 1;
        }
    }
    kinds.into_iter().map(|(what, count)| format!("{count} × {what}")).collect()
}

/// Everything, in tables.
///
/// # Errors
/// The writer's.
pub fn show(outcome: &Outcome, imports: &[Import; 2], scene: &Scene, stage: &Stage) -> io::Result<()> {
    stage.title("Travellers")?;
    travellers(outcome, stage)?;
    stage.title("Times, everything on this machine")?;
    times(outcome, stage)?;
    stage.title("What left whom")?;
    traffic::show(&outcome.proof.traffic, stage)?;
    stage.title("Figures")?;
    figures(outcome, stage)?;
    stage.title("Bad rows of the imported tables")?;
    bad_rows(imports, stage)?;
    stage.title(&format!("The audit of pass {}…", outcome.proof.pass.short()))?;
    audit(outcome, stage)?;
    stage.title("Promises")?;
    promises(outcome, stage)?;
    closer(outcome, scene, stage)?;
    let broken = outcome.broken();
    stage.line("")?;
    stage.show(|screen| {
        for what in &broken {
            screen.headline(Tone::Bad, "NOT AS IT MUST BE", what)?;
        }
        let seconds = stage.elapsed().as_secs_f64();
        if broken.is_empty() {
            screen.headline(Tone::Good, "ALL AS IT MUST BE", format!("in {seconds:.1} s"))
        } else {
            screen.line(format!("in {seconds:.1} s"))
        }
    })
}

fn bad_rows(imports: &[Import; 2], stage: &Stage) -> io::Result<()> {
    let mut rows = Vec::new();
    for (side, import) in SIDES.iter().zip(imports) {
        for error in &import.errors {
            rows.push(vec![
                Cell::new(side.name()),
                number(error.row),
                Cell::new(error.column.as_deref().unwrap_or("the row")),
                Cell::new(&error.fault),
                Cell::new(&error.rule),
            ]);
        }
    }
    // Both tables have the same slips; one of them tells the story.
    rows.truncate(imports[0].errors.len());
    stage.table(&["table", "row", "column", "fault", "rule"], rows)
}

fn travellers(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let mut rows = Vec::new();
    for story in Story::ALL {
        let must = expected(story);
        let mut row = vec![Cell::new(words(story)), Cell::new(ending(must))];
        for side in SIDES {
            let told: Vec<&Told> =
                outcome.told.iter().filter(|told| told.story == story && told.from == side).collect();
            let good = told.iter().filter(|told| surprise(told).is_none()).count();
            let tone = if good == told.len() { Tone::Good } else { Tone::Bad };
            let text = format!("{} of {}", grouped(good as u64), grouped(told.len() as u64));
            row.push(toned(tone, text).set_alignment(CellAlignment::Right));
        }
        rows.push(row);
    }
    let (there, back) = (direction_name(Side::Guangdong), direction_name(Side::Macau));
    stage.table(&["who", "expected", &there, &back], rows)
}

fn times(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let journeys = || outcome.told.iter().filter_map(|told| told.journey.as_ref().ok());
    let first = Latency::of(journeys().filter_map(|journey| journey.first_pass));
    let repeat = Latency::of(journeys().filter_map(|journey| journey.repeat));
    let row = |what: &str, latency: &Latency, before: &str| {
        let milliseconds = |percent| format!("{:.1} ms", latency.percentile(percent));
        vec![
            Cell::new(what),
            right(milliseconds(50.0)),
            right(milliseconds(95.0)),
            right(grouped(latency.len())),
            Cell::new(before),
        ]
    };
    let rows = vec![
        row("first pass: claim, credential, anchor, consent, verdict, pass", &first, "100 s on average"),
        row("repeat crossing: challenge, code, verdict at the gate", &repeat, "up to 3 s"),
    ];
    stage.table(&["", "p50", "p95", "measured", "in 2020"], rows)
}

fn figures(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let journeys = || outcome.told.iter().filter_map(|told| told.journey.as_ref().ok());
    let oldest = |ages: Vec<credential::facts::Ages>| {
        ages.iter().map(|ages| ages.keys.max(ages.rules).max(ages.status.unwrap_or(0))).max().unwrap_or(0)
    };
    let desk = oldest(journeys().filter_map(|journey| journey.at_desk).collect());
    let gate = oldest(journeys().filter_map(|journey| journey.at_gate).collect());
    let ledger = &outcome.proof.ledger;
    let named = ledger.transactions.iter().map(|(name, count)| format!("{name} {count}"));
    let foreign = &outcome.foreign;
    let reasons = foreign.refused.iter().map(|(reason, count)| format!("{reason} {count}"));
    let facts = [
        (
            "ages",
            format!(
                "keys, rules and status at most {} old at the desks, {} at the gates (amber at 24 h, refused at 72 h)",
                age(desk),
                age(gate),
            ),
        ),
        (
            "ledger",
            format!(
                "height {}, {} transactions ({}), {} blinded commitments, {} on disk",
                ledger.height,
                ledger.transactions.values().sum::<u64>(),
                named.collect::<Vec<_>>().join(", "),
                grouped(ledger.commitments),
                megabytes(ledger.bytes),
            ),
        ),
        (
            "foreign certificates",
            format!(
                "{} of {} as expected, {} codes read from pictures, {} passes given",
                foreign.cases - foreign.surprises.len(),
                foreign.cases,
                foreign.scanned,
                foreign.transcoded,
            ),
        ),
        ("refused among them", reasons.collect::<Vec<_>>().join(", ")),
    ];
    let rows = facts.map(|(name, text)| vec![Cell::new(name), Cell::new(text)]);
    stage.table(&[], rows.into())
}

fn audit(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let rows = outcome.proof.audit.checks.iter().map(|check| {
        let (tone, word) = match check.outcome {
            Compared::Holds => (Tone::Good, "holds"),
            Compared::Differs => (Tone::Bad, "differs"),
            Compared::Open => (Tone::Warning, "open"),
        };
        vec![Cell::new(check.name), toned(tone, word), Cell::new(&check.detail)]
    });
    stage.table(&["compared", "", "with"], rows.collect())
}

fn promises(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let rows = outcome.proof.promises.iter().map(|promise| {
        let (tone, word) = if promise.kept { (Tone::Good, "kept") } else { (Tone::Bad, "BROKEN") };
        vec![toned(tone, word), Cell::new(&promise.text), Cell::new(&promise.measure)]
    });
    stage.table(&["", "promise", "measured"], rows.collect())
}

/// The command with which somebody looks at one traveller.
fn closer(outcome: &Outcome, scene: &Scene, stage: &Stage) -> io::Result<()> {
    let [guangdong, macau] = &scene.sides;
    stage.title("Look closer at one traveller, while everybody is running (KEEP=1 leaves them so)")?;
    stage.line(format!(
        "  CAUSEWAY_TOKEN=$(cat {}) \\\n  {} audit transcoding \\\n    --node {} --genesis {} \\\n    --gateway {} --pass {} \\\n    --status-host {}",
        macau.token.display(),
        scene.parties.program().display(),
        scene.url,
        scene.network.genesis_file.display(),
        macau.url,
        outcome.proof.picture.display(),
        guangdong.host(),
    ))
}

/// Which processes are still there, and how they are ended.
///
/// # Errors
/// The writer's.
pub fn left_running(kept: &[(&'static str, String, u32)], stage: &Stage) -> io::Result<()> {
    stage.title("Left running")?;
    let rows =
        kept.iter().map(|(name, url, id)| vec![Cell::new(name), Cell::new(url), right(id.to_string())]);
    stage.table(&["who", "address", "process"], rows.collect())?;
    let ids: Vec<String> = kept.iter().map(|(.., id)| id.to_string()).collect();
    stage.line(format!("  to end them: kill {}", ids.join(" ")))
}

pub(super) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn number(number: u64) -> Cell {
    right(grouped(number))
}
