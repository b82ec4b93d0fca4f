//! Transcoding: another jurisdiction's evidence in, this agency's pass out, and a trail to recompute it by.

use credential::consent::{Consent, SignedConsent};
use credential::exchange::{ChallengeResponse, Pass, PassRequest, PassResponse};
use credential::presentation::{
    Challenge, Decision, document_digest, type_name, verify_pass, verify_presentation,
};
use credential::transcoding::{Transcoding, TrustEpoch, pass_schema};
use credential::{Finding, Overall, Part, Policy, Reason};
use did_registry::{Digest, PublicKey, Suite, Timestamp};
use ledger_chain::receipt::Anchored;
use serde_json::Value;

use super::anchors::Anchors;
use super::challenges;
use super::evidence::evidence_row;
use super::lists::StatusLists;
use super::rows::{CommitmentKind, EvidenceRow, IssuedRow, TRANSCODINGS};
use super::trust::View;
use super::{Agency, AgencyError, note};
use crate::audit::Subject;

/// What the decision was made on, beside the presentation itself.
struct Trail {
    anchor: Option<String>,
    presentation: Option<String>,
    consent: Option<SignedConsent>,
    salt: Option<Digest>,
    /// The operator's act that asked for it; none if its holder did.
    act: Option<Act>,
}

/// What an operator asked for: who, and as of when if not now.
pub(super) struct Act {
    pub(super) by: String,
    pub(super) as_of: Option<Timestamp>,
}

impl Agency {
    /// A challenge for one of this agency's own policies.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] unless the policy is anchored and this agency's.
    pub fn challenge(&self, policy: &Digest) -> Result<ChallengeResponse, AgencyError> {
        let view = self.trust.view();
        let policy = view.facts.policies.get(policy).filter(|policy| policy.verifier == self.did);
        let policy = policy.ok_or(AgencyError::Missing("policy of this agency"))?.clone();
        let nonce = self.challenges.open(&policy.id(), self.clock.now());
        Ok(ChallengeResponse { audience: self.did.clone(), nonce, policy })
    }

    /// Decides on an application, and gives a pass to those who satisfy the policy. `anchored` is
    /// what [`Agency::source_anchor`] gathered.
    ///
    /// # Errors
    /// Only faults of this agency; what is wrong with the application is in the verdict.
    pub fn apply(
        &self,
        request: &PassRequest,
        anchored: Result<Anchored, Part>,
    ) -> Result<PassResponse, AgencyError> {
        let now = self.clock.now();
        let view = self.trust.view();
        let nonce = &request.consent.consent.nonce;
        let policy_id = match self.challenges.check(nonce, &self.policies(), now) {
            Ok(policy) => policy,
            Err(finding) => return Ok(self.refuse_early(finding)),
        };
        let policy = view.facts.policies.get(&policy_id).ok_or(AgencyError::Missing("policy"))?;
        let (decision, anchored) = self.decide(request, policy, anchored, &view, now);
        if let Err(finding) = self.close(nonce, &decision, now) {
            return Ok(self.refuse_early(finding));
        }
        let overall = decision.verdict.overall();
        let pass = match (overall, decision.source.as_ref(), anchored) {
            (Overall::Accept, Some(source), Some(anchored)) => {
                let transcoding = Transcoding {
                    source: anchored.commitment,
                    policy: policy_id,
                    trust: TrustEpoch::Ledger(view.facts.as_of.height),
                    status: source.status_epoch,
                    verdict: overall,
                    decided: now,
                };
                let retained = policy.claims().iter().all(|claim| policy.retained.contains(*claim));
                let trail = Trail {
                    anchor: Some(request.anchor.clone()),
                    presentation: retained.then(|| request.presentation.clone()),
                    consent: Some(request.consent.clone()),
                    salt: None,
                    act: None,
                };
                Some(self.give(policy, &request.holder.key, transcoding, trail)?)
            }
            _ => None,
        };
        self.count(&decision);
        self.metrics.transcoded(overall);
        Ok(PassResponse { overall, verdict: decision.verdict, ages: decision.ages, pass })
    }

    /// Everything about the application but its consequences.
    fn decide(
        &self,
        request: &PassRequest,
        policy: &Policy,
        anchored: Result<Anchored, Part>,
        view: &View,
        now: Timestamp,
    ) -> (Decision, Option<Anchored>) {
        let nonce = &request.consent.consent.nonce;
        let at = anchored.as_ref().ok().map(|anchored| anchored.at.time);
        let mut decision = verify_presentation(
            &request.presentation,
            &policy.id(),
            &view.facts,
            &self.challenged(nonce, now),
            at,
        );
        let verdict = &mut decision.verdict;
        let Some(source) = decision.source.as_ref() else { return (decision, None) };
        let consent = request.consent.verify(policy, &source.holder, nonce, now);
        if let (Part::Good, Err(finding)) = (&verdict.holder, consent.and_then(|()| self.pass_key(request))) {
            verdict.holder = Part::Bad(finding);
        }
        match anchored {
            Ok(anchored) if anchored.issuer == source.issuer => (decision, Some(anchored)),
            Ok(_) => {
                verdict.issuer =
                    Part::Bad(Finding::new(Reason::NotAnchored, "anchored by somebody else than its issuer"));
                (decision, None)
            }
            Err(part) => {
                // What is open excuses nothing that is bad.
                if matches!((&verdict.issuer, &part), (Part::Good, _) | (_, Part::Bad(_))) {
                    verdict.issuer = part;
                }
                (decision, None)
            }
        }
    }

