//! A whole ceremony, through files, by hands that know only what is public; then a proof under its key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::num::NonZeroUsize;

use ark_bls12_381::{Bls12_381, Fr};
use ark_ff::UniformRand as _;
use ark_groth16::{Groth16, ProvingKey, prepare_verifying_key};
use ark_relations::gr1cs::{
    ConstraintSystem, ConstraintSystemRef, LinearCombination, Matrix, OptimizationGoal, R1CS_PREDICATE_LABEL,
    SynthesisMode, Variable,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use zk_ceremony::{Circuit, FinalKey, FinishedCeremony, Name, Phase1, Phase2, Step};

type Rng = ChaCha20Rng;

/// `x³ + x + 5 = y`, with `y` public.
fn synthesise(x: u64) -> ConstraintSystemRef<Fr> {
    let wires = ConstraintSystem::new_ref();
    wires.set_optimization_goal(OptimizationGoal::Constraints);
    wires.set_mode(SynthesisMode::Prove { construct_matrices: true, generate_lc_assignments: false });
    let (x, one) = (Fr::from(x), Fr::from(1));
    let y = wires.new_input_variable(|| Ok(x * x * x + x + Fr::from(5))).unwrap();
    let square = wires.new_witness_variable(|| Ok(x * x)).unwrap();
    let cube = wires.new_witness_variable(|| Ok(x * x * x)).unwrap();
    let x = wires.new_witness_variable(|| Ok(x)).unwrap();
    let single = |variable| LinearCombination(vec![(one, variable)]);
    wires.enforce_r1cs_constraint(|| single(x), || single(x), || single(square)).unwrap();
    wires.enforce_r1cs_constraint(|| single(square), || single(x), || single(cube)).unwrap();
    let left = || LinearCombination(vec![(one, cube), (one, x), (Fr::from(5), Variable::One)]);
    wires.enforce_r1cs_constraint(left, || single(Variable::One), || single(y)).unwrap();
    wires.finalize();
    wires
}

fn quiet() -> impl FnMut(Step, usize, usize) {
    |_, _, _| {}
}

fn hold(circuit: &Circuit<'_>, names: [&[&str]; 2], rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let quiet = &mut quiet();
    let mut file1 = Phase1::new(circuit.k()).unwrap().to_bytes();
    for name in names[0] {
        let verified = Phase1::from_bytes(&file1, quiet).unwrap().verify(rng, quiet).unwrap();
        file1 = verified.contribute(Name::new(name).unwrap(), rng, quiet).unwrap().to_bytes();
    }
    let phase1 = Phase1::from_bytes(&file1, quiet).unwrap().verify(rng, quiet).unwrap();
    let mut file2 = Phase2::new(&phase1, circuit, quiet).unwrap().to_bytes();
    for name in names[1] {
        let file = Phase2::from_bytes(&file2, quiet).unwrap();
        let verified = file.verify(&phase1, circuit, rng, quiet).unwrap();
        file2 = verified.contribute(Name::new(name).unwrap(), rng, quiet).unwrap().to_bytes();
    }
    (file1, file2)
}

/// What a stranger does who has the circuit and the last file of each phase.
fn recheck(circuit: &Circuit<'_>, (file1, file2): &(Vec<u8>, Vec<u8>), rng: &mut Rng) -> FinishedCeremony {
    let quiet = &mut quiet();
    let phase1 = Phase1::from_bytes(file1, quiet).unwrap().verify(rng, quiet).unwrap();
    let phase2 = Phase2::from_bytes(file2, quiet).unwrap();
    let phase2 = phase2.verify(&phase1, circuit, rng, quiet).unwrap();
    phase2.finalize(NonZeroUsize::new(3).unwrap()).unwrap()
}

fn matrices(wires: &ConstraintSystemRef<Fr>) -> Vec<Matrix<Fr>> {
    wires.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap()
}

#[test]
fn three_contributors_make_a_key_that_proves() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let wires = synthesise(3);
    let matrices = matrices(&wires);
    let (inputs, constraints) = (wires.num_instance_variables(), wires.num_constraints());
    let circuit = Circuit::new(&matrices, inputs, constraints, wires.num_witness_variables()).unwrap();
    let prove = |key: &ProvingKey<Bls12_381>, wires: &ConstraintSystemRef<Fr>, rng: &mut Rng| {
        let assignment = [wires.instance_assignment().unwrap(), wires.witness_assignment().unwrap()].concat();
        let (r, s) = (Fr::rand(rng), Fr::rand(rng));
        Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
            key,
            r,
            s,
            &matrices,
            inputs,
            constraints,
            &assignment,
        )
        .unwrap()
    };

    let names: [&[&str]; 2] = [&["Chile", "Estonia", "Ghana"], &["Ghana", "Japan", "Chile"]];
    let files = hold(&circuit, names, rng);
    let finished = recheck(&circuit, &files, rng);
    let again = recheck(&circuit, &files, &mut ChaCha20Rng::seed_from_u64(2));
    assert_eq!(finished.transcript_hash(), again.transcript_hash());

    let key = FinalKey::from_bytes(&finished.key().to_bytes(), &mut quiet()).unwrap();
    again.verify_key(&key).unwrap();
    let key = key.proving_key();
    let verifying = prepare_verifying_key(&key.vk);
    for x in [3, 4] {
        let wires = synthesise(x);
        let proof = prove(key, &wires, rng);
        let shows = |y: u64| Groth16::<Bls12_381>::verify_proof(&verifying, &proof, &[Fr::from(y)]).unwrap();
        assert!(shows(x * x * x + x + 5));
        assert!(!shows(x * x * x + x + 6));
    }

    // Proofs under the key of another ceremony do not hold.
    let other = recheck(&circuit, &hold(&circuit, names, rng), rng);
    assert_ne!(finished.transcript_hash(), other.transcript_hash());
    let proof = prove(other.key().proving_key(), &wires, rng);
    assert!(!Groth16::<Bls12_381>::verify_proof(&verifying, &proof, &[Fr::from(35)]).unwrap());
}
