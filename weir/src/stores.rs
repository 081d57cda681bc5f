//! Opens the two stores and makes sure that they are whole, of a version that this program knows, and belong to each
//! other and to the root key. Whatever is not as it should be is said before anything is changed.

mod marks;
mod role;
mod roots;
mod versions;

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::{
    DbError,
    installation::Mark,
    keys::Pages,
    tenancy::{Engine, Store, StoreSettings},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::{net::TcpStream, time::timeout};
use url::Url;
use vault::key::RootKey;

pub(crate) use marks::open_empty;
pub(crate) use role::check as check_role;
pub(crate) use roots::given as given_root_keys;
pub(crate) use versions::{Version, version_of};

use crate::{
    data_folder::DataFolder,
    settings::{Settings, redact_url},
    trouble::{Trouble, chain},
};

/// What may be done to stores that are of an older version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Change them.
    Do,
    /// Refuse them: another process may be using them.
    Refuse,
}

/// Both stores, open and fit for use.
pub(crate) struct Stores {
    /// The data.
    pub(crate) data: Store,
    /// The keys.
    pub(crate) vault: Store,
    /// What the keys are wrapped with: the newest first, and the one it replaces while that lasts.
    pub(crate) roots: Vec<RootKey>,
    /// What lies around the keys, and is overwritten when they are destroyed.
    pub(crate) pages: Pages,
    /// Migrations that were applied just now.
    pub(crate) applied: Vec<String>,
}

/// Which of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The data.
    Data,
    /// The keys.
    Vault,
}

impl Which {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Data => "store",
            Self::Vault => "vault",
        }
    }

    /// The setting that says where it is.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Data => "database_url",
            Self::Vault => "vault_url",
        }
    }

    /// The setting that says who may change its tables.
    pub(crate) fn owner_setting(self) -> &'static str {
        match self {
            Self::Data => "database_owner_url",
            Self::Vault => "vault_owner_url",
        }
    }
}

/// Where a store is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The address to open it by. May hold a password.
    url: String,
    /// The address to change its tables by. May hold a password.
    owner_url: Option<String>,
    /// The address without secrets.
    pub(crate) shown: String,
    /// The file, of a SQLite store.
    pub(crate) file: Option<PathBuf>,
}

impl Place {
    /// Where the settings say that a store is.
    pub(crate) fn of(which: Which, settings: &Settings, folder: &DataFolder) -> Self {
        let (url, owner, file) = match which {
            Which::Data => (
                settings.database_url(),
                settings.database_owner_url(),
                folder.data_file(),
            ),
            Which::Vault => (
                settings.vault_url(),
                settings.vault_owner_url(),
                folder.vault_file(),
            ),
        };
        match url {
            None => Self::file(&file),
            Some(url) => {
                let path = url
                    .strip_prefix("sqlite://")
                    .or_else(|| url.strip_prefix("sqlite:"));
                match path {
                    Some(path) => Self::file(Path::new(path.split('?').next().unwrap_or(path))),
                    None => Self {
                        url: url.to_owned(),
                        owner_url: owner.map(str::to_owned),
                        shown: redact_url(url),
                        file: None,
                    },
                }
            }
        }
    }

    /// A SQLite file.
    pub(crate) fn file(path: &Path) -> Self {
        let mut escaped = String::new();
        // The path becomes a part of an address, where these have a meaning.
        for letter in path.display().to_string().chars() {
            match letter {
                '%' => escaped.push_str("%25"),
                '?' => escaped.push_str("%3f"),
                '#' => escaped.push_str("%23"),
                other => escaped.push(other),
            }
        }
        Self {
            url: format!("sqlite://{escaped}?mode=rwc"),
            owner_url: None,
            shown: path.display().to_string(),
            file: Some(path.to_owned()),
        }
    }

    /// Whether there is a file with something in it. Of a server nobody knows before asking.
    fn is_there(&self) -> bool {
        self.file
            .as_ref()
            .is_none_or(|path| path.metadata().is_ok_and(|found| found.len() > 0))
    }

