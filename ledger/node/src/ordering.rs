//! The seam between the ledger and whatever decides the order of its blocks.
//!
//! An engine has the ledger propose or validate blocks, decides one for each height, collects the
//! certificate, and has it committed. It knows nothing of operations, the ledger nothing of rounds and votes.
//!
//! ```text
//!            wait ◄─ transactions are ready
//!  Ordering  propose ─► Executed ─ head().message() ─► certificate ─► commit(Executed, SignedHead)
//!            validate(block of another) ─► Executed ─┘
//! ```

use std::sync::Arc;

use crate::NodeError;
use crate::ledger::Ledger;

/// Decides blocks.
pub trait Ordering: Send + 'static {
    /// Decides and commits blocks on the current thread until [`Ledger::wait`] says stop. Block 0 first, if
    /// the store is new.
    ///
    /// # Errors
    /// What keeps it from going on; the node then serves what is committed and takes in nothing more.
    fn run(self: Box<Self>, ledger: Arc<Ledger>) -> Result<(), NodeError>;
}
