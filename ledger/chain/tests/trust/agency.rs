//! An agency on the ledger in memory: recognised, with a rule, a status list and anchored batches.

use std::collections::BTreeSet;

use credential::anchor::{Batch, LeafKind, credential_digest};
use credential::status::{self, Status, StatusClaims, StatusList, anchored_digest};
use credential::{Operand, Policy, Predicate, Test};
use did_registry::{
    ClaimKind, ClaimSpec, CredentialType, Did, DidOperation, Digest, DocumentKey, Genesis as DidGenesis,
    Motion, Purposes, Retirement, Rotation, Schema, SigningKey, Suite, Vote,
};
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{
    AnchorOperation, Operation, ReceiptBatch, ReceiptKind, StateKey, StatusHead, Transaction,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::chain::{Chain, did, network};

pub(crate) const LIST: &str = "https://g.example/status/1";

/// A registered agency.
pub(crate) struct Agency {
    pub(crate) did: Did,
    number: u8,
    /// Which of its keys is the control key; the next one has the number after.
    control: u8,
    sequence: u64,
    pub(crate) list: StatusList,
}

fn key(agency: u8, index: u8) -> SigningKey {
    SigningKey::from_bytes(Suite::Ed25519, &[agency, index, 7].repeat(11)[..32].try_into().unwrap()).unwrap()
}

fn document_key(agency: u8, index: u8) -> DocumentKey {
    let key = key(agency, 100 + index).public_key();
    DocumentKey { fragment: format!("key-{index}"), purposes: Purposes::ASSERTION, key }
}

fn birth(agency: u8) -> DidGenesis {
    let genesis =
        DidGenesis::new(network(), key(agency, 0).public_key(), key(agency, 1).public_key().commitment());
    DidGenesis { keys: vec![document_key(agency, 0)], ..genesis }
}

pub(crate) fn kind() -> CredentialType {
    CredentialType::new("HealthTest").unwrap()
}

pub(crate) fn schema() -> Schema {
    let result = ClaimSpec { kind: ClaimKind::Boolean, required: true };
    Schema { credential_type: kind(), version: 1, claims: [("negative".to_owned(), result)].into() }
}

pub(crate) fn policy(verifier: &Did) -> Policy {
    Policy {
        verifier: verifier.clone(),
        name: "entry".into(),
        version: 1,
        purpose: "Entry".into(),
        credential_type: kind(),
        schema: schema().id(),
        predicates: vec![Predicate { claim: "negative".into(), test: Test::Equals(Operand::Boolean(true)) }],
        retained: BTreeSet::new(),
        from: crate::chain::time(1_500_000_000),
        until: crate::chain::time(1_700_000_000),
        pass: None,
        proof: None,
    }
}

impl Agency {
    /// Registers in a block of its own.
    pub(crate) fn join(chain: &mut Chain, number: u8) -> Self {
        let birth = birth(number);
        let did = birth.did();
        let list = StatusList::new(2, 64).unwrap();
        let mut agency = Self { did, number, control: 0, sequence: 0, list };
        agency.send(chain, Operation::Did(DidOperation::Create(birth)));
        agency
    }

    /// One block with one operation of this agency.
    pub(crate) fn send(&mut self, chain: &mut Chain, operation: Operation) {
        let control = key(self.number, self.control);
        let transaction = Transaction { actor: self.did.clone(), sequence: self.sequence, operation };
        self.sequence += 1;
        chain.block_of(vec![(transaction.sign(&chain.genesis.id(), &control), control.public_key())]);
    }

    /// The token over the list as it is, signed with a document key.
    pub(crate) fn token(&self, uri: &str, document_key: u8) -> String {
        let claims = StatusClaims {
            uri: uri.into(),
            issuer: Some(self.did.to_string()),
            issued: crate::chain::time(1_600_000_000),
            expires: None,
            ttl: None,
        };
        let key_id = self.did.url(&format!("key-{document_key}"));
        status::issue(&self.list, &claims, &key_id, &key(self.number, 100 + document_key))
    }

    /// Anchors the head of a list.
    pub(crate) fn move_head(&mut self, chain: &mut Chain, list: u32, uri: &str, epoch: u64, token: &str) {
        let head = StatusHead { list, uri: uri.into(), epoch, digest: anchored_digest(token) };
        self.send(chain, Operation::Status(head));
    }

    /// Replaces every document key by number `fresh`.
    pub(crate) fn rotate(&mut self, chain: &mut Chain, retirement: Retirement, fresh: u8) {
        let height = chain.height();
        let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(height)).unwrap();
        let proof = chain.prove(&StateKey::Did(self.did.clone()), height);
        let record = match trusted.record(&proof).unwrap().into_value() {
            Some(ledger_chain::Record::Did(record)) => record,
            other => panic!("{other:?}"),
        };
        let next = key(self.number, self.control + 1);
        let rotation = Rotation {
            previous: record.head,
            control: next.public_key(),
            next: key(self.number, self.control + 2).public_key().commitment(),
            keys: vec![document_key(self.number, fresh)],
            retirement,
            guardians: None,
            services: Vec::new(),
        };
        let proof = next.sign(&rotation.proof_message(&self.did));
        self.send(chain, Operation::Did(DidOperation::Rotate(rotation, proof)));
        self.control += 1;
    }

    /// Anchors a batch over `digests`, and gives a receipt of each under the head right after.
    pub(crate) fn anchor(
        &mut self,
        chain: &mut Chain,
        kind: LeafKind,
        digests: &[Digest],
    ) -> Vec<AnchorReceipt> {
        let batch = Batch::new(kind, digests, &mut ChaCha20Rng::seed_from_u64(chain.height()));
        let (root, count) = (batch.root(), digests.len() as u32);
        let (operation, key) = match kind {
            LeafKind::Credential => (
                Operation::Anchor(AnchorOperation::Batch { root, count }),
                StateKey::Anchor(self.did.clone(), root),
            ),
            LeafKind::Receipt => (
                Operation::Receipt(ReceiptBatch { kind: ReceiptKind::Consent, root, count }),
                StateKey::Receipt(self.did.clone(), root),
            ),
        };
        self.send(chain, operation);
        let height = chain.height();
        let receipt = |index| AnchorReceipt {
            issuer: self.did.clone(),
            opening: batch.opening(index).unwrap(),
            record: chain.prove(&key, height),
            head: chain.head(height).clone(),
        };
        (0..digests.len() as u64).map(receipt).collect()
    }
}

