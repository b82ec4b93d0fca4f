//! Transactions: an operation, who sends it, and the signature of that actor's current control key.
//!
//! The signature covers the ledger's identifier (hash of its genesis, and so its network and group), the
//! actor, a per-actor sequence number, and the operation. The key is not in the transaction: it is the one
//! that the actor's record holds (or, for a creation, that the genesis operation names), so nobody signs
//! in another's name (W8).

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::{
    BatchItem, Did, DidOperation, Digest, PublicKey, RegistryError, Signature, SigningKey, digest, label,
    verify_batch,
};
use rand::{CryptoRng, RngCore};
use serde::Serialize;

use crate::Operation;

/// Bytes of the largest transaction.
pub const TRANSACTION_BYTES: usize = 64 * 1024;

/// What an actor asks for.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Transaction {
    /// Who.
    pub actor: Did,
    /// The actor's transactions before this one.
    pub sequence: u64,
    /// What.
    pub operation: Operation,
}

/// A transaction and its signature, as it travels and as blocks hold it.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct SignedTransaction {
    /// What is asked.
    pub transaction: Transaction,
    /// Over [`Transaction::message`], by the actor's control key.
    #[serde(skip)]
    pub signature: Signature,
}

impl Transaction {
    /// The bytes a signature covers, for the ledger whose genesis hashes to `ledger`.
    pub fn message(&self, ledger: &Digest) -> [u8; 32] {
        *digest(label::TRANSACTION, &[ledger.as_bytes(), &encode(self)]).as_bytes()
    }

    /// Signs with the actor's control key.
    pub fn sign(self, ledger: &Digest, control: &SigningKey) -> SignedTransaction {
        let signature = control.sign(&self.message(ledger));
        SignedTransaction { transaction: self, signature }
    }
}

impl SignedTransaction {
    /// Reads a transaction from outside.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] or [`RegistryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RegistryError> {
        decode(bytes, TRANSACTION_BYTES)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The transaction's identifier, which covers the signature.
    pub fn id(&self) -> Digest {
        digest(label::TRANSACTION_ID, &[&encode(self)])
    }

    /// The key that must have signed: the genesis' own for a creation, else what `control` says.
    pub fn signer(&self, control: impl Fn(&Did) -> Option<PublicKey>) -> Option<PublicKey> {
        match &self.transaction.operation {
            Operation::Did(DidOperation::Create(genesis)) => Some(genesis.control.clone()),
            _ => control(&self.transaction.actor),
        }
    }
}

/// A transaction whose signature holds under a key; whether that key is still the actor's is for execution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedTransaction {
    pub(crate) signed: SignedTransaction,
    pub(crate) signer: PublicKey,
    pub(crate) id: Digest,
}

impl VerifiedTransaction {
    /// Verifies a batch, each against the key given with it. The answer has one entry a transaction.
    pub fn verify_all<R: RngCore + CryptoRng>(
        ledger: &Digest,
        batch: Vec<(SignedTransaction, PublicKey)>,
        rng: &mut R,
    ) -> Vec<Result<Self, RegistryError>> {
        let messages: Vec<_> = batch.iter().map(|(signed, _)| signed.transaction.message(ledger)).collect();
        let items: Vec<_> = batch
            .iter()
            .zip(&messages)
            .map(|((signed, key), message)| BatchItem { key, message, signature: &signed.signature })
            .collect();
        let mut bad = verify_batch(&items, rng).into_iter().peekable();
        let outcome = batch.into_iter().enumerate().map(|(index, (signed, signer))| {
            if bad.next_if_eq(&index).is_some() {
                return Err(RegistryError::BadSignature);
            }
            let id = signed.id();
            Ok(Self { signed, signer, id })
        });
        outcome.collect()
    }

    /// The transaction.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The key the signature was checked with.
    pub fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// The transaction's identifier.
    pub fn id(&self) -> &Digest {
        &self.id
    }
}
