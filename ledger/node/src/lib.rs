//! # ledger-node: one ledger, running
//!
//! **What.** The shell around `ledger-chain`: it takes transactions in over HTTP, checks their signatures in
//! batches, keeps those that wait, has an engine order them into blocks, writes each block with one synced
//! write, and serves heads, records with proofs, blocks and events. It decides nothing about operations.
//!
//! **Spec.** HTTP: RFC 9110, problem details RFC 9457, server-sent events (WHATWG HTML §9.2), DID resolution
//! (W3C DID Resolution 0.3), Prometheus text format 0.0.4. Storage: RocksDB.
//!
//! **Picture.**
//! ```text
//!  HTTP ─► ingress ─► mempool ─► Ordering (solo) ─► application ─► store ─► tip ─► events
//!          batches of  in order   when, and by       execute,       one synced      │
//!          signatures  by actor   whom certified     state tree     write batch     └► outcomes: who waits
//! ```
//!
//! **Walk-through.** [`network::create`] writes a new network's files, [`Node::start`] runs a node on them,
//! [`client::LedgerClient`] talks to it and verifies what it says.
//!
//! **Absent on purpose.** 1. Rules of operations: they are `ledger-chain`'s. 2. Users and passwords: a
//! transaction's signature is its authorisation, and everything on the ledger is public to its members.
//! 3. Pruning: every proof at every height can still be made.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

mod application;
pub mod bench;
mod bundle;
mod cache;
pub mod client;
pub mod config;
pub mod egress;
mod error;
mod http;
mod ingress;
mod ledger;
mod listener;
mod mempool;
mod metrics;
pub mod network;
mod node;
mod ordering;
mod outcome;
mod solo;
mod store;
#[cfg(test)]
mod testing;

pub use application::{Application, BlockError, Executed, Ground, Timings, Tip};
pub use config::Config;
pub use error::NodeError;
pub use http::problem::Problem;
pub use http::submit::Submitted;
pub use ledger::{Ledger, ProvenRecord, QueryError};
pub use listener::{BoundedListener, BoundedStream};
pub use mempool::Wake;
pub use node::{Node, RunningNode};
pub use ordering::Ordering;
pub use outcome::{Rejection, Status};
pub use solo::{Clock, Solo, system_clock};
pub use store::{Position, Store, StoreError};

/// A transaction's identifier, and where it stands or why it was not taken in.
pub type Answer = (did_registry::Digest, Result<Status, Rejection>);
