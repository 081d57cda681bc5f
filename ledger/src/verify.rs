//! Believing a proof: recomputing a signed root from what one has been handed (RFC 6962 §2.1).
//!
//! Nothing here reads tiles: the whole of it runs on an auditor's machine, offline.

use crate::{
    error::LedgerError,
    hash::{Hash, empty_root, node_hash},
};

/// Checks that the leaf is the entry `index` of the log of `size` entries that has this root.
///
/// Take `size` and `root` from one signed checkpoint: a proof alone does not tell the sizes apart for which its path
/// looks the same.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), LedgerError> {
    if index >= size {
        return Err(LedgerError::IndexOutside { index, size });
    }
    let (inner, border) = path_shape(index, size);
    expect_length(proof, inner + border)?;
    let (inner, border) = proof.split_at(inner);
    let found = climb_right_edge(climb(*leaf, inner, index), border);
    if found == *root {
        Ok(())
    } else {
        Err(LedgerError::RootMismatch)
    }
}

/// Checks that the log with the new size and root begins with the log with the old size and root.
///
/// Everything continues the log without entries, so from there only the old root is checked.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), LedgerError> {
    if old_size > new_size {
        return Err(LedgerError::Shrunk {
            old: old_size,
            new: new_size,
        });
    }
    if old_size == 0 && *old_root != empty_root() {
        return Err(LedgerError::Inconsistent);
    }
    if old_size == 0 || old_size == new_size {
        expect_length(proof, 0)?;
        let same = old_size != new_size || old_root == new_root;
        return if same {
            Ok(())
        } else {
            Err(LedgerError::Inconsistent)
        };
    }

    // The path starts at the last perfect subtree of the old log. If that is the whole old log, its root is known.
    let last = old_size - 1;
    let level = old_size.trailing_zeros();
    let (inner, border) = path_shape(last, new_size);
    let inner = inner - level as usize;
    let whole = old_size.is_power_of_two();
    expect_length(proof, usize::from(!whole) + inner + border)?;
    let (seed, path) = match proof.split_first() {
        Some((seed, path)) if !whole => (seed, path),
        _ => (old_root, proof),
    };
    let (inner, border) = path.split_at(inner);
    let directions = last >> level;

    let old = climb_right_edge(climb_within_old(*seed, inner, directions), border);
    let new = climb_right_edge(climb(*seed, inner, directions), border);
    if old == *old_root && new == *new_root {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent)
    }
}

/// How many steps of a path turn by the bits of the index, and how many follow along the right edge of the tree.
fn path_shape(index: u64, size: u64) -> (usize, usize) {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (inner as usize, border as usize)
}

fn expect_length(proof: &[Hash], expected: usize) -> Result<(), LedgerError> {
    let found = proof.len();
    if found == expected {
        Ok(())
    } else {
        Err(LedgerError::ProofLength { expected, found })
    }
}

/// Up the path: a zero-bit means that the neighbour is on the right.
fn climb(start: Hash, path: &[Hash], directions: u64) -> Hash {
    path.iter().enumerate().fold(start, |hash, (step, neighbour)| {
        if directions >> step & 1 == 0 {
            node_hash(&hash, neighbour)
        } else {
            node_hash(neighbour, &hash)
        }
    })
}

/// The same path in the old tree, which has nothing to the right of it.
fn climb_within_old(start: Hash, path: &[Hash], directions: u64) -> Hash {
    let left = path
        .iter()
        .enumerate()
        .filter(|(step, _)| directions >> step & 1 == 1);
    left.fold(start, |hash, (_, neighbour)| node_hash(neighbour, &hash))
}

fn climb_right_edge(start: Hash, path: &[Hash]) -> Hash {
    path.iter()
        .fold(start, |hash, neighbour| node_hash(neighbour, &hash))
}
