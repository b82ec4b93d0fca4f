//! Tokens that an attacker or a careless issuer could make, each with its own key: what the corpus cannot show.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use ciborium::Value;
use credential::Reason;
use credential::dcc::{ListError, TrustList, Verifier};
use did_registry::Timestamp;
use serde_json::json;

use crate::corpus::value_sets;
use crate::forge::{
    EXPIRES, ISSUED, certificate, claims, der, ec_key, encode, key, key_use, map, oid, rsa_key, to_qr, token,
    trust_list, verifier, x509,
};

const KID: &[u8] = b"8 bytes.";
const TEST: &str = "2b060104018e378f650101";
const RECOVERY: &str = "2b060104018e378f650103";
const RECOVERY_STRAY_ZERO: &str = "2b06010401008e378f650103";
const SERVER: &str = "2b06010505070301";

fn now() -> Timestamp {
    Timestamp::from_seconds(u64::try_from(ISSUED).unwrap()).unwrap()
}

fn verdict(verifier: &Verifier, token: &[u8]) -> Result<(), Reason> {
    verifier.verify(&to_qr(token), now()).map(|_| ()).map_err(|refusal| refusal.finding.code)
}

fn kid(bytes: &[u8]) -> (i64, Value) {
    (4, Value::Bytes(bytes.to_vec()))
}

fn algorithm(number: i64) -> (i64, Value) {
    (1, number.into())
}

#[test]
fn the_key_decides_the_algorithm() {
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), None))]);
    let verdict = |protected: &[_], open: &[_]| {
        verdict(&verifier, &token(&key(1), protected, open, &claims(certificate())))
    };
    assert_eq!(verdict(&[algorithm(-7), kid(KID)], &[]), Ok(()));
    // No algorithm is protected: the unprotected one must agree with the key, or be absent.
    assert_eq!(verdict(&[], &[algorithm(-7), kid(KID)]), Ok(()));
    assert_eq!(verdict(&[], &[kid(KID)]), Ok(()));
    assert_eq!(verdict(&[kid(KID)], &[algorithm(-37)]), Err(Reason::BadSignature));
    // A protected algorithm wins over an unprotected one, whichever agrees with the key.
    assert_eq!(verdict(&[algorithm(-7), kid(KID)], &[algorithm(-37)]), Ok(()));
    assert_eq!(verdict(&[algorithm(-37), kid(KID)], &[algorithm(-7)]), Err(Reason::BadSignature));
    // PS256, RS256, ES384, ES512, EdDSA, HMAC, and names instead of numbers: the signature is good ES256, the claim is not.
    for other in [-37, -257, -35, -36, -8, 5, 0, i64::MIN] {
        assert_eq!(verdict(&[algorithm(other), kid(KID)], &[]), Err(Reason::BadSignature), "{other}");
        assert_eq!(verdict(&[], &[algorithm(other), kid(KID)]), Err(Reason::BadSignature), "{other}");
    }
    assert_eq!(verdict(&[(1, "ES256".into()), kid(KID)], &[]), Err(Reason::BadSignature));
}

#[test]
fn an_rsa_key_never_verifies_es256() {
    let modulus = [0xc5; 256];
    let verifier = verifier(&[(KID, x509(&rsa_key(&modulus), None))]);
    assert_eq!(verifier.trust().unusable(), []);
    for named in [-7, -37] {
        let token = token(&key(1), &[algorithm(named), kid(KID)], &[], &claims(certificate()));
        assert_eq!(verdict(&verifier, &token), Err(Reason::BadSignature), "{named}");
    }
}

