//! The Causeway credential as it travels from issuer to holder: what the circuit reads and the other formats do not say.
//!
//! Its attributes are the claims of the formats beside it, by the slots of their schema, so they are not sent again. It
//! is bound to a key of the holder, `Poseidon(secret, salt)`, with a proof that somebody knows the two: the claim code is
//! in the proof's context, so it serves once and for this issuer.

use did_registry::{Claims, Did, PublicKey, Schema, SigningKey, digest, label};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use zk_policy::{
    Credential, CredentialSignature, Element, Handle, HolderCircuit, HolderSecret, PROOF_BYTES, Proof,
    ProvingKey, Times, VerifyingKey, prove_possession, verify_possession,
};

use super::slots::{attributes, schema_element};
use crate::{Finding, Reason};

/// A holder key and the proof that its owner asks this issuer, with this code, for a credential bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderKeyProof {
    /// The key: 32 bytes in hexadecimal.
    pub key: String,
    /// The proof: 192 bytes in hexadecimal.
    pub proof: String,
}

fn context(receiver: &Did, code: &str) -> Element {
    let receiver = receiver.to_string();
    let parts: [&[u8]; 2] = [receiver.as_bytes(), code.as_bytes()];
    Element::digest(label::ZK_POSSESSION, digest(label::ZK_POSSESSION, &parts).as_bytes())
}

impl HolderKeyProof {
    /// Proves to `receiver` that `secret` is known, with a claim code.
    pub fn prove<R: RngCore + CryptoRng>(
        key: &ProvingKey<HolderCircuit>,
        secret: &HolderSecret,
        receiver: &Did,
        code: &str,
        rng: &mut R,
    ) -> Self {
        let proof = prove_possession(key, secret, context(receiver, code), rng);
        Self { key: hex::encode(secret.holder_key().to_bytes()), proof: hex::encode(proof.to_bytes()) }
    }

    /// The holder key, if the proof holds.
    ///
    /// # Errors
    /// `HOLDER_MISMATCH`.
    pub fn verify(
        &self,
        key: &VerifyingKey<HolderCircuit>,
        receiver: &Did,
        code: &str,
    ) -> Result<Element, Finding> {
        let refuse = || {
            let detail = "whoever asks for a Causeway credential proves the secret behind its holder key";
            Finding::new(Reason::HolderMismatch, detail)
        };
        let holder = Element::from_bytes(&bytes(&self.key).ok_or_else(refuse)?).map_err(|_| refuse())?;
        let proof = Proof::from_bytes(&bytes::<PROOF_BYTES>(&self.proof).ok_or_else(refuse)?);
        let proof = proof.map_err(|_| refuse())?;
        let holds = verify_possession(key, holder, context(receiver, code), &proof);
        if holds { Ok(holder) } else { Err(refuse()) }
    }
}

/// A Causeway credential without its claims.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausewayCredential {
    /// URL of the issuer's key in its document.
    pub key_id: String,
    /// Its place in the issuer's status tree.
    pub handle: u32,
    /// Day of issue, counted from 1970-01-01.
    pub issued: u32,
    /// The last day on which it counts.
    pub expires: u32,
    /// 64 bytes in hexadecimal over claims, schema, holder key, handle and days.
    pub signature: String,
}

impl CausewayCredential {
    /// Signs claims for the holder of a key that was proved; `None` unless `key` is of Jubjub.
    pub fn issue<R: RngCore + CryptoRng>(
        (key_id, key): (&str, &SigningKey),
        (schema, claims): (&Schema, &Claims),
        holder: Element,
        (handle, times): (Handle, Times),
        rng: &mut R,
    ) -> Option<Self> {
        let slots = attributes(schema, claims);
        let schema = schema_element(&schema.id());
        let credential = Credential::issue(key.jubjub()?, schema, &slots, holder, (handle, times), rng);
        Some(Self {
            key_id: key_id.to_owned(),
            handle: handle.number(),
            issued: times.issued,
            expires: times.expires,
            signature: hex::encode(credential.signature().to_bytes()),
        })
    }

    /// The credential over these claims, if `issuer` signed it for the holder of `secret`.
    ///
    /// # Errors
    /// `BAD_SIGNATURE`; `BAD_ENCODING` for parts that are none.
    pub fn open(
        &self,
        issuer: &PublicKey,
        (schema, claims): (&Schema, &Claims),
        secret: &HolderSecret,
    ) -> Result<Credential, Finding> {
        let malformed = |what| Finding::new(Reason::BadEncoding, what);
        let issuer = issuer.jubjub().ok_or_else(|| {
            Finding::new(Reason::WrongKeyUse, "a Causeway credential is signed by a Jubjub key")
        })?;
        let handle = Handle::new(self.handle).ok_or_else(|| malformed("a handle is a place in the tree"))?;
        let signature = bytes(&self.signature).and_then(|bytes| CredentialSignature::from_bytes(&bytes).ok());
        let signature = signature.ok_or_else(|| malformed("a signature is 64 bytes in hexadecimal"))?;
        let times = Times { issued: self.issued, expires: self.expires };
        let slots = attributes(schema, claims);
        let (schema, holder) = (schema_element(&schema.id()), secret.holder_key());
        Credential::assemble(issuer, schema, &slots, holder, (handle, times), signature).ok_or_else(|| {
            Finding::new(Reason::BadSignature, "the Causeway credential is signed over the same claims")
        })
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}
