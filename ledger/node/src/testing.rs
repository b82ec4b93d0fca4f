//! Agencies and transactions for tests, from a seed. Shared by the tests inside the crate and those outside.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use did_registry::{
    Committee, Did, DidOperation, Digest, Genesis as DidGenesis, NetworkId, Retirement, Rotation, SigningKey,
    Suite, Timestamp,
};
use ledger_chain::{
    AnchorOperation, Genesis, GroupId, Operation, SignedTransaction, Transaction, ValidatorSet,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// An agency with its control key and the one after.
pub struct Agency {
    pub control: SigningKey,
    pub next: SigningKey,
    pub genesis: DidGenesis,
    pub did: Did,
}

impl Agency {
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let control = SigningKey::generate(Suite::Ed25519, &mut rng);
        let next = SigningKey::generate(Suite::Ed25519, &mut rng);
        let genesis = DidGenesis::new(network(), control.public_key(), next.public_key().commitment());
        let did = genesis.did();
        Self { control, next, genesis, did }
    }

    pub fn many(count: u64) -> Vec<Self> {
        (100..100 + count).map(Self::new).collect()
    }

    pub fn sign(&self, ledger: &Digest, sequence: u64, operation: Operation) -> SignedTransaction {
        Transaction { actor: self.did.clone(), sequence, operation }.sign(ledger, &self.control)
    }

    /// Registers the agency.
    pub fn create(&self, ledger: &Digest) -> SignedTransaction {
        self.sign(ledger, 0, Operation::Did(DidOperation::Create(self.genesis.clone())))
    }

    /// Anchors a batch of its own, another one for each sequence number.
    pub fn anchor(&self, ledger: &Digest, sequence: u64) -> SignedTransaction {
        self.sign(ledger, sequence, anchor(&self.did, sequence))
    }

    /// Rotates to the key committed to; `head` is the hash of the operation before.
    pub fn rotate(&self, ledger: &Digest, sequence: u64, head: Digest) -> SignedTransaction {
        let after = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(9_999));
        let rotation = Rotation {
            previous: head,
            control: self.next.public_key(),
            next: after.public_key().commitment(),
            keys: Vec::new(),
            retirement: Retirement::Superseded,
            guardians: None,
            services: Vec::new(),
        };
        let proof = self.next.sign(&rotation.proof_message(&self.did));
        self.sign(ledger, sequence, Operation::Did(DidOperation::Rotate(rotation, proof)))
    }
}

pub fn network() -> NetworkId {
    NetworkId::new("test").expect("a short lower-case word")
}

pub fn anchor(did: &Did, number: u64) -> Operation {
    let root = Digest::sha256(&[did.id().as_bytes().as_slice(), &number.to_be_bytes()].concat());
    Operation::Anchor(AnchorOperation::Batch { root, count: 1 })
}

pub fn validator() -> SigningKey {
    SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(1))
}

pub const START: u64 = 1_600_000_000;

pub fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).expect("before the year 10000")
}

pub fn committee(agencies: &[Agency]) -> Committee {
    let members: BTreeSet<Did> = agencies.iter().take(1).map(|agency| agency.did.clone()).collect();
    Committee::new(1, members).expect("one of one")
}

/// A genesis in which `agencies` are registered and the first is the committee.
pub fn genesis(agencies: &[Agency]) -> Genesis {
    Genesis {
        network: network(),
        group: GroupId(0),
        time: time(START),
        validators: ValidatorSet::new(BTreeMap::from([(validator().public_key(), 1)]))
            .expect("one validator"),
        dids: agencies.iter().map(|agency| agency.genesis.clone()).collect(),
        committee: committee(agencies),
    }
}

/// The same transaction with a signature that does not hold.
pub fn forged(mut signed: SignedTransaction) -> SignedTransaction {
    let mut bytes = *signed.signature.as_bytes();
    if let Some(last) = bytes.get_mut(40) {
        *last ^= 1;
    }
    signed.signature = did_registry::Signature::from_bytes(bytes);
    signed
}
