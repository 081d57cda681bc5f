//! Which version a store is of: the migrations that were applied to it, against those that this program knows.

use domain::{
    DbError,
    tenancy::{Engine, Store},
};
use migration::{DataMigrator, MigratorTrait, VaultMigrator};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Place, Upgrade, Which, role};
use crate::trouble::{Trouble, chain};

/// How a store compares to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The same.
    Current,
    /// Older: these migrations are to be applied.
    Older(Vec<String>),
    /// Newer: these migrations were applied and are not known here.
    Newer(Vec<String>),
}

/// Compares a store to this program. Changes nothing.
pub(crate) async fn version_of(store: &Store, which: Which) -> Result<Version, DbError> {
    match which {
        Which::Data => compare::<DataMigrator>(store).await,
        Which::Vault => compare::<VaultMigrator>(store).await,
    }
}

async fn compare<M: MigratorTrait>(store: &Store) -> Result<Version, DbError> {
    let known: Vec<String> = M::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    let applied = migration::applied::<M>(store.connection_for_maintenance()).await?;
    let newer: Vec<String> = applied
        .iter()
        .filter(|name| !known.contains(name))
        .cloned()
        .collect();
    if !newer.is_empty() {
        return Ok(Version::Newer(newer));
    }
    let older: Vec<String> = known.into_iter().filter(|name| !applied.contains(name)).collect();
    Ok(if older.is_empty() {
        Version::Current
    } else {
        Version::Older(older)
    })
}

/// Refuses a newer store, and applies what an older one lacks, if that may be done. Answers what was applied.
pub(super) async fn bring_up_to_date(
    store: &Store,
    which: Which,
    place: &Place,
    upgrade: Upgrade,
) -> Result<Vec<String>, Trouble> {
    let name = which.name();
    let unreadable = |error: DbError| {
        Trouble::new(
            format!("the version of the {name} cannot be read"),
            "`weir doctor` may say more",
        )
        .because(chain(&error))
    };
    let version = version_of(store, which).await.map_err(unreadable)?;
    let open = migration::unfenced(store.connection_for_maintenance())
        .await
        .map_err(unreadable)?;
    match (version, upgrade) {
        (Version::Newer(names), _) => Err(newer(name, &names)),
        (Version::Older(names), Upgrade::Refuse) => Err(Trouble::new(
            format!(
                "the {name} is of an older version (it lacks {})",
                names.join(", ")
            ),
            "run `weir migrate` once, with the other processes stopped",
        )),
        (Version::Older(names), Upgrade::Do) if store.engine() == Engine::Sqlite => {
            apply(store, which).await?;
            Ok(names)
        }
        // The list of migrations can be read only when everything was granted, in the transaction that put up the fences.
        (Version::Current, _) if open.is_empty() => Ok(Vec::new()),
        (Version::Current, Upgrade::Refuse) => Err(unfenced(name, &open)),
        (_, Upgrade::Do) => match place.open_as_owner(which).await? {
            Some(owner) => {
                let outcome = as_owner(&owner, store, which).await;
                // What it said before matters more.
                let _ = owner.close().await;
                outcome
            }
            None if open.is_empty() => {
                let setting = which.owner_setting();
                Err(Trouble::new(
                    format!(
                        "the {name} is of an older version, or of none, and its role may not change that"
                    ),
                    format!(
                        "set {setting} (WEIR_{}) to the address with the role that owns the database, and run                          `weir migrate`; docs/operations.md, \"Postgres\", says how",
                        setting.to_uppercase()
                    ),
                ))
            }
            None => Err(unfenced(name, &open)),
        },
    }
}

/// Changes the tables of a Postgres store and puts up their fences, one process at a time.
async fn as_owner(owner: &Store, store: &Store, which: Which) -> Result<Vec<String>, Trouble> {
    let name = which.name();
    let trouble = |error: DbError| {
        let remedy = format!(
            "check that {} names the role that owns the database, and what it may do",
            which.owner_setting()
        );
        Trouble::new(format!("the {name} could not be brought up to date"), remedy).because(chain(&error))
    };
    let connection = owner.connection_for_maintenance();
    // Whoever comes second finds nothing left to do. The lock goes with the session.
    let lock = "SELECT pg_advisory_lock(hashtext('weir migrate'))";
    connection
        .query_one_raw(Statement::from_string(DbBackend::Postgres, lock))
        .await
        .map_err(trouble)?;
    let names = match version_of(owner, which).await.map_err(trouble)? {
        Version::Current => Vec::new(),
        Version::Newer(names) => return Err(newer(name, &names)),
        Version::Older(names) => {
            apply(owner, which).await?;
            names
        }
    };
    let role = role::name(store).await.map_err(trouble)?;
    migration::fence(connection, &role).await.map_err(trouble)?;
    Ok(names)
}

async fn apply(store: &Store, which: Which) -> Result<(), Trouble> {
    let connection = store.connection_for_maintenance();
    let outcome = match which {
        Which::Data => DataMigrator::up(connection, None).await,
        Which::Vault => VaultMigrator::up(connection, None).await,
    };
    outcome.map_err(|error| {
        Trouble::new(
            format!("the {} could not be brought up to date", which.name()),
            "nothing of the failed step was kept; check space and rights, and start again",
        )
        .because(chain(&error))
    })
}

fn newer(name: &str, names: &[String]) -> Trouble {
    Trouble::new(
        format!(
            "the {name} was written by a newer version of weir (it has {})",
            names.join(", ")
        ),
        "run that version or a later one; this one would not understand what is stored",
    )
}

fn unfenced(name: &str, open: &[String]) -> Trouble {
    Trouble::new(
        format!(
            "the {name} has tables without row-level security: {}",
            open.join(", ")
        ),
        "run `weir migrate` with the address of the owner set; it puts the fences up again",
    )
}
