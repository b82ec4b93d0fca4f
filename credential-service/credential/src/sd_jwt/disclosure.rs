//! One concealed claim: salt, name and value, and the digest that stands for them (RFC 9901 §4.2).

use did_registry::Digest;
use rand::{CryptoRng, RngCore};
use serde_json::Value;

use super::{JSON, RESERVED, SdJwtError};
use crate::json;
use crate::jws::{base64url, from_base64url};

/// Bytes of salt: 128 bits (W2).
const SALT: usize = 16;

/// A disclosure: the text that is hashed, and what it says.
#[derive(Clone)]
pub(super) struct Disclosure {
    /// Base64url of the JSON array; every byte of it counts.
    pub(super) text: String,
    /// Base64url of SHA-256 of `text`.
    pub(super) digest: String,
    /// The claim's name; none for an array element.
    pub(super) name: Option<String>,
    /// What is claimed.
    pub(super) value: Value,
    /// Whether the salt has 128 bits or more.
    pub(super) well_salted: bool,
}

impl Disclosure {
    /// Conceals a claim under a fresh salt.
    pub(super) fn new<R: RngCore + CryptoRng>(name: &str, value: &Value, rng: &mut R) -> Self {
        let mut salt = [0u8; SALT];
        rng.fill_bytes(&mut salt);
        let json = serde_json::to_vec(&(base64url(&salt), name, value));
        let text = base64url(&json.expect("serialises because a Value has text names and finite numbers"));
        let digest = digest(text.as_bytes());
        Self { text, digest, name: Some(name.to_owned()), value: value.clone(), well_salted: true }
    }

    /// Reads a disclosure from outside.
    pub(super) fn parse(text: &str) -> Result<Self, SdJwtError> {
        let bytes = from_base64url(text).map_err(|_| SdJwtError::Disclosure)?;
        let Value::Array(parts) = json::parse(&bytes, JSON)? else { return Err(SdJwtError::Disclosure) };
        let mut parts = parts.into_iter();
        let (salt, name, value) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Value::String(salt)), Some(Value::String(name)), Some(value), None) => {
                (salt, Some(name), value)
            }
            (Some(Value::String(salt)), Some(value), None, None) => (salt, None, value),
            _ => return Err(SdJwtError::Disclosure),
        };
        if name.as_deref().is_some_and(|name| RESERVED.contains(&name)) {
            return Err(SdJwtError::ReservedName);
        }
        let well_salted = salt.len() * 6 >= SALT * 8; // base64url carries 6 bits a letter
        Ok(Self { text: text.to_owned(), digest: digest(text.as_bytes()), name, value, well_salted })
    }
}

/// Base64url of SHA-256, the form of every hash in an SD-JWT.
pub(super) fn digest(text: &[u8]) -> String {
    base64url(Digest::sha256(text).as_bytes())
}
