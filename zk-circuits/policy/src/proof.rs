//! Proofs: Groth16 over BLS12-381 (Groth, *On the size of pairing-based non-interactive arguments*, 2016).
//!
//! ```text
//! prove     A, B, C with  e(A, B) = e(α, β)·e(Σ xᵢICᵢ, γ)·e(C, δ)
//! terms     Σ over the inputs that a policy fixes: once for a policy, epoch and scope
//! verify    two scalar multiplications for nullifier and context, three Miller loops, one final exponentiation
//! batch     random 128-bit ρⱼ:  ∏ e(ρⱼAⱼ, Bⱼ) = e(Σ ρⱼ·α, β)·e(Σ ρⱼxᵢⱼICᵢ, γ)·e(Σ ρⱼCⱼ, δ)
//! ```
//! **Hiding.** Groth's prover takes `A = α + Σ zᵢuᵢ + rδ` and `B = β + Σ zᵢvᵢ + sδ` with `r` and `s` at random, and then the
//! equation leaves one `C`. Here `r = 0`, and `z` has a random `ρ` of which the circuit says nothing but `ρ·0 = 0`: its `u_ρ`
//! is a Lagrange polynomial at the setup's secret point, not zero in a key that [`ProvingKey`] reads, and its `v_ρ = 0`. So `A`
//! is uniform by `ρ`, `B` by `s`, independently, and `C` is what the equation says: the distribution is Groth's, and what
//! simulates one simulates the other. Soundness is that of Groth16 for a circuit with one variable more. What it saves is
//! the sum `r·Σ zᵢvᵢ` in the first group, a quarter of `C`.
//!
//! **Batch, why.** Let `dⱼ` be the discrete logarithm of the quotient of both sides of proof `j`. The batch holds iff
//! `Σ ρⱼdⱼ = 0`. If some `dⱼ ≠ 0` that is one value of `ρⱼ` of 2¹²⁸, whatever the others are. All points are of prime
//! order, which decoding checks. A batch that fails is split in halves until the bad proofs are named.

use std::borrow::Cow;

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{AdditiveGroup as _, Field as _, PrimeField as _, UniformRand as _};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem, OptimizationGoal, SynthesisMode};
use ark_serialize::CanonicalSerialize as _;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::MalformedError;
use crate::backend::{BITS, Base, Bases, Curve as _, Miller, Scalar, both, finish, miller, prepare, product};
use crate::circuit::{self, Blinded, Circuit};
use crate::key::{ProvingKey, Relation, VerifyingKey};
use crate::prover;
use crate::statement::{FalseStatement, Statement, Terms, Witness};

/// Bytes of a proof.
pub const PROOF_BYTES: usize = 192;

/// A proof: three points of prime order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    pub(crate) a: G1Affine,
    pub(crate) b: G2Affine,
    pub(crate) c: G1Affine,
}

impl Proof {
    /// Reads the bytes of [`Proof::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Point`] for another encoding, a point off the curve or out of the group of prime order, or
    /// the identity.
    pub fn from_bytes(bytes: &[u8; PROOF_BYTES]) -> Result<Self, MalformedError> {
        let (a, rest) = bytes.split_at(48);
        let (b, c) = rest.split_at(96);
        let points = (G1Affine::decompress(a), G2Affine::decompress(b), G1Affine::decompress(c));
        let (Some(a), Some(b), Some(c)) = points else { return Err(MalformedError::Point) };
        let proof = Self { a, b, c };
        if proof.to_bytes() == *bytes { Ok(proof) } else { Err(MalformedError::Point) }
    }

    /// Compressed points, 48, 96 and 48 bytes.
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut bytes = [0; PROOF_BYTES];
        let (a, rest) = bytes.split_at_mut(48);
        let (b, c) = rest.split_at_mut(96);
        let fits = "fits because compressed points have 48 and 96 bytes";
        self.a.serialize_compressed(a).expect(fits);
        self.b.serialize_compressed(b).expect(fits);
        self.c.serialize_compressed(c).expect(fits);
        bytes
    }
}

