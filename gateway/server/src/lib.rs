//! # gateway: an agency's server
//!
//! **What.** The shell around the agency's side of Causeway: its encrypted vault, the import of records
//! into it, operators and their roles, configuration, refusals as problem+json, metrics and the audit log.
//! Handlers gather facts from here, let the pure crates decide, and record the outcome here.
//!
//! **Spec.** AES-256-GCM as in [NIST SP 800-38D](https://doi.org/10.6028/NIST.SP.800-38D), CSV as in
//! [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) (UTF-8), problems as in
//! [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), bearer tokens as in
//! [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750), Prometheus text format 0.0.4.
//!
//! **Picture.**
//! ```text
//!            CSV ──► import ──────┐                    ┌── KEK file ── wraps ── data keys
//!                                 ▼                    ▼
//! request ──► operator ──► handler ──► vault::write { rows + audit entry } ──► one synced write, sealed
//!    ▲          role          │                                                     row by row
//!    └── problem+json ◄───────┘ refusal                 metrics: counts, never names
//! ```
//!
//! **Walk-through.**
//! ```
//! use gateway::vault::{Column, Kek, Table, Vault};
//! # fn main() -> Result<(), gateway::vault::VaultError> {
//! # let directory = tempfile::tempdir().expect("a temporary directory");
//! const NOTES: Table<String> = Table::new(Column::Settings);
//! let vault = Vault::open(directory.path(), Kek::generate())?;
//! let id = vault.index(Column::Settings, &[b"greeting"]);
//! vault.write(|batch| batch.put(NOTES, &id, &"olá".to_owned()))?;
//! assert_eq!(vault.get(NOTES, &id)?.as_deref(), Some("olá"));
//! # Ok(())
//! # }
//! ```
//!
//! **Absent on purpose.** 1. Decisions about credentials: those are `credential`'s. 2. TLS: a proxy in
//! front ends it. 3. Users' keys: a holder's key never comes here (W13). 4. Plaintext on the disk.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

pub mod agency;
pub mod audit;
pub mod body;
pub mod circuit_keys;
pub mod clock;
pub mod config;
mod fetch;
pub mod import;
pub mod key_file;
mod label;
pub mod metrics;
pub mod operator;
pub mod problem;
pub mod record;
pub mod routes;
mod schemas;
mod serve;
pub mod vault;

pub use serve::Gateway;
