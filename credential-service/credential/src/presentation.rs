//! Deciding on what a holder shows.
//!
//! Every check runs whatever an earlier one said, as far as its input exists; the verdict keeps the parts
//! apart. Keys, rules and statuses come from [`Facts`], the challenge from the verifier that made it. What
//! is shown only says *which* key, type and status entry to look up.
//!
//! | part | rule | attack it stops |
//! |---|---|---|
//! | integrity | the issuer's signature over every disclosed byte | altered claims, W3, W7 |
//! | issuer | stated issuer owns the key; recognised for the type, then and now; of a pass, the rule's own verifier | W5 |
//! | validity | issued ≤ now < expires | |
//! | status | the anchored list says valid | W4 |
//! | holder | signed by the key that the issuer bound | lending of a file |
//! | freshness | this verifier, this challenge, just now; facts not stale | W1, replay |
//! | rule | the schema, then the anchored policy, on what is disclosed | W6, W10 |

use did_registry::{Claims, CredentialType, Did, Digest, PublicKey, Purposes, Schema, Timestamp};
use serde_json::{Map, Value};

use crate::facts::{AgeLimits, Ages, Facts};
use crate::sd_jwt::{AuthenticSdJwt, Binding, SdJwtError, SdJwtText, TYPE};
use crate::status::StatusReference;
use crate::transcoding::is_pass;
use crate::{Finding, Part, Policy, Reason, Verdict, anchor};

mod pass;
mod printed;

pub use pass::{
    PASS_LIMIT, authenticate_document, document_digest, present_pass, unverified_pass, verify_pass,
};
pub use printed::{PRINTED_PREFIX, print_credential, verify_printed};

/// Seconds by which clocks may differ.
pub const LEEWAY: u64 = 60;
/// Seconds by which a verifier's clock may lie behind its facts.
const CLOCKS: u64 = 300;

/// What the verifier asked and when it looks.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// The verifier's own name for itself, as it gave it to the holder.
    pub audience: &'a str,
    /// Made by the verifier for this one presentation.
    pub nonce: &'a str,
    /// Seconds the holder may take to answer.
    pub max_age: u64,
    /// The verifier's time.
    pub now: Timestamp,
    /// How old its facts may be.
    pub limits: AgeLimits,
}

/// Where a presentation came from, as far as it could be read and its signature held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Who issued it.
    pub issuer: Did,
    /// What it is.
    pub credential_type: CredentialType,
    /// Digest of its signed bytes.
    pub credential: Digest,
    /// Where its status is.
    pub status: Option<StatusReference>,
    /// Epoch of that list when it was read.
    pub status_epoch: Option<u64>,
    /// When it was issued.
    pub issued: Timestamp,
    /// Whose it is.
    pub holder: PublicKey,
}

/// A decided presentation.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The answer, part by part.
    pub verdict: Verdict,
    /// How old what it was decided on is; `None` if too old to decide.
    pub ages: Option<Ages>,
    /// Where it came from; `None` unless its signature holds.
    pub source: Option<Source>,
    /// The disclosed claims, if the schema accepts them.
    pub claims: Option<Claims>,
}

/// The name of a credential type under a schema: `urn:causeway:<type>:<schema>`.
pub fn type_name(credential_type: &CredentialType, schema: &Digest) -> String {
    format!("urn:causeway:{credential_type}:{schema}")
}

/// Reads [`type_name`].
pub fn read_type_name(name: &str) -> Option<(CredentialType, Digest)> {
    let (kind, schema) = name.strip_prefix("urn:causeway:")?.split_once(':')?;
    Some((CredentialType::new(kind).ok()?, schema.parse().ok()?))
}

