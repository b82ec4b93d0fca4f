//! Damage to honest inputs, from a seed.

use rand::seq::SliceRandom as _;
use rand::{Rng as _, RngCore as _};
use rand_chacha::ChaCha20Rng;

/// What parts of texts stand between, and what ends in binaries too.
const SEPARATORS: &[u8] = b"~.\n,:{}[]\"";
/// Lengths and counts at the edges, as four bytes.
const NUMBERS: [u32; 8] = [0, 1, 2, 64, 65, 0x7fff_ffff, 0xffff_fffe, u32::MAX];

/// An honest input with one to three faults; one in fifty is noise.
pub(crate) fn one(seeds: &[Vec<u8>], rng: &mut ChaCha20Rng) -> Vec<u8> {
    if rng.gen_ratio(1, 50) {
        return noise(rng.gen_range(0..400), rng);
    }
    let mut bytes = any(seeds, rng).to_vec();
    for _ in 0..rng.gen_range(1..=3) {
        fault(&mut bytes, seeds, rng);
    }
    bytes
}

fn any<'a>(seeds: &'a [Vec<u8>], rng: &mut ChaCha20Rng) -> &'a [u8] {
    seeds.choose(rng).unwrap()
}

fn noise(length: usize, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A place, and a later one not far from it.
fn range(bytes: &[u8], rng: &mut ChaCha20Rng) -> std::ops::Range<usize> {
    let start = rng.gen_range(0..=bytes.len());
    start..(start + rng.gen_range(0..40)).min(bytes.len())
}

fn fault(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut ChaCha20Rng) {
    let range = range(bytes, rng);
    match rng.gen_range(0..11) {
        0 => bytes.truncate(range.start),
        1 => bytes.extend(noise(rng.gen_range(1..9), rng)),
        2 => drop(bytes.drain(range)),
        3 => bytes.extend_from_within(range),
        4 => {
            let piece = bytes[range.clone()].to_vec();
            drop(bytes.splice(range.start..range.start, piece));
        }
        5 => {
            // The start of this one and the end of another.
            let other = any(seeds, rng);
            bytes.truncate(range.start);
            bytes.extend_from_slice(&other[rng.gen_range(0..=other.len())..]);
        }
        6 => parts(bytes, any(seeds, rng), rng),
        _ if bytes.is_empty() => {}
        7 | 8 => {
            let bit = rng.gen_range(0..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        9 => {
            let letter = *any(seeds, rng).choose(rng).unwrap_or(&0);
            let place = rng.gen_range(0..bytes.len());
            bytes[place] = letter; // of the format's own alphabet, so that it gets far
        }
        _ => {
            let number = NUMBERS.choose(rng).unwrap().to_le_bytes();
            bytes.iter_mut().skip(range.start).zip(number).for_each(|(byte, new)| *byte = new);
        }
    }
}

/// A part between two separators moves, is lost, comes twice, or is another input's.
fn parts(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha20Rng) {
    let separator = *SEPARATORS.choose(rng).unwrap();
    let split = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
    };
    let (mut own, theirs) = (split(bytes), split(other));
    let (from, to) = (rng.gen_range(0..own.len()), rng.gen_range(0..own.len()));
    match rng.gen_range(0..4) {
        0 => own.swap(from, to),
        1 => drop(own.remove(from)),
        2 => own.insert(to, own[from].clone()),
        _ => own[from].clone_from(theirs.choose(rng).unwrap()),
    }
    *bytes = own.join(&separator);
}
