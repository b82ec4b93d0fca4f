use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::UniformRand as _;
use ark_groth16::{Groth16, ProvingKey};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::{Cubic, NAMES, Shape, Stage, name, phase1, quiet, rng, shifted, verify1};
use crate::factors::Factors;
use crate::{CeremonyError, FinalKey, FinishedCeremony, Phase, Phase1, Phase2, Step, transcripts_hash};

fn minimum(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn finished(stage: &Stage) -> FinishedCeremony {
    stage.verify(&stage.phase2).unwrap().finalize(minimum(1)).unwrap()
}

/// The key is, point by point, what arkworks' own setup makes from the same secrets.
#[test]
fn the_key_is_that_of_the_generator() {
    let cubic = Cubic::new(5);
    let shape = Shape::of(cubic);
    let circuit = shape.circuit();
    // The generator draws tau from its rng, first thing.
    let seeded = || ChaCha20Rng::seed_from_u64(99);
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << circuit.k()).unwrap();
    let tau = domain.sample_element_outside_domain(&mut seeded());
    let rng = &mut rng();
    let [alpha, beta, delta] = [(); 3].map(|()| Fr::rand(rng));

    let phase1 = verify1(&Phase1::new(circuit.k()).unwrap()).unwrap();
    let factors = Factors::chosen(&[tau, alpha, beta]);
    let phase1 =
        verify1(&phase1.contribute_factors(name("Chile"), &factors, rng, &mut quiet()).unwrap()).unwrap();
    let verify = |file: Phase2| file.verify(&phase1, &circuit, &mut seeded(), &mut quiet()).unwrap();
    let phase2 = verify(Phase2::new(&phase1, &circuit, &mut quiet()).unwrap());
    let factors = Factors::chosen(&[delta]);
    let phase2 = verify(phase2.contribute_factors(name("Chile"), &factors, rng, &mut quiet()).unwrap());
    let ours = phase2.finalize(minimum(1)).unwrap().key().clone().into_proving_key();

    let theirs = Groth16::<Bls12_381>::generate_parameters_with_qap(
        cubic,
        alpha,
        beta,
        Fr::from(1),
        delta,
        G1Affine::generator().into(),
        G2Affine::generator().into(),
        &mut seeded(),
    );
    assert!(ours == theirs.unwrap());
}

#[test]
fn too_few_contributors() {
    let (full, half) = (Stage::new(&NAMES), Stage::new(&NAMES[..2]));
    let end = |stage: &Stage, count| stage.verify(&stage.phase2).unwrap().finalize(minimum(count));
    assert!(end(&full, 3).is_ok() && end(&half, 2).is_ok());
    let expected = CeremonyError::TooFewContributors { phase: Phase::Two, needed: 3, got: 2 };
    assert_eq!(end(&half, 3).unwrap_err(), expected);
    let expected = CeremonyError::TooFewContributors { phase: Phase::One, needed: 4, got: 3 };
    assert_eq!(end(&full, 4).unwrap_err(), expected);
    let expected = CeremonyError::TooFewContributors { phase: Phase::Two, needed: 1, got: 0 };
    assert_eq!(end(&Stage::new(&[]), 1).unwrap_err(), expected);
}

