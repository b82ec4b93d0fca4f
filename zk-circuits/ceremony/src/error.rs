//! The rules of a ceremony, one variant each.

use std::fmt;

use crate::chain::{MAX_CONTRIBUTIONS, Phase, Secret};
use crate::circuit::MAX_VARIABLES;
use crate::name::{NAME_BYTES, Name};
use crate::powers::MAX_K;

/// Bytes that no value has. Places are counted in bytes from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedError {
    /// Another kind of file, or another version.
    #[error("a file starts with the label of its kind and version")]
    Label,
    /// A size in the header is out of bounds.
    #[error(
        "a header says 1 ≤ k ≤ {MAX_K}, at most {MAX_CONTRIBUTIONS} contributions and {MAX_VARIABLES} variables"
    )]
    Size,
    /// Cut off or continued.
    #[error("a file of this header has {expected} bytes, got {got}")]
    Length {
        /// Bytes that the header asks for.
        expected: usize,
        /// Bytes received.
        got: usize,
    },
    /// Not the one encoding of a point of the group of prime order.
    #[error("a point is canonical, on its curve and in the group of prime order; at byte {at} it is not")]
    Point {
        /// Where.
        at: usize,
    },
    /// The identity, where a product of factors that are not zero stands.
    #[error("this point is never the identity; at byte {at} it is")]
    Identity {
        /// Where.
        at: usize,
    },
    /// Not a number below the field's order.
    #[error("a scalar is below the order of the field; at byte {at} it is not")]
    Scalar {
        /// Where.
        at: usize,
    },
    /// Not a name.
    #[error("a name is 1 to {NAME_BYTES} printable ASCII characters without a space at either end")]
    Name,
}

/// Whose contribution, or whose file, does not hold. In a chain it is the first link that does not hold, made by
/// this contributor or altered since; with an accumulator it is the last contributor, who handed it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Of which phase.
    pub phase: Phase,
    /// Which contribution, from 1; 0 is the file that the phase starts with.
    pub place: usize,
    /// Whose; nobody's, if it is the file that the phase starts with.
    pub name: Option<Name>,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}, contribution {} by {name}", self.phase, self.place),
            None => write!(f, "{}, its start", self.phase),
        }
    }
}

