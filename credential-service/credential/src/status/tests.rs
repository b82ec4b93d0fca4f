use ciborium::Value as Cbor;
use did_registry::{Suite, label};
use proptest::prelude::*;
use rand::{RngCore as _, SeedableRng};

use super::*;
use crate::jws::{base64url, sign};
use did_registry::{SigningKey, Timestamp};
use serde_json::Map;

const URI: &str = "https://g.example/status/1";

fn key() -> SigningKey {
    SigningKey::generate(Suite::P256, &mut rand_chacha::ChaCha20Rng::seed_from_u64(3))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn claims() -> StatusClaims {
    StatusClaims {
        issuer: Some("did:example:g".into()),
        uri: URI.into(),
        issued: at(1000),
        expires: Some(at(2000)),
        ttl: Some(300),
    }
}

fn reference(index: u64) -> StatusReference {
    StatusReference { uri: URI.into(), index }
}

#[test]
fn a_list_made_and_signed_answers_for_each_credential() {
    let mut list = StatusList::new(2, 10).unwrap();
    list.set(3, Status::Invalid).unwrap();
    list.set(4, Status::Suspended).unwrap();
    list.set(5, Status::Other(3)).unwrap();
    let token = issue(&list, &claims(), "key-1", &key());
    let text = StatusListText::parse(&token).unwrap();
    assert_eq!(text.unverified_uri(), Some(URI));
    assert_eq!(text.unverified_issuer(), Some("did:example:g"));
    assert_eq!(text.unverified_key_id(), Some("key-1"));
    let verified = text.verify(&key().public_key(), URI).unwrap();
    assert_eq!((verified.claims(), verified.list()), (&claims(), &list));
    assert_eq!(verified.digest(), did_registry::digest(label::STATUS_LIST, &[token.as_bytes()]));
    let answers = [(2, Ok(())), (3, Err(StatusError::Revoked)), (4, Err(StatusError::Suspended))];
    for (index, answer) in answers {
        assert_eq!(verified.check(&reference(index)), answer);
    }
    assert_eq!(verified.check(&reference(5)), Err(StatusError::Unknown(3)));
    assert_eq!(verified.check(&reference(12)), Err(StatusError::Outside { index: 12, size: 12 }));
    let elsewhere = StatusReference { uri: "https://m.example".into(), index: 2 };
    assert_eq!(verified.check(&elsewhere), Err(StatusError::OtherList));
}

#[test]
fn revoked_is_final_and_suspended_may_be_lifted() {
    let mut list = StatusList::new(2, 4).unwrap();
    list.set(1, Status::Suspended).unwrap();
    list.set(1, Status::Valid).unwrap();
    list.set(1, Status::Suspended).unwrap();
    list.set(1, Status::Invalid).unwrap();
    for undo in [Status::Valid, Status::Suspended, Status::Other(3)] {
        assert_eq!(list.set(1, undo), Err(StatusError::Final));
    }
    assert_eq!(list.set(1, Status::Invalid), Ok(()));
    assert_eq!(list.get(1), Ok(Status::Invalid));
}

#[test]
fn entries_outside_and_statuses_too_wide_are_refused() {
    let mut list = StatusList::new(1, 9).unwrap();
    assert_eq!(list.size(), 16);
    for index in [16, u64::MAX] {
        assert_eq!(list.get(index), Err(StatusError::Outside { index, size: 16 }));
        assert_eq!(list.set(index, Status::Invalid), Err(StatusError::Outside { index, size: 16 }));
    }
    assert_eq!(list.set(0, Status::Suspended), Err(StatusError::TooWide { bits: 1 }));
    assert_eq!(
        StatusList::new(4, 2).unwrap().set(0, Status::Other(16)),
        Err(StatusError::TooWide { bits: 4 })
    );
    for bits in [0, 3, 5, 16] {
        assert_eq!(StatusList::new(bits, 8), Err(StatusError::Bits));
        assert_eq!(
            StatusList::decompress(bits, &StatusList::new(1, 8).unwrap().compress()),
            Err(StatusError::Bits)
        );
    }
    assert_eq!(StatusList::new(8, u64::MAX), Err(StatusError::TooLarge { limit: LIST_BYTES }));
}

#[test]
fn cut_changed_and_trailing_streams_are_refused() {
    let mut list = StatusList::new(1, 80_000).unwrap();
    for index in (0..80_000).step_by(71) {
        list.set(index, Status::Invalid).unwrap();
    }
    let stream = list.compress();
    assert_eq!(StatusList::decompress(1, &stream), Ok(list));
    for cut in [0, 1, 2, stream.len() / 2, stream.len() - 4, stream.len() - 1] {
        assert_eq!(StatusList::decompress(1, &stream[..cut]), Err(StatusError::Compression), "cut at {cut}");
    }
    let trailing = [stream.as_slice(), &[0]].concat();
    assert_eq!(StatusList::decompress(1, &trailing), Err(StatusError::Compression));
    let mut changed = stream;
    let last = changed.len() - 1;
    changed[last] ^= 1; // Adler-32
    assert_eq!(StatusList::decompress(1, &changed), Err(StatusError::Compression));
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let largest = StatusList::from_bytes(1, vec![0; LIST_BYTES]).unwrap();
    let stream = largest.compress();
    assert!(stream.len() < 64 * 1024);
    assert_eq!(StatusList::decompress(1, &stream).unwrap().size(), 8 * LIST_BYTES as u64);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..300 {
        std::io::Write::write_all(&mut encoder, &[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert_eq!(StatusList::decompress(1, &bomb), Err(StatusError::TooLarge { limit: LIST_BYTES }));
}

#[test]
fn a_token_of_another_key_kind_or_list_is_refused() {
    let list = StatusList::new(1, 8).unwrap();
    let token = issue(&list, &claims(), "key-1", &key());
    let verify = |token: &str, uri: &str| StatusListText::parse(token)?.verify(&key().public_key(), uri);
    assert_eq!(verify(&token, "https://g.example/status/2").unwrap_err(), StatusError::OtherList);
    let other = SigningKey::from_bytes(Suite::P256, &[5; 32]).unwrap();
    let forged = issue(&list, &claims(), "key-1", &other);
    assert_eq!(verify(&forged, URI).unwrap_err(), StatusError::Token(JwsError::BadSignature));
    let edwards = SigningKey::from_bytes(Suite::Ed25519, &[5; 32]).unwrap();
    let confused = issue(&list, &claims(), "key-1", &edwards);
    assert_eq!(verify(&confused, URI).unwrap_err(), StatusError::Token(JwsError::AlgorithmMismatch));

    let forge = |typ: &str, payload: serde_json::Value| {
        let header: Map<String, _> = [("typ".to_owned(), typ.into())].into_iter().collect();
        sign(header, payload.to_string().as_bytes(), &key())
    };
    let lst = base64url(&list.compress());
    let body = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut payload = json!({"sub": URI, "iat": 1, "status_list": {"bits": 1, "lst": lst}});
        change(&mut payload);
        payload
    };
    assert!(verify(&forge(TYPE, body(&|_| ())), URI).is_ok());
    let jwt = forge("JWT", body(&|_| ()));
    assert_eq!(verify(&jwt, URI).unwrap_err(), StatusError::Token(JwsError::WrongType(TYPE.into())));
    type Change<'a> = &'a dyn Fn(&mut serde_json::Value);
    let broken: [(Change<'_>, StatusError); 8] = [
        (&|p| p["iat"] = json!("1"), JwsError::Claim("iat").into()),
        (&|p| drop(p.as_object_mut().unwrap().remove("iat")), JwsError::Claim("iat").into()),
        (&|p| drop(p.as_object_mut().unwrap().remove("sub")), JwsError::Claim("sub").into()),
        (&|p| p["ttl"] = json!(-1), JwsError::Claim("ttl").into()),
        (&|p| p["iss"] = json!(1), JwsError::Claim("iss").into()),
        (&|p| p["status_list"] = json!([]), JwsError::Claim("status_list").into()),
        (&|p| p["status_list"]["bits"] = json!(3), StatusError::Bits),
        (&|p| p["status_list"]["lst"] = json!("AAAA"), StatusError::Compression),
    ];
    for (change, error) in broken {
        assert_eq!(verify(&forge(TYPE, body(change)), URI).unwrap_err(), error);
    }
}

/// A CWT with this protected header and these claims, signed by `key`.
fn cwt(key: &SigningKey, protected: &[(i64, Cbor)], claims: &[(i64, Cbor)]) -> Vec<u8> {
    let map = |entries: &[(i64, Cbor)]| {
        Cbor::Map(entries.iter().map(|(label, value)| (Cbor::from(*label), value.clone())).collect())
    };
    let encode = |value: &Cbor| {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    };
    let (protected, claims) = (encode(&map(protected)), encode(&map(claims)));
    let bytes = |content: &[u8]| Cbor::Bytes(content.to_vec());
    let covered = Cbor::Array(vec!["Signature1".into(), bytes(&protected), bytes(b""), bytes(&claims)]);
    let signature = key.sign(&encode(&covered));
    let open = Cbor::Map(vec![(4.into(), bytes(b"key-1"))]);
    encode(&Cbor::Array(vec![bytes(&protected), open, bytes(&claims), bytes(signature.as_bytes())]))
}

/// The rules are those of the JWT, and so are the answers.
#[test]
fn a_cwt_of_another_key_kind_or_list_is_refused() {
    let mut list = StatusList::new(2, 8).unwrap();
    list.set(3, Status::Invalid).unwrap();
    let header = [(1, Cbor::from(-7)), (16, "application/statuslist+cwt".into())];
    let bits = |bits: i32, lst: Cbor| Cbor::Map(vec![("bits".into(), bits.into()), ("lst".into(), lst)]);
    let stream = Cbor::Bytes(list.compress());
    let good: Vec<(i64, Cbor)> = vec![
        (1, "did:example:g".into()),
        (2, URI.into()),
        (4, 2000.into()),
        (6, 1000.into()),
        (65_534, 300.into()),
        (65_533, bits(2, stream.clone())),
    ];
    let verify = |token: &[u8], uri: &str| StatusListText::parse_cwt(token)?.verify(&key().public_key(), uri);
    let token = cwt(&key(), &header, &good);
    let text = StatusListText::parse_cwt(&token).unwrap();
    assert_eq!((text.unverified_uri(), text.unverified_issuer()), (Some(URI), Some("did:example:g")));
    assert_eq!(text.unverified_key_id(), Some("key-1"));
    let verified = verify(&token, URI).unwrap();
    assert_eq!((verified.claims(), verified.list()), (&claims(), &list));
    assert_eq!(verified.digest(), did_registry::digest(label::STATUS_LIST, &[&token]));
    assert_eq!(verified.check(&reference(3)), Err(StatusError::Revoked));

    assert_eq!(verify(&token, "https://g.example/status/2").unwrap_err(), StatusError::OtherList);
    let code = |token: &[u8]| Finding::from(verify(token, URI).unwrap_err()).code;
    let other = SigningKey::from_bytes(Suite::P256, &[5; 32]).unwrap();
    assert_eq!(code(&cwt(&other, &header, &good)), Reason::BadSignature);
    let edwards = SigningKey::from_bytes(Suite::Ed25519, &[5; 32]).unwrap();
    assert_eq!(code(&cwt(&edwards, &header, &good)), Reason::BadSignature);
    for typ in [None, Some("application/cwt"), Some("statuslist+jwt"), Some("")] {
        let typ = typ.map(|typ| (16, Cbor::from(typ)));
        let header: Vec<(i64, Cbor)> = [(1, Cbor::from(-7))].into_iter().chain(typ).collect();
        assert_eq!(code(&cwt(&key(), &header, &good)), Reason::WrongKind);
    }
    let with = |label: i64, value: Option<Cbor>| {
        let mut claims = good.clone();
        claims.retain(|(other, _)| *other != label);
        claims.extend(value.map(|value| (label, value)));
        verify(&cwt(&key(), &header, &claims), URI).map(drop)
    };
    let claim = |name| Err(StatusError::Token(JwsError::Claim(name)));
    for optional in [1, 4, 65_534] {
        assert_eq!(with(optional, None), Ok(()), "{optional}");
    }
    assert_eq!(with(1, Some(1.into())), claim("iss"));
    assert_eq!(with(2, None), claim("sub"));
    assert_eq!(with(4, Some("2000".into())), claim("exp"));
    assert_eq!(with(6, None), claim("iat"));
    assert_eq!(with(6, Some((-1).into())), claim("iat"));
    assert_eq!(with(65_534, Some((-1).into())), claim("ttl"));
    assert_eq!(with(65_533, None), claim("status_list"));
    assert_eq!(with(65_533, Some(bits(2, "AAAA".into()))), claim("lst"));
    assert_eq!(with(65_533, Some(bits(3, stream))), Err(StatusError::Bits));
    assert_eq!(with(65_533, Some(bits(2, Cbor::Bytes(vec![0])))), Err(StatusError::Compression));
    assert!(matches!(StatusListText::parse_cwt(b"no token"), Err(StatusError::Cose(_))));
}

#[test]
fn a_list_out_of_its_time_is_refused() {
    let token = issue(&StatusList::new(1, 8).unwrap(), &claims(), "key-1", &key());
    let verified = StatusListText::parse(&token).unwrap().verify(&key().public_key(), URI).unwrap();
    assert_eq!(verified.check_validity(at(995), 5), Ok(()));
    assert_eq!(verified.check_validity(at(994), 5), Err(StatusError::NotYetValid));
    assert_eq!(verified.check_validity(at(2004), 5), Ok(()));
    assert_eq!(verified.check_validity(at(2005), 5), Err(StatusError::Expired));
}

#[test]
fn a_reference_reads_back_and_no_other_mechanism_passes() {
    let reference = reference(77);
    assert_eq!(StatusReference::from_json(&reference.to_json()), Ok(reference.clone()));
    for bad in [
        json!({}),
        json!({"status_list": {"idx": 1, "uri": "u"}, "identifier_list": {}}),
        json!({"identifier_list": {"id": "1"}}),
        json!({"status_list": {"idx": -1, "uri": "u"}}),
        json!({"status_list": {"idx": 1}}),
        json!("status_list"),
    ] {
        assert_eq!(StatusReference::from_json(&bad), Err(StatusError::Reference), "{bad}");
        let bad = Cbor::serialized(&bad).unwrap();
        assert_eq!(StatusReference::from_cbor(&bad), Err(StatusError::Reference));
    }
    let mut good = Cbor::serialized(&reference.to_json()).unwrap();
    assert_eq!(StatusReference::from_cbor(&good), Ok(reference));
    good.as_map_mut().unwrap().push((1.into(), Cbor::Map(Vec::new())));
    assert_eq!(StatusReference::from_cbor(&good), Err(StatusError::Reference), "another mechanism by number");
    assert_eq!(StatusReference::from_cbor(&Cbor::Bytes(Vec::new())), Err(StatusError::Reference));
}

#[test]
fn findings_carry_the_code_of_the_verdict() {
    let code = |error: StatusError| Finding::from(error).code;
    assert_eq!(code(StatusError::Revoked), Reason::Revoked);
    assert_eq!(code(StatusError::Suspended), Reason::Suspended);
    assert_eq!(code(StatusError::Expired), Reason::ListStale);
    assert_eq!(code(StatusError::Token(JwsError::BadSignature)), Reason::BadSignature);
    assert_eq!(code(StatusError::Outside { index: 1, size: 0 }), Reason::BadEncoding);
}

/// The download is what protects the herd, so its size is watched: entropy is 0.081 bits an entry here.
#[test]
fn a_list_with_one_percent_revoked_costs_under_an_eighth_of_a_bit_an_entry() {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(5);
    let mut list = StatusList::new(1, 10_000_000).unwrap();
    for _ in 0..100_000 {
        list.set(rng.next_u64() % 10_000_000, Status::Invalid).unwrap();
    }
    let bytes = list.compress().len();
    assert!(bytes * 8 <= 10_000_000 / 8, "{bytes} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn compressing_and_reading_gives_the_list_back(width in 0u8..4, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let list = StatusList::from_bytes(1 << width, bytes).unwrap();
        prop_assert_eq!(StatusList::decompress(list.bits(), &list.compress()), Ok(list));
    }

    #[test]
    fn setting_one_entry_changes_that_entry_only(width in 0u8..4, entries in proptest::collection::vec((0u64..64, any::<u8>()), 1..40)) {
        let bits = 1 << width;
        let mut list = StatusList::new(bits, 64).unwrap();
        let mut model = [0u8; 64];
        for (index, value) in entries {
            let value = value & (u8::MAX >> (8 - bits));
            let slot = &mut model[usize::try_from(index).unwrap()];
            if list.set(index, Status::from(value)).is_ok() {
                *slot = value;
            } else {
                prop_assert_eq!(*slot, 1);
            }
        }
        for (index, value) in model.iter().enumerate() {
            prop_assert_eq!(list.get(index as u64), Ok(Status::from(*value)));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for stream in [bytes.clone(), [&[0x78, 0xda][..], &bytes].concat()] {
            prop_assert!(StatusList::decompress(1, &stream).map_or(true, |list| list.as_bytes().len() <= LIST_BYTES));
        }
    }
}
