//! W3C eddsa-jcs-2022, step by step, with the signature reproduced.

use credential::data_integrity::{Expected, ProofError, ProofOptions, Purpose, SecuredDocument, secure};
use credential::json::canonical;
use did_registry::{Digest, PublicKey, SigningKey, Suite, Timestamp};
use serde_json::Value;

use super::{json, text};

fn step(name: &str) -> String {
    text(&format!("eddsa/eddsa-jcs-2022/{name}")).trim().to_owned()
}

fn key() -> SigningKey {
    let pair = json("eddsa/keyPair.json");
    let text = pair["privateKeyMultibase"].as_str().unwrap().strip_prefix('z').unwrap();
    let bytes = bs58::decode(text).into_vec().unwrap();
    let secret: [u8; 32] = bytes.strip_prefix(&[0x80, 0x26]).unwrap().try_into().unwrap();
    let key = SigningKey::from_bytes(Suite::Ed25519, &secret).unwrap();
    assert_eq!(key.public_key().to_multibase(), pair["publicKeyMultibase"].as_str().unwrap());
    key
}

#[test]
fn each_step_gives_the_published_bytes() {
    let (document, config) = (json("eddsa/unsigned.json"), json("eddsa/eddsa-jcs-2022/proofConfigJCS.json"));
    let (document, config) = (canonical(&document), canonical(&config));
    assert_eq!(String::from_utf8(document.clone()).unwrap(), step("canonDocJCS.txt"));
    assert_eq!(String::from_utf8(config.clone()).unwrap(), step("proofCanonJCS.txt"));
    let (document, config) = (Digest::sha256(&document), Digest::sha256(&config));
    assert_eq!(document.to_string(), step("docHashJCS.txt"));
    assert_eq!(config.to_string(), step("proofHashJCS.txt"));
    assert_eq!(format!("{config}{document}"), step("combinedHashJCS.txt"));
    let signature = key().sign(&[*config.as_bytes(), *document.as_bytes()].concat());
    assert_eq!(hex::encode(signature.as_bytes()), step("sigHexJCS.txt"));
    assert_eq!(format!("z{}", bs58::encode(signature.as_bytes()).into_string()), step("sigBTC58JCS.txt"));
}

#[test]
fn the_signed_document_is_reproduced_and_verifies() {
    let signed = json("eddsa/eddsa-jcs-2022/signedJCS.json");
    let proof = &signed["proof"];
    let created: Timestamp = proof["created"].as_str().unwrap().parse().unwrap();
    let options = ProofOptions {
        verification_method: proof["verificationMethod"].as_str().unwrap(),
        purpose: Purpose::AssertionMethod,
        created,
        expires: None,
        challenge: None,
        domain: None,
    };
    let unsigned = json("eddsa/unsigned.json");
    let ours = secure(unsigned.as_object().unwrap().clone(), &options, &key()).unwrap();
    assert_eq!(Value::Object(ours), signed);

    let secured = SecuredDocument::from_value(&signed).unwrap();
    let multikey = secured.unverified_method().rsplit_once('#').unwrap().1.to_owned();
    let public = PublicKey::from_multibase(&multikey).unwrap();
    let expected = Expected {
        purpose: Purpose::AssertionMethod,
        challenge: None,
        domain: None,
        now: created,
        leeway: 0,
    };
    let verified = secured.verify(&public, &expected).unwrap();
    assert_eq!(Value::Object(verified.document().clone()), unsigned);
    // The example's issuer is a URL that does not control the did:key: a good signature, not a good credential.
    assert_eq!(verified.into_credential().unwrap_err(), ProofError::NotIssuer);

    let mut changed = signed;
    changed["credentialSubject"]["alumniOf"] = "Another School".into();
    let refused = SecuredDocument::from_value(&changed).unwrap().verify(&public, &expected).unwrap_err();
    assert_eq!(refused, ProofError::BadSignature);
}
