//! `did:causeway:<network>:<id>` and URLs into its document.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::canonical::invalid;
use crate::{Digest, RegistryError};

/// A network's name: 1 to 16 of `a-z 0-9 -`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkId(String);

impl NetworkId {
    /// Checks a name.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`].
    pub fn new(name: &str) -> Result<Self, RegistryError> {
        let letters =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !letters || name.len() > 16 || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(RegistryError::Malformed("a network is named by 1 to 16 of a-z, 0-9 and -".into()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A self-certifying identifier: the hash of a genesis operation on a network.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Did {
    network: NetworkId,
    id: Digest,
}

impl Did {
    pub(crate) fn new(network: NetworkId, id: Digest) -> Self {
        Self { network, id }
    }

    /// The network it lives on.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// The hash of its genesis operation.
    pub fn id(&self) -> &Digest {
        &self.id
    }

    /// The URL of one of its keys.
    pub fn url(&self, fragment: &str) -> String {
        format!("{self}#{fragment}")
    }

    /// The end of the identifier, for people.
    pub fn short(&self) -> String {
        let text = self.to_string();
        format!("…{}", text.get(text.len().saturating_sub(8)..).unwrap_or_default())
    }
}

/// A DID with a fragment: names one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DidUrl {
    /// Whose key.
    pub did: Did,
    /// The key's fragment, without `#`.
    pub fragment: String,
}

impl std::str::FromStr for DidUrl {
    type Err = RegistryError;
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let (did, fragment) = text
            .split_once('#')
            .ok_or_else(|| RegistryError::Malformed("a key is named by DID#fragment".into()))?;
        check_fragment(fragment)?;
        Ok(Self { did: did.parse()?, fragment: fragment.to_owned() })
    }
}

/// A fragment has 1 to 32 of `A-Z a-z 0-9 - _`.
pub(crate) fn check_fragment(fragment: &str) -> Result<(), RegistryError> {
    let letters = fragment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if letters && (1..=32).contains(&fragment.len()) {
        Ok(())
    } else {
        Err(RegistryError::Malformed("a fragment has 1 to 32 of A-Z, a-z, 0-9, - and _".into()))
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "did:causeway:{}:{}", self.network.0, bs58::encode(self.id.as_bytes()).into_string())
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Did {
    type Err = RegistryError;
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let rule = || {
            RegistryError::Malformed("an identifier is did:causeway:<network>:<base58 of 32 bytes>".into())
        };
        if text.len() > 96 {
            return Err(rule());
        }
        let (network, id) =
            text.strip_prefix("did:causeway:").and_then(|rest| rest.split_once(':')).ok_or_else(rule)?;
        let bytes: [u8; 32] =
            bs58::decode(id).into_vec().map_err(|_| rule())?.try_into().map_err(|_| rule())?;
        Ok(Self { network: NetworkId::new(network)?, id: Digest::from_bytes(bytes) })
    }
}

impl TryFrom<String> for Did {
    type Error = RegistryError;
    fn try_from(text: String) -> Result<Self, RegistryError> {
        text.parse()
    }
}

impl From<Did> for String {
    fn from(did: Did) -> Self {
        did.to_string()
    }
}

impl TryFrom<String> for NetworkId {
    type Error = RegistryError;
    fn try_from(text: String) -> Result<Self, RegistryError> {
        Self::new(&text)
    }
}

impl From<NetworkId> for String {
    fn from(network: NetworkId) -> Self {
        network.0
    }
}

impl BorshDeserialize for NetworkId {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        Self::new(&String::deserialize_reader(reader)?).map_err(invalid)
    }
}
