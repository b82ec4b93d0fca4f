//! Why a call failed.

use did_registry::{Digest, RegistryError};
use ledger_chain::light::LightError;

use crate::http::problem::Problem;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The node could not be reached, or broke off. Nothing is known about what was sent; send it again.
    #[error("the ledger could not be reached: {0}")]
    Transport(String),
    /// The node says no.
    #[error("{}: {}", .0.code, .0.detail)]
    Problem(Box<Problem>),
    /// The transaction was refused.
    #[error("{code}: {rule}")]
    Refused {
        /// Names the rule.
        code: String,
        /// States the rule.
        rule: String,
    },
    /// Taken in, but no block came in time. It may still be committed; ask again by its id.
    #[error("transaction {0} still waits for its block")]
    Pending(Digest),
    /// The node answered something that no node answers.
    #[error("the ledger's answer does not read: {0}")]
    Answer(String),
    /// The node's proof does not hold: it lies, or shows another history.
    #[error(transparent)]
    Light(#[from] LightError),
    /// The node says that something is committed, and what it proves is another state.
    #[error("what a node says is committed is on the ledger by proof")]
    Unproven,
}

impl ClientError {
    /// A stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Transport(_) => "LEDGER_UNREACHABLE",
            Self::Problem(problem) => &problem.code,
            Self::Refused { code, .. } => code,
            Self::Pending(_) => "LEDGER_PENDING",
            Self::Answer(_) => "LEDGER_ANSWER",
            Self::Light(error) => error.code(),
            Self::Unproven => "LEDGER_UNPROVEN",
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url().to_string())
    }
}

impl From<RegistryError> for ClientError {
    fn from(error: RegistryError) -> Self {
        Self::Answer(error.to_string())
    }
}
