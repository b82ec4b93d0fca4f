//! `causeway checkpoint`: the gate.

use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use comfy_table::Cell;
use credential::Overall;
use credential::presentation::PRINTED_PREFIX;
use credential::zk::SHOWN_PREFIX;
use did_registry::{ClaimValue, Claims, Digest};
use rand::rngs::OsRng;

use super::{Ending, World, absolute, bundle};
use crate::agency::Agency;
use crate::checkpoint::{Checkpoint, Decision, Proofs, Terms};
use crate::paper;
use crate::screen::{self, Screen, Tone, toned};
use crate::{files, trust};

/// Bytes of the longest text read from a scanner.
const SCAN_BYTES: u64 = 256 * 1024;
/// Codes in the largest batch, and its bytes.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;
/// Pixels of a module in a picture of a challenge.
const MODULE: u32 = 8;

#[derive(Subcommand, Debug)]
pub(super) enum CheckpointCommand {
    /// Make a checkpoint that trusts one ledger and applies one rule.
    Init {
        /// Where to make it.
        directory: PathBuf,
        /// The genesis file of the ledger to trust.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// The identifier of the policy to apply.
        #[arg(long, value_name = "DIGEST")]
        policy: String,
        /// The name that travellers sign for: this gate's own.
        #[arg(long, value_name = "NAME")]
        audience: String,
        /// Also take proofs of this policy, which show that it holds and nothing else.
        #[arg(long, value_name = "DIGEST", requires = "circuit_keys")]
        prove: Option<String>,
        /// Directory of the circuits' keys, for proofs.
        #[arg(long, value_name = "DIR", requires = "prove")]
        circuit_keys: Option<PathBuf>,
        /// Accept circuit keys made for development, with which everybody can prove anything.
        #[arg(long, requires = "circuit_keys")]
        insecure_development_keys: bool,
        /// Also take printed certificates and proofs. Paper has no key, so a copy is as good as the page.
        #[arg(long)]
        paper: bool,
        /// Hours after which a verdict warns of old lists.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        amber: u64,
        /// Hours after which nothing is decided on old lists.
        #[arg(long, value_name = "HOURS", default_value_t = 72)]
        refuse: u64,
    },
    /// Take a trust bundle from a file, or from an agency's address.
    Import {
        /// The checkpoint's directory.
        directory: PathBuf,
        /// A bundle file, or http(s)://host:port of an agency.
        source: String,
    },
    /// Make a fresh challenge for one traveller.
    Challenge {
        /// The checkpoint's directory.
        directory: PathBuf,
        /// Write the code as a picture instead of showing it here.
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        /// Print the text alone, for other programs.
        #[arg(long, conflicts_with = "png")]
        text: bool,
    },
    /// Decide on what a traveller shows. Exit code 0 accept, 1 refuse, 2 undecided.
    Verify(VerifyArgs),
    /// Show what the checkpoint trusts, and how old that is.
    Status {
        /// The checkpoint's directory.
        directory: PathBuf,
    },
    /// Answer for the clock, when it had shown a later time by mistake.
    ConfirmClock {
        /// The checkpoint's directory.
        directory: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The checkpoint's directory.
    directory: PathBuf,
    /// The text of the code; by default the first line of standard input, as a scanner types it.
    #[arg(long, value_name = "TEXT", conflicts_with = "image")]
    qr: Option<String>,
    /// A picture of the code, or of the page it is on: PNG, or JPEG as cameras write it.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Many codes, one on each line of a file: proofs are verified faster together. Exit code of the worst.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["qr", "image"])]
    batch: Option<PathBuf>,
    /// Answer in JSON, for other programs; a line each.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: CheckpointCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let now = world.clock.now();
    let screen = world.screen;
    match command {
        CheckpointCommand::Init {
            directory,
            genesis,
            policy,
            audience,
            prove,
            circuit_keys,
            insecure_development_keys,
            paper,
            amber,
            refuse,
        } => {
            let mut terms = Terms::new(policy.parse::<Digest>()?, &audience);
            terms.paper = paper;
            if let Some((policy, keys)) = prove.zip(absolute(circuit_keys)?) {
                let proofs = Proofs { policy: policy.parse::<Digest>()?, keys, insecure_development_keys };
                // Keys that will not serve at the gate are found out here.
                proofs.circuit_keys()?.policy_verifying()?;
                terms.proofs = Some(proofs);
            }
            terms.limits.amber = amber.saturating_mul(3600);
            terms.limits.refuse = refuse.saturating_mul(3600);
            Checkpoint::init(&directory, &trust::read_genesis(&genesis)?, &terms)?;
            screen.headline(
                Tone::Good,
                "checkpoint",
                format!("{audience}, policy {}", terms.policy.short()),
            )?;
            screen.line(format!("next: causeway checkpoint import {} URL", directory.display()))?;
            screen.line(format!("or, with a courier: {}", bundle::errand(None)))?;
            Ok(Ending::Good)
        }
        CheckpointCommand::Import { directory, source } => import(&directory, &source, screen).await,
        CheckpointCommand::Challenge { directory, png, text } => {
            let challenge = Checkpoint::open(&directory)?.challenge(now, &mut OsRng)?.to_string();
            match png {
                Some(file) => files::replace(&file, &paper::qr_png(&challenge, MODULE)?, files::PUBLIC)?,
                None if text => {}
                None => screen.code(&challenge)?,
            }
            screen.line(challenge)?;
            Ok(Ending::Good)
        }
        CheckpointCommand::Verify(args) => verify(&args, screen, world.input, now),
        CheckpointCommand::Status { directory } => status(&Checkpoint::open(&directory)?, screen, now),
        CheckpointCommand::ConfirmClock { directory } => {
            Checkpoint::open(&directory)?.confirm_clock(now)?;
            screen.headline(Tone::Good, "clock", format!("{now} is taken for right"))?;
            Ok(Ending::Good)
        }
    }
}

async fn import(directory: &Path, source: &str, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let mut checkpoint = Checkpoint::open(directory)?;
    let before = checkpoint.trusted().map(|trusted| trusted.head().head().height);
    let brought = if source.starts_with("http://") || source.starts_with("https://") {
        Agency::new(source)?.bundle(before).await?
    } else {
        files::read(Path::new(source), ledger_chain::bundle::BUNDLE_BYTES)?
    };
    let bytes = brought.len();
    let trusted = checkpoint.import(brought).map_err(|error| match error.code() {
        code @ "INCONSISTENT_HISTORY" => anyhow::anyhow!(
            "{code}: {error}; this one was fetched for another checkpoint, or for another height: {}",
            bundle::errand(before)
        ),
        code => anyhow::anyhow!("{code}: {error}"),
    })?;
    let (head, facts) = (trusted.head().head(), trusted.facts());
    screen.headline(Tone::Good, "bundle", format!("height {}, {}, {bytes} bytes", head.height, head.time))?;
    screen.facts(&[
        ("before", before.map_or("nothing".to_owned(), |height| format!("height {height}"))),
        ("issuers", facts.recognitions.len().to_string()),
        ("policies", facts.policies.len().to_string()),
        ("status lists", facts.statuses.len().to_string()),
        ("next time", bundle::errand(Some(head.height))),
    ])?;
    if checkpoint.has_adopted_keys() == Some(false) {
        let detail =
            "the circuits' keys here are not those that the committee adopted: no proof is decided on";
        screen.headline(Tone::Warning, "keys", detail)?;
    }
    Ok(Ending::Good)
}

fn verify(
    args: &VerifyArgs,
    screen: &mut Screen<'_>,
    input: &mut dyn BufRead,
    now: did_registry::Timestamp,
) -> anyhow::Result<Ending> {
    let mut checkpoint = Checkpoint::open(&args.directory)?;
    if let Some(file) = &args.batch {
        return verify_all(&mut checkpoint, file, args.json, screen, now);
    }
    let decision = match (&args.qr, &args.image) {
        (Some(text), _) => checkpoint.verify(text.trim(), now)?,
        (None, Some(file)) => {
            let picture = files::read(file, 32 << 20)?;
            match paper::scan_picture(&picture) {
                Ok(texts) => checkpoint.verify(chosen(&texts), now)?,
                Err(error) => {
                    let finding = error.finding().with_context(|| error.to_string())?;
                    checkpoint.unreadable(finding, now)?
                }
            }
        }
        (None, None) => {
            let mut line = String::new();
            input.take(SCAN_BYTES).read_line(&mut line).context("a scanner types text")?;
            checkpoint.verify(line.trim(), now)?
        }
    };
    if args.json {
        screen.line(serde_json::to_string(&decision)?)?;
    } else {
        show(screen, &checkpoint, &decision)?;
    }
    Ok(ending(decision.overall))
}

fn ending(overall: Overall) -> Ending {
    match overall {
        Overall::Accept => Ending::Good,
        Overall::Refuse => Ending::Bad,
        Overall::Undecided => Ending::Open,
    }
}

/// Decides on every line of a file.
fn verify_all(
    checkpoint: &mut Checkpoint,
    file: &Path,
    json: bool,
    screen: &mut Screen<'_>,
    now: did_registry::Timestamp,
) -> anyhow::Result<Ending> {
    let text = files::read_text(file, BATCH_BYTES)?;
    let texts: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    ensure!((1..=BATCH).contains(&texts.len()), "a batch is 1 to {BATCH} codes, one on each line");
    let decisions = checkpoint.verify_all(&texts, now, &mut OsRng)?;
    if json {
        for decision in &decisions {
            screen.line(serde_json::to_string(decision)?)?;
        }
    } else {
        let rows = decisions.iter().enumerate().map(|(place, decision)| {
            let (tone, word) = screen::overall(decision.overall);
            let codes: Vec<&str> = decision.codes().into_iter().map(credential::Reason::code).collect();
            vec![Cell::new(place + 1), toned(tone, word), Cell::new(codes.join(", "))]
        });
        screen.table(&["line", "answer", "codes"], rows.collect())?;
    }
    let all = |overall| decisions.iter().filter(|decision| decision.overall == overall).count();
    let (accepted, refused) = (all(Overall::Accept), all(Overall::Refuse));
    if !json {
        let tone = if accepted == decisions.len() { Tone::Good } else { Tone::Bad };
        let rest = decisions.len() - accepted - refused;
        let said = format!("accepted; {refused} refused, {rest} undecided");
        screen.headline(tone, format!("{accepted} of {}", decisions.len()), said)?;
    }
    Ok(match (accepted == decisions.len(), refused) {
        (true, _) => Ending::Good,
        (false, 0) => Ending::Open,
        (false, _) => Ending::Bad,
    })
}

/// Of several codes in a picture the one that is for a checkpoint; otherwise the first, to be refused by name.
fn chosen(texts: &[String]) -> &str {
    let ours = texts.iter().find(|text| {
        text.starts_with("CWP:")
            || text.starts_with(SHOWN_PREFIX)
            || text.starts_with(PRINTED_PREFIX)
            || text.contains('~')
    });
    ours.or(texts.first()).map_or("", String::as_str)
}

fn show(screen: &mut Screen<'_>, checkpoint: &Checkpoint, decision: &Decision) -> anyhow::Result<()> {
    let (tone, word) = screen::overall(decision.overall);
    let codes: Vec<&str> = decision.codes().into_iter().map(credential::Reason::code).collect();
    screen.headline(tone, word, codes.join(", "))?;
    screen.table(&["part", "answer", "code", "detail"], screen::verdict_rows(&decision.verdict))?;
    let rule = checkpoint
        .trusted()
        .and_then(|trusted| trusted.facts().policies.get(&decision.policy))
        .map_or(decision.policy.short(), |policy| format!("{} v{}", policy.name, policy.version));
    let ages = decision.ages.map_or("not decided on".to_owned(), |ages| {
        let status = ages.status.map_or("none".to_owned(), screen::age);
        format!("keys {}, rules {}, status {status}", screen::age(ages.keys), screen::age(ages.rules))
    });
    screen.facts(&[("at", decision.at.to_string()), ("rule", rule), ("ages", ages)])?;
    if decision.ages.is_some_and(|ages| ages.amber) {
        screen.headline(Tone::Warning, "AMBER", "the lists are old: fetch a trust bundle")?;
    }
    decision.claims.as_ref().map_or(Ok(()), |claims| show_signed(screen, claims))
}

/// What is signed in the code of a page: a page can be forged around a true code, and carried by anybody.
fn show_signed(screen: &mut Screen<'_>, claims: &Claims) -> anyhow::Result<()> {
    screen.headline(
        Tone::Warning,
        "PAPER",
        "compare what is signed with the page, and with the bearer's document:",
    )?;
    let row = |(name, value): (&str, &ClaimValue)| {
        let value = value.to_json();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![Cell::new(name.replace('_', " ")), Cell::new(value)]
    };
    Ok(screen.table(&["signed", "value"], claims.iter().map(row).collect())?)
}

fn status(
    checkpoint: &Checkpoint,
    screen: &mut Screen<'_>,
    now: did_registry::Timestamp,
) -> anyhow::Result<Ending> {
    let terms = checkpoint.terms();
    let ready = checkpoint.ready(now);
    let (tone, word, text) = match &ready {
        Ok(ages) if ages.amber => {
            (Tone::Warning, "AMBER", format!("the lists are {} old", screen::age(ages.keys)))
        }
        Ok(ages) => (Tone::Good, "READY", format!("the lists are {} old", screen::age(ages.keys))),
        Err(finding) => (Tone::Bad, "NOT READY", finding.to_string()),
    };
    screen.headline(tone, word, text)?;
    let head = checkpoint.trusted().map_or("none yet".to_owned(), |trusted| {
        let head = trusted.head().head();
        format!("height {}, {}", head.height, head.time)
    });
    let rule = checkpoint.policy().map_or(terms.policy.to_string(), |policy| {
        format!("{} v{}, {}", policy.name, policy.version, terms.policy.short())
    });
    let limits =
        format!("amber at {} h, no decision at {} h", terms.limits.amber / 3600, terms.limits.refuse / 3600);
    let paper = if terms.paper { "taken" } else { "not taken" };
    let height = checkpoint.trusted().map(|trusted| trusted.head().head().height);
    screen.facts(&[
        ("gate", terms.audience.clone()),
        ("rule", rule),
        (
            "proofs",
            checkpoint.proved_policy().map_or("not taken".to_owned(), |policy| {
                format!("of {} v{}, {}", policy.name, policy.version, policy.id().short())
            }),
        ),
        ("paper", paper.to_owned()),
        ("bundle", head),
        ("courier", bundle::errand(height)),
        ("limits", limits),
    ])?;
    Ok(if ready.is_ok() { Ending::Good } else { Ending::Open })
}

#[cfg(test)]
mod tests;
