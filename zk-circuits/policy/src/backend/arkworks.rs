//! By arkworks: where there is no blst, and to compare with in tests.

use ark_bls12_381::{Bls12_381, Fq12, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, VariableBaseMSM as _};
use ark_ff::AdditiveGroup as _;
use ark_serialize::CanonicalDeserialize as _;

use super::Scalar;

/// One of both groups.
pub(crate) trait Curve: AffineRepr<ScalarField = Fr> {
    /// A point as sums take it.
    type Base: Copy;

    /// The point as sums take it.
    fn base(&self) -> Self::Base;

    /// A point as long sums take it.
    type Spread: Copy;

    /// The point as long sums take it.
    fn spread(&self) -> Self::Spread;

    /// `Σ sᵢGᵢ` over scalars below `2^bits`.
    fn sum(bases: &[Self::Base], scalars: &[Scalar], bits: usize) -> Self::Group;

    /// `Σ sᵢGᵢ` over points of prime order.
    fn sum_spread(bases: &[Self::Spread], scalars: &[Scalar]) -> Self::Group;

    /// Reads a compressed point: of prime order and not the identity.
    fn decompress(bytes: &[u8]) -> Option<Self>;
}

macro_rules! curve {
    ($group:ident) => {
        impl Curve for Affine<$group::Config> {
            type Base = Self;

            fn base(&self) -> Self {
                *self
            }

            type Spread = Self;

            fn spread(&self) -> Self {
                *self
            }

            fn sum(bases: &[Self], scalars: &[Scalar], _bits: usize) -> Self::Group {
                Self::Group::msm_bigint(bases, scalars)
            }

            fn sum_spread(bases: &[Self], scalars: &[Scalar]) -> Self::Group {
                Self::Group::msm_bigint(bases, scalars)
            }

            fn decompress(bytes: &[u8]) -> Option<Self> {
                Self::deserialize_compressed(bytes).ok().filter(|point| !point.is_zero())
            }
        }
    };
}

curve!(g1);
curve!(g2);

/// A point of the second group as pairings take it.
pub(crate) type Prepared = <Bls12_381 as Pairing>::G2Prepared;

/// A value of a pairing.
pub(crate) type Target = Fq12;

/// Prepares a point for pairings.
pub(crate) fn prepare(point: &G2Affine) -> Prepared {
    (*point).into()
}

/// A product of Miller loops.
pub(crate) type Miller = Fq12;

/// What the product of `e(Pᵢ, Qᵢ)` is before the final exponentiation, one if there are none.
pub(crate) fn miller(pairs: &[(G1Affine, &Prepared)]) -> Miller {
    let (first, second): (Vec<_>, Vec<_>) = pairs.iter().map(|(p, q)| (*p, (*q).clone())).unzip();
    Bls12_381::multi_miller_loop(first, second).0
}

/// The product of pairings.
pub(crate) fn finish(loops: Miller) -> Target {
    // There is none of zero, which no pairing is.
    Bls12_381::final_exponentiation(MillerLoopOutput(loops)).map_or(Fq12::ZERO, |value| value.0)
}

/// Both results, one after the other.
#[cfg(target_family = "wasm")]
pub(crate) fn both<A, B>(first: impl FnOnce() -> A, second: impl FnOnce() -> B) -> (A, B) {
    (first(), second())
}
