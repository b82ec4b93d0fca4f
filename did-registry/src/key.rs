//! Public keys, signing keys and signatures; the suite is a field.
//!
//! One verification rule per suite, everywhere: Ed25519 by the cofactored equation of ZIP 215 (so that a
//! batch accepts exactly what single checks accept), with small-order and non-canonical keys refused when
//! a key is admitted, and a non-canonical `R` refused before either check; ECDSA P-256 over SHA-256 with
//! the signature as `r ‖ s`, the lower of the two `s` only, keys on the curve; Schnorr on Jubjub, whose keys sign what
//! the circuit reads, with keys in the group of prime order. So a signature has one form;
//! only where a standard counts both `s` does [`PublicKey::verify_jose`]. See
//! `docs/decisions/0001-ed25519-zip215.md`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use borsh::{BorshDeserialize, BorshSerialize};
use curve25519_dalek::edwards::CompressedEdwardsY;
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::{encode, invalid};
use crate::{Digest, RegistryError, digest, label};

/// A signature suite. SM2 takes the next number when its issue lands.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Suite {
    /// Ed25519, RFC 8032 signatures, ZIP 215 verification.
    Ed25519 = 1,
    /// ECDSA over NIST P-256 with SHA-256.
    P256 = 2,
    /// Schnorr on Jubjub. A key of this suite also signs the credentials that the circuit reads.
    Jubjub = 3,
}

impl Suite {
    /// The JOSE algorithm name. For Jubjub none is registered, and nobody reads tokens that name it.
    pub const fn jose(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::P256 => "ES256",
            Self::Jubjub => "Jubjub",
        }
    }
}

/// The multicodec of a Jubjub key: of the range for private use (0x300001 as a varint), as none is registered.
const JUBJUB: [u8; 4] = [0x81, 0x80, 0xc0, 0x01];

/// A public key that passed admission: canonical, on its curve, not of small order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(Point);

/// P-256 points are kept uncompressed in memory, which is what verification takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Point {
    Ed25519([u8; 32]),
    P256(Box<[u8; 65]>),
    Jubjub([u8; 32]),
}

/// A 64-byte signature: `R ‖ s` for Ed25519 and Jubjub, `r ‖ s` for P-256.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Wraps 64 bytes; only verification gives them meaning.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Whether `s` is the lower of `s` and `n − s`, which both answer ECDSA's equation.
    fn response_is_low(&self) -> bool {
        /// Half the order of P-256, rounded down.
        const HALF: [u8; 32] = [
            0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
        ];
        self.0.last_chunk().is_some_and(|s| *s <= HALF)
    }

    /// Whether the first half is spelt the one way that [`is_canonical`] allows.
    ///
    /// ZIP 215 accepts other spellings of `R`; refusing them leaves one form to a signature.
    fn commitment_is_canonical(&self) -> bool {
        self.0.first_chunk().is_some_and(is_canonical)
    }
}

/// Whether bytes spell a point of Ed25519 the one way RFC 8032 §5.1.3 allows: y < p, no sign on x = 0.
///
/// Says the same of a point as compressing it again, without an inversion in the field.
fn is_canonical(point: &[u8; 32]) -> bool {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        p
    };
    let (mut y, mut one, mut minus_one) = (*point, [0; 32], P);
    (one[0], minus_one[0]) = (1, 0xec);
    let signed = y[31] & 0x80 != 0;
    y[31] &= 0x7f;
    let below = y.iter().rev().lt(P.iter().rev());
    below && !(signed && (y == one || y == minus_one))
}

impl TryFrom<&[u8]> for Signature {
    type Error = RegistryError;
    fn try_from(bytes: &[u8]) -> Result<Self, RegistryError> {
        let bytes =
            bytes.try_into().map_err(|_| RegistryError::Malformed("a signature has 64 bytes".into()))?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..4]))
    }
}

