//! Elements of the circuit's field, as everything outside this crate sees them.

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, PrimeField as _};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use sha2::{Digest as _, Sha512};

use crate::MalformedError;

/// An element of the scalar field of BLS12-381: a number below a prime of 255 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Element(pub(crate) Fr);

impl Element {
    /// Reads the 32 bytes of [`Element::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Element`] if the number is not below the field's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, MalformedError> {
        Fr::deserialize_compressed(bytes.as_slice()).map(Self).map_err(|_| MalformedError::Element)
    }

    /// The number, little-endian.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.serialize_compressed(bytes.as_mut_slice()).expect("fits because an element has 32 bytes");
        bytes
    }

    /// What stands for `bytes` where only elements can: their SHA-512 under `label`, reduced. Two inputs with one
    /// element are as hard to find as for a hash of 255 bits.
    pub fn digest(label: &str, bytes: &[u8]) -> Self {
        let length = (label.len() as u64).to_be_bytes();
        let hash = Sha512::new().chain_update(length).chain_update(label).chain_update(bytes).finalize();
        Self(Fr::from_le_bytes_mod_order(&hash))
    }

    /// The number, if it is below 2⁶⁴.
    pub fn to_u64(&self) -> Option<u64> {
        let [low, rest @ ..] = self.0.into_bigint().0;
        (rest == [0; 3]).then_some(low)
    }
}

impl From<u64> for Element {
    fn from(number: u64) -> Self {
        Self(Fr::from(number))
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.into_bigint().to_bytes_be() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
