//! By blst, in its own threads: one for each core.

use ark_bls12_381::{Fq, Fq2, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig as _;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{AdditiveGroup as _, BigInt, BigInteger as _};
use blst::{MultiPoint as _, blst_fp, blst_fp2, blst_fp12, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine};
use zeroize::Zeroizing;

use super::Scalar;

fn fp(value: Fq) -> blst_fp {
    blst_fp { l: value.0.0 }
}

fn fp2(value: Fq2) -> blst_fp2 {
    blst_fp2 { fp: [fp(value.c0), fp(value.c1)] }
}

/// blst reduces what it hands out, so this is the element's one form.
fn fq(value: blst_fp) -> Fq {
    Fq::new_unchecked(BigInt(value.l))
}

fn fq2(value: blst_fp2) -> Fq2 {
    let [c0, c1] = value.fp;
    Fq2::new(fq(c0), fq(c1))
}

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
    (
        $group:ident, $blst:ident, $blst_affine:ident, $reader:ident, $to:ident, $from:ident,
        $multiply:ident, $times_square:expr
    ) => {
        impl Curve for Affine<$group::Config> {
            type Base = $blst_affine;

            fn base(&self) -> $blst_affine {
                match self.xy() {
                    Some((x, y)) => $blst_affine { x: $to(x), y: $to(y) },
                    // blst writes the identity as two zeros.
                    None => $blst_affine::default(),
                }
            }

            type Spread = [$blst_affine; 2];

            fn spread(&self) -> [$blst_affine; 2] {
                let times_square: fn(&Self) -> Self = $times_square;
                [self.base(), times_square(self).base()]
            }

            fn sum(bases: &[$blst_affine], scalars: &[Scalar], bits: usize) -> Self::Group {
                $multiply(bases, &bytes(scalars, bits), bits)
            }

            fn sum_spread(bases: &[[$blst_affine; 2]], scalars: &[Scalar]) -> Self::Group {
                $multiply(bases.as_flattened(), &halves(scalars), 128)
            }

            fn decompress(bytes: &[u8]) -> Option<Self> {
                // What blst calls a public key: it refuses the identity, and what is of another order.
                let point = blst::$reader::PublicKey::uncompress(bytes).ok()?;
                point.validate().ok()?;
                let $blst_affine { x, y } = point.into();
                Some(Self::new_unchecked($from(x), $from(y)))
            }
        }

        fn $multiply(points: &[$blst_affine], scalars: &[u8], bits: usize) -> Projective<$group::Config> {
            assert_eq!(scalars.len(), points.len() * bits.div_ceil(8), "one scalar for each point");
            if points.is_empty() {
                return Projective::ZERO; // which blst does not say, but panics
            }
            let $blst { x, y, z } = points.mult(scalars, bits);
            Projective::new_unchecked($from(x), $from(y), $from(z))
        }
    };
}

curve!(
    g1,
    blst_p1,
    blst_p1_affine,
    min_pk,
    fp,
    fq,
    multiply_first,
    |point| -g1::Config::endomorphism_affine(point)
);
curve!(g2, blst_p2, blst_p2_affine, min_sig, fp2, fq2, multiply_second, |point| {
    let once = g2::Config::endomorphism_affine(point);
    -g2::Config::endomorphism_affine(&once)
});

/// Scalars one after another, each little-endian in as many bytes as `bits` need.
fn bytes(scalars: &[Scalar], bits: usize) -> Zeroizing<Vec<u8>> {
    let length = bits.div_ceil(8);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length * scalars.len()));
    for scalar in scalars {
        debug_assert!(scalar.num_bits() as usize <= bits);
        bytes.extend(scalar.0.iter().flat_map(|word| word.to_le_bytes()).take(length));
    }
    bytes
}

/// `|x|`, the number that the curve is made from; the group's order is `x⁴ − x² + 1`.
const X: u128 = 0xd201_0000_0001_0000;

/// Quotient and remainder by `|x|` of a number below `|x|·2^(64N)`.
fn divide<const N: usize>(number: [u64; N]) -> ([u64; N], u128) {
    let mut quotient = number;
    let mut rest = 0;
    for word in quotient.iter_mut().rev() {
        let part = rest << 64 | u128::from(*word);
        *word = u64::try_from(part / X).expect("fits because the rest before was below |x|");
        rest = part % X;
    }
    (quotient, rest)
}

/// `s = low + high·x²` of each, both below 2¹²⁸: half as many windows, so half as many tables to sum up, over twice as many
/// points. That saves a fifth; `x²G` comes of the curve's endomorphism, which multiplies by `−x²` in the first group and
/// by `x² − 1` in the second, so twice by `−x²`.
fn halves(scalars: &[Scalar]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32 * scalars.len()));
    for scalar in scalars {
        let (quotient, first) = divide(scalar.0);
        let ([high_0, high_1, ..], second) = divide(quotient);
        bytes.extend((first + second * X).to_le_bytes());
        bytes.extend(high_0.to_le_bytes());
        bytes.extend(high_1.to_le_bytes());
    }
    bytes
}

/// A point of the second group as pairings take it.
pub(crate) type Prepared = blst_p2_affine;

/// A value of a pairing.
pub(crate) type Target = blst_fp12;

/// Prepares a point for pairings.
pub(crate) fn prepare(point: &G2Affine) -> Prepared {
    point.base()
}

/// A product of Miller loops.
pub(crate) type Miller = blst_fp12;

/// What the product of `e(Pᵢ, Qᵢ)` is before the final exponentiation, one if there are none. In this thread alone, with
/// the squarings of eight at a time shared. Pairs with an identity are one.
pub(crate) fn miller(pairs: &[(G1Affine, &Prepared)]) -> Miller {
    let mut pairs = pairs.iter().filter(|(p, q)| !p.is_zero() && **q != Prepared::default()).peekable();
    if pairs.peek().is_none() {
        return Miller::default();
    }
    let mut loops = blst::Pairing::new(true, b"");
    for (p, q) in pairs {
        loops.raw_aggregate(q, &p.base());
    }
    loops.commit();
    loops.as_fp12()
}

/// The product of pairings.
pub(crate) fn finish(loops: Miller) -> Target {
    loops.final_exp()
}

/// Both results, at the same time.
#[allow(clippy::disallowed_methods, reason = "a thread that ends with the call, as those that blst sums in")]
pub(crate) fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
    })
}
