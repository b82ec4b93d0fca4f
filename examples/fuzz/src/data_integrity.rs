//! Data Integrity: a secured document as it travels, and any object once it is secured.

use std::sync::LazyLock;

use credential::data_integrity::{
    CredentialRequest, Expected, LIMIT, ProofOptions, Purpose, SecuredDocument, VerifiedDocument, credential,
    secure,
};
use credential::json::{Limits, parse_object};
use credential::status::StatusReference;
use did_registry::{SigningKey, Suite, Timestamp};
use serde_json::{Map, Value, json};

static ISSUER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_bytes(Suite::Ed25519, &[3; 32]).unwrap());

/// The one document that the issuer signs.
static SIGNED: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let claims = json!({"result": "negative", "name": "陳 Maria", "doses": 3, "lines": ["Rua", null, 1.5]});
    let request = CredentialRequest {
        issuer: "did:example:g",
        id: Some("urn:uuid:1"),
        types: &["HealthTest"],
        claims: claims.as_object().unwrap(),
        holder: &ISSUER.public_key(),
        valid_from: Timestamp::default(),
        valid_until: Some(Timestamp::default().plus(1_000)),
        status: Some(&StatusReference { uri: "https://g/s".into(), index: 7 }),
    };
    credential(&request).unwrap()
});

/// Secures a document as the issuer.
fn secured(document: Map<String, Value>) -> Option<String> {
    let options = ProofOptions {
        verification_method: "did:example:g#k1",
        purpose: Purpose::AssertionMethod,
        created: Timestamp::default(),
        expires: None,
        challenge: None,
        domain: None,
    };
    Some(Value::Object(secure(document, &options, &ISSUER).ok()?).to_string())
}

pub(super) fn documents() -> Vec<Vec<u8>> {
    let honest = secured(SIGNED.clone()).unwrap();
    let mut deep: Value = serde_json::from_str(&honest).unwrap();
    deep["@context"] = (0..14).fold(json!("c"), |inner, _| json!([inner]));
    vec![honest.into_bytes(), deep.to_string().into_bytes()]
}

pub(super) fn document(bytes: &[u8]) -> bool {
    if let Some(verified) = verified(bytes) {
        assert_eq!(verified.document(), &*SIGNED, "its issuer did not sign this");
    }
    // Below the signature: whatever is secured verifies as what it is.
    if let Ok(mut any) = parse_object(bytes, Limits::of(LIMIT)) {
        any.remove("proof");
        if let Some(secured) = secured(any.clone()) {
            let verified = verified(secured.as_bytes()).expect("what is secured can be verified");
            assert_eq!(verified.document(), &any, "secured as something else");
            if let Ok(credential) = verified.into_credential() {
                let _ = (credential.claims(), credential.holder());
                let _ = credential.check_validity(Timestamp::default(), 0);
            }
        }
    }
    SecuredDocument::parse(bytes).is_ok()
}

fn verified(bytes: &[u8]) -> Option<VerifiedDocument> {
    let expected = Expected {
        purpose: Purpose::AssertionMethod,
        challenge: None,
        domain: None,
        now: Timestamp::default(),
        leeway: 0,
    };
    SecuredDocument::parse(bytes).ok()?.verify(&ISSUER.public_key(), &expected).ok()
}
