//! Every label of this crate, in one list: no two uses of a hash, and no two kinds of file, can be confused.

/// First bytes of a file of phase 1. The last two say the version, here and below.
pub(crate) const PHASE1_FILE: &[u8; 16] = b"zk-ceremony 1 v1";
/// First bytes of a file of phase 2.
pub(crate) const PHASE2_FILE: &[u8; 16] = b"zk-ceremony 2 v1";
/// First bytes of a final key.
pub(crate) const KEY_FILE: &[u8; 16] = b"zk-ceremony K v1";

/// Where the chain of phase 1 starts.
pub(crate) const PHASE1: &str = "causeway/ceremony/phase-1/1";
/// Where the chain of phase 2 starts.
pub(crate) const PHASE2: &str = "causeway/ceremony/phase-2/1";
/// One contribution's place in its chain.
pub(crate) const LINK: &str = "causeway/ceremony/link/1";
/// The challenge of a contribution's proof.
pub(crate) const CHALLENGE: &str = "causeway/ceremony/challenge/1";
/// A circuit.
pub(crate) const CIRCUIT: &str = "causeway/ceremony/circuit/1";
/// Both chains and the verifying key.
pub(crate) const TRANSCRIPT: &str = "causeway/ceremony/transcript/1";
/// The transcripts of several circuits.
pub(crate) const TRANSCRIPTS: &str = "causeway/ceremony/transcripts/1";
