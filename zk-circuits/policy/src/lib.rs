//! # zk-policy: a whole policy, proved over a hidden credential of a hidden issuer
//!
//! **What.** One circuit for every policy: a holder proves that a credential satisfies a verifier's terms, and shows 192
//! bytes and a nullifier instead of the credential. The same rules stand here three times, side by side: in words
//! and symbols, as a native check, and as constraints.
//!
//! **Spec.** The statement is ours: [`Statement`]. Groth16 over BLS12-381, Poseidon, Schnorr on Jubjub; each module names
//! its paper and where we depart.
//!
//! **Picture.**
//! ```text
//! issuer   IssuerKey ── issue ─► Credential ◄─ bound to ─ HolderSecret
//! ledger   IssuerSet(key, StatusTree root, days) ─► issuers' root of the epoch
//! holder   Statement::of(Terms, Witness) ─ check ─ prove(ProvingKey) ─► Proof, nullifier
//! gate     Verifier::new(VerifyingKey, Terms) ─ verify | verify_batch
//! ```
//!
//! **Sound.** Groth16 is knowledge-sound in the generic and the algebraic group model, if nobody knows the setup's secret:
//! from whoever makes an accepted proof, values can be extracted that satisfy the constraints. Seeing others' proofs does
//! not help: it is weakly simulation-extractable, as the polynomials of the public inputs are independent of each other
//! and of the private ones (Baghery, Kohlweiss, Siim, Volkhov, *Another look at extraction and randomization of Groth's
//! zk-SNARK*, 2020). The reduction to polynomials has a row for each input, which makes them so; a key in which one were
//! missing has an identity among its points, and is not read. So what was shown for one context is turned into a proof
//! of the same statement at the most. The constraints imply the rules of [`Statement`]: each gadget's module argues for
//! its own. Then breaking a rule breaks an assumption: signing for an
//! issuer, discrete logarithms on Jubjub with Poseidon as a random oracle; a second path, word, or credential under
//! one root, collisions of Poseidon; another nullifier for one secret and scope, none, as it is a function. That a
//! secret has one nullifier does not keep a person from having two secrets: the issuer's desk does.
//!
//! The keys in an issuer set must be of prime order: [`IssuerPublicKey`] admits no others, and the set's root is made by
//! whoever the verifier trusts for it.
//!
//! **Hiding and unlinkable.** Groth16 proofs are perfectly zero-knowledge: `A` and `B` are uniform, and `C` follows from
//! them and the public inputs; that holds for a proving key as the setup makes it, so a holder takes one by the digest of
//! a transcript that was verified. So a presentation says its public inputs and nothing else. Of these, terms are common
//! to all who show; the context is fresh; and a nullifier is `Poseidon(sk, scope)` with a secret of 255 random bits. The
//! assumption is that `(label, y) ↦ Poseidon(label; sk, y)` is a pseudorandom function: then it looks fresh for each scope,
//! to the issuer too, who never sees `sk` and to whom a holder key is `Poseidon(sk, salt)` under the other label.
//!
//! **Absent on purpose.** 1. Policies, days and names of claims: they compile to [`Terms`] one layer up. 2. Recursion and
//! updatable setups. 3. Randomness of its own: every function that needs some takes a generator.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod backend;
mod bits;
mod circuit;
mod credential;
mod curve;
mod element;
mod error;
mod issuers;
mod key;
mod poseidon;
mod possession;
mod proof;
mod prover;
mod sample;
mod signature;
mod statement;
mod status;
mod tree;

pub use credential::{Credential, HolderSecret, SLOTS, Times};
pub use element::Element;
pub use error::MalformedError;
pub use issuers::{ISSUERS, IssuerEntry, IssuerSet, IssuerWitness, KeyDays};
pub use key::{
    HolderCircuit, KeyError, Matrices, PolicyCircuit, ProvingKey, Relation, Setup, Size, VerifyingKey,
};
pub use possession::{prove_possession, verify_possession};
pub use proof::{PROOF_BYTES, Proof, Verifier, prove};
pub use signature::{CredentialSignature, IssuerKey, IssuerPublicKey};
pub use statement::{FalseStatement, MEMBERS, Membership, PREDICATES, Predicate, Statement, Terms, Witness};
pub use status::{HANDLES, Handle, StatusTree, StatusWitness};
