//! What an operator decides, in one TOML file.
//!
//! Every field is checked when the node starts; an unknown field stops it, so that a misspelt limit is not a
//! limit that silently does not hold. Relative paths count from the file's own directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::NodeError;

/// A node's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the database lies; made if missing. The node stops at the start if another process has it open,
    /// or if it holds another ledger.
    pub directory: PathBuf,
    /// Where the API listens; port 0 takes any free port. The node stops at the start if it cannot bind.
    pub listen: SocketAddr,
    /// The genesis, canonical bytes. The node stops at the start if it is malformed or of another ledger than
    /// the directory.
    pub genesis: PathBuf,
    /// The solo validator's key, as [`crate::network::write_key`] writes it. The node stops at the start if
    /// others than its owner may read the file, or if the genesis does not name the key as sole validator.
    pub validator_key: PathBuf,
    /// Where to append every response body sent, for auditors of what left. If writing fails, so does the
    /// response: what is not recorded is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_log: Option<PathBuf>,
    /// Seconds without a block after which an empty one shows that the ledger is alive and gives verifiers a
    /// fresh head; 1 to 3,600.
    #[serde(default = "ten")]
    pub heartbeat_seconds: u64,
    /// Bounds of a block.
    #[serde(default)]
    pub block: BlockLimits,
    /// Bounds of what waits for a block.
    #[serde(default)]
    pub mempool: MempoolLimits,
    /// Bounds of the API.
    #[serde(default)]
    pub http: HttpLimits,
    /// The database's memory.
    #[serde(default)]
    pub store: StoreConfig,
}

/// Bounds of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlockLimits {
    /// Transactions; what is over waits for the next block.
    pub transactions: usize,
    /// Bytes of transactions; at least one fits whatever its size.
    pub bytes: usize,
}

/// Bounds of what waits for a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MempoolLimits {
    /// Transactions in all; further ones are refused with `MEMPOOL_FULL`.
    pub transactions: usize,
    /// Bytes in all; further ones are refused with `MEMPOOL_FULL`.
    pub bytes: usize,
    /// How far an actor's sequence numbers may run ahead of the ledger; beyond, `SEQUENCE_AHEAD`.
    pub per_actor: usize,
    /// Seconds a transaction waits for one that precedes it; then it is refused with `SEQUENCE_AHEAD`.
    pub gap_seconds: u64,
}

/// Bounds of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpLimits {
    /// Bytes of a request's body; beyond, `TOO_LARGE`.
    pub body_bytes: usize,
    /// Seconds a request may take, waiting for commit included; then `TIMEOUT`. A reader of events that stands
    /// still for as long is dropped, and may resume.
    pub request_seconds: u64,
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Event streams at a time; further ones are refused with `BUSY`.
    pub streams: usize,
    /// Seconds without a byte of an answer after which a connection is closed.
    pub idle_seconds: u64,
}

/// The database's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Bytes of blocks of data kept in memory, uncompressed.
    pub cache_bytes: usize,
}

impl Default for BlockLimits {
    fn default() -> Self {
        Self { transactions: 10_000, bytes: 8 * 1024 * 1024 }
    }
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self { transactions: 200_000, bytes: 256 * 1024 * 1024, per_actor: 50_000, gap_seconds: 60 }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 8 * 1024 * 1024,
            request_seconds: 30,
            connections: 1024,
            streams: 64,
            idle_seconds: 120,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_bytes: 256 * 1024 * 1024 }
    }
}

fn ten() -> u64 {
    10
}

