//! `causeway wallet prepare` and `prove`: that a rule holds, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use credential::Policy;
use did_registry::{Date, Did, Digest};
use gateway::circuit_keys::CircuitKeys;
use gateway::clock::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::OsRng;
use wallet::{Plan, Wallet};
use zk_policy::{ProvingKey, Setup};

use super::super::{Ending, World, publish};
use crate::checkpoint::Challenge;
use crate::holder::{self, Surroundings};
use crate::paper::{Certificate, Field, Fonts, Language, certificate_pdf};
use crate::screen::{Tone, Waiting};
use crate::wallet_file::WalletFile;
use crate::{files, paper};

/// Pixels of a module in a picture of a proof.
const MODULE: u32 = 6;

/// Where the circuits' keys are.
#[derive(Args, Debug, Clone)]
pub(in crate::command) struct KeysArgs {
    /// Directory of the circuits' keys.
    #[arg(long = "circuit-keys", value_name = "DIR", env = "CAUSEWAY_CIRCUIT_KEYS")]
    directory: Option<PathBuf>,
    /// Accept keys made for development, with which everybody can prove anything.
    #[arg(long)]
    insecure_development_keys: bool,
}

impl KeysArgs {
    /// The keys, if a directory is named.
    pub(in crate::command) fn given(&self) -> anyhow::Result<Option<CircuitKeys>> {
        let accepted =
            if self.insecure_development_keys { Setup::InsecureDevelopment } else { Setup::Ceremony };
        Ok(self.directory.as_ref().map(|path| CircuitKeys::open(path, accepted)).transpose()?)
    }

    pub(in crate::command) fn open(&self) -> anyhow::Result<CircuitKeys> {
        self.given()?
            .context("proofs are made with the circuits' keys: name their directory with --circuit-keys")
    }
}

#[derive(Args, Debug)]
pub(super) struct PrepareArgs {
    /// The policy's identifier, the beginning of it, or its name; without one, everything that was planned before.
    #[arg(requires = "gate")]
    policy: Option<String>,
    /// The gate that it will be shown at, by the name in its challenges.
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// Whose policy it is, where several agencies have one of that name.
    #[arg(long, value_name = "DID")]
    verifier: Option<Did>,
    /// Days to have proofs for, today among them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=14))]
    days: u16,
    /// Proofs to keep for each day.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=20))]
    keep: u16,
    /// Go on in the background: look every so many seconds what is missing, until stopped.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
    #[command(flatten)]
    keys: KeysArgs,
}

#[derive(Args, Debug)]
pub(super) struct ProveArgs {
    /// The gate's challenge: the text of the code it shows.
    #[arg(required_unless_present = "page", conflicts_with = "page")]
    challenge: Option<String>,
    /// Show without being asked.
    #[arg(long)]
    yes: bool,
    /// Write the code as a picture instead of showing it here.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Print the text alone, for other programs.
    #[arg(long, conflicts_with_all = ["png", "page"])]
    text: bool,
    /// Print a page for today instead, a PDF, for gates that take paper. Whoever carries it can show it, once.
    #[arg(long, value_name = "FILE", requires = "policy", requires = "gate")]
    page: Option<PathBuf>,
    /// For a page: the policy's identifier, the beginning of it, or its name.
    #[arg(long)]
    policy: Option<String>,
    /// For a page: the gate.
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    #[command(flatten)]
    keys: KeysArgs,
}

pub(super) async fn prepare(
    path: &Path,
    genesis: Option<&Path>,
    args: PrepareArgs,
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let keys = args.keys.open()?;
    let key = tokio::task::block_in_place(|| keys.policy_proving())?;
    if let (Some(policy), Some(gate)) = (&args.policy, &args.gate) {
        let mut file = WalletFile::open(path)?;
        let pinned = file.genesis(genesis)?;
        let facts = file.all_trust(&pinned)?;
        let facts = facts.iter().filter_map(|trust| Some(trust.current()?.facts()));
        let (_, found) = holder::find_policy(facts, args.verifier.as_ref(), policy)?;
        let plan = Plan { policy: found.id(), gate: gate.clone(), days: args.days, keep: args.keep };
        file.wallet.plan(plan);
        file.save()?;
    }
    loop {
        let made = fill_all(path, genesis, (&keys, &key), &world.clock).await?;
        let stock = WalletFile::open_when_free(path)?.wallet.stock.len();
        if made > 0 || args.watch.is_none() {
            world.screen.headline(
                Tone::Good,
                "stock",
                format!("{stock} proofs are ready, {made} are new"),
            )?;
        }
        match args.watch {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => return Ok(Ending::Good),
        }
    }
}

