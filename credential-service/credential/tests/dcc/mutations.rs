//! Broken certificates: cut, wrapped otherwise, followed by something, too large, too deep.

use credential::Reason;
use credential::dcc::Verifier;
use did_registry::{Digest, Timestamp};

use crate::corpus::{Case, cases, verifier};
use crate::forge::{deflate, to_qr};

/// The signed content that a text is accepted for.
fn accepted(verifier: &Verifier, text: &str, now: Timestamp) -> Option<Digest> {
    verifier.verify(text, now).ok().map(|certificate| *certificate.source_digest())
}

#[test]
fn every_cut_of_a_text_is_refused() {
    let verifier = verifier();
    for (case, _) in cases() {
        for cut in 0..case.prefix().len() {
            let text = &case.prefix()[..cut];
            assert_eq!(accepted(&verifier, text, case.clock()), None, "{}: cut at {cut}", case.file);
        }
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
