//! The commands: what people type, and what they read. One module a subject.
//!
//! Exit codes: 0 done or accepted, 1 refused or different, 2 undecided or incomplete, 3 could not be done,
//! 64 not a command.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use did_registry::Secret;
use gateway::clock::Clock;

use crate::actor::{ActorDirectory, Safe};
use crate::files;
use crate::ledger::Ledger;
use crate::screen::Screen;

mod audit;
mod bundle;
mod ceremony;
mod certificate;
mod checkpoint;
mod committee;
mod did;
mod gateways;
mod network;
mod policy_test;
mod publish;
mod recovery;
mod service;
mod wallet;

/// Causeway: verify what another jurisdiction knows about a person, without the data crossing the border.
#[derive(Parser, Debug)]
#[command(name = "causeway", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Set up a new network.
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Run a ledger node.
    #[command(subcommand)]
    Node(network::NodeCommand),
    /// Set up, register and run an agency's gateway.
    #[command(subcommand)]
    Gateway(gateways::GatewayCommand),
    /// Show, rotate, recover, end or resolve an identifier.
    #[command(subcommand)]
    Did(did::DidCommand),
    /// Vote as members of the committee.
    #[command(subcommand)]
    Committee(committee::CommitteeCommand),
    /// Publish what a credential type says.
    #[command(subcommand)]
    Schema(publish::SchemaCommand),
    /// Publish or explain a rule.
    #[command(subcommand)]
    Policy(publish::PolicyCommand),
    /// Keep credentials, consent, and show passes.
    Wallet(wallet::WalletArgs),
    /// Decide at a gate, also with the cable out.
    #[command(subcommand)]
    Checkpoint(checkpoint::CheckpointCommand),
    /// Fetch what a courier carries to a checkpoint without a network.
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Issue and print certificates on paper.
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Recompute what an agency decided.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make the circuits' keys together: nobody can cheat unless all who contribute do.
    #[command(subcommand)]
    Ceremony(ceremony::CeremonyCommand),
    /// Measure this machine: one JSON line a figure.
    Bench(BenchArgs),
}

#[derive(Args, Debug)]
struct BenchArgs {
    /// Measure only figures whose names begin so, such as `ledger.` or `crossing.repeat`.
    #[arg(long, value_name = "PREFIX")]
    only: Option<String>,
    /// The foreign certificates.
    #[arg(long, value_name = "DIR", default_value = "../shared/data/dcc")]
    data: PathBuf,
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Done, or accepted.
    Good,
    /// Refused, or different.
    Bad,
    /// Undecided, or incomplete.
    Open,
}

impl Ending {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Open => 2,
        }
    }
}

/// What commands need of the world.
pub struct World<'a, 'b> {
    /// Where they write.
    pub screen: &'a mut Screen<'b>,
    /// Where answers and scans come from.
    pub input: &'a mut dyn BufRead,
    /// What time it is.
    pub clock: Clock,
}

/// Runs a command.
///
/// # Errors
/// What kept it from being done, in words that name the rule.
pub async fn run(cli: Cli, world: World<'_, '_>) -> anyhow::Result<Ending> {
    // Boxed, because each is as large as everything that it holds while it waits.
    match cli.command {
        Command::Network(command) => network::set_up(command, world),
        Command::Node(command) => Box::pin(network::run(command, world)).await,
        Command::Gateway(command) => Box::pin(gateways::run(command, world)).await,
        Command::Did(command) => Box::pin(did::run(command, world)).await,
        Command::Committee(command) => Box::pin(committee::run(command, world)).await,
        Command::Schema(command) => Box::pin(publish::schema(command, world)).await,
        Command::Policy(command) => Box::pin(publish::policy(command, world)).await,
        Command::Wallet(args) => Box::pin(wallet::run(args, world)).await,
        Command::Checkpoint(command) => Box::pin(checkpoint::run(command, world)).await,
        Command::Bundle(command) => Box::pin(bundle::run(command, world)).await,
        Command::Certificate(command) => Box::pin(certificate::run(command, world)).await,
        Command::Audit(command) => Box::pin(audit::run(command, world)).await,
        Command::Ceremony(command) => ceremony::run(command, world),
        Command::Bench(args) => crate::bench::run(args.only.as_deref(), &args.data).map(|()| Ending::Good),
    }
}

/// Which ledger node to ask.
#[derive(Args, Debug, Clone)]
struct NodeAddress {
    /// A ledger node's address; by default that of the agency's configuration, or of the network beside.
    #[arg(long = "ledger", value_name = "URL", env = "CAUSEWAY_LEDGER")]
    url: Option<String>,
}

impl NodeAddress {
    /// The address, for an actor's directory.
    fn url(&self, directory: &Path) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let configuration = directory.join("gateway.toml");
        if configuration.exists() {
            return Ok(gateway::config::Config::load(&configuration)?.ledger_url);
        }
        // A member's directory lies in its network's, next to the node's.
        let running = directory.join("../../node/address");
        let running = files::read_text(&running, 256).context("name a ledger node with --ledger")?;
        Ok(running.trim_end().to_owned())
    }

    /// The ledger that an actor trusts.
    async fn connect(&self, actor: &ActorDirectory) -> anyhow::Result<Ledger> {
        let url = self.url(actor.path())?;
        Ledger::connect(&url, actor.ledger()?).await.with_context(|| format!("ledger node {url}"))
    }
}

/// Where an actor's next key is.
#[derive(Args, Debug, Clone)]
struct SafePath {
    /// The directory of the next key, apart from the others; by default the actor's directory with the ending .safe.
    #[arg(long = "safe", value_name = "DIR")]
    path: Option<PathBuf>,
}

impl SafePath {
    fn of(&self, directory: &Path) -> Safe {
        Safe::of(directory, self.path.as_deref())
    }
}

/// An operator's token. It is no word of the command line, because everybody on the machine can read those.
#[derive(Args, Debug, Clone)]
struct OperatorToken {
    /// A file that holds the operator's token; by default the token itself is in CAUSEWAY_TOKEN.
    #[arg(long = "token-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl OperatorToken {
    fn read(&self) -> anyhow::Result<Secret<String>> {
        let mut token = match &self.file {
            Some(file) => files::read_text(file, 1024)?,
            None => std::env::var("CAUSEWAY_TOKEN")
                .context("an operator's token is in CAUSEWAY_TOKEN, or in a file named by --token-file")?,
        };
        token.truncate(token.trim_end().len());
        Ok(Secret::new(token))
    }
}

/// A path as others, who stand elsewhere, find it.
fn absolute(path: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    Ok(path.map(std::path::absolute).transpose()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_operators_token_comes_from_a_file_and_never_from_the_command_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "secret\n").unwrap();
        assert_eq!(OperatorToken { file: Some(file) }.read().unwrap().expose(), "secret");
        let words = "audit transcoding --node N --genesis G --gateway U --pass P --token secret";
        assert!(Cli::try_parse_from(std::iter::once("causeway").chain(words.split(' '))).is_err());
        let words = words.replace("--token secret", "--token-file F");
        Cli::try_parse_from(std::iter::once("causeway").chain(words.split(' '))).unwrap();
    }

    #[test]
    fn every_command_and_option_is_explained() {
        fn explained(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path}");
            for argument in command
                .get_arguments()
                .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
            {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            command.get_subcommands().for_each(|inner| explained(inner, &path));
        }
        explained(&Cli::command(), "");
    }
}
