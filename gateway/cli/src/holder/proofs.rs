//! Proofs ahead of time, and at the gate.
//!
//! ```text
//! facts of an agency ─┐
//! issuer's deltas ────┼─ Surroundings ─ prepare ─► stock ─ show(challenge) ─► text of the code
//! circuits' keys ─────┘                    └───────── live, if the stock has nothing that fits ──┘
//! ```
//! Deltas are fetched whole and kept beside the wallet, so nobody learns whose status is looked at.

use credential::Policy;
use credential::facts::Facts;
use credential::zk::Revocations;
use did_registry::{Date, Did, Digest, Timestamp};
use gateway::circuit_keys::CircuitKeys;
use gateway::clock::Clock;
use ledger_chain::Genesis;
use rand::{CryptoRng, RngCore};
use wallet::{Plan, Ready, Visit, WalletError, admitted};
use zk_policy::ProvingKey;

use super::{find_policy, fresh, gateway_of};
use crate::agency::Agency;
use crate::checkpoint::Challenge;
use crate::trust::TrustFile;
use crate::wallet_file::{WalletFile, WalletFileError};

/// Bytes of the deltas that are kept of one issuer.
const DELTAS_BYTES: usize = 64 << 20;

/// What proofs from one credential under one policy are made in: the ledger's facts and the issuer's revocations.
pub struct Surroundings {
    trust: TrustFile,
    policy: Digest,
    credential: Digest,
    revocations: Revocations,
}

impl Surroundings {
    /// Gathers them for a policy (by identifier, the beginning of one, or name) and the newest credential it asks for, as
    /// fresh as the issuer's gateway gives them.
    ///
    /// # Errors
    /// [`WalletFileError`], for keys too that the committee did not adopt; [`WalletError::PolicyNotAnchored`] and the like
    /// for a policy that nobody should prove.
    pub async fn gather(
        file: &WalletFile,
        genesis: &Genesis,
        verifier: Option<&Did>,
        policy: &str,
        keys: &CircuitKeys,
        clock: &Clock,
    ) -> Result<Self, WalletFileError> {
        let known = file.all_trust(genesis)?;
        let facts = known.iter().filter_map(|trust| Some(trust.current()?.facts()));
        let (facts, found) = find_policy(facts, verifier, policy)?;
        admitted(facts, &found.id(), clock.now())?;
        let (policy, kind) = (found.id(), found.credential_type.clone());
        let holding = file.wallet.holding(kind.as_str())?;
        let (credential, issuer) = (*holding.id(), holding.issuer().clone());
        let gateway = gateway_of(facts, &issuer);
        let newest = known
            .into_iter()
            .filter(|trust| trust.current().is_some_and(|it| it.facts().policies.contains_key(&policy)))
            .max_by_key(TrustFile::height);
        let mut trust = newest.ok_or(WalletError::PolicyNotAnchored(policy))?;
        if let Some(agency) = &gateway
            && let Ok(newer) = file.follow(agency, genesis.clone()).await
            && newer.height() >= trust.height()
        {
            trust = newer;
        }
        let facts = fresh(&trust, clock.now())?;
        keys.check_adopted(facts)?;
        let revocations = revocations(file, facts, &issuer, gateway.as_ref()).await?;
        Ok(Self { trust, policy, credential, revocations })
    }

    fn facts(&self) -> Result<&Facts, WalletError> {
        let current = self.trust.current().ok_or(WalletError::Missing("trust bundle"))?;
        Ok(current.facts())
    }

    /// The policy.
    ///
    /// # Errors
    /// As [`admitted`].
    pub fn policy(&self, now: Timestamp) -> Result<&Policy, WalletError> {
        admitted(self.facts()?, &self.policy, now)
    }

