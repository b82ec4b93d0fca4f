//! # wallet: the holder's side
//!
//! **What.** Claims a credential with a fresh key, checks what it was given before keeping it, says whether
//! a policy would let its holder pass, consents, presents, and keeps what was consented to with the proof that it
//! was anchored, and a log that the holder can read. Pure: the shell brings bytes, time and randomness, and
//! stores the wallet where only its owner reads it.
//!
//! **Picture.**
//! ```text
//! Holding ─prepare(policy, day)─► stock of Ready ─show(nonce)─► QR, from which nothing of the holder can be told
//! code ─► Claim ─ClaimRequest─► issuer ─Issued─► Claim::accept ─► Holding ─apply─► PassRequest ─► verifier
//!                                 │                   PassResponse ─► Application::accept ─► HeldPass ─show─► QR
//!                                 └─► ConsentReceipt ◄─AnchorReceipt─ verifier
//! ```
//!
//! **Absent on purpose.** 1. A ledger identity: a citizen has fresh keys only (P3). 2. Sending a key
//! anywhere. 3. Answering a verifier whose policy is not anchored.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod error;
mod holding;
mod pass;
mod proof;
mod receipt;
mod store;

pub use error::WalletError;
pub use holding::{Claim, Holding};
pub use pass::{Application, HeldPass};
pub use proof::{Ready, Visit, admitted};
pub use receipt::{Answer, ConsentReceipt};
pub use store::{LogEntry, Plan, Wallet};
