//! Crossings: a first pass from claim to pass, a repeat at the gate, and passes a second.
//!
//! One ledger and two agencies run in this process, each with its own directory and its own port; travellers
//! talk to them over HTTP with connections that are kept. Everything shares this machine's cores.

mod border;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use credential::Overall;
use credential::zk::Revocations;
use did_registry::Suite;
use rand::rngs::OsRng;
use tokio::task::{JoinSet, block_in_place};
use wallet::{Application, Claim, HeldPass, Holding, Visit, Wallet};

use super::measure::{MS, Report, median, per_second, percentile};
use crate::agency::ReceiptAnswer;
use crate::checkpoint::{Checkpoint, Proofs, Terms};
use border::{Border, RECORDS};

const FIRST: &str = "crossing.first_pass_p95_ms";
const REPEAT: &str = "crossing.repeat_p95_ms";
const PROVED: &str = "crossing.zk.repeat_p95_ms";
const TRANSCODES: &str = "crossing.transcodes_per_s";

/// Travellers who get a first pass, and how many of them at a time.
const TRAVELLERS: usize = 160;
const ABREAST: usize = 4;
/// Crossings at the gate.
const CROSSINGS: usize = 200;
/// Holders who prove, each once, and those of them who warm up.
const PROVERS: usize = 44;
const WARM_UP: usize = 4;
/// Credentials that are transcoded in a run, how many at a time, and runs.
const HOLDERS: usize = 1_600;
const DESKS: usize = 16;
const RUNS: usize = 3;
/// How long an agency may take to anchor a batch.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn measure(report: &mut Report, scratch: &Path) -> anyhow::Result<()> {
    if !report.wants(&[FIRST, REPEAT, PROVED, TRANSCODES]) {
        return Ok(());
    }
    let directory = scratch.join("crossing");
    let border = Arc::new(Border::open(&directory).await?);
    if report.wants(&[FIRST, REPEAT]) {
        let passes = first_passes(report, &border).await?;
        if report.wants(&[REPEAT]) {
            block_in_place(|| gate(report, &border, &directory.join("gate"), &passes))?;
        }
    }
    if report.wants(&[PROVED]) {
        let gate = directory.join("proved");
        proved(report, &border, &gate).await?;
    }
    if report.wants(&[TRANSCODES]) {
        transcodes(report, &border).await?;
    }
    match Arc::into_inner(border) {
        Some(border) => border.close().await?,
        None => bail!("a traveller is still under way"),
    }
    Ok(std::fs::remove_dir_all(directory)?)
}

/// The legs of a first pass.
#[derive(Default)]
struct Legs {
    claim: Vec<Duration>,
    receipt: Vec<Duration>,
    pass: Vec<Duration>,
    whole: Vec<Duration>,
}

async fn first_passes(report: &mut Report, border: &Arc<Border>) -> anyhow::Result<Vec<HeldPass>> {
    // The first few warm up: connections, caches, the pages of the programs.
    let codes = border.offer(TRAVELLERS + 2 * ABREAST).await?;
    let mut queues: Vec<Vec<String>> = vec![Vec::new(); ABREAST];
    for (number, code) in codes.into_iter().enumerate() {
        if let Some(queue) = queues.get_mut(number % ABREAST) {
            queue.push(code);
        }
    }
    let mut lanes = JoinSet::new();
    for queue in queues {
        let border = border.clone();
        lanes.spawn(async move {
            let (mut legs, mut passes) = (Legs::default(), Vec::new());
            for (number, code) in queue.iter().enumerate() {
                let mut unheard = Legs::default();
                passes.push(
                    first_pass(&border, code, if number < 2 { &mut unheard } else { &mut legs }).await?,
                );
            }
            anyhow::Ok((legs, passes))
        });
    }
    let (mut all, mut passes) = (Legs::default(), Vec::new());
    while let Some(lane) = lanes.join_next().await {
        let (legs, held) = lane??;
        all.claim.extend(legs.claim);
        all.receipt.extend(legs.receipt);
        all.pass.extend(legs.pass);
        all.whole.extend(legs.whole);
        passes.extend(held);
    }
    report.figure(FIRST, percentile(&mut all.whole, 95, MS), "ms", all.whole.len())?;
    report.note(&format!(
        "first pass, {ABREAST} abreast: p50 {:.0} ms, of which claim {:.1}, waiting for the anchor {:.0}, application {:.1}",
        percentile(&mut all.whole, 50, MS),
        percentile(&mut all.claim, 50, MS),
        percentile(&mut all.receipt, 50, MS),
        percentile(&mut all.pass, 50, MS),
    ));
    Ok(passes)
}

