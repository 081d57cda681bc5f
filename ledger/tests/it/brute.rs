//! Every proof of every small log: computed from tiles, compared with the definition, verified, and then spoilt.

use ledger::{Frontier, Hash, LedgerError, Tiles, empty_root, proof, verify_consistency, verify_inclusion};

use crate::support::{Reference, at, flipped, leaves, tiles};

/// Beyond the width of one tile, so that two levels of tiles take part.
const SIZES: u64 = 300;

/// One log at every size.
struct Log {
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
    tiles: Tiles,
}

impl Log {
    fn new() -> Self {
        let leaves = leaves(SIZES);
        let mut frontier = Frontier::new();
        let mut roots = vec![frontier.root()];
        for leaf in &leaves {
            frontier.append(*leaf);
            roots.push(frontier.root());
        }
        Self {
            tiles: tiles(&leaves),
            leaves,
            roots,
        }
    }

    fn leaf(&self, index: u64) -> Hash {
        self.leaves[at(index)]
    }

    fn root(&self, size: u64) -> Hash {
        self.roots[at(size)]
    }

    fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        proof::inclusion(index, size, &self.tiles).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        proof::consistency(old, new, &self.tiles).unwrap()
    }
}

/// How a path turns on its way up: whether each hash is on the right. Only this is visible to an inclusion proof.
fn turns(mut index: u64, size: u64) -> Vec<bool> {
    let (mut last, mut turns) = (size - 1, Vec::new());
    while last > 0 {
        if index % 2 == 1 || index < last {
            turns.push(index.is_multiple_of(2));
        }
        (index, last) = (index / 2, last / 2);
    }
    turns
}

#[test]
fn the_frontier_and_the_tiles_know_the_defined_root() {
    let log = Log::new();
    let mut reference = Reference::new(log.leaves.clone());
    for size in 0..=SIZES {
        assert_eq!(log.root(size), reference.root(0, size), "size {size}");
        assert_eq!(proof::root(size, &log.tiles), Ok(log.root(size)), "size {size}");
    }
}

#[test]
fn every_inclusion_proof_is_the_defined_one_and_verifies() {
    let log = Log::new();
    let mut reference = Reference::new(log.leaves.clone());
    for size in 1..=SIZES {
        for index in 0..size {
            let path = log.inclusion(index, size);
            assert_eq!(path, reference.path(index, 0, size), "entry {index} of {size}");
            let verified = verify_inclusion(&log.leaf(index), index, size, &path, &log.root(size));
            assert_eq!(verified, Ok(()), "entry {index} of {size}");
        }
    }
}

#[test]
fn an_inclusion_proof_with_a_turned_bit_fails() {
    let log = Log::new();
    let wrong = Err(LedgerError::RootMismatch);
    for size in (1..=40).chain(250..=265).chain([SIZES]) {
        for index in 0..size {
            let (leaf, root, path) = (log.leaf(index), log.root(size), log.inclusion(index, size));
            let salt = size * 31 + index;
            for (place, salt) in (0..path.len()).zip((salt..).step_by(37)) {
                let mut spoilt = path.clone();
                spoilt[place] = flipped(path[place], salt);
                assert_eq!(verify_inclusion(&leaf, index, size, &spoilt, &root), wrong);
            }
            assert_eq!(
                verify_inclusion(&flipped(leaf, salt), index, size, &path, &root),
                wrong
            );
            assert_eq!(
                verify_inclusion(&leaf, index, size, &path, &flipped(root, salt)),
                wrong
            );
        }
    }
}

#[test]
fn every_single_bit_of_a_proof_counts() {
    let log = Log::new();
    for (index, size) in [(0, 1), (2, 3), (4, 7), (5, 8), (257, 300), (299, 300)] {
        let (leaf, root, path) = (log.leaf(index), log.root(size), log.inclusion(index, size));
        for bit in 0..256 {
            for place in 0..path.len() {
                let mut spoilt = path.clone();
                spoilt[place] = flipped(path[place], bit);
                assert!(verify_inclusion(&leaf, index, size, &spoilt, &root).is_err());
            }
            assert!(verify_inclusion(&flipped(leaf, bit), index, size, &path, &root).is_err());
            assert!(verify_inclusion(&leaf, index, size, &path, &flipped(root, bit)).is_err());
        }
    }
}

#[test]
fn an_inclusion_proof_with_another_index_or_size_fails() {
    let log = Log::new();
    for size in (1..=33).chain([255, 256, 257]) {
        for index in (0..size).step_by(1 + at(size) / 40) {
            let path = log.inclusion(index, size);
            let verify = |index_told, size_told| {
                verify_inclusion(&log.leaf(index), index_told, size_told, &path, &log.root(size))
            };
            for other in (0..=2 * size)
                .chain([index ^ 1 << 40, u64::MAX])
                .filter(|other| *other != index)
            {
                assert!(
                    verify(other, size).is_err(),
                    "entry {index} of {size} passed as entry {other}"
                );
            }
            for other in (0..=2 * size)
                .chain([size | 1 << 40, u64::MAX])
                .filter(|other| *other != size)
            {
                // The size tells apart only what gives the path another shape; the signed checkpoint does the rest.
                let same_shape = index < other && turns(index, other) == turns(index, size);
                assert_eq!(
                    verify(index, other).is_ok(),
                    same_shape,
                    "entry {index} of {size}, of {other}"
                );
            }
        }
    }
}

