//! What a trust bundle is made of: the records that verifiers decide on, with proofs under one head.
//!
//! Anybody may register and publish, so a bundle that held whatever was published would be as large as strangers
//! make it. It holds what those publish whom the committee recognises, and those whom its reader names.
//!
//! | record | of whom | for whom |
//! |---|---|---|
//! | recognition, document | everybody who was ever recognised | a gate, to say whether an issuer is recognised, and to find its keys |
//! | policy, schema, status head | whose recognition has not ended | a gate, its own rule; a wallet, what is asked; both, revocations |
//! | schema | whoever wrote it, if such a policy names it | both, to read claims by |
//! | issuer set, how far revocations have come | everybody who was ever recognised | a gate, to verify proofs; a wallet, to make them |
//! | document, policy, schema, status head | whom the reader names | an agency, its own before it is recognised |

use std::collections::BTreeSet;

use did_registry::Did;
use did_registry::canonical::encode;
use ledger_chain::bundle::{BUNDLE_BYTES, TrustBundle};
use ledger_chain::tree::RecordProof;
use ledger_chain::{Record, StateKey};

use crate::ledger::{Ledger, QueryError};

/// What the records of a bundle may come to.
#[derive(Clone, Copy)]
struct Bound {
    records: usize,
    bytes: usize,
}

/// More need bundles by region, which nobody has yet. Half of the bytes are left to the status lists.
const BOUND: Bound = Bound { records: 50_000, bytes: BUNDLE_BYTES / 2 };

impl Bound {
    fn full(self) -> QueryError {
        QueryError::BundleFull { records: self.records, bytes: self.bytes }
    }

    fn check_whole(self, keys: Vec<StateKey>) -> Result<Vec<StateKey>, QueryError> {
        if keys.len() > self.records { Err(self.full()) } else { Ok(keys) }
    }
}

impl Ledger {
    /// The records of the module's table as of `height`, with `also` as those whom the reader names, and the proof
    /// that the head continues the one at `from`. Without status lists: those are their issuers' to hand out.
    ///
    /// # Errors
    /// [`QueryError`]; [`QueryError::BundleFull`] if it is too much, never a bundle that lacks something.
    pub fn bundle(&self, height: u64, from: Option<u64>, also: &[Did]) -> Result<TrustBundle, QueryError> {
        self.bundle_within(BOUND, height, from, also)
    }

    fn bundle_within(
        &self,
        bound: Bound,
        height: u64,
        from: Option<u64>,
        also: &[Did],
    ) -> Result<TrustBundle, QueryError> {
        let head = self.head(height)?;
        let consistency =
            from.filter(|from| *from < height).map(|from| self.consistency(from, height)).transpose()?;
        let mut gathered = Gathered { ledger: self, height, bound, bytes: 0, records: Vec::new() };
        let mut dids: BTreeSet<Did> = also.iter().cloned().collect();
        let mut publishers = dids.clone();
        let (mut schemas, mut kinds) = (BTreeSet::new(), BTreeSet::new());
        let limit = bound.records + 1; // one more than fits, so that what is too much shows
        for key in bound.check_whole(self.store().keys("issuer", None, limit)?)? {
            let Some(Record::Issuer(recognition)) = gathered.add(&key)? else { continue };
            kinds.insert(recognition.credential_type.clone());
            if recognition.until > head.head.time {
                publishers.insert(recognition.issuer.clone());
            }
            dids.insert(recognition.issuer);
        }
        for publisher in publishers {
            for key in bound.check_whole(self.store().published(&publisher, limit)?)? {
                match key {
                    StateKey::Schema(id) => drop(schemas.insert(id)),
                    key => {
                        if let Some(Record::Policy(record)) = gathered.add(&key)? {
                            schemas.insert(record.policy.schema);
                        }
                    }
                }
            }
        }
        let sets = kinds.into_iter().map(StateKey::IssuerSet);
        let own = std::iter::once(StateKey::CircuitKeys).chain(sets);
        for key in own.chain(dids.iter().cloned().map(StateKey::Revocation)) {
            gathered.add(&key)?;
        }
        for key in schemas.into_iter().map(StateKey::Schema).chain(dids.into_iter().map(StateKey::Did)) {
            gathered.add(&key)?;
        }
        Ok(TrustBundle { head, consistency, records: gathered.records, statuses: Vec::new() })
    }
}

/// Proofs of records that are there.
struct Gathered<'a> {
    ledger: &'a Ledger,
    height: u64,
    bound: Bound,
    bytes: usize,
    records: Vec<RecordProof>,
}

impl Gathered<'_> {
    /// The record of a key, whose proof is kept; `None` if it was written later.
    fn add(&mut self, key: &StateKey) -> Result<Option<Record>, QueryError> {
        let proven = self.ledger.record(key, self.height)?;
        if proven.record.is_some() {
            self.bytes += encode(&proven.proof).len();
            self.records.push(proven.proof);
            if self.records.len() > self.bound.records || self.bytes > self.bound.bytes {
                return Err(self.bound.full());
            }
        }
        Ok(proven.record)
    }
}

#[cfg(test)]
mod tests;