/// One traveller, from the claim code to the pass.
async fn first_pass(border: &Border, code: &str, legs: &mut Legs) -> anyhow::Result<HeldPass> {
    let begun = Instant::now();
    let (claim, request) = Claim::begin(code, &border.issuer, Suite::P256, &mut OsRng);
    let issued = border.source.claim(&request).await?;
    let mut holding = claim.accept(issued, &border.facts, border.now())?;
    legs.claim.push(begun.elapsed());
    let claimed = Instant::now();
    match border.source.receipt(holding.id()).await? {
        ReceiptAnswer::Ready(receipt) => holding.set_anchor(receipt),
        ReceiptAnswer::Pending => bail!("the source did not anchor a credential in time"),
    }
    legs.receipt.push(claimed.elapsed());
    let anchored = Instant::now();
    let (pass, _) = apply(border, &holding).await?;
    legs.pass.push(anchored.elapsed());
    legs.whole.push(begun.elapsed());
    Ok(pass)
}

/// Applies with a credential; the pass, and the wallet's own part of the time.
async fn apply(border: &Border, holding: &Holding) -> anyhow::Result<(HeldPass, Duration)> {
    let challenge = border.destination.challenge(&border.entry).await?;
    let begun = Instant::now();
    let (application, request) =
        Application::begin(holding, &challenge, &border.facts, true, border.now(), &mut OsRng)?;
    let presented = begun.elapsed();
    let response = border.destination.apply(&request).await?;
    let begun = Instant::now();
    let pass = application.accept(response, &border.facts, border.now())?;
    Ok((pass, presented + begun.elapsed()))
}

/// Challenge, show and verify at an offline gate, which writes down what it must before it tells.
fn gate(report: &mut Report, border: &Border, directory: &Path, passes: &[HeldPass]) -> anyhow::Result<()> {
    Checkpoint::init(directory, &border.genesis, &Terms::new(border.gate, "Lane 3"))?;
    let mut checkpoint = Checkpoint::open(directory)?;
    checkpoint.import(border.bundle.clone())?;
    let (mut crossings, mut shows) = (Vec::new(), Vec::new());
    for (number, pass) in passes.iter().cycle().take(CROSSINGS + CROSSINGS / 10).enumerate() {
        let challenge = checkpoint.challenge(border.now(), &mut OsRng)?;
        let begun = Instant::now();
        let text = pass.show(&challenge.audience, &challenge.nonce, border.now())?;
        let shown = begun.elapsed();
        let decision = checkpoint.verify(&text, border.now())?;
        let crossed = begun.elapsed();
        ensure!(decision.overall == Overall::Accept, "the gate refuses: {:?}", decision.verdict.findings());
        if number >= CROSSINGS / 10 {
            crossings.push(crossed);
            shows.push(shown);
        }
    }
    report.figure(REPEAT, percentile(&mut crossings, 95, MS), "ms", crossings.len())?;
    report.note(&format!(
        "repeat: p50 {:.2} ms, of which the wallet {:.2}; the rest is the gate with two synced writes",
        percentile(&mut crossings, 50, MS),
        percentile(&mut shows, 50, MS)
    ));
    Ok(())
}

