//! Transcoding: another jurisdiction's evidence in, this agency's pass out, and a trail to recompute it by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::anchor::{LeafKind, credential_digest};
use credential::consent::Consent;
use credential::exchange::{ChallengeResponse, Pass, PassRequest, PassResponse};
use credential::presentation::{
    Challenge, Decision, document_digest, type_name, verify_pass, verify_presentation,
};
use credential::sd_jwt::SdJwtText;
use credential::transcoding::{Transcoding, TrustEpoch, pass_schema};
use credential::{Finding, Overall, Part, Policy, Reason};
use did_registry::{Digest, PublicKey, Suite, Timestamp};
use ledger_chain::receipt::{AnchorReceipt, Anchored};
use serde_json::Value;

use super::anchors::Anchors;
use super::challenges;
use super::lists::StatusLists;
use super::rows::{CommitmentKind, EvidenceRow, IssuedRow, TRANSCODINGS};
use super::trust::View;
use super::{Agency, AgencyError};
use crate::vault::RowId;

/// What the decision was made on, beside the presentation itself.
struct Trail {
    nonce: String,
    anchor: Option<String>,
    presentation: Option<String>,
    consent: Option<Digest>,
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
        let nonce = self.challenges.open(policy.id(), self.clock.now());
        Ok(ChallengeResponse { audience: self.did.clone(), nonce, policy })
    }

    /// Decides on an application, and gives a pass to those who satisfy the policy.
    ///
    /// # Errors
    /// Only faults of this agency; what is wrong with the application is in the verdict.
    pub fn apply(&self, request: &PassRequest) -> Result<PassResponse, AgencyError> {
        let now = self.clock.now();
        let view = self.trust.view();
        let nonce = &request.consent.consent.nonce;
        let policy_id = match self.challenges.close(nonce, now) {
            Ok(policy) => policy,
            Err(finding) => return Ok(self.refuse_early(finding)),
        };
        let policy = view.facts.policies.get(&policy_id).ok_or(AgencyError::Missing("policy"))?;
        let (decision, anchored) = self.decide(request, policy, &view, now);
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
                    nonce: nonce.clone(),
                    anchor: Some(request.anchor.clone()),
                    presentation: retained.then(|| request.presentation.clone()),
                    consent: Some(request.consent.consent.digest()),
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
        view: &View,
        now: Timestamp,
    ) -> (Decision, Option<Anchored>) {
        let nonce = &request.consent.consent.nonce;
        let anchored = anchored(request, view);
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
            Err(finding) => {
                verdict.issuer = Part::Bad(finding);
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
        let (pass, digest) = self.vault.write(|change| {
            let status_index = StatusLists::allocate(change)?;
            let claims = transcoding.pass_claims();
            let credential = self.sign_document(&kind, &claims, holder, now, expires, status_index)?;
            let digest = document_digest(&Value::Object(credential.clone()));
            let row = IssuedRow {
                record: None,
                credential_type: terms.credential_type.clone(),
                schema,
                status_index,
                digest,
                issued: now,
                expires,
            };
            let id = self.stage(change, &row)?;
            Anchors::stage(change, CommitmentKind::Transcoding, &decided)?;
            if let Some(consent) = &trail.consent {
                Anchors::stage(change, CommitmentKind::Consent, consent)?;
            }
            let evidence = EvidenceRow {
                transcoding,
                presentation: trail.presentation,
                nonce: trail.nonce,
                anchor: trail.anchor,
            };
            change.put(TRANSCODINGS, &RowId::from(id), &evidence)?;
            Ok::<_, AgencyError>((Pass { id, credential }, digest))
        })?;
        self.anchors.announce(CommitmentKind::Credential, [digest]);
        self.anchors.announce(CommitmentKind::Transcoding, [decided]);
        self.anchors.announce(CommitmentKind::Consent, trail.consent);
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
        let decision = match self.challenges.close(nonce, now) {
            Err(finding) => early(finding),
            Ok(policy) => {
                let challenge = self.challenged(nonce, now);
                if text.starts_with("CWP:") {
                    verify_pass(text, &policy, &view.facts, &challenge)
                } else {
                    verify_presentation(text, &policy, &view.facts, &challenge, None)
                }
            }
        };
        self.count(&decision);
        self.metrics.verified(decision.verdict.overall());
        Ok(decision)
    }

    /// Makes a pass of a foreign certificate that was accepted under `policy`.
    pub(super) fn give_for_certificate(
        &self,
        policy: &Policy,
        holder: &PublicKey,
        transcoding: Transcoding,
    ) -> Result<Pass, AgencyError> {
        let trail = Trail { nonce: String::new(), anchor: None, presentation: None, consent: None };
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
        Suite::P256 => Err(Finding::new(Reason::WrongKeyUse, "a pass is bound to an Ed25519 key")),
    }
}

/// A decision that ends at the challenge.
fn early(finding: Finding) -> Decision {
    let verdict = credential::Verdict { freshness: Part::Bad(finding), ..Default::default() };
    Decision { verdict, ages: None, source: None, claims: None }
}

/// Verifies the anchor receipt of what is presented.
fn anchored(request: &PassRequest, view: &View) -> Result<Anchored, Finding> {
    let refuse = |detail: &str| Finding::new(Reason::NotAnchored, detail);
    let bytes = URL_SAFE_NO_PAD.decode(&request.anchor).map_err(|_| refuse("a receipt is base64url"))?;
    let receipt = AnchorReceipt::from_bytes(&bytes).map_err(|error| refuse(&error.to_string()))?;
    let text = SdJwtText::parse(&request.presentation).map_err(Finding::from)?;
    receipt.verify(&view.head, LeafKind::Credential, &credential_digest(text.signed_part().as_bytes()))
}
