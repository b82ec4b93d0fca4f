//! A solo ledger in this process, with some agencies that exist from the start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use did_registry::{Committee, Did, Digest, Genesis, NetworkId, SigningKey, Suite};
use ledger_chain::{GroupId, Operation, SignedTransaction, Transaction};
use ledger_node::network::{NewNetwork, create};
use ledger_node::{Ledger, Node, RunningNode, Status};
use rand::rngs::OsRng;

/// Who can send operations.
pub(super) struct Actor {
    pub(super) did: Did,
    pub(super) key: SigningKey,
}

impl Actor {
    pub(super) fn sign(&self, ledger: &Ledger, sequence: u64, operation: Operation) -> SignedTransaction {
        Transaction { actor: self.did.clone(), sequence, operation }.sign(ledger.id(), &self.key)
    }
}

/// The network's name.
pub(super) fn name() -> anyhow::Result<NetworkId> {
    Ok(NetworkId::new("bench")?)
}

/// Starts a ledger in a new directory with so many actors in its genesis.
pub(super) async fn start(directory: &Path, actors: usize) -> anyhow::Result<(RunningNode, Vec<Actor>)> {
    let mut genesis = Vec::with_capacity(actors);
    let actors: Vec<Actor> = (0..actors)
        .map(|_| {
            let key = SigningKey::generate(Suite::Ed25519, &mut OsRng);
            let did = Genesis::new(name()?, key.public_key(), key.public_key().commitment());
            genesis.push(did.clone());
            Ok(Actor { did: did.did(), key })
        })
        .collect::<anyhow::Result<_>>()?;
    let member = actors.first().context("a committee has a member")?.did.clone();
    let new = NewNetwork {
        network: name()?,
        group: GroupId(0),
        time: gateway::clock::Clock::system().now(),
        dids: genesis,
        committee: Committee::new(1, [member].into())?,
    };
    let (config, _) = create(directory, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), new, &mut OsRng)?;
    Ok((Node::start(config).await?, actors))
}

/// Hands transactions in, all of which must be taken.
pub(super) async fn submit(ledger: &Arc<Ledger>, transactions: Vec<SignedTransaction>) -> anyhow::Result<()> {
    match ledger.submit(transactions).await.into_iter().find_map(|(_, verdict)| verdict.err()) {
        Some(rejection) => bail!("the ledger refuses: {rejection}"),
        None => Ok(()),
    }
}

/// Waits until a transaction is on the ledger.
pub(super) async fn committed(ledger: &Ledger, id: Digest) -> anyhow::Result<()> {
    match ledger.settled(id).await? {
        Status::Committed { .. } => Ok(()),
        other => bail!("the ledger refuses: {other:?}"),
    }
}
