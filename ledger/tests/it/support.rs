//! Logs to test on, and the definition of RFC 6962 §2.1 as plain recursion to test against.

use std::collections::HashMap;

use ledger::{Hash, Tiles, empty_root, leaf_hash, node_hash, tile};

/// The leaf hashes of `entry 0`, `entry 1`, …
pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash(format!("entry {n}").as_bytes()))
        .collect()
}

/// A number of entries as a place in memory.
pub(crate) fn at(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// All tiles of a log with these leaves, appended in one go.
pub(crate) fn tiles(leaves: &[Hash]) -> Tiles {
    tile::grow(0, leaves, &Tiles::new())
        .unwrap()
        .into_iter()
        .collect()
}

/// The definitions of RFC 6962 §2.1, word for word, with a memory for subtrees.
pub(crate) struct Reference {
    leaves: Vec<Hash>,
    known: HashMap<(u64, u64), Hash>,
}

impl Reference {
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        Self {
            leaves,
            known: HashMap::new(),
        }
    }

    /// `MTH(D[begin:end])`
    pub(crate) fn root(&mut self, begin: u64, end: u64) -> Hash {
        if let Some(hash) = self.known.get(&(begin, end)) {
            return *hash;
        }
        let hash = match end - begin {
            0 => empty_root(),
            1 => self.leaves[at(begin)],
            count => {
                let middle = begin + split(count);
                node_hash(&self.root(begin, middle), &self.root(middle, end))
            }
        };
        self.known.insert((begin, end), hash);
        hash
    }

    /// `PATH(m, D[begin:end])`, with `m` counted from the first leaf of all.
    pub(crate) fn path(&mut self, m: u64, begin: u64, end: u64) -> Vec<Hash> {
        if end - begin == 1 {
            return Vec::new();
        }
        let middle = begin + split(end - begin);
        let (mut path, last) = if m < middle {
            (self.path(m, begin, middle), self.root(middle, end))
        } else {
            (self.path(m, middle, end), self.root(begin, middle))
        };
        path.push(last);
        path
    }

    /// `PROOF(m, D[0:n])`
    pub(crate) fn proof(&mut self, m: u64, n: u64) -> Vec<Hash> {
        self.subproof(m, 0, n, true)
    }

    /// `SUBPROOF(m, D[begin:end], whole)`, with `m` counted from the first leaf of all.
    fn subproof(&mut self, m: u64, begin: u64, end: u64, whole: bool) -> Vec<Hash> {
        if m == end {
            return if whole {
                Vec::new()
            } else {
                vec![self.root(begin, end)]
            };
        }
        let middle = begin + split(end - begin);
        let (mut proof, last) = if m <= middle {
            (self.subproof(m, begin, middle, whole), self.root(middle, end))
        } else {
            (self.subproof(m, middle, end, false), self.root(begin, middle))
        };
        proof.push(last);
        proof
    }
}

/// The largest power of two smaller than `count`.
fn split(count: u64) -> u64 {
    let mut power = 1;
    while power * 2 < count {
        power *= 2;
    }
    power
}

/// A copy with one bit turned; which one depends on `salt`, so that all get their turn.
pub(crate) fn flipped(hash: Hash, salt: u64) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[at(salt / 8 % 32)] ^= 1 << (salt % 8);
    Hash::from_bytes(bytes)
}
