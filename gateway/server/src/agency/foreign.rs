//! Foreign certificates: verdict, and transcoding into this agency's pass. The original is not stored.
//!
//! The trust list is a file that nobody signed, so all that is known of its age is the file's own time. It is
//! always told; it decides only where the agency has said how old a list may be (decision 0008).

use credential::anchor::{LeafKind, salt};
use credential::dcc::VerifiedCertificate;
use credential::exchange::Pass;
use credential::facts::{AgeLimits, Facts};
use credential::transcoding::{Transcoding, TrustEpoch};
use credential::{Finding, Overall, Part, Policy, Reason, Verdict, dcc, foreign};
use did_registry::{Digest, PublicKey, Timestamp};
use rand::rngs::OsRng;

use super::passes::{Act, check_pass_key};
use super::{Agency, AgencyError};

/// The lists that foreign certificates are verified against.
pub(crate) struct Foreign {
    pub verifier: dcc::Verifier,
    /// SHA-256 of the trust list's file: the trust epoch of what is accepted.
    pub trust_list: Digest,
    /// When the trust list was written, by its file's own time.
    pub as_of: Timestamp,
    /// How old it may be; none: any age.
    pub limits: Option<AgeLimits>,
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
    /// Whether that is past the amber limit; none if there is no limit.
    pub amber: Option<bool>,
    /// The pass, if one was asked for and given.
    pub pass: Option<Pass>,
}

impl Foreign {
    /// Whether the trust list is past its amber limit, or too old to decide on; none if there is no limit.
    fn check_age(&self, now: Timestamp) -> Option<Result<bool, Finding>> {
        Some(self.limits?.check_age("the trust list", self.as_of, now))
    }

    /// Verifies a certificate as at `at`; how old the list is does not depend on that.
    fn verify(&self, qr: &str, at: Timestamp, now: Timestamp) -> (Verdict, Option<VerifiedCertificate>) {
        let (integrity, certificate) = match self.verifier.verify(qr, at) {
            Ok(certificate) => (Part::Good, Some(certificate)),
            Err(refusal) => (Part::Bad(refusal.finding), None),
        };
        let freshness = match self.check_age(now) {
            Some(Err(finding)) => Part::Open(finding),
            Some(Ok(_)) => Part::Good,
            None => Part::NotChecked,
        };
        (Verdict { integrity, freshness, ..Verdict::default() }, certificate)
    }
}

impl Agency {
    /// Verifies a certificate as at `at` (now, if none).
    ///
    /// # Errors
    /// [`AgencyError::NoForeign`] if no trust list is configured.
    pub fn verify_foreign(&self, qr: &str, at: Option<Timestamp>) -> Result<ForeignVerdict, AgencyError> {
        let foreign = self.foreign.as_ref().ok_or(AgencyError::NoForeign)?;
        let now = self.clock.now();
        let (verdict, _) = foreign.verify(qr, at.unwrap_or(now), now);
        Ok(self.foreign_verdict(foreign, now, &verdict, None))
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
        let day = at.unwrap_or(now);
        let (mut verdict, certificate) = foreign.verify(qr, day, now);
        if let Some(certificate) = &certificate {
            verdict.rule = match foreign::claims(certificate) {
                Ok(claims) if policy.schema == foreign::schema().id() => policy.evaluate(&claims, day.date()),
                Ok(_) => Part::Bad(Finding::new(Reason::WrongKind, "the policy is about something else")),
                Err(error) => Part::Bad(Finding::new(Reason::Schema, error.to_string())),
            };
        }
        self.hold_to_today(&mut verdict, policy, &view.facts, now);
        let overall = verdict.overall();
        let pass = match (overall, certificate) {
            (Overall::Accept, Some(certificate)) => {
                let salt = salt(&mut OsRng);
                let transcoding = Transcoding {
                    source: LeafKind::Credential.commit(&salt, certificate.source_digest()),
                    policy: policy.id(),
                    trust: TrustEpoch::List(foreign.trust_list),
                    status: None,
                    verdict: overall,
                    decided: now,
                };
                let act = Act { by: by.to_owned(), as_of: at };
                Some(self.give_for_certificate(policy, holder, transcoding, salt, act)?)
            }
            _ => None,
        };
        self.metrics.transcoded(overall);
        Ok(self.foreign_verdict(foreign, now, &verdict, pass))
    }

    /// The rule applies today, and the facts that say so are fresh enough. What is bad stays bad.
    fn hold_to_today(&self, verdict: &mut Verdict, policy: &Policy, facts: &Facts, now: Timestamp) {
        if !policy.applies_at(now) && matches!(verdict.rule, Part::Good) {
            verdict.rule = Part::Open(Finding::new(Reason::RuleOpen, "the policy does not apply today"));
        }
        if let (Err(finding), Part::Good | Part::NotChecked) =
            (facts.ages(now, self.limits), &verdict.freshness)
        {
            verdict.freshness = Part::Open(finding);
        }
    }

    fn foreign_verdict(
        &self,
        foreign: &Foreign,
        now: Timestamp,
        verdict: &Verdict,
        pass: Option<Pass>,
    ) -> ForeignVerdict {
        let overall = verdict.overall();
        let reasons: Vec<Finding> = verdict.findings().into_iter().cloned().collect();
        reasons.iter().for_each(|finding| self.metrics.refused(finding.code));
        self.metrics.verified(overall);
        ForeignVerdict {
            overall,
            reasons,
            trust_list_age: now.since(foreign.as_of),
            amber: foreign.check_age(now).map(|age| age.unwrap_or(true)),
            pass,
        }
    }
}
