use std::num::NonZeroUsize;

use ark_bls12_381::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{AdditiveGroup as _, BigInteger as _, PrimeField as _};

use super::{NAMES, Stage, phase1, quiet, verify1};
use crate::circuit::Sizes;
use crate::codec::write;
use crate::{FinalKey, MalformedError, NAME_BYTES, Name, Phase1, Phase2};

const NAME_AT: usize = 16 + 1 + 2;
const CHAIN1_BYTES: usize = 3 * (NAME_BYTES + 3 * 48 + 2 * 96 + 3 * 80);

fn read1(bytes: &[u8]) -> Result<Phase1, MalformedError> {
    Phase1::from_bytes(bytes, &mut quiet())
}

fn read2(bytes: &[u8]) -> Result<Phase2, MalformedError> {
    Phase2::from_bytes(bytes, &mut quiet())
}

fn read_key(bytes: &[u8]) -> Result<FinalKey, MalformedError> {
    FinalKey::from_bytes(bytes, &mut quiet())
}

fn key(stage: &Stage) -> FinalKey {
    stage.verify(&stage.phase2).unwrap().finalize(NonZeroUsize::MIN).unwrap().key().clone()
}

/// A point of the curve, compressed, outside the group of prime order.
fn outside_g1() -> Vec<u8> {
    let point = (1u64..).filter_map(|x| G1Affine::get_point_from_x_unchecked(Fq::from(x), false));
    bytes_of(&point.into_iter().find(|point| !point.is_in_correct_subgroup_assuming_on_curve()).unwrap())
}

fn outside_g2() -> Vec<u8> {
    let point =
        (1u64..).filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::ZERO), false));
    bytes_of(&point.into_iter().find(|point| !point.is_in_correct_subgroup_assuming_on_curve()).unwrap())
}

fn bytes_of(value: &impl ark_serialize::CanonicalSerialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value);
    bytes
}

fn with(bytes: &[u8], at: usize, part: &[u8]) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[at..at + part.len()].copy_from_slice(part);
    altered
}

#[test]
fn files_are_read_as_written() {
    for count in 0..=NAMES.len() {
        let file = phase1(2, &NAMES[..count]);
        assert_eq!(read1(&file.to_bytes()).unwrap(), file);
        let stage = Stage::new(&NAMES[..count]);
        assert_eq!(read2(&stage.phase2.to_bytes()).unwrap(), stage.phase2);
    }
    let key = key(&Stage::new(&NAMES));
    assert_eq!(read_key(&key.to_bytes()).unwrap(), key);
}

type Reads = fn(&[u8]) -> Option<MalformedError>;

#[test]
fn truncated_and_extended() {
    let stage = Stage::new(&NAMES);
    let files = [stage.phase1.file().to_bytes(), stage.phase2.to_bytes(), key(&stage).to_bytes()];
    let readers: [Reads; 3] =
        [|bytes| read1(bytes).err(), |bytes| read2(bytes).err(), |bytes| read_key(bytes).err()];
    for (index, file) in files.iter().enumerate() {
        for (other, read) in readers.iter().enumerate() {
            assert_eq!(read(file).is_none(), other == index);
            if other != index {
                assert_eq!(read(file), Some(MalformedError::Label));
            }
        }
        let read = readers[index];
        for length in 0..file.len() {
            let expected = match read(&file[..length]).unwrap() {
                MalformedError::Label => length < 16,
                MalformedError::Length { expected, got } => got == length && expected > length,
                _ => false,
            };
            assert!(expected, "{length}");
        }
        let longer = [file.as_slice(), &[0]].concat();
        let expected = MalformedError::Length { expected: file.len(), got: file.len() + 1 };
        assert_eq!(read(&longer), Some(expected));
        // Another version.
        assert_eq!(read(&with(file, 15, b"2")), Some(MalformedError::Label));
    }
}

