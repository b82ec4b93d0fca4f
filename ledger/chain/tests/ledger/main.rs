//! The ledger's rules end to end, without a node: real blocks, proofs, the light client, wire bytes, damaged input.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)]

mod chain;
mod damaged;
mod golden;
mod history;
mod issuer_sets;
mod light;
mod records;
mod samples;
