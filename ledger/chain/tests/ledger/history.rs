//! Transactions and blocks in the history.

use did_registry::canonical::encode;
use ledger_chain::history::{BlockProof, ConsistencyProof, TransactionProof};
use ledger_chain::light::{LightError, TrustedHead};

use crate::chain::Chain;
use crate::samples::{anchor, chain};

fn trusted(chain: &Chain) -> TrustedHead {
    TrustedHead::from_genesis(&chain.genesis, chain.head(chain.height())).unwrap()
}

#[test]
fn every_block_and_transaction_is_proven() {
    let chain = chain();
    let trusted = trusted(&chain);
    for block in &chain.blocks {
        let header = &block.header;
        let proof = BlockProof::new(&chain.log, header.height, 5).unwrap();
        assert!(proof.holds(trusted.head(), header));
        for (index, signed) in (0..).zip(&block.transactions) {
            let proof = chain.prove_transaction(header.height, index, 5);
            let proven = trusted.transaction(&signed.id(), &proof).unwrap();
            assert_eq!(
                (proven.value(), proven.at().height, proven.at().time),
                (&signed.id(), header.height, header.time)
            );
        }
        assert!(TransactionProof::new(&chain.log, block, block.transactions.len() as u64, 5).is_none());
    }
    assert!(BlockProof::new(&chain.log, 5, 4).is_none());
    assert!(ConsistencyProof::new(&chain.log, 5, 4).is_none());
}

#[test]
fn another_transaction_is_not_in_history() {
    let chain = chain();
    let trusted = trusted(&chain);
    let ids: Vec<_> = chain.blocks[5].transactions.iter().map(ledger_chain::SignedTransaction::id).collect();
    let proof = chain.prove_transaction(5, 3, 5);
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(trusted.transaction(id, &proof).is_ok(), index == 3);
    }
}

#[test]
fn a_transaction_of_another_ledger_is_not_in_history() {
    let here = chain();
    let mut there = Chain::new(2);
    there.block([(1, anchor(1))]);
    let id = there.blocks[1].transactions[0].id();
    let proof = there.prove_transaction(1, 0, 1);
    assert!(trusted(&there).transaction(&id, &proof).is_ok());
    assert_eq!(trusted(&here).transaction(&id, &proof), Err(LightError::NotInHistory));
    assert_eq!(LightError::NotInHistory.code(), "NOT_IN_HISTORY");
}

#[test]
fn a_proof_to_another_height_does_not_hold() {
    let chain = chain();
    let header = &chain.blocks[2].header;
    for made_for in 2..=5 {
        let proof = BlockProof::new(&chain.log, 2, made_for).unwrap();
        for height in 0..=5 {
            assert_eq!(
                proof.holds(&chain.head(height).head, header),
                height == made_for,
                "{made_for} at {height}"
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_a_transaction_proof_is_refused_or_changes_no_statement() {
    let chain = chain();
    let trusted = trusted(&chain);
    let honest = chain.prove_transaction(5, 9, 5);
    let id = chain.blocks[5].transactions[9].id();
    let proven = trusted.transaction(&id, &honest).unwrap();
    let bytes = honest.to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(proof) = TransactionProof::from_bytes(&flipped) else { continue };
        if let Ok(other) = trusted.transaction(&id, &proof) {
            assert_eq!(other, proven, "bit {bit}");
        }
    }
}

#[test]
fn heights_at_the_end_of_the_numbers_do_not_panic() {
    let chain = chain();
    let (mut low, mut high) = (chain.head(4).head.clone(), chain.head(5).head.clone());
    let (proof, header) = (chain.consistency(4, 5), &chain.blocks[2].header);
    let block = BlockProof::new(&chain.log, 2, 5).unwrap();
    for height in [u64::MAX, u64::MAX - 1, 1 << 63] {
        high.height = height;
        assert!(!proof.holds(&low, &high) && !block.holds(&high, header));
    }
    low.height = u64::MAX;
    assert!(!proof.holds(&low, &high));
    assert!(BlockProof::new(&chain.log, 2, u64::MAX).is_none());
    assert!(ConsistencyProof::new(&chain.log, 2, u64::MAX).is_none());
}

#[test]
fn paths_are_bounded() {
    let path = |length: usize| {
        let mut bytes = encode(&(length as u32));
        bytes.resize(4 + 32 * length, 7);
        ConsistencyProof::from_bytes(&bytes)
    };
    assert!(path(64).is_ok());
    assert!(path(65).unwrap_err().to_string().contains("at most 64 hashes"));
    assert_eq!(ConsistencyProof::from_bytes(&u32::MAX.to_le_bytes()).unwrap_err().code(), "MALFORMED");
    assert_eq!(ConsistencyProof::from_bytes(&[0; 8 * 1024 + 1]).unwrap_err().code(), "TOO_LARGE");
    assert_eq!(TransactionProof::from_bytes(&[0; 8 * 1024 + 1]).unwrap_err().code(), "TOO_LARGE");
}
