use did_registry::SigningKey;

use super::*;

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory takes it");
    bytes
}

fn map(entries: &[(i64, Value)]) -> Value {
    Value::Map(entries.iter().map(|(label, value)| (Value::from(*label), value.clone())).collect())
}

fn bytes(content: &[u8]) -> Value {
    Value::Bytes(content.to_vec())
}

/// A token's four parts with these headers.
fn parts(protected: &[(i64, Value)], open: &[(i64, Value)]) -> Vec<Value> {
    vec![Value::Bytes(encode(&map(protected))), map(open), bytes(b"payload"), bytes(&[1; 64])]
}

fn decode(parts: Vec<Value>) -> Result<Sign1, Finding> {
    Sign1::decode(&encode(&Value::Array(parts)))
}

#[test]
fn the_protected_header_wins() {
    let token =
        decode(parts(&[(1, (-7).into()), (4, bytes(b"inside"))], &[(1, (-37).into()), (4, bytes(b"out"))]));
    let token = token.expect("well-formed");
    assert_eq!((token.algorithm(), token.kid()), (Some(-7), Some(&b"inside"[..])));
    let token = decode(parts(&[(1, (-7).into())], &[(4, bytes(b"out"))])).expect("well-formed");
    assert_eq!((token.algorithm(), token.kid()), (Some(-7), Some(&b"out"[..])));
    let token = decode(parts(&[], &[(1, "ES256".into())])).expect("well-formed");
    assert_eq!((token.algorithm(), token.kid()), (Some(RESERVED), None));
    assert_eq!(decode(parts(&[], &[])).expect("well-formed").algorithm(), None);
}

/// It names no key, and no other header speaks for it.
#[test]
fn a_key_identifier_of_another_form_counts_as_none() {
    for odd in ["kid".into(), Value::Null, 7.into(), bytes(b""), bytes(&[0; 65])] {
        let named = [(4, odd)];
        for open in [&[][..], &[(4, bytes(b"out"))]] {
            assert_eq!(decode(parts(&named, open)).expect("well-formed").kid(), None, "{named:?}");
        }
        assert_eq!(decode(parts(&[], &named)).expect("well-formed").kid(), None, "{named:?}");
        let token = decode(parts(&[(4, bytes(b"in"))], &named)).expect("well-formed");
        assert_eq!(token.kid(), Some(&b"in"[..]));
    }
    let longest = decode(parts(&[(4, bytes(&[0; 64]))], &[])).expect("well-formed");
    assert_eq!(longest.kid(), Some(&[0; 64][..]));
}

#[test]
fn an_empty_protected_header_signs_as_no_bytes() {
    let mut none = parts(&[], &[]);
    none[0] = bytes(b"");
    let none = decode(none).expect("well-formed");
    assert_eq!(none.signed(), b"\x84\x6aSignature1\x40\x40\x47payload");
    assert_eq!(decode(parts(&[], &[])).expect("well-formed").signed(), none.signed());
    let some = decode(parts(&[(1, (-7).into())], &[])).expect("well-formed");
    assert_eq!(some.signed(), b"\x84\x6aSignature1\x43\xa1\x01\x26\x40\x47payload");
}

#[test]
fn tags_may_stand_around_it() {
    let inner = Value::Array(parts(&[], &[]));
    let tagged = |tags: &[u64]| {
        let value = tags.iter().rev().fold(inner.clone(), |inner, tag| Value::Tag(*tag, Box::new(inner)));
        Sign1::decode(&encode(&value))
    };
    for tags in [&[][..], &[18], &[61, 18], &[61], &[55_799, 61, 18]] {
        assert!(tagged(tags).is_ok(), "{tags:?}");
    }
    for tags in [&[17][..], &[98], &[18, 24], &[61, 18, 61, 18, 61]] {
        assert_eq!(tagged(tags).expect_err("refused").code, Reason::BadEncoding, "{tags:?}");
    }
}

#[test]
fn other_structures_are_refused() {
    let good = parts(&[], &[]);
    let with = |index: usize, value: Value| {
        let mut parts = good.clone();
        parts[index] = value;
        parts
    };
    let protected = |value: &Value| with(0, Value::Bytes(encode(value)));
    for (name, parts) in [
        ("three parts", good[..3].to_vec()),
        ("five parts", [&good[..], &[Value::Null]].concat()),
        ("protected header as a map", with(0, map(&[]))),
        ("protected header not a map", protected(&Value::Array(Vec::new()))),
        ("protected header and more", with(0, bytes(&[0xa0, 0x00]))),
        ("unprotected header not a map", with(1, bytes(b""))),
        ("detached payload", with(2, Value::Null)),
        ("signature as text", with(3, "signature".into())),
        ("unknown critical header", protected(&map(&[(2, Value::Array(vec![99.into()]))]))),
        ("critical header by name", protected(&map(&[(2, Value::Array(vec!["exp".into()]))]))),
        ("empty critical header", protected(&map(&[(2, Value::Array(Vec::new()))]))),
    ] {
        assert_eq!(decode(parts).expect_err(name).code, Reason::BadEncoding, "{name}");
    }
    assert!(decode(protected(&map(&[(2, Value::Array(vec![4.into()])), (4, bytes(b"kid"))]))).is_ok());
    let twice = Value::Map(vec![(4.into(), bytes(b"one")), (4.into(), bytes(b"two"))]);
    assert!(decode(protected(&twice)).is_err(), "a protected label twice");
    assert!(decode(with(1, twice)).is_err(), "an unprotected label twice");
}

