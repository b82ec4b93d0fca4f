//! Throughput and latency of the solo engine in process, for `causeway bench`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use did_registry::{
    Committee, Did, DidOperation, Digest, Genesis as DidGenesis, NetworkId, SigningKey, Suite, Timestamp,
    digest, label,
};
use ledger_chain::{AnchorOperation, GroupId, Operation, SignedTransaction, Transaction};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{CryptoRng, RngCore, SeedableRng as _};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::NodeError;
use crate::ledger::Ledger;
use crate::network::{NewNetwork, create};
use crate::node::Node;
use crate::outcome::Status;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Transactions in all.
    pub transactions: usize,
    /// Agencies that send them.
    pub actors: usize,
    /// Transactions handed in together.
    pub group: usize,
    /// Groups on their way at a time.
    pub window: usize,
    /// Transactions in a block at the most.
    pub block: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Throughput {
    /// Transactions committed.
    pub transactions: usize,
    /// Bytes of one.
    pub transaction_bytes: usize,
    /// From the first submission to the last commit.
    pub elapsed: Duration,
    /// Processor time of the whole process meanwhile, over all cores; zero where the system does not say.
    pub processor: Duration,
    /// Blocks made.
    pub blocks: u64,
    /// Seconds in each stage, over all threads' wall clocks: checking signatures, executing, the state tree,
    /// gathering writes, writing. The first overlaps the others.
    pub stages: [(&'static str, f64); 5],
}

impl Throughput {
    /// Committed transactions a second.
    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.transactions).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }
}

/// Signed anchors by some agencies, in an order that mixes them.
struct Prepared {
    dids: Vec<DidGenesis>,
    keys: Vec<SigningKey>,
}

impl Prepared {
    fn new<R: RngCore + CryptoRng>(network: &NetworkId, actors: usize, rng: &mut R) -> Self {
        let keys: Vec<_> = (0..actors).map(|_| SigningKey::generate(Suite::Ed25519, rng)).collect();
        let next = digest(label::KEY_COMMITMENT, &[b"never rotated"]);
        let genesis = |key: &SigningKey| DidGenesis::new(network.clone(), key.public_key(), next);
        Self { dids: keys.iter().map(genesis).collect(), keys }
    }

    fn anchors(&self, ledger: &Digest, count: usize, from: u64) -> Vec<SignedTransaction> {
        let dids: Vec<Did> = self.dids.iter().map(DidGenesis::did).collect();
        let sign = |number: usize| {
            let actor = number % self.keys.len().max(1);
            let (key, did) =
                self.keys.get(actor).zip(dids.get(actor)).expect("there because of the remainder");
            let sequence = from + (number / self.keys.len().max(1)) as u64;
            let root = Digest::sha256(&[did.id().as_bytes().as_slice(), &sequence.to_be_bytes()].concat());
            let operation = Operation::Anchor(AnchorOperation::Batch { root, count: 1000 });
            Transaction { actor: did.clone(), sequence, operation }.sign(ledger, key)
        };
        (0..count).into_par_iter().map(sign).collect()
    }
}

/// Runs a new solo ledger in `directory`, which must be empty, under `load`: synced write and state root
/// with every block. Signing happens before the clock starts.
///
/// # Errors
/// [`NodeError`]; [`NodeError::Halted`] if a transaction is refused.
pub async fn solo_throughput<R: RngCore + CryptoRng>(
    directory: &Path,
    load: Load,
    rng: &mut R,
) -> Result<Throughput, NodeError> {
    let (node, prepared) = start(directory, load.actors, Some(load.block), rng).await?;
    let ledger = node.ledger().clone();
    let transactions = prepared.anchors(ledger.id(), load.transactions, 0);
    let transaction_bytes = transactions.first().map_or(0, |signed| signed.to_bytes().len());
    let last: BTreeSet<Digest> =
        transactions.iter().rev().take(load.actors).map(SignedTransaction::id).collect();
    let start_height = ledger.tip().map_or(0, |tip| tip.header.height);
    let groups: Vec<Vec<SignedTransaction>> =
        transactions.chunks(load.group.max(1)).map(<[_]>::to_vec).collect();
    let (begun, used) = (Instant::now(), processor_time());
    feed(&ledger, groups, load.window).await?;
    for id in last {
        settled(&ledger, id).await?;
    }
    let (elapsed, processor) = (begun.elapsed(), processor_time().saturating_sub(used));
    let height = ledger.tip().map_or(0, |tip| tip.header.height);
    let names = ["verify", "execute", "tree", "gather", "write"];
    let spent = ledger.metrics.spent();
    let stages = std::array::from_fn(|stage| {
        (names.get(stage).copied().unwrap_or_default(), spent.get(stage).copied().unwrap_or_default())
    });
    drop(ledger);
    node.shutdown().await;
    let blocks = height - start_height;
    Ok(Throughput { transactions: load.transactions, transaction_bytes, elapsed, processor, blocks, stages })
}

/// Processor time of this process so far, as Linux counts it, in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets come state, parent, … with user and system time in places 12 and 13.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// The time from handing one transaction in to its commit, for each of `count` sent one after the other.
///
/// # Errors
/// As [`solo_throughput`].
pub async fn solo_latencies<R: RngCore + CryptoRng>(
    directory: &Path,
    count: usize,
    rng: &mut R,
) -> Result<Vec<Duration>, NodeError> {
    let (node, prepared) = start(directory, 1, None, rng).await?;
    let ledger = node.ledger().clone();
    let mut times = Vec::with_capacity(count);
    for signed in prepared.anchors(ledger.id(), count, 0) {
        let begun = Instant::now();
        let id = signed.id();
        feed(&ledger, vec![vec![signed]], 1).await?;
        settled(&ledger, id).await?;
        times.push(begun.elapsed());
    }
    drop(ledger);
    node.shutdown().await;
    Ok(times)
}

