//! `causeway ceremony`: the circuits' keys, from many contributors of whom one honest one suffices.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use did_registry::Digest;
use gateway::circuit_keys::{CircuitKeys, CircuitKeysError};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::OsRng;
use zk_ceremony::{FinishedCeremony, Name, Step, transcripts_hash};
use zk_policy::{HolderCircuit, Matrices, PolicyCircuit, ProvingKey, Setup};

use super::{Ending, World};
use crate::ceremony::{CeremonyDirectory, CeremonyFault, NamedCircuit, Standing};
use crate::screen::{Screen, Tone};

#[derive(Subcommand, Debug)]
pub(super) enum CeremonyCommand {
    /// Start a ceremony, in a directory that then goes from contributor to contributor.
    New {
        /// The ceremony's directory.
        directory: PathBuf,
    },
    /// Verify what is there and contribute to it: secret factors, made and forgotten on this machine.
    Contribute {
        /// The ceremony's directory.
        directory: PathBuf,
        /// Who contributes, in printable ASCII; once to each phase.
        #[arg(long, value_name = "NAME")]
        name: Name,
    },
    /// End phase 1, which is for every circuit, and start phase 2, which is for these.
    Next {
        /// The ceremony's directory.
        directory: PathBuf,
        #[command(flatten)]
        minimum: Minimum,
    },
    /// Verify all of it as a stranger would, and the keys that it ended in.
    Verify {
        /// The ceremony's directory.
        directory: PathBuf,
        /// Directory of the circuits' keys that this ceremony is said to end in.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        #[command(flatten)]
        minimum: Minimum,
    },
    /// Verify all of it, end phase 2, and write the circuits' keys.
    Finalize {
        /// The ceremony's directory.
        directory: PathBuf,
        /// Where to write the keys, a directory that has none.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        minimum: Minimum,
    },
    /// Write keys from a public seed instead: for development, as everybody can prove anything with them.
    InsecureDev {
        /// Where to write the keys, a directory that has none.
        keys: PathBuf,
    },
}

/// How many contributors a phase needs.
#[derive(Args, Debug, Clone, Copy)]
pub(super) struct Minimum {
    /// How many contributors each phase needs.
    #[arg(long = "minimum", value_name = "COUNT", default_value = "3")]
    count: NonZeroUsize,
}

/// The matrices of both circuits.
struct Circuits {
    policy: Matrices,
    holder: Matrices,
}

impl Circuits {
    fn new() -> Self {
        Self { policy: Matrices::of::<PolicyCircuit>(), holder: Matrices::of::<HolderCircuit>() }
    }

    /// In the order of [`Keys::of`].
    fn named(&self) -> [NamedCircuit<'_>; 2] {
        [
            NamedCircuit { name: "policy", circuit: self.policy.circuit() },
            NamedCircuit { name: "holder", circuit: self.holder.circuit() },
        ]
    }
}

/// What a ceremony for both circuits ends in.
struct Keys {
    policy: ProvingKey<PolicyCircuit>,
    holder: ProvingKey<HolderCircuit>,
    transcript: Digest,
}

impl Keys {
    fn of(finished: &[FinishedCeremony]) -> anyhow::Result<Self> {
        let [policy, holder] = finished else {
            anyhow::bail!("a ceremony is for two circuits, this one is for {}", finished.len());
        };
        let transcript = Digest::from_bytes(transcripts_hash(finished));
        let (policy, holder) = (ProvingKey::of_ceremony(policy)?, ProvingKey::of_ceremony(holder)?);
        Ok(Self { policy, holder, transcript })
    }

    /// Whether the keys in a directory are these, in every byte, and of this transcript.
    fn are(&self, keys: &CircuitKeys) -> Result<bool, CircuitKeysError> {
        Ok(keys.transcript() == Some(&self.transcript)
            && keys.policy_proving()?.to_bytes() == self.policy.to_bytes()
            && keys.holder_proving()?.to_bytes() == self.holder.to_bytes()
            && keys.policy_verifying()? == self.policy.verifying_key()
            && keys.holder_verifying()? == self.holder.verifying_key())
    }
}

pub(super) fn run(command: CeremonyCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let screen = world.screen;
    let circuits = Circuits::new();
    let circuits = &circuits.named();
    let ran = match command {
        CeremonyCommand::New { directory } => start(&directory, circuits, screen),
        CeremonyCommand::Contribute { directory, name } => contribute(&directory, circuits, &name, screen),
        CeremonyCommand::Next { directory, minimum } => next(&directory, circuits, minimum.count, screen),
        CeremonyCommand::Verify { directory, keys, minimum } => {
            verify(&directory, circuits, keys.as_deref().map(|keys| (keys, minimum.count)), screen)
        }
        CeremonyCommand::Finalize { directory, out, minimum } => {
            finalize(&directory, circuits, &out, minimum.count, screen)
        }
        CeremonyCommand::InsecureDev { keys } => insecure(&keys, screen),
    };
    ran.or_else(|error| told(error, screen))
}

