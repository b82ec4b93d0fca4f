//! Checks the queries against phase 1 and the circuit, without computing them.
//!
//! **Checked.** With random weights `ρⱼ`, the polynomial `A(X) = Σ ρⱼAⱼ(X)` is computed in the field, from the
//! matrix, and evaluated at `τ` in the exponent, from its coefficients and the powers of tau:
//! ```text
//! Σ ρⱼ aⱼ       = A(τ) G₁           alike b_g1 and b_g2
//! Σ ρⱼ inputsⱼ  = (βA + αB + C)(τ) G₁           over the inputs
//! Σ ρⱼ δ lⱼ     = (βA + αB + C)(τ) G₁           over the witnesses
//! Σ ρᵢ δ hᵢ     = Σ ρᵢ (τⁱ⁺ⁿ − τⁱ) G₁           i < n − 1
//! ```
//! where `δ` is multiplied by pairing with `δ G₂`.
//!
//! **Why.** As for the powers: if some point is wrong, by `d` in the exponent, `Σ ρd` is zero for one value of
//! its weight in 2²⁵⁵.

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr as _;
use ark_ff::{AdditiveGroup as _, UniformRand as _};
use rand::{CryptoRng, RngCore};

use super::{Queries, first};
use crate::chain::{Chain, Public};
use crate::circuit::Circuit;
use crate::curve::{same_ratio, sum};
use crate::error::{CeremonyError, Culprit};
use crate::powers::Powers;
use crate::progress::{Meter, Progress, Step};

impl Queries {
    /// Checks that these are the queries of `circuit` from powers and a chain that have been checked.
    pub(crate) fn verify<R: RngCore + CryptoRng>(
        &self,
        powers: &Powers,
        circuit: &Circuit<'_>,
        chain: &Chain,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<(), CeremonyError> {
        let (n, inputs, variables) = (self.sizes.rows(), self.sizes.inputs, self.sizes.variables());
        let mut random = |count: usize| -> Vec<Fr> { (0..count).map(|_| Fr::rand(rng)).collect() };
        let (weights, weights_h) = (random(variables), random(n - 1));
        let (weights_in, weights_l) = weights.split_at(inputs);
        let (tau, tau_g2) = (first(&powers.tau_g1, n), first(&powers.tau_g2, n));
        let (alpha, beta) = (first(&powers.alpha_g1, n), first(&powers.beta_g1, n));

        let mut meter = Meter::new(Step::Check, 6, progress);
        let mut check = |holds: bool, error: fn(Culprit) -> CeremonyError| {
            meter.add(1);
            if holds { Ok(()) } else { Err(error(chain.culprit())) }
        };
        let [a_in, b_in, c_in] = circuit.weigh(&weights, &(0..inputs));
        let [a_l, b_l, c_l] = circuit.weigh(&weights, &(inputs..variables));
        let (a, b) = (add(&a_in, &a_l), add(&b_in, &b_l));
        let g1 = |points: &[G1Affine], weights: &[Fr]| sum::<G1Projective>(points, weights);
        let g2 = |points: &[G2Affine], weights: &[Fr]| sum::<G2Projective>(points, weights);

        check(g1(&self.a, &weights) == g1(tau, &a), CeremonyError::AQuery)?;
        check(g1(&self.b_g1, &weights) == g1(tau, &b), CeremonyError::BG1Query)?;
        check(g2(&self.b_g2, &weights) == g2(tau_g2, &b), CeremonyError::BG2Query)?;
        let whole = g1(beta, &a_in) + g1(alpha, &b_in) + g1(tau, &c_in);
        check(g1(&self.inputs, weights_in) == whole, CeremonyError::InputQuery)?;

        let delta = chain.last().first().map(Public::in_g2).expect("there because phase 2 has one secret");
        let over_delta = |whole: G1Projective, part: G1Projective| {
            same_ratio((whole.into(), part.into()), (delta, G2Affine::generator()))
        };
        // Weights for τⁱ⁺ⁿ, and their negatives for τⁱ; τⁿ⁻¹ is in neither.
        let mut differences: Vec<Fr> = weights_h.iter().map(|weight| -*weight).collect();
        differences.push(Fr::ZERO);
        differences.extend(&weights_h);
        let whole = g1(first(&powers.tau_g1, 2 * n - 1), &differences);
        check(over_delta(whole, g1(&self.h, &weights_h)), CeremonyError::HQuery)?;
        let whole = g1(beta, &a_l) + g1(alpha, &b_l) + g1(tau, &c_l);
        check(over_delta(whole, g1(&self.l, weights_l)), CeremonyError::LQuery)
    }
}

fn add(left: &[Fr], right: &[Fr]) -> Vec<Fr> {
    left.iter().zip(right).map(|(left, right)| *left + right).collect()
}
