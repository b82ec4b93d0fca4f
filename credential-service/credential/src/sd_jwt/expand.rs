//! From signed payload and disclosures to the claims that are shown (RFC 9901 §7.1, steps 3 to 5).
//!
//! One walk over the payload puts each disclosed value where its digest stands, walks into that value as
//! well, drops the digests that stay concealed, and refuses what is used never or twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::disclosure::Disclosure;
use super::{NEVER_CONCEALED, RESERVED, SdJwtError};
use crate::json::{DEPTH, JsonError};

/// Replaces digests by what they stand for.
pub(super) fn expand(
    payload: Map<String, Value>,
    disclosures: &[Disclosure],
) -> Result<Map<String, Value>, SdJwtError> {
    let mut unused = BTreeMap::new();
    for disclosure in disclosures {
        if unused.insert(disclosure.digest.as_str(), disclosure).is_some() {
            return Err(SdJwtError::Repeated);
        }
    }
    let mut expansion = Expansion { unused, seen: BTreeSet::new() };
    let payload = expansion.object(payload, 0)?;
    if expansion.unused.is_empty() { Ok(payload) } else { Err(SdJwtError::Unused) }
}

struct Expansion<'a> {
    unused: BTreeMap<&'a str, &'a Disclosure>,
    seen: BTreeSet<String>,
}

impl<'a> Expansion<'a> {
    /// The disclosure that a digest stands for, if it is shown.
    fn resolve(&mut self, digest: String) -> Result<Option<&'a Disclosure>, SdJwtError> {
        let disclosure = self.unused.remove(digest.as_str());
        if self.seen.insert(digest) { Ok(disclosure) } else { Err(SdJwtError::Repeated) }
    }

    /// An object `depth` levels down; 0 is the payload itself.
    fn object(
        &mut self,
        members: Map<String, Value>,
        depth: usize,
    ) -> Result<Map<String, Value>, SdJwtError> {
        if depth >= DEPTH {
            return Err(JsonError::TooDeep { limit: DEPTH }.into());
        }
        let mut shown = Map::new();
        let mut concealed = Vec::new();
        for (name, value) in members {
            match (name.as_str(), value) {
                ("_sd", Value::Array(digests)) => concealed = digests,
                ("_sd", _) => return Err(SdJwtError::DigestForm),
                ("_sd_alg", algorithm) if depth == 0 => {
                    if algorithm != "sha-256" {
                        return Err(SdJwtError::HashAlgorithm);
                    }
                }
                (reserved, _) if RESERVED.contains(&reserved) => return Err(SdJwtError::ReservedName),
                (_, value) => {
                    let value = self.value(value, depth + 1)?;
                    shown.insert(name, value);
                }
            }
        }
        for digest in concealed {
            let Value::String(digest) = digest else { return Err(SdJwtError::DigestForm) };
            let Some(disclosure) = self.resolve(digest)? else { continue };
            let name = disclosure.name.as_ref().ok_or(SdJwtError::Disclosure)?;
            if depth == 0 && NEVER_CONCEALED.contains(&name.as_str()) {
                return Err(SdJwtError::Concealed(name.clone()));
            }
            let value = self.value(disclosure.value.clone(), depth + 1)?;
            if shown.insert(name.clone(), value).is_some() {
                return Err(SdJwtError::NameClash(name.clone()));
            }
        }
        Ok(shown)
    }

    fn value(&mut self, value: Value, depth: usize) -> Result<Value, SdJwtError> {
        match value {
            Value::Object(members) => Ok(Value::Object(self.object(members, depth)?)),
            Value::Array(items) => Ok(Value::Array(self.array(items, depth)?)),
            plain => Ok(plain),
        }
    }

    fn array(&mut self, items: Vec<Value>, depth: usize) -> Result<Vec<Value>, SdJwtError> {
        if depth >= DEPTH {
            return Err(JsonError::TooDeep { limit: DEPTH }.into());
        }
        let mut shown = Vec::with_capacity(items.len());
        for item in items {
            let digest =
                item.as_object().and_then(|members| members.get("...").map(|digest| (digest, members.len())));
            match digest {
                None => shown.push(self.value(item, depth + 1)?),
                Some((Value::String(digest), 1)) => {
                    let Some(disclosure) = self.resolve(digest.clone())? else { continue };
                    if disclosure.name.is_some() {
                        return Err(SdJwtError::Disclosure);
                    }
                    shown.push(self.value(disclosure.value.clone(), depth + 1)?);
                }
                Some(_) => return Err(SdJwtError::DigestForm),
            }
        }
        Ok(shown)
    }
}

/// Whether a value holds a name that the format keeps for itself, at any level.
pub(super) fn holds_reserved_name(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if members.keys().any(|name| RESERVED.contains(&name.as_str())) {
                    return true;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    false
}
