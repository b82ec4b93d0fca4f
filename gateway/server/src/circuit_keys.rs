//! The circuits' keys on a disk: one directory for everybody who proves or verifies.
//!
//! ```text
//! keys.json    where they come from, the transcript's hash, and the SHA-256 of each file; written last
//! policy.pk    for wallets: proves policies            policy.vk   for gates: verifies them
//! holder.pk    for wallets: proves a holder's secret   holder.vk   for issuers: verifies it
//! ```
//! Nothing here is secret. What a wallet proves with must be what it was meant to be, though: with a key that somebody made
//! up, a proof could tell what it hides. So each file is held against its digest, and [`CircuitKeys::digest`] is what a
//! committee adopts on the ledger: nobody proves or verifies with other keys.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use credential::facts::Facts;
use did_registry::Digest;
use serde::{Deserialize, Serialize};
use zk_policy::{HolderCircuit, KeyError, PolicyCircuit, ProvingKey, Relation, Setup, VerifyingKey};

/// Bytes of the largest key.
const KEY_BYTES: u64 = 64 << 20;
/// Bytes of the largest list of digests.
const LIST_BYTES: u64 = 4 << 10;
/// The list's file.
const LIST: &str = "keys.json";

/// Why a directory has no keys that serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitKeysError {
    /// The operating system refused.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Larger than any key.
    #[error("{path}: a key has at most {KEY_BYTES} bytes, a list of digests {LIST_BYTES}", path = .0.display())]
    TooLarge(PathBuf),
    /// Not the list of digests.
    #[error("{path}: keys.json says setup, transcript and the digest of each key: {error}", path = path.display())]
    List {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// Made for development, where that is not accepted.
    #[error("keys made for development prove nothing: production takes keys of a ceremony only")]
    Development,
    /// There are keys already.
    #[error("keys are never overwritten, and {path} has some", path = .0.display())]
    Exists(PathBuf),
    /// Other keys than the ledger's.
    #[error(
        "the circuits' keys in use are those that the committee adopted, {adopted}; those here have digest {here}",
        adopted = adopted.map_or("none so far".to_owned(), |digest| digest.to_string())
    )]
    NotAdopted {
        /// What the ledger has.
        adopted: Option<Digest>,
        /// What is here.
        here: Digest,
    },
    /// Two halves that do not belong together.
    #[error("{0}.pk and {0}.vk are of different setups: what one proves the other refuses")]
    Halves(&'static str),
    /// A key that does not serve.
    #[error("{name}: {error}")]
    Key {
        /// Which.
        name: &'static str,
        /// Why.
        error: KeyError,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Origin {
    InsecureDev,
    Ceremony,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    setup: Origin,
    /// Hash of the ceremony's transcripts; none for development.
    transcript: Option<Digest>,
    policy_pk: Digest,
    policy_vk: Digest,
    holder_pk: Digest,
    holder_vk: Digest,
}

/// A directory of keys; each is read when it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CircuitKeys {
    directory: PathBuf,
    accepted: Setup,
    list: List,
}

impl CircuitKeys {
    /// Writes keys into a directory that has none; `transcript` is the hash of the ceremony that made them.
    ///
    /// # Errors
    /// [`CircuitKeysError::Exists`], [`CircuitKeysError::File`].
    pub fn write(
        directory: &Path,
        policy: &ProvingKey<PolicyCircuit>,
        holder: &ProvingKey<HolderCircuit>,
        transcript: Option<Digest>,
    ) -> Result<Self, CircuitKeysError> {
        let list = directory.join(LIST);
        if list.exists() {
            return Err(CircuitKeysError::Exists(directory.to_owned()));
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            |error| CircuitKeysError::File { path, error }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let put = |name: &str, bytes: Vec<u8>| {
            let path = directory.join(name);
            fs::write(&path, &bytes).map_err(failed(&path))?;
            Ok(Digest::sha256(&bytes))
        };
        let digests = List {
            setup: match policy.setup() {
                Setup::InsecureDevelopment => Origin::InsecureDev,
                Setup::Ceremony => Origin::Ceremony,
            },
            transcript,
            policy_pk: put("policy.pk", policy.to_bytes())?,
            policy_vk: put("policy.vk", policy.verifying_key().to_bytes())?,
            holder_pk: put("holder.pk", holder.to_bytes())?,
            holder_vk: put("holder.vk", holder.verifying_key().to_bytes())?,
        };
        let text = serde_json::to_string_pretty(&digests).expect("serialises because every field does");
        // Last, because it says that the directory is whole.
        fs::write(&list, text + "\n").map_err(failed(&list))?;
        Ok(Self { directory: directory.to_owned(), accepted: policy.setup(), list: digests })
    }

    /// Writes keys from the public seed: for development, as everybody can prove anything with them.
    ///
    /// # Errors
    /// As [`CircuitKeys::write`].
    pub fn write_development(directory: &Path) -> Result<Self, CircuitKeysError> {
        let (policy, holder) = (ProvingKey::insecure_development(), ProvingKey::insecure_development());
        Self::write(directory, &policy, &holder, None)
    }

    /// Opens a directory. Development accepts keys of both kinds.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn open(directory: &Path, accepted: Setup) -> Result<Self, CircuitKeysError> {
        let path = directory.join(LIST);
        let text = read(&path, LIST_BYTES)?;
        let list: List = serde_json::from_slice(&text)
            .map_err(|error| CircuitKeysError::List { path, error: error.to_string() })?;
        if list.setup == Origin::InsecureDev && accepted == Setup::Ceremony {
            return Err(CircuitKeysError::Development);
        }
        Ok(Self { directory: directory.to_owned(), accepted, list })
    }

    /// What is anchored: the transcript, and every key.
    pub fn digest(&self) -> Digest {
        let List { transcript, policy_pk, policy_vk, holder_pk, holder_vk, .. } = &self.list;
        let transcript = transcript.unwrap_or_else(|| Digest::from_bytes([0; 32]));
        let all = [transcript, *policy_pk, *policy_vk, *holder_pk, *holder_vk];
        let parts = all.each_ref().map(|digest| digest.as_bytes().as_slice());
        did_registry::digest(did_registry::label::ZK_KEYS, &parts)
    }

    /// Hash of the ceremony's transcripts; none for development.
    pub fn transcript(&self) -> Option<&Digest> {
        self.list.transcript.as_ref()
    }

    /// Reads all four keys, and whether each pair belongs together: before vouching for them.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn check_whole(&self) -> Result<(), CircuitKeysError> {
        if self.policy_proving()?.verifying_key() != self.policy_verifying()? {
            return Err(CircuitKeysError::Halves("policy"));
        }
        if self.holder_proving()?.verifying_key() != self.holder_verifying()? {
            return Err(CircuitKeysError::Halves("holder"));
        }
        Ok(())
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the committee adopted these keys.
    ///
    /// # Errors
    /// [`CircuitKeysError::NotAdopted`].
    pub fn check_adopted(&self, facts: &Facts) -> Result<(), CircuitKeysError> {
        check_adopted(&self.digest(), facts)
    }

    /// What proves policies.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn policy_proving(&self) -> Result<ProvingKey<PolicyCircuit>, CircuitKeysError> {
        self.proving("policy.pk", &self.list.policy_pk)
    }

    /// What verifies policies.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn policy_verifying(&self) -> Result<VerifyingKey<PolicyCircuit>, CircuitKeysError> {
        self.verifying("policy.vk", &self.list.policy_vk)
    }

    /// What proves a holder's secret.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn holder_proving(&self) -> Result<ProvingKey<HolderCircuit>, CircuitKeysError> {
        self.proving("holder.pk", &self.list.holder_pk)
    }

    /// What verifies a holder's secret.
    ///
    /// # Errors
    /// [`CircuitKeysError`].
    pub fn holder_verifying(&self) -> Result<VerifyingKey<HolderCircuit>, CircuitKeysError> {
        self.verifying("holder.vk", &self.list.holder_vk)
    }

    fn proving<R: Relation>(
        &self,
        name: &'static str,
        digest: &Digest,
    ) -> Result<ProvingKey<R>, CircuitKeysError> {
        let bytes = read(&self.directory.join(name), KEY_BYTES)?;
        ProvingKey::from_bytes(&bytes, digest.as_bytes(), self.accepted)
            .map_err(|error| CircuitKeysError::Key { name, error })
    }

    fn verifying<R: Relation>(
        &self,
        name: &'static str,
        digest: &Digest,
    ) -> Result<VerifyingKey<R>, CircuitKeysError> {
        let refused = |error| CircuitKeysError::Key { name, error };
        let bytes = read(&self.directory.join(name), KEY_BYTES)?;
        if Digest::sha256(&bytes) != *digest {
            return Err(refused(KeyError::Digest));
        }
        VerifyingKey::from_bytes(&bytes, self.accepted).map_err(refused)
    }
}

