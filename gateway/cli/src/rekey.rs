//! A new key-encryption key for an agency's vault, while its gateway rests.
//!
//! ```text
//! after step                       kek    kek.new   opens the vault
//! 1  the new key is on the disk    old    new       kek
//! 2  the vault is wrapped anew     old    new       kek.new
//! 3  kek becomes kek.old-n                new       kek.new
//! 4  kek.new becomes kek           new              kek
//! ```
//! **Argument.** Wrapping is one atomic write, so after every step, and between any two, one of the files opens
//! the vault. Which of them it is, the vault says, not their names: so another run goes on from there. The
//! vault stays open from the first step to the last, so that no gateway, and no second run, comes in between.
//!
//! **The old key stays**, as `kek.old-n`: backups from before open with no other. Of the vault as it is now it
//! opens nothing, and from now on rows are sealed under fresh data keys, so that whoever has the old key and
//! an old copy reads what is in that copy and no later row.

use std::path::{Path, PathBuf};

use gateway::config::Config;
use gateway::key_file::KeyFileError;
use gateway::vault::{Column, Kek, Vault, VaultError};

use crate::actor::{archive, with_suffix};
use crate::files::{self, FileError};

/// Why there is no new key-encryption key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// Nothing to lock.
    #[error("{}: there is no vault yet; a gateway makes it when it first starts", .0.display())]
    NoVault(PathBuf),
    /// The gateway runs, or another command like this one.
    #[error("stop the gateway first: one process at a time opens a vault, and another has it open")]
    InUse,
    /// Neither the key in place nor one on its way in.
    #[error("{}: neither this key nor the one that replaces it opens the vault; restore it from a backup", .0.display())]
    KeyLost(PathBuf),
    /// A key file.
    #[error("{}: {error}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KeyFileError,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The vault.
    #[error(transparent)]
    Vault(VaultError),
}

impl From<VaultError> for RekeyError {
    fn from(error: VaultError) -> Self {
        if matches!(error, VaultError::InUse) { Self::InUse } else { Self::Vault(error) }
    }
}

/// What [`rekey`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rekeyed {
    /// Whether it went on from where another run was interrupted.
    pub resumed: bool,
    /// Where the old key is now; none if that other run had put it away.
    pub old: Option<PathBuf>,
}

/// Locks the vault with a fresh key-encryption key, or finishes what an interrupted call began.
///
/// # Errors
/// [`RekeyError`]; after it, too, the key in place or the one beside it opens the vault.
pub fn rekey(config: &Config) -> Result<Rekeyed, RekeyError> {
    let directory = config.vault_directory();
    if !directory.exists() {
        return Err(RekeyError::NoVault(directory));
    }
    let (path, incoming) = (&config.kek_file, with_suffix(&config.kek_file, ".new"));
    let (vault, resumed) = open(&directory, path, &incoming)?;
    vault.rewrap(prepare(&incoming, resumed)?)?;
    for column in Column::ALL {
        vault.advance_key(column)?;
    }
    let old = if path.exists() {
        let old = archive(path, 1);
        files::rename(path, &old)?;
        Some(old)
    } else {
        None
    };
    files::rename(&incoming, path)?;
    drop(vault);
    Ok(Rekeyed { resumed, old })
}

/// The vault, and whether it was the incoming key that opened it.
fn open(directory: &Path, path: &Path, incoming: &Path) -> Result<(Vault, bool), RekeyError> {
    for (path, resumed) in [(path, false), (incoming, true)] {
        let Some(kek) = load(path)? else { continue };
        match Vault::open(directory, kek) {
            Err(VaultError::WrongKek) => {}
            opened => return Ok((opened?, resumed)),
        }
    }
    Err(RekeyError::KeyLost(path.to_owned()))
}

/// The key in a file, if there is one.
fn load(path: &Path) -> Result<Option<Kek>, RekeyError> {
    if !path.exists() {
        return Ok(None);
    }
    match Kek::load(path) {
        Ok(kek) => Ok(Some(kek)),
        Err(error) => Err(RekeyError::KeyFile { path: path.to_owned(), error }),
    }
}

