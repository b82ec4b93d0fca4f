//! The rules of Data Integrity proofs and of the credentials under them, one variant each.

use crate::json::JsonError;
use crate::{Finding, Reason};

/// Why a document is not secured or not accepted. Names members, never values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The JSON is refused.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Nothing to verify.
    #[error("a secured document is an object with a proof")]
    NoProof,
    /// Several proofs, or one that builds on another.
    #[error("exactly one proof is read; proof sets and chains are refused")]
    ProofSet,
    /// The document to secure has a proof.
    #[error("a document is secured once; this one has a proof")]
    HasProof,
    /// Another type, suite or key.
    #[error("the proof is a DataIntegrityProof of suite eddsa-jcs-2022 under an Ed25519 key")]
    WrongSuite,
    /// A member of the proof is missing or has another form.
    #[error("proof.{0} is missing or not of the form its specification gives")]
    Member(&'static str),
    /// Not `z` and base58btc of 64 bytes.
    #[error("proofValue is z and base58btc of 64 bytes")]
    ProofValue,
    /// The contexts disagree.
    #[error("the document's @context starts with the proof's")]
    Context,
    /// The signature does not hold.
    #[error("the signature does not hold under the stated key")]
    BadSignature,
    /// Made for another purpose.
    #[error("the proof's purpose is {0}")]
    Purpose(&'static str),
    /// Made for another verifier or challenge, or for one where none is expected.
    #[error("the proof's {0} is the verifier's, or absent if the verifier has none")]
    Audience(&'static str),
    /// Made after now.
    #[error("a proof is not made in the future")]
    FromTheFuture,
    /// The proof or the credential is past its end.
    #[error("the credential or its proof is past its end")]
    Expired,
    /// The credential is before its start.
    #[error("the credential is not valid yet")]
    NotYetValid,
    /// Not a credential.
    #[error("a W3C credential 2.0: {0}")]
    Credential(&'static str),
    /// Signed by somebody else.
    #[error("a credential is signed by its issuer")]
    NotIssuer,
    /// A claim with a reserved name.
    #[error("no claim about a subject is named id")]
    ReservedName,
}

impl From<ProofError> for Finding {
    fn from(error: ProofError) -> Self {
        let reason = match &error {
            ProofError::BadSignature => Reason::BadSignature,
            ProofError::Purpose(_) | ProofError::NotIssuer => Reason::WrongKeyUse,
            ProofError::Audience(_) => Reason::WrongAudience,
            ProofError::FromTheFuture | ProofError::NotYetValid => Reason::NotYetValid,
            ProofError::Expired => Reason::Expired,
            ProofError::ProofSet => Reason::MultipleEntries,
            ProofError::NoProof | ProofError::WrongSuite | ProofError::Credential(_) => Reason::WrongKind,
            ProofError::Json(_)
            | ProofError::HasProof
            | ProofError::Member(_)
            | ProofError::ProofValue
            | ProofError::Context
            | ProofError::ReservedName => Reason::BadEncoding,
        };
        Self::new(reason, error.to_string())
    }
}
