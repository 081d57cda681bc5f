//! Tiles: the tree cut into pieces of 256 neighbouring hashes, which never change once they are full
//! (c2sp.org/tlog-tiles).
//!
//! A log keeps and serves tiles and nothing else of its tree; every proof is computed from them ([`crate::proof`]).
//! Only the arithmetic is here: where a tile is kept is the caller's affair.

use std::{fmt, str::FromStr};

pub use crate::bundle::{decode_bundle, encode_bundle, push_entry};
use crate::{
    error::LedgerError,
    frontier::MAX_SIZE,
    hash::{Hash, node_hash},
    proof::Hashes,
    text::decimal,
};

/// The levels of the tree that one tile spans.
pub const HEIGHT: u8 = 8;
/// How many hashes a full tile holds.
pub const WIDTH: u16 = 256;
/// The highest level that a path may name (tlog-tiles); a 64-bit log never gets beyond level 7.
pub const MAX_LEVEL: u8 = 63;

/// Names one tile, or one entry bundle where level is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 holds leaf hashes; every level above holds one hash per full tile below.
    pub level: u8,
    /// Its place within the level, from 0.
    pub index: u64,
    /// How many hashes it holds: 1 to 256. Fewer than 256 is a partial tile.
    pub width: u16,
}

impl TileId {
    /// Whether it will never change again.
    pub fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The path under the log's address, for example `tile/0/x001/x234/067.p/8`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, self.tail())
    }

    /// The path of the bundle with the entries of this level-0 tile, for example `tile/entries/000.p/8`.
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.tail())
    }

    /// Reads what [`TileId::path`] wrote, and no other spelling.
    pub fn parse(path: &str) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadTilePath { reason };
        let rest = path
            .strip_prefix("tile/")
            .ok_or(bad("it does not begin with tile/"))?;
        let (level, tail) = rest.split_once('/').ok_or(bad("the index is missing"))?;
        let level = decimal(level).filter(|level| *level <= u64::from(MAX_LEVEL));
        let level = level.and_then(|level| u8::try_from(level).ok());
        parse_tail(level.ok_or(bad("the level is not a number from 0 to 63"))?, tail)
    }

    /// Reads what [`TileId::entries_path`] wrote, and no other spelling. The level is 0.
    pub fn parse_entries(path: &str) -> Result<Self, LedgerError> {
        let reason = "it does not begin with tile/entries/";
        let tail = path
            .strip_prefix("tile/entries/")
            .ok_or(LedgerError::BadTilePath { reason })?;
        parse_tail(0, tail)
    }

    /// The index in groups of three digits, all but the last behind an `x`, and the width of a partial tile.
    fn tail(&self) -> String {
        let mut tail = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            tail.insert_str(0, &format!("x{:03}/", rest % 1000));
            rest /= 1000;
        }
        if self.is_full() {
            tail
        } else {
            format!("{tail}.p/{}", self.width)
        }
    }
}

