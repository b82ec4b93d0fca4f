//! The issuer's signature on a credential: Schnorr on Jubjub with a Poseidon challenge.
//!
//! ```text
//! key        a ∈ ℤᵣ secret, A = aG public
//! sign       R = kG,  c = low 128 bits of Poseidon(R, A, credential),  e = 2c + 2¹²⁸ + 1,  s = k + e·a
//! verify     sG = R + eA
//! ```
//! **Sound.** Two answers to one `R` with `c ≠ c'` give `a = (s − s')/2(c − c')`, so whoever answers two challenges knows
//! the key; the challenge covers `R`, the key and every signed value. In the generic group model with a random oracle a
//! challenge of 128 bits costs nothing but those bits, for many keys too: Blocki, Lee, *On the multi-user security of
//! short Schnorr signatures*, EUROCRYPT 2022. With a group of 2²⁵² elements that is about 126 bits. An issuer itself can
//! find two credentials under one signature with 2⁶⁴ steps: that deceives nobody but an auditor of its own. `e` only
//! renames `c`, so that the circuit's additions never meet equal points.
//!
//! **In the circuit** the low bits are split off as `h = c + 2¹²⁸·t` with `t < 2¹²⁷`, which holds for `h` and, where it
//! is below 2²⁵⁵, for `h` plus the field's order. A forger has at most two challenges for one digest, which costs
//! one bit. `s` appears there only as digits, any of which
//! are some scalar: `Σ dᵢ8ⁱ` with odd `|dᵢ| ≤ 7`.

use ark_bls12_381::Fr;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ed_on_bls12_381::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
use ark_ff::{AdditiveGroup as _, BigInteger as _, Field as _, One as _, PrimeField as _, UniformRand as _};
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use rand::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use crate::MalformedError;
use crate::bits;
use crate::credential::SLOTS;
use crate::curve::{self, Digit, Edwards, Montgomery, WINDOWS};
use crate::poseidon::CHALLENGE;

/// Bits of a challenge.
pub(crate) const CHALLENGE_BITS: usize = 128;

/// What an issuer signs: everything that a credential says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message<T> {
    pub(crate) holder: T,
    pub(crate) handle: T,
    pub(crate) issued: T,
    pub(crate) expires: T,
    pub(crate) schema: T,
    pub(crate) attributes: [T; SLOTS],
}

impl<T> Message<T> {
    /// In the order in which they are hashed.
    fn into_parts(self) -> impl Iterator<Item = T> {
        let Self { holder, handle, issued, expires, schema, attributes } = self;
        [holder, handle, issued, expires, schema].into_iter().chain(attributes)
    }
}

/// An issuer's signing key. Wiped on drop; prints nothing.
pub struct IssuerKey(Scalar, IssuerPublicKey);

/// An issuer's public key: a point of prime order, not the identity. 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssuerPublicKey(EdwardsAffine);

/// A signature: 64 bytes, the commitment `R` and the response `s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CredentialSignature {
    pub(crate) commitment: EdwardsAffine,
    response: Scalar,
}

