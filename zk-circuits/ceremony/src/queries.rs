//! The accumulator of phase 2: what Groth16's prover multiplies its values with.
//!
//! ```text
//! a       Aⱼ(τ) G₁                         every variable j
//! b_g1    Bⱼ(τ) G₁       b_g2  Bⱼ(τ) G₂    every variable j
//! inputs  (β Aⱼ + α Bⱼ + Cⱼ)(τ) G₁         inputs j            over γ = 1
//! l       (β Aⱼ + α Bⱼ + Cⱼ)(τ) G₁ / δ     witnesses j
//! h       τⁱ (τⁿ − 1) G₁ / δ               i < n − 1
//! ```
//! All follow from phase 1 and the circuit, but for `δ`, which starts at one.

mod check;

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup as _;

use crate::circuit::{Circuit, Sizes};
use crate::codec::{Reader, write_all};
use crate::curve::{Curve, combine, lagrange, multiply};
use crate::error::MalformedError;
use crate::powers::Powers;
use crate::progress::{Meter, Progress, Step};

/// The six queries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Queries {
    pub(crate) sizes: Sizes,
    pub(crate) a: Vec<G1Affine>,
    pub(crate) b_g1: Vec<G1Affine>,
    pub(crate) b_g2: Vec<G2Affine>,
    pub(crate) inputs: Vec<G1Affine>,
    pub(crate) h: Vec<G1Affine>,
    pub(crate) l: Vec<G1Affine>,
}

/// The first `count` powers.
pub(crate) fn first<P>(powers: &[P], count: usize) -> &[P] {
    powers.get(..count).expect("there because phase 1 is at least as large as the circuit")
}

impl Queries {
    /// For `δ = 1`, from powers that reach.
    pub(crate) fn new(powers: &Powers, circuit: &Circuit<'_>, progress: &mut Progress<'_>) -> Self {
        let (sizes, domain, n) = (circuit.sizes(), circuit.domain(), circuit.sizes().rows());
        let tau = lagrange::<G1Projective>(first(&powers.tau_g1, n), domain, progress);
        let tau_g2 = lagrange::<G2Projective>(first(&powers.tau_g2, n), domain, progress);
        let alpha = lagrange::<G1Projective>(first(&powers.alpha_g1, n), domain, progress);
        let beta = lagrange::<G1Projective>(first(&powers.beta_g1, n), domain, progress);

        let [a, b, c] = circuit.columns();
        let mut meter = Meter::new(Step::Combine, sizes.variables(), progress);
        let (mut all_a, mut all_b, mut all_b_g2, mut all_sums) = (vec![], vec![], vec![], vec![]);
        for ((a, b), c) in a.iter().zip(&b).zip(&c) {
            all_a.push(combine::<G1Projective>(a, &tau));
            all_b.push(combine::<G1Projective>(b, &tau));
            all_b_g2.push(combine::<G2Projective>(b, &tau_g2));
            let [a, b, c] = [(a, &beta), (b, &alpha), (c, &tau)]
                .map(|(terms, points)| combine::<G1Projective>(terms, points));
            all_sums.push(a + b + c);
            meter.add(1);
        }
        let mut inputs = G1Projective::normalize_batch(&all_sums);
        let l = inputs.split_off(sizes.inputs);
        let (low, high) = (first(&powers.tau_g1, n - 1), powers.tau_g1.iter().skip(n));
        let h: Vec<G1Projective> = high.zip(low).map(|(high, low)| *high - low).collect();
        Self {
            sizes,
            a: G1Projective::normalize_batch(&all_a),
            b_g1: G1Projective::normalize_batch(&all_b),
            b_g2: G2Projective::normalize_batch(&all_b_g2),
            inputs,
            h: G1Projective::normalize_batch(&h),
            l,
        }
    }

    /// The queries for `δ / by`.
    pub(crate) fn times(&self, by: Fr, progress: &mut Progress<'_>) -> Self {
        let mut meter = Meter::new(Step::Multiply, self.h.len() + self.l.len(), progress);
        let h = multiply::<G1Projective>(&self.h, std::iter::repeat(by), &mut meter);
        let l = multiply::<G1Projective>(&self.l, std::iter::repeat(by), &mut meter);
        Self { h, l, ..self.clone() }
    }

    /// Points in G1, and in G2.
    fn points(sizes: Sizes) -> (usize, usize) {
        (3 * sizes.variables() + sizes.rows() - 1, sizes.variables())
    }

    /// Bytes of [`Queries::write`].
    pub(crate) fn bytes(sizes: Sizes) -> usize {
        let (g1, g2) = Self::points(sizes);
        g1 * G1Projective::BYTES + g2 * G2Projective::BYTES
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_all(bytes, &self.inputs);
        write_all(bytes, &self.a);
        write_all(bytes, &self.b_g1);
        write_all(bytes, &self.b_g2);
        write_all(bytes, &self.h);
        write_all(bytes, &self.l);
    }

    /// The identity stands where a variable is in no row of a matrix; among inputs and in `h` it does not.
    pub(crate) fn read(
        sizes: Sizes,
        reader: &mut Reader<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, MalformedError> {
        let (g1, g2) = Self::points(sizes);
        let mut meter = Meter::new(Step::Read, g1 + g2, progress);
        Ok(Self {
            sizes,
            inputs: reader.points::<G1Projective>(sizes.inputs, false, &mut meter)?,
            a: reader.points::<G1Projective>(sizes.variables(), true, &mut meter)?,
            b_g1: reader.points::<G1Projective>(sizes.variables(), true, &mut meter)?,
            b_g2: reader.points::<G2Projective>(sizes.variables(), true, &mut meter)?,
            h: reader.points::<G1Projective>(sizes.rows() - 1, false, &mut meter)?,
            l: reader.points::<G1Projective>(sizes.witnesses, true, &mut meter)?,
        })
    }
}