impl Config {
    /// A configuration with the defaults, for a node whose files lie in `directory`.
    pub fn new(directory: &Path, listen: SocketAddr) -> Self {
        Self {
            directory: directory.join("store"),
            listen,
            genesis: directory.join("genesis"),
            validator_key: directory.join("validator.key"),
            egress_log: None,
            heartbeat_seconds: ten(),
            block: BlockLimits::default(),
            mempool: MempoolLimits::default(),
            http: HttpLimits::default(),
            store: StoreConfig::default(),
        }
    }

    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`NodeError::File`] if it cannot be read, [`NodeError::Config`] with the rule it breaks.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = std::fs::read_to_string(path).map_err(|error| NodeError::file(path, error))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| NodeError::Config(error.to_string()))?;
        let home = path.parent().unwrap_or(Path::new(""));
        for file in [&mut config.directory, &mut config.genesis, &mut config.validator_key] {
            *file = home.join(&*file);
        }
        config.egress_log = config.egress_log.map(|file| home.join(file));
        config.check()?;
        Ok(config)
    }

    /// Writes the configuration as a file.
    ///
    /// # Errors
    /// [`NodeError::File`].
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        let text = toml::to_string(self).map_err(|error| NodeError::Config(error.to_string()))?;
        std::fs::write(path, text).map_err(|error| NodeError::file(path, error))
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`NodeError::Config`].
    pub fn check(&self) -> Result<(), NodeError> {
        let largest = ledger_chain::TRANSACTION_BYTES;
        let rules = [
            ((1..=3600).contains(&self.heartbeat_seconds), "heartbeat_seconds is 1 to 3600"),
            ((1..=100_000).contains(&self.block.transactions), "block.transactions is 1 to 100000"),
            ((1..=ledger_chain::BLOCK_BYTES / 2).contains(&self.block.bytes), "block.bytes is 1 to 33554432"),
            ((1..=10_000_000).contains(&self.mempool.transactions), "mempool.transactions is 1 to 10000000"),
            (self.mempool.bytes >= largest, "mempool.bytes holds at least one transaction of 65536 bytes"),
            ((1..=1_000_000).contains(&self.mempool.per_actor), "mempool.per_actor is 1 to 1000000"),
            ((1..=3600).contains(&self.mempool.gap_seconds), "mempool.gap_seconds is 1 to 3600"),
            ((largest..=64 << 20).contains(&self.http.body_bytes), "http.body_bytes is 65536 to 67108864"),
            ((1..=600).contains(&self.http.request_seconds), "http.request_seconds is 1 to 600"),
            ((1..=65_536).contains(&self.http.connections), "http.connections is 1 to 65536"),
            (self.http.streams <= 65_536, "http.streams is at most 65536"),
            (
                (self.http.request_seconds + 1..=3600).contains(&self.http.idle_seconds),
                "http.idle_seconds is more than http.request_seconds and at most 3600",
            ),
            (self.store.cache_bytes >= 1 << 20, "store.cache_bytes is at least 1048576"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(NodeError::Config((*rule).to_owned())),
            None => Ok(()),
        }
    }

    /// The heartbeat.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(extra: &str) -> String {
        format!("directory='d'\nlisten='127.0.0.1:0'\ngenesis='g'\nvalidator_key='/k'\n{extra}")
    }

    fn read(extra: &str) -> Result<Config, NodeError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.toml");
        std::fs::write(&path, text(extra)).unwrap();
        let config = Config::read(&path)?;
        assert_eq!(config.directory, directory.path().join("d"), "relative paths count from the file");
        assert_eq!(config.validator_key, Path::new("/k"), "absolute paths stay");
        Ok(config)
    }

    #[test]
    fn a_file_sets_some_fields_and_leaves_the_rest() {
        let config = read("heartbeat_seconds = 3\n[block]\ntransactions = 7\n").unwrap();
        assert_eq!((config.heartbeat_seconds, config.block.transactions), (3, 7));
        assert_eq!(config.block.bytes, BlockLimits::default().bytes);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("again.toml");
        config.write(&path).unwrap();
        assert_eq!(Config::read(&path).unwrap(), config);
    }

    #[test]
    fn a_misspelt_field_or_a_senseless_number_stops_the_node() {
        for (extra, rule) in [
            ("hearbeat_seconds = 3", "unknown field"),
            ("[mempool]\nbites = 3", "unknown field"),
            ("heartbeat_seconds = 0", "heartbeat_seconds is"),
            ("[block]\ntransactions = 0", "block.transactions is"),
            ("[mempool]\nbytes = 1", "mempool.bytes holds"),
            ("[http]\nidle_seconds = 5", "http.idle_seconds is"),
        ] {
            let error = read(extra).unwrap_err().to_string();
            assert!(error.contains(rule), "{extra}: {error}");
        }
    }
}
