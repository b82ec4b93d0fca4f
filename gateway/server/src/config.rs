//! Configuration: one TOML file, every field checked when it is read, every error naming its field.
//!
//! Relative paths are relative to the file's own directory. A field that this program does not know is an
//! error, because a misspelt limit would otherwise silently not hold.

mod error;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use credential::facts::AgeLimits;
use did_registry::{Did, Secret, SigningKey, Suite};
use serde::Deserialize;
use zk_policy::Setup;

pub use error::ConfigError;

use crate::circuit_keys::{CircuitKeys, CircuitKeysError};
use crate::import::ImportLimits;
use crate::key_file;
use crate::operator::Operators;
use crate::vault::Kek;

/// Largest configuration file.
const FILE_BYTES: u64 = 64 << 10;

/// An agency gateway's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on, such as `127.0.0.1:8080`. If it is taken, the gateway does not
    /// start; if it is reachable from outside without TLS in front, tokens travel in clear.
    pub listen: SocketAddr,
    /// The agency's name, for people. If it is wrong, nothing else is.
    pub name: String,
    /// The agency's identifier. If the ledger's document for it has other keys, the gateway does not start.
    pub did: Did,
    /// What wallets and verifiers call this gateway: `https`, or `http` on this machine only, without a
    /// path or closing slash. If it is wrong, offers point nowhere and presentations name another audience.
    pub public_url: String,
    /// Where the vault lives. If it is lost, so are the records: back it up together with the KEK, apart.
    pub directory: PathBuf,
    /// The key-encryption key. Without it, or with another, the vault does not open.
    pub kek_file: PathBuf,
    /// The DID's control key (Ed25519). If it is lost, only the guardians help; if it is stolen, rotate. The
    /// key that takes over then is in a safe, and no field names it.
    pub control_key_file: PathBuf,
    /// The key that signs Data Integrity credentials (Ed25519). If it is not in the DID document, every
    /// verifier answers `KEY_UNKNOWN`.
    pub assertion_ed25519_key_file: PathBuf,
    /// The key that signs SD-JWT credentials and status lists (P-256). As above.
    pub assertion_p256_key_file: PathBuf,
    /// The key that signs Causeway credentials (Jubjub), from which holders prove. Without it none are issued.
    pub assertion_jubjub_key_file: Option<PathBuf>,
    /// Directory of the circuits' keys, as a ceremony leaves it. Without it no Causeway credentials are issued; with
    /// another than holders have, nobody can ask for one.
    pub circuit_keys_directory: Option<PathBuf>,
    /// Accepts circuit keys made for development, with which everybody can prove anything. A gateway whose
    /// `public_url` is not of this machine does not start with it. Default false.
    #[serde(default)]
    pub insecure_development_keys: bool,
    /// The operators, their token digests and roles. Who can write this file can do everything.
    pub operators_file: PathBuf,
    /// The ledger node to submit to and follow: `http` or `https`; its answers are verified, so it need
    /// not be trusted. While it is down nothing is anchored, and facts grow older.
    pub ledger_url: String,
    /// The ledger's genesis document, which pins the network. With another one every head is refused.
    pub genesis_file: PathBuf,
    /// Trust list for foreign certificates. Without it they are not verified at all.
    pub trust_list_file: Option<PathBuf>,
    /// How old the trust list may be, by its file's time: the list itself bears no date that anybody signed.
    /// Absent: its age is told and refuses nothing, so a key that its country withdrew counts for as long as the
    /// file stays. Present: bring the file anew more often than that, and restart.
    pub trust_list_ages: Option<Ages>,
    /// Directory of value sets for foreign certificates. Without it they are not verified at all.
    pub value_sets_directory: Option<PathBuf>,
    /// Lets an operator have a foreign certificate transcoded as of a time in the request, for tests and
    /// demonstrations with certificates of the past. It gives passes for what ended long ago, so a gateway whose
    /// `public_url` is not of this machine does not start with it. Default false.
    #[serde(default)]
    pub transcode_as_of_any_time: bool,
    /// Hosts (`host` or `host:port`) that status lists of other agencies are fetched from, beside this
    /// gateway's own. From others nothing is fetched, and their credentials stay undecided.
    #[serde(default)]
    pub status_hosts: Vec<String>,
    /// Seconds between looks at the ledger, 1 to 3,600. Higher: revocations work later. Default 2.
    #[serde(default = "two")]
    pub refresh_seconds: u64,
    /// Where to record every response and every request, for an audit. Absent: nothing is recorded. It holds
    /// what was sent, credentials in clear among it: only its owner may read it, and it needs the protection of
    /// the vault; it grows without end.
    pub egress_log: Option<PathBuf>,
    /// How old keys, rules and status may be.
    #[serde(default)]
    pub ages: Ages,
    /// Bounds on what comes in.
    #[serde(default)]
    pub limits: Limits,
    /// How commitments are gathered into anchored batches.
    #[serde(default)]
    pub anchor: Anchoring,
}

