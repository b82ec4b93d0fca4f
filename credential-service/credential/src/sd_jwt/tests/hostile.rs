//! Inputs nobody honest sends: every single bit flipped; and any claims at all.

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
}
