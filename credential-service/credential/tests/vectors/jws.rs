//! The signatures of four SMART Health Cards: two that hold, one that does not, one that is DER.

use credential::jws::{Jws, JwsError};
use credential::{Finding, Reason};
use did_registry::PublicKey;

use super::{json, text};

const LIMIT: usize = 16 * 1024;

/// The token, and the published key that its header names.
fn read(token: &str) -> Result<(Jws, PublicKey), JwsError> {
    let jws = Jws::parse(token, LIMIT)?;
    let keys = json("shc/issuer.jwks.json");
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"].as_str() == jws.unverified_key_id());
    let key = PublicKey::from_jwk(key.unwrap()).unwrap();
    Ok((jws, key))
}

#[test]
fn cards_of_both_keys_verify_under_their_own_key_only() {
    let file = json("shc/file-multi-jws.smart-health-card.json");
    let tokens = file["verifiableCredential"].as_array().unwrap();
    let read: Vec<_> = tokens.iter().map(|token| read(token.as_str().unwrap()).unwrap()).collect();
    let [(first, first_key), (second, second_key)] = read.as_slice() else { panic!("two cards") };
    assert_ne!(first_key, second_key);
    for (card, key, holds) in [
        (first, first_key, true),
        (second, second_key, true),
        (first, second_key, false),
        (second, first_key, false),
    ] {
        assert_eq!(card.clone().verify(key).is_ok(), holds);
    }
}

#[test]
fn a_bad_signature_and_one_in_der_are_bad_signatures() {
    let invalid = text("shc/jws-invalid-signature.txt");
    let (card, key) = read(invalid.trim()).unwrap();
    let refused = card.verify(&key).unwrap_err();
    assert_eq!(
        (&refused, Finding::from(refused.clone()).code),
        (&JwsError::BadSignature, Reason::BadSignature)
    );
    let der = text("shc/jws-der-signature.txt");
    let refused = read(der.trim()).unwrap_err();
    assert_eq!(
        (&refused, Finding::from(refused.clone()).code),
        (&JwsError::SignatureLength, Reason::BadSignature)
    );
}
