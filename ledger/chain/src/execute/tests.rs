//! One test a rule. Every refusal is checked to leave the overlay as it was.

mod anchors;
mod identifiers;
mod publications;
mod roles;

use did_registry::{Digest, Genesis as DidGenesis, NetworkId, SigningKey, Suite, Timestamp, digest};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{GroupId, SignedTransaction, Transaction, ValidatorSet};

/// The records of a committed block.
#[derive(Default)]
struct State(Changes);

impl Committed for State {
    fn record(&self, key: &StateKey) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
}

/// A ledger with five actors: 0, 1 and 2 are the committee, two of them decide; 3 issues; 4 is anybody.
struct World {
    committed: State,
    pending: Changes,
    /// Senders' records that the block's overlay has decoded.
    known: HashMap<Did, Rc<DidRecord>>,
    ledger: Digest,
    at: Moment,
    actors: Vec<Actor>,
}

struct Actor {
    did: Did,
    /// Which of its keys is the control key.
    key: u8,
    sequence: u64,
}

const ISSUER: usize = 3;
const ANYBODY: usize = 4;

fn secret(actor: u8, index: u8) -> SigningKey {
    let mut bytes = [actor; 32];
    bytes[0] = index;
    SigningKey::from_bytes(Suite::Ed25519, &bytes).unwrap()
}

fn commitment(actor: u8, index: u8) -> Digest {
    secret(actor, index).public_key().commitment()
}

fn network() -> NetworkId {
    NetworkId::new("test").unwrap()
}

fn birth(actor: u8) -> DidGenesis {
    DidGenesis::new(network(), secret(actor, 0).public_key(), commitment(actor, 1))
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn root(n: u8) -> Digest {
    digest("test/root", &[&[n]])
}

/// The code of a refusal.
#[track_caller]
fn refused(outcome: Result<(), Refusal>, code: &str) {
    match outcome {
        Ok(()) => panic!("{code} was expected"),
        Err(refusal) => assert_eq!(refusal.code(), code, "{refusal}"),
    }
}

fn founding() -> Genesis {
    let dids: Vec<DidGenesis> = (0..5).map(birth).collect();
    let members = dids.iter().take(3).map(DidGenesis::did).collect();
    Genesis {
        network: network(),
        group: GroupId(1),
        time: time(1_000_000),
        validators: ValidatorSet::new([(secret(30, 0).public_key(), 1)].into()).unwrap(),
        committee: Committee::new(2, members).unwrap(),
        dids,
    }
}

impl World {
    fn new() -> Self {
        let founding = founding();
        let nothing = State::default();
        let mut overlay = Overlay::new(&nothing);
        genesis(&mut overlay, &founding).unwrap();
        let committed = State(overlay.into_changes(Moment { height: 0, time: founding.time }));
        let actors = founding.dids.iter().map(|did| Actor { did: did.did(), key: 0, sequence: 0 }).collect();
        let at = Moment { height: 1, time: time(1_000_060) };
        let (pending, known) = (Changes::new(), HashMap::new());
        Self { committed, pending, known, ledger: founding.id(), at, actors }
    }

    fn did(&self, actor: usize) -> Did {
        self.actors[actor].did.clone()
    }

    fn control(&self, actor: usize) -> SigningKey {
        secret(actor as u8, self.actors[actor].key)
    }

    fn transaction(&self, actor: usize, operation: Operation) -> Transaction {
        Transaction { actor: self.did(actor), sequence: self.actors[actor].sequence, operation }
    }

    /// Verifies with the key that `signer` names, as a node does, and executes.
    fn submit(&mut self, signed: SignedTransaction, signer: did_registry::PublicKey) -> Result<(), Refusal> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let verified =
            VerifiedTransaction::verify_all(&self.ledger, vec![(signed, signer)], &mut rng).remove(0)?;
        let mut overlay = Overlay {
            base: &self.committed,
            changes: self.pending.clone(),
            actors: self.known.clone(),
            touched: Touched::default(),
        };
        let outcome = execute(&mut overlay, &verified, self.at);
        if outcome.is_err() {
            assert_eq!(overlay.changes, self.pending, "a refused transaction leaves no trace");
        }
        for (did, record) in &overlay.actors {
            let stored = overlay.get::<DidRecord>(&StateKey::Did(did.clone()));
            assert_eq!(stored.as_ref(), Some(&**record), "a record that changed is decoded again");
        }
        (self.pending, self.known) = (overlay.changes, overlay.actors);
        outcome
    }

    /// Sends with the actor's control key and next number; a refusal uses up no number.
    fn send(&mut self, actor: usize, operation: Operation) -> Result<(), Refusal> {
        let key = self.control(actor);
        let signed = self.transaction(actor, operation).sign(&self.ledger, &key);
        self.submit(signed, key.public_key())?;
        self.actors[actor].sequence += 1;
        Ok(())
    }

    /// Registers one more actor and returns its number.
    fn join(&mut self) -> usize {
        let number = self.actors.len();
        let birth = birth(number as u8);
        self.actors.push(Actor { did: birth.did(), key: 0, sequence: 0 });
        self.send(number, Operation::Did(DidOperation::Create(birth))).unwrap();
        number
    }

    /// Commits the block and goes on `seconds` later.
    fn commit(&mut self, seconds: u64) {
        self.committed.0.append(&mut self.pending);
        self.known.clear();
        self.at = Moment { height: self.at.height + 1, time: self.at.time.plus(seconds) };
    }

    fn get<T: BorshSerialize + BorshDeserialize>(&self, key: &StateKey) -> Option<T> {
        let mut overlay = Overlay::new(&self.committed);
        overlay.changes = self.pending.clone();
        overlay.get(key)
    }

    fn record(&self, actor: usize) -> DidRecord {
        self.get(&StateKey::Did(self.did(actor))).unwrap()
    }

    fn sequence(&self, actor: usize) -> Option<u64> {
        self.get(&StateKey::Actor(self.did(actor)))
    }
}

