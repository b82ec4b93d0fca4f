//! Crossing in zero knowledge: a traveller proves the destination's whole rule, and shows nothing else.
//!
//! **What.** Some of the cast claim a credential from which they can prove, prove at home, and walk, in an order that has
//! nothing to do with the order in which they claimed. Half of them walk twice, at two lanes. Everything that issuer
//! and gates see is kept, and what follows from it is in [`unlinkable`].
//!
//! ```text
//! claim (holder key) ─► Causeway credential ─prove at home─► one QR ─► lane 1 ─► lane 2
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use causeway::checkpoint::Decision;
use credential::zk::Revocations;
use credential::{Overall, Reason};
use did_registry::{Schema, Suite};
use gateway::circuit_keys::CircuitKeys;
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wallet::{Claim, Holding, Ready, Visit, Wallet};
use zk_policy::{HolderCircuit, ProvingKey};

use super::border::{Border, Lane};
use super::jurisdiction::Jurisdiction;
use super::latency::Latency;
use super::promises::Promise;
use super::stage::Stage;

pub mod unlinkable;

use unlinkable::{Issuance, Traveller};

/// Claims under way at the same time.
const DESKS: usize = 4;
/// Proofs made at the same time.
const AT_ONCE: usize = 2;

/// What proves, for every wallet of the story.
pub struct Provers {
    policy: Arc<ProvingKey>,
    holder: Arc<ProvingKey<HolderCircuit>>,
}

impl Provers {
    /// Reads both keys.
    ///
    /// # Errors
    /// If they are not those of the directory.
    pub fn read(keys: &CircuitKeys) -> anyhow::Result<Self> {
        Ok(Self { policy: Arc::new(keys.policy_proving()?), holder: Arc::new(keys.holder_proving()?) })
    }
}