    /// Makes one proof; takes some tenths of a second.
    ///
    /// # Errors
    /// As [`wallet::Holding::prepare`].
    pub fn prove<R: RngCore + CryptoRng>(
        &self,
        wallet: &wallet::Wallet,
        (gate, day): (&str, Date),
        key: &ProvingKey,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Ready, WalletError> {
        let holding = wallet.holdings.iter().find(|holding| *holding.id() == self.credential);
        let holding = holding.ok_or(WalletError::Missing("credential any more"))?;
        let visit = Visit { policy: &self.policy, gate, day };
        holding.prepare(&visit, (self.facts()?, &self.revocations), key, now, rng)
    }
}

/// An issuer's revocations as the ledger has them, from the deltas kept here and what came since.
async fn revocations(
    file: &WalletFile,
    facts: &Facts,
    issuer: &Did,
    gateway: Option<&Agency>,
) -> Result<Revocations, WalletFileError> {
    let Some(record) = facts.revocations.get(issuer) else { return Ok(Revocations::new()) };
    let mut deltas = file.deltas(issuer, DELTAS_BYTES)?;
    let known = deltas.len();
    while (deltas.len() as u64) < record.epoch {
        let gateway = gateway.ok_or(WalletError::Revocations)?;
        let page = gateway.revocations(deltas.len() as u64).await?;
        if page.is_empty() {
            break;
        }
        deltas.extend(page);
    }
    deltas.truncate(usize::try_from(record.epoch).unwrap_or(usize::MAX));
    let mut followed = Revocations::new();
    let holds = followed.follow(&deltas).is_ok()
        && followed.epoch() == record.epoch
        && record.root.element() == Some(followed.tree().root());
    if !holds {
        // What is kept may be at fault: the next try begins anew.
        file.keep_deltas(issuer, &[])?;
        return Err(WalletError::Revocations.into());
    }
    if deltas.len() > known {
        file.keep_deltas(issuer, &deltas)?;
    }
    Ok(followed)
}

/// Fills the stock as a plan says; `told` hears of each proof how many there are and how many there will be.
///
/// The wallet's file is not held while a proof is made, so that a gate need not wait.
///
/// # Errors
/// [`WalletFileError`]. What was made before is in the stock.
pub fn fill<R: RngCore + CryptoRng>(
    path: &std::path::Path,
    surroundings: &Surroundings,
    plan: &Plan,
    key: &ProvingKey,
    clock: &Clock,
    rng: &mut R,
    mut told: impl FnMut(usize, usize),
) -> Result<usize, WalletFileError> {
    let mut made = 0;
    loop {
        let mut file = WalletFile::open_when_free(path)?;
        let now = clock.now();
        let facts = surroundings.facts()?;
        file.wallet.tidy(facts, now);
        let missing = file.wallet.missing(plan, facts, now);
        let Some(day) = missing.first().copied() else {
            // What lapsed is gone from the disk too, whether or not anything was missing.
            file.save()?;
            return Ok(made);
        };
        told(made, made + missing.len());
        // Nothing else changes the holdings but the holder, who may do so meanwhile: then the proof fails at the gate.
        let wallet = std::mem::take(&mut file.wallet);
        drop(file);
        let ready = surroundings.prove(&wallet, (&plan.gate, day), key, now, rng)?;
        let mut file = WalletFile::open_when_free(path)?;
        file.wallet.stock.push(ready);
        file.save()?;
        made += 1;
    }
}

/// What answers a gate's challenge: a proof from the stock, or one made now; gives the text of the code. The proof is out
/// of the stock, on the disk, before it is shown.
///
/// # Errors
/// [`WalletFileError`].
pub fn show<R: RngCore + CryptoRng>(
    file: &mut WalletFile,
    surroundings: &Surroundings,
    challenge: &Challenge,
    keys: &CircuitKeys,
    now: Timestamp,
    rng: &mut R,
) -> Result<String, WalletFileError> {
    let nonce = challenge.nonce_bytes();
    let text = take_or_prove(file, surroundings, &challenge.audience, keys, now, rng)?
        .show(&challenge.audience, nonce)?
        .to_text();
    Ok(text)
}

/// A proof that answers no challenge, for paper.
///
/// # Errors
/// [`WalletFileError`].
pub fn show_on_paper<R: RngCore + CryptoRng>(
    file: &mut WalletFile,
    surroundings: &Surroundings,
    (gate, day): (&str, Date),
    keys: &CircuitKeys,
    now: Timestamp,
    rng: &mut R,
) -> Result<String, WalletFileError> {
    let key = keys.policy_proving()?;
    let ready = surroundings.prove(&file.wallet, (gate, day), &key, now, rng)?;
    let policy = surroundings.policy(now)?;
    file.wallet
        .note(now, format!("printed a proof of {} v{} for {gate}, {day}", policy.name, policy.version));
    file.save()?;
    Ok(ready.show(gate, None)?.to_text())
}

fn take_or_prove<R: RngCore + CryptoRng>(
    file: &mut WalletFile,
    surroundings: &Surroundings,
    gate: &str,
    keys: &CircuitKeys,
    now: Timestamp,
    rng: &mut R,
) -> Result<Ready, WalletFileError> {
    let facts = surroundings.facts()?;
    let policy = surroundings.policy(now)?;
    let taken = file.wallet.take(&surroundings.policy, gate, now.date(), facts, now);
    let (ready, how) = match taken {
        Some(ready) => (ready, "made ahead"),
        None => {
            let key = keys.policy_proving()?;
            (surroundings.prove(&file.wallet, (gate, now.date()), &key, now, rng)?, "made at the gate")
        }
    };
    let what = format!("proved {} v{} of {} to {gate}: {how}", policy.name, policy.version, policy.verifier);
    file.wallet.note(now, what);
    file.save()?;
    Ok(ready)
}
