//! The conversations between holder, issuer and verifier: one type a step, as JSON.
//!
//! Claim: the agency gives a person a one-time code; the wallet redeems it with proofs that it holds the
//! keys the credentials will be bound to. Apply: the wallet asks for a challenge and answers with a
//! presentation, the holder's consent and the anchor receipt; it gets a verdict and perhaps a pass.

use did_registry::{Did, Digest, PublicKey, Signature, SigningKey, digest, label};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::consent::SignedConsent;
use crate::facts::Ages;
use crate::verdict::{Finding, Overall, Verdict};
use crate::zk::{CausewayCredential, HolderKeyProof};
use crate::{Policy, Reason};

/// A key and the proof that its owner asks this issuer, with this code, for a credential bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Possession {
    /// The holder's fresh key.
    pub key: PublicKey,
    /// 64 bytes in hexadecimal over receiver and context.
    pub signature: String,
}

impl Possession {
    /// Proves possession to `receiver` within `context` (a claim code or a challenge).
    pub fn prove(key: &SigningKey, receiver: &Did, context: &str) -> Self {
        let signature = key.sign(&message(&key.public_key(), receiver, context));
        Self { key: key.public_key(), signature: hex::encode(signature.as_bytes()) }
    }

    /// Verifies the proof.
    ///
    /// # Errors
    /// `HOLDER_MISMATCH`.
    pub fn verify(&self, receiver: &Did, context: &str) -> Result<(), Finding> {
        let refuse = || Finding::new(Reason::HolderMismatch, "the key's owner asks for this credential");
        let bytes = hex::decode(&self.signature).map_err(|_| refuse())?;
        let signature = Signature::try_from(bytes.as_slice()).map_err(|_| refuse())?;
        self.key.verify_jose(&message(&self.key, receiver, context), &signature).map_err(|_| refuse())
    }
}

fn message(key: &PublicKey, receiver: &Did, context: &str) -> [u8; 32] {
    let (key, receiver) = (key.to_multibase(), receiver.to_string());
    *digest(label::POSSESSION, &[key.as_bytes(), receiver.as_bytes(), context.as_bytes()]).as_bytes()
}

/// Redeems a claim code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The one-time code the agency gave to the person.
    pub code: String,
    /// The key (P-256 or Ed25519) that both formats are bound to.
    pub holder: Possession,
    /// The key that a Causeway credential is bound to, if one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causeway: Option<HolderKeyProof>,
}

/// One credential in its formats, over the same claims.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The issuer's name for it; unlinkable to the record.
    pub id: Digest,
    /// SD-JWT VC with all disclosures.
    pub sd_jwt: String,
    /// The W3C credential under `eddsa-jcs-2022`.
    pub data_integrity: Map<String, Value>,
    /// What is proved from, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causeway: Option<CausewayCredential>,
}

/// A challenge for one presentation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeResponse {
    /// The verifier's identifier, to be signed as audience.
    pub audience: Did,
    /// To be signed; good once, for a few minutes.
    pub nonce: String,
    /// The rule that will be applied; the wallet checks that it is anchored.
    pub policy: Policy,
}

/// Asks for a pass on the strength of another jurisdiction's credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassRequest {
    /// SD-JWT VC presentation answering the challenge.
    pub presentation: String,
    /// What the holder agreed to.
    pub consent: SignedConsent,
    /// That the credential was anchored: canonical bytes of the ledger's receipt, base64url.
    pub anchor: String,
    /// The key the pass will be bound to (Ed25519), in the context of the challenge.
    pub holder: Possession,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PassResponse {
    /// In one word.
    pub overall: Overall,
    /// Part by part.
    pub verdict: Verdict,
    /// How old keys, rules and status were.
    pub ages: Option<Ages>,
    /// The pass and its identifier, if accepted.
    pub pass: Option<Pass>,
}

/// A pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// The issuer's name for it.
    pub id: Digest,
    /// The W3C credential under `eddsa-jcs-2022`.
    pub credential: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use did_registry::{Genesis, NetworkId, Suite};
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn possession_is_proved_to_one_receiver_in_one_context() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(4);
        let mut did = || {
            let control = SigningKey::generate(Suite::Ed25519, &mut rng).public_key();
            let next = control.commitment();
            Genesis::new(NetworkId::new("demo").unwrap(), control, next).did()
        };
        let (ours, theirs) = (did(), did());
        let key = SigningKey::generate(Suite::P256, &mut rng);
        let proof = Possession::prove(&key, &ours, "code");
        proof.verify(&ours, "code").expect("as proved");
        assert!(proof.verify(&theirs, "code").is_err());
        assert!(proof.verify(&ours, "other code").is_err());
        let stolen = Possession { key: SigningKey::generate(Suite::P256, &mut rng).public_key(), ..proof };
        assert!(stolen.verify(&ours, "code").is_err());
    }
}