/// Proves a statement.
///
/// # Errors
/// [`FalseStatement`] if `witness` does not make it true: a proof is made of what was checked natively, or not at all.
pub fn prove<R: RngCore + CryptoRng>(
    key: &ProvingKey,
    statement: &Statement,
    witness: &Witness,
    rng: &mut R,
) -> Result<Proof, FalseStatement> {
    let blinding = blinding(rng);
    let [free, s] = &*blinding;
    let (checked, assignment) =
        both(|| statement.check(witness), || assign(Circuit { statement, witness }, *free));
    checked?;
    Ok(blinded(key, &assignment, s))
}

/// Proves what a circuit says, which must be true.
pub(crate) fn create<C: Relation, R: RngCore + CryptoRng>(
    key: &ProvingKey<C>,
    circuit: impl ConstraintSynthesizer<Fr>,
    rng: &mut R,
) -> Proof {
    let blinding = blinding(rng);
    let [free, s] = &*blinding;
    blinded(key, &assign(circuit, *free), s)
}

/// `ρ` and `s`: either of these with the proof undoes its hiding.
fn blinding<R: RngCore + CryptoRng>(rng: &mut R) -> Zeroizing<[Fr; 2]> {
    Zeroizing::new([Fr::rand(rng), Fr::rand(rng)])
}

/// The values of a circuit's variables, as many public ones first as it says.
struct Assignment {
    wires: Zeroizing<Vec<Fr>>,
    inputs: usize,
}

fn assign(circuit: impl ConstraintSynthesizer<Fr>, blinding: Fr) -> Assignment {
    let wires = ConstraintSystem::new_ref();
    wires.set_optimization_goal(OptimizationGoal::Constraints);
    wires.set_mode(SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false });
    let circuit = Blinded { circuit, blinding };
    circuit::synthesise(circuit, &wires).expect("synthesises because every value is there");
    let system = wires.into_inner().expect("the only reference because the circuit is gone");
    let assigned = "assigned because the system is in proving mode";
    let wires = Zeroizing::new(
        [system.instance_assignment().expect(assigned), system.witness_assignment().expect(assigned)]
            .concat(),
    );
    Assignment { wires, inputs: system.num_instance_variables() }
}

fn blinded<C: Relation>(key: &ProvingKey<C>, assignment: &Assignment, s: &Fr) -> Proof {
    prover::prove(key, s, &assignment.wires, assignment.inputs)
        .expect("made because the key is of this circuit")
}

/// `IC₀ + Σ xᵢICᵢ` over the inputs that are given, which come first.
fn fixed(points: &[G1Affine], inputs: &[Fr]) -> G1Projective {
    let ones = std::iter::once(&Fr::ONE);
    let scalars: Vec<Scalar> = ones.chain(inputs).map(|input| input.into_bigint()).collect();
    Bases::new(points).sum(&scalars)
}

/// Whether `proof` shows `inputs`.
pub(crate) fn verify<C: Relation>(key: &VerifyingKey<C>, inputs: &[Fr], proof: &Proof) -> bool {
    // Another number of inputs than the circuit has shows nothing.
    key.inputs().len() == inputs.len() + 1 && holds(key, proof, || fixed(key.inputs(), inputs))
}

/// `e(A, B) · e(inputs, −γ) · e(C, −δ) = e(α, β)`. The inputs are summed up while the rest is paired.
fn holds<C: Relation>(key: &VerifyingKey<C>, proof: &Proof, inputs: impl FnOnce() -> G1Projective) -> bool {
    let (proof, inputs) = both(
        || miller(&[(proof.a, &prepare(&proof.b)), (proof.c, key.minus_delta())]),
        || miller(&[(inputs().into_affine(), key.minus_gamma())]),
    );
    finish(proof * inputs) == *key.alpha_beta()
}

/// A verifying key for one set of terms: what every presentation under a policy in one epoch and scope shares.
#[derive(Clone, Debug)]
pub struct Verifier<'a> {
    key: Cow<'a, VerifyingKey>,
    terms: Terms,
    /// `IC₀` and the terms' inputs.
    fixed: G1Projective,
    /// `IC` of nullifier and context.
    own: [Base; 2],
}

impl<'a> Verifier<'a> {
    /// Prepares `terms`.
    pub fn new(key: &'a VerifyingKey, terms: Terms) -> Self {
        let inputs = terms.inputs();
        let (points, own) = key.inputs().split_at(inputs.len() + 1);
        let fixed = fixed(points, &inputs);
        let [nullifier, context] = own else { unreachable!("a verifying key has a point for each input") };
        let own = [nullifier.base(), context.base()];
        Self { key: Cow::Borrowed(key), terms, fixed, own }
    }

