//! Proofs made ahead of time, and shown with a fresh key each.
//!
//! A proof is made for one policy, day and gate (or all gates of the verifier, as the policy says) and bound to a key made
//! for one show. What it needs of the world, all of it verified under the ledger's head: the policy and its schema, the
//! issuer set, and the issuer's whole revocations, so that nobody learns whose status is looked at.

use credential::facts::Facts;
use credential::zk::{NONCE, Occasion, Prepared, Revocations, Shown, nothing_revoked, scope_at};
use credential::{Finding, Part, Policy, Reason, Scope};
use did_registry::{Date, Digest, SigningKey, Suite, Timestamp};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use zk_policy::{Element, FalseStatement, PROOF_BYTES, Proof, ProvingKey, Statement, Witness, prove};

use crate::store::key;
use crate::{Holding, WalletError};

/// A proof in stock.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    policy: Digest,
    epoch: u64,
    day: Date,
    /// The one gate that it is for; none for all of the verifier's.
    gate: Option<String>,
    /// The credential it is made from.
    credential: Digest,
    /// The circuits' keys that the committee had adopted.
    keys: Digest,
    proof: String,
    nullifier: String,
    #[serde(with = "key")]
    key: SigningKey,
}

/// What is asked for at which gate on which day.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The policy's identifier.
    pub policy: &'a Digest,
    /// The gate's name.
    pub gate: &'a str,
    /// The day.
    pub day: Date,
}

/// The policy that is asked for, if the ledger has it, it can be proved, and its verifier is no stranger.
///
/// # Errors
/// [`WalletError::PolicyNotAnchored`], [`WalletError::NotProvable`], [`WalletError::VerifierNotRecognised`].
pub fn admitted<'a>(facts: &'a Facts, policy: &Digest, now: Timestamp) -> Result<&'a Policy, WalletError> {
    let found = facts.policies.get(policy).ok_or(WalletError::PolicyNotAnchored(*policy))?;
    let verifier = &found.verifier;
    let active = facts.dids.get(verifier).is_some_and(|record| record.deactivated.is_none());
    let mut recognitions = facts.recognitions.iter().filter(|((_, did), _)| did == verifier);
    if !active || !recognitions.any(|(_, recognition)| recognition.holds_at(now)) {
        return Err(WalletError::VerifierNotRecognised(verifier.clone()));
    }
    if found.proof.is_none() {
        return Err(WalletError::NotProvable(*policy));
    }
    Ok(found)
}

