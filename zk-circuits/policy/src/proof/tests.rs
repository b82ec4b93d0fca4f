use std::sync::LazyLock;

use ark_bls12_381::Bls12_381;
use ark_groth16::Groth16;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::element::Element;
use crate::key::{KeyError, PolicyCircuit, Setup};
use crate::sample;

static KEYS: LazyLock<(ProvingKey, VerifyingKey)> = LazyLock::new(|| {
    let proving = ProvingKey::insecure_development();
    let verifying = proving.verifying_key();
    (proving, verifying)
});

fn shown(rng: &mut StdRng, context: &str) -> (Statement, Proof) {
    let (statement, witness) = sample::example();
    let statement = Statement::of(statement.terms, &witness, Element::digest("test", context.as_bytes()));
    let proof = prove(&KEYS.0, &statement, &witness, rng).unwrap();
    (statement, proof)
}

#[test]
fn a_proof_shows_its_statement_and_no_other() {
    let mut rng = StdRng::from_seed([1; 32]);
    let (statement, proof) = shown(&mut rng, "here");
    let verifier = Verifier::new(&KEYS.1, statement.terms.clone());
    assert!(verifier.verify(&statement, &proof));
    let plus = |element: Element| Element(element.0 + Fr::ONE);
    let nullifier = Statement { nullifier: plus(statement.nullifier), ..statement.clone() };
    let context = Statement { context: plus(statement.context), ..statement.clone() };
    for other in [nullifier, context] {
        assert!(!verifier.verify(&other, &proof));
    }
    // Every other input is the verifier's own.
    for place in 0..statement.terms.inputs().len() {
        let mut fixed = verifier.clone();
        fixed.fixed += KEYS.1.inputs()[place + 1];
        assert!(!fixed.verify(&statement, &proof), "input {place}");
    }
    let mut terms = statement.terms.clone();
    terms.issuers += Fr::ONE;
    let other = Statement { terms: terms.clone(), ..statement.clone() };
    assert!(!verifier.verify(&other, &proof), "terms come from the verifier");
    assert!(!Verifier::new(&KEYS.1, terms).verify(&other, &proof), "a stale root");
}

#[test]
fn what_is_false_is_not_proved() {
    let mut rng = StdRng::from_seed([2; 32]);
    let (mut statement, witness) = sample::example();
    statement.terms.schema += Fr::ONE;
    assert_eq!(prove(&KEYS.0, &statement, &witness, &mut rng), Err(FalseStatement::Schema));
}

#[test]
fn two_proofs_of_one_statement_share_nothing() {
    let mut rng = StdRng::from_seed([3; 32]);
    let (one, other) = (shown(&mut rng, "same").1.to_bytes(), shown(&mut rng, "same").1.to_bytes());
    for window in one.windows(8) {
        assert!(!other.windows(8).any(|bytes| bytes == window));
    }
}

#[test]
fn a_batch_names_the_bad_ones() {
    let mut rng = StdRng::from_seed([4; 32]);
    let mut all: Vec<_> = (0..6).map(|number| shown(&mut rng, &number.to_string())).collect();
    let verifier = Verifier::new(&KEYS.1, all[0].0.terms.clone());
    assert_eq!(verifier.verify_batch(&all, &mut rng), Vec::<usize>::new());
    assert_eq!(verifier.verify_batch(&[], &mut rng), Vec::<usize>::new());
    // Two bad ones whose errors cancel in a sum without weights.
    let delta = all[1].1.c - all[3].1.c;
    all[1].1.c = (all[1].1.c + delta).into_affine();
    all[3].1.c = (all[3].1.c - delta).into_affine();
    assert_eq!(verifier.verify_batch(&all, &mut rng), [1, 3]);
    all[5].0.terms.scope += Fr::ONE;
    assert_eq!(verifier.verify_batch(&all, &mut rng), [1, 3, 5]);
}

#[test]
fn a_proof_has_one_encoding_and_only_proper_points() {
    let mut rng = StdRng::from_seed([5; 32]);
    let (statement, proof) = shown(&mut rng, "bytes");
    let bytes = proof.to_bytes();
    assert_eq!(Proof::from_bytes(&bytes), Ok(proof.clone()));
    let verifier = Verifier::new(&KEYS.1, statement.terms.clone());
    for bit in (0..8 * PROOF_BYTES).step_by(7) {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Proof::from_bytes(&flipped) {
            assert!(!verifier.verify(&statement, &other), "bit {bit}");
        }
    }
    // The identity, and a point of the curve outside the group of prime order.
    let mut identity = bytes;
    identity[..48].fill(0);
    identity[0] = 0xc0;
    assert_eq!(Proof::from_bytes(&identity), Err(MalformedError::Point));
    let outside = (1u64..).find_map(|x| G1Affine::get_point_from_x_unchecked(x.into(), false)).unwrap();
    assert!(outside.is_on_curve() && !outside.is_in_correct_subgroup_assuming_on_curve());
    let mut wrong = bytes;
    outside.serialize_compressed(&mut wrong[..48]).unwrap();
    assert_eq!(Proof::from_bytes(&wrong), Err(MalformedError::Point));
    let mut wrong = bytes;
    outside.serialize_compressed(&mut wrong[144..]).unwrap();
    assert_eq!(Proof::from_bytes(&wrong), Err(MalformedError::Point));
    let outside = (1u64..).find_map(|x| G2Affine::get_point_from_x_unchecked(x.into(), false)).unwrap();
    assert!(outside.is_on_curve() && !outside.is_in_correct_subgroup_assuming_on_curve());
    let mut wrong = bytes;
    outside.serialize_compressed(&mut wrong[48..144]).unwrap();
    assert_eq!(Proof::from_bytes(&wrong), Err(MalformedError::Point));
    for (place, length) in [(48, 96), (144, 48)] {
        let mut identity = bytes;
        identity[place..place + length].fill(0);
        identity[place] = 0xc0;
        assert_eq!(Proof::from_bytes(&identity), Err(MalformedError::Point));
    }
}