#[test]
fn sizes_out_of_bounds() {
    let stage = Stage::new(&NAMES);
    let (one, two, key) = (stage.phase1.file().to_bytes(), stage.phase2.to_bytes(), key(&stage).to_bytes());
    for k in [0, 17, 255] {
        assert_eq!(read1(&with(&one, 16, &[k])).unwrap_err(), MalformedError::Size);
        assert_eq!(read2(&with(&two, 16, &[k])).unwrap_err(), MalformedError::Size);
        assert_eq!(read_key(&with(&key, 16, &[k])).unwrap_err(), MalformedError::Size);
    }
    // The largest that the header allows asks for the length that it would have, and takes no memory for it.
    assert!(matches!(read1(&with(&one, 16, &[16])).unwrap_err(), MalformedError::Length { .. }));
    for count in [257u16, u16::MAX] {
        assert_eq!(read1(&with(&one, 17, &count.to_be_bytes())).unwrap_err(), MalformedError::Size);
        let at = 16 + 9 + 64;
        assert_eq!(read2(&with(&two, at, &count.to_be_bytes())).unwrap_err(), MalformedError::Size);
    }
    for (inputs, witnesses) in [(0, 5), (8, 5), (u32::MAX, 1), (3, u32::MAX), (3, 1 << 18)] {
        let sizes = [u32::to_be_bytes(inputs), u32::to_be_bytes(witnesses)];
        assert_eq!(read2(&with(&two, 17, sizes.as_flattened())).unwrap_err(), MalformedError::Size);
        assert_eq!(read_key(&with(&key, 17, sizes.as_flattened())).unwrap_err(), MalformedError::Size);
    }
}

/// Where points of a file are: G1 or G2, and whether it may be the identity.
fn refuses_bad_points(
    file: &[u8],
    places: &[(usize, bool, bool)],
    read: impl Fn(&[u8]) -> Option<MalformedError>,
) {
    let modulus = |bytes: usize| {
        // p, which would be another encoding of zero.
        let mut number = vec![0; bytes - 48];
        number.extend(Fq::MODULUS.to_bytes_be());
        number[0] |= 0x80;
        number
    };
    for &(at, g2, identity_allowed) in places {
        let point = Some(MalformedError::Point { at });
        let (bytes, outside) = if g2 { (96, outside_g2()) } else { (48, outside_g1()) };
        assert_eq!(outside.len(), bytes);
        assert_eq!(read(&with(file, at, &outside)), point, "outside the group");
        assert_eq!(read(&with(file, at, &modulus(bytes))), point, "not reduced");
        assert_eq!(read(&with(file, at, &vec![0xff; bytes])), point, "no point");
        assert_eq!(read(&with(file, at, &[file[at] & 0x7f])), point, "said to be uncompressed");
        let mut identity = vec![0; bytes];
        identity[0] = 0xc0;
        let expected = if identity_allowed { None } else { Some(MalformedError::Identity { at }) };
        assert_eq!(read(&with(file, at, &identity)), expected, "identity");
        identity[bytes - 1] = 1;
        assert_eq!(read(&with(file, at, &identity)), point, "identity with a coordinate");
        identity[bytes - 1] = 0;
        identity[0] = 0xe0;
        assert_eq!(read(&with(file, at, &identity)), point, "identity with a sign");
    }
}

/// Places of one point after the other.
struct Places {
    at: usize,
    all: Vec<(usize, bool, bool)>,
}

impl Places {
    fn add(&mut self, count: usize, g2: bool, identity: bool) -> &mut Self {
        for _ in 0..count {
            self.all.push((self.at, g2, identity));
            self.at += if g2 { 96 } else { 48 };
        }
        self
    }

    fn skip(&mut self, bytes: usize) -> &mut Self {
        self.at += bytes;
        self
    }

    /// The six queries, as phase 2 and the key have them.
    fn queries(&mut self, sizes: Sizes) {
        self.add(sizes.inputs, false, false).add(2 * sizes.variables(), false, true);
        self.add(sizes.variables(), true, true).add(sizes.rows() - 1, false, false);
        self.add(sizes.witnesses, false, true);
    }
}

