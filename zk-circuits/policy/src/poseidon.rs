//! Poseidon over the scalar field of BLS12-381, as a hash of a fixed number of inputs.
//!
//! **Permutation.** x⁵, eight full rounds, 57 partial ones up to width 12 and 59 at width 25, constants and Cauchy matrix
//! from the Grain register: Grassi et al., *Poseidon*, USENIX Security 2021, §5 and appendix F. The rounds are those that
//! Filecoin's specification gives for 128-bit security with this field, with the paper's margin, for its widths of 9, 12
//! and 25; at width 3 the paper's own 57 are more than the 55 given there, and at 7 the 57 of the next wider one.
//! The paper's published permutations at widths 3 and 5 hold the code to it, and at the other widths those of a second
//! implementation.
//!
//! **Hash.** A sponge that absorbs once and squeezes once. The state is `(label, x₁, …, xₙ)`, with the label in the one
//! word of capacity, and the digest is word 1 of the permuted state. Every use has a label of its own and always the same
//! number of inputs, so no digest of one use is one of another.

use std::sync::LazyLock;

use ark_bls12_381::Fr;
use ark_crypto_primitives::sponge::poseidon::find_poseidon_ark_and_mds;
use ark_ff::{AdditiveGroup as _, Field as _, PrimeField as _};
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::{AllocatedFp, FpVar};
use ark_relations::gr1cs::SynthesisError;

/// Full rounds, half of them before the partial ones.
const FULL: usize = 8;

/// One use of the hash.
pub(crate) struct Hash {
    label: &'static str,
    permutation: &'static LazyLock<Permutation>,
}

/// Holder key of `(secret, salt)`.
pub(crate) const HOLDER: Hash = Hash { label: "causeway-zk/holder/1", permutation: &WIDTH_3 };
/// Nullifier of `(secret, scope)`.
pub(crate) const NULLIFIER: Hash = Hash { label: "causeway-zk/nullifier/1", permutation: &WIDTH_3 };
/// Leaf of the issuer set, of `(u, v, status root, first, last, recognised)`.
pub(crate) const ISSUER: Hash = Hash { label: "causeway-zk/issuer/1", permutation: &WIDTH_7 };
/// Node of a status tree, of its eight children.
pub(crate) const STATUS_NODE: Hash = Hash { label: "causeway-zk/status-node/1", permutation: &WIDTH_9 };
/// Node of an issuer set, of its eleven children.
pub(crate) const ISSUER_NODE: Hash = Hash { label: "causeway-zk/issuer-node/1", permutation: &WIDTH_12 };
/// Challenge of a signature, of `(x, u, v, holder, handle, issued, expires, schema, a₀, …, a₁₅)`.
pub(crate) const CHALLENGE: Hash = Hash { label: "causeway-zk/challenge/1", permutation: &WIDTH_25 };

static WIDTH_3: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(3, 57));
static WIDTH_7: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(7, 57));
static WIDTH_9: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(9, 57));
static WIDTH_12: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(12, 57));
static WIDTH_25: LazyLock<Permutation> = LazyLock::new(|| Permutation::generate(25, 59));

impl Hash {
    fn capacity(&self) -> Fr {
        Fr::from_le_bytes_mod_order(self.label.as_bytes())
    }

    /// The digest of `inputs`, of which there are as many as the width less one.
    pub(crate) fn of(&self, inputs: &[Fr]) -> Fr {
        let mut state = Vec::with_capacity(inputs.len() + 1);
        state.push(self.capacity());
        state.extend_from_slice(inputs);
        self.permutation.permute(&mut state);
        state.into_iter().nth(1).expect("there because every width is over 2")
    }

    /// The same in the circuit. The label is a constant, so its first S-box costs nothing.
    pub(crate) fn constrain(&self, inputs: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
        let mut state = Vec::with_capacity(inputs.len() + 1);
        state.push(FpVar::Constant(self.capacity()));
        state.extend_from_slice(inputs);
        let state = self.permutation.constrain(state)?;
        Ok(state.into_iter().nth(1).expect("there because every width is over 2"))
    }
}

struct Permutation {
    partial: usize,
    /// Added before each round's S-boxes.
    constants: Vec<Vec<Fr>>,
    /// Rows; every round ends with it.
    matrix: Vec<Vec<Fr>>,
}

impl Permutation {
    fn generate(width: usize, partial: usize) -> Self {
        let bits = u64::from(Fr::MODULUS_BIT_SIZE);
        let (constants, matrix) =
            find_poseidon_ark_and_mds::<Fr>(bits, width - 1, FULL as u64, partial as u64, 0);
        Self { partial, constants, matrix }
    }

    /// Whether every word of a round passes the S-box, or the first one alone.
    fn is_full(&self, round: usize) -> bool {
        round < FULL / 2 || round >= FULL / 2 + self.partial
    }

    fn permute(&self, state: &mut [Fr]) {
        assert_eq!(state.len(), self.matrix.len(), "a hash takes as many inputs as its width has room for");
        let mut next = vec![Fr::ZERO; state.len()];
        for (round, constants) in self.constants.iter().enumerate() {
            let boxes = if self.is_full(round) { state.len() } else { 1 };
            for (word, constant) in state.iter_mut().zip(constants) {
                *word += constant;
            }
            for word in state.iter_mut().take(boxes) {
                *word *= word.square().square();
            }
            for (word, row) in next.iter_mut().zip(&self.matrix) {
                *word = row.iter().zip(&*state).map(|(factor, word)| *factor * word).sum();
            }
            state.copy_from_slice(&next);
        }
    }

    fn constrain(&self, mut state: Vec<FpVar<Fr>>) -> Result<Vec<FpVar<Fr>>, SynthesisError> {
        assert_eq!(state.len(), self.matrix.len(), "a hash takes as many inputs as its width has room for");
        for (round, constants) in self.constants.iter().enumerate() {
            let boxes = if self.is_full(round) { state.len() } else { 1 };
            for (word, constant) in state.iter_mut().zip(constants) {
                *word += *constant;
            }
            for word in state.iter_mut().take(boxes) {
                // Each power but the word's own stands in one of the first two matrices alone, and every variable in a
                // matrix is a term of a sum in proving.
                let second = word.square()?;
                let third = &second * &*word;
                *word = second * third;
            }
            state = self.matrix.iter().map(|row| combine(row, &state)).collect();
        }
        Ok(state)
    }
}

/// `Σ factor · word` as one linear combination, where adding one by one would make as many as there are words.
fn combine(factors: &[Fr], words: &[FpVar<Fr>]) -> FpVar<Fr> {
    let mut constant = Fr::ZERO;
    let (mut weights, mut variables) = (Vec::new(), Vec::<AllocatedFp<Fr>>::new());
    for (factor, word) in factors.iter().zip(words) {
        match word {
            FpVar::Constant(value) => constant += *factor * value,
            FpVar::Var(variable) => {
                weights.push(*factor);
                variables.push(variable.clone());
            }
        }
    }
    match AllocatedFp::linear_combination(&weights, &variables) {
        Some(sum) if constant == Fr::ZERO => FpVar::Var(sum),
        Some(sum) => FpVar::Var(sum) + constant,
        None => FpVar::Constant(constant),
    }
}

#[cfg(test)]
mod tests;