fn two() -> u64 {
    2
}

/// How old something may be that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ages {
    /// From this age on a verdict warns. Too low: officers learn to ignore the warning. Default 24.
    pub amber_hours: u64,
    /// From this age on nothing is accepted. Too high: a revocation works too late; too low: a cut cable
    /// closes the gate. Default 72.
    pub refuse_hours: u64,
}

impl Ages {
    /// The limits, for those who decide.
    pub fn limits(self) -> AgeLimits {
        AgeLimits { amber: self.amber_hours * 3600, refuse: self.refuse_hours * 3600 }
    }

    /// `fields` are the names of the two.
    fn check(self, fields: [&'static str; 2]) -> Result<(), ConfigError> {
        let [amber, refuse] = fields;
        require(amber, self.amber_hours >= 1, "at least 1")?;
        require(refuse, self.refuse_hours > self.amber_hours, "more than the hours to amber")?;
        require(refuse, self.refuse_hours <= 24 * 366, "at most a year")
    }
}

impl Default for Ages {
    fn default() -> Self {
        Self { amber_hours: 24, refuse_hours: 72 }
    }
}

/// Bounds on what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request body, imports aside. Larger ones get 413. Default 256 KiB.
    pub body_bytes: usize,
    /// Seconds a request may take, its body's arrival included; then it gets 408. Default 60.
    pub request_seconds: u64,
    /// Connections at a time; further ones wait in the system's queue. Default 1,024.
    pub connections: usize,
    /// Seconds without a byte of an answer after which a connection is closed, so that slow clients do not hold
    /// all of them. Default 120.
    pub idle_seconds: u64,
    /// Bytes of an imported file; uploads are held in memory while they run. Default 64 MiB.
    pub import_file_bytes: u64,
    /// Bytes of one row of it. Longer rows are refused as rows. Default 16 KiB.
    pub import_row_bytes: usize,
    /// Rows of it; 40 bytes of memory each while it runs. Default 1,000,000.
    pub import_rows: u64,
    /// Rows stored per atomic write. Fewer: slower; more: longer pauses for other writers. Default 500.
    pub import_chunk_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 << 10,
            request_seconds: 60,
            connections: 1_024,
            idle_seconds: 120,
            import_file_bytes: 64 << 20,
            import_row_bytes: 16 << 10,
            import_rows: 1_000_000,
            import_chunk_rows: 500,
        }
    }
}

impl Limits {
    /// The bounds of one import.
    pub fn import(&self) -> ImportLimits {
        ImportLimits {
            file_bytes: self.import_file_bytes,
            row_bytes: self.import_row_bytes,
            rows: self.import_rows,
            chunk_rows: self.import_chunk_rows,
        }
    }
}

/// How commitments are gathered into anchored batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Anchoring {
    /// Longest that a commitment waits, in milliseconds. Too low: an operation per credential, which the
    /// ledger's readers can count; too high: receipts come late. Default 200.
    pub max_delay_ms: u64,
    /// Commitments per batch. Default 4,096.
    pub max_size: usize,
}

impl Default for Anchoring {
    fn default() -> Self {
        Self { max_delay_ms: 200, max_size: 4096 }
    }
}

impl Anchoring {
    /// Longest that a commitment waits.
    pub fn max_delay(&self) -> Duration {
        Duration::from_millis(self.max_delay_ms)
    }
}

/// The agency's signing keys, loaded. They print their public halves only and are wiped on drop.
#[derive(Debug)]
pub struct Keys {
    /// Signs operations of the agency's DID.
    pub control: SigningKey,
    /// Signs Data Integrity credentials.
    pub assertion_ed25519: SigningKey,
    /// Signs SD-JWT credentials and status lists.
    pub assertion_p256: SigningKey,
    /// Signs Causeway credentials.
    pub assertion_jubjub: Option<SigningKey>,
}

