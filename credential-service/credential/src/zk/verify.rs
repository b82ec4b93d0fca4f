//! Deciding on what is shown with a proof: everything from the trust bundle, nothing from who shows it.
//!
//! | part | rule |
//! |---|---|
//! | rule | the policy that is applied here, in this version, in force, and provable (W6, W10) |
//! | validity | made for today |
//! | issuer | under an issuer set of the ledger that this bundle knows |
//! | status | one that was overtaken no longer ago than the policy says |
//! | freshness | signed for this gate by the key in the proof (W1); facts not stale |
//! | integrity | the proof holds: then credential, issuer, revocation, rule and holder are as the policy asks |
//!
//! Of a proof that does not hold nobody can say why: that is what zero knowledge means.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use did_registry::{Digest, Timestamp};
use rand::{CryptoRng, RngCore};
use zk_policy::{Statement, Verifier, VerifyingKey};

use super::{Occasion, Shown, scope_at};
use crate::facts::{AgeLimits, Ages, Facts};
use crate::{Finding, Part, Reason, Verdict};

/// At which gate something is shown, and when.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The gate's name, which the holder signed for.
    pub name: &'a str,
    /// Its time.
    pub now: Timestamp,
    /// How old its facts may be.
    pub limits: AgeLimits,
}

/// What was shown, examined in everything but its proof.
#[derive(Clone, Debug)]
pub struct Examined {
    verdict: Verdict,
    ages: Option<Ages>,
    /// What the proof has to show; `None` if that cannot be said, and then the verdict says why.
    pub statement: Option<Statement>,
}

impl Shown {
    /// Examines everything but the proof, under `policy`, as applied at `gate`.
    pub fn examine(&self, policy: &Digest, facts: &Facts, gate: &Gate<'_>) -> Examined {
        let mut verdict = Verdict { freshness: self.check_signature(gate.name).into(), ..Verdict::default() };
        let statement = match self.statement(policy, facts, gate, &mut verdict) {
            Ok(statement) => Some(statement),
            Err(part) => {
                verdict.rule = part;
                None
            }
        };
        let ages = match facts.ages(gate.now, gate.limits) {
            Ok(ages) => Some(ages),
            Err(finding) => {
                // Stale facts decide nothing, but what is bad on any facts stays bad.
                if !matches!(verdict.freshness, Part::Bad(_)) {
                    verdict.freshness = Part::Open(finding);
                }
                None
            }
        };
        Examined { verdict, ages, statement }
    }

    /// What the proof has to show. Notes in the verdict what is wrong with day and epoch on the way.
    fn statement(
        &self,
        policy: &Digest,
        facts: &Facts,
        gate: &Gate<'_>,
        verdict: &mut Verdict,
    ) -> Result<Statement, Part> {
        let open = |detail: &str| Part::Open(Finding::new(Reason::RuleOpen, detail));
        let bad = |code, detail: &str| Part::Bad(Finding::new(code, detail));
        if self.policy != *policy {
            return Err(bad(Reason::RuleFailed, "it is shown under another policy, or version of it"));
        }
        let policy =
            facts.policies.get(policy).ok_or_else(|| open("the policy is not in the trust bundle"))?;
        let schema = facts.schemas.get(&policy.schema);
        let schema = schema.ok_or_else(|| open("the schema is not in the trust bundle"))?;
        let terms =
            policy.proof.ok_or_else(|| bad(Reason::WrongKind, "this policy is asked in the clear only"))?;
        if !policy.applies_at(gate.now) {
            return Err(open("the policy does not apply today"));
        }
        let today = gate.now.date();
        verdict.validity = match self.day.cmp(&today) {
            std::cmp::Ordering::Less => bad(Reason::Expired, "a proof is good on the day it is made for"),
            std::cmp::Ordering::Equal => Part::NotChecked,
            std::cmp::Ordering::Greater => {
                bad(Reason::NotYetValid, "a proof is good on the day it is made for")
            }
        };
        let Some(sets) = facts.issuer_sets.get(&policy.credential_type) else {
            let detail = format!("nobody is recognised for {}", policy.credential_type);
            verdict.issuer = Part::Bad(Finding::new(Reason::IssuerNotRecognised, detail));
            return Err(Part::NotChecked);
        };
        let Some((root, overtaken)) = sets.of_epoch(self.epoch, gate.now) else {
            verdict.issuer = if self.epoch > sets.epoch {
                let detail = "it is made under an issuer set that is newer than this trust bundle";
                Part::Open(Finding::new(Reason::ListStale, detail))
            } else {
                bad(Reason::ListStale, "it is made under an issuer set that is no longer remembered")
            };
            return Err(Part::NotChecked);
        };
        if overtaken > u64::from(terms.epoch_hours) * 3600 {
            let detail = format!("its issuer set was overtaken more than {} h ago", terms.epoch_hours);
            verdict.status = Part::Bad(Finding::new(Reason::ListStale, detail));
        }
        let root = root.element().ok_or_else(|| open("the issuer set's root is not an element"))?;
        let scope = scope_at(&policy.verifier, terms.scope, gate.name, self.day);
        let circuit = policy.terms(schema, root, self.day, scope);
        let circuit = circuit.map_err(|error| bad(Reason::WrongKind, &error.to_string()))?;
        let occasion =
            Occasion { verifier: &policy.verifier, policy: &self.policy, epoch: self.epoch, day: self.day };
        let context = occasion.context(&self.key);
        Ok(Statement { terms: circuit, nullifier: self.nullifier, context })
    }
}

