//! A status list token as a CWT (§5.2): the same claims under numbers, the list in bytes.

use ciborium::Value;
use did_registry::{Digest, PublicKey, Timestamp, digest, label};

use super::token::Content;
use super::{StatusClaims, StatusError, TOKEN_BYTES};
use crate::cbor;
use crate::cose::Sign1;
use crate::cwt::{Claims, EXPIRES, ISSUED, ISSUER, SUBJECT};
use crate::jws::{JwsError, is_media_type};

/// The type in the protected header of a status list token that is a CWT.
const CWT_TYPE: &str = "application/statuslist+cwt";
/// `{"bits": number, "lst": bytes}`.
const STATUS_LIST: i64 = 65_533;
/// Seconds after which a fresh copy should be fetched.
const TIME_TO_LIVE: i64 = 65_534;

/// A well-formed token of this form.
#[derive(Clone, Debug)]
pub(super) struct CwtForm {
    token: Sign1,
    claims: Claims,
    digest: Digest,
}

impl CwtForm {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, StatusError> {
        let token = Sign1::decode_within(bytes, TOKEN_BYTES).map_err(StatusError::Cose)?;
        let claims = Claims::decode_within(token.payload(), TOKEN_BYTES).map_err(StatusError::Cose)?;
        Ok(Self { token, claims, digest: digest(label::STATUS_LIST, &[bytes]) })
    }

    pub(super) fn unverified_uri(&self) -> Option<&str> {
        self.claims.text(SUBJECT)
    }

    pub(super) fn unverified_issuer(&self) -> Option<&str> {
        self.claims.text(ISSUER)
    }

    pub(super) fn unverified_key_id(&self) -> Option<&str> {
        std::str::from_utf8(self.token.kid()?).ok()
    }

    /// Signature and type, then the claims; each has one form.
    pub(super) fn verify(self, key: &PublicKey) -> Result<Content, StatusError> {
        self.token.verify(key, &[]).map_err(StatusError::Cose)?;
        if !self.token.media_type().is_some_and(|stated| is_media_type(stated, CWT_TYPE)) {
            return Err(JwsError::WrongType(CWT_TYPE.to_owned()).into());
        }
        let claims = StatusClaims {
            issuer: self.claims.get(ISSUER).map(|_| self.text(ISSUER, "iss")).transpose()?,
            uri: self.text(SUBJECT, "sub")?,
            issued: self.time(ISSUED, "iat")?.ok_or(JwsError::Claim("iat"))?,
            expires: self.time(EXPIRES, "exp")?,
            ttl: self
                .claims
                .get(TIME_TO_LIVE)
                .map(|ttl| number(ttl).ok_or(JwsError::Claim("ttl")))
                .transpose()?,
        };
        let malformed = |name| StatusError::Token(JwsError::Claim(name));
        let list = self.claims.get(STATUS_LIST).and_then(Value::as_map).ok_or(malformed("status_list"))?;
        let bits = cbor::named(list, "bits").and_then(number).and_then(|bits| u8::try_from(bits).ok());
        let stream = cbor::named(list, "lst").and_then(Value::as_bytes).ok_or(malformed("lst"))?.clone();
        Ok(Content { claims, bits, stream, digest: self.digest })
    }

    fn text(&self, label: i64, name: &'static str) -> Result<String, JwsError> {
        self.claims.text(label).map(str::to_owned).ok_or(JwsError::Claim(name))
    }

    fn time(&self, label: i64, name: &'static str) -> Result<Option<Timestamp>, JwsError> {
        let refuse = || JwsError::Claim(name);
        let Some(seconds) = self.claims.seconds(label).map_err(|_| refuse())? else { return Ok(None) };
        let time = u64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_seconds(seconds).ok());
        time.map(Some).ok_or_else(refuse)
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|number| u64::try_from(number).ok())
}
