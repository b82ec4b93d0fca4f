//! Base45 (RFC 9285): what a QR code's alphanumeric mode carries.
//!
//! Two bytes become three characters, a last single byte two. Every byte string has one encoding, so a
//! changed character changes the bytes or is refused.

use crate::{Finding, Reason};

/// Characters read. A QR code of the largest version holds 4,296.
pub const LIMIT: usize = 8 * 1024;

/// The bytes that `text` stands for.
///
/// # Errors
/// [`Reason::BadEncoding`] for over [`LIMIT`] characters, a character outside the alphabet, a single
/// last character, or a group whose value does not fit its bytes (RFC 9285, section 6).
pub fn decode(text: &str) -> Result<Vec<u8>, Finding> {
    if text.len() > LIMIT {
        return Err(refuse("holds at most 8,192 characters"));
    }
    let mut bytes = Vec::with_capacity(text.len() / 3 * 2 + 1);
    for group in text.as_bytes().chunks(3) {
        match group {
            [c, d, e] => {
                let number = value(*c)? + 45 * value(*d)? + 45 * 45 * value(*e)?;
                let pair = u16::try_from(number).map_err(|_| refuse("writes two bytes as at most 65535"))?;
                bytes.extend_from_slice(&pair.to_be_bytes());
            }
            [c, d] => {
                let number = value(*c)? + 45 * value(*d)?;
                bytes.push(u8::try_from(number).map_err(|_| refuse("writes one byte as at most 255"))?);
            }
            _ => return Err(refuse("has no single last character")),
        }
    }
    Ok(bytes)
}

/// The text that stands for `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut text = String::with_capacity(bytes.len() * 3 / 2 + 2);
    for group in bytes.chunks(2) {
        let (mut number, width) = match group {
            [high, low] => (usize::from(*high) * 256 + usize::from(*low), 3),
            [one] => (usize::from(*one), 2),
            _ => unreachable!("one or two because chunks(2)"),
        };
        for _ in 0..width {
            let digit = ALPHABET.get(number % 45).expect("below 45 because of the remainder");
            text.push(char::from(*digit));
            number /= 45;
        }
    }
    text
}

/// RFC 9285, table 1.
fn value(character: u8) -> Result<u32, Finding> {
    Ok(u32::from(match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'Z' => character - b'A' + 10,
        b' ' => 36,
        b'$' => 37,
        b'%' => 38,
        b'*' => 39,
        b'+' => 40,
        b'-' => 41,
        b'.' => 42,
        b'/' => 43,
        b':' => 44,
        _ => return Err(refuse("uses the 45 characters of RFC 9285")),
    }))
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, format!("base45 {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_rfc_9285_section_4() {
        for (text, bytes) in [
            ("BB8", &b"AB"[..]),
            ("%69 VD92EX0", b"Hello!!"),
            ("UJCLQE7W581", b"base-45"),
            ("QED8WEX0", b"ietf!"),
            ("", b""),
            ("FGW", &[0xff, 0xff]), // section 6 names it as the largest group
            ("U5", &[0xff]),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["GGW", ":::", "V5", "::", "A", "BB8A", "bb8", "BB_", "ÄB", "BB8\n", "B,8", "\u{0}\u{0}"]
        {
            assert_eq!(decode(text).expect_err(text).code, Reason::BadEncoding, "{text:?}");
        }
        assert!(decode(&"0".repeat(LIMIT)).is_ok_and(|bytes| bytes.len() == LIMIT / 3 * 2 + 1));
        assert!(decode(&"0".repeat(LIMIT + 1)).is_err());
    }
}
