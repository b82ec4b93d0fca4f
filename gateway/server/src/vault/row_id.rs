//! Row identifiers: what the disk shows in clear, and so never anything about a person.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use rand::RngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::VaultError;

/// Bytes of a parent that its members repeat.
pub(super) const PARENT: usize = 24;

/// The key of a row, in clear on disk: random, a keyed hash ([`super::Vault::index`]), or a plain number.
///
/// There is no way to make one from text directly, so that a document number cannot become a key.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-f]{64}$",
    description = "A row of the agency's vault, by a name that says nothing of what is in it."
)]
#[serde(try_from = "String", into = "String")]
pub struct RowId(pub(super) [u8; 32]);

impl RowId {
    /// A fresh identifier, 256 random bits.
    pub fn random() -> Self {
        let mut bytes = [0u8; 32];
        OsRng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The row of a counter, such as a sequence number. Rows of numbers are in the numbers' order.
    pub fn number(number: u64) -> Self {
        Self::member(&Self([0; 32]), number)
    }

    /// Row `number` of the rows that belong to `parent`: its first 24 bytes, then the number.
    pub fn member(parent: &Self, number: u64) -> Self {
        let mut bytes = parent.0;
        bytes[PARENT..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// The number in [`RowId::number`] and [`RowId::member`].
    pub fn to_number(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<did_registry::Digest> for RowId {
    /// A digest that this vault gave out as a row's name, such as a credential's identifier.
    fn from(name: did_registry::Digest) -> Self {
        Self(*name.as_bytes())
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for RowId {
    type Err = VaultError;
    fn from_str(text: &str) -> Result<Self, VaultError> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| VaultError::RowName)?;
        if hex::encode(bytes) == text { Ok(Self(bytes)) } else { Err(VaultError::RowName) }
    }
}

impl TryFrom<String> for RowId {
    type Error = VaultError;
    fn try_from(text: String) -> Result<Self, VaultError> {
        text.parse()
    }
}

impl From<RowId> for String {
    fn from(id: RowId) -> Self {
        id.to_string()
    }
}