#[test]
fn bad_points_in_phase_1() {
    let bytes = phase1(1, &NAMES).to_bytes();
    let mut places = Places { at: NAME_AT, all: vec![] };
    for _ in NAMES {
        places
            .skip(NAME_BYTES)
            .add(1, false, false)
            .add(1, true, false)
            .add(2, false, false)
            .add(1, true, false);
        for _ in 0..3 {
            places.add(1, false, false).skip(32);
        }
    }
    places.add(3, false, false).add(2, true, false).add(4, false, false).add(1, true, false);
    assert_eq!(places.at, bytes.len());
    refuses_bad_points(&bytes, &places.all, |bytes| read1(bytes).err());
}

#[test]
fn bad_points_in_phase_2() {
    let stage = Stage::new(&NAMES);
    let (bytes, sizes) = (stage.phase2.to_bytes(), stage.phase2.queries.sizes);
    let mut places = Places { at: 16 + 9 + 64 + 2, all: vec![] };
    for _ in NAMES {
        places.skip(NAME_BYTES).add(1, false, false).add(1, true, false).add(1, false, false).skip(32);
    }
    places.queries(sizes);
    assert_eq!(places.at, bytes.len());
    refuses_bad_points(&bytes, &places.all, |bytes| read2(bytes).err());
}

#[test]
fn bad_points_in_a_key() {
    let stage = Stage::new(&NAMES);
    let (bytes, sizes) = (key(&stage).to_bytes(), stage.phase2.queries.sizes);
    let mut places = Places { at: 16 + 9 + 32, all: vec![] };
    places.add(2, false, false).add(1, true, false).add(1, false, false).add(1, true, false);
    places.queries(sizes);
    assert_eq!(places.at, bytes.len());
    refuses_bad_points(&bytes, &places.all, |bytes| read_key(bytes).err());
}

#[test]
fn scalars_are_reduced() {
    let bytes = phase1(1, &NAMES).to_bytes();
    let at = NAME_AT + NAME_BYTES + 3 * 48 + 2 * 96 + 48;
    let expected = MalformedError::Scalar { at };
    assert_eq!(read1(&with(&bytes, at, &Fr::MODULUS.to_bytes_le())).unwrap_err(), expected);
    assert_eq!(read1(&with(&bytes, at, &[0xff; 32])).unwrap_err(), expected);
}

#[test]
fn names_are_printable_and_padded() {
    for text in ["", " ", " Chile", "Chile ", "Chi\0le", "Chile\n", "Perú", "\u{7f}", &"x".repeat(65)] {
        assert_eq!(Name::new(text).unwrap_err(), MalformedError::Name);
        if text.len() > NAME_BYTES {
            continue;
        }
        let mut field = [0; NAME_BYTES];
        field[..text.len()].copy_from_slice(text.as_bytes());
        let bytes = with(&phase1(1, &NAMES).to_bytes(), NAME_AT, &field);
        assert_eq!(read1(&bytes).unwrap_err(), MalformedError::Name);
    }
    for text in ["x", "Chile, Servicio Civil (1)", &"x".repeat(64)] {
        assert_eq!(Name::from_field(&Name::new(text).unwrap().field()).unwrap().as_str(), text);
    }
    // Something after the zeros.
    let bytes = with(&phase1(1, &NAMES).to_bytes(), NAME_AT + NAME_BYTES - 1, b"x");
    assert_eq!(read1(&bytes).unwrap_err(), MalformedError::Name);
}

#[test]
fn no_bit_of_a_chain_or_accumulator_is_free() {
    let bytes = phase1(1, &NAMES).to_bytes();
    assert_eq!(bytes.len(), NAME_AT + CHAIN1_BYTES + 7 * 48 + 3 * 96);
    for at in (0..bytes.len()).step_by(11) {
        let flipped = with(&bytes, at, &[bytes[at] ^ (1 << (at % 8))]);
        let accepted = read1(&flipped).is_ok_and(|file| verify1(&file).is_ok());
        assert!(!accepted, "byte {at}");
    }
    let stage = Stage::new(&NAMES[..1]);
    let bytes = stage.phase2.to_bytes();
    for at in (0..bytes.len()).step_by(11) {
        let flipped = with(&bytes, at, &[bytes[at] ^ (1 << (at % 8))]);
        let accepted = read2(&flipped).is_ok_and(|file| stage.verify(&file).is_ok());
        assert!(!accepted, "byte {at}");
    }
}
