//! Proofs out of tiles: that an entry is in a log, and that a later log continues an earlier one (RFC 6962 §2.1).
//!
//! Reading is separate from computing: `*_tiles` says what to load, the caller loads it in whatever way it likes,
//! and then the proof is pure arithmetic. What comes out is only as true as the tiles; checking it against a signed
//! root is [`verify_inclusion`] and [`verify_consistency`].

use std::collections::{BTreeMap, BTreeSet};

pub use crate::verify::{verify_consistency, verify_inclusion};
use crate::{
    error::LedgerError,
    hash::{Hash, empty_root, node_hash},
    tile::{HEIGHT, TileId, WIDTH, read_tile, subtree_hash, tile_at},
};

/// Hands out the tiles that were loaded beforehand.
pub trait Hashes {
    /// The hashes of a tile: at least as many as `id.width`, of which only those are used.
    /// `None` when it was not loaded.
    fn tile(&self, id: TileId) -> Option<&[Hash]>;
}

/// Tiles in memory, the widest version of each.
#[derive(Debug, Clone, Default)]
pub struct Tiles(BTreeMap<(u8, u64), Vec<Hash>>);

impl Tiles {
    /// Without any tile.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a tile in. A wider version of the same tile stays: a tile only grows to the right.
    pub fn insert(&mut self, id: TileId, hashes: Vec<Hash>) {
        let held = self.0.entry((id.level, id.index)).or_default();
        if hashes.len() > held.len() {
            *held = hashes;
        }
    }
}

impl Hashes for Tiles {
    fn tile(&self, id: TileId) -> Option<&[Hash]> {
        self.0.get(&(id.level, id.index)).map(Vec::as_slice)
    }
}

impl Extend<(TileId, Vec<Hash>)> for Tiles {
    fn extend<I: IntoIterator<Item = (TileId, Vec<Hash>)>>(&mut self, tiles: I) {
        tiles.into_iter().for_each(|(id, hashes)| self.insert(id, hashes));
    }
}

impl FromIterator<(TileId, Vec<Hash>)> for Tiles {
    fn from_iter<I: IntoIterator<Item = (TileId, Vec<Hash>)>>(tiles: I) -> Self {
        let mut all = Self::new();
        all.extend(tiles);
        all
    }
}

/// The tiles that [`root`] needs.
pub fn root_tiles(size: u64) -> Vec<TileId> {
    tiles_of(&[(0, size)], size)
}

/// The root of a log of `size` entries; of none, [`empty_root`].
pub fn root(size: u64, hashes: &impl Hashes) -> Result<Hash, LedgerError> {
    if size == 0 {
        Ok(empty_root())
    } else {
        range_hash((0, size), size, hashes)
    }
}

/// The tiles that [`inclusion`] needs; none when there is no such entry.
pub fn inclusion_tiles(index: u64, size: u64) -> Vec<TileId> {
    tiles_of(&inclusion_ranges(index, size), size)
}

/// The audit path of the entry at `index` in a log of `size` entries, from the leaf's sibling up
/// (RFC 6962 §2.1.1).
pub fn inclusion(index: u64, size: u64, hashes: &impl Hashes) -> Result<Vec<Hash>, LedgerError> {
    if index >= size {
        return Err(LedgerError::IndexOutside { index, size });
    }
    inclusion_ranges(index, size)
        .into_iter()
        .map(|range| range_hash(range, size, hashes))
        .collect()
}

/// The tiles that [`consistency`] needs, all of the later size; none when there is nothing to prove.
pub fn consistency_tiles(old_size: u64, new_size: u64) -> Vec<TileId> {
    tiles_of(&consistency_ranges(old_size, new_size), new_size)
}

/// The proof that a log of `new_size` entries begins with the log of `old_size` (RFC 6962 §2.1.2).
/// Empty for the same size and for an earlier log without entries.
pub fn consistency(old_size: u64, new_size: u64, hashes: &impl Hashes) -> Result<Vec<Hash>, LedgerError> {
    if old_size > new_size {
        return Err(LedgerError::Shrunk {
            old: old_size,
            new: new_size,
        });
    }
    let ranges = consistency_ranges(old_size, new_size);
    ranges
        .into_iter()
        .map(|range| range_hash(range, new_size, hashes))
        .collect()
}

/// The entries from the first number up to, and without, the second. Every range here is one subtree of the tree.
type Range = (u64, u64);

/// Where a tree of `count` entries is split: the largest power of two below `count`, which must be 2 or more.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

fn inclusion_ranges(index: u64, size: u64) -> Vec<Range> {
    let (mut begin, mut end) = (0, if index < size { size } else { 0 });
    let mut ranges = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
        }
    }
    ranges.reverse();
    ranges
}

fn consistency_ranges(old_size: u64, new_size: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    if old_size == 0 || old_size >= new_size {
        return ranges;
    }
    let (mut begin, mut end) = (0, new_size);
    while end != old_size {
        let middle = begin + split(end - begin);
        if old_size <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
        }
    }
    // A whole earlier tree is known to the verifier by its root; only a part of it has to be told.
    if begin != 0 {
        ranges.push((begin, end));
    }
    ranges.reverse();
    ranges
}

/// The perfect subtrees of a range, largest first, each as the level of its root and its index on that level.
fn perfect_subtrees((begin, end): Range) -> impl Iterator<Item = (u32, u64)> {
    let mut at = begin;
    (0..u64::BITS)
        .rev()
        .filter(move |level| (end - begin) >> level & 1 == 1)
        .map(move |level| {
            let index = at >> level;
            at += 1 << level;
            (level, index)
        })
}

/// The tile that shows a perfect subtree of a log of `size` entries, and which of its hashes span it.
fn place(level: u32, index: u64, size: u64) -> Option<(TileId, std::ops::Range<usize>)> {
    let within = level % u32::from(HEIGHT);
    let first = index << within;
    let width = u64::from(WIDTH);
    let id = tile_at(u8::try_from(level / u32::from(HEIGHT)).ok()?, first / width, size)?;
    let from = usize::try_from(first % width).ok()?;
    Some((id, from..from + (1 << within)))
}

fn tiles_of(ranges: &[Range], size: u64) -> Vec<TileId> {
    let subtrees = ranges.iter().copied().flat_map(perfect_subtrees);
    let tiles = subtrees.filter_map(|(level, index)| place(level, index, size).map(|(id, _)| id));
    tiles.collect::<BTreeSet<_>>().into_iter().collect()
}

fn range_hash(range: Range, size: u64, hashes: &impl Hashes) -> Result<Hash, LedgerError> {
    let outside = LedgerError::IndexOutside { index: range.1, size };
    let mut peaks = Vec::new();
    for (level, index) in perfect_subtrees(range) {
        let (id, span) = place(level, index, size).ok_or(outside.clone())?;
        let span = read_tile(id, hashes)?
            .get(span)
            .ok_or(LedgerError::MissingTile { id })?;
        peaks.push(subtree_hash(span));
    }
    let last = peaks.pop().ok_or(outside)?;
    Ok(peaks
        .iter()
        .rev()
        .fold(last, |right, left| node_hash(left, &right)))
}
