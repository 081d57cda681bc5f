//! A map in several parts, each under its own lock, for keys that are ids.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use parking_lot::RwLock;

/// Parts of each map. A few times the cores of a large machine; an empty part costs a few dozen bytes.
const PARTS: usize = 64;

/// Ids are ours and random, so nobody can choose ones that collide, and a multiplication is enough.
#[derive(Clone, Copy, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, _length: usize) {
        // The length of a fixed array says nothing.
    }

    fn finish(&self) -> u64 {
        // The high bits are the well-mixed ones; both ends are looked at.
        self.0 ^ (self.0 >> 32)
    }
}

type Part<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

pub(crate) struct Shards<K, V>(Box<[RwLock<Part<K, V>>]>);

impl<K: Hash + Eq, V> Shards<K, V> {
    pub(crate) fn new() -> Self {
        Self((0..PARTS).map(|_| RwLock::default()).collect())
    }

    /// The part that a key belongs to. Keep the lock short, and take no second one under it.
    pub(crate) fn of(&self, key: &K) -> &RwLock<Part<K, V>> {
        let mut hasher = IdHasher::default();
        key.hash(&mut hasher);
        // The map inside takes its bits from the two ends.
        let part = (hasher.finish() >> 24) as usize % PARTS;
        &self.0[part]
    }

    pub(crate) fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.of(key).read().get(key).cloned()
    }

    /// Visits everything, a part at a time.
    pub(crate) fn each(&self, mut visit: impl FnMut(&K, &V)) {
        for part in &self.0 {
            for (key, value) in part.read().iter() {
                visit(key, value);
            }
        }
    }
}
