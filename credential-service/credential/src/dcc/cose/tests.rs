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

fn decode(parts: Vec<Value>) -> Result<Token, Finding> {
    Token::decode(&encode(&Value::Array(parts)))
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
        Token::decode(&encode(&value))
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
        ("key identifier as text", protected(&map(&[(4, "kid".into())]))),
        ("empty key identifier", protected(&map(&[(4, bytes(b""))]))),
        ("long key identifier", protected(&map(&[(4, bytes(&[0; 65]))]))),
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

#[test]
fn nothing_personal_is_printed() {
    let token = decode(parts(&[(4, bytes(b"\x01\x02"))], &[])).expect("well-formed");
    assert_eq!(format!("{token:?}"), "Token { algorithm: None, kid: Some(\"0102\"), .. }");
}
