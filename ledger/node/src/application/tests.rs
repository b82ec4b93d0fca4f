//! What may be in a block: one's own and everybody else's.

use did_registry::{DidOperation, Signature};
use ledger_chain::Operation;
use ledger_chain::light::TrustedHead;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::config::StoreConfig;
use crate::testing::{Agency, START, forged, genesis, time, validator};

const CONFIG: StoreConfig = StoreConfig { cache_bytes: 1 << 20 };

/// An application over a new store, with block 0.
struct Node {
    application: Application,
    agencies: Vec<Agency>,
    _directory: tempfile::TempDir,
}

impl Node {
    fn new(agencies: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let agencies = Agency::many(agencies);
        let store = Arc::new(Store::open(directory.path(), &CONFIG).unwrap());
        let application = Application::open(store, genesis(&agencies)).unwrap();
        let node = Self { application, agencies, _directory: directory };
        let block = node.application.found().unwrap();
        node.commit(block);
        node
    }

    fn ledger(&self) -> &Digest {
        self.application.ledger()
    }

    fn certify(executed: &Executed) -> SignedHead {
        let head = executed.head().clone();
        let certificate = [(validator().public_key(), validator().sign(&head.message()))].into();
        SignedHead { head, certificate }
    }

    fn commit(&self, executed: Executed) -> SignedHead {
        let head = Self::certify(&executed);
        self.application.commit(executed, head.clone()).unwrap();
        head
    }

    fn verified(&self, signed: Vec<SignedTransaction>) -> Vec<Arc<VerifiedTransaction>> {
        let key = |signed: &SignedTransaction| {
            let actor = &signed.transaction.actor;
            let agency = self.agencies.iter().find(|agency| &agency.did == actor);
            agency.map_or_else(|| Agency::new(1).control.public_key(), |agency| agency.control.public_key())
        };
        let pairs = signed.into_iter().map(|signed| (signed.clone(), key(&signed))).collect();
        let outcomes = VerifiedTransaction::verify_all(self.ledger(), pairs, &mut StdRng::from_entropy());
        outcomes.into_iter().map(|outcome| Arc::new(outcome.unwrap())).collect()
    }

    fn propose(&self, signed: Vec<SignedTransaction>) -> (Executed, Vec<Dropped>) {
        self.application.propose(self.verified(signed), time(START + 10), None).unwrap()
    }

    /// The block that holds exactly `transactions`, with a header as if they executed.
    fn block(&self, transactions: Vec<SignedTransaction>) -> Block {
        let tip = self.application.tip().unwrap();
        let header = Header {
            ledger: *self.ledger(),
            height: tip.header.height + 1,
            time: time(START + 10),
            previous: tip.header.hash(),
            transactions: transactions_root(transactions.iter().map(SignedTransaction::id)),
            state: tip.header.state,
        };
        Block { header, transactions }
    }

    fn refuse(&self, block: Block) -> BlockError {
        self.application.validate(block, time(START + 10)).err().unwrap()
    }

    fn anchors(&self, count: u64) -> Vec<SignedTransaction> {
        let agency = &self.agencies[0];
        (0..count).map(|sequence| agency.anchor(self.ledger(), sequence)).collect()
    }
}

