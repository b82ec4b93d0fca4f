//! COSE_Sign1 (RFC 9052, sections 3 and 4.2 to 4.4): the envelope with the signature.
//!
//! Of the headers three labels matter: 1 algorithm, 2 critical, 4 key identifier. A label in the
//! protected header wins; the unprotected one, which anybody on the way can change, is read only where
//! the protected one is silent. It then picks among keys of the trust list; it cannot make a key serve
//! an algorithm it is not of ([`super::Signer::verify`]).

use std::fmt;

use ciborium::Value;

use super::cbor;
use crate::{Finding, Reason};

/// Tags that may stand around the array, each or none: COSE_Sign1, CWT (RFC 8392, section 6),
/// self-described CBOR (RFC 8949, section 3.4.6).
const TAGS: [u64; 3] = [18, 61, 55_799];

/// How many tags may stand there.
const TAG_DEPTH: usize = 4;

/// Bytes of a key identifier; trust lists use eight.
const KID_LIMIT: usize = 64;

/// Stands for an algorithm that is named by text: the COSE registry reserves 0, no key is of it.
const RESERVED: i64 = 0;

/// A signed token whose structure is sound and whose signature nobody has checked.
pub struct Token {
    algorithm: Option<i64>,
    kid: Option<Vec<u8>>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signed: Vec<u8>,
}

impl Token {
    /// Reads a COSE_Sign1, tagged or not.
    ///
    /// # Errors
    /// [`Reason::BadEncoding`] for other CBOR, a detached payload, a key identifier that is not 1 to 64
    /// bytes, or a critical header other than those above.
    pub fn decode(bytes: &[u8]) -> Result<Self, Finding> {
        let mut value = cbor::decode(bytes, "a COSE_Sign1")?;
        for _ in 0..TAG_DEPTH {
            match value {
                Value::Tag(tag, inner) if TAGS.contains(&tag) => value = *inner,
                _ => break,
            }
        }
        let parts = value.into_array().ok().and_then(|parts| <[Value; 4]>::try_from(parts).ok());
        let Some([Value::Bytes(protected), Value::Map(open), Value::Bytes(payload), Value::Bytes(signature)]) =
            parts
        else {
            return Err(refuse(
                "a COSE_Sign1 is [protected bytes, unprotected map, payload bytes, signature bytes]",
            ));
        };
        let bound = if protected.is_empty() {
            Vec::new()
        } else {
            let header = cbor::decode(&protected, "a protected header")?;
            header.into_map().map_err(|_| refuse("a protected header is a map"))?
        };
        check_critical(&bound)?;
        let header = |label| cbor::labelled(&bound, label).or_else(|| cbor::labelled(&open, label));
        let algorithm = header(1).map(|value| {
            value.as_integer().and_then(|number| i64::try_from(number).ok()).unwrap_or(RESERVED)
        });
        let kid = match header(4) {
            None => None,
            Some(Value::Bytes(kid)) if (1..=KID_LIMIT).contains(&kid.len()) => Some(kid.clone()),
            Some(_) => return Err(refuse("a key identifier is 1 to 64 bytes")),
        };
        // RFC 9052, section 4.4: an empty map counts as no protected header, however it was written.
        let protected = if bound.is_empty() { &[][..] } else { &protected };
        let signed = signed_bytes(protected, &payload);
        Ok(Self { algorithm, kid, payload, signature, signed })
    }

    /// The algorithm as the headers name it, if they do; 0 for a name that is not a number.
    pub const fn algorithm(&self) -> Option<i64> {
        self.algorithm
    }

    /// The signer's key identifier, if the headers name it.
    pub fn kid(&self) -> Option<&[u8]> {
        self.kid.as_deref()
    }

    /// The payload: CWT claims, to be read by [`super::Cwt::decode`].
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature as it stands.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The bytes that the signature covers: `["Signature1", protected, h'', payload]`.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kid = self.kid.as_ref().map(hex::encode);
        f.debug_struct("Token").field("algorithm", &self.algorithm).field("kid", &kid).finish_non_exhaustive()
    }
}

/// RFC 9052, section 3.1: who does not understand a critical header refuses the token.
fn check_critical(bound: &[(Value, Value)]) -> Result<(), Finding> {
    let Some(critical) = cbor::labelled(bound, 2) else { return Ok(()) };
    let known =
        |label: &Value| [1, 2, 3, 4].iter().any(|number| label.as_integer() == Some((*number).into()));
    match critical {
        Value::Array(labels) if !labels.is_empty() && labels.iter().all(known) => Ok(()),
        _ => Err(refuse("a token has no critical header but algorithm, content type and key identifier")),
    }
}

fn signed_bytes(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(payload.len() + protected.len() + 24);
    signed.push(0x84); // an array of four
    signed.push(0x6a); // a text of ten bytes
    signed.extend_from_slice(b"Signature1");
    cbor::push_bytes(&mut signed, protected);
    cbor::push_bytes(&mut signed, &[]);
    cbor::push_bytes(&mut signed, payload);
    signed
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, rule)
}

#[cfg(test)]
mod tests;
