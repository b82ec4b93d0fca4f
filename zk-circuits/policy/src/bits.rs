//! Bits, ranges and choices in the circuit.
//!
//! A bit is a variable `b` with `b(b − 1) = 0`. A number below `2ⁿ` is `n` bits: `n − 1` variables, and the last is what
//! is left of the number, held to be a bit as well, so that no constraint is spent on the sum.

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, Field as _, PrimeField as _};
use ark_r1cs_std::GR1CSVar as _;
use ark_r1cs_std::alloc::AllocVar as _;
use ark_r1cs_std::eq::EqGadget as _;
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};

type Wires = ConstraintSystemRef<Fr>;

/// The low 128 bits of a field element.
pub(crate) fn low(value: &Fr) -> u128 {
    value
        .into_bigint()
        .to_bits_le()
        .iter()
        .take(128)
        .rev()
        .fold(0, |number, bit| number << 1 | u128::from(*bit))
}

/// Witnesses that are bits. A constraint each.
pub(crate) fn allocate<const N: usize>(
    wires: &Wires,
    values: [bool; N],
) -> Result<[FpVar<Fr>; N], SynthesisError> {
    let mut bits = std::array::from_fn(|_| FpVar::zero());
    for (bit, value) in bits.iter_mut().zip(values) {
        *bit = FpVar::new_witness(wires.clone(), || Ok(Fr::from(value)))?;
        enforce(bit)?;
    }
    Ok(bits)
}

fn enforce(bit: &FpVar<Fr>) -> Result<(), SynthesisError> {
    bit.mul_equals(&(bit - Fr::ONE), &FpVar::zero())
}

/// `Σ bit · 2ⁱ`, the lowest first.
pub(crate) fn number(bits: &[FpVar<Fr>]) -> FpVar<Fr> {
    let mut power = Fr::ONE;
    let mut terms = Vec::with_capacity(bits.len());
    for bit in bits {
        terms.push(bit * power);
        power = power + power;
    }
    terms.iter().sum()
}

/// `0 ≤ value < 2ⁿ`. As many constraints as bits.
pub(crate) fn range(wires: &Wires, value: &FpVar<Fr>, bits: usize) -> Result<(), SynthesisError> {
    let mut lower = Vec::with_capacity(bits);
    for index in 0..bits - 1 {
        let bit =
            FpVar::new_witness(wires.clone(), || Ok(Fr::from(value.value()?.into_bigint().get_bit(index))))?;
        enforce(&bit)?;
        lower.push(bit);
    }
    let top = (value - number(&lower)) * power(bits - 1).inverse().expect("powers of two are not zero");
    enforce(&top)
}

/// `value = low + 2ⁿ·t` with `t < 2²⁵⁵⁻ⁿ`, where `low < 2ⁿ` is known. As many constraints as `t` has bits.
pub(crate) fn split_low(
    wires: &Wires,
    value: &FpVar<Fr>,
    low: &FpVar<Fr>,
    bits: usize,
) -> Result<(), SynthesisError> {
    let rest = (value - low) * power(bits).inverse().expect("powers of two are not zero");
    range(wires, &rest, 255 - bits)
}

fn power(exponent: usize) -> Fr {
    Fr::from(2u8).pow([exponent as u64])
}

/// `target` is the value at the place that `bits` number, the lowest first, of `2ⁿ` values. `2ⁿ − 1` constraints.
pub(crate) fn enforce_chosen(
    bits: &[FpVar<Fr>],
    values: &[FpVar<Fr>],
    target: &FpVar<Fr>,
) -> Result<(), SynthesisError> {
    let (last, lower) = bits.split_last().ok_or(SynthesisError::AssignmentMissing)?;
    match choose(lower, values).as_slice() {
        [even, odd] => last.mul_equals(&(odd - even), &(target - even)),
        _ => Err(SynthesisError::AssignmentMissing),
    }
}

/// The value at the place that `bits` number, the lowest first, of `2ⁿ` values. `2ⁿ − 1` constraints.
pub(crate) fn select(bits: &[FpVar<Fr>], values: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    choose(bits, values).pop().ok_or(SynthesisError::AssignmentMissing)
}

/// What is left of `values` once the lowest `bits` of their places are decided.
fn choose(bits: &[FpVar<Fr>], values: &[FpVar<Fr>]) -> Vec<FpVar<Fr>> {
    let mut level = values.to_vec();
    for bit in bits {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [even, odd] => even + (odd - even) * bit,
                _ => FpVar::zero(),
            })
            .collect();
    }
    level
}

/// The bit at the place that `place` numbers, the lowest first, of 128 bits is zero. 31 constraints: the row of eight is
/// chosen of sixteen as a number, which has one spelling in eight bits, and then the bit.
pub(crate) fn enforce_clear(
    wires: &Wires,
    place: &[FpVar<Fr>],
    bits: &[FpVar<Fr>],
) -> Result<(), SynthesisError> {
    let (within, row) = place.split_at_checked(3).ok_or(SynthesisError::AssignmentMissing)?;
    let rows: Vec<FpVar<Fr>> = bits.chunks(8).map(number).collect();
    let chosen = select(row, &rows)?;
    let value = low(&chosen.value().unwrap_or_default());
    let spelt = allocate::<8>(wires, std::array::from_fn(|index| value >> index & 1 == 1))?;
    chosen.enforce_equal(&number(&spelt))?;
    enforce_chosen(within, &spelt, &FpVar::zero())
}

/// `∏ (value − choice)`: zero where the value is one of the choices. A constraint less than there are choices.
pub(crate) fn distance(value: &FpVar<Fr>, choices: &[FpVar<Fr>]) -> FpVar<Fr> {
    let mut factors = choices.iter().map(|choice| value - choice);
    let first = factors.next().unwrap_or_else(FpVar::one);
    factors.fold(first, |product, factor| product * factor)
}
