//! Certificates that real states issued in their test systems: each through verdict and, if accepted, pass.
//!
//! The cases say what is to come of them (`expected.jsonl`) and at what time to look. Where a case has a
//! picture, the text is scanned from it, as a gate would; a picture that does not scan is refused there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway::paper::scan_picture;
use credential::Overall;
use did_registry::{Digest, SigningKey, Suite, Timestamp};
use rand::rngs::OsRng;
use serde::Deserialize;
use serde_json::Value;

use super::desk::Desk;
use super::stage::Stage;

/// One line of `expected.jsonl`.
#[derive(Deserialize)]
struct Expected {
    file: String,
    expected: String,
    reason: String,
}

/// One certificate to verify.
pub struct Case {
    /// Its file, for people.
    pub file: String,
    /// Whether it is to be accepted.
    accept: bool,
    /// Why it is to be refused, if it is.
    reason: String,
    /// What its code holds; none if its picture cannot be scanned.
    qr: Option<String>,
    /// Whether that was read from a picture.
    pictured: bool,
    /// When to look.
    at: Timestamp,
}

/// What came of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Certificates looked at.
    pub cases: usize,
    /// Accepted.
    pub accepted: usize,
    /// Refused, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Turned into a pass.
    pub transcoded: usize,
    /// Codes read from pictures.
    pub scanned: usize,
    /// Where the answer was not the one expected: file, expected, got.
    pub surprises: Vec<(String, String, String)>,
}

/// Reads the cases, and scans their pictures.
///
/// # Errors
/// If the data is not there or does not read.
pub fn cases(data: &Path, stage: &Stage) -> anyhow::Result<Vec<Case>> {
    let list = data.join("expected.jsonl");
    let list = fs::read_to_string(&list).with_context(|| format!("{} is needed", list.display()))?;
    let step = stage.step("scanning foreign certificates", list.lines().count() as u64);
    let mut cases = Vec::new();
    for line in list.lines() {
        step.advance(1);
        let Expected { file, expected, reason } = serde_json::from_str(line)?;
        let case: Value = serde_json::from_slice(&fs::read(data.join(&file))?)?;
        let at = case.pointer("/TESTCTX/VALIDATIONCLOCK").and_then(Value::as_str);
        let at = at.with_context(|| format!("{file} has no clock"))?.parse()?;
        let text = |name: &str| case.get(name).and_then(Value::as_str);
        // Some cases ask for the step and have no picture; then there is nothing to scan.
        let asked = case.pointer("/EXPECTEDRESULTS/EXPECTEDPICTUREDECODE").is_some();
        let picture = text("2DCODE").filter(|_| asked);
        let pictured = picture.is_some();
        let qr = match picture {
            Some(picture) => {
                let picture = STANDARD.decode(picture).unwrap_or_default();
                scan_picture(&picture).ok().and_then(|texts| texts.into_iter().next())
            }
            None => text("PREFIX").map(str::to_owned),
        };
        cases.push(Case { accept: expected == "accept", file, reason, qr, pictured, at });
    }
    ensure!(!cases.is_empty(), "expected.jsonl names no case");
    let scanned = cases.iter().filter(|case| case.pictured && case.qr.is_some()).count();
    step.done(format!(
        "{} foreign certificates read, {scanned} of them from pictures of their codes",
        cases.len()
    ))?;
    Ok(cases)
}

/// Takes every case to the desk.
///
/// # Errors
/// If the agency does not answer.
pub async fn take(cases: &[Case], desk: &Desk, policy: &Digest, stage: &Stage) -> anyhow::Result<Tally> {
    let step = stage.step("foreign certificates", cases.len() as u64);
    let mut tally = Tally { cases: cases.len(), ..Tally::default() };
    for case in cases {
        step.advance(1);
        let answer = match &case.qr {
            None => Err("UNREADABLE".to_owned()),
            Some(qr) => {
                let answer = desk.verify_foreign(qr, case.at).await?;
                match answer.verdict {
                    Overall::Accept => Ok(qr),
                    _ => Err(answer
                        .reasons
                        .first()
                        .map_or("NO REASON", |finding| finding.code.code())
                        .to_owned()),
                }
            }
        };
        let wanted = if case.accept { "accept" } else { case.reason.as_str() };
        let got = answer.as_ref().map_or_else(String::as_str, |_| "accept");
        if wanted != got {
            tally.surprises.push((case.file.clone(), wanted.to_owned(), got.to_owned()));
        }
        match answer {
            Err(reason) => *tally.refused.entry(reason).or_default() += 1,
            Ok(qr) => {
                tally.accepted += 1;
                let holder = SigningKey::generate(Suite::Ed25519, &mut OsRng).public_key();
                let transcoded = desk.transcode_foreign(qr, policy, &holder, case.at).await?;
                tally.transcoded += usize::from(transcoded.pass.is_some());
            }
        }
    }
    tally.scanned = cases.iter().filter(|case| case.pictured && case.qr.is_some()).count();
    let refused: usize = tally.refused.values().sum();
    step.done(format!("{} of them accepted and turned into passes, {refused} refused", tally.transcoded))?;
    Ok(tally)
}