/// The 32-byte coordinates of an uncompressed SEC1 point.
fn coordinates([_, xy @ ..]: &[u8; 65]) -> (&[u8], &[u8]) {
    xy.split_at(32)
}

impl PublicKey {
    /// Admits an Ed25519 or Jubjub key (32 bytes) or a P-256 key (33 bytes SEC1 compressed, or 65 uncompressed).
    ///
    /// # Errors
    /// [`RegistryError::WeakKey`] for a point no honest signer has, [`RegistryError::Malformed`] for
    /// another length.
    pub fn new(suite: Suite, bytes: &[u8]) -> Result<Self, RegistryError> {
        match suite {
            Suite::Ed25519 => {
                let bytes: [u8; 32] = bytes
                    .try_into()
                    .map_err(|_| RegistryError::Malformed("an Ed25519 key has 32 bytes".into()))?;
                let point = CompressedEdwardsY(bytes)
                    .decompress()
                    .ok_or(RegistryError::WeakKey("not on the curve"))?;
                if !is_canonical(&bytes) {
                    return Err(RegistryError::WeakKey("not canonical"));
                }
                if point.is_small_order() {
                    return Err(RegistryError::WeakKey("of small order"));
                }
                Ok(Self(Point::Ed25519(bytes)))
            }
            Suite::P256 => {
                // The compact and hybrid SEC1 forms are refused: one key, two spellings at most.
                if !matches!(bytes, [2 | 3, ..] if bytes.len() == 33)
                    && !matches!(bytes, [4, ..] if bytes.len() == 65)
                {
                    return Err(RegistryError::Malformed(
                        "a P-256 key has 33 or 65 bytes, SEC1 without hybrids".into(),
                    ));
                }
                let key = p256::PublicKey::from_sec1_bytes(bytes)
                    .map_err(|_| RegistryError::WeakKey("not a point of P-256"))?;
                let point = key.to_encoded_point(false);
                let bytes = point.as_bytes().try_into().expect("65 bytes because the point is uncompressed");
                Ok(Self(Point::P256(Box::new(bytes))))
            }
            Suite::Jubjub => {
                let bytes: [u8; 32] = bytes
                    .try_into()
                    .map_err(|_| RegistryError::Malformed("a Jubjub key has 32 bytes".into()))?;
                zk_policy::IssuerPublicKey::from_bytes(&bytes)
                    .map_err(|_| RegistryError::WeakKey("not in the group of prime order"))?;
                Ok(Self(Point::Jubjub(bytes)))
            }
        }
    }

    /// The suite.
    pub fn suite(&self) -> Suite {
        match self.0 {
            Point::Ed25519(_) => Suite::Ed25519,
            Point::P256(_) => Suite::P256,
            Point::Jubjub(_) => Suite::Jubjub,
        }
    }

    /// The key as the circuit and the issuer set have it; `None` for other suites.
    pub fn jubjub(&self) -> Option<zk_policy::IssuerPublicKey> {
        match &self.0 {
            Point::Jubjub(bytes) => zk_policy::IssuerPublicKey::from_bytes(bytes).ok(),
            _ => None,
        }
    }

