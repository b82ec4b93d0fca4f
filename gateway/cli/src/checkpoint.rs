//! A checkpoint: one rule, applied at a gate, with the cable out.
//!
//! **What.** [`Checkpoint::import`] takes a trust bundle that follows from what is trusted already;
//! [`Checkpoint::challenge`] makes a fresh nonce for one traveller; [`Checkpoint::verify`] decides on the text
//! of a QR code, from the bundle alone. Time and randomness are arguments.
//!
//! **What is remembered**, across restarts and power cuts: the head trusted last (an older or inconsistent
//! bundle is refused), the challenges made and answered (`REPLAYED`), the latest time seen (`CLOCK_SUSPECT`),
//! of holders who proved something their nullifiers until the day is over, and of each verdict time, policy, answer and
//! reason codes. Nothing of a person: no name, no key, no digest.
//!
//! **Order.** Decide, write down that the challenge is answered, write down the verdict, then tell. What
//! cannot be written down is not told, so no crash makes a second show look like a first.
//!
//! ```text
//! bundle ─import─► trust ─┐                          ┌─► memory: challenge answered, time seen
//! nonce ◄─challenge─ memory ─► verify(text, now) ────┴─► verdicts: time, policy, answer, codes ─► Decision
//! ```
//!
//! A challenge that an authentic holder answered is spent, whatever the verdict; a text that is not the
//! holder's does not spend it, so nobody burns another's challenge.
//!
//! **Paper** answers no challenge: a copy is as good as the page, and whoever carries it proves nothing. It is
//! decided on only where the terms say so, and then the decision brings the signed claims, for an officer to
//! compare with the page and with the bearer's document.

mod memory;
mod shown;
mod terms;

use std::collections::BTreeMap;
use std::path::Path;

use credential::facts::{Ages, Facts};
use credential::presentation::{self, verify_pass, verify_presentation, verify_printed};
use credential::zk::{Gate, GateKey, Shown};
use credential::{Finding, Overall, Part, Policy, Reason, Verdict};
use did_registry::{Claims, Date, Digest, Timestamp};
use gateway::circuit_keys::CircuitKeysError;
use ledger_chain::Genesis;
use rand::{CryptoRng, RngCore};
use serde::{Serialize, Serializer};

use crate::files::{self, FileError, Journal, Lock};
use crate::trust::{self, TrustError, TrustFile, Verified};
use memory::{Known, Memory};
pub use shown::Challenge;
pub use terms::{Proofs, Terms};

/// Seconds by which a clock may go back, or lag behind a bundle, without suspicion.
pub const CLOCK_TOLERANCE: u64 = 300;

/// Why a checkpoint does not work. What is wrong with something shown is in the verdict instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A bundle, or the trust kept from one.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The circuits' keys.
    #[error(transparent)]
    CircuitKeys(#[from] CircuitKeysError),
    /// Terms that break a rule.
    #[error("a checkpoint's terms: {0}")]
    Terms(&'static str),
    /// A bundle without the rule.
    #[error("a bundle holds the policy that this checkpoint applies, {0}, and its schema; this one does not")]
    PolicyMissing(Digest),
    /// The clock went back.
    #[error(
        "the clock shows {now}, but {seen} was seen before; set it, or confirm it if the earlier time was wrong"
    )]
    ClockSuspect {
        /// What the clock shows.
        now: Timestamp,
        /// The latest time seen.
        seen: Timestamp,
    },
}

impl CheckpointError {
    /// A stable code that names the rule.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "FILE",
            Self::Trust(error) => error.code(),
            Self::CircuitKeys(_) => "CIRCUIT_KEYS",
            Self::Terms(_) => "TERMS",
            Self::PolicyMissing(_) => "POLICY_MISSING",
            Self::ClockSuspect { .. } => Reason::ClockSuspect.code(),
        }
    }
}

/// What was decided on one thing shown. Says nothing of the person, but for what stands on paper.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Under which policy.
    pub policy: Digest,
    /// In one word.
    pub overall: Overall,
    /// Part by part.
    pub verdict: Verdict,
    /// How old keys, rules and status were; `None` if too old, or if nothing could be read.
    pub ages: Option<Ages>,
    /// What a printed certificate says, signed; `None` for what its holder shows. It is told and not kept.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_object")]
    pub claims: Option<Claims>,
}

