//! W3C Verifiable Credentials Data Model 2.0, as far as one subject with plain claims needs it.
//!
//! The holder is named by `did:key`, so a presentation can show possession. The status entry has the
//! members of a Bitstring entry and the type `TokenStatusListEntry`, for which W3C has no name yet.

use std::fmt;

use did_registry::{PublicKey, Timestamp};
use serde_json::{Map, Value, json};

use super::{ProofError, VerifiedDocument};
use crate::status::StatusReference;

/// The base context, always first.
pub const CREDENTIALS_V2: &str = "https://www.w3.org/ns/credentials/v2";
/// Gives every claim without a context of its own a meaning, for those who read it as linked data.
const UNDEFINED_TERMS: &str = "https://www.w3.org/ns/credentials/undefined-terms/v2";
const STATUS_TYPE: &str = "TokenStatusListEntry";

/// What to state, of whom, for how long.
#[derive(Clone, Copy)]
pub struct CredentialRequest<'a> {
    /// The issuer's identifier.
    pub issuer: &'a str,
    /// The credential's own URL, if it has one.
    pub id: Option<&'a str>,
    /// Types beside `VerifiableCredential`.
    pub types: &'a [&'a str],
    /// Claims about the subject.
    pub claims: &'a Map<String, Value>,
    /// The key of the subject, who is the holder.
    pub holder: &'a PublicKey,
    /// Start of validity.
    pub valid_from: Timestamp,
    /// End of validity.
    pub valid_until: Option<Timestamp>,
    /// Where a revocation would be found.
    pub status: Option<&'a StatusReference>,
}

/// `did:key` of a public key.
pub fn did_key(key: &PublicKey) -> String {
    format!("did:key:{}", key.to_multibase())
}

/// Builds an unsigned credential.
///
/// # Errors
/// [`ProofError::ReservedName`] for a claim named `id`.
pub fn credential(request: &CredentialRequest<'_>) -> Result<Map<String, Value>, ProofError> {
    let mut subject = request.claims.clone();
    if subject.insert("id".into(), did_key(request.holder).into()).is_some() {
        return Err(ProofError::ReservedName);
    }
    let types: Vec<Value> = std::iter::once("VerifiableCredential")
        .chain(request.types.iter().copied())
        .map(Value::from)
        .collect();
    let mut document = Map::new();
    document.insert("@context".into(), json!([CREDENTIALS_V2, UNDEFINED_TERMS]));
    document.insert("type".into(), types.into());
    document.insert("issuer".into(), request.issuer.into());
    document.insert("validFrom".into(), request.valid_from.to_string().into());
    document.insert("credentialSubject".into(), Value::Object(subject));
    let optional = [
        ("id", request.id.map(Value::from)),
        ("validUntil", request.valid_until.map(|end| end.to_string().into())),
        ("credentialStatus", request.status.map(status_to_json)),
    ];
    document.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(document)
}

/// A credential of the right shape that its own issuer signed.
#[derive(Clone)]
pub struct VerifiedCredential {
    document: VerifiedDocument,
    issuer: String,
    types: Vec<String>,
    subject: Map<String, Value>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    status: Option<StatusReference>,
}

