//! What people read at the end.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use causeway::audit::{Outcome as Compared, Report};
use causeway::screen::{Tone, age, toned};
use comfy_table::{Cell, CellAlignment};
use credential::facts::Ages;
use did_registry::Digest;

use super::closeup::{self, quoted};
use super::crowd::{Told, direction_name};
use super::desk::Import;
use super::jurisdiction::Named as _;
use super::latency::Latency;
use super::opening::Scene;
use super::promises::{grouped, megabytes};
use super::stage::Stage;
use super::traffic;
use super::traveller::{End, Journey};
use super::zero_knowledge::Crossings;
use super::{Options, Outcome};
use crate::population::{Side, Story};

const SIDES: [Side; 2] = [Side::Guangdong, Side::Macau];

/// A story in words.
pub(super) const fn words(story: Story) -> &'static str {
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

pub(super) fn ending(end: End) -> String {
    match end {
        End::Crossed => "crossed".to_owned(),
        End::RefusedAtDesk(reason) => format!("{} at the desk", reason.code()),
        End::RefusedAtGate(reason) => format!("{} at the gate", reason.code()),
    }
}

/// The claim that must have failed, where a story ends at the rule.
const fn failing_claim(story: Story) -> Option<&'static str> {
    match story {
        Story::ExpiredTest => Some("sample date"),
        Story::Positive => Some("test result"),
        _ => None,
    }
}

