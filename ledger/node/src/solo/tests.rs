//! Time, heartbeats, block sizes, and who may run a solo ledger.

use std::sync::Mutex;

use super::*;
use crate::config::Config;
use crate::network::write_key;
use crate::testing::{Agency, START, genesis, time, validator};
use crate::{Node, Status};

/// Files of a ledger with `agencies`, and a clock to be set.
fn files(directory: &std::path::Path, agencies: &[Agency]) -> (Config, Arc<Mutex<u64>>, Clock) {
    let config = Config::new(directory, ([127, 0, 0, 1], 0).into());
    write_key(&config.validator_key, &validator()).unwrap();
    std::fs::write(&config.genesis, did_registry::canonical::encode(&genesis(agencies))).unwrap();
    let now = Arc::new(Mutex::new(START + 100));
    let read = now.clone();
    let clock: Clock = Arc::new(move || time(*read.lock().unwrap()));
    (config, now, clock)
}

const LONG: Duration = Duration::from_secs(60);

async fn height(ledger: &Ledger, wanted: u64) {
    let mut heights = ledger.heights();
    tokio::time::timeout(LONG, heights.wait_for(|height| *height >= wanted)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traffic_a_heartbeat_keeps_the_head_fresh_and_its_time_never_falls() {
    let directory = tempfile::tempdir().unwrap();
    let (mut config, now, clock) = files(directory.path(), &Agency::many(1));
    config.heartbeat_seconds = 1;
    let node = Node::start_at(config, clock).await.unwrap();
    height(node.ledger(), 1).await;
    let first = node.ledger().head(1).unwrap().head;
    assert_eq!(first.time, time(START + 100));
    *now.lock().unwrap() = START - 1_000_000; // somebody sets the clock back
    height(node.ledger(), 2).await;
    let second = node.ledger().head(2).unwrap().head;
    assert_eq!((second.time, second.state), (first.time, first.state));
    assert!(node.ledger().block(2).unwrap().transactions.is_empty());
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_together_shares_blocks_and_a_lone_one_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let agencies = Agency::many(10);
    let (config, _, clock) = files(directory.path(), &agencies);
    let node = Node::start_at(config, clock).await.unwrap();
    let ledger = node.ledger();
    let lone = agencies[0].anchor(ledger.id(), 0);
    let id = lone.id();
    assert!(ledger.submit(vec![lone]).await[0].1.is_ok());
    let settled = tokio::time::timeout(LONG, ledger.settled(id)).await.unwrap().unwrap();
    assert_eq!(settled, Status::Committed { height: 1, position: 0 });

    let many: Vec<_> = (1..200).flat_map(|n| agencies.iter().map(move |a| (a, n))).collect();
    let many: Vec<_> = many
        .into_iter()
        .map(|(agency, n)| agency.anchor(ledger.id(), if agency.did == agencies[0].did { n } else { n - 1 }))
        .collect();
    let last = many.last().unwrap().id();
    assert!(ledger.submit(many).await.iter().all(|(_, verdict)| verdict.is_ok()));
    let settled = tokio::time::timeout(LONG, ledger.settled(last)).await.unwrap().unwrap();
    assert!(
        matches!(settled, Status::Committed { height: 2..=4, .. }),
        "1990 transactions in few blocks: {settled:?}"
    );
    node.shutdown().await;
}

/// Blocks large enough that each next one is made while the last one is written.
#[tokio::test(flavor = "multi_thread")]
async fn under_load_everything_is_committed_once_and_in_order() {
    const EACH: u64 = 3_000;
    let directory = tempfile::tempdir().unwrap();
    let agencies = Agency::many(4);
    let (mut config, _, clock) = files(directory.path(), &agencies);
    config.block.transactions = 2 * LARGE;
    let node = Node::start_at(config, clock).await.unwrap();
    let ledger = node.ledger();
    for round in 0..EACH / 500 {
        let sequences = 500 * round..500 * (round + 1);
        let each = |sequence| agencies.iter().map(move |agency| agency.anchor(ledger.id(), sequence));
        let signed: Vec<_> = sequences.flat_map(each).collect();
        assert!(ledger.submit(signed).await.iter().all(|(_, verdict)| verdict.is_ok()));
    }
    let last = agencies.iter().map(|agency| agency.anchor(ledger.id(), EACH - 1).id());
    for id in last {
        tokio::time::timeout(LONG, ledger.settled(id)).await.unwrap().unwrap();
    }
    let mut next = vec![0u64; agencies.len()];
    let mut previous = None;
    for height in 0..=ledger.tip().unwrap().header.height {
        let block = ledger.block(height).unwrap();
        assert!(previous.is_none_or(|hash| hash == block.header.previous), "height {height}");
        previous = Some(block.header.hash());
        for signed in &block.transactions {
            let place = agencies.iter().position(|agency| agency.did == signed.transaction.actor).unwrap();
            assert_eq!(signed.transaction.sequence, next[place]);
            next[place] += 1;
        }
    }
    assert_eq!(next, vec![EACH; agencies.len()]);
    node.shutdown().await;
}

/// A block may take a transaction from the mempool between any two looks at where it stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_is_never_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let agencies = Agency::many(3);
    let (config, _, clock) = files(directory.path(), &agencies);
    let node = Node::start_at(config, clock).await.unwrap();
    for number in 0..60 {
        let ledger = node.ledger().clone();
        let signed: Vec<_> = agencies.iter().map(|agency| agency.anchor(ledger.id(), number)).collect();
        let mut open: Vec<_> = signed.iter().map(ledger_chain::SignedTransaction::id).collect();
        assert!(ledger.submit(signed).await.iter().all(|(_, verdict)| verdict.is_ok()));
        let watch = tokio::task::spawn_blocking(move || {
            while let Some(id) = open.last() {
                match ledger.status(id).unwrap() {
                    Status::Pending => std::hint::spin_loop(),
                    Status::Committed { .. } => drop(open.pop()),
                    other => panic!("{other:?}"),
                }
            }
        });
        tokio::time::timeout(LONG, watch).await.unwrap().unwrap();
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_continues_where_the_ledger_was() {
    let directory = tempfile::tempdir().unwrap();
    let agencies = Agency::many(1);
    let (config, _, clock) = files(directory.path(), &agencies);
    let mut heads = Vec::new();
    for round in 0..3 {
        let node = Node::start_at(config.clone(), clock.clone()).await.unwrap();
        let ledger = node.ledger();
        if let Some(last) = heads.last() {
            assert_eq!(&ledger.latest().unwrap(), last);
        }
        let signed = agencies[0].anchor(ledger.id(), round);
        let id = signed.id();
        assert!(ledger.submit(vec![signed]).await[0].1.is_ok());
        let settled = tokio::time::timeout(LONG, ledger.settled(id)).await.unwrap().unwrap();
        assert_eq!(settled, Status::Committed { height: round + 1, position: 0 });
        heads.push(ledger.latest().unwrap());
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sole_validator_runs_a_solo_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let (config, _, clock) = files(directory.path(), &Agency::many(1));
    std::fs::remove_file(&config.validator_key).unwrap();
    write_key(&config.validator_key, &Agency::new(7).control).unwrap();
    let refused = Node::start_at(config, clock).await.err().unwrap();
    assert_eq!(refused, NodeError::NotValidator);
}
