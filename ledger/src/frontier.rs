//! The right edge of a growing tree: the few hashes that are enough to append and to know the root.
//!
//! A log of n entries has as many hashes here as n has one-bits, at most 63. It cannot prove anything about
//! single entries; that takes the tiles.

use crate::{
    error::LedgerError,
    hash::{Hash, empty_root, node_hash},
};

/// The most entries a log is counted to: what a signed 64-bit column of a store can hold.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// A compact range from the first entry to the last: its perfect subtrees, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The log without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of the next leaf (see [`crate::leaf_hash`]).
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Every trailing one-bit of the old size is a perfect subtree as large as the one we carry.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 §2.1); of no entries, [`empty_root`].
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// For keeping it between transactions: the size as 8 bytes, big-endian, then the hashes, largest subtree first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.peaks.len() * Hash::LEN);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        self.peaks
            .iter()
            .for_each(|peak| bytes.extend_from_slice(peak.as_bytes()));
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote. Whether it belongs to a log, only a checkpoint can tell.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadFrontier { reason };
        let (size, rest) = bytes.split_first_chunk().ok_or(bad("the size is cut off"))?;
        let size = u64::from_be_bytes(*size);
        if size > MAX_SIZE {
            return Err(bad("the size is larger than any log"));
        }
        let (peaks, left_over) = rest.as_chunks();
        if !left_over.is_empty() || peaks.len() as u64 != u64::from(size.count_ones()) {
            return Err(bad("the number of hashes does not fit the size"));
        }
        Ok(Self {
            size,
            peaks: peaks.iter().copied().map(Hash::from_bytes).collect(),
        })
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    #[test]
    fn a_stored_frontier_goes_on_where_it_stopped() {
        let mut straight = Frontier::new();
        let mut stored = Frontier::new();
        for n in 0_u32..70 {
            assert_eq!(straight.to_bytes().len(), 8 + 32 * n.count_ones() as usize);
            let leaf = leaf_hash(&n.to_be_bytes());
            straight.append(leaf);
            stored = Frontier::from_bytes(&stored.to_bytes()).unwrap();
            stored.append(leaf);
            assert_eq!(stored, straight);
            assert_eq!(stored.root(), straight.root());
        }
    }

    #[test]
    fn bytes_that_are_no_frontier_are_refused() {
        let mut frontier = Frontier::new();
        frontier.extend((0_u8..3).map(|n| leaf_hash(&[n])));
        let bytes = frontier.to_bytes();
        for cut in 0..bytes.len() {
            assert!(Frontier::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Frontier::from_bytes(&[bytes.clone(), vec![0]].concat()).is_err());
        assert!(Frontier::from_bytes(&[bytes, vec![0; 32]].concat()).is_err());
        let huge = [&u64::MAX.to_be_bytes()[..], &[0; 64 * 32]].concat();
        assert!(Frontier::from_bytes(&huge).is_err());
    }
}