/// The type counts where it is protected, and as text.
#[test]
fn the_type_is_the_protected_one() {
    let (one, other) = ((16, Value::from("application/one")), (16, Value::from("application/other")));
    let media_type = |protected: &[_], open: &[_]| {
        decode(parts(protected, open)).expect("well-formed").media_type().map(str::to_owned)
    };
    assert_eq!(
        media_type(std::slice::from_ref(&one), std::slice::from_ref(&other)).as_deref(),
        Some("application/one")
    );
    assert_eq!(media_type(&[], &[other]), None);
    assert_eq!(media_type(&[(16, 60.into())], &[]), None, "a content format");
    assert_eq!(media_type(&[(1, (-7).into())], &[]), None);
}

/// A token with these headers and external data, signed by `key`.
fn signed(key: &SigningKey, protected: &[(i64, Value)], open: &[(i64, Value)], external: &[u8]) -> Sign1 {
    let header = if protected.is_empty() { Vec::new() } else { encode(&map(protected)) };
    let covered = Value::Array(vec!["Signature1".into(), bytes(&header), bytes(external), bytes(b"payload")]);
    let signature = key.sign(&encode(&covered));
    decode(vec![bytes(&header), map(open), bytes(b"payload"), bytes(signature.as_bytes())])
        .expect("well-formed")
}

#[test]
fn a_bare_key_verifies_what_it_signed_with_its_algorithm() {
    let [edwards, weierstrass] =
        [Suite::Ed25519, Suite::P256].map(|suite| SigningKey::from_bytes(suite, &[7; 32]).expect("a key"));
    for (key, other, own, foreign) in
        [(&edwards, &weierstrass, [-8, -19], [-7, -9]), (&weierstrass, &edwards, [-7, -9], [-8, -19])]
    {
        let algorithm = |number: i64| [(1, Value::from(number))];
        for number in own {
            for token in
                [signed(key, &algorithm(number), &[], b""), signed(key, &[], &algorithm(number), b"")]
            {
                assert_eq!(token.verify(&key.public_key(), b""), Ok(()), "{number}");
                assert!(token.verify(&other.public_key(), b"").is_err(), "{number} under the other key");
            }
        }
        assert_eq!(signed(key, &[], &[], b"").verify(&key.public_key(), b""), Ok(()), "none is named");
        for number in foreign.into_iter().chain([-37, -257, -35, 5, 0]) {
            let token = signed(key, &algorithm(number), &[], b"");
            let refused = token.verify(&key.public_key(), b"").expect_err("another algorithm");
            assert_eq!(refused.code, Reason::BadSignature, "{number}");
            // A protected algorithm is not overruled.
            let token = signed(key, &algorithm(number), &algorithm(own[0]), b"");
            assert!(token.verify(&key.public_key(), b"").is_err(), "{number}");
        }
    }
}

/// RFC 9052, section 4.3.
#[test]
fn external_data_is_signed_too() {
    let key = SigningKey::from_bytes(Suite::P256, &[7; 32]).expect("a key");
    let header = [(1, Value::from(-7))];
    let token = signed(&key, &header, &[], b"context");
    assert_eq!(token.verify(&key.public_key(), b"context"), Ok(()));
    for other in [&b""[..], b"contexu", b"context "] {
        assert_eq!(
            token.verify(&key.public_key(), other).expect_err("other data").code,
            Reason::BadSignature
        );
    }
    assert!(signed(&key, &header, &[], b"").verify(&key.public_key(), b"context").is_err());
    // The header and the payload are no less so.
    let mut other = token.clone();
    other.payload = b"payloae".to_vec();
    assert!(other.verify(&key.public_key(), b"context").is_err());
    let mut other = token.clone();
    other.protected = encode(&map(&[(1, (-9).into())]));
    assert!(other.verify(&key.public_key(), b"context").is_err());
    let mut short = token;
    short.signature.pop();
    assert!(short.verify(&key.public_key(), b"context").is_err());
}

#[test]
fn nothing_personal_is_printed() {
    let token = decode(parts(&[(4, bytes(b"\x01\x02"))], &[])).expect("well-formed");
    assert_eq!(format!("{token:?}"), "Sign1 { algorithm: None, kid: Some(\"0102\"), .. }");
}