impl Examined {
    /// The verdict, once it is known whether the proof shows the statement; and the facts' ages.
    pub fn conclude(self, holds: bool) -> (Verdict, Option<Ages>) {
        let Self { mut verdict, ages, statement } = self;
        if statement.is_some() && holds {
            let Verdict { integrity, issuer, validity, status, holder, rule, .. } = &mut verdict;
            for part in [integrity, issuer, validity, status, holder, rule] {
                if *part == Part::NotChecked {
                    *part = Part::Good;
                }
            }
        } else if statement.is_some() {
            let detail = "the proof does not show this policy's rule, for this day, gate and issuer set";
            verdict.integrity = Part::Bad(Finding::new(Reason::ProofInvalid, detail));
        }
        (verdict, ages)
    }
}

/// A gate's key, and what all that is shown under one policy, day and epoch shares: summed once.
#[derive(Debug)]
pub struct GateKey {
    key: VerifyingKey,
    /// Digest of the keys that it is one of.
    digest: Digest,
    prepared: Mutex<Option<Arc<Verifier<'static>>>>,
}

impl GateKey {
    /// A key from the circuits' setup, of the keys whose digest a committee adopts.
    pub fn new(key: VerifyingKey, digest: Digest) -> Self {
        Self { key, digest, prepared: Mutex::default() }
    }

    /// Whether it is one of the keys that the committee adopted.
    pub fn is_adopted(&self, facts: &Facts) -> bool {
        facts.circuit_keys == Some(self.digest)
    }

    /// With other keys than the ledger's nothing is verified: what they accept may be anybody's invention.
    fn examine(&self, shown: &Shown, policy: &Digest, facts: &Facts, gate: &Gate<'_>) -> Examined {
        let mut examined = shown.examine(policy, facts, gate);
        if !self.is_adopted(facts) {
            let detail = "the circuits' keys here are not those that the committee adopted";
            examined.verdict.integrity = Part::Open(Finding::new(Reason::KeyUnknown, detail));
            examined.statement = None;
        }
        examined
    }

    /// Decides on one thing shown.
    pub fn verify(
        &self,
        shown: &Shown,
        policy: &Digest,
        facts: &Facts,
        gate: &Gate<'_>,
    ) -> (Verdict, Option<Ages>) {
        let examined = self.examine(shown, policy, facts, gate);
        let statement = examined.statement.as_ref();
        let holds = statement.is_some_and(|it| self.prepared(it).verify(it, &shown.proof));
        examined.conclude(holds)
    }

    /// Decides on several things shown, each as alone, but faster together. Whoever shows must not foresee `rng`.
    pub fn verify_all<R: RngCore + CryptoRng>(
        &self,
        shown: &[Shown],
        policy: &Digest,
        facts: &Facts,
        gate: &Gate<'_>,
        rng: &mut R,
    ) -> Vec<(Verdict, Option<Ages>)> {
        let examined: Vec<Examined> =
            shown.iter().map(|one| self.examine(one, policy, facts, gate)).collect();
        let mut left: Vec<usize> = (0..examined.len()).collect();
        let mut holding = BTreeSet::new();
        // Those with the same terms are verified together: most, at a gate and on a day.
        while let Some(statement) = left.iter().find_map(|place| examined.get(*place)?.statement.as_ref()) {
            let here = |place: &usize| {
                let other = examined.get(*place).and_then(|it| it.statement.as_ref());
                other.is_some_and(|it| it.terms == statement.terms)
            };
            let (group, rest): (Vec<usize>, Vec<usize>) = left.iter().copied().partition(here);
            let pair = |place: &usize| {
                Some((examined.get(*place)?.statement.clone()?, shown.get(*place)?.proof.clone()))
            };
            let pairs: Vec<_> = group.iter().filter_map(pair).collect();
            let bad = self.prepared(statement).verify_batch(&pairs, rng);
            let good = group.into_iter().enumerate().filter(|(place, _)| !bad.contains(place));
            holding.extend(good.map(|(_, place)| place));
            left = rest;
        }
        let concluded = examined.into_iter().enumerate();
        concluded.map(|(place, it)| it.conclude(holding.contains(&place))).collect()
    }

    fn prepared(&self, statement: &Statement) -> Arc<Verifier<'static>> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        match prepared.as_ref().filter(|it| *it.terms() == statement.terms) {
            Some(known) => known.clone(),
            None => {
                let made = Arc::new(Verifier::new(&self.key, statement.terms.clone()).into_owned());
                *prepared = Some(made.clone());
                made
            }
        }
    }
}
