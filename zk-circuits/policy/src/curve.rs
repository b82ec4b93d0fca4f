//! Jubjub, in the shapes that the circuit computes with.
//!
//! Points of prime order other than the identity have finite Montgomery coordinates `(u, v)` with `v ≠ 0`, and
//! there an addition takes three constraints instead of six. The formulas divide by `u₁ − u₂`, so they say
//! nothing where `P = ±Q`: for `P = Q` any slope would satisfy them. Each use below shows that this cannot happen,
//! or uses the complete Edwards addition.
//!
//! ```text
//! Edwards     −x² + y² = 1 + d·x²y²          u = (1+y)/(1−y)   v = u/x
//! Montgomery  B·v² = u³ + A·u² + u           x = u/v           y = (u−1)/(u+1)
//! ```
//! Neither conversion divides by zero on those points: `u = −1` is the `u` of no point, `v = 0` of none of odd
//! order. Formulas: Bernstein, Birkner, Joye, Lange, Peters, *Twisted Edwards curves*, 2008, §2 and §6.

use std::sync::LazyLock;

use ark_bls12_381::Fr;
use ark_ec::twisted_edwards::{MontCurveConfig, TECurveConfig};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ed_on_bls12_381::{EdwardsAffine, EdwardsProjective, JubjubConfig};
use ark_ff::{AdditiveGroup as _, Field as _};
use ark_r1cs_std::GR1CSVar as _;
use ark_r1cs_std::alloc::AllocVar as _;
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};

use crate::bits;

const A: Fr = <JubjubConfig as MontCurveConfig>::COEFF_A;
const B: Fr = <JubjubConfig as MontCurveConfig>::COEFF_B;
const D: Fr = <JubjubConfig as TECurveConfig>::COEFF_D;

/// Windows of three bits in a scalar of the fixed base.
pub(crate) const WINDOWS: usize = 84;

/// Montgomery coordinates of a point of prime order; the identity and points of small order have none.
pub(crate) fn montgomery(point: &EdwardsAffine) -> Option<(Fr, Fr)> {
    let u = (Fr::ONE + point.y) * (Fr::ONE - point.y).inverse()?;
    Some((u, u * point.x.inverse()?))
}

/// Whether a point lies in the group of prime order and is not its identity.
pub(crate) fn is_proper(point: &EdwardsAffine) -> bool {
    !point.is_zero() && point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve()
}

/// `{1, 3, 5, 7} · 8ʷ · G` for each window `w`.
static TABLE: LazyLock<Vec<[EdwardsAffine; 4]>> = LazyLock::new(|| {
    let mut base = EdwardsProjective::from(EdwardsAffine::generator());
    let mut table = Vec::with_capacity(WINDOWS);
    for _ in 0..WINDOWS {
        let twice = base + base;
        let (three, five, seven) = (base + twice, base + twice + twice, base + twice + twice + twice);
        table.push([base, three, five, seven].map(|point| point.into_affine()));
        base = seven + base;
    }
    table
});

/// A digit of the fixed base's scalar, `±1, ±3, ±5` or `±7`: which odd number, and its sign. In the circuit the sign has no
/// variable of its own: a point is chosen up to its sign, as a root of the square of a coordinate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Digit {
    /// Bits of `m` in `2m + 1`.
    pub(crate) magnitude: [bool; 2],
    /// Whether the digit is positive.
    pub(crate) positive: bool,
}

/// A point of prime order in the circuit, not the identity.
#[derive(Clone)]
pub(crate) struct Montgomery {
    pub(crate) u: FpVar<Fr>,
    pub(crate) v: FpVar<Fr>,
}

/// A point of the curve in the circuit.
#[derive(Clone)]
pub(crate) struct Edwards {
    pub(crate) x: FpVar<Fr>,
    pub(crate) y: FpVar<Fr>,
}

type Wires = ConstraintSystemRef<Fr>;

/// `a / b`, and zero where there is no such thing: then the constraint around it fails.
fn quotient(a: Fr, b: Fr) -> Fr {
    a * b.inverse().unwrap_or(Fr::ZERO)
}

impl Montgomery {
    /// The sum of two points that are neither equal nor opposite. Three constraints.
    fn add(&self, wires: &Wires, other: &Self) -> Result<Self, SynthesisError> {
        let (run, rise) = (&other.u - &self.u, &other.v - &self.v);
        let slope = FpVar::new_witness(wires.clone(), || Ok(quotient(rise.value()?, run.value()?)))?;
        slope.mul_equals(&run, &rise)?;
        self.along(wires, &slope, &other.u)
    }

