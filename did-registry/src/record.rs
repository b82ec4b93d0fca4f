//! The record behind an identifier, and its only transitions.
//!
//! Rule by rule: (1) the identifier is the hash of its genesis (W9); (2) an operation names the hash of
//! the one before; (3) a rotation reveals the key committed to and that key agrees; (4) recovery takes k
//! distinct guardians, waits, and yields to the owner's veto; (5) deactivation is final; (6) a fragment
//! never names two keys, and a compromised key never comes back. There is no other way to change a record (W11).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::operation::check_content;
use crate::{
    Approval, Did, DidOperation, Digest, DocumentKey, Genesis, Guardians, PublicKey, Purposes, Recovery,
    RegistryError, Retirement, Rotation, Service, Signature, Timestamp,
};

/// Keys a record remembers, retired ones included.
const REMEMBERED: usize = 64;

/// When on the ledger: block height and block time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Moment {
    /// Block height.
    pub height: u64,
    /// Block time.
    pub time: Timestamp,
}

/// When and why a key left the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Removal {
    /// From when on.
    pub at: Moment,
    /// Why.
    pub reason: Retirement,
}

/// A document key and its lifetime.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct KeyEntry {
    /// The key.
    pub key: DocumentKey,
    /// From when on.
    pub added: Moment,
    /// Until when, if it has left.
    pub removed: Option<Removal>,
}

/// A recovery waiting for its delay.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct PendingRecovery {
    /// What it will do.
    pub recovery: Recovery,
    /// From when on it can be completed.
    pub effective: Timestamp,
}

/// The current state behind an identifier, with the lifetimes of all keys it ever had.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct DidRecord {
    /// The identifier.
    pub did: Did,
    /// The current control key.
    pub control: PublicKey,
    /// Commitment to the next control key.
    pub next: Digest,
    /// Keys, present and past.
    pub keys: Vec<KeyEntry>,
    /// The recovery rule.
    pub guardians: Option<Guardians>,
    /// Services.
    pub services: Vec<Service>,
    /// Hash of the last operation.
    pub head: Digest,
    /// Operations so far; the DID document's `versionId`.
    pub version: u32,
    /// When it was registered.
    pub created: Moment,
    /// When it last changed.
    pub updated: Moment,
    /// A recovery waiting, if any.
    pub pending: Option<PendingRecovery>,
    /// When it ended, if it did.
    pub deactivated: Option<Moment>,
}