/// What resolving took.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Identifiers registered, each by its own signed transaction.
    pub registered: usize,
    /// How long that took, making the keys and signatures included.
    pub registering: Duration,
    /// In-process resolutions of identifiers picked at random, ascending.
    pub times: Vec<Duration>,
}

/// Registers `count` identifiers on a new solo ledger in `directory`, and resolves `samples` of them.
///
/// # Errors
/// As [`solo_throughput`]; [`NodeError::Halted`] if one does not resolve.
pub async fn resolve<R: RngCore + CryptoRng>(
    directory: &Path,
    count: usize,
    samples: usize,
    rng: &mut R,
) -> Result<Resolution, NodeError> {
    let (node, prepared) = start(directory, 1, None, rng).await?;
    let ledger = node.ledger().clone();
    let network =
        prepared.dids.first().map_or(NetworkId::new("bench"), |genesis| Ok(genesis.network.clone()))?;
    let seed = rng.next_u64();
    let begun = Instant::now();
    let mut picked = Vec::with_capacity(samples);
    for from in (0..count).step_by(10_000) {
        let (network, id) = (&network, ledger.id());
        let make = |number: usize| {
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
            let key = SigningKey::generate(Suite::Ed25519, &mut rng);
            let genesis = DidGenesis::new(
                network.clone(),
                key.public_key(),
                Digest::sha256(&rng.next_u64().to_be_bytes()),
            );
            let actor = genesis.did();
            let operation = Operation::Did(DidOperation::Create(genesis));
            Transaction { actor, sequence: 0, operation }.sign(id, &key)
        };
        let creations: Vec<_> = (from..count.min(from + 10_000)).into_par_iter().map(make).collect();
        let wanted = (samples * (from + creations.len()) / count.max(1)).saturating_sub(picked.len());
        let step = (creations.len() / wanted.max(1)).max(1);
        picked.extend(
            creations.iter().step_by(step).take(wanted).map(|signed| signed.transaction.actor.clone()),
        );
        let last = creations.last().map(SignedTransaction::id);
        feed(&ledger, creations.chunks(1000).map(<[_]>::to_vec).collect(), 10).await?;
        if let Some(last) = last {
            settled(&ledger, last).await?;
        }
    }
    let registering = begun.elapsed();
    picked.shuffle(rng);
    let height = ledger.tip().map_or(0, |tip| tip.header.height);
    let mut times = Vec::with_capacity(picked.len());
    for did in &picked {
        let begun = Instant::now();
        let found = ledger.did(did, height).map_err(|error| NodeError::Halted(error.to_string()))?;
        times.push(begun.elapsed());
        if found.is_none_or(|record| &record.did != did) {
            return Err(NodeError::Halted(format!("{did} does not resolve")));
        }
    }
    times.sort_unstable();
    drop(ledger);
    node.shutdown().await;
    Ok(Resolution { registered: count, registering, times })
}

async fn start<R: RngCore + CryptoRng>(
    directory: &Path,
    actors: usize,
    block: Option<usize>,
    rng: &mut R,
) -> Result<(crate::RunningNode, Prepared), NodeError> {
    let network = NetworkId::new("bench")?;
    let prepared = Prepared::new(&network, actors.max(1), rng);
    let member = prepared.dids.iter().take(1).map(DidGenesis::did).collect();
    let new = NewNetwork {
        network,
        group: GroupId(0),
        time: Timestamp::default(),
        dids: prepared.dids.clone(),
        committee: Committee::new(1, member)?,
    };
    let (mut config, _) = create(directory, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), new, rng)?;
    config.block.transactions = block.unwrap_or(config.block.transactions);
    Ok((Node::start(config).await?, prepared))
}

async fn feed(
    ledger: &Arc<Ledger>,
    groups: Vec<Vec<SignedTransaction>>,
    window: usize,
) -> Result<(), NodeError> {
    let mut on_their_way = tokio::task::JoinSet::new();
    for group in groups {
        while on_their_way.len() >= window.max(1) {
            taken_in(on_their_way.join_next().await)?;
        }
        let ledger = ledger.clone();
        on_their_way.spawn(async move { ledger.submit(group).await });
    }
    while let Some(answers) = on_their_way.join_next().await {
        taken_in(Some(answers))?;
    }
    Ok(())
}

fn taken_in(answers: Option<Result<Vec<crate::Answer>, tokio::task::JoinError>>) -> Result<(), NodeError> {
    let answers =
        answers.transpose().map_err(|error| NodeError::Halted(error.to_string()))?.unwrap_or_default();
    let refused = answers.into_iter().find_map(|(_, verdict)| verdict.err());
    refused.map_or(Ok(()), |rejection| Err(NodeError::Halted(rejection.to_string())))
}

async fn settled(ledger: &Ledger, id: Digest) -> Result<(), NodeError> {
    match ledger.settled(id).await {
        Ok(Status::Committed { .. }) => Ok(()),
        Ok(other) => Err(NodeError::Halted(format!("{other:?}"))),
        Err(rejection) => Err(NodeError::Halted(rejection.to_string())),
    }
}
