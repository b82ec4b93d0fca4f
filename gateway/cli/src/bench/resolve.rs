//! Resolving an identifier among a million: in process, and over HTTP.
//!
//! The million is made the way any other is: creations, signed, in blocks. Each has a document key of each
//! suite, as an agency's has. To save the bench's own time, not the ledger's, 64 control keys sign for all.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use did_registry::{
    Did, DidOperation, DidRecord, Digest, Genesis, PublicKey, Purposes, SigningKey, Suite, document,
};
use ledger_chain::{Operation, SignedTransaction, StateKey, Transaction};
use ledger_node::{Ledger, RunningNode};
use rand::rngs::OsRng;
use rand::{Rng as _, RngCore as _};
use tokio::task::{JoinSet, spawn_blocking};

use super::http::Connection;
use super::measure::{Report, US, median, per_second, percentile};
use super::network;

const IN_PROCESS: &str = "did.resolve_us";
const OVER_HTTP: &str = "did.resolve_http_per_s";

/// Identifiers registered, and how many of them before the first look-ups.
const DIDS: usize = 1_000_000;
const FIRST: usize = 10_000;
/// Creations handed in together, and groups on their way.
const GROUP: usize = 1_000;
const WINDOW: usize = 40;
/// Look-ups timed.
const LOOKUPS: usize = 20_000;
/// Connections, runs, and the time of a run over HTTP.
const CONNECTIONS: usize = 16;
const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(2);

pub(super) async fn measure(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    if !report.wants(&[IN_PROCESS, OVER_HTTP]) {
        return Ok(());
    }
    let directory = scratch.join("identifiers");
    let (node, _) = network::start(&directory, 1).await?;
    let (ledger, office, begun) = (node.ledger(), Arc::new(Office::new()?), Instant::now());
    let mut dids = register(ledger, &office, FIRST).await?;
    let before = Stand::of(ledger, &dids)?;
    dids.extend(register(ledger, &office, DIDS - FIRST).await?);
    let after = Stand::of(ledger, &dids)?;
    report.note(&format!("registered {} identifiers in {:.0} s", dids.len(), begun.elapsed().as_secs_f64()));
    report.figure(IN_PROCESS, after.read_us, "us", LOOKUPS)?;
    for Stand { identifiers, height, read_us, resolve_us, p95_us, proven_us } in [before, after] {
        report.note(&format!(
            "among {identifiers} at height {height}: read and decode {read_us:.1} us, with the document \
             {resolve_us:.1} us (p95 {p95_us:.1}), with a proof {proven_us:.1} us"
        ));
    }
    if report.wants(&[OVER_HTTP]) {
        over_http(report, &node, &Arc::new(dids)).await?;
    }
    node.shutdown().await;
    Ok(std::fs::remove_dir_all(directory)?)
}

/// Makes identifiers.
struct Office {
    control: Vec<(SigningKey, PublicKey)>,
    ed25519: PublicKey,
    es256: PublicKey,
}

impl Office {
    fn new() -> anyhow::Result<Self> {
        let key = |suite| SigningKey::generate(suite, &mut OsRng);
        let control = (0..64).map(|_| key(Suite::Ed25519)).map(|key| {
            let public = key.public_key();
            (key, public)
        });
        let (ed25519, es256) = (key(Suite::Ed25519).public_key(), key(Suite::P256).public_key());
        Ok(Self { control: control.collect(), ed25519, es256 })
    }

    /// Creations of new identifiers, signed.
    fn create(&self, ledger: &Digest, count: usize) -> anyhow::Result<Vec<SignedTransaction>> {
        let network = network::name()?;
        let both = Purposes::ASSERTION.and(Purposes::AUTHENTICATION);
        let create = |(key, public): &(SigningKey, PublicKey)| {
            let mut next = [0; 32];
            OsRng.fill_bytes(&mut next);
            let genesis = Genesis::new(network.clone(), public.clone(), Digest::from_bytes(next))
                .with_key("ed25519-1", both, self.ed25519.clone())
                .with_key("es256-1", Purposes::ASSERTION, self.es256.clone());
            let (actor, operation) = (genesis.did(), Operation::Did(DidOperation::Create(genesis)));
            Transaction { actor, sequence: 0, operation }.sign(ledger, key)
        };
        Ok(self.control.iter().cycle().take(count).map(create).collect())
    }
}

