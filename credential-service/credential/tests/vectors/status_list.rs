//! The lists and the token of the Token Status List draft.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::cose::Sign1;
use credential::cwt::{Claims, EXPIRES, ISSUED, ISSUER, SUBJECT};
use credential::status::{CWT_CLAIM, Status, StatusError, StatusList, StatusListText, StatusReference};
use credential::{Finding, Reason};
use did_registry::{PublicKey, Timestamp};
use serde_json::Value;

use super::json;

fn lists() -> Vec<Value> {
    json("status-list/vectors.json").as_array().unwrap().clone()
}

/// The compressed bytes of a list, and its bits.
fn stream(list: &Value) -> (u8, Vec<u8>) {
    let bits = u8::try_from(list["json"]["bits"].as_u64().unwrap()).unwrap();
    (bits, URL_SAFE_NO_PAD.decode(list["json"]["lst"].as_str().unwrap()).unwrap())
}

#[test]
fn every_list_decodes_to_exactly_its_entries() {
    for vector in lists() {
        let (bits, stream) = stream(&vector);
        let list = StatusList::decompress(bits, &stream).unwrap();
        if let Some(bytes) = vector["byte_array_hex"].as_str() {
            assert_eq!(hex::encode(list.as_bytes()), bytes, "{}", vector["name"]);
        } else {
            assert_eq!(Some(list.size()), vector["entries"].as_u64());
            let expected = vector["status_nonzero"].as_object().unwrap();
            for index in 0..list.size() {
                let status = u64::from(u8::from(list.get(index).unwrap()));
                let stated = expected.get(&index.to_string()).map_or(0, |status| status.as_u64().unwrap());
                assert_eq!(status, stated, "{} entry {index}", vector["name"]);
            }
        }
        // The CBOR form carries the same stream.
        assert!(vector["cbor_hex"].as_str().unwrap().ends_with(&hex::encode(&stream)));
        // Another encoder may choose other bytes; the content is the same.
        assert_eq!(StatusList::decompress(bits, &list.compress()), Ok(list.clone()));
        assert!(matches!(list.get(list.size()), Err(StatusError::Outside { .. })));
        for cut in 0..stream.len() {
            assert!(StatusList::decompress(bits, &stream[..cut]).is_err(), "{} cut at {cut}", vector["name"]);
        }
    }
}

#[test]
fn setting_the_entries_makes_the_published_list() {
    for vector in lists() {
        let Some(entries) = vector["status_nonzero"].as_object() else { continue };
        let (bits, stream) = stream(&vector);
        let mut list = StatusList::new(bits, vector["entries"].as_u64().unwrap()).unwrap();
        for (index, status) in entries {
            let status = u8::try_from(status.as_u64().unwrap()).unwrap();
            list.set(index.parse().unwrap(), Status::from(status)).unwrap();
        }
        assert_eq!(StatusList::decompress(bits, &stream), Ok(list));
    }
}

#[test]
fn the_published_token_verifies_and_answers() {
    let tokens = json("status-list/tokens.json");
    let key = PublicKey::from_jwk(&tokens["public_key_jwk"]).unwrap();
    let token = tokens["status_list_token_jwt"].as_str().unwrap();
    let uri = "https://example.com/statuslists/1";
    let text = StatusListText::parse(token).unwrap();
    assert_eq!((text.unverified_key_id(), text.unverified_uri()), (Some("12"), Some(uri)));
    let verified = text.verify(&key, uri).unwrap();
    assert_eq!(verified.list().as_bytes(), [0xb9, 0xa3]);
    assert_eq!(verified.claims().ttl, Some(43_200));
    assert_eq!(verified.claims().issuer.as_deref(), Some("https://example.com"));
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    assert_eq!(verified.check_validity(at(1_700_000_000), 0), Ok(()));
    assert_eq!(verified.check_validity(at(2_291_720_170), 0), Err(StatusError::Expired));
    let revoked: Vec<u64> = (0..16)
        .filter(|index| verified.check(&StatusReference { uri: uri.into(), index: *index }).is_err())
        .collect();
    assert_eq!(revoked, [0, 3, 4, 5, 7, 8, 9, 13, 15]); // b9 a3, low bits first
    let beyond = verified.check(&StatusReference { uri: uri.into(), index: 16 });
    assert_eq!(beyond, Err(StatusError::Outside { index: 16, size: 16 }));
    let mut changed = token.to_owned();
    changed.replace_range(
        token.len() - 10..token.len() - 9,
        if token.as_bytes()[token.len() - 10] == b'A' { "B" } else { "A" },
    );
    assert!(StatusListText::parse(&changed).unwrap().verify(&key, uri).is_err());
}

