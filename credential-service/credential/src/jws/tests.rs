use rand::SeedableRng;
use serde_json::json;

use super::*;

const LIMIT: usize = 4096;

fn key(suite: Suite) -> SigningKey {
    SigningKey::generate(suite, &mut rand_chacha::ChaCha20Rng::seed_from_u64(11))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// A token with any header at all, signed by `key`.
fn forge(header: &Value, payload: &str, key: &SigningKey) -> String {
    let signed = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(payload.as_bytes()));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_bytes()))
}

#[test]
fn what_is_signed_verifies_under_both_suites() {
    for suite in [Suite::Ed25519, Suite::P256] {
        let key = key(suite);
        let text = sign(object(json!({"typ": "JWT", "kid": "k", "alg": "none"})), b"payload", &key);
        let jws = Jws::parse(&text, LIMIT).unwrap();
        assert_eq!((jws.unverified_key_id(), jws.unverified_payload()), (Some("k"), &b"payload"[..]));
        let verified = jws.verify(&key.public_key()).unwrap();
        assert_eq!(verified.header()["alg"], suite.jose());
        assert_eq!((verified.payload(), verified.text()), (&b"payload"[..], text.as_str()));
        assert_eq!(verified.check_type("JWT"), Ok(()));
        assert_eq!(verified.check_type("kb+jwt"), Err(JwsError::WrongType("kb+jwt".into())));
    }
}

/// RFC 8037 appendix A.4: the only published EdDSA token that small.
#[test]
fn the_eddsa_example_of_the_rfc_verifies() {
    let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
                dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let verified = Jws::parse(text, LIMIT).unwrap().verify(&PublicKey::from_jwk(&jwk).unwrap()).unwrap();
    assert_eq!(verified.payload(), b"Example of Ed25519 signing");
}

#[test]
fn the_fully_specified_name_of_ed25519_is_accepted() {
    let key = key(Suite::Ed25519);
    let text = forge(&json!({"alg": "Ed25519"}), "x", &key);
    assert!(Jws::parse(&text, LIMIT).unwrap().verify(&key.public_key()).is_ok());
}

/// RFC 7518 §3.4 does not choose between `s` and `n − s`, and other issuers' libraries give either.
#[test]
fn either_form_of_an_es256_signature_counts() {
    let key = key(Suite::P256);
    let text = forge(&json!({"alg": "ES256"}), "x", &key);
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let own = p256::ecdsa::Signature::from_slice(&from_base64url(signature).unwrap()).unwrap();
    let other = p256::ecdsa::Signature::from_scalars(*own.r(), -*own.s()).unwrap();
    let other = format!("{signed}.{}", base64url(&other.to_bytes()));
    for text in [&text, &other] {
        assert!(Jws::parse(text, LIMIT).unwrap().verify(&key.public_key()).is_ok());
    }
}

#[test]
fn alg_none_unknown_or_missing_is_refused() {
    let key = key(Suite::P256);
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "es256"}),
        json!({"alg": "ES384"}),
        json!({}),
        json!({"alg": 1}),
        json!({"alg": ["ES256"]}),
    ] {
        assert_eq!(
            Jws::parse(&forge(&header, "x", &key), LIMIT).unwrap_err(),
            JwsError::Algorithm,
            "{header}"
        );
    }
    let unsigned = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(b"x"));
    assert_eq!(Jws::parse(&unsigned, LIMIT).unwrap_err(), JwsError::Algorithm);
}

#[test]
fn alg_must_be_that_of_the_key() {
    let (edwards, weierstrass) = (key(Suite::Ed25519), key(Suite::P256));
    let confused = forge(&json!({"alg": "ES256"}), "x", &edwards);
    let jws = Jws::parse(&confused, LIMIT).unwrap();
    assert_eq!(jws.clone().verify(&edwards.public_key()).unwrap_err(), JwsError::AlgorithmMismatch);
    assert_eq!(jws.verify(&weierstrass.public_key()).unwrap_err(), JwsError::BadSignature);
}

#[test]
fn critical_extensions_and_unencoded_payloads_are_refused() {
    let key = key(Suite::P256);
    let critical = forge(&json!({"alg": "ES256", "crit": ["exp"], "exp": 1}), "x", &key);
    assert_eq!(Jws::parse(&critical, LIMIT).unwrap_err(), JwsError::Critical);
    let unencoded = forge(&json!({"alg": "ES256", "b64": false}), "x", &key);
    assert_eq!(Jws::parse(&unencoded, LIMIT).unwrap_err(), JwsError::Unencoded);
}

