//! What a trust bundle is made of: the records that verifiers decide on, with proofs under one head.

use std::collections::BTreeSet;

use did_registry::Did;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::{Record, StateKey};

use crate::ledger::{Ledger, QueryError};

/// Namespaces that a bundle holds whole.
const WHOLE: [&str; 4] = ["issuer", "schema", "policy", "status"];
/// Records of one bundle; more need bundles by region, which nobody has yet.
const RECORDS: usize = 50_000;

impl Ledger {
    /// Recognised issuers, schemas, policies and status heads as of `height`, the documents of all whom these
    /// name and of `also`, and the proof that the head continues the one at `from`. Without status lists:
    /// those are their issuers' to hand out.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn bundle(&self, height: u64, from: Option<u64>, also: &[Did]) -> Result<TrustBundle, QueryError> {
        let head = self.head(height)?;
        let consistency =
            from.filter(|from| *from < height).map(|from| self.consistency(from, height)).transpose()?;
        let mut dids: BTreeSet<Did> = also.iter().cloned().collect();
        let mut records = Vec::new();
        for namespace in WHOLE {
            for key in self.store().keys(namespace, None, RECORDS)? {
                let proven = self.record(&key, height)?;
                match (&key, &proven.record) {
                    (StateKey::Issuer(_, did) | StateKey::Status(did, _), Some(_)) => {
                        dids.insert(did.clone())
                    }
                    (_, Some(Record::Schema(record))) => dids.insert(record.author.clone()),
                    (_, Some(Record::Policy(record))) => dids.insert(record.policy.verifier.clone()),
                    _ => continue, // written after this height
                };
                records.push(proven.proof);
            }
        }
        for did in dids {
            let proven = self.record(&StateKey::Did(did), height)?;
            records.extend(proven.record.map(|_| proven.proof));
        }
        Ok(TrustBundle { head, consistency, records, statuses: Vec::new() })
    }
}