    /// What it was prepared for.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The same with a copy of the key, for whoever keeps both.
    pub fn into_owned(self) -> Verifier<'static> {
        let Self { key, terms, fixed, own } = self;
        Verifier { key: Cow::Owned(key.into_owned()), terms, fixed, own }
    }

    /// What nullifier and context add to `fixed`.
    fn own(&self, nullifier: Fr, context: Fr) -> G1Projective {
        G1Affine::sum(&self.own, &[nullifier.into_bigint(), context.into_bigint()], BITS)
    }

    /// Whether `proof` shows `statement`. A statement with other terms than these is not shown.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> bool {
        statement.terms == self.terms
            && holds(&self.key, proof, || self.fixed + self.own(statement.nullifier.0, statement.context.0))
    }

    /// The places of the proofs that do not show their statements, ascending. Whoever makes proofs must not foresee `rng`.
    pub fn verify_batch<R: RngCore + CryptoRng>(
        &self,
        shown: &[(Statement, Proof)],
        rng: &mut R,
    ) -> Vec<usize> {
        let mut bad = Vec::new();
        let all: Vec<_> = shown.iter().enumerate().collect();
        let (fitting, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, (statement, _))| statement.terms == self.terms);
        bad.extend(others.into_iter().map(|(place, _)| place));
        self.bisect(&fitting, rng, &mut bad);
        bad.sort_unstable();
        bad
    }

    fn bisect<R: RngCore + CryptoRng>(
        &self,
        shown: &[(usize, &(Statement, Proof))],
        rng: &mut R,
        bad: &mut Vec<usize>,
    ) {
        match shown {
            [] => {}
            [(place, (statement, proof))] => {
                if !self.verify(statement, proof) {
                    bad.push(*place);
                }
            }
            _ if self.hold_together(shown, rng) => {}
            _ => {
                let (left, right) = shown.split_at(shown.len() / 2);
                self.bisect(left, rng, bad);
                self.bisect(right, rng, bad);
            }
        }
    }

    fn hold_together<R: RngCore + CryptoRng>(
        &self,
        shown: &[(usize, &(Statement, Proof))],
        rng: &mut R,
    ) -> bool {
        let mut half = [0u8; 16];
        let weights = shown.iter().map(|_| {
            rng.fill_bytes(&mut half);
            Fr::from(u128::from_le_bytes(half))
        });
        let weights: Vec<Fr> = weights.collect();
        let (mut sum, mut nullifiers, mut contexts) = (Fr::ZERO, Fr::ZERO, Fr::ZERO);
        for ((_, (statement, _)), weight) in shown.iter().zip(&weights) {
            sum += weight;
            nullifiers += *weight * statement.nullifier.0;
            contexts += *weight * statement.context.0;
        }
        let scalars: Vec<Scalar> = weights.iter().map(|weight| weight.into_bigint()).collect();
        let c: Vec<Base> = shown.iter().map(|(_, (_, proof))| proof.c.base()).collect();
        let shared = G1Projective::normalize_batch(&[
            -(*self.key.alpha() * sum),
            self.fixed * sum + self.own(nullifiers, contexts),
            G1Affine::sum(&c, &scalars, 128),
        ]);
        let beta = self.key.beta();
        let others = [&beta, self.key.minus_gamma(), self.key.minus_delta()];
        let (left, right) = shown.split_at(shown.len() / 2);
        let (left_scalars, right_scalars) = scalars.split_at(left.len());
        let (left, right) = both(
            || weighted(left, left_scalars),
            || weighted(right, right_scalars) * miller(&shared.into_iter().zip(others).collect::<Vec<_>>()),
        );
        finish(left * right) == product(&[])
    }
}

/// `∏ e(ρⱼAⱼ, Bⱼ)`.
fn weighted(shown: &[(usize, &(Statement, Proof))], weights: &[Scalar]) -> Miller {
    let first = shown.iter().zip(weights).map(|((_, (_, proof)), weight)| proof.a.mul_bigint(weight));
    let first = G1Projective::normalize_batch(&first.collect::<Vec<_>>());
    let second: Vec<_> = shown.iter().map(|(_, (_, proof))| prepare(&proof.b)).collect();
    miller(&first.into_iter().zip(&second).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
