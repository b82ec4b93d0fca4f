//! What a holder shows at a gate: a proof made beforehand, bound to a key made for one show, and that key's signature on
//! the lane's challenge.
//!
//! ```text
//! scope    = H(verifier, gate or nothing, day)                 counts once there and then, links nothing elsewhere
//! context  = H(verifier, policy, epoch, day, one-time key)      in the proof: nobody else can use it
//! payload  = CBOR [1, policy, epoch, day, nonce, proof, nullifier, key, signature]
//! text     = "CW1:" base45(payload)                             alphanumeric in a QR code
//! ```
//! The proof is made at home, hours before; at the gate there is one signature to make. The signature covers everything
//! before it in the payload, and the gate's name, so what is shown serves there and once. The nonce is the lane's; on
//! paper there is none, and the nullifier alone keeps a page from being shown twice.
//!
//! Only nonce, proof, nullifier, key and signature differ between shows, and each is fresh: the nullifier in every
//! scope, the others in every show.

use ciborium::Value;
use did_registry::{Date, Did, Digest, PublicKey, Signature, SigningKey, Suite, digest, label};
use zk_policy::{Element, PROOF_BYTES, Proof};

use crate::dcc::base45;
use crate::policy::Scope;
use crate::{Finding, Reason, cbor};

/// Begins the text.
pub const SHOWN_PREFIX: &str = "CW1:";
/// Characters of the longest text accepted.
pub const SHOWN_LIMIT: usize = 1_000;
/// Bytes of the longest payload accepted.
const PAYLOAD: usize = 640;
const VERSION: u64 = 1;
/// Bytes of a lane's nonce.
pub const NONCE: usize = 16;

/// What a proof is made for: everything in it that the verifier knows beforehand, but the roots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occasion<'a> {
    /// Whose policy.
    pub verifier: &'a Did,
    /// The policy.
    pub policy: &'a Digest,
    /// The epoch of the issuer set that the proof is made under.
    pub epoch: u64,
    /// The day it is made for.
    pub day: Date,
}

impl Occasion<'_> {
    /// What the proof is bound to, besides the terms.
    pub fn context(&self, key: &PublicKey) -> Element {
        let Self { verifier, policy, epoch, day } = self;
        let verifier = verifier.to_string();
        let parts: [&[u8]; 5] = [
            verifier.as_bytes(),
            policy.as_bytes(),
            &epoch.to_le_bytes(),
            &day.days().to_le_bytes(),
            &key.to_bytes(),
        ];
        hashed(label::ZK_CONTEXT, &parts)
    }
}

/// The element of several parts under a label.
fn hashed(label: &str, parts: &[&[u8]]) -> Element {
    Element::digest(label, digest(label, parts).as_bytes())
}

/// Where and when a nullifier counts: at one gate of a verifier, or at all of them, on one day.
pub fn scope_at(verifier: &Did, scope: Scope, gate: &str, day: Date) -> Element {
    let verifier = verifier.to_string();
    // No gate has an empty name.
    let gate = match scope {
        Scope::GateAndDay => gate,
        Scope::Day => "",
    };
    let parts: [&[u8]; 3] = [verifier.as_bytes(), gate.as_bytes(), &day.days().to_le_bytes()];
    hashed(label::ZK_SCOPE, &parts)
}

/// What is shown, as it was read: nothing of it is verified but its form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The policy that it is shown under.
    pub policy: Digest,
    /// The epoch of the issuer set that the proof is made under.
    pub epoch: u64,
    /// The day it is made for.
    pub day: Date,
    /// The lane's nonce that it answers; none on paper.
    pub nonce: Option<[u8; NONCE]>,
    /// The proof.
    pub proof: Proof,
    /// The holder's one nullifier in the scope.
    pub nullifier: Element,
    /// The key made for this show.
    pub key: PublicKey,
    /// That key's, over all the rest and the gate's name.
    pub signature: Signature,
}

/// A proof that waits to be shown once, with the key that it is bound to.
pub struct Prepared {
    /// The policy.
    pub policy: Digest,
    /// The epoch.
    pub epoch: u64,
    /// The day.
    pub day: Date,
    /// The proof.
    pub proof: Proof,
    /// The nullifier in the scope that the proof is for.
    pub nullifier: Element,
    /// The key made for this show.
    pub key: SigningKey,
}

