//! Recovery by guardians: new keys for an identifier whose owner lost the old ones.
//!
//! ```text
//! owner      prepare ──► file: recovery, and the record with its proof      new keys wait as *.new
//! guardians              └─► approve, each on a machine of their own, offline
//! anybody                        └─► submit ──► delay ──► complete ──► the new keys are in place
//! old owner                                      └─ veto
//! ```
//! **What the file is.** The request, the approvals so far, and the record that it starts from under a signed
//! head. A guardian therefore needs the genesis and no network to see whose keys would be replaced, and by whose
//! leave. A stale record does no harm: an approval names the hash of the operation before, so it holds for exactly
//! the record that was shown, and the ledger refuses it for every other.
//!
//! **Who sends it.** The owner has no key that the ledger knows, so any registered actor carries the request and
//! its completion. A carrier decides nothing: the guardians' signatures and the delay do.

mod file;

use std::path::Path;

use did_registry::{
    Approval, Did, DidOperation, DidRecord, DocumentKey, Genesis as DidGenesis, Guardians, Moment, PublicKey,
    Recovery, RegistryError, SigningKey, Suite, Timestamp,
};
use ledger_chain::light::{LightError, TrustedHead};
use ledger_chain::{Genesis, Operation, Record, StateKey};
use rand::{CryptoRng, RngCore};

pub use file::{FILE_BYTES, RecoveryFile, VerifiedRecovery};

use crate::actor::{ActorDirectory, ActorError, KeySlot, Safe, read_key};
use crate::files::FileError;
use crate::identity::{self, DOCUMENT_KEYS, IdentityError};
use crate::ledger::{Ledger, LedgerError};

/// Why a step of a recovery was not taken. The text states the rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An actor's directory.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// An actor's identifier.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A rule of the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A record in a file that its head does not prove.
    #[error("the record in the file does not hold: {0}")]
    Proof(#[from] LightError),
    /// A key that may not approve.
    #[error("{key} is none of the guardians of {did}")]
    NotGuardian {
        /// Whose key it is.
        key: PublicKey,
        /// Whose guardians were asked.
        did: Did,
    },
    /// A second approval.
    #[error("{0} has approved already, and each guardian counts once")]
    ApprovedAlready(PublicKey),
    /// A signature that does not hold.
    #[error("the approval of {0} is its signature over exactly this recovery, and this is none")]
    NotApproved(PublicKey),
    /// Approvals of different things.
    #[error(
        "approvals count together when they are for the same recovery, and these files ask for different ones"
    )]
    OtherRecovery,
    /// A recovery that somebody else prepared.
    #[error("the recovery pending on {0} was not prepared here; if it is not yours, veto it")]
    OtherKeys(Did),
    /// Another actor's directory.
    #[error("this directory belongs to {here}, not to {asked}")]
    OtherIdentifier {
        /// Whose it is.
        here: Did,
        /// Who was named.
        asked: Did,
    },
}

/// Makes new keys for an actor, beside the old ones and in its safe, and the file for its guardians. Document keys
/// in `keep` stay what they are; what the others signed counts no more once the recovery is complete.
///
/// # Errors
/// [`RecoveryError`]; a record that no recovery is possible on is refused before a key is made.
pub async fn prepare<R: RngCore + CryptoRng>(
    ledger: &mut Ledger,
    actor: &ActorDirectory,
    safe: &Safe,
    keep: &[KeySlot],
    rng: &mut R,
) -> Result<RecoveryFile, RecoveryError> {
    safe.check_apart(actor.path())?;
    let _lock = actor.lock()?;
    let key = StateKey::Did(actor.did().clone());
    let (proof, head) = ledger.client().record_and_head(&key).await.map_err(LedgerError::from)?;
    let (record, _) = proven(ledger.genesis(), &head, &proof, actor.did())?;
    check_recoverable(&record)?;
    let recovery = Recovery {
        subject: record.did.clone(),
        previous: record.head,
        keys: document_keys(actor, &record, keep, rng)?,
        control: actor.prepare(rng)?.public_key(),
        next: safe.prepare(rng)?.public_key().commitment(),
    };
    Ok(RecoveryFile { head, proof, recovery, approvals: Vec::new() })
}