/// Fills the stock by all plans; gives how many proofs were made.
async fn fill_all(
    path: &Path,
    genesis: Option<&Path>,
    (keys, key): (&CircuitKeys, &ProvingKey),
    clock: &Clock,
) -> anyhow::Result<usize> {
    let mut made = 0;
    let file = WalletFile::open_when_free(path)?;
    let (pinned, plans) = (file.genesis(genesis)?, file.wallet.plans.clone());
    drop(file);
    anyhow::ensure!(!plans.is_empty(), "nothing is planned yet: name a policy, and --gate");
    for plan in plans {
        let file = WalletFile::open_when_free(path)?;
        let policy = plan.policy.to_string();
        let surroundings = Box::pin(Surroundings::gather(&file, &pinned, None, &policy, keys, clock)).await?;
        drop(file);
        let bar = ProgressBar::new(0).with_message(format!("proofs for {}", plan.gate));
        let style = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos} of {len}");
        bar.set_style(style.expect("a template of known keys"));
        bar.enable_steady_tick(Duration::from_millis(120));
        let told = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let filled = tokio::task::block_in_place(|| {
            holder::fill(path, &surroundings, &plan, key, clock, &mut OsRng, told)
        });
        bar.finish_and_clear();
        made += filled?;
    }
    Ok(made)
}

pub(super) async fn prove(
    path: &Path,
    genesis: Option<&Path>,
    args: ProveArgs,
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let mut file = WalletFile::open_when_free(path)?;
    let pinned = file.genesis(genesis)?;
    let keys = args.keys.open()?;
    let World { screen, input, clock } = world;
    let challenge: Option<Challenge> = args.challenge.as_ref().map(|text| text.trim().parse()).transpose()?;
    let asked = match &challenge {
        Some(challenge) => challenge.policy.context("this gate takes no proofs: show a pass")?.to_string(),
        None => args.policy.clone().context("a page is for a policy")?,
    };
    let waiting = Waiting::on("the wallet looks at issuers and revocations");
    let gathered = Box::pin(Surroundings::gather(&file, &pinned, None, &asked, &keys, &clock)).await;
    drop(waiting);
    let surroundings = gathered?;
    let now = clock.now();
    let policy = surroundings.policy(now)?.clone();
    let gate = challenge.as_ref().map(|challenge| challenge.audience.clone()).or(args.gate.clone());
    let gate = gate.context("a proof is for a gate")?;
    if !args.text {
        screen.headline(Tone::Warning, "asked by", format!("{}, at {gate}", policy.verifier))?;
        publish::explain(screen, &policy)?;
        screen.line("  it learns that all of these hold, and nothing else: no claim, no name, no issuer")?;
    }
    if !args.yes && !args.text && !screen.ask("Do you consent, this once?", input)? {
        file.wallet.note(now, format!("declined to prove {} to {gate}", policy.name));
        file.save()?;
        screen.line("nothing was shown")?;
        return Ok(Ending::Open);
    }
    let waiting = Waiting::on("the wallet proves");
    let shown = tokio::task::block_in_place(|| match &challenge {
        Some(challenge) => holder::show(&mut file, &surroundings, challenge, &keys, now, &mut OsRng),
        None => {
            let day = now.date();
            holder::show_on_paper(&mut file, &surroundings, (&gate, day), &keys, now, &mut OsRng)
        }
    });
    drop(waiting);
    let shown = shown?;
    match (args.page, args.png) {
        (Some(page), _) => {
            let pdf = certificate_pdf(&sheet(&policy, &gate, now.date(), shown), &Fonts::find(None)?)?;
            files::replace(&page, &pdf, files::PRIVATE)?;
            screen.headline(Tone::Good, "printed", page.display())?;
            screen.line("  for today and this gate, once; whoever carries it can show it")?;
        }
        (None, Some(picture)) => {
            files::replace(&picture, &paper::qr_png(&shown, MODULE)?, files::PRIVATE)?;
            screen.headline(Tone::Good, "shown", picture.display())?;
        }
        (None, None) if args.text => screen.line(shown)?,
        (None, None) => screen.code(&shown)?,
    }
    Ok(Ending::Good)
}

/// A page with a proof: what it proves in words, and the code.
fn sheet(policy: &Policy, gate: &str, day: Date, code: String) -> Certificate {
    let field = |label: &str, value: String| Field { label: label.to_owned(), value };
    let mut fields = vec![field("Gate", gate.to_owned()), field("Day", day.to_string())];
    fields.extend(policy.explain().into_iter().map(|sentence| field("Proved", sentence)));
    Certificate {
        language: Language::English,
        issuer: policy.verifier.to_string(),
        title: format!("{} v{}", policy.name, policy.version),
        subtitle: policy.purpose.clone(),
        issued_on: day,
        fields,
        footer: vec![
            "This page holds no claim of its bearer. It is good once, at this gate, on this day.".to_owned(),
        ],
        instructions: Language::ALL.to_vec(),
        qr_text: code,
    }
}

/// Which proofs wait to be shown, for a list: policy, day, gate, and how many.
pub(super) fn stock(wallet: &Wallet) -> Vec<(Digest, Date, String, usize)> {
    let mut rows: Vec<(Digest, Date, String, usize)> = Vec::new();
    for ready in &wallet.stock {
        let gate = ready.gate().unwrap_or("every gate").to_owned();
        let same = |row: &&mut (Digest, Date, String, usize)| {
            (row.0, row.1, row.2.as_str()) == (*ready.policy(), ready.day(), gate.as_str())
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.3 += 1,
            None => rows.push((*ready.policy(), ready.day(), gate, 1)),
        }
    }
    rows
}
