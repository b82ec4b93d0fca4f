//! The circuit that phase 2 is for, and its polynomials.
//!
//! ```text
//! variables   j: the inputs, of which the first is 1, then the witnesses
//! rows        i < constraints:  A[i]·z × B[i]·z = C[i]·z
//!             i = constraints + j, for each input j:  A[i] = zⱼ, B[i] = C[i] = 0
//! domain      the smallest n = 2^k with all rows in it; Lᵢ(X) is 1 at its i-th point, 0 at the others
//! Aⱼ(X) = Σᵢ A[i]ⱼ Lᵢ(X), and so Bⱼ, Cⱼ
//! ```
//! The rows for inputs keep their `Aⱼ` linearly independent of all others: without them an input could be moved
//! into the private part. It is the reduction of libsnark, and arkworks' prover expects it.

use ark_bls12_381::Fr;
use ark_ff::{AdditiveGroup as _, Field as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use ark_relations::gr1cs::Matrix;
use ark_serialize::CanonicalSerialize as _;
use sha2::{Digest as _, Sha256};
use std::ops::Range;

use crate::codec::SCALAR;
use crate::error::CeremonyError;
use crate::hash::digest;
use crate::label;
use crate::powers::MAX_K;

/// Variables of a circuit at most.
pub const MAX_VARIABLES: usize = 1 << 18;

/// An R1CS circuit.
#[derive(Clone, Copy, Debug)]
pub struct Circuit<'a> {
    a: &'a Matrix<Fr>,
    b: &'a Matrix<Fr>,
    c: &'a Matrix<Fr>,
    sizes: Sizes,
    domain: Radix2EvaluationDomain<Fr>,
}

/// What a circuit's queries have room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sizes {
    /// Logarithm of the domain's size.
    pub(crate) k: u32,
    /// Public inputs and the constant 1.
    pub(crate) inputs: usize,
    /// Private variables.
    pub(crate) witnesses: usize,
}

/// For each variable the rows that name it.
pub(crate) type Columns = Vec<Vec<(Fr, usize)>>;

impl Sizes {
    pub(crate) fn variables(&self) -> usize {
        self.inputs + self.witnesses
    }

    /// n.
    pub(crate) fn rows(&self) -> usize {
        1 << self.k
    }
}

impl<'a> Circuit<'a> {
    /// Takes a circuit's matrices A, B and C, with a row for each constraint. `inputs` counts the constant 1.
    ///
    /// # Errors
    /// [`CeremonyError::NotACircuit`], and [`CeremonyError::DomainSize`] if it is too large.
    pub fn new(
        matrices: &'a [Matrix<Fr>],
        inputs: usize,
        constraints: usize,
        witnesses: usize,
    ) -> Result<Self, CeremonyError> {
        let [a, b, c] = matrices else {
            return Err(CeremonyError::NotACircuit("a circuit has three matrices"));
        };
        if [a, b, c].iter().any(|matrix| matrix.len() != constraints) {
            return Err(CeremonyError::NotACircuit("a matrix has a row for each constraint"));
        }
        let variables = inputs.saturating_add(witnesses);
        if inputs == 0 || constraints == 0 || variables > MAX_VARIABLES {
            return Err(CeremonyError::NotACircuit(
                "a circuit has constraints, the input 1, and bounded variables",
            ));
        }
        if [a, b, c].into_iter().flatten().flatten().any(|(_, column)| *column >= variables) {
            return Err(CeremonyError::NotACircuit("a matrix has a column for each variable"));
        }
        let domain = constraints.checked_add(inputs).and_then(Radix2EvaluationDomain::new);
        let domain = domain.ok_or(CeremonyError::DomainSize(u32::MAX))?;
        let k = domain.log_size_of_group;
        if k > MAX_K {
            return Err(CeremonyError::DomainSize(k));
        }
        Ok(Self { a, b, c, sizes: Sizes { k, inputs, witnesses }, domain })
    }

    /// Logarithm of the domain's size: phase 1 must have been made for as much or more.
    pub fn k(&self) -> u32 {
        self.sizes.k
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.sizes
    }

    pub(crate) fn domain(&self) -> &Radix2EvaluationDomain<Fr> {
        &self.domain
    }

    /// Hash of sizes and matrices, term by term in their order.
    pub fn hash(&self) -> [u8; 32] {
        let number = |number: usize| (number as u64).to_be_bytes();
        let parts = [self.a, self.b, self.c].map(|matrix| {
            let mut hash = Sha256::new();
            for row in matrix {
                hash.update(number(row.len()));
                for (coefficient, column) in row {
                    let mut scalar = [0; SCALAR];
                    let fits = "fits because an element has 32 bytes";
                    coefficient.serialize_compressed(scalar.as_mut_slice()).expect(fits);
                    hash.update(number(*column));
                    hash.update(scalar);
                }
            }
            hash.finalize()
        });
        let [a, b, c] = &parts;
        let sizes = [self.sizes.inputs, self.a.len(), self.sizes.witnesses].map(number);
        digest(label::CIRCUIT, &[sizes.as_flattened(), a, b, c])
    }

    /// The rows that the inputs have of their own, as column and row.
    fn own_rows(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.sizes.inputs).zip(self.a.len()..)
    }

    /// The three matrices by columns.
    pub(crate) fn columns(&self) -> [Columns; 3] {
        let mut all = [self.a, self.b, self.c].map(|matrix| {
            let mut columns = vec![Vec::new(); self.sizes.variables()];
            for (row, terms) in matrix.iter().enumerate() {
                for (coefficient, column) in terms {
                    push(&mut columns, *column, (*coefficient, row));
                }
            }
            columns
        });
        let [a, ..] = &mut all;
        for (column, row) in self.own_rows() {
            push(a, column, (Fr::ONE, row));
        }
        all
    }

    /// `Σ weightⱼ·Aⱼ(X)` over the variables in `range`, and the same for B and C: the polynomials' coefficients,
    /// lowest first.
    pub(crate) fn weigh(&self, weights: &[Fr], range: &Range<usize>) -> [Vec<Fr>; 3] {
        let weight = |column: usize| match weights.get(column) {
            Some(weight) if range.contains(&column) => *weight,
            _ => Fr::ZERO,
        };
        let values = |matrix: &Matrix<Fr>| {
            let row =
                |terms: &Vec<(Fr, usize)>| terms.iter().map(|(value, column)| *value * weight(*column)).sum();
            matrix.iter().map(row).collect::<Vec<Fr>>()
        };
        let mut all = [values(self.a), values(self.b), values(self.c)];
        let [a, ..] = &mut all;
        a.extend(self.own_rows().map(|(column, _)| weight(column)));
        all.map(|mut values| {
            values.resize(self.sizes.rows(), Fr::ZERO);
            self.domain.ifft(&values)
        })
    }
}

fn push(columns: &mut Columns, column: usize, term: (Fr, usize)) {
    columns.get_mut(column).expect("there because a circuit's columns are checked").push(term);
}
