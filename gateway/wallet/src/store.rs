//! The wallet as a whole, and how it is stored.

use credential::facts::Facts;
use did_registry::{Date, Digest, Secret, Timestamp};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use zk_policy::HolderSecret;

use crate::{Answer, ConsentReceipt, HeldPass, Holding, Ready, WalletError};

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

/// What the holder wants to have proofs in stock for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The policy.
    pub policy: Digest,
    /// The gate.
    pub gate: String,
    /// Days, today among them.
    pub days: u16,
    /// Proofs for each day.
    pub keep: u16,
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
    /// What to make proofs for ahead of time.
    #[serde(default)]
    pub plans: Vec<Plan>,
    /// Proofs made ahead of time, oldest first, each to be shown once.
    #[serde(default)]
    pub stock: Vec<Ready>,
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

    /// The secret for the next credential: the one that all others have, so that their holder counts once, with a salt
    /// of its own.
    pub fn next_secret<R: RngCore + CryptoRng>(&self, rng: &mut R) -> HolderSecret {
        match self.holdings.iter().find_map(Holding::secret) {
            Some(secret) => secret.for_next(rng),
            None => HolderSecret::generate(rng),
        }
    }

    /// Takes a proof out of the stock, for one show. It is gone from the wallet when that is saved, before it is shown:
    /// shown twice it would link the two.
    pub fn take(
        &mut self,
        policy: &Digest,
        gate: &str,
        day: Date,
        facts: &Facts,
        now: Timestamp,
    ) -> Option<Ready> {
        let fits = |ready: &Ready| ready.fits(policy, gate, day) && ready.is_current(facts, now);
        let place = self.stock.iter().position(fits)?;
        Some(self.stock.remove(place))
    }

    /// Keeps a plan, in the place of an earlier one for the same policy and gate.
    pub fn plan(&mut self, plan: Plan) {
        self.plans.retain(|known| (&known.policy, &known.gate) != (&plan.policy, &plan.gate));
        self.plans.push(plan);
    }

    /// The days for which proofs are missing by a plan, the nearest first, each as often as proofs are missing.
    pub fn missing(&self, plan: &Plan, facts: &Facts, now: Timestamp) -> Vec<Date> {
        let days = (0..i32::from(plan.days)).map(|ahead| now.date().plus_days(ahead));
        let missing = days.flat_map(|day| {
            let fits =
                |ready: &&Ready| ready.fits(&plan.policy, &plan.gate, day) && ready.is_current(facts, now);
            let there = self.stock.iter().filter(fits).count();
            std::iter::repeat_n(day, usize::from(plan.keep).saturating_sub(there))
        });
        missing.collect()
    }

    /// Drops proofs of past days, and those under issuer sets that gates will soon refuse.
    pub fn tidy(&mut self, facts: &Facts, now: Timestamp) {
        self.stock.retain(|ready| ready.day() >= now.date() && ready.is_current(facts, now));
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

/// A holder's secret as 128 hexadecimal digits in the stored wallet.
pub(crate) mod secret {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;
    use zk_policy::HolderSecret;

    pub(crate) fn serialize<S: Serializer>(
        secret: &Option<HolderSecret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(secret) = secret else { return serializer.serialize_none() };
        serializer.serialize_some(Zeroizing::new(hex::encode(secret.to_bytes().as_slice())).as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<HolderSecret>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let rule = || D::Error::custom("a holder's secret is stored as 128 hexadecimal digits");
        let mut bytes = Zeroizing::new([0; 64]);
        hex::decode_to_slice(text.as_str(), bytes.as_mut_slice()).map_err(|_| rule())?;
        HolderSecret::from_bytes(&bytes).map(Some).map_err(|_| rule())
    }
}