/// Decides on an SD-JWT VC presentation under an anchored policy.
///
/// `anchored` is when the ledger first held a commitment to this credential, if the holder proved that: it
/// lets a key that was replaced since, in good order, still count.
pub fn verify_presentation(
    text: &str,
    policy: &Digest,
    facts: &Facts,
    challenge: &Challenge<'_>,
    anchored: Option<Timestamp>,
) -> Decision {
    let mut decision = Decision { verdict: Verdict::default(), ages: None, source: None, claims: None };
    let read =
        SdJwtText::parse(text).map_err(Finding::from).and_then(|text| authenticate(text, facts, anchored));
    let (shown, issuer, schema_id) = match read {
        Ok(read) => read,
        Err(finding) => {
            decision.verdict.place(finding);
            return decision;
        }
    };
    decision.verdict.integrity = Part::Good;
    let now = challenge.now;
    decision.verdict.validity = finding(shown.check_validity(now, LEEWAY));
    let binding =
        Binding { audience: challenge.audience, nonce: challenge.nonce, max_age: challenge.max_age };
    (decision.verdict.holder, decision.verdict.freshness) =
        holder_parts(shown.verify_holder(&binding, now, LEEWAY));
    let subject = Subject { issuer, schema: schema_id, claims: shown.claims() };
    match source(&shown, &subject) {
        Ok(source) => {
            decide(&mut decision, source, subject.claims, &subject.schema.1, policy, facts, challenge)
        }
        Err(finding) => decision.verdict.integrity = Part::Bad(finding),
    }
    decision
}

/// Whose claims, under which schema.
struct Subject {
    issuer: Did,
    schema: (CredentialType, Digest),
    claims: Map<String, Value>,
}

fn finding(result: Result<(), SdJwtError>) -> Part {
    Part::from(result.map_err(Finding::from))
}

impl Verdict {
    /// Puts what ended the reading where it belongs: a key that is not the issuer's to use says something of
    /// the issuer, everything else of the bytes.
    fn place(&mut self, finding: Finding) {
        match finding.code {
            Reason::KeyUnknown | Reason::KeyRemoved | Reason::WrongKeyUse => self.issuer = Part::Bad(finding),
            _ => self.integrity = Part::Bad(finding),
        }
    }
}

/// Looks the key up among the issuer's own (W5) and verifies the issuer's signature with it.
fn authenticate(
    text: SdJwtText,
    facts: &Facts,
    anchored: Option<Timestamp>,
) -> Result<(AuthenticSdJwt, Did, (CredentialType, Digest)), Finding> {
    let malformed = |what: &str| Finding::new(Reason::BadEncoding, what);
    let issuer: Did = text
        .unverified_issuer()
        .and_then(|issuer| issuer.parse().ok())
        .ok_or_else(|| malformed("iss is a did:causeway identifier"))?;
    let key_id = text.unverified_key_id().ok_or_else(|| malformed("kid names the issuer's key"))?;
    let key = facts.key(&issuer, key_id, Purposes::ASSERTION, anchored)?.clone();
    let shown = text.verify_issuer(&key, TYPE).map_err(Finding::from)?;
    let named =
        shown.vct().and_then(read_type_name).ok_or_else(|| malformed("vct names a type and its schema"))?;
    Ok((shown, issuer, named))
}

/// Tells "somebody else" from "not now, not here".
fn holder_parts(result: Result<(), SdJwtError>) -> (Part, Part) {
    match result.map_err(Finding::from) {
        Ok(()) => (Part::Good, Part::Good),
        Err(finding) if finding.code == Reason::HolderMismatch => (Part::Bad(finding), Part::NotChecked),
        Err(finding) => (Part::NotChecked, Part::Bad(finding)),
    }
}

fn source(shown: &AuthenticSdJwt, subject: &Subject) -> Result<Source, Finding> {
    let missing = |what: &str| Finding::new(Reason::BadEncoding, format!("{what} is required"));
    Ok(Source {
        issuer: subject.issuer.clone(),
        credential_type: subject.schema.0.clone(),
        credential: anchor::credential_digest(shown.signed_part().as_bytes()),
        status: shown.status()?,
        status_epoch: None,
        issued: shown.issued()?.ok_or_else(|| missing("iat"))?,
        holder: shown.holder()?,
    })
}

