//! `causeway did`: an identifier over its life.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Cell;
use did_registry::{
    Did, DidRecord, Guardians, KeyEntry, PublicKey, Purposes, Retirement, Timestamp, document,
};
use rand::rngs::OsRng;

use super::recovery::{self, RecoveryCommand};
use super::{Ending, NodeAddress, SafePath, World};
use crate::actor::{ActorDirectory, Safe};
use crate::identity::{self, Rotated, RotationPlan};
use crate::ledger::{AsOf, Ledger};
use crate::screen::{Screen, Tone, toned};
use crate::trust;

#[derive(Subcommand, Debug)]
pub(super) enum DidCommand {
    /// Show an actor's identifier as the ledger has it, and whether the keys here are the right ones.
    Show {
        /// The actor's directory.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// Reveal the next control key and commit to a fresh one, with the safe open; safe to repeat after a crash.
    Rotate {
        /// The actor's directory.
        directory: PathBuf,
        #[command(flatten)]
        safe: SafePath,
        /// Also replace this document key; repeat for several.
        #[arg(long, value_enum)]
        replace: Vec<DocumentKeyName>,
        /// What is replaced is in other hands: nothing it signed counts any more.
        #[arg(long, requires = "replace")]
        compromised: bool,
        #[command(flatten)]
        guardians: GuardianArgs,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// End an identifier, for good.
    Deactivate {
        /// The actor's directory.
        directory: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// The W3C document of an identifier, now or as it was.
    Resolve(ResolveArgs),
    /// Bring an identifier back by its guardians, or refuse that as its owner.
    #[command(subcommand)]
    Recovery(RecoveryCommand),
}

/// A key that signs credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum DocumentKeyName {
    /// The key of SD-JWT credentials and status lists.
    Es256,
    /// The key of W3C credentials and passes.
    Ed25519,
    /// The key of Causeway credentials, from which holders prove.
    Jubjub,
}

impl DocumentKeyName {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "es256",
            Self::Ed25519 => "ed25519",
            Self::Jubjub => "jubjub",
        }
    }
}

/// Who can bring an identifier back.
#[derive(Args, Debug)]
pub(super) struct GuardianArgs {
    /// The public key of a guardian who may help to recover the identifier; repeat for several.
    #[arg(long = "guardian", value_name = "KEY", requires = "guardian_threshold")]
    guardians: Vec<String>,
    /// How many guardians must agree.
    #[arg(long, value_name = "K", requires = "guardians")]
    guardian_threshold: Option<u8>,
    /// Hours in which the owner may veto a recovery, 24 at least.
    #[arg(long, value_name = "HOURS", default_value_t = 72)]
    guardian_delay: u64,
}

impl GuardianArgs {
    pub(super) fn read(&self) -> anyhow::Result<Option<Guardians>> {
        let keys = self.guardians.iter().map(|key| PublicKey::from_multibase(key));
        let keys = keys.collect::<Result<BTreeSet<_>, _>>()?;
        let delay = self.guardian_delay.saturating_mul(3600);
        Ok(self.guardian_threshold.map(|threshold| Guardians { threshold, keys, delay }))
    }
}

#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    /// The identifier.
    did: String,
    /// The genesis file of the ledger to trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// As it was at a time, such as 2021-06-01T00:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "height")]
    at: Option<String>,
    /// As it was after a block.
    #[arg(long)]
    height: Option<u64>,
    /// The ledger node to ask.
    #[arg(long = "ledger", value_name = "URL", env = "CAUSEWAY_LEDGER")]
    node: String,
}

pub(super) async fn run(command: DidCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    match command {
        DidCommand::Show { directory, node } => show(&directory, &node, world).await,
        DidCommand::Rotate { directory, safe, replace, compromised, guardians, node } => {
            let actor = ActorDirectory::open(&directory)?;
            let slots = replace.iter().map(|key| identity::document_key(&actor, key.name()));
            let replace =
                slots.collect::<Option<_>>().context("a document key is es256, ed25519 or jubjub")?;
            let retirement = if compromised { Retirement::Compromised } else { Retirement::Superseded };
            let plan = RotationPlan { replace, retirement, guardians: guardians.read()? };
            rotate(&actor, &safe.of(&directory), &plan, &node, world).await
        }
        DidCommand::Deactivate { directory, yes, node } => deactivate(&directory, yes, &node, world).await,
        DidCommand::Resolve(args) => resolve(args, world).await,
        DidCommand::Recovery(command) => Box::pin(recovery::run(command, world)).await,
    }
}

async fn show(directory: &Path, node: &NodeAddress, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let mut ledger = node.connect(&actor).await?;
    let record = ledger.did(actor.did()).await?;
    show_record(world.screen, &record)?;
    let here = actor.control().map(|key| key.public_key() == record.control).unwrap_or(false);
    if record.deactivated.is_some() || here {
        return Ok(Ending::Good);
    }
    let advice = "causeway did rotate finishes an interrupted rotation, if that is what happened";
    world.screen.headline(
        Tone::Warning,
        "keys",
        format!("the control key here is not the ledger's; {advice}"),
    )?;
    Ok(Ending::Bad)
}

