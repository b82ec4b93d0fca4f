//! A ledger in memory: executes, builds blocks, keeps the tree and the log, certifies heads.

use std::collections::BTreeMap;

use did_registry::canonical::encode;
use did_registry::merkle::{self, Nodes};
use did_registry::{
    Committee, Did, DidOperation, Digest, Genesis as DidGenesis, Moment, NetworkId, PublicKey, SigningKey,
    Suite, Timestamp,
};
use ledger_chain::history::{ConsistencyProof, TransactionProof, log_root};
use ledger_chain::tree::{RecordProof, SHARDS, ShardRoots, TreeReader, prove, split, update_shard};
use ledger_chain::{
    Block, Changes, Committed, Genesis, GroupId, Head, Header, Operation, Overlay, SignedHead,
    SignedTransaction, StateKey, Transaction, ValidatorSet, VerifiedTransaction, execute, genesis,
    transactions_root,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

/// A key that tests agree on.
pub(crate) fn key(owner: u8, index: u8) -> SigningKey {
    let mut bytes = [owner; 32];
    bytes[0] = index + 1;
    let suite = if owner % 4 == 3 { Suite::P256 } else { Suite::Ed25519 };
    SigningKey::from_bytes(suite, &bytes).unwrap()
}

pub(crate) fn network() -> NetworkId {
    NetworkId::new("test").unwrap()
}

pub(crate) fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

/// The genesis operation of actor `owner`.
pub(crate) fn birth(owner: u8) -> DidGenesis {
    DidGenesis::new(network(), key(owner, 0).public_key(), key(owner, 1).public_key().commitment())
}

pub(crate) fn did(owner: u8) -> Did {
    birth(owner).did()
}

/// Four validators, numbers 100 to 103, with a power of one each.
pub(crate) fn validators() -> ValidatorSet {
    ValidatorSet::new((100..104).map(|owner| (key(owner, 0).public_key(), 1)).collect()).unwrap()
}

/// Actors 1 to 3 are the committee.
pub(crate) fn founding(group: u32) -> Genesis {
    Genesis {
        network: network(),
        group: GroupId(group),
        time: time(1_600_000_000),
        validators: validators(),
        dids: (1..=4).map(birth).collect(),
        committee: Committee::new(2, (1..=3).map(did).collect()).unwrap(),
    }
}

#[derive(Default)]
struct Store {
    records: Changes,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    values: BTreeMap<(Digest, u64), Vec<u8>>,
}

impl Committed for Store {
    fn record(&self, key: &StateKey) -> Option<Vec<u8>> {
        self.records.get(key).cloned()
    }
}

impl TreeReader for Store {
    fn node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.nodes.get(key).cloned()
    }

    fn value(&self, key: &Digest, version: u64) -> Option<Vec<u8>> {
        self.values.range((*key, 0)..=(*key, version)).next_back().map(|(_, value)| value.clone())
    }
}

/// Complete subtrees of the log.
#[derive(Default)]
pub(crate) struct Log(BTreeMap<(u32, u64), Digest>);

impl Nodes for Log {
    fn node(&self, level: u32, index: u64) -> Digest {
        self.0[&(level, index)]
    }
}

impl Log {
    fn append(&mut self, height: u64, block: &Digest) {
        let mut new = Vec::new();
        merkle::append(self, height, block, |level, index, hash| new.push(((level, index), hash)));
        self.0.extend(new);
    }
}

pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) blocks: Vec<Block>,
    pub(crate) heads: Vec<SignedHead>,
    pub(crate) log: Log,
    store: Store,
    roots: Vec<ShardRoots>,
    sequences: BTreeMap<u8, u64>,
}

impl Chain {
    /// A ledger at height 0.
    pub(crate) fn new(group: u32) -> Self {
        let founding = founding(group);
        let mut chain = Self {
            genesis: founding.clone(),
            blocks: Vec::new(),
            heads: Vec::new(),
            log: Log::default(),
            store: Store::default(),
            roots: vec![ShardRoots::EMPTY],
            sequences: BTreeMap::new(),
        };
        let mut overlay = Overlay::new(&chain.store);
        genesis(&mut overlay, &founding).unwrap();
        let changes = overlay.into_changes(Moment { height: 0, time: founding.time });
        chain.roots.clear();
        chain.commit(ShardRoots::EMPTY, changes, Vec::new());
        chain
    }

    pub(crate) fn height(&self) -> u64 {
        self.heads.len() as u64 - 1
    }

    pub(crate) fn head(&self, height: u64) -> &SignedHead {
        &self.heads[height as usize]
    }

    /// Signs with the actor's first key and next number.
    pub(crate) fn sign(&mut self, owner: u8, operation: Operation) -> SignedTransaction {
        let next = self.sequences.entry(owner).or_default();
        let transaction = Transaction { actor: did(owner), sequence: *next, operation };
        *next += 1;
        transaction.sign(&self.genesis.id(), &key(owner, 0))
    }

