//! Real processes, killed at random moments, and a disk that takes no more.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use did_registry::{Digest, Timestamp};
use ledger_chain::light::TrustedHead;
use ledger_chain::{Block, SignedTransaction};
use ledger_node::client::{ClientError, LedgerClient};
use ledger_node::config::StoreConfig;
use ledger_node::{Application, Status, Store};
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::node::{LONG, files};
use crate::testing::{Agency, genesis, validator};

/// A node as a process of its own; killed when dropped.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("the node says where it listens").unwrap();
        let url = line.strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, url }
    }

    fn run(directory: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger-node"));
        command.arg("run").arg(directory);
        Self::start(command)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap(); // SIGKILL
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Sends an agency's anchors one after the other and notes what was acknowledged, until the node is gone.
async fn stream(
    url: String,
    agency: Arc<Agency>,
    ledger: Digest,
    from: u64,
    count: Arc<AtomicU64>,
) -> Vec<(Digest, u64, u32)> {
    let client = LedgerClient::new(&url).unwrap();
    let mut acknowledged = Vec::new();
    for sequence in from.. {
        let signed = agency.anchor(&ledger, sequence);
        match client.commit(&signed).await {
            Ok((height, position)) => acknowledged.push((signed.id(), height, position)),
            Err(ClientError::Transport(_)) => break,
            Err(other) => panic!("{other}"),
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_nothing_acknowledged_and_shows_nothing_half_written() {
    let directory = tempfile::tempdir().unwrap();
    let agencies: Vec<Arc<Agency>> = Agency::many(8).into_iter().map(Arc::new).collect();
    let genesis = genesis(&Agency::many(8));
    files(directory.path(), &Agency::many(8));
    let ledger = genesis.id();
    let mut rng = ChaCha20Rng::seed_from_u64(42);
    let mut acknowledged: HashMap<Digest, (u64, u32)> = HashMap::new();
    let mut trusted: Option<TrustedHead> = None;
    for round in 0..8 {
        let mut process = Process::run(directory.path());
        let client = LedgerClient::new(&process.url).unwrap();
        // The ledger continues what was seen before, and has everything that was acknowledged.
        trusted = Some(match &trusted {
            None => client.trust(&genesis).await.unwrap(),
            Some(trusted) => client.follow(trusted).await.unwrap(),
        });
        for (id, (height, position)) in &acknowledged {
            let expected = Status::Committed { height: *height, position: *position };
            assert_eq!(client.status(id).await.unwrap(), expected, "round {round}");
        }
        let count = Arc::new(AtomicU64::new(0));
        let mut streams = tokio::task::JoinSet::new();
        for agency in &agencies {
            let from = client.next_sequence(&agency.did).await.unwrap();
            streams.spawn(stream(process.url.clone(), agency.clone(), ledger, from, count.clone()));
        }
        let enough = rng.gen_range(20..200);
        let reached = async {
            while count.load(Ordering::Relaxed) < enough {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, reached).await.unwrap();
        let pause = Duration::from_micros(rng.gen_range(0..3000)); // where in a block's life the kill falls
        tokio::time::timeout(pause, std::future::pending::<()>()).await.unwrap_err();
        process.kill();
        while let Some(sent) = streams.join_next().await {
            acknowledged
                .extend(sent.unwrap().into_iter().map(|(id, height, position)| (id, (height, position))));
        }
    }
    assert!(acknowledged.len() >= 8 * 20);
    replay(directory.path(), &acknowledged);
}

/// Executes all blocks on a new store and compares every head; so state and history are those of the blocks.
fn replay(directory: &Path, acknowledged: &HashMap<Digest, (u64, u32)>) {
    let config = StoreConfig::default();
    let store = Store::open(&directory.join("store"), &config).unwrap();
    let tip = store.tip().unwrap().unwrap();
    let again = tempfile::tempdir().unwrap();
    let fresh = Arc::new(Store::open(again.path(), &config).unwrap());
    let application = Application::open(fresh, genesis(&Agency::many(8))).unwrap();
    let mut places: BTreeMap<(u64, u32), SignedTransaction> = BTreeMap::new();
    let far = Timestamp::from_seconds(10_000_000_000).unwrap();
    for height in 0..=tip {
        let head = store.head(height).unwrap().expect("no gap in the heads");
        let block = Block::from_bytes(&store.block(height).unwrap().expect("no gap in the blocks")).unwrap();
        for (position, signed) in (0u32..).zip(&block.transactions) {
            places.insert((height, position), signed.clone());
        }
        let executed = if height == 0 {
            application.found().unwrap()
        } else {
            application.validate(block, far).unwrap()
        };
        assert_eq!(executed.head(), &head.head, "height {height}");
        application.commit(executed, head).unwrap();
    }
    assert_eq!(store.head(tip + 1).unwrap(), None);
    assert_eq!(store.block(tip + 1).unwrap(), None);
    for (id, place) in acknowledged {
        assert_eq!(places.get(place).map(SignedTransaction::id), Some(*id));
    }
    let everything = places.iter().all(|((height, position), signed)| {
        let found = store.transaction(&signed.id()).unwrap().unwrap();
        (found.height, found.position) == (*height, *position)
    });
    assert!(everything, "the index names every transaction's place");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_it_refuses_cleanly_and_continues_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let agencies = Agency::many(8);
    files(directory.path(), &agencies);
    let genesis = genesis(&agencies);
    let ledger = genesis.id();
    // No file may grow over 600 kB: writing fails as on a full disk. The shell passes the limit on, and that
    // the signal which usually goes with it is ignored.
    let mut command = Command::new("sh");
    let run = format!(
        "ulimit -f 1200; trap '' XFSZ; exec {} run {}",
        env!("CARGO_BIN_EXE_ledger-node"),
        directory.path().display()
    );
    command.arg("-c").arg(run);
    let process = Process::start(command);
    let client = LedgerClient::new(&process.url).unwrap();
    let mut acknowledged = HashMap::new();
    let refused = 'full: loop {
        let from = acknowledged.len() as u64;
        assert!(from < 100_000, "the disk is full at some point");
        for part in
            (from..from + 1000).map(|n| agencies[0].anchor(&ledger, n)).collect::<Vec<_>>().chunks(100)
        {
            match client.commit_batch(part).await {
                Ok(places) => acknowledged.extend(part.iter().map(SignedTransaction::id).zip(places)),
                Err(error) => break 'full error,
            }
        }
    };
    assert_eq!(refused.code(), "HALTED", "{refused}");
    let later = client.submit(&agencies[1].anchor(&ledger, 0)).await.unwrap_err();
    assert_eq!(later.code(), "HALTED");
    assert!(client.signed_head(None).await.is_ok(), "it still answers questions");
    let health = reqwest::get(format!("{}/health", process.url)).await.unwrap();
    assert_eq!(health.status().as_u16(), 503);
    for (id, (height, position)) in &acknowledged {
        assert_eq!(
            client.status(id).await.unwrap(),
            Status::Committed { height: *height, position: *position }
        );
    }
    drop(process);

    let process = Process::run(directory.path());
    let client = LedgerClient::new(&process.url).unwrap();
    client.trust(&genesis).await.unwrap();
    client.commit(&agencies[1].anchor(&ledger, 0)).await.unwrap();
    drop(process);
    replay(directory.path(), &acknowledged);
}

#[test]
fn the_program_makes_a_network_and_refuses_what_it_cannot_run() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("ledger");
    let member = directory.path().join("member");
    std::fs::write(&member, did_registry::canonical::encode(&Agency::new(1).genesis)).unwrap();
    let program = |arguments: &[&str]| {
        let outcome = Command::new(env!("CARGO_BIN_EXE_ledger-node")).args(arguments).output().unwrap();
        (outcome.status.success(), String::from_utf8(outcome.stderr).unwrap())
    };
    let (home, member) = (home.to_str().unwrap(), member.to_str().unwrap());
    let new = ["new", home, "test", "127.0.0.1:0", member];
    assert_eq!(program(&new), (true, String::new()));
    assert!(program(&new).1.contains("validator.key"), "a second network does not overwrite the first");
    let process = Process::run(Path::new(home));
    assert!(process.url.starts_with("http://127.0.0.1:"));
    let (ran, complaint) = program(&["run", home]);
    assert!(!ran && complaint.contains("another process has this store open"), "{complaint}");
    let key = ledger_node::network::read_key(&Path::new(home).join("validator.key")).unwrap();
    assert_ne!(key.public_key(), validator().public_key(), "from the system's randomness");
    assert!(!program(&[]).0);
    assert!(!program(&["run", "/nowhere"]).0);
}
