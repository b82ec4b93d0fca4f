//! A small town for tests: a ledger in memory with one validator, an agency, a stranger, rules and a status
//! list. Blocks hold whatever records a test writes; everything is signed and proved as on a real ledger.

mod issued;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::anchor::{Batch, LeafKind};
use credential::status::{self, Status, StatusClaims, StatusList};
use credential::transcoding::pass_schema;
use credential::{Operand, PassTerms, Policy, Predicate, Test};
use did_registry::canonical::encode;
use did_registry::merkle::Tree;
use did_registry::{
    ClaimKind, ClaimSpec, Committee, CredentialType, Did, DidRecord, Digest, Genesis as DidGenesis, Moment,
    NetworkId, Purposes, Recognition, Schema, SigningKey, Suite, Timestamp,
};
use ledger_chain::bundle::TrustBundle;
use ledger_chain::history::{ConsistencyProof, log_root};
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::tree::{RecordProof, ShardRoots, TreeReader, prove, split, update_shard};
use ledger_chain::{
    AnchorRecord, Changes, Genesis, GroupId, Head, Header, PolicyRecord, ReceiptKind, ReceiptRecord,
    SchemaRecord, SignedHead, StateKey, StatusHead, StatusRecord, ValidatorSet, transactions_root,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

pub(crate) const STATUS_URI: &str = "http://127.0.0.1:9/status/1";

/// An agency with its keys.
pub(crate) struct Signer {
    pub(crate) did: Did,
    pub(crate) es256: SigningKey,
    pub(crate) ed25519: SigningKey,
    genesis: DidGenesis,
}

#[derive(Default)]
struct Store {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    values: BTreeMap<Digest, BTreeMap<u64, Vec<u8>>>,
}

impl TreeReader for Store {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.nodes.get(key).cloned()
    }
    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>> {
        Some(self.values.get(key)?.range(..=version).next_back()?.1.clone())
    }
}

pub(crate) struct Town {
    pub(crate) genesis: Genesis,
    pub(crate) agency: Signer,
    pub(crate) stranger: Signer,
    /// Asks for a test result, keeps what it asks for, gives a pass.
    pub(crate) entry: Policy,
    /// Asks for a green pass.
    pub(crate) gate: Policy,
    pub(crate) rng: ChaCha20Rng,
    validator: SigningKey,
    store: Store,
    roots: Vec<ShardRoots>,
    heads: Vec<SignedHead>,
    blocks: Vec<Digest>,
    list: StatusList,
    epoch: u64,
    /// The status list token that was current at each height.
    tokens: Vec<String>,
}

pub(crate) fn start() -> Timestamp {
    "2021-06-01T08:00:00Z".parse().unwrap()
}

fn kind(name: &str) -> CredentialType {
    CredentialType::new(name).unwrap()
}

fn signer(rng: &mut ChaCha20Rng) -> Signer {
    let [control, next, ed25519] = [(); 3].map(|()| SigningKey::generate(Suite::Ed25519, rng));
    let es256 = SigningKey::generate(Suite::P256, rng);
    let genesis = DidGenesis::new(
        NetworkId::new("demo").unwrap(),
        control.public_key(),
        next.public_key().commitment(),
    )
    .with_key("es256-1", Purposes::ASSERTION, es256.public_key())
    .with_key("ed25519-1", Purposes::ASSERTION, ed25519.public_key());
    Signer { did: genesis.did(), es256, ed25519, genesis }
}

fn test_schema() -> Schema {
    let code = |codes: &[&str]| ClaimKind::Code { of: codes.iter().map(|&code| code.to_owned()).collect() };
    let claims = [("result", code(&["negative", "positive"])), ("sampled", ClaimKind::Date)];
    let claims = claims.map(|(name, kind)| (name.to_owned(), ClaimSpec { kind, required: true }));
    Schema { credential_type: kind("TestResult"), version: 1, claims: claims.into() }
}

fn policy(
    verifier: &Did,
    name: &str,
    schema: &Schema,
    predicates: Vec<Predicate>,
    pass: Option<PassTerms>,
) -> Policy {
    let retained: BTreeSet<String> = predicates.iter().map(|predicate| predicate.claim.clone()).collect();
    Policy {
        verifier: verifier.clone(),
        name: name.into(),
        version: 1,
        purpose: "To let travellers in".into(),
        credential_type: schema.credential_type.clone(),
        schema: schema.id(),
        predicates,
        retained,
        from: start().minus(86_400),
        until: start().plus(365 * 86_400),
        pass,
        proof: None,
    }
}

