//! Why a block is not valid.

use did_registry::Digest;
use ledger_chain::Refusal;

use crate::store::StoreError;

/// Why a block is not valid. The first reason found; it names the guilty transaction by position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Another ledger's block.
    #[error("a block names the ledger it belongs to")]
    OtherLedger,
    /// Not the next one.
    #[error("the next block has height {next}, this one {got}")]
    Height {
        /// What is expected.
        next: u64,
        /// What it says.
        got: u64,
    },
    /// Does not continue the chain.
    #[error("a block names the hash of the one before it")]
    Previous,
    /// Earlier than the block before, or too far ahead.
    #[error("a block's time is not before the last one's and not over 30 s ahead of the clock")]
    Time,
    /// The header does not name the transactions.
    #[error("a header names the root of its transactions")]
    Transactions,
    /// Nobody could have signed.
    #[error(
        "transaction {position} ({id}): at the block's start its actor has no key; a key change is the last transaction of its actor in a block"
    )]
    NoKey {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
    },
    /// A signature that does not hold.
    #[error(
        "transaction {position} ({id}): the signature does not hold under the actor's key at the block's start"
    )]
    Signature {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
    },
    /// An operation that breaks a rule.
    #[error("transaction {position} ({id}): {refusal}")]
    Refused {
        /// Which.
        position: usize,
        /// Which.
        id: Digest,
        /// The rule.
        refusal: Refusal,
    },
    /// Executing it gives another state.
    #[error("executing the block gives another state root than its header's")]
    State,
    /// The certificate does not certify this block's head.
    #[error("the certificate is not one of this block: {0}")]
    Certificate(String),
    /// Another block was committed in the place of this one or of the one it was made on.
    #[error("the block was made for height {0} on another block than the last one")]
    Overtaken(u64),
    /// The store, not the block.
    #[error(transparent)]
    Store(#[from] StoreError),
}
