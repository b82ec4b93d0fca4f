use ark_ff::{AdditiveGroup as _, UniformRand as _};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSynthesizer as _, ConstraintSystem, OptimizationGoal};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::circuit::Circuit;
use crate::key::PolicyCircuit;
use crate::sample;

#[test]
fn a_proof_is_bit_for_bit_what_ark_groth16_makes() {
    let mut rng = StdRng::from_seed([1; 32]);
    let key = ProvingKey::<PolicyCircuit>::insecure_development();
    let (statement, witness) = sample::example();
    let system = ConstraintSystem::new_ref();
    system.set_optimization_goal(OptimizationGoal::Constraints);
    Circuit { statement: &statement, witness: &witness }.generate_constraints(system.clone()).unwrap();
    let system = system.into_inner().unwrap();
    let wires = [system.instance_assignment().unwrap(), system.witness_assignment().unwrap()].concat();
    let inputs = system.num_instance_variables();
    let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    for blinding in [[r, s], [Fr::ZERO, s], [r, Fr::ZERO]] {
        let theirs = Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
            key.groth16(),
            blinding[0],
            blinding[1],
            key.matrices(),
            inputs,
            key.constraints(),
            &wires,
        );
        let theirs = theirs.unwrap();
        let ours = prove(&key, &blinding, &wires, inputs).unwrap();
        assert_eq!(ours, Proof { a: theirs.a, b: theirs.b, c: theirs.c });
    }
}