#[test]
fn the_protected_key_identifier_wins_without_fallback() {
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), None)), (b"other", x509(&ec_key(&key(2)), None))]);
    let verdict = |protected: &[_], open: &[_]| {
        verdict(&verifier, &token(&key(1), protected, open, &claims(certificate())))
    };
    assert_eq!(verdict(&[kid(KID)], &[kid(b"other")]), Ok(()));
    assert_eq!(verdict(&[kid(b"other")], &[kid(KID)]), Err(Reason::BadSignature));
    assert_eq!(verdict(&[kid(b"unknown")], &[kid(KID)]), Err(Reason::KeyUnknown));
    assert_eq!(verdict(&[algorithm(-7)], &[]), Err(Reason::KeyUnknown), "no key identifier");
    for odd in [Value::from("8 bytes."), Value::Bytes(Vec::new()), Value::Bytes(vec![0; 65]), Value::Null] {
        assert_eq!(verdict(&[(4, odd.clone())], &[]), Err(Reason::KeyUnknown), "{odd:?}");
        assert_eq!(verdict(&[(4, odd.clone())], &[kid(KID)]), Err(Reason::KeyUnknown), "{odd:?} protected");
        assert_eq!(verdict(&[kid(KID)], &[(4, odd.clone())]), Ok(()), "{odd:?} where nobody looks");
    }
}

#[test]
fn every_certificate_with_the_identifier_is_tried() {
    let (mine, other) = (x509(&ec_key(&key(1)), None), x509(&ec_key(&key(2)), None));
    let tests_only = x509(&ec_key(&key(1)), Some(&key_use(&[TEST])));
    let broken = b"no certificate".to_vec();
    let token = token(&key(1), &[algorithm(-7), kid(KID)], &[], &claims(certificate()));
    for (certificates, expected) in [
        (vec![&mine, &other], Ok(())),
        (vec![&other, &mine], Ok(())),
        (vec![&tests_only, &other, &mine], Ok(())),
        (vec![&broken, &mine], Ok(())),
        (vec![&other], Err(Reason::BadSignature)),
        (vec![&broken], Err(Reason::BadSignature)),
        (vec![&tests_only, &other], Err(Reason::WrongKeyUse)),
        (vec![&other, &tests_only], Err(Reason::WrongKeyUse)),
    ] {
        let entries: Vec<(&[u8], Vec<u8>)> = certificates.into_iter().map(|der| (KID, der.clone())).collect();
        assert_eq!(verdict(&verifier(&entries), &token), expected);
    }
}

#[test]
fn key_use_in_both_spellings_and_none() {
    let token = token(&key(1), &[algorithm(-7), kid(KID)], &[], &claims(certificate()));
    let critical = |list: &[u8]| der(0x30, &[&oid("551d25"), &[1, 1, 0xff], &der(4, &[&der(0x30, &[list])])]);
    let other_extension = der(0x30, &[&oid("551d0f"), &der(4, &[&[3, 2, 7, 128]])]);
    for (name, extensions, expected) in [
        ("no extensions", None, Ok(())),
        ("no key use", Some(other_extension.clone()), Ok(())),
        ("empty key use", Some(key_use(&[])), Ok(())),
        ("other uses only", Some(key_use(&[SERVER])), Ok(())),
        ("recovery", Some(key_use(&[RECOVERY])), Ok(())),
        ("recovery, stray zero", Some(key_use(&[RECOVERY_STRAY_ZERO])), Ok(())),
        ("recovery among others", Some(key_use(&[SERVER, TEST, RECOVERY])), Ok(())),
        ("recovery, critical", Some(critical(&oid(RECOVERY))), Ok(())),
        ("test", Some(key_use(&[TEST])), Err(Reason::WrongKeyUse)),
        ("test, critical", Some(critical(&oid(TEST))), Err(Reason::WrongKeyUse)),
        ("test behind another", Some([other_extension, key_use(&[TEST])].concat()), Err(Reason::WrongKeyUse)),
        (
            "a key use that is no list",
            Some(der(0x30, &[&oid("551d25"), &der(4, &[&[1]])])),
            Err(Reason::BadSignature),
        ),
    ] {
        let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), extensions.as_deref()))]);
        assert_eq!(verdict(&verifier, &token), expected, "{name}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_does_not_cost_the_list() {
    let p384 =
        der(0x30, &[&der(0x30, &[&oid("2a8648ce3d0201"), &oid("2b81040022")]), &der(3, &[&[0], &[4; 97]])]);
    let off_curve = der(
        0x30,
        &[&der(0x30, &[&oid("2a8648ce3d0201"), &oid("2a8648ce3d030107")]), &der(3, &[&[0, 4], &[7; 64]])],
    );
    let mut cut = x509(&ec_key(&key(1)), None);
    cut.truncate(100);
    let list = trust_list(&[
        (b"small", x509(&rsa_key(&[0xc5; 128]), None)),
        (b"large", x509(&rsa_key(&[0xc5; 1025]), None)),
        (b"p384", x509(&p384, None)),
        (b"curve", x509(&off_curve, None)),
        (b"cut", cut),
        (b"empty", Vec::new()),
        (KID, x509(&ec_key(&key(1)), None)),
    ]);
    let unusable: Vec<(&[u8], &str)> =
        list.unusable().iter().map(|entry| (entry.kid.as_slice(), entry.rule)).collect();
    let malformed = "a certificate is a DER sequence as in RFC 5280";
    assert_eq!(
        unusable,
        [
            (&b"small"[..], "an RSA key has 2048 to 8192 bits"),
            (b"large", "an RSA key has 2048 to 8192 bits"),
            (b"p384", "a signer's key is of EC P-256 or RSA"),
            (b"curve", "an EC key is a point of P-256"),
            (b"cut", malformed),
            (b"empty", malformed),
        ]
    );
    assert_eq!((list.signers(KID).unwrap().len(), list.signers(b"small").unwrap().len()), (1, 0));
}

