//! Bytes on the wire: pinned by golden files, and the only spelling of their value.
//!
//! A changed encoding fails `golden_bytes`; `make bless` (`BLESS=1`) writes the new bytes, on purpose.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods)]

mod arbitrary;
mod samples;

use did_registry::canonical::{decode, encode};
use did_registry::{DidOperation, Guardians, Purposes, RegistryError, Schema, Suite, Timestamp};
use samples::{LIMIT, Sample};

#[test]
fn golden_bytes() {
    for (file, samples) in samples::files() {
        let lines = samples.iter().map(|sample| format!("{} {}\n", sample.name, hex::encode(&sample.bytes)));
        let text: String = lines.collect();
        let path = format!("{}/tests/golden/{file}.hex", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        if std::env::var("BLESS").is_ok_and(|bless| bless == "1") {
            std::fs::write(&path, &text).unwrap();
        }
        let pinned = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (ours, theirs) in text.lines().zip(pinned.lines()) {
            assert_eq!(ours, theirs, "{file}.hex: bytes on the wire changed; `make bless` if that is meant");
        }
        assert_eq!(text.lines().count(), pinned.lines().count(), "{file}.hex: `make bless` if that is meant");
    }
}

fn values() -> Vec<Sample> {
    samples::files()
        .into_iter()
        .flat_map(|(_, samples)| samples)
        .filter(|sample| sample.reads_back.is_some())
        .collect()
}

#[test]
fn every_value_reads_back() {
    for sample in values() {
        assert_eq!(sample.read(&sample.bytes).unwrap(), sample.bytes, "{}", sample.name);
    }
}

#[test]
fn cut_and_extended_bytes_are_refused() {
    for sample in values() {
        for end in 0..sample.bytes.len() {
            let refused = sample.read(&sample.bytes[..end]);
            assert!(
                matches!(refused, Err(RegistryError::Malformed(_) | RegistryError::WeakKey(_))),
                "{} cut at {end}",
                sample.name
            );
        }
        for extra in [0, 1, 0xff] {
            let extended = [&sample.bytes[..], &[extra]].concat();
            assert!(
                matches!(sample.read(&extended), Err(RegistryError::Malformed(_))),
                "{} and {extra}",
                sample.name
            );
        }
    }
}

/// A flipped bit gives another value in its own only spelling, or nothing.
#[test]
fn a_flipped_bit_is_another_value_or_refused() {
    for sample in values() {
        for bit in 0..sample.bytes.len() * 8 {
            let mut flipped = sample.bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(spelling) = sample.read(&flipped) {
                assert_eq!(spelling, flipped, "{} bit {bit}", sample.name);
            }
        }
    }
}

#[test]
fn the_limit_is_on_bytes() {
    for sample in values() {
        let limit = sample.bytes.len() - 1;
        let refused = sample.read_within(&sample.bytes, limit);
        assert_eq!(refused, Err(RegistryError::TooLarge { limit, got: limit + 1 }), "{}", sample.name);
    }
}

#[test]
fn other_spellings_of_a_set_are_refused() {
    let guardians = samples::guardians();
    let key = encode(guardians.keys.first().unwrap()).len();
    let bytes = encode(&guardians);
    let (first, second) = (5..5 + key, 5 + key..5 + 2 * key); // after the threshold and the set's length
    let mut swapped = bytes.clone();
    swapped[first.clone()].copy_from_slice(&bytes[second.clone()]);
    swapped[second.clone()].copy_from_slice(&bytes[first.clone()]);
    let mut doubled = bytes.clone();
    doubled[second].copy_from_slice(&bytes[first]);
    for (case, bytes) in [("out of order", swapped), ("twice", doubled)] {
        assert!(matches!(decode::<Guardians>(&bytes, LIMIT), Err(RegistryError::Malformed(_))), "{case}");
    }
}

#[test]
fn a_map_written_out_of_order_is_refused() {
    let schema = samples::schema();
    let bytes = encode(&schema);
    let (first, last) = (schema.claims.first_key_value().unwrap(), schema.claims.last_key_value().unwrap());
    let entry = |(name, spec)| encode(&(name, spec));
    let (first, last): (Vec<u8>, Vec<u8>) = (entry(first), entry(last));
    let start = bytes.windows(first.len()).position(|window| window == first).unwrap();
    let middle = &bytes[start + first.len()..bytes.len() - last.len()];
    let swapped = [&bytes[..start], &last, middle, &first].concat();
    assert_eq!(swapped.len(), bytes.len());
    assert!(matches!(decode::<Schema>(&swapped, LIMIT), Err(RegistryError::Malformed(_))));
}

#[test]
fn numbers_without_a_meaning_are_refused() {
    for suite in (0..=255u8).filter(|suite| ![1, 2, 3].contains(suite)) {
        assert!(decode::<Suite>(&[suite], 1).is_err(), "suite {suite}");
    }
    for purposes in (0..=255u8).filter(|bits| ![1, 2, 3].contains(bits)) {
        assert!(decode::<Purposes>(&[purposes], 1).is_err(), "purposes {purposes}");
    }
    for kind in 6..=255u8 {
        assert!(
            decode::<DidOperation>(&[&[kind][..], &[0; 64]].concat(), LIMIT).is_err(),
            "operation {kind}"
        );
    }
    assert!(decode::<Timestamp>(&u64::MAX.to_le_bytes(), 8).is_err());
}

/// Four bytes of length must not reserve four gigabytes.
#[test]
fn a_promised_length_is_not_believed() {
    for sample in values() {
        for start in 0..sample.bytes.len().saturating_sub(4) {
            let mut promised = sample.bytes.clone();
            promised[start..start + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            if let Ok(spelling) = sample.read(&promised) {
                assert_eq!(spelling, promised);
            }
        }
    }
}
