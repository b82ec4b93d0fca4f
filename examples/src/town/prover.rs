//! Proofs in town: circuit keys for everybody, citizens who can prove, and gates that take proofs.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::checkpoint::{Checkpoint, Proofs, Terms};
use credential::zk::{RevocationDelta, Revocations};
use did_registry::{Motion, Suite, canonical};
use gateway::circuit_keys::CircuitKeys;
use rand::rngs::OsRng;
use serde_json::Value;
use wallet::{Claim, Holding, Ready, Visit, Wallet, WalletError};
use zk_policy::{HolderCircuit, ProvingKey};

use super::Town;

/// What proofs are made with.
pub struct Provers {
    /// The directory of the circuits' keys.
    pub keys: PathBuf,
    policy: ProvingKey,
    holder: ProvingKey<HolderCircuit>,
}

impl Town {
    /// Makes circuit keys for development, and has Guangdong issue what proofs are made from.
    ///
    /// # Errors
    /// The system's or the gateway's.
    pub async fn with_proofs(&mut self) -> anyhow::Result<Provers> {
        let keys = self.directory.join("circuit-keys");
        let made = CircuitKeys::write_development(&keys)?;
        let line = format!(
            "circuit_keys_directory = {:?}\ninsecure_development_keys = true\n",
            keys.display().to_string()
        );
        self.decide(Motion::AdoptCircuitKeys(made.digest())).await?;
        self.guangdong.stop().await?;
        self.guangdong.configure(|text| line + &text)?;
        self.guangdong.start().await?;
        self.acquaint().await?;
        Ok(Provers { policy: made.policy_proving()?, holder: made.holder_proving()?, keys })
    }

    /// The record's person holds a credential from which facts can be proved.
    ///
    /// # Errors
    /// The agency's refusal, or the wallet's.
    pub async fn provable(&self, record: &str, provers: &Provers) -> anyhow::Result<Holding> {
        let code = self.offer(record).await?;
        let begun = Claim::begin(&code, &self.guangdong.did, Suite::P256, &mut OsRng);
        let secret = Wallet::default().next_secret(&mut OsRng);
        let (claim, request) = Claim::with_proofs(begun, secret, &provers.holder, &mut OsRng);
        let answer = self.guangdong.post(None, "/v1/claims", &serde_json::to_value(&request)?).await?;
        let facts = self.facts(&self.guangdong).await?;
        let holding = claim.accept(answer.read()?, &facts, self.clock.now())?;
        ensure!(holding.is_provable(), "{answer:?}");
        Ok(holding)
    }

    /// Guangdong's status tree, followed from its deltas.
    ///
    /// # Errors
    /// If they do not follow from each other.
    pub async fn revocations(&self) -> anyhow::Result<Revocations> {
        let mut followed = Revocations::new();
        loop {
            let path = format!("/v1/revocations?after={}", followed.epoch());
            let answer: Value = self.guangdong.get(None, &path).await?.read()?;
            let deltas = answer.get("deltas").and_then(Value::as_array).context("an answer has deltas")?;
            if deltas.is_empty() {
                return Ok(followed);
            }
            for delta in deltas {
                let bytes = URL_SAFE_NO_PAD.decode(delta.as_str().context("a delta is a text")?)?;
                let delta: RevocationDelta = canonical::decode(&bytes, 1 << 20)?;
                followed.follow([&delta])?;
            }
        }
    }

    /// A proof of Macau's entry rule for a gate, today, from what Macau's bundle says now.
    ///
    /// # Errors
    /// The wallet's refusal.
    pub async fn prove(
        &self,
        holding: &Holding,
        gate: &str,
        provers: &Provers,
    ) -> anyhow::Result<Result<Ready, WalletError>> {
        let facts = self.facts(&self.macau).await?;
        let (revocations, now) = (self.revocations().await?, self.clock.now());
        let policy = self.rules.entry.id();
        let visit = Visit { policy: &policy, gate, day: now.date() };
        Ok(holding.prepare(&visit, (&facts, &revocations), &provers.policy, now, &mut OsRng))
    }

    /// A gate of Macau's that takes proofs, with Macau's bundle of now.
    ///
    /// # Errors
    /// The gate's.
    pub async fn gate(&self, name: &str, provers: &Provers) -> anyhow::Result<Checkpoint> {
        let proofs = Proofs {
            policy: self.rules.entry.id(),
            keys: provers.keys.clone(),
            insecure_development_keys: true,
        };
        let terms = Terms { proofs: Some(proofs), ..Terms::new(self.rules.gate.id(), name) };
        let directory = self.directory.join(name);
        Checkpoint::init(&directory, &self.network.genesis, &terms)?;
        let mut gate = Checkpoint::open(&directory)?;
        self.bring_bundle(&mut gate).await?;
        Ok(gate)
    }

    /// Brings a gate Macau's bundle of now.
    ///
    /// # Errors
    /// The gate's.
    pub async fn bring_bundle(&self, gate: &mut Checkpoint) -> anyhow::Result<()> {
        let from = gate.trusted().map(|trusted| trusted.head().head().height);
        let path = from.map_or("/v1/bundle".to_owned(), |height| format!("/v1/bundle?from={height}"));
        gate.import(self.macau.get(None, &path).await?.bytes)?;
        Ok(())
    }
}
