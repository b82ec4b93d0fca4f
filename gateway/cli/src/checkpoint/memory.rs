//! What a checkpoint remembers: challenges made and answered, and the latest time seen.
//!
//! One journal of lines, compacted when most of it has lapsed. Only random nonces, nullifiers and times are in it: a
//! nullifier says nothing of its holder, and is forgotten when its day is over. A challenge that was answered is remembered for [`ANSWERED`] seconds, far longer than it could be answered,
//! so that a late second show is called by its name.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use did_registry::{Date, Timestamp};
use serde::{Deserialize, Serialize};

use super::CLOCK_TOLERANCE;
use crate::files::{self, FileError, Journal};

/// Seconds for which an answered challenge is remembered: as long as a checkpoint may run alone.
const ANSWERED: u64 = 72 * 3600;
/// Challenges remembered; beyond that the oldest are forgotten, and what answers them is refused.
const MOST: usize = 200_000;
/// Bytes of the largest journal read, well above [`MOST`] lines twice.
const JOURNAL_BYTES: usize = 128 * 1024 * 1024;
/// Lines that may have lapsed before the journal is compacted, beside as many as are alive.
const SLACK: usize = 4_096;

/// What is known of a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// Made here, in time, and not answered.
    Open,
    /// Answered before.
    Answered,
    /// Made here, too long ago.
    Late,
    /// Never made here, or forgotten.
    Never,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Made { nonce: String, at: Timestamp },
    Answered { nonce: String, at: Timestamp },
    Counted { nullifier: String, day: Date, at: Timestamp },
    Seen { at: Timestamp },
    ClockConfirmed { at: Timestamp },
}

#[derive(Debug)]
struct Nonce {
    made: Timestamp,
    answered: Option<Timestamp>,
}

/// The memory of a checkpoint.
#[derive(Debug)]
pub(super) struct Memory {
    journal: Journal,
    /// Seconds in which a challenge is answered.
    answer_seconds: u64,
    nonces: HashMap<String, Nonce>,
    /// Nonces in the order in which they were made.
    order: VecDeque<String>,
    /// Nullifiers of holders who were let pass, with their day.
    counted: HashMap<String, Date>,
    latest: Timestamp,
    lines: usize,
}

impl Memory {
    pub(super) fn open(path: &Path, answer_seconds: u64) -> Result<Self, FileError> {
        let journal = Journal::open(path)?;
        let text = files::read_text(path, JOURNAL_BYTES)?;
        let mut memory = Self {
            journal,
            answer_seconds,
            nonces: HashMap::new(),
            order: VecDeque::new(),
            counted: HashMap::new(),
            latest: Timestamp::default(),
            lines: 0,
        };
        for (number, line) in text.lines().enumerate() {
            let rule = |_| {
                FileError::content(path, format!("line {} is not one that this program wrote", number + 1))
            };
            memory.take(serde_json::from_str(line).map_err(rule)?);
            memory.lines += 1;
        }
        memory.compact()?;
        Ok(memory)
    }

    /// The latest time seen.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// What is known of a nonce at `now`.
    pub(super) fn known(&self, nonce: &str, now: Timestamp) -> Known {
        match self.nonces.get(nonce) {
            None => Known::Never,
            Some(Nonce { answered: Some(_), .. }) => Known::Answered,
            Some(Nonce { made, .. }) if self.is_open(*made, now) => Known::Open,
            Some(_) => Known::Late,
        }
    }

    /// A challenge was made. Not waited for: if the power goes, its answer is refused.
    pub(super) fn made(&mut self, nonce: &str, at: Timestamp) -> Result<(), FileError> {
        self.write(Line::Made { nonce: nonce.to_owned(), at }, false)
    }

    /// A challenge was answered by a holder; on the disk when this returns.
    pub(super) fn answered(&mut self, nonce: &str, at: Timestamp) -> Result<(), FileError> {
        self.write(Line::Answered { nonce: nonce.to_owned(), at }, true)
    }

    /// Whether the holder with this nullifier was let pass before, in the nullifier's scope.
    pub(super) fn is_counted(&self, nullifier: &str) -> bool {
        self.counted.contains_key(nullifier)
    }

    /// A holder is let pass; on the disk when this returns.
    pub(super) fn counted(&mut self, nullifier: String, day: Date, at: Timestamp) -> Result<(), FileError> {
        self.write(Line::Counted { nullifier, day, at }, true)
    }

    /// Time passed. Not waited for: a power cut may forget the last seconds, and no clock goes back by as little.
    pub(super) fn seen(&mut self, at: Timestamp) -> Result<(), FileError> {
        if at > self.latest { self.write(Line::Seen { at }, false) } else { Ok(()) }
    }

    /// Somebody answers for the clock.
    pub(super) fn confirm_clock(&mut self, at: Timestamp) -> Result<(), FileError> {
        self.write(Line::ClockConfirmed { at }, true)
    }