impl VerifiedDocument {
    /// Reads the document as a credential and checks that the key which signed it is its issuer's.
    ///
    /// # Errors
    /// [`ProofError::Credential`] for the member that breaks the data model, [`ProofError::NotIssuer`].
    pub fn into_credential(self) -> Result<VerifiedCredential, ProofError> {
        let rule = |text| ProofError::Credential(text);
        let document = self.document();
        let first = document.get("@context").and_then(|context| context.get(0).or(Some(context)));
        if first.and_then(Value::as_str) != Some(CREDENTIALS_V2) {
            return Err(rule("its first context is https://www.w3.org/ns/credentials/v2"));
        }
        let types = texts(document.get("type")).ok_or_else(|| rule("type is one or more texts"))?;
        if !types.iter().any(|one| one == "VerifiableCredential") {
            return Err(rule("one type is VerifiableCredential"));
        }
        if document.get("id").is_some_and(|id| id.as_str().is_none_or(|id| !id.contains(':'))) {
            return Err(rule("id is a URL"));
        }
        let issuer = issuer_of(document).filter(|issuer| issuer.contains(':'));
        let issuer = issuer.ok_or_else(|| rule("issuer is a URL or an object whose id is one"))?.to_owned();
        // Several subjects would make every rule ask "about whom?", so there is one (W7).
        let subject =
            document.get("credentialSubject").and_then(Value::as_object).filter(|all| !all.is_empty());
        let subject = subject.ok_or_else(|| rule("credentialSubject is one object with claims"))?.clone();
        let time = |name, text| {
            let time = document.get(name).map(|value| value.as_str().and_then(|value| value.parse().ok()));
            time.map(|time| time.ok_or_else(|| rule(text))).transpose()
        };
        let valid_from: Option<Timestamp> = time("validFrom", "validFrom is an RFC 3339 time")?;
        let valid_until: Option<Timestamp> = time("validUntil", "validUntil is an RFC 3339 time")?;
        if valid_from.zip(valid_until).is_some_and(|(from, until)| from > until) {
            return Err(rule("validUntil does not lie before validFrom"));
        }
        let status = document.get("credentialStatus").map(|status| {
            status_from_json(status).ok_or_else(|| rule("credentialStatus is one TokenStatusListEntry"))
        });
        let status = status.transpose()?;
        if issuer != self.controller() {
            return Err(ProofError::NotIssuer);
        }
        Ok(VerifiedCredential { document: self, issuer, types, subject, valid_from, valid_until, status })
    }
}

impl VerifiedCredential {
    /// The issuer's identifier, which controls the key that signed.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All types, `VerifiableCredential` included.
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The claims about the subject, without its `id`.
    pub fn claims(&self) -> Map<String, Value> {
        let claims = self.subject.iter().filter(|(name, _)| *name != "id");
        claims.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The subject's key, if the subject is named by `did:key`.
    pub fn holder(&self) -> Option<PublicKey> {
        let id = self.subject.get("id").and_then(Value::as_str)?;
        PublicKey::from_multibase(id.strip_prefix("did:key:")?).ok()
    }

    /// Where a revocation would be found; none if the credential cannot be revoked.
    pub fn status(&self) -> Option<&StatusReference> {
        self.status.as_ref()
    }

    /// Start of validity, if stated.
    pub fn valid_from(&self) -> Option<Timestamp> {
        self.valid_from
    }

    /// End of validity, if stated.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The signed document and the key's URL.
    pub fn document(&self) -> &VerifiedDocument {
        &self.document
    }

    /// Holds the validity to `now`; clocks may differ by `leeway` seconds.
    ///
    /// # Errors
    /// [`ProofError::NotYetValid`], [`ProofError::Expired`].
    pub fn check_validity(&self, now: Timestamp, leeway: u64) -> Result<(), ProofError> {
        if self.valid_from.is_some_and(|start| start > now.plus(leeway)) {
            return Err(ProofError::NotYetValid);
        }
        if self.valid_until.is_some_and(|end| end.plus(leeway) <= now) {
            return Err(ProofError::Expired);
        }
        Ok(())
    }
}

impl fmt::Debug for VerifiedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifiedCredential").field(&self.types).finish() // the claims are personal
    }
}

/// `issuer`, or its `id`.
pub(super) fn issuer_of(document: &Map<String, Value>) -> Option<&str> {
    let issuer = document.get("issuer")?;
    issuer.get("id").unwrap_or(issuer).as_str()
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let one = |value: &Value| value.as_str().map(str::to_owned);
    match value? {
        Value::Array(items) if !items.is_empty() => items.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

fn status_to_json(status: &StatusReference) -> Value {
    json!({"id": format!("{}#{}", status.uri, status.index), "type": STATUS_TYPE,
           "statusListIndex": status.index.to_string(), "statusListCredential": status.uri})
}

/// Another type of entry, or several, is refused rather than skipped (W4).
fn status_from_json(entry: &Value) -> Option<StatusReference> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let index = text("statusListIndex")?;
    let reference =
        StatusReference { uri: text("statusListCredential")?.to_owned(), index: index.parse().ok()? };
    (text("type") == Some(STATUS_TYPE) && reference.index.to_string() == index).then_some(reference)
}