    /// Twice the point. Four constraints.
    fn double(&self, wires: &Wires) -> Result<Self, SynthesisError> {
        let square = self.u.square()?;
        let (rise, run) = (square * Fr::from(3u8) + &self.u * (A + A) + Fr::ONE, &self.v * (B + B));
        let slope = FpVar::new_witness(wires.clone(), || Ok(quotient(rise.value()?, run.value()?)))?;
        slope.mul_equals(&run, &rise)?;
        self.along(wires, &slope, &self.u)
    }

    /// Where the line through this point with `slope`, which also meets the curve at `u`, meets it again,
    /// mirrored.
    fn along(&self, wires: &Wires, slope: &FpVar<Fr>, u: &FpVar<Fr>) -> Result<Self, SynthesisError> {
        let third = self.third(wires, slope, u)?;
        let run = &self.u - &third;
        let v = FpVar::new_witness(wires.clone(), || Ok(slope.value()? * run.value()? - self.v.value()?))?;
        slope.mul_equals(&run, &(&v + &self.v))?;
        Ok(Self { u: third, v })
    }

    fn third(&self, wires: &Wires, slope: &FpVar<Fr>, u: &FpVar<Fr>) -> Result<FpVar<Fr>, SynthesisError> {
        let others = &self.u + u + A;
        let third = FpVar::new_witness(wires.clone(), || Ok(slope.value()?.square() * B - others.value()?))?;
        slope.mul_equals(&(slope * B), &(&third + &others))?;
        Ok(third)
    }

    /// `2P + Q`, as `(P + Q) + P` without the `v` of the first sum. Five constraints.
    ///
    /// Sound where `Q ≠ ±P` and `Q ≠ −2P`, so that neither sum is of equal or opposite points.
    fn double_and_add(&self, wires: &Wires, other: &Self) -> Result<Self, SynthesisError> {
        let (run, rise) = (&other.u - &self.u, &other.v - &self.v);
        let first = FpVar::new_witness(wires.clone(), || Ok(quotient(rise.value()?, run.value()?)))?;
        first.mul_equals(&run, &rise)?;
        let middle = self.third(wires, &first, &other.u)?;
        // The second slope is (v' − v)/(u' − u) with v' = λ(u − u') − v, so λ + λ' = 2v/(u − u').
        let (run, rise) = (&self.u - &middle, &self.v + &self.v);
        let second =
            FpVar::new_witness(wires.clone(), || Ok(quotient(rise.value()?, run.value()?) - first.value()?))?;
        (&first + &second).mul_equals(&run, &rise)?;
        self.along(wires, &second, &middle)
    }

    /// `(2c + 2¹²⁸ + 1) · P`, and `c`, which is below 2¹²⁸.
    ///
    /// For each bit of `c` there is `vᵢ` with `vᵢ² = v²`, so `vᵢ = sᵢv` with a sign `sᵢ`; and `Σ vᵢ2ⁱ = v·Σ sᵢ2ⁱ` is held to
    /// `v·(2c − 2¹²⁸ + 1)`. As `v ≠ 0`, `c = Σ (sᵢ + 1)/2·2ⁱ`: the number whose bits the signs are.
    ///
    /// The accumulator starts at `2P` and takes `2·acc ± P` for each bit from the highest: `m ← 2m ± 1` from
    /// `m = 2`. So `3 ≤ m < 2¹³⁰` after the first step and `m` never falls; `m = ±1` and `2m ± 1 = 0` hold in no
    /// step, not modulo the order of the group either, which is over 2²⁵¹. That is what adding asks for.
    pub(crate) fn multiply(&self, wires: &Wires, c: u128) -> Result<(Self, FpVar<Fr>), SynthesisError> {
        let square = self.v.square()?;
        let (mut sum, mut weighted) = (self.double(wires)?, FpVar::zero());
        for index in (0..u128::BITS).rev() {
            let positive = c >> index & 1 == 1;
            let v = FpVar::new_witness(wires.clone(), || {
                let v = self.v.value()?;
                Ok(if positive { v } else { -v })
            })?;
            v.mul_equals(&v, &square)?;
            sum = sum.double_and_add(wires, &Self { u: self.u.clone(), v: v.clone() })?;
            weighted = &weighted + &weighted + v;
        }
        let number = FpVar::new_witness(wires.clone(), || Ok(Fr::from(c)))?;
        let most = Fr::from(u128::MAX);
        self.v.mul_equals(&(&number + &number - most), &weighted)?;
        Ok((sum, number))
    }

