//! The issuer set of a credential type and epoch: who may have signed and when, and what each has revoked.
//!
//! A leaf is `Poseidon(u, v, status root, first, last, recognised)`: an issuer's key, the root of its status list, the days
//! of issue on which the key counts, and the last day on which its issuer is recognised. A key that was replaced in good
//! order stays in the set with the day of that as its last, so what it signed before goes on counting; one in other hands
//! leaves the set, as whoever has it signs with any day. Whoever holds the list of entries recomputes the root.
//!
//! A key is in a set once: in two entries, with two status roots, a holder would choose the one that suits.

use std::collections::BTreeSet;

use ark_bls12_381::Fr;

use crate::element::Element;
use crate::poseidon::ISSUER;
use crate::signature::IssuerPublicKey;
use crate::tree::{self, Issuers, Path, Tree};

/// Levels of the set.
pub(crate) const DEPTH: usize = 3;
/// Entries of one set at the most.
pub const ISSUERS: usize = 1331;

/// One key that may have signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssuerEntry {
    /// The key.
    pub key: IssuerPublicKey,
    /// Root of the issuer's status list.
    pub status: Element,
    /// When it counts.
    pub days: KeyDays,
}

/// When a key counts, in days from 1970-01-01, each included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyDays {
    /// The first day of issue.
    pub first: u32,
    /// The last day of issue.
    pub last: u32,
    /// The last day on which its issuer is recognised: later, nothing that it signed counts.
    pub recognised: u32,
}

impl IssuerEntry {
    pub(crate) fn leaf(&self) -> Fr {
        let (u, v) = self.key.coordinates();
        let KeyDays { first, last, recognised } = self.days;
        ISSUER.of(&[u, v, self.status.0, first.into(), last.into(), recognised.into()])
    }
}

/// A whole set.
#[derive(Clone, Debug)]
pub struct IssuerSet {
    entries: Vec<IssuerEntry>,
    tree: Tree<Issuers, 11>,
}

/// Where an entry lies in a set. It stays with the holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuerWitness {
    pub(crate) entry: IssuerEntry,
    pub(crate) path: Path<11, DEPTH>,
}

impl IssuerSet {
    /// The set of `entries`, in this order; `None` if there are more than [`ISSUERS`], or a key is there twice.
    pub fn new(entries: Vec<IssuerEntry>) -> Option<Self> {
        let keys: BTreeSet<[u8; 32]> = entries.iter().map(|entry| entry.key.to_bytes()).collect();
        if keys.len() < entries.len() {
            return None;
        }
        let mut tree = Tree::new(DEPTH);
        tree.set(entries.iter().map(IssuerEntry::leaf).enumerate())?;
        Some(Self { entries, tree })
    }

    /// The root.
    pub fn root(&self) -> Element {
        Element(self.tree.root())
    }

    /// The witness of the entry of a key; `None` if the key is not in the set.
    pub fn witness(&self, key: &IssuerPublicKey) -> Option<IssuerWitness> {
        let place = self.entries.iter().position(|entry| &entry.key == key)?;
        Some(IssuerWitness { entry: *self.entries.get(place)?, path: self.tree.path(place)? })
    }
}

impl IssuerWitness {
    /// Whether it shows membership in the set with this root.
    pub(crate) fn holds(&self, root: Element) -> bool {
        tree::is_below::<Issuers, 11>(&self.path, self.entry.leaf(), root.0)
    }
}
