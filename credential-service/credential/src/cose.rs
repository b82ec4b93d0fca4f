//! COSE_Sign1 (RFC 9052, sections 3 and 4.2 to 4.4): the envelope with the signature.
//!
//! **Statement.** A [`Sign1`] whose [`Sign1::verify`] passed holds a payload that the owner of that key signed,
//! together with the protected header and the external data, as that kind of key signs. **Argument.** The key
//! knows its algorithm, and the headers may only agree; what is signed is made of the parts as they were read.
//!
//! Of the headers four labels matter: 1 algorithm, 2 critical, 4 key identifier, 16 type (RFC 9596). A label in
//! the protected header wins; the unprotected one, which anybody on the way can change, is read only where the
//! protected one is silent, and for the type not at all. It then picks among keys that the caller trusts; it
//! cannot make a key serve an algorithm it is not of.
//!
//! **Absent on purpose.** Several signatures (COSE_Sign), MACs, encryption, detached payloads, and keys or
//! certificates carried in a header: the caller brings the key (attack W6).

use std::fmt;

use ciborium::Value;
use did_registry::{PublicKey, Signature, Suite};

use crate::{Finding, Reason, cbor};

/// Tags that may stand around the array, each or none: COSE_Sign1, CWT (RFC 8392, section 6),
/// self-described CBOR (RFC 8949, section 3.4.6).
const TAGS: [u64; 3] = [18, 61, 55_799];

/// Bytes of a key identifier; trust lists use eight.
const KID_LIMIT: usize = 64;

/// Stands for an algorithm that is named by text: the COSE registry reserves 0, no key is of it.
const RESERVED: i64 = 0;

/// A signed token whose structure is sound and whose signature nobody has checked.
#[derive(Clone)]
pub struct Sign1 {
    algorithm: Option<i64>,
    kid: Option<Vec<u8>>,
    media_type: Option<String>,
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signed: Vec<u8>,
}

impl Sign1 {
    /// Reads a COSE_Sign1 of at most [`cbor::LIMIT`] bytes, tagged or not.
    ///
    /// # Errors
    /// [`Reason::BadEncoding`] for other CBOR, a detached payload, or a critical header that is not understood.
    pub fn decode(bytes: &[u8]) -> Result<Self, Finding> {
        Self::decode_within(bytes, cbor::LIMIT)
    }

    /// As [`Sign1::decode`], of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Sign1::decode`].
    pub fn decode_within(bytes: &[u8], limit: usize) -> Result<Self, Finding> {
        let value = cbor::untagged(cbor::decode_within(bytes, limit, "a COSE_Sign1")?, &TAGS);
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
        // One of another form names no key. It counts as none where it stands, so a protected one of another
        // form is not made good by an unprotected one.
        let kid = header(4).and_then(Value::as_bytes).filter(|kid| (1..=KID_LIMIT).contains(&kid.len()));
        let kid = kid.cloned();
        let media_type = cbor::labelled(&bound, 16).and_then(Value::as_text).map(str::to_owned);
        // RFC 9052, section 4.4: an empty map counts as no protected header, however it was written.
        let protected = if bound.is_empty() { Vec::new() } else { protected };
        let signed = signed_bytes(&protected, &[], &payload);
        Ok(Self { algorithm, kid, media_type, protected, payload, signature, signed })
    }

    /// The algorithm as the headers name it, if they do; 0 for a name that is not a number.
    pub const fn algorithm(&self) -> Option<i64> {
        self.algorithm
    }

    /// The signer's key identifier, if the headers name one of 1 to 64 bytes.
    pub fn kid(&self) -> Option<&[u8]> {
        self.kid.as_deref()
    }

    /// The type that the protected header states as a media type. Content format numbers are not read.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The payload; where it is a CWT, its claims.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature as it stands.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The bytes that the signature covers where there is no external data:
    /// `["Signature1", protected, h'', payload]`.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// Verifies the signature under a key that the caller trusts for this, with the external data that both
    /// sides know and the token does not carry; mostly none. ES256 (−7, or −9) for P-256, EdDSA (−8, or −19) for
    /// Ed25519 (RFC 9053 and 9864). A header that names another algorithm is refused, one that names none is
    /// not asked.
    ///
    /// # Errors
    /// [`Reason::BadSignature`].
    pub fn verify(&self, key: &PublicKey, external: &[u8]) -> Result<(), Finding> {
        let algorithms: &[i64] = match key.suite() {
            Suite::P256 => &[-7, -9],
            Suite::Ed25519 => &[-8, -19],
            Suite::Jubjub => &[],
        };
        let refuse = |rule: &str| Err(Finding::new(Reason::BadSignature, rule));
        if self.algorithm.is_some_and(|named| !algorithms.contains(&named)) {
            return refuse("the token names another algorithm than its key is of");
        }
        let covered = (!external.is_empty()).then(|| signed_bytes(&self.protected, external, &self.payload));
        let covered = covered.as_deref().unwrap_or(&self.signed);
        let signature = Signature::try_from(self.signature.as_slice());
        match signature.map(|signature| key.verify_jose(covered, &signature)) {
            Ok(Ok(())) => Ok(()),
            _ => refuse("the signature does not hold under the signer's key"),
        }
    }
}

impl fmt::Debug for Sign1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kid = self.kid.as_ref().map(hex::encode);
        f.debug_struct("Sign1").field("algorithm", &self.algorithm).field("kid", &kid).finish_non_exhaustive()
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

fn signed_bytes(protected: &[u8], external: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(payload.len() + protected.len() + external.len() + 48);
    signed.push(0x84); // an array of four
    signed.push(0x6a); // a text of ten bytes
    signed.extend_from_slice(b"Signature1");
    cbor::push_bytes(&mut signed, protected);
    cbor::push_bytes(&mut signed, external);
    cbor::push_bytes(&mut signed, payload);
    signed
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, rule)
}

#[cfg(test)]
mod tests;
