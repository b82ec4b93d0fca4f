//! The light client: follows heads and reads records with no node and no network.
//!
//! **Trust.** It starts from a genesis, whose hash is the ledger's identifier, or from a head pinned by other
//! means. From there it takes a head only if more than two thirds of the validators' power signed it, and only
//! if it continues what was trusted before: same ledger, not lower, not earlier, history consistent by proof.
//!
//! **Argument.** Two certified heads that disagree share signers of more than a third of the power
//! (Tendermint, [arXiv:1807.04938](https://arxiv.org/abs/1807.04938), quorum intersection), so with fewer
//! dishonest ones there are none; and a client that sees two refuses the second and has the evidence in hand.
//! What it reads is proven under a root in the head: see [`crate::tree`] and [`crate::history`].

use borsh::BorshSerialize;
use did_registry::canonical::{decode, encode};
use did_registry::{Digest, Moment, PublicKey, RegistryError, Timestamp};

use crate::history::{ConsistencyProof, TransactionProof};
use crate::tree::{ProofError, RecordProof};
use crate::{Genesis, HEAD_BYTES, Head, Record, SignedHead, StateKey, ValidatorSet};

/// Why the light client refuses. The text states the rule; [`LightError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LightError {
    /// Bytes or a genesis that break their own rules.
    #[error(transparent)]
    Malformed(#[from] RegistryError),
    /// Another ledger, network or group.
    #[error("a head belongs to the ledger, network and group that are trusted")]
    OtherLedger,
    /// Certified by a set other than the one expected.
    #[error("a head is certified by the validator set that the trusted head names")]
    WrongValidators,
    /// The set after this head is unknown or another.
    #[error("the next validator set is supplied and has the hash that the head names")]
    NextValidators,
    /// A signature by a stranger.
    #[error("{0} signed, which is none of the validators")]
    UnknownValidator(PublicKey),
    /// Two thirds or less.
    #[error("more than two thirds of the power must sign: {power} of {total} did")]
    NoQuorum {
        /// Power that signed.
        power: u64,
        /// Power there is.
        total: u64,
    },
    /// A validator's signature that does not hold.
    #[error("the signature of validator {0} does not hold")]
    BadSignature(PublicKey),
    /// Older than what was trusted.
    #[error("height {got} is below the trusted one, {trusted}")]
    RolledBack {
        /// The trusted height.
        trusted: u64,
        /// The height offered.
        got: u64,
    },
    /// Two heads at one height.
    #[error("a second, different head at height {0}: the validators have shown two histories")]
    SplitView(u64),
    /// Time ran backwards.
    #[error("a later head is not earlier in time than {0}")]
    EarlierTime(Timestamp),
    /// The new history is not the old one continued.
    #[error("a proof shows that the history at height {got} continues the one at height {trusted}")]
    InconsistentHistory {
        /// The trusted height.
        trusted: u64,
        /// The height offered.
        got: u64,
    },
    /// A proof of a record that does not hold.
    #[error(transparent)]
    BadProof(#[from] ProofError),
    /// A proof of something else than was asked for.
    #[error("the proof speaks of the record that was asked for")]
    OtherKey,
    /// A transaction that is not where the proof says.
    #[error("the transaction is in a block of the trusted history")]
    NotInHistory,
}

impl LightError {
    /// A stable code that names the rule; part of the public interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::OtherLedger => "OTHER_LEDGER",
            Self::WrongValidators => "WRONG_VALIDATORS",
            Self::NextValidators => "NEXT_VALIDATORS",
            Self::UnknownValidator(_) => "UNKNOWN_VALIDATOR",
            Self::NoQuorum { .. } => "NO_QUORUM",
            Self::BadSignature(_) => "BAD_SIGNATURE",
            Self::RolledBack { .. } => "ROLLED_BACK",
            Self::SplitView(_) => "SPLIT_VIEW",
            Self::EarlierTime(_) => "EARLIER_TIME",
            Self::InconsistentHistory { .. } => "INCONSISTENT_HISTORY",
            Self::BadProof(_) => "BAD_PROOF",
            Self::OtherKey => "OTHER_KEY",
            Self::NotInHistory => "NOT_IN_HISTORY",
        }
    }
}

/// Something the ledger vouches for, and as of when. Only this module makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proven<T> {
    value: T,
    at: Moment,
}

impl<T> Proven<T> {
    /// What is proven.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What is proven, without its moment.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Of a record: the head under which it holds. Of a transaction: its block.
    pub fn at(&self) -> Moment {
        self.at
    }
}

impl Proven<Option<Record>> {
    /// The record, if it is not its absence that was proven.
    pub fn present(self) -> Option<Proven<Record>> {
        Some(Proven { value: self.value?, at: self.at })
    }
}

/// A head that was checked, and the validators that certify what follows.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize)]
pub struct TrustedHead {
    head: Head,
    /// Hashes to `head.next_validators`.
    validators: ValidatorSet,
}