#[test]
fn an_entry_that_cannot_be_read_does_not_cost_the_list() {
    let good = x509(&ec_key(&key(1)), None);
    let long = STANDARD.encode([0; 65]);
    let [kid, certificate] = [KID, &good].map(|bytes| STANDARD.encode(bytes));
    let entries: [(&str, &str); 6] = [
        ("", &certificate),
        ("?", &certificate),
        (&long, &certificate),
        ("AAAA", "?"),
        ("AAAA", "AAAAA"),
        (&kid, &certificate),
    ];
    let listed =
        entries.map(|(kid, certificate)| json!({"kid": kid, "certificate": certificate, "country": "XX"}));
    let list = TrustList::from_json(json!({"certificates": listed}).to_string().as_bytes()).unwrap();
    let unusable: Vec<_> =
        list.unusable().iter().map(|entry| (entry.index, entry.kid.as_slice(), entry.rule)).collect();
    let (no_kid, zeros) = ("a key identifier is base64 of 1 to 64 bytes", &[0; 3][..]);
    assert_eq!(
        unusable,
        [
            (0, &b""[..], no_kid),
            (1, b"", no_kid),
            (2, b"", no_kid),
            (3, zeros, "a certificate is base64"),
            (4, zeros, "a certificate is base64"),
        ]
    );
    // The good one serves, those that are known and unusable verify nothing, the others are not known.
    let verifier = Verifier::new(list, value_sets());
    let verdict = |kid: &[u8]| {
        verdict(
            &verifier,
            &token(
                &key(1),
                &[algorithm(-7), (4, Value::Bytes(kid.to_vec()))],
                &[],
                &claims(crate::forge::certificate()),
            ),
        )
    };
    assert_eq!(verdict(KID), Ok(()));
    assert_eq!(verdict(zeros), Err(Reason::BadSignature));
    assert_eq!(verdict(&[0; 64]), Err(Reason::KeyUnknown));
    assert_eq!(verdict(b""), Err(Reason::KeyUnknown));
}

#[test]
fn base64_of_a_list_has_either_alphabet_and_padding_or_none() {
    let kid = [0xfb, 0xff, 0xfe, 0xfb];
    let certificate = x509(&ec_key(&key(1)), None);
    let list = |kid: String, certificate: String| {
        let list = json!({"certificates": [{"kid": kid, "certificate": certificate}]});
        TrustList::from_json(list.to_string().as_bytes()).unwrap()
    };
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        let list = list(engine.encode(kid), engine.encode(&certificate));
        assert_eq!((list.signers(&kid).unwrap().len(), list.unusable()), (1, &[][..]));
    }
    for odd in ["+//++x==", "+//++w===", "+//+ +w==", "=+//++w", "%2B"] {
        assert_eq!(list(odd.to_owned(), STANDARD.encode(&certificate)).unusable().len(), 1, "{odd}");
    }
}

