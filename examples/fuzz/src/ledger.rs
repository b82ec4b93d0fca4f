//! The ledger: operations, transactions, blocks, heads, proofs, bundles.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use did_registry::canonical::{decode, encode};
use did_registry::{Did, DidOperation, DidRecord, Digest, Moment, PublicKey, SigningKey, Suite, document};
use ledger_chain::bundle::{BUNDLE_BYTES, TrustBundle};
use ledger_chain::history::{ConsistencyProof, HISTORY_PROOF_BYTES, TransactionProof};
use ledger_chain::light::TrustedHead;
use ledger_chain::tree::{RECORD_PROOF_BYTES, RecordProof};
use ledger_chain::{
    BLOCK_BYTES, Block, Changes, Committed, Genesis, HEAD_BYTES, Head, Operation, Overlay, Record,
    SignedHead, SignedTransaction, StateKey, TRANSACTION_BYTES, Transaction, VerifiedTransaction, execute,
    genesis, transactions_root,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::text;

/// Bytes that the ledger's golden tests pin.
fn golden(name: &str) -> Vec<u8> {
    hex::decode(text(&format!("ledger/chain/tests/golden/{name}.hex")).trim()).unwrap()
}

/// Kinds of transactions, one golden file each.
const KINDS: [&str; 20] = [
    "anchor-batch",
    "anchor-sign",
    "anchor-withdraw",
    "did-complete-recovery",
    "did-create",
    "did-deactivate",
    "did-request-recovery",
    "did-rotate",
    "did-veto-recovery",
    "policy",
    "receipt-consent",
    "receipt-transcoding",
    "receipt-use",
    "role-add-member",
    "role-recognise-issuer",
    "role-remove-member",
    "role-set-threshold",
    "role-withdraw-issuer",
    "schema",
    "status",
];

static GENESIS: LazyLock<Genesis> = LazyLock::new(|| Genesis::from_bytes(&golden("genesis")).unwrap());
static HEAD: LazyLock<SignedHead> = LazyLock::new(|| SignedHead::from_bytes(&golden("signed-head")).unwrap());
static TRUSTED: LazyLock<TrustedHead> = LazyLock::new(|| TrustedHead::from_genesis(&GENESIS, &HEAD).unwrap());

/// The state after the genesis.
struct Founded(Changes);

impl Committed for Founded {
    fn record(&self, key: &StateKey) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }
}

static FOUNDED: LazyLock<Founded> = LazyLock::new(|| {
    let nothing = Founded(Changes::new());
    let mut overlay = Overlay::new(&nothing);
    genesis(&mut overlay, &GENESIS).unwrap();
    Founded(overlay.into_changes(Moment { height: 0, time: GENESIS.time }))
});

/// The control keys of the founders 1 and 2, as the golden tests make them.
static FOUNDERS: LazyLock<[SigningKey; 2]> = LazyLock::new(|| {
    [1, 2].map(|owner| {
        let mut secret = [owner; 32];
        secret[0] = 1;
        SigningKey::from_bytes(Suite::Ed25519, &secret).unwrap()
    })
});

fn after_genesis() -> Moment {
    Moment { height: 1, time: GENESIS.time.plus(1) }
}

pub(super) fn transactions() -> Vec<Vec<u8>> {
    KINDS.map(|kind| golden(&format!("transaction-{kind}"))).into()
}

pub(super) fn operations() -> Vec<Vec<u8>> {
    let operation =
        |bytes: Vec<u8>| encode(&SignedTransaction::from_bytes(&bytes).unwrap().transaction.operation);
    transactions().into_iter().map(operation).collect()
}

pub(super) fn operation(bytes: &[u8]) -> bool {
    let Ok(operation) = decode::<Operation>(bytes, TRANSACTION_BYTES) else { return false };
    assert!(bytes.len() <= TRANSACTION_BYTES, "over the limit");
    assert_eq!(encode(&operation), bytes, "another spelling");
    serde_json::to_string(&operation).expect("every operation is shown as JSON");
    match &operation {
        Operation::Did(DidOperation::Create(genesis)) => {
            if let Ok(record) = DidRecord::create(&genesis.did(), genesis, after_genesis()) {
                let _ = document(&record);
            }
        }
        Operation::Schema(schema) if schema.check().is_ok() => drop((schema.id(), schema.to_json_schema())),
        Operation::Policy(policy) if policy.check().is_ok() => drop((policy.id(), policy.explain())),
        _ => {}
    }
    for founder in FOUNDERS.iter() {
        executed(&operation, founder);
    }
    true
}