/// The document's keys after the recovery: those that are kept, and a successor of each other.
fn document_keys<R: RngCore + CryptoRng>(
    actor: &ActorDirectory,
    record: &DidRecord,
    keep: &[KeySlot],
    rng: &mut R,
) -> Result<Vec<DocumentKey>, RecoveryError> {
    let kept = keep.iter().map(|slot| identity::entry_of(record, slot).cloned());
    let mut keys = kept.collect::<Result<Vec<_>, _>>()?;
    for (file, suite) in DOCUMENT_KEYS {
        let slot = actor.slot(file, suite);
        if keep.iter().any(|kept| kept.path == slot.path) {
            continue;
        }
        if let Some(old) = record.current_keys().find(|entry| entry.key.suite() == suite) {
            keys.push(identity::successor(record, old, &slot, rng)?);
        }
    }
    Ok(keys)
}

/// Asks the core with a recovery that lacks nothing but approvals.
fn check_recoverable(record: &DidRecord) -> Result<(), RecoveryError> {
    let trial = Recovery {
        subject: record.did.clone(),
        previous: record.head,
        control: record.control.clone(),
        next: record.next,
        keys: Vec::new(),
    };
    check_admissible(record, &trial, &[])
}

/// What the core says of a recovery, but for approvals that may still come.
fn check_admissible(
    record: &DidRecord,
    recovery: &Recovery,
    approvals: &[Approval],
) -> Result<(), RecoveryError> {
    let operation = DidOperation::RequestRecovery(recovery.clone(), approvals.to_vec());
    match record.apply(&record.did, &operation, record.updated) {
        Ok(_) | Err(RegistryError::TooFewGuardians { .. }) => Ok(()),
        Err(refused) => Err(refused.into()),
    }
}

/// The record of an identifier under a head of the ledger.
fn proven(
    genesis: &Genesis,
    head: &ledger_chain::SignedHead,
    proof: &ledger_chain::tree::RecordProof,
    did: &Did,
) -> Result<(DidRecord, Moment), RecoveryError> {
    let head = TrustedHead::from_genesis(genesis, head)?;
    let proven = head.lookup(&StateKey::Did(did.clone()), proof)?;
    let at = proven.at();
    match proven.into_value() {
        Some(Record::Did(record)) => Ok((*record, at)),
        _ => Err(RegistryError::UnknownDid(did.clone()).into()),
    }
}

/// A directory for an identifier whose own was lost: the identifier, its genesis operation, the ledger. No keys.
///
/// # Errors
/// [`RecoveryError`]; an identifier that no recovery is possible on leaves no directory.
pub async fn adopt(ledger: &mut Ledger, path: &Path, did: &Did) -> Result<ActorDirectory, RecoveryError> {
    let record = ledger.did(did).await?;
    check_recoverable(&record)?;
    let genesis = genesis_of(ledger, &record).await?;
    Ok(ActorDirectory::adopt(path, &genesis, ledger.genesis())?)
}

/// The operation that an identifier is the hash of: in the ledger's genesis, or in the block that registered it.
/// Nothing that the node says is believed: the right one hashes to the identifier.
async fn genesis_of(ledger: &Ledger, record: &DidRecord) -> Result<DidGenesis, RecoveryError> {
    if let Some(genesis) = ledger.genesis().dids.iter().find(|genesis| genesis.did() == record.did) {
        return Ok(genesis.clone());
    }
    let operations = operations(ledger, record.created.height).await?;
    let created = operations.into_iter().find_map(|operation| match operation {
        DidOperation::Create(genesis) if genesis.did() == record.did => Some(genesis),
        _ => None,
    });
    Ok(created.ok_or_else(missing_operation)?)
}

fn missing_operation() -> LedgerError {
    LedgerError::Proof("the block does not hold the operation that the record names".into())
}

/// The operations on identifiers in a block.
async fn operations(ledger: &Ledger, height: u64) -> Result<Vec<DidOperation>, RecoveryError> {
    let block = ledger.client().block(height).await.map_err(LedgerError::from)?;
    let own = |operation| match operation {
        Operation::Did(operation) => Some(operation),
        _ => None,
    };
    Ok(block.transactions.into_iter().filter_map(|signed| own(signed.transaction.operation)).collect())
}

/// The key in a guardian's file: of the suite whose public half is among the guardians, Ed25519 if none is.
///
/// # Errors
/// [`RecoveryError::Actor`].
pub fn guardian_key(path: &Path, guardians: &Guardians) -> Result<SigningKey, RecoveryError> {
    let known = |key: &SigningKey| guardians.keys.contains(&key.public_key());
    let p256 = read_key(path, Suite::P256).ok().filter(known);
    Ok(match p256 {
        Some(key) => key,
        None => read_key(path, Suite::Ed25519)?,
    })
}

/// What came of [`submit`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submitted {
    /// The block that holds it; none if it was pending before.
    pub height: Option<u64>,
    /// From when on it can be completed.
    pub effective: Timestamp,
}