#[test]
fn final_key_altered() {
    let finished = finished(&Stage::new(&NAMES));
    finished.verify_key(finished.key()).unwrap();
    let cheats: [fn(&mut ProvingKey<Bls12_381>); 13] = [
        |key| key.vk.alpha_g1 = shifted(key.vk.alpha_g1),
        |key| key.vk.beta_g2 = shifted(key.vk.beta_g2),
        |key| key.vk.gamma_g2 = shifted(key.vk.gamma_g2),
        |key| key.vk.delta_g2 = shifted(key.vk.delta_g2),
        |key| key.vk.gamma_abc_g1[1] = shifted(key.vk.gamma_abc_g1[1]),
        |key| key.beta_g1 = shifted(key.beta_g1),
        |key| key.delta_g1 = shifted(key.delta_g1),
        |key| key.a_query[1] = shifted(key.a_query[1]),
        |key| key.b_g1_query[1] = shifted(key.b_g1_query[1]),
        |key| key.b_g2_query[1] = shifted(key.b_g2_query[1]),
        |key| key.h_query[1] = shifted(key.h_query[1]),
        |key| key.l_query[1] = shifted(key.l_query[1]),
        |key| key.l_query.truncate(1),
    ];
    for cheat in cheats {
        let altered = finished.key().altered(cheat);
        assert_eq!(finished.verify_key(&altered).unwrap_err(), CeremonyError::OtherKey);
    }
    // The same points under another transcript.
    let mut bytes = finished.key().to_bytes();
    bytes[16 + 9] ^= 1;
    let renamed = FinalKey::from_bytes(&bytes, &mut quiet()).unwrap();
    assert_eq!(finished.verify_key(&renamed).unwrap_err(), CeremonyError::OtherKey);
}

#[test]
fn the_transcript_names_everything() {
    let whole = finished(&Stage::new(&NAMES));
    assert_eq!(whole.transcript_hash(), finished(&Stage::new(&NAMES)).transcript_hash());
    assert_eq!(whole.transcript_hash(), whole.key().transcript_hash());
    let [one, two] = whole.contributors();
    assert!(one.iter().chain(two).map(|name| name.as_str()).eq(NAMES.into_iter().chain(NAMES)));
    let fewer = finished(&Stage::new(&NAMES[..2]));
    let renamed = finished(&Stage::new(&["Chile", "Estonia", "Mallory"]));
    assert_ne!(whole.transcript_hash(), fewer.transcript_hash());
    // Another name, with the same factors and so the same key.
    assert!(whole.key().proving_key() == renamed.key().proving_key());
    assert_ne!(whole.transcript_hash(), renamed.transcript_hash());
}

#[test]
fn the_hash_of_transcripts_names_each_of_them_in_its_order() {
    let (one, two) = (finished(&Stage::new(&NAMES)), finished(&Stage::new(&NAMES[..2])));
    let all = [vec![&one, &two], vec![&two, &one], vec![&one], vec![&two], vec![&one, &one]];
    let hashes: BTreeSet<_> = all.iter().map(|finished| transcripts_hash(finished.iter().copied())).collect();
    assert_eq!(hashes.len(), all.len());
}

#[test]
fn contributors_find_the_hashes_again_that_they_published() {
    let (fewer, all) = (Stage::new(&NAMES[..2]).phase2, Stage::new(&NAMES).phase2);
    let hashes: Vec<_> = all.hashes().collect();
    assert_eq!((hashes.len(), hashes[1], hashes[2]), (3, fewer.hash(), all.hash()));
    let (start, fewer, all) = (phase1(3, &[]), phase1(3, &NAMES[..2]), phase1(3, &NAMES));
    let hashes: Vec<_> = all.hashes().collect();
    assert_eq!((hashes.len(), hashes[1], hashes[2]), (3, fewer.hash(), all.hash()));
    assert_eq!(start.hashes().count(), 0);
}

#[test]
fn progress_is_told() {
    let mut told: Vec<(Step, usize, usize)> = Vec::new();
    let mut listen = |step, done, total| told.push((step, done, total));
    let bytes = phase1(3, &NAMES[..1]).to_bytes();
    let shape = Shape::of(Cubic::new(5));
    let file = Phase1::from_bytes(&bytes, &mut listen).unwrap();
    let verified = file.verify(&mut rng(), &mut listen).unwrap();
    verified.contribute(name("Ghana"), &mut rng(), &mut listen).unwrap();
    Phase2::new(&verified, &shape.circuit(), &mut listen).unwrap();
    assert!(told.iter().all(|(_, done, total)| done <= total));
    for step in [Step::Read, Step::Chain, Step::Check, Step::Multiply, Step::Lagrange, Step::Combine] {
        assert!(told.iter().any(|(told, done, total)| *told == step && done == total), "{step:?}");
    }
}
