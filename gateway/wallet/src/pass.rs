//! Applying for a pass, and showing it.

use credential::consent::Consent;
use credential::exchange::{ChallengeResponse, PassRequest, PassResponse, Possession};
use credential::facts::Facts;
use credential::presentation::{authenticate_document, document_digest, present_pass};
use credential::{Finding, Overall, Part, Reason, sd_jwt};
use did_registry::{Did, Digest, SigningKey, Suite, Timestamp};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::key;
use crate::{ConsentReceipt, Holding, WalletError};

/// An application under way: the fresh key waits for its pass.
pub struct Application {
    key: SigningKey,
    verifier: Did,
    policy: Digest,
    consent: ConsentReceipt,
}

/// A pass and the key that shows it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldPass {
    #[serde(with = "key")]
    key: SigningKey,
    issuer: Did,
    policy: Digest,
    pass: credential::exchange::Pass,
}

impl Application {
    /// Answers a verifier's challenge with what its policy asks for, and nothing else.
    ///
    /// The policy must be anchored and the verifier's own, and the holder's own data must satisfy it: an
    /// application that would be refused is not sent. `check_first` set to false sends it all the same, for
    /// those who want the verifier's own word.
    ///
    /// # Errors
    /// [`WalletError::PolicyNotAnchored`], [`WalletError::NotVerifier`], [`WalletError::WouldRefuse`],
    /// [`WalletError::Missing`] without an anchor receipt.
    pub fn begin<R: RngCore + CryptoRng>(
        holding: &Holding,
        challenge: &ChallengeResponse,
        facts: &Facts,
        check_first: bool,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Self, PassRequest), WalletError> {
        let policy = &challenge.policy;
        let id = policy.id();
        if facts.policies.get(&id) != Some(policy) {
            return Err(WalletError::PolicyNotAnchored(id));
        }
        if challenge.audience != policy.verifier {
            return Err(WalletError::NotVerifier(policy.verifier.clone()));
        }
        let schema = facts.schemas.get(&policy.schema).ok_or(WalletError::PolicyNotAnchored(id))?;
        if check_first
            && let Part::Bad(finding) | Part::Open(finding) = holding.will_pass(policy, schema, now.date())?
        {
            return Err(WalletError::WouldRefuse(finding));
        }
        let anchor =
            holding.anchor().ok_or(WalletError::Missing("receipt that the credential was anchored"))?;
        let (audience, nonce) = (challenge.audience.to_string(), challenge.nonce.as_str());
        let presentation =
            sd_jwt::present(&holding.sd_jwt()?, &policy.claims(), holding.key(), &audience, nonce, now)
                .map_err(Finding::from)?;
        let key = SigningKey::generate(Suite::Ed25519, rng);
        let consent = Consent::to(policy, holding.key().public_key(), nonce, now).for_pass(key.public_key());
        let consent = consent.sign(holding.key());
        let receipt = ConsentReceipt::new(consent.clone(), policy.clone());
        let request = PassRequest {
            presentation,
            consent,
            anchor: anchor.to_owned(),
            holder: Possession::prove(&key, &challenge.audience, nonce),
        };
        let verifier = challenge.audience.clone();
        Ok((Self { key, verifier, policy: id, consent: receipt }, request))
    }

    /// What the holder agreed to by it, to be kept before it is sent.
    pub fn consent(&self) -> &ConsentReceipt {
        &self.consent
    }

    /// Checks the answer and keeps the pass.
    ///
    /// # Errors
    /// [`WalletError::Refused`] with the verifier's findings, [`WalletError::Sent`] if the pass does not hold.
    pub fn accept(
        self,
        response: PassResponse,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<HeldPass, WalletError> {
        let Some(pass) = response.pass.filter(|_| response.overall == Overall::Accept) else {
            return Err(WalletError::Refused(response.verdict.findings().into_iter().cloned().collect()));
        };
        let document = Value::Object(pass.credential.clone());
        let (credential, issuer) = authenticate_document(&document, facts, now, None)?;
        if issuer != self.verifier || credential.holder() != Some(self.key.public_key()) {
            let finding = Finding::new(
                Reason::HolderMismatch,
                "a pass is its verifier's and bound to this wallet's key",
            );
            return Err(finding.into());
        }
        Ok(HeldPass { key: self.key, issuer, policy: self.policy, pass })
    }
}

impl HeldPass {
    /// The issuer's name for it.
    pub fn id(&self) -> &Digest {
        &self.pass.id
    }

    /// Its digest, by which an auditor asks what it was given on.
    pub fn digest(&self) -> Digest {
        document_digest(&Value::Object(self.pass.credential.clone()))
    }

    /// Whose pass it is to give.
    pub fn issuer(&self) -> &Did {
        &self.issuer
    }

    /// The policy it was given under.
    pub fn policy(&self) -> &Digest {
        &self.policy
    }

    /// The pass as issued.
    pub fn credential(&self) -> &Map<String, Value> {
        &self.pass.credential
    }

    /// The text of the QR code that answers a gate's challenge.
    ///
    /// # Errors
    /// [`WalletError::Sent`] if the stored pass was damaged.
    pub fn show(&self, audience: &str, nonce: &str, now: Timestamp) -> Result<String, WalletError> {
        Ok(present_pass(&self.pass.credential, &self.key, audience, nonce, now)?)
    }
}
