//! The issuer set of a credential type: made of what the ledger has of recognised issuers, the same by everybody.
//!
//! The ledger's own execution folds it after a block that changes anything in it, so nobody claims its root; whoever has the
//! same records makes the same set, and a holder finds in it the witness of the issuer that he hides.
//!
//! | of | in the set |
//! |---|---|
//! | a current Jubjub key for assertions | from the day it was added, as long as its issuer is recognised |
//! | one that was replaced in good order | until the day of that: what it signed goes on counting |
//! | one that is or ever was in other hands, under any name, or of a deactivated identifier | not at all |
//! | a key that two issuers have | for the one who had it first, whatever became of it there |
//! | more than the set has room for | not at all, the keys that were replaced longest ago first |

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::{Did, DidRecord, KeyEntry, Moment, Purposes, Recognition, Retirement, Timestamp};
use serde::Serialize;
use zk_policy::{Element, ISSUERS, IssuerEntry, IssuerPublicKey, IssuerSet, KeyDays, StatusTree};

use super::{RootBytes, civil_day};

/// Roots remembered besides the current one, at the most.
const EARLIER: usize = 256;
/// Seconds for which they are remembered: no policy accepts older ones.
const REMEMBERED: u64 = 168 * 3600;
const DAY: u64 = 86_400;

/// A recognised issuer, as the ledger has it.
#[derive(Clone, Copy, Debug)]
pub struct Recognised<'a> {
    /// For this type.
    pub recognition: &'a Recognition,
    /// Its keys.
    pub record: &'a DidRecord,
    /// Root of its status tree; `None` if it has never revoked.
    pub status: Option<Element>,
}

/// The roots of a type's issuer sets, epoch by epoch: a record of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct IssuerRoots {
    /// How often it has changed.
    pub epoch: u64,
    /// The root of this epoch.
    pub root: RootBytes,
    /// Since when.
    pub since: Moment,
    /// Earlier ones, the latest first.
    pub earlier: Vec<EarlierRoot>,
}

/// A root that was overtaken.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct EarlierRoot {
    /// Its epoch.
    pub epoch: u64,
    /// The root.
    pub root: RootBytes,
    /// When the next one took over.
    pub until: Moment,
}

impl IssuerRoots {
    /// The record after the set of `root` was made at `at`; `None` if that is the set there is.
    pub fn after(before: Option<Self>, root: RootBytes, at: Moment) -> Option<Self> {
        let Some(before) = before else {
            return Some(Self { epoch: 1, root, since: at, earlier: Vec::new() });
        };
        if before.root == root {
            return None;
        }
        let mut earlier = before.earlier;
        earlier.insert(0, EarlierRoot { epoch: before.epoch, root: before.root, until: at });
        earlier.retain(|root| at.time.since(root.until.time) <= REMEMBERED);
        earlier.truncate(EARLIER);
        Some(Self { epoch: before.epoch + 1, root, since: at, earlier })
    }

    /// The root of an epoch and the seconds that it is overtaken at `now`; `None` if the epoch is not remembered.
    pub fn of_epoch(&self, epoch: u64, now: Timestamp) -> Option<(&RootBytes, u64)> {
        if epoch == self.epoch {
            return Some((&self.root, 0));
        }
        let found = self.earlier.iter().find(|earlier| earlier.epoch == epoch)?;
        Some((&found.root, now.since(found.until.time)))
    }
}

/// The issuer set of these issuers.
pub fn issuer_set<'a>(issuers: impl IntoIterator<Item = Recognised<'a>>) -> IssuerSet {
    let issuers: Vec<_> = issuers.into_iter().collect();
    // Whose a key is, and whether it is spoilt, is decided over all that ever listed it, before anything leaves the set:
    // else whoever lists another's key would have it when the other loses it.
    let mut owners: BTreeMap<[u8; 32], (Moment, &Did)> = BTreeMap::new();
    let mut spoilt: BTreeSet<[u8; 32]> = BTreeSet::new();
    for issuer in &issuers {
        for (key, public) in jubjub(issuer.record) {
            let (bytes, claim) = (public.to_bytes(), (key.added, &issuer.record.did));
            owners.entry(bytes).and_modify(|first| *first = claim.min(*first)).or_insert(claim);
            if key.removed.is_some_and(|removal| removal.reason == Retirement::Compromised) {
                spoilt.insert(bytes);
            }
        }
    }
    let mut keys: BTreeMap<[u8; 32], (&KeyEntry, IssuerEntry)> = BTreeMap::new();
    for issuer in issuers.into_iter().filter(|issuer| issuer.record.deactivated.is_none()) {
        for (key, entry) in entries(issuer) {
            let bytes = entry.key.to_bytes();
            let owned = owners.get(&bytes).is_some_and(|(_, did)| **did == issuer.record.did);
            if owned && !spoilt.contains(&bytes) {
                // Of one issuer's own entries of a key the latest counts.
                keys.insert(bytes, (key, entry));
            }
        }
    }
    let mut kept: Vec<_> = keys.into_iter().collect();
    if kept.len() > ISSUERS {
        // Current keys first, then those that left last.
        kept.sort_by_key(|(bytes, (key, _))| {
            let removed = key.removed.map(|removal| removal.at);
            (removed.is_some(), Reverse(removed), *bytes)
        });
        kept.truncate(ISSUERS);
        kept.sort_by_key(|(bytes, _)| *bytes);
    }
    let entries = kept.into_iter().map(|(_, (_, entry))| entry).collect();
    IssuerSet::new(entries).expect("fits because it was cut, and each key is there once")
}

/// An issuer's keys that count, each with when.
fn entries<'a>(issuer: Recognised<'a>) -> impl Iterator<Item = (&'a KeyEntry, IssuerEntry)> {
    let Recognised { recognition, record, status } = issuer;
    let status = status.unwrap_or_else(nothing_revoked);
    let begins = day(recognition.from.plus(DAY - 1));
    // The last day that is recognised whole.
    let recognised = day(recognition.until).checked_sub(1);
    jubjub(record).filter_map(move |(key, public)| {
        let recognised = recognised?;
        let last = match key.removed {
            None => recognised,
            Some(removal) if removal.reason == Retirement::Superseded => recognised.min(day(removal.at.time)),
            Some(_) => return None,
        };
        let days = KeyDays { first: begins.max(day(key.added.time)), last, recognised };
        (days.first <= days.last).then_some((key, IssuerEntry { key: public, status, days }))
    })
}

/// Every key that ever signed for the circuit.
fn jubjub(record: &DidRecord) -> impl Iterator<Item = (&KeyEntry, IssuerPublicKey)> {
    record.keys.iter().filter_map(|key| {
        let public = key.key.key.jubjub().filter(|_| key.key.purposes.allows(Purposes::ASSERTION))?;
        Some((key, public))
    })
}

fn day(time: Timestamp) -> u32 {
    civil_day(time.date())
}

/// The root of a status tree in which nothing is revoked.
pub fn nothing_revoked() -> Element {
    static ROOT: std::sync::LazyLock<Element> = std::sync::LazyLock::new(|| StatusTree::new().root());
    *ROOT
}
