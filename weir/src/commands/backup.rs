//! `weir backup`: a consistent copy of the data, made while others go on. Never of the keys: a copy of both in one place
//! would undo every erasure.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use domain::tenancy::Store;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers},
    stores::{Version, Which, places, version_of},
    telemetry,
    trouble::{Trouble, chain},
};

/// Copy the data, without keys, while the server goes on.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file to write. Must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    settings: Flags,
}

/// Makes the copy.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let folder = DataFolder::existing(&settings.data_dir)?;
    let (data, _) = places(&settings, &folder);
    let Some(from) = data.file.clone() else {
        return Err(refuse_server().into());
    };
    if !from.exists() {
        return Err(Trouble::new(
            format!("there are no data in {}", data.shown),
            "name the data folder with --data-dir",
        )
        .into());
    }
    if args.to.exists() {
        return Err(Trouble::new(
            format!("{} is there already", args.to.display()),
            "choose another name, or move it away",
        )
        .into());
    }
    let store = data.open(Which::Data, &settings).await?;
    if let Version::Newer(names) = version_of(&store, Which::Data).await? {
        return Err(Trouble::new(
            format!(
                "the store was written by a newer version of weir (it has {})",
                names.join(", ")
            ),
            "make the backup with that version",
        )
        .into());
    }
    let size = copy(&store, &from, &args.to).await?;
    store.close().await?;
    print::note(format!("{} bytes are in {}", size, args.to.display()));
    print::note(
        "The keys are not in it. Keep copies of vault.db and root.key elsewhere, and briefly: what was erased",
    );
    print::note(
        "stays readable to whoever has an older copy of the vault and a backup. See docs/operations.md.",
    );
    Ok(())
}

/// Both stores on a server have tools of their own that do this better.
pub(super) fn refuse_server() -> Trouble {
    Trouble::new(
        "the data are in Postgres, which has its own tool for this",
        "use pg_dump --format=custom for database_url and pg_restore to put it back; leave the database of vault_url out",
    )
}

async fn copy(store: &Store, from: &Path, to: &Path) -> anyhow::Result<u64> {
    let partial = to.with_added_extension("partial");
    // Made before SQLite writes to it, so that nobody else can ever read it. SQLite takes an empty file for none.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .with_context(|| format!("{} cannot be written", partial.display()))?;
    let outcome = fill(store, from, &partial).await;
    if let Err(error) = outcome {
        // Of no use to anybody, and in the way of the next attempt.
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, to).with_context(|| format!("{} cannot be written", to.display()))?;
    let folder = to
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(to.metadata()?.len())
}

async fn fill(store: &Store, from: &Path, to: &Path) -> anyhow::Result<()> {
    let name = to.to_str().context("the name of the backup must be UTF-8")?;
    // Reads one consistent view; who writes meanwhile does not wait.
    let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [name.into()]);
    let connection = store.connection_for_maintenance();
    let work = connection.execute_raw(copy);
    tokio::pin!(work);
    let mut every = tokio::time::interval(Duration::from_secs(2));
    every.tick().await;
    loop {
        tokio::select! {
            done = &mut work => {
                done.map_err(|error| {
                    Trouble::new("the copy could not be made", "check the space where it goes").because(chain(&error))
                })?;
                return Ok(());
            }
            _ = every.tick() => {
                let length = |path: &Path| path.metadata().map_or(0, |found| found.len());
                print::note(format!("copied {} of about {} bytes", length(to), length(from)));
            }
        }
    }
}