/// Why something was refused. The text states the rule; [`CeremonyError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// Bytes that no value has.
    #[error("malformed: {0}")]
    Malformed(#[from] MalformedError),
    /// A domain too small or too large.
    #[error("a domain has 2^k points with 1 ≤ k ≤ {MAX_K}, got k = {0}")]
    DomainSize(u32),
    /// Not the matrices of a circuit.
    #[error("{0}")]
    NotACircuit(&'static str),
    /// The powers do not reach.
    #[error("this circuit needs powers for 2^{needed} points, there are those for 2^{got}")]
    TooFewPowers {
        /// Logarithm of the circuit's domain.
        needed: u32,
        /// Logarithm of the domain that phase 1 was made for.
        got: u32,
    },
    /// A chain is full.
    #[error("a phase has at most {MAX_CONTRIBUTIONS} contributions")]
    ChainFull,

    /// A second contribution under one name.
    #[error("{0}: a name contributes once to a phase")]
    NameRepeated(Culprit),
    /// A factor is zero.
    #[error("{by}: no factor is zero; that of {secret} is")]
    ZeroFactor {
        /// Whose.
        by: Culprit,
        /// Of which secret.
        secret: Secret,
    },
    /// One secret in G1, another in G2.
    #[error("{by}: a secret is the same in both groups; {secret} is not")]
    GroupsDiffer {
        /// Whose.
        by: Culprit,
        /// Which secret.
        secret: Secret,
    },
    /// No knowledge of the factor shown, or not here, or not under this name.
    #[error(
        "{by}: a contributor proves to know the factors, after all that came before and under the own name; \
         for {secret} the proof does not hold"
    )]
    FalseProof {
        /// Whose.
        by: Culprit,
        /// Of which secret.
        secret: Secret,
    },

    /// The accumulator is not of this chain.
    #[error("{by}: an accumulator has the values of the last contribution; it has another {secret}")]
    LastValues {
        /// Whose.
        by: Culprit,
        /// Which secret.
        secret: Secret,
    },
    /// Powers of tau in G1.
    #[error("{0}: the powers of tau in G1 start with the generator, and each is tau times the one before")]
    TauG1Powers(Culprit),
    /// Powers of tau in G2.
    #[error("{0}: the powers of tau in G2 start with the generator, and each is tau times the one before")]
    TauG2Powers(Culprit),
    /// Powers of tau, times alpha.
    #[error("{0}: alpha's powers start with alpha, and each is tau times the one before")]
    AlphaPowers(Culprit),
    /// Powers of tau, times beta.
    #[error("{0}: beta's powers start with beta, and each is tau times the one before")]
    BetaPowers(Culprit),
    /// The vanishing polynomial is zero at tau.
    #[error("{0}: tau is not in the circuit's domain, as it is before anybody has contributed")]
    TauInDomain(Culprit),

    /// Phase 2 of another phase 1.
    #[error("this phase 2 starts from another phase 1")]
    OtherPhase1,
    /// Phase 2 of another circuit.
    #[error("this phase 2 is of another circuit")]
    OtherCircuit,
    /// The query for A.
    #[error("{0}: the A query is the circuit's left sides at tau")]
    AQuery(Culprit),
    /// The query for B in G1.
    #[error("{0}: the B query in G1 is the circuit's right sides at tau")]
    BG1Query(Culprit),
    /// The query for B in G2.
    #[error("{0}: the B query in G2 is the circuit's right sides at tau")]
    BG2Query(Culprit),
    /// The query for the public inputs.
    #[error("{0}: the input query is beta·A + alpha·B + C of the public inputs at tau")]
    InputQuery(Culprit),
    /// The query for the quotient.
    #[error("{0}: the H query, times delta, is the powers of tau times the vanishing polynomial at tau")]
    HQuery(Culprit),
    /// The query for the private variables.
    #[error("{0}: the L query, times delta, is beta·A + alpha·B + C of the private variables at tau")]
    LQuery(Culprit),

    /// Not enough contributors.
    #[error("{phase} needs {needed} contributors, it has {got}")]
    TooFewContributors {
        /// Of which phase.
        phase: Phase,
        /// Contributors asked for.
        needed: usize,
        /// Contributors there.
        got: usize,
    },
    /// Not the key of this ceremony.
    #[error("the key is the one that this ceremony ends in")]
    OtherKey,
}

impl CeremonyError {
    /// A stable code that names the rule; part of the public interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MALFORMED",
            Self::DomainSize(_) => "DOMAIN_SIZE",
            Self::NotACircuit(_) => "NOT_A_CIRCUIT",
            Self::TooFewPowers { .. } => "TOO_FEW_POWERS",
            Self::ChainFull => "CHAIN_FULL",
            Self::NameRepeated(_) => "NAME_REPEATED",
            Self::ZeroFactor { .. } => "ZERO_FACTOR",
            Self::GroupsDiffer { .. } => "GROUPS_DIFFER",
            Self::FalseProof { .. } => "FALSE_PROOF",
            Self::LastValues { .. } => "LAST_VALUES",
            Self::TauG1Powers(_) => "TAU_G1_POWERS",
            Self::TauG2Powers(_) => "TAU_G2_POWERS",
            Self::AlphaPowers(_) => "ALPHA_POWERS",
            Self::BetaPowers(_) => "BETA_POWERS",
            Self::TauInDomain(_) => "TAU_IN_DOMAIN",
            Self::OtherPhase1 => "OTHER_PHASE_1",
            Self::OtherCircuit => "OTHER_CIRCUIT",
            Self::AQuery(_) => "A_QUERY",
            Self::BG1Query(_) => "B_G1_QUERY",
            Self::BG2Query(_) => "B_G2_QUERY",
            Self::InputQuery(_) => "INPUT_QUERY",
            Self::HQuery(_) => "H_QUERY",
            Self::LQuery(_) => "L_QUERY",
            Self::TooFewContributors { .. } => "TOO_FEW_CONTRIBUTORS",
            Self::OtherKey => "OTHER_KEY",
        }
    }
}