    /// The code with which a transaction is refused in the next block; `None` if it is not.
    pub(crate) fn refusal(&self, signed: SignedTransaction, key: PublicKey) -> Option<String> {
        let at = self.next();
        let mut rng = ChaCha20Rng::seed_from_u64(at.height);
        let verified = VerifiedTransaction::verify_all(&self.genesis.id(), vec![(signed, key)], &mut rng);
        let mut overlay = Overlay::new(&self.store);
        let refused = execute(&mut overlay, verified[0].as_ref().unwrap(), at).err()?;
        assert!(overlay.into_changes(at).is_empty(), "a refused transaction leaves no trace");
        Some(refused.code().to_owned())
    }

    /// Registers actors.
    pub(crate) fn register(&mut self, owners: impl Iterator<Item = u8>) {
        let births = owners.map(|owner| (owner, Operation::Did(DidOperation::Create(birth(owner)))));
        let births: Vec<_> = births.collect();
        self.block(births);
    }

    /// One block of these operations, all of which must be accepted.
    pub(crate) fn block(&mut self, operations: impl IntoIterator<Item = (u8, Operation)>) {
        let signed: Vec<_> = operations
            .into_iter()
            .map(|(owner, operation)| (self.sign(owner, operation), key(owner, 0).public_key()))
            .collect();
        self.block_of(signed);
    }

    /// One block of these transactions, each with the key it is checked with; all must be accepted.
    pub(crate) fn block_of(&mut self, signed: Vec<(SignedTransaction, PublicKey)>) {
        let at = self.next();
        let mut rng = ChaCha20Rng::seed_from_u64(at.height);
        let verified = VerifiedTransaction::verify_all(&self.genesis.id(), signed, &mut rng);
        let mut overlay = Overlay::new(&self.store);
        let mut transactions = Vec::new();
        for transaction in verified {
            let transaction = transaction.unwrap();
            execute(&mut overlay, &transaction, at).unwrap();
            transactions.push(transaction.signed().clone());
        }
        let changes = overlay.into_changes(at);
        let before = self.roots.last().unwrap().clone();
        self.commit(before, changes, transactions);
    }

    /// When the next block will be.
    fn next(&self) -> Moment {
        let height = self.heads.len() as u64;
        Moment { height, time: self.time(height) }
    }

    fn time(&self, height: u64) -> Timestamp {
        self.genesis.time.plus(10 * height)
    }

    fn commit(&mut self, mut roots: ShardRoots, changes: Changes, transactions: Vec<SignedTransaction>) {
        let height = self.heads.len() as u64;
        for (shard, entries) in split(&changes).into_iter().enumerate() {
            let shard = shard as u8;
            let update = update_shard(&self.store, shard, height, roots.get(shard), entries);
            assert!(usize::from(update.shard) < SHARDS);
            roots.apply(&update);
            self.store.nodes.extend(update.nodes);
            self.store
                .values
                .extend(update.values.into_iter().map(|(key, value)| ((key, height), value.to_vec())));
        }
        self.store.records.extend(changes);
        let ledger = self.genesis.id();
        let header = Header {
            ledger,
            height,
            time: self.time(height),
            previous: self.blocks.last().map_or(ledger, |block| block.header.hash()),
            transactions: transactions_root(transactions.iter().map(SignedTransaction::id)),
            state: roots.state_root(),
        };
        self.log.append(height, &header.hash());
        let head = Head {
            ledger,
            network: network(),
            group: self.genesis.group,
            height,
            time: header.time,
            block: header.hash(),
            state: header.state,
            log: log_root(&self.log, height),
            validators: validators().hash(),
            next_validators: validators().hash(),
        };
        self.blocks.push(Block { header, transactions });
        self.heads.push(certify(head, 100..103));
        self.roots.push(roots);
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (&StateKey, &Vec<u8>)> {
        self.store.records.iter()
    }

    pub(crate) fn prove(&self, key: &StateKey, height: u64) -> RecordProof {
        prove(&self.store, key, height, &self.roots[height as usize]).unwrap()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        ConsistencyProof::new(&self.log, old, new).unwrap()
    }

    pub(crate) fn prove_transaction(&self, height: u64, index: u64, head: u64) -> TransactionProof {
        TransactionProof::new(&self.log, &self.blocks[height as usize], index, head).unwrap()
    }
}

/// The head with the signatures of these validators.
pub(crate) fn certify(head: Head, owners: impl IntoIterator<Item = u8>) -> SignedHead {
    let message = head.message();
    let sign = |owner| (key(owner, 0).public_key(), key(owner, 0).sign(&message));
    SignedHead { certificate: owners.into_iter().map(sign).collect(), head }
}

/// The canonical bytes read back as the same value.
pub(crate) fn bytes<T: borsh::BorshSerialize>(value: &T) -> Vec<u8> {
    encode(value)
}
