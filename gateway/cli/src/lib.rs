//! # causeway: the product's one binary, and the library behind it
//!
//! **What.** Commands for everybody: validator operators run a node, agencies a gateway, committee members
//! vote, citizens keep a wallet, checkpoints decide offline, regulators recompute decisions. The library holds
//! what the demo and the story tests share with the commands: [`setup`], [`checkpoint`], [`audit`],
//! [`wallet_file`], [`form`], [`paper`].
//!
//! **Picture.**
//! ```text
//! command ─► setup      new networks and agencies     ─► files: whole or not at all, private where secret
//!         ─► identity   register, rotate, end         ─► actor: key files that survive a crash
//!         ─► recovery   prepare, approve, submit, veto, complete
//!         ─► rekey      another lock for a vault
//!         ─► wallet_file, checkpoint ─► trust: pinned genesis, newest head, bundle
//!         ─► audit      evidence + ledger ─► report
//!         ─► ceremony   turns in a directory ─► the circuits' keys
//!         ─► ledger, agency: over HTTP, nothing believed that is not proved
//! ```
//!
//! **Absent on purpose.** 1. Decisions: those are made in the pure crates. 2. Secrets on the command line or
//! in output, but for the one token that `gateway init` shows once, and a claim code, which works once.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

pub mod actor;
pub mod agency;
pub mod audit;
pub mod bench;
pub mod ceremony;
pub mod checkpoint;
pub mod command;
pub mod committee;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod form;
pub mod holder;
pub mod identity;
pub mod ledger;
pub mod paper;
pub mod recovery;
pub mod rekey;
pub mod screen;
pub mod setup;
pub mod trust;
pub mod wallet_file;