#[test]
fn lists_of_another_form_are_refused() {
    let load = |json: &str| TrustList::from_json(json.as_bytes()).unwrap_err();
    assert!(matches!(load("[]"), ListError::Malformed { .. }));
    assert!(matches!(load(r#"{"certificates": [{"kid": "AA=="}]}"#), ListError::Malformed { .. }));
    let entries = vec![r#"{"kid": "AA==", "certificate": ""}"#; 16_385].join(",");
    assert!(matches!(load(&format!(r#"{{"certificates": [{entries}]}}"#)), ListError::TooMany { .. }));
    assert!(matches!(load(&" ".repeat((16 << 20) + 1)), ListError::TooLarge { .. }));
    let shared = x509(&ec_key(&key(1)), None);
    let entry = json!({"kid": "AA==", "certificate": STANDARD.encode(shared)});
    assert!(matches!(load(&json!({"certificates": vec![entry; 17]}).to_string()), ListError::TooMany { .. }));
}

#[test]
fn signed_nonsense_is_still_nonsense() {
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), None))]);
    let verdict =
        |payload: &[u8]| verdict(&verifier, &token(&key(1), &[algorithm(-7), kid(KID)], &[], payload));
    let good = claims(certificate());
    assert_eq!(verdict(&good), Ok(()));
    assert_eq!(verdict(&[&good[..], &[0]].concat()), Err(Reason::BadEncoding), "bytes after the claims");
    assert_eq!(verdict(&encode(&map(&[]))), Err(Reason::BadEncoding), "no claims");
    let with_key_twice = |mut certificate: Value| {
        let entries = certificate.as_map_mut().unwrap();
        entries.push(("dob".into(), "2000-01-01".into()));
        certificate
    };
    assert_eq!(verdict(&claims(with_key_twice(certificate()))), Err(Reason::BadEncoding), "two birth dates");
    assert_eq!(
        verdict(&claims(Value::Bytes(encode(&certificate())))),
        Err(Reason::Schema),
        "bytes for a map"
    );
    assert_eq!(
        verdict(&claims(Value::Map(vec![(1.into(), 2.into())]))),
        Err(Reason::Schema),
        "a key that is no text"
    );
    assert_eq!(verdict(&claims(Value::Null)), Err(Reason::Schema), "nothing");
}

fn put(object: &mut Value, name: &str, value: Value) {
    let entries = object.as_map_mut().unwrap();
    entries.retain(|(key, _)| key.as_text() != Some(name));
    entries.push((name.into(), value));
}

/// The certificate with one member of its own, or of its entry, changed.
fn with(name: &str, value: Value) -> Value {
    let mut certificate = certificate();
    put(&mut certificate, name, value);
    certificate
}

fn entry_with(name: &str, value: Value) -> Value {
    let mut certificate = certificate();
    let entries = certificate.as_map_mut().unwrap().iter_mut();
    let (_, list) = entries.into_iter().find(|(key, _)| key.as_text() == Some("r")).unwrap();
    put(&mut list.as_array_mut().unwrap()[0], name, value);
    certificate
}

/// Every form that is read as it is meant needs the signature no less, and has its neighbour that is refused.
#[test]
fn forms_that_say_the_same_are_read_and_their_neighbours_are_not() {
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), None))]);
    let signed_by = |seed: u8, certificate: &Value| {
        verdict(&verifier, &token(&key(seed), &[algorithm(-7), kid(KID)], &[], &claims(certificate.clone())))
    };
    let bytes = || Value::Bytes(vec![1, 2]);
    let tagged = |tag: u64, value: Value| Value::Tag(tag, Box::new(value));
    let numbered = || map(&[(1, 2.into())]);
    for (name, certificate) in [
        ("no birth date", with("dob", Value::Null)),
        ("an old version", with("ver", "1.0".into())),
        ("no standard name", with("nam", Value::Map(vec![("fn".into(), "Doe".into())]))),
        ("no country", entry_with("co", "".into())),
        ("a day as a number", entry_with("fr", tagged(100, 18_678.into()))),
        ("a time as a number", entry_with("fr", tagged(1, 1_613_779_200.into()))),
        ("unread bytes", with("x", bytes())),
        ("an unread map with numbers for names", with("x", numbered())),
        ("unread bytes in the entry", entry_with("x", bytes())),
    ] {
        assert_eq!(signed_by(1, &certificate), Ok(()), "{name}");
        assert_eq!(signed_by(2, &certificate), Err(Reason::BadSignature), "{name}");
    }
    for (name, certificate, reason) in [
        ("a birth date in bytes", with("dob", bytes()), Reason::Schema),
        ("a version of a word", with("ver", "one".into()), Reason::Schema),
        ("no name", with("nam", Value::Map(Vec::new())), Reason::Schema),
        ("a name under a number", with("nam", numbered()), Reason::Schema),
        ("an entry under a number", with("r", Value::Array(vec![numbered()])), Reason::Schema),
        ("entries in bytes", with("r", bytes()), Reason::Schema),
        ("an unknown country", entry_with("co", "XY".into()), Reason::CodeNotInList),
        ("a country in small letters", entry_with("co", "at".into()), Reason::CodeNotInList),
        ("a number for a day", entry_with("fr", 18_678.into()), Reason::Schema),
        ("a day beyond all", entry_with("fr", tagged(100, i64::MAX.into())), Reason::Schema),
        ("no day of the calendar", entry_with("fr", "2021-02-30".into()), Reason::Schema),
        ("a text in bytes", entry_with("ci", bytes()), Reason::Schema),
    ] {
        assert_eq!(signed_by(1, &certificate), Err(reason), "{name}");
    }
}