    /// Opens the store.
    pub(crate) async fn open(&self, which: Which, settings: &Settings) -> Result<Store, Trouble> {
        self.make_private(which)?;
        self.greet(&self.url, which).await?;
        let store = StoreSettings {
            url: self.url.clone(),
            owner: false,
            statement_timeout: Duration::from_secs(settings.store.statement_seconds),
            connections: match which {
                Which::Data => settings.store.connections,
                Which::Vault => settings.vault.connections,
            },
            // A key that the disk has lost takes all that it sealed with it.
            durable: which == Which::Vault || settings.store.durable,
            log_pages: match which {
                Which::Data => 8192,
                Which::Vault => 1000,
            },
        };
        Store::open(&store)
            .await
            .map_err(|error| self.cannot_open(which, &chain(&error)))
    }

    /// Opens a server's store as the role that owns the tables, where the settings name it. Close it soon.
    pub(crate) async fn open_as_owner(&self, which: Which) -> Result<Option<Store>, Trouble> {
        let Some(url) = &self.owner_url else {
            return Ok(None);
        };
        self.greet(url, which).await?;
        let store = StoreSettings {
            url: url.clone(),
            owner: true,
            ..StoreSettings::default()
        };
        let opened = Store::open(&store).await.map_err(|error| {
            Trouble::new(
                format!(
                    "the {} does not let in whom {} names",
                    which.name(),
                    which.owner_setting()
                ),
                "check role, password and address",
            )
            .because(chain(&error))
        })?;
        Ok(Some(opened))
    }

    /// Makes a file that is not there yet, for its owner only: SQLite would let the group and others read it. Its log
    /// gets the same rights.
    fn make_private(&self, which: Which) -> Result<(), Trouble> {
        let Some(file) = &self.file else { return Ok(()) };
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
        {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                let what = format!("the {} in {} cannot be made", which.name(), self.shown);
                Err(Trouble::new(what, "check who may write there").because(error))
            }
            _ => Ok(()),
        }
    }

    /// Asks whether anybody listens at a server's address: the pool would try again for long and then not say why.
    async fn greet(&self, url: &str, which: Which) -> Result<(), Trouble> {
        let Some(url) = url.parse::<Url>().ok().filter(|_| self.file.is_none()) else {
            return Ok(());
        };
        // Without a host it is a socket in the file system.
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Ok(());
        };
        let address = (
            host.trim_start_matches('[').trim_end_matches(']'),
            url.port().unwrap_or(5432),
        );
        let answer = timeout(Duration::from_secs(5), TcpStream::connect(address)).await;
        let cause = match answer {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer within 5 seconds".to_owned(),
        };
        Err(self.cannot_open(which, &cause))
    }

    fn cannot_open(&self, which: Which, cause: &str) -> Trouble {
        let (name, shown) = (which.name(), &self.shown);
        let (what, remedy) = match (&self.file, which) {
            (None, _) => (
                format!("the {name} at {shown} does not answer"),
                "check the address, that the server runs, and that it lets this user in".to_owned(),
            ),
            (Some(_), Which::Data) => (
                format!("the {name} in {shown} cannot be opened"),
                "if the file is damaged, put back a backup with `weir restore --from FILE --force`"
                    .to_owned(),
            ),
            (Some(_), Which::Vault) => (
                format!("the {name} in {shown} cannot be opened"),
                "if the file is damaged, put back the vault's own copy; nothing sealed opens without it"
                    .to_owned(),
            ),
        };
        Trouble::new(what, remedy).because(cause)
    }
}

