//! The solo ledger: how many operations, how soon one, how many commitments through batches.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use credential::anchor::{Batch, LeafKind, salt};
use did_registry::Digest;
use ledger_chain::{AnchorOperation, Operation};
use ledger_node::Ledger;
use ledger_node::bench::{Load, Throughput, solo_latencies, solo_throughput};
use rand::rngs::OsRng;

use super::measure::{MS, Report, median, per_second, percentile};
use super::network::{self, Actor};

const THROUGHPUT: &str = "ledger.solo.tx_per_s";
const LATENCY: &str = "ledger.solo.commit_p50_ms";
const COMMITMENTS: &str = "ledger.anchor.commitments_per_s";

/// Runs whose median counts.
const RUNS: usize = 3;
/// Operations of one run: enough that the first and the last block do not show.
const LOAD: Load = Load { transactions: 300_000, actors: 100, group: 1_000, window: 32, block: 20_000 };
/// Commits timed one by one.
const COMMITS: usize = 300;
/// Commitments in a batch, as many as a gateway gathers at most.
const BATCH: usize = 65_536;
/// Batches of each agency in a run.
const BATCHES: u64 = 12;
/// Agencies that batch: one blinds while another waits for its block.
const AGENCIES: usize = 4;

pub(super) async fn measure(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    if report.wants(&[THROUGHPUT, LATENCY, COMMITMENTS]) {
        report.note(&format!(
            "the disk takes {:.2} ms to sync 4 KiB (p50 of 100)",
            sync_ms(&scratch.join("sync"))?
        ));
    }
    if report.wants(&[THROUGHPUT]) {
        throughput(report, scratch).await?;
    }
    if report.wants(&[LATENCY]) {
        let directory = scratch.join("latency");
        let mut times = solo_latencies(&directory, COMMITS, &mut OsRng).await?;
        let p95 = percentile(&mut times, 95, MS);
        report.figure(LATENCY, percentile(&mut times, 50, MS), "ms", times.len())?;
        report.note(&format!("one at a time, handed in to committed: p95 {p95:.2} ms"));
        std::fs::remove_dir_all(directory)?;
    }
    if report.wants(&[COMMITMENTS]) {
        commitments(report, scratch).await?;
    }
    Ok(())
}

/// Median milliseconds of a synced write to a file that grows.
fn sync_ms(path: &Path) -> anyhow::Result<f64> {
    let mut file = std::fs::File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(percentile(&mut times, 50, MS))
}

async fn throughput(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    let mut runs: Vec<Throughput> = Vec::new();
    for run in 0..=RUNS {
        let directory = scratch.join("throughput");
        let load = if run == 0 { Load { transactions: LOAD.transactions / 10, ..LOAD } } else { LOAD };
        let measured = solo_throughput(&directory, load, &mut OsRng).await?;
        std::fs::remove_dir_all(&directory)?;
        if run > 0 {
            runs.push(measured); // the first one warms up
        }
    }
    runs.sort_by(|one, other| one.per_second().total_cmp(&other.per_second()));
    let middle = runs.get(RUNS / 2).context("there were runs")?;
    report.figure(THROUGHPUT, middle.per_second(), "1/s", LOAD.transactions * RUNS)?;
    let each = |seconds: f64| seconds * 1e6 / LOAD.transactions as f64;
    let stages: Vec<String> =
        middle.stages.iter().map(|(name, time)| format!("{name} {:.1}", each(*time))).collect();
    report.note(&format!(
        "solo: {} operations of {} bytes by {} agencies in {:.2} s, {} blocks; wall-clock microseconds an operation: {}; \
         verifying overlaps the rest, which runs in turn: {:.1} in all",
        middle.transactions,
        middle.transaction_bytes,
        LOAD.actors,
        middle.elapsed.as_secs_f64(),
        middle.blocks,
        stages.join(", "),
        each(middle.elapsed.as_secs_f64()),
    ));
    Ok(())
}

async fn commitments(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    let directory = scratch.join("commitments");
    let (node, actors) = network::start(&directory, AGENCIES).await?;
    let actors: Vec<Arc<Actor>> = actors.into_iter().map(Arc::new).collect();
    // What is committed to: digests of credentials. Which they are makes no difference to the time.
    let digests: Arc<Vec<Digest>> = Arc::new((0..BATCH).map(|_| salt(&mut OsRng)).collect());
    let (mut rates, mut blinding) = (Vec::new(), Duration::ZERO);
    let mut sequence = 0;
    for run in 0..=RUNS {
        let batches = if run == 0 { 2 } else { BATCHES };
        let begun = Instant::now();
        let mut offices = tokio::task::JoinSet::new();
        for actor in &actors {
            offices.spawn(anchor(node.ledger().clone(), actor.clone(), digests.clone(), sequence, batches));
        }
        let mut blinded = Duration::ZERO;
        while let Some(office) = offices.join_next().await {
            blinded += office??;
        }
        let made = AGENCIES * BATCH * usize::try_from(batches)?;
        if run > 0 {
            rates.push(per_second(made, begun.elapsed()));
            blinding += blinded;
        }
        sequence += batches;
    }
    let samples = RUNS * AGENCIES * BATCH * usize::try_from(BATCHES)?;
    report.figure(COMMITMENTS, median(&mut rates), "1/s", samples)?;
    report.note(&format!(
        "commitments: batches of {BATCH}, {AGENCIES} agencies; blinding and tree {:.2} us of a thread each",
        blinding.as_secs_f64() * 1e6 / samples as f64
    ));
    node.shutdown().await;
    Ok(std::fs::remove_dir_all(directory)?)
}

/// Blinds, batches and anchors as a gateway does: one batch after the other is on the ledger.
async fn anchor(
    ledger: Arc<Ledger>,
    actor: Arc<Actor>,
    digests: Arc<Vec<Digest>>,
    from: u64,
    batches: u64,
) -> anyhow::Result<Duration> {
    let mut blinding = Duration::ZERO;
    for sequence in from..from + batches {
        let digests = digests.clone();
        let blinded = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            (Batch::new(LeafKind::Credential, &digests, &mut OsRng), begun.elapsed())
        });
        let (batch, time) = blinded.await?;
        blinding += time;
        ensure!(batch.opening(0).is_some(), "a batch opens");
        let operation = AnchorOperation::Batch { root: batch.root(), count: u32::try_from(batch.size())? };
        let signed = actor.sign(&ledger, sequence, Operation::Anchor(operation));
        let id = signed.id();
        network::submit(&ledger, vec![signed]).await?;
        network::committed(&ledger, id).await?;
    }
    Ok(blinding)
}
