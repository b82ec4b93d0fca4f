//! A node by itself, for tests that kill real processes: `ledger-node new <dir>` and `ledger-node run <dir>`.
//! People run `causeway node`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use did_registry::canonical::decode;
use did_registry::{Committee, Genesis as DidGenesis, NetworkId};
use ledger_chain::GroupId;
use ledger_node::network::{NewNetwork, create};
use ledger_node::{Config, Node, NodeError, system_clock};

const USAGE: &str = "ledger-node new <dir> <network> <address> <member's DID operation>...
ledger-node run <dir>";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["new", directory, network, listen, members @ ..] => new(directory, network, listen, members),
        ["run", directory] => run(directory).await,
        _ => Err(NodeError::Config(USAGE.to_owned())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), &error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// A closed pipe is no reason to stop.
fn say(stream: &mut impl std::io::Write, line: &str) {
    let _closed = writeln!(stream, "{line}").and_then(|()| stream.flush());
}

fn new(directory: &str, network: &str, listen: &str, members: &[&str]) -> Result<(), NodeError> {
    let mut dids = Vec::new();
    for member in members {
        let path = Path::new(member);
        let bytes = std::fs::read(path)
            .map_err(|error| NodeError::File { path: (*member).to_owned(), error: error.to_string() })?;
        dids.push(decode::<DidGenesis>(&bytes, 64 * 1024)?);
    }
    let known: BTreeSet<_> = dids.iter().map(DidGenesis::did).collect();
    let majority =
        u16::try_from(known.len() / 2 + 1).map_err(|_| NodeError::Config("too many members".into()))?;
    let committee = Committee::new(majority, known)?;
    let listen = listen.parse().map_err(|_| NodeError::Config(USAGE.to_owned()))?;
    let new = NewNetwork {
        network: NetworkId::new(network)?,
        group: GroupId(0),
        time: system_clock()(),
        dids,
        committee,
    };
    create(Path::new(directory), listen, new, &mut rand::rngs::OsRng)?;
    Ok(())
}

async fn run(directory: &str) -> Result<(), NodeError> {
    let config = Config::read(&PathBuf::from(directory).join("ledger.toml"))?;
    let node = Node::start(config).await?;
    say(&mut std::io::stdout(), &format!("listening on {}", node.url()));
    asked_to_stop().await.map_err(|error| NodeError::Halted(format!("no signals: {error}")))?;
    node.shutdown().await;
    Ok(())
}

/// Ends with Ctrl-C or a request to terminate.
async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}