#[test]
fn what_one_proposes_another_validates_to_the_same_head() {
    let (one, other) = (Node::new(3), Node::new(3));
    for round in 0..3 {
        let signed = one.agencies.iter().flat_map(|agency| {
            (0..200).map(|n| agency.anchor(one.ledger(), round * 200 + n)).collect::<Vec<_>>()
        });
        let (executed, dropped) = one.propose(signed.collect());
        assert!(dropped.is_empty());
        let head = one.commit(executed);
        let height = head.head.height;
        let bytes = one.application.store.block(height).unwrap().unwrap();
        let block = Block::from_bytes(&bytes).unwrap();
        assert_eq!((block.transactions.len(), encode(&block)), (600, bytes));
        let validated = other.application.validate(block, time(START + 10)).unwrap();
        assert_eq!(validated.head(), &head.head);
        assert_eq!(other.commit(validated), head);
    }
    let trusted =
        TrustedHead::from_genesis(one.application.genesis(), &one.application.tip().unwrap().head).unwrap();
    let view = TreeView::new(&other.application.store, None);
    let key = StateKey::Actor(one.agencies[1].did.clone());
    let tip = other.application.tip().unwrap();
    let proof = ledger_chain::tree::prove(&view, &key, tip.header.height, &tip.roots).unwrap();
    assert_eq!(trusted.lookup(&key, &proof).unwrap().into_value(), Some(Record::Actor(600)));
}

#[test]
fn one_bad_signature_among_many_is_named() {
    let node = Node::new(1);
    let mut transactions = node.anchors(700);
    for position in [0, 255, 256, 699] {
        let honest = transactions[position].clone();
        transactions[position] = forged(honest.clone());
        let id = transactions[position].id();
        assert_eq!(node.refuse(node.block(transactions.clone())), BlockError::Signature { position, id });
        transactions[position] = honest;
    }
    // The same transactions by somebody else's key, and for another ledger.
    let elsewhere = node.agencies[0].anchor(&Digest::sha256(b"elsewhere"), 0);
    assert!(matches!(node.refuse(node.block(vec![elsewhere])), BlockError::Signature { position: 0, .. }));
}

#[test]
fn one_bad_operation_among_many_is_named() {
    let node = Node::new(1);
    let agency = &node.agencies[0];
    let mut transactions = node.anchors(300);
    // The root of number 0 again: it is anchored already when its turn comes.
    transactions[200] = agency.sign(node.ledger(), 200, crate::testing::anchor(&agency.did, 0));
    match node.refuse(node.block(transactions.clone())) {
        BlockError::Refused { position: 200, id, refusal } => {
            assert_eq!((id, refusal.code()), (transactions[200].id(), "EXISTS"));
        }
        other => panic!("{other}"),
    }
    transactions.remove(200);
    match node.refuse(node.block(transactions)) {
        BlockError::Refused { position: 200, refusal, .. } => assert_eq!(refusal.code(), "SEQUENCE_AHEAD"),
        other => panic!("{other}"),
    }
}

#[test]
fn every_field_of_a_header_is_held_to_its_rule() {
    let node = Node::new(1);
    let good = node.block(node.anchors(1));
    let with = |change: fn(&mut Header)| {
        let mut block = good.clone();
        change(&mut block.header);
        node.refuse(block)
    };
    let nothing = Digest::from_bytes([0; 32]);
    assert_eq!(with(|header| header.ledger = Digest::from_bytes([0; 32])), BlockError::OtherLedger);
    assert_eq!(with(|header| header.height = 0), BlockError::Height { next: 1, got: 0 });
    assert_eq!(with(|header| header.height = 2), BlockError::Height { next: 1, got: 2 });
    assert_eq!(with(|header| header.previous = Digest::from_bytes([0; 32])), BlockError::Previous);
    assert_eq!(with(|header| header.time = time(START - 1)), BlockError::Time);
    assert_eq!(with(|header| header.time = time(START + 10 + AHEAD + 1)), BlockError::Time);
    assert_eq!(with(|header| header.transactions = Digest::from_bytes([0; 32])), BlockError::Transactions);
    assert_eq!(with(|header| header.state = Digest::from_bytes([0; 32])), BlockError::State);
    assert_eq!(node.refuse(good.clone()), BlockError::State, "the state root is recomputed, not believed");
    let mut short = good;
    short.transactions.clear();
    assert_eq!(node.refuse(short), BlockError::Transactions);
    assert_ne!(node.application.tip().unwrap().header.state, nothing);
}

