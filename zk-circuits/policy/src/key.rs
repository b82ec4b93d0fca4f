//! The circuits' keys.
//!
//! Groth16 needs a setup whose secret must be forgotten. [`Setup::InsecureDevelopment`] makes keys from a public seed, so
//! everybody knows that secret and can prove anything: its keys say so in their first byte, and whoever reads a key says
//! which kinds it accepts. A key from that seed that says otherwise is known by its `α`. A ceremony makes the others.

mod ceremony;

use std::marker::PhantomData;

use ark_bls12_381::{Bls12_381, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::AdditiveGroup as _;
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, Matrix, OptimizationGoal,
    R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode,
};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest as _, Sha256};

use crate::backend::{Prepared, Target, prepare, product};
use crate::circuit::{Blinded, Circuit};
use crate::possession;
use crate::prover::Sums;
use crate::sample;

pub use ceremony::Matrices;

/// A circuit that keys are made for: [`PolicyCircuit`] or [`HolderCircuit`].
pub trait Relation: sealed::Relation {}

/// The circuit of [`crate::Statement`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PolicyCircuit {}

/// The circuit of [`crate::prove_possession`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HolderCircuit {}

impl Relation for PolicyCircuit {}
impl Relation for HolderCircuit {}

mod sealed {
    use super::{ConstraintSystemRef, Fr, SynthesisError};

    pub trait Relation: Sync + 'static {
        /// Tells the keys of two circuits apart.
        const TAG: u8;
        /// Public inputs.
        const INPUTS: usize;
        /// Synthesises some true statement: for setting up, where only the shape counts.
        fn example(wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError>;
    }
}

impl sealed::Relation for PolicyCircuit {
    const TAG: u8 = 1;
    const INPUTS: usize = 131;

    fn example(wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let (statement, witness) = sample::example();
        let circuit = Circuit { statement: &statement, witness: &witness };
        Blinded { circuit, blinding: Fr::ZERO }.generate_constraints(wires)
    }
}

impl sealed::Relation for HolderCircuit {
    const TAG: u8 = 2;
    const INPUTS: usize = 2;

    fn example(wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        Blinded { circuit: possession::example(), blinding: Fr::ZERO }.generate_constraints(wires)
    }
}

struct Example<R>(PhantomData<R>);

impl<R: Relation> ConstraintSynthesizer<Fr> for Example<R> {
    fn generate_constraints(self, wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        R::example(wires)
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// From a public seed: whoever reads this can prove anything.
    InsecureDevelopment = 0,
    /// From a ceremony with many contributors, of whom one honest one suffices.
    Ceremony = 1,
}

impl Setup {
    /// What the first byte says, if whoever accepts `accepted` accepts that: development accepts both.
    fn from_byte(byte: u8, accepted: Self) -> Result<Self, KeyError> {
        match (byte, accepted) {
            (0, Self::InsecureDevelopment) => Ok(Self::InsecureDevelopment),
            (0, Self::Ceremony) => Err(KeyError::Development),
            (1, _) => Ok(Self::Ceremony),
            _ => Err(KeyError::Malformed),
        }
    }
}

/// Why a key is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key of this circuit in its one encoding.
    #[error(
        "a key of a circuit has its points of prime order, each in its one encoding, and none the identity"
    )]
    Malformed,
    /// From the public seed, where that is not accepted.
    #[error("a key made for development proves nothing: production takes keys of a ceremony only")]
    Development,
    /// For another circuit.
    #[error("a key has a point for each variable and row of its circuit; this one is of another circuit")]
    OtherCircuit,
    /// Not the bytes that were vouched for.
    #[error("a proving key is the one whose digest was vouched for")]
    Digest,
}

/// `α` of every development key, compressed.
const DEVELOPMENT_ALPHA: [u8; 48] = [
    0xa0, 0x18, 0x9d, 0xaf, 0x09, 0x7d, 0x23, 0x4d, 0x1c, 0xbd, 0xca, 0x47, 0x5f, 0x4a, 0xb5, 0x1f, 0x3b,
    0x6a, 0x9e, 0x04, 0xc0, 0x20, 0xd4, 0x21, 0x19, 0xb4, 0x70, 0x7b, 0x45, 0x41, 0x54, 0x8b, 0xd0, 0xba,
    0x4c, 0x4f, 0x14, 0xa8, 0x66, 0x5a, 0x7c, 0x3d, 0x3d, 0xcf, 0x47, 0x8d, 0x34, 0xbb,
];