fn as_object<S: Serializer>(claims: &Option<Claims>, serializer: S) -> Result<S::Ok, S::Error> {
    claims.as_ref().map(Claims::to_json).serialize(serializer)
}

/// A proof, and what the bundle alone says of it.
struct Judged {
    policy: Digest,
    shown: Shown,
    verdict: Verdict,
    ages: Option<Ages>,
}

/// A verdict on the way to its decision.
#[derive(Default)]
struct Decided {
    verdict: Verdict,
    ages: Option<Ages>,
    claims: Option<Claims>,
    /// The nonce that its holder answered.
    answered: Option<String>,
    /// The policy it was decided under, if it is not the one for passes.
    policy: Option<Digest>,
    /// The holder's nullifier and its day, of a proof that was not counted yet.
    nullifier: Option<(String, Date)>,
}

impl From<Verdict> for Decided {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, ..Self::default() }
    }
}

impl Decision {
    /// The reasons, bad ones first, each once.
    pub fn codes(&self) -> Vec<Reason> {
        let mut codes = Vec::new();
        for finding in self.verdict.findings() {
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
        codes
    }
}

/// One line of the verdict log.
#[derive(Serialize)]
struct Entry<'a> {
    at: Timestamp,
    policy: &'a Digest,
    verdict: Overall,
    reasons: Vec<Reason>,
}

/// A checkpoint and its directory, which no other process uses meanwhile.
#[derive(Debug)]
pub struct Checkpoint {
    terms: Terms,
    trust: TrustFile,
    memory: Memory,
    verdicts: Journal,
    /// Verifies proofs, if any are taken.
    key: Option<GateKey>,
    _lock: Lock,
}

impl Checkpoint {
    /// Makes the directory of a checkpoint that trusts one ledger and applies one policy.
    ///
    /// # Errors
    /// [`CheckpointError::Terms`], or [`FileError::Exists`] if there is one already.
    pub fn init(directory: &Path, genesis: &Genesis, terms: &Terms) -> Result<(), CheckpointError> {
        terms.check()?;
        files::directory(directory)?;
        files::create(
            &directory.join("genesis.bin"),
            &did_registry::canonical::encode(genesis),
            files::PUBLIC,
        )?;
        terms.write(&directory.join("checkpoint.toml"))
    }

    /// Opens a checkpoint with everything it remembers.
    ///
    /// # Errors
    /// [`CheckpointError::File`], also if another process has it open; [`CheckpointError::Trust`] for a
    /// damaged file.
    pub fn open(directory: &Path) -> Result<Self, CheckpointError> {
        let terms = Terms::read(&directory.join("checkpoint.toml"))?;
        let lock = Lock::take(&directory.join("lock"))?;
        let genesis = trust::read_genesis(&directory.join("genesis.bin"))?;
        let key = match &terms.proofs {
            Some(proofs) => {
                let keys = proofs.circuit_keys()?;
                Some(GateKey::new(keys.policy_verifying()?, keys.digest()))
            }
            None => None,
        };
        Ok(Self {
            trust: TrustFile::open(&directory.join("trust.bin"), genesis)?,
            memory: Memory::open(&directory.join("memory.jsonl"), terms.answer_seconds)?,
            verdicts: Journal::open(&directory.join("verdicts.jsonl"))?,
            terms,
            key,
            _lock: lock,
        })
    }

    /// The rule applied and the name it is applied under.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is trusted; `None` before the first bundle.
    pub fn trusted(&self) -> Option<&Verified> {
        self.trust.current()
    }

    /// The policy itself; `None` before the first bundle.
    pub fn policy(&self) -> Option<&Policy> {
        self.trusted()?.facts().policies.get(&self.terms.policy)
    }

    /// The policy that is proved here, if proofs are taken; `None` before the first bundle too.
    pub fn proved_policy(&self) -> Option<&Policy> {
        self.trusted()?.facts().policies.get(&self.terms.proofs.as_ref()?.policy)
    }

