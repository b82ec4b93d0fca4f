//! The accumulator of phase 1: powers of tau.
//!
//! ```text
//! τⁱ G₁  (i < 2n−1)    τⁱ G₂  (i < n)    α τⁱ G₁, β τⁱ G₁  (i < n)    β G₂
//! ```
//! **Checked.** The first points are `G₁`, `G₂`, `α G₁`, `β G₁`, with secrets that are those of the chain. In
//! each vector `P`, with random weights `ρ`: `e(Σ ρᵢPᵢ₊₁, G₂) = e(Σ ρᵢPᵢ, τ G₂)`, and alike for G2.
//!
//! **Why.** Let `dᵢ` be the discrete logarithm of `Pᵢ₊₁ − τ·Pᵢ`. The equation says `Σ ρᵢdᵢ = 0`; weights are
//! drawn after the points are known, so if some `dᵢ ≠ 0` that happens once in 2²⁵⁵. If all are zero, each point
//! is determined by the first and `τ`.

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr as _;
use ark_ff::{One as _, UniformRand as _};
use rand::{CryptoRng, RngCore};

use crate::chain::{Chain, Public, Secret};
use crate::codec::{Reader, write, write_all};
use crate::curve::{Curve, multiply, same_ratio, series, sum};
use crate::error::{CeremonyError, Culprit, MalformedError};
use crate::progress::{Meter, Progress, Step};

/// Largest logarithm of a domain's size.
pub const MAX_K: u32 = 16;

/// Powers of tau.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Powers {
    pub(crate) k: u32,
    pub(crate) tau_g1: Vec<G1Affine>,
    pub(crate) tau_g2: Vec<G2Affine>,
    pub(crate) alpha_g1: Vec<G1Affine>,
    pub(crate) beta_g1: Vec<G1Affine>,
    pub(crate) beta_g2: G2Affine,
}

impl Powers {
    /// For `τ = α = β = 1`.
    pub(crate) fn new(k: u32) -> Self {
        let (n, g1, g2) = (1 << k, G1Affine::generator(), G2Affine::generator());
        Self {
            k,
            tau_g1: vec![g1; 2 * n - 1],
            tau_g2: vec![g2; n],
            alpha_g1: vec![g1; n],
            beta_g1: vec![g1; n],
            beta_g2: g2,
        }
    }

    /// Points in all vectors of a domain of 2^k.
    fn points(k: u32) -> usize {
        5 * (1 << k) - 1
    }

    /// Bytes of [`Powers::write`].
    pub(crate) fn bytes(k: u32) -> usize {
        let n = 1 << k;
        (4 * n - 1) * G1Projective::BYTES + (n + 1) * G2Projective::BYTES
    }

    /// The powers for `τ·tau`, `α·alpha`, `β·beta`.
    pub(crate) fn times(&self, tau: Fr, alpha: Fr, beta: Fr, progress: &mut Progress<'_>) -> Self {
        let mut meter = Meter::new(Step::Multiply, Self::points(self.k), progress);
        Self {
            k: self.k,
            tau_g1: multiply::<G1Projective>(&self.tau_g1, series(Fr::one(), tau), &mut meter),
            tau_g2: multiply::<G2Projective>(&self.tau_g2, series(Fr::one(), tau), &mut meter),
            alpha_g1: multiply::<G1Projective>(&self.alpha_g1, series(alpha, tau), &mut meter),
            beta_g1: multiply::<G1Projective>(&self.beta_g1, series(beta, tau), &mut meter),
            beta_g2: G2Projective::from(self.beta_g2).times(beta).into(),
        }
    }

    /// The secrets, as they stand here.
    fn publics(&self) -> Option<[(Secret, Public); 3]> {
        let tau = Public { g1: *self.tau_g1.get(1)?, g2: Some(*self.tau_g2.get(1)?) };
        let alpha = Public { g1: *self.alpha_g1.first()?, g2: None };
        let beta = Public { g1: *self.beta_g1.first()?, g2: Some(self.beta_g2) };
        Some([(Secret::Tau, tau), (Secret::Alpha, alpha), (Secret::Beta, beta)])
    }

    /// Checks that these are the powers of a chain that has been checked.
    pub(crate) fn verify<R: RngCore + CryptoRng>(
        &self,
        chain: &Chain,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<(), CeremonyError> {
        let by = || chain.culprit();
        let publics = self.publics().expect("there because a domain has at least two points");
        for ((secret, here), last) in publics.iter().zip(chain.last()) {
            if *here != last {
                return Err(CeremonyError::LastValues { by: by(), secret: *secret });
            }
        }
        let [(_, tau), ..] = publics;
        let generators = (G1Affine::generator(), G2Affine::generator());
        let weights: Vec<Fr> = (1..self.tau_g1.len()).map(|_| Fr::rand(rng)).collect();
        let mut meter = Meter::new(Step::Check, 4, progress);
        let mut check = |holds: bool, error: fn(Culprit) -> CeremonyError| {
            meter.add(1);
            if holds { Ok(()) } else { Err(error(by())) }
        };

        let rises = |powers: &[G1Affine]| {
            let (low, high) = neighbours::<G1Projective>(powers, &weights);
            same_ratio((high.into(), low.into()), (tau.in_g2(), generators.1))
        };
        let starts = self.tau_g1.first() == Some(&generators.0);
        check(starts && rises(&self.tau_g1), CeremonyError::TauG1Powers)?;
        let starts = self.tau_g2.first() == Some(&generators.1);
        let (low, high) = neighbours::<G2Projective>(&self.tau_g2, &weights);
        let rises_in_g2 = same_ratio((tau.g1, generators.0), (high.into(), low.into()));
        check(starts && rises_in_g2, CeremonyError::TauG2Powers)?;
        check(rises(&self.alpha_g1), CeremonyError::AlphaPowers)?;
        check(rises(&self.beta_g1), CeremonyError::BetaPowers)
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_all(bytes, &self.tau_g1);
        write_all(bytes, &self.tau_g2);
        write_all(bytes, &self.alpha_g1);
        write_all(bytes, &self.beta_g1);
        write(bytes, &self.beta_g2);
    }

    pub(crate) fn read(
        k: u32,
        reader: &mut Reader<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, MalformedError> {
        let n = 1 << k;
        let mut meter = Meter::new(Step::Read, Self::points(k), progress);
        Ok(Self {
            k,
            tau_g1: reader.points::<G1Projective>(2 * n - 1, false, &mut meter)?,
            tau_g2: reader.points::<G2Projective>(n, false, &mut meter)?,
            alpha_g1: reader.points::<G1Projective>(n, false, &mut meter)?,
            beta_g1: reader.points::<G1Projective>(n, false, &mut meter)?,
            beta_g2: reader.nonzero::<G2Projective>()?,
        })
    }
}

/// `Σ ρᵢPᵢ` and `Σ ρᵢPᵢ₊₁`.
fn neighbours<C: Curve>(points: &[C::Affine], weights: &[Fr]) -> (C, C) {
    let (Some((_, low)), Some((_, high))) = (points.split_last(), points.split_first()) else {
        return (C::zero(), C::zero());
    };
    let weights: Vec<Fr> = weights.iter().take(low.len()).copied().collect();
    (sum(low, &weights), sum(high, &weights))
}
