//! What a checkpoint applies, under which name, and how long things last: its one configuration file.

use std::path::{Path, PathBuf};

use credential::facts::AgeLimits;
use did_registry::Digest;
use gateway::circuit_keys::{CircuitKeys, CircuitKeysError};
use serde::{Deserialize, Serialize};
use zk_policy::Setup;

use super::CheckpointError;
use crate::files::{self, FileError};

/// Bytes of the largest file of terms.
const FILE_BYTES: usize = 16 * 1024;

/// What a checkpoint needs to take proofs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// The policy that is proved; like the other it is looked up in the bundle.
    pub policy: Digest,
    /// Directory of the circuits' keys, as a ceremony leaves it.
    pub keys: PathBuf,
    /// Accepts keys made for development, with which everybody can prove anything.
    #[serde(default)]
    pub insecure_development_keys: bool,
}

/// A checkpoint's terms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The policy applied; it is looked up in the bundle, never in what is shown (W6).
    pub policy: Digest,
    /// The name that holders sign for: 1 to 128 printable characters. With a name of its own, what is shown
    /// here is of no use elsewhere.
    pub audience: String,
    /// Whether printed certificates are taken too. Paper has no key: a copy is as good as the page, so an officer
    /// compares what is signed with the bearer's document.
    #[serde(default)]
    pub paper: bool,
    /// Seconds in which a challenge is answered, 10 to 3,600.
    #[serde(default = "five_minutes")]
    pub answer_seconds: u64,
    /// How old keys, rules and status may be, in seconds.
    #[serde(default)]
    pub limits: AgeLimits,
    /// What it needs to take proofs; without it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Proofs>,
}

fn five_minutes() -> u64 {
    300
}

impl Proofs {
    /// The circuits' keys.
    ///
    /// # Errors
    /// [`CircuitKeysError`]; for keys made for development unless the terms accept them.
    pub fn circuit_keys(&self) -> Result<CircuitKeys, CircuitKeysError> {
        let accepted =
            if self.insecure_development_keys { Setup::InsecureDevelopment } else { Setup::Ceremony };
        CircuitKeys::open(&self.keys, accepted)
    }
}

impl Terms {
    /// Terms with the usual times: five minutes to answer, amber at 24 h, refusal at 72 h. No paper.
    pub fn new(policy: Digest, audience: &str) -> Self {
        Self {
            policy,
            audience: audience.to_owned(),
            paper: false,
            answer_seconds: five_minutes(),
            limits: AgeLimits::default(),
            proofs: None,
        }
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`CheckpointError::Terms`].
    pub fn check(&self) -> Result<(), CheckpointError> {
        let length = self.audience.chars().count();
        let plain = !self.audience.chars().any(char::is_control) && self.audience.trim() == self.audience;
        let AgeLimits { amber, refuse } = self.limits;
        let rules = [
            ((1..=128).contains(&length) && plain, "audience has 1 to 128 printable characters"),
            ((10..=3600).contains(&self.answer_seconds), "answer_seconds is 10 to 3600"),
            (amber >= 60 && amber < refuse, "limits.amber is at least 60 and below limits.refuse"),
            (refuse <= 366 * 86_400, "limits.refuse is at most a year"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(CheckpointError::Terms(rule)),
            None => Ok(()),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, CheckpointError> {
        let text = files::read_text(path, FILE_BYTES)?;
        let terms: Self = toml::from_str(&text).map_err(|error| FileError::content(path, error))?;
        terms.check()?;
        Ok(terms)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let text = toml::to_string(self).expect("serialises because every field is text or a number");
        Ok(files::create(path, text.as_bytes(), files::PUBLIC)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_as_written_and_misspelt_ones_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint.toml");
        let terms = Terms::new(Digest::sha256(b"policy"), "Lane 3 · Gongbei");
        terms.write(&path).unwrap();
        assert_eq!(Terms::read(&path).unwrap(), terms);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("answer_seconds", "answer_second")).unwrap();
        assert!(Terms::read(&path).unwrap_err().to_string().contains("answer_second"));
    }

    #[test]
    fn senseless_terms_are_refused() {
        let good = Terms::new(Digest::sha256(b"policy"), "Lane 3");
        good.check().unwrap();
        let limits = |amber, refuse| Terms { limits: AgeLimits { amber, refuse }, ..good.clone() };
        let named = |audience: &str| Terms { audience: audience.into(), ..good.clone() };
        let timed = |answer_seconds| Terms { answer_seconds, ..good.clone() };
        let (long, late) = ("x".repeat(129), 367 * 86_400);
        for (terms, rule) in [
            (named(""), "audience"),
            (named("a\nb"), "audience"),
            (named(" padded"), "audience"),
            (named(&long), "audience"),
            (timed(9), "answer_seconds"),
            (timed(3601), "answer_seconds"),
            (limits(100, 100), "amber"),
            (limits(1, 100), "amber"),
            (limits(60, late), "year"),
        ] {
            let refused = terms.check().unwrap_err();
            assert!(
                matches!(&refused, CheckpointError::Terms(text) if text.contains(rule)),
                "{rule}: {refused}"
            );
        }
    }
}
