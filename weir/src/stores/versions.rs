//! Which version a store is of: the migrations that were applied to it, against those that this program knows.

use domain::{DbError, tenancy::Store};
use migration::{DataMigrator, MigratorTrait, VaultMigrator};

use super::{Upgrade, Which};
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
    upgrade: Upgrade,
) -> Result<Vec<String>, Trouble> {
    let name = which.name();
    let version = version_of(store, which).await.map_err(|error| {
        Trouble::new(
            format!("the version of the {name} cannot be read"),
            "`weir doctor` may say more",
        )
        .because(chain(&error))
    })?;
    match (version, upgrade) {
        (Version::Current, _) => Ok(Vec::new()),
        (Version::Newer(names), _) => Err(Trouble::new(
            format!(
                "the {name} was written by a newer version of weir (it has {})",
                names.join(", ")
            ),
            "run that version or a later one; this one would not understand what is stored",
        )),
        (Version::Older(names), Upgrade::Refuse) => Err(Trouble::new(
            format!(
                "the {name} is of an older version (it lacks {})",
                names.join(", ")
            ),
            "run `weir migrate` once, with the other processes stopped",
        )),
        (Version::Older(names), Upgrade::Do) => {
            let connection = store.connection_for_maintenance();
            let outcome = match which {
                Which::Data => DataMigrator::up(connection, None).await,
                Which::Vault => VaultMigrator::up(connection, None).await,
            };
            outcome.map_err(|error| {
                Trouble::new(
                    format!("the {name} could not be brought up to date"),
                    "nothing of the failed step was kept; check space and rights, and start again",
                )
                .because(chain(&error))
            })?;
            Ok(names)
        }
    }
}