#[test]
fn a_key_change_is_its_actors_last_transaction_in_a_block() {
    let node = Node::new(2);
    let (newcomer, agency) = (Agency::new(1), &node.agencies[0]);
    let (creation, use_of_it) = (newcomer.create(node.ledger()), newcomer.anchor(node.ledger(), 1));
    let both = vec![creation, use_of_it];
    let id = both[1].id();
    assert_eq!(node.refuse(node.block(both.clone())), BlockError::NoKey { position: 1, id });
    let (executed, dropped) = node.propose(both.clone());
    assert_eq!((executed.ids().len(), dropped.len()), (1, 0), "the second one waits");
    node.commit(executed);
    let (executed, _) = node.propose(both[1..].to_vec());
    assert_eq!(executed.ids(), [id]);
    node.commit(executed);

    let head = DidOperation::Create(agency.genesis.clone()).hash(&agency.did);
    let rotation = agency.rotate(node.ledger(), 0, head);
    let old_key = agency.anchor(node.ledger(), 1);
    let mut new_key = old_key.clone();
    new_key.signature = agency.next.sign(&new_key.transaction.message(node.ledger()));
    match node.refuse(node.block(vec![rotation.clone(), old_key])) {
        BlockError::Refused { position: 1, refusal, .. } => assert_eq!(refusal.code(), "NOT_CONTROL_KEY"),
        other => panic!("{other}"),
    }
    let refused = node.refuse(node.block(vec![rotation.clone(), new_key.clone()]));
    assert_eq!(refused, BlockError::Signature { position: 1, id: new_key.id() });
    let (executed, _) = node.propose(vec![rotation]);
    node.commit(executed);
    let state = {
        let pairs = vec![(new_key.clone(), agency.next.public_key())];
        let verified = VerifiedTransaction::verify_all(node.ledger(), pairs, &mut StdRng::from_entropy());
        let candidates = verified.into_iter().map(|outcome| Arc::new(outcome.unwrap())).collect();
        let (executed, _) = node.application.propose(candidates, time(START + 10), None).unwrap();
        executed.head().state
    };
    let mut next = node.block(vec![new_key]);
    next.header.state = state;
    node.application.validate(next, time(START + 10)).unwrap();
}

#[test]
fn a_refused_transaction_holds_up_its_actor_and_nobody_else() {
    let node = Node::new(2);
    let (agency, other) = (&node.agencies[0], &node.agencies[1]);
    let senseless =
        Operation::Anchor(ledger_chain::AnchorOperation::Batch { root: *node.ledger(), count: 0 });
    let candidates = vec![
        agency.anchor(node.ledger(), 0),
        agency.sign(node.ledger(), 1, senseless),
        agency.anchor(node.ledger(), 2),
        other.anchor(node.ledger(), 0),
    ];
    let (executed, dropped) = node.propose(candidates.clone());
    assert_eq!(executed.ids(), [candidates[0].id(), candidates[3].id()]);
    assert_eq!(dropped.len(), 1, "number 2 is not refused: its turn has not come");
    assert_eq!(
        (dropped[0].id, dropped[0].sequence, dropped[0].refusal.code()),
        (candidates[1].id(), 1, "BOUNDS")
    );
}

#[test]
fn only_a_certificate_of_exactly_this_block_commits_it() {
    let node = Node::new(1);
    let (executed, _) = node.propose(node.anchors(1));
    let mut head = Node::certify(&executed);
    head.head.time = time(START + 11);
    assert!(matches!(node.application.commit(executed, head), Err(BlockError::Certificate(_))));
    for certificate in [
        Default::default(),
        [(validator().public_key(), Signature::from_bytes([0; 64]))].into(),
        [(Agency::new(5).control.public_key(), validator().sign(b"anything"))].into(),
    ] {
        let (executed, _) = node.propose(node.anchors(1));
        let head = SignedHead { head: executed.head().clone(), certificate };
        assert!(matches!(node.application.commit(executed, head), Err(BlockError::Certificate(_))));
    }
    let (first, _) = node.propose(node.anchors(1));
    let (second, _) = node.propose(node.anchors(1));
    node.commit(first);
    let head = Node::certify(&second);
    assert!(matches!(node.application.commit(second, head), Err(BlockError::Overtaken(1))));
    assert_eq!(node.application.tip().unwrap().header.height, 1);
}

