//! The two groups: multiplying many points, comparing ratios, and the group's own inverse Fourier transform.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::CurveGroup;
use ark_ec::pairing::Pairing as _;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::Projective;
use ark_ff::{BigInteger as _, Field as _, One as _, PrimeField as _, Zero as _};
use ark_poly::Radix2EvaluationDomain;
use zeroize::Zeroizing;

use crate::progress::{Meter, Progress, Step};

/// Points that are multiplied between two reports, and made affine with one inversion.
const BATCH: usize = 1024;

/// Terms from which one multi-scalar multiplication is faster than multiplying one by one.
const MANY: usize = 24;

/// Bits of a signed window.
const WINDOW: usize = 4;

/// Odd multiples of a point that the digits of a window name: 1, 3, 5, 7.
const ODD: usize = 1 << (WINDOW - 2);

/// G1 or G2.
pub(crate) trait Curve: CurveGroup<ScalarField = Fr> {
    /// Bytes of a compressed point.
    const BYTES: usize;

    /// `by · self`, through the curve's endomorphism. Not in constant time.
    fn times(self, by: Fr) -> Self;

    /// Signs and values, of half the length, with `by = ±first ± λ·second`.
    fn halves(by: Fr) -> [(bool, Fr); 2];

    /// The endomorphism: `λ · point`, for one multiplication of a coordinate.
    fn turn(point: &Self::Affine) -> Self::Affine;
}

/// What differs between the two.
pub(crate) trait Group: GLVConfig<ScalarField = Fr> {
    /// Bytes of a compressed point.
    const BYTES: usize;
}

impl Group for g1::Config {
    const BYTES: usize = 48;
}

impl Group for g2::Config {
    const BYTES: usize = 96;
}

impl<P: Group> Curve for Projective<P> {
    const BYTES: usize = P::BYTES;

    fn times(self, by: Fr) -> Self {
        P::glv_mul_projective(self, by)
    }

    fn halves(by: Fr) -> [(bool, Fr); 2] {
        P::scalar_decomposition(by).into()
    }

    fn turn(point: &Self::Affine) -> Self::Affine {
        P::endomorphism_affine(point)
    }
}

/// Each point times its factor.
pub(crate) fn multiply<C: Curve>(
    points: &[C::Affine],
    mut factors: impl Iterator<Item = Fr>,
    meter: &mut Meter<'_>,
) -> Vec<C::Affine> {
    let mut all = Vec::with_capacity(points.len());
    for batch in points.chunks(BATCH) {
        let points: Vec<C> = batch.iter().map(|point| C::from(*point)).collect();
        all.extend(C::normalize_batch(&times_each(&points, &mut factors)));
        meter.add(batch.len());
    }
    all
}

/// Each point times its factor, by signed windows over both halves of the factor. All tables are made affine with
/// one inversion: together a third less work than multiplying one by one.
fn times_each<C: Curve>(points: &[C], factors: &mut impl Iterator<Item = Fr>) -> Vec<C> {
    let mut tables = Vec::with_capacity(points.len() * ODD);
    for point in points {
        let (mut odd, twice) = (*point, point.double());
        for _ in 0..ODD {
            tables.push(odd);
            odd += twice;
        }
    }
    let tables = C::normalize_batch(&tables);
    tables.chunks_exact(ODD).zip(factors).map(|(table, factor)| by_windows(table, factor)).collect()
}

fn multiply_all<C: Curve>(points: &[C], mut factors: impl Iterator<Item = Fr>) -> Vec<C> {
    points.chunks(BATCH).flat_map(|batch| times_each(batch, &mut factors)).collect()
}

/// `first, first·ratio, first·ratio², …`
pub(crate) fn series(first: Fr, ratio: Fr) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(first), move |last| Some(*last * ratio))
}

