//! Strict JSON in, canonical JSON out.
//!
//! Reading refuses what makes two readers see different things (RFC 7493): a member named twice, an
//! integer that a double does not hold exactly, text that is not UTF-8, anything after the value. It is
//! bounded before it allocates: bytes first, then depth and number of values while reading, so that
//! neither stack nor memory follows the sender. Writing is RFC 8785 (JCS).
//!
//! An integer is a number written without point and exponent: `1E30` is a double in both readers' eyes, and
//! 2⁵³ + 1 is not. Who only canonicalises may read integers as the RFC does, by [`parse_rounding`].

mod canonical;

pub use canonical::{canonical, canonical_object};

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What a text may cost its reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Arrays and objects inside one another; a bare number nests 0 deep. At most 100.
    pub depth: usize,
    /// Values in total, arrays and objects included.
    pub nodes: usize,
}

/// Depth accepted unless a format needs more.
pub const DEPTH: usize = 16;

/// The largest integer that every JSON reader keeps: 2⁵³ − 1 (RFC 7493 §2.2).
const EXACT: u64 = (1 << 53) - 1;

impl Limits {
    /// At most `bytes`, 16 deep, 4,096 values.
    pub const fn of(bytes: usize) -> Self {
        Self { bytes, depth: DEPTH, nodes: 4096 }
    }
}

/// Why a text is not read. Positions are given, contents never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Over the size limit.
    #[error("JSON of at most {limit} bytes is accepted, got {got}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        got: usize,
    },
    /// Over the depth limit.
    #[error("JSON nests at most {limit} deep")]
    TooDeep {
        /// Depth allowed.
        limit: usize,
    },
    /// Over the limit of values.
    #[error("JSON of at most {limit} values is accepted")]
    TooMany {
        /// Values allowed.
        limit: usize,
    },
    /// Not text.
    #[error("JSON is UTF-8")]
    NotUtf8,
    /// Breaks RFC 8259, or something follows the value.
    #[error("one JSON value is expected; line {line}, column {column} breaks that")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// Two readers would pick different ones.
    #[error("an object names each member once")]
    DuplicateMember,
    /// Two readers would see different numbers.
    #[error("an integer lies within ±(2^53 - 1)")]
    InexactInteger,
    /// Another kind of value where an object is expected.
    #[error("a JSON object is expected")]
    NotObject,
}

/// Reads one JSON value and nothing else.
///
/// # Errors
/// The first [`JsonError`].
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, JsonError> {
    read(bytes, limits, false)
}

/// Reads one JSON value and nothing else, and every number as a double, as ECMAScript and RFC 8785 do: two
/// integers beyond 2⁵³ may become one. For canonicalising a text that is not decided on.
///
/// # Errors
/// As [`parse`], but for [`JsonError::InexactInteger`].
pub fn parse_rounding(bytes: &[u8], limits: Limits) -> Result<Value, JsonError> {
    read(bytes, limits, true)
}

fn read(bytes: &[u8], limits: Limits, rounds: bool) -> Result<Value, JsonError> {
    if bytes.len() > limits.bytes {
        return Err(JsonError::TooLarge { limit: limits.bytes, got: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let reader =
        Reader { limits, rounds, nodes: Cell::new(0), vast: Cell::new(false), broken: Cell::new(None) };
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Seed { reader: &reader, depth: 0 }.deserialize(&mut source);
    let value = value.and_then(|value| source.end().map(|()| value)).map_err(|error| {
        let place = JsonError::Malformed { line: error.line(), column: error.column() };
        reader.broken.take().unwrap_or(place)
    })?;
    // An integer over 64 bits arrives as a double; only its text shows that it was one.
    if !rounds && reader.vast.get() && has_vast_integer(text) {
        return Err(JsonError::InexactInteger);
    }
    Ok(value)
}

/// Whether well-formed JSON has an integer of more than 16 digits, which is more than 2⁵³.
fn has_vast_integer(text: &str) -> bool {
    let (mut in_text, mut escaped) = (false, false);
    let (mut digits, mut whole) = (0, true);
    for byte in text.bytes().chain([b' ']) {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' | b'e' | b'E' => whole = false,
            b'+' | b'-' => {}
            _ if whole && digits > 16 => return true,
            _ => {
                (digits, whole) = (0, true);
                in_text = byte == b'"';
            }
        }
    }
    false
}

/// Reads one JSON object and nothing else.
///
/// # Errors
/// As [`parse`], and [`JsonError::NotObject`].
pub fn parse_object(bytes: &[u8], limits: Limits) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes, limits)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotObject),
    }
}