/// The parts that every format shares: issuer, status, rule, age of the facts.
fn decide(
    decision: &mut Decision,
    mut source: Source,
    shown: Map<String, Value>,
    schema: &Digest,
    policy: &Digest,
    facts: &Facts,
    challenge: &Challenge<'_>,
) {
    let now = challenge.now;
    let verdict = &mut decision.verdict;
    let recognised = facts.recognised(&source.issuer, &source.credential_type, source.issued, now);
    verdict.issuer =
        Part::from(recognised.and_then(|()| check_own_pass(&source, schema, facts.policies.get(policy))));
    verdict.status = status(&mut source, facts, now);
    let rule = apply_policy(&shown, (&source.credential_type, schema), policy, facts, now);
    (verdict.rule, decision.claims) = match rule {
        Ok((part, claims)) => (part, Some(claims)),
        Err(part) => (part, None),
    };
    match facts.ages(now, challenge.limits) {
        Ok(ages) => decision.ages = Some(ages),
        Err(finding) => {
            // Stale facts decide nothing, but what is bad on any facts stays bad.
            if !matches!(verdict.freshness, Part::Bad(_)) {
                verdict.freshness = Part::Open(finding);
            }
        }
    }
    decision.source = Some(source);
}

/// A pass is one jurisdiction's decision and speaks for no other: it counts under rules of the agency that gave
/// it (W5). Another's evidence becomes a pass here by transcoding.
fn check_own_pass(source: &Source, schema: &Digest, policy: Option<&Policy>) -> Result<(), Finding> {
    match policy {
        Some(policy) if policy.verifier != source.issuer && is_pass(&source.credential_type, schema) => {
            let rule = "a pass counts under rules of the agency that gave it";
            Err(Finding::new(Reason::IssuerNotRecognised, rule))
        }
        _ => Ok(()),
    }
}

/// What the issuer's list says, and which list it was. A list past its own end may hide a revocation, but
/// the one that it shows stands.
fn status(source: &mut Source, facts: &Facts, now: Timestamp) -> Part {
    let Some(reference) = &source.status else {
        // A credential that cannot be revoked is none of ours (W4).
        return Part::Bad(Finding::new(Reason::BadEncoding, "a status reference is required"));
    };
    let snapshot = facts.statuses.get(&reference.uri);
    source.status_epoch = snapshot.map(|snapshot| snapshot.epoch);
    let within = snapshot.map_or(Ok(()), |snapshot| snapshot.list.check_validity(now, CLOCKS));
    match (facts.status(&source.issuer, reference), within) {
        (Part::Good, Err(error)) => Part::Open(Finding::from(error)),
        (part, _) => part,
    }
}

fn apply_policy(
    shown: &Map<String, Value>,
    issued_as: (&CredentialType, &Digest),
    policy: &Digest,
    facts: &Facts,
    now: Timestamp,
) -> Result<(Part, Claims), Part> {
    let open = |detail: &str| Part::Open(Finding::new(Reason::RuleOpen, detail));
    let policy: &Policy =
        facts.policies.get(policy).ok_or_else(|| open("the policy is not in the trust bundle"))?;
    let schema: &Schema =
        facts.schemas.get(&policy.schema).ok_or_else(|| open("the schema is not in the trust bundle"))?;
    // The type is what its issuer is recognised for, so a schema of another type lends nothing (W5).
    if (&policy.credential_type, &policy.schema) != issued_as {
        let detail = format!("the policy asks for {} under its own schema", policy.credential_type);
        return Err(Part::Bad(Finding::new(Reason::WrongKind, detail)));
    }
    let claims = schema
        .check_partial(shown)
        .map_err(|error| Part::Bad(Finding::new(Reason::Schema, error.to_string())))?;
    if !policy.applies_at(now) {
        return Err(open("the policy does not apply today"));
    }
    Ok((policy.evaluate(&claims, now.date()), claims))
}

#[cfg(test)]
mod tests;