fn batch(n: u8) -> Operation {
    Operation::Anchor(AnchorOperation::Batch { root: root(n), count: 10 })
}

#[test]
fn a_number_is_used_once() {
    let mut world = World::new();
    let first = world.transaction(ISSUER, batch(1)).sign(&world.ledger, &world.control(ISSUER));
    let key = world.control(ISSUER).public_key();
    world.submit(first.clone(), key.clone()).unwrap();
    refused(world.submit(first.clone(), key.clone()), "SEQUENCE_USED");
    world.commit(5);
    refused(world.submit(first, key), "SEQUENCE_USED");
    refused(world.send(ISSUER, batch(2)), "SEQUENCE_USED"); // another operation under the used number
}

#[test]
fn numbers_come_in_order() {
    let mut world = World::new();
    world.actors[ISSUER].sequence = 1;
    refused(world.send(ISSUER, batch(2)), "SEQUENCE_AHEAD");
    world.actors[ISSUER].sequence = 0;
    world.send(ISSUER, batch(1)).unwrap();
    world.send(ISSUER, batch(2)).unwrap();
    assert_eq!(world.sequence(ISSUER), Some(2));
}

#[test]
fn a_refusal_uses_up_no_number() {
    let mut world = World::new();
    refused(world.send(ISSUER, Operation::Anchor(AnchorOperation::Withdraw { root: root(1) })), "MISSING");
    assert_eq!(world.sequence(ISSUER), None);
    world.send(ISSUER, batch(1)).unwrap();
    assert_eq!(world.sequence(ISSUER), Some(1));
}

#[test]
fn the_last_number_is_never_reached() {
    let mut world = World::new();
    world.committed.0.insert(StateKey::Actor(world.did(ISSUER)), encode(&u64::MAX));
    world.actors[ISSUER].sequence = u64::MAX;
    refused(world.send(ISSUER, batch(1)), "SEQUENCE_USED");
}

#[test]
fn execution_is_deterministic() {
    let run = || {
        let mut world = World::new();
        for n in 0..20 {
            world.send(usize::from(n) % 5, batch(n)).unwrap();
            if n % 3 == 0 {
                refused(
                    world.send(ANYBODY, Operation::Anchor(AnchorOperation::Withdraw { root: root(99) })),
                    "MISSING",
                );
            }
            if n % 7 == 0 {
                world.commit(1);
            }
        }
        world.commit(1);
        world.committed.0
    };
    assert_eq!(run(), run());
}

#[test]
fn what_a_block_writes_its_later_transactions_read() {
    let mut world = World::new();
    let newcomer = world.join();
    world.send(newcomer, batch(1)).unwrap();
    assert!(world.committed.0.keys().all(|key| key != &StateKey::Did(world.did(newcomer))));
    world
        .send(ISSUER, Operation::Anchor(AnchorOperation::Sign { issuer: world.did(newcomer), root: root(1) }))
        .unwrap();
}

#[test]
fn a_genesis_that_breaks_a_rule_is_refused() {
    let outcome = |change: fn(&mut Genesis)| {
        let mut founding = founding();
        change(&mut founding);
        let nothing = State::default();
        let mut overlay = Overlay::new(&nothing);
        let outcome = genesis(&mut overlay, &founding);
        assert!(outcome.is_ok() || overlay.changes.is_empty());
        outcome
    };
    assert_eq!(outcome(|_| {}), Ok(()));
    refused(outcome(|genesis| drop(genesis.dids.remove(0))), "DID_UNKNOWN");
    refused(outcome(|genesis| genesis.network = NetworkId::new("other").unwrap()), "MALFORMED");
}
