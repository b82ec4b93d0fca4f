//! Zero knowledge: what a proof costs its holder, and what a gate takes to decide on it.
//!
//! One process; proving uses both cores as a wallet does. `zk.verify_ms` is the proof's equation, with what the policy shares
//! between shows summed beforehand; `zk.verdict_ms` reads the text and examines everything too. The limit is the
//! multiscalar multiplications and pairings of the same size alone.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use blst::{BLST_ERROR, MultiPoint as _, blst_fp12, blst_p1_affine, blst_p2_affine, min_pk, min_sig};
use credential::facts::{AgeLimits, Facts};
use credential::zk::{
    Gate, IssuerRoots, NONCE, Occasion, Prepared, Recognised, RevocationDelta, Revocations, RootBytes, Shown,
    attributes, civil_day, issuer_set, schema_element, scope_at,
};
use credential::{Overall, Policy, ProofTerms, Scope};
use did_registry::{
    DidRecord, Digest, Genesis, Moment, NetworkId, Purposes, Recognition, SigningKey, Suite, Timestamp,
    canonical,
};
use rand::RngCore as _;
use rand::rngs::OsRng;
use rand::seq::IteratorRandom as _;
use zk_policy::{
    Credential, HANDLES, Handle, HolderSecret, PolicyCircuit, ProvingKey, Size, Statement, StatusTree, Times,
    Verifier, VerifyingKey, Witness, prove,
};

use super::measure::{MS, Report, median, per_second, percentile};
use super::subject;

pub(super) const FIGURES: [&str; 17] = [
    "zk.constraints",
    "zk.public_inputs",
    "zk.setup_s",
    "zk.pk_bytes",
    "zk.vk_bytes",
    "zk.prove_ms",
    "zk.prove_rss_mb",
    "zk.show_ms",
    "zk.verify_ms",
    "zk.verdict_ms",
    "zk.verify_batch64_ms",
    "zk.presentation_bytes",
    "zk.qr_chars",
    "zk.witness_update_10k_ms",
    "crossing.zk.verdicts_per_s",
    "limit.zk.prove_msm_ms",
    "limit.zk.verify_pairing_ms",
];
/// Proofs that count, and those that warm up.
const PROOFS: usize = 15;
const WARM_UP: usize = 2;
/// Shows verified together.
const BATCH: usize = 64;
const GATE: &str = "Lane 3";

pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    if !report.wants(&FIGURES) {
        return Ok(());
    }
    let size = Size::of::<PolicyCircuit>();
    report.figure("zk.constraints", size.constraints as f64, "1", 1)?;
    report.figure("zk.public_inputs", size.inputs as f64, "1", 1)?;
    let begun = Instant::now();
    let proving = ProvingKey::<PolicyCircuit>::insecure_development();
    report.figure("zk.setup_s", begun.elapsed().as_secs_f64(), "s", 1)?;
    let verifying = proving.verifying_key();
    report.figure("zk.pk_bytes", proving.to_bytes().len() as f64, "B", 1)?;
    report.figure("zk.vk_bytes", verifying.to_bytes().len() as f64, "B", 1)?;
    if report.wants(&FIGURES[5..13]) || report.wants(&FIGURES[14..15]) {
        let mut office = Office::open()?;
        let shows = proofs(report, &mut office, &proving)?;
        gate(report, &office, &verifying, &shows)?;
    }
    if report.wants(&["zk.witness_update_10k_ms"]) {
        witness(report)?;
    }
    if report.wants(&FIGURES[15..]) {
        limit(report, size)?;
    }
    Ok(())
}

/// An issuer, a holder, and what a gate knows.
struct Office {
    facts: Facts,
    policy: Policy,
    witness: Witness,
    now: Timestamp,
}

