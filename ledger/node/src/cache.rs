//! A bounded map that forgets what was not used lately.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: a full young one becomes the old one, and what the old one held unused is forgotten.
///
/// That is least-recently-used up to a factor of two in size, without a list to maintain.
pub(crate) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Generations<K, V> {
    /// Keeps at least the last `capacity` used, at most twice as many.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity: capacity.max(1) }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.insert(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_size_is_bounded() {
        let mut cache = Generations::new(10);
        cache.insert(0, 0);
        for key in 1..1000 {
            cache.insert(key, key);
            assert_eq!(cache.get(&0), Some(&mut 0), "used before each insertion");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&999), Some(&mut 999));
        assert_eq!(cache.remove(&999), Some(999));
        assert_eq!(cache.get(&999), None);
    }

    #[test]
    fn the_newest_value_counts_across_generations() {
        let mut cache = Generations::new(2);
        for (key, value) in [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("d", 1)] {
            cache.insert(key, value);
        }
        assert_eq!(cache.get(&"a"), Some(&mut 2));
        assert_eq!(cache.remove(&"a"), Some(2));
        assert_eq!(cache.get(&"a"), None);
    }
}
