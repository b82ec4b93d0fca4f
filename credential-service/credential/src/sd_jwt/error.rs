//! The rules of SD-JWT, one variant each.

use did_registry::RegistryError;

use crate::json::JsonError;
use crate::jws::JwsError;
use crate::{Finding, Reason};

/// Why an SD-JWT is not issued, presented or accepted. Names claims, never values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdJwtError {
    /// Over the size limit.
    #[error("an SD-JWT of at most {limit} bytes is accepted, got {got}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        got: usize,
    },
    /// Over the limit of disclosures.
    #[error("an SD-JWT has at most {limit} disclosures")]
    TooManyDisclosures {
        /// Disclosures allowed.
        limit: usize,
    },
    /// Every part but the key-binding token ends in `~`.
    #[error("an SD-JWT is a JWT and its disclosures, each ended by ~")]
    NotTerminated,
    /// A JSON form lacks a member, or has one of another kind or in another place.
    #[error(
        "an SD-JWT in JSON has the texts payload, protected and signature, the latter two alone or in up to 8 \
         signatures, and disclosures and kb_jwt in the first header, whose names no protected header has"
    )]
    JsonForm,
    /// The issuer's token is refused.
    #[error("issuer's token: {0}")]
    Token(JwsError),
    /// A JSON text is refused.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Not `[salt, name, value]` or `[salt, value]`, or the wrong one of the two for its place.
    #[error(
        "a disclosure is base64url of [salt, name, value] for a claim or [salt, value] for an array element"
    )]
    Disclosure,
    /// Another hash.
    #[error("digests are SHA-256")]
    HashAlgorithm,
    /// `_sd` or `...` in another form.
    #[error("_sd is an array of digests, and {{\"...\": digest}} stands alone in an array")]
    DigestForm,
    /// A name the format keeps for itself.
    #[error("no claim is named _sd, _sd_alg or ...")]
    ReservedName,
    /// A digest or a disclosure occurs again.
    #[error("each digest and each disclosure occurs once")]
    Repeated,
    /// A disclosure no digest asks for.
    #[error("each disclosure meets a digest that the issuer signed")]
    Unused,
    /// Two values for one name.
    #[error("claim {0:?} has one value")]
    NameClash(String),
    /// A claim that must be in the clear.
    #[error("claim {0:?} is never concealed")]
    Concealed(String),
    /// A claim that this product writes by itself.
    #[error("claim {0:?} is set by the issue request, not by hand")]
    SetByRequest(String),
    /// A claim is missing or has another form.
    #[error("claim {0:?} is missing or not of the form its specification gives")]
    Claim(&'static str),
    /// `cnf` names no usable key.
    #[error("cnf.jwk is a public key: {0}")]
    HolderKey(RegistryError),
    /// Past its end.
    #[error("the credential is past its expiry")]
    Expired,
    /// Before its start, or issued in the future.
    #[error("the credential is not valid yet")]
    NotYetValid,
    /// Nobody shows to be the holder.
    #[error("a presentation carries a key-binding token")]
    NoKeyBinding,
    /// A token that nobody asked for and nobody checked.
    #[error("no key-binding token is expected here")]
    UnexpectedKeyBinding,
    /// The key-binding token is malformed, of another type, or not signed by the holder's key.
    #[error("key-binding token: {0}")]
    KeyBinding(JwsError),
    /// The holder signed other disclosures.
    #[error("the key-binding token covers exactly the disclosures shown")]
    BindingHash,
    /// Made for somebody else.
    #[error("the key-binding token names this audience")]
    Audience,
    /// Made for another challenge.
    #[error("the key-binding token names this nonce")]
    Nonce,
    /// Made too long ago, or past its own end.
    #[error("the key-binding token was made just now; this one is old")]
    BindingOld,
    /// Made in the future.
    #[error("the key-binding token was made just now; this one is from the future")]
    BindingEarly,
    /// The holder is asked for what it does not have.
    #[error("claim {0:?} is not in the credential")]
    UnknownClaim(String),
    /// The credential is another holder's.
    #[error("the credential is bound to this holder's key")]
    NotHolder,
    /// A salt that can be guessed (W2).
    #[error("a salt has at least 128 bits")]
    ShortSalt,
}

impl From<SdJwtError> for Finding {
    fn from(error: SdJwtError) -> Self {
        use SdJwtError as E;
        let reason = match &error {
            E::Token(inner) => return Self::new(Self::from(inner.clone()).code, error.to_string()),
            E::KeyBinding(JwsError::WrongType(_)) => Reason::WrongKind,
            E::KeyBinding(
                JwsError::Algorithm
                | JwsError::AlgorithmMismatch
                | JwsError::SignatureLength
                | JwsError::BadSignature,
            )
            | E::NoKeyBinding
            | E::BindingHash
            | E::HolderKey(_)
            | E::NotHolder => Reason::HolderMismatch,
            E::Audience | E::Nonce => Reason::WrongAudience,
            E::Expired | E::BindingOld => Reason::Expired,
            E::NotYetValid | E::BindingEarly => Reason::NotYetValid,
            // A disclosure that the issuer's signature does not cover is as good as a forged claim.
            E::Unused => Reason::BadSignature,
            E::UnexpectedKeyBinding => Reason::WrongKind,
            E::TooLarge { .. }
            | E::TooManyDisclosures { .. }
            | E::NotTerminated
            | E::JsonForm
            | E::Json(_)
            | E::Disclosure
            | E::HashAlgorithm
            | E::DigestForm
            | E::ReservedName
            | E::Repeated
            | E::NameClash(_)
            | E::Concealed(_)
            | E::SetByRequest(_)
            | E::Claim(_)
            | E::KeyBinding(_)
            | E::UnknownClaim(_)
            | E::ShortSalt => Reason::BadEncoding,
        };
        Self::new(reason, error.to_string())
    }
}