impl IssuerKey {
    /// A fresh key.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        loop {
            let secret = Scalar::rand(rng);
            if secret != Scalar::ZERO {
                return Self::new(secret);
            }
        }
    }

    fn new(secret: Scalar) -> Self {
        let key = Self(secret, IssuerPublicKey(EdwardsAffine::generator()));
        let public = IssuerPublicKey(multiply_secret(&secret, key.mask(&[])));
        Self(secret, public)
    }

    /// What nobody else can foresee, for [`multiply_secret`].
    fn mask(&self, message: &[u8]) -> u64 {
        let hash = Sha512::new().chain_update(b"causeway-zk/mask/1").chain_update(self.to_bytes().as_slice());
        let hash: [u8; 64] = hash.chain_update(message).finalize().into();
        hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// A key from the 32 bytes of [`IssuerKey::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Scalar`] if they are zero or not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, MalformedError> {
        match Scalar::deserialize_compressed(bytes.as_slice()) {
            Ok(secret) if secret != Scalar::ZERO => Ok(Self::new(secret)),
            _ => Err(MalformedError::Scalar),
        }
    }

    /// The secret bytes, little-endian, for whoever stores them encrypted.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.serialize_compressed(bytes.as_mut_slice()).expect("fits because a scalar has 32 bytes");
        bytes
    }

    /// The public half.
    pub fn public_key(&self) -> IssuerPublicKey {
        self.1
    }

    /// Signs. The nonce hashes the key, the message and fresh randomness, so that a broken generator alone does
    /// not repeat one.
    pub(crate) fn sign<R: RngCore + CryptoRng>(
        &self,
        message: &Message<Fr>,
        rng: &mut R,
    ) -> CredentialSignature {
        let mut fresh = [0u8; 64];
        rng.fill_bytes(&mut fresh);
        let mut hasher = Sha512::new();
        hasher.update(b"causeway-zk/nonce/1");
        hasher.update(self.to_bytes().as_slice());
        hasher.update(fresh);
        for part in message.clone().into_parts() {
            hasher.update(part.into_bigint().to_bytes_le());
        }
        let mut nonce = Scalar::from_le_bytes_mod_order(&hasher.finalize());
        let commitment = multiply_secret(&nonce, rng.next_u64());
        let response = nonce + multiplier(&challenge(&commitment, &self.public_key(), message)) * self.0;
        nonce.zeroize();
        fresh.zeroize();
        CredentialSignature { commitment, response }
    }

    /// Signs bytes, as keys of other suites do: `sG = R + eA` with `e` from SHA-512 under a label of its own. The two kinds
    /// of challenge are independent, so a signature of one kind helps to forge none of the other. Deterministic: the
    /// nonce follows from key and message, as in RFC 8032.
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        let nonce =
            Sha512::new().chain_update(b"causeway-zk/nonce/2").chain_update(self.to_bytes().as_slice());
        let mut nonce = Scalar::from_le_bytes_mod_order(&nonce.chain_update(message).finalize());
        let commitment = point_bytes(&multiply_secret(&nonce, self.mask(message)));
        let response = nonce + bytes_challenge(&commitment, &self.public_key(), message) * self.0;
        nonce.zeroize();
        let mut signature = [0; 64];
        let (first, second) = signature.split_at_mut(32);
        first.copy_from_slice(&commitment);
        response.serialize_compressed(second).expect("fits because a scalar has 32 bytes");
        signature
    }
}

fn bytes_challenge(commitment: &[u8; 32], key: &IssuerPublicKey, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(b"causeway-zk/bytes/1").chain_update(commitment);
    let hash = hash.chain_update(key.to_bytes()).chain_update(message).finalize();
    Scalar::from_le_bytes_mod_order(&hash)
}

impl Drop for IssuerKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IssuerKey(…)")
    }
}

impl IssuerPublicKey {
    /// Reads the 32 bytes of [`IssuerPublicKey::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Point`] for another encoding of a point, a point outside the group of prime order, or
    /// the identity.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, MalformedError> {
        let point = canonical_point(bytes).ok_or(MalformedError::Point)?;
        if curve::is_proper(&point) { Ok(Self(point)) } else { Err(MalformedError::Point) }
    }

    /// The compressed point.
    pub fn to_bytes(&self) -> [u8; 32] {
        point_bytes(&self.0)
    }

    /// Whether this key signed bytes. A signature has one form: its commitment is compared as it was spelt.
    pub fn verify_bytes(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let (commitment, response) = signature.split_at(32);
        let Ok(commitment) = <&[u8; 32]>::try_from(commitment) else { return false };
        let Ok(response) = Scalar::deserialize_compressed(response) else { return false };
        let challenge = bytes_challenge(commitment, self, message);
        let point = EdwardsAffine::generator() * response - self.0 * challenge;
        point_bytes(&point.into_affine()) == *commitment
    }

    /// Where it lies, as the circuit and the issuer set have it.
    pub(crate) fn coordinates(&self) -> (Fr, Fr) {
        curve::montgomery(&self.0).expect("there because the point is proper")
    }
}

impl CredentialSignature {
    /// Reads the 64 bytes of [`CredentialSignature::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Point`], [`MalformedError::Scalar`].
    pub fn from_bytes(bytes: &[u8; 64]) -> Result<Self, MalformedError> {
        let (commitment, response) = bytes.split_at(32);
        let commitment: &[u8; 32] = commitment.try_into().map_err(|_| MalformedError::Point)?;
        let commitment = canonical_point(commitment).filter(|point| point.is_on_curve());
        let commitment = commitment.ok_or(MalformedError::Point)?;
        let response = Scalar::deserialize_compressed(response).map_err(|_| MalformedError::Scalar)?;
        Ok(Self { commitment, response })
    }

