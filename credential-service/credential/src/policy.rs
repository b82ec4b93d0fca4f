//! Policies: the rule a verifier publishes before anybody is asked anything.
//!
//! A policy is anchored on the ledger and named by its hash, so neither side can swap it (W6, W10). It
//! names claims, says what each must be, and which of them the verifier keeps. The same document gives the
//! clear evaluation here, the sentence a traveller reads, a rule in CertLogic, and the circuit's terms ([`crate::zk`]).

mod certlogic;

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::encode;
use did_registry::{
    ClaimKind, ClaimValue, Claims, CredentialType, Date, Did, Digest, Schema, Timestamp, digest, label,
};
use serde::{Deserialize, Serialize};

use crate::zk::{Element, TermsError};
use crate::{Finding, Part, Reason};

/// Days from the day of the check that a predicate may name: two centuries, for days of birth.
const FARTHEST_DAY: u32 = 73_050;
/// Predicates a policy may have; the circuit has as many.
const PREDICATES: usize = 8;

/// A value in a rule: fixed, or counted from the day of the check.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operand {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A fixed day.
    Date(Date),
    /// The day of the check and so many days more (fewer if negative).
    DaysFromToday(i32),
}

/// What a claim must be.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// The same value.
    Equals(Operand),
    /// One of these texts.
    OneOf(BTreeSet<String>),
    /// Not less, for numbers and dates.
    AtLeast(Operand),
    /// Not more, for numbers and dates.
    AtMost(Operand),
}

/// One condition on one claim.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The claim's name in the schema.
    pub claim: String,
    /// What it must be.
    pub test: Test,
}

/// What a verifier issues to those who pass.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassTerms {
    /// The pass's credential type.
    pub credential_type: CredentialType,
    /// Hours it lasts, 1 to 720.
    pub hours: u16,
}

/// Where and when one holder counts once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// At one gate, which the holder knows beforehand, on one day.
    GateAndDay,
    /// At all gates of the verifier, on one day. Each gate counts those who come to it.
    Day,
}

/// How a rule is proved instead of shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofTerms {
    /// Hours, 1 to 168, for which an issuer set that was overtaken is still accepted. What was revoked meanwhile
    /// passes for so long.
    pub epoch_hours: u16,
    /// Where and when a holder counts once.
    pub scope: Scope,
}

/// A verifier's published rule.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whose rule.
    pub verifier: Did,
    /// Its name, 1 to 64 of `a-z 0-9 -`.
    pub name: String,
    /// Rises with each revision.
    pub version: u32,
    /// Why the claims are asked for, in a sentence for the holder.
    pub purpose: String,
    /// The credential asked for.
    pub credential_type: CredentialType,
    /// Its schema.
    pub schema: Digest,
    /// Conditions, all of which must hold.
    pub predicates: Vec<Predicate>,
    /// Claims the verifier may keep; every other one it forgets after the verdict.
    pub retained: BTreeSet<String>,
    /// Applies from then on.
    pub from: Timestamp,
    /// Applies until then, exclusive.
    pub until: Timestamp,
    /// What those who pass receive.
    pub pass: Option<PassTerms>,
    /// How the rule is proved; `None` if it is asked in the clear only.
    #[serde(default)]
    pub proof: Option<ProofTerms>,
}

/// Why a policy is senseless for its schema.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Bad name or purpose.
    #[error("a policy has a name of 1 to 64 of a-z, 0-9 and -, and a purpose of 1 to 280 characters")]
    Name,
    /// Too many or no predicates.
    #[error("a policy has 1 to {PREDICATES} predicates")]
    Count,
    /// The window is empty.
    #[error("a policy applies from a time before its end")]
    EmptyWindow,
    /// Pass lifetime out of bounds.
    #[error("a pass lasts 1 to 720 hours")]
    PassHours,
    /// A day too far from the day of the check.
    #[error("a predicate names a day at most {FARTHEST_DAY} days from the day of the check")]
    FarDay,
    /// Epochs accepted for too short or too long.
    #[error("a policy accepts the issuer set of an earlier epoch for 1 to 168 hours")]
    EpochHours,
    /// No room in the circuit.
    #[error(transparent)]
    Proof(#[from] TermsError),
    /// The schema is another one.
    #[error("the policy names schema {0}")]
    OtherSchema(Digest),
    /// A claim the schema does not have.
    #[error("claim {0:?} is not in the policy's schema")]
    UnknownClaim(String),
    /// The test does not fit the claim's kind.
    #[error("the test on claim {0:?} does not fit its kind")]
    WrongKind(String),
    /// Retained but not asked for.
    #[error("claim {0:?} is retained but no predicate asks for it")]
    RetainedUnasked(String),
}

