//! `causeway gateway`: an agency's server, from its first key to its last request.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use gateway::Gateway;
use gateway::config::{Ages, Config};
use rand::rngs::OsRng;

use super::did::GuardianArgs;
use super::service::{AddressFile, told_to_stop};
use super::{Ending, NodeAddress, SafePath, World, absolute};
use crate::actor::ActorDirectory;
use crate::screen::Tone;
use crate::setup::{self, AgencyPlan};
use crate::{identity, rekey, trust};

#[derive(Subcommand, Debug)]
pub(super) enum GatewayCommand {
    /// Make an agency's directory (keys, configuration, one operator) and its safe. Registers nothing.
    Init(Box<InitArgs>),
    /// Register the agency's identifier on the ledger; harmless if it is already.
    Register {
        /// The agency's directory.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// Lock the vault with a new key-encryption key, while the gateway rests; safe to repeat after a crash.
    Rekey {
        /// The agency's directory.
        directory: PathBuf,
    },
    /// Run the gateway until it is told to stop; writes where it listens to the file address.
    Run {
        /// The agency's directory.
        directory: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// Where to make it.
    directory: PathBuf,
    /// The agency's name, for people.
    #[arg(long)]
    name: String,
    /// The ledger node to follow.
    #[arg(long, value_name = "URL", env = "CAUSEWAY_LEDGER")]
    ledger: String,
    /// The genesis file of the ledger to trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Where to listen; what others call the gateway by includes the port, so it is not 0.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// What wallets and verifiers call this gateway; by default http and the address it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A host (host or host:port) that another agency's status list is fetched from; repeat for several.
    #[arg(long = "status-host", value_name = "HOST")]
    status_hosts: Vec<String>,
    #[command(flatten)]
    guardians: GuardianArgs,
    /// Trust list for foreign certificates.
    #[arg(long, value_name = "FILE", requires = "value_sets")]
    trust_list: Option<PathBuf>,
    /// Hours after which the trust list's age, by its file's time, turns amber.
    #[arg(long, value_name = "HOURS", requires = "trust_list", requires = "trust_list_refuse")]
    trust_list_amber: Option<u64>,
    /// Hours after which nothing is decided on the trust list; without, its age is told and refuses nothing.
    #[arg(long, value_name = "HOURS", requires = "trust_list", requires = "trust_list_amber")]
    trust_list_refuse: Option<u64>,
    /// Directory of value sets for foreign certificates.
    #[arg(long, value_name = "DIR", requires = "trust_list")]
    value_sets: Option<PathBuf>,
    /// Where to record every byte that leaves.
    #[arg(long, value_name = "FILE")]
    egress_log: Option<PathBuf>,
    /// Directory of the circuits' keys: then Causeway credentials are issued, from which holders prove.
    #[arg(long, value_name = "DIR")]
    circuit_keys: Option<PathBuf>,
    /// Accept circuit keys made for development, with which everybody can prove anything.
    #[arg(long, requires = "circuit_keys")]
    insecure_development_keys: bool,
    /// Seconds between looks at the ledger.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    refresh: u64,
    #[command(flatten)]
    safe: SafePath,
}

pub(super) async fn run(command: GatewayCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    match command {
        GatewayCommand::Init(args) => init(*args, world),
        GatewayCommand::Register { directory, node } => register(&directory, &node, world).await,
        GatewayCommand::Rekey { directory } => rekey(&directory, world),
        GatewayCommand::Run { directory } => Box::pin(serve(&directory, world, told_to_stop())).await,
    }
}

fn init(args: InitArgs, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let public_url = match args.public_url {
        Some(url) => url,
        None if args.listen.port() != 0 => format!("http://{}", args.listen),
        None => anyhow::bail!(
            "with port 0 nobody can know what to call the gateway: give --public-url, or a port"
        ),
    };
    let plan = AgencyPlan {
        name: args.name,
        listen: args.listen,
        public_url,
        ledger_url: args.ledger,
        genesis: trust::read_genesis(&args.genesis)?,
        status_hosts: args.status_hosts,
        guardians: args.guardians.read()?,
        trust_list: absolute(args.trust_list)?,
        trust_list_ages: args
            .trust_list_amber
            .zip(args.trust_list_refuse)
            .map(|(amber_hours, refuse_hours)| Ages { amber_hours, refuse_hours }),
        value_sets: absolute(args.value_sets)?,
        egress_log: absolute(args.egress_log)?,
        circuit_keys: absolute(args.circuit_keys)?,
        insecure_development_keys: args.insecure_development_keys,
        refresh_seconds: args.refresh,
        safe: args.safe.path,
    };
    let new = setup::agency(&args.directory, &plan, &mut OsRng)?;
    let screen = world.screen;
    screen.headline(Tone::Good, "agency", format!("{}, {}", plan.name, new.did))?;
    screen.facts(&[
        ("configuration", new.config.display().to_string()),
        ("address", plan.public_url),
        ("ledger", format!("{} at {}", plan.genesis.id().short(), plan.ledger_url)),
        (
            "safe",
            format!("{}: take it away, only a rotation or a recovery needs it", new.safe.path().display()),
        ),
    ])?;
    screen.headline(Tone::Warning, "operator admin", "this token is shown once; only its digest is kept:")?;
    screen.line(format!("  {}", new.token.expose()))?;
    screen.line(format!("next: causeway gateway register {}", args.directory.display()))?;
    Ok(Ending::Good)
}

async fn register(directory: &Path, node: &NodeAddress, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let mut ledger = node.connect(&actor).await?;
    let outcome = match identity::register(&mut ledger, &actor).await? {
        Some(height) => format!("{} at height {height}", actor.did()),
        None => format!("{} was registered before", actor.did()),
    };
    world.screen.headline(Tone::Good, "registered", outcome)?;
    world.screen.line("next: the committee recognises it, with causeway committee recognise")?;
    Ok(Ending::Good)
}

fn rekey(directory: &Path, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let config = configuration(directory)?;
    let done = rekey::rekey(&config)?;
    let what = if done.resumed { "an interrupted run is finished: the" } else { "the" };
    let key = config.kek_file.display();
    world.screen.headline(
        Tone::Good,
        "rekeyed",
        format!("{what} vault opens with the new {key}, and with no other key"),
    )?;
    if let Some(old) = done.old {
        let old = old.display();
        world.screen.line(format!(
            "  {old} still opens older backups of the vault: take it to where they lie, and delete it when they are gone"
        ))?;
    }
    world.screen.line("  back up the vault and the new key, apart, before anything else happens to them")?;
    Ok(Ending::Good)
}

fn configuration(directory: &Path) -> anyhow::Result<Config> {
    Config::load(&directory.join("gateway.toml")).context("an agency's directory has a file gateway.toml")
}

/// Runs a gateway until `stop` ends.
async fn serve(
    directory: &Path,
    world: World<'_, '_>,
    stop: impl Future<Output = std::io::Result<()>>,
) -> anyhow::Result<Ending> {
    let config = configuration(directory)?;
    AddressFile::clear(directory)?;
    let running = Box::pin(Gateway::start(&config, world.clock)).await?;
    let url = format!("http://{}", running.address());
    let address = AddressFile::write(directory, &url)?;
    world.screen.headline(Tone::Good, "gateway", format!("{}: {url}, {}", config.name, config.did))?;
    stop.await?;
    drop(address);
    running.stop().await?;
    Ok(Ending::Good)
}
