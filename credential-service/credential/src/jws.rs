//! Compact JWS (RFC 7515), with the algorithm bound to the key.
//!
//! **Statement.** A [`VerifiedJws`] holds a header and payload that the owner of the key signed under the
//! key's one algorithm. **Argument.** The key's suite names the algorithm and the header may only agree
//! (no `none`, no confusion of algorithms); no extension is understood, so `crit` and `b64` are refused; base64url has
//! one spelling per value here, so no second text carries the same signature. Keys named or carried in
//! the header (`jwk`, `jku`, `x5c`, `x5u`) are never used: the caller brings the key (attack W6).
//!
//! **Absent on purpose.** 1. Other algorithms than those of the suites here, EdDSA (also named Ed25519) and
//! ES256: no RSA, no HMAC, no other curve, no `none`. 2. Other forms of ECDSA signatures than r‖s: DER counts as a
//! signature that does not hold. 3. The JSON serialisations, but for SD-JWT's own
//! ([`SdJwtText::parse_json`](crate::sd_jwt::SdJwtText::parse_json)). 4. Detached and unencoded payloads,
//! compression (`zip` means nothing here: the payload is what was signed), encryption.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use did_registry::{PublicKey, Signature, SigningKey, Suite, Timestamp};
use serde_json::{Map, Value};

use crate::json::{self, JsonError, Limits};
use crate::{Finding, Reason};

/// Bytes accepted for a header, base64url removed.
const HEADER_BYTES: usize = 16 * 1024;

/// Why a JWS, or a JWT in it, is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Over the size limit.
    #[error("a token of at most {limit} bytes is accepted, got {got}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        got: usize,
    },
    /// Not three parts.
    #[error("a compact JWS has three parts divided by dots")]
    NotCompact,
    /// Padding, a foreign letter, or a second spelling of a value.
    #[error("a JWS part is base64url without padding, in its only spelling")]
    Encoding,
    /// The header or payload is not the JSON object that it should be.
    #[error("the token's JSON: {0}")]
    Json(#[from] JsonError),
    /// `none`, missing, or unknown.
    #[error("alg is one of EdDSA, Ed25519 and ES256")]
    Algorithm,
    /// An extension that must be understood.
    #[error("no header extension is understood, so none may be critical")]
    Critical,
    /// RFC 7797.
    #[error("the payload is encoded, so there is no b64 header")]
    Unencoded,
    /// The header names another algorithm than the key's.
    #[error("alg is the algorithm of the key's suite")]
    AlgorithmMismatch,
    /// Not 64 bytes, as DER is not.
    #[error("a signature has 64 bytes: r and s of ECDSA, R and S of EdDSA")]
    SignatureLength,
    /// The signature does not hold.
    #[error("the signature does not hold under the stated key")]
    BadSignature,
    /// Another kind of token.
    #[error("a token of typ {0:?} is expected")]
    WrongType(String),
    /// A claim is missing or has another form.
    #[error("claim {0:?} is missing or not of the form its specification gives")]
    Claim(&'static str),
}

impl From<JwsError> for Finding {
    fn from(error: JwsError) -> Self {
        let reason = match &error {
            JwsError::Algorithm
            | JwsError::AlgorithmMismatch
            | JwsError::SignatureLength
            | JwsError::BadSignature => Reason::BadSignature,
            JwsError::WrongType(_) => Reason::WrongKind,
            JwsError::TooLarge { .. }
            | JwsError::NotCompact
            | JwsError::Encoding
            | JwsError::Json(_)
            | JwsError::Critical
            | JwsError::Unencoded
            | JwsError::Claim(_) => Reason::BadEncoding,
        };
        Self::new(reason, error.to_string())
    }
}

/// Signs `payload`; `alg` comes from the key's suite, whatever `header` says.
pub fn sign(mut header: Map<String, Value>, payload: &[u8], key: &SigningKey) -> String {
    header.insert("alg".into(), key.suite().jose().into());
    let header = serde_json::to_vec(&header).expect("serialises because names are text");
    let mut text = String::with_capacity((header.len() + payload.len()) * 4 / 3 + 100);
    URL_SAFE_NO_PAD.encode_string(header, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    let signature = key.sign(text.as_bytes());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_bytes(), &mut text);
    text
}

/// A well-formed JWS from outside; nobody has vouched for it yet.
#[derive(Clone)]
pub struct Jws {
    text: String,
    signed: usize, // bytes of `text` that the signature covers
    suite: Suite,
    header: Map<String, Value>,
    payload: Vec<u8>,
    signature: Signature,
}

impl Jws {
    /// Reads the compact form, of at most `limit` bytes.
    ///
    /// # Errors
    /// Every [`JwsError`] but those of the key, the type and the claims.
    pub fn parse(text: &str, limit: usize) -> Result<Self, JwsError> {
        if text.len() > limit {
            return Err(JwsError::TooLarge { limit, got: text.len() });
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::NotCompact);
        };
        let signed = header.len() + 1 + payload.len();
        let header = json::parse_object(&from_base64url(header)?, Limits::of(HEADER_BYTES))?;
        if header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        if header.contains_key("b64") {
            return Err(JwsError::Unencoded);
        }
        let suite = match header.get("alg").and_then(Value::as_str) {
            Some("EdDSA" | "Ed25519") => Suite::Ed25519, // RFC 8037; RFC 9864
            Some("ES256") => Suite::P256,
            _ => return Err(JwsError::Algorithm),
        };
        let payload = from_base64url(payload)?;
        let signature = Signature::try_from(from_base64url(signature)?.as_slice());
        let signature = signature.map_err(|_| JwsError::SignatureLength)?;
        Ok(Self { text: text.to_owned(), signed, suite, header, payload, signature })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The header, which anybody may have written.
    pub fn unverified_header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The `kid` header, for looking up a key among those the caller trusts.
    pub fn unverified_key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The payload, which anybody may have written.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies the signature under a key that the caller trusts for this.
    ///
    /// # Errors
    /// [`JwsError::AlgorithmMismatch`] or [`JwsError::BadSignature`].
    pub fn verify(self, key: &PublicKey) -> Result<VerifiedJws, JwsError> {
        if self.suite != key.suite() {
            return Err(JwsError::AlgorithmMismatch);
        }
        let signed = self.text.get(..self.signed).expect("inside because it was measured on this text");
        key.verify_jose(signed.as_bytes(), &self.signature).map_err(|_| JwsError::BadSignature)?;
        Ok(VerifiedJws(self))
    }
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws({} bytes)", self.text.len()) // the payload may be personal
    }
}