/// Signed by a founder and executed: it is refused and changes nothing, or it happens once and what it writes
/// reads back.
fn executed(operation: &Operation, founder: &SigningKey) {
    let key = founder.public_key();
    let actor = GENESIS.dids.iter().find(|one| one.control == key).unwrap().did();
    let transaction = Transaction { actor, sequence: 0, operation: operation.clone() };
    let signed = transaction.sign(&GENESIS.id(), founder);
    let verified = verified(signed, key).unwrap();
    let mut overlay = Overlay::new(&*FOUNDED);
    if execute(&mut overlay, &verified, after_genesis()).is_err() {
        assert!(overlay.into_changes(after_genesis()).is_empty(), "refused, and something changed");
        return;
    }
    assert!(execute(&mut overlay, &verified, after_genesis()).is_err(), "executed twice");
    for (key, record) in overlay.into_changes(after_genesis()) {
        assert!(Record::read(&key, &record).is_ok(), "{key:?} does not read back");
    }
}

fn verified(signed: SignedTransaction, key: PublicKey) -> Option<VerifiedTransaction> {
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    VerifiedTransaction::verify_all(&GENESIS.id(), vec![(signed, key)], &mut rng).pop()?.ok()
}

static SENT: LazyLock<Vec<Vec<u8>>> = LazyLock::new(transactions);

pub(super) fn transaction(bytes: &[u8]) -> bool {
    let Ok(signed) = SignedTransaction::from_bytes(bytes) else { return false };
    assert!(bytes.len() <= TRANSACTION_BYTES, "over the limit");
    assert_eq!(signed.to_bytes(), bytes, "another spelling");
    let control = |actor: &Did| {
        GENESIS.dids.iter().find(|founder| &founder.did() == actor).map(|founder| founder.control.clone())
    };
    if let Some(key) = signed.signer(control)
        && verified(signed, key).is_some()
    {
        assert!(SENT.iter().any(|sent| sent == bytes), "its actor did not sign this");
    }
    true
}

pub(super) fn blocks() -> Vec<Vec<u8>> {
    let block = Block::from_bytes(&golden("block")).unwrap();
    let all = SENT.iter().map(|bytes| SignedTransaction::from_bytes(bytes).unwrap()).collect();
    let with = |transactions| encode(&named(Block { transactions, ..block.clone() }));
    vec![golden("genesis"), golden("block"), with(Vec::new()), with(all)]
}

/// The block, with a header that names its transactions.
fn named(mut block: Block) -> Block {
    block.header.transactions = transactions_root(block.transactions.iter().map(SignedTransaction::id));
    block
}

pub(super) fn block(bytes: &[u8]) -> bool {
    if let Ok(founding) = Genesis::from_bytes(bytes) {
        assert_eq!(encode(&founding), bytes, "another spelling");
        let nothing = Founded(Changes::new());
        let _ = genesis(&mut Overlay::new(&nothing), &founding);
        return true;
    }
    let read = Block::from_bytes(bytes);
    // Below the root: whatever reads as a block is one, once its header names what is in it.
    let Ok(block) = decode::<Block>(bytes, BLOCK_BYTES) else {
        assert!(read.is_err());
        return false;
    };
    let honest = named(block.clone());
    assert_eq!(read.is_ok(), honest == block, "a header names its transactions");
    assert_eq!(Block::from_bytes(&encode(&honest)), Ok(honest), "another spelling");
    true
}

pub(super) fn heads() -> Vec<Vec<u8>> {
    vec![golden("signed-head"), golden("trusted-head")]
}

