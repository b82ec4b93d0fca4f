//! The W3C document of a record (DID Core 1.0, Multikey).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use did_registry::{
    DidOperation, DidRecord, Genesis, Moment, NetworkId, Purposes, Retirement, Rotation, Service, SigningKey,
    Suite, Timestamp, document,
};
use serde_json::{Value, json};

fn signer(suite: Suite, seed: u8) -> SigningKey {
    SigningKey::from_bytes(suite, &[seed; 32]).unwrap()
}

fn at(seconds: u64) -> Moment {
    Moment { height: seconds, time: Timestamp::from_seconds(seconds).unwrap() }
}

fn record() -> DidRecord {
    let (control, next) = (signer(Suite::Ed25519, 1), signer(Suite::Ed25519, 2));
    let network = NetworkId::new("demo").unwrap();
    let mut genesis = Genesis::new(network, control.public_key(), next.public_key().commitment())
        .with_key("jcs", Purposes::ASSERTION, signer(Suite::Ed25519, 3).public_key())
        .with_key(
            "both",
            Purposes::ASSERTION.and(Purposes::AUTHENTICATION),
            signer(Suite::P256, 4).public_key(),
        );
    let endpoint = "https://gd.example".to_owned();
    genesis.services = vec![Service { fragment: "gate".into(), kind: "CausewayGateway".into(), endpoint }];
    DidRecord::create(&genesis.did(), &genesis, at(1)).unwrap()
}

#[test]
fn a_document_lists_keys_by_purpose() {
    let record = record();
    let did = record.did.to_string();
    let method = |fragment: &str, multibase: String| json!({"id": format!("{did}#{fragment}"), "type": "Multikey", "controller": did, "publicKeyMultibase": multibase});
    let expected = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            method("control", signer(Suite::Ed25519, 1).public_key().to_multibase()),
            method("jcs", signer(Suite::Ed25519, 3).public_key().to_multibase()),
            method("both", signer(Suite::P256, 4).public_key().to_multibase()),
        ],
        "assertionMethod": [format!("{did}#jcs"), format!("{did}#both")],
        "authentication": [format!("{did}#both")],
        "capabilityInvocation": [format!("{did}#control")],
        "service": [{"id": format!("{did}#gate"), "type": "CausewayGateway", "serviceEndpoint": "https://gd.example"}],
    });
    assert_eq!(document(&record), expected);
}

#[test]
fn every_reference_points_into_the_document() {
    let document = document(&record());
    let ids: Vec<&Value> =
        document["verificationMethod"].as_array().unwrap().iter().map(|method| &method["id"]).collect();
    for relationship in ["assertionMethod", "authentication", "capabilityInvocation"] {
        let references = document[relationship].as_array().unwrap();
        assert!(
            !references.is_empty() && references.iter().all(|reference| ids.contains(&reference)),
            "{relationship}"
        );
    }
}

#[test]
fn retired_keys_leave_the_document() {
    let record = record();
    let reveal = signer(Suite::Ed25519, 2);
    let rotation = Rotation {
        previous: record.head,
        control: reveal.public_key(),
        next: signer(Suite::Ed25519, 5).public_key().commitment(),
        keys: record.current_keys().filter(|key| key.fragment == "both").cloned().collect(),
        retirement: Retirement::Superseded,
        guardians: None,
        services: vec![],
    };
    let proof = reveal.sign(&rotation.proof_message(&record.did));
    let after = record.apply(&record.did, &DidOperation::Rotate(rotation, proof), at(2)).unwrap();
    let text = document(&after).to_string();
    assert!(
        !text.contains("#jcs")
            && text.contains("#both")
            && text.contains(&reveal.public_key().to_multibase())
    );
    assert!(!text.contains(&record.control.to_multibase()), "the old control key is gone");
    assert_eq!(document(&after)["service"], json!([]));
}

#[test]
fn a_deactivated_document_is_empty() {
    let record = record();
    let ended = record.apply(&record.did, &DidOperation::Deactivate(record.head), at(2)).unwrap();
    let document = document(&ended);
    assert_eq!(document["id"], record.did.to_string());
    for list in ["verificationMethod", "assertionMethod", "authentication", "capabilityInvocation", "service"]
    {
        assert_eq!(document[list], json!([]), "{list}");
    }
}

/// The W3C test vector's key (vc-di-eddsa) in our Multikey text.
#[test]
fn multikey_equals_the_w3c_vector() {
    let secret = bs58::decode("3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq").into_vec().unwrap();
    assert_eq!(secret.get(..2), Some(&[0x80, 0x26][..]), "multicodec ed25519-priv");
    let secret: [u8; 32] = secret.get(2..).unwrap().try_into().unwrap();
    let key = SigningKey::from_bytes(Suite::Ed25519, &secret).unwrap();
    assert_eq!(key.public_key().to_multibase(), "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2");
}
