//! A small ceremony, and what cheats do to it.

mod files;
mod finish;
mod groups;
mod phase1;
mod phase2;

use ark_bls12_381::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup as _};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, LinearCombination, Matrix,
    OptimizationGoal, R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode, Variable,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::chain::{Chain, Contribution, Public};
use crate::factors::Factors;
use crate::{
    CeremonyError, Circuit, Culprit, Name, Phase, Phase1, Phase2, Step, VerifiedPhase1, VerifiedPhase2,
};

const NAMES: [&str; 3] = ["Chile", "Estonia", "Ghana"];

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn quiet() -> impl FnMut(Step, usize, usize) {
    |_, _, _| {}
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn by(phase: Phase, place: usize, text: &str) -> Culprit {
    Culprit { phase, place, name: Some(name(text)) }
}

fn nobody(phase: Phase) -> Culprit {
    Culprit { phase, place: 0, name: None }
}

/// `x³ + x + constant = y` and `-7x·w = z`, for public `y` and `z`. One more private variable is in no row.
#[derive(Clone, Copy)]
struct Cubic {
    x: Fr,
    w: Fr,
    constant: u64,
}

impl Cubic {
    fn new(constant: u64) -> Self {
        Self { x: Fr::from(3), w: Fr::from(11), constant }
    }
}

impl ConstraintSynthesizer<Fr> for Cubic {
    fn generate_constraints(self, wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let Self { x, w, constant } = self;
        let one = Variable::One;
        let constant = Fr::from(constant);
        let y = wires.new_input_variable(|| Ok(x * x * x + x + constant))?;
        let z = wires.new_input_variable(|| Ok(-Fr::from(7) * x * w))?;
        let square = wires.new_witness_variable(|| Ok(x * x))?;
        let cube = wires.new_witness_variable(|| Ok(x * x * x))?;
        let _unused = wires.new_witness_variable(|| Ok(w))?;
        let (w, x) = (wires.new_witness_variable(|| Ok(w))?, wires.new_witness_variable(|| Ok(x))?);
        let sum = |terms: &[(Fr, Variable)]| LinearCombination(terms.to_vec());
        let single = |variable| sum(&[(Fr::from(1), variable)]);
        wires.enforce_r1cs_constraint(|| single(x), || single(x), || single(square))?;
        wires.enforce_r1cs_constraint(|| single(square), || single(x), || single(cube))?;
        let left = || sum(&[(Fr::from(1), cube), (Fr::from(1), x), (constant, one)]);
        wires.enforce_r1cs_constraint(left, || single(one), || single(y))?;
        wires.enforce_r1cs_constraint(|| sum(&[(-Fr::from(7), x)]), || single(w), || single(z))
    }
}

struct Shape {
    matrices: Vec<Matrix<Fr>>,
    inputs: usize,
    constraints: usize,
    witnesses: usize,
}

impl Shape {
    fn of(circuit: Cubic) -> Self {
        let wires = ConstraintSystem::new_ref();
        wires.set_optimization_goal(OptimizationGoal::Constraints);
        wires.set_mode(SynthesisMode::Setup);
        circuit.generate_constraints(wires.clone()).unwrap();
        wires.finalize();
        Self {
            matrices: wires.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap(),
            inputs: wires.num_instance_variables(),
            constraints: wires.num_constraints(),
            witnesses: wires.num_witness_variables(),
        }
    }

    fn circuit(&self) -> Circuit<'_> {
        Circuit::new(&self.matrices, self.inputs, self.constraints, self.witnesses).unwrap()
    }
}

fn verify1(file: &Phase1) -> Result<VerifiedPhase1, CeremonyError> {
    file.clone().verify(&mut rng(), &mut quiet())
}

/// A phase 1 with a contribution for each name.
fn phase1(k: u32, names: &[&str]) -> Phase1 {
    let rng = &mut rng();
    names.iter().fold(Phase1::new(k).unwrap(), |file, text| {
        verify1(&file).unwrap().contribute(name(text), rng, &mut quiet()).unwrap()
    })
}

/// A whole ceremony up to phase 2.
struct Stage {
    shape: Shape,
    phase1: VerifiedPhase1,
    phase2: Phase2,
}

impl Stage {
    fn new(names: &[&str]) -> Self {
        let shape = Shape::of(Cubic::new(5));
        let phase1 = verify1(&phase1(shape.circuit().k(), &NAMES)).unwrap();
        let phase2 = Phase2::new(&phase1, &shape.circuit(), &mut quiet()).unwrap();
        let mut stage = Self { shape, phase1, phase2 };
        let rng = &mut rng();
        for text in names {
            let verified = stage.verify(&stage.phase2).unwrap();
            stage.phase2 = verified.contribute(name(text), rng, &mut quiet()).unwrap();
        }
        stage
    }

    fn verify(&self, file: &Phase2) -> Result<VerifiedPhase2, CeremonyError> {
        file.clone().verify(&self.phase1, &self.shape.circuit(), &mut rng(), &mut quiet())
    }

    fn refused(&self, cheat: impl FnOnce(&mut Phase2)) -> CeremonyError {
        let mut file = self.phase2.clone();
        cheat(&mut file);
        self.verify(&file).unwrap_err()
    }
}

/// Another point of prime order.
fn shifted<P: AffineRepr>(point: P) -> P {
    (point + P::generator()).into_affine()
}

/// A contribution with any values, and a proof that claims `factors` for them.
fn forge(chain: &mut Chain, text: &str, after: Vec<Public>, factors: &[Fr]) {
    let mut contribution = Contribution { name: name(text), after, proof: Vec::new() };
    contribution.prove(&chain.hash(), &chain.last(), factors, &mut rng());
    chain.contributions.push(contribution);
}

fn random_factors(phase: Phase) -> Factors {
    Factors::random(phase, &mut rng())
}

fn times_g1(by: u64) -> G1Affine {
    (G1Affine::generator() * Fr::from(by)).into_affine()
}
