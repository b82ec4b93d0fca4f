//! A made-up issuer: keys, certificates, tokens and trust lists, honest and not.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value;
use credential::dcc::{TrustList, Verifier};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use crate::corpus::value_sets;

pub(crate) const ISSUED: i64 = 1_620_000_000;
pub(crate) const EXPIRES: i64 = 1_650_000_000;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub(crate) fn map(entries: &[(i64, Value)]) -> Value {
    Value::Map(entries.iter().map(|(label, value)| (Value::from(*label), value.clone())).collect())
}

/// A recovery that every check accepts.
pub(crate) fn certificate() -> Value {
    Value::serialized(&serde_json::json!({
        "ver": "1.3.0", "nam": {"fnt": "DOE"}, "dob": "1958-11-11",
        "r": [{"tg": "840539006", "fr": "2021-02-20", "df": "2021-04-04", "du": "2021-10-04", "co": "AT",
               "is": "Ministry", "ci": "URN:UVCI:01:AT:1"}],
    }))
    .unwrap()
}

/// CWT claims around a certificate.
pub(crate) fn claims(certificate: Value) -> Vec<u8> {
    encode(&map(&[
        (1, "AT".into()),
        (4, EXPIRES.into()),
        (6, ISSUED.into()),
        (-260, map(&[(1, certificate)])),
    ]))
}

/// A token over `payload` with these headers, signed ES256. An empty protected header is no bytes.
pub(crate) fn token(
    key: &SigningKey,
    protected: &[(i64, Value)],
    open: &[(i64, Value)],
    payload: &[u8],
) -> Vec<u8> {
    let protected = if protected.is_empty() { Vec::new() } else { encode(&map(protected)) };
    let bytes = |content: &[u8]| Value::Bytes(content.to_vec());
    let signed =
        encode(&Value::Array(vec!["Signature1".into(), bytes(&protected), bytes(b""), bytes(payload)]));
    let signature: Signature = key.sign(&signed);
    let parts = vec![bytes(&protected), map(open), bytes(payload), bytes(&signature.to_bytes())];
    encode(&Value::Tag(18, Box::new(Value::Array(parts))))
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn base45(bytes: &[u8]) -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut text = String::new();
    for pair in bytes.chunks(2) {
        let (mut number, digits) = match pair {
            [high, low] => (usize::from(*high) * 256 + usize::from(*low), 3),
            _ => (usize::from(pair[0]), 2),
        };
        for _ in 0..digits {
            text.push(char::from(alphabet[number % 45]));
            number /= 45;
        }
    }
    text
}

/// A token as a QR code's text.
pub(crate) fn to_qr(token: &[u8]) -> String {
    format!("HC1:{}", base45(&deflate(token)))
}

/// One DER value.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..128 => bytes.push(length as u8),
        128..256 => bytes.extend([0x81, length as u8]),
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    [bytes, content].concat()
}

pub(crate) fn oid(hexadecimal: &str) -> Vec<u8> {
    der(6, &[&hex::decode(hexadecimal).unwrap()])
}

/// SubjectPublicKeyInfo of a P-256 key.
pub(crate) fn ec_key(key: &SigningKey) -> Vec<u8> {
    let point = key.verifying_key().to_encoded_point(false);
    let algorithm = der(0x30, &[&oid("2a8648ce3d0201"), &oid("2a8648ce3d030107")]);
    der(0x30, &[&algorithm, &der(3, &[&[0], point.as_bytes()])])
}

/// SubjectPublicKeyInfo of an RSA key with this modulus.
pub(crate) fn rsa_key(modulus: &[u8]) -> Vec<u8> {
    let numbers = der(0x30, &[&der(2, &[&[0], modulus]), &der(2, &[&[1, 0, 1]])]);
    der(0x30, &[&der(0x30, &[&oid("2a864886f70d010101"), &[5, 0]]), &der(3, &[&[0], &numbers])])
}

/// An X.509 certificate over a key, with these extensions; its own signature is junk, as nobody looks at it.
pub(crate) fn x509(key: &[u8], extensions: Option<&[u8]>) -> Vec<u8> {
    let algorithm = der(0x30, &[&oid("2a8648ce3d040302")]);
    let dates = der(0x30, &[&der(0x17, &[b"210503180000Z"]), &der(0x17, &[b"230503180000Z"])]);
    let version = der(0xa0, &[&der(2, &[&[2]])]);
    let extensions = extensions.map(|list| der(0xa3, &[&der(0x30, &[list])])).unwrap_or_default();
    let name = der(0x30, &[]);
    let body = der(0x30, &[&version, &der(2, &[&[1]]), &algorithm, &name, &dates, &name, key, &extensions]);
    der(0x30, &[&body, &algorithm, &der(3, &[&[0, 1, 2, 3]])])
}

/// The extended key usage extension with these uses, of which the kind is the last byte.
pub(crate) fn key_use(uses: &[&str]) -> Vec<u8> {
    let list: Vec<Vec<u8>> = uses.iter().map(|hexadecimal| oid(hexadecimal)).collect();
    let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    der(0x30, &[&oid("551d25"), &der(4, &[&der(0x30, &list)])])
}

/// A trust list of (key identifier, certificate).
pub(crate) fn trust_list(entries: &[(&[u8], Vec<u8>)]) -> TrustList {
    let entries: Vec<_> = entries
        .iter()
        .map(|(kid, certificate)| serde_json::json!({"kid": STANDARD.encode(kid), "country": "XX", "certificate": STANDARD.encode(certificate)}))
        .collect();
    TrustList::from_json(serde_json::json!({"certificates": entries}).to_string().as_bytes()).unwrap()
}

pub(crate) fn verifier(entries: &[(&[u8], Vec<u8>)]) -> Verifier {
    Verifier::new(trust_list(entries), value_sets())
}
