//! A wallet on a disk: its one private file, and beside it what it trusts.
//!
//! ```text
//! citizen.json                     credentials, passes, keys, log: mode 0600, replaced whole
//! citizen.json.genesis             the ledger that was pinned when the wallet was made
//! citizen.json.trust/<agency>.bin  for each agency the newest head and bundle that followed
//! citizen.json.deltas/<issuer>.bin of each issuer what it revoked, as far as it was fetched
//! ```
//! Each agency's bundles are followed on their own: one agency may be a few seconds behind another, and that
//! is no rollback.

use std::path::{Path, PathBuf};

use credential::zk::RevocationDelta;
use did_registry::{Did, Digest, canonical};
use gateway::circuit_keys::CircuitKeysError;
use ledger_chain::Genesis;
use wallet::{Wallet, WalletError};

use crate::agency::{Agency, AgencyError};
use crate::files::{self, FileError, Lock};
use crate::trust::{self, TrustError, TrustFile};

/// Bytes of the largest wallet.
const WALLET_BYTES: usize = 64 * 1024 * 1024;

/// Why a wallet's files do not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletFileError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The wallet in it.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// What an agency's bundle claims.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The agency.
    #[error(transparent)]
    Agency(#[from] AgencyError),
    /// The circuits' keys.
    #[error(transparent)]
    CircuitKeys(#[from] CircuitKeysError),
    /// No ledger is pinned.
    #[error("a wallet trusts the ledger it is given first: name its genesis file with --genesis")]
    NotPinned,
    /// Another ledger is pinned.
    #[error("this wallet trusts ledger {pinned}, not {given}; use another wallet file for another ledger")]
    OtherLedger {
        /// The one pinned.
        pinned: String,
        /// The one given.
        given: String,
    },
}

/// An open wallet, which no other process uses meanwhile.
#[derive(Debug)]
pub struct WalletFile {
    path: PathBuf,
    /// What is in it; [`WalletFile::save`] keeps changes.
    pub wallet: Wallet,
    _lock: Lock,
}

impl WalletFile {
    /// Opens a wallet; an absent one is empty.
    ///
    /// # Errors
    /// [`WalletFileError`].
    pub fn open(path: &Path) -> Result<Self, WalletFileError> {
        Self::locked(path, Lock::take(&beside(path, ".lock"))?)
    }

    fn locked(path: &Path, lock: Lock) -> Result<Self, WalletFileError> {
        let wallet = if path.exists() {
            Wallet::read(&files::read_text(path, WALLET_BYTES)?)?
        } else {
            Wallet::default()
        };
        Ok(Self { path: path.to_owned(), wallet, _lock: lock })
    }

    /// Opens a wallet, once no other process uses it.
    ///
    /// # Errors
    /// As [`WalletFile::open`].
    pub fn open_when_free(path: &Path) -> Result<Self, WalletFileError> {
        Self::locked(path, Lock::wait(&beside(path, ".lock"))?)
    }

    /// The deltas of an issuer that are kept here, in order.
    ///
    /// # Errors
    /// [`WalletFileError::File`].
    pub fn deltas(&self, issuer: &Did, limit: usize) -> Result<Vec<RevocationDelta>, WalletFileError> {
        let path = self.deltas_path(issuer);
        if !path.exists() {
            return Ok(Vec::new());
        }
        // What cannot be read is fetched again.
        Ok(canonical::decode(&files::read(&path, limit)?, limit).unwrap_or_default())
    }

    /// Keeps the deltas of an issuer.
    ///
    /// # Errors
    /// [`WalletFileError::File`].
    pub fn keep_deltas(&self, issuer: &Did, deltas: &[RevocationDelta]) -> Result<(), WalletFileError> {
        files::directory(&beside(&self.path, ".deltas"))?;
        Ok(files::replace(&self.deltas_path(issuer), &canonical::encode(deltas), files::PRIVATE)?)
    }

    fn deltas_path(&self, issuer: &Did) -> PathBuf {
        let name = Digest::sha256(issuer.to_string().as_bytes());
        beside(&self.path, ".deltas").join(format!("{name}.bin"))
    }

    /// Keeps all changes: on the disk when this returns, whole or not at all.
    ///
    /// # Errors
    /// [`WalletFileError::File`].
    pub fn save(&self) -> Result<(), WalletFileError> {
        Ok(files::replace(&self.path, self.wallet.write().expose().as_bytes(), files::PRIVATE)?)
    }

    /// The pinned ledger; `given` pins it for a wallet that has none.
    ///
    /// # Errors
    /// [`WalletFileError::NotPinned`], [`WalletFileError::OtherLedger`].
    pub fn genesis(&self, given: Option<&Path>) -> Result<Genesis, WalletFileError> {
        let file = beside(&self.path, ".genesis");
        let given = given.map(trust::read_genesis).transpose()?;
        if !file.exists() {
            let genesis = given.ok_or(WalletFileError::NotPinned)?;
            files::create(&file, &did_registry::canonical::encode(&genesis), files::PUBLIC)?;
            return Ok(genesis);
        }
        let pinned = trust::read_genesis(&file)?;
        match given.map(|given| given.id()).filter(|given| given != &pinned.id()) {
            Some(given) => {
                Err(WalletFileError::OtherLedger { pinned: pinned.id().short(), given: given.short() })
            }
            None => Ok(pinned),
        }
    }

    /// What is trusted of an agency's word on the ledger, as of the last bundle.
    ///
    /// # Errors
    /// [`WalletFileError`].
    pub fn trust(&self, agency: &str, genesis: Genesis) -> Result<TrustFile, WalletFileError> {
        let directory = beside(&self.path, ".trust");
        files::directory(&directory)?;
        // The address is a URL and not a file name; its digest is one.
        let name = Digest::sha256(agency.as_bytes()).to_string();
        Ok(TrustFile::open(&directory.join(format!("{name}.bin")), genesis)?)
    }

    /// Fetches an agency's newest bundle and follows it.
    ///
    /// # Errors
    /// [`WalletFileError`]; an agency that shows an older or another history is not believed.
    pub async fn follow(&self, agency: &Agency, genesis: Genesis) -> Result<TrustFile, WalletFileError> {
        let mut trust = self.trust(agency.address(), genesis)?;
        let bundle = agency.bundle(trust.height()).await?;
        trust.import(bundle)?;
        Ok(trust)
    }

    /// What is trusted of every agency that this wallet has dealt with.
    ///
    /// # Errors
    /// [`WalletFileError`].
    pub fn all_trust(&self, genesis: &Genesis) -> Result<Vec<TrustFile>, WalletFileError> {
        let directory = beside(&self.path, ".trust");
        let mut all = Vec::new();
        if !directory.exists() {
            return Ok(all);
        }
        let failed = |error| FileError::system(&directory, error);
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|kind| kind == "bin") {
                all.push(TrustFile::open(&path, genesis.clone())?);
            }
        }
        Ok(all)
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use did_registry::Timestamp;

    use super::*;
    use crate::fixture::Town;

    #[test]
    fn a_wallet_is_private_kept_whole_and_used_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("citizen.json");
        let mut file = WalletFile::open(&path).unwrap();
        file.wallet.note(Timestamp::default(), "made");
        file.save().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(WalletFile::open(&path), Err(WalletFileError::File(FileError::InUse { .. }))));
        drop(file);
        assert_eq!(WalletFile::open(&path).unwrap().wallet.log.len(), 1);
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(WalletFile::open(&path), Err(WalletFileError::Wallet(WalletError::Stored(_)))));
    }

    #[test]
    fn a_wallet_trusts_the_ledger_it_was_given_first() {
        let directory = tempfile::tempdir().unwrap();
        let file = WalletFile::open(&directory.path().join("citizen.json")).unwrap();
        assert!(matches!(file.genesis(None), Err(WalletFileError::NotPinned)));
        let (ours, theirs) = (Town::new(1), Town::new(2));
        let write = |name: &str, town: &Town| {
            let path = directory.path().join(name);
            std::fs::write(&path, did_registry::canonical::encode(&town.genesis)).unwrap();
            path
        };
        let (ours_file, theirs_file) = (write("ours", &ours), write("theirs", &theirs));
        assert_eq!(file.genesis(Some(&ours_file)).unwrap().id(), ours.genesis.id());
        assert_eq!(file.genesis(None).unwrap().id(), ours.genesis.id());
        assert!(matches!(file.genesis(Some(&theirs_file)), Err(WalletFileError::OtherLedger { .. })));
    }

    #[test]
    fn each_agency_is_followed_on_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = WalletFile::open(&directory.path().join("citizen.json")).unwrap();
        let mut town = Town::new(1);
        town.tick(60);
        let genesis = town.genesis.clone();
        let mut first = file.trust("http://g", genesis.clone()).unwrap();
        first.import(town.bundle(1, None)).unwrap();
        let mut second = file.trust("http://m", genesis.clone()).unwrap();
        second.import(town.bundle(0, None)).unwrap();
        assert_eq!((first.height(), second.height()), (Some(1), Some(0)));
        assert_eq!(first.import(town.bundle(0, None)).unwrap_err().code(), "ROLLED_BACK");
        assert_eq!(file.trust("http://g", genesis.clone()).unwrap().height(), Some(1));
        assert_eq!(file.all_trust(&genesis).unwrap().len(), 2);
    }
}
