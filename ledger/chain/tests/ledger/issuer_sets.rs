//! Issuer sets as execution folds them, block by block, and the deltas of revocations that move their roots.

use std::collections::{BTreeMap, BTreeSet};

use credential::zk::{
    DELTA, IssuerRoots, Recognised, RevocationDelta, RevocationRecord, Revocations, RootBytes, issuer_set,
};
use did_registry::{
    CredentialType, Did, DidOperation, DidRecord, Digest, DocumentKey, Genesis as DidGenesis, Motion,
    Purposes, Recognition, Retirement, Rotation, SigningKey, Suite, Vote,
};
use ledger_chain::light::TrustedHead;
use ledger_chain::{Operation, Record, StateKey, Transaction};
use zk_policy::{Handle, IssuerSet};

use crate::chain::{Chain, did, key, network, time};

fn kind() -> CredentialType {
    CredentialType::new("HealthTest").unwrap()
}

fn jubjub(index: u8) -> DocumentKey {
    let key = SigningKey::from_bytes(Suite::Jubjub, &[index; 32]).unwrap().public_key();
    DocumentKey { fragment: format!("jubjub-{index}"), purposes: Purposes::ASSERTION, key }
}

/// An issuer with a document key for the circuit.
struct Issuer {
    owner: u8,
    did: Did,
    control: u8,
    sequence: u64,
    revocations: Revocations,
}

impl Issuer {
    fn register(chain: &mut Chain, owner: u8) -> Self {
        let genesis =
            DidGenesis::new(network(), key(owner, 0).public_key(), key(owner, 1).public_key().commitment())
                .with_key("jubjub-1", Purposes::ASSERTION, jubjub(1).key);
        let did = genesis.did();
        let mut issuer = Self { owner, did, control: 0, sequence: 0, revocations: Revocations::new() };
        issuer.send(chain, Operation::Did(DidOperation::Create(genesis)));
        issuer
    }

    fn send(&mut self, chain: &mut Chain, operation: Operation) {
        let transaction = Transaction { actor: self.did.clone(), sequence: self.sequence, operation };
        let control = key(self.owner, self.control);
        let signed = transaction.sign(&chain.genesis.id(), &control);
        chain.block_of(vec![(signed, control.public_key())]);
        self.sequence += 1;
    }

    fn recognise(&self, chain: &mut Chain) {
        let motion = Motion::RecogniseIssuer {
            issuer: self.did.clone(),
            credential_type: kind(),
            from: time(1_500_000_000),
            until: time(1_700_000_000),
        };
        vote(chain, motion);
    }

    fn rotate(&mut self, chain: &mut Chain, keys: Vec<DocumentKey>, retirement: Retirement) {
        let record = self.record(chain);
        let (incoming, next) = (key(self.owner, self.control + 1), key(self.owner, self.control + 2));
        let rotation = Rotation {
            previous: record.head,
            control: incoming.public_key(),
            next: next.public_key().commitment(),
            keys,
            retirement,
            guardians: None,
            services: Vec::new(),
        };
        let proof = incoming.sign(&rotation.proof_message(&self.did));
        self.send(chain, Operation::Did(DidOperation::Rotate(rotation, proof)));
        self.control += 1;
    }

    fn revoke(&mut self, chain: &mut Chain, handles: &[u32]) {
        let handles: BTreeSet<Handle> = handles.iter().map(|handle| Handle::new(*handle).unwrap()).collect();
        let delta = self.revocations.delta(handles, BTreeMap::new());
        self.revocations.follow([&delta]).unwrap();
        self.send(chain, Operation::Revocation(delta));
    }

    fn record(&self, chain: &Chain) -> DidRecord {
        match read(chain, &StateKey::Did(self.did.clone())) {
            Some(Record::Did(record)) => *record,
            other => panic!("{other:?}"),
        }
    }
}

fn vote(chain: &mut Chain, motion: Motion) {
    let vote = Vote { motion, round: 1, expires: time(1_650_000_000) };
    for member in [1, 2] {
        chain.block([(member, Operation::Role(vote.clone()))]);
    }
}

/// A record by proof, as a light client has it.
fn read(chain: &Chain, key: &StateKey) -> Option<Record> {
    let height = chain.height();
    let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(height)).unwrap();
    trusted.lookup(key, &chain.prove(key, height)).unwrap().into_value()
}

fn roots(chain: &Chain) -> Option<IssuerRoots> {
    match read(chain, &StateKey::IssuerSet(kind())) {
        Some(Record::IssuerSet(roots)) => Some(*roots),
        None => None,
        other => panic!("{other:?}"),
    }
}