    /// The opposite point; no constraint.
    pub(crate) fn negate(&self) -> Result<Self, SynthesisError> {
        Ok(Self { u: self.u.clone(), v: self.v.negate()? })
    }

    /// The same point in Edwards coordinates. Two constraints.
    pub(crate) fn to_edwards(&self, wires: &Wires) -> Result<Edwards, SynthesisError> {
        let (below, above) = (&self.u + Fr::ONE, &self.u - Fr::ONE);
        let x = FpVar::new_witness(wires.clone(), || Ok(quotient(self.u.value()?, self.v.value()?)))?;
        x.mul_equals(&self.v, &self.u)?;
        let y = FpVar::new_witness(wires.clone(), || Ok(quotient(above.value()?, below.value()?)))?;
        y.mul_equals(&below, &above)?;
        Ok(Edwards { x, y })
    }
}

impl Edwards {
    /// The sum of any two points: the formula is complete, as `d` is no square. Six constraints.
    pub(crate) fn add(&self, wires: &Wires, other: &Self) -> Result<Self, SynthesisError> {
        let one = &self.x * &other.y;
        let two = &self.y * &other.x;
        let both = &one * &two * D;
        let square = (&self.x + &self.y) * (&other.x + &other.y);
        let (above_x, below_x) = (&one + &two, &both + Fr::ONE);
        let (above_y, below_y) = (&square - &above_x, FpVar::one() - &both);
        let x = FpVar::new_witness(wires.clone(), || Ok(quotient(above_x.value()?, below_x.value()?)))?;
        x.mul_equals(&below_x, &above_x)?;
        let y = FpVar::new_witness(wires.clone(), || Ok(quotient(above_y.value()?, below_y.value()?)))?;
        y.mul_equals(&below_y, &above_y)?;
        Ok(Self { x, y })
    }
}

/// `Σ digit · 8ʷ · G`.
///
/// Before window `w` the sum is `kG` with `|k| ≤ 7·(8ʷ − 1)/7 < 8ʷ`, and the window's point is `jG` with
/// `8ʷ ≤ |j| ≤ 7·8ʷ`. So `0 < |k ± j| < 8ʷ⁺¹`, which up to window 82 is below the order of the group: the points are
/// neither equal nor opposite. The last window could reach the order, so it is added completely.
pub(crate) fn multiply_base(wires: &Wires, digits: &[Digit; WINDOWS]) -> Result<Edwards, SynthesisError> {
    let mut sum: Option<Montgomery> = None;
    let mut last = None;
    for (window, (points, digit)) in TABLE.iter().zip(digits).enumerate() {
        let [low, high] = bits::allocate(wires, digit.magnitude)?;
        let both = &low * &high;
        let pick = |values: [Fr; 4]| {
            let [a, b, c, d] = values;
            &low * (b - a) + &high * (c - a) + &both * (d - c - b + a) + a
        };
        // One of the four, or its opposite: the root of the chosen square, of which there are two.
        let signed = |values: [Fr; 4]| {
            let square = pick(values.map(|value| value * value));
            let [low, high] = digit.magnitude.map(usize::from);
            let value = values.get(low + 2 * high).copied().unwrap_or_default();
            let root = FpVar::new_witness(wires.clone(), || Ok(if digit.positive { value } else { -value }))?;
            root.mul_equals(&root, &square)?;
            Ok::<_, SynthesisError>(root)
        };
        if window + 1 == WINDOWS {
            let x = signed(points.map(|point| point.x))?;
            last = Some(Edwards { x, y: pick(points.map(|point| point.y)) });
        } else {
            let places =
                points.map(|point| montgomery(&point).expect("multiples of the generator are proper"));
            let v = signed(places.map(|(_, v)| v))?;
            let point = Montgomery { u: pick(places.map(|(u, _)| u)), v };
            sum = Some(match sum {
                None => point,
                Some(sum) => sum.add(wires, &point)?,
            });
        }
    }
    let (sum, last) = sum.zip(last).ok_or(SynthesisError::AssignmentMissing)?;
    sum.to_edwards(wires)?.add(wires, &last)
}
