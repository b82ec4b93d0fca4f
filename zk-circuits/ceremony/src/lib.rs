//! # zk-ceremony: Groth16's keys from many contributors, of whom one honest one suffices
//!
//! **What.** Groth16's keys are made from secrets `τ, α, β, δ`, and whoever knows them proves anything. Here each
//! secret is a product with a factor of every contributor, made on that contributor's machine and forgotten
//! there. Phase 1 makes powers of `τ` for all circuits up to a size, phase 2 the keys of one circuit. Every
//! contribution proves itself, and the last file of each phase holds all that a stranger needs to verify the
//! whole ceremony.
//!
//! **Spec.** Groth 2016, with the reduction of `ark_groth16`. Bowe, Gabizon, Miers 2017, *Scalable multi-party
//! computation for zk-SNARK parameters in the random beacon model*: two phases, contributors one after the other,
//! `γ = 1`. Kohlweiss, Maller, Siim, Volkhov 2021, *Snarky ceremonies*: such a ceremony is secure without a
//! random beacon. We depart in the proof that a contributor knows a factor, which is Schnorr's.
//!
//! **Picture.**
//! ```text
//! Phase1::new(k) ─ verify ─► VerifiedPhase1 ─ contribute ─► Phase1 ─ to_bytes ─► next contributor: from_bytes, verify, …
//!                                  │ last one
//! Phase2::new(phase 1, circuit) ◄──┘
//!        └─ verify ─► VerifiedPhase2 ─ contribute ─► Phase2 ─ to_bytes ─► next contributor: from_bytes, verify, …
//!                            │ last one
//!                            └─ finalize(minimum) ─► FinishedCeremony: key, hash of the transcript
//! ```
//!
//! **Walk-through.** The circuit `x·x = y`, with `y` public.
//! ```
//! use ark_ff::One as _;
//! use zk_ceremony::{Circuit, Name, Phase1, Phase2};
//! # fn main() -> Result<(), zk_ceremony::CeremonyError> {
//! let rng = &mut rand::rngs::OsRng;
//! let quiet = &mut |_, _, _| {};
//! let one = ark_bls12_381::Fr::one();
//! let matrices = [vec![vec![(one, 2)]], vec![vec![(one, 2)]], vec![vec![(one, 1)]]];
//! let circuit = Circuit::new(&matrices, 2, 1, 1)?;
//!
//! let mut phase1 = Phase1::new(circuit.k())?.verify(rng, quiet)?;
//! for name in ["Chile", "Estonia"] {
//!     let file = phase1.contribute(Name::new(name)?, rng, quiet)?.to_bytes();
//!     phase1 = Phase1::from_bytes(&file, quiet)?.verify(rng, quiet)?;
//! }
//! let mut phase2 = Phase2::new(&phase1, &circuit, quiet)?.verify(&phase1, &circuit, rng, quiet)?;
//! for name in ["Ghana", "Chile"] {
//!     let file = phase2.contribute(Name::new(name)?, rng, quiet)?.to_bytes();
//!     phase2 = Phase2::from_bytes(&file, quiet)?.verify(&phase1, &circuit, rng, quiet)?;
//! }
//! let finished = phase2.finalize(2.try_into().expect("two is not zero"))?;
//! assert_eq!(finished.key().proving_key().vk.gamma_abc_g1.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! **Statement.** If a ceremony verifies, then its key is Groth16's for the circuit and some secrets
//! `τ, α, β, δ`, none zero, each the product of one factor of every contributor to its phase; and every
//! contributor knew the factors that were added under the contributor's name, after all contributions before.
//!
//! **Argument.** 1. The chain determines the secrets in the exponent, and each link shows its factors: the module
//! `chain`. 2. The powers are determined by the secrets, and the queries by powers, circuit and `δ`; both are
//! compared at random: the modules `powers` and `queries`. So what is in the last files is the same, point by
//! point, as if each contributor had been watched, and files in between need not be kept. 3. If in each phase at
//! least one contributor chose the factors at random and forgot them, perhaps not the same one in both, nobody
//! knows a secret. Those who come after the last honest contributor can still choose, having seen all before,
//! among such keys. *Snarky ceremonies* shows that this does not help them: Groth16 remains knowledge-sound, in
//! the algebraic group model with a random oracle, if discrete logarithms are hard to find given the powers. For
//! that, phase 1 must end before phase 2 starts: the chain of phase 2 starts from the hash of phase 1. And
//! however many collude, proofs remain zero-knowledge: the key is well-formed, which is what hiding needs.
//!
//! **Assumed.** 1. The above: algebraic adversaries, SHA-2 as a random oracle. 2. One honest contributor in each
//! phase, with good randomness, on a machine that does not leak: arithmetic here is not constant-time, and while
//! factors are wiped, copies that the arithmetic makes on the way are not. 3. The verifier has the circuit from
//! elsewhere, and its randomness is its own. 4. A name is a claim. Contributors publish [`Phase1::hash`] and
//! [`Phase2::hash`] after contributing, signed, and look for their contribution in what is anchored; that, and
//! not the name, says who took part and that nobody was left out.
//!
//! **Absent on purpose.** 1. A random beacon: not needed. 2. Rounds, queues and networks: files go from hand to
//! hand. 3. Proofs that factors were forgotten: there are none. 4. Changing a finished key: a new circuit is a
//! new phase 2. 5. Randomness of its own, clocks, files, threads.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod chain;
mod circuit;
mod codec;
mod curve;
mod error;
mod factors;
mod finish;
mod hash;
mod label;
mod name;
mod phase1;
mod phase2;
mod powers;
mod progress;
mod queries;

pub use chain::{MAX_CONTRIBUTIONS, Phase, Secret};
pub use circuit::{Circuit, MAX_VARIABLES};
pub use error::{CeremonyError, Culprit, MalformedError};
pub use finish::{FinalKey, FinishedCeremony, transcripts_hash};
pub use name::{NAME_BYTES, Name};
pub use phase1::{Phase1, VerifiedPhase1};
pub use phase2::{Phase2, VerifiedPhase2};
pub use powers::MAX_K;
pub use progress::{Progress, Step};

#[cfg(test)]
mod tests;
