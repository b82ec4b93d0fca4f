//! Printed credentials: a whole W3C credential in one QR code, for paper.
//!
//! Paper has no key, so nobody proves to be the holder: the verdict's holder part stays unchecked, and the
//! officer compares name and document with the bearer. Everything on the page is in the code, signed.
//! Paper answers no challenge either, so a copy is as good as the page: whoever takes paper chooses that.

use did_registry::{Digest, Timestamp};
use serde_json::{Map, Value};

use super::pass::source;
use super::{Challenge, Decision, LEEWAY, authenticate_document, decide};
use crate::dcc::{base45, zlib};
use crate::facts::{AgeLimits, Facts};
use crate::transcoding::is_pass;
use crate::{Finding, Part, Reason, Verdict, json};

/// How the text of a printed credential begins.
pub const PRINTED_PREFIX: &str = "CWE:";
/// Characters of the longest text accepted: what a QR code of the largest version holds.
const LIMIT: usize = 4_296;

/// The text of the QR code that stands for a credential on paper.
pub fn print_credential(credential: &Map<String, Value>) -> String {
    format!("{PRINTED_PREFIX}{}", base45::encode(&zlib::deflate(&json::canonical_object(credential))))
}

/// Decides on a printed credential under an anchored policy: signature, issuer, validity, status, and that its
/// claims, which are all there, fit the schema and the rule. Whose it is stays unchecked.
pub fn verify_printed(
    text: &str,
    policy: &Digest,
    facts: &Facts,
    now: Timestamp,
    limits: AgeLimits,
) -> Decision {
    let mut decision = Decision { verdict: Verdict::default(), ages: None, source: None, claims: None };
    let read = read(text).and_then(|document| {
        let (credential, issuer) = authenticate_document(&document, facts, now, None)?;
        Ok((source(&document, &credential, issuer)?, credential))
    });
    let ((source, schema), credential) = match read {
        Ok(read) => read,
        Err(finding) => {
            decision.verdict.place(finding);
            return decision;
        }
    };
    decision.verdict.integrity = Part::Good;
    decision.verdict.validity = Part::from(credential.check_validity(now, LEEWAY).map_err(Finding::from));
    let pass = is_pass(&source.credential_type, &schema);
    let claims = credential.claims();
    let whole = facts.schemas.get(&schema).map(|schema| schema.check_full(&claims));
    let unasked = Challenge { audience: "", nonce: "", max_age: 0, now, limits };
    decide(&mut decision, source, claims, &schema, policy, facts, &unasked);
    if pass {
        // Whoever has seen a pass could print it; what makes it its holder's is the key that shows it (W12).
        let rule = "a pass is shown by its holder's key, not on paper";
        decision.verdict.holder = Part::Bad(Finding::new(Reason::HolderMismatch, rule));
        decision.claims = None;
    }
    // Nothing is kept back on paper, so what the schema requires must be there.
    if let (Some(Err(error)), true) = (whole, decision.claims.is_some()) {
        decision.verdict.rule = Part::Bad(Finding::new(Reason::Schema, error.to_string()));
        decision.claims = None;
    }
    decision
}

fn read(text: &str) -> Result<Value, Finding> {
    let encoded = text.strip_prefix(PRINTED_PREFIX).ok_or_else(|| {
        Finding::new(Reason::WrongKind, format!("a printed credential begins with {PRINTED_PREFIX}"))
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
