//! `weir verify`: checks a receipt or a whole log, offline, with nothing but the log's verifier key. Settings and
//! stores are not touched: whoever checks need not run Weir.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::ArgGroup;
use ledger::{Checkpoint, Frontier, LedgerError, Receipt, Verifier, bundle, leaf_hash, tile};
use serde_json::Value;

use crate::{print, trouble::Trouble};

/// Check a receipt or a downloaded log, offline.
///
/// A receipt proves that the log holds an entry. The key is the log's verifier key: note it down once, from
/// `GET /api/v1/log` or from whoever runs the log, and use that one from then on.
#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["receipt", "log"])))]
#[command(group(ArgGroup::new("by").required(true).args(["key", "key_file"])))]
pub(crate) struct Args {
    /// The receipt: a file that begins with c2sp.org/tlog-proof@v1
    receipt: Option<PathBuf>,
    /// A folder with a whole log as it is published: `checkpoint` and `tile/entries/…`
    #[arg(long, value_name = "FOLDER", conflicts_with = "entry")]
    log: Option<PathBuf>,
    /// The log's verifier key: name+hash+key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file that holds the verifier key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The entry, if it travels beside the receipt
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// An earlier checkpoint of the same log that must not have been contradicted. May be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

/// Checks, and says what was proven.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let key = match (&args.key, &args.key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(file)) => read_text(file)?,
        (None, None) => String::new(),
    };
    let key = Verifier::parse(key.trim()).map_err(not_proven)?;
    match (&args.receipt, &args.log) {
        (Some(receipt), _) => check_receipt(args, receipt, &key),
        (None, Some(folder)) => check_log(args, folder, &key),
        // Clap has refused this.
        (None, None) => Ok(()),
    }
}

fn check_receipt(args: &Args, file: &Path, key: &Verifier) -> anyhow::Result<()> {
    let receipt = Receipt::parse(&read_text(file)?).map_err(not_proven)?;
    let beside = args.entry.as_ref().map(|path| read(path)).transpose()?;
    let verified = receipt.verify(key, beside.as_deref()).map_err(not_proven)?;
    let signed = Checkpoint::open(&receipt.checkpoint, key).map_err(not_proven)?;
    for path in &args.checkpoint {
        let earlier = Checkpoint::open(&read_text(path)?, key).map_err(not_proven)?;
        let name = path.display();
        if earlier.size != signed.size {
            return Err(Trouble::new(
                format!(
                    "{name} is of {} entries and the receipt's checkpoint of {}",
                    earlier.size, signed.size
                ),
                "one receipt cannot show that a log continues another: download the log and use --log",
            )
            .into());
        }
        if earlier.root != signed.root {
            return Err(two_logs(&name.to_string(), earlier.size).into());
        }
        print::line(format!("the receipt's checkpoint is the one in {name}"))?;
    }
    print::line("proven: the log holds this entry")?;
    print::line(format!("  log      {}", verified.origin))?;
    print::line(format!("  index    {} (the first is 0)", verified.index))?;
    print::line(format!("  size     {} entries when it was signed", verified.size))?;
    print::line(format!("  root     {}", signed.root.to_base64()))?;
    print::line("  entry")?;
    for line in readable(&verified.entry).lines() {
        print::line(format!("    {line}"))?;
    }
    Ok(())
}

/// Reads every entry, computes the root that they give, and compares it with what was signed.
fn check_log(args: &Args, folder: &Path, key: &Verifier) -> anyhow::Result<()> {
    let signed = Checkpoint::open(&read_text(&folder.join("checkpoint"))?, key).map_err(not_proven)?;
    let mut earlier = Vec::new();
    for path in &args.checkpoint {
        let checkpoint = Checkpoint::open(&read_text(path)?, key).map_err(not_proven)?;
        if checkpoint.size > signed.size {
            return Err(not_proven(LedgerError::Shrunk {
                old: checkpoint.size,
                new: signed.size,
            }));
        }
        earlier.push((path.display().to_string(), checkpoint));
    }
    let mut log = Frontier::new();
    compare(&log, &earlier)?;
    let mut place = 0;
    while let Some(id) = tile::tile_at(0, place, signed.size) {
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
            .into());
        }
        for entry in entries {
            log.append(leaf_hash(&entry));
            compare(&log, &earlier)?;
        }
        place += 1;
    }
    if log.root() != signed.root {
        return Err(not_proven(LedgerError::RootMismatch));
    }
    print::line("proven: the signed checkpoint covers exactly these entries")?;
    print::line(format!("  log      {}", signed.origin))?;
    print::line(format!("  size     {} entries", signed.size))?;
    print::line(format!("  root     {}", signed.root.to_base64()))?;
    for (name, checkpoint) in earlier {
        print::line(format!(
            "  continues the log of {} entries in {name}",
            checkpoint.size
        ))?;
    }
    Ok(())
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

