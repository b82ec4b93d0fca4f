//! Proofs: Groth16 over BLS12-381 (Groth, *On the size of pairing-based non-interactive arguments*, 2016).
//!
//! ```text
//! prove     A, B, C with  e(A, B) = e(α, β)·e(Σ xᵢICᵢ, γ)·e(C, δ)
//! terms     Σ over the inputs that a policy fixes: once for a policy, epoch and scope
//! verify    two scalar multiplications for nullifier and context, three Miller loops, one final exponentiation
//! batch     random 128-bit ρⱼ:  ∏ e(ρⱼAⱼ, Bⱼ) = e(α, β)^Σρⱼ · e(Σ ρⱼxᵢⱼICᵢ, γ)·e(Σ ρⱼCⱼ, δ)
//! ```
//! **Batch, why.** Let `dⱼ` be the discrete logarithm of the quotient of both sides of proof `j`. The batch holds iff
//! `Σ ρⱼdⱼ = 0`. If some `dⱼ ≠ 0` that is one value of `ρⱼ` of 2¹²⁸, whatever the others are. All points are of prime
//! order, which decoding checks. A batch that fails is split in halves until the bad proofs are named.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr as _, CurveGroup as _, VariableBaseMSM as _};
use ark_ff::{AdditiveGroup as _, Field as _, PrimeField as _, UniformRand as _};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem, OptimizationGoal, SynthesisMode};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize as _, Zeroizing};

use crate::MalformedError;
use crate::circuit::{self, Circuit};
use crate::key::{ProvingKey, Relation, VerifyingKey};
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
        let malformed = |_| MalformedError::Point;
        let mut rest = bytes.as_slice();
        let a = G1Affine::deserialize_compressed(&mut rest).map_err(malformed)?;
        let b = G2Affine::deserialize_compressed(&mut rest).map_err(malformed)?;
        let c = G1Affine::deserialize_compressed(&mut rest).map_err(malformed)?;
        let proof = Self { a, b, c };
        let whole = !a.is_zero() && !b.is_zero() && !c.is_zero() && proof.to_bytes() == *bytes;
        if whole { Ok(proof) } else { Err(MalformedError::Point) }
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
    statement.check(witness)?;
    Ok(create(key, Circuit { statement, witness }, rng))
}

/// Proves what a circuit says, which must be true.
pub(crate) fn create<C: Relation, R: RngCore + CryptoRng>(
    key: &ProvingKey<C>,
    circuit: impl ConstraintSynthesizer<Fr>,
    rng: &mut R,
) -> Proof {
    let wires = ConstraintSystem::new_ref();
    wires.set_optimization_goal(OptimizationGoal::Constraints);
    wires.set_mode(SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false });
    circuit::synthesise(circuit, &wires).expect("synthesises because every value is there");
    let system = wires.into_inner().expect("the only reference because the circuit is gone");
    let assigned = "assigned because the system is in proving mode";
    let assignment = Zeroizing::new(
        [system.instance_assignment().expect(assigned), system.witness_assignment().expect(assigned)]
            .concat(),
    );
    // Either of these with the proof undoes its hiding.
    let (mut r, mut s) = (Fr::rand(rng), Fr::rand(rng));
    let proof = Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
        key.groth16(),
        r,
        s,
        key.matrices(),
        system.num_instance_variables(),
        key.constraints(),
        &assignment,
    );
    r.zeroize();
    s.zeroize();
    let proof = proof.expect("made because the key is of this circuit");
    Proof { a: proof.a, b: proof.b, c: proof.c }
}

/// Whether `proof` shows `inputs`.
pub(crate) fn verify<C: Relation>(key: &VerifyingKey<C>, inputs: &[Fr], proof: &Proof) -> bool {
    let Some((one, points)) = key.inputs().split_first() else { return false };
    match G1Projective::msm(points, inputs) {
        Ok(sum) => holds(key, proof, sum + one),
        Err(_) => false, // another number of inputs than the circuit has
    }
}

/// `e(A, B) · e(inputs, −γ) · e(C, −δ) = e(α, β)`.
fn holds<C: Relation>(key: &VerifyingKey<C>, proof: &Proof, inputs: G1Projective) -> bool {
    let left = Bls12_381::multi_miller_loop(
        [proof.a, inputs.into_affine(), proof.c],
        [proof.b.into(), key.minus_gamma(), key.minus_delta()],
    );
    Bls12_381::final_exponentiation(left).is_some_and(|value| value.0 == key.alpha_beta())
}

/// A verifying key for one set of terms: what every presentation under a policy in one epoch and scope shares.
#[derive(Clone, Debug)]
pub struct Verifier<'a> {
    key: &'a VerifyingKey,
    terms: Terms,
    /// `IC₀` and the terms' inputs.
    fixed: G1Projective,
    nullifier: G1Affine,
    context: G1Affine,
}

impl<'a> Verifier<'a> {
    /// Prepares `terms`.
    pub fn new(key: &'a VerifyingKey, terms: Terms) -> Self {
        let inputs = terms.inputs();
        let of_this_circuit = "there because a verifying key has a point for each input";
        let (one, points) = key.inputs().split_first().expect(of_this_circuit);
        let (points, own) = points.split_at(inputs.len());
        let fixed = G1Projective::msm(points, &inputs).expect(of_this_circuit) + one;
        let [nullifier, context] = *own else { unreachable!("{of_this_circuit}") };
        Self { key, terms, fixed, nullifier, context }
    }

    fn inputs(&self, statement: &Statement) -> G1Projective {
        self.fixed + self.nullifier * statement.nullifier.0 + self.context * statement.context.0
    }

    /// Whether `proof` shows `statement`. A statement with other terms than these is not shown.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> bool {
        statement.terms == self.terms && holds(self.key, proof, self.inputs(statement))
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
        let (mut g1, mut g2) = (Vec::with_capacity(shown.len() + 2), Vec::with_capacity(shown.len() + 2));
        let (mut weights, mut c) = (Vec::with_capacity(shown.len()), Vec::with_capacity(shown.len()));
        let (mut sum, mut nullifiers, mut contexts) = (Fr::ZERO, Fr::ZERO, Fr::ZERO);
        for (_, (statement, proof)) in shown {
            let mut half = [0u8; 16];
            rng.fill_bytes(&mut half);
            let weight = Fr::from(u128::from_le_bytes(half));
            g1.push(proof.a * weight);
            g2.push(proof.b.into());
            c.push(proof.c);
            weights.push(weight);
            sum += weight;
            nullifiers += weight * statement.nullifier.0;
            contexts += weight * statement.context.0;
        }
        g1.push(self.fixed * sum + self.nullifier * nullifiers + self.context * contexts);
        g1.push(G1Projective::msm(&c, &weights).expect("as many weights as points"));
        g2.extend([self.key.minus_gamma(), self.key.minus_delta()]);
        let left = Bls12_381::multi_miller_loop(G1Projective::normalize_batch(&g1), g2);
        let right = self.key.alpha_beta().pow(sum.into_bigint());
        Bls12_381::final_exponentiation(left).is_some_and(|value| value.0 == right)
    }
}

#[cfg(test)]
mod tests;
