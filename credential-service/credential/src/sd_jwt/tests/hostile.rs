//! Inputs nobody honest sends: every single bit flipped, and seeded cuts, flips and splices.

use super::*;

/// Every bit of a presentation counts.
#[test]
fn any_single_bit_flip_of_a_presentation_is_refused_or_changes_nothing() {
    for suite in [Suite::Ed25519, Suite::P256] {
        let parties = Parties::new(suite);
        let text = parties.present(&["result", "birth_date"]);
        let honest = parties.verify(&text).unwrap().into_payload();
        let mut accepted = 0;
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            if let Ok(verified) = parties.verify(&flipped) {
                assert_eq!(verified.into_payload(), honest, "bit {bit}");
                accepted += 1;
            }
        }
        assert_eq!(accepted, 0, "a presentation has one spelling");
    }
}

/// Seeded smoke run of the fuzz target: no panic, and no new claims from mutated honest texts.
#[test]
fn mutated_texts_never_panic_and_never_say_something_new() {
    let parties = Parties::new(Suite::Ed25519);
    let mut rng = rng();
    let names: [&[&str]; 3] = [&["result"], &["address", "birth_date"], &[]];
    let corpus: Vec<String> = names.iter().map(|names| parties.present(names)).collect();
    let honest: Vec<_> = corpus.iter().map(|text| parties.verify(text).unwrap().into_payload()).collect();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = corpus[rng.gen_range(0..3)].clone().into_bytes();
        for _ in 0..rng.gen_range(1..4) {
            mutate(&mut bytes, corpus[rng.gen_range(0..3)].as_bytes(), &mut rng);
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = SdJwtText::parse_json(&text).map(|text| text.unverified_issuer().map(str::len));
        match SdJwtText::parse(&text) {
            Err(_) => refused += 1,
            Ok(parsed) => {
                read += 1;
                if let Ok(verified) = parsed.verify(&parties.issuer.public_key(), &expected()) {
                    assert!(honest.contains(verified.payload()));
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "both paths are walked: {read} read, {refused} refused");
}

/// One cut, flip, repetition or splice.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha20Rng) {
    if bytes.is_empty() {
        return;
    }
    let place = rng.gen_range(0..bytes.len());
    match rng.gen_range(0..6) {
        0 => bytes.truncate(place),
        1 => bytes[place] ^= 1 << rng.gen_range(0..8),
        2 => bytes[place] = b"~.~-_A\"{["[rng.gen_range(0..9)],
        3 => drop(bytes.splice(place..place, other[rng.gen_range(0..other.len())..].iter().copied())),
        4 => {
            // Whole parts move, are lost or come twice.
            let mut parts: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'~').map(<[u8]>::to_vec).collect();
            let (from, to) = (rng.gen_range(0..parts.len()), rng.gen_range(0..parts.len()));
            match rng.gen_range(0..3) {
                0 => parts.swap(from, to),
                1 => drop(parts.remove(from)),
                _ => parts.insert(to, parts[from].clone()),
            }
            *bytes = parts.join(&b'~');
        }
        _ => {
            let end = (place + rng.gen_range(1..40)).min(bytes.len());
            rng.fill_bytes(&mut bytes[place..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(7), cases: 64, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever is issued, any choice of it is shown exactly.
    #[test]
    fn any_claims_and_any_choice_come_out_exactly(
        values in proptest::collection::btree_map("[a-z]{1,8}", crate::json::tests::any_value(), 0..8),
        choice in any::<u8>(), decoys in 0usize..8, seed in any::<u64>(),
    ) {
        let parties = Parties::new(Suite::Ed25519);
        let taken = |name: &String| NEVER_CONCEALED.contains(&name.as_str()) || REGISTERED.contains(&name.as_str());
        let clean = |value: &Value| !super::expand::holds_reserved_name(value);
        let claims: Map<String, Value> = values.into_iter().filter(|(name, value)| !taken(name) && clean(value)).collect();
        let clear = Map::new();
        let holder: PublicKey = parties.holder.public_key();
        let request = IssueRequest {
            issuer: "i", key_id: "k", vct: "v", claims: &claims, clear: &clear, holder: &holder,
            issued: at(0), expires: at(1000), status: None, decoys,
        };
        let credential = issue(&request, &parties.issuer, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
        let restored = SdJwt::restore(&credential.compact()).unwrap();
        prop_assert_eq!(restored.compact(), credential.compact());
        let chosen: Map<String, Value> =
            claims.into_iter().enumerate().filter(|(n, _)| choice >> n & 1 == 1).map(|(_, claim)| claim).collect();
        let names: BTreeSet<&str> = chosen.keys().map(String::as_str).collect();
        let text = present(&restored, &names, &parties.holder, AUDIENCE, NONCE, at(100)).unwrap();
        prop_assert_eq!(parties.verify(&text).unwrap().claims(), chosen);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), tildes in "[~.A-Za-z0-9_-]{0,60}") {
        for text in [text, tildes] {
            prop_assert!(SdJwtText::parse(&text).is_err());
            prop_assert!(SdJwtText::parse_json(&text).is_err());
        }
    }
}
