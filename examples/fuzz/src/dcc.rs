//! EU DCC: the text of a code without its prefix, and the token that is packed into it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ciborium::Value;
use credential::dcc::{
    Cwt, Token, TrustList, ValueSets, Verifier, base45, cbor, open, schema, unprefix, zlib,
};
use credential::json::{JsonError, Limits, check};
use did_registry::{Digest, Timestamp};

use super::{json, read, text};

/// When most of the published certificates were valid.
const NOW: u64 = 1_625_000_000;

const VALUE_SETS: [&str; 8] = [
    "vaccine-mah-manf.json",
    "vaccine-medicinal-product.json",
    "vaccine-prophylaxis.json",
    "test-manf-example.json",
    "test-type.json",
    "test-result.json",
    "disease-agent-targeted.json",
    "country-2-codes.json",
];

/// The lists, the published texts, and what is signed in those that are genuine.
struct Published {
    verifier: Verifier,
    texts: Vec<String>,
    signed: BTreeSet<Digest>,
}

static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    let trust = TrustList::from_json(&read("../shared/data/dcc/trustlist.json")).unwrap();
    let sets = VALUE_SETS.map(|name| (name, read(&format!("../shared/data/dcc/valuesets/{name}"))));
    let sets = ValueSets::from_files(sets.iter().map(|(name, bytes)| (*name, bytes.as_slice()))).unwrap();
    let verifier = Verifier::new(trust, sets);
    let (mut texts, mut signed) = (Vec::new(), BTreeSet::new());
    for line in text("../shared/data/dcc/expected.jsonl").lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let case = json(&format!("../shared/data/dcc/{}", line["file"].as_str().unwrap()));
        let text = case["PREFIX"].as_str().unwrap().to_owned();
        let clock: Timestamp = case["TESTCTX"]["VALIDATIONCLOCK"].as_str().unwrap().parse().unwrap();
        if let Ok(certificate) = verifier.verify(&text, clock) {
            signed.insert(*certificate.source_digest());
        }
        texts.push(text);
    }
    let in_force = texts.iter().filter(|text| verifier.verify(text, now()).is_ok()).count();
    assert!(in_force > 50, "a forgery would be seen, as {in_force} genuine certificates are");
    Published { verifier, texts, signed }
});

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW).unwrap()
}

/// The published texts whose packing holds.
pub(super) fn texts() -> Vec<Vec<u8>> {
    let whole = PUBLISHED.texts.iter().filter(|text| open(text).is_ok());
    whole.map(|text| unprefix(text).unwrap().into()).collect()
}

/// The tokens in them.
pub(super) fn tokens() -> Vec<Vec<u8>> {
    let token =
        |text: Vec<u8>| zlib::inflate(&base45::decode(&String::from_utf8(text).unwrap()).unwrap()).unwrap();
    texts().into_iter().map(token).collect()
}

pub(super) fn base45(bytes: &[u8]) -> bool {
    if bytes.len() <= base45::LIMIT / 3 * 2 {
        assert_eq!(base45::decode(&base45::encode(bytes)).as_deref(), Ok(bytes), "all bytes have a text");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    believed(&format!("HC1:{text}"));
    let Ok(decoded) = base45::decode(text) else { return false };
    assert!(text.len() <= base45::LIMIT, "over the limit");
    assert_eq!(base45::encode(&decoded), text, "another spelling");
    if let Ok(inflated) = zlib::inflate(&decoded) {
        assert!(inflated.len() <= zlib::LIMIT, "over the limit, once inflated");
    }
    true
}

pub(super) fn cose(bytes: &[u8]) -> bool {
    let Ok(token) = Token::decode(bytes) else { return false };
    believed(&format!("HC1:{}", base45::encode(&zlib::deflate(bytes))));
    assert!(bytes.len() <= cbor::LIMIT, "over the limit");
    assert!(token.kid().is_none_or(|kid| (1..=64).contains(&kid.len())), "no key identifier");
    let again = rewrapped(&token);
    if again.len() <= cbor::LIMIT {
        let again = Token::decode(&again).unwrap();
        let parts = |token: &Token| {
            let (kid, signature) = (token.kid().map(<[u8]>::to_vec), token.signature().to_vec());
            (token.algorithm(), kid, token.payload().to_vec(), signature, token.signed().to_vec())
        };
        assert_eq!(parts(&again), parts(&token), "a token is what it reports, and nothing else");
    }
    if let Ok(claims) = Cwt::decode(token.payload()) {
        read_claims(claims);
    }
    true
}

/// The token made anew of what it reports, without whatever else lay around it.
fn rewrapped(token: &Token) -> Vec<u8> {
    let signed: Value = ciborium::from_reader(token.signed()).unwrap();
    assert_eq!(written(&signed), token.signed(), "what is signed has another spelling");
    let Ok([Value::Text(context), protected, Value::Bytes(external), payload]) =
        <[Value; 4]>::try_from(signed.into_array().unwrap())
    else {
        panic!("what is signed is a Sig_structure of RFC 9052");
    };
    assert_eq!((context.as_str(), external.as_slice()), ("Signature1", &[][..]));
    let algorithm = token.algorithm().map(|algorithm| (1.into(), algorithm.into()));
    let kid = token.kid().map(|kid| (4.into(), Value::Bytes(kid.to_vec())));
    let open = Value::Map(algorithm.into_iter().chain(kid).collect());
    written(&Value::Array(vec![protected, open, payload, Value::Bytes(token.signature().to_vec())]))
}

fn written(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn read_claims(claims: Cwt) {
    let country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    assert!(claims.issuer().is_none_or(country), "printed before a signature is checked, and no country");
    let _ = claims.check_time(now());
    let Ok(certificate) = cbor::to_json(claims.into_certificate()) else { return };
    let limits = Limits { bytes: cbor::LIMIT, depth: 16, nodes: 2048 };
    // DCC numbers may be larger than JSON's readers agree on; the schema then refuses them.
    let within = matches!(check(&certificate, limits), Ok(()) | Err(JsonError::InexactInteger));
    assert!(within, "over the limits");
    let _ = schema::kinds(&certificate);
    if let Ok(payload) = schema::read(certificate) {
        let _ = PUBLISHED.verifier.value_sets().check(&payload);
        let _ = (payload.birth().day(), payload.to_json());
    }
}

/// A certificate that is accepted is one of the published ones, however it is wrapped.
fn believed(text: &str) {
    if let Ok(certificate) = PUBLISHED.verifier.verify(text, now()) {
        assert!(PUBLISHED.signed.contains(certificate.source_digest()), "nobody signed this certificate");
    }
}
