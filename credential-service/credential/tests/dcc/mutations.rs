//! Broken certificates of every kind: never a panic, never a new accept.

use credential::Reason;
use credential::dcc::{Verifier, base45, unprefix, zlib};
use did_registry::{Digest, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::corpus::{Case, cases, verifier};
use crate::forge::{deflate, to_qr};

const PER_CASE: usize = 300;

/// The signed content that a text is accepted for.
fn accepted(verifier: &Verifier, text: &str, now: Timestamp) -> Option<Digest> {
    verifier.verify(text, now).ok().map(|certificate| *certificate.source_digest())
}

/// Flips, overwrites, inserts, removes, moves or cuts somewhere.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng, fresh: impl Fn(&mut ChaCha20Rng) -> u8) {
    let at = rng.gen_range(0..bytes.len());
    match rng.gen_range(0..7) {
        0 => bytes[at] ^= 1 << rng.gen_range(0..7),
        1 => bytes[at] = fresh(rng),
        2 => bytes.insert(at, fresh(rng)),
        3 => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        5 => {
            let other = rng.gen_range(0..bytes.len());
            bytes.swap(at, other);
        }
        _ => {
            let end = rng.gen_range(at..bytes.len());
            bytes.drain(at..end);
        }
    }
}

#[test]
fn a_changed_text_is_never_a_new_accept() {
    let verifier = verifier();
    let mut rng = ChaCha20Rng::seed_from_u64(45);
    for (case, _) in cases() {
        let original = accepted(&verifier, case.prefix(), case.clock());
        for _ in 0..PER_CASE {
            let mut bytes = case.prefix().as_bytes().to_vec();
            for _ in 0..rng.gen_range(1..4) {
                if !bytes.is_empty() {
                    mutate(&mut bytes, &mut rng, |rng| {
                        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:~a\n"[rng.gen_range(0..48)]
                    });
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Some(digest) = accepted(&verifier, &text, case.clock()) {
                assert_eq!(Some(digest), original, "{}: {text}", case.file);
            }
        }
        for cut in 0..case.prefix().len() {
            assert_eq!(
                accepted(&verifier, &case.prefix()[..cut], case.clock()),
                None,
                "{}: cut at {cut}",
                case.file
            );
        }
    }
}

/// Below the checksum: the token is changed and wrapped again, so that every decoder is reached.
#[test]
fn a_changed_token_is_never_a_new_accept() {
    let verifier = verifier();
    let mut rng = ChaCha20Rng::seed_from_u64(18);
    let mut reached = std::collections::BTreeSet::new();
    for (case, _) in cases() {
        let original = accepted(&verifier, case.prefix(), case.clock());
        let token = unprefix(case.prefix()).and_then(base45::decode).and_then(|bytes| zlib::inflate(&bytes));
        let Ok(token) = token else { continue };
        for _ in 0..PER_CASE / 2 {
            let mut changed = token.clone();
            mutate(&mut changed, &mut rng, |rng| rng.r#gen());
            match verifier.verify(&to_qr(&changed), case.clock()) {
                Ok(certificate) => assert_eq!(Some(*certificate.source_digest()), original, "{}", case.file),
                Err(refusal) => drop(reached.insert(refusal.finding.code)),
            }
        }
    }
    for reason in [Reason::BadEncoding, Reason::KeyUnknown, Reason::BadSignature] {
        assert!(reached.contains(&reason), "{reason:?} was reached: {reached:?}");
    }
}

/// A certificate is one and the same, however it is wrapped.
#[test]
fn rewrapping_keeps_the_source_digest() {
    let verifier = verifier();
    let case = Case::load("common/2DCode/raw/CO28.json");
    let original = accepted(&verifier, case.prefix(), case.clock());
    let token = case.bytes("COSE").unwrap();
    assert!(token.starts_with(&[0xd8, 61, 0xd2]), "tags 61 and 18");
    for rewrapped in [&token[..], &token[2..], &token[3..]] {
        assert!(original.is_some());
        assert_eq!(accepted(&verifier, &to_qr(rewrapped), case.clock()), original);
    }
}

#[test]
fn nothing_may_follow_a_layer() {
    let verifier = verifier();
    let case = Case::load("AT/2DCode/raw/1.json");
    let reason =
        |text: &str| verifier.verify(text, case.clock()).map(|_| ()).map_err(|refusal| refusal.finding.code);
    let (compressed, token) = (case.bytes("COMPRESSED").unwrap(), case.bytes("COSE").unwrap());
    assert_eq!(reason(&to_qr(&token)), Ok(()), "unchanged");
    let after_stream = [&compressed[..], &[0]].concat();
    let after_token = [&token[..], &[0]].concat();
    for (name, text) in [
        ("a space after the text", format!("{} ", case.prefix())),
        ("a line end after the text", format!("{}\n", case.prefix())),
        ("a byte after the stream", format!("HC1:{}", crate::forge::base45(&after_stream))),
        (
            "a second stream",
            format!("HC1:{}", crate::forge::base45(&[&compressed[..], &compressed].concat())),
        ),
        ("a byte after the token", to_qr(&after_token)),
        ("a second token", to_qr(&[&token[..], &token].concat())),
    ] {
        assert_eq!(reason(&text), Err(Reason::BadEncoding), "{name}");
    }
}

#[test]
fn oversized_and_deep_input_is_refused_early() {
    let verifier = verifier();
    let reason = |text: &str| verifier.verify(text, Timestamp::default()).unwrap_err().finding.code;
    let bomb = format!("HC1:{}", crate::forge::base45(&deflate(&vec![0; 4 << 20])));
    assert!(bomb.len() < 8192, "a bomb that fits a QR code or two");
    for (name, text) in [
        ("a long text", format!("HC1:{}", "0".repeat(1 << 20))),
        ("a zip bomb", bomb),
        ("a deep token", to_qr(&[0x81; 30_000])),
        ("deep tags", to_qr(&[0xd2; 30_000])),
        (
            "an array that lies about its length",
            to_qr(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("bytes that lie about their length", to_qr(&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("nothing", "HC1:".to_owned()),
    ] {
        assert_eq!(reason(&text), Reason::BadEncoding, "{name}");
    }
    for text in ["", "hc1:6BF", "HC2:6BF", "HC1", "\u{feff}HC1:", "SHC:/1234"] {
        assert_eq!(reason(text), Reason::WrongKind, "{text:?}");
    }
}
