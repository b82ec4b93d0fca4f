//! Printed credentials: a whole W3C credential in one QR code, for paper.
//!
//! Paper has no key, so nobody proves to be the holder: the verdict's holder part stays unchecked, and the
//! officer compares name and document with the bearer. Everything on the page is in the code, signed.

use did_registry::Timestamp;
use serde_json::{Map, Value};

use super::pass::source;
use super::{Decision, LEEWAY, authenticate_document, status};
use crate::dcc::{base45, zlib};
use crate::facts::{AgeLimits, Facts};
use crate::transcoding::is_pass;
use crate::{Finding, Part, Reason, Verdict, json};

const PREFIX: &str = "CWE:";
/// Characters of the longest text accepted: what a QR code of the largest version holds.
const LIMIT: usize = 4_296;

/// The text of the QR code that stands for a credential on paper.
pub fn print_credential(credential: &Map<String, Value>) -> String {
    format!("{PREFIX}{}", base45::encode(&zlib::deflate(&json::canonical_object(credential))))
}

/// Decides on a printed credential: signature, issuer, validity, status, and that its claims fit its schema.
pub fn verify_printed(text: &str, facts: &Facts, now: Timestamp, limits: AgeLimits) -> Decision {
    let mut decision = Decision { verdict: Verdict::default(), ages: None, source: None, claims: None };
    let read = read(text).and_then(|document| {
        let (credential, issuer) = authenticate_document(&document, facts, now, None)?;
        Ok((source(&document, &credential, issuer)?, credential))
    });
    let ((mut source, schema), credential) = match read {
        Ok(read) => read,
        Err(finding) => {
            decision.verdict.place(finding);
            return decision;
        }
    };
    let verdict = &mut decision.verdict;
    verdict.integrity = Part::Good;
    verdict.validity = Part::from(credential.check_validity(now, LEEWAY).map_err(Finding::from));
    verdict.issuer =
        Part::from(facts.recognised(&source.issuer, &source.credential_type, source.issued, now));
    verdict.status = status(&mut source, facts, now);
    if is_pass(&source.credential_type, &schema) {
        // Whoever has seen a pass could print it; what makes it its holder's is the key that shows it (W12).
        let rule = "a pass is shown by its holder's key, not on paper";
        verdict.holder = Part::Bad(Finding::new(Reason::HolderMismatch, rule));
    }
    match facts.schemas.get(&schema) {
        // The type is what its issuer is recognised for, so a schema of another type lends nothing (W5).
        Some(schema) if schema.credential_type != source.credential_type => {
            verdict.rule =
                Part::Bad(Finding::new(Reason::WrongKind, "the schema is of another credential type"));
        }
        Some(schema) => match schema.check_full(&credential.claims()) {
            Ok(claims) => decision.claims = Some(claims),
            Err(error) => verdict.integrity = Part::Bad(Finding::new(Reason::Schema, error.to_string())),
        },
        None => {
            verdict.rule = Part::Open(Finding::new(Reason::RuleOpen, "the schema is not in the trust bundle"))
        }
    }
    match facts.ages(now, limits) {
        Ok(ages) => decision.ages = Some(ages),
        Err(finding) => verdict.freshness = Part::Open(finding),
    }
    decision.source = Some(source);
    decision
}

fn read(text: &str) -> Result<Value, Finding> {
    let encoded = text.strip_prefix(PREFIX).ok_or_else(|| {
        Finding::new(Reason::WrongKind, format!("a printed credential begins with {PREFIX}"))
    })?;
    if text.len() > LIMIT {
        return Err(Finding::new(
            Reason::BadEncoding,
            format!("a printed credential has at most {LIMIT} characters"),
        ));
    }
    let bytes = zlib::inflate(&base45::decode(encoded)?)?;
    json::parse(&bytes, json::Limits::of(zlib::LIMIT))
        .map_err(|error| Finding::new(Reason::BadEncoding, error.to_string()))
}