/// Whether a key that says that it is of a ceremony is made from the public seed.
fn is_relabelled(setup: Setup, key: &ark_groth16::VerifyingKey<Bls12_381>) -> bool {
    let mut alpha = [0; 48];
    let written = key.alpha_g1.serialize_compressed(alpha.as_mut_slice());
    setup == Setup::Ceremony && written.is_ok() && alpha == DEVELOPMENT_ALPHA
}

/// Whether a key has a point for each variable and row of its circuit.
fn is_shaped<R: Relation>(key: &ark_groth16::ProvingKey<Bls12_381>) -> bool {
    let Size { constraints, inputs, witnesses } = Size::of::<R>();
    let (inputs, rows) = (inputs + 1, (constraints + inputs + 1).next_power_of_two());
    let variables = inputs + witnesses;
    inputs == R::INPUTS + 1
        && key.vk.gamma_abc_g1.len() == inputs
        && [key.a_query.len(), key.b_g2_query.len()] == [variables; 2]
        && key.h_query.len() == rows - 1
        && key.l_query.len() == witnesses
        && blinds(key)
}

/// Whether the blinding variable, the last one, moves a proof's `A`: with an identity in its place nothing would hide `A`.
fn blinds(key: &ark_groth16::ProvingKey<Bls12_381>) -> bool {
    key.a_query.last().is_some_and(|point| !point.is_zero())
}

/// What a prover needs.
pub struct ProvingKey<R: Relation = PolicyCircuit> {
    setup: Setup,
    groth16: ark_groth16::ProvingKey<Bls12_381>,
    sums: Sums,
    shape: Shape,
    circuit: PhantomData<R>,
}

/// A circuit's matrices, the same for every statement.
struct Shape {
    matrices: Vec<Matrix<Fr>>,
    constraints: usize,
}

/// What a verifier needs.
#[derive(Clone, PartialEq)]
pub struct VerifyingKey<R: Relation = PolicyCircuit> {
    setup: Setup,
    groth16: ark_groth16::VerifyingKey<Bls12_381>,
    /// `e(α, β)`.
    alpha_beta: Target,
    minus_gamma: Prepared,
    minus_delta: Prepared,
    circuit: PhantomData<R>,
}

/// How large a circuit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Constraints.
    pub constraints: usize,
    /// Public inputs.
    pub inputs: usize,
    /// Private variables.
    pub witnesses: usize,
}

fn split<R: Relation>(bytes: &[u8], accepted: Setup) -> Result<(Setup, &[u8]), KeyError> {
    match bytes {
        [setup, tag, rest @ ..] if *tag == R::TAG => Ok((Setup::from_byte(*setup, accepted)?, rest)),
        _ => Err(KeyError::Malformed),
    }
}

fn synthesise<R: Relation>() -> ConstraintSystemRef<Fr> {
    let wires = ConstraintSystem::new_ref();
    wires.set_optimization_goal(OptimizationGoal::Constraints);
    wires.set_mode(SynthesisMode::Setup);
    R::example(wires.clone()).expect("synthesises because setting up asks for no values");
    wires.finalize();
    wires
}

impl Size {
    /// The size of a circuit.
    pub fn of<R: Relation>() -> Self {
        let wires = synthesise::<R>();
        Self {
            constraints: wires.num_constraints(),
            inputs: wires.num_instance_variables() - 1,
            witnesses: wires.num_witness_variables(),
        }
    }
}

impl Shape {
    fn of<R: Relation>() -> Self {
        let wires = synthesise::<R>();
        let mut all = wires.to_matrices().expect("there because the system is finalised");
        let matrices =
            all.remove(R1CS_PREDICATE_LABEL).expect("there because the circuit has R1CS constraints");
        Self { matrices, constraints: wires.num_constraints() }
    }
}

impl<R: Relation> ProvingKey<R> {
    /// Keys from a public seed.
    pub fn insecure_development() -> Self {
        let mut rng = ChaCha20Rng::from_seed(*b"causeway insecure development 01");
        let made = Groth16::<Bls12_381>::generate_random_parameters_with_reduction(
            Example::<R>(PhantomData),
            &mut rng,
        );
        Self::new(Setup::InsecureDevelopment, made.expect("made because the circuit synthesises"))
    }

    fn new(setup: Setup, mut groth16: ark_groth16::ProvingKey<Bls12_381>) -> Self {
        // What `r` would multiply in a proof, see [`crate::proof`].
        groth16.b_g1_query = Vec::new();
        let sums = Sums::new(&groth16);
        Self { setup, groth16, sums, shape: Shape::of::<R>(), circuit: PhantomData }
    }