    /// Whether proofs are taken with the circuits' keys that the committee adopted; `None` if none are taken, and before the
    /// first bundle. With others nothing that is proved is decided.
    pub fn has_adopted_keys(&self) -> Option<bool> {
        Some(self.key.as_ref()?.is_adopted(self.trusted()?.facts()))
    }

    /// Takes a trust bundle, from whoever brings it.
    ///
    /// # Errors
    /// [`CheckpointError::Trust`] if it is rolled back, inconsistent, of another ledger, or does not hold;
    /// [`CheckpointError::PolicyMissing`]. What was trusted before then stays.
    pub fn import(&mut self, bytes: Vec<u8>) -> Result<&Verified, CheckpointError> {
        let verified = self.trust.verify(bytes)?;
        let facts = verified.facts();
        let usable = |policy: &Digest| {
            facts.policies.get(policy).is_some_and(|policy| facts.schemas.contains_key(&policy.schema))
        };
        let proved = self.terms.proofs.as_ref().map(|proofs| proofs.policy);
        if let Some(missing) = [self.terms.policy].into_iter().chain(proved).find(|policy| !usable(policy)) {
            return Err(CheckpointError::PolicyMissing(missing));
        }
        self.trust.keep(verified)?;
        Ok(self.trust.current().expect("present because it was kept just now"))
    }

    /// A fresh challenge, to be shown to one traveller.
    ///
    /// # Errors
    /// [`CheckpointError::ClockSuspect`], [`CheckpointError::File`].
    pub fn challenge<R: RngCore + CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Challenge, CheckpointError> {
        if let Some(seen) = self.clock_suspect(now) {
            return Err(CheckpointError::ClockSuspect { now, seen });
        }
        let challenge = Challenge::fresh(&self.terms.audience, self.proofs_policy(), rng);
        self.memory.made(&challenge.nonce, now)?;
        Ok(challenge)
    }

    fn proofs_policy(&self) -> Option<Digest> {
        self.terms.proofs.as_ref().map(|proofs| proofs.policy)
    }

    /// Decides on the text of a QR code: a proof (`CW1:`) if the terms take proofs, a pass (`CWP:`), an SD-JWT
    /// presentation, or a printed certificate (`CWE:`) if the terms take paper.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if the decision cannot be written down; then there is none.
    pub fn verify(&mut self, text: &str, now: Timestamp) -> Result<Decision, CheckpointError> {
        let decided = self.decide(text, now);
        self.conclude(decided, now)
    }

