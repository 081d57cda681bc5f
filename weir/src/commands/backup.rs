//! `weir backup`: a consistent copy of the data, made while others go on. Never with the keys: a copy of both in one place
//! would undo every erasure. `--keys-to` makes the other copy, of the keys alone, which has a rule of its own.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use domain::{keys::Pages, tenancy::Store};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use vault::chance::SystemChance;

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers, Settings},
    stores::{Place, Version, Which, places, version_of},
    telemetry,
    trouble::{Trouble, chain},
};

/// Copy the data, without keys, while the server goes on.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["to", "keys_to"])))]
pub(crate) struct Args {
    /// The file to write the data to. Must not be there yet
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Copy the keys instead, vault.db and pages.key of one moment, to this folder. What is erased after that stays
    /// readable to whoever has this copy, the root key and a backup
    #[arg(long, value_name = "FOLDER")]
    keys_to: Option<PathBuf>,
    #[command(flatten)]
    settings: Flags,
}

/// Makes the copy.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let folder = DataFolder::existing(&settings.data_dir)?;
    let (data, vault) = places(&settings, &folder);
    let to = match (args.to, args.keys_to) {
        (_, Some(to)) => return copy_keys(&settings, &folder, &vault, &to).await,
        (Some(to), None) => to,
        // Clap has refused this.
        (None, None) => return Ok(()),
    };
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
    if to.exists() {
        return Err(Trouble::new(
            format!("{} is there already", to.display()),
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
    let size = copy(&store, &from, &to).await?;
    store.close().await?;
    print::note(format!("{} bytes are in {}", size, to.display()));
    print::note(
        "The keys are not in it. Keep a copy of them elsewhere (--keys-to, and root.key), and briefly: what was erased",
    );
    print::note(
        "stays readable to whoever has an older copy of the vault and a backup. See docs/operations.md.",
    );
    Ok(())
}

/// Copies the vault and its page keys as they belong together.
async fn copy_keys(settings: &Settings, folder: &DataFolder, vault: &Place, to: &Path) -> anyhow::Result<()> {
    let Some(from) = vault.file.clone() else {
        return Err(Trouble::new(
            "the vault is in Postgres, which has its own tool for this",
            "stop what destroys keys (`weir serve`, `weir worker`), pg_dump the database of vault_url, copy pages.key, start again",
        )
        .into());
    };
    let pages_file = settings.page_keys(folder);
    if !from.exists() || !pages_file.exists() {
        return Err(Trouble::new(
            format!("there are no keys in {}", folder.path().display()),
            "name the data folder with --data-dir",
        )
        .into());
    }
    let (database, pages) = (to.join("vault.db"), to.join("pages.key"));
    if database.exists() || pages.exists() {
        return Err(Trouble::new(
            format!("{} has a copy of keys already", to.display()),
            "choose another folder; and remove old copies, each keeps alive what was erased since",
        )
        .into());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .with_context(|| format!("{} cannot be made", to.display()))?;
    let store = vault.open(Which::Vault, settings).await?;
    let file = Pages::open(&pages_file, &SystemChance)?;
    let copied = file
        .copy_with(&pages, async {
            copy(&store, &from, &database).await.map_err(Copying)
        })
        .await;
    store.close().await?;
    copied.map_err(|Copying(error)| error)?;
    File::open(to)?.sync_all()?;
    print::note(format!(
        "vault.db and pages.key are in {}. They belong together, and to the root key, which is not there.",
        to.display()
    ));
    print::note(
        "Until this copy is destroyed, what is erased from now on is not gone for whoever has it. See docs/operations.md.",
    );
    Ok(())
}

/// Whatever went wrong while keys were copied.
struct Copying(anyhow::Error);

impl From<domain::Error> for Copying {
    fn from(error: domain::Error) -> Self {
        Self(error.into())
    }
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
    // What a backup left behind that was killed.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be removed", partial.display()));
        }
        _ => {}
    }
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

/// How often the copy so far is put on the disk. Left to the end, all of it is written in one go, and whoever serves meanwhile waits
/// for it with each message and each key that has to be durable.
const SETTLE_EVERY: Duration = Duration::from_millis(200);

async fn fill(store: &Store, from: &Path, to: &Path) -> anyhow::Result<()> {
    let name = to.to_str().context("the name of the backup must be UTF-8")?;
    // Reads one consistent view; who writes meanwhile does not wait.
    let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [name.into()]);
    let connection = store.connection_for_maintenance();
    let work = connection.execute_raw(copy);
    tokio::pin!(work);
    let mut every = tokio::time::interval(Duration::from_secs(2));
    every.tick().await;
    let mut settle = tokio::time::interval(SETTLE_EVERY);
    loop {
        tokio::select! {
            done = &mut work => {
                done.map_err(|error| {
                    Trouble::new("the copy could not be made", "check the space where it goes").because(chain(&error))
                })?;
                return Ok(());
            }
            _ = settle.tick() => {
                let copied = File::open(to)?;
                tokio::task::spawn_blocking(move || copied.sync_data()).await??;
            }
            _ = every.tick() => {
                let length = |path: &Path| path.metadata().map_or(0, |found| found.len());
                print::note(format!("copied {} of about {} bytes", length(to), length(from)));
            }
        }
    }
}
