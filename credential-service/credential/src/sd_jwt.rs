//! SD-JWT (RFC 9901) and SD-JWT VC (`dc+sd-jwt`): issue, present, verify.
//!
//! **Statement.** A [`VerifiedSdJwt`] says: the owner of the issuer's key stated every claim in the
//! payload; the holder named by `cnf` chose to show exactly these, to this audience, for this nonce.
//! **Argument.** The issuer signs SHA-256 digests of salted claims; 128-bit salts from a strong generator
//! hide what is not shown (W2), collision resistance pins what is. Each disclosure must meet one digest
//! and each digest may occur once, so nothing is added, moved or counted twice. The holder's signature
//! covers the hash of all that is shown, the audience and the nonce (W1).
//!
//! ```text
//! claims ──salt──► disclosures ──SHA-256──► _sd ─┐
//!                                  cnf, exp, … ─┴─issuer signs─► SdJwt ──holder chooses, signs──► text
//! text ─parse─► SdJwtText ─verify_issuer─► AuthenticSdJwt ─check_validity, verify_holder─► VerifiedSdJwt
//! ```
//! We are stricter than the RFC in five points: SHA-256 only; `iss`, `nbf`, `exp`, `cnf`, `vct`, `status`
//! and `aud` may not be concealed; a reserved name is refused wherever it stands; the issuer's token has a
//! `typ`, which the RFC recommends, so that no other token passes for it; a key-binding token where none is
//! asked for is refused, which §7.3 leaves open, so that nothing is shown unchecked. And in one than SD-JWT VC:
//! `iss` is required, as issuers are recognised by their identifiers, not by certificates.
//! Two presentations of one SD-JWT share the issuer's signature: issue in batches for one use each (W14).

mod authentic;
mod disclosure;
mod error;
mod expand;
mod issue;
mod json_form;
mod present;
mod verify;

pub use authentic::{AuthenticSdJwt, VerifiedSdJwt};
pub use error::SdJwtError;
pub use issue::{IssueRequest, issue};
pub use present::{SdJwt, present};
pub use verify::{Binding, Expected, SdJwtText};

use crate::json::Limits;

/// The `typ` of an SD-JWT VC.
pub const TYPE: &str = "dc+sd-jwt";
/// The `typ` of a key-binding token.
pub const KEY_BINDING_TYPE: &str = "kb+jwt";
/// Bytes accepted for a whole SD-JWT.
pub const LIMIT: usize = 64 * 1024;
/// Disclosures accepted in one SD-JWT.
pub const DISCLOSURES: usize = 64;

/// Claims that tell whether and for whom the rest holds, so they are always shown.
const NEVER_CONCEALED: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "aud"];
/// Names that the format uses for itself.
const RESERVED: [&str; 3] = ["_sd", "_sd_alg", "..."];
/// Claims about the token; all others are about its subject.
const REGISTERED: [&str; 10] =
    ["iss", "aud", "iat", "nbf", "exp", "jti", "cnf", "vct", "vct#integrity", "status"];
/// Limits of each JSON text in an SD-JWT.
const JSON: Limits = Limits::of(LIMIT);

#[cfg(test)]
mod tests;
