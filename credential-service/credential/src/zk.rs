//! Zero knowledge: the same claims and policies as the circuit of `zk-policy` has them, and what is shown of them.
//!
//! ```text
//! schema  ─slots─►  attributes of a credential     policy + day ─► Terms ─┐
//! holder  Statement::of(Terms, …) ─ prove ─► Prepared ─ show(challenge) ─► Shown "CW1:…" ─► checkpoint
//! ```
//! Everything that a verifier needs besides what is shown comes from its trust bundle: policy, schema, issuer set.

mod issued;
mod issuers;
mod revocation;
mod root;
mod shown;
mod slots;
mod terms;
mod verify;

pub use issued::{CausewayCredential, HolderKeyProof};
pub use issuers::{EarlierRoot, IssuerRoots, Recognised, issuer_set, nothing_revoked};
pub use revocation::{DELTA, DeltaError, ForkedDelta, RevocationDelta, RevocationRecord, Revocations};
pub use root::RootBytes;
pub use shown::{NONCE, Occasion, Prepared, SHOWN_LIMIT, SHOWN_PREFIX, Shown, scope_at};
pub use slots::{attributes, civil_day, element, schema_element, slot};
pub use terms::TermsError;
pub use verify::{Examined, Gate, GateKey};
pub use zk_policy::{Element, IssuerSet};

#[cfg(test)]
mod tests;