impl Office {
    fn open() -> anyhow::Result<Self> {
        let now = gateway::clock::Clock::system().now();
        let control = SigningKey::generate(Suite::Ed25519, &mut OsRng).public_key();
        let key = SigningKey::generate(Suite::Jubjub, &mut OsRng);
        let next = control.commitment();
        let genesis = Genesis::new(NetworkId::new("bench")?, control, next).with_key(
            "jubjub-1",
            Purposes::ASSERTION,
            key.public_key(),
        );
        let (issuer, at) = (genesis.did(), Moment { height: 1, time: now });
        let (kind, schema) = (subject::test_type()?, subject::schema()?);
        let recognition = Recognition {
            issuer: issuer.clone(),
            credential_type: kind.clone(),
            from: now.minus(9 * 86_400),
            until: now.plus(90 * 86_400),
            decided: at,
        };
        let proof = Some(ProofTerms { epoch_hours: 24, scope: Scope::GateAndDay });
        let policy = Policy { proof, ..subject::entry_policy(issuer.clone(), now)? };
        let record = DidRecord::create(&issuer, &genesis, at)?;
        let set = issuer_set([Recognised { recognition: &recognition, record: &record, status: None }]);
        let roots = IssuerRoots::after(None, RootBytes::of(&set.root()), at).context("a first set is new")?;
        let signing = key.jubjub().context("a Jubjub key")?;
        let secret = HolderSecret::generate(&mut OsRng);
        let handle = Handle::new(4_711).context("a place in the tree")?;
        let today = civil_day(now.date());
        let place = (handle, Times { issued: today, expires: today + 14 });
        let claims = schema.check_full(&subject::claims(1, now.date()))?;
        let slots = attributes(&schema, &claims);
        let element = schema_element(&schema.id());
        let holder = secret.holder_key();
        let credential = Credential::issue(signing, element, &slots, holder, place, &mut OsRng);
        let place = set.witness(&signing.public_key()).context("the issuer is in the set")?;
        let witness =
            Witness { credential, secret, issuer: place, status: StatusTree::new().witness(handle) };
        let facts = Facts {
            as_of: at,
            dids: BTreeMap::from([(issuer.clone(), record)]),
            recognitions: BTreeMap::from([((kind.clone(), issuer), recognition)]),
            policies: BTreeMap::from([(policy.id(), policy.clone())]),
            schemas: BTreeMap::from([(schema.id(), schema)]),
            statuses: BTreeMap::new(),
            issuer_sets: BTreeMap::from([(kind, roots)]),
            revocations: BTreeMap::new(),
            circuit_keys: None,
        };
        Ok(Self { facts, policy, witness, now })
    }

    fn statement(&self, key: &SigningKey) -> anyhow::Result<Statement> {
        let roots = self.facts.issuer_sets.get(&self.policy.credential_type).context("there is a set")?;
        let schema = self.facts.schemas.get(&self.policy.schema).context("there is a schema")?;
        let (root, day) = (roots.root.element().context("an element")?, self.now.date());
        let scope = scope_at(&self.policy.verifier, Scope::GateAndDay, GATE, day);
        let terms = self.policy.terms(schema, root, day, scope)?;
        let id = self.policy.id();
        let occasion = Occasion { verifier: &self.policy.verifier, policy: &id, epoch: roots.epoch, day };
        Ok(Statement::of(terms, &self.witness, occasion.context(&key.public_key())))
    }

    fn gate(&self) -> Gate<'static> {
        Gate { name: GATE, now: self.now, limits: AgeLimits::default() }
    }
}

