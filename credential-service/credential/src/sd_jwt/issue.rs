//! The issuer's side: conceal each claim, sign their digests.

use did_registry::{PublicKey, SigningKey, Timestamp};
use rand::{CryptoRng, RngCore};
use serde_json::{Map, Value, json};

use super::disclosure::{Disclosure, digest};
use super::expand::holds_reserved_name;
use super::{DISCLOSURES, JSON, LIMIT, NEVER_CONCEALED, REGISTERED, RESERVED, SdJwt, SdJwtError, TYPE};
use crate::status::StatusReference;
use crate::{json, jws};

/// What to issue, to whom, for how long.
#[derive(Clone, Copy)]
pub struct IssueRequest<'a> {
    /// `iss`: the issuer's identifier.
    pub issuer: &'a str,
    /// `kid`: which of the issuer's keys signs.
    pub key_id: &'a str,
    /// `vct`: the credential type.
    pub vct: &'a str,
    /// Claims that the holder may show or keep, each by itself.
    pub claims: &'a Map<String, Value>,
    /// Claims that are always shown.
    pub clear: &'a Map<String, Value>,
    /// `cnf`: the key of the only person who can present it.
    pub holder: &'a PublicKey,
    /// `iat`.
    pub issued: Timestamp,
    /// `exp`.
    pub expires: Timestamp,
    /// `status`: where a revocation would be found.
    pub status: Option<&'a StatusReference>,
    /// Digests of nothing, so that the number of claims stays hidden.
    pub decoys: usize,
}

/// Issues an SD-JWT VC. Digests are sorted, so their order tells nothing of the claims' order.
///
/// # Errors
/// [`SdJwtError::ReservedName`], [`SdJwtError::Concealed`], [`SdJwtError::SetByRequest`],
/// [`SdJwtError::NameClash`] for the names of claims; [`SdJwtError::TooManyDisclosures`],
/// [`SdJwtError::TooLarge`] and [`SdJwtError::Json`] for what no verifier would read.
pub fn issue<R: RngCore + CryptoRng>(
    request: &IssueRequest<'_>,
    key: &SigningKey,
    rng: &mut R,
) -> Result<SdJwt, SdJwtError> {
    check_names(request)?;
    if request.claims.len().saturating_add(request.decoys) > DISCLOSURES {
        return Err(SdJwtError::TooManyDisclosures { limit: DISCLOSURES });
    }
    let disclosures: Vec<_> =
        request.claims.iter().map(|(name, value)| Disclosure::new(name, value, rng)).collect();
    let mut digests: Vec<String> = disclosures.iter().map(|disclosure| disclosure.digest.clone()).collect();
    for _ in 0..request.decoys {
        let mut nothing = [0u8; 32];
        rng.fill_bytes(&mut nothing);
        digests.push(digest(&nothing));
    }
    digests.sort_unstable();

    let mut payload = request.clear.clone();
    payload.insert("iss".into(), request.issuer.into());
    payload.insert("vct".into(), request.vct.into());
    payload.insert("iat".into(), request.issued.seconds().into());
    payload.insert("exp".into(), request.expires.seconds().into());
    payload.insert("cnf".into(), json!({"jwk": request.holder.to_jwk()}));
    if let Some(status) = request.status {
        payload.insert("status".into(), status.to_json());
    }
    if !digests.is_empty() {
        payload.insert("_sd".into(), digests.into());
        payload.insert("_sd_alg".into(), "sha-256".into());
    }
    let mut header = Map::new();
    header.insert("typ".into(), TYPE.into());
    header.insert("kid".into(), request.key_id.into());
    let bytes = serde_json::to_vec(&payload).expect("serialises because names are text");
    let credential = SdJwt::new(jws::sign(header, &bytes, key), payload, disclosures);
    let size = credential.size();
    if size > LIMIT { Err(SdJwtError::TooLarge { limit: LIMIT, got: size }) } else { Ok(credential) }
}

fn check_names(request: &IssueRequest<'_>) -> Result<(), SdJwtError> {
    for (name, value) in request.claims.iter().chain(request.clear) {
        if RESERVED.contains(&name.as_str()) || holds_reserved_name(value) {
            return Err(SdJwtError::ReservedName);
        }
        json::check(value, JSON)?;
    }
    if let Some(name) = request.claims.keys().find(|name| NEVER_CONCEALED.contains(&name.as_str())) {
        return Err(SdJwtError::Concealed(name.clone()));
    }
    if let Some(name) = request.claims.keys().find(|name| request.clear.contains_key(*name)) {
        return Err(SdJwtError::NameClash(name.clone()));
    }
    let by_hand = |name: &&String| {
        REGISTERED.contains(&name.as_str()) && !matches!(name.as_str(), "jti" | "nbf" | "aud")
    };
    match request.claims.keys().chain(request.clear.keys()).find(by_hand) {
        Some(name) => Err(SdJwtError::SetByRequest(name.clone())),
        None => Ok(()),
    }
}
