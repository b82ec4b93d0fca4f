//! Decoders under damaged input: they never panic, and what they accept is the one encoding of its value.

use did_registry::canonical::decode;
use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::light::TrustedHead;
use ledger_chain::tree::{RECORD_PROOF_BYTES, RecordProof};
use ledger_chain::{
    BLOCK_BYTES, Block, Genesis, HEAD_BYTES, Operation, SignedHead, SignedTransaction, StateKey,
    TRANSACTION_BYTES,
};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::chain::{bytes, did};
use crate::samples::{chain, operations, root, transactions};

/// Cut, flipped, spliced, stretched, or made up.
fn damage(rng: &mut ChaCha20Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[rng.gen_range(0..corpus.len())].clone();
    match rng.gen_range(0..6) {
        0 => bytes.truncate(rng.gen_range(0..=bytes.len())),
        1 => {
            for _ in 0..rng.gen_range(1..4) {
                let bit = rng.gen_range(0..bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        2 => {
            let other = &corpus[rng.gen_range(0..corpus.len())];
            bytes.truncate(rng.gen_range(0..=bytes.len()));
            bytes.extend_from_slice(&other[rng.gen_range(0..=other.len())..]);
        }
        3 => {
            let place = rng.gen_range(0..bytes.len().saturating_sub(3).max(1));
            let number = [0, 1, 0x7fff_ffff, u32::MAX, 65, 257][rng.gen_range(0..6)];
            for (byte, new) in bytes.iter_mut().skip(place).zip(number.to_le_bytes()) {
                *byte = new; // a length or a count, somewhere
            }
        }
        4 => bytes.extend((0..rng.gen_range(1..9)).map(|_| rng.r#gen::<u8>())),
        _ => {
            bytes = vec![0; rng.gen_range(0..400)];
            rng.fill_bytes(&mut bytes);
        }
    }
    bytes
}

/// Runs `read`, which gives an accepted value's bytes, over a seeded stream of damaged input.
fn smoke(seed: u64, corpus: &[Vec<u8>], read: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    for sound in corpus {
        assert_eq!(read(sound).as_ref(), Some(sound), "the corpus is sound");
    }
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    for round in 0..8_000 {
        let input = damage(&mut rng, corpus);
        if let Some(output) = read(&input) {
            assert_eq!(output, input, "round {round}: accepted, and not canonical");
        }
    }
}

#[test]
fn operations_and_transactions() {
    let corpus: Vec<_> = operations().iter().map(bytes).collect();
    smoke(1, &corpus, |input| decode::<Operation>(input, TRANSACTION_BYTES).ok().map(|value| bytes(&value)));
    let corpus: Vec<_> = transactions().iter().map(SignedTransaction::to_bytes).collect();
    smoke(2, &corpus, |input| Some(SignedTransaction::from_bytes(input).ok()?.to_bytes()));
}

#[test]
fn blocks_and_genesis() {
    let chain = chain();
    let corpus: Vec<_> = chain.blocks.iter().map(bytes).collect();
    smoke(3, &corpus, |input| Some(bytes(&Block::from_bytes(input).ok()?)));
    smoke(4, &[bytes(&chain.genesis)], |input| Some(bytes(&Genesis::from_bytes(input).ok()?)));
}

#[test]
fn heads() {
    let chain = chain();
    let corpus: Vec<_> = chain.heads.iter().map(SignedHead::to_bytes).collect();
    smoke(5, &corpus, |input| Some(SignedHead::from_bytes(input).ok()?.to_bytes()));
    let trusted = TrustedHead::from_genesis(&chain.genesis, chain.head(3)).unwrap();
    smoke(6, &[trusted.to_bytes()], |input| Some(TrustedHead::from_bytes(input).ok()?.to_bytes()));
}

#[test]
fn proofs() {
    let chain = chain();
    let state = chain.head(5).head.state;
    let keys = [StateKey::Committee, StateKey::Did(did(12)), StateKey::PolicyLatest(did(2), "entry".into())];
    let mut corpus: Vec<_> = keys.iter().map(|key| chain.prove(key, 5).to_bytes()).collect();
    corpus.extend((0..40).map(|n| chain.prove(&StateKey::Anchor(did(n), root(n)), 5).to_bytes()));
    smoke(7, &corpus, |input| {
        let proof = RecordProof::from_bytes(input).ok()?;
        if proof.verify(&state).is_ok() {
            let honest = chain.prove(&proof.key, 5);
            assert_eq!(proof, honest, "what verifies is the one proof of its key");
        }
        Some(proof.to_bytes())
    });
    let corpus: Vec<_> = (0..5).map(|old| chain.consistency(old, 5).to_bytes()).collect();
    smoke(8, &corpus, |input| Some(ConsistencyProof::from_bytes(input).ok()?.to_bytes()));
    let corpus: Vec<_> = (0..30).map(|n| chain.prove_transaction(5, n, 5).to_bytes()).collect();
    smoke(9, &corpus, |input| Some(TransactionProof::from_bytes(input).ok()?.to_bytes()));
}

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