    /// Commitment, then response.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let (commitment, response) = bytes.split_at_mut(32);
        commitment.copy_from_slice(&point_bytes(&self.commitment));
        self.response.serialize_compressed(response).expect("fits because a scalar has 32 bytes");
        bytes
    }

    /// Whether `issuer` signed `message`.
    pub(crate) fn verify(&self, issuer: &IssuerPublicKey, message: &Message<Fr>) -> bool {
        let factor = multiplier(&challenge(&self.commitment, issuer, message));
        let left = EdwardsAffine::generator() * self.response;
        left == issuer.0 * factor + EdwardsProjective::from(self.commitment)
    }

    /// The response in the digits that the circuit adds up.
    pub(crate) fn digits(&self) -> [Digit; WINDOWS] {
        // Σ (2eᵢ − 7)·8ⁱ = 2E − (2²⁵² − 1) for E = Σ eᵢ8ⁱ, so E = (s + 2²⁵² − 1)/2 in the group's order.
        let offset = Scalar::from(2u8).pow([252]) - Scalar::one();
        let halved = (self.response + offset) * Scalar::from(2u8).inverse().expect("2 is not 0");
        let bits = halved.into_bigint();
        std::array::from_fn(|window| {
            let bit = |index: usize| bits.get_bit(3 * window + index);
            // 2e − 7 is 2m + 1 for e = 4 + m and −(2m + 1) for e = 3 − m.
            let positive = bit(2);
            Digit { magnitude: [bit(0) == positive, bit(1) == positive], positive }
        })
    }
}

/// `kG` for a secret `k`, as `(k + ρr)G` with `r` the order of the group and a secret `ρ` of 64 bits, the highest set: the
/// multiplication takes a step for each bit, and of these its time tells nothing about `k`.
fn multiply_secret(scalar: &Scalar, mask: u64) -> EdwardsAffine {
    let mask = mask | 1 << 63;
    let (order, scalar) = (Scalar::MODULUS.0, scalar.into_bigint().0);
    let mut masked = Zeroizing::new([0u64; 5]);
    let mut carry = 0u128;
    for (index, limb) in masked.iter_mut().enumerate() {
        let part = |limbs: &[u64; 4]| u128::from(limbs.get(index).copied().unwrap_or(0));
        let sum = u128::from(mask) * part(&order) + part(&scalar) + carry;
        *limb = u64::try_from(sum & u128::from(u64::MAX)).expect("fits because it is masked");
        carry = sum >> 64;
    }
    EdwardsAffine::generator().mul_bigint(masked.as_slice()).into_affine()
}

fn canonical_point(bytes: &[u8; 32]) -> Option<EdwardsAffine> {
    let point = EdwardsAffine::deserialize_compressed_unchecked(bytes.as_slice()).ok()?;
    (point_bytes(&point) == *bytes).then_some(point)
}

fn point_bytes(point: &EdwardsAffine) -> [u8; 32] {
    let mut bytes = [0; 32];
    point.serialize_compressed(bytes.as_mut_slice()).expect("fits because a compressed point has 32 bytes");
    bytes
}

/// `c` as the low bits of the challenge's digest. Of `R` its `x` is hashed: the equation puts `R` into the group of odd
/// order, in which no two points share one.
pub(crate) fn challenge(commitment: &EdwardsAffine, issuer: &IssuerPublicKey, message: &Message<Fr>) -> u128 {
    let (u, v) = issuer.coordinates();
    let inputs: Vec<Fr> = [commitment.x, u, v].into_iter().chain(message.clone().into_parts()).collect();
    bits::low(&CHALLENGE.of(&inputs))
}

/// `e = 2c + 2¹²⁸ + 1`.
fn multiplier(challenge: &u128) -> Scalar {
    let power = Scalar::from(u128::MAX) + Scalar::one();
    Scalar::from(*challenge).double() + power + Scalar::one()
}

/// `sG = R + eA`, where `R` follows from the digits of `s` and `challenge`, and gives the challenge.
pub(crate) fn constrain(
    wires: &ConstraintSystemRef<Fr>,
    signature: &CredentialSignature,
    challenge: u128,
    issuer: &Montgomery,
    message: &Message<FpVar<Fr>>,
) -> Result<(), SynthesisError> {
    let base = curve::multiply_base(wires, &signature.digits())?;
    // e is in the statement before R is, and the digest ties the two: c is allocated, then held to it.
    let (multiple, low) = issuer.multiply(wires, challenge)?;
    let shift = multiple.negate()?.to_edwards(wires)?;
    let Edwards { x, .. } = base.add(wires, &shift)?;
    let inputs: Vec<FpVar<Fr>> =
        [x, issuer.u.clone(), issuer.v.clone()].into_iter().chain(message.clone().into_parts()).collect();
    bits::split_low(wires, &CHALLENGE.constrain(&inputs)?, &low, CHALLENGE_BITS)
}

#[cfg(test)]
mod tests;
