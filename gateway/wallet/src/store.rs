//! The wallet as a whole, and how it is stored.

use did_registry::{Digest, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Answer, ConsentReceipt, HeldPass, Holding, WalletError};

/// Entries kept in the log.
const LOG: usize = 1_000;

/// What happened, in words; holds no claim's value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// A holder's credentials, passes, receipts and log.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wallet {
    /// Credentials, oldest first.
    pub holdings: Vec<Holding>,
    /// Passes, oldest first.
    pub passes: Vec<HeldPass>,
    /// Consents that were given, oldest first.
    #[serde(default)]
    pub receipts: Vec<ConsentReceipt>,
    /// What happened, oldest first.
    pub log: Vec<LogEntry>,
}

impl Wallet {
    /// Reads a stored wallet.
    ///
    /// # Errors
    /// [`WalletError::Stored`].
    pub fn read(text: &str) -> Result<Self, WalletError> {
        serde_json::from_str(text).map_err(|error| WalletError::Stored(error.to_string()))
    }

    /// The text to store; it holds the keys, so only its owner may read it.
    pub fn write(&self) -> Secret<String> {
        Secret::new(serde_json::to_string_pretty(self).expect("serialises because every field does"))
    }

    /// Notes what happened.
    pub fn note(&mut self, at: Timestamp, what: impl Into<String>) {
        self.log.push(LogEntry { at, what: what.into() });
        let surplus = self.log.len().saturating_sub(LOG);
        self.log.drain(..surplus);
    }

    /// Notes what came of a consent.
    pub fn answered(&mut self, consent: &Digest, answer: Answer) {
        if let Some(receipt) = self.receipts.iter_mut().find(|receipt| &receipt.digest() == consent) {
            receipt.set_answer(answer);
        }
    }

    /// The newest credential of a type.
    ///
    /// # Errors
    /// [`WalletError::Missing`].
    pub fn holding(&self, credential_type: &str) -> Result<&Holding, WalletError> {
        let newest = self
            .holdings
            .iter()
            .rev()
            .find(|it| it.credential_type().is_some_and(|it| it.as_str() == credential_type));
        newest.ok_or(WalletError::Missing("credential of that type"))
    }
}

/// Keys as `suite:hex` in the stored wallet.
pub(crate) mod key {
    use did_registry::{SigningKey, Suite};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(key: &SigningKey, serializer: S) -> Result<S::Ok, S::Error> {
        let secret = key.to_secret();
        let hex: String = secret.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&format!("{}:{hex}", key.suite().jose()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SigningKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rule = || D::Error::custom("a key is stored as suite:64 hexadecimal digits");
        let (suite, hex) = text.split_once(':').ok_or_else(rule)?;
        let suite = match suite {
            "EdDSA" => Suite::Ed25519,
            "ES256" => Suite::P256,
            _ => return Err(rule()),
        };
        let digest: did_registry::Digest = hex.parse().map_err(|_| rule())?;
        SigningKey::from_bytes(suite, digest.as_bytes()).map_err(|_| rule())
    }
}
