//! An actor's directory: the identifier, its genesis operation, and the keys that speak for it.
//!
//! ```text
//! did            the identifier, text               genesis.bin   the ledger that is trusted
//! did.genesis    the operation it is the hash of    control.key   signs operations now
//! lock           held by whoever changes keys       *.new, *.old-n   on the way in, and out
//! ```
//! The key that takes over at the next rotation is not here but in a [`Safe`], so that a thief of this directory
//! has one of the two keys that a rotation takes.
//!
//! **Rotation that survives a crash.** The key after next is on the disk before the rotation is sent; the next key
//! leaves the safe, and files change places, only when the ledger has the rotation; and which file is which is
//! decided by the ledger's record, not by their names. So [`ActorDirectory::settle_with`] finishes what was
//! interrupted at any point, and no key is ever lost: replaced ones stay as `.old-n`.

mod safe;
mod slot;

use std::path::{Path, PathBuf};

use did_registry::canonical::{decode, encode};
use did_registry::{Did, DidRecord, Genesis as DidGenesis, NetworkId, PublicKey, SigningKey, Suite};
use gateway::key_file::KeyFileError;
use ledger_chain::{Genesis, TRANSACTION_BYTES};
use rand::{CryptoRng, RngCore};

pub use safe::Safe;
pub use slot::{KeySlot, read_key, write_key, write_secret};
pub(crate) use slot::{archive, with_suffix};

use crate::files::{self, FileError, Lock};
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
        "{}: neither this file nor the one that replaces it holds the key that the ledger has; causeway did rotate, \
         with the right --safe, finishes what was interrupted; else restore it from a backup, or have the \
         guardians recover the identifier",
        path.display()
    )]
    KeyLost {
        /// The file that should hold it.
        path: PathBuf,
    },
    /// A safe that is none.
    #[error("{}: a safe lies outside {}, whose keys it is to be apart from", safe.display(), directory.display())]
    SafeWithin {
        /// The safe.
        safe: PathBuf,
        /// The actor's directory.
        directory: PathBuf,
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
}

impl ActorDirectory {
    /// Makes a control key in a new directory, the next one in a safe, and the genesis operation that `complete`
    /// makes of them. Registers nothing.
    ///
    /// # Errors
    /// [`ActorError`]; an existing key is never overwritten.
    pub fn create<R: RngCore + CryptoRng>(
        path: &Path,
        safe: &Safe,
        network: &NetworkId,
        complete: impl FnOnce(DidGenesis) -> DidGenesis,
        rng: &mut R,
    ) -> Result<(Self, DidGenesis), ActorError> {
        safe.check_apart(path)?;
        let file = path.join("control.key");
        if let Some(path) = [&file, &safe.next.path].into_iter().find(|path| path.exists()) {
            return Err(FileError::Exists { path: path.clone() }.into());
        }
        files::directory(path)?;
        let control = SigningKey::generate(Suite::Ed25519, rng);
        let next = SigningKey::generate(Suite::Ed25519, rng);
        write_key(&file, &control)?;
        safe.put(&next)?;
        let genesis = DidGenesis::new(network.clone(), control.public_key(), next.public_key().commitment());
        let genesis = complete(genesis);
        files::create(&path.join("did.genesis"), &encode(&genesis), files::PUBLIC)?;
        files::create(&path.join("did"), format!("{}\n", genesis.did()).as_bytes(), files::PUBLIC)?;
        Ok((Self::at(path, genesis.did()), genesis))
    }

    /// Makes a directory for an identifier that exists; it has no keys yet. What is there already stays.
    ///
    /// # Errors
    /// [`ActorError::File`], [`ActorError::NotSelfCertified`].
    pub fn adopt(path: &Path, genesis: &DidGenesis, ledger: &Genesis) -> Result<Self, ActorError> {
        files::directory(path)?;
        let did = format!("{}\n", genesis.did());
        // The identifier last, because it says that the directory is an actor's.
        for (name, content) in
            [("genesis.bin", encode(ledger)), ("did.genesis", encode(genesis)), ("did", did.into_bytes())]
        {
            let file = path.join(name);
            if !file.exists() {
                files::replace(&file, &content, files::PUBLIC)?;
            }
        }
        Self::open(path)
    }

    /// Opens a directory that [`ActorDirectory::create`] or [`ActorDirectory::adopt`] made.
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
        let control = KeySlot::new(&path.join("control.key"), Suite::Ed25519);
        Self { path: path.to_owned(), did, control }
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

    /// A new control key, as [`KeySlot::prepare`], for a recovery.
    ///
    /// # Errors
    /// As there.
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<SigningKey, ActorError> {
        self.control.prepare(rng)
    }

    /// Whether this is the control key here, or the one that takes over.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn holds(&self, control: &PublicKey) -> Result<bool, ActorError> {
        self.control.holds(|key| key == control)
    }

    /// Keeps other commands from changing keys here, for as long as it lives.
    ///
    /// # Errors
    /// [`FileError::InUse`].
    pub fn lock(&self) -> Result<Lock, ActorError> {
        Ok(Lock::take(&self.path.join("lock"))?)
    }

    /// Puts the control key that the ledger's record has into place. Tells whether it was not there before.
    ///
    /// # Errors
    /// [`ActorError::KeyLost`], also if it is still in the safe.
    pub fn settle(&self, record: &DidRecord) -> Result<bool, ActorError> {
        self.control.settle(|key| key == &record.control, record.version.saturating_sub(1))
    }

    /// The same with the safe open, for the next key too: from there the control key comes after a rotation.
    ///
    /// # Errors
    /// [`ActorError::KeyLost`].
    pub fn settle_with(&self, safe: &Safe, record: &DidRecord) -> Result<bool, ActorError> {
        let version = record.version.saturating_sub(1);
        let current = |key: &PublicKey| key == &record.control;
        if !self.control.holds(current)? && safe.next.path.exists() {
            let next = safe.next()?;
            if current(&next.public_key()) {
                self.control.bring(&next, version)?;
            }
        }
        let control = self.settle(record)?;
        // It is here now, and whoever finds the safe must not find both keys.
        safe.take_out(current)?;
        let next = safe.next.settle(|key| key.commitment() == record.next, version)?;
        Ok(control || next)
    }

    /// A document key of this directory, such as `es256.key`.
    pub fn slot(&self, file: &str, suite: Suite) -> KeySlot {
        KeySlot::new(&self.path.join(file), suite)
    }
}

#[cfg(test)]
mod tests;
