//! W3C Data Integrity with `eddsa-jcs-2022` (vc-di-eddsa 1.0, §3.3): small, fast signed JSON documents.
//!
//! **Statement.** A [`VerifiedDocument`] holds exactly the members that the owner of the key behind
//! `verificationMethod` signed, for one purpose. **Argument.** The signature covers
//! `SHA-256(JCS(proof without proofValue)) ‖ SHA-256(JCS(document without proof))`; JCS gives equal bytes to
//! equal JSON only, given that inexact integers are refused; Ed25519 does the rest.
//!
//! A signature that holds says nothing of who signed: the caller looks up the key by
//! [`SecuredDocument::unverified_method`], and [`VerifiedDocument::into_credential`] refuses a credential
//! whose issuer does not control that method (W5). Proof sets and chains are refused as such, rather than
//! read up to their first proof (W7, decision 0009); a list of one proof is that proof. Departures:
//! `proof.@context` may be absent, as the specification has it; a proof made for a domain or challenge is
//! refused where none is expected; times before 1970 are refused.

mod error;
mod vcdm;

pub use error::ProofError;
pub use vcdm::{CREDENTIALS_V2, CredentialRequest, VerifiedCredential, credential, did_key};

use std::fmt;

use did_registry::{Digest, PublicKey, Signature, SigningKey, Suite, Timestamp};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::json::{self, JsonError, Limits};

/// Bytes accepted for a document.
pub const LIMIT: usize = 64 * 1024;
/// Limits of a document.
const JSON: Limits = Limits::of(LIMIT);
/// The cryptosuite.
const SUITE: &str = "eddsa-jcs-2022";
/// Longest base58btc text of 64 bytes.
const PROOF_VALUE: usize = 88;

/// What a proof is for (CID 1.0 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To state claims, as an issuer.
    AssertionMethod,
    /// To show who one is, as a holder.
    Authentication,
}

impl Purpose {
    /// The name in a proof.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssertionMethod => "assertionMethod",
            Self::Authentication => "authentication",
        }
    }
}

/// What a proof will say of itself.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions<'a> {
    /// The signing key's URL.
    pub verification_method: &'a str,
    /// What the proof is for.
    pub purpose: Purpose,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// The verifier's challenge.
    pub challenge: Option<&'a str>,
    /// The verifier.
    pub domain: Option<&'a str>,
}

/// What a verifier expects of a proof.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What the proof is for.
    pub purpose: Purpose,
    /// The verifier's challenge; none where nobody presents.
    pub challenge: Option<&'a str>,
    /// The verifier, named by the proof alone or among others; none where nobody presents.
    pub domain: Option<&'a str>,
    /// The verifier's time.
    pub now: Timestamp,
    /// Seconds by which clocks may differ.
    pub leeway: u64,
}

/// Adds a proof to a document.
///
/// # Errors
/// [`ProofError::WrongSuite`] for a key that is not Ed25519, [`ProofError::HasProof`], [`ProofError::Json`] for
/// what no verifier would read: the context stands in the proof as well, one level deeper, and counts twice.
pub fn secure(
    mut document: Map<String, Value>,
    options: &ProofOptions<'_>,
    key: &SigningKey,
) -> Result<Map<String, Value>, ProofError> {
    if key.suite() != Suite::Ed25519 {
        return Err(ProofError::WrongSuite);
    }
    if document.contains_key("proof") {
        return Err(ProofError::HasProof);
    }
    let mut proof = Map::new();
    let members = [
        ("type", Some("DataIntegrityProof")),
        ("cryptosuite", Some(SUITE)),
        ("verificationMethod", Some(options.verification_method)),
        ("proofPurpose", Some(options.purpose.as_str())),
        ("challenge", options.challenge),
        ("domain", options.domain),
    ];
    proof.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    proof.insert("created".into(), options.created.to_string().into());
    if let Some(expires) = options.expires {
        proof.insert("expires".into(), expires.to_string().into());
    }
    if let Some(context) = document.get("@context") {
        proof.insert("@context".into(), context.clone());
    }
    json::check_object(&document, JSON)?;
    let signature = key.sign(&signed_bytes(&proof, &document));
    let text = format!("z{}", bs58::encode(signature.as_bytes()).into_string());
    proof.insert("proofValue".into(), text.into());
    document.insert("proof".into(), Value::Object(proof));
    json::check_object(&document, JSON)?;
    let size = serde_json::to_vec(&document).expect("serialises because names are text").len();
    if size > LIMIT { Err(JsonError::TooLarge { limit: LIMIT, got: size }.into()) } else { Ok(document) }
}