impl Policy {
    /// Checks what can be checked without the schema.
    ///
    /// # Errors
    /// The first [`PolicyError`].
    pub fn check(&self) -> Result<(), PolicyError> {
        let plain = self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain
            || !(1..=64).contains(&self.name.len())
            || !(1..=280).contains(&self.purpose.chars().count())
        {
            return Err(PolicyError::Name);
        }
        if self.predicates.is_empty() || self.predicates.len() > PREDICATES {
            return Err(PolicyError::Count);
        }
        if self.from >= self.until {
            return Err(PolicyError::EmptyWindow);
        }
        if self.pass.as_ref().is_some_and(|pass| !(1..=720).contains(&pass.hours)) {
            return Err(PolicyError::PassHours);
        }
        if self.proof.is_some_and(|proof| !(1..=168).contains(&proof.epoch_hours)) {
            return Err(PolicyError::EpochHours);
        }
        let operands = self.predicates.iter().filter_map(|predicate| match &predicate.test {
            Test::Equals(operand) | Test::AtLeast(operand) | Test::AtMost(operand) => Some(operand),
            Test::OneOf(_) => None,
        });
        let far = |operand: &Operand| matches!(operand, Operand::DaysFromToday(days) if days.unsigned_abs() > FARTHEST_DAY);
        if operands.into_iter().any(far) {
            return Err(PolicyError::FarDay);
        }
        let asked = self.claims();
        match self.retained.iter().find(|claim| !asked.contains(claim.as_str())) {
            Some(claim) => Err(PolicyError::RetainedUnasked(claim.clone())),
            None => Ok(()),
        }
    }

    /// Checks that every test fits the kind of its claim.
    ///
    /// # Errors
    /// The first [`PolicyError`].
    pub fn check_against(&self, schema: &Schema) -> Result<(), PolicyError> {
        self.check()?;
        if schema.id() != self.schema || schema.credential_type != self.credential_type {
            return Err(PolicyError::OtherSchema(self.schema));
        }
        for Predicate { claim, test } in &self.predicates {
            let spec = schema.claims.get(claim).ok_or_else(|| PolicyError::UnknownClaim(claim.clone()))?;
            if !test.fits(&spec.kind) {
                return Err(PolicyError::WrongKind(claim.clone()));
            }
        }
        if self.proof.is_some() {
            // What is promised to be provable has terms, on whichever day and for whatever set.
            let (any, day) = (Element::default(), self.from.date());
            self.terms(schema, any, day, any)?;
        }
        Ok(())
    }

    /// The policy's identifier: the hash of its content.
    pub fn id(&self) -> Digest {
        digest(label::POLICY, &[&encode(self)])
    }

    /// The claims a holder must disclose, and no others.
    pub fn claims(&self) -> BTreeSet<&str> {
        self.predicates.iter().map(|predicate| predicate.claim.as_str()).collect()
    }

    /// Whether the policy applies at `time`.
    pub fn applies_at(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }

    /// Evaluates every predicate on disclosed claims, as on the day `today`.
    ///
    /// The first failing predicate gives `RULE_FAILED`, a missing claim `RULE_OPEN`; a failure outweighs.
    pub fn evaluate(&self, claims: &Claims, today: Date) -> Part {
        let mut open = None;
        for (index, Predicate { claim, test }) in self.predicates.iter().enumerate() {
            match claims.get(claim).map(|value| test.holds(value, today)) {
                Some(true) => {}
                Some(false) => {
                    let detail = format!(
                        "{} v{} predicate {}: {}",
                        self.name,
                        self.version,
                        index + 1,
                        test.sentence(claim)
                    );
                    return Part::Bad(Finding::new(Reason::RuleFailed, detail));
                }
                None => {
                    let detail = format!("{} v{} needs claim {claim}", self.name, self.version);
                    open.get_or_insert(Finding::new(Reason::RuleOpen, detail));
                }
            }
        }
        open.map_or(Part::Good, Part::Open)
    }

