//! # did-registry: who is who, by whose decision, and what their words mean
//!
//! **What.** Keys and signature suites, self-certifying identifiers (`did:causeway`), the signed
//! operation chain behind each identifier, the committee and the issuers it recognises, and
//! content-addressed schemas. Everything is a pure transition: state and operation in, state or
//! refusal out. Time is an argument; nothing here reads a clock, a disk or a socket.
//!
//! **Spec.** [DID Core 1.0](https://www.w3.org/TR/did-core/), [Multikey](https://www.w3.org/TR/cid-1.0/),
//! Ed25519 with ZIP 215 verification, ECDSA P-256 (FIPS 186-5). We depart from `did:key`-like methods
//! in one point: the identifier is the hash of a whole genesis operation, not of a key, so keys rotate
//! and the identifier stays.
//!
//! **Picture.**
//! ```text
//! Genesis ──sha256──► did:causeway:<network>:<id>
//!    │ control key K0, H(K1)
//!    ▼
//! Rotate(K1, H(K2)) ──► Rotate(K2, H(K3)) ──► …        each names the hash of the one before
//!    └─ lost K? guardians k of n ──► pending ──(delay, owner may veto)──► recovered
//! ```
//!
//! **Walk-through.**
//! ```
//! use did_registry::{Genesis, NetworkId, SigningKey, Suite};
//! let mut rng = rand::rngs::OsRng;
//! let control = SigningKey::generate(Suite::Ed25519, &mut rng);
//! let next = SigningKey::generate(Suite::Ed25519, &mut rng);
//! let network = NetworkId::new("demo").expect("a short lower-case word");
//! let genesis = Genesis::new(network, control.public_key(), next.public_key().commitment());
//! let did = genesis.did();
//! assert!(did.to_string().starts_with("did:causeway:demo:"));
//! ```
//!
//! **Absent on purpose.** 1. Citizens: nothing here names a person. 2. An administrator: no function
//! rewrites another's record. 3. Key storage: secrets live in [`Secret`] and with the shell that loads them.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

pub mod canonical;
mod claim;
mod did;
mod digest;
mod document;
mod error;
mod key;
pub mod label;
pub mod merkle;
mod operation;
mod record;
mod role;
mod schema;
mod secret;
mod time;

pub use claim::{ClaimValue, Claims};
pub use did::{Did, DidUrl, NetworkId};
pub use digest::{Digest, digest};
pub use document::document;
pub use error::RegistryError;
pub use key::{BatchItem, PublicKey, Signature, SigningKey, Suite, verify_batch};
pub use operation::{
    Approval, DidOperation, DocumentKey, Genesis, Guardians, Purposes, Recovery, Retirement, Rotation,
    Service,
};
pub use record::{DidRecord, KeyEntry, KeyState, Moment, PendingRecovery, Removal};
pub use role::{Ballot, Committee, CredentialType, Motion, Recognition, Vote};
pub use schema::{ClaimKind, ClaimSpec, Schema, SchemaError};
pub use secret::Secret;
pub use time::{Date, Timestamp};
