//! Why a wallet does not go on.

use credential::Finding;
use did_registry::{Did, Digest};

/// A rule of the wallet, for its holder to read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// What was handed over does not hold.
    #[error("what the other side sent does not hold: {0}")]
    Sent(#[from] Finding),
    /// The policy is not on the ledger.
    #[error("policy {0} is not anchored; nothing is shown for it")]
    PolicyNotAnchored(Digest),
    /// Asked on behalf of somebody else.
    #[error("the one who asks is not {0}, whose policy it is")]
    NotVerifier(Did),
    /// The holder's own data would fail the rule.
    #[error("the policy would refuse: {0}")]
    WouldRefuse(Finding),
    /// The verifier is a stranger.
    #[error("the committee recognises {0} for nothing; nothing is proved to it")]
    VerifierNotRecognised(Did),
    /// The policy is asked in the clear only.
    #[error("policy {0} is asked in the clear only: it cannot be proved")]
    NotProvable(Digest),
    /// Nobody can prove yet.
    #[error("the committee has adopted no keys of the circuits: nobody would take a proof")]
    NoCircuitKeys,
    /// Nothing to prove with.
    #[error("this credential came without what proofs are made of: claim it anew with circuit keys")]
    NoProofs,
    /// Revoked by its issuer.
    #[error("its issuer revoked this credential; ask the issuer for the cause")]
    Revoked,
    /// The issuer's deltas and its record on the ledger differ.
    #[error("the issuer's revocations do not lead to the root that the ledger has: fetch them again")]
    Revocations,
    /// No such credential.
    #[error("the wallet holds no {0}")]
    Missing(&'static str),
    /// The verifier said no.
    #[error("refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Finding>),
    /// The stored wallet cannot be read.
    #[error("the wallet's file: {0}")]
    Stored(String),
}