/// What came of it.
pub struct Crossings {
    /// Travellers.
    pub travellers: usize,
    /// Shows at gates that were accepted.
    pub accepted: usize,
    /// What a proof took, at home.
    pub prove: Latency,
    /// What the gate took, challenge to verdict.
    pub gate: Latency,
    /// Bytes and characters of the largest code.
    pub largest: (usize, usize),
    /// Whether colluding parties can tell who showed.
    pub promises: Vec<Promise>,
    /// What each party saw of one traveller.
    pub saw: Vec<(&'static str, String)>,
    /// What was not as it must be, in words.
    pub surprises: Vec<String>,
}

/// A traveller at home, with proofs for both lanes, and what the issuer saw.
struct Packed {
    direction: usize,
    issuance: Issuance,
    proofs: Vec<Ready>,
}

/// Takes people of both sides across: `casts` are their places among the people.
///
/// # Errors
/// If somebody does not answer. What came out otherwise than it must is in the outcome.
pub async fn cross(
    sides: &[Jurisdiction; 2],
    casts: &[Vec<usize>; 2],
    borders: &[Arc<Border>; 2],
    provers: &Provers,
    schema: &Schema,
    stage: &Stage,
) -> anyhow::Result<Crossings> {
    let total: usize = casts.iter().map(Vec::len).sum();
    let step = stage.step("claiming what proofs are made from", total as u64);
    let (mut claims, seats) = (JoinSet::new(), Arc::new(Semaphore::new(DESKS)));
    for (direction, ((side, cast), border)) in sides.iter().zip(casts).zip(borders).enumerate() {
        let people = cast.iter().map(|place| side.people.get(*place).context("the cast is of these people"));
        let records =
            people.map(|person| Ok(person?.record_id.clone())).collect::<anyhow::Result<Vec<_>>>()?;
        for part in records.chunks(500) {
            for offer in side.desk.offer(&schema.id(), part).await? {
                let (border, key, seats) = (border.clone(), provers.holder.clone(), seats.clone());
                let number = claims.len();
                claims.spawn(async move {
                    let _seat = seats.acquire_owned().await?;
                    let (holding, issuance) = claim(&border, &offer.code, &key, number).await?;
                    anyhow::Ok((direction, holding, issuance))
                });
            }
        }
    }
    let mut holders = Vec::with_capacity(total);
    while let Some(claimed) = claims.join_next().await {
        holders.push(claimed??);
        step.advance(1);
    }
    step.done(format!("{total} travellers claimed a credential from which they can prove"))?;

    let twice = total / 2;
    let step = stage.step("proving at home", (total + twice) as u64);
    let (mut packed, mut times) = (Vec::with_capacity(total), Vec::new());
    let mut proving = JoinSet::new();
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    for (number, (direction, holding, issuance)) in holders.into_iter().enumerate() {
        let border = borders.get(direction).context("a direction is one of two")?.clone();
        let (key, seats) = (provers.policy.clone(), seats.clone());
        let lanes: &[Lane] = if number % 2 == 0 { &[Lane::One, Lane::Two] } else { &[Lane::One] };
        proving.spawn(async move {
            let _seat = seats.acquire_owned().await?;
            tokio::task::spawn_blocking(move || pack(&border, &holding, lanes, &key, direction, issuance))
                .await?
        });
    }
    while let Some(done) = proving.join_next().await {
        let (one, took) = done??;
        step.advance(took.len() as u64);
        times.extend(took);
        packed.push(one);
    }
    let prove = Latency::of(times);
    step.done(format!(
        "{} proofs were made at home, {:.0} ms each (p50)",
        prove.len(),
        prove.percentile(50.0)
    ))?;

    // Nobody walks in the order in which credentials were issued or proofs were made.
    packed.shuffle(&mut OsRng);
    let step = stage.step("showing one code each", (total + twice) as u64);
    let mut crossings = Gates::default();
    for one in packed {
        tokio::task::block_in_place(|| crossings.walk(borders, one))?;
        step.reach(crossings.shows as u64);
    }
    let Gates { accepted, times, surprises, travellers, largest, .. } = crossings;
    step.done(format!("{total} travellers showed {accepted} codes, and every rule held"))?;
    let gate = Latency::of(times);
    let promises = unlinkable::promises(&travellers)?;
    let saw = unlinkable::seen(&travellers)?;
    Ok(Crossings { travellers: total, accepted, prove, gate, largest, promises, saw, surprises })
}

/// Redeems a code with a holder key of its own.
async fn claim(
    border: &Border,
    code: &str,
    key: &Arc<ProvingKey<HolderCircuit>>,
    number: usize,
) -> anyhow::Result<(Holding, Issuance)> {
    let secret = Wallet::default().next_secret(&mut OsRng);
    let begun = Claim::begin(code, &border.issuer, Suite::P256, &mut OsRng);
    let key = key.clone();
    let begun = tokio::task::spawn_blocking(move || Claim::with_proofs(begun, secret, &key, &mut OsRng));
    let (claim, request) = begun.await?;
    let issued = border.source.claim(&request).await?;
    let issuance = Issuance::of(number, &request, &issued)?;
    let holding = claim.accept(issued, &border.facts, border.now())?;
    ensure!(holding.is_provable(), "the issuer gave no Causeway credential");
    Ok((holding, issuance))
}

/// Proves for each lane.
fn pack(
    border: &Border,
    holding: &Holding,
    lanes: &[Lane],
    key: &ProvingKey,
    direction: usize,
    issuance: Issuance,
) -> anyhow::Result<(Packed, Vec<Duration>)> {
    let (mut proofs, mut times) = (Vec::new(), Vec::new());
    for lane in lanes {
        let started = Instant::now();
        let now = border.now();
        let gate = border.name(*lane);
        let visit = Visit { policy: &border.entry, gate: &gate, day: now.date() };
        // The wallets know what the gate knows, and nobody had revoked anything then.
        proofs.push(holding.prepare(&visit, (&border.facts, &Revocations::new()), key, now, &mut OsRng)?);
        times.push(started.elapsed());
    }
    Ok((Packed { direction, issuance, proofs }, times))
}

/// What happened at the gates.
#[derive(Default)]
struct Gates {
    shows: usize,
    accepted: usize,
    times: Vec<Duration>,
    surprises: Vec<String>,
    travellers: Vec<Traveller>,
    largest: (usize, usize),
}

impl Gates {
    fn walk(&mut self, borders: &[Arc<Border>; 2], one: Packed) -> anyhow::Result<()> {
        let border = borders.get(one.direction).context("a direction is one of two")?;
        let mut shows = Vec::new();
        for (lane, ready) in [Lane::One, Lane::Two].into_iter().zip(one.proofs) {
            let started = Instant::now();
            let challenge = border.challenge(lane)?;
            let shown = ready.show(&challenge.audience, challenge.nonce_bytes())?;
            let text = shown.to_text();
            let decision = border.show_at(lane, &text)?;
            self.times.push(started.elapsed());
            self.expect(&decision, Overall::Accept, "a traveller whose rule holds");
            self.accepted += usize::from(decision.overall == Overall::Accept);
            let bytes = shown.to_bytes();
            self.largest = (self.largest.0.max(bytes.len()), self.largest.1.max(text.len()));
            if self.shows == 0 {
                // A copy of the code, held before the camera once more.
                let copied = border.show_at(lane, &text)?;
                if copied.codes() != [Reason::Replayed] {
                    self.surprises.push(format!("a copied code: {:?}", copied.codes()));
                }
            }
            self.shows += 1;
            shows.push(bytes);
        }
        self.travellers.push(Traveller { direction: one.direction, issuance: one.issuance, shows });
        Ok(())
    }

    fn expect(&mut self, decision: &Decision, wanted: Overall, who: &str) {
        if decision.overall != wanted {
            let why = decision.verdict.findings().first().map_or(String::new(), ToString::to_string);
            self.surprises.push(format!("{who}: {:?}, {why}", decision.overall));
        }
    }
}
