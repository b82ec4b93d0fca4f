//! The proof of knowledge of a contribution's factors, and the check of one link.

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::Zero as _;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{Contribution, Phase, Public};
use crate::codec::{Reader, SCALAR, write};
use crate::curve::{Curve as _, same_ratio};
use crate::error::{CeremonyError, Culprit, MalformedError};
use crate::factors::nonzero;
use crate::hash::challenge;
use crate::label;

/// Bytes of an opening.
pub(super) const OPENING_BYTES: usize = 48 + SCALAR;

/// The proof for one secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Opening {
    /// `K = k · before`.
    pub(crate) commitment: G1Affine,
    /// `s = k + c·x`.
    pub(crate) answer: Fr,
}

impl Opening {
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        write(bytes, &self.commitment);
        write(bytes, &self.answer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, MalformedError> {
        Ok(Self { commitment: reader.nonzero::<G1Projective>()?, answer: reader.scalar()? })
    }
}

impl Contribution {
    /// `c`, under the hash of everything before.
    fn challenge(&self, hash: &[u8; 32]) -> Fr {
        let mut commitments = Vec::new();
        for opening in &self.proof {
            write(&mut commitments, &opening.commitment);
        }
        challenge(label::CHALLENGE, &[hash, &self.claim(), &commitments])
    }

    /// Makes the proof, for a contribution that has its name and values.
    pub(crate) fn prove<R: RngCore + CryptoRng>(
        &mut self,
        hash: &[u8; 32],
        before: &[Public],
        factors: &[Fr],
        rng: &mut R,
    ) {
        let mut nonces = Zeroizing::new(Vec::with_capacity(before.len()));
        for public in before {
            let nonce = nonzero(rng);
            let commitment = G1Projective::from(public.g1).times(*nonce).into();
            self.proof.push(Opening { commitment, answer: Fr::zero() });
            nonces.push(*nonce);
        }
        let challenge = self.challenge(hash);
        for ((opening, nonce), factor) in self.proof.iter_mut().zip(nonces.iter()).zip(factors) {
            opening.answer = *nonce + challenge * factor;
        }
    }

    pub(super) fn verify(
        &self,
        hash: &[u8; 32],
        before: &[Public],
        phase: Phase,
        by: &Culprit,
    ) -> Result<(), CeremonyError> {
        let challenge = self.challenge(hash);
        for (((secret, before), after), opening) in
            phase.secrets().iter().zip(before).zip(&self.after).zip(&self.proof)
        {
            let (by, secret) = (by.clone(), *secret);
            if after.g1.is_zero() || after.g2.is_some_and(|point| point.is_zero()) {
                return Err(CeremonyError::ZeroFactor { by, secret });
            }
            let shown = opening.commitment + after.g1 * challenge;
            if before.g1 * opening.answer != shown {
                return Err(CeremonyError::FalseProof { by, secret });
            }
            let same = |point: G2Affine| {
                same_ratio((after.g1, G1Affine::generator()), (point, G2Affine::generator()))
            };
            if !after.g2.is_none_or(same) {
                return Err(CeremonyError::GroupsDiffer { by, secret });
            }
        }
        Ok(())
    }
}
