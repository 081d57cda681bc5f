//! A whole log in a folder, as it is published: every entry is read, the root they give is computed and compared with what
//! was signed, and the tiles of hashes that lie there are compared with the entries.

use std::path::Path;

use ledger::{Checkpoint, Frontier, LedgerError, Tiles, bundle, leaf_hash, tile};

use super::{Args, NOT_PROVEN, Trust, not_proven, read, read_text, show, two_logs};
use crate::{print, trouble::Trouble};

pub(super) fn check(args: &Args, folder: &Path, trust: &Trust) -> anyhow::Result<()> {
    let signed = trust.believe(&read_text(&folder.join("checkpoint"))?)?;
    let size = signed.checkpoint.size;
    let mut earlier = Vec::new();
    for path in &args.checkpoint {
        let checkpoint = Checkpoint::open(&read_text(path)?, &trust.log).map_err(not_proven)?;
        if checkpoint.size > size {
            return Err(not_proven(LedgerError::Shrunk {
                old: checkpoint.size,
                new: size,
            }));
        }
        earlier.push((path.display().to_string(), checkpoint));
    }
    let mut log = Frontier::new();
    let mut leaves = Vec::new();
    compare(&log, &earlier)?;
    let mut place = 0;
    while let Some(id) = tile::tile_at(0, place, size) {
        let path = folder.join(id.entries_path());
        let entries = bundle::decode_bundle(&read(&path)?).map_err(not_proven)?;
        if entries.len() != usize::from(id.width) {
            return Err(Trouble::new(
                format!(
                    "{} holds {} entries instead of {}",
                    path.display(),
                    entries.len(),
                    id.width
                ),
                "download it again",
            )
            .exits_with(NOT_PROVEN)
            .into());
        }
        for entry in entries {
            let leaf = leaf_hash(&entry);
            log.append(leaf);
            leaves.push(leaf);
            compare(&log, &earlier)?;
        }
        place += 1;
    }
    if log.root() != signed.checkpoint.root {
        return Err(not_proven(LedgerError::RootMismatch));
    }
    let tiles = check_tiles(folder, &leaves)?;
    print::line("proven: the signed checkpoint covers exactly these entries")?;
    show(&signed)?;
    print::line(format!(
        "  tiles    {tiles} of hashes are there, and say the same"
    ))?;
    for (name, checkpoint) in earlier {
        print::line(format!(
            "  continues the log of {} entries in {name}",
            checkpoint.size
        ))?;
    }
    Ok(())
}

/// Tiles follow from the entries, so a mirror may leave them out; but not have others.
fn check_tiles(folder: &Path, leaves: &[ledger::Hash]) -> anyhow::Result<usize> {
    let mut found = 0;
    for (id, hashes) in tile::grow(0, leaves, &Tiles::new()).map_err(not_proven)? {
        let path = folder.join(id.path());
        if !path.exists() {
            continue;
        }
        if read(&path)? != tile::encode_tile(&hashes) {
            return Err(Trouble::new(
                format!("{} is not the tile of these entries", path.display()),
                "download it again; if it stays so, whoever computes proofs from it is misled",
            )
            .exits_with(NOT_PROVEN)
            .into());
        }
        found += 1;
    }
    Ok(found)
}

/// At the size of an earlier checkpoint the log must have had its root.
fn compare(log: &Frontier, earlier: &[(String, Checkpoint)]) -> Result<(), Trouble> {
    let contradicted = earlier
        .iter()
        .find(|(_, checkpoint)| checkpoint.size == log.size() && checkpoint.root != log.root());
    match contradicted {
        Some((name, checkpoint)) => Err(two_logs(name, checkpoint.size)),
        None => Ok(()),
    }
}
