//! The arithmetic that proofs are made of: sums of multiples in both groups, and products of pairings.
//!
//! Natively `blst` does it, several times faster and on every core. In a browser, which it does not build for without a
//! compiler for C, arkworks does. Every element has one form, so what one makes is bit for bit what the other makes. Points
//! are arkworks' on both sides of this module; both libraries hold coordinates as six words times 2³⁸⁴, so passing from
//! one to the other copies.
//!
//! Time depends on the scalars, secret ones too, in both: a prover proves where nobody else measures.

#[cfg(any(target_family = "wasm", test))]
mod arkworks;
#[cfg(not(target_family = "wasm"))]
mod blst;

use ark_bls12_381::{Fr, G1Affine};
use ark_ff::PrimeField;
use zeroize::Zeroizing;

#[cfg(target_family = "wasm")]
pub(crate) use self::arkworks::{Curve, Miller, Prepared, Target, both, finish, miller, prepare};
#[cfg(not(target_family = "wasm"))]
pub(crate) use self::blst::{Curve, Miller, Prepared, Target, both, finish, miller, prepare};

/// A scalar as a number.
pub(crate) type Scalar = <Fr as PrimeField>::BigInt;

/// A point of the first group as sums take it.
pub(crate) type Base = <G1Affine as Curve>::Base;

/// Bits of a scalar.
pub(crate) const BITS: usize = 255;

/// `∏ e(Pᵢ, Qᵢ)`, one if there are none.
pub(crate) fn product(pairs: &[(G1Affine, &Prepared)]) -> Target {
    finish(miller(pairs))
}

/// Points that one sum after another is made of.
pub(crate) struct Bases<G: Curve> {
    /// Without identities, which add nothing, each with the place of its scalar.
    points: Vec<(usize, G::Spread)>,
}

impl<G: Curve> Bases<G> {
    /// Prepares points.
    pub(crate) fn new<'a>(points: impl IntoIterator<Item = &'a G>) -> Self {
        let points = points.into_iter().enumerate().filter(|(_, point)| !point.is_zero());
        Self { points: points.map(|(place, point)| (place, point.spread())).collect() }
    }

    /// `Σ sᵢGᵢ`. Scalars that are zero, a fifth of a witness, are left out.
    pub(crate) fn sum(&self, scalars: &[Scalar]) -> G::Group {
        let mut bases = Vec::with_capacity(self.points.len());
        // As long as it gets from the start: growing would leave secrets behind.
        let mut factors = Zeroizing::new(Vec::with_capacity(self.points.len()));
        for (place, base) in &self.points {
            if let Some(scalar) = scalars.get(*place).filter(|scalar| **scalar != Scalar::default()) {
                bases.push(*base);
                factors.push(*scalar);
            }
        }
        G::sum_spread(&bases, &factors)
    }
}

#[cfg(test)]
mod tests;
