//! The lists and the token of the Token Status List draft.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::status::{Status, StatusError, StatusList, StatusListText, StatusReference};
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
