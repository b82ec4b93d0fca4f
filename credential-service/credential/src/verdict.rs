//! The verdict: one vocabulary for every format.
//!
//! A verdict answers its parts separately, as TradeTrust does, and adds them up in one place
//! ([`Verdict::overall`]): any refusal refuses; otherwise any open part leaves it undecided; otherwise accept.

use serde::{Deserialize, Serialize};

/// Why a part was refused or left open. The names are the stable codes of the public interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Reason {
    /// No code could be read from the picture.
    Unreadable,
    /// Readable, but another kind of thing.
    WrongKind,
    /// Some layer does not decode, or breaks a size, depth or count limit.
    BadEncoding,
    /// No recognised issuer has this key.
    KeyUnknown,
    /// The key has left its issuer's document.
    KeyRemoved,
    /// The signature does not hold.
    BadSignature,
    /// The key may not sign this.
    WrongKeyUse,
    /// Not valid yet.
    NotYetValid,
    /// No longer valid.
    Expired,
    /// Revoked by its issuer.
    Revoked,
    /// Suspended by its issuer.
    Suspended,
    /// The claims break their schema.
    Schema,
    /// A code is in none of the published lists.
    CodeNotInList,
    /// More than one entry where exactly one is allowed.
    MultipleEntries,
    /// The rule says no.
    RuleFailed,
    /// The rule cannot be decided on what was shown.
    RuleOpen,
    /// Shown before.
    Replayed,
    /// Shown by somebody else than its holder.
    HolderMismatch,
    /// Made for another verifier or another challenge.
    WrongAudience,
    /// The issuer is not recognised for this type at this time.
    IssuerNotRecognised,
    /// Keys, rules or status are too old to decide on.
    ListStale,
    /// The clock went backwards.
    ClockSuspect,
    /// The source commitment is not anchored where it should be.
    NotAnchored,
    /// The proof does not show what the rule asks for: not this holder, issuer, day, rule or gate.
    ProofInvalid,
}

impl Reason {
    /// Every reason, for counters and documentation.
    pub const ALL: [Self; 24] = [
        Self::Unreadable,
        Self::WrongKind,
        Self::BadEncoding,
        Self::KeyUnknown,
        Self::KeyRemoved,
        Self::BadSignature,
        Self::WrongKeyUse,
        Self::NotYetValid,
        Self::Expired,
        Self::Revoked,
        Self::Suspended,
        Self::Schema,
        Self::CodeNotInList,
        Self::MultipleEntries,
        Self::RuleFailed,
        Self::RuleOpen,
        Self::Replayed,
        Self::HolderMismatch,
        Self::WrongAudience,
        Self::IssuerNotRecognised,
        Self::ListStale,
        Self::ClockSuspect,
        Self::NotAnchored,
        Self::ProofInvalid,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "UNREADABLE",
            Self::WrongKind => "WRONG_KIND",
            Self::BadEncoding => "BAD_ENCODING",
            Self::KeyUnknown => "KEY_UNKNOWN",
            Self::KeyRemoved => "KEY_REMOVED",
            Self::BadSignature => "BAD_SIGNATURE",
            Self::WrongKeyUse => "WRONG_KEY_USE",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
            Self::Suspended => "SUSPENDED",
            Self::Schema => "SCHEMA",
            Self::CodeNotInList => "CODE_NOT_IN_LIST",
            Self::MultipleEntries => "MULTIPLE_ENTRIES",
            Self::RuleFailed => "RULE_FAILED",
            Self::RuleOpen => "RULE_OPEN",
            Self::Replayed => "REPLAYED",
            Self::HolderMismatch => "HOLDER_MISMATCH",
            Self::WrongAudience => "WRONG_AUDIENCE",
            Self::IssuerNotRecognised => "ISSUER_NOT_RECOGNISED",
            Self::ListStale => "LIST_STALE",
            Self::ClockSuspect => "CLOCK_SUSPECT",
            Self::NotAnchored => "NOT_ANCHORED",
            Self::ProofInvalid => "PROOF_INVALID",
        }
    }
}

/// A reason and what exactly: names of rules, claims and keys, never a claim's value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}", .code.code())]
pub struct Finding {
    /// The stable code.
    pub code: Reason,
    /// For people and logs; holds no personal value.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub fn new(code: Reason, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// One part's answer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "answer", content = "why")]
pub enum Part {
    /// Checked and good.
    Good,
    /// Checked and bad.
    Bad(Finding),
    /// Could not be checked.
    Open(Finding),
    /// Not asked for this format, or not reached because an earlier part was bad.
    #[default]
    NotChecked,
}

impl From<Result<(), Finding>> for Part {
    fn from(result: Result<(), Finding>) -> Self {
        result.map_or_else(Self::Bad, |()| Self::Good)
    }
}

/// The answer in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Let pass.
    Accept,
    /// Refuse.
    Refuse,
    /// Cannot decide: refresh, or ask for a second proof.
    Undecided,
}

/// The parts of a verdict.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// Decodes, and the signature holds.
    pub integrity: Part,
    /// The issuer is recognised for this type, at this time, and the key was its own to use.
    pub issuer: Part,
    /// Within its own validity.
    pub validity: Part,
    /// Neither revoked nor suspended.
    pub status: Part,
    /// Shown by its holder.
    pub holder: Part,
    /// Fresh, for this verifier, not shown before.
    pub freshness: Part,
    /// What the verifier's rule says.
    pub rule: Part,
}

impl Verdict {
    /// Parts in the order in which they are checked.
    pub fn parts(&self) -> [(&'static str, &Part); 7] {
        [
            ("integrity", &self.integrity),
            ("issuer", &self.issuer),
            ("validity", &self.validity),
            ("status", &self.status),
            ("holder", &self.holder),
            ("freshness", &self.freshness),
            ("rule", &self.rule),
        ]
    }

    /// The parts in one word. A verdict in which nothing was checked accepts nothing.
    pub fn overall(&self) -> Overall {
        let parts = self.parts();
        if parts.iter().any(|(_, part)| matches!(part, Part::Bad(_))) {
            Overall::Refuse
        } else if self.integrity != Part::Good || parts.iter().any(|(_, part)| matches!(part, Part::Open(_)))
        {
            Overall::Undecided
        } else {
            Overall::Accept
        }
    }

    /// Everything bad, then everything open, in the order of the parts.
    pub fn findings(&self) -> Vec<&Finding> {
        let parts = self.parts();
        let bad = parts
            .iter()
            .filter_map(|(_, part)| if let Part::Bad(finding) = part { Some(finding) } else { None });
        let open = parts
            .iter()
            .filter_map(|(_, part)| if let Part::Open(finding) = part { Some(finding) } else { None });
        bad.chain(open).collect()
    }
}
