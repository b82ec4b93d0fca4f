//! The agency's status lists: one after the other, as many as its credentials need.
//!
//! Each credential and pass has a number; its list, and its index in there, follow from it. The next list is
//! published some time before the one in use is full, so that no credential waits for its list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use credential::status::{Status, StatusReference};

use super::AgencyError;
use super::rows::COUNTERS;
use super::statuses::{Publisher, Statuses};
use crate::vault::{self, Column, RowId, Vault, VaultError};

/// Bits of an index.
const INDEX_BITS: u32 = 20;
/// Entries of a list.
pub(crate) const ENTRIES: u64 = 1 << INDEX_BITS;
/// With so many entries left the next list is begun.
const AHEAD: u64 = ENTRIES / 16;

/// All lists.
pub(crate) struct StatusLists {
    publisher: Arc<Publisher>,
    /// Number 1 first.
    lists: RwLock<Vec<Arc<Statuses>>>,
}

impl StatusLists {
    /// The lists as the vault has them.
    ///
    /// # Errors
    /// The vault's, or a damaged list.
    pub(crate) fn open(publisher: Publisher) -> Result<Self, AgencyError> {
        let (publisher, lists) = (Arc::new(publisher), RwLock::default());
        let opened = Self { publisher, lists };
        opened.list(opened.needed()?)?;
        Ok(opened)
    }

    /// The number of the next credential, in an order that says nothing of when it was taken.
    ///
    /// # Errors
    /// The vault's.
    pub(crate) fn allocate(change: &mut vault::Batch<'_>) -> Result<u64, AgencyError> {
        let id = next_row(change.vault());
        let next: u64 = change.get(COUNTERS, &id)?.unwrap_or(0);
        change.put(COUNTERS, &id, &(next + 1))?;
        Ok(next - next % ENTRIES + scatter(change.vault(), next))
    }

    /// Where a credential with this number finds its status.
    pub(crate) fn reference(&self, number: u64) -> StatusReference {
        let (list, index) = place(number);
        StatusReference { uri: self.publisher.uri(list), index }
    }

    /// Sets one status for many, list by list, each list with what `explain` writes for those numbers in the same change;
    /// returns the epoch of the last of the lists once the ledger has their heads.
    ///
    /// # Errors
    /// As [`Statuses::set`]. What was set before stays.
    pub(crate) async fn set(
        &self,
        numbers: impl IntoIterator<Item = u64>,
        status: Status,
        explain: impl Fn(&mut vault::Batch<'_>, &BTreeSet<u64>) -> Result<(), VaultError>,
    ) -> Result<u64, AgencyError> {
        let mut lists: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for number in numbers {
            lists.entry(place(number).0).or_default().insert(number);
        }
        let mut epoch = 0;
        for (list, numbers) in lists {
            let indices = numbers.iter().map(|number| place(*number).1);
            let explain = |change: &mut vault::Batch<'_>| explain(change, &numbers);
            epoch = self.list(list)?.set(indices, status, explain).await?;
        }
        Ok(epoch)
    }

    /// Publishes what is not published yet: a list that is new, or what an earlier attempt did not bring through.
    ///
    /// # Errors
    /// The vault's or the ledger's.
    pub(crate) async fn publish_rest(&self) -> Result<(), AgencyError> {
        for number in 1..=self.needed()? {
            self.list(number)?.publish_rest().await?;
        }
        Ok(())
    }

    /// The token of a list to serve; none before its first is published.
    pub(crate) fn token(&self, list: u32) -> Option<Arc<str>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let token = lists.get(usize::try_from(list.checked_sub(1)?).ok()?)?.token();
        Some(token).filter(|token| !token.is_empty())
    }

    /// How many lists there must be by now.
    fn needed(&self) -> Result<u32, VaultError> {
        let vault = self.publisher.vault();
        let next = vault.get(COUNTERS, &next_row(vault))?.unwrap_or(0);
        Ok(place(next + AHEAD).0)
    }

    /// A list; those before it are opened with it.
    fn list(&self, number: u32) -> Result<Arc<Statuses>, AgencyError> {
        let at = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        while lists.len() <= at {
            let number = u32::try_from(lists.len() + 1).unwrap_or(u32::MAX);
            lists.push(Arc::new(Statuses::open(self.publisher.clone(), number)?));
        }
        Ok(lists.get(at).expect("there because it was opened just now").clone())
    }
}

fn next_row(vault: &Vault) -> RowId {
    vault.index(Column::Settings, &[b"status", b"next"])
}

/// The list and the index in there of a credential's number.
fn place(number: u64) -> (u32, u64) {
    let list = u32::try_from(number / ENTRIES + 1).expect("fits because nobody issues 2⁵² credentials");
    (list, number % ENTRIES)
}

/// A permutation of each list's indices under the vault's index key: four Feistel rounds on two halves, so that
/// neighbours in time are not neighbours in the list, and no index is given twice.
fn scatter(vault: &Vault, number: u64) -> u64 {
    const HALF: u32 = INDEX_BITS / 2;
    const MASK: u64 = (1 << HALF) - 1;
    let (list, index) = place(number);
    let (mut left, mut right) = (index >> HALF, index & MASK);
    for round in 0..4u8 {
        let parts: [&[u8]; 4] = [b"scatter", &list.to_be_bytes(), &[round], &right.to_be_bytes()];
        let keyed = vault.index(Column::StatusLists, &parts);
        (left, right) = (right, (left ^ keyed.to_number()) & MASK);
    }
    (left << HALF) | right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Kek;

    #[test]
    fn every_index_is_given_once_and_a_full_list_is_followed_by_another() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(directory.path(), Kek::generate()).unwrap();
        let (mut seen, mut ascending, mut last) = (BTreeSet::new(), 0, 0);
        for number in 0..5_000 {
            let index = scatter(&vault, number);
            assert!(index < ENTRIES);
            assert!(seen.insert(index), "{number}");
            ascending += usize::from(index > last);
            last = index;
        }
        assert!((2_000..3_000).contains(&ascending), "no order is left: {ascending} of 5,000 ascend");

        let full = vault.write(|change| change.put(COUNTERS, &next_row(&vault), &(ENTRIES - 1)));
        full.unwrap();
        let numbers: Vec<u64> = (0..3).map(|_| vault.write(StatusLists::allocate).unwrap()).collect();
        let lists: Vec<u32> = numbers.iter().map(|number| place(*number).0).collect();
        assert_eq!(lists, [1, 2, 2]);
        assert_ne!(numbers[1], numbers[2]);
        assert_ne!(scatter(&vault, ENTRIES), scatter(&vault, 0), "each list has an order of its own");
    }
}