fn parse_tail(level: u8, tail: &str) -> Result<TileId, LedgerError> {
    let bad = |reason| LedgerError::BadTilePath { reason };
    let (groups, width) = match tail.split_once(".p/") {
        None => (tail, WIDTH),
        Some((groups, width)) => {
            let width = decimal(width).filter(|width| (1..u64::from(WIDTH)).contains(width));
            let width = width.and_then(|width| u16::try_from(width).ok());
            (
                groups,
                width.ok_or(bad("the width of a partial tile is not a number from 1 to 255"))?,
            )
        }
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let digits = digits.parse().ok().filter(|number| *number < 1000);
        let grown = digits.and_then(|digits: u64| index.checked_mul(1000)?.checked_add(digits));
        index = grown.ok_or(bad("the index is not made of groups of three digits"))?;
    }
    let id = TileId { level, index, width };
    // Writing it again catches every other spelling at once: missing zeros, signs, an x too few or too many.
    if id.tail() == tail {
        Ok(id)
    } else {
        Err(bad("the index is not in its canonical spelling"))
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl FromStr for TileId {
    type Err = LedgerError;

    fn from_str(path: &str) -> Result<Self, LedgerError> {
        Self::parse(path)
    }
}

/// How many hashes level `level` has in a log of `size` entries.
fn level_width(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(HEIGHT))
        .unwrap_or(0)
}

/// The tile at this place in a log of `size` entries, as wide as that log has it; `None` when it has no such tile.
pub fn tile_at(level: u8, index: u64, size: u64) -> Option<TileId> {
    let before = index.checked_mul(u64::from(WIDTH))?;
    let left = level_width(size, level)
        .checked_sub(before)?
        .min(u64::from(WIDTH));
    let width = u16::try_from(left).ok().filter(|width| *width > 0)?;
    Some(TileId { level, index, width })
}

/// The tiles to write, or to write again, when a log grows from `old_size` to `new_size`, lowest level first.
/// Empty when it does not grow.
pub fn tiles_changed(old_size: u64, new_size: u64) -> Vec<TileId> {
    let mut changed = Vec::new();
    for level in 0..=MAX_LEVEL {
        let (old, new) = (level_width(old_size, level), level_width(new_size, level));
        // A level that did not grow means that no level above did.
        if new <= old {
            break;
        }
        let width = u64::from(WIDTH);
        changed.extend((old / width..=(new - 1) / width).filter_map(|at| tile_at(level, at, new_size)));
    }
    changed
}

/// The partial tiles of a log of this size: what [`grow`] has to read before it can go on.
pub fn edge_tiles(size: u64) -> Vec<TileId> {
    let levels = (0..=MAX_LEVEL).take_while(|level| level_width(size, *level) > 0);
    let last = levels.filter_map(|level| tile_at(level, level_width(size, level) / u64::from(WIDTH), size));
    last.collect()
}

/// The tiles that come out of appending `leaves` to a log of `old_size` entries: exactly [`tiles_changed`], filled.
///
/// `edge` must hold the [`edge_tiles`] of the old size. Each full tile yields one hash of the level above.
pub fn grow(
    old_size: u64,
    leaves: &[Hash],
    edge: &impl Hashes,
) -> Result<Vec<(TileId, Vec<Hash>)>, LedgerError> {
    let new_size = old_size
        .checked_add(leaves.len() as u64)
        .filter(|size| *size <= MAX_SIZE);
    let new_size = new_size.ok_or(LedgerError::TooLarge)?;
    let mut written = Vec::new();
    let mut fresh = leaves.to_vec();
    for level in 0..=MAX_LEVEL {
        if fresh.is_empty() {
            break;
        }
        let first = level_width(old_size, level) / u64::from(WIDTH);
        let mut row = match tile_at(level, first, old_size) {
            None => Vec::new(),
            Some(id) => read_tile(id, edge)?.to_vec(),
        };
        row.append(&mut fresh);
        for (index, hashes) in (first..).zip(row.chunks(usize::from(WIDTH))) {
            let id = tile_at(level, index, new_size).ok_or(LedgerError::TooLarge)?;
            if id.is_full() {
                fresh.push(subtree_hash(hashes));
            }
            written.push((id, hashes.to_vec()));
        }
    }
    Ok(written)
}

/// The hashes of a tile, exactly as many as its width says. A reader may hold a later, wider version of it.
pub(crate) fn read_tile(id: TileId, hashes: &impl Hashes) -> Result<&[Hash], LedgerError> {
    let tile = hashes.tile(id).and_then(|tile| tile.get(..usize::from(id.width)));
    tile.ok_or(LedgerError::MissingTile { id })
}

/// The root over neighbouring hashes of one level, whose number must be a power of two.
/// Of a full tile it is the hash that the level above holds.
pub(crate) fn subtree_hash(hashes: &[Hash]) -> Hash {
    match hashes {
        [only] => *only,
        [left, right] => node_hash(left, right),
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&subtree_hash(left), &subtree_hash(right))
        }
    }
}

/// A tile as it is served: its hashes one after the other.
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads a served tile: 1 to 256 hashes.
pub fn decode_tile(bytes: &[u8]) -> Result<Vec<Hash>, LedgerError> {
    let (hashes, rest) = bytes.as_chunks();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() > usize::from(WIDTH) {
        return Err(LedgerError::BadTile { bytes: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}