/// A JWS whose signature holds under the key that [`Jws::verify`] was given.
#[derive(Clone, Debug)]
pub struct VerifiedJws(Jws);

impl VerifiedJws {
    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The signed header.
    pub fn header(&self) -> &Map<String, Value> {
        &self.0.header
    }

    /// The signed payload.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// Holds the `typ` header to the one kind of token that is expected here (RFC 8725 §3.11). It is a media
    /// type (RFC 7515 §4.1.9), so capitals are small letters, and `application/` may be left out.
    ///
    /// # Errors
    /// [`JwsError::WrongType`].
    pub fn check_type(&self, expected: &str) -> Result<(), JwsError> {
        let stated = self.0.header.get("typ").and_then(Value::as_str);
        if stated.is_some_and(|stated| is_media_type(stated, expected)) {
            Ok(())
        } else {
            Err(JwsError::WrongType(expected.to_owned()))
        }
    }
}

/// Whether two texts name one media type, each with or without `application/`.
pub(crate) fn is_media_type(one: &str, other: &str) -> bool {
    subtype(one).eq_ignore_ascii_case(subtype(other))
}

/// A media type without `application/`; a subtype has no slash, so what is left of it means one thing only.
fn subtype(kind: &str) -> &str {
    match kind.split_once('/') {
        Some((top, rest)) if top.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => kind,
    }
}

/// Base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url in its only spelling: no padding, no stray bits in the last letter.
pub(crate) fn from_base64url(text: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Encoding)
}

/// A claim in seconds since the epoch (RFC 7519 NumericDate). A fraction is dropped, as the clock drops it.
pub(crate) fn seconds(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, JwsError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(floor));
    let time = whole.and_then(|seconds| Timestamp::from_seconds(seconds).ok());
    time.map(Some).ok_or(JwsError::Claim(name))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and the cast saturates beyond every time"
)]
fn floor(seconds: f64) -> Option<u64> {
    (seconds >= 0.0).then_some(seconds as u64)
}

/// A claim that must be there and be text.
pub(crate) fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JwsError> {
    claims.get(name).and_then(Value::as_str).ok_or(JwsError::Claim(name))
}

#[cfg(test)]
mod tests;
