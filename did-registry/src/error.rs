//! The rules of the registry, one variant each.

use crate::{Date, Did, Timestamp};

/// Why bytes or an operation were refused. The text states the rule; [`RegistryError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Bytes or text that no value has.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Input over a size limit.
    #[error("at most {limit} bytes are accepted, got {got}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        got: usize,
    },
    /// A key that no honest signer has (small order, non-canonical, not on the curve).
    #[error("a public key must be a canonical point of its curve, not of small order ({0})")]
    WeakKey(&'static str),
    /// The signature does not hold.
    #[error("the signature does not hold under the stated key")]
    BadSignature,
    /// The signing key is not the actor's current control key.
    #[error("operations of {0} are signed by its current control key")]
    NotControlKey(Did),
    /// No such identifier.
    #[error("{0} is not registered")]
    UnknownDid(Did),
    /// The identifier exists already.
    #[error("{0} is registered already")]
    DidExists(Did),
    /// The stated identifier is not the hash of the genesis operation.
    #[error("an identifier is the hash of its genesis operation, which gives {0}")]
    NotSelfCertified(Did),
    /// Deactivation is final.
    #[error("{0} is deactivated, which is final")]
    Deactivated(Did),
    /// The operation does not follow the record's last one.
    #[error("an operation names the hash of the one before it; {0} has moved on")]
    NotNext(Did),
    /// The revealed key is not the one committed to.
    #[error("a rotation reveals the key that the one before committed to")]
    NotPrecommitted,
    /// A fragment named another key before.
    #[error("fragment #{0} named another key before")]
    FragmentReused(String),
    /// A key retired as compromised stays retired.
    #[error("the key at #{0} was retired as compromised and does not come back under any name")]
    CompromisedKey(String),
    /// A document outgrew its bounds.
    #[error("a document holds at most {limit} {what}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Guardians are missing or their rule is senseless.
    #[error(
        "recovery needs a guardian rule: k of n distinct guardians with 1 ≤ k ≤ n ≤ 16, a delay of a day to a year"
    )]
    GuardianRule,
    /// Too few valid approvals.
    #[error("recovery needs {needed} guardians, {valid} approved validly")]
    TooFewGuardians {
        /// Approvals needed.
        needed: u8,
        /// Valid, distinct approvals seen.
        valid: u8,
    },
    /// A recovery is pending already, or none is.
    #[error("a recovery of {0} must be {1} for this")]
    RecoveryState(Did, &'static str),
    /// The delay has not passed.
    #[error("this recovery takes effect at {0} unless the owner vetoes it")]
    RecoveryTooEarly(Timestamp),
    /// Only the committee votes.
    #[error("{0} is not a member of the committee")]
    NotMember(Did),
    /// One vote each.
    #[error("{0} has voted on this motion")]
    VotedAlready(Did),
    /// The motion was decided or has expired.
    #[error("the motion is no longer open")]
    MotionClosed,
    /// A committee decides by more than half and keeps at least one member.
    #[error("a committee decides by k of n with n/2 < k ≤ n ≤ 64; {0}")]
    CommitteeRule(&'static str),
    /// A validity window must not be empty.
    #[error("a validity window starts before it ends")]
    EmptyWindow,
    /// No such recognition to withdraw.
    #[error("{0} is not recognised for this credential type")]
    NotRecognised(Did),
    /// A date outside what a rule allows.
    #[error("{0} is outside the allowed dates")]
    DateOutside(Date),
}

impl RegistryError {
    /// A stable code that names the rule; part of the public interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MALFORMED",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::WeakKey(_) => "WEAK_KEY",
            Self::BadSignature => "BAD_SIGNATURE",
            Self::NotControlKey(_) => "NOT_CONTROL_KEY",
            Self::UnknownDid(_) => "DID_UNKNOWN",
            Self::DidExists(_) => "DID_EXISTS",
            Self::NotSelfCertified(_) => "DID_NOT_SELF_CERTIFIED",
            Self::Deactivated(_) => "DID_DEACTIVATED",
            Self::NotNext(_) => "DID_NOT_NEXT",
            Self::NotPrecommitted => "KEY_NOT_PRECOMMITTED",
            Self::FragmentReused(_) => "FRAGMENT_REUSED",
            Self::CompromisedKey(_) => "KEY_COMPROMISED",
            Self::TooMany { .. } => "TOO_MANY",
            Self::GuardianRule => "GUARDIAN_RULE",
            Self::TooFewGuardians { .. } => "TOO_FEW_GUARDIANS",
            Self::RecoveryState(..) => "RECOVERY_STATE",
            Self::RecoveryTooEarly(_) => "RECOVERY_TOO_EARLY",
            Self::NotMember(_) => "NOT_MEMBER",
            Self::VotedAlready(_) => "VOTED_ALREADY",
            Self::MotionClosed => "MOTION_CLOSED",
            Self::CommitteeRule(_) => "COMMITTEE_RULE",
            Self::EmptyWindow => "EMPTY_WINDOW",
            Self::NotRecognised(_) => "NOT_RECOGNISED",
            Self::DateOutside(_) => "DATE_OUTSIDE",
        }
    }
}
