//! An actor's directory: the identifier, its genesis operation, and the keys that speak for it.
//!
//! ```text
//! did            the identifier, text               genesis.bin   the ledger that is trusted
//! did.genesis    the operation it is the hash of    control.key   signs operations now
//! next.key       takes over at the next rotation    *.new, *.old-n   on the way in, and out
//! ```
//! **Rotation that survives a crash.** The key after next is on the disk before the rotation is sent; files
//! change places only when the ledger has the rotation; and which file is which is decided by the ledger's
//! record, not by their names. So [`ActorDirectory::settle`] finishes what was interrupted at any point, and
//! nothing is ever deleted: replaced keys stay as `.old-n`.

mod slot;

use std::path::{Path, PathBuf};

use did_registry::canonical::{decode, encode};
use did_registry::{Did, DidRecord, Genesis as DidGenesis, NetworkId, SigningKey, Suite};
use gateway::key_file::KeyFileError;
use ledger_chain::{Genesis, TRANSACTION_BYTES};
use rand::{CryptoRng, RngCore};

pub use slot::{KeySlot, read_key, write_key, write_secret};

use crate::files::{self, FileError};
use crate::trust;

/// Why an actor's directory does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActorError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key file.
    #[error("{}: {error}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KeyFileError,
    },
    /// Bytes that are no key.
    #[error("{}: {error}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: did_registry::RegistryError,
    },
    /// None of the files holds the key that the ledger has.
    #[error(
        "{}: neither this file nor the one that replaces it holds the key that the ledger has; restore it from a \
         backup, or have the guardians recover the identifier",
        path.display()
    )]
    KeyLost {
        /// The file that should hold it.
        path: PathBuf,
    },
    /// The identifier is not the hash of the genesis operation beside it.
    #[error("{}: the identifier in file did is the hash of the operation in file did.genesis", path.display())]
    NotSelfCertified {
        /// Which directory.
        path: PathBuf,
    },
}

/// An actor's directory.
#[derive(Clone, Debug)]
pub struct ActorDirectory {
    path: PathBuf,
    did: Did,
    control: KeySlot,
    next: KeySlot,
}

impl ActorDirectory {
    /// Makes control and next key in a new directory, and the genesis operation that `complete` makes of them.
    /// Registers nothing.
    ///
    /// # Errors
    /// [`ActorError`]; an existing key is never overwritten.
    pub fn create<R: RngCore + CryptoRng>(
        path: &Path,
        network: &NetworkId,
        complete: impl FnOnce(DidGenesis) -> DidGenesis,
        rng: &mut R,
    ) -> Result<(Self, DidGenesis), ActorError> {
        files::directory(path)?;
        let control = SigningKey::generate(Suite::Ed25519, rng);
        let next = SigningKey::generate(Suite::Ed25519, rng);
        write_key(&path.join("control.key"), &control)?;
        write_key(&path.join("next.key"), &next)?;
        let genesis = DidGenesis::new(network.clone(), control.public_key(), next.public_key().commitment());
        let genesis = complete(genesis);
        files::create(&path.join("did.genesis"), &encode(&genesis), files::PUBLIC)?;
        files::create(&path.join("did"), format!("{}\n", genesis.did()).as_bytes(), files::PUBLIC)?;
        Ok((Self::at(path, genesis.did()), genesis))
    }

    /// Opens a directory that [`ActorDirectory::create`] made.
    ///
    /// # Errors
    /// [`ActorError::File`], [`ActorError::NotSelfCertified`].
    pub fn open(path: &Path) -> Result<Self, ActorError> {
        let file = path.join("did");
        let did = files::read_text(&file, 256)?;
        let did: Did = did.trim_end().parse().map_err(|error| FileError::content(&file, error))?;
        let actor = Self::at(path, did);
        if actor.genesis()?.did() != actor.did {
            return Err(ActorError::NotSelfCertified { path: path.to_owned() });
        }
        Ok(actor)
    }

    fn at(path: &Path, did: Did) -> Self {
        let next = KeySlot::new(&path.join("next.key"), Suite::Ed25519);
        // The next key takes over as control key.
        let control = KeySlot {
            incoming: next.path.clone(),
            ..KeySlot::new(&path.join("control.key"), Suite::Ed25519)
        };
        Self { path: path.to_owned(), did, control, next }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identifier.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The operation that the identifier is the hash of.
    ///
    /// # Errors
    /// [`ActorError::File`].
    pub fn genesis(&self) -> Result<DidGenesis, ActorError> {
        let file = self.path.join("did.genesis");
        let bytes = files::read(&file, TRANSACTION_BYTES)?;
        Ok(decode(&bytes, TRANSACTION_BYTES).map_err(|error| FileError::content(&file, error))?)
    }

    /// The ledger that this actor trusts.
    ///
    /// # Errors
    /// [`ActorError::File`].
    pub fn ledger(&self) -> Result<Genesis, ActorError> {
        Ok(trust::read_genesis(&self.path.join("genesis.bin"))?)
    }

    /// Pins the ledger that this actor trusts.
    ///
    /// # Errors
    /// [`ActorError::File`], also if one is pinned.
    pub fn pin(&self, genesis: &Genesis) -> Result<(), ActorError> {
        Ok(files::create(&self.path.join("genesis.bin"), &encode(genesis), files::PUBLIC)?)
    }

    /// The key that signs operations now.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn control(&self) -> Result<SigningKey, ActorError> {
        self.control.key()
    }

