//! Every decoder of bytes from outside keeps its promises over a seeded stream of damaged inputs.
//!
//! The promises are in `examples/fuzz/src/lib.rs`; `make fuzz` holds the same ones up for as long as one likes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "decoders/damage.rs"]
mod damage;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a library of its own for the fuzzer's targets")]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fuzz::{DECODERS, Decoder};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

/// Kilobytes of memory that the whole run may ask for, touched or not: no length that an input states is
/// believed, and the smallest that lies by four bytes states two gigabytes.
const MEMORY: u64 = 2_000_000;

fn holds_over(cases: usize, decoder: Decoder) {
    let seeds = (decoder.seeds)();
    for seed in &seeds {
        assert!((decoder.check)(seed), "an honest input is accepted");
    }
    let mut rng = ChaCha20Rng::seed_from_u64(20_200_510);
    let accepted = (0..cases).filter(|_| (decoder.check)(&damage::one(&seeds, &mut rng))).count();
    assert!((cases / 100..cases).contains(&accepted), "both ways are gone: {accepted} of {cases} accepted");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let peak = peak.map_or(0, |size| size.trim().trim_end_matches(" kB").parse().unwrap());
    assert!(peak < MEMORY, "{peak} kB of memory asked for");
}

#[test]
fn base45_keeps_its_promises() {
    holds_over(10_000, fuzz::BASE45);
}

#[test]
fn cose_keeps_its_promises() {
    holds_over(5_000, fuzz::COSE);
}

#[test]
fn sd_jwt_keeps_its_promises() {
    holds_over(10_000, fuzz::SD_JWT);
}

#[test]
fn sd_jwt_claims_keep_their_promises() {
    holds_over(5_000, fuzz::SD_JWT_CLAIMS);
}

#[test]
fn data_integrity_keeps_its_promises() {
    holds_over(5_000, fuzz::DATA_INTEGRITY);
}

#[test]
fn operation_keeps_its_promises() {
    holds_over(10_000, fuzz::OPERATION);
}

#[test]
fn transaction_keeps_its_promises() {
    holds_over(10_000, fuzz::TRANSACTION);
}

#[test]
fn block_keeps_its_promises() {
    holds_over(10_000, fuzz::BLOCK);
}

#[test]
fn signed_head_keeps_its_promises() {
    holds_over(10_000, fuzz::SIGNED_HEAD);
}

#[test]
fn proof_keeps_its_promises() {
    holds_over(10_000, fuzz::PROOF);
}

#[test]
fn bundle_keeps_its_promises() {
    holds_over(10_000, fuzz::BUNDLE);
}

#[test]
fn every_decoder_is_a_fuzz_target_and_every_target_a_decoder() {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("fuzz");
    let names: BTreeSet<String> = DECODERS.iter().map(|decoder| decoder.name.to_owned()).collect();
    assert_eq!(names.len(), DECODERS.len());
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let listed = manifest.split("[[bin]]\nname = \"").skip(1).map(|text| text.split('"').next().unwrap());
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), names);
    for name in names {
        let target = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert_eq!(target.matches(&name.to_uppercase()).count(), 3, "{name} runs its own check");
    }
}
