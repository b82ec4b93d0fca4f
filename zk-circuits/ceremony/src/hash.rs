//! Hashes: a label, then parts, each after its length, so that two lists of parts are never the same bytes.

use ark_bls12_381::Fr;
use ark_ff::PrimeField as _;
use sha2::{Digest as _, Sha256, Sha512};

/// SHA-256 of `parts` under `label`.
pub(crate) fn digest(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    absorb(Sha256::new(), label, parts).finalize().into()
}

/// SHA-512 of `parts` under `label`, reduced: within 2⁻²⁵⁶ of a uniform element.
pub(crate) fn challenge(label: &str, parts: &[&[u8]]) -> Fr {
    Fr::from_le_bytes_mod_order(&absorb(Sha512::new(), label, parts).finalize())
}

fn absorb<D: sha2::Digest>(hash: D, label: &str, parts: &[&[u8]]) -> D {
    let one = |hash: D, part: &[u8]| hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part);
    parts.iter().fold(one(hash, label.as_bytes()), |hash, part| one(hash, part))
}
