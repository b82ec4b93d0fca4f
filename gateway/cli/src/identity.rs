//! An actor's identifier over its life: registered, rotated, ended.
//!
//! Each step can be repeated after a crash or a lost answer: what the ledger has already is not sent again.

use std::path::Path;

use did_registry::{
    DidOperation, DidRecord, DocumentKey, Guardians, PublicKey, RegistryError, Retirement, Rotation,
    SigningKey, Suite,
};
use ledger_chain::{Operation, StateKey};
use rand::{CryptoRng, RngCore};

use crate::actor::{ActorDirectory, ActorError, KeySlot, Safe};
use crate::ledger::{Ledger, LedgerError};

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The directory.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A rule of the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A document key that is not in the document.
    #[error("the key in {0} is not in the document, so it is neither replaced nor kept there")]
    NotInDocument(String),
}

/// What changes with a rotation, beside the control key.
#[derive(Clone, Debug)]
pub struct RotationPlan {
    /// Document keys to replace.
    pub replace: Vec<KeySlot>,
    /// Why they go.
    pub retirement: Retirement,
    /// Who can recover the identifier from then on; none leaves that as it is.
    pub guardians: Option<Guardians>,
}

/// What a call to [`rotate`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rotated {
    /// A rotation, committed at a height.
    Now {
        /// The block that holds it.
        height: u64,
        /// Old and new names of replaced document keys.
        replaced: Vec<(String, String)>,
    },
    /// It only finished one that was interrupted; rotate again if another is wanted.
    Finished,
}

/// Document keys that an agency's directory may hold.
pub(crate) const DOCUMENT_KEYS: [(&str, Suite); 3] =
    [("es256.key", Suite::P256), ("ed25519.key", Suite::Ed25519), ("jubjub.key", Suite::Jubjub)];

/// A document key file of an agency, by the name people use: `es256`, `ed25519` or `jubjub`.
pub fn document_key(actor: &ActorDirectory, name: &str) -> Option<KeySlot> {
    let (file, suite) =
        DOCUMENT_KEYS.into_iter().find(|(file, _)| file.strip_suffix(".key") == Some(name))?;
    Some(actor.slot(file, suite))
}

/// Registers an actor with the genesis operation in its directory; the height, or `None` if it was already.
///
/// # Errors
/// [`IdentityError`].
pub async fn register(ledger: &mut Ledger, actor: &ActorDirectory) -> Result<Option<u64>, IdentityError> {
    let did = actor.did();
    if ledger.record(&StateKey::Did(did.clone())).await?.is_some() {
        return Ok(None);
    }
    let operation = Operation::Did(DidOperation::Create(actor.genesis()?));
    Ok(Some(ledger.commit(did, &actor.control()?, operation).await?))
}

/// Puts key files where the ledger's record says they belong; tells whether that finished something.
///
/// # Errors
/// [`IdentityError::Actor`] if a key is lost, or still in the safe.
pub fn settle(actor: &ActorDirectory, record: &DidRecord) -> Result<bool, IdentityError> {
    let moved = actor.settle(record)?;
    settle_document(actor, record, moved)
}

/// The same with the safe open: finishes a rotation or a recovery that was interrupted.
///
/// # Errors
/// [`IdentityError::Actor`] if a key is lost.
pub fn settle_with(actor: &ActorDirectory, safe: &Safe, record: &DidRecord) -> Result<bool, IdentityError> {
    let moved = actor.settle_with(safe, record)?;
    settle_document(actor, record, moved)
}

fn settle_document(
    actor: &ActorDirectory,
    record: &DidRecord,
    mut moved: bool,
) -> Result<bool, IdentityError> {
    if record.deactivated.is_some() {
        return Ok(moved); // its document has no keys any more, so none is missed
    }
    for (file, suite) in DOCUMENT_KEYS {
        let slot = actor.slot(file, suite);
        if slot.path.exists() || slot.incoming.exists() {
            let current = |key: &PublicKey| record.current_keys().any(|entry| &entry.key == key);
            moved |= slot.settle(current, record.version.saturating_sub(1))?;
        }
    }
    Ok(moved)
}

