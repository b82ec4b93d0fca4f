//! Groth16's prover, as ark-groth16 has it, over sums that [`crate::backend`] makes.
//!
//! ```text
//! z      all wires' values, the constant 1 first, then the inputs, then the private ones
//! h      coefficients of (Σ zᵢuᵢ · Σ zᵢvᵢ − Σ zᵢwᵢ) / t, by arkworks' reduction
//! A      α + Σ zᵢ[uᵢ(τ)]₁ + r·δ
//! B      β + Σ zᵢ[vᵢ(τ)]₂ + s·δ
//! C      s·A + Σ hᵢ[τⁱt(τ)/δ]₁ + Σ over private wires of zᵢLᵢ + Σ r·zᵢ[vᵢ(τ)]₁ + r·β
//! ```
//! One sum each: what is added once stands among the points with scalar 1, and what blinds with its own. In `C` the last two
//! are `r·B − rs·δ`, of a `B` in the first group that nobody needs by itself.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup as _;
use ark_ff::{Field as _, PrimeField as _};
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP as _};
use ark_poly::GeneralEvaluationDomain;
use zeroize::Zeroizing;

use crate::backend::{Bases, Scalar, both};
use crate::key::{ProvingKey, Relation};
use crate::proof::Proof;

/// A proving key's points as sums take them.
pub(crate) struct Sums {
    a: Bases<G1Affine>,
    b: Bases<G2Affine>,
    c: Bases<G1Affine>,
    /// How many coefficients of `h` stand first in `c`.
    coefficients: usize,
}

impl Sums {
    pub(crate) fn new(key: &ark_groth16::ProvingKey<Bls12_381>) -> Self {
        Self {
            a: Bases::new(key.a_query.iter().chain([&key.vk.alpha_g1])),
            b: Bases::new(key.b_g2_query.iter().chain([&key.vk.beta_g2, &key.vk.delta_g2])),
            c: Bases::new(key.h_query.iter().chain(&key.l_query)),
            coefficients: key.h_query.len(),
        }
    }
}

/// Numbers one after another, in memory that is wiped.
fn scalars<'a>(values: impl IntoIterator<Item = &'a Fr>, length: usize) -> Zeroizing<Vec<Scalar>> {
    // As long as it gets from the start: growing would leave secrets behind.
    let mut scalars = Zeroizing::new(Vec::with_capacity(length));
    scalars.extend(values.into_iter().map(|value| value.into_bigint()));
    scalars
}

/// Proves that the wires' values, `inputs` public ones first, satisfy the circuit of the key.
///
/// `s` blinds `B`; what blinds `A` is among the wires, see [`crate::proof`].
pub(crate) fn prove<C: Relation>(key: &ProvingKey<C>, s: &Fr, wires: &[Fr], inputs: usize) -> Option<Proof> {
    let reduce = LibsnarkReduction::witness_map_from_matrices::<Fr, GeneralEvaluationDomain<Fr>>;
    let (sums, length) = (key.sums(), wires.len() + 2);
    // One thread transforms while the others sum.
    let (h, (a, b)) = both(
        || reduce(key.matrices(), inputs, key.constraints(), wires).map(Zeroizing::new),
        || {
            let terms = scalars(wires.iter().chain([&Fr::ONE, s]), length);
            (sums.a.sum(terms.get(..=wires.len()).unwrap_or_default()), sums.b.sum(&terms))
        },
    );
    let h = h.ok()?;
    let (h, private) = (h.get(..sums.coefficients)?, wires.get(inputs..)?);
    let c = sums.c.sum(&scalars(h.iter().chain(private), h.len() + private.len())) + a * s;
    Some(Proof { a: a.into_affine(), b: b.into_affine(), c: c.into_affine() })
}

#[cfg(test)]
mod tests;
