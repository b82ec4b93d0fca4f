//! Foreign certificates: verdict, and transcoding into this agency's pass. The original is not stored.

use credential::anchor::{LeafKind, salt};
use credential::exchange::Pass;
use credential::facts::Facts;
use credential::transcoding::{Transcoding, TrustEpoch};
use credential::{Finding, Overall, Part, Policy, Reason, dcc, foreign};
use did_registry::{Digest, PublicKey, Timestamp};
use rand::rngs::OsRng;

use super::passes::{Act, check_pass_key};
use super::{Agency, AgencyError};

/// The lists that foreign certificates are verified against.
pub(crate) struct Foreign {
    pub verifier: dcc::Verifier,
    /// SHA-256 of the trust list's file: the trust epoch of what is accepted.
    pub trust_list: Digest,
    /// When the lists were written, by their files' own times.
    pub as_of: Timestamp,
    /// Whether a certificate is transcoded as of any time that is asked for.
    pub any_time: bool,
}

/// The answer to a foreign certificate.
#[derive(Debug)]
pub struct ForeignVerdict {
    /// In one word.
    pub overall: Overall,
    /// Why not.
    pub reasons: Vec<Finding>,
    /// Seconds since the trust list was written.
    pub trust_list_age: u64,
    /// The pass, if one was asked for and given.
    pub pass: Option<Pass>,
}

impl Agency {
    /// Verifies a certificate as at `at` (now, if none).
    ///
    /// # Errors
    /// [`AgencyError::NoForeign`] if no trust list is configured.
    pub fn verify_foreign(&self, qr: &str, at: Option<Timestamp>) -> Result<ForeignVerdict, AgencyError> {
        let foreign = self.foreign.as_ref().ok_or(AgencyError::NoForeign)?;
        let now = self.clock.now();
        let outcome = foreign.verifier.verify(qr, at.unwrap_or(now));
        let verdict = Part::from(outcome.map(drop).map_err(|refusal| refusal.finding));
        Ok(self.foreign_verdict(foreign, now, verdict, None))
    }

    /// Verifies a certificate, applies `policy` to it, and gives a pass bound to `holder` if both accept, as operator
    /// `by`: as of now, or as of `at` where that is configured. Rule and facts are always those of now.
    ///
    /// # Errors
    /// As [`Agency::verify_foreign`], [`AgencyError::AsOf`], and [`AgencyError::Missing`] unless the policy is this
    /// agency's.
    pub fn transcode_foreign(
        &self,
        by: &str,
        qr: &str,
        policy: &Digest,
        holder: &PublicKey,
        at: Option<Timestamp>,
    ) -> Result<ForeignVerdict, AgencyError> {
        let foreign = self.foreign.as_ref().ok_or(AgencyError::NoForeign)?;
        if at.is_some() && !foreign.any_time {
            return Err(AgencyError::AsOf);
        }
        check_pass_key(holder)?;
        let view = self.trust.view();
        let policy = view.facts.policies.get(policy).filter(|policy| policy.verifier == self.did);
        let policy = policy.ok_or(AgencyError::Missing("policy of this agency"))?;
        let now = self.clock.now();
        let certificate = match foreign.verifier.verify(qr, at.unwrap_or(now)) {
            Ok(certificate) => certificate,
            Err(refusal) => return Ok(self.foreign_verdict(foreign, now, Part::Bad(refusal.finding), None)),
        };
        let rule = match foreign::claims(&certificate) {
            Ok(claims) if policy.schema == foreign::schema().id() => {
                policy.evaluate(&claims, at.unwrap_or(now).date())
            }
            Ok(_) => Part::Bad(Finding::new(Reason::WrongKind, "the policy is about something else")),
            Err(error) => Part::Bad(Finding::new(Reason::Schema, error.to_string())),
        };
        let rule = self.in_force(rule, policy, &view.facts, now);
        if rule != Part::Good {
            return Ok(self.foreign_verdict(foreign, now, rule, None));
        }
        let salt = salt(&mut OsRng);
        let transcoding = Transcoding {
            source: LeafKind::Credential.commit(&salt, certificate.source_digest()),
            policy: policy.id(),
            trust: TrustEpoch::List(foreign.trust_list),
            status: None,
            verdict: Overall::Accept,
            decided: now,
        };
        let done = Act { by: by.to_owned(), as_of: at };
        let pass = self.give_for_certificate(policy, holder, transcoding, salt, done)?;
        self.metrics.transcoded(Overall::Accept);
        Ok(self.foreign_verdict(foreign, now, Part::Good, Some(pass)))
    }

    /// What the rule said, if it applies today and the facts that say so are fresh enough. What is bad stays bad.
    fn in_force(&self, rule: Part, policy: &Policy, facts: &Facts, now: Timestamp) -> Part {
        let today = match facts.ages(now, self.limits) {
            Err(stale) => Err(stale),
            Ok(_) if policy.applies_at(now) => Ok(()),
            Ok(_) => Err(Finding::new(Reason::RuleOpen, "the policy does not apply today")),
        };
        match (rule, today) {
            (Part::Good, Err(finding)) => Part::Open(finding),
            (rule, _) => rule,
        }
    }

    fn foreign_verdict(
        &self,
        foreign: &Foreign,
        now: Timestamp,
        verdict: Part,
        pass: Option<Pass>,
    ) -> ForeignVerdict {
        let (overall, reasons) = match verdict {
            Part::Good => (Overall::Accept, Vec::new()),
            Part::Bad(finding) => (Overall::Refuse, vec![finding]),
            Part::Open(finding) => (Overall::Undecided, vec![finding]),
            Part::NotChecked => (Overall::Undecided, Vec::new()),
        };
        reasons.iter().for_each(|finding| self.metrics.refused(finding.code));
        self.metrics.verified(overall);
        ForeignVerdict { overall, reasons, trust_list_age: now.since(foreign.as_of), pass }
    }
}
