//! The JSON forms (RFC 9901 §8): flattened with one signature, general with several over one payload.

use serde_json::{Map, Value};

use super::{JSON, LIMIT, SdJwtError};
use crate::json::{self, Limits};
use crate::jws::{Jws, JwsError};

/// Signatures read of one general form; each is a token with its own copy of the payload.
const SIGNATURES: usize = 8;

/// An SD-JWT in JSON, taken apart.
pub(super) struct JsonForm {
    /// The first signature as a compact token. What is shown is assembled with it, whoever signed (§8.1).
    pub(super) first: String,
    /// The tokens that can be read. Others may be signed with what is not offered here, and count for nothing.
    pub(super) tokens: Vec<Jws>,
    /// `kid` of the first unprotected header, for a first token that protects none.
    pub(super) key_id: Option<String>,
    /// `disclosures` of the first unprotected header.
    pub(super) disclosures: Vec<String>,
    /// `kb_jwt` of the first unprotected header.
    pub(super) key_binding: Option<String>,
}

impl JsonForm {
    /// Reads either form.
    ///
    /// # Errors
    /// [`SdJwtError::JsonForm`], [`SdJwtError::Json`], or the first token's refusal if none can be read.
    pub(super) fn read(text: &str) -> Result<Self, SdJwtError> {
        let outer = json::parse_object(text.as_bytes(), Limits { depth: 8, ..JSON })?;
        let payload = member(&outer, "payload")?;
        let mut tokens = Vec::new();
        let mut refusal = None;
        let mut first = None;
        for one in signatures(&outer)? {
            let token = format!("{}.{payload}.{}", member(one, "protected")?, member(one, "signature")?);
            let header = Header::read(one.get("header"), first.is_none())?;
            match Jws::parse(&token, LIMIT) {
                Ok(token) if header.keeps_apart_from(&token) => tokens.push(token),
                Ok(_) => return Err(SdJwtError::JsonForm),
                Err(error) => refusal = refusal.or(Some(error)),
            }
            first.get_or_insert((token, header));
        }
        let (first, header) = first.ok_or(SdJwtError::JsonForm)?;
        if tokens.is_empty() {
            return Err(SdJwtError::Token(refusal.unwrap_or(JwsError::NotCompact)));
        }
        Ok(Self {
            first,
            tokens,
            key_id: header.members.get("kid").and_then(Value::as_str).map(str::to_owned),
            disclosures: header.disclosures()?,
            key_binding: header.members.get("kb_jwt").map(as_text).transpose()?,
        })
    }
}

/// The objects that hold a signature each: the whole in the flattened form, listed in the general one.
fn signatures(outer: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, SdJwtError> {
    let Some(listed) = outer.get("signatures") else { return Ok(vec![outer]) };
    if ["protected", "header", "signature"].iter().any(|name| outer.contains_key(*name)) {
        return Err(SdJwtError::JsonForm); // two readers would take it for two forms
    }
    let listed = listed.as_array().filter(|listed| (1..=SIGNATURES).contains(&listed.len()));
    let objects = listed.into_iter().flatten().map(|one| one.as_object().ok_or(SdJwtError::JsonForm));
    objects.collect()
}

/// An unprotected header, which anybody on the way can change.
struct Header {
    members: Map<String, Value>,
}

impl Header {
    /// Disclosures and key binding stand in the first header only (§8.3).
    fn read(value: Option<&Value>, is_first: bool) -> Result<Self, SdJwtError> {
        let members = match value {
            None => Map::new(),
            Some(Value::Object(members)) => members.clone(),
            Some(_) => return Err(SdJwtError::JsonForm),
        };
        let shows = ["disclosures", "kb_jwt"].iter().any(|name| members.contains_key(*name));
        if shows && !is_first { Err(SdJwtError::JsonForm) } else { Ok(Self { members }) }
    }

    fn disclosures(&self) -> Result<Vec<String>, SdJwtError> {
        match self.members.get("disclosures") {
            None => Ok(Vec::new()),
            Some(Value::Array(listed)) => listed.iter().map(as_text).collect(),
            Some(_) => Err(SdJwtError::JsonForm),
        }
    }

    /// RFC 7515 §7.2.1 and §4.1.11: no name in both headers, and what must be protected is not here.
    fn keeps_apart_from(&self, token: &Jws) -> bool {
        let protected = token.unverified_header();
        self.members
            .keys()
            .all(|name| !protected.contains_key(name) && !["crit", "b64"].contains(&name.as_str()))
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, SdJwtError> {
    object.get(name).and_then(Value::as_str).ok_or(SdJwtError::JsonForm)
}

fn as_text(value: &Value) -> Result<String, SdJwtError> {
    value.as_str().map(str::to_owned).ok_or(SdJwtError::JsonForm)
}
