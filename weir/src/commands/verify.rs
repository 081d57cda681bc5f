//! `weir verify`: checks a receipt, a checkpoint, that one continues another, or a whole log, offline, with nothing but
//! the log's verifier key. Settings and stores are not touched: whoever checks need not run Weir.
//!
//! Exit codes: 0 proven, 1 nothing could be checked (a file is missing), 2 wrong arguments, 3 not proven.

mod mirror;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::ArgGroup;
use ledger::{Checkpoint, Continuation, LedgerError, Receipt, Verifier, checkpoint::Cosigned};
use serde_json::Value;

use crate::{print, trouble::Trouble};

/// What a program that asks is told when something was checked and is not to be believed.
const NOT_PROVEN: u8 = 3;

/// Check a receipt, checkpoints or a downloaded log, offline.
///
/// A receipt proves that the log holds an entry. The key is the log's verifier key: note it down once, from
/// `GET /api/v1/log` or from whoever runs the log, and use that one from then on. The exit code is 0 if it is proven,
/// 1 if it could not be checked, 3 if it is not proven.
#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["receipt", "log", "consistency", "checkpoint"])))]
#[command(group(ArgGroup::new("by").required(true).args(["key", "key_file"])))]
pub(crate) struct Args {
    /// The receipt: a file that begins with c2sp.org/tlog-proof@v1
    receipt: Option<PathBuf>,
    /// A folder with a whole log as it is published: `checkpoint`, `tile/entries/…`, and the tiles if they are there
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["receipt", "entry", "consistency"])]
    log: Option<PathBuf>,
    /// The log's verifier key: name+hash+key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file that holds the verifier key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The entry, if it travels beside the receipt
    #[arg(long, value_name = "FILE", requires = "receipt")]
    entry: Option<PathBuf>,
    /// An earlier checkpoint of the same log that must not have been contradicted. May be given several times. Alone, it
    /// is only checked who signed it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// A proof that the log of `--checkpoint` only grew since: the answer of `GET /api/v1/log/consistency`
    #[arg(
        long,
        value_name = "FILE",
        requires = "checkpoint",
        conflicts_with = "receipt"
    )]
    consistency: Option<PathBuf>,
    /// The verifier key of a witness whose word counts. May be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// How many of the witnesses must have cosigned; all of them, unless said otherwise
    #[arg(long, value_name = "NUMBER", requires = "witness")]
    witnesses: Option<usize>,
}

/// Whom to believe.
struct Trust {
    log: Verifier,
    witnesses: Vec<Verifier>,
    needed: usize,
}

impl Trust {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let key = match (&args.key, &args.key_file) {
            (Some(key), _) => key.clone(),
            (None, Some(file)) => read_text(file)?,
            (None, None) => String::new(),
        };
        let witnesses = args.witness.iter().map(|key| Verifier::parse(key.trim()));
        let witnesses: Vec<_> = witnesses.collect::<Result<_, _>>().map_err(not_proven)?;
        Ok(Self {
            log: Verifier::parse(key.trim()).map_err(not_proven)?,
            needed: args.witnesses.unwrap_or(witnesses.len()),
            witnesses,
        })
    }

    fn believe(&self, signed: &str) -> anyhow::Result<Cosigned> {
        Checkpoint::open_cosigned(signed, &self.log, &self.witnesses, self.needed).map_err(not_proven)
    }
}

/// Checks, and says what was proven.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let trust = Trust::of(args)?;
    match (&args.receipt, &args.log, &args.consistency) {
        (Some(receipt), _, _) => check_receipt(args, receipt, &trust),
        (None, Some(folder), _) => mirror::check(args, folder, &trust),
        (None, None, Some(file)) => check_consistency(args, file, &trust),
        (None, None, None) => check_checkpoints(args, &trust),
    }
}

fn check_checkpoints(args: &Args, trust: &Trust) -> anyhow::Result<()> {
    for path in &args.checkpoint {
        let signed = trust.believe(&read_text(path)?)?;
        print::line(format!("proven: the log signed {}", path.display()))?;
        show(&signed)?;
    }
    Ok(())
}

fn check_consistency(args: &Args, file: &Path, trust: &Trust) -> anyhow::Result<()> {
    let proof = Continuation::parse(&read_text(file)?).map_err(not_proven)?;
    for path in &args.checkpoint {
        // Kept from a time at which other witnesses, or none, may have been asked.
        let earlier = Checkpoint::open(&read_text(path)?, &trust.log).map_err(not_proven)?;
        if earlier.size != proof.old_size {
            return Err(Trouble::new(
                format!(
                    "{} is of {} entries and the proof starts at {}",
                    path.display(),
                    earlier.size,
                    proof.old_size
                ),
                format!("ask for the proof with old={}", earlier.size),
            )
            .exits_with(NOT_PROVEN)
            .into());
        }
        let later = trust.believe(&proof.checkpoint)?;
        proof.verify(&trust.log, &earlier).map_err(|error| match error {
            LedgerError::Inconsistent | LedgerError::RootMismatch => {
                two_logs(&path.display().to_string(), earlier.size)
                    .because(error)
                    .into()
            }
            other => not_proven(other),
        })?;
        print::line("proven: the log only grew")?;
        print::line(format!(
            "  from     {} entries in {}",
            earlier.size,
            path.display()
        ))?;
        show(&later)?;
    }
    Ok(())
}

