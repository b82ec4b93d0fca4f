//! New networks and new agencies: their directories and files, for the commands and for the demo.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use did_registry::{Committee, Did, Digest, NetworkId, RegistryError, Timestamp};
use ledger_chain::{Genesis, GroupId};
use ledger_node::NodeError;
use ledger_node::network::{NewNetwork, create};
use rand::{CryptoRng, RngCore};

use crate::actor::{ActorDirectory, ActorError, Safe};
use crate::files::{self, FileError};

mod agency;

pub use agency::{AgencyPlan, NewAgency, agency};

/// Why a directory was not set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An actor's directory.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// A committee or genesis that breaks its rule.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The node's files.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The gateway's configuration.
    #[error(transparent)]
    Gateway(#[from] gateway::config::ConfigError),
}

/// What a new solo network starts with.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// Its name.
    pub network: NetworkId,
    /// Its group.
    pub group: GroupId,
    /// Committee members.
    pub committee: u16,
    /// Votes that decide, more than half.
    pub threshold: u16,
    /// Where the node's API will listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Time of block 0.
    pub time: Timestamp,
    /// Where the members' next keys go, into `1` … `n`; by default each beside its member's directory.
    pub safe: Option<PathBuf>,
}

/// A network that was set up.
#[derive(Clone, Debug)]
pub struct Network {
    /// The ledger's identifier.
    pub ledger: Digest,
    /// What the ledger starts from.
    pub genesis: Genesis,
    /// The file of it, for everybody who trusts this ledger.
    pub genesis_file: PathBuf,
    /// The node's directory.
    pub node: PathBuf,
    /// The members' directories.
    pub members: Vec<(PathBuf, Did)>,
}

/// Makes a solo network: `node/`, `members/1` … `members/n`, each with its safe, `genesis.bin`. Never overwrites.
///
/// # Errors
/// [`SetupError`].
pub fn network<R: RngCore + CryptoRng>(
    directory: &Path,
    plan: &NetworkPlan,
    rng: &mut R,
) -> Result<Network, SetupError> {
    // The rule is checked before anything is written.
    if !(1..=64).contains(&plan.committee)
        || plan.threshold > plan.committee
        || 2 * plan.threshold <= plan.committee
    {
        return Err(RegistryError::CommitteeRule("give --threshold and --committee accordingly").into());
    }
    let genesis_file = directory.join("genesis.bin");
    if genesis_file.exists() {
        return Err(FileError::Exists { path: genesis_file }.into());
    }
    files::directory(directory)?;
    let (mut members, mut dids) = (Vec::new(), Vec::new());
    for number in 1..=plan.committee {
        let path = directory.join("members").join(number.to_string());
        let safe = plan.safe.as_ref().map(|safe| safe.join(number.to_string()));
        let safe = Safe::of(&path, safe.as_deref());
        let (member, genesis) = ActorDirectory::create(&path, &safe, &plan.network, |genesis| genesis, rng)?;
        members.push(member);
        dids.push(genesis);
    }
    let committee: BTreeSet<Did> = members.iter().map(|member| member.did().clone()).collect();
    let new = NewNetwork {
        network: plan.network.clone(),
        group: plan.group,
        time: plan.time,
        dids,
        committee: Committee::new(plan.threshold, committee)?,
    };
    let node = directory.join("node");
    let (_, genesis) = create(&node, plan.listen, new, rng)?;
    for member in &members {
        member.pin(&genesis)?;
    }
    // Last, because it says that the network is complete.
    files::create(&genesis_file, &did_registry::canonical::encode(&genesis), files::PUBLIC)?;
    let members = members.iter().map(|member| (member.path().to_owned(), member.did().clone())).collect();
    Ok(Network { ledger: genesis.id(), genesis, genesis_file, node, members })
}

#[cfg(test)]
mod tests;