/// Holds a value that another reader made to the same limits; `bytes` then counts its names and texts. What
/// that reader has rounded or overwritten already is not seen: text from outside goes through [`parse`].
///
/// # Errors
/// The first [`JsonError`] among size, depth, number of values and inexact integers.
pub fn check(value: &Value, limits: Limits) -> Result<(), JsonError> {
    walk(vec![(value, 0)], 0, limits)
}

/// As [`check`], for the members of one object.
///
/// # Errors
/// As [`check`].
pub fn check_object(members: &Map<String, Value>, limits: Limits) -> Result<(), JsonError> {
    let names = members.keys().map(String::len).sum();
    walk(members.values().map(|member| (member, 1)).collect(), names, limits)
}

/// Visits the values in `open` and all inside them; `bytes` are counted already.
fn walk(mut open: Vec<(&Value, usize)>, mut bytes: usize, limits: Limits) -> Result<(), JsonError> {
    let mut nodes = 0;
    while let Some((value, depth)) = open.pop() {
        nodes += 1;
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if number
                    .as_u64()
                    .or_else(|| number.as_i64().map(i64::unsigned_abs))
                    .is_some_and(|n| n > EXACT)
                {
                    return Err(JsonError::InexactInteger);
                }
            }
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => {
                bytes += members.keys().map(String::len).sum::<usize>();
                open.extend(members.values().map(|member| (member, depth + 1)));
            }
        }
        if (value.is_array() || value.is_object()) && depth >= limits.depth {
            return Err(JsonError::TooDeep { limit: limits.depth });
        }
        if nodes > limits.nodes {
            return Err(JsonError::TooMany { limit: limits.nodes });
        }
        if bytes > limits.bytes {
            return Err(JsonError::TooLarge { limit: limits.bytes, got: bytes });
        }
    }
    Ok(())
}

/// What is shared by all levels of one reading.
struct Reader {
    limits: Limits,
    rounds: bool,
    nodes: Cell<usize>,
    vast: Cell<bool>, // whether a number was read that may be an integer over 64 bits
    broken: Cell<Option<JsonError>>,
}

/// Reads one value, `depth` levels down.
#[derive(Clone, Copy)]
struct Seed<'a> {
    reader: &'a Reader,
    depth: usize,
}

impl<'a> Seed<'a> {
    fn refuse<E: Error>(self, rule: JsonError) -> E {
        self.reader.broken.set(Some(rule));
        E::custom("refused")
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        if self.depth >= self.reader.limits.depth {
            return Err(self.refuse(JsonError::TooDeep { limit: self.reader.limits.depth }));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        let nodes = self.reader.nodes.get() + 1;
        self.reader.nodes.set(nodes);
        if nodes > self.reader.limits.nodes {
            return Err(self.refuse(JsonError::TooMany { limit: self.reader.limits.nodes }));
        }
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Value, E> {
        Ok(yes.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        match number {
            0..=EXACT => Ok(number.into()),
            _ if self.reader.rounds => Ok((number as f64).into()),
            _ => Err(self.refuse(JsonError::InexactInteger)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        match number.unsigned_abs() {
            0..=EXACT => Ok(number.into()),
            _ if self.reader.rounds => Ok((number as f64).into()),
            _ => Err(self.refuse(JsonError::InexactInteger)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        const LEAST: f64 = (1_u64 << 63) as f64;
        if number.abs() >= LEAST {
            self.reader.vast.set(true);
        }
        Ok(number.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut items = Vec::new();
        while let Some(item) = source.next_element_seed(below)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut members = Map::new();
        while let Some(name) = source.next_key::<String>()? {
            if members.insert(name, source.next_value_seed(below)?).is_some() {
                return Err(self.refuse(JsonError::DuplicateMember));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
pub(crate) mod tests;
