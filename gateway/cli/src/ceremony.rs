//! A ceremony in a directory that goes from hand to hand, or lies where all contributors reach it.
//!
//! ```text
//! phase1-000-start/powers        where phase 1 starts          create
//! phase1-001-Chile/powers        after the first contribution  contribute
//! …
//! phase2-000-start/policy, holder    where phase 2 starts, a file for each circuit: phase 1 has ended   next
//! phase2-001-Ghana/policy, holder    …                                                                  contribute
//! ```
//! A turn appears whole or not at all, and is never changed. The last turn of a phase holds what came before, so verifying
//! takes the last ones, and earlier ones are for going back to when somebody's turn does not hold.
//!
//! **Checked.** What zk-ceremony checks; and that a turn holds as many contributions as its place says, that it is alone
//! at its place, and that the turns of phase 2 are of the same contributors for every circuit. That nobody was left out,
//! contributors see by the hashes that they published.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rand::{CryptoRng, RngCore};
use zk_ceremony::{
    CeremonyError, Circuit, FinishedCeremony, Name, Phase, Phase1, Phase2, Progress, VerifiedPhase1,
    VerifiedPhase2,
};

use crate::files::FileError;
use turn::{Turn, Turns};

#[cfg(test)]
pub(crate) mod tests;
mod turn;

/// File of phase 1 in a turn.
const POWERS: &str = "powers";

/// Why a ceremony does not go on, or does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyFault {
    /// Not read, or not written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing there.
    #[error("{}: no ceremony has started here", .0.display())]
    NoCeremony(PathBuf),
    /// Something there.
    #[error("{}: a ceremony has started here already", .0.display())]
    Exists(PathBuf),
    /// Two turns at one place.
    #[error(
        "{first}, {second}: contributors go one after the other; remove one of the two, whose turn comes again"
    )]
    TwoAtOnce {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Somebody was faster.
    #[error("{turn} has come meanwhile, and contributors go one after the other: contribute again, after it")]
    Overtaken {
        /// The newer turn.
        turn: String,
    },
    /// Does not hold.
    #[error("{turn}: {error}")]
    Turn {
        /// Which turn.
        turn: String,
        /// The rule that it breaks.
        error: CeremonyError,
    },
    /// A contribution too few, or too many.
    #[error("{turn}: a turn holds as many contributions as its place says; this one holds {got}")]
    Place {
        /// Which turn.
        turn: String,
        /// Contributions in it.
        got: usize,
    },
    /// Other contributors for one circuit than for another.
    #[error("{turn}: everybody contributes to every circuit, in one order; here the circuits differ")]
    CircuitsDiffer {
        /// Which turn.
        turn: String,
    },
    /// Too late for phase 1.
    #[error("phase 2 has started already")]
    Phase2Started,
    /// Too early for phase 2.
    #[error("phase 2 has not started yet")]
    Phase2NotStarted,
    /// What there is holds; what was asked for, a rule forbids.
    #[error(transparent)]
    Forbidden(CeremonyError),
}

impl CeremonyFault {
    /// Whether something that is there does not hold: somebody cheated, or erred.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::TwoAtOnce { .. } | Self::Turn { .. } | Self::Place { .. } | Self::CircuitsDiffer { .. }
        )
    }

    /// Whether more contributors are needed.
    pub fn is_too_early(&self) -> bool {
        matches!(self, Self::Phase2NotStarted | Self::Forbidden(CeremonyError::TooFewContributors { .. }))
    }
}

/// A circuit, under the name of its files.
#[derive(Clone, Copy, Debug)]
pub struct NamedCircuit<'a> {
    /// The name.
    pub name: &'a str,
    /// The circuit.
    pub circuit: Circuit<'a>,
}

/// A ceremony's directory, and the circuits that it is for.
#[derive(Clone, Debug)]
pub struct CeremonyDirectory<'a> {
    path: PathBuf,
    circuits: Vec<NamedCircuit<'a>>,
}

/// A ceremony that was verified as far as it has come.
pub struct Standing {
    phase1: (Turn, VerifiedPhase1),
    /// A file for each circuit.
    phase2: Option<(Turn, Vec<(String, VerifiedPhase2)>)>,
}

/// Contributions that go one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Phase, and in phase 2 the circuit.
    pub of: String,
    /// Who contributed, and the hash that they published.
    pub contributions: Vec<(Name, [u8; 32])>,
}

