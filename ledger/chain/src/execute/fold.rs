//! Issuer sets, folded at the end of a block from what the ledger has: nobody claims their roots.
//!
//! A set costs a few hashes of some ten microseconds for each key in it, so it is made once a block, and only if something
//! that it is made of may have changed.

use std::collections::BTreeSet;

use credential::zk::{Element, IssuerRoots, Recognised, RevocationRecord, RootBytes, issuer_set};
use did_registry::{CredentialType, Did, DidRecord, Moment, Recognition, Suite};

use super::Overlay;
use crate::StateKey;

/// Issuers and types of which a block has changed something.
#[derive(Default)]
pub(super) struct Touched {
    issuers: BTreeSet<Did>,
    types: BTreeSet<CredentialType>,
}

impl Touched {
    pub(super) fn note<'a>(&mut self, keys: impl Iterator<Item = &'a StateKey>) {
        for key in keys {
            match key {
                StateKey::Did(did) | StateKey::Revocation(did) => drop(self.issuers.insert(did.clone())),
                StateKey::Issuer(kind, _) => drop(self.types.insert(kind.clone())),
                _ => {}
            }
        }
    }
}

/// Recognition, keys, and the root of the status tree.
type Issuer = (Recognition, DidRecord, Option<Element>);

impl Overlay<'_> {
    /// Makes the issuer sets anew that may have changed.
    pub(super) fn fold(&mut self, at: Moment) {
        let Touched { issuers, mut types } = std::mem::take(&mut self.touched);
        for issuer in issuers {
            types
                .extend(self.get::<BTreeSet<CredentialType>>(&StateKey::TypesOf(issuer)).unwrap_or_default());
        }
        for kind in types {
            let issuers = self.issuers(&kind);
            let key = StateKey::IssuerSet(kind);
            let before: Option<IssuerRoots> = self.get(&key);
            // As long as nobody signs for the circuit there is no set.
            let signs =
                |(_, record, _): &Issuer| record.keys.iter().any(|key| key.key.key.suite() == Suite::Jubjub);
            if before.is_none() && !issuers.iter().any(signs) {
                continue;
            }
            let recognised = issuers.iter().map(|(recognition, record, status)| Recognised {
                recognition,
                record,
                status: *status,
            });
            let root = RootBytes::of(&issuer_set(recognised).root());
            if let Some(roots) = IssuerRoots::after(before, root, at) {
                self.put(key, &roots);
            }
        }
    }

    fn issuers(&self, kind: &CredentialType) -> Vec<Issuer> {
        let dids: BTreeSet<Did> = self.get(&StateKey::IssuersOf(kind.clone())).unwrap_or_default();
        let issuer = |did: Did| {
            let recognition = self.get(&StateKey::Issuer(kind.clone(), did.clone()))?;
            let record = self.get(&StateKey::Did(did.clone()))?;
            let revocation: Option<RevocationRecord> = self.get(&StateKey::Revocation(did));
            Some((recognition, record, revocation.and_then(|record| record.root.element())))
        };
        dids.into_iter().filter_map(issuer).collect()
    }
}
