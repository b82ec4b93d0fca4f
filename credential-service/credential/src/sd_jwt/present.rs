//! The holder's side: keep a credential, choose what to show, sign for one audience and nonce.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use did_registry::{PublicKey, SigningKey, Timestamp};
use serde_json::{Map, Value, json};

use super::authentic::holder_of;
use super::disclosure::{Disclosure, digest};
use super::expand::expand;
use super::{KEY_BINDING_TYPE, REGISTERED, SdJwtError, SdJwtText};
use crate::jws;

/// An SD-JWT with all its disclosures: what the issuer hands over and the holder keeps.
#[derive(Clone)]
pub struct SdJwt {
    signed: String,
    payload: Map<String, Value>,
    disclosures: Vec<Disclosure>,
}

impl SdJwt {
    pub(super) fn new(signed: String, payload: Map<String, Value>, disclosures: Vec<Disclosure>) -> Self {
        Self { signed, payload, disclosures }
    }

    /// Reads back the compact form that this holder accepted and kept before. Checks form and digests, not the
    /// signature: what comes from an issuer goes through [`AuthenticSdJwt::keep`](super::AuthenticSdJwt::keep).
    ///
    /// # Errors
    /// As [`SdJwtText::parse`], [`SdJwtError::UnexpectedKeyBinding`], or a rule about digests.
    pub fn restore(compact: &str) -> Result<Self, SdJwtError> {
        SdJwtText::parse(compact)?.into_credential()
    }

    /// The compact form with every disclosure: `<JWT>~<disclosure>~…~`.
    pub fn compact(&self) -> String {
        self.with(|_| true)
    }

    /// The issuer-signed token alone; what a commitment covers.
    pub fn signed_part(&self) -> &str {
        &self.signed
    }

    /// Names of the concealed claims at the top level.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.top_level().filter_map(|(_, disclosure)| disclosure.name.as_deref())
    }

    /// The disclosure of one top-level claim, as it is sent.
    pub fn disclosure(&self, name: &str) -> Option<&str> {
        let named = self.top_level().find(|(_, disclosure)| disclosure.name.as_deref() == Some(name));
        named.map(|(_, disclosure)| disclosure.text.as_str())
    }

    /// All claims about the subject, concealed or not.
    pub fn claims(&self) -> Map<String, Value> {
        let mut shown = expand(self.payload.clone(), &self.disclosures)
            .expect("expands because it was issued here or expanded when it was read");
        shown.retain(|name, _| !REGISTERED.contains(&name.as_str()));
        shown
    }

    /// The key that can present it.
    ///
    /// # Errors
    /// [`SdJwtError::Claim`] or [`SdJwtError::HolderKey`] if there is none.
    pub fn holder(&self) -> Result<PublicKey, SdJwtError> {
        holder_of(&self.payload)
    }

    /// Bytes of the compact form.
    pub(super) fn size(&self) -> usize {
        self.signed.len()
            + 1
            + self.disclosures.iter().map(|disclosure| disclosure.text.len() + 1).sum::<usize>()
    }

    /// Disclosures that the payload itself refers to, with their positions.
    fn top_level(&self) -> impl Iterator<Item = (usize, &Disclosure)> {
        let digests = self.payload.get("_sd").and_then(Value::as_array);
        self.disclosures.iter().enumerate().filter(move |(_, disclosure)| {
            digests.is_some_and(|all| all.iter().any(|one| one == &disclosure.digest))
        })
    }

    fn with(&self, shown: impl Fn(usize) -> bool) -> String {
        let mut text = String::with_capacity(self.size() + 512); // room for the holder's signature
        text.push_str(&self.signed);
        text.push('~');
        for (_, disclosure) in self.disclosures.iter().enumerate().filter(|(index, _)| shown(*index)) {
            text.push_str(&disclosure.text);
            text.push('~');
        }
        text
    }

    /// Positions of the disclosures that show the named claims with everything inside them.
    fn choose(&self, names: &BTreeSet<&str>) -> Result<BTreeSet<usize>, SdJwtError> {
        let by_digest: BTreeMap<&str, usize> =
            self.disclosures.iter().enumerate().map(|(index, one)| (one.digest.as_str(), index)).collect();
        let mut chosen = BTreeSet::new();
        let mut open = Vec::new();
        for name in names {
            let concealed = self.top_level().find(|(_, one)| one.name.as_deref() == Some(*name));
            match (self.payload.get(*name), concealed) {
                (Some(clear), _) => open.push(clear),
                (None, Some((index, disclosure))) => {
                    chosen.insert(index);
                    open.push(&disclosure.value);
                }
                (None, None) => return Err(SdJwtError::UnknownClaim((*name).to_owned())),
            }
        }
        while let Some(value) = open.pop() {
            let digests: Vec<&Value> = match value {
                Value::Array(items) => {
                    open.extend(items);
                    continue;
                }
                Value::Object(members) => {
                    open.extend(members.values());
                    let listed = members.get("_sd").and_then(Value::as_array).into_iter().flatten();
                    listed.chain(members.get("...")).collect()
                }
                _ => continue,
            };
            for index in digests.into_iter().filter_map(|digest| by_digest.get(digest.as_str()?)) {
                if let Some(disclosure) = self.disclosures.get(*index).filter(|_| chosen.insert(*index)) {
                    open.push(&disclosure.value);
                }
            }
        }
        Ok(chosen)
    }
}

impl fmt::Debug for SdJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SdJwt").field(&self.names().collect::<Vec<_>>()).finish() // names only
    }
}

/// Shows the named top-level claims, each with everything inside it, to one audience for one nonce.
///
/// Claims in the clear are shown in any case; naming one is allowed. The key-binding token names
/// audience, nonce, time, and the hash of all that is shown (RFC 9901 §4.3).
///
/// # Errors
/// [`SdJwtError::NotHolder`] for another key than the credential's, [`SdJwtError::UnknownClaim`].
pub fn present(
    credential: &SdJwt,
    names: &BTreeSet<&str>,
    holder: &SigningKey,
    audience: &str,
    nonce: &str,
    issued_at: Timestamp,
) -> Result<String, SdJwtError> {
    if credential.holder()? != holder.public_key() {
        return Err(SdJwtError::NotHolder);
    }
    let chosen = credential.choose(names)?;
    let mut text = credential.with(|index| chosen.contains(&index));
    let payload = json!({
        "aud": audience, "iat": issued_at.seconds(), "nonce": nonce, "sd_hash": digest(text.as_bytes()),
    });
    let mut header = Map::new();
    header.insert("typ".into(), KEY_BINDING_TYPE.into());
    text.push_str(&jws::sign(header, payload.to_string().as_bytes(), holder));
    Ok(text)
}