fn show_record(screen: &mut Screen<'_>, record: &DidRecord) -> anyhow::Result<()> {
    let (tone, state) = match (&record.deactivated, &record.pending) {
        (Some(_), _) => (Tone::Bad, "ended"),
        (None, Some(_)) => (Tone::Warning, "recovery pending"),
        (None, None) => (Tone::Good, "active"),
    };
    screen.headline(tone, state, &record.did)?;
    let guardians = record.guardians.as_ref().map_or("none".to_owned(), guardian_rule);
    let mut rows = vec![
        ("version", record.version.to_string()),
        ("registered", format!("height {}, {}", record.created.height, record.created.time)),
        ("changed", format!("height {}, {}", record.updated.height, record.updated.time)),
        ("control", record.control.to_string()),
        ("next", format!("commitment {}", record.next.short())),
        ("guardians", guardians),
    ];
    rows.extend(
        record.services.iter().map(|service| ("service", format!("{} {}", service.kind, service.endpoint))),
    );
    if let Some(pending) = &record.pending {
        let rule = "can be completed unless the owner vetoes it: causeway did recovery";
        rows.push(("recovery", format!("from {} on it {rule}", pending.effective)));
    }
    screen.facts(&rows)?;
    if !record.keys.is_empty() {
        screen.table(
            &["key", "suite", "serves", "since", "state"],
            record.keys.iter().map(key_row).collect(),
        )?;
    }
    Ok(())
}

pub(super) fn guardian_rule(rule: &Guardians) -> String {
    format!("{} of {}, {} h to veto", rule.threshold, rule.keys.len(), rule.delay / 3600)
}

fn key_row(entry: &KeyEntry) -> Vec<Cell> {
    let purposes = [(Purposes::ASSERTION, "assertion"), (Purposes::AUTHENTICATION, "authentication")];
    let served = purposes.iter().filter(|(purpose, _)| entry.key.purposes.allows(*purpose));
    let served: Vec<&str> = served.map(|(_, name)| *name).collect();
    let state = match entry.removed {
        None => toned(Tone::Good, "current"),
        Some(gone) => match gone.reason {
            Retirement::Superseded => toned(Tone::Quiet, format!("replaced {}", gone.at.time)),
            Retirement::Compromised => toned(Tone::Bad, format!("compromised {}", gone.at.time)),
        },
    };
    vec![
        Cell::new(format!("#{}", entry.key.fragment)),
        Cell::new(entry.key.key.suite().jose()),
        Cell::new(served.join(", ")),
        Cell::new(entry.added.time),
        state,
    ]
}

async fn rotate(
    actor: &ActorDirectory,
    safe: &Safe,
    plan: &RotationPlan,
    node: &NodeAddress,
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let mut ledger = node.connect(actor).await?;
    let screen = world.screen;
    match identity::rotate(&mut ledger, actor, safe, plan, &mut OsRng).await? {
        Rotated::Now { height, replaced } => {
            screen.headline(Tone::Good, "rotated", format!("{} at height {height}", actor.did()))?;
            for (old, new) in replaced {
                screen.line(format!("  #{old} is replaced by #{new}"))?;
            }
            screen.line("  old key files are kept with the ending .old-n; restart a running gateway to use the new ones")?;
            screen.line(format!(
                "  the key after this one is in {}: take it away again",
                safe.path().display()
            ))?;
        }
        Rotated::Finished => {
            screen.headline(
                Tone::Good,
                "finished",
                "an earlier rotation had been interrupted; its key files are in place now",
            )?;
            screen.line("  nothing was sent; rotate again if another rotation is wanted")?;
        }
    }
    Ok(Ending::Good)
}

async fn deactivate(
    directory: &Path,
    yes: bool,
    node: &NodeAddress,
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let mut ledger = node.connect(&actor).await?;
    let question = format!("End {}, for good? Nothing brings it back.", actor.did());
    if !yes && !world.screen.ask(&question, world.input)? {
        world.screen.line("nothing was done")?;
        return Ok(Ending::Open);
    }
    let height = identity::deactivate(&mut ledger, &actor).await?;
    world.screen.headline(Tone::Good, "ended", format!("{} at height {height}", actor.did()))?;
    Ok(Ending::Good)
}

async fn resolve(args: ResolveArgs, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let did: Did = args.did.parse()?;
    let at: Option<Timestamp> = args.at.as_deref().map(str::parse).transpose()?;
    let as_of = match (at, args.height) {
        (Some(time), _) => AsOf::Time(time),
        (None, Some(height)) => AsOf::Height(height),
        (None, None) => AsOf::Now,
    };
    let mut ledger = Ledger::connect(&args.node, trust::read_genesis(&args.genesis)?).await?;
    let (record, head) = ledger.did_as_of(&did, as_of).await?;
    let resolved = serde_json::json!({
        "didDocument": document(&record),
        "didDocumentMetadata": {
            "created": record.created.time, "updated": record.updated.time,
            "versionId": record.version.to_string(), "deactivated": record.deactivated.is_some(),
        },
        "didResolutionMetadata": {
            "contentType": "application/did", "height": head.head().height, "time": head.head().time,
        },
    });
    world.screen.line(serde_json::to_string_pretty(&resolved)?)?;
    Ok(Ending::Good)
}