/// Proves, again and again, as a wallet that has its keys loaded; then shows.
fn proofs(report: &mut Report, office: &mut Office, proving: &ProvingKey) -> anyhow::Result<Vec<Shown>> {
    let (mut times, mut ready) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + PROOFS {
        if number == WARM_UP {
            forget_peak()?;
        }
        let key = SigningKey::generate(Suite::P256, &mut OsRng);
        let begun = Instant::now();
        let statement = office.statement(&key)?;
        let proof = prove(proving, &statement, &office.witness, &mut OsRng)?;
        if number >= WARM_UP {
            times.push(begun.elapsed());
        }
        let (policy, epoch, day) = (office.policy.id(), 1, office.now.date());
        ready.push(Prepared { policy, epoch, day, proof, nullifier: statement.nullifier, key });
    }
    report.figure("zk.prove_ms", percentile(&mut times, 50, MS), "ms", times.len())?;
    report.figure("zk.prove_rss_mb", peak()? / 1e6, "MB", times.len())?;
    let (mut shows, mut times) = (Vec::new(), Vec::new());
    for (number, prepared) in ready.into_iter().enumerate() {
        let begun = Instant::now();
        let shown = prepared.show(GATE, Some([u8::try_from(number)?; NONCE]));
        let text = shown.to_text();
        times.push(begun.elapsed());
        shows.push((shown, text.len()));
    }
    report.figure("zk.show_ms", percentile(&mut times, 50, MS), "ms", times.len())?;
    let longest = |of: fn(&(Shown, usize)) -> usize| shows.iter().map(of).max().unwrap_or(0) as f64;
    report.figure("zk.presentation_bytes", longest(|(shown, _)| shown.to_bytes().len()), "B", shows.len())?;
    report.figure("zk.qr_chars", longest(|(_, length)| *length), "1", shows.len())?;
    Ok(shows.into_iter().map(|(shown, _)| shown).collect())
}

fn gate(report: &mut Report, office: &Office, key: &VerifyingKey, shows: &[Shown]) -> anyhow::Result<()> {
    let first = shows.first().context("something was shown")?;
    let (policy, gate) = (office.policy.id(), office.gate());
    let examined = first.examine(&policy, &office.facts, &gate);
    let terms = examined.statement.context("it can be verified")?.terms;
    let verifier = Verifier::new(key, terms);
    let texts: Vec<String> = shows.iter().map(Shown::to_text).collect();
    let (mut times, mut pairings) = (Vec::new(), Vec::new());
    for text in texts.iter().cycle().take(texts.len() * 12) {
        let begun = Instant::now();
        let shown = Shown::from_text(text)?;
        let examined = shown.examine(&policy, &office.facts, &gate);
        let statement = examined.statement.as_ref().context("it can be verified")?;
        let proof = Instant::now();
        let holds = verifier.verify(statement, &shown.proof);
        pairings.push(proof.elapsed());
        let (verdict, _) = examined.conclude(holds);
        ensure!(verdict.overall() == Overall::Accept, "refused: {:?}", verdict.findings());
        times.push(begun.elapsed());
    }
    times.drain(..texts.len());
    pairings.drain(..texts.len());
    report.figure("zk.verify_ms", percentile(&mut pairings, 50, MS), "ms", pairings.len())?;
    report.figure("zk.verdict_ms", percentile(&mut times, 50, MS), "ms", times.len())?;

    let batch: Vec<&String> = texts.iter().cycle().take(BATCH).collect();
    let (mut each, mut verdicts) = (Vec::new(), Vec::new());
    for round in 0..8 {
        let begun = Instant::now();
        let shown = batch.iter().map(|text| Shown::from_text(text)).collect::<Result<Vec<_>, _>>()?;
        let examined: Vec<_> = shown.iter().map(|one| one.examine(&policy, &office.facts, &gate)).collect();
        let statements = examined.iter().zip(&shown);
        let statements =
            statements.filter_map(|(it, shown)| Some((it.statement.clone()?, shown.proof.clone())));
        let statements: Vec<_> = statements.collect();
        ensure!(statements.len() == BATCH, "all can be verified");
        let proofs = Instant::now();
        let bad = verifier.verify_batch(&statements, &mut OsRng);
        let spent = proofs.elapsed();
        ensure!(bad.is_empty(), "a good proof is called bad");
        let accepted = examined.into_iter().map(|it| it.conclude(true).0.overall());
        ensure!(accepted.filter(|it| *it == Overall::Accept).count() == BATCH, "all are accepted");
        if round > 0 {
            each.push(spent.as_secs_f64() * 1e3 / BATCH as f64);
            verdicts.push(per_second(BATCH, begun.elapsed()));
        }
    }
    let rounds = each.len() * BATCH;
    report.figure("zk.verify_batch64_ms", median(&mut each), "ms", rounds)?;
    report.figure("crossing.zk.verdicts_per_s", median(&mut verdicts), "1/s", rounds)
}

