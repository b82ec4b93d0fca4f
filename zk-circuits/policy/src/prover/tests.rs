use ark_ff::{AdditiveGroup as _, UniformRand as _};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSynthesizer as _, ConstraintSystem, OptimizationGoal};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::circuit::{Blinded, Circuit};
use crate::key::PolicyCircuit;
use crate::sample;

#[test]
fn a_proof_is_bit_for_bit_what_ark_groth16_makes() {
    let mut rng = StdRng::from_seed([1; 32]);
    let key = ProvingKey::<PolicyCircuit>::insecure_development();
    let (statement, witness) = sample::example();
    let system = ConstraintSystem::new_ref();
    system.set_optimization_goal(OptimizationGoal::Constraints);
    let circuit = Circuit { statement: &statement, witness: &witness };
    Blinded { circuit, blinding: Fr::rand(&mut rng) }.generate_constraints(system.clone()).unwrap();
    let system = system.into_inner().unwrap();
    let wires = [system.instance_assignment().unwrap(), system.witness_assignment().unwrap()].concat();
    let inputs = system.num_instance_variables();
    for s in [Fr::ZERO, Fr::rand(&mut rng)] {
        let theirs = Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
            key.groth16(),
            Fr::ZERO,
            s,
            key.matrices(),
            inputs,
            key.constraints(),
            &wires,
        );
        let theirs = theirs.unwrap();
        let ours = prove(&key, &s, &wires, inputs).unwrap();
        assert_eq!(ours, Proof { a: theirs.a, b: theirs.b, c: theirs.c });
    }
}

/// What hides a witness: every point of a proof differs with either of the two random numbers, and none without.
#[test]
fn a_is_blinded_by_the_free_variable_and_b_by_the_response() {
    let mut rng = StdRng::from_seed([2; 32]);
    let key = ProvingKey::<PolicyCircuit>::insecure_development();
    let (statement, witness) = sample::example();
    let prove = |blinding: Fr, s: Fr| {
        let system = ConstraintSystem::new_ref();
        system.set_optimization_goal(OptimizationGoal::Constraints);
        let circuit = Circuit { statement: &statement, witness: &witness };
        Blinded { circuit, blinding }.generate_constraints(system.clone()).unwrap();
        assert_eq!(system.is_satisfied(), Ok(true), "whatever the blinding is");
        let system = system.into_inner().unwrap();
        let wires = [system.instance_assignment().unwrap(), system.witness_assignment().unwrap()].concat();
        super::prove(&key, &s, &wires, system.num_instance_variables()).unwrap()
    };
    let (one, other) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let first = prove(one, other);
    assert_eq!(first, prove(one, other));
    let second = prove(other, other);
    assert!(first.a != second.a && first.b == second.b && first.c != second.c);
    let third = prove(one, one);
    assert!(first.a == third.a && first.b != third.b && first.c != third.c);
}
