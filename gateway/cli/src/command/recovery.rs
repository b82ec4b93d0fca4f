//! `causeway did recovery`: an identifier whose keys are lost, brought back by its guardians.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use did_registry::{Did, DidRecord, PublicKey, SigningKey, Suite};
use rand::rngs::OsRng;

use super::did::{DocumentKeyName, guardian_rule};
use super::{Ending, NodeAddress, SafePath, World};
use crate::actor::{ActorDirectory, read_key, write_key};
use crate::files::{self, FileError};
use crate::identity;
use crate::ledger::Ledger;
use crate::recovery::{self, Completed, FILE_BYTES, RecoveryError, RecoveryFile, VerifiedRecovery};
use crate::screen::{Screen, Tone, toned};
use crate::trust;

#[derive(Subcommand, Debug)]
pub(super) enum RecoveryCommand {
    /// Make a guardian's key file, or show the public half of one that is there.
    Guardian {
        /// The key file.
        file: PathBuf,
    },
    /// Make new keys for an identifier, and the file that its guardians approve.
    Prepare(PrepareArgs),
    /// Look at a recovery and approve it, as one of the guardians; needs no network.
    Approve {
        /// The file, which gets the approval.
        file: PathBuf,
        /// The guardian's key file.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The genesis file of the ledger to trust.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Put the guardians' approvals together and ask the ledger for the recovery.
    Submit {
        /// The file that went from guardian to guardian, or each one's copy.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        carrier: Carrier,
    },
    /// Show whether a recovery is pending, who approved it, and from when on it can be completed.
    Status {
        /// An actor's directory, or an identifier.
        who: String,
        /// For an identifier: the genesis file of the ledger to trust.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// Refuse the recovery that is pending, as the owner.
    Veto {
        /// The owner's directory.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// Put a recovery into effect once its delay has passed, and the new keys into place; safe to repeat.
    Complete {
        /// The directory in which it was prepared.
        directory: PathBuf,
        #[command(flatten)]
        safe: SafePath,
        #[command(flatten)]
        carrier: Carrier,
    },
}

#[derive(Args, Debug)]
pub(super) struct PrepareArgs {
    /// The owner's directory, or a new one if that is lost.
    directory: PathBuf,
    /// The file to make.
    file: PathBuf,
    /// The identifier; a new directory needs it.
    #[arg(long, value_name = "DID")]
    did: Option<String>,
    /// The genesis file of the ledger to trust; a new directory needs it.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// A document key that is still in nobody else's hands: what it signed stays good. What the others signed does not.
    #[arg(long, value_enum)]
    keep: Vec<DocumentKeyName>,
    #[command(flatten)]
    safe: SafePath,
    #[command(flatten)]
    node: NodeAddress,
}

/// Who sends it, since the owner has no key that the ledger knows.
#[derive(Args, Debug)]
pub(super) struct Carrier {
    /// The directory of any registered actor, such as another agency, that sends it; it decides nothing.
    #[arg(long, value_name = "DIR")]
    by: PathBuf,
    #[command(flatten)]
    node: NodeAddress,
}

impl Carrier {
    async fn open(&self) -> anyhow::Result<(ActorDirectory, Ledger)> {
        let actor = ActorDirectory::open(&self.by)?;
        let ledger = self.node.connect(&actor).await?;
        Ok((actor, ledger))
    }
}

pub(super) async fn run(command: RecoveryCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    match command {
        RecoveryCommand::Guardian { file } => guardian(&file, world.screen),
        RecoveryCommand::Prepare(args) => prepare(&args, world.screen).await,
        RecoveryCommand::Approve { file, key, genesis, yes } => approve(&file, &key, &genesis, yes, world),
        RecoveryCommand::Submit { files, carrier } => submit(&files, &carrier, world.screen).await,
        RecoveryCommand::Status { who, genesis, node } => {
            status(&who, genesis.as_deref(), &node, world.screen).await
        }
        RecoveryCommand::Veto { directory, node } => veto(&directory, &node, world.screen).await,
        RecoveryCommand::Complete { directory, safe, carrier } => {
            complete(&directory, &safe, &carrier, world.screen).await
        }
    }
}

fn guardian(file: &Path, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let key = if file.exists() {
        read_key(file, Suite::Ed25519)?
    } else {
        let key = SigningKey::generate(Suite::Ed25519, &mut OsRng);
        write_key(file, &key)?;
        key
    };
    screen.headline(
        Tone::Good,
        "guardian",
        "the public half, for --guardian of gateway init and did rotate:",
    )?;
    screen.line(format!("  {}", key.public_key()))?;
    Ok(Ending::Good)
}

async fn prepare(args: &PrepareArgs, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    if args.file.exists() {
        return Err(FileError::Exists { path: args.file.clone() }.into());
    }
    let (actor, mut ledger) = owner(args).await?;
    let keep = args.keep.iter().map(|key| identity::document_key(&actor, key.name()));
    let keep: Vec<_> = keep.collect::<Option<_>>().context("a document key is es256 or ed25519")?;
    let safe = args.safe.of(&args.directory);
    let file = recovery::prepare(&mut ledger, &actor, &safe, &keep, &mut OsRng).await?;
    files::create(&args.file, &file.to_bytes(), files::PUBLIC)?;
    let request = file.verify(ledger.genesis())?;
    screen.headline(Tone::Good, "prepared", format!("{} waits for its guardians", args.file.display()))?;
    show(screen, &request)?;
    screen.line(format!(
        "next: carry it to {} guardians, who each run causeway did recovery approve; tell them the fingerprint by \
         another way",
        request.guardians().threshold
    ))?;
    Ok(Ending::Good)
}

/// The owner's directory as it is, or a new one, and its ledger.
async fn owner(args: &PrepareArgs) -> anyhow::Result<(ActorDirectory, Ledger)> {
    let asked: Option<Did> = args.did.as_deref().map(str::parse).transpose()?;
    if args.directory.join("did").exists() {
        let actor = ActorDirectory::open(&args.directory)?;
        if let Some(asked) = asked.filter(|asked| asked != actor.did()) {
            return Err(RecoveryError::OtherIdentifier { here: actor.did().clone(), asked }.into());
        }
        let ledger = args.node.connect(&actor).await?;
        return Ok((actor, ledger));
    }
    let (Some(did), Some(genesis)) = (asked, &args.genesis) else {
        anyhow::bail!(
            "{} is no actor's directory: for a new one, name the identifier with --did and its ledger with --genesis",
            args.directory.display()
        );
    };
    let mut ledger = Ledger::connect(&args.node.url(&args.directory)?, trust::read_genesis(genesis)?).await?;
    let actor = recovery::adopt(&mut ledger, &args.directory, &did).await?;
    Ok((actor, ledger))
}

fn read(path: &Path) -> anyhow::Result<RecoveryFile> {
    let bytes = files::read(path, FILE_BYTES)?;
    Ok(RecoveryFile::from_bytes(&bytes)
        .map_err(|error| FileError::content(path, format!("a recovery: {error}")))?)
}

fn approve(
    path: &Path,
    key: &Path,
    genesis: &Path,
    yes: bool,
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let mut request = read(path)?.verify(&trust::read_genesis(genesis)?)?;
    let key = recovery::guardian_key(key, request.guardians())?;
    request.check_guardian(&key.public_key())?;
    let screen = world.screen;
    screen.headline(Tone::Warning, "recovery", "this replaces the keys of an identifier:")?;
    show(screen, &request)?;
    let question = "Did its owner ask you for this, with this fingerprint, by another way than this file?";
    if !yes && !screen.ask(question, world.input)? {
        screen.line("nothing was signed")?;
        return Ok(Ending::Open);
    }
    request.approve(&key)?;
    let (given, needed) = (request.approved().count(), request.guardians().threshold);
    files::replace(path, &request.into_file().to_bytes(), files::PUBLIC)?;
    screen.headline(Tone::Good, "approved", format!("{given} of {needed}; {} holds it", path.display()))?;
    let enough = given >= usize::from(needed);
    screen.line(if enough {
        "next: causeway did recovery submit, by any registered actor"
    } else {
        "next: carry it to the next guardian"
    })?;
    Ok(Ending::Good)
}

/// What a guardian must know before signing.
fn show(screen: &mut Screen<'_>, request: &VerifiedRecovery) -> anyhow::Result<()> {
    let (record, recovery) = (request.record(), request.recovery());
    let mut rows = vec![
        ("identifier", record.did.to_string()),
        (
            "as of",
            format!("height {}, {}, version {}", request.at().height, request.at().time, record.version),
        ),
        ("control", format!("{}, instead of {}", recovery.control, record.control)),
        ("next", format!("commitment {}", recovery.next.short())),
        ("guardians", guardian_rule(request.guardians())),
        ("approved", listed(request.approved())),
        // Exactly what guardians sign, so that they and the owner can compare it by voice.
        ("fingerprint", hex::encode(recovery.approval_message())),
    ];
    rows.extend(record.services.iter().map(|service| ("service", service.endpoint.clone())));
    screen.facts(&rows)?;
    let kept = |key: &did_registry::DocumentKey| record.current_keys().any(|entry| entry == key);
    let after = recovery.keys.iter().map(|key| {
        let state = if kept(key) { toned(Tone::Quiet, "stays") } else { toned(Tone::Good, "new") };
        vec![Cell::new(format!("#{}", key.fragment)), Cell::new(&key.key), state]
    });
    let gone = record.current_keys().filter(|key| !recovery.keys.contains(key)).map(|key| {
        let state = toned(Tone::Bad, "ends: nothing it signed counts then");
        vec![Cell::new(format!("#{}", key.fragment)), Cell::new(&key.key), state]
    });
    let keys: Vec<_> = after.chain(gone).collect();
    if !keys.is_empty() {
        screen.table(&["key", "public half", "then"], keys)?;
    }
    Ok(())
}

fn listed<'a>(keys: impl Iterator<Item = &'a PublicKey>) -> String {
    let keys: Vec<String> = keys.map(PublicKey::to_string).collect();
    if keys.is_empty() { "nobody yet".to_owned() } else { keys.join(", ") }
}

async fn submit(paths: &[PathBuf], carrier: &Carrier, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let files = paths.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let (carrier, mut ledger) = carrier.open().await?;
    let done = recovery::submit(&mut ledger, &carrier, files).await?;
    let place = done.height.map_or("before".to_owned(), |height| format!("at height {height}"));
    screen.headline(Tone::Good, "requested", place)?;
    screen.line(format!("  it can be completed from {} on, unless the owner vetoes it", done.effective))?;
    Ok(Ending::Good)
}

async fn status(
    who: &str,
    genesis: Option<&Path>,
    node: &NodeAddress,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let directory = Path::new(who);
    let (did, mut ledger) = if directory.join("did").exists() {
        let actor = ActorDirectory::open(directory)?;
        (actor.did().clone(), node.connect(&actor).await?)
    } else {
        let did: Did = who
            .parse()
            .with_context(|| format!("{who} is neither an actor's directory nor an identifier"))?;
        let genesis = genesis.context("for an identifier, name the ledger to trust with --genesis")?;
        let url = node.url(directory)?;
        (did, Ledger::connect(&url, trust::read_genesis(genesis)?).await?)
    };
    let record = ledger.did(&did).await?;
    let approved = recovery::approvals(&ledger, &record).await?;
    show_status(screen, &record, &approved, &ledger)
}

fn show_status(
    screen: &mut Screen<'_>,
    record: &DidRecord,
    approved: &[PublicKey],
    ledger: &Ledger,
) -> anyhow::Result<Ending> {
    let guardians = record.guardians.as_ref().map_or("none".to_owned(), guardian_rule);
    let mut rows = vec![("guardians", guardians)];
    let Some(pending) = &record.pending else {
        screen.headline(Tone::Good, "none pending", &record.did)?;
        rows.push(("control", record.control.to_string()));
        screen.facts(&rows)?;
        return Ok(Ending::Good);
    };
    let due = ledger.head().head().time >= pending.effective;
    let when = if due { "can be completed now" } else { "waits, unless the owner vetoes it" };
    screen.headline(Tone::Warning, "pending", format!("{}: {when}", record.did))?;
    rows.extend([
        ("from", pending.effective.to_string()),
        ("ledger time", ledger.head().head().time.to_string()),
        ("approved", listed(approved.iter())),
        ("control", format!("{}, instead of {}", pending.recovery.control, record.control)),
    ]);
    screen.facts(&rows)?;
    Ok(Ending::Open)
}

async fn veto(directory: &Path, node: &NodeAddress, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let mut ledger = node.connect(&actor).await?;
    let height = recovery::veto(&mut ledger, &actor).await?;
    screen.headline(Tone::Good, "vetoed", format!("{} at height {height}", actor.did()))?;
    screen.line(
        "  what the guardians approved holds no longer; causeway did rotate --guardian … names others",
    )?;
    Ok(Ending::Good)
}

async fn complete(
    directory: &Path,
    safe: &SafePath,
    carrier: &Carrier,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let (carrier, mut ledger) = carrier.open().await?;
    let safe = safe.of(directory);
    match recovery::complete(&mut ledger, &carrier, &actor, &safe).await? {
        Completed::Now { height } => {
            screen.headline(Tone::Good, "recovered", format!("{} at height {height}", actor.did()))?;
        }
        Completed::Finished => {
            screen.headline(
                Tone::Good,
                "recovered",
                format!("{}; its keys are in place now", actor.did()),
            )?;
        }
    }
    screen.line(format!(
        "  old key files are kept with the ending .old-n; the next key is in {}: take it away again",
        safe.path().display()
    ))?;
    Ok(Ending::Good)
}
