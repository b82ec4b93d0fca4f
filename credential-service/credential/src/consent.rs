//! Consent: what a holder agrees to, signed by the holder, usable by one receiver for one policy.
//!
//! It names the receiver, the policy (and so the purpose), the claims, the challenge and how long; a receiver
//! other than the one named cannot use it (W12), nor that one a second time. Both sides keep it: the holder to
//! show what was agreed to, the receiver to show that it was. The receiver anchors a blinded commitment to its
//! digest and hands the opening to whoever knows that digest, which is nobody else, because a challenge is
//! random; so the holder too proves with no node that it was written down, and when.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::encode;
use did_registry::{Did, Digest, PublicKey, Signature, SigningKey, Timestamp, digest, label};
use serde::{Deserialize, Serialize};

use crate::{Finding, Policy, Reason};

/// What is agreed to.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The key that holds the credential.
    pub holder: PublicKey,
    /// Who may receive.
    pub receiver: Did,
    /// Under which rule, and so for which purpose.
    pub policy: Digest,
    /// The claims shown.
    pub claims: BTreeSet<String>,
    /// When it was given.
    pub given: Timestamp,
    /// Until when it may be used.
    pub expires: Timestamp,
    /// The receiver's challenge, so that it is used once.
    pub nonce: String,
    /// The key that what the receiver issues in return is bound to, so that nobody on the way takes it over.
    pub pass: Option<PublicKey>,
}

/// A consent and the holder's signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedConsent {
    /// What is agreed to.
    pub consent: Consent,
    /// Over the consent's digest, 64 bytes in hexadecimal.
    pub signature: String,
}

impl Consent {
    /// Consent to what `policy` asks, for ten minutes.
    pub fn to(policy: &Policy, holder: PublicKey, nonce: &str, now: Timestamp) -> Self {
        Self {
            holder,
            receiver: policy.verifier.clone(),
            policy: policy.id(),
            claims: policy.claims().into_iter().map(str::to_owned).collect(),
            given: now,
            expires: now.plus(600),
            nonce: nonce.to_owned(),
            pass: None,
        }
    }

    /// The same consent, for a pass bound to `key`.
    #[must_use]
    pub fn for_pass(self, key: PublicKey) -> Self {
        Self { pass: Some(key), ..self }
    }

    /// The digest that is signed, and whose blinded commitment is anchored.
    pub fn digest(&self) -> Digest {
        digest(label::CONSENT, &[&encode(self)])
    }

    /// Signs it.
    pub fn sign(self, holder: &SigningKey) -> SignedConsent {
        let signature = hex::encode(holder.sign(self.digest().as_bytes()).as_bytes());
        SignedConsent { consent: self, signature }
    }
}

impl SignedConsent {
    /// Checks that the holder of `holder` agreed to exactly what `policy` asks, here and now.
    ///
    /// # Errors
    /// `BAD_SIGNATURE`, `HOLDER_MISMATCH`, `WRONG_AUDIENCE`, `EXPIRED`, `NOT_YET_VALID`.
    pub fn verify(
        &self,
        policy: &Policy,
        holder: &PublicKey,
        nonce: &str,
        now: Timestamp,
    ) -> Result<(), Finding> {
        let Consent {
            holder: signer, receiver, policy: named, claims, given, expires, nonce: given_for, ..
        } = &self.consent;
        let refuse = |code, detail: &str| Err(Finding::new(code, format!("consent {detail}")));
        if signer != holder {
            return refuse(Reason::HolderMismatch, "is given by the credential's holder");
        }
        if receiver != &policy.verifier || *named != policy.id() || given_for != nonce {
            return refuse(Reason::WrongAudience, "names this receiver, policy and challenge");
        }
        if claims.iter().map(String::as_str).ne(policy.claims()) {
            return refuse(Reason::WrongAudience, "covers exactly the claims that the policy asks for");
        }
        if now >= *expires {
            return refuse(Reason::Expired, "is used before it expires");
        }
        if *given > now.plus(60) {
            return refuse(Reason::NotYetValid, "is given before it is used");
        }
        let signature =
            hex::decode(&self.signature).ok().and_then(|bytes| Signature::try_from(bytes.as_slice()).ok());
        match signature.map(|signature| holder.verify_jose(self.consent.digest().as_bytes(), &signature)) {
            Some(Ok(())) => Ok(()),
            _ => refuse(Reason::BadSignature, "carries its holder's signature"),
        }
    }
}

#[cfg(test)]
mod tests;
