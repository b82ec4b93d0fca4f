//! One direction of the border: who issues, who lets in, what the wallets trust, and the gate.
//!
//! Everything that a wallet sends to the destination is kept here, so that what the destination was told can
//! be searched afterwards for what it did not ask for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::agency::Agency;
use causeway::checkpoint::{Challenge, Checkpoint, Decision, Proofs, Terms};
use causeway::paper::{qr_png, scan_picture};
use credential::exchange::{PassRequest, PassResponse};
use credential::facts::Facts;
use did_registry::{Did, Digest, Timestamp};
use gateway::clock::Clock;
use ledger_chain::Genesis;
use rand::rngs::OsRng;
use serde_json::Value;
use wallet::HeldPass;

/// Pixels of a module of a code that is shown and scanned.
const MODULE: u32 = 3;

/// A lane of a gate: a checkpoint of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Where everybody walks.
    One,
    /// Where some walk again.
    Two,
}

/// A direction of travel.
pub struct Border {
    /// The agency that issues.
    pub source: Agency,
    /// Its identifier.
    pub issuer: Did,
    /// The agency that lets in.
    pub destination: Agency,
    /// Its rule for those who apply.
    pub entry: Digest,
    /// What the travellers' wallets know, verified from the genesis on.
    pub facts: Arc<Facts>,
    /// The destination's gate, which has no cable.
    gate: Mutex<Checkpoint>,
    /// Its second lane.
    second: Mutex<Checkpoint>,
    /// What was sent to the destination, byte for byte.
    sent: Mutex<Vec<u8>>,
    /// Claims that the destination was shown, by name.
    shown: Mutex<BTreeMap<String, u64>>,
    clock: Clock,
}

impl Border {
    /// Opens a gate in `directory` that applies `rule` under `name`, brings it the destination's trust bundle
    /// once, and gives the wallets the same.
    ///
    /// # Errors
    /// If the bundle does not hold, or the directory is in use.
    pub async fn open(
        (source, issuer): (Agency, Did),
        destination: Agency,
        (entry, rule): (Digest, Digest),
        (directory, [name, second]): (&Path, [&str; 2]),
        (genesis, keys): (&Genesis, &Path),
    ) -> anyhow::Result<Self> {
        let bundle = destination.bundle(None).await?;
        let proofs = Proofs { policy: entry, keys: keys.to_owned(), insecure_development_keys: true };
        let open = |directory: &Path, name: &str| {
            let terms = Terms { proofs: Some(proofs.clone()), ..Terms::new(rule, name) };
            Checkpoint::init(directory, genesis, &terms)?;
            let mut gate = Checkpoint::open(directory)?;
            gate.import(bundle.clone())?;
            anyhow::Ok(gate)
        };
        let (gate, second) = (open(directory, name)?, open(&directory.join("lane-2"), second)?);
        let trusted = gate.trusted().context("the bundle was imported")?;
        let facts = Arc::new(trusted.facts().clone());
        let clock = Clock::system();
        let (sent, shown) = (Mutex::default(), Mutex::default());
        let (gate, second) = (Mutex::new(gate), Mutex::new(second));
        Ok(Self { source, issuer, destination, entry, facts, gate, second, sent, shown, clock })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends an application, and remembers what was sent.
    ///
    /// # Errors
    /// The agency's.
    pub async fn apply(&self, request: &PassRequest) -> anyhow::Result<PassResponse> {
        self.remember(request)?;
        Ok(self.destination.apply(request).await?)
    }

    fn remember(&self, request: &PassRequest) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(request)?;
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for name in disclosed(&request.presentation) {
            *shown.entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// Shows a pass at the gate, under a fresh challenge, once the gate is free; gives what was shown, what the
    /// gate said, and how long gate and wallet took for it.
    ///
    /// # Errors
    /// If the gate cannot write down what it decided, or the pass is damaged.
    pub fn cross(&self, pass: &HeldPass) -> anyhow::Result<(String, Decision, Duration)> {
        let mut gate = self.gate();
        let started = Instant::now();
        let challenge = gate.challenge(self.now(), &mut OsRng)?;
        let shown = pass.show(&challenge.audience, &challenge.nonce, self.now())?;
        let decision = gate.verify(&shown, self.now())?;
        let took = started.elapsed();
        self.saw(&shown);
        Ok((shown, decision, took))
    }

    /// The same by way of light: the codes are drawn, and read back from their pictures.
    ///
    /// # Errors
    /// As [`Border::cross`], or if a picture does not scan.
    pub fn cross_by_picture(&self, pass: &HeldPass) -> anyhow::Result<Decision> {
        let challenge = self.gate().challenge(self.now(), &mut OsRng)?;
        let asked = scanned(&challenge.to_string())?.parse::<Challenge>()?;
        let shown = pass.show(&asked.audience, &asked.nonce, self.now())?;
        self.show(&scanned(&shown)?)
    }

    /// Holds a text before the gate's camera.
    ///
    /// # Errors
    /// If the gate cannot write down what it decided.
    pub fn show(&self, text: &str) -> anyhow::Result<Decision> {
        self.show_at(Lane::One, text)
    }

    /// What a lane is called.
    pub fn name(&self, lane: Lane) -> String {
        self.lane(lane).terms().audience.clone()
    }

    /// A fresh challenge of a lane.
    ///
    /// # Errors
    /// If the gate cannot write it down.
    pub fn challenge(&self, lane: Lane) -> anyhow::Result<Challenge> {
        Ok(self.lane(lane).challenge(self.now(), &mut OsRng)?)
    }

    /// Holds a text before a lane's camera.
    ///
    /// # Errors
    /// If the gate cannot write down what it decided.
    pub fn show_at(&self, lane: Lane, text: &str) -> anyhow::Result<Decision> {
        self.saw(text);
        Ok(self.lane(lane).verify(text, self.now())?)
    }

    fn lane(&self, lane: Lane) -> MutexGuard<'_, Checkpoint> {
        let gate = match lane {
            Lane::One => &self.gate,
            Lane::Two => &self.second,
        };
        gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, Checkpoint> {
        self.lane(Lane::One)
    }

    fn saw(&self, text: &str) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend(text.bytes().chain([b'\n']));
    }

    /// Claims that the destination was shown, and how often.
    pub fn shown(&self) -> BTreeMap<String, u64> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that was sent to the destination and shown at its gate.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Names of the claims that a presentation discloses, as whoever receives it reads them.
fn disclosed(presentation: &str) -> Vec<String> {
    let parts: Vec<&str> = presentation.split('~').collect();
    // The issuer's token comes first, the holder's last.
    let disclosures = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
    let name = |text: &&str| {
        let array: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        Some(array.get(1)?.as_str()?.to_owned())
    };
    disclosures.iter().map(|text| name(text).unwrap_or_else(|| "unreadable".to_owned())).collect()
}

/// What a camera reads of a text that is shown as a code.
fn scanned(text: &str) -> anyhow::Result<String> {
    scan_picture(&qr_png(text, MODULE)?)?.into_iter().next().context("a picture of a code holds its text")
}