#[test]
fn a_block_made_on_one_that_is_not_on_disk_yet_is_the_same_block() {
    let (one, other) = (Node::new(3), Node::new(3));
    let blocks: Vec<Vec<SignedTransaction>> = (0..4)
        .map(|block| {
            let sequences = 30 * block..30 * (block + 1);
            let each = |sequence| one.agencies.iter().map(move |agency| (agency, sequence));
            sequences.flat_map(each).map(|(agency, sequence)| agency.anchor(one.ledger(), sequence)).collect()
        })
        .collect();
    let in_turn: Vec<SignedHead> =
        blocks.iter().map(|block| one.commit(one.propose(block.clone()).0)).collect();
    let mut pipelined = Vec::new();
    let mut made: Option<Executed> = None;
    for block in blocks {
        let ground = made.as_ref().map(Executed::ground);
        let (candidates, at) = (other.verified(block), time(START + 10));
        let (next, dropped) = other.application.propose(candidates, at, ground.as_deref()).unwrap();
        assert!(dropped.is_empty());
        pipelined.extend(made.replace(next).map(|before| other.commit(before)));
    }
    pipelined.extend(made.map(|last| other.commit(last)));
    assert_eq!(pipelined, in_turn);
}

#[test]
fn what_a_block_on_its_way_to_the_disk_wrote_counts_for_the_next() {
    let node = Node::new(1);
    let (first, _) = node.propose(node.anchors(1));
    let again = node.agencies[0].anchor(node.ledger(), 0);
    let again = node.agencies[0].sign(node.ledger(), 1, again.transaction.operation);
    let ground = first.ground();
    let (_, dropped) =
        node.application.propose(node.verified(vec![again]), time(START + 10), Some(&ground)).unwrap();
    assert_eq!(dropped[0].refusal.code(), "EXISTS");
    // A block on a block that another one took the place of is not committed.
    let next = node.agencies[0].anchor(node.ledger(), 1);
    let (orphan, _) =
        node.application.propose(node.verified(vec![next]), time(START + 10), Some(&ground)).unwrap();
    let (instead, _) = node.application.propose(Vec::new(), time(START + 20), None).unwrap();
    node.commit(instead);
    let head = Node::certify(&orphan);
    assert!(matches!(node.application.commit(orphan, head), Err(BlockError::Overtaken(2))));
}

#[test]
fn time_never_runs_backwards() {
    let node = Node::new(1);
    let (executed, _) = node.application.propose(Vec::new(), time(START + 100), None).unwrap();
    node.commit(executed);
    let (executed, _) = node.application.propose(Vec::new(), time(START + 50), None).unwrap();
    assert_eq!(executed.head().time, time(START + 100));
}

#[test]
fn another_ledgers_directory_and_a_damaged_one_are_refused() {
    let node = Node::new(1);
    let store = node.application.store.clone();
    let other = genesis(&Agency::many(2));
    assert!(matches!(Application::open(store.clone(), other), Err(StoreError::OtherLedger { .. })));

    let (executed, _) = node.propose(node.anchors(100));
    node.commit(executed);
    store.lose_nodes();
    let next = node.agencies[0].anchor(node.ledger(), 100);
    let damaged = node.application.propose(node.verified(vec![next]), time(START), None).err().unwrap();
    assert!(matches!(damaged, StoreError::Damaged(_)), "{damaged}");
    assert_eq!(node.application.tip().unwrap().header.height, 1, "and nothing was committed");
}
