//! CWT claims (RFC 8392): what a token says of itself, by number.
//!
//! Whoever reads them has a token whose signature holds, or looks for the key of one.

use std::fmt;

use ciborium::Value;

use crate::{Finding, Reason, cbor};

/// Who states the claims.
pub const ISSUER: i64 = 1;
/// Whom or what they are about.
pub const SUBJECT: i64 = 2;
/// The last second they hold in.
pub const EXPIRES: i64 = 4;
/// When they were stated.
pub const ISSUED: i64 = 6;

/// Tags that may stand around the claims: CWT (section 6), self-described CBOR (RFC 8949, section 3.4.6).
const TAGS: [u64; 2] = [61, 55_799];

/// The claims of one token, none twice.
#[derive(Clone)]
pub struct Claims(Vec<(Value, Value)>);

impl Claims {
    /// Reads a token's payload of at most [`cbor::LIMIT`] bytes, tagged as a CWT once more or not.
    ///
    /// # Errors
    /// [`Reason::BadEncoding`] for anything but a map.
    pub fn decode(payload: &[u8]) -> Result<Self, Finding> {
        Self::decode_within(payload, cbor::LIMIT)
    }

    /// As [`Claims::decode`], of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Claims::decode`].
    pub fn decode_within(payload: &[u8], limit: usize) -> Result<Self, Finding> {
        let claims = cbor::untagged(cbor::decode_within(payload, limit, "a CWT")?, &TAGS);
        claims.into_map().map(Self).map_err(|_| refuse("a CWT is a map of claims"))
    }

    /// A claim.
    pub fn get(&self, label: i64) -> Option<&Value> {
        cbor::labelled(&self.0, label)
    }

    /// A claim, if it is text.
    pub fn text(&self, label: i64) -> Option<&str> {
        self.get(label).and_then(Value::as_text)
    }

    /// Takes a claim out.
    pub fn take(&mut self, label: i64) -> Option<Value> {
        cbor::take_labelled(&mut self.0, label)
    }

    /// A time in seconds since 1970, if it is stated; held within 64 bits, without its fraction, which the
    /// clock has not either. Tag 1, which the RFC has left out, may stand around it (decision 0003).
    ///
    /// # Errors
    /// [`Reason::BadEncoding`] for a claim that is not a NumericDate (RFC 8392, section 2).
    pub fn seconds(&self, label: i64) -> Result<Option<i64>, Finding> {
        let seconds = self.get(label).map(|value| numeric_date(value).ok_or(()));
        seconds.transpose().map_err(|()| refuse("a CWT states its times in seconds"))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({} of them)", self.0.len()) // they may be personal
    }
}

fn numeric_date(value: &Value) -> Option<i64> {
    match value {
        Value::Tag(1, inner) => cbor::whole(inner),
        plain => cbor::whole(plain),
    }
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(entries: Vec<(Value, Value)>) -> Result<Claims, Finding> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(entries), &mut bytes).expect("memory takes it");
        Claims::decode(&bytes)
    }

    #[test]
    fn claims_are_found_by_number_and_none_stands_twice() {
        let mut read = claims(vec![(1.into(), "AT".into()), (2.into(), 7.into()), ("1".into(), "DE".into())])
            .expect("well-formed");
        assert_eq!((read.text(ISSUER), read.text(SUBJECT), read.get(EXPIRES)), (Some("AT"), None, None));
        assert_eq!((read.take(SUBJECT), read.take(SUBJECT)), (Some(7.into()), None));
        assert!(claims(vec![(1.into(), "AT".into()), (1.into(), "DE".into())]).is_err(), "one claim twice");
        assert_eq!(Claims::decode(&[0x80]).expect_err("a list").code, Reason::BadEncoding);
        assert!(!format!("{read:?}").contains("AT"));
    }

    fn tagged(tag: u64, value: Value) -> Value {
        Value::Tag(tag, Box::new(value))
    }

    #[test]
    fn tags_may_stand_around_the_claims() {
        let read = |tags: &[u64]| {
            let claims = Value::Map(vec![(1.into(), "AT".into())]);
            let claims = tags.iter().rev().fold(claims, |inner, tag| tagged(*tag, inner));
            let mut bytes = Vec::new();
            ciborium::into_writer(&claims, &mut bytes).expect("memory takes it");
            Claims::decode(&bytes).map(|claims| claims.text(ISSUER).map(str::to_owned))
        };
        for tags in [&[][..], &[61], &[55_799], &[55_799, 61]] {
            assert_eq!(read(tags), Ok(Some("AT".to_owned())), "{tags:?}");
        }
        for tags in [&[18][..], &[60], &[61, 18], &[61, 61, 61, 61, 61]] {
            assert_eq!(read(tags).expect_err("no claims").code, Reason::BadEncoding, "{tags:?}");
        }
    }

    #[test]
    fn times_are_whole_or_broken_seconds() {
        let seconds = |value: Value| claims(vec![(4.into(), value)]).expect("well-formed").seconds(EXPIRES);
        for (value, time) in [
            (200.into(), 200),
            ((-1).into(), -1),
            (Value::Float(200.9), 200),
            (Value::Float(-0.5), -1),
            (u64::MAX.into(), i64::MAX),
            (Value::Float(-1e300), i64::MIN),
            (tagged(1, 200.into()), 200),
            (tagged(1, Value::Float(200.9)), 200),
        ] {
            assert_eq!(seconds(value), Ok(Some(time)));
        }
        for value in [
            Value::Null,
            "200".into(),
            Value::Bool(true),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            tagged(1, "200".into()),
            tagged(1, tagged(1, 200.into())),
            tagged(100, 200.into()),
        ] {
            assert_eq!(seconds(value).expect_err("not a time").code, Reason::BadEncoding);
        }
        assert_eq!(claims(Vec::new()).expect("well-formed").seconds(EXPIRES), Ok(None));
    }
}