const URI: &str = "https://example.com/statuslists/1";

/// The bytes of a published CWT, and the key of both.
fn cwt(name: &str) -> (Vec<u8>, PublicKey) {
    let tokens = json("status-list/tokens.json");
    let key = PublicKey::from_jwk(&tokens["public_key_jwk"]).unwrap();
    (hex::decode(tokens[name].as_str().unwrap()).unwrap(), key)
}

#[test]
fn the_published_cwt_verifies_and_says_what_the_jwt_says() {
    let (token, key) = cwt("status_list_token_cwt_hex");
    let text = StatusListText::parse_cwt(&token).unwrap();
    assert_eq!((text.unverified_key_id(), text.unverified_uri()), (Some("12"), Some(URI)));
    assert_eq!(text.unverified_issuer(), None);
    let verified = text.verify(&key, URI).unwrap();
    assert_eq!(verified.list().as_bytes(), [0xb9, 0xa3]);
    let claims = verified.claims();
    let expires = claims.expires.map(Timestamp::seconds);
    assert_eq!(
        (claims.issued.seconds(), expires, claims.ttl),
        (1_686_920_170, Some(2_291_720_170), Some(43_200))
    );
    let jwt = json("status-list/tokens.json")["status_list_token_jwt"].as_str().unwrap().to_owned();
    let jwt = StatusListText::parse(&jwt).unwrap().verify(&key, URI).unwrap();
    assert_eq!(verified.list(), jwt.list());
    assert_ne!(verified.digest(), jwt.digest(), "two tokens, two anchors");

    // Every bit of it counts, but for the unprotected header with the key identifier, which nobody signed.
    let open = token.windows(5).position(|bytes| bytes == b"\xa1\x04\x4212").unwrap();
    for bit in (0..token.len() * 8).filter(|bit| !(open..open + 5).contains(&(bit / 8))) {
        let mut changed = token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let held = StatusListText::parse_cwt(&changed).is_ok_and(|text| text.verify(&key, URI).is_ok());
        assert!(!held, "bit {bit}");
    }
    for cut in 0..token.len() {
        assert!(StatusListText::parse_cwt(&token[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_published_cwt_names_its_entry_in_the_list() {
    let (token, key) = cwt("referenced_token_cwt_hex");
    let token = Sign1::decode(&token).unwrap();
    assert_eq!((token.kid(), token.algorithm(), token.media_type()), (Some(&b"12"[..]), Some(-7), None));
    assert_eq!(token.verify(&key, b""), Ok(()));
    assert_eq!(token.verify(&key, b"x").unwrap_err().code, Reason::BadSignature);
    let claims = Claims::decode(token.payload()).unwrap();
    assert_eq!((claims.text(ISSUER), claims.text(SUBJECT)), (Some("https://example.com"), Some("12345")));
    assert_eq!(claims.seconds(ISSUED), Ok(Some(1_686_920_170)));
    assert_eq!(claims.seconds(EXPIRES), Ok(Some(2_291_720_170)));
    let reference = StatusReference::from_cbor(claims.get(CWT_CLAIM).unwrap()).unwrap();
    assert_eq!(reference, StatusReference { uri: URI.into(), index: 0 });
    let (list, key) = cwt("status_list_token_cwt_hex");
    let list = StatusListText::parse_cwt(&list).unwrap().verify(&key, &reference.uri).unwrap();
    assert_eq!(list.check(&reference), Err(StatusError::Revoked));
    // It is no list itself, though the same key signed it.
    let (token, key) = cwt("referenced_token_cwt_hex");
    let refused = StatusListText::parse_cwt(&token).unwrap().verify(&key, URI).unwrap_err();
    assert_eq!(Finding::from(refused).code, Reason::WrongKind);
}