/// How a command ends that a rule of the ceremony stopped.
fn told(error: anyhow::Error, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    match error.downcast_ref::<CeremonyFault>() {
        Some(fault) if fault.is_refusal() => {
            screen.headline(Tone::Bad, "DOES NOT HOLD", fault)?;
            screen
                .line("  whoever made that turn, or altered it since, makes it again from the one before")?;
            Ok(Ending::Bad)
        }
        Some(fault) if fault.is_too_early() => {
            screen.headline(Tone::Warning, "NOT YET", fault)?;
            Ok(Ending::Open)
        }
        _ => Err(error),
    }
}

fn start(directory: &Path, circuits: &[NamedCircuit<'_>], screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let k = CeremonyDirectory::create(directory, circuits)?.k();
    screen.headline(Tone::Good, "started", format!("phase 1, for circuits of up to 2^{k} rows"))?;
    let directory = directory.display();
    screen
        .line(format!("next, one after the other: causeway ceremony contribute {directory} --name NAME"))?;
    Ok(Ending::Good)
}

fn contribute(
    directory: &Path,
    circuits: &[NamedCircuit<'_>],
    name: &Name,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let ceremony = CeremonyDirectory::open(directory, circuits)?;
    let made = Gauge::watch(|gauge| ceremony.contribute(name, &mut OsRng, &mut gauge.listener()))?;
    let headline = format!("contribution {} by {name}, {}", made.place, made.path.display());
    screen.headline(Tone::Good, "contributed", headline)?;
    for (of, hash) in &made.hashes {
        screen.line(format!("  {}  {of}", hex::encode(hash)))?;
    }
    screen
        .line("publish these hashes, signed, and keep them: `causeway ceremony verify` shows them again")?;
    Ok(Ending::Good)
}

fn next(
    directory: &Path,
    circuits: &[NamedCircuit<'_>],
    minimum: NonZeroUsize,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let ceremony = CeremonyDirectory::open(directory, circuits)?;
    let path = Gauge::watch(|gauge| ceremony.next(minimum, &mut OsRng, &mut gauge.listener()))?;
    screen.headline(Tone::Good, "phase 2", format!("phase 1 has ended; {}", path.display()))?;
    let directory = directory.display();
    screen
        .line(format!("next, one after the other: causeway ceremony contribute {directory} --name NAME"))?;
    Ok(Ending::Good)
}

fn verified(directory: &Path, circuits: &[NamedCircuit<'_>]) -> Result<Standing, CeremonyFault> {
    let ceremony = CeremonyDirectory::open(directory, circuits)?;
    Gauge::watch(|gauge| ceremony.verify(&mut OsRng, &mut gauge.listener()))
}

fn verify(
    directory: &Path,
    circuits: &[NamedCircuit<'_>],
    keys: Option<(&Path, NonZeroUsize)>,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let standing = verified(directory, circuits)?;
    let phase = if standing.is_in_phase2() { "phase 2" } else { "phase 1" };
    screen.headline(Tone::Good, "HOLDS", format!("every contribution up to now, in {phase}"))?;
    show_lines(&standing, screen)?;
    let Some((path, minimum)) = keys else { return Ok(Ending::Good) };
    let made = Keys::of(&standing.finish(minimum)?)?;
    let same = CircuitKeys::open(path, Setup::Ceremony)
        .and_then(|keys| if made.are(&keys)? { Ok(Some(keys.digest())) } else { Ok(None) });
    match same {
        Ok(Some(digest)) => {
            screen.headline(Tone::Good, "HOLDS", "the keys are those that this ceremony ends in")?;
            show_end(&made.transcript, &digest, screen)?;
            Ok(Ending::Good)
        }
        Ok(None) => {
            screen.headline(Tone::Bad, "OTHER KEYS", "they are not those that this ceremony ends in")?;
            Ok(Ending::Bad)
        }
        Err(error @ (CircuitKeysError::Key { .. } | CircuitKeysError::Development)) => {
            screen.headline(Tone::Bad, "OTHER KEYS", error)?;
            Ok(Ending::Bad)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn finalize(
    directory: &Path,
    circuits: &[NamedCircuit<'_>],
    out: &Path,
    minimum: NonZeroUsize,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    let standing = verified(directory, circuits)?;
    let made = Keys::of(&standing.finish(minimum)?)?;
    let keys = CircuitKeys::write(out, &made.policy, &made.holder, Some(made.transcript))?;
    screen.headline(Tone::Good, "finalized", out.display())?;
    show_lines(&standing, screen)?;
    show_end(&made.transcript, &keys.digest(), screen)?;
    let (directory, out) = (directory.display(), out.display());
    screen.line(format!("anybody may check: causeway ceremony verify {directory} --keys {out}"))?;
    Ok(Ending::Good)
}

fn insecure(keys: &Path, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let written = CircuitKeys::write_development(keys)?;
    screen.headline(Tone::Warning, "INSECURE", "keys for development: everybody can prove anything")?;
    screen.facts(&[("keys", keys.display().to_string()), ("digest", written.digest().to_string())])?;
    Ok(Ending::Good)
}

fn show_lines(standing: &Standing, screen: &mut Screen<'_>) -> anyhow::Result<()> {
    for line in standing.lines() {
        screen.line(format!("  {}, {} contributors:", line.of, line.contributions.len()))?;
        for (place, (name, hash)) in (1..).zip(&line.contributions) {
            screen.line(format!("  {place:>5}  {}  {name}", hex::encode(hash)))?;
        }
    }
    Ok(())
}

fn show_end(transcript: &Digest, digest: &Digest, screen: &mut Screen<'_>) -> anyhow::Result<()> {
    screen.facts(&[
        ("transcript", transcript.to_string()),
        ("digest of the keys, to be anchored", digest.to_string()),
    ])?;
    Ok(())
}

/// How far a computation is, on standard error, where somebody watches; gone when it ends.
struct Gauge(ProgressBar);

impl Gauge {
    fn watch<T>(work: impl FnOnce(&Self) -> T) -> T {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos} of {len}");
        bar.set_style(style.expect("a template of known keys"));
        bar.enable_steady_tick(Duration::from_millis(120));
        let gauge = Self(bar);
        let result = work(&gauge);
        gauge.0.finish_and_clear();
        result
    }

    fn listener(&self) -> impl FnMut(Step, usize, usize) {
        let mut last = None;
        move |step, done, total| {
            // Said once a step, because a message is not cheap and points are many.
            if last.replace((step, total)) != Some((step, total)) {
                self.0.set_message(doing(step));
                self.0.set_length(total as u64);
            }
            self.0.set_position(done as u64);
        }
    }
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::Read => "reads and checks points",
        Step::Chain => "checks contributions",
        Step::Multiply => "multiplies by secret factors",
        Step::Lagrange => "goes over to the circuit's points",
        Step::Combine => "adds up for each variable",
        Step::Check => "checks the last file, rule by rule",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ceremony::tests::Tiny;

    fn shown(show: impl FnOnce(&mut Screen<'_>) -> anyhow::Result<Ending>) -> (Ending, String) {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let ending = show(&mut screen).or_else(|error| told(error, &mut screen)).unwrap();
        (ending, String::from_utf8(out).unwrap())
    }

    #[test]
    fn contributors_find_their_hash_again_and_a_cheat_is_named() {
        let tiny = Tiny::new();
        let circuits = &tiny.named();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let three = NonZeroUsize::new(3).unwrap();
        let (ending, _) = shown(|screen| start(path, circuits, screen));
        assert_eq!(ending, Ending::Good);
        let everybody = || {
            let mut published = Vec::new();
            for name in ["Chile", "Estonia", "Ghana"] {
                let name = Name::new(name).unwrap();
                let (ending, text) = shown(|screen| contribute(path, circuits, &name, screen));
                assert_eq!(ending, Ending::Good);
                let hashes = text.lines().filter_map(|line| line.strip_prefix("  "));
                published.extend(hashes.map(|line| line[..64].to_owned()));
            }
            published
        };
        let end1 = || shown(|screen| next(path, circuits, three, screen));
        let end2 = || shown(|screen| finalize(path, circuits, &path.join("keys"), three, screen));
        assert_eq!((end1().0, end2().0), (Ending::Open, Ending::Open));
        let mut published = everybody();
        assert_eq!((end1().0, end2().0), (Ending::Good, Ending::Open));
        published.extend(everybody());
        assert_eq!(published.len(), 3 + 2 * 3, "one for the powers, one for each circuit");

        let (ending, text) = shown(|screen| verify(path, circuits, None, screen));
        assert_eq!(ending, Ending::Good);
        assert!(published.iter().all(|hash| text.contains(hash)), "{text}");

        let file = path.join("phase2-003-Ghana/square");
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (ending, text) = shown(|screen| verify(path, circuits, None, screen));
        assert_eq!(ending, Ending::Bad);
        assert!(text.contains("phase2-003-Ghana"), "{text}");
    }
}