/// Decision 0003.
#[test]
fn times_and_tags_of_a_token_have_several_forms() {
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), None))]);
    let verdict = |claims: &[(i64, Value)], tags: &[u64]| {
        let health = (-260, map(&[(1, certificate())]));
        let claims = map(&[claims, &[health]].concat());
        let claims = tags.iter().fold(claims, |inner, tag| Value::Tag(*tag, Box::new(inner)));
        verdict(&verifier, &token(&key(1), &[algorithm(-7), kid(KID)], &[], &encode(&claims)))
    };
    let tagged = |seconds: i64| Value::Tag(1, Box::new(seconds.into()));
    let (issued, expires) = ((6, Value::from(ISSUED)), (4, Value::from(EXPIRES)));
    for tags in [&[][..], &[61], &[55_799], &[61, 55_799]] {
        assert_eq!(verdict(&[issued.clone(), expires.clone()], tags), Ok(()), "{tags:?}");
    }
    assert_eq!(verdict(&[issued.clone(), expires.clone()], &[18]), Err(Reason::BadEncoding));
    assert_eq!(verdict(&[(6, tagged(ISSUED)), (4, tagged(EXPIRES))], &[]), Ok(()));
    assert_eq!(verdict(&[(6, tagged(ISSUED + 1)), (4, tagged(EXPIRES))], &[]), Err(Reason::NotYetValid));
    assert_eq!(verdict(&[(6, tagged(ISSUED)), (4, tagged(ISSUED - 1))], &[]), Err(Reason::Expired));
    assert_eq!(verdict(&[expires], &[]), Ok(()), "no time of issue");
    assert_eq!(verdict(&[(4, (ISSUED - 1).into())], &[]), Err(Reason::Expired), "nor does it matter then");
    assert_eq!(verdict(&[issued], &[]), Err(Reason::BadEncoding), "no end");
}

#[test]
fn the_reason_is_the_first_failing_step() {
    // Expired, without an entry, under a key for tests: what comes first is told.
    let empty = Value::Map(vec![("ver".into(), "1.3.0".into())]);
    let token = token(&key(1), &[algorithm(-7), kid(KID)], &[], &claims(empty));
    let late = Timestamp::from_seconds(1_700_000_000).unwrap();
    let verifier = verifier(&[(KID, x509(&ec_key(&key(1)), Some(&key_use(&[TEST]))))]);
    let refusal = verifier.verify(&to_qr(&token), late).unwrap_err();
    assert_eq!((refusal.finding.code, refusal.country.as_deref()), (Reason::Expired, Some("AT")));
    assert_eq!(verdict(&verifier, &token), Err(Reason::Schema));
}