    fn write(&mut self, line: Line, synced: bool) -> Result<(), FileError> {
        self.journal.append(&text(&line), synced)?;
        self.take(line);
        self.lines += 1;
        self.compact()
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Made { nonce, at } => {
                self.latest = self.latest.max(at);
                self.order.push_back(nonce.clone());
                self.nonces.insert(nonce, Nonce { made: at, answered: None });
                while self.order.len() > MOST {
                    if let Some(oldest) = self.order.pop_front() {
                        self.nonces.remove(&oldest);
                    }
                }
            }
            Line::Answered { nonce, at } => {
                self.latest = self.latest.max(at);
                if let Some(known) = self.nonces.get_mut(&nonce) {
                    known.answered = Some(at);
                }
            }
            Line::Counted { nullifier, day, at } => {
                self.latest = self.latest.max(at);
                self.counted.insert(nullifier, day);
            }
            Line::Seen { at } => self.latest = self.latest.max(at),
            Line::ClockConfirmed { at } => self.latest = at,
        }
    }

    fn is_open(&self, made: Timestamp, now: Timestamp) -> bool {
        now < made.plus(self.answer_seconds) && made <= now.plus(CLOCK_TOLERANCE)
    }

    /// Drops what has lapsed, once that is most of the journal.
    fn compact(&mut self) -> Result<(), FileError> {
        if self.lines < SLACK + 4 * (self.order.len() + self.counted.len()) {
            return Ok(());
        }
        let (latest, open) = (self.latest, self.answer_seconds);
        let alive = |nonce: &Nonce| match nonce.answered {
            Some(at) => at.plus(ANSWERED) > latest,
            None => nonce.made.plus(open) > latest,
        };
        self.nonces.retain(|_, nonce| alive(nonce));
        self.order.retain(|nonce| self.nonces.contains_key(nonce));
        // A proof is good on its day alone; a day more, in case the clock is a little off.
        let today = latest.date();
        self.counted.retain(|_, day| day.plus_days(1) >= today);
        let mut lines = Vec::with_capacity(self.order.len() * 2 + 1);
        for nonce in &self.order {
            let Some(known) = self.nonces.get(nonce) else { continue };
            lines.push(text(&Line::Made { nonce: nonce.clone(), at: known.made }));
            if let Some(at) = known.answered {
                lines.push(text(&Line::Answered { nonce: nonce.clone(), at }));
            }
        }
        for (nullifier, day) in &self.counted {
            lines.push(text(&Line::Counted { nullifier: nullifier.clone(), day: *day, at: latest }));
        }
        // Last, because it sets the time to what it is now, whatever the lines before made of it.
        lines.push(text(&Line::ClockConfirmed { at: latest }));
        self.journal.rewrite(&lines)?;
        self.lines = lines.len();
        Ok(())
    }
}

fn text(line: &Line) -> String {
    serde_json::to_string(line).expect("serialises because every field does")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(1_000_000 + seconds)
    }

    fn open(directory: &tempfile::TempDir) -> Memory {
        Memory::open(&directory.path().join("memory.jsonl"), 300).unwrap()
    }

    #[test]
    fn a_challenge_is_open_until_it_is_answered_or_late() {
        let directory = tempfile::tempdir().unwrap();
        let mut memory = open(&directory);
        memory.made("A", at(0)).unwrap();
        memory.made("B", at(0)).unwrap();
        assert_eq!(memory.known("A", at(299)), Known::Open);
        assert_eq!(memory.known("A", at(300)), Known::Late);
        assert_eq!(memory.known("C", at(0)), Known::Never);
        memory.answered("B", at(10)).unwrap();
        assert_eq!(memory.known("B", at(10)), Known::Answered);
        drop(memory);
        let memory = open(&directory);
        assert_eq!(memory.known("A", at(299)), Known::Open);
        assert_eq!(memory.known("B", at(100_000)), Known::Answered);
        assert_eq!(memory.latest(), at(10));
    }

    #[test]
    fn what_has_lapsed_is_compacted_away_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let mut memory = open(&directory);
        for number in 0..SLACK as u64 {
            memory.made(&format!("LAPSED{number}"), at(number)).unwrap();
        }
        memory.made("ANSWERED", at(10_000)).unwrap();
        memory.answered("ANSWERED", at(10_001)).unwrap();
        for second in 0..5 * SLACK as u64 {
            memory.seen(at(20_000 + second)).unwrap();
        }
        let length = memory.journal.length();
        assert!(length < 600_000, "compacted: {length} bytes");
        assert_eq!(memory.known("LAPSED7", at(7)), Known::Never);
        assert_eq!(memory.known("ANSWERED", at(20_000)), Known::Answered);
        let latest = memory.latest();
        drop(memory);
        let memory = open(&directory);
        assert_eq!(memory.known("ANSWERED", at(20_000)), Known::Answered);
        assert_eq!(memory.latest(), latest);
    }

    #[test]
    fn who_was_counted_is_remembered_for_the_day_and_no_longer() {
        let directory = tempfile::tempdir().unwrap();
        let mut memory = open(&directory);
        let today = at(0).date();
        memory.counted("TODAY".into(), today, at(0)).unwrap();
        memory.counted("LONG AGO".into(), today.plus_days(-9), at(0)).unwrap();
        drop(memory);
        let mut memory = open(&directory);
        assert!(memory.is_counted("TODAY") && !memory.is_counted("SOMEBODY"));
        for second in 0..2 * SLACK as u64 {
            memory.seen(at(1 + second)).unwrap();
        }
        assert!(memory.is_counted("TODAY") && !memory.is_counted("LONG AGO"));
        drop(memory);
        assert!(open(&directory).is_counted("TODAY"));
    }

    #[test]
    fn a_confirmed_clock_outlives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let mut memory = open(&directory);
        memory.seen(at(1_000_000)).unwrap();
        memory.confirm_clock(at(5)).unwrap();
        assert_eq!(memory.latest(), at(5));
        drop(memory);
        assert_eq!(open(&directory).latest(), at(5));
    }

    #[test]
    fn a_line_by_somebody_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("memory.jsonl"), "{\"event\":\"made\"}\n").unwrap();
        let refused = Memory::open(&directory.path().join("memory.jsonl"), 300).unwrap_err();
        assert!(refused.to_string().contains("line 1"), "{refused}");
    }
}