/// What happened to a traveller, if it is not what must: in words.
fn surprise(told: &Told) -> Option<String> {
    match &told.journey {
        Err(error) => Some(error.clone()),
        Ok(journey) if journey.end != expected(told.story) => Some(ending(journey.end)),
        Ok(journey) if failing_claim(told.story).is_some_and(|claim| !journey.why().contains(claim)) => {
            Some(format!("refused for another reason: {}", journey.why()))
        }
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
pub fn show(outcome: &Outcome, imports: &[Import; 2], options: &Options, stage: &Stage) -> io::Result<()> {
    stage.title("Travellers, and the verdicts with their reasons")?;
    travellers(outcome, stage)?;
    stage.title("Times, everything on this machine")?;
    times(outcome, stage)?;
    if let Some(proved) = &outcome.proved {
        stage.title("Crossing in zero knowledge")?;
        proofs(proved, stage)?;
    }
    stage.title("What left whom")?;
    traffic::show(&outcome.proof.traffic, stage)?;
    stage.title("Figures")?;
    figures(outcome, stage)?;
    stage.title("Bad rows of the imported tables")?;
    bad_rows(imports, stage)?;
    audit(&outcome.proof.audit, &outcome.proof.pass, stage)?;
    stage.title("Promises")?;
    promises(outcome, stage)?;
    closer(outcome, options, stage)?;
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

/// A row for each way in which a story ended: the one that must be first, any other in red.
fn travellers(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let mut rows = Vec::new();
    for story in Story::ALL {
        let mut endings: BTreeMap<(bool, String), (String, [u64; 2])> = BTreeMap::new();
        for told in outcome.told.iter().filter(|told| told.story == story) {
            let (end, why) = match &told.journey {
                Ok(journey) => (ending(journey.end), journey.why().to_owned()),
                Err(error) => ("went wrong".to_owned(), error.clone()),
            };
            let (_, counts) = endings.entry((surprise(told).is_some(), end)).or_insert((why, [0; 2]));
            for (count, side) in counts.iter_mut().zip(SIDES) {
                *count += u64::from(told.from == side);
            }
        }
        for ((surprising, end), (why, [there, back])) in endings {
            let tone = if surprising { Tone::Bad } else { Tone::Good };
            let (who, end) = (Cell::new(words(story)), toned(tone, end));
            rows.push(vec![who, end, Cell::new(why), number(there), number(back)]);
        }
    }
    let all = |side| outcome.told.iter().filter(|told| told.from == side).count() as u64;
    let [there, back] = SIDES.map(all).map(number);
    rows.push(vec![Cell::new("together"), Cell::new(""), Cell::new(""), there, back]);
    let (there, back) = (direction_name(Side::Guangdong), direction_name(Side::Macau));
    stage.table(&["who", "verdict", "why, in the verifier's words", &there, &back], rows)
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

fn proofs(proved: &Crossings, stage: &Stage) -> io::Result<()> {
    let row = |what: &str, latency: &Latency| {
        let milliseconds = |percent| right(format!("{:.1} ms", latency.percentile(percent)));
        vec![Cell::new(what), milliseconds(50.0), milliseconds(95.0), right(grouped(latency.len()))]
    };
    let rows = vec![
        row("proving at home, ahead of time", &proved.prove),
        row("at the gate: challenge, code, verdict", &proved.gate),
    ];
    stage.table(&["", "p50", "p95", "measured"], rows)?;
    let (bytes, characters) = proved.largest;
    stage.line(format!(
        "  {} travellers proved both rules of the entry policy in one code of {bytes} bytes, {characters} characters",
        proved.travellers
    ))?;
    let rows = proved.saw.iter().map(|(who, what)| vec![Cell::new(who), Cell::new(what)]);
    stage.table(&["who", "saw of one traveller"], rows.collect())
}

/// Seconds of the oldest of what was decided on.
pub(super) fn oldest(ages: &Ages) -> u64 {
    ages.keys.max(ages.rules).max(ages.status.unwrap_or(0))
}

fn figures(outcome: &Outcome, stage: &Stage) -> io::Result<()> {
    let journeys = || outcome.told.iter().filter_map(|told| told.journey.as_ref().ok());
    let desk = journeys().filter_map(|journey| journey.at_desk.as_ref().map(oldest)).max().unwrap_or(0);
    let gate = journeys().filter_map(|journey| journey.at_gate.as_ref().map(oldest)).max().unwrap_or(0);
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

/// What an audit compared, and how each comparison came out.
///
/// # Errors
/// The writer's.
pub fn audit(audit: &Report, pass: &Digest, stage: &Stage) -> io::Result<()> {
    stage.title(&format!("The audit of pass {}…", pass.short()))?;
    let rows = audit.checks.iter().map(|check| {
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

/// The commands with which somebody looks at one traveller: the audited one, and one who was refused.
fn closer(outcome: &Outcome, options: &Options, stage: &Stage) -> io::Result<()> {
    let count = grouped(outcome.told.len() as u64);
    stage.title(&format!("Look closer at one traveller, now or later; they are numbered 1 to {count}"))?;
    let number_of = |which: &dyn Fn(&Journey) -> bool| {
        outcome.told.iter().position(|told| told.journey.as_ref().is_ok_and(which)).map(|place| place + 1)
    };
    let audited = number_of(&|journey| journey.shown.as_ref() == Some(&outcome.proof.shown));
    for number in [audited, number_of(&|journey| journey.shown.is_none())].into_iter().flatten() {
        stage.line(format!("  {}", closeup::command(options, number)))?;
    }
    Ok(())
}

/// The product's own command for the audit, for as long as everybody is running.
pub fn audit_command(scene: &Scene, picture: &Path) -> String {
    let [guangdong, macau] = &scene.sides;
    format!(
        "CAUSEWAY_TOKEN=$(cat {}) \\\n  {} audit transcoding \\\n    --node {} --genesis {} \\\n    --gateway {} --pass {} \\\n    --status-host {}",
        quoted(&macau.token),
        quoted(scene.parties.program()),
        scene.url,
        quoted(&scene.network.genesis_file),
        macau.url,
        quoted(picture),
        guangdong.host(),
    )
}

/// Which processes are still there, and how they are ended.
///
/// # Errors
/// The writer's.
pub fn left_running(kept: &[(&'static str, String, u32)], audit: &str, stage: &Stage) -> io::Result<()> {
    stage.title("Left running")?;
    let rows =
        kept.iter().map(|(name, url, id)| vec![Cell::new(name), Cell::new(url), right(id.to_string())]);
    stage.table(&["who", "address", "process"], rows.collect())?;
    let ids: Vec<String> = kept.iter().map(|(.., id)| id.to_string()).collect();
    stage.line(format!("  to end them: kill {}", ids.join(" ")))?;
    stage.title("An auditor's own command, for as long as they run")?;
    stage.line(format!("  {audit}"))
}

pub(super) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn number(number: u64) -> Cell {
    right(grouped(number))
}
