//! CBOR (RFC 8949) from outside: bounded in size, depth and count, one item, no key twice.

use ciborium::Value;
use serde_json::{Map, Number};

use crate::{Finding, Reason};

/// Bytes of one item, where a format needs no more.
pub const LIMIT: usize = 32 * 1024;

/// How deep arrays, maps and tags may nest. A real token needs seven levels.
const DEPTH: usize = 16;

/// Items in all, keys included. A real certificate has about sixty.
const ITEMS: usize = 2048;

/// Entries of one map, which also bounds the search for keys that occur twice.
const ENTRIES: usize = 256;

/// Reads `bytes`, at most [`LIMIT`] of them, as one CBOR item; `what` names it in the finding.
///
/// # Errors
/// [`Reason::BadEncoding`] if the bytes are not exactly one well-formed item, or the item is too large,
/// too deep, has too many parts, or has a map with one key twice (RFC 8949, section 5.6: two readers
/// could see two different certificates).
pub fn decode(bytes: &[u8], what: &str) -> Result<Value, Finding> {
    decode_within(bytes, LIMIT, what)
}

/// As [`decode`], for formats that carry more than [`LIMIT`] bytes; the other bounds stay.
///
/// # Errors
/// As [`decode`].
pub fn decode_within(bytes: &[u8], limit: usize, what: &str) -> Result<Value, Finding> {
    let refuse = |rule: &str| Finding::new(Reason::BadEncoding, format!("{what} is {rule}"));
    if bytes.len() > limit {
        return Err(refuse(&format!("CBOR of at most {} KiB", limit / 1024)));
    }
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH)
        .map_err(|_| refuse("well-formed CBOR, at most 16 levels deep"))?;
    if !rest.is_empty() {
        return Err(refuse("one CBOR item with nothing after it"));
    }
    let mut left = ITEMS;
    if !is_plain(&value, &mut left) {
        return Err(refuse("CBOR of at most 2,048 parts and 256 entries a map, no key twice"));
    }
    Ok(value)
}

/// Counts down `left` for each part; false if it runs out or a map is too large or repeats a key.
fn is_plain(value: &Value, left: &mut usize) -> bool {
    let Some(after) = left.checked_sub(1) else { return false };
    *left = after;
    match value {
        Value::Array(items) => items.iter().all(|item| is_plain(item, left)),
        Value::Tag(_, inner) => is_plain(inner, left),
        Value::Map(entries) => {
            entries.len() <= ENTRIES
                && entries.iter().all(|(key, value)| is_plain(key, left) && is_plain(value, left))
                && entries
                    .iter()
                    .enumerate()
                    .all(|(index, (key, _))| entries.iter().take(index).all(|(earlier, _)| earlier != key))
        }
        _ => true,
    }
}

/// The item inside tags of these kinds, of which at most four may stand around it.
pub(crate) fn untagged(mut value: Value, tags: &[u64]) -> Value {
    for _ in 0..4 {
        match value {
            Value::Tag(tag, inner) if tags.contains(&tag) => value = *inner,
            _ => break,
        }
    }
    value
}

/// The entry of a map under an integer label, as in COSE headers and CWT claims.
pub(crate) fn labelled(entries: &[(Value, Value)], label: i64) -> Option<&Value> {
    entries.iter().find(|(key, _)| key.as_integer() == Some(label.into())).map(|(_, value)| value)
}

/// The entry of a map under a name.
pub(crate) fn named<'a>(entries: &'a [(Value, Value)], name: &str) -> Option<&'a Value> {
    entries.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// Takes the entry under an integer label out of the map.
pub(crate) fn take_labelled(entries: &mut Vec<(Value, Value)>, label: i64) -> Option<Value> {
    let index = entries.iter().position(|(key, _)| key.as_integer() == Some(label.into()))?;
    Some(entries.swap_remove(index).1)
}

/// A number held within 64 bits, without its fraction.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => {
            let bounded = i128::from(*number).clamp(i64::MIN.into(), i64::MAX.into());
            i64::try_from(bounded).ok()
        }
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
        Value::Float(number) if number.is_finite() => Some(number.floor() as i64),
        _ => None,
    }
}