    /// The rule as sentences for the holder, one a predicate.
    pub fn explain(&self) -> Vec<String> {
        self.predicates.iter().map(|predicate| predicate.test.sentence(&predicate.claim)).collect()
    }
}

impl Test {
    pub(crate) fn fits(&self, kind: &ClaimKind) -> bool {
        match (self, kind) {
            (
                Self::Equals(Operand::Text(_)) | Self::OneOf(_),
                ClaimKind::Text { .. } | ClaimKind::Code { .. },
            )
            | (Self::Equals(Operand::Boolean(_)), ClaimKind::Boolean) => true,
            (Self::Equals(operand) | Self::AtLeast(operand) | Self::AtMost(operand), ClaimKind::Date) => {
                matches!(operand, Operand::Date(_) | Operand::DaysFromToday(_))
            }
            (
                Self::Equals(operand) | Self::AtLeast(operand) | Self::AtMost(operand),
                ClaimKind::Integer { .. },
            ) => {
                matches!(operand, Operand::Integer(_))
            }
            _ => false,
        }
    }

    /// Total: a value of another kind than the operand's fails the test.
    fn holds(&self, value: &ClaimValue, today: Date) -> bool {
        match self {
            Self::Equals(operand) => *value == operand.on(today),
            Self::OneOf(texts) => matches!(value, ClaimValue::Text(text) if texts.contains(text)),
            Self::AtLeast(operand) => {
                ordered(value, &operand.on(today)).is_some_and(std::cmp::Ordering::is_ge)
            }
            Self::AtMost(operand) => {
                ordered(value, &operand.on(today)).is_some_and(std::cmp::Ordering::is_le)
            }
        }
    }

    fn sentence(&self, claim: &str) -> String {
        let claim = claim.replace('_', " ");
        match self {
            Self::Equals(operand) => format!("{claim} is {}", operand.words()),
            Self::OneOf(texts) => {
                format!(
                    "{claim} is one of {}",
                    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
                )
            }
            Self::AtLeast(operand @ (Operand::Date(_) | Operand::DaysFromToday(_))) => {
                format!("{claim} is on or after {}", operand.words())
            }
            Self::AtMost(operand @ (Operand::Date(_) | Operand::DaysFromToday(_))) => {
                format!("{claim} is on or before {}", operand.words())
            }
            Self::AtLeast(operand) => format!("{claim} is at least {}", operand.words()),
            Self::AtMost(operand) => format!("{claim} is at most {}", operand.words()),
        }
    }
}

/// The order of two numbers or two dates; `None` for anything else.
fn ordered(value: &ClaimValue, bound: &ClaimValue) -> Option<std::cmp::Ordering> {
    match (value, bound) {
        (ClaimValue::Integer(value), ClaimValue::Integer(bound)) => Some(value.cmp(bound)),
        (ClaimValue::Date(value), ClaimValue::Date(bound)) => Some(value.cmp(bound)),
        _ => None,
    }
}

impl Operand {
    pub(crate) fn on(&self, today: Date) -> ClaimValue {
        match self {
            Self::Text(text) => ClaimValue::Text(text.clone()),
            Self::Integer(number) => ClaimValue::Integer(*number),
            Self::Boolean(yes) => ClaimValue::Boolean(*yes),
            Self::Date(date) => ClaimValue::Date(*date),
            Self::DaysFromToday(days) => ClaimValue::Date(today.plus_days(*days)),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(yes) => if *yes { "yes" } else { "no" }.into(),
            Self::Date(date) => date.to_string(),
            Self::DaysFromToday(0) => "today".into(),
            Self::DaysFromToday(days @ ..0) => format!("the day {} days ago", days.unsigned_abs()),
            Self::DaysFromToday(days) => format!("the day in {days} days"),
        }
    }
}

#[cfg(test)]
mod tests;