    /// Decides on several texts, each as alone and in their order, on the proofs among them faster together. Whoever shows
    /// must not foresee `rng`.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if a decision cannot be written down; those before it are, and are not told.
    pub fn verify_all<R: RngCore + CryptoRng>(
        &mut self,
        texts: &[&str],
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Vec<Decision>, CheckpointError> {
        let mut judged = self.judge_all(texts, now, rng).into_iter();
        let mut decisions = Vec::with_capacity(texts.len());
        for text in texts {
            // What one leaves in the memory counts for the next: the same holder twice is one.
            let decided = match judged.next().flatten() {
                Some(judged) => self.weigh(judged, now),
                None => self.decide(text, now),
            };
            decisions.push(self.conclude(decided, now)?);
        }
        Ok(decisions)
    }

    /// What the bundle says of the proofs among some texts.
    fn judge_all<R: RngCore + CryptoRng>(
        &self,
        texts: &[&str],
        now: Timestamp,
        rng: &mut R,
    ) -> Vec<Option<Judged>> {
        let (Some(proofs), Some(key), Ok(facts)) = (&self.terms.proofs, &self.key, self.facts(now)) else {
            return Vec::new();
        };
        let read = texts.iter().map(|text| shown::is_proof(text).then(|| Shown::from_text(text).ok())?);
        let (places, shown): (Vec<usize>, Vec<Shown>) =
            read.enumerate().filter_map(|(place, shown)| Some((place, shown?))).unzip();
        let gate = Gate { name: &self.terms.audience, now, limits: self.terms.limits };
        let verdicts = key.verify_all(&shown, &proofs.policy, facts, &gate, rng);
        let mut judged: BTreeMap<usize, Judged> = BTreeMap::new();
        for ((place, shown), (verdict, ages)) in places.into_iter().zip(shown).zip(verdicts) {
            judged.insert(place, Judged { policy: proofs.policy, shown, verdict, ages });
        }
        (0..texts.len()).map(|place| judged.remove(&place)).collect()
    }

    /// Decides on a picture in which no text could be read, as `finding` says.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if the decision cannot be written down; then there is none.
    pub fn unreadable(&mut self, finding: Finding, now: Timestamp) -> Result<Decision, CheckpointError> {
        let verdict = Verdict { integrity: Part::Bad(finding), ..Verdict::default() };
        self.conclude(verdict.into(), now)
    }

    /// Writes a verdict down, and then tells it.
    fn conclude(&mut self, decided: Decided, now: Timestamp) -> Result<Decision, CheckpointError> {
        let Decided { verdict, ages, claims, answered, policy, nullifier } = decided;
        let (policy, overall) = (policy.unwrap_or(self.terms.policy), verdict.overall());
        let decision = Decision { at: now, policy, overall, verdict, ages, claims };
        match answered {
            Some(nonce) => self.memory.answered(&nonce, now)?,
            None => self.memory.seen(now)?,
        }
        // Who is not let pass is not counted, and may come again.
        if let Some((nullifier, day)) = nullifier.filter(|_| overall == Overall::Accept) {
            self.memory.counted(nullifier, day, now)?;
        }
        let entry =
            Entry { at: now, policy: &decision.policy, verdict: decision.overall, reasons: decision.codes() };
        let line = serde_json::to_string(&entry).expect("serialises because every field does");
        self.verdicts.append(&line, true)?;
        Ok(decision)
    }

    /// Takes the time for right although a later one was seen here: somebody looked at the clock and answers
    /// for it. What the ledger certified stays.
    ///
    /// # Errors
    /// [`CheckpointError::File`].
    pub fn confirm_clock(&mut self, now: Timestamp) -> Result<(), CheckpointError> {
        Ok(self.memory.confirm_clock(now)?)
    }

    /// The facts' ages, or why nothing could be decided now.
    ///
    /// # Errors
    /// `LIST_STALE`, `CLOCK_SUSPECT`.
    pub fn ready(&self, now: Timestamp) -> Result<Ages, Finding> {
        self.facts(now)?.ages(now, self.terms.limits)
    }

    /// A time that lies before `now` for certain, if the clock contradicts it: seen here, or certified on the ledger.
    fn clock_suspect(&self, now: Timestamp) -> Option<Timestamp> {
        let certified = self.trusted().map_or(Timestamp::default(), |trusted| trusted.head().head().time);
        Some(self.memory.latest().max(certified)).filter(|seen| now.plus(CLOCK_TOLERANCE) < *seen)
    }

    fn facts(&self, now: Timestamp) -> Result<&Facts, Finding> {
        if let Some(seen) = self.clock_suspect(now) {
            // With a clock that lies nothing that depends on time means anything, so nothing is looked at.
            return Err(Finding::new(
                Reason::ClockSuspect,
                format!("the clock is behind {seen}, which was seen before"),
            ));
        }
        let trusted = self.trust.current();
        Ok(trusted
            .ok_or_else(|| Finding::new(Reason::ListStale, "no trust bundle has been imported"))?
            .facts())
    }

    fn decide(&self, text: &str, now: Timestamp) -> Decided {
        let facts = match self.facts(now) {
            Ok(facts) => facts,
            Err(finding) => return Verdict { freshness: Part::Open(finding), ..Verdict::default() }.into(),
        };
        if shown::is_printed(text) {
            return self.decide_on_paper(text, facts, now);
        }
        if shown::is_proof(text) {
            return self.decide_on_proof(text, facts, now);
        }
        let nonce = shown::unverified_nonce(text);
        let known = nonce.as_deref().map_or(Known::Never, |nonce| self.memory.known(nonce, now));
        let challenge = presentation::Challenge {
            audience: &self.terms.audience,
            nonce: nonce.as_deref().unwrap_or_default(),
            max_age: self.terms.answer_seconds,
            now,
            limits: self.terms.limits,
        };
        let decided = if shown::is_sd_jwt(text) {
            verify_presentation(text, &self.terms.policy, facts, &challenge, None)
        } else {
            verify_pass(text, &self.terms.policy, facts, &challenge)
        };
        let mut verdict = decided.verdict;
        let authentic = verdict.integrity == Part::Good && verdict.holder == Part::Good;
        // The core compared the nonce with itself. Whether it is a challenge of ours, and still open, is
        // known here only, and outweighs what the core says of freshness. Of bytes whose signature does not hold
        // there is nothing more to say.
        if let (Part::Good, Some(finding)) = (&verdict.integrity, self.refused(known)) {
            verdict.freshness = Part::Bad(finding);
        }
        let answered = nonce.filter(|_| authentic && known == Known::Open);
        Decided { verdict, ages: decided.ages, answered, ..Decided::default() }
    }

    /// Why what answers a challenge is not fresh, if it is not.
    fn refused(&self, known: Known) -> Option<Finding> {
        let (code, detail) = match known {
            Known::Open => return None,
            Known::Answered => (Reason::Replayed, "this challenge was answered before".to_owned()),
            Known::Late => {
                (Reason::Expired, format!("a challenge is answered within {} s", self.terms.answer_seconds))
            }
            Known::Never => (Reason::WrongAudience, "it answers no challenge of this checkpoint".to_owned()),
        };
        Some(Finding::new(code, detail))
    }

    fn decide_on_proof(&self, text: &str, facts: &Facts, now: Timestamp) -> Decided {
        let refuse = |finding| Verdict { integrity: Part::Bad(finding), ..Verdict::default() }.into();
        let (Some(proofs), Some(key)) = (&self.terms.proofs, &self.key) else {
            return refuse(Finding::new(Reason::WrongKind, "this checkpoint takes no proofs"));
        };
        let shown = match Shown::from_text(text) {
            Ok(shown) => shown,
            Err(finding) => return refuse(finding),
        };
        let gate = Gate { name: &self.terms.audience, now, limits: self.terms.limits };
        let (verdict, ages) = key.verify(&shown, &proofs.policy, facts, &gate);
        self.weigh(Judged { policy: proofs.policy, shown, verdict, ages }, now)
    }

    /// What the bundle says of a proof, and then what is remembered here.
    fn weigh(&self, judged: Judged, now: Timestamp) -> Decided {
        let Judged { policy, shown, mut verdict, ages } = judged;
        let nullifier = hex::encode(shown.nullifier.to_bytes());
        let nonce = shown.nonce.as_ref().map(shown::nonce_text);
        let known = nonce.as_deref().map(|nonce| self.memory.known(nonce, now));
        let authentic = verdict.integrity == Part::Good && verdict.freshness == Part::Good;
        let refused = match known {
            Some(known) => self.refused(known),
            None if self.terms.paper => None,
            None => {
                let detail = "this checkpoint takes nothing printed: it answers no challenge";
                Some(Finding::new(Reason::WrongKind, detail))
            }
        };
        let counted = self.memory.is_counted(&nullifier).then(|| {
            Finding::new(Reason::Replayed, "its holder was counted before, at this gate and on this day")
        });
        if let (Part::Good, Some(finding)) = (&verdict.freshness, refused.or(counted)) {
            verdict.freshness = Part::Bad(finding);
        }
        Decided {
            verdict,
            ages,
            answered: nonce.filter(|_| authentic && known == Some(Known::Open)),
            policy: Some(policy),
            nullifier: Some((nullifier, shown.day)),
            ..Decided::default()
        }
    }

    fn decide_on_paper(&self, text: &str, facts: &Facts, now: Timestamp) -> Decided {
        if !self.terms.paper {
            let detail = "this checkpoint takes no printed certificates: anybody may hold a copy";
            let integrity = Part::Bad(Finding::new(Reason::WrongKind, detail));
            return Verdict { integrity, ..Verdict::default() }.into();
        }
        let decided = verify_printed(text, &self.terms.policy, facts, now, self.terms.limits);
        let (verdict, ages, claims) = (decided.verdict, decided.ages, decided.claims);
        Decided { verdict, ages, claims, ..Decided::default() }
    }
}

#[cfg(test)]
mod tests;
