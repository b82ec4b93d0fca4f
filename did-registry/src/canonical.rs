//! One byte string per value: borsh, refused unless it re-encodes to exactly the same bytes.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::RegistryError;

/// The canonical bytes of a value.
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory cannot fail because a Vec grows")
}

/// Reads one value from `bytes`, of at most `limit` bytes.
///
/// # Errors
/// [`RegistryError::TooLarge`] over the limit, [`RegistryError::Malformed`] if the bytes are cut,
/// trailing, break a checked type's rule, or are another encoding of the same value.
pub fn decode<T: BorshSerialize + BorshDeserialize>(bytes: &[u8], limit: usize) -> Result<T, RegistryError> {
    if bytes.len() > limit {
        return Err(RegistryError::TooLarge { limit, got: bytes.len() });
    }
    let value = T::try_from_slice(bytes).map_err(|error| RegistryError::Malformed(error.to_string()))?;
    if encode(&value) != bytes {
        return Err(RegistryError::Malformed("not the canonical encoding of its value".into()));
    }
    Ok(value)
}

/// Turns a broken rule into the error that borsh's readers return.
pub(crate) fn invalid(rule: impl std::fmt::Display) -> borsh::io::Error {
    borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, rule.to_string())
}