impl Prepared {
    /// Shows it, at one gate, in answer to a lane's nonce or on paper. Used up by that: shown twice, it would link the two.
    pub fn show(self, gate: &str, nonce: Option<[u8; NONCE]>) -> Shown {
        let Self { policy, epoch, day, proof, nullifier, key } = self;
        let unsigned = Signature::from_bytes([0; 64]);
        let public = key.public_key();
        let mut shown =
            Shown { policy, epoch, day, nonce, proof, nullifier, key: public, signature: unsigned };
        shown.signature = key.sign(&shown.message(gate));
        shown
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared(policy {}, day {}, …)", self.policy.short(), self.day)
    }
}

impl Shown {
    /// Reads the text of a code.
    ///
    /// # Errors
    /// `WRONG_KIND` for another kind of code, `BAD_ENCODING` for anything but the one encoding of what it says.
    pub fn from_text(text: &str) -> Result<Self, Finding> {
        let encoded = text.strip_prefix(SHOWN_PREFIX).ok_or_else(|| {
            Finding::new(Reason::WrongKind, format!("what is shown begins with {SHOWN_PREFIX}"))
        })?;
        if text.len() > SHOWN_LIMIT {
            let rule = format!("what is shown has at most {SHOWN_LIMIT} characters");
            return Err(Finding::new(Reason::BadEncoding, rule));
        }
        let shown = Self::from_bytes(&base45::decode(encoded)?)?;
        // Base45 spells some bytes in two ways; a code has one text.
        if shown.to_text() == text { Ok(shown) } else { Err(malformed()) }
    }

    /// The text of the code.
    pub fn to_text(&self) -> String {
        format!("{SHOWN_PREFIX}{}", base45::encode(&self.to_bytes()))
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// `BAD_ENCODING`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Finding> {
        let item = cbor::decode_within(bytes, PAYLOAD, "what is shown")?;
        let shown = Self::read(&item).ok_or_else(malformed)?;
        if shown.to_bytes() == bytes { Ok(shown) } else { Err(malformed()) }
    }

    fn read(item: &Value) -> Option<Self> {
        let [version, policy, epoch, day, nonce, proof, nullifier, key, signature] =
            item.as_array()?.as_slice()
        else {
            return None;
        };
        let number = |value: &Value| u64::try_from(value.as_integer()?).ok();
        if number(version)? != VERSION {
            return None;
        }
        fn fixed<const N: usize>(value: &Value) -> Option<&[u8; N]> {
            value.as_bytes()?.as_slice().try_into().ok()
        }
        Some(Self {
            policy: Digest::from_bytes(*fixed(policy)?),
            epoch: number(epoch)?,
            day: Date::from_days(i32::try_from(number(day)?).ok()?).ok()?,
            nonce: if nonce.is_null() { None } else { Some(*fixed(nonce)?) },
            proof: Proof::from_bytes(fixed::<PROOF_BYTES>(proof)?).ok()?,
            nullifier: Element::from_bytes(fixed(nullifier)?).ok()?,
            key: PublicKey::new(Suite::P256, fixed::<33>(key)?).ok()?,
            signature: Signature::from_bytes(*fixed(signature)?),
        })
    }

    /// The payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut items = self.items();
        items.push(Value::Bytes(self.signature.as_bytes().to_vec()));
        written(items)
    }

    /// All parts but the signature.
    fn items(&self) -> Vec<Value> {
        vec![
            VERSION.into(),
            Value::Bytes(self.policy.as_bytes().to_vec()),
            self.epoch.into(),
            self.day.days().into(),
            self.nonce.map_or(Value::Null, |nonce| Value::Bytes(nonce.to_vec())),
            Value::Bytes(self.proof.to_bytes().to_vec()),
            Value::Bytes(self.nullifier.to_bytes().to_vec()),
            Value::Bytes(self.key.to_bytes()),
        ]
    }

    fn message(&self, gate: &str) -> Vec<u8> {
        let parts: [&[u8]; 2] = [&written(self.items()), gate.as_bytes()];
        digest(label::ZK_SHOW, &parts).as_bytes().to_vec()
    }

    /// Whether the key made for this show signed it, nonce and all, for this gate.
    ///
    /// # Errors
    /// `WRONG_AUDIENCE`: for another gate, or by another key.
    pub fn check_signature(&self, gate: &str) -> Result<(), Finding> {
        self.key.verify(&self.message(gate), &self.signature).map_err(|_| {
            Finding::new(Reason::WrongAudience, "what is shown is signed for this gate, by the key in it")
        })
    }
}

fn written(items: Vec<Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&Value::Array(items), &mut bytes).expect("written because a Vec grows");
    bytes
}

fn malformed() -> Finding {
    Finding::new(
        Reason::BadEncoding,
        "what is shown is canonical CBOR of its nine parts, each in its one encoding",
    )
}
