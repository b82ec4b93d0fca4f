//! A safe: where the key lies that takes over at the next rotation, apart from the keys that a server reads.
//!
//! A directory, `<actor>.safe` unless another is named. Whoever sets an actor up takes it away, to a medium in a
//! drawer; a rotation and a recovery open it, and nothing else ever does.

use std::path::{Path, PathBuf};

use did_registry::{PublicKey, SigningKey, Suite};
use rand::{CryptoRng, RngCore};

use super::{ActorError, KeySlot, with_suffix, write_key};
use crate::files::{self, FileError};

/// The file in it.
const NEXT: &str = "next.key";

/// A safe.
#[derive(Clone, Debug)]
pub struct Safe {
    path: PathBuf,
    pub(super) next: KeySlot,
}

impl Safe {
    /// The safe in a directory of its own.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), next: KeySlot::new(&path.join(NEXT), Suite::Ed25519) }
    }

    /// The safe of an actor's directory: the one that is named, or else the one beside it.
    pub fn of(directory: &Path, named: Option<&Path>) -> Self {
        named.map_or_else(|| Self::beside(directory), Self::at)
    }

    /// The safe `<directory>.safe`.
    pub fn beside(directory: &Path) -> Self {
        // `.` and `..` have no name to put an ending to, and a slash at the end is no part of one.
        let full = directory.file_name().is_none().then(|| std::fs::canonicalize(directory).ok()).flatten();
        let directory: PathBuf = full.as_deref().unwrap_or(directory).components().collect();
        Self::at(&with_suffix(&directory, ".safe"))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that takes over at the next rotation.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], [`ActorError::Key`].
    pub fn next(&self) -> Result<SigningKey, ActorError> {
        self.next.key()
    }

    /// The key after next, as [`KeySlot::prepare`].
    ///
    /// # Errors
    /// As there.
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<SigningKey, ActorError> {
        files::directory(&self.path)?;
        self.next.prepare(rng)
    }

    /// Puts in the first key.
    ///
    /// # Errors
    /// [`ActorError::KeyFile`], also if there is one already.
    pub(super) fn put(&self, next: &SigningKey) -> Result<(), ActorError> {
        files::directory(&self.path)?;
        write_key(&self.next.path, next)
    }

    /// Removes the key that has become the control key.
    ///
    /// # Errors
    /// [`ActorError`].
    pub(super) fn take_out(&self, current: impl Fn(&PublicKey) -> bool) -> Result<(), ActorError> {
        if self.next.path.exists() && current(&self.next()?.public_key()) {
            files::remove(&self.next.path)?;
        }
        Ok(())
    }

    /// Refuses a safe within the directory whose keys it is to be apart from.
    ///
    /// # Errors
    /// [`ActorError::SafeWithin`].
    pub(crate) fn check_apart(&self, directory: &Path) -> Result<(), ActorError> {
        let full = |path: &Path| std::path::absolute(path).map_err(|error| FileError::system(path, error));
        if full(&self.path)?.starts_with(full(directory)?) {
            return Err(ActorError::SafeWithin { safe: self.path.clone(), directory: directory.to_owned() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_lies_beside_what_it_is_apart_from() {
        for (directory, safe) in [
            ("macau", "macau.safe"),
            ("macau/", "macau.safe"),
            ("a/b.c", "a/b.c.safe"),
            ("network/members/1", "network/members/1.safe"),
        ] {
            let beside = Safe::beside(Path::new(directory));
            assert_eq!(beside.path(), Path::new(safe));
            beside.check_apart(Path::new(directory)).unwrap();
        }
        let here = Safe::beside(Path::new("."));
        assert!(here.path().is_absolute() && here.check_apart(Path::new(".")).is_ok(), "{here:?}");
        for within in ["macau", "macau/", "macau/safe", "macau/../macau/safe"] {
            let refused = Safe::at(Path::new(within)).check_apart(Path::new("macau"));
            assert!(matches!(refused, Err(ActorError::SafeWithin { .. })), "{within}");
        }
    }
}