/// What somebody contributed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contributed {
    /// Where it is: what the next contributor needs.
    pub path: PathBuf,
    /// Its place in the phase, from 1.
    pub place: usize,
    /// To what, and the hash to publish.
    pub hashes: Vec<(String, [u8; 32])>,
}

impl<'a> CeremonyDirectory<'a> {
    /// Starts a ceremony whose phase 1 reaches for the largest of `circuits`.
    ///
    /// # Errors
    /// [`CeremonyFault`].
    pub fn create(path: &Path, circuits: &[NamedCircuit<'a>]) -> Result<Self, CeremonyFault> {
        let directory = Self { path: path.to_owned(), circuits: circuits.to_owned() };
        std::fs::create_dir_all(path).map_err(|error| FileError::system(path, error))?;
        if Turns::list(path)? != Turns::default() {
            return Err(CeremonyFault::Exists(path.to_owned()));
        }
        let start = Phase1::new(directory.k()).map_err(CeremonyFault::Forbidden)?;
        Turn::write(path, (Phase::One, 0), None, &[(POWERS.to_owned(), start.to_bytes())])?;
        Ok(directory)
    }

    /// A ceremony that has started.
    ///
    /// # Errors
    /// [`CeremonyFault::NoCeremony`], [`CeremonyFault::TwoAtOnce`], [`CeremonyFault::File`].
    pub fn open(path: &Path, circuits: &[NamedCircuit<'a>]) -> Result<Self, CeremonyFault> {
        if Turns::list(path)?.phase1.is_empty() {
            return Err(CeremonyFault::NoCeremony(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), circuits: circuits.to_owned() })
    }

    /// Logarithm of the points that phase 1 needs.
    pub fn k(&self) -> u32 {
        self.circuits.iter().map(|named| named.circuit.k()).max().unwrap_or(1)
    }

    /// Verifies all that is there. `rng` draws the weights of the checks.
    ///
    /// # Errors
    /// [`CeremonyFault`]; of what does not hold, the turn, and so whose it is.
    pub fn verify<R: RngCore + CryptoRng>(
        &self,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Standing, CeremonyFault> {
        let Turns { phase1, phase2 } = Turns::list(&self.path)?;
        let turn = phase1.last().ok_or_else(|| CeremonyFault::NoCeremony(self.path.clone()))?;
        let file = Phase1::from_bytes(&turn.read(POWERS)?, progress).map_err(|error| turn.refuse(error))?;
        let (needed, got) = (self.k(), file.k());
        if got < needed {
            return Err(turn.refuse(CeremonyError::TooFewPowers { needed, got }));
        }
        check_place(turn, file.contributors().len())?;
        let verified = file.verify(rng, progress).map_err(|error| turn.refuse(error))?;
        let phase1 = (turn.clone(), verified);
        let phase2 = match phase2.last() {
            None => None,
            Some(turn) => Some((turn.clone(), self.verify_phase2(turn, &phase1.1, rng, progress)?)),
        };
        Ok(Standing { phase1, phase2 })
    }

    fn verify_phase2<R: RngCore + CryptoRng>(
        &self,
        turn: &Turn,
        phase1: &VerifiedPhase1,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<(String, VerifiedPhase2)>, CeremonyFault> {
        let mut all: Vec<(String, VerifiedPhase2)> = Vec::new();
        for NamedCircuit { name, circuit } in &self.circuits {
            let bytes = turn.read(name)?;
            let file = Phase2::from_bytes(&bytes, progress).map_err(|error| turn.refuse(error))?;
            check_place(turn, file.contributors().len())?;
            if all.last().is_some_and(|(_, last)| !last.file().contributors().eq(file.contributors())) {
                return Err(CeremonyFault::CircuitsDiffer { turn: turn.to_string() });
            }
            let verified = file.verify(phase1, circuit, rng, progress);
            all.push(((*name).to_owned(), verified.map_err(|error| turn.refuse(error))?));
        }
        Ok(all)
    }

    /// Verifies all that is there and contributes to it: to the powers in phase 1, to every circuit in phase 2. The factors
    /// come from `rng` and are forgotten.
    ///
    /// # Errors
    /// [`CeremonyFault`].
    pub fn contribute<R: RngCore + CryptoRng>(
        &self,
        name: &Name,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Contributed, CeremonyFault> {
        let Standing { phase1, phase2 } = self.verify(rng, progress)?;
        let (mut hashes, mut contents) = (Vec::new(), Vec::new());
        let (phase, last) = match phase2 {
            None => {
                let file = phase1.1.contribute(name.clone(), rng, progress);
                let file = file.map_err(CeremonyFault::Forbidden)?;
                hashes.push((of(Phase::One, None), file.hash()));
                contents.push((POWERS.to_owned(), file.to_bytes()));
                (Phase::One, phase1.0)
            }
            Some((last, all)) => {
                for (circuit, verified) in all {
                    let file = verified.contribute(name.clone(), rng, progress);
                    let file = file.map_err(CeremonyFault::Forbidden)?;
                    hashes.push((of(Phase::Two, Some(&circuit)), file.hash()));
                    contents.push((circuit, file.to_bytes()));
                }
                (Phase::Two, last)
            }
        };
        let place = last.place + 1;
        let turn = self.append((phase, place), &last, Some(name), &contents)?;
        Ok(Contributed { path: turn.path().to_owned(), place, hashes })
    }

    /// Verifies phase 1 and ends it, if it has at least `minimum` contributors: starts phase 2 from it.
    ///
    /// # Errors
    /// [`CeremonyFault`].
    pub fn next<R: RngCore + CryptoRng>(
        &self,
        minimum: NonZeroUsize,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<PathBuf, CeremonyFault> {
        if !Turns::list(&self.path)?.phase2.is_empty() {
            return Err(CeremonyFault::Phase2Started);
        }
        let Standing { phase1: (last, verified), .. } = self.verify(rng, progress)?;
        let (needed, got) = (minimum.get(), last.place);
        if got < needed {
            let phase = Phase::One;
            return Err(CeremonyFault::Forbidden(CeremonyError::TooFewContributors { phase, needed, got }));
        }
        let mut contents = Vec::new();
        for NamedCircuit { name, circuit } in &self.circuits {
            let start = Phase2::new(&verified, circuit, progress).map_err(CeremonyFault::Forbidden)?;
            contents.push(((*name).to_owned(), start.to_bytes()));
        }
        Ok(self.append((Phase::Two, 0), &last, None, &contents)?.path().to_owned())
    }

    /// Writes a turn that follows `last`, unless another one has come meanwhile.
    fn append(
        &self,
        place: (Phase, usize),
        last: &Turn,
        who: Option<&Name>,
        contents: &[(String, Vec<u8>)],
    ) -> Result<Turn, CeremonyFault> {
        let Turns { phase1, phase2 } = Turns::list(&self.path)?;
        match phase2.last().or(phase1.last()) {
            Some(newest) if newest != last => Err(CeremonyFault::Overtaken { turn: newest.to_string() }),
            _ => Ok(Turn::write(&self.path, place, who, contents)?),
        }
    }
}

fn check_place(turn: &Turn, got: usize) -> Result<(), CeremonyFault> {
    if turn.place == got { Ok(()) } else { Err(CeremonyFault::Place { turn: turn.to_string(), got }) }
}

fn of(phase: Phase, circuit: Option<&str>) -> String {
    circuit.map_or_else(|| phase.to_string(), |circuit| format!("{phase}, {circuit}"))
}

impl Standing {
    /// Who contributed to what, with the hashes that they published.
    pub fn lines(&self) -> Vec<Line> {
        let file = self.phase1.1.file();
        let contributions = file.contributors().cloned().zip(file.hashes()).collect();
        let first = Line { of: of(Phase::One, None), contributions };
        let more = self.phase2.iter().flat_map(|(_, all)| all).map(|(circuit, verified)| {
            let file = verified.file();
            let contributions = file.contributors().cloned().zip(file.hashes()).collect();
            Line { of: of(Phase::Two, Some(circuit)), contributions }
        });
        std::iter::once(first).chain(more).collect()
    }

    /// Whether phase 2 has started.
    pub fn is_in_phase2(&self) -> bool {
        self.phase2.is_some()
    }

    /// Ends the ceremony, if each phase has at least `minimum` contributors: a key for each circuit, in their order.
    ///
    /// # Errors
    /// [`CeremonyFault::Phase2NotStarted`], [`CeremonyFault::Forbidden`].
    pub fn finish(&self, minimum: NonZeroUsize) -> Result<Vec<FinishedCeremony>, CeremonyFault> {
        let (_, all) = self.phase2.as_ref().ok_or(CeremonyFault::Phase2NotStarted)?;
        let finished = all.iter().map(|(_, verified)| verified.finalize(minimum));
        finished.collect::<Result<_, _>>().map_err(CeremonyFault::Forbidden)
    }
}
