//! Token Status List (draft-ietf-oauth-status-list): which credentials are revoked or suspended.
//!
//! One list holds the status of many credentials, 1, 2, 4 or 8 bits each, low bits first, under zlib, in a
//! token that the issuer signs, a JWT or a CWT; JWTs are made here. A credential names list and index, so whoever fetches the whole list
//! does not tell which credential it asks about. Revoked is final; suspended may be lifted.

mod cwt_form;
mod list;
mod token;

pub use list::{LIST_BYTES, Status, StatusList};
pub use token::{
    StatusClaims, StatusListText, TOKEN_BYTES, TYPE, VerifiedStatusList, anchored_digest, issue,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::json::JsonError;
use crate::jws::JwsError;
use crate::{Finding, Reason, cbor};

/// Why a status list is not made, read or answered from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// Another width.
    #[error("a status has 1, 2, 4 or 8 bits")]
    Bits,
    /// Over the size limit, before or after compression.
    #[error("a status list of at most {limit} bytes is accepted")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// Not one whole zlib stream.
    #[error("a status list is one whole zlib stream (RFC 1950)")]
    Compression,
    /// Past the end. Such an index has no status, which is not the same as a valid one.
    #[error("index {index} lies outside the list of {size}")]
    Outside {
        /// The index asked for.
        index: u64,
        /// Entries in the list.
        size: u64,
    },
    /// The status needs more bits.
    #[error("a status fits the {bits} bits of an entry")]
    TooWide {
        /// Bits per entry.
        bits: u8,
    },
    /// An attempt to undo a revocation.
    #[error("a revocation is final")]
    Final,
    /// The token is refused.
    #[error("status list token: {0}")]
    Token(#[from] JwsError),
    /// The token's JSON is refused.
    #[error("status list token: {0}")]
    Json(#[from] JsonError),
    /// The token's COSE or CBOR is refused, or its signature does not hold.
    #[error("status list token: {}", .0.detail)]
    Cose(Finding),
    /// The token is another list's.
    #[error("a status list token names the list's own address as sub")]
    OtherList,
    /// Not a reference to a status list.
    #[error("a status reference is {{\"status_list\": {{\"idx\": number, \"uri\": text}}}}")]
    Reference,
    /// The list is past its end.
    #[error("the status list is past its expiry")]
    Expired,
    /// The list is from the future.
    #[error("the status list is from the future")]
    NotYetValid,
    /// The answer: revoked.
    #[error("the issuer revoked this credential")]
    Revoked,
    /// The answer: suspended.
    #[error("the issuer suspended this credential")]
    Suspended,
    /// The answer means nothing here.
    #[error("status {0} has no meaning here, so the credential does not count as valid")]
    Unknown(u8),
}

impl From<StatusError> for Finding {
    fn from(error: StatusError) -> Self {
        let reason = match &error {
            StatusError::Revoked => Reason::Revoked,
            StatusError::Suspended => Reason::Suspended,
            StatusError::Expired => Reason::ListStale,
            StatusError::NotYetValid => Reason::ClockSuspect,
            StatusError::OtherList => Reason::WrongKind,
            StatusError::Token(inner) => return Self::new(Self::from(inner.clone()).code, error.to_string()),
            StatusError::Cose(inner) => inner.code,
            StatusError::Bits
            | StatusError::TooLarge { .. }
            | StatusError::Compression
            | StatusError::Outside { .. }
            | StatusError::TooWide { .. }
            | StatusError::Final
            | StatusError::Json(_)
            | StatusError::Reference
            | StatusError::Unknown(_) => Reason::BadEncoding,
        };
        Self::new(reason, error.to_string())
    }
}

/// The number of the status claim in a CWT (§6.3).
pub const CWT_CLAIM: i64 = 65_535;

/// Where a credential's status is found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StatusReference {
    /// Address of the list; its token's `sub`.
    pub uri: String,
    /// Entry in the list, from 0.
    pub index: u64,
}

impl StatusReference {
    /// The `status` claim (§6.2).
    pub fn to_json(&self) -> Value {
        json!({"status_list": {"idx": self.index, "uri": self.uri}})
    }

    /// Reads a `status` claim. Another mechanism beside or instead is refused, so none goes unchecked (W4).
    ///
    /// # Errors
    /// [`StatusError::Reference`].
    pub fn from_json(claim: &Value) -> Result<Self, StatusError> {
        let mechanisms = claim.as_object().filter(|mechanisms| mechanisms.len() == 1);
        let list =
            mechanisms.and_then(|mechanisms| mechanisms.get("status_list")).ok_or(StatusError::Reference)?;
        match (list.get("uri").and_then(Value::as_str), list.get("idx").and_then(Value::as_u64)) {
            (Some(uri), Some(index)) => Ok(Self { uri: uri.to_owned(), index }),
            _ => Err(StatusError::Reference),
        }
    }

    /// Reads the status claim of a CWT, which has number [`CWT_CLAIM`]; otherwise as
    /// [`StatusReference::from_json`].
    ///
    /// # Errors
    /// [`StatusError::Reference`].
    pub fn from_cbor(claim: &ciborium::Value) -> Result<Self, StatusError> {
        let mechanisms = claim.as_map().filter(|mechanisms| mechanisms.len() == 1);
        let list = mechanisms.and_then(|mechanisms| cbor::named(mechanisms, "status_list")?.as_map());
        let list = list.ok_or(StatusError::Reference)?;
        let index = cbor::named(list, "idx").and_then(|index| u64::try_from(index.as_integer()?).ok());
        match (cbor::named(list, "uri").and_then(ciborium::Value::as_text), index) {
            (Some(uri), Some(index)) => Ok(Self { uri: uri.to_owned(), index }),
            _ => Err(StatusError::Reference),
        }
    }
}

#[cfg(test)]
mod tests;