/// `factor` times the point whose odd multiples are in `table`.
fn by_windows<C: Curve>(table: &[C::Affine], factor: Fr) -> C {
    let [low, high] = C::halves(factor).map(|(positive, half)| {
        let digits = half.into_bigint().find_wnaf(WINDOW);
        (positive, Zeroizing::new(digits.expect("there because the window is within bounds")))
    });
    let mut total = C::zero();
    for place in (0..low.1.len().max(high.1.len())).rev() {
        total.double_in_place();
        for (turned, (positive, digits)) in [(false, &low), (true, &high)] {
            let digit = digits.get(place).copied().unwrap_or(0);
            let odd = usize::try_from(digit.unsigned_abs() / 2).ok().and_then(|index| table.get(index));
            let point = odd.expect("there because digits are below twice the table's length");
            match (digit, turned) {
                (0, _) => {}
                (_, false) => add_signed(&mut total, point, (digit > 0) == *positive),
                (_, true) => add_signed(&mut total, &C::turn(point), (digit > 0) == *positive),
            }
        }
    }
    total
}

fn add_signed<C: Curve>(total: &mut C, point: &C::Affine, positive: bool) {
    if positive {
        *total += point;
    } else {
        *total -= point;
    }
}

/// `Σ weightᵢ·pointᵢ`.
pub(crate) fn sum<C: Curve>(points: &[C::Affine], weights: &[Fr]) -> C {
    C::msm(points, weights).expect("as many weights as points because the caller counts them")
}

/// `Σ coefficient·points[index]`. Coefficients are mostly ±1, and terms few.
pub(crate) fn combine<C: Curve>(terms: &[(Fr, usize)], points: &[C::Affine]) -> C {
    let (mut total, mut others, mut factors) = (C::zero(), Vec::new(), Vec::new());
    for (coefficient, index) in terms {
        let point = points.get(*index).expect("there because a circuit's rows are within its domain");
        if coefficient.is_one() {
            total += point;
        } else if (-*coefficient).is_one() {
            total -= point;
        } else {
            others.push(*point);
            factors.push(*coefficient);
        }
    }
    if others.len() >= MANY {
        return total + sum::<C>(&others, &factors);
    }
    let others: Vec<C> = others.into_iter().map(C::from).collect();
    total + multiply_all(&others, factors.into_iter()).into_iter().sum::<C>()
}

/// Whether `g1` and `g2` are pairs of one ratio: `first = x·second` in both, with one `x`, or
/// `e(g1.0, g2.1) = e(g1.1, g2.0)`. The caller sees to it that not both of one pair are the identity.
pub(crate) fn same_ratio(g1: (G1Affine, G1Affine), g2: (G2Affine, G2Affine)) -> bool {
    Bls12_381::multi_pairing([g1.0, -g1.1], [g2.1, g2.0]).is_zero()
}

/// From `τʲ` to `Lᵢ(τ) = n⁻¹ Σⱼ ω⁻ⁱʲ τʲ`, `i, j < n`, in the exponent: the inverse Fourier transform over the
/// group, by Cooley and Tukey, n/2·log n multiplications.
pub(crate) fn lagrange<C: Curve>(
    powers: &[C::Affine],
    domain: &Radix2EvaluationDomain<Fr>,
    progress: &mut Progress<'_>,
) -> Vec<C::Affine> {
    let (n, k) = (powers.len(), domain.log_size_of_group);
    let mut meter = Meter::new(Step::Lagrange, k as usize + 1, progress);
    // Bit-reversed: then each layer joins neighbours.
    let reversed = (0..n).map(|index| index.reverse_bits() >> (usize::BITS - k));
    let mut values: Vec<C> = reversed
        .map(|index| C::from(*powers.get(index).expect("there because reversing k bits stays below 2^k")))
        .collect();
    let mut half = 1;
    while half < n {
        let root = domain.group_gen_inv.pow([(n / (2 * half)) as u64]);
        let roots: Vec<Fr> = series(Fr::one(), root).take(half).collect();
        let highs: Vec<C> =
            values.chunks_exact(2 * half).flat_map(|block| block.iter().skip(half)).copied().collect();
        let mut turned = multiply_all(&highs, roots.iter().copied().cycle()).into_iter();
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for ((low, high), turned) in low.iter_mut().zip(high).zip(&mut turned) {
                *high = *low - turned;
                *low += turned;
            }
        }
        half *= 2;
        meter.add(1);
    }
    let values = multiply_all(&values, std::iter::repeat(domain.size_inv));
    meter.add(1);
    C::normalize_batch(&values)
}