/// Registers `count` identifiers, all on the ledger when this returns.
async fn register(ledger: &Arc<Ledger>, office: &Arc<Office>, count: usize) -> anyhow::Result<Vec<Did>> {
    let mut dids = Vec::with_capacity(count);
    let mut on_their_way = JoinSet::new();
    for _ in 0..count / GROUP {
        if on_their_way.len() >= WINDOW
            && let Some(group) = on_their_way.join_next().await
        {
            dids.extend(group??);
        }
        on_their_way.spawn(register_group(ledger.clone(), office.clone()));
    }
    while let Some(group) = on_their_way.join_next().await {
        dids.extend(group??);
    }
    Ok(dids)
}

async fn register_group(ledger: Arc<Ledger>, office: Arc<Office>) -> anyhow::Result<Vec<Did>> {
    let id = *ledger.id();
    let signed = spawn_blocking(move || office.create(&id, GROUP)).await??;
    let last = signed.last().context("a group has members")?.id();
    let dids = signed.iter().map(|signed| signed.transaction.actor.clone()).collect();
    network::submit(&ledger, signed).await?;
    // They have their turns in the order they were taken in, so the last one speaks for all.
    network::committed(&ledger, last).await?;
    Ok(dids)
}

/// What the ledger knows of an identifier.
fn read(ledger: &Ledger, did: &Did, height: u64) -> anyhow::Result<DidRecord> {
    let record = ledger.did(did, height)?.context("every identifier is there")?;
    ensure!(&record.did == did, "another identifier");
    Ok(record)
}

/// Medians at one stand of the ledger.
struct Stand {
    identifiers: usize,
    height: u64,
    read_us: f64,
    resolve_us: f64,
    p95_us: f64,
    proven_us: f64,
}

impl Stand {
    fn of(ledger: &Ledger, dids: &[Did]) -> anyhow::Result<Self> {
        let height = ledger.tip().context("a tip")?.header.height;
        let mut reads = times(dids, |did| {
            read(ledger, did, height)?;
            Ok(())
        })?;
        let mut resolutions = times(dids, |did| {
            let document = document(&read(ledger, did, height)?);
            ensure!(document.is_object(), "a document is an object");
            Ok(())
        })?;
        let mut proofs = times(dids, |did| {
            let proven = ledger.record(&StateKey::Did(did.clone()), height)?;
            ensure!(proven.record.is_some(), "every identifier is there");
            Ok(())
        })?;
        Ok(Self {
            identifiers: dids.len(),
            height,
            read_us: percentile(&mut reads, 50, US),
            resolve_us: percentile(&mut resolutions, 50, US),
            p95_us: percentile(&mut resolutions, 95, US),
            proven_us: percentile(&mut proofs, 50, US),
        })
    }
}

/// The time of each of many look-ups of identifiers chosen at random, after a tenth as many to warm up.
fn times(dids: &[Did], look_up: impl Fn(&Did) -> anyhow::Result<()>) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(LOOKUPS);
    for number in 0..LOOKUPS + LOOKUPS / 10 {
        let did = random(dids)?;
        let begun = Instant::now();
        look_up(did)?;
        if number >= LOOKUPS / 10 {
            times.push(begun.elapsed());
        }
    }
    Ok(times)
}

fn random(dids: &[Did]) -> anyhow::Result<&Did> {
    dids.get(OsRng.gen_range(0..dids.len())).context("within bounds")
}

async fn over_http(report: &mut Report, node: &RunningNode, dids: &Arc<Vec<Did>>) -> anyhow::Result<()> {
    let (mut rates, mut samples) = (Vec::new(), 0);
    for run in 0..=RUNS {
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            clients.spawn(resolve_until(node.address, dids.clone(), begun + RUN));
        }
        let mut answered = 0;
        while let Some(client) = clients.join_next().await {
            answered += client??;
        }
        if run > 0 {
            rates.push(per_second(answered, begun.elapsed())); // the first one warms up
            samples += answered;
        }
    }
    report.figure(OVER_HTTP, median(&mut rates), "1/s", samples)?;
    report.note(&format!(
        "over HTTP: {CONNECTIONS} connections; server and clients share this machine's cores"
    ));
    Ok(())
}

async fn resolve_until(
    address: std::net::SocketAddr,
    dids: Arc<Vec<Did>>,
    end: Instant,
) -> anyhow::Result<usize> {
    let mut connection = Connection::open(address).await?;
    let mut answered = 0;
    while Instant::now() < end {
        let body = connection.get(&format!("/v1/dids/{}", random(&dids)?)).await?;
        ensure!(body.starts_with(b"{\"didDocument"), "another answer");
        answered += 1;
    }
    Ok(answered)
}
