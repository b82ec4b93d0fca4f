use ark_bls12_381::{Fr, G1Projective, G2Projective};
use ark_ec::{AffineRepr as _, CurveGroup};
use ark_ff::{Field as _, PrimeField as _, UniformRand as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};

use super::{quiet, rng};
use crate::curve::{Curve, combine, lagrange, multiply, same_ratio};
use crate::progress::{Meter, Step};

fn times_is_multiplication<C: Curve>() {
    let rng = &mut rng();
    let mut scalars = vec![Fr::from(0), Fr::from(1), -Fr::from(1), Fr::from(2)];
    scalars.extend((0..20).map(|_| Fr::rand(rng)));
    for scalar in scalars {
        let point = C::rand(rng);
        assert_eq!(point.times(scalar), point.into_affine().mul_bigint(scalar.into_bigint()));
        assert_eq!(C::zero().times(scalar), C::zero());
    }
}

#[test]
fn endomorphisms_multiply() {
    times_is_multiplication::<G1Projective>();
    times_is_multiplication::<G2Projective>();
}

fn lagrange_is_interpolation<C: Curve>() {
    let rng = &mut rng();
    for k in 1..6 {
        let domain = Radix2EvaluationDomain::<Fr>::new(1 << k).unwrap();
        let tau = Fr::rand(rng);
        let in_exponent = |scalars: Vec<Fr>| -> Vec<C::Affine> {
            scalars.iter().map(|scalar| (C::generator() * scalar).into_affine()).collect()
        };
        let powers = in_exponent((0..domain.size).map(|power| tau.pow([power])).collect());
        let expected = in_exponent(domain.evaluate_all_lagrange_coefficients(tau));
        assert_eq!(lagrange::<C>(&powers, &domain, &mut quiet()), expected);
    }
}

#[test]
fn powers_become_lagrange_polynomials() {
    lagrange_is_interpolation::<G1Projective>();
    lagrange_is_interpolation::<G2Projective>();
}

#[test]
fn terms_add_up() {
    let rng = &mut rng();
    for count in [0, 1, 5, 40, 90] {
        let points: Vec<_> = (0..count).map(|_| G1Projective::rand(rng).into_affine()).collect();
        let mut terms: Vec<(Fr, usize)> = (0..count).map(|index| (Fr::rand(rng), index)).collect();
        terms.extend((0..count).map(|index| (Fr::from(1), index)));
        terms.extend((0..count / 2).map(|index| (-Fr::from(1), index)));
        let expected: G1Projective = terms.iter().map(|(scalar, index)| points[*index] * scalar).sum();
        assert_eq!(combine::<G1Projective>(&terms, &points), expected);
    }
}

fn products_keep_their_order<C: Curve>(count: usize) {
    let rng = &mut rng();
    let mut scalars = vec![Fr::from(0), Fr::from(1), -Fr::from(1), Fr::from(2)];
    scalars.resize_with(count, || Fr::rand(rng));
    let point = C::rand(rng).into_affine();
    let (mut points, mut quiet) = (vec![point; count], quiet());
    points[7] = C::zero().into_affine();
    let products =
        multiply::<C>(&points, scalars.iter().copied(), &mut Meter::new(Step::Multiply, count, &mut quiet));
    let expected: Vec<C> = points.iter().zip(&scalars).map(|(point, scalar)| *point * scalar).collect();
    assert_eq!(products, C::normalize_batch(&expected));
}

#[test]
fn products_keep_their_order_across_batches() {
    products_keep_their_order::<G1Projective>(1100);
    products_keep_their_order::<G2Projective>(40);
}

#[test]
fn ratios_are_compared() {
    let rng = &mut rng();
    let (x, y) = (Fr::rand(rng), Fr::rand(rng));
    let (p, q) = (G1Projective::rand(rng), G2Projective::rand(rng));
    let pair = (p * x).into_affine();
    assert!(same_ratio((pair, p.into_affine()), ((q * x).into_affine(), q.into_affine())));
    assert!(!same_ratio((pair, p.into_affine()), ((q * y).into_affine(), q.into_affine())));
    assert!(!same_ratio((p.into_affine(), pair), ((q * x).into_affine(), q.into_affine())));
    assert!(!pair.is_zero());
}
