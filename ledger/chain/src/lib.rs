//! # ledger-chain: what the consortium agrees on
//!
//! **What.** A closed set of operations, their execution over typed records, blocks, the state tree with
//! proofs of inclusion and absence, the history of blocks, signed heads, and a light client that needs no
//! node. Pure: no clock, disk, socket or thread.
//!
//! **Spec.** [Jellyfish Merkle tree](https://developers.diem.com/papers/jellyfish-merkle-tree/2021-01-14.pdf),
//! hash for hash that of the crate `jmt`; [RFC 9162](https://www.rfc-editor.org/rfc/rfc9162) for history and batches.
//!
//! **Picture.**
//! ```text
//! Operation ─sign─► SignedTransaction ─verify─► VerifiedTransaction ─execute─► Changes ─► state tree ─┐
//!                                                      └────────────► Block ─► history ─┴─► SignedHead
//! (StateKey, proof) + SignedHead ─light client─► Proven<Record>: included, or provably absent
//! ```
//!
//! **Absent on purpose.** 1. A virtual machine. 2. Personal data, and unblinded hashes of it. 3. Citizens.
//! 4. An operation that lets anyone change another's record.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

mod block;
pub mod bundle;
mod execute;
pub mod history;
pub mod light;
mod operation;
pub mod receipt;
mod state;
mod transaction;
pub mod tree;

pub use block::{
    BLOCK_BYTES, Block, Genesis, GroupId, HEAD_BYTES, Head, Header, SignedHead, ValidatorSet,
    transactions_root,
};
pub use execute::{Changes, Committed, Overlay, Refusal, execute, genesis};
pub use operation::{AnchorOperation, Operation, ReceiptBatch, ReceiptKind, StatusHead};
pub use state::{
    AnchorRecord, CircuitKeysRecord, Latest, PolicyRecord, ReceiptRecord, Record, SchemaRecord, StateKey,
    StatusRecord,
};
pub use transaction::{SignedTransaction, TRANSACTION_BYTES, Transaction, VerifiedTransaction};