/// What a checkpoint says, and who vouches for it.
fn show(signed: &Cosigned) -> anyhow::Result<()> {
    let Checkpoint { origin, size, root } = &signed.checkpoint;
    print::line(format!("  log      {origin}"))?;
    print::line(format!("  size     {size} entries when it was signed"))?;
    print::line(format!("  root     {}", root.to_base64()))?;
    for cosignature in &signed.cosignatures {
        let time = cosignature.time.unwrap_or_default();
        print::line(format!(
            "  witness  {} at {time} (POSIX seconds)",
            cosignature.by.name()
        ))?;
    }
    Ok(())
}

fn check_receipt(args: &Args, file: &Path, trust: &Trust) -> anyhow::Result<()> {
    let receipt = Receipt::parse(&read_text(file)?).map_err(not_proven)?;
    let beside = args.entry.as_ref().map(|path| read(path)).transpose()?;
    let verified = receipt
        .verify_cosigned(&trust.log, &trust.witnesses, trust.needed, beside.as_deref())
        .map_err(not_proven)?;
    let signed = trust.believe(&receipt.checkpoint)?;
    for path in &args.checkpoint {
        let earlier = Checkpoint::open(&read_text(path)?, &trust.log).map_err(not_proven)?;
        let name = path.display();
        if earlier.size != signed.checkpoint.size {
            return Err(Trouble::new(
                format!(
                    "{name} is of {} entries and the receipt's checkpoint of {}",
                    earlier.size, signed.checkpoint.size
                ),
                "one receipt cannot show that a log continues another: ask for a proof and use --consistency",
            )
            .exits_with(NOT_PROVEN)
            .into());
        }
        if earlier.root != signed.checkpoint.root {
            return Err(two_logs(&name.to_string(), earlier.size).into());
        }
        print::line(format!("the receipt's checkpoint is the one in {name}"))?;
    }
    print::line("proven: the log holds this entry")?;
    print::line(format!("  index    {} (the first is 0)", verified.index))?;
    show(&signed)?;
    print::line("  entry")?;
    for line in readable(&verified.entry).lines() {
        print::line(format!("    {line}"))?;
    }
    Ok(())
}

fn two_logs(name: &str, size: u64) -> Trouble {
    Trouble::new(
        format!(
            "{name} is signed by the same key and contradicts: at {size} entries the log had another content"
        ),
        "keep both files: together they prove that the log was rewritten or shown differently to different people",
    )
    .exits_with(NOT_PROVEN)
}

fn not_proven(error: LedgerError) -> anyhow::Error {
    Trouble::new(
        "not proven",
        "check that file and key are whole and belong together; if they do, what the file says is not to be believed",
    )
    .because(error)
    .exits_with(NOT_PROVEN)
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
    use ledger::{Frontier, Signer, TileId, Tiles, bundle, leaf_hash, proof, tile};

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
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect();
        for (id, hashes) in tile::grow(0, &leaves, &Tiles::new()).unwrap() {
            let path = folder.join(id.path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, tile::encode_tile(&hashes)).unwrap();
        }
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
            consistency: None,
            witness: Vec::new(),
            witnesses: None,
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
    fn a_mirror_with_a_changed_or_strange_tile_is_not_believed() {
        let home = tempfile::tempdir().unwrap();
        let signer = Signer::new("log.example/x", [7; 32]).unwrap();
        publish(home.path(), &signer, 300, "first");
        run(&args(home.path(), &signer, Vec::new())).unwrap();
        let path = home.path().join(
            TileId {
                level: 1,
                index: 0,
                width: 1,
            }
            .path(),
        );
        let mut tile = fs::read(&path).unwrap();
        tile[0] ^= 1;
        fs::write(&path, tile).unwrap();
        let error = run(&args(home.path(), &signer, Vec::new()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("tile/1/000.p/1"), "{error}");
    }

    #[test]
    fn a_proof_of_consistency_is_believed_for_the_checkpoint_that_was_kept_only() {
        let home = tempfile::tempdir().unwrap();
        let signer = Signer::new("log.example/x", [7; 32]).unwrap();
        let (old, new, other) = (
            home.path().join("old"),
            home.path().join("new"),
            home.path().join("other"),
        );
        publish(&old, &signer, 3, "first");
        publish(&new, &signer, 7, "first");
        publish(&other, &signer, 3, "rewritten");
        let tiles = fs::read(new.join("tile/0/000.p/7")).unwrap();
        let id = TileId {
            level: 0,
            index: 0,
            width: 7,
        };
        let mut all = Tiles::new();
        all.insert(id, tile::decode_tile(&tiles).unwrap());
        let proof = Continuation {
            old_size: 3,
            hashes: proof::consistency(3, 7, &all).unwrap(),
            checkpoint: fs::read_to_string(new.join("checkpoint")).unwrap(),
        };
        let file = home.path().join("proof");
        fs::write(&file, proof.to_string()).unwrap();
        let check = |earlier: &Path| {
            let mut args = args(home.path(), &signer, vec![earlier.join("checkpoint")]);
            (args.log, args.consistency) = (None, Some(file.clone()));
            run(&args)
        };
        check(&old).unwrap();
        let error = check(&other).unwrap_err().to_string();
        assert!(error.contains("contradicts"), "{error}");
        let error = check(&new).unwrap_err().to_string();
        assert!(error.contains("ask for the proof with old=7"), "{error}");
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