pub(crate) fn check_adopted(here: &Digest, facts: &Facts) -> Result<(), CircuitKeysError> {
    match facts.circuit_keys {
        Some(adopted) if adopted == *here => Ok(()),
        adopted => Err(CircuitKeysError::NotAdopted { adopted, here: *here }),
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, CircuitKeysError> {
    let failed = |error| CircuitKeysError::File { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(CircuitKeysError::TooLarge(path.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use did_registry::{Moment, Timestamp};

    use super::*;

    #[test]
    fn keys_read_back_and_an_altered_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let keys = CircuitKeys::write_development(directory.path()).unwrap();
        let opened = CircuitKeys::open(directory.path(), Setup::InsecureDevelopment).unwrap();
        assert_eq!(opened, keys);
        opened.check_whole().unwrap();
        assert!(matches!(CircuitKeys::write_development(directory.path()), Err(CircuitKeysError::Exists(_))));
        for name in ["policy.pk", "policy.vk", "holder.pk", "holder.vk"] {
            let path = directory.path().join(name);
            let whole = fs::read(&path).unwrap();
            let mut altered = whole.clone();
            *altered.last_mut().unwrap() ^= 1;
            fs::write(&path, altered).unwrap();
            let refused = match name {
                "policy.pk" => opened.policy_proving().map(drop),
                "policy.vk" => opened.policy_verifying().map(drop),
                "holder.pk" => opened.holder_proving().map(drop),
                _ => opened.holder_verifying().map(drop),
            };
            assert!(matches!(refused, Err(CircuitKeysError::Key { error: KeyError::Digest, .. })), "{name}");
            fs::write(&path, whole).unwrap();
        }
    }

    #[test]
    fn keys_count_once_the_committee_adopted_them() {
        let directory = tempfile::tempdir().unwrap();
        let keys = CircuitKeys::write_development(directory.path()).unwrap();
        let beginning = Moment { height: 0, time: Timestamp::default() };
        let mut facts = Facts { circuit_keys: Some(keys.digest()), ..Facts::as_of(beginning) };
        keys.check_adopted(&facts).unwrap();
        for adopted in [None, Some(Digest::sha256(b"others"))] {
            facts.circuit_keys = adopted;
            let refused = keys.check_adopted(&facts).unwrap_err().to_string();
            assert!(refused.contains(&keys.digest().to_string()) && refused.contains("adopted"), "{refused}");
        }
    }

    #[test]
    fn production_refuses_keys_made_for_development() {
        let directory = tempfile::tempdir().unwrap();
        CircuitKeys::write_development(directory.path()).unwrap();
        let refused = CircuitKeys::open(directory.path(), Setup::Ceremony);
        assert!(matches!(refused, Err(CircuitKeysError::Development)));
        // Whatever the list says, the keys themselves tell.
        let list = directory.path().join(LIST);
        let text = fs::read_to_string(&list).unwrap().replace("insecure-dev", "ceremony");
        fs::write(&list, text).unwrap();
        let opened = CircuitKeys::open(directory.path(), Setup::Ceremony).unwrap();
        for refused in [opened.policy_verifying().map(drop), opened.policy_proving().map(drop)] {
            assert!(matches!(refused, Err(CircuitKeysError::Key { error: KeyError::Development, .. })));
        }
    }
}