/// Checks a certificate: the set is the one the head names, all signers are in it, they have more than two
/// thirds of its power, and every signature holds.
///
/// # Errors
/// [`LightError::WrongValidators`], [`LightError::UnknownValidator`], [`LightError::NoQuorum`],
/// [`LightError::BadSignature`].
pub fn verify_certificate(signed: &SignedHead, validators: &ValidatorSet) -> Result<(), LightError> {
    if validators.hash() != signed.head.validators {
        return Err(LightError::WrongValidators);
    }
    let mut power = 0;
    for signer in signed.certificate.keys() {
        match validators.power(signer) {
            0 => return Err(LightError::UnknownValidator(signer.clone())),
            own => power += own,
        }
    }
    let total = validators.total();
    if u128::from(power) * 3 <= u128::from(total) * 2 {
        return Err(LightError::NoQuorum { power, total });
    }
    let message = signed.head.message();
    for (signer, signature) in &signed.certificate {
        signer.verify(&message, signature).map_err(|_| LightError::BadSignature(signer.clone()))?;
    }
    Ok(())
}

impl TrustedHead {
    /// Starts from a genesis and a head that its validators certified, as long as they are the validators.
    ///
    /// # Errors
    /// [`LightError::Malformed`] for a senseless genesis, [`LightError::OtherLedger`],
    /// [`LightError::EarlierTime`], [`LightError::NextValidators`], or as [`verify_certificate`].
    pub fn from_genesis(genesis: &Genesis, signed: &SignedHead) -> Result<Self, LightError> {
        genesis.check()?;
        let head = &signed.head;
        if head.ledger != genesis.id() || head.network != genesis.network || head.group != genesis.group {
            return Err(LightError::OtherLedger);
        }
        verify_certificate(signed, &genesis.validators)?;
        if head.time < genesis.time {
            return Err(LightError::EarlierTime(genesis.time));
        }
        Self::pinned(head.clone(), genesis.validators.clone())
    }

    /// Starts from a head known to be true by other means, and the validators that certify the next.
    ///
    /// # Errors
    /// [`LightError::NextValidators`] unless the head names this set, [`LightError::Malformed`] if it is senseless.
    pub fn pinned(head: Head, validators: ValidatorSet) -> Result<Self, LightError> {
        validators.check()?;
        if validators.hash() != head.next_validators {
            return Err(LightError::NextValidators);
        }
        Ok(Self { head, validators })
    }

    /// Reads what [`TrustedHead::to_bytes`] gave; the bytes are trusted like a pinned head.
    ///
    /// # Errors
    /// As [`TrustedHead::pinned`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LightError> {
        let (head, validators): (Head, ValidatorSet) = decode(bytes, HEAD_BYTES)?;
        Self::pinned(head, validators)
    }

    /// The canonical bytes, to be kept where nobody else writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Who certifies the next head.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Trusts a later head of the same validators; the same head again is fine and needs no proof.
    ///
    /// # Errors
    /// In this order: [`LightError::OtherLedger`], [`LightError::RolledBack`], the errors of
    /// [`verify_certificate`], [`LightError::SplitView`], [`LightError::EarlierTime`],
    /// [`LightError::InconsistentHistory`] (also without a proof), [`LightError::NextValidators`].
    pub fn follow(&self, signed: &SignedHead, proof: Option<&ConsistencyProof>) -> Result<Self, LightError> {
        self.follow_change(signed, proof, &self.validators)
    }

    /// The same for a head after which `next` are the validators.
    ///
    /// # Errors
    /// As [`TrustedHead::follow`].
    pub fn follow_change(
        &self,
        signed: &SignedHead,
        proof: Option<&ConsistencyProof>,
        next: &ValidatorSet,
    ) -> Result<Self, LightError> {
        let (old, new) = (&self.head, &signed.head);
        if new.ledger != old.ledger || new.network != old.network || new.group != old.group {
            return Err(LightError::OtherLedger);
        }
        if new.height < old.height {
            return Err(LightError::RolledBack { trusted: old.height, got: new.height });
        }
        if new == old {
            return Ok(self.clone());
        }
        verify_certificate(signed, &self.validators)?;
        if new.height == old.height {
            return Err(LightError::SplitView(new.height));
        }
        if new.time < old.time {
            return Err(LightError::EarlierTime(old.time));
        }
        if !proof.is_some_and(|proof| proof.holds(old, new)) {
            return Err(LightError::InconsistentHistory { trusted: old.height, got: new.height });
        }
        Self::pinned(new.clone(), next.clone())
    }

    /// What the state under this head has for the key that the proof names: a record, or provably none.
    ///
    /// # Errors
    /// [`LightError::BadProof`].
    pub fn record(&self, proof: &RecordProof) -> Result<Proven<Option<Record>>, LightError> {
        let value = proof.verify(&self.head.state)?;
        Ok(Proven { value, at: Moment { height: self.head.height, time: self.head.time } })
    }

    /// What the state under this head has for `key`, from a proof that somebody answered with.
    ///
    /// # Errors
    /// [`LightError::OtherKey`] if the answer is to another question, [`LightError::BadProof`].
    pub fn lookup(&self, key: &StateKey, proof: &RecordProof) -> Result<Proven<Option<Record>>, LightError> {
        if &proof.key != key { Err(LightError::OtherKey) } else { self.record(proof) }
    }

    /// That the transaction with this identifier is in the history, and when it got there.
    ///
    /// # Errors
    /// [`LightError::NotInHistory`].
    pub fn transaction(&self, id: &Digest, proof: &TransactionProof) -> Result<Proven<Digest>, LightError> {
        if !proof.holds(&self.head, id) {
            return Err(LightError::NotInHistory);
        }
        let header = proof.header();
        Ok(Proven { value: *id, at: Moment { height: header.height, time: header.time } })
    }
}