fn two_logs(name: &str, size: u64) -> Trouble {
    Trouble::new(
        format!(
            "{name} is signed by the same key and contradicts: at {size} entries the log had another content"
        ),
        "keep both files: together they prove that the log was rewritten or shown differently to different people",
    )
}

fn not_proven(error: LedgerError) -> anyhow::Error {
    Trouble::new(
        "not proven",
        "check that file and key are whole and belong together; if they do, what the file says is not to be believed",
    )
    .because(error)
    .into()
}

/// JSON indented, other text as it is, anything else in hex.
fn readable(entry: &[u8]) -> String {
    let json = serde_json::from_slice::<Value>(entry).ok();
    match (
        json.and_then(|json| serde_json::to_string_pretty(&json).ok()),
        std::str::from_utf8(entry),
    ) {
        (Some(json), _) => json,
        // What is printed may not steer the terminal.
        (None, Ok(text)) => text.replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}"),
        (None, Err(_)) => entry
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use ledger::{Signer, Tiles, proof};

    use super::*;

    /// Writes a log of `count` entries as it is published.
    fn publish(folder: &Path, signer: &Signer, count: u64, first: &str) {
        let entries: Vec<String> = (0..count)
            .map(|n| {
                if n == 0 {
                    first.to_owned()
                } else {
                    format!("{{\"n\":{n}}}")
                }
            })
            .collect();
        let mut log = Frontier::new();
        log.extend(entries.iter().map(|entry| leaf_hash(entry.as_bytes())));
        let checkpoint = Checkpoint::new(signer.name(), count, log.root())
            .sign(signer)
            .unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("checkpoint"), checkpoint).unwrap();
        for (place, some) in entries.chunks(256).enumerate() {
            let path = folder.join(tile::tile_at(0, place as u64, count).unwrap().entries_path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bundle::encode_bundle(some).unwrap()).unwrap();
        }
    }

    fn args(log: &Path, key: &Signer, checkpoint: Vec<PathBuf>) -> Args {
        Args {
            receipt: None,
            log: Some(log.to_owned()),
            key: Some(key.verifier_key()),
            key_file: None,
            entry: None,
            checkpoint,
        }
    }

    #[test]
    fn a_log_is_believed_until_it_is_rewritten() {
        let home = tempfile::tempdir().unwrap();
        let signer = Signer::new("log.example/x", [7; 32]).unwrap();
        let (old, new, forged) = (
            home.path().join("old"),
            home.path().join("new"),
            home.path().join("forged"),
        );
        publish(&old, &signer, 3, "first");
        publish(&new, &signer, 300, "first");
        publish(&forged, &signer, 300, "rewritten");
        let pinned = || vec![old.join("checkpoint")];
        run(&args(&new, &signer, pinned())).unwrap();
        let error = run(&args(&forged, &signer, pinned())).unwrap_err().to_string();
        assert!(error.contains("contradicts"), "{error}");
        let error = run(&args(&old, &signer, vec![new.join("checkpoint")]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("only grows"), "{error}");
        let path = new.join("tile/entries/001.p/44");
        let mut bundle = fs::read(&path).unwrap();
        *bundle.last_mut().unwrap() ^= 1;
        fs::write(&path, bundle).unwrap();
        let error = run(&args(&new, &signer, Vec::new())).unwrap_err().to_string();
        assert!(error.contains("not proven"), "{error}");
    }

    #[test]
    fn a_receipt_with_one_changed_letter_proves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let signer = Signer::new("log.example/x", [7; 32]).unwrap();
        let leaf = leaf_hash(b"{\"kind\":\"x\"}");
        let receipt = Receipt {
            extra: Some(b"{\"kind\":\"x\"}".to_vec()),
            index: 0,
            hashes: proof::inclusion(0, 1, &Tiles::new()).unwrap(),
            checkpoint: Checkpoint::new("log.example/x", 1, leaf).sign(&signer).unwrap(),
        };
        let file = home.path().join("receipt");
        let mut args = args(home.path(), &signer, Vec::new());
        (args.log, args.receipt) = (None, Some(file.clone()));
        fs::write(&file, receipt.render()).unwrap();
        run(&args).unwrap();
        let forged = Receipt {
            extra: Some(b"{\"kind\":\"y\"}".to_vec()),
            ..receipt
        };
        fs::write(&file, forged.render()).unwrap();
        run(&args).unwrap_err();
    }
}
