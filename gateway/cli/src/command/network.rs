//! `causeway network` and `causeway node`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use comfy_table::Cell;
use did_registry::NetworkId;
use ledger_chain::GroupId;
use ledger_node::{Config, Node};
use rand::rngs::OsRng;

use super::service::{AddressFile, told_to_stop};
use super::{Ending, World};
use crate::screen::Tone;
use crate::setup::{self, NetworkPlan};

#[derive(Subcommand, Debug)]
pub(super) enum NetworkCommand {
    /// Make a network of one node and a committee: keys, genesis, configuration.
    New {
        /// Where to make it: node/, members/1 … and their safes, genesis.bin.
        directory: PathBuf,
        /// The network's name: 1 to 16 of a-z, 0-9 and -.
        #[arg(long, default_value = "demo")]
        network: String,
        /// How many members the committee has.
        #[arg(long, default_value_t = 3)]
        committee: u16,
        /// How many votes decide; more than half.
        #[arg(long, default_value_t = 2)]
        threshold: u16,
        /// The group, a ledger of its own within the network.
        #[arg(long, default_value_t = 0)]
        group: u32,
        /// Where the node will listen; port 0 takes any free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Where the members' next keys go, into 1 …; by default each into its member's directory with the ending .safe.
        #[arg(long, value_name = "DIR")]
        safe: Option<PathBuf>,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum NodeCommand {
    /// Run a node until it is told to stop; writes where it listens to the file address.
    Run {
        /// A network's directory, or its node's.
        directory: PathBuf,
    },
}

pub(super) fn set_up(command: NetworkCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let NetworkCommand::New { directory, network, committee, threshold, group, listen, safe } = command;
    let plan = NetworkPlan {
        network: NetworkId::new(&network)?,
        group: GroupId(group),
        committee,
        threshold,
        listen,
        time: world.clock.now(),
        safe,
    };
    let made = setup::network(&directory, &plan, &mut OsRng)?;
    let screen = world.screen;
    screen.headline(Tone::Good, "network", format!("{network}, group {group}, ledger {}", made.ledger))?;
    screen.facts(&[
        ("genesis", made.genesis_file.display().to_string()),
        ("node", made.node.display().to_string()),
        ("committee", format!("{threshold} of {committee}")),
    ])?;
    let rows =
        made.members.iter().enumerate().map(|(index, (path, did))| {
            vec![Cell::new(index + 1), Cell::new(did), Cell::new(path.display())]
        });
    screen.table(&["member", "identifier", "directory"], rows.collect())?;
    screen
        .line("  each member takes its directory, and its safe to another place: only a rotation needs it")?;
    screen.line(format!("next: causeway node run {}", directory.display()))?;
    Ok(Ending::Good)
}

pub(super) async fn run(command: NodeCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let NodeCommand::Run { directory } = command;
    let home = if directory.join("ledger.toml").exists() { directory } else { directory.join("node") };
    Box::pin(serve(&home, world, told_to_stop())).await
}

/// Runs a node until `stop` ends, or the node itself does.
async fn serve(
    home: &Path,
    world: World<'_, '_>,
    stop: impl Future<Output = std::io::Result<()>>,
) -> anyhow::Result<Ending> {
    let config =
        Config::read(&home.join("ledger.toml")).context("a node's directory has a file ledger.toml")?;
    AddressFile::clear(home)?;
    let node = Box::pin(Node::start(config)).await?;
    let address = AddressFile::write(home, &node.url())?;
    world.screen.headline(Tone::Good, "node", format!("{}, ledger {}", node.url(), node.ledger().id()))?;
    let halted = tokio::select! {
        stopped = stop => {
            stopped?;
            None
        }
        () = node.ledger().stopped() => Some(node.ledger().halted().unwrap_or("for no reason that it gave").to_owned()),
    };
    drop(address);
    node.shutdown().await;
    match halted {
        Some(reason) => anyhow::bail!("the node has stopped committing: {reason}"),
        None => Ok(Ending::Good),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gateway::clock::Clock;

    use super::*;
    use crate::screen::Screen;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_node_tells_where_it_listens_and_stops_in_good_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let command = NetworkCommand::New {
            directory: directory.path().into(),
            network: "demo".into(),
            committee: 3,
            threshold: 2,
            group: 0,
            listen: "127.0.0.1:0".parse().unwrap(),
            safe: None,
        };
        let world = World { screen: &mut screen, input: &mut std::io::empty(), clock: Clock::system() };
        assert_eq!(set_up(command, world).unwrap(), Ending::Good);
        let home = directory.path().join("node");
        fs::write(home.join("address"), "http://left.by.an/earlier/run").unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (asked, file) = (home.clone(), home.join("address"));
        let client = async move {
            let url = loop {
                match fs::read_to_string(&file) {
                    Ok(text) if text.starts_with("http://127.0.0.1:") => break text.trim_end().to_owned(),
                    _ => tokio::task::yield_now().await,
                }
            };
            let genesis = crate::trust::read_genesis(&asked.join("../genesis.bin")).unwrap();
            let ledger = crate::ledger::Ledger::connect(&url, genesis).await.unwrap();
            assert_eq!(ledger.head().head().network.as_str(), "demo");
            stop.send(()).unwrap();
        };
        let world = World { screen: &mut screen, input: &mut std::io::empty(), clock: Clock::system() };
        let stop = async { stopped.await.map_err(std::io::Error::other) };
        let (ending, ()) = tokio::join!(Box::pin(serve(&home, world, stop)), Box::pin(client));
        assert_eq!(ending.unwrap(), Ending::Good);
        assert!(!home.join("address").exists(), "nobody listens there any more");
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("2 of 3") && text.contains("did:causeway:demo:"), "{text}");
    }

    #[tokio::test]
    async fn a_directory_without_a_node_is_called_that() {
        let directory = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let world = World { screen: &mut screen, input: &mut std::io::empty(), clock: Clock::system() };
        let refused = serve(directory.path(), world, std::future::ready(Ok(()))).await.unwrap_err();
        assert!(format!("{refused:#}").contains("ledger.toml"), "{refused:#}");
    }
}
