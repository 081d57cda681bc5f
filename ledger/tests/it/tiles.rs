//! Tiles: their names, what changes as a log grows, and proofs across three levels of them.

use std::collections::BTreeMap;

use ledger::{
    Frontier, Hash, Hashes, LedgerError, TileId, Tiles, proof,
    tile::{self, decode_tile, encode_tile, tiles_changed},
    verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::support::leaves;

fn id(level: u8, index: u64, width: u16) -> TileId {
    TileId { level, index, width }
}

#[test]
fn a_tile_has_one_path() {
    for (tile, path) in [
        (id(0, 0, 256), "tile/0/000"),
        (id(0, 1_234_067, 8), "tile/0/x001/x234/067.p/8"),
        (id(3, 1_234_067, 256), "tile/3/x001/x234/067"),
        (id(3, 1000, 255), "tile/3/x001/000.p/255"),
        (id(0, 1 << 40, 1), "tile/0/x001/x099/x511/x627/776.p/1"),
        (id(63, u64::MAX, 256), "tile/63/x018/x446/x744/x073/x709/x551/615"),
    ] {
        assert_eq!(tile.path(), path);
        assert_eq!(TileId::parse(path), Ok(tile));
        let entries = TileId { level: 0, ..tile }.entries_path();
        assert_eq!(TileId::parse_entries(&entries), Ok(TileId { level: 0, ..tile }));
    }
    assert_eq!(
        id(0, 1_234_067, 8).entries_path(),
        "tile/entries/x001/x234/067.p/8"
    );
}

#[test]
fn another_spelling_is_no_path() {
    for path in [
        "",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x1/002",
        "tile/0/x001/xx02",
        "tile/0/+01",
        "tile/0/-01",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/08",
        "tile/0/001.p/",
        "tile/0/001.p/8.p/8",
        "tile/0/001/",
        "/tile/0/001",
        "tile/8/0/001",
        "tile/entries/001",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
    ] {
        assert!(TileId::parse(path).is_err(), "{path}");
    }
    assert!(TileId::parse_entries("tile/0/001").is_err());
}

proptest! {
    #[test]
    fn a_path_gives_back_its_tile(level in 0_u8..64, index: u64, width in 1_u16..=256) {
        let tile = id(level, index, width);
        prop_assert_eq!(TileId::parse(&tile.path()), Ok(tile));
    }

    #[test]
    fn what_parses_as_a_path_is_that_path(path in "tile/[0-9]{1,2}/(x?[0-9]{1,3}/){0,3}[0-9]{1,3}(.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileId::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }
}

#[test]
fn the_tiles_that_change_are_those_of_an_independent_implementation() {
    assert_eq!(tiles_changed(0, 0), []);
    assert_eq!(tiles_changed(5, 4), []);
    assert_eq!(tiles_changed(0, 1), [id(0, 0, 1)]);
    assert_eq!(tiles_changed(0, 256), [id(0, 0, 256), id(1, 0, 1)]);
    assert_eq!(tiles_changed(255, 256), [id(0, 0, 256), id(1, 0, 1)]);
    assert_eq!(tiles_changed(256, 257), [id(0, 1, 1)]);
    assert_eq!(tiles_changed(70_000, 70_001), [id(0, 273, 113)]);
    let many = tiles_changed(65_000, 70_000);
    assert_eq!(many[..2], [id(0, 253, 256), id(0, 254, 256)]);
    assert_eq!(many[many.len() - 3..], [id(1, 0, 256), id(1, 1, 17), id(2, 0, 1)]);
}

/// The example of the specification: 70,000 entries make 273 full tiles and one partial one, and so on.
#[test]
fn a_log_of_seventy_thousand_has_the_specified_tiles() {
    let all = tiles_changed(0, 70_000);
    let level = |level| {
        all.iter()
            .filter(|tile| tile.level == level)
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(level(0).len(), 274);
    assert!(level(0)[..273].iter().all(TileId::is_full));
    assert_eq!(level(0)[273], id(0, 273, 112));
    assert_eq!(level(1), [id(1, 0, 256), id(1, 1, 17)]);
    assert_eq!(level(2), [id(2, 0, 1)]);
    assert_eq!(
        tile::edge_tiles(70_000),
        [id(0, 273, 112), id(1, 1, 17), id(2, 0, 1)]
    );
    assert_eq!(tile::edge_tiles(256), [id(1, 0, 1)]);
    assert_eq!(tile::edge_tiles(0), []);
}

/// A store that gives out only what it was asked to load beforehand.
struct Strict<'a> {
    store: &'a BTreeMap<TileId, Vec<Hash>>,
    loaded: Vec<TileId>,
}

impl Hashes for Strict<'_> {
    fn tile(&self, id: TileId) -> Option<&[Hash]> {
        assert!(self.loaded.contains(&id), "{id} was not announced");
        self.store.get(&id).map(Vec::as_slice)
    }
}

#[test]
fn growing_in_steps_writes_the_announced_tiles_and_every_proof_finds_them() {
    let leaves = leaves(70_000);
    let mut store = BTreeMap::new();
    let mut frontier = Frontier::new();
    let mut heads = vec![(0, frontier.root())];
    let (mut size, mut step) = (0, 1);
    while size < leaves.len() {
        let batch = &leaves[size..leaves.len().min(size + step)];
        let (old, new) = (size as u64, (size + batch.len()) as u64);
        let edge = Strict {
            store: &store,
            loaded: tile::edge_tiles(old),
        };
        let written = tile::grow(old, batch, &edge).unwrap();
        assert!(
            written.iter().map(|(id, _)| *id).eq(tiles_changed(old, new)),
            "{old} to {new}"
        );
        assert!(
            written
                .iter()
                .all(|(id, hashes)| usize::from(id.width) == hashes.len())
        );
        store.extend(written);
        frontier.extend(batch.iter().copied());
        let reader = Strict {
            store: &store,
            loaded: proof::root_tiles(new),
        };
        assert_eq!(proof::root(new, &reader), Ok(frontier.root()), "size {new}");
        heads.push((new, frontier.root()));
        (size, step) = (size + batch.len(), step * 3 % 4099 + 1);
    }
    assert!(heads.len() > 20 && store.keys().any(|tile| tile.level == 2));

    for (n, (size, root)) in heads.iter().enumerate().skip(1) {
        for index in [0, size / 3, size / 2, size - 1] {
            let reader = Strict {
                store: &store,
                loaded: proof::inclusion_tiles(index, *size),
            };
            let path = proof::inclusion(index, *size, &reader).unwrap();
            let leaf = &leaves[usize::try_from(index).unwrap()];
            assert_eq!(
                verify_inclusion(leaf, index, *size, &path, root),
                Ok(()),
                "{index} of {size}"
            );
        }
        for (old, old_root) in &heads[..n] {
            let reader = Strict {
                store: &store,
                loaded: proof::consistency_tiles(*old, *size),
            };
            let path = proof::consistency(*old, *size, &reader).unwrap();
            assert_eq!(
                verify_consistency(*old, *size, &path, old_root, root),
                Ok(()),
                "{old} to {size}"
            );
        }
    }
}

#[test]
fn a_missing_or_short_tile_is_named() {
    let leaves = leaves(300);
    let mut tiles = Tiles::new();
    assert_eq!(
        proof::root(300, &tiles),
        Err(LedgerError::MissingTile { id: id(1, 0, 1) })
    );
    tiles.insert(id(0, 1, 43), leaves[256..299].to_vec());
    tiles.insert(id(1, 0, 1), vec![leaves[0]]);
    let missing = LedgerError::MissingTile { id: id(0, 1, 44) };
    assert_eq!(proof::root(300, &tiles), Err(missing.clone()));
    assert_eq!(proof::inclusion(299, 300, &tiles), Err(missing.clone()));
    assert_eq!(missing.to_string().split(' ').nth(1), Some("tile/0/001.p/44"));
    assert_eq!(tile::grow(300, &leaves, &tiles), Err(missing));
}

#[test]
fn a_narrower_tile_does_not_replace_a_wider_one() {
    let leaves = leaves(9);
    let mut tiles = Tiles::new();
    tiles.insert(id(0, 0, 9), leaves.clone());
    tiles.insert(id(0, 0, 5), leaves[..5].to_vec());
    assert_eq!(tiles.tile(id(0, 0, 5)), Some(&leaves[..]));
}

#[test]
fn a_served_tile_reads_back() {
    let leaves = leaves(256);
    assert_eq!(encode_tile(&leaves).len(), 8192);
    assert_eq!(decode_tile(&encode_tile(&leaves)), Ok(leaves.clone()));
    for bytes in [0, 31, 33, 8191, 8193, 257 * 32] {
        assert_eq!(decode_tile(&vec![0; bytes]), Err(LedgerError::BadTile { bytes }));
    }
}