    /// The canonical bytes: 32 for Ed25519 and Jubjub, 33 (compressed) for P-256.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Point::Ed25519(bytes) | Point::Jubjub(bytes) => bytes.to_vec(),
            Point::P256(bytes) => {
                let (x, y) = coordinates(bytes);
                let sign = y.last().map_or(0, |last| last & 1);
                [&[2 + sign], x].concat()
            }
        }
    }

    /// Verifies a signature over `message`, which has one form.
    ///
    /// # Errors
    /// [`RegistryError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), RegistryError> {
        match self.0 {
            Point::P256(_) if !signature.response_is_low() => Err(RegistryError::BadSignature),
            _ => self.verify_jose(message, signature),
        }
    }

    /// Verifies as JOSE and COSE do, for what others sign and nothing is named after: of ECDSA either `s` counts.
    ///
    /// # Errors
    /// [`RegistryError::BadSignature`].
    pub fn verify_jose(&self, message: &[u8], signature: &Signature) -> Result<(), RegistryError> {
        let holds = match &self.0 {
            Point::Ed25519(bytes) => {
                signature.commitment_is_canonical()
                    && ed25519_zebra::VerificationKey::try_from(*bytes)
                        .and_then(|key| key.verify(&signature.0.into(), message))
                        .is_ok()
            }
            Point::P256(bytes) => {
                ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, &bytes[..])
                    .verify(message, &signature.0)
                    .is_ok()
            }
            Point::Jubjub(_) => self.jubjub().is_some_and(|key| key.verify_bytes(message, &signature.0)),
        };
        if holds { Ok(()) } else { Err(RegistryError::BadSignature) }
    }

    /// The commitment that a rotation reveals later.
    pub fn commitment(&self) -> Digest {
        digest(label::KEY_COMMITMENT, &[&encode(self)])
    }

    /// Multikey text: `z` and base58btc of the multicodec prefix and the key.
    pub fn to_multibase(&self) -> String {
        let prefix: &[u8] = match self.suite() {
            Suite::Ed25519 => &[0xed, 0x01],
            Suite::P256 => &[0x80, 0x24],
            Suite::Jubjub => &JUBJUB,
        };
        let mut bytes = prefix.to_vec();
        bytes.extend(self.to_bytes());
        format!("z{}", bs58::encode(bytes).into_string())
    }

    /// Reads Multikey text.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] for another multibase or key type, or as [`PublicKey::new`].
    pub fn from_multibase(text: &str) -> Result<Self, RegistryError> {
        let rule = || {
            RegistryError::Malformed(
                "a multikey is z and base58btc of an Ed25519, P-256 or Jubjub key".into(),
            )
        };
        if text.len() > 100 {
            return Err(rule());
        }
        let bytes = bs58::decode(text.strip_prefix('z').ok_or_else(rule)?).into_vec().map_err(|_| rule())?;
        match bytes.as_slice() {
            [0xed, 0x01, key @ ..] => Self::new(Suite::Ed25519, key),
            [0x80, 0x24, key @ ..] if key.len() == 33 => Self::new(Suite::P256, key),
            bytes if bytes.starts_with(&JUBJUB) => {
                Self::new(Suite::Jubjub, bytes.get(JUBJUB.len()..).unwrap_or_default())
            }
            _ => Err(rule()),
        }
    }

    /// The key as a public JWK (RFC 7517, RFC 8037).
    pub fn to_jwk(&self) -> Value {
        match &self.0 {
            Point::Ed25519(x) => json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x)}),
            Point::Jubjub(x) => json!({"kty": "OKP", "crv": "Jubjub", "x": URL_SAFE_NO_PAD.encode(x)}),
            Point::P256(bytes) => {
                let (x, y) = coordinates(bytes);
                json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
            }
        }
    }

    /// Reads a public JWK; a private member is refused, so that nobody's secret travels by mistake.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] for another key type or coordinates, or as [`PublicKey::new`].
    pub fn from_jwk(jwk: &Value) -> Result<Self, RegistryError> {
        let rule = |text: &str| RegistryError::Malformed(format!("a JWK {text}"));
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if jwk.get("d").is_some() {
            return Err(rule("that is sent to others has no private member"));
        }
        let coordinate = |name: &str| {
            let bytes = text(name).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
            bytes.filter(|part| part.len() == 32).ok_or_else(|| rule("coordinate is 32 bytes in base64url"))
        };
        match (text("kty"), text("crv")) {
            (Some("OKP"), Some("Ed25519")) => Self::new(Suite::Ed25519, &coordinate("x")?),
            (Some("OKP"), Some("Jubjub")) => Self::new(Suite::Jubjub, &coordinate("x")?),
            (Some("EC"), Some("P-256")) => {
                let mut point = vec![4];
                point.extend(coordinate("x")?);
                point.extend(coordinate("y")?);
                Self::new(Suite::P256, &point)
            }
            _ => Err(rule("is of type OKP/Ed25519, OKP/Jubjub or EC/P-256")),
        }
    }

    /// RFC 7638 thumbprint, base64url: the key's name where a key needs one.
    pub fn thumbprint(&self) -> String {
        // serde_json orders members by name, which is what the RFC asks for.
        URL_SAFE_NO_PAD.encode(Digest::sha256(self.to_jwk().to_string().as_bytes()).as_bytes())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_multibase())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = RegistryError;
    fn try_from(text: String) -> Result<Self, RegistryError> {
        Self::from_multibase(&text)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_multibase()
    }
}

