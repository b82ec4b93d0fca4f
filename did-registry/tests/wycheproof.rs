//! Wycheproof's signature cases (half of them; see the data's README) against the one rule per suite.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods)]

use did_registry::{BatchItem, PublicKey, Signature, Suite, verify_batch};
use rand::SeedableRng;
use serde_json::Value;

/// Expected and given outcome of every case by the rule of JOSE; a key or signature of a wrong form counts as a
/// refusal. Gives how many there were, and how many of them hold in the form that only JOSE counts.
fn run(file: &str, suite: Suite, key_of: impl Fn(&Value) -> Vec<u8>) -> (usize, usize) {
    let path = format!(
        "{}/../../shared/data/vectors/wycheproof/{file}",
        std::env::var("CARGO_MANIFEST_DIR").unwrap()
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let suite_file: Value = serde_json::from_str(&text).unwrap();
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let (mut cases, mut other_forms) = (0, 0);
    for group in suite_file["testGroups"].as_array().unwrap() {
        let key = PublicKey::new(suite, &key_of(&group["publicKey"])).unwrap();
        for case in group["tests"].as_array().unwrap() {
            let bytes = |name: &str| hex::decode(case[name].as_str().unwrap()).unwrap();
            let message = bytes("msg");
            let holds = Signature::try_from(&bytes("sig")[..]).is_ok_and(|signature| {
                let single = key.verify(&message, &signature).is_ok();
                let item = || BatchItem { key: &key, message: &message, signature: &signature };
                let batch = verify_batch(&[item(), item()], &mut rng).is_empty();
                assert_eq!(single, batch, "case {}: single and batch", case["tcId"]);
                let jose = key.verify_jose(&message, &signature).is_ok();
                if jose != single {
                    assert!(jose && suite == Suite::P256, "case {}: one form of the two", case["tcId"]);
                    other_forms += 1;
                }
                jose
            });
            assert_eq!(holds, case["result"] == "valid", "case {}: {}", case["tcId"], case["comment"]);
            cases += 1;
        }
    }
    (cases, other_forms)
}

#[test]
fn ed25519() {
    let cases =
        run("ed25519_test.odd.json", Suite::Ed25519, |key| hex::decode(key["pk"].as_str().unwrap()).unwrap());
    assert_eq!(cases, (76, 0));
}

#[test]
fn p256() {
    let file = "ecdsa_secp256r1_sha256_p1363_test.odd.json";
    let cases = run(file, Suite::P256, |key| hex::decode(key["uncompressed"].as_str().unwrap()).unwrap());
    assert_eq!(cases, (131, 33));
}