#[test]
fn a_key_in_the_header_changes_nothing() {
    let (honest, evil) = (key(Suite::Ed25519), SigningKey::from_bytes(Suite::Ed25519, &[9; 32]).unwrap());
    let text = forge(&json!({"alg": "EdDSA", "jwk": evil.public_key().to_jwk()}), "x", &evil);
    let refused = Jws::parse(&text, LIMIT).unwrap().verify(&honest.public_key());
    assert_eq!(refused.unwrap_err(), JwsError::BadSignature);
}

#[test]
fn other_spellings_of_a_token_are_refused() {
    let key = key(Suite::Ed25519);
    let text = sign(Map::new(), b"xy", &key);
    let parts: Vec<&str> = text.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let spelled = |header: &str, payload: &str, signature: &str| format!("{header}.{payload}.{signature}");
    assert_eq!(payload, "eHk");
    for bad in [
        spelled(header, "eHl", signature),  // stray bits
        spelled(header, "eHk=", signature), // padding
        spelled(header, " eHk", signature),
        spelled(header, "eH+", signature),
        spelled(header, payload, &format!("{signature}=")),
    ] {
        assert_eq!(Jws::parse(&bad, LIMIT).unwrap_err(), JwsError::Encoding, "{bad}");
    }
    for bad in [format!("{header}.{payload}"), format!("{text}.{signature}"), String::new()] {
        assert_eq!(Jws::parse(&bad, LIMIT).unwrap_err(), JwsError::NotCompact, "{bad}");
    }
    let short = spelled(header, payload, &signature[..84]);
    assert_eq!(Jws::parse(&short, LIMIT).unwrap_err(), JwsError::SignatureLength);
    assert_eq!(Finding::from(JwsError::SignatureLength).code, Reason::BadSignature);
    let twice = spelled(&base64url(br#"{"alg":"none","alg":"EdDSA"}"#), payload, signature);
    assert_eq!(Jws::parse(&twice, LIMIT).unwrap_err(), JwsError::Json(JsonError::DuplicateMember));
    assert_eq!(Jws::parse(&text, 10).unwrap_err(), JwsError::TooLarge { limit: 10, got: text.len() });
}

/// RFC 7515 §4.1.9.
#[test]
fn typ_is_a_media_type() {
    let key = key(Suite::Ed25519);
    let check = |typ: Value| {
        let text = forge(&json!({"alg": "EdDSA", "typ": typ}), "x", &key);
        let verified = Jws::parse(&text, LIMIT).unwrap().verify(&key.public_key()).unwrap();
        let checks =
            ["dc+sd-jwt", "application/dc+sd-jwt"].map(|expected| verified.check_type(expected).is_ok());
        assert_eq!(checks[0], checks[1], "{typ}");
        checks[0]
    };
    for same in ["dc+sd-jwt", "application/dc+sd-jwt", "DC+SD-JWT", "Application/dc+SD-jwt"] {
        assert!(check(json!(same)), "{same}");
    }
    for other in [
        json!("vc+sd-jwt"),
        json!("text/dc+sd-jwt"),
        json!("application/application/dc+sd-jwt"),
        json!("applicationdc+sd-jwt"),
        json!("/dc+sd-jwt"),
        json!("dc+sd-jwt "),
        json!("dc+sd-jwt;v=1"),
        json!(""),
        json!(["dc+sd-jwt"]),
        json!(null),
    ] {
        assert!(!check(other.clone()), "{other}");
    }
}

/// RFC 7519 §2: a NumericDate may have a fraction.
#[test]
fn times_are_seconds_without_their_fraction() {
    let at = |seconds| Ok(Some(Timestamp::from_seconds(seconds).unwrap()));
    for (value, time) in
        [(json!(5), at(5)), (json!(1.999), at(1)), (json!(0.0), at(0)), (json!(1.7e9), at(1_700_000_000))]
    {
        assert_eq!(seconds(&object(json!({"iat": value})), "iat"), time, "{value}");
    }
    assert_eq!(seconds(&Map::new(), "iat"), Ok(None));
    for value in [json!(-1), json!(-0.5), json!(1e300), json!(253_402_300_800_u64), json!("5"), json!(null)] {
        assert_eq!(seconds(&object(json!({"iat": value})), "iat"), Err(JwsError::Claim("iat")), "{value}");
    }
}

#[test]
fn a_claim_that_should_be_text_is_text_and_debug_shows_no_payload() {
    assert_eq!(text(&object(json!({"sub": 7})), "sub"), Err(JwsError::Claim("sub")));
    let jws = Jws::parse(&sign(Map::new(), b"Maria", &key(Suite::P256)), LIMIT).unwrap();
    assert!(!format!("{jws:?}").contains("Maria") && !format!("{jws:?}").contains(&base64url(b"Maria")));
}
