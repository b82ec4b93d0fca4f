//! What travels without a node: trust bundles and anchor receipts, each with everything that is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)]

mod agency;
mod bundle;
#[path = "../ledger/chain.rs"]
#[allow(dead_code)] // the other tests use the rest of it
mod chain;
mod receipt;
