//! Changed texts, from a seed: what is accepted is what was signed.

use rand::Rng as _;

use super::*;
use crate::dcc::{base45, zlib};

/// One change somewhere: a letter replaced, put in, taken out or swapped, a piece cut or repeated.
fn changed(text: &str, rng: &mut ChaCha20Rng) -> String {
    let mut letters = text.as_bytes().to_vec();
    let at = rng.gen_range(0..letters.len());
    // Letters that texts of these formats are made of, so that some changes get far.
    let letter = text.as_bytes()[rng.gen_range(0..text.len())];
    match rng.gen_range(0..7) {
        0 | 1 => letters[at] = letter,
        2 => letters.insert(at, letter),
        3 => drop(letters.remove(at)),
        4 => letters.truncate(at),
        5 => {
            let other = rng.gen_range(0..letters.len());
            letters.swap(at, other);
        }
        _ => {
            let end = (at + rng.gen_range(1..40)).min(letters.len());
            let piece = letters[at..end].to_vec();
            letters.splice(at..at, piece);
        }
    }
    String::from_utf8(letters).unwrap()
}

/// What a pass or a page holds, whichever way it is packed.
fn unpacked(format: Format, text: &str) -> Option<Vec<u8>> {
    let prefix = if format == Pass { "CWP:" } else { "CWE:" };
    zlib::inflate(&base45::decode(text.strip_prefix(prefix)?).ok()?).ok()
}

#[test]
fn a_changed_text_is_never_accepted_for_something_new() {
    let world = World::new();
    let mut rng = ChaCha20Rng::seed_from_u64(2021);
    for format in FORMATS {
        let text = world.shown(&world.terms(format));
        let mut refused = 0;
        for _ in 0..1_500 {
            let other = changed(&text, &mut rng);
            let overall = world.decide_text(format, &other).verdict.overall();
            let same =
                other == text || (format != SdJwtVc && unpacked(format, &other) == unpacked(format, &text));
            assert!(overall == Overall::Refuse || same, "{format:?} {overall:?}: {other}");
            refused += usize::from(overall == Overall::Refuse);
        }
        assert!(refused > 1_200, "{format:?}: {refused} were changes");
    }
}

/// Below the packing: one bit of the document, everything packed and sealed again.
#[test]
fn a_changed_bit_under_the_packing_is_refused() {
    let world = World::new();
    let mut rng = ChaCha20Rng::seed_from_u64(2022);
    for format in [Pass, Printed] {
        let text = world.shown(&world.terms(format));
        let document = unpacked(format, &text).unwrap();
        for _ in 0..1_500 {
            let mut bytes = document.clone();
            let at = rng.gen_range(0..bytes.len());
            bytes[at] ^= 1 << rng.gen_range(0..8);
            let packed = format!("{}{}", &text[..4], base45::encode(&zlib::deflate(&bytes)));
            let decision = world.decide_text(format, &packed);
            assert_eq!(decision.verdict.overall(), Overall::Refuse, "byte {at}");
        }
    }
}

/// Bytes of nobody: they are refused, and nothing ends in a panic.
#[test]
fn any_text_is_answered() {
    let world = World::new();
    let mut rng = ChaCha20Rng::seed_from_u64(2023);
    for _ in 0..3_000 {
        let length = rng.gen_range(0..200);
        let bytes: Vec<u8> = (0..length).map(|_| rng.r#gen()).collect();
        let text = String::from_utf8_lossy(&bytes);
        let packed = base45::encode(&zlib::deflate(&bytes));
        for text in [text.as_ref(), &format!("CWP:{packed}"), &format!("CWE:{packed}"), &format!("{text}~")] {
            for format in FORMATS {
                assert_eq!(world.decide_text(format, text).verdict.overall(), Overall::Refuse);
            }
        }
    }
}