impl BorshSerialize for PublicKey {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        BorshSerialize::serialize(&self.suite(), writer)?;
        writer.write_all(&self.to_bytes())
    }
}

impl BorshDeserialize for PublicKey {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let suite = Suite::deserialize_reader(reader)?;
        let mut bytes = vec![0u8; if suite == Suite::P256 { 33 } else { 32 }];
        reader.read_exact(&mut bytes)?;
        Self::new(suite, &bytes).map_err(invalid)
    }
}

/// A private key. Wiped on drop; prints only its public half.
pub struct SigningKey(Private);

/// The P-256 and Jubjub keys wipe themselves, the Ed25519 key is plain data and does not: hence [`crate::Secret`].
/// All are boxed, so that a moved key leaves no copy behind.
enum Private {
    Ed25519(Box<crate::Secret<ed25519_zebra::SigningKey>>),
    P256(Box<p256::ecdsa::SigningKey>),
    Jubjub(Box<zk_policy::IssuerKey>),
}

impl Private {
    fn ed25519(key: ed25519_zebra::SigningKey) -> Self {
        Self::Ed25519(Box::new(crate::Secret::new(key)))
    }
}

impl SigningKey {
    /// A fresh key.
    pub fn generate<R: RngCore + CryptoRng>(suite: Suite, rng: &mut R) -> Self {
        Self(match suite {
            Suite::Ed25519 => Private::ed25519(ed25519_zebra::SigningKey::new(rng)),
            Suite::P256 => Private::P256(Box::new(p256::ecdsa::SigningKey::random(rng))),
            Suite::Jubjub => Private::Jubjub(Box::new(zk_policy::IssuerKey::generate(rng))),
        })
    }

    /// A key from its 32 secret bytes.
    ///
    /// # Errors
    /// [`RegistryError::WeakKey`] if a P-256 or Jubjub scalar is zero or too large.
    pub fn from_bytes(suite: Suite, secret: &[u8; 32]) -> Result<Self, RegistryError> {
        Ok(Self(match suite {
            Suite::Ed25519 => Private::ed25519(ed25519_zebra::SigningKey::from(*secret)),
            Suite::P256 => Private::P256(Box::new(
                p256::ecdsa::SigningKey::from_slice(secret)
                    .map_err(|_| RegistryError::WeakKey("scalar out of range"))?,
            )),
            Suite::Jubjub => Private::Jubjub(Box::new(
                zk_policy::IssuerKey::from_bytes(secret)
                    .map_err(|_| RegistryError::WeakKey("scalar out of range"))?,
            )),
        }))
    }

    /// The 32 secret bytes, for the shell that stores them encrypted.
    pub fn to_secret(&self) -> crate::Secret<[u8; 32]> {
        crate::Secret::new(match &self.0 {
            Private::Ed25519(key) => key.expose().to_bytes(),
            Private::P256(key) => key.to_bytes().into(),
            Private::Jubjub(key) => *key.to_bytes(),
        })
    }