/// Puts approvals together and asks the ledger for the recovery, in the name of `carrier`.
///
/// # Errors
/// [`RecoveryError`] with the rule broken; nothing is sent that the core refuses.
pub async fn submit(
    ledger: &mut Ledger,
    carrier: &ActorDirectory,
    files: Vec<RecoveryFile>,
) -> Result<Submitted, RecoveryError> {
    let request = file::merge(files)?.verify(ledger.genesis())?;
    let RecoveryFile { recovery, approvals, .. } = request.into_file();
    let record = ledger.did(&recovery.subject).await?;
    if let Some(pending) = record.pending.as_ref().filter(|pending| pending.recovery == recovery) {
        return Ok(Submitted { height: None, effective: pending.effective });
    }
    let operation = DidOperation::RequestRecovery(recovery.clone(), approvals);
    // The core says what is wrong before anything is sent.
    record.apply(carrier.did(), &operation, record.updated)?;
    let height = carry(ledger, carrier, operation).await?;
    let pending = ledger.did(&recovery.subject).await?.pending;
    let pending = pending.ok_or(RegistryError::RecoveryState(recovery.subject, "pending"))?;
    Ok(Submitted { height: Some(height), effective: pending.effective })
}

async fn carry(
    ledger: &mut Ledger,
    carrier: &ActorDirectory,
    operation: DidOperation,
) -> Result<u64, RecoveryError> {
    let record = ledger.did(carrier.did()).await?;
    identity::settle(carrier, &record)?;
    Ok(ledger.commit(carrier.did(), &carrier.control()?, Operation::Did(operation)).await?)
}

/// Who approved the recovery that is pending on a record; nobody if none is.
///
/// # Errors
/// [`RecoveryError::Ledger`].
pub async fn approvals(ledger: &Ledger, record: &DidRecord) -> Result<Vec<PublicKey>, RecoveryError> {
    let (Some(pending), Some(guardians)) = (&record.pending, &record.guardians) else {
        return Ok(Vec::new());
    };
    // The record's head is the hash of the request, so the node cannot show another one.
    let operations = operations(ledger, record.updated.height).await?;
    let request = operations.into_iter().find(|operation| operation.hash(&record.did) == record.head);
    let Some(DidOperation::RequestRecovery(_, approvals)) = request else {
        return Err(missing_operation().into());
    };
    let message = pending.recovery.approval_message();
    let valid = approvals.into_iter().filter(|approval| {
        guardians.keys.contains(&approval.guardian)
            && approval.guardian.verify(&message, &approval.signature).is_ok()
    });
    Ok(valid.map(|approval| approval.guardian).collect())
}

/// Refuses the recovery that is pending on an actor, in the actor's own name.
///
/// # Errors
/// [`RecoveryError::Registry`] if none is pending.
pub async fn veto(ledger: &mut Ledger, actor: &ActorDirectory) -> Result<u64, RecoveryError> {
    let record = ledger.did(actor.did()).await?;
    record.apply(actor.did(), &DidOperation::VetoRecovery, record.updated)?;
    carry(ledger, actor, DidOperation::VetoRecovery).await
}

/// What came of [`complete`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completed {
    /// In effect since a block just now.
    Now {
        /// The block that holds it.
        height: u64,
    },
    /// It was in effect before, and its key files are in place now.
    Finished,
}

/// Puts the pending recovery into effect, in the name of `carrier`, and the new keys into place.
///
/// # Errors
/// [`RecoveryError`]: none pending, too early, or not the one that was prepared in this directory. If the answer is
/// lost, call again.
pub async fn complete(
    ledger: &mut Ledger,
    carrier: &ActorDirectory,
    actor: &ActorDirectory,
    safe: &Safe,
) -> Result<Completed, RecoveryError> {
    let _lock = actor.lock()?;
    let did = actor.did();
    let record = ledger.did(did).await?;
    record.check_active()?;
    let Some(pending) = &record.pending else {
        let moved = actor.holds(&record.control)? && identity::settle_with(actor, safe, &record)?;
        let none = RegistryError::RecoveryState(did.clone(), "pending");
        return if moved { Ok(Completed::Finished) } else { Err(none.into()) };
    };
    if !actor.holds(&pending.recovery.control)? {
        return Err(RecoveryError::OtherKeys(did.clone()));
    }
    let height = carry(ledger, carrier, DidOperation::CompleteRecovery(did.clone())).await?;
    identity::settle_with(actor, safe, &ledger.did(did).await?)?;
    Ok(Completed::Now { height })
}

#[cfg(test)]
mod tests;
