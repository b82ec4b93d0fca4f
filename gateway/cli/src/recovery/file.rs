//! The file that is carried from the owner to the guardians and back.

use did_registry::canonical::{decode, encode};
use did_registry::{Approval, DidRecord, Guardians, Moment, PublicKey, Recovery, RegistryError, SigningKey};
use ledger_chain::tree::{RECORD_PROOF_BYTES, RecordProof};
use ledger_chain::{Genesis, HEAD_BYTES, SignedHead, TRANSACTION_BYTES};

use super::{RecoveryError, check_admissible, proven};

/// Bytes of the largest file.
pub const FILE_BYTES: usize = HEAD_BYTES + RECORD_PROOF_BYTES + TRANSACTION_BYTES;

/// A recovery as it is carried: nothing of it is believed before [`RecoveryFile::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryFile {
    /// A head of the ledger.
    pub(super) head: SignedHead,
    /// The record that the recovery starts from, under that head.
    pub(super) proof: RecordProof,
    /// What is asked for.
    pub(super) recovery: Recovery,
    /// Who agrees, so far.
    pub(super) approvals: Vec<Approval>,
}

impl RecoveryFile {
    /// Reads a file from outside.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] or [`RegistryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        let (head, proof, recovery, approvals) = decode(bytes, FILE_BYTES)?;
        Ok(Self { head, proof, recovery, approvals })
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&(&self.head, &self.proof, &self.recovery, &self.approvals))
    }

    /// Checks it against the ledger that starts from `genesis`: the record is proved, the recovery follows it, and
    /// each approval is one guardian's over exactly this recovery. Needs no network.
    ///
    /// # Errors
    /// [`RecoveryError`] with the rule broken.
    pub fn verify(mut self, genesis: &Genesis) -> Result<VerifiedRecovery, RecoveryError> {
        let (record, at) = proven(genesis, &self.head, &self.proof, &self.recovery.subject)?;
        check_admissible(&record, &self.recovery, &self.approvals)?;
        let guardians = record.guardians.clone().ok_or(RegistryError::GuardianRule)?;
        let approvals = std::mem::take(&mut self.approvals);
        let mut verified = VerifiedRecovery { file: self, record, at, guardians };
        approvals.into_iter().try_for_each(|approval| verified.add(approval))?;
        Ok(verified)
    }
}

/// A recovery that follows a record of the ledger, with approvals that count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedRecovery {
    file: RecoveryFile,
    record: DidRecord,
    at: Moment,
    guardians: Guardians,
}

impl VerifiedRecovery {
    /// What is asked for.
    pub fn recovery(&self) -> &Recovery {
        &self.file.recovery
    }

    /// The record that it starts from.
    pub fn record(&self) -> &DidRecord {
        &self.record
    }

    /// Of when that record is.
    pub fn at(&self) -> Moment {
        self.at
    }

    /// Who is asked.
    pub fn guardians(&self) -> &Guardians {
        &self.guardians
    }

    /// Who has approved.
    pub fn approved(&self) -> impl Iterator<Item = &PublicKey> {
        self.file.approvals.iter().map(|approval| &approval.guardian)
    }

    /// What is carried on from here.
    pub fn into_file(self) -> RecoveryFile {
        self.file
    }

    /// Adds a guardian's approval.
    ///
    /// # Errors
    /// As [`VerifiedRecovery::check_guardian`].
    pub fn approve(&mut self, key: &SigningKey) -> Result<(), RecoveryError> {
        let signature = key.sign(&self.file.recovery.approval_message());
        self.add(Approval { guardian: key.public_key(), signature })
    }

    /// Whether the approval of `key` would count.
    ///
    /// # Errors
    /// [`RecoveryError::NotGuardian`], [`RecoveryError::ApprovedAlready`].
    pub fn check_guardian(&self, key: &PublicKey) -> Result<(), RecoveryError> {
        if !self.guardians.keys.contains(key) {
            let did = self.file.recovery.subject.clone();
            return Err(RecoveryError::NotGuardian { key: key.clone(), did });
        }
        if self.approved().any(|guardian| guardian == key) {
            return Err(RecoveryError::ApprovedAlready(key.clone()));
        }
        Ok(())
    }

    fn add(&mut self, approval: Approval) -> Result<(), RecoveryError> {
        self.check_guardian(&approval.guardian)?;
        let message = self.file.recovery.approval_message();
        if approval.guardian.verify(&message, &approval.signature).is_err() {
            return Err(RecoveryError::NotApproved(approval.guardian));
        }
        self.file.approvals.push(approval);
        Ok(())
    }
}

/// Approvals of one recovery from several files, each guardian's once.
///
/// # Errors
/// [`RecoveryError::OtherRecovery`].
pub(super) fn merge(files: Vec<RecoveryFile>) -> Result<RecoveryFile, RecoveryError> {
    let mut files = files.into_iter();
    let mut merged = files.next().ok_or(RecoveryError::OtherRecovery)?;
    for file in files {
        if file.recovery != merged.recovery {
            return Err(RecoveryError::OtherRecovery);
        }
        for approval in file.approvals {
            if merged.approvals.iter().all(|known| known.guardian != approval.guardian) {
                merged.approvals.push(approval);
            }
        }
    }
    Ok(merged)
}