#[test]
fn a_proof_rerandomised_is_for_the_same_context_still() {
    let mut rng = StdRng::from_seed([6; 32]);
    let (statement, proof) = shown(&mut rng, "malleable");
    let original = ark_groth16::Proof { a: proof.a, b: proof.b, c: proof.c };
    let other = Groth16::<Bls12_381>::rerandomize_proof(&KEYS.0.groth16().vk, &original, &mut rng);
    let other = Proof { a: other.a, b: other.b, c: other.c };
    let verifier = Verifier::new(&KEYS.1, statement.terms.clone());
    assert_ne!(other, proof);
    assert!(verifier.verify(&statement, &other), "Groth16 is malleable in this way");
    let elsewhere = Statement { context: Element::digest("test", b"elsewhere"), ..statement };
    assert!(!verifier.verify(&elsewhere, &other), "and in no other: the context is what counts");
}

fn read(bytes: &[u8], accepted: Setup) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::<PolicyCircuit>::from_bytes(bytes, accepted)
}

#[test]
fn a_verifying_key_reads_back_in_one_encoding() {
    let bytes = KEYS.1.to_bytes();
    let development = Setup::InsecureDevelopment;
    assert_eq!(read(&bytes, development).as_ref(), Ok(&KEYS.1));
    assert_eq!(KEYS.1.setup(), development);
    for cut in [0, 1, 2, 100, bytes.len() - 1] {
        assert_eq!(read(&bytes[..cut], development), Err(KeyError::Malformed));
    }
    let with = |place: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = value;
        read(&bytes, development)
    };
    assert_eq!(with(0, 2), Err(KeyError::Malformed));
    assert_eq!(with(1, 2), Err(KeyError::Malformed), "of another circuit");
    assert_eq!(read(&[bytes.as_slice(), &[0]].concat(), development), Err(KeyError::Malformed));
    // An identity, in either group, at the first and the last place.
    for (place, length) in [(2, 48), (50, 96), (146, 96), (242, 96), (346, 48), (bytes.len() - 48, 48)] {
        let mut bytes = bytes.clone();
        bytes[place..place + length].fill(0);
        bytes[place] = 0xc0;
        assert_eq!(read(&bytes, development), Err(KeyError::Malformed), "{place}");
    }
}

#[test]
fn a_development_key_is_no_key_of_a_ceremony_whatever_it_says() {
    let mut bytes = KEYS.1.to_bytes();
    assert_eq!(read(&bytes, Setup::Ceremony), Err(KeyError::Development));
    bytes[0] = 1;
    assert_eq!(read(&bytes, Setup::Ceremony), Err(KeyError::Development), "known by its α");
    assert_eq!(read(&bytes, Setup::InsecureDevelopment), Err(KeyError::Development));
}

#[test]
fn a_proving_key_is_read_by_its_digest() {
    let mut rng = StdRng::from_seed([8; 32]);
    let mut bytes = KEYS.0.to_bytes();
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let key = ProvingKey::<PolicyCircuit>::from_bytes(&bytes, &digest, Setup::InsecureDevelopment).unwrap();
    let (statement, witness) = sample::example();
    let proof = prove(&key, &statement, &witness, &mut rng).unwrap();
    assert!(Verifier::new(&KEYS.1, statement.terms.clone()).verify(&statement, &proof));
    let refused = |bytes: &[u8], digest: &[u8; 32], accepted| {
        ProvingKey::<PolicyCircuit>::from_bytes(bytes, digest, accepted).map(drop).unwrap_err()
    };
    assert_eq!(refused(&bytes, &digest, Setup::Ceremony), KeyError::Development);
    bytes[1_000] ^= 1;
    assert_eq!(refused(&bytes, &digest, Setup::InsecureDevelopment), KeyError::Digest);
    // Vouched for, but for a circuit with one variable less, and so without the one that blinds; or with it, and not blinding.
    let mut shorter = key.groth16().clone();
    let _last = (shorter.a_query.pop(), shorter.b_g2_query.pop(), shorter.l_query.pop());
    let mut bare = key.groth16().clone();
    *bare.a_query.last_mut().unwrap() = G1Affine::identity();
    for other in [shorter, bare] {
        let mut bytes = vec![0, 1];
        other.serialize_uncompressed(&mut bytes).unwrap();
        let digest = Sha256::digest(&bytes).into();
        assert_eq!(refused(&bytes, &digest, Setup::InsecureDevelopment), KeyError::OtherCircuit);
    }
}

/// The shape of the circuit is the same for every statement: the keys are made from one.
#[test]
fn other_statements_are_proved_with_the_same_keys() {
    let mut rng = StdRng::from_seed([9; 32]);
    for (statement, witness) in crate::circuit::tests::others() {
        let proof = prove(&KEYS.0, &statement, &witness, &mut rng).unwrap();
        assert!(Verifier::new(&KEYS.1, statement.terms.clone()).verify(&statement, &proof));
    }
}

#[test]
fn a_proof_under_another_key_is_refused() {
    let mut rng = StdRng::from_seed([7; 32]);
    let (statement, proof) = shown(&mut rng, "key");
    let mut key = KEYS.0.groth16().vk.clone();
    key.delta_g2 = (key.delta_g2 + key.delta_g2).into_affine();
    let mut bytes = vec![0, 1];
    key.serialize_compressed(&mut bytes).unwrap();
    let other = read(&bytes, Setup::InsecureDevelopment).unwrap();
    assert!(!Verifier::new(&other, statement.terms.clone()).verify(&statement, &proof));
}
