//! `weir move`: takes an installation from the SQLite files of its data folder to the Postgres databases that the settings
//! name, keys first.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use domain::{
    installation::{self, Mark},
    moving::{self, Progress},
    tenancy::Store,
};

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers, Settings},
    stores::{Place, Stores, Upgrade, Version, Which, fits, given_root_keys, open_empty, version_of},
    telemetry,
    trouble::{Trouble, chain},
};

/// Take everything from SQLite to the Postgres databases that the settings name.
///
/// Stop weir first. Interrupted, it can be run again and goes on where it was. Nothing in the data folder is changed: its
/// root key and its page keys are used from there also afterwards.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// Moves.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let is_server = |url: Option<&str>| url.is_some_and(|url| !url.starts_with("sqlite:"));
    if !is_server(settings.database_url()) || !is_server(settings.vault_url()) {
        return Err(Trouble::new(
            "the settings do not name two Postgres databases to move to",
            "set database_url, database_owner_url, vault_url and vault_owner_url as they will be from now on",
        )
        .into());
    }
    let folder = DataFolder::existing(&settings.data_dir)?;
    // Whoever serves from it would go on writing behind our back.
    let _lock = folder.lock()?;
    let old_data = open_old(Which::Data, &folder, &settings).await?;
    let old_keys = open_old(Which::Vault, &folder, &settings).await?;
    let mark = mark_of(&old_data, &old_keys).await?;
    if !fits(&mark, &given_root_keys(&settings, &folder)?) {
        return Err(Trouble::new(
            "the root key is not the one of this installation",
            "put back its root.key, or set WEIR_ROOT_KEY to it",
        )
        .into());
    }
    let (data, keys) = open_empty(&settings, &folder, &mark).await?;

    let mut bar = Bar::new();
    let key_rows = moving::keys_from(&old_keys, &keys, &mut |progress| bar.tell(progress)).await;
    let key_rows = bar.end(key_rows)?;
    let rows = moving::data_from(&old_data, &data, &mut |progress| bar.tell(progress)).await;
    let rows = bar.end(rows)?;
    for store in [old_data, old_keys, data, keys] {
        store.close().await?;
    }
    // As the next start would: marks, versions, fences, root key and page keys.
    let stores = Stores::open(&settings, &folder, Upgrade::Refuse).await?;
    stores.close().await?;
    print::note(format!(
        "{rows} rows and {key_rows} keys are in place, and every table has as many as before. Start weir with these settings."
    ));
    print::note(format!(
        "{} and {} are as they were. Once you trust the new home, delete them, and nothing else of the folder: root.key and \
         pages.key stay in use.",
        folder.data_file().display(),
        folder.vault_file().display()
    ));
    Ok(())
}

async fn open_old(which: Which, folder: &DataFolder, settings: &Settings) -> Result<Store, Trouble> {
    let file = match which {
        Which::Data => folder.data_file(),
        Which::Vault => folder.vault_file(),
    };
    let place = Place::file(&file);
    if !file.exists() {
        return Err(Trouble::new(
            format!("there is nothing to move: there is no {}", place.shown),
            "name the data folder of the installation with --data-dir or WEIR_DATA_DIR",
        ));
    }
    let store = place.open(which, settings).await?;
    let names = match version_of(&store, which).await {
        Ok(Version::Current) => return Ok(store),
        Ok(Version::Older(names) | Version::Newer(names)) => names.join(", "),
        Err(error) => chain(&error),
    };
    Err(Trouble::new(
        format!("{} is of another version than this program", place.shown),
        "run `weir migrate` once without the addresses of Postgres, with this program",
    )
    .because(names))
}

async fn mark_of(data: &Store, keys: &Store) -> Result<Mark, Trouble> {
    let of_data = installation::mark_of_data(data).await.ok().flatten();
    let of_keys = installation::mark_of_keys(keys).await.ok().flatten();
    match (of_data, of_keys) {
        (Some(data), Some(keys)) if data.installation == keys.installation => Ok(data),
        _ => Err(Trouble::new(
            "the data and the keys in the folder do not belong to each other",
            "start weir without the addresses of Postgres once: it says what is missing",
        )),
    }
}

/// Says how far it is: one line that changes on a terminal, a line every few seconds elsewhere.
struct Bar {
    is_terminal: bool,
    told: Option<Instant>,
}

impl Bar {
    const WIDTH: u64 = 30;
    const EVERY: Duration = Duration::from_secs(2);

    fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            told: None,
        }
    }

    fn tell(&mut self, progress: Progress) {
        let Progress { table, done, of } = progress;
        if self.is_terminal {
            let full = (done * Self::WIDTH).checked_div(of).unwrap_or(Self::WIDTH);
            let bar: String = (0..Self::WIDTH)
                .map(|at| if at < full { '█' } else { '░' })
                .collect();
            let mut out = io::stderr().lock();
            // Nobody is left to be told when this fails.
            let _ = write!(out, "\r\x1b[K{bar} {table} {done} of {of}");
            let _ = out.flush();
        } else if of > 0 && (done == of || self.told.is_none_or(|at| at.elapsed() >= Self::EVERY)) {
            self.told = Some(Instant::now());
            print::note(format!("{table}: {done} of {of} rows"));
        }
    }

    fn end<T>(&mut self, outcome: domain::error::Result<T>) -> Result<T, Trouble> {
        if self.is_terminal {
            print::note("\r\x1b[K");
        }
        outcome.map_err(|error| {
            Trouble::new(
                "the move was interrupted",
                "run it again with the same settings: it goes on where it was, and nothing in the folder has changed",
            )
            .because(chain(&error))
        })
    }
}