/// The sums and pairings of one proof alone, by the library that proving and verifying use, on random points and numbers. A
/// fifth of a witness is zero, so of its sums four fifths are taken.
fn limit(report: &mut Report, size: Size) -> anyhow::Result<()> {
    const BITS: usize = 255;
    let wires = (size.inputs + 1 + size.witnesses) * 4 / 5;
    let rows = (size.constraints + size.inputs + 1).next_power_of_two();
    let long = rows - 1 + size.witnesses * 4 / 5;
    let number = || {
        let mut bytes = [0u8; 32];
        OsRng.fill_bytes(&mut bytes);
        bytes[31] &= 0x3f; // below the order
        bytes
    };
    let scalars: Vec<u8> = (0..long).flat_map(|_| number()).collect();
    let seeds: Vec<[u8; 32]> = (0..1_024).map(|_| number()).collect();
    let first =
        |seed: &[u8; 32]| Ok::<_, BLST_ERROR>(min_pk::SecretKey::key_gen(seed, &[])?.sk_to_pk().into());
    let second =
        |seed: &[u8; 32]| Ok::<_, BLST_ERROR>(min_sig::SecretKey::key_gen(seed, &[])?.sk_to_pk().into());
    let failed = |error| anyhow::anyhow!("{error:?}");
    let first: Vec<blst_p1_affine> = seeds.iter().map(first).collect::<Result<_, _>>().map_err(failed)?;
    let second: Vec<blst_p2_affine> = seeds.iter().map(second).collect::<Result<_, _>>().map_err(failed)?;
    let repeated = |length| -> Vec<blst_p1_affine> { first.iter().copied().cycle().take(length).collect() };
    let (short, all) = (repeated(wires), repeated(long));
    let twisted: Vec<blst_p2_affine> = second.iter().copied().cycle().take(wires).collect();
    let (mut sums, mut pairings) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + PROOFS {
        let begun = Instant::now();
        black_box((short.mult(&scalars, BITS), twisted.mult(&scalars, BITS), all.mult(&scalars, BITS)));
        let summed = begun.elapsed();
        let begun = Instant::now();
        for (p, q) in first.chunks(3).zip(second.chunks(3)).take(50) {
            black_box(blst_fp12::miller_loop_n(q, p).final_exp());
        }
        if round >= WARM_UP {
            sums.push(summed);
            pairings.push(begun.elapsed() / 50);
        }
    }
    report.figure("limit.zk.prove_msm_ms", percentile(&mut sums, 50, MS), "ms", sums.len())?;
    report.figure("limit.zk.verify_pairing_ms", percentile(&mut pairings, 50, MS), "ms", pairings.len() * 50)
}

/// Ten thousand revocations as they arrive, followed, and the path of one's own handle.
fn witness(report: &mut Report) -> anyhow::Result<()> {
    let own = Handle::new(77).context("a place in the tree")?;
    let mut times = Vec::new();
    for round in 0..6 {
        let handles = (0..HANDLES).filter(|it| *it != own.number()).choose_multiple(&mut OsRng, 10_000);
        let handles: BTreeSet<Handle> = handles.into_iter().filter_map(Handle::new).collect();
        let delta = Revocations::new().delta(handles, BTreeMap::<Handle, Digest>::new());
        let bytes = canonical::encode(&delta);
        let begun = Instant::now();
        let delta: RevocationDelta = canonical::decode(&bytes, bytes.len())?;
        let mut followed = Revocations::new();
        followed.follow([&delta])?;
        let path = followed.tree().witness(own);
        let spent = begun.elapsed();
        ensure!(path != StatusTree::new().witness(own), "the path is of the new tree");
        if round > 0 {
            times.push(spent);
        }
    }
    report.figure("zk.witness_update_10k_ms", percentile(&mut times, 50, MS), "ms", times.len())
}

/// Has the system forget the most memory that this process had.
fn forget_peak() -> anyhow::Result<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// The most memory since, in bytes.
fn peak() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a peak is told")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0)
}