/// The incoming key: the one that an interrupted run left, or a fresh one, on the disk when this returns.
fn prepare(incoming: &Path, resumed: bool) -> Result<Kek, RekeyError> {
    match load(incoming) {
        Ok(Some(kek)) => return Ok(kek),
        // Cut short while it was written, and so never used: the vault opened with the key in place.
        Err(RekeyError::KeyFile { error: KeyFileError::NotHex, .. }) if !resumed => {
            files::remove(incoming)?;
        }
        Ok(None) => {}
        Err(error) => return Err(error),
    }
    let kek = Kek::generate();
    kek.save(incoming).map_err(|error| RekeyError::KeyFile { path: incoming.to_owned(), error })?;
    Ok(kek)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gateway::vault::{RowId, Table};

    use super::*;

    const NOTES: Table<String> = Table::new(Column::Records);

    /// An agency's directory with one row in its vault.
    struct Office(tempfile::TempDir);

    impl Office {
        fn new() -> Self {
            let office = Self(tempfile::tempdir().unwrap());
            Kek::generate().save(&office.path("kek")).unwrap();
            fs::write(office.path("operators.toml"), "").unwrap();
            fs::write(office.path("genesis.bin"), "").unwrap();
            let vault = office.open("kek").unwrap();
            let note =
                |batch: &mut gateway::vault::Batch<'_>| batch.put(NOTES, &RowId::number(1), &"kept".into());
            vault.write(note).unwrap();
            office
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn config(&self) -> Config {
            let text = r#"
                listen = "127.0.0.1:8080"
                name = "Agency"
                did = "did:causeway:demo:11111111111111111111111111111111"
                public_url = "http://127.0.0.1:8080"
                directory = "."
                kek_file = "kek"
                control_key_file = "control.key"
                assertion_ed25519_key_file = "ed25519.key"
                assertion_p256_key_file = "es256.key"
                operators_file = "operators.toml"
                ledger_url = "http://127.0.0.1:7000"
                genesis_file = "genesis.bin"
            "#;
            Config::parse(text, self.0.path()).unwrap()
        }

        fn open(&self, kek: &str) -> Result<Vault, VaultError> {
            Vault::open(&self.config().vault_directory(), Kek::load(&self.path(kek)).unwrap())
        }

        /// Files of keys, sorted.
        fn keys(&self) -> Vec<String> {
            let names = fs::read_dir(self.0.path()).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut keys: Vec<String> = names.filter(|name| name.starts_with("kek")).collect();
            keys.sort();
            keys
        }

        fn is_whole_under(&self, kek: &str) {
            let vault = self.open(kek).unwrap();
            assert_eq!(vault.get(NOTES, &RowId::number(1)).unwrap().as_deref(), Some("kept"));
        }
    }

    #[test]
    fn a_vault_gets_a_new_key_and_the_old_one_is_kept_and_opens_nothing() {
        let office = Office::new();
        let old = fs::read(office.path("kek")).unwrap();
        let done = rekey(&office.config()).unwrap();
        assert_eq!(done, Rekeyed { resumed: false, old: Some(office.path("kek.old-1")) });
        assert_eq!(office.keys(), ["kek", "kek.old-1"]);
        assert_eq!(fs::read(office.path("kek.old-1")).unwrap(), old);
        office.is_whole_under("kek");
        assert!(matches!(office.open("kek.old-1"), Err(VaultError::WrongKek)));
        rekey(&office.config()).unwrap();
        assert_eq!(office.keys(), ["kek", "kek.old-1", "kek.old-2"], "no key is written over");
        office.is_whole_under("kek");
    }

    #[test]
    fn a_run_is_finished_from_wherever_it_was_interrupted() {
        for done in 0..=4 {
            let office = Office::new();
            if done == 0 {
                // Killed while the new key was written.
                files::create(&office.path("kek.new"), b"", files::PRIVATE).unwrap();
            } else {
                Kek::generate().save(&office.path("kek.new")).unwrap();
            }
            if done >= 2 {
                office.open("kek").unwrap().rewrap(Kek::load(&office.path("kek.new")).unwrap()).unwrap();
            }
            if done >= 3 {
                fs::rename(office.path("kek"), office.path("kek.old-1")).unwrap();
            }
            if done == 4 {
                fs::rename(office.path("kek.new"), office.path("kek")).unwrap();
            }
            let opens = ["kek", "kek", "kek.new", "kek.new", "kek"];
            office.is_whole_under(opens[done]);
            let again = rekey(&office.config()).unwrap();
            assert_eq!(again.resumed, (2..=3).contains(&done), "after {done} steps");
            office.is_whole_under("kek");
            assert!(!office.path("kek.new").exists() && office.path("kek.old-1").exists());
        }
    }

    #[test]
    fn what_it_cannot_do_it_says_and_leaves_as_it_was() {
        let office = Office::new();
        let running = office.open("kek").unwrap();
        assert!(matches!(rekey(&office.config()), Err(RekeyError::InUse)));
        drop(running);
        assert_eq!(office.keys(), ["kek"]);

        fs::rename(office.path("kek"), office.path("elsewhere")).unwrap();
        assert!(matches!(rekey(&office.config()), Err(RekeyError::KeyLost(_))));
        Kek::generate().save(&office.path("kek")).unwrap();
        assert!(matches!(rekey(&office.config()), Err(RekeyError::KeyLost(_))), "another vault's key");
        assert_eq!(office.keys(), ["kek"]);
        office.is_whole_under("elsewhere");

        fs::remove_dir_all(office.config().vault_directory()).unwrap();
        assert!(matches!(rekey(&office.config()), Err(RekeyError::NoVault(_))));
        assert!(!office.config().vault_directory().exists(), "no empty vault is made and locked");
    }
}