impl Holding {
    /// Proves a policy from this credential, for one visit; takes some tenths of a second.
    ///
    /// # Errors
    /// As [`admitted`]; [`WalletError::NoProofs`], [`WalletError::Revoked`], [`WalletError::Revocations`];
    /// [`WalletError::WouldRefuse`] with what the rule says no to.
    pub fn prepare<R: RngCore + CryptoRng>(
        &self,
        visit: &Visit<'_>,
        (facts, revocations): (&Facts, &Revocations),
        proving: &ProvingKey,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Ready, WalletError> {
        let policy = admitted(facts, visit.policy, now)?;
        let scope = policy.proof.ok_or(WalletError::NotProvable(*visit.policy))?.scope;
        let schema =
            facts.schemas.get(&policy.schema).ok_or(WalletError::PolicyNotAnchored(*visit.policy))?;
        if self.schema() != Some(policy.schema) {
            return Err(WalletError::Missing("credential of the policy's schema"));
        }
        // In words, before the circuit says no in none.
        if let Part::Bad(finding) | Part::Open(finding) = self.will_pass(policy, schema, visit.day)? {
            return Err(WalletError::WouldRefuse(finding));
        }
        let (credential, secret) = self.causeway(schema, facts)?;
        let keys = facts.circuit_keys.ok_or(WalletError::NoCircuitKeys)?;
        let record = facts.revocations.get(self.issuer());
        let anchored = record.map_or(Some(nothing_revoked()), |record| record.root.element());
        if anchored != Some(revocations.tree().root()) {
            return Err(WalletError::Revocations);
        }
        if revocations.tree().is_revoked(credential.handle()) {
            return Err(WalletError::Revoked);
        }
        let (set, epoch) = facts.issuer_set(&policy.credential_type)?;
        let issuer = set.witness(credential.issuer()).ok_or_else(|| {
            let detail = "the issuer's key is not in the issuer set";
            WalletError::WouldRefuse(Finding::new(Reason::IssuerNotRecognised, detail))
        })?;
        let scoped = scope_at(&policy.verifier, scope, visit.gate, visit.day);
        let terms = policy.terms(schema, set.root(), visit.day, scoped);
        let terms = terms.map_err(|_| WalletError::NotProvable(*visit.policy))?;
        let one_time = SigningKey::generate(Suite::P256, rng);
        let occasion = Occasion { verifier: &policy.verifier, policy: visit.policy, epoch, day: visit.day };
        let context = occasion.context(&one_time.public_key());
        let status = revocations.tree().witness(credential.handle());
        let witness = Witness { credential, secret, issuer, status };
        let statement = Statement::of(terms, &witness, context);
        let proof = prove(proving, &statement, &witness, rng).map_err(refused)?;
        Ok(Ready {
            policy: *visit.policy,
            epoch,
            day: visit.day,
            gate: match scope {
                Scope::GateAndDay => Some(visit.gate.to_owned()),
                Scope::Day => None,
            },
            credential: *self.id(),
            keys,
            proof: hex::encode(proof.to_bytes()),
            nullifier: hex::encode(statement.nullifier.to_bytes()),
            key: one_time,
        })
    }
}

/// The circuit's rules in the verdict's vocabulary.
fn refused(rule: FalseStatement) -> WalletError {
    let code = match rule {
        FalseStatement::Issuer | FalseStatement::Issued | FalseStatement::Recognised => {
            Reason::IssuerNotRecognised
        }
        FalseStatement::Expired => Reason::Expired,
        FalseStatement::Revoked => return WalletError::Revoked,
        FalseStatement::StatusPlace => return WalletError::Revocations,
        FalseStatement::Holder => Reason::HolderMismatch,
        FalseStatement::Signature => Reason::BadSignature,
        _ => Reason::RuleFailed,
    };
    WalletError::WouldRefuse(Finding::new(code, rule.to_string()))
}

impl Ready {
    /// The policy.
    pub fn policy(&self) -> &Digest {
        &self.policy
    }

    /// The day it is for.
    pub fn day(&self) -> Date {
        self.day
    }

    /// The gate it is for; none for all of the verifier's.
    pub fn gate(&self) -> Option<&str> {
        self.gate.as_deref()
    }

    /// The credential it is made from, by the issuer's name for it.
    pub fn credential(&self) -> &Digest {
        &self.credential
    }

    pub(crate) fn fits(&self, policy: &Digest, gate: &str, day: Date) -> bool {
        self.policy == *policy && self.day == day && self.gate.as_deref().is_none_or(|own| own == gate)
    }

    /// Whether gates accept its issuer set, and will for half of the policy's hours at least, and verify with the same keys.
    pub(crate) fn is_current(&self, facts: &Facts, now: Timestamp) -> bool {
        let Some(policy) = facts.policies.get(&self.policy) else { return false };
        let Some(terms) = policy.proof else { return false };
        let overtaken =
            facts.issuer_sets.get(&policy.credential_type).and_then(|it| it.of_epoch(self.epoch, now));
        facts.circuit_keys == Some(self.keys)
            && overtaken.is_some_and(|(_, seconds)| seconds <= u64::from(terms.epoch_hours) * 1800)
    }

    /// Shows it at a gate: in answer to the lane's nonce, or on paper. Used up by that.
    ///
    /// # Errors
    /// [`WalletError::Stored`] if the stored proof was damaged.
    pub fn show(self, gate: &str, nonce: Option<[u8; NONCE]>) -> Result<Shown, WalletError> {
        let damaged = || WalletError::Stored("a proof in stock is not readable".into());
        let (mut proof, mut nullifier) = ([0; PROOF_BYTES], [0; 32]);
        hex::decode_to_slice(&self.proof, &mut proof).map_err(|_| damaged())?;
        hex::decode_to_slice(&self.nullifier, &mut nullifier).map_err(|_| damaged())?;
        let Self { policy, epoch, day, key, .. } = self;
        let prepared = Prepared {
            policy,
            epoch,
            day,
            proof: Proof::from_bytes(&proof).map_err(|_| damaged())?,
            nullifier: Element::from_bytes(&nullifier).map_err(|_| damaged())?,
            key,
        };
        Ok(prepared.show(gate, nonce))
    }
}