/// Reveals the next control key, which is in the safe, commits to a fresh one, and changes what the plan says.
///
/// # Errors
/// [`IdentityError`]. If the answer is lost, call again: the ledger's record tells what happened.
pub async fn rotate<R: RngCore + CryptoRng>(
    ledger: &mut Ledger,
    actor: &ActorDirectory,
    safe: &Safe,
    plan: &RotationPlan,
    rng: &mut R,
) -> Result<Rotated, IdentityError> {
    let _lock = actor.lock()?;
    let did = actor.did();
    let record = ledger.did(did).await?;
    record.check_active()?;
    if settle_with(actor, safe, &record)? {
        return Ok(Rotated::Finished);
    }
    let (control, next) = (actor.control()?, safe.next()?);
    let after = safe.prepare(rng)?;
    let mut keys: Vec<DocumentKey> = record.current_keys().cloned().collect();
    let mut replaced = Vec::new();
    for slot in &plan.replace {
        let old = entry_of(&record, slot)?;
        let new = successor(&record, old, slot, rng)?;
        replaced.push((old.fragment.clone(), new.fragment.clone()));
        keys.iter_mut().filter(|entry| *entry == old).for_each(|entry| *entry = new.clone());
    }
    let operation = rotation(&record, (&next, &after), keys, plan);
    let height = ledger.commit(did, &control, operation).await?;
    settle_with(actor, safe, &ledger.did(did).await?)?;
    Ok(Rotated::Now { height, replaced })
}

/// Ends an identifier, for good.
///
/// # Errors
/// [`IdentityError`].
pub async fn deactivate(ledger: &mut Ledger, actor: &ActorDirectory) -> Result<u64, IdentityError> {
    let record = ledger.did(actor.did()).await?;
    settle(actor, &record)?;
    let operation = Operation::Did(DidOperation::Deactivate(record.head));
    Ok(ledger.commit(actor.did(), &actor.control()?, operation).await?)
}

fn rotation(
    record: &DidRecord,
    (next, after): (&SigningKey, &SigningKey),
    keys: Vec<DocumentKey>,
    plan: &RotationPlan,
) -> Operation {
    let rotation = Rotation {
        previous: record.head,
        control: next.public_key(),
        next: after.public_key().commitment(),
        keys,
        retirement: plan.retirement,
        guardians: plan.guardians.clone().or_else(|| record.guardians.clone()),
        services: record.services.clone(),
    };
    let proof = next.sign(&rotation.proof_message(&record.did));
    Operation::Did(DidOperation::Rotate(rotation, proof))
}

/// What the document says of the key in a file.
pub(crate) fn entry_of<'a>(record: &'a DidRecord, slot: &KeySlot) -> Result<&'a DocumentKey, IdentityError> {
    let key = slot.key()?.public_key();
    let entry = record.current_keys().find(|entry| entry.key == key);
    entry.ok_or_else(|| IdentityError::NotInDocument(name_of(&slot.path)))
}

/// A fresh key for what another served, beside that one's file.
pub(crate) fn successor<R: RngCore + CryptoRng>(
    record: &DidRecord,
    old: &DocumentKey,
    slot: &KeySlot,
    rng: &mut R,
) -> Result<DocumentKey, IdentityError> {
    let fragment = fresh_fragment(record, &old.fragment);
    Ok(DocumentKey { fragment, purposes: old.purposes, key: slot.prepare(rng)?.public_key() })
}

/// `es256-1` becomes `es256-2`, or the first number after it that no key ever had.
fn fresh_fragment(record: &DidRecord, fragment: &str) -> String {
    let (stem, number) = match fragment.rsplit_once('-') {
        Some((stem, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            (stem, number.parse::<u32>().unwrap_or(0))
        }
        _ => (fragment, 1),
    };
    let used = |name: &str| record.keys.iter().any(|entry| entry.key.fragment == name);
    (number.saturating_add(1)..)
        .map(|number| format!("{stem}-{number}"))
        .find(|name| !used(name))
        .expect("found because a record remembers a bounded number of keys")
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
