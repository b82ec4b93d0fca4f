//! What a contributor must forget.

use ark_bls12_381::Fr;
use ark_ff::{UniformRand as _, Zero as _};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::chain::Phase;

/// A contributor's factors, one for each secret of the phase: random, never zero, wiped when dropped.
pub(crate) struct Factors(Zeroizing<Vec<Fr>>);

impl Factors {
    pub(crate) fn random<R: RngCore + CryptoRng>(phase: Phase, rng: &mut R) -> Self {
        // Reserved first: a vector that grows would leave copies behind.
        let mut factors = Zeroizing::new(Vec::with_capacity(phase.secrets().len()));
        for _ in phase.secrets() {
            factors.push(*nonzero(rng));
        }
        Self(factors)
    }

    /// Factors that a test chooses, zero too.
    #[cfg(test)]
    pub(crate) fn chosen(factors: &[Fr]) -> Self {
        Self(Zeroizing::new(factors.to_vec()))
    }

    pub(crate) fn as_slice(&self) -> &[Fr] {
        &self.0
    }
}

/// A random scalar other than zero.
pub(crate) fn nonzero<R: RngCore + CryptoRng>(rng: &mut R) -> Zeroizing<Fr> {
    let mut scalar = Zeroizing::new(Fr::rand(rng));
    while scalar.is_zero() {
        *scalar = Fr::rand(rng);
    }
    scalar
}