    /// The key that takes over at the next rotation.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn next(&self) -> Result<SigningKey, ActorError> {
        self.next.key()
    }

    /// The key after next, on the disk when this returns. A second call gives the same.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<SigningKey, ActorError> {
        self.next.prepare(rng)
    }

    /// Puts the control keys where the ledger's record says they belong. Tells whether a rotation was
    /// finished by that.
    ///
    /// # Errors
    /// [`ActorError::KeyLost`].
    pub fn settle(&self, record: &DidRecord) -> Result<bool, ActorError> {
        let version = record.version.saturating_sub(1);
        let control = self.control.settle(|key| key == &record.control, version)?;
        let next = self.next.settle(|key| key.commitment() == record.next, version)?;
        Ok(control || next)
    }

    /// A document key of this directory, such as `es256.key`.
    pub fn slot(&self, file: &str, suite: Suite) -> KeySlot {
        KeySlot::new(&self.path.join(file), suite)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use did_registry::{DidOperation, Moment, Retirement, Rotation, Timestamp};
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn at() -> Moment {
        Moment { height: 1, time: Timestamp::default().plus(1_000) }
    }

    fn actor(directory: &Path) -> (ActorDirectory, DidRecord, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let network = NetworkId::new("demo").unwrap();
        let (actor, genesis) =
            ActorDirectory::create(directory, &network, |genesis| genesis, &mut rng).unwrap();
        let record = DidRecord::create(actor.did(), &genesis, at()).unwrap();
        (actor, record, rng)
    }

    /// Everything of a rotation up to the ledger's acceptance; the files have not moved yet.
    fn rotated(actor: &ActorDirectory, record: &DidRecord, rng: &mut ChaCha20Rng) -> DidRecord {
        let (next, after) = (actor.next().unwrap(), actor.prepare(rng).unwrap());
        let rotation = Rotation {
            previous: record.head,
            control: next.public_key(),
            next: after.public_key().commitment(),
            keys: Vec::new(),
            retirement: Retirement::Superseded,
            guardians: None,
            services: Vec::new(),
        };
        let proof = next.sign(&rotation.proof_message(actor.did()));
        record.apply(actor.did(), &DidOperation::Rotate(rotation, proof), at()).unwrap()
    }

    #[test]
    fn a_directory_opens_as_it_was_made_and_is_not_made_twice() {
        let directory = tempfile::tempdir().unwrap();
        let (actor, record, mut rng) = actor(directory.path());
        let opened = ActorDirectory::open(directory.path()).unwrap();
        assert_eq!(opened.did(), actor.did());
        assert_eq!(opened.control().unwrap().public_key(), record.control);
        assert!(!opened.settle(&record).unwrap(), "nothing to finish");
        let network = NetworkId::new("demo").unwrap();
        assert!(ActorDirectory::create(directory.path(), &network, |it| it, &mut rng).is_err());
        fs::write(directory.path().join("did"), "did:causeway:demo:11111111111111111111111111111111")
            .unwrap();
        assert!(matches!(ActorDirectory::open(directory.path()), Err(ActorError::NotSelfCertified { .. })));
    }

    #[test]
    fn a_rotation_is_finished_from_wherever_it_was_interrupted() {
        // The renames of `settle`, cut short after each of them.
        for done in 0..=3 {
            let directory = tempfile::tempdir().unwrap();
            let (actor, record, mut rng) = actor(directory.path());
            let old = actor.control().unwrap().public_key();
            let record = rotated(&actor, &record, &mut rng);
            let path = |name: &str| directory.path().join(name);
            let moves = [
                ("control.key", "control.key.old-1"),
                ("next.key", "control.key"),
                ("next.key.new", "next.key"),
            ];
            for (from, to) in &moves[..done] {
                fs::rename(path(from), path(to)).unwrap();
            }
            assert_eq!(actor.settle(&record).unwrap(), done < 3, "after {done} renames");
            assert_eq!(actor.control().unwrap().public_key(), record.control);
            assert_eq!(actor.next().unwrap().public_key().commitment(), record.next);
            let kept = read_key(&path("control.key.old-1"), Suite::Ed25519).unwrap();
            assert_eq!(kept.public_key(), old, "the old key is kept");
            assert!(!path("next.key.new").exists());
        }
    }

    #[test]
    fn a_rotation_that_never_arrived_is_taken_up_with_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let (actor, record, mut rng) = actor(directory.path());
        let first = actor.prepare(&mut rng).unwrap().public_key();
        assert!(!actor.settle(&record).unwrap());
        assert_eq!(actor.prepare(&mut rng).unwrap().public_key(), first);
    }

    #[test]
    fn a_lost_key_is_called_lost() {
        let directory = tempfile::tempdir().unwrap();
        let (actor, record, mut rng) = actor(directory.path());
        let record = rotated(&actor, &record, &mut rng);
        fs::remove_file(directory.path().join("next.key")).unwrap();
        assert!(matches!(actor.settle(&record), Err(ActorError::KeyLost { .. })));
    }
}
