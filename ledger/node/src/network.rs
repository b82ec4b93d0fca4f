//! Files of a new solo network: the validator's key, the genesis, a configuration.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use did_registry::canonical::encode;
use did_registry::{Committee, Genesis as DidGenesis, NetworkId, Secret, SigningKey, Suite, Timestamp};
use ledger_chain::{Genesis, GroupId, ValidatorSet};
use rand::{CryptoRng, RngCore};

use crate::NodeError;
use crate::config::Config;

/// What a new network starts with.
pub struct NewNetwork {
    /// Its name.
    pub network: NetworkId,
    /// Its group.
    pub group: GroupId,
    /// Time of block 0.
    pub time: Timestamp,
    /// Identifiers that exist from the start, committee members among them.
    pub dids: Vec<DidGenesis>,
    /// The first committee.
    pub committee: Committee,
}

/// Makes a solo network in `directory`: `validator.key`, `genesis` and `ledger.toml`. Never overwrites.
///
/// # Errors
/// [`NodeError::File`] if a file exists or cannot be written, [`NodeError::Registry`] for a senseless genesis.
pub fn create<R: RngCore + CryptoRng>(
    directory: &Path,
    listen: SocketAddr,
    new: NewNetwork,
    rng: &mut R,
) -> Result<(Config, Genesis), NodeError> {
    let key = SigningKey::generate(Suite::Ed25519, rng);
    let genesis = Genesis {
        network: new.network,
        group: new.group,
        time: new.time,
        validators: ValidatorSet::new(BTreeMap::from([(key.public_key(), 1)]))?,
        dids: new.dids,
        committee: new.committee,
    };
    genesis.check()?;
    std::fs::create_dir_all(directory).map_err(|error| NodeError::file(directory, error))?;
    let config = Config::new(directory, listen);
    write_key(&config.validator_key, &key)?;
    write_new(&config.genesis, &encode(&genesis), 0o644)?;
    let relative = Config {
        directory: "store".into(),
        genesis: "genesis".into(),
        validator_key: "validator.key".into(),
        ..config.clone()
    };
    relative.write(&directory.join("ledger.toml"))?;
    Ok((config, genesis))
}

/// Writes a key file that only its owner may read: one line, suite and secret in hexadecimal.
///
/// # Errors
/// [`NodeError::File`], also if the file exists.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), NodeError> {
    let name = match key.suite() {
        Suite::Ed25519 => "ed25519",
        Suite::P256 => "p256",
        Suite::Jubjub => "jubjub",
    };
    let digits = Secret::new(hex::encode(key.to_secret().expose()));
    // Long enough from the start: a text that grows leaves what it held before behind, unwiped.
    let mut line = String::with_capacity(name.len() + digits.expose().len() + 2);
    line.extend([name, " ", digits.expose(), "\n"]);
    write_new(path, Secret::new(line).expose().as_bytes(), 0o600)
}

/// Reads what [`write_key`] wrote.
///
/// # Errors
/// [`NodeError::File`] if it cannot be read, if others than its owner may read it, or if it holds no key.
pub fn read_key(path: &Path) -> Result<SigningKey, NodeError> {
    let refuse = |rule: &str| NodeError::file(path, rule);
    let mode = std::fs::metadata(path).map_err(|error| NodeError::file(path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(refuse("a key file is readable by its owner only (mode 0600)"));
    }
    let text = Secret::new(std::fs::read_to_string(path).map_err(|error| NodeError::file(path, error))?);
    let rule = "a key file holds one line: ed25519 or p256, and 64 hexadecimal digits";
    let (suite, digits) = text.expose().trim_end().split_once(' ').ok_or_else(|| refuse(rule))?;
    let suite = match suite {
        "ed25519" => Suite::Ed25519,
        "p256" => Suite::P256,
        "jubjub" => Suite::Jubjub,
        _ => return Err(refuse(rule)),
    };
    let mut bytes = vec![0; 32]; // not on the stack, where moving it would leave a copy
    let read = hex::decode_to_slice(digits, &mut bytes);
    let secret = Secret::new(bytes);
    read.map_err(|_| refuse(rule))?;
    let secret = secret.expose().first_chunk().expect("32 bytes because as many were made");
    Ok(SigningKey::from_bytes(suite, secret)?)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), NodeError> {
    let failed = |error| NodeError::file(path, error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("validator.key");
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        for suite in [Suite::Ed25519, Suite::P256] {
            let key = SigningKey::generate(suite, &mut rng);
            write_key(&path, &key).unwrap();
            assert_eq!(read_key(&path).unwrap().public_key(), key.public_key());
            assert!(write_key(&path, &key).unwrap_err().to_string().contains("exists"));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(read_key(&path).unwrap_err().to_string().contains("owner only"));
            std::fs::remove_file(&path).unwrap();
        }
        for bad in ["", "ed25519", "ed25519 00", "rsa 00", &format!("p256 {}", "0".repeat(64))] {
            write_new(&path, bad.as_bytes(), 0o600).unwrap();
            assert!(read_key(&path).is_err(), "{bad}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
