//! Published vectors: CertLogic, JWS, SD-JWT, eddsa-jcs-2022, Token Status List, Wycheproof.
//!
//! Sources and licences are in the READMEs beside the data. A missing file fails the test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_methods)] // a test may read its vectors

use std::path::PathBuf;

use did_registry::{PublicKey, Signature, Suite, Timestamp};
use serde_json::Value;

#[path = "vectors/certlogic.rs"]
mod certlogic;
#[path = "vectors/data_integrity.rs"]
mod data_integrity;
#[path = "vectors/jws.rs"]
mod jws;
#[path = "vectors/sd_jwt.rs"]
mod sd_jwt;
#[path = "vectors/status_list.rs"]
mod status_list;

/// The text of a file below `shared/data/vectors`.
fn text(path: &str) -> String {
    let root =
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../../shared/data/vectors");
    let path = root.join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

fn seconds(value: &Value) -> Timestamp {
    Timestamp::from_seconds(value.as_u64().unwrap()).unwrap()
}

/// Runs a Wycheproof file; returns how many tests were valid and invalid.
fn wycheproof(file: &str, key: impl Fn(&Value) -> PublicKey) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for group in json(&format!("wycheproof/{file}"))["testGroups"].as_array().unwrap() {
        let key = key(&group["publicKey"]);
        for test in group["tests"].as_array().unwrap() {
            let bytes = |name: &str| hex::decode(test[name].as_str().unwrap()).unwrap();
            let signature = Signature::try_from(bytes("sig").as_slice());
            let holds = signature.is_ok_and(|signature| key.verify_jose(&bytes("msg"), &signature).is_ok());
            let expected = test["result"] == "valid";
            assert_eq!(holds, expected, "{file} test {}: {}", test["tcId"], test["comment"]);
            if expected { valid += 1 } else { invalid += 1 }
        }
    }
    (valid, invalid)
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    let counts = wycheproof("ed25519_test.odd.json", |key| {
        PublicKey::new(Suite::Ed25519, &hex::decode(key["pk"].as_str().unwrap()).unwrap()).unwrap()
    });
    assert_eq!(counts, (44, 32));
}

#[test]
fn ecdsa_p256_agrees_with_wycheproof() {
    let counts = wycheproof("ecdsa_secp256r1_sha256_p1363_test.odd.json", |key| {
        PublicKey::new(Suite::P256, &hex::decode(key["uncompressed"].as_str().unwrap()).unwrap()).unwrap()
    });
    assert_eq!(counts, (81, 50));
}
