//! RFC 8785 (JCS): equal JSON, equal bytes.
//!
//! `serde_json_canonicalizer` is the reference and writes the doubles. Signing needs this for every
//! credential, and the reference builds a tree of buffers per object, so names, texts and integers are
//! written here straight into one buffer; a property test holds the two equal.

use std::io::Write as _;

use serde_json::{Map, Value};

use super::EXACT;

/// The canonical bytes of a value.
///
/// Integers beyond ±(2⁵³ − 1) lose digits, as the RFC has it; [`parse`](super::parse) and
/// [`check`](super::check) refuse them beforehand, [`parse_rounding`](super::parse_rounding) does not.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write(value, &mut out);
    out
}

/// The canonical bytes of an object.
pub fn canonical_object(members: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_object(members, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::String(text) => write_text(text, out),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_some_and(|size| size <= EXACT) {
                write!(out, "{number}").expect("writing to memory cannot fail because a Vec grows");
            } else {
                serde_json_canonicalizer::to_writer(number, out)
                    .expect("serialises because the number is finite");
            }
        }
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    out.push(b'{');
    for (position, (name, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

/// serde_json escapes exactly what the RFC does: quote, backslash, and controls in their shortest form.
fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing to memory cannot fail because a Vec grows");
}