/// Two of the three members recognise an agency.
pub(crate) fn recognise(chain: &mut Chain, agency: &Agency) {
    let motion = Motion::RecogniseIssuer {
        issuer: agency.did.clone(),
        credential_type: kind(),
        from: crate::chain::time(1_500_000_000),
        until: crate::chain::time(1_700_000_000),
    };
    let vote = Vote { motion, round: 0, expires: crate::chain::time(1_650_000_000) };
    chain.block([(1, Operation::Role(vote.clone())), (2, Operation::Role(vote))]);
}

pub(crate) fn digests(count: u8) -> Vec<Digest> {
    (0..count).map(|n| credential_digest(&[n])).collect()
}

/// A ledger with a recognised agency (1), a stranger (2), a schema, a policy and a status list at epoch 1.
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) agency: Agency,
    pub(crate) stranger: Agency,
    /// The token whose digest is anchored.
    pub(crate) token: String,
    keys: Vec<StateKey>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Chain::new(1))
    }

    pub(crate) fn on(mut chain: Chain) -> Self {
        let (mut agency, stranger) = (Agency::join(&mut chain, 1), Agency::join(&mut chain, 2));
        recognise(&mut chain, &agency);
        agency.send(&mut chain, Operation::Schema(schema()));
        let policy = policy(&agency.did);
        agency.send(&mut chain, Operation::Policy(policy.clone()));
        let token = agency.token(LIST, 0);
        agency.move_head(&mut chain, 1, LIST, 1, &token);
        let own = agency.did.clone();
        let keys = vec![
            StateKey::Issuer(kind(), own.clone()),
            StateKey::Schema(schema().id()),
            StateKey::Policy(policy.id()),
            StateKey::Status(own.clone(), 1),
            StateKey::Did(own),
            StateKey::Did(did(1)),
        ];
        Self { chain, agency, stranger, token, keys }
    }

    /// Revokes entry 3; the ledger gets the new head.
    pub(crate) fn revoke(&mut self) {
        self.agency.list.set(3, Status::Invalid).unwrap();
        self.token = self.agency.token(LIST, 0);
        self.agency.move_head(&mut self.chain, 1, LIST, 2, &self.token);
    }

    /// Adds what a stranger anchored to the bundles.
    pub(crate) fn include(&mut self, key: StateKey) {
        self.keys.push(key);
    }

    pub(crate) fn trusted(&self, height: u64) -> TrustedHead {
        TrustedHead::from_genesis(&self.chain.genesis, self.chain.head(height)).unwrap()
    }

    /// The bundle at a height with the anchored list, continuing the head at `from`.
    pub(crate) fn bundle(&self, height: u64, from: Option<u64>) -> TrustBundle {
        TrustBundle {
            head: self.chain.head(height).clone(),
            consistency: from.map(|from| self.chain.consistency(from, height)),
            records: self.keys.iter().map(|key| self.chain.prove(key, height)).collect(),
            statuses: vec![self.token.clone()],
        }
    }

    /// The newest one, for somebody who trusts the first head.
    pub(crate) fn newest(&self) -> TrustBundle {
        self.bundle(self.chain.height(), Some(0))
    }
}
