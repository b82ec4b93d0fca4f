//! An issuer's status list as a tree: one bit for each handle, set once the credential is revoked.
//!
//! A leaf packs the bits of 128 handles into a number below 2¹²⁸, so five levels hold 4,194,304 handles. Revoking is
//! setting bits, and everything about it is public: whoever holds the deltas recomputes the root, and a bit that
//! falls again shows. A holder takes whole deltas, so nobody learns which handle is his.

use std::collections::BTreeMap;

use ark_bls12_381::Fr;

use crate::element::Element;
use crate::tree::{self, Path, Statuses, Tree};

/// Levels of the tree.
pub(crate) const DEPTH: usize = 5;
/// Handles in a leaf.
pub(crate) const WORD: usize = 128;
/// Handles of one list.
pub const HANDLES: u32 = 1 << 22;

/// A credential's place in its issuer's status list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle(u32);

impl Handle {
    /// A place below [`HANDLES`].
    pub fn new(number: u32) -> Option<Self> {
        (number < HANDLES).then_some(Self(number))
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.0
    }

    fn leaf(&self) -> usize {
        self.0 as usize / WORD
    }

    fn bit(&self) -> u128 {
        1 << (self.0 as usize % WORD)
    }
}

/// A status list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusTree {
    words: BTreeMap<usize, u128>,
    tree: Tree<Statuses, 8>,
}

/// What shows that a handle's bit is not set. It stays with the holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusWitness {
    pub(crate) word: u128,
    pub(crate) path: Path<8, DEPTH>,
}

impl Default for StatusTree {
    fn default() -> Self {
        Self::new()
    }
}

impl StatusTree {
    /// Nothing is revoked.
    pub fn new() -> Self {
        Self { words: BTreeMap::new(), tree: Tree::new(DEPTH) }
    }

    /// Revokes. Handles that are revoked already stay so.
    pub fn revoke(&mut self, handles: impl IntoIterator<Item = Handle>) {
        self.change(handles, |word, bit| *word |= bit);
    }

    /// Takes revocations back, as a correction that its issuer signs for.
    pub fn reinstate(&mut self, handles: impl IntoIterator<Item = Handle>) {
        self.change(handles, |word, bit| *word &= !bit);
    }

    fn change(&mut self, handles: impl IntoIterator<Item = Handle>, change: impl Fn(&mut u128, u128)) {
        let mut changed = BTreeMap::new();
        for handle in handles {
            let word = self.words.entry(handle.leaf()).or_default();
            change(word, handle.bit());
            changed.insert(handle.leaf(), Fr::from(*word));
        }
        self.tree.set(changed).expect("inside because a handle is below HANDLES");
    }

    /// Whether a handle is revoked.
    pub fn is_revoked(&self, handle: Handle) -> bool {
        self.words.get(&handle.leaf()).is_some_and(|word| word & handle.bit() != 0)
    }

    /// The root.
    pub fn root(&self) -> Element {
        Element(self.tree.root())
    }

    /// The witness of a handle.
    pub fn witness(&self, handle: Handle) -> StatusWitness {
        let word = self.words.get(&handle.leaf()).copied().unwrap_or_default();
        let path = self.tree.path(handle.leaf()).expect("inside because a handle is below HANDLES");
        StatusWitness { word, path }
    }
}

impl StatusWitness {
    /// Whether it shows that `handle` is in the list with this root, and whether its bit is clear.
    pub(crate) fn holds(&self, handle: Handle, root: Element) -> (bool, bool) {
        let inside = tree::is_at::<Statuses, 8>(&self.path, Fr::from(self.word), handle.leaf(), root.0);
        (inside, self.word & handle.bit() == 0)
    }
}