/// `SHA-256(JCS(proof)) ‖ SHA-256(JCS(document))`: what is signed.
fn signed_bytes(proof: &Map<String, Value>, document: &Map<String, Value>) -> [u8; 64] {
    let mut bytes = [0u8; 64];
    let (front, back) = bytes.split_at_mut(32);
    front.copy_from_slice(Digest::sha256(&json::canonical_object(proof)).as_bytes());
    back.copy_from_slice(Digest::sha256(&json::canonical_object(document)).as_bytes());
    bytes
}

/// A document with one well-formed proof, from outside; nobody has vouched for it yet.
#[derive(Clone)]
pub struct SecuredDocument {
    document: Map<String, Value>,
    proof: Map<String, Value>,
    signature: Signature,
    method: String,
    purpose: String,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
}

impl SecuredDocument {
    /// Reads JSON text of at most [`LIMIT`] bytes.
    ///
    /// # Errors
    /// [`ProofError::Json`], or as [`SecuredDocument::from_value`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        Self::split(json::parse(bytes, JSON)?)
    }

    /// Takes a document that was read already; it is held to the same limits.
    ///
    /// # Errors
    /// [`ProofError::NoProof`] and [`ProofError::ProofSet`] unless there is exactly one proof, alone or in a
    /// list, and the rules of the proof's form.
    pub fn from_value(document: &Value) -> Result<Self, ProofError> {
        json::check(document, JSON)?;
        Self::split(document.clone())
    }

    fn split(document: Value) -> Result<Self, ProofError> {
        let Value::Object(mut document) = document else { return Err(ProofError::NoProof) };
        let mut proof = match document.remove("proof") {
            Some(Value::Object(proof)) => proof,
            Some(Value::Array(proofs)) => match <[Value; 1]>::try_from(proofs) {
                Ok([Value::Object(proof)]) => proof,
                Err(proofs) if !proofs.is_empty() => return Err(ProofError::ProofSet),
                _ => return Err(ProofError::NoProof),
            },
            _ => return Err(ProofError::NoProof),
        };
        if proof.contains_key("previousProof") {
            return Err(ProofError::ProofSet);
        }
        let text =
            |name: &'static str| proof.get(name).and_then(Value::as_str).ok_or(ProofError::Member(name));
        if text("type")? != "DataIntegrityProof" || text("cryptosuite")? != SUITE {
            return Err(ProofError::WrongSuite);
        }
        let (method, purpose) = (text("verificationMethod")?.to_owned(), text("proofPurpose")?.to_owned());
        let time = |name: &'static str| {
            let value = proof.get(name).map(|_| text(name)).transpose()?;
            value.map(|value| value.parse::<Timestamp>().map_err(|_| ProofError::Member(name))).transpose()
        };
        let (created, expires) = (time("created")?, time("expires")?);
        let signature = read_signature(text("proofValue")?)?;
        proof.remove("proofValue");
        Ok(Self { document, proof, signature, method, purpose, created, expires })
    }

    /// `verificationMethod`, which anybody may have written: for looking up a key among those the caller trusts.
    pub fn unverified_method(&self) -> &str {
        &self.method
    }

    /// `issuer`, which anybody may have written.
    pub fn unverified_issuer(&self) -> Option<&str> {
        vcdm::issuer_of(&self.document)
    }

    /// Verifies the proof. The caller has checked that `key` is the key of
    /// [`SecuredDocument::unverified_method`], listed for `expected.purpose`, at the time that matters.
    ///
    /// # Errors
    /// [`ProofError::BadSignature`] or the expectation that is not met.
    pub fn verify(
        mut self,
        key: &PublicKey,
        expected: &Expected<'_>,
    ) -> Result<VerifiedDocument, ProofError> {
        if key.suite() != Suite::Ed25519 {
            return Err(ProofError::WrongSuite);
        }
        self.settle_context()?;
        let signed = signed_bytes(&self.proof, &self.document);
        key.verify(&signed, &self.signature).map_err(|_| ProofError::BadSignature)?;
        if self.purpose != expected.purpose.as_str() {
            return Err(ProofError::Purpose(expected.purpose.as_str()));
        }
        for (name, value) in [("challenge", expected.challenge), ("domain", expected.domain)] {
            let stated = self.proof.get(name);
            let met = match (stated, value) {
                (None, None) => true,
                (Some(Value::Array(domains)), Some(value)) if name == "domain" => {
                    domains.iter().all(Value::is_string)
                        && domains.iter().any(|domain| is_text(domain, value))
                }
                (Some(stated), Some(value)) => is_text(stated, value),
                _ => false,
            };
            if !met {
                return Err(ProofError::Audience(name));
            }
        }
        if self.created.is_some_and(|created| created > expected.now.plus(expected.leeway)) {
            return Err(ProofError::FromTheFuture);
        }
        if self.expires.is_some_and(|expires| expires.plus(expected.leeway) <= expected.now) {
            return Err(ProofError::Expired);
        }
        Ok(VerifiedDocument { document: self.document, method: self.method, created: self.created })
    }

    /// The document's context must start with the proof's, and only the proof's is signed, so only that is
    /// kept (§3.3.2 step 4).
    fn settle_context(&mut self) -> Result<(), ProofError> {
        let Some(signed) = self.proof.get("@context") else { return Ok(()) };
        let whole = self.document.get("@context").ok_or(ProofError::Context)?;
        let extends = match (signed, whole) {
            (Value::Array(signed), Value::Array(whole)) => whole.starts_with(signed),
            (signed, Value::Array(whole)) => whole.first() == Some(signed),
            (Value::Array(signed), whole) => signed.as_slice() == std::slice::from_ref(whole),
            (signed, whole) => signed == whole,
        };
        if !extends {
            return Err(ProofError::Context);
        }
        self.document.insert("@context".into(), signed.clone());
        Ok(())
    }
}