    /// Reads the bytes of [`ProvingKey::to_bytes`] whose SHA-256 is `digest`. The points are not checked one by one, which
    /// takes long: whoever vouches for the digest did. With a key that somebody made up, a proof could tell what it hides.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8], digest: &[u8; 32], accepted: Setup) -> Result<Self, KeyError> {
        if Sha256::digest(bytes).as_slice() != digest {
            return Err(KeyError::Digest);
        }
        let (setup, rest) = split::<R>(bytes, accepted)?;
        let key = ark_groth16::ProvingKey::<Bls12_381>::deserialize_uncompressed_unchecked(rest);
        let key = key.map_err(|_| KeyError::Malformed)?;
        if !is_shaped::<R>(&key) {
            return Err(KeyError::OtherCircuit);
        }
        if is_relabelled(setup, &key.vk) { Err(KeyError::Development) } else { Ok(Self::new(setup, key)) }
    }

    /// Where the key comes from, its circuit, then its points, uncompressed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.setup as u8, R::TAG];
        self.groth16.serialize_uncompressed(&mut bytes).expect("written because a Vec grows");
        bytes
    }

    /// The verifier's half.
    pub fn verifying_key(&self) -> VerifyingKey<R> {
        VerifyingKey::new(self.setup, self.groth16.vk.clone())
    }

    /// Where the key comes from.
    pub fn setup(&self) -> Setup {
        self.setup
    }

    #[cfg(test)]
    pub(crate) fn groth16(&self) -> &ark_groth16::ProvingKey<Bls12_381> {
        &self.groth16
    }

    pub(crate) fn sums(&self) -> &Sums {
        &self.sums
    }

    pub(crate) fn matrices(&self) -> &[Matrix<Fr>] {
        &self.shape.matrices
    }

    pub(crate) fn constraints(&self) -> usize {
        self.shape.constraints
    }
}

impl<R: Relation> VerifyingKey<R> {
    fn new(setup: Setup, groth16: ark_groth16::VerifyingKey<Bls12_381>) -> Self {
        Self {
            setup,
            alpha_beta: product(&[(groth16.alpha_g1, &prepare(&groth16.beta_g2))]),
            minus_gamma: prepare(&-groth16.gamma_g2),
            minus_delta: prepare(&-groth16.delta_g2),
            groth16,
            circuit: PhantomData,
        }
    }

    /// Reads the bytes of [`VerifyingKey::to_bytes`]: every point in its one encoding and of prime order.
    ///
    /// An identity among the points would leave something unbound: as `ICᵢ`, public input `i`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8], accepted: Setup) -> Result<Self, KeyError> {
        let (setup, rest) = split::<R>(bytes, accepted)?;
        // One point for the constant 1 and one for each input: the length is known before anything is read.
        let points = R::INPUTS + 1;
        if rest.len() != 48 + 3 * 96 + 8 + 48 * points {
            return Err(KeyError::Malformed);
        }
        let key = ark_groth16::VerifyingKey::<Bls12_381>::deserialize_compressed(rest);
        let key = key.map_err(|_| KeyError::Malformed)?;
        let second = [&key.beta_g2, &key.gamma_g2, &key.delta_g2];
        let identity = key.alpha_g1.is_zero()
            || second.into_iter().any(AffineRepr::is_zero)
            || key.gamma_abc_g1.iter().any(AffineRepr::is_zero);
        if identity || key.gamma_abc_g1.len() != points {
            return Err(KeyError::Malformed);
        }
        if is_relabelled(setup, &key) {
            return Err(KeyError::Development);
        }
        let key = Self::new(setup, key);
        if key.to_bytes() == bytes { Ok(key) } else { Err(KeyError::Malformed) }
    }

    /// Where the key comes from, its circuit, then its points, compressed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.setup as u8, R::TAG];
        self.groth16.serialize_compressed(&mut bytes).expect("written because a Vec grows");
        bytes
    }

    /// Where the key comes from: production accepts [`Setup::Ceremony`] alone.
    pub fn setup(&self) -> Setup {
        self.setup
    }

    pub(crate) fn inputs(&self) -> &[G1Affine] {
        &self.groth16.gamma_abc_g1
    }

    pub(crate) fn alpha(&self) -> &G1Affine {
        &self.groth16.alpha_g1
    }

    pub(crate) fn beta(&self) -> Prepared {
        prepare(&self.groth16.beta_g2)
    }

    pub(crate) fn alpha_beta(&self) -> &Target {
        &self.alpha_beta
    }

    pub(crate) fn minus_gamma(&self) -> &Prepared {
        &self.minus_gamma
    }

    pub(crate) fn minus_delta(&self) -> &Prepared {
        &self.minus_delta
    }
}

impl<R: Relation> std::fmt::Debug for VerifyingKey<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({:?}, …)", self.setup)
    }
}
