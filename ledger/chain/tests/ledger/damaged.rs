//! Decoders under damaged input: cut, extended, too large, inconsistent.

use ledger_chain::tree::{RECORD_PROOF_BYTES, RecordProof};
use ledger_chain::{
    BLOCK_BYTES, Block, Genesis, HEAD_BYTES, SignedHead, SignedTransaction, TRANSACTION_BYTES,
};

use crate::chain::bytes;
use crate::samples::{chain, transactions};

#[test]
fn every_length_of_every_transaction_but_the_whole_is_refused() {
    for signed in transactions() {
        let bytes = signed.to_bytes();
        for end in 0..bytes.len() {
            assert!(SignedTransaction::from_bytes(&bytes[..end]).is_err());
        }
        assert!(SignedTransaction::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn oversized_input_is_refused_by_its_size() {
    let code = |outcome: Result<(), did_registry::RegistryError>| outcome.unwrap_err().code();
    assert_eq!(code(SignedTransaction::from_bytes(&[0; TRANSACTION_BYTES + 1]).map(drop)), "TOO_LARGE");
    assert_eq!(code(SignedHead::from_bytes(&[0; HEAD_BYTES + 1]).map(drop)), "TOO_LARGE");
    assert_eq!(code(Block::from_bytes(&vec![0; BLOCK_BYTES + 1]).map(drop)), "TOO_LARGE");
    assert_eq!(code(Genesis::from_bytes(&vec![0; 1024 * 1024 + 1]).map(drop)), "TOO_LARGE");
    assert_eq!(code(RecordProof::from_bytes(&vec![0; RECORD_PROOF_BYTES + 1]).map(drop)), "TOO_LARGE");
}

#[test]
fn a_block_whose_header_names_other_transactions_is_refused() {
    let chain = chain();
    let mut block = chain.blocks[2].clone();
    block.transactions.swap(0, 1);
    assert_eq!(Block::from_bytes(&bytes(&block)).unwrap_err().code(), "MALFORMED");
    block.transactions.pop();
    assert_eq!(Block::from_bytes(&bytes(&block)).unwrap_err().code(), "MALFORMED");
}
