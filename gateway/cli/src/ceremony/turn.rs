//! The turns of a ceremony on a disk, one directory each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zk_ceremony::{CeremonyError, Name, Phase};

use super::CeremonyFault;
use crate::files::{self, FileError};

/// Bytes of the largest file: a phase 2 with as many variables as a circuit may have.
const FILE_BYTES: usize = 64 << 20;
/// What stands for the contributor in the turn that a phase starts with.
const START: &str = "start";
/// Ends the name of a turn that is being written.
const UNFINISHED: &str = ".new";

/// A turn: where a phase starts, or what one contributor made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Turn {
    /// How many contributions it holds.
    pub(super) place: usize,
    path: PathBuf,
}

/// The turns of both phases, each in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Turns {
    pub(super) phase1: Vec<Turn>,
    pub(super) phase2: Vec<Turn>,
}

impl Turns {
    /// Finds the turns in a directory. Earlier ones may be missing, as the last of a phase holds all of it.
    pub(super) fn list(directory: &Path) -> Result<Self, CeremonyFault> {
        let failed = |error| FileError::system(directory, error);
        let mut turns = Self::default();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let Some((phase, place)) = path.file_name().and_then(|name| parse(name.to_str()?)) {
                let turn = Turn { place, path };
                match phase {
                    Phase::One => turns.phase1.push(turn),
                    Phase::Two => turns.phase2.push(turn),
                }
            }
        }
        for phase in [&mut turns.phase1, &mut turns.phase2] {
            phase.sort();
            let pairs = phase.iter().zip(phase.iter().skip(1));
            if let Some((first, second)) = pairs.into_iter().find(|(one, two)| one.place == two.place) {
                return Err(CeremonyFault::TwoAtOnce {
                    first: first.to_string(),
                    second: second.to_string(),
                });
            }
        }
        Ok(turns)
    }
}

/// Phase and place, if this is the name of a turn: `phase1-003-Ghana`.
fn parse(name: &str) -> Option<(Phase, usize)> {
    let (phase, rest) = name.split_once('-')?;
    let (place, who) = rest.split_once('-')?;
    let phase = match phase {
        "phase1" => Phase::One,
        "phase2" => Phase::Two,
        _ => return None,
    };
    let known = place.len() == 3 && place.bytes().all(|byte| byte.is_ascii_digit()) && who == plain(who);
    if known { Some((phase, place.parse().ok()?)) } else { None }
}

/// A name as every file system takes it. Who contributed is in the files; this is for people.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

impl Turn {
    /// Reads one of its files.
    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, FileError> {
        files::read(&self.path.join(file), FILE_BYTES)
    }

    /// Writes a new turn: with all its files, or not at all.
    pub(super) fn write(
        directory: &Path,
        (phase, place): (Phase, usize),
        who: Option<&Name>,
        contents: &[(String, Vec<u8>)],
    ) -> Result<Self, FileError> {
        let phase = match phase {
            Phase::One => 1,
            Phase::Two => 2,
        };
        let who = who.map_or_else(|| START.to_owned(), |name| plain(name.as_str()));
        let name = format!("phase{phase}-{place:03}-{who}");
        let (path, beside) = (directory.join(&name), directory.join(name + UNFINISHED));
        match fs::remove_dir_all(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::system(&beside, error));
            }
            // There was none, or it was left by a crash.
            _ => {}
        }
        // Not for its owner alone: the next contributor reads it.
        fs::create_dir(&beside).map_err(|error| FileError::system(&beside, error))?;
        for (file, bytes) in contents {
            files::create(&beside.join(file), bytes, files::PUBLIC)?;
        }
        // Refused by the system if there is such a turn, because it is not empty.
        files::rename(&beside, &path)?;
        Ok(Self { place, path })
    }

    /// That this turn does not hold.
    pub(super) fn refuse(&self, error: impl Into<CeremonyError>) -> CeremonyFault {
        CeremonyFault::Turn { turn: self.to_string(), error: error.into() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Display for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        write!(f, "{}", Path::new(name).display())
    }
}