impl Town {
    /// The schema of test results.
    pub(crate) fn tests(&self) -> Schema {
        test_schema()
    }

    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let validator = SigningKey::generate(Suite::Ed25519, &mut rng);
        let (agency, stranger) = (signer(&mut rng), signer(&mut rng));
        let genesis = Genesis {
            network: NetworkId::new("demo").unwrap(),
            group: GroupId(0),
            time: start(),
            validators: ValidatorSet::new(BTreeMap::from([(validator.public_key(), 1)])).unwrap(),
            dids: vec![agency.genesis.clone(), stranger.genesis.clone()],
            committee: Committee::new(1, BTreeSet::from([agency.did.clone()])).unwrap(),
        };
        let is = |claim: &str, value: &str| Predicate {
            claim: claim.into(),
            test: Test::Equals(Operand::Text(value.into())),
        };
        let recent = Predicate { claim: "sampled".into(), test: Test::AtLeast(Operand::DaysFromToday(-7)) };
        let (tests, passes) = (test_schema(), pass_schema(&kind("HealthPass")));
        let terms = PassTerms { credential_type: kind("HealthPass"), hours: 24 };
        let entry = policy(&agency.did, "entry", &tests, vec![is("result", "negative"), recent], Some(terms));
        let gate = policy(&agency.did, "gate", &passes, vec![is("colour", "green")], None);
        let mut town = Self {
            genesis,
            agency,
            stranger,
            entry,
            gate,
            rng,
            validator,
            store: Store::default(),
            roots: Vec::new(),
            heads: Vec::new(),
            blocks: Vec::new(),
            list: StatusList::new(2, 1024).unwrap(),
            epoch: 0,
            tokens: Vec::new(),
        };
        let changes = town.first_records([tests, passes]);
        town.block(start(), changes);
        town
    }

    fn first_records(&mut self, schemas: [Schema; 2]) -> Changes {
        let at = Moment { height: 0, time: start() };
        let mut changes = Changes::new();
        for signer in [&self.agency, &self.stranger] {
            let record = DidRecord::create(&signer.did, &signer.genesis, at).unwrap();
            changes.insert(StateKey::Did(signer.did.clone()), encode(&record));
        }
        for name in ["TestResult", "HealthPass"] {
            let recognition = Recognition {
                issuer: self.agency.did.clone(),
                credential_type: kind(name),
                from: start().minus(86_400),
                until: start().plus(365 * 86_400),
                decided: at,
            };
            changes.insert(StateKey::Issuer(kind(name), self.agency.did.clone()), encode(&recognition));
        }
        for schema in schemas {
            let id = schema.id();
            let record = SchemaRecord { schema, author: self.agency.did.clone(), published: at };
            changes.insert(StateKey::Schema(id), encode(&record));
        }
        for policy in [&self.entry, &self.gate] {
            let record = PolicyRecord { policy: policy.clone(), published: at };
            changes.insert(StateKey::Policy(policy.id()), encode(&record));
        }
        changes.extend(self.status_head(at));
        changes
    }

    /// A new token over the list as it is, and the record of its head.
    fn status_head(&mut self, at: Moment) -> Changes {
        self.epoch += 1;
        let uri = STATUS_URI.to_owned();
        let claims = StatusClaims {
            issuer: Some(self.agency.did.to_string()),
            uri: uri.clone(),
            issued: at.time,
            expires: None,
            ttl: None,
        };
        let token = status::issue(&self.list, &claims, &self.agency.did.url("es256-1"), &self.agency.es256);
        let head = StatusHead { list: 1, uri, epoch: self.epoch, digest: status::anchored_digest(&token) };
        self.tokens.push(token);
        let key = StateKey::Status(self.agency.did.clone(), 1);
        Changes::from([(key, encode(&StatusRecord { head, updated: at }))])
    }

    fn at(&self, seconds: u64) -> Moment {
        Moment { height: self.height() + 1, time: self.time().plus(seconds) }
    }

    pub(crate) fn height(&self) -> u64 {
        self.heads.len() as u64 - 1
    }

    /// The time of the last block.
    pub(crate) fn time(&self) -> Timestamp {
        self.heads.last().unwrap().head.time
    }

    fn block(&mut self, time: Timestamp, changes: Changes) {
        let height = self.heads.len() as u64;
        let mut roots = self.roots.last().cloned().unwrap_or(ShardRoots::EMPTY);
        for (shard, entries) in (0u8..).zip(split(&changes)) {
            let update = update_shard(&self.store, shard, height, roots.get(shard), entries);
            roots.apply(&update);
            self.store.nodes.extend(update.nodes);
        }
        for (key, value) in &changes {
            self.store.values.entry(key.hash()).or_default().insert(height, value.clone());
        }
        let ledger = self.genesis.id();
        let header = Header {
            ledger,
            height,
            time,
            previous: self.blocks.last().copied().unwrap_or(ledger),
            transactions: transactions_root(std::iter::empty()),
            state: roots.state_root(),
        };
        self.blocks.push(header.hash());
        let validators = self.genesis.validators.hash();
        let head = Head {
            ledger,
            network: self.genesis.network.clone(),
            group: self.genesis.group,
            height,
            time,
            block: header.hash(),
            state: header.state,
            log: log_root(&Tree::new(&self.blocks), height),
            validators,
            next_validators: validators,
        };
        let signature = self.validator.sign(&head.message());
        self.heads.push(SignedHead {
            head,
            certificate: BTreeMap::from([(self.validator.public_key(), signature)]),
        });
        self.roots.push(roots);
        if self.tokens.len() < self.heads.len() {
            self.tokens.push(self.tokens.last().unwrap().clone());
        }
    }

    /// An empty block, so many seconds after the last.
    pub(crate) fn tick(&mut self, seconds: u64) {
        let at = self.at(seconds);
        self.block(at.time, Changes::new());
    }

    /// A block that revokes the credential with a status index.
    pub(crate) fn revoke(&mut self, index: u64) {
        self.list.set(index, Status::Invalid).unwrap();
        let at = self.at(1);
        let changes = self.status_head(at);
        self.block(at.time, changes);
    }

    /// A block that holds one record.
    pub(crate) fn write(&mut self, key: StateKey, record: Vec<u8>) {
        let at = self.at(1);
        self.block(at.time, Changes::from([(key, record)]));
    }

    pub(crate) fn head(&self, height: u64) -> SignedHead {
        self.heads[usize::try_from(height).unwrap()].clone()
    }

    pub(crate) fn consistency(&self, from: u64) -> Option<ConsistencyProof> {
        ConsistencyProof::new(&Tree::new(&self.blocks), from, self.height())
    }

    pub(crate) fn proof(&self, key: &StateKey, height: u64) -> RecordProof {
        prove(&self.store, key, height, &self.roots[usize::try_from(height).unwrap()]).unwrap()
    }

    /// The bundle at a height, continuing the head at `from`.
    pub(crate) fn trust_bundle(&self, height: u64, from: Option<u64>) -> TrustBundle {
        let did = |signer: &Signer| StateKey::Did(signer.did.clone());
        let keys = [
            did(&self.agency),
            did(&self.stranger),
            StateKey::Issuer(kind("TestResult"), self.agency.did.clone()),
            StateKey::Issuer(kind("HealthPass"), self.agency.did.clone()),
            StateKey::Schema(self.entry.schema),
            StateKey::Schema(self.gate.schema),
            StateKey::Policy(self.entry.id()),
            StateKey::Policy(self.gate.id()),
            StateKey::Status(self.agency.did.clone(), 1),
        ];
        let tree = Tree::new(&self.blocks);
        TrustBundle {
            head: self.head(height),
            consistency: from.and_then(|from| ConsistencyProof::new(&tree, from, height)),
            records: keys.iter().map(|key| self.proof(key, height)).collect(),
            statuses: vec![self.tokens[usize::try_from(height).unwrap()].clone()],
        }
    }

    pub(crate) fn bundle(&self, height: u64, from: Option<u64>) -> Vec<u8> {
        self.trust_bundle(height, from).to_bytes()
    }

    /// A block that anchors one commitment by `issuer`, to a credential or to a kind of receipt; gives the receipt and
    /// its base64url.
    pub(crate) fn anchor(
        &mut self,
        issuer: &Did,
        kind: Option<ReceiptKind>,
        digest: &Digest,
    ) -> (AnchorReceipt, String) {
        let leaf = kind.map_or(LeafKind::Credential, |_| LeafKind::Receipt);
        let batch = Batch::new(leaf, &[*digest], &mut self.rng);
        let (at, root) = (self.at(1), batch.root());
        let (key, record) = match kind {
            None => {
                let record = AnchorRecord { count: 1, anchored: at, withdrawn: None };
                (StateKey::Anchor(issuer.clone(), root), encode(&record))
            }
            Some(kind) => {
                let record = ReceiptRecord { kind, count: 1, anchored: at };
                (StateKey::Receipt(issuer.clone(), root), encode(&record))
            }
        };
        self.write(key.clone(), record);
        let height = self.height();
        let opening = batch.opening(0).unwrap();
        let receipt = AnchorReceipt {
            issuer: issuer.clone(),
            opening,
            record: self.proof(&key, height),
            head: self.head(height),
        };
        let text = URL_SAFE_NO_PAD.encode(receipt.to_bytes());
        (receipt, text)
    }
}