/// The same with proofs that were made ahead: each holder is counted once, so each crosses once.
async fn proved(report: &mut Report, border: &Border, directory: &Path) -> anyhow::Result<()> {
    const LANE: &str = "Lane 9";
    let keys = (border.keys.holder_proving()?, border.keys.policy_proving()?);
    let mut ready = Vec::with_capacity(PROVERS);
    for code in border.offer(PROVERS).await? {
        let secret = Wallet::default().next_secret(&mut OsRng);
        let begun = Claim::begin(&code, &border.issuer, Suite::P256, &mut OsRng);
        let (claim, request) = block_in_place(|| Claim::with_proofs(begun, secret, &keys.0, &mut OsRng));
        let holding = claim.accept(border.source.claim(&request).await?, &border.facts, border.now())?;
        let visit = Visit { policy: &border.entry, gate: LANE, day: border.now().date() };
        let known = (&border.facts, &Revocations::new());
        let proof = block_in_place(|| holding.prepare(&visit, known, &keys.1, border.now(), &mut OsRng));
        ready.push(proof?);
    }
    let proofs = Proofs {
        policy: border.entry,
        keys: border.keys.directory().to_owned(),
        insecure_development_keys: true,
    };
    let terms = Terms { proofs: Some(proofs), ..Terms::new(border.gate, LANE) };
    Checkpoint::init(directory, &border.genesis, &terms)?;
    let mut checkpoint = Checkpoint::open(directory)?;
    checkpoint.import(border.bundle.clone())?;
    let mut crossings = Vec::new();
    for (number, ready) in ready.into_iter().enumerate() {
        let challenge = checkpoint.challenge(border.now(), &mut OsRng)?;
        let begun = Instant::now();
        let text = ready.show(&challenge.audience, challenge.nonce_bytes())?.to_text();
        let decision = block_in_place(|| checkpoint.verify(&text, border.now()))?;
        let crossed = begun.elapsed();
        ensure!(decision.overall == Overall::Accept, "the gate refuses: {:?}", decision.verdict.findings());
        if number >= WARM_UP {
            crossings.push(crossed);
        }
    }
    report.figure(PROVED, percentile(&mut crossings, 95, MS), "ms", crossings.len())?;
    report.note(&format!(
        "proved: p50 {:.2} ms; the gate writes nonce, nullifier and verdict, each synced",
        percentile(&mut crossings, 50, MS)
    ));
    Ok(())
}

async fn transcodes(report: &mut Report, border: &Arc<Border>) -> anyhow::Result<()> {
    let begun = Instant::now();
    let desks = Arc::new(holders(border).await?);
    report.note(&format!(
        "{HOLDERS} credentials issued in both formats, checked by their wallets and anchored in {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    let (mut rates, mut wallets) = (Vec::new(), Duration::ZERO);
    for run in 0..=RUNS {
        let begun = Instant::now();
        let mut under_way = JoinSet::new();
        for desk in 0..DESKS {
            let (border, desks) = (border.clone(), desks.clone());
            under_way.spawn(async move {
                let mut wallet = Duration::ZERO;
                let holdings = desks.get(desk).map_or(&[][..], Vec::as_slice);
                // The first run warms up.
                let few = if run == 0 { holdings.len() / 8 } else { holdings.len() };
                for holding in holdings.iter().take(few) {
                    wallet += apply(&border, holding).await?.1;
                }
                anyhow::Ok(wallet)
            });
        }
        let mut wallet = Duration::ZERO;
        while let Some(desk) = under_way.join_next().await {
            wallet += desk??;
        }
        if run > 0 {
            rates.push(per_second(HOLDERS, begun.elapsed()));
            wallets += wallet;
        }
    }
    report.figure(TRANSCODES, median(&mut rates), "1/s", HOLDERS * RUNS)?;
    report.note(&format!(
        "transcodes: {DESKS} at a time; wallet {:.2} ms each, challenge and application over HTTP and all anchoring make up the rest",
        wallets.as_secs_f64() * 1e3 / (HOLDERS * RUNS) as f64
    ));
    Ok(())
}

/// Wallets that hold an anchored credential each, a share for each desk.
async fn holders(border: &Border) -> anyhow::Result<Vec<Vec<Holding>>> {
    let mut shares: Vec<Vec<Holding>> = (0..DESKS).map(|_| Vec::new()).collect();
    let mut made = 0;
    while made < HOLDERS {
        let count = RECORDS.min(HOLDERS - made);
        let (claims, keys): (Vec<Claim>, Vec<_>) = (0..count)
            .map(|_| Claim::begin("", &border.issuer, Suite::P256, &mut OsRng))
            .map(|(claim, request)| (claim, request.holder.key))
            .unzip();
        for (claim, issued) in claims.into_iter().zip(border.issue(keys).await?) {
            let mut holding = claim.accept(issued, &border.facts, border.now())?;
            holding.set_anchor(border.receipt(holding.id(), PATIENCE).await?);
            if let Some(share) = shares.get_mut(made % DESKS) {
                share.push(holding);
            }
            made += 1;
        }
    }
    Ok(shares)
}