/// The set as anybody makes it from the proven records of these issuers.
fn made(chain: &Chain, issuers: &[&Issuer]) -> IssuerSet {
    let records: Vec<(Recognition, DidRecord, Option<RevocationRecord>)> = issuers
        .iter()
        .map(|issuer| {
            let recognition = match read(chain, &StateKey::Issuer(kind(), issuer.did.clone())) {
                Some(Record::Issuer(recognition)) => recognition,
                other => panic!("{other:?}"),
            };
            let revocation = match read(chain, &StateKey::Revocation(issuer.did.clone())) {
                Some(Record::Revocation(record)) => Some(record),
                _ => None,
            };
            (recognition, issuer.record(chain), revocation)
        })
        .collect();
    issuer_set(records.iter().map(|(recognition, record, revocation)| Recognised {
        recognition,
        record,
        status: revocation.as_ref().and_then(|record| record.root.element()),
    }))
}

#[track_caller]
fn agrees(chain: &Chain, issuers: &[&Issuer], epoch: u64) {
    let roots = roots(chain).unwrap();
    assert_eq!((roots.root, roots.epoch), (RootBytes::of(&made(chain, issuers).root()), epoch));
}

#[test]
fn the_set_follows_recognitions_documents_and_revocations_and_nobody_claims_it() {
    let mut chain = Chain::new(1);
    let mut one = Issuer::register(&mut chain, 20);
    let mut two = Issuer::register(&mut chain, 22);
    assert_eq!(roots(&chain), None, "nobody is recognised");
    one.recognise(&mut chain);
    agrees(&chain, &[&one], 1);
    let first = roots(&chain).unwrap();
    // The other has the same key, and it stays the first one's.
    two.recognise(&mut chain);
    agrees(&chain, &[&one, &two], 1);
    two.rotate(&mut chain, vec![jubjub(2)], Retirement::Superseded);
    agrees(&chain, &[&one, &two], 2);
    one.revoke(&mut chain, &[5, 1_000_000]);
    agrees(&chain, &[&one, &two], 3);
    let now = roots(&chain).unwrap();
    assert_eq!(now.of_epoch(3, now.since.time), Some((&now.root, 0)));
    let (root, overtaken) = now.of_epoch(1, now.since.time.plus(60)).unwrap();
    assert!(*root == first.root && overtaken >= 60);
    assert_eq!(now.of_epoch(4, now.since.time), None);
    // What has nothing to do with it leaves it as it is.
    chain.block([(1, crate::samples::anchor(1))]);
    assert_eq!(roots(&chain).unwrap(), now);
}

#[test]
fn a_replaced_key_stays_for_what_it_signed_and_a_stolen_one_leaves() {
    let mut chain = Chain::new(1);
    let mut issuer = Issuer::register(&mut chain, 20);
    issuer.recognise(&mut chain);
    let key = |index: u8| jubjub(index).key.jubjub().unwrap();
    issuer.rotate(&mut chain, vec![jubjub(2)], Retirement::Superseded);
    let set = made(&chain, &[&issuer]);
    assert!(set.witness(&key(1)).is_some() && set.witness(&key(2)).is_some(), "old credentials go on");
    agrees(&chain, &[&issuer], 2);
    issuer.rotate(&mut chain, vec![jubjub(3)], Retirement::Compromised);
    let set = made(&chain, &[&issuer]);
    assert!(
        set.witness(&key(1)).is_some() && set.witness(&key(2)).is_none() && set.witness(&key(3)).is_some()
    );
    agrees(&chain, &[&issuer], 3);
    let motion = Motion::WithdrawIssuer { issuer: issuer.did.clone(), credential_type: kind() };
    vote(&mut chain, motion);
    agrees(&chain, &[&issuer], 4);
}

#[test]
fn deltas_that_are_senseless_or_out_of_order_are_refused() {
    let mut chain = Chain::new(1);
    let issuer = Issuer::register(&mut chain, 20);
    let root = RootBytes::of(&credential::zk::nothing_revoked());
    let good = RevocationDelta { epoch: 1, root, revoked: [1].into(), reinstated: BTreeMap::new() };
    let refused = |delta: RevocationDelta, code: &str| {
        let transaction =
            Transaction { actor: issuer.did.clone(), sequence: 1, operation: Operation::Revocation(delta) };
        let control = key(issuer.owner, 0);
        let signed = transaction.sign(&chain.genesis.id(), &control);
        assert_eq!(chain.refusal(signed, control.public_key()), Some(code.to_owned()));
    };
    refused(RevocationDelta { epoch: 2, ..good.clone() }, "NOT_NEWER");
    refused(RevocationDelta { epoch: 0, ..good.clone() }, "NOT_NEWER");
    refused(RevocationDelta { revoked: BTreeSet::new(), ..good.clone() }, "REVOCATION_RULE");
    refused(RevocationDelta { revoked: [1 << 22].into(), ..good.clone() }, "REVOCATION_RULE");
    let cause = BTreeMap::from([(1, Digest::sha256(b"cause"))]);
    refused(RevocationDelta { reinstated: cause, ..good.clone() }, "REVOCATION_RULE");
    let many: BTreeSet<u32> = (0..=u32::try_from(DELTA).unwrap()).collect();
    refused(RevocationDelta { revoked: many, ..good }, "REVOCATION_RULE");
    assert_eq!(read(&chain, &StateKey::Revocation(did(20))), None);
}