impl fmt::Debug for SecuredDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecuredDocument").field(&self.document.keys().collect::<Vec<_>>()).finish() // names only
    }
}

/// Whether a member is this text, found out in constant time.
fn is_text(stated: &Value, expected: &str) -> bool {
    stated.as_str().is_some_and(|stated| stated.as_bytes().ct_eq(expected.as_bytes()).into())
}

/// `z` and base58btc of 64 bytes; base58 has one spelling per value.
fn read_signature(text: &str) -> Result<Signature, ProofError> {
    let text =
        text.strip_prefix('z').filter(|text| text.len() <= PROOF_VALUE).ok_or(ProofError::ProofValue)?;
    let bytes = bs58::decode(text).into_vec().map_err(|_| ProofError::ProofValue)?;
    Signature::try_from(bytes.as_slice()).map_err(|_| ProofError::ProofValue)
}

/// A document whose proof holds under the key that [`SecuredDocument::verify`] was given.
#[derive(Clone)]
pub struct VerifiedDocument {
    document: Map<String, Value>,
    method: String,
    created: Option<Timestamp>,
}

impl VerifiedDocument {
    /// What was signed: the document without its proof.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The URL of the key that signed.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whose key it is: the method without its fragment.
    pub fn controller(&self) -> &str {
        self.method.split_once('#').map_or(self.method.as_str(), |(controller, _)| controller)
    }

    /// When the proof was made, if it says so.
    pub fn created(&self) -> Option<Timestamp> {
        self.created
    }
}

impl fmt::Debug for VerifiedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifiedDocument").field(&self.document.keys().collect::<Vec<_>>()).finish() // names only
    }
}

#[cfg(test)]
mod tests;
