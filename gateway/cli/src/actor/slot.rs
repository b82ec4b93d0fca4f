//! Key files: one key in use, one on its way in, the replaced ones beside them.

use std::path::{Path, PathBuf};

use did_registry::{PublicKey, Secret, SigningKey, Suite};
use gateway::key_file;
use rand::{CryptoRng, RngCore};

use super::ActorError;
use crate::files;

/// A place for one key: the file, and the file whose key takes over.
#[derive(Clone, Debug)]
pub struct KeySlot {
    /// The key in use.
    pub path: PathBuf,
    /// The key that takes over.
    pub incoming: PathBuf,
    /// The suite of both.
    pub suite: Suite,
}

impl KeySlot {
    /// A slot whose incoming key lies beside it, in `<path>.new`.
    pub fn new(path: &Path, suite: Suite) -> Self {
        Self { path: path.to_owned(), incoming: with_suffix(path, ".new"), suite }
    }

    /// The key in use.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn key(&self) -> Result<SigningKey, ActorError> {
        read_key(&self.path, self.suite)
    }

    /// The key that takes over: the one a run before this left, or a fresh one, whole and on the disk when this
    /// returns. One at a time does this: see [`ActorDirectory::lock`](super::ActorDirectory::lock).
    ///
    /// # Errors
    /// [`ActorError::File`], [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<SigningKey, ActorError> {
        if self.incoming.exists() {
            return read_key(&self.incoming, self.suite);
        }
        let key = SigningKey::generate(self.suite, rng);
        write_whole(&self.incoming, &key)?;
        Ok(key)
    }

    /// Makes a key from elsewhere the one that takes over; one that was to do so before is kept.
    ///
    /// # Errors
    /// [`ActorError::File`].
    pub(super) fn bring(&self, key: &SigningKey, version: u32) -> Result<(), ActorError> {
        if self.incoming.exists() {
            files::rename(&self.incoming, &archive(&self.path, version))?;
        }
        write_whole(&self.incoming, key)
    }

    /// Whether either file holds the wanted key.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub(super) fn holds(&self, wanted: impl Fn(&PublicKey) -> bool) -> Result<bool, ActorError> {
        Ok(self.is_in(&self.path, &wanted)? || self.is_in(&self.incoming, &wanted)?)
    }

    fn is_in(&self, path: &Path, wanted: impl Fn(&PublicKey) -> bool) -> Result<bool, ActorError> {
        Ok(path.exists() && wanted(&read_key(path, self.suite)?.public_key()))
    }

    /// Puts the key that the ledger has into place, whichever of the two files it is in. Tells whether
    /// anything moved.
    ///
    /// # Errors
    /// [`ActorError::KeyLost`] if it is in neither.
    pub fn settle(&self, wanted: impl Fn(&PublicKey) -> bool, version: u32) -> Result<bool, ActorError> {
        if self.is_in(&self.path, &wanted)? {
            return Ok(false);
        }
        if !self.is_in(&self.incoming, &wanted)? {
            return Err(ActorError::KeyLost { path: self.path.clone() });
        }
        if self.path.exists() {
            files::rename(&self.path, &archive(&self.path, version))?;
        }
        files::rename(&self.incoming, &self.path)?;
        Ok(true)
    }
}

/// Where a replaced key stays, from number `version` on; never the name of a file that exists.
pub(crate) fn archive(path: &Path, version: u32) -> PathBuf {
    let name = |number: u32| with_suffix(path, &format!(".old-{number}"));
    (version..).map(name).find(|path| !path.exists()).expect("free because there are fewer than 2^32 files")
}

/// The path with an ending after its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a key file: 64 hexadecimal digits, mode 0600.
///
/// # Errors
/// [`ActorError::KeyFile`], [`ActorError::Key`].
pub fn read_key(path: &Path, suite: Suite) -> Result<SigningKey, ActorError> {
    let secret =
        key_file::load(path).map_err(|error| ActorError::KeyFile { path: path.to_owned(), error })?;
    SigningKey::from_bytes(suite, secret.expose())
        .map_err(|error| ActorError::Key { path: path.to_owned(), error })
}

/// Writes a key file whole or not at all.
fn write_whole(path: &Path, key: &SigningKey) -> Result<(), ActorError> {
    Ok(files::replace(path, key_file::text(&key.to_secret()).as_slice(), files::PRIVATE)?)
}

/// Writes a new key file, on the disk when this returns.
///
/// # Errors
/// [`ActorError::KeyFile`], also if the file exists.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), ActorError> {
    write_secret(path, &key.to_secret())
}

/// The same for any 32 secret bytes.
///
/// # Errors
/// As [`write_key`].
pub fn write_secret(path: &Path, secret: &Secret<[u8; 32]>) -> Result<(), ActorError> {
    key_file::create(path, secret).map_err(|error| ActorError::KeyFile { path: path.to_owned(), error })
}
