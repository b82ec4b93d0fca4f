#![allow(clippy::disallowed_methods)] // tests read vectors; the crate does not

use ark_ff::BigInteger as _;

use super::*;

fn element(hex: &str) -> Fr {
    let digits = hex.strip_prefix("0x").unwrap();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect();
    let value = Fr::from_be_bytes_mod_order(&bytes);
    assert_eq!(value.into_bigint().to_bytes_be(), bytes, "canonical");
    value
}

fn vectors(name: &str) -> Vec<(Vec<Fr>, Vec<Fr>)> {
    let own = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let path = format!("{own}/../../../shared/data/vectors/poseidon/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = |value: &serde_json::Value| {
        value.as_array().unwrap().iter().map(|hex| element(hex.as_str().unwrap())).collect()
    };
    let vectors = file["vectors"].as_array().unwrap();
    vectors.iter().map(|vector| (list(&vector["input"]), list(&vector["output"]))).collect()
}

#[test]
fn the_permutation_is_the_published_one() {
    static WIDTH_5: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(5, 60));
    for (name, permutation) in [("poseidonperm_x5_255_3", &WIDTH_3), ("poseidonperm_x5_255_5", &WIDTH_5)] {
        let vectors = vectors(name);
        assert!(!vectors.is_empty());
        for (input, output) in vectors {
            let mut state = input;
            permutation.permute(&mut state);
            assert_eq!(state, output, "{name}");
        }
    }
}

/// Nothing is published at these widths and rounds; these are of an implementation written from the paper alone: word 1
/// of the permuted `(0, 1, 2, …)`.
#[test]
fn the_other_widths_are_those_of_a_second_implementation() {
    let expected = [
        (&WIDTH_7, "0x474d390fe448fc5ac6ea6f37b8d2c0f3aff6a83abe9ee8057cb2c87c18351f5e"),
        (&WIDTH_9, "0x042b76d2fdc15798b35a2ff2109cd550ebee739ab712a576f3d9b8a1b6d9057d"),
        (&WIDTH_12, "0x5593983b54260ee7d1cbb7a08c8de767d0a52707f48abc6fd8da0735d2eef9b0"),
        (&WIDTH_25, "0x6d6f8a38d91570cb0785b9a993ec59167713a1df147b47c0f52f53efac0804b5"),
    ];
    for (permutation, word) in expected {
        let mut state: Vec<Fr> = (0u64..).take(permutation.matrix.len()).map(Fr::from).collect();
        permutation.permute(&mut state);
        assert_eq!(state[1], element(word), "width {}", state.len());
    }
}

/// The paper's bounds for α = 5 and 128 bits (equations 3 to 6 of its section 5.5, with its margin of two full rounds
/// and 7.5 % of the partial ones), for a field of 255 bits.
#[test]
fn there_are_as_many_rounds_as_the_paper_asks_for() {
    for permutation in [&WIDTH_3, &WIDTH_7, &WIDTH_9, &WIDTH_12, &WIDTH_25] {
        let width = permutation.matrix.len() as f64;
        let (bits, security, full) = (255f64, 128f64, FULL as f64 - 2.0);
        let partial = (permutation.partial as f64 / 1.075).floor();
        let log5 = |exponent: f64| exponent * 2f64.ln() / 5f64.ln();
        assert!(full >= 6.0, "statistical attacks");
        assert!(
            full + partial > 1.0 + log5(security.min(bits)).ceil() + width.log(5.0).ceil() - 1.0,
            "interpolation"
        );
        assert!(full + partial > log5((security / 3.0).min(bits / 2.0)), "Gröbner bases, first");
        assert!(
            full * width + partial - width + 1.0 > log5((security / (width + 1.0)).min(bits / 2.0)),
            "second"
        );
        assert_eq!(permutation.constants.len(), FULL + permutation.partial);
    }
}

#[test]
fn uses_do_not_share_digests() {
    let two = [Fr::from(1u8), Fr::from(2u8)];
    assert_ne!(HOLDER.of(&two), NULLIFIER.of(&two));
    let labels = [HOLDER, NULLIFIER, ISSUER, STATUS_NODE, ISSUER_NODE, CHALLENGE].map(|hash| hash.label);
    let distinct: std::collections::BTreeSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len());
    assert!(labels.iter().all(|label| label.len() < 32), "a label is one element, whole");
}

#[test]
fn every_input_counts() {
    let base: Vec<Fr> = (0..24u8).map(Fr::from).collect();
    for place in 0..24 {
        let mut other = base.clone();
        other[place] += Fr::ONE;
        assert_ne!(CHALLENGE.of(&base), CHALLENGE.of(&other), "{place}");
    }
}
