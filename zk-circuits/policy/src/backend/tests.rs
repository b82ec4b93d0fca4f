use ark_bls12_381::{G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr as _, CurveGroup as _, PrimeGroup as _};
use ark_ff::{AdditiveGroup as _, Field as _, UniformRand as _};
use ark_serialize::CanonicalSerialize as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

/// What sums are made of: random points and scalars with the edges among them.
fn terms<G: super::arkworks::Curve>(rng: &mut StdRng, length: usize) -> (Vec<G>, Vec<Scalar>) {
    let points = (0..length).map(|place| match place % 7 {
        3 => G::zero(),
        4 => G::generator(),
        _ => (G::generator() * Fr::rand(rng)).into_affine(),
    });
    let points = points.collect();
    let scalars = (0..length).map(|place| match place % 11 {
        1 => Fr::ZERO,
        2 => Fr::ONE,
        3 => -Fr::ONE,
        5 => Fr::from(rng.r#gen::<u64>()),
        _ => Fr::rand(rng),
    });
    (points, scalars.map(PrimeField::into_bigint).collect())
}

#[test]
fn a_converted_generator_is_the_generator() {
    let one = [Fr::ONE.into_bigint()];
    assert_eq!(G1Affine::generator().base(), uncompressed(&G1Affine::generator()));
    assert_eq!(G1Affine::sum(&[G1Affine::generator().base()], &one, BITS), G1Projective::generator());
    assert_eq!(G2Affine::sum(&[G2Affine::generator().base()], &one, BITS), G2Projective::generator());
}

/// What blst itself reads where arkworks wrote.
fn uncompressed(point: &G1Affine) -> Base {
    let mut bytes = [0; 48];
    point.serialize_compressed(bytes.as_mut_slice()).unwrap();
    ::blst::min_pk::PublicKey::uncompress(&bytes).unwrap().into()
}

fn sums_agree<G: super::arkworks::Curve + Curve>(length: usize) {
    let mut rng = StdRng::from_seed([length.to_le_bytes()[0]; 32]);
    let (points, scalars) = terms::<G>(&mut rng, length);
    let spread: Vec<_> = points.iter().map(super::arkworks::Curve::spread).collect();
    let expected = <G as super::arkworks::Curve>::sum_spread(&spread, &scalars);
    assert_eq!(Bases::new(&points).sum(&scalars), expected, "{length}");
    let bases: Vec<_> = points.iter().map(Curve::base).collect();
    assert_eq!(<G as Curve>::sum(&bases, &scalars, BITS), expected, "{length}");
    let spread: Vec<_> = points.iter().map(Curve::spread).collect();
    assert_eq!(<G as Curve>::sum_spread(&spread, &scalars), expected, "{length}");
    let weights: Vec<_> = (0..length).map(|_| Fr::from(rng.r#gen::<u128>()).into_bigint()).collect();
    let own: Vec<_> = points.iter().map(super::arkworks::Curve::base).collect();
    let expected = <G as super::arkworks::Curve>::sum(&own, &weights, 128);
    assert_eq!(<G as Curve>::sum(&bases, &weights, 128), expected, "{length}");
}

#[test]
fn sums_are_those_of_arkworks() {
    for length in [0, 1, 2, 3, 31, 32, 33, 100, 400] {
        sums_agree::<G1Affine>(length);
        sums_agree::<G2Affine>(length);
    }
}

#[test]
fn a_sum_may_be_the_identity_and_hold_a_point_twice() {
    let mut rng = StdRng::from_seed([2; 32]);
    let point = (G1Projective::generator() * Fr::rand(&mut rng)).into_affine();
    for (length, scalar) in [(2, Fr::ONE), (40, Fr::ONE), (2, Fr::rand(&mut rng)), (40, Fr::rand(&mut rng))] {
        let points: Vec<_> = (0..length).map(|place| if place % 2 == 0 { point } else { -point }).collect();
        let scalars = vec![scalar.into_bigint(); length];
        assert_eq!(Bases::new(&points).sum(&scalars), G1Projective::ZERO);
        let expected = point * scalar * Fr::from(length as u64);
        assert_eq!(Bases::new(&vec![point; length]).sum(&scalars), expected);
    }
}

#[test]
fn products_are_those_of_arkworks() {
    let mut rng = StdRng::from_seed([3; 32]);
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let ours = |pairs: &[(G1Affine, G2Affine)]| {
        let second: Vec<_> = pairs.iter().map(|(_, q)| prepare(q)).collect();
        product(&pairs.iter().map(|(p, _)| *p).zip(&second).collect::<Vec<_>>())
    };
    let theirs = |pairs: &[(G1Affine, G2Affine)]| {
        let second: Vec<_> = pairs.iter().map(|(_, q)| super::arkworks::prepare(q)).collect();
        super::arkworks::finish(super::arkworks::miller(
            &pairs.iter().map(|(p, _)| *p).zip(&second).collect::<Vec<_>>(),
        ))
    };
    for length in [1, 2, 3, 8, 40] {
        let scalars: Vec<_> = (0..length).map(|_| [Fr::rand(&mut rng), Fr::rand(&mut rng)]).collect();
        let pairs: Vec<_> =
            scalars.iter().map(|[p, q]| ((g1 * p).into_affine(), (g2 * q).into_affine())).collect();
        let sum: Fr = scalars.iter().map(|[p, q]| *p * q).sum();
        let one = [((g1 * sum).into_affine(), g2)];
        assert!(ours(&pairs) == ours(&one) && theirs(&pairs) == theirs(&one), "{length}");
        // Pairs with an identity are one, wherever they stand.
        let with = [pairs.as_slice(), &[(G1Affine::zero(), g2), (g1, G2Affine::zero())]].concat();
        assert!(ours(&with) == ours(&one) && theirs(&with) == theirs(&one), "{length}");
        let other = [pairs.as_slice(), &[(g1, g2)]].concat();
        assert!(ours(&other) != ours(&one) && theirs(&other) != theirs(&one), "{length}");
        let back = [pairs.as_slice(), &[((g1 * -sum).into_affine(), g2)]].concat();
        assert!(ours(&back) == ours(&[]) && theirs(&back) == theirs(&[]), "{length}");
    }
    let identities = [(G1Affine::zero(), g2), (g1, G2Affine::zero())];
    assert!(ours(&identities) == ours(&[]));
}

/// Both readers take the same bytes for the same points.
fn decompressions_agree<G: super::arkworks::Curve + Curve>(length: usize) {
    let mut rng = StdRng::from_seed([4; 32]);
    let mut read = 0;
    let mut agree = |bytes: &[u8]| {
        let ours = <G as Curve>::decompress(bytes);
        assert_eq!(ours, <G as super::arkworks::Curve>::decompress(bytes), "{bytes:02x?}");
        read += usize::from(ours.is_some());
    };
    let mut bytes = vec![0; length];
    for _ in 0..40 {
        let point = (G::generator() * Fr::rand(&mut rng)).into_affine();
        point.serialize_compressed(bytes.as_mut_slice()).unwrap();
        agree(&bytes);
        // Any flags, any bit, and an x of no small order or not below the modulus.
        for bit in (0..8).chain((0..8).map(|_| rng.gen_range(8..8 * length))) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            agree(&flipped);
        }
        rng.fill(bytes.as_mut_slice());
        agree(&bytes);
        bytes[0] = bytes[0] & 0x1f | 0x80;
        agree(&bytes);
    }
    for flags in 0..8u8 {
        for (fill, last) in [(0, 0), (0, 1), (0, 4), (0xff, 0xff)] {
            let mut bytes = vec![fill; length];
            bytes[0] = fill & 0x1f | flags << 5;
            bytes[length - 1] = last;
            agree(&bytes);
        }
    }
    assert!(read >= 40);
}

#[test]
fn points_are_read_as_arkworks_reads_them() {
    decompressions_agree::<G1Affine>(48);
    decompressions_agree::<G2Affine>(96);
}
