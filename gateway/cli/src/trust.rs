//! Trust kept on a disk: a pinned genesis, the newest head that followed from it, the bundle proved under it.
//!
//! A bundle from outside becomes [`Verified`] only through [`TrustFile::verify`], and nothing else is kept, so
//! what is on the disk was verified when it was written. It is verified again when it is read: a damaged
//! file is refused rather than decided on.

use std::path::{Path, PathBuf};

use credential::facts::Facts;
use did_registry::canonical::{decode, encode};
use ledger_chain::bundle::{BUNDLE_BYTES, BundleError, TrustBundle};
use ledger_chain::light::{LightError, TrustedHead};
use ledger_chain::{Genesis, HEAD_BYTES};

use crate::files::{self, FileError};

/// Bytes of the largest genesis file.
pub const GENESIS_BYTES: usize = 1024 * 1024;
/// Bytes of the largest trust file: a head and a bundle.
const TRUST_BYTES: usize = BUNDLE_BYTES + HEAD_BYTES + 64;

/// Why a bundle is not trusted, or trust not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A bundle that does not hold, or does not follow.
    #[error("the trust bundle: {0}")]
    Bundle(#[from] BundleError),
    /// A file that this program did not write so.
    #[error("{}: what is kept here does not hold any more ({cause}); import a trust bundle into a new directory", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: BundleError,
    },
}

impl TrustError {
    /// A stable code that names the rule.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "FILE",
            Self::Bundle(error) => error.code(),
            Self::Damaged { .. } => "DAMAGED",
        }
    }
}

/// A bundle that was verified against what was trusted before.
#[derive(Clone, Debug)]
pub struct Verified {
    head: TrustedHead,
    facts: Facts,
    bytes: Vec<u8>,
}

impl Verified {
    /// The head that it is proved under.
    pub fn head(&self) -> &TrustedHead {
        &self.head
    }

    /// What it proves.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Trust in one ledger, kept in one file.
#[derive(Debug)]
pub struct TrustFile {
    path: PathBuf,
    genesis: Genesis,
    current: Option<Verified>,
}

/// Reads and checks a genesis file.
///
/// # Errors
/// [`FileError`].
pub fn read_genesis(path: &Path) -> Result<Genesis, FileError> {
    let bytes = files::read(path, GENESIS_BYTES)?;
    Genesis::from_bytes(&bytes).map_err(|error| FileError::content(path, format!("a genesis: {error}")))
}

impl TrustFile {
    /// Opens the trust kept at `path`; there is none before the first bundle.
    ///
    /// # Errors
    /// [`TrustError::File`], [`TrustError::Damaged`].
    pub fn open(path: &Path, genesis: Genesis) -> Result<Self, TrustError> {
        let mut trust = Self { path: path.to_owned(), genesis, current: None };
        if !path.exists() {
            return Ok(trust);
        }
        let damaged = |cause: BundleError| TrustError::Damaged { path: path.to_owned(), cause };
        let bytes = files::read(path, TRUST_BYTES)?;
        let (head, bundle): (Vec<u8>, Vec<u8>) =
            decode(&bytes, TRUST_BYTES).map_err(|error| damaged(error.into()))?;
        let head = TrustedHead::from_bytes(&head).map_err(|error| damaged(error.into()))?;
        if head.head().ledger != trust.genesis.id() {
            return Err(damaged(LightError::OtherLedger.into()));
        }
        trust.current = Some(verified(&head, bundle).map_err(damaged)?);
        Ok(trust)
    }

    /// The pinned genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// What is trusted now; `None` before the first bundle.
    pub fn current(&self) -> Option<&Verified> {
        self.current.as_ref()
    }

    /// The trusted height; `None` before the first bundle. A new bundle is asked for from here on.
    pub fn height(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.head.head().height)
    }

    /// Verifies a bundle against what is trusted; nothing changes yet.
    ///
    /// # Errors
    /// [`TrustError::Bundle`]: older than what is trusted, inconsistent with it, of another ledger, or with
    /// a record or status list that does not hold.
    pub fn verify(&self, bytes: Vec<u8>) -> Result<Verified, TrustError> {
        let trusted = match &self.current {
            Some(current) => current.head.clone(),
            None => {
                let bundle = TrustBundle::from_bytes(&bytes).map_err(BundleError::from)?;
                TrustedHead::from_genesis(&self.genesis, &bundle.head).map_err(BundleError::from)?
            }
        };
        Ok(verified(&trusted, bytes)?)
    }

    /// Trusts a bundle that was verified just now, once it is on the disk.
    ///
    /// # Errors
    /// [`TrustError::File`]; what was trusted before then stays.
    pub(crate) fn keep(&mut self, verified: Verified) -> Result<(), TrustError> {
        let content = encode(&(verified.head.to_bytes(), verified.bytes.clone()));
        files::replace(&self.path, &content, files::PRIVATE)?;
        self.current = Some(verified);
        Ok(())
    }

    /// Verifies and keeps.
    ///
    /// # Errors
    /// As [`TrustFile::verify`], and [`TrustError::File`].
    pub fn import(&mut self, bytes: Vec<u8>) -> Result<&Verified, TrustError> {
        let verified = self.verify(bytes)?;
        self.keep(verified)?;
        Ok(self.current.as_ref().expect("present because it was kept just now"))
    }
}

fn verified(trusted: &TrustedHead, bytes: Vec<u8>) -> Result<Verified, BundleError> {
    let (head, facts) = TrustBundle::from_bytes(&bytes)?.verify(trusted)?;
    Ok(Verified { head, facts, bytes })
}