impl Config {
    /// Reads and checks a configuration file, and makes its paths absolute or relative to where we are.
    ///
    /// # Errors
    /// [`ConfigError`]. Secrets are not read yet: see [`Config::keys`] and [`Config::kek`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let metadata = fs::metadata(path).map_err(ConfigError::Unreadable)?;
        if metadata.len() > FILE_BYTES {
            return Err(ConfigError::TooLarge);
        }
        let text = fs::read_to_string(path).map_err(ConfigError::Unreadable)?;
        let config = Self::parse(&text, path.parent().unwrap_or(Path::new("")))?;
        config.check_files()?;
        Ok(config)
    }

    /// Reads and checks the text of a configuration; looks at no other file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Shape(error.to_string()))?;
        for path in [
            Some(&mut config.directory),
            Some(&mut config.kek_file),
            Some(&mut config.control_key_file),
            Some(&mut config.assertion_ed25519_key_file),
            Some(&mut config.assertion_p256_key_file),
            Some(&mut config.operators_file),
            Some(&mut config.genesis_file),
            config.trust_list_file.as_mut(),
            config.value_sets_directory.as_mut(),
            config.egress_log.as_mut(),
            config.assertion_jubjub_key_file.as_mut(),
            config.circuit_keys_directory.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            *path = base.join(&*path);
        }
        config.check()?;
        Ok(config)
    }

    /// Hosts that status lists are fetched from: the configured ones and this gateway's own.
    pub fn status_hosts(&self) -> Vec<String> {
        let own = self.public_url.split_once("://").map(|(_, host)| host.to_owned());
        self.status_hosts.iter().cloned().chain(own).collect()
    }

    /// Where the vault lies.
    pub fn vault_directory(&self) -> PathBuf {
        self.directory.join("vault")
    }

    /// Reads the key-encryption key.
    ///
    /// # Errors
    /// [`ConfigError::KeyFile`].
    pub fn kek(&self) -> Result<Kek, ConfigError> {
        Kek::load(&self.kek_file).map_err(|error| ConfigError::KeyFile { field: "kek_file", error })
    }

    /// Reads the signing keys.
    ///
    /// # Errors
    /// [`ConfigError::KeyFile`], [`ConfigError::Key`], or [`ConfigError::Field`] if two files hold one key.
    pub fn keys(&self) -> Result<Keys, ConfigError> {
        let mut secrets: Vec<Secret<[u8; 32]>> = Vec::with_capacity(3);
        let mut load = |field: &'static str, path: &Path, suite: Suite| {
            let secret = key_file::load(path).map_err(|error| ConfigError::KeyFile { field, error })?;
            if secrets.contains(&secret) {
                let rule = "every key file holds a key of its own, and this one repeats another".to_owned();
                return Err(ConfigError::Field { field, rule });
            }
            let key = SigningKey::from_bytes(suite, secret.expose());
            secrets.push(secret);
            key.map_err(|error| ConfigError::Key { field, error })
        };
        Ok(Keys {
            control: load("control_key_file", &self.control_key_file, Suite::Ed25519)?,
            assertion_ed25519: load(
                "assertion_ed25519_key_file",
                &self.assertion_ed25519_key_file,
                Suite::Ed25519,
            )?,
            assertion_p256: load("assertion_p256_key_file", &self.assertion_p256_key_file, Suite::P256)?,
            assertion_jubjub: match &self.assertion_jubjub_key_file {
                Some(path) => Some(load("assertion_jubjub_key_file", path, Suite::Jubjub)?),
                None => None,
            },
        })
    }

    /// Opens the circuits' keys, if there are any.
    ///
    /// # Errors
    /// [`CircuitKeysError`]; for keys made for development unless the configuration accepts them.
    pub fn circuit_keys(&self) -> Result<Option<CircuitKeys>, CircuitKeysError> {
        let accepted =
            if self.insecure_development_keys { Setup::InsecureDevelopment } else { Setup::Ceremony };
        self.circuit_keys_directory.as_ref().map(|path| CircuitKeys::open(path, accepted)).transpose()
    }

    /// Reads the operators.
    ///
    /// # Errors
    /// [`ConfigError::Operators`].
    pub fn operators(&self) -> Result<Arc<Operators>, ConfigError> {
        Ok(Operators::load(&self.operators_file)?)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let shown =
            (1..=100).contains(&self.name.chars().count()) && !self.name.chars().any(char::is_control);
        require("name", shown, "1 to 100 characters without control characters")?;
        check_url("public_url", &self.public_url, true)?;
        check_url("ledger_url", &self.ledger_url, false)?;
        // Plain http was accepted for this machine only.
        let here = self.public_url.starts_with("http:");
        let any_time = self.transcode_as_of_any_time;
        require("transcode_as_of_any_time", !any_time || here, "false unless public_url is of this machine")?;
        let development = self.insecure_development_keys;
        require(
            "insecure_development_keys",
            !development || here,
            "false unless public_url is of this machine",
        )?;
        let secrets = [
            ("kek_file", &self.kek_file),
            ("control_key_file", &self.control_key_file),
            ("assertion_ed25519_key_file", &self.assertion_ed25519_key_file),
            ("assertion_p256_key_file", &self.assertion_p256_key_file),
        ];
        let jubjub = self.assertion_jubjub_key_file.as_ref().map(|path| ("assertion_jubjub_key_file", path));
        let secrets = secrets.into_iter().chain(jubjub);
        let mut seen = BTreeSet::new();
        for (field, path) in secrets {
            require(field, seen.insert(path), "every secret has a file of its own")?;
            // A backup of the vault must not bring its key along.
            let apart = !path.starts_with(self.vault_directory());
            require(field, apart, "a secret file lies outside the vault's directory")?;
        }
        require("refresh_seconds", (1..=3_600).contains(&self.refresh_seconds), "1 to 3,600")?;
        self.ages.check(["ages.amber_hours", "ages.refuse_hours"])?;
        if let Some(ages) = self.trust_list_ages {
            require("trust_list_ages", self.trust_list_file.is_some(), "stands with a trust_list_file")?;
            ages.check(["trust_list_ages.amber_hours", "trust_list_ages.refuse_hours"])?;
        }
        let Limits { request_seconds, connections, idle_seconds, .. } = self.limits;
        require("limits.request_seconds", (1..=600).contains(&request_seconds), "1 to 600")?;
        require("limits.connections", (1..=65_536).contains(&connections), "1 to 65,536")?;
        let longer = (request_seconds + 1..=3_600).contains(&idle_seconds);
        require("limits.idle_seconds", longer, "more than limits.request_seconds, at most 3,600")?;
        let Limits {
            body_bytes, import_file_bytes, import_row_bytes, import_rows, import_chunk_rows, ..
        } = self.limits;
        require("limits.body_bytes", (1 << 10..=16 << 20).contains(&body_bytes), "1 KiB to 16 MiB")?;
        require("limits.import_file_bytes", (1..=4 << 30).contains(&import_file_bytes), "1 byte to 4 GiB")?;
        require("limits.import_row_bytes", (64..=1 << 20).contains(&import_row_bytes), "64 bytes to 1 MiB")?;
        require("limits.import_rows", (1..=10_000_000).contains(&import_rows), "1 to 10,000,000")?;
        require("limits.import_chunk_rows", (1..=10_000).contains(&import_chunk_rows), "1 to 10,000")?;
        let Anchoring { max_delay_ms, max_size } = self.anchor;
        require("anchor.max_delay_ms", (1..=60_000).contains(&max_delay_ms), "1 to 60,000")?;
        require("anchor.max_size", (1..=1 << 20).contains(&max_size), "1 to 1,048,576")
    }

    /// Files that are read later, by others: better missed now.
    fn check_files(&self) -> Result<(), ConfigError> {
        for (field, path) in [
            ("operators_file", Some(&self.operators_file)),
            ("genesis_file", Some(&self.genesis_file)),
            ("trust_list_file", self.trust_list_file.as_ref()),
        ] {
            require(field, path.is_none_or(|path| path.is_file()), "names a file that exists")?;
        }
        Ok(())
    }
}

fn require(field: &'static str, holds: bool, rule: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Field { field, rule: rule.to_owned() }) }
}

/// Scheme, host and port, and nothing else; over the open network only with TLS where `guarded`.
fn check_url(field: &'static str, text: &str, guarded: bool) -> Result<(), ConfigError> {
    let url = reqwest::Url::parse(text).ok();
    let plain = url.filter(|url| {
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        bare && url.username().is_empty() && url.password().is_none() && !text.ends_with('/')
    });
    let Some(url) = plain else {
        return require(field, false, "a URL of scheme, host and port, without a closing slash");
    };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if local || !guarded => Ok(()),
        "http" => require(field, false, "https, unless the host is this machine"),
        _ => require(field, false, "http or https"),
    }
}

#[cfg(test)]
mod tests;