/// What a record says of a key at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyState<'a> {
    /// In the document.
    Current(&'a DocumentKey),
    /// In the document from `added` until `removed`.
    Retired(&'a DocumentKey, Moment, Removal),
    /// Never in it.
    Unknown,
}

impl DidRecord {
    /// Registers an identifier; `actor` is what the sender says it is.
    ///
    /// # Errors
    /// [`RegistryError::NotSelfCertified`] if the genesis has another hash, or the content's bounds.
    pub fn create(actor: &Did, genesis: &Genesis, at: Moment) -> Result<Self, RegistryError> {
        let did = genesis.did();
        if &did != actor {
            return Err(RegistryError::NotSelfCertified(did));
        }
        check_content(&genesis.keys, &genesis.services)?;
        genesis.guardians.as_ref().map_or(Ok(()), Guardians::check)?;
        Ok(Self {
            control: genesis.control.clone(),
            next: genesis.next,
            keys: genesis
                .keys
                .iter()
                .map(|key| KeyEntry { key: key.clone(), added: at, removed: None })
                .collect(),
            guardians: genesis.guardians.clone(),
            services: genesis.services.clone(),
            head: DidOperation::Create(genesis.clone()).hash(&did),
            version: 1,
            created: at,
            updated: at,
            pending: None,
            deactivated: None,
            did,
        })
    }

    /// The record after `operation`, sent by `actor` with its control key and addressed to this record.
    ///
    /// # Errors
    /// The rule broken; see the module's list.
    pub fn apply(&self, actor: &Did, operation: &DidOperation, at: Moment) -> Result<Self, RegistryError> {
        self.check_active()?;
        let own = actor == &self.did;
        let mut after = self.clone();
        match operation {
            DidOperation::Create(_) => return Err(RegistryError::DidExists(self.did.clone())),
            DidOperation::Rotate(rotation, proof) if own => after.rotate(rotation, proof, at)?,
            DidOperation::VetoRecovery if own => {
                after
                    .pending
                    .take()
                    .ok_or_else(|| RegistryError::RecoveryState(self.did.clone(), "pending"))?;
            }
            DidOperation::Deactivate(previous) if own => {
                self.check_previous(previous)?;
                after.retire_all(at, Retirement::Superseded);
                after.pending = None;
                after.deactivated = Some(at);
            }
            DidOperation::Rotate(..) | DidOperation::VetoRecovery | DidOperation::Deactivate(_) => {
                return Err(RegistryError::NotControlKey(self.did.clone()));
            }
            DidOperation::RequestRecovery(recovery, approvals) => {
                after.request_recovery(recovery, approvals, at)?;
            }
            DidOperation::CompleteRecovery(_) => after.complete_recovery(at)?,
        }
        after.head = operation.hash_after(&self.did, &self.head);
        after.version = self.version.saturating_add(1);
        after.updated = at;
        Ok(after)
    }

    /// Refuses to go on after deactivation.
    ///
    /// # Errors
    /// [`RegistryError::Deactivated`].
    pub fn check_active(&self) -> Result<(), RegistryError> {
        if self.deactivated.is_some() { Err(RegistryError::Deactivated(self.did.clone())) } else { Ok(()) }
    }

    /// What this record says of `fragment`.
    pub fn key(&self, fragment: &str) -> KeyState<'_> {
        match self.keys.iter().find(|entry| entry.key.fragment == fragment) {
            None => KeyState::Unknown,
            Some(KeyEntry { key, removed: None, .. }) => KeyState::Current(key),
            Some(KeyEntry { key, added, removed: Some(removal) }) => KeyState::Retired(key, *added, *removal),
        }
    }

    /// The current key with these purposes that was added first.
    pub fn key_for(&self, purposes: Purposes) -> Option<&DocumentKey> {
        self.current_keys().find(|key| key.purposes.allows(purposes))
    }

    /// The document's keys.
    pub fn current_keys(&self) -> impl Iterator<Item = &DocumentKey> {
        self.keys.iter().filter(|entry| entry.removed.is_none()).map(|entry| &entry.key)
    }

    fn check_previous(&self, previous: &Digest) -> Result<(), RegistryError> {
        if previous == &self.head { Ok(()) } else { Err(RegistryError::NotNext(self.did.clone())) }
    }

    fn rotate(&mut self, rotation: &Rotation, proof: &Signature, at: Moment) -> Result<(), RegistryError> {
        self.check_previous(&rotation.previous)?;
        if rotation.control.commitment() != self.next {
            return Err(RegistryError::NotPrecommitted);
        }
        rotation.control.verify(&rotation.proof_message(&self.did), proof)?;
        check_content(&rotation.keys, &rotation.services)?;
        rotation.guardians.as_ref().map_or(Ok(()), Guardians::check)?;
        self.replace_keys(&rotation.keys, rotation.retirement, at)?;
        self.control = rotation.control.clone();
        self.next = rotation.next;
        self.guardians = rotation.guardians.clone();
        self.services = rotation.services.clone();
        self.pending = None; // rotating shows that the owner is there: as good as a veto
        Ok(())
    }

    fn request_recovery(
        &mut self,
        recovery: &Recovery,
        approvals: &[Approval],
        at: Moment,
    ) -> Result<(), RegistryError> {
        self.check_previous(&recovery.previous)?;
        if self.pending.is_some() {
            return Err(RegistryError::RecoveryState(self.did.clone(), "absent"));
        }
        let guardians = self.guardians.as_ref().ok_or(RegistryError::GuardianRule)?;
        check_content(&recovery.keys, &self.services)?;
        let message = recovery.approval_message();
        let mut valid = std::collections::BTreeSet::new();
        for approval in approvals.iter().take(16) {
            let known = guardians.keys.contains(&approval.guardian);
            if known && approval.guardian.verify(&message, &approval.signature).is_ok() {
                valid.insert(&approval.guardian);
            }
        }
        if valid.len() < usize::from(guardians.threshold) {
            let valid = u8::try_from(valid.len()).expect("fits because at most 16 are read");
            return Err(RegistryError::TooFewGuardians { needed: guardians.threshold, valid });
        }
        // Tried now: a recovery that could never complete would block every other one for good.
        self.clone().replace_keys(&recovery.keys, Retirement::Compromised, at)?;
        self.pending =
            Some(PendingRecovery { recovery: recovery.clone(), effective: at.time.plus(guardians.delay) });
        Ok(())
    }

    fn complete_recovery(&mut self, at: Moment) -> Result<(), RegistryError> {
        let pending =
            self.pending.take().ok_or_else(|| RegistryError::RecoveryState(self.did.clone(), "pending"))?;
        if at.time < pending.effective {
            return Err(RegistryError::RecoveryTooEarly(pending.effective));
        }
        self.replace_keys(&pending.recovery.keys, Retirement::Compromised, at)?;
        self.control = pending.recovery.control;
        self.next = pending.recovery.next;
        Ok(())
    }

    /// Makes `keys` the document's keys: keeps those that stay, adds the new, retires the rest.
    fn replace_keys(
        &mut self,
        keys: &[DocumentKey],
        reason: Retirement,
        at: Moment,
    ) -> Result<(), RegistryError> {
        for entry in &mut self.keys {
            let stays = keys.contains(&entry.key) && entry.removed.is_none();
            if !stays && entry.removed.is_none() {
                entry.removed = Some(Removal { at, reason });
            }
        }
        for key in keys {
            let lost =
                |entry: &&KeyEntry| entry.removed.is_some_and(|gone| gone.reason == Retirement::Compromised);
            if self.keys.iter().filter(lost).any(|entry| entry.key.key == key.key) {
                return Err(RegistryError::CompromisedKey(key.fragment.clone()));
            }
            match self.keys.iter().find(|entry| entry.key.fragment == key.fragment) {
                Some(entry) if entry.removed.is_none() => {}
                Some(_) => return Err(RegistryError::FragmentReused(key.fragment.clone())),
                None => self.keys.push(KeyEntry { key: key.clone(), added: at, removed: None }),
            }
        }
        if self.keys.len() > REMEMBERED {
            return Err(RegistryError::TooMany { what: "keys, retired ones included", limit: REMEMBERED });
        }
        Ok(())
    }

    fn retire_all(&mut self, at: Moment, reason: Retirement) {
        for entry in self.keys.iter_mut().filter(|entry| entry.removed.is_none()) {
            entry.removed = Some(Removal { at, reason });
        }
    }
}

#[cfg(test)]
mod tests;