/// The head and bytes of a byte string in its shortest form, which is what COSE signs.
pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    const BYTE_STRING: u8 = 0x40;
    let length = bytes.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..24), _) => out.push(BYTE_STRING | short),
        (Ok(byte), _) => out.extend_from_slice(&[BYTE_STRING | 24, byte]),
        (_, Ok(word)) => {
            out.push(BYTE_STRING | 25);
            out.extend_from_slice(&word.to_be_bytes());
        }
        _ => {
            out.push(BYTE_STRING | 27);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// The JSON value of a CBOR item, after RFC 8949, section 6.1: tags are dropped (one country tags its
/// date texts), undefined and numbers that are not finite become null.
///
/// # Errors
/// [`Reason::Schema`] for what JSON cannot say: byte strings, keys that are not text, integers over 64 bits.
pub fn to_json(value: Value) -> Result<serde_json::Value, Finding> {
    let refuse = || Finding::new(Reason::Schema, "the certificate is a value that JSON can express");
    Ok(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(yes) => yes.into(),
        Value::Text(text) => text.into(),
        Value::Float(number) => Number::from_f64(number).map_or(serde_json::Value::Null, Into::into),
        Value::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
            (Ok(positive), _) => positive.into(),
            (_, Ok(negative)) => negative.into(),
            _ => return Err(refuse()),
        },
        Value::Tag(_, inner) => to_json(*inner)?,
        Value::Array(items) => items.into_iter().map(to_json).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Map(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                object.insert(key.into_text().map_err(|_| refuse())?, to_json(value)?);
            }
            object.into()
        }
        _ => return Err(refuse()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, Finding> {
        decode(&hex::decode(text).expect("hexadecimal"), "this")
    }

    #[test]
    fn one_bounded_item_and_nothing_after_it() {
        assert_eq!(read("a10102").map(|value| value.is_map()), Ok(true));
        for (name, text) in [
            ("nothing", ""),
            ("two items", "0101"),
            ("a cut map", "a101"),
            ("a length that lies", "5b7fffffffffffffff00"),
            ("an array that lies", "9b7fffffffffffffff00"),
            ("a reserved head", "1c"),
            ("a lone break", "ff"),
            ("text that is not UTF-8", "62c328"),
            ("one key twice", "a201020103"),
            ("one key twice, written differently", "a20102180103"),
            ("one key twice, below", "81a2616101616102"),
        ] {
            assert_eq!(read(text).expect_err(name).code, Reason::BadEncoding, "{name}");
        }
    }

    #[test]
    fn depth_size_and_count_are_bounded() {
        for opener in ["81", "c1", "9f", "a100", "d83d"] {
            assert!(
                read(&(opener.repeat(12) + "00" + &"ff".repeat(if opener == "9f" { 12 } else { 0 }))).is_ok()
            );
            for depth in [DEPTH + 1, 10_000] {
                assert!(read(&(opener.repeat(depth) + "00")).is_err(), "{opener} {depth} deep");
            }
        }
        let array = |count: u16| [&[0x99][..], &count.to_be_bytes(), &vec![0; usize::from(count)]].concat();
        assert!(decode(&array(2047), "this").is_ok());
        assert!(decode(&array(2048), "this").is_err());
        let map = |count: u16| {
            let entries = (0..count).flat_map(|key| [&[0x19][..], &key.to_be_bytes(), &[0]].concat());
            [&[0xb9][..], &count.to_be_bytes()].concat().into_iter().chain(entries).collect::<Vec<u8>>()
        };
        assert!(decode(&map(256), "this").is_ok());
        assert!(decode(&map(257), "this").is_err());
        let text = [&[0x79][..], &u16::MAX.to_be_bytes(), &vec![b'a'; usize::from(u16::MAX)]].concat();
        assert!(decode(&text, "this").is_err(), "over 32 KiB");
    }

    #[test]
    fn json_of_the_kinds_that_occur() {
        let json = |text: &str| to_json(read(text).expect("well-formed")).map_err(|finding| finding.code);
        assert_eq!(json("c074323032312d30362d30345430383a31333a35315a"), Ok(json!("2021-06-04T08:13:51Z")));
        assert_eq!(
            json("bf6161f7616283f63903e7fb3ff8000000000000ff"),
            Ok(json!({"a": null, "b": [null, -1000, 1.5]}))
        );
        assert_eq!(json("1bffffffffffffffff"), Ok(json!(u64::MAX)));
        assert_eq!(json("f97e00"), Ok(json!(null)), "not a number");
        for (name, text) in
            [("bytes", "4100"), ("an integer key", "a10102"), ("below -2^63", "3bffffffffffffffff")]
        {
            assert_eq!(json(text), Err(Reason::Schema), "{name}");
        }
    }

    #[test]
    fn byte_strings_are_written_as_short_as_possible() {
        for length in [0, 1, 23, 24, 255, 256, 65_535, 65_536] {
            let bytes = vec![9; length];
            let mut written = Vec::new();
            push_bytes(&mut written, &bytes);
            if length <= u16::MAX.into() {
                let mut expected = Vec::new();
                ciborium::into_writer(&Value::Bytes(bytes), &mut expected).expect("memory takes it");
                assert_eq!(written, expected, "{length}");
            } else {
                assert!(written.starts_with(&[0x5b, 0, 0, 0, 0, 0, 1, 0, 0]) && written.len() == length + 9);
            }
        }
    }
}
