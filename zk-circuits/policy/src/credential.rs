//! The credential that the circuit reads: sixteen elements, signed, bound to a secret of its holder.

use ark_bls12_381::Fr;
use ark_ff::UniformRand as _;
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize as _, Zeroizing};

use crate::MalformedError;
use crate::element::Element;
use crate::poseidon::HOLDER;
use crate::signature::{CredentialSignature, IssuerKey, IssuerPublicKey, Message};
use crate::status::Handle;

/// Attributes of a credential.
pub const SLOTS: usize = 16;
/// Bits of a day's number.
pub(crate) const DAY: usize = 32;

/// A holder's secret, which makes nullifiers, and a salt, which keeps the keys of two credentials apart. Wiped on
/// drop; prints nothing.
pub struct HolderSecret {
    secret: Fr,
    salt: Fr,
}

impl HolderSecret {
    /// A fresh secret with a fresh salt.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        Self { secret: Fr::rand(rng), salt: Fr::rand(rng) }
    }

    /// The same secret with a fresh salt: for the holder's next credential.
    pub fn for_next<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Self {
        Self { secret: self.secret, salt: Fr::rand(rng) }
    }

    /// What a credential is bound to. Two keys of one holder have nothing in common that shows.
    pub fn holder_key(&self) -> Element {
        Element(self.key())
    }

    /// Secret and salt, 32 bytes each, for whoever stores them where only the holder reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 64]> {
        let mut bytes = Zeroizing::new([0; 64]);
        let (secret, salt) = bytes.split_at_mut(32);
        secret.copy_from_slice(&Element(self.secret).to_bytes());
        salt.copy_from_slice(&Element(self.salt).to_bytes());
        bytes
    }

    /// Reads the bytes of [`HolderSecret::to_bytes`].
    ///
    /// # Errors
    /// [`MalformedError::Element`].
    pub fn from_bytes(bytes: &[u8; 64]) -> Result<Self, MalformedError> {
        let (secret, salt) = bytes.split_at(32);
        let element = |half: &[u8]| {
            let half = half.try_into().map_err(|_| MalformedError::Element)?;
            Element::from_bytes(half).map(|element| element.0)
        };
        Ok(Self { secret: element(secret)?, salt: element(salt)? })
    }

    pub(crate) fn key(&self) -> Fr {
        HOLDER.of(&[self.secret, self.salt])
    }

    pub(crate) fn secret(&self) -> Fr {
        self.secret
    }

    pub(crate) fn salt(&self) -> Fr {
        self.salt
    }
}

impl Drop for HolderSecret {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.salt.zeroize();
    }
}

impl std::fmt::Debug for HolderSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HolderSecret(…)")
    }
}

/// When a credential was issued and until when it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Day of issue, counted from 1970-01-01.
    pub issued: u32,
    /// The last day on which it counts.
    pub expires: u32,
}

/// A signed credential. Its attributes are claims: it prints none of them, and they are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    pub(crate) schema: Element,
    pub(crate) attributes: [Fr; SLOTS],
    pub(crate) holder: Fr,
    pub(crate) handle: Handle,
    pub(crate) times: Times,
    pub(crate) issuer: IssuerPublicKey,
    pub(crate) signature: CredentialSignature,
}

impl Credential {
    /// Signs `attributes` for whoever knows the secret behind `holder`.
    pub fn issue<R: RngCore + CryptoRng>(
        key: &IssuerKey,
        schema: Element,
        attributes: &[Element; SLOTS],
        holder: Element,
        (handle, times): (Handle, Times),
        rng: &mut R,
    ) -> Self {
        let attributes = attributes.map(|attribute| attribute.0);
        let message = message(schema, &attributes, holder.0, handle, times);
        let signature = key.sign(&message, rng);
        Self { schema, attributes, holder: holder.0, handle, times, issuer: key.public_key(), signature }
    }

    /// Puts together what an issuer signed and sent in parts; `None` unless its signature holds.
    pub fn assemble(
        issuer: IssuerPublicKey,
        schema: Element,
        attributes: &[Element; SLOTS],
        holder: Element,
        (handle, times): (Handle, Times),
        signature: CredentialSignature,
    ) -> Option<Self> {
        let attributes = attributes.map(|attribute| attribute.0);
        let whole = Self { schema, attributes, holder: holder.0, handle, times, issuer, signature };
        whole.verify().then_some(whole)
    }

    /// Whether the issuer that it names signed it: what a holder checks on receipt.
    pub fn verify(&self) -> bool {
        self.is_signed_by(&self.issuer)
    }

    pub(crate) fn is_signed_by(&self, issuer: &IssuerPublicKey) -> bool {
        self.signature.verify(issuer, &self.message())
    }

    pub(crate) fn message(&self) -> Message<Fr> {
        message(self.schema, &self.attributes, self.holder, self.handle, self.times)
    }

    /// What its issuer signed it with.
    pub fn signature(&self) -> &CredentialSignature {
        &self.signature
    }

    /// Its issuer.
    pub fn issuer(&self) -> &IssuerPublicKey {
        &self.issuer
    }

    /// Its place in the issuer's status list.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// When it was issued and until when it counts.
    pub fn times(&self) -> Times {
        self.times
    }
}

fn message(
    schema: Element,
    attributes: &[Fr; SLOTS],
    holder: Fr,
    handle: Handle,
    times: Times,
) -> Message<Fr> {
    Message {
        holder,
        handle: handle.number().into(),
        issued: times.issued.into(),
        expires: times.expires.into(),
        schema: schema.0,
        attributes: *attributes,
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.attributes.zeroize();
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential(schema {:?}, …)", self.schema)
    }
}
