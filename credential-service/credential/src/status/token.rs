//! The signed token that carries a list, as a JWT (§5.1) or a CWT (§5.2), and answers from it.

use did_registry::{Digest, PublicKey, SigningKey, Timestamp, digest, label};
use serde_json::{Map, Value, json};

use super::cwt_form::CwtForm;
use super::{Status, StatusError, StatusList, StatusReference};
use crate::json::{self, Limits};
use crate::jws::{self, Jws, JwsError, VerifiedJws, base64url, from_base64url, seconds, text};

/// The `typ` of a status list token that is a JWT.
pub const TYPE: &str = "statuslist+jwt";
/// Bytes accepted for a token.
pub const TOKEN_BYTES: usize = 16 << 20;

/// What a status list token says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusClaims {
    /// `iss`, if stated.
    pub issuer: Option<String>,
    /// `sub`: the list's address.
    pub uri: String,
    /// `iat`.
    pub issued: Timestamp,
    /// `exp`, if the list ends.
    pub expires: Option<Timestamp>,
    /// `ttl`: seconds after which a fresh copy should be fetched.
    pub ttl: Option<u64>,
}

/// Signs a list as a token.
pub fn issue(list: &StatusList, claims: &StatusClaims, key_id: &str, key: &SigningKey) -> String {
    let mut payload = Map::new();
    payload.insert("sub".into(), claims.uri.as_str().into());
    payload.insert("iat".into(), claims.issued.seconds().into());
    payload.insert("status_list".into(), json!({"bits": list.bits(), "lst": base64url(&list.compress())}));
    let optional = [
        ("iss", claims.issuer.as_deref().map(Value::from)),
        ("exp", claims.expires.map(|end| end.seconds().into())),
        ("ttl", claims.ttl.map(Value::from)),
    ];
    payload.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let mut header = Map::new();
    header.insert("typ".into(), TYPE.into());
    header.insert("kid".into(), key_id.into());
    jws::sign(header, Value::Object(payload).to_string().as_bytes(), key)
}

/// What the ledger anchors of a status list token: its digest under its own label.
pub fn anchored_digest(token: &str) -> Digest {
    digest(label::STATUS_LIST, &[token.as_bytes()])
}

/// A well-formed status list token from outside; nobody has vouched for it yet.
#[derive(Clone, Debug)]
pub struct StatusListText(Form);

#[derive(Clone, Debug)]
enum Form {
    Jwt { token: Jws, payload: Map<String, Value> },
    Cwt(CwtForm),
}

/// What a token holds whose signature and type are verified; the list is still compressed.
pub(super) struct Content {
    pub(super) claims: StatusClaims,
    pub(super) bits: Option<u8>,
    pub(super) stream: Vec<u8>,
    pub(super) digest: Digest,
}

impl StatusListText {
    /// Reads a JWT of at most [`TOKEN_BYTES`]; the list stays compressed until its signature is verified.
    ///
    /// # Errors
    /// [`StatusError::Token`], [`StatusError::Json`].
    pub fn parse(text: &str) -> Result<Self, StatusError> {
        let token = Jws::parse(text, TOKEN_BYTES)?;
        let limits = Limits { depth: 8, ..Limits::of(TOKEN_BYTES) };
        let payload = json::parse_object(token.unverified_payload(), limits)?;
        Ok(Self(Form::Jwt { token, payload }))
    }

    /// Reads a CWT of at most [`TOKEN_BYTES`], tagged or not; otherwise as [`StatusListText::parse`].
    ///
    /// # Errors
    /// [`StatusError::Cose`].
    pub fn parse_cwt(bytes: &[u8]) -> Result<Self, StatusError> {
        CwtForm::parse(bytes).map(|form| Self(Form::Cwt(form)))
    }

    /// `sub`, which anybody may have written.
    pub fn unverified_uri(&self) -> Option<&str> {
        match &self.0 {
            Form::Jwt { payload, .. } => payload.get("sub").and_then(Value::as_str),
            Form::Cwt(form) => form.unverified_uri(),
        }
    }

    /// `iss`, which anybody may have written.
    pub fn unverified_issuer(&self) -> Option<&str> {
        match &self.0 {
            Form::Jwt { payload, .. } => payload.get("iss").and_then(Value::as_str),
            Form::Cwt(form) => form.unverified_issuer(),
        }
    }