    /// The key as it signs for the circuit; `None` for other suites.
    pub fn jubjub(&self) -> Option<&zk_policy::IssuerKey> {
        match &self.0 {
            Private::Jubjub(key) => Some(key),
            _ => None,
        }
    }

    /// The suite.
    pub fn suite(&self) -> Suite {
        match self.0 {
            Private::Ed25519(_) => Suite::Ed25519,
            Private::P256(_) => Suite::P256,
            Private::Jubjub(_) => Suite::Jubjub,
        }
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let admitted = match &self.0 {
            Private::Ed25519(key) => {
                PublicKey::new(Suite::Ed25519, <[u8; 32]>::from(key.expose().verification_key()).as_slice())
            }
            Private::P256(key) => {
                PublicKey::new(Suite::P256, key.verifying_key().to_encoded_point(true).as_bytes())
            }
            Private::Jubjub(key) => PublicKey::new(Suite::Jubjub, &key.public_key().to_bytes()),
        };
        admitted.expect("admitted because an honestly made key is a point of prime order")
    }

    /// Signs `message`; deterministic in all suites (RFC 8032, RFC 6979; of the two `s` the lower).
    pub fn sign(&self, message: &[u8]) -> Signature {
        match &self.0 {
            Private::Ed25519(key) => Signature(key.expose().sign(message).into()),
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                Signature(signature.normalize_s().unwrap_or(signature).to_bytes().into())
            }
            Private::Jubjub(key) => Signature(key.sign_bytes(message)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public_key())
    }
}

/// One signature to check in a batch.
pub struct BatchItem<'a> {
    /// Who signed.
    pub key: &'a PublicKey,
    /// What was signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// Checks many signatures at once and names the bad ones by their index, ascending.
///
/// Ed25519 items go through one random linear combination (cofactored, so that the answer equals that of
/// single checks up to 2⁻¹²⁸); a failing batch is bisected. Items of other suites are checked one by one.
pub fn verify_batch<R: RngCore + CryptoRng>(items: &[BatchItem<'_>], rng: &mut R) -> Vec<usize> {
    let mut bad = Vec::new();
    let mut ed25519 = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match &item.key.0 {
            Point::Ed25519(_) if !item.signature.commitment_is_canonical() => bad.push(index),
            Point::Ed25519(key) => {
                let signature = ed25519_zebra::Signature::from(item.signature.0);
                ed25519.push((
                    index,
                    ed25519_zebra::batch::Item::from(((*key).into(), signature, item.message)),
                ));
            }
            Point::P256(_) | Point::Jubjub(_) => {
                if item.key.verify(item.message, item.signature).is_err() {
                    bad.push(index);
                }
            }
        }
    }
    bisect(&ed25519, rng, &mut bad);
    bad.sort_unstable();
    bad
}

fn bisect<R: RngCore + CryptoRng>(
    items: &[(usize, ed25519_zebra::batch::Item)],
    rng: &mut R,
    bad: &mut Vec<usize>,
) {
    match items {
        [] => {}
        [(index, item)] => {
            if item.clone().verify_single().is_err() {
                bad.push(*index);
            }
        }
        _ => {
            let mut batch = ed25519_zebra::batch::Verifier::new();
            for (_, item) in items {
                batch.queue(item.clone());
            }
            if batch.verify(&mut *rng).is_err() {
                let (left, right) = items.split_at(items.len() / 2);
                bisect(left, rng, bad);
                bisect(right, rng, bad);
            }
        }
    }
}

#[cfg(test)]
impl Signature {
    /// The other `s` of a P-256 signature, which answers the same equation.
    pub(crate) fn other_form(&self) -> Self {
        let signature = p256::ecdsa::Signature::from_slice(&self.0).expect("two scalars");
        let other = p256::ecdsa::Signature::from_scalars(*signature.r(), -*signature.s());
        Self(other.expect("two scalars").to_bytes().into())
    }
}

#[cfg(test)]
mod tests;
