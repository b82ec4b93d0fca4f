//! Wire bytes are frozen: a change shows up here, and is made on purpose with `BLESS=1`.

#![allow(clippy::disallowed_methods)] // tests read and bless files; the crate does not

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::light::TrustedHead;
use ledger_chain::tree::RecordProof;
use ledger_chain::{Block, Genesis, SignedHead, SignedTransaction, StateKey};

use crate::chain::{bytes, did};
use crate::samples::{chain, name, root, transactions};

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/golden")
}

#[track_caller]
fn frozen(name: &str, bytes: &[u8]) {
    let path = folder().join(format!("{name}.hex"));
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", path.display()));
    assert_eq!(text, expected, "{name}: the wire bytes changed");
}

#[test]
fn transactions_of_every_operation() {
    let all = transactions();
    let names: BTreeSet<_> = all.iter().map(|signed| name(&signed.transaction.operation)).collect();
    assert_eq!(names.len(), all.len(), "each kind once");
    for signed in all {
        let bytes = signed.to_bytes();
        frozen(&format!("transaction-{}", name(&signed.transaction.operation)), &bytes);
        assert_eq!(SignedTransaction::from_bytes(&bytes), Ok(signed));
    }
}

#[test]
fn genesis_blocks_and_heads() {
    let chain = chain();
    frozen("genesis", &bytes(&chain.genesis));
    assert_eq!(Genesis::from_bytes(&bytes(&chain.genesis)), Ok(chain.genesis.clone()));
    let block = &chain.blocks[2];
    frozen("block", &bytes(block));
    assert_eq!(Block::from_bytes(&bytes(block)).as_ref(), Ok(block));
    let head = chain.head(5);
    frozen("signed-head", &head.to_bytes());
    assert_eq!(SignedHead::from_bytes(&head.to_bytes()).as_ref(), Ok(head));
    let trusted = TrustedHead::from_genesis(&chain.genesis, head).unwrap();
    frozen("trusted-head", &trusted.to_bytes());
    assert_eq!(TrustedHead::from_bytes(&trusted.to_bytes()), Ok(trusted));
}

#[test]
fn proofs() {
    let chain = chain();
    let present = chain.prove(&StateKey::Anchor(did(12), root(12)), 5);
    frozen("record-proof-present", &present.to_bytes());
    assert_eq!(RecordProof::from_bytes(&present.to_bytes()), Ok(present));
    let absent = |n| chain.prove(&StateKey::Anchor(did(12), root(n)), 5);
    // After the key comes the kind of ending: 1 an empty place, 2 the leaf of another key.
    for (kind, name) in [(1, "empty-place"), (2, "other-leaf")] {
        let proof =
            (100..).map(absent).find(|proof| proof.to_bytes()[bytes(&proof.key).len()] == kind).unwrap();
        frozen(&format!("record-proof-{name}"), &proof.to_bytes());
        assert_eq!(RecordProof::from_bytes(&proof.to_bytes()), Ok(proof));
    }
    let consistency = chain.consistency(2, 5);
    frozen("consistency-proof", &consistency.to_bytes());
    assert_eq!(ConsistencyProof::from_bytes(&consistency.to_bytes()), Ok(consistency));
    let transaction = chain.prove_transaction(5, 7, 5);
    frozen("transaction-proof", &transaction.to_bytes());
    assert_eq!(TransactionProof::from_bytes(&transaction.to_bytes()), Ok(transaction));
}

#[test]
fn no_golden_file_is_left_over() {
    let all = transactions();
    let mut expected: BTreeSet<String> =
        all.iter().map(|signed| format!("transaction-{}.hex", name(&signed.transaction.operation))).collect();
    let others = [
        "genesis",
        "block",
        "signed-head",
        "trusted-head",
        "record-proof-present",
        "record-proof-empty-place",
        "record-proof-other-leaf",
        "consistency-proof",
        "transaction-proof",
    ];
    expected.extend(others.map(|name| format!("{name}.hex")));
    let files =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let (known, left): (BTreeSet<_>, BTreeSet<_>) = files.partition(|file| expected.contains(file));
    if std::env::var_os("BLESS").is_some() {
        left.iter().for_each(|file| fs::remove_file(folder().join(file)).unwrap());
    } else {
        assert_eq!((known, left), (expected, BTreeSet::new()));
    }
}