    /// `kid`, which anybody may have written; of a CWT if its bytes are text.
    pub fn unverified_key_id(&self) -> Option<&str> {
        match &self.0 {
            Form::Jwt { token, .. } => token.unverified_key_id(),
            Form::Cwt(form) => form.unverified_key_id(),
        }
    }

    /// Verifies signature, type and address, then unpacks the list. The caller has checked that `key` may
    /// answer for the credentials that name `uri`.
    ///
    /// # Errors
    /// [`StatusError::Token`] or [`StatusError::Cose`], [`StatusError::OtherList`], or that the list itself is
    /// malformed.
    pub fn verify(self, key: &PublicKey, uri: &str) -> Result<VerifiedStatusList, StatusError> {
        let Content { claims, bits, stream, digest } = match self.0 {
            Form::Jwt { token, payload } => read_jwt(&token.verify(key)?, &payload)?,
            Form::Cwt(form) => form.verify(key)?,
        };
        if claims.uri != uri {
            return Err(StatusError::OtherList);
        }
        let list = StatusList::decompress(bits.ok_or(StatusError::Bits)?, &stream)?;
        Ok(VerifiedStatusList { claims, list, digest })
    }
}

fn read_jwt(token: &VerifiedJws, payload: &Map<String, Value>) -> Result<Content, StatusError> {
    token.check_type(TYPE)?;
    let claims = StatusClaims {
        issuer: payload.get("iss").map(|_| text(payload, "iss")).transpose()?.map(str::to_owned),
        uri: text(payload, "sub")?.to_owned(),
        issued: seconds(payload, "iat")?.ok_or(JwsError::Claim("iat"))?,
        expires: seconds(payload, "exp")?,
        ttl: payload.get("ttl").map(|ttl| ttl.as_u64().ok_or(JwsError::Claim("ttl"))).transpose()?,
    };
    let list = payload.get("status_list").and_then(Value::as_object).ok_or(JwsError::Claim("status_list"))?;
    let bits = list.get("bits").and_then(Value::as_u64).and_then(|bits| u8::try_from(bits).ok());
    let stream = from_base64url(text(list, "lst")?)?;
    Ok(Content { claims, bits, stream, digest: anchored_digest(token.text()) })
}

/// A status list that the owner of the key given to [`StatusListText::verify`] signed.
#[derive(Clone, Debug)]
pub struct VerifiedStatusList {
    claims: StatusClaims,
    list: StatusList,
    digest: Digest,
}

impl VerifiedStatusList {
    /// What the token says of itself.
    pub fn claims(&self) -> &StatusClaims {
        &self.claims
    }

    /// The list.
    pub fn list(&self) -> &StatusList {
        &self.list
    }

    /// What the ledger anchors of this token.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Holds the list's own `iat` and `exp` to `now`; clocks may differ by `leeway` seconds. How old a list
    /// may be beyond that is the caller's rule.
    ///
    /// # Errors
    /// [`StatusError::NotYetValid`], [`StatusError::Expired`].
    pub fn check_validity(&self, now: Timestamp, leeway: u64) -> Result<(), StatusError> {
        if self.claims.issued > now.plus(leeway) {
            return Err(StatusError::NotYetValid);
        }
        match self.claims.expires {
            Some(end) if end.plus(leeway) <= now => Err(StatusError::Expired),
            _ => Ok(()),
        }
    }

    /// Whether the credential behind a reference is in force: nothing but status 0 is.
    ///
    /// # Errors
    /// [`StatusError::Revoked`], [`StatusError::Suspended`], [`StatusError::Unknown`],
    /// [`StatusError::Outside`], [`StatusError::OtherList`].
    pub fn check(&self, reference: &StatusReference) -> Result<(), StatusError> {
        if reference.uri != self.claims.uri {
            return Err(StatusError::OtherList);
        }
        match self.list.get(reference.index)? {
            Status::Valid => Ok(()),
            Status::Invalid => Err(StatusError::Revoked),
            Status::Suspended => Err(StatusError::Suspended),
            Status::Other(other) => Err(StatusError::Unknown(other)),
        }
    }
}
