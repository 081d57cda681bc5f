//! `weir restore`: puts a backup of the data back, beside the keys that belong to it. What was erased since the backup
//! stays erased: the keys are gone, and the worker removes the rows.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context;
use domain::{channels, installation};
use vault::chance::SystemChance;

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers, Settings},
    stores::{Place, Version, Which, damage, fits, given_root_keys, places, version_of},
    telemetry,
    trouble::{Trouble, chain},
};

/// Put a backup of the data back.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The backup, made by `weir backup`
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Replace the data that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    settings: Flags,
}

/// Puts it back. Until everything about the backup is found good, nothing is changed.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let folder = DataFolder::prepare(&settings.data_dir)?;
    let _lock = folder.lock()?;
    let (data, vault) = places(&settings, &folder);
    let Some(target) = data.file else {
        return Err(super::backup::refuse_server().into());
    };
    if target.exists() && !args.force {
        return Err(Trouble::new(
            format!("there are data already, in {}", target.display()),
            "add --force to replace them with the backup; they are gone then",
        )
        .into());
    }
    // SQLite writes to what it opens, and the backup must stay as it is.
    let copy = target.with_added_extension("restoring");
    remove(&copy)?;
    print::note(format!("copying {}", args.from.display()));
    let copied = fs::copy(&args.from, &copy);
    copied.map_err(|error| {
        Trouble::new(
            format!("{} cannot be copied", args.from.display()),
            "check the name, and the space in the data folder",
        )
        .because(error)
    })?;
    print::note("checking it");
    let outcome = check(&copy, &args.from, &vault, &settings, &folder).await;
    if let Err(error) = outcome {
        remove(&copy)?;
        return Err(error);
    }
    File::open(&copy)?.sync_all()?;
    remove(&target)?;
    fs::rename(&copy, &target).with_context(|| format!("{} cannot be written", target.display()))?;
    File::open(folder.path())?.sync_all()?;
    print::note(format!("{} is in place. Start weir again.", target.display()));
    Ok(())
}

async fn check(
    copy: &Path,
    from: &Path,
    vault: &Place,
    settings: &Settings,
    folder: &DataFolder,
) -> anyhow::Result<()> {
    let shown = from.display();
    let no_backup =
        |reason: &str| Trouble::new(format!("{shown} {reason}"), "name a file that `weir backup` made");
    let store = Place::file(copy)
        .open(Which::Data, settings)
        .await
        .map_err(|_| no_backup("is not a backup"))?;
    if let Some(damage) = damage(&store).await? {
        return Err(no_backup("is damaged").because(damage).into());
    }
    match version_of(&store, Which::Data).await? {
        Version::Newer(names) => {
            return Err(Trouble::new(
                format!(
                    "{shown} was made by a newer version of weir (it has {})",
                    names.join(", ")
                ),
                "restore it with that version",
            )
            .into());
        }
        Version::Older(names) => print::note(format!(
            "it is of an older version; the next start applies {}",
            names.join(", ")
        )),
        Version::Current => {}
    }
    // A version without marks cannot be: they are in the first migration.
    let mark = installation::mark_of_data(&store)
        .await
        .ok()
        .flatten()
        .ok_or_else(|| no_backup("is not a backup of weir"))?;
    // Clients that saw what came after the backup must not take what comes now for it.
    channels::renew_epochs(&store, &SystemChance)
        .await
        .map_err(|error| no_backup("is not a backup").because(chain(&error)))?;
    store.close().await?;
    let roots = given_root_keys(settings, folder)?;
    if !roots.is_empty() && !fits(&mark, &roots) {
        return Err(Trouble::new(
            format!("{shown} was made under another root key"),
            "put back the root.key of that installation first, together with its vault",
        )
        .into());
    }
    if vault.file.as_ref().is_some_and(|file| !file.exists()) {
        print::note(format!(
            "note: there is no {}. Put it back before you start: nothing sealed opens without it.",
            vault.shown
        ));
        return Ok(());
    }
    let keys = vault.open(Which::Vault, settings).await?;
    let of_keys = installation::mark_of_keys(&keys).await.ok().flatten();
    keys.close().await?;
    if of_keys.is_some_and(|of_keys| of_keys.installation != mark.installation) {
        return Err(Trouble::new(
            format!(
                "{shown} is of another installation than the vault in {}",
                vault.shown
            ),
            "put back the vault that belongs to it first",
        )
        .into());
    }
    Ok(())
}

/// Removes a SQLite file and what SQLite keeps beside it: an old log beside a new file would destroy it.
fn remove(file: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} cannot be removed", name.display()));
            }
            _ => {}
        }
    }
    Ok(())
}