impl Stores {
    /// Opens both stores and checks everything about them.
    pub(crate) async fn open(
        settings: &Settings,
        folder: &DataFolder,
        upgrade: Upgrade,
    ) -> Result<Self, Trouble> {
        let (data_place, vault_place) = places(settings, folder);
        refuse_half(&data_place, &vault_place)?;
        // First the keys: whether the data may be made anew depends on them.
        let (vault, mut applied) = open_one(Which::Vault, &vault_place, settings, upgrade).await?;
        if !data_place.is_there() {
            marks::refuse_orphaned_keys(&vault, &vault_place, &data_place).await?;
        }
        let (data, more) = open_one(Which::Data, &data_place, settings, upgrade).await?;
        applied.extend(more);
        let roots = marks::root_keys(settings, folder, &data, &vault).await?;
        let pages = marks::pages(&settings.page_keys(folder), &vault).await?;
        Ok(Self {
            data,
            vault,
            roots,
            pages,
            applied,
        })
    }

    /// Closes both.
    pub(crate) async fn close(self) -> Result<(), DbError> {
        self.data.close().await?;
        self.vault.close().await
    }
}

/// Opens one store: whole, held by its fences, of this version. Answers what was applied to it, too.
async fn open_one(
    which: Which,
    place: &Place,
    settings: &Settings,
    upgrade: Upgrade,
) -> Result<(Store, Vec<String>), Trouble> {
    let store = place.open(which, settings).await?;
    check_whole(&store, which, place, settings).await?;
    role::check(&store, which).await?;
    let applied = versions::bring_up_to_date(&store, which, place, upgrade).await?;
    Ok((store, applied))
}

/// Where both stores are.
pub(crate) fn places(settings: &Settings, folder: &DataFolder) -> (Place, Place) {
    (
        Place::of(Which::Data, settings, folder),
        Place::of(Which::Vault, settings, folder),
    )
}

/// Data without keys are lost, and a new vault beside them would hide that.
fn refuse_half(data: &Place, vault: &Place) -> Result<(), Trouble> {
    if data.file.is_some() && vault.file.is_some() && data.is_there() && !vault.is_there() {
        return Err(Trouble::new(
            format!(
                "{} has data, but the keys to them are missing: there is no {}",
                data.shown, vault.shown
            ),
            "put the vault's file back where it was; to begin anew, move the whole data folder away",
        ));
    }
    Ok(())
}

/// Looks for damage in a file that is small enough to do that at every start.
async fn check_whole(store: &Store, which: Which, place: &Place, settings: &Settings) -> Result<(), Trouble> {
    let size = place
        .file
        .as_ref()
        .and_then(|path| path.metadata().ok())
        .map_or(0, |found| found.len());
    if size > settings.store.check_up_to_mib << 20 {
        return Ok(());
    }
    match damage(store).await {
        Ok(None) => Ok(()),
        Ok(Some(damage)) => Err(is_damaged(which, place).because(damage)),
        Err(error) => Err(is_damaged(which, place).because(chain(&error))),
    }
}

fn is_damaged(which: Which, place: &Place) -> Trouble {
    let remedy = match which {
        Which::Data => {
            "put back a backup with `weir restore --from FILE --force`, and keep a copy of the damaged file"
        }
        Which::Vault => "put back the vault's own copy; nothing sealed opens without it",
    };
    Trouble::new(
        format!("the {} in {} is damaged", which.name(), place.shown),
        remedy,
    )
}

/// What is wrong with a SQLite file, if anything is. Reads all of it.
pub(crate) async fn damage(store: &Store) -> Result<Option<String>, DbError> {
    if store.engine() != Engine::Sqlite {
        return Ok(None);
    }
    let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA quick_check(1)");
    let row = store.connection_for_maintenance().query_one_raw(check).await?;
    let verdict = match row {
        Some(row) => row.try_get_by_index::<String>(0)?,
        None => "no answer".to_owned(),
    };
    Ok((verdict != "ok").then(|| verdict.replace('\n', " ")))
}

/// Checks that one of the root keys is the one of an installation.
pub(crate) fn fits(mark: &Mark, roots: &[RootKey]) -> bool {
    roots.iter().any(|root| mark.is_of(root))
}