pub(super) fn signed_head(bytes: &[u8]) -> bool {
    if let Ok(trusted) = TrustedHead::from_bytes(bytes) {
        assert!(bytes.len() <= HEAD_BYTES, "over the limit");
        assert_eq!(trusted.to_bytes(), bytes, "another spelling");
        let _ = trusted.follow(&HEAD, None);
        return true;
    }
    let Ok(signed) = SignedHead::from_bytes(bytes) else { return false };
    assert!(bytes.len() <= HEAD_BYTES, "over the limit");
    assert_eq!(signed.to_bytes(), bytes, "another spelling");
    for believed in [TrustedHead::from_genesis(&GENESIS, &signed), TRUSTED.follow(&signed, None)] {
        assert!(believed.is_err() || believed.as_ref() == Ok(&*TRUSTED), "no validator signed this head");
    }
    true
}

pub(super) fn proofs() -> Vec<Vec<u8>> {
    let names = ["record-proof-present", "record-proof-empty-place", "record-proof-other-leaf"];
    names.into_iter().chain(["consistency-proof", "transaction-proof"]).map(golden).collect()
}

/// What the golden proofs show: keys, each with its only proof.
static SHOWN: LazyLock<BTreeMap<StateKey, RecordProof>> = LazyLock::new(|| {
    let proofs = proofs().into_iter().filter_map(|bytes| RecordProof::from_bytes(&bytes).ok());
    proofs.map(|proof| (proof.key.clone(), proof)).collect()
});

pub(super) fn proof(bytes: &[u8]) -> bool {
    let record = RecordProof::from_bytes(bytes);
    if let Ok(proof) = &record {
        assert!(bytes.len() <= RECORD_PROOF_BYTES, "over the limit");
        assert_eq!(proof.to_bytes(), bytes, "another spelling");
        true_statement(proof);
    }
    let consistency = ConsistencyProof::from_bytes(bytes);
    let transaction = TransactionProof::from_bytes(bytes);
    for (read, again) in [
        (consistency.is_ok(), consistency.as_ref().map(ConsistencyProof::to_bytes).unwrap_or_default()),
        (transaction.is_ok(), transaction.as_ref().map(TransactionProof::to_bytes).unwrap_or_default()),
    ] {
        assert!(!read || (again == bytes && bytes.len() <= HISTORY_PROOF_BYTES), "another spelling");
    }
    for height in [0, HEAD.head.height, u64::MAX] {
        let other = Head { height, ..HEAD.head.clone() };
        let _ = consistency
            .as_ref()
            .map(|proof| (proof.holds(&HEAD.head, &other), proof.holds(&other, &HEAD.head)));
        let holds = transaction.as_ref().is_ok_and(|proof| proof.holds(&other, &Digest::sha256(bytes)));
        assert!(!holds, "nobody sent this transaction");
    }
    record.is_ok() || consistency.is_ok() || transaction.is_ok()
}

/// What verifies is the one proof of its key, or that another key has nothing.
fn true_statement(proof: &RecordProof) {
    if let Ok(record) = TRUSTED.record(proof) {
        match SHOWN.get(&proof.key) {
            Some(honest) => assert_eq!(proof, honest, "a second proof of one key"),
            None => assert_eq!(record.value(), &None, "nobody wrote this record"),
        }
    }
}

pub(super) fn bundles() -> Vec<Vec<u8>> {
    let bundle = TrustBundle {
        head: HEAD.clone(),
        consistency: None,
        records: SHOWN.values().cloned().collect(),
        statuses: Vec::new(),
    };
    let old = TrustBundle {
        consistency: Some(ConsistencyProof::from_bytes(&golden("consistency-proof")).unwrap()),
        statuses: vec!["eyJhbGciOiJFUzI1NiJ9.e30.AA".into()],
        records: Vec::new(),
        ..bundle.clone()
    };
    [bundle, old].map(|bundle| bundle.to_bytes()).into()
}

pub(super) fn bundle(bytes: &[u8]) -> bool {
    let Ok(bundle) = TrustBundle::from_bytes(bytes) else { return false };
    assert!(bytes.len() <= BUNDLE_BYTES, "over the limit");
    assert_eq!(bundle.to_bytes(), bytes, "another spelling");
    bundle.records.iter().for_each(true_statement);
    if let Ok((head, facts)) = bundle.verify(&TRUSTED) {
        assert_eq!(head, *TRUSTED, "no validator signed this head");
        assert!(facts.statuses.is_empty(), "nobody signed this status list");
    }
    true
}