#[test]
fn a_proof_with_a_hash_too_many_or_too_few_fails() {
    let log = Log::new();
    for size in 1..=40 {
        for index in 0..size {
            let (root, path) = (log.root(size), log.inclusion(index, size));
            let short = path.split_last().map(|(_, rest)| rest.to_vec());
            let behind = [&path[..], &[root]].concat();
            let before = [&[root], &path[..]].concat();
            for spoilt in short.into_iter().chain([behind, before]) {
                let (expected, found) = (path.len(), spoilt.len());
                let verified = verify_inclusion(&log.leaf(index), index, size, &spoilt, &root);
                assert_eq!(verified, Err(LedgerError::ProofLength { expected, found }));
            }
        }
    }
}

#[test]
fn every_consistency_proof_is_the_defined_one_and_verifies() {
    let log = Log::new();
    let mut reference = Reference::new(log.leaves.clone());
    for new in 0..=SIZES {
        for old in 0..=new {
            let path = log.consistency(old, new);
            if old > 0 {
                assert_eq!(path, reference.proof(old, new), "{old} to {new}");
            }
            let verified = verify_consistency(old, new, &path, &log.root(old), &log.root(new));
            assert_eq!(verified, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn a_spoilt_consistency_proof_fails() {
    let log = Log::new();
    for new in (1..=40).chain(254..=260).chain([SIZES]) {
        for old in 0..=new {
            let (path, old_root, new_root) = (log.consistency(old, new), log.root(old), log.root(new));
            let passes = |path: &[Hash], old_root: Hash, new_root: Hash| {
                verify_consistency(old, new, path, &old_root, &new_root).is_ok()
            };
            let salt = new * 31 + old;
            for (place, salt) in (0..path.len()).zip((salt..).step_by(37)) {
                let mut spoilt = path.clone();
                spoilt[place] = flipped(path[place], salt);
                assert!(
                    !passes(&spoilt, old_root, new_root),
                    "{old} to {new}, hash {place}"
                );
            }
            assert!(
                !passes(&path, flipped(old_root, salt), new_root),
                "{old} to {new}"
            );
            // Everything continues the empty log: from there, a proof says nothing about the new root.
            assert_eq!(
                passes(&path, old_root, flipped(new_root, salt)),
                old == 0 && new > 0,
                "{old} to {new}"
            );
            assert!(!passes(&[&path[..], &[new_root]].concat(), old_root, new_root));
            assert!(!passes(&[&[old_root], &path[..]].concat(), old_root, new_root));
            if let Some((_, rest)) = path.split_last() {
                assert!(!passes(rest, old_root, new_root), "{old} to {new}");
            }
        }
    }
}

#[test]
fn a_consistency_proof_does_not_pass_for_another_old_size() {
    let log = Log::new();
    for new in (2..=33).chain([256, 257]) {
        for old in (1..new).step_by(1 + at(new) / 40) {
            let path = log.consistency(old, new);
            for other in (0..=2 * new).filter(|other| *other != old) {
                let verified = verify_consistency(other, new, &path, &log.root(old), &log.root(new));
                assert!(verified.is_err(), "{old} to {new} passed as {other} to {new}");
            }
        }
    }
}

#[test]
fn a_log_cannot_be_shown_to_shrink_or_to_be_rewritten() {
    let log = Log::new();
    let shrunk = LedgerError::Shrunk { old: 9, new: 8 };
    assert_eq!(proof::consistency(9, 8, &log.tiles), Err(shrunk.clone()));
    assert_eq!(
        verify_consistency(9, 8, &[], &log.root(9), &log.root(8)),
        Err(shrunk)
    );
    let inconsistent = Err(LedgerError::Inconsistent);
    assert_eq!(
        verify_consistency(8, 8, &[], &log.root(8), &log.root(9)),
        inconsistent
    );
    assert_eq!(
        verify_consistency(0, 0, &[], &log.root(0), &log.root(9)),
        inconsistent
    );
    assert_eq!(
        verify_consistency(0, 8, &[], &log.root(1), &log.root(8)),
        inconsistent
    );

    let mut rewritten = log.leaves.clone();
    rewritten[3] = flipped(rewritten[3], 0);
    let rewritten = tiles(&rewritten);
    let new_root = proof::root(200, &rewritten).unwrap();
    for old in 4..200 {
        let path = proof::consistency(old, 200, &rewritten).unwrap();
        assert_eq!(
            verify_consistency(old, 200, &path, &log.root(old), &new_root),
            inconsistent,
            "{old}"
        );
    }
}

#[test]
fn the_largest_numbers_do_no_harm() {
    let root = empty_root();
    for (index, size) in [
        (0, u64::MAX),
        (u64::MAX - 1, u64::MAX),
        (1 << 63, (1 << 63) + 1),
        (0, 0),
    ] {
        for length in 0..70 {
            let path = vec![root; length];
            assert!(verify_inclusion(&root, index, size, &path, &root).is_err());
            let (old, new) = (index.max(1), size.max(1));
            let same = old == new && length == 0;
            assert_eq!(
                verify_consistency(old, new, &path, &root, &root).is_ok(),
                same,
                "{old} to {new}"
            );
        }
        assert!(proof::inclusion_tiles(index, size).len() <= 64);
        assert!(proof::consistency_tiles(index, size).len() <= 64);
    }
    assert_eq!(proof::inclusion_tiles(5, 5), []);
    let outside = Err(LedgerError::IndexOutside { index: 5, size: 5 });
    assert_eq!(proof::inclusion(5, 5, &Tiles::new()), outside);
}
