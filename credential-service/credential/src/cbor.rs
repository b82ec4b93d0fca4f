//! CBOR (RFC 8949) from outside: bounded in size, depth and count, one item, no key twice.

use ciborium::Value;
use did_registry::Date;
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

/// Seconds since 1970 (RFC 8949, section 3.4.2).
const EPOCH_SECONDS: u64 = 1;

/// Days since 1970 (RFC 8943).
const EPOCH_DAYS: u64 = 100;

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

/// The JSON value of a CBOR item, after RFC 8949, section 6.1: undefined and numbers that are not finite become
/// null; tags are dropped, but a number that a tag makes a time or a day (tags 1 and 100) becomes its text.
///
/// What JSON cannot say, byte strings and integers over 64 bits, becomes an empty object inside the item, which no
/// reader takes for a text, a number or a list, so it is refused where it is read and nowhere else. Entries of a
/// map under other keys than texts are left out: no JSON has them.
///
/// # Errors
/// [`Reason::Schema`] if the item itself is what JSON cannot say.
pub fn to_json(value: Value) -> Result<serde_json::Value, Finding> {
    let refuse = || Finding::new(Reason::Schema, "the certificate is a value that JSON can express");
    express(value).ok_or_else(refuse)
}

fn express(value: Value) -> Option<serde_json::Value> {
    let inside = |value| express(value).unwrap_or_else(|| Map::new().into());
    Some(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(yes) => yes.into(),
        Value::Text(text) => text.into(),
        Value::Float(number) => Number::from_f64(number).map_or(serde_json::Value::Null, Into::into),
        Value::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
            (Ok(positive), _) => positive.into(),
            (_, Ok(negative)) => negative.into(),
            _ => return None,
        },
        Value::Tag(EPOCH_SECONDS, inner) if is_number(&inner) => moment(whole(&inner)?)?.into(),
        Value::Tag(EPOCH_DAYS, inner) if is_number(&inner) => day(whole(&inner)?)?.to_string().into(),
        Value::Tag(_, inner) => return express(*inner),
        Value::Array(items) => items.into_iter().map(inside).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            let named = entries.into_iter().filter_map(|(key, value)| Some((key.into_text().ok()?, value)));
            named.map(|(key, value)| (key, inside(value))).collect::<Map<_, _>>().into()
        }
        _ => return None,
    })
}

const fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Float(_))
}

/// RFC 3339 text of seconds since 1970, before it too, in the years 0 to 9999.
fn moment(seconds: i64) -> Option<String> {
    let (day, second) = (day(seconds.div_euclid(86_400))?, seconds.rem_euclid(86_400));
    Some(format!("{day}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60))
}

fn day(days: i64) -> Option<Date> {
    i32::try_from(days).ok().and_then(|days| Date::from_days(days).ok())
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
        assert_eq!(json("a2010261618102"), Ok(json!({"a": [2]})), "an entry under a number");
        for (name, text, inside) in [
            ("bytes", "4100", "a2616141006162f5"),
            ("below -2^63", "3bffffffffffffffff", "a261613bffffffffffffffff6162f5"),
            ("over 2^64", "c249010000000000000000", "a26161c2490100000000000000006162f5"),
        ] {
            assert_eq!(json(text), Err(Reason::Schema), "{name}");
            assert_eq!(json(inside), Ok(json!({"a": {}, "b": true})), "{name} inside");
        }
        assert_eq!(json("824100f5"), Ok(json!([{}, true])), "bytes in a list");
    }

    /// RFC 8949, section 3.4.2, and RFC 8943.
    #[test]
    fn tagged_times_and_days_are_texts() {
        let json =
            |tag: u64, value: Value| to_json(Value::Tag(tag, Box::new(value))).map_err(|error| error.code);
        for (tag, value, text) in [
            (0, "2021-06-04T08:13:51Z".into(), "2021-06-04T08:13:51Z"),
            (1, 1_622_794_431.into(), "2021-06-04T08:13:51Z"),
            (1, Value::Float(1_622_794_431.9), "2021-06-04T08:13:51Z"),
            (1, 0.into(), "1970-01-01T00:00:00Z"),
            (1, (-1).into(), "1969-12-31T23:59:59Z"),
            (1, Value::Float(-351_561_599.5), "1958-11-11T00:00:00Z"),
            (100, 18_782.into(), "2021-06-04"),
            (100, (-4_069).into(), "1958-11-11"),
            (1004, "1958-11-11".into(), "1958-11-11"),
        ] {
            assert_eq!(json(tag, value), Ok(text.into()), "{tag} {text}");
        }
        for (tag, value) in [
            (1, Value::from(u64::MAX)),
            (1, Value::Float(-1e300)),
            (1, Value::Float(f64::NAN)),
            (100, i64::MAX.into()),
            (100, 2_932_897.into()),
        ] {
            assert_eq!(json(tag, value.clone()), Err(Reason::Schema), "{tag} {value:?}");
        }
        assert_eq!(json(1, Value::Null), Ok(json!(null)));
        assert_eq!(json(37, 5.into()), Ok(json!(5)), "a tag that says nothing of time");
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