    /// The pass is for the key that the holder consented to, and its owner asks for it.
    fn pass_key(&self, request: &PassRequest) -> Result<(), Finding> {
        let Consent { nonce, pass, .. } = &request.consent.consent;
        if pass.as_ref() != Some(&request.holder.key) {
            let rule = "the holder consents to the key that the pass is bound to";
            return Err(Finding::new(Reason::HolderMismatch, rule));
        }
        request.holder.verify(&self.did, nonce)?;
        check_pass_key(&request.holder.key)
    }

    /// Uses the challenge up, if it was answered by whoever holds what was shown: nobody else's text does.
    fn close(&self, nonce: &str, decision: &Decision, now: Timestamp) -> Result<(), Finding> {
        match decision.verdict.holder {
            Part::Good => self.challenges.close(nonce, now),
            _ => Ok(()),
        }
    }

    fn challenged<'a>(&'a self, nonce: &'a str, now: Timestamp) -> Challenge<'a> {
        Challenge { audience: &self.audience, nonce, max_age: challenges::SECONDS, now, limits: self.limits }
    }

    /// Signs the pass and keeps the trail, all or nothing.
    fn give(
        &self,
        policy: &Policy,
        holder: &PublicKey,
        transcoding: Transcoding,
        trail: Trail,
    ) -> Result<Pass, AgencyError> {
        let terms = policy.pass.as_ref().ok_or(AgencyError::NoPass)?;
        let schema = pass_schema(&terms.credential_type).id();
        self.may_issue(&terms.credential_type)?;
        let (now, decided) = (transcoding.decided, transcoding.digest());
        let expires = now.plus(u64::from(terms.hours) * 3600);
        let kind = type_name(&terms.credential_type, &schema);
        let consented = trail.consent.as_ref().map(|consent| consent.consent.digest());
        let (pass, digest) = self.vault.write(|change| {
            let status_index = StatusLists::allocate(change)?;
            let claims = transcoding.pass_claims();
            let credential = self.sign_document(&kind, &claims, holder, now, expires, status_index)?;
            let digest = document_digest(&Value::Object(credential.clone()));
            let row = IssuedRow {
                record: None,
                credential_type: terms.credential_type.clone(),
                schema,
                handle: None,
                status_index,
                digest,
                issued: now,
                expires,
            };
            let id = self.stage(change, &row)?;
            Anchors::stage(change, CommitmentKind::Transcoding, &decided)?;
            if let Some(consent) = &consented {
                Anchors::stage(change, CommitmentKind::Consent, consent)?;
            }
            let evidence = EvidenceRow {
                transcoding,
                presentation: trail.presentation,
                consent: trail.consent,
                anchor: trail.anchor,
                salt: trail.salt,
            };
            change.put(TRANSCODINGS, &evidence_row(change.vault(), &digest), &evidence)?;
            if let Some(Act { by, as_of }) = &trail.act {
                let mut subjects = vec![Subject::Digest(id)];
                subjects.extend(as_of.map(|at| Subject::Number(at.seconds())));
                note(change, now, by, "foreign.transcode", subjects)?;
            }
            Ok::<_, AgencyError>((Pass { id, credential }, digest))
        })?;
        self.anchors.announce(CommitmentKind::Credential, [digest]);
        self.anchors.announce(CommitmentKind::Transcoding, [decided]);
        self.anchors.announce(CommitmentKind::Consent, consented);
        self.metrics.issued("eddsa-jcs-2022", 1);
        Ok(pass)
    }

    /// Verifies a presentation that answers one of this agency's challenges; a pass begins with `CWP:`.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] if the policy has left the ledger's view.
    pub fn verify(&self, text: &str, nonce: &str) -> Result<Decision, AgencyError> {
        let now = self.clock.now();
        let view = self.trust.view();
        let decision = match self.challenges.check(nonce, &self.policies(), now) {
            Err(finding) => early(finding),
            Ok(policy) => {
                let challenge = self.challenged(nonce, now);
                let decision = if text.starts_with("CWP:") {
                    verify_pass(text, &policy, &view.facts, &challenge)
                } else {
                    verify_presentation(text, &policy, &view.facts, &challenge, None)
                };
                self.close(nonce, &decision, now).map_or_else(early, |()| decision)
            }
        };
        self.count(&decision);
        self.metrics.verified(decision.verdict.overall());
        Ok(decision)
    }

    /// Makes a pass of a foreign certificate that was accepted under `policy`, and keeps what opens the commitment
    /// to it.
    pub(super) fn give_for_certificate(
        &self,
        policy: &Policy,
        holder: &PublicKey,
        transcoding: Transcoding,
        salt: Digest,
        act: Act,
    ) -> Result<Pass, AgencyError> {
        let trail =
            Trail { anchor: None, presentation: None, consent: None, salt: Some(salt), act: Some(act) };
        self.give(policy, holder, transcoding, trail)
    }

    pub(super) fn count(&self, decision: &Decision) {
        for finding in decision.verdict.findings() {
            self.metrics.refused(finding.code);
        }
    }

    fn refuse_early(&self, finding: Finding) -> PassResponse {
        let decision = early(finding);
        self.count(&decision);
        let overall = decision.verdict.overall();
        self.metrics.transcoded(overall);
        PassResponse { overall, verdict: decision.verdict, ages: None, pass: None }
    }
}

/// A pass is shown with an Ed25519 proof, so it is bound to no other key.
pub(super) fn check_pass_key(key: &PublicKey) -> Result<(), Finding> {
    match key.suite() {
        Suite::Ed25519 => Ok(()),
        Suite::P256 | Suite::Jubjub => {
            Err(Finding::new(Reason::WrongKeyUse, "a pass is bound to an Ed25519 key"))
        }
    }
}

/// A decision that ends at the challenge.
fn early(finding: Finding) -> Decision {
    let verdict = credential::Verdict { freshness: Part::Bad(finding), ..Default::default() };
    Decision { verdict, ages: None, source: None, claims: None }
}
