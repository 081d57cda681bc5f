//! Who Weir is to a Postgres server. Row-level security means nothing to a role that may bypass it, so Weir does not run as
//! one: neither as a superuser, nor as an owner, nor as anybody who could become one of these.

use domain::{
    DbError,
    tenancy::{Engine, Store},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::Which;
use crate::trouble::{Trouble, chain};

/// What the server says of the role that we came as, and of all roles that it may take on.
const ASK: &str = "
    SELECT session_user::text AS name,
           (SELECT coalesce(bool_or(rolsuper), false) FROM pg_roles
            WHERE pg_has_role(session_user, oid, 'MEMBER')) AS is_super,
           (SELECT coalesce(bool_or(rolbypassrls), false) FROM pg_roles
            WHERE pg_has_role(session_user, oid, 'MEMBER')) AS bypasses,
           (SELECT pg_has_role(session_user, datdba, 'MEMBER') FROM pg_database
            WHERE datname = current_database()) AS owns_database,
           (SELECT count(*) > 0 FROM pg_class
            WHERE relkind IN ('r', 'p') AND pg_has_role(session_user, relowner, 'MEMBER')
              AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())) AS owns_tables";

struct Role {
    name: String,
    is_super: bool,
    bypasses: bool,
    owns_database: bool,
    owns_tables: bool,
}

impl Role {
    async fn of(store: &Store) -> Result<Self, DbError> {
        let ask = Statement::from_string(DbBackend::Postgres, ASK);
        let row = store.connection_for_maintenance().query_one_raw(ask).await?;
        let row = row.ok_or_else(|| DbError::RecordNotFound("the role".to_owned()))?;
        Ok(Self {
            name: row.try_get("", "name")?,
            is_super: row.try_get("", "is_super")?,
            bypasses: row.try_get("", "bypasses")?,
            owns_database: row.try_get("", "owns_database")?,
            owns_tables: row.try_get("", "owns_tables")?,
        })
    }

    /// Why it must not be the one that Weir runs as.
    fn objection(&self) -> Option<&'static str> {
        if self.is_super {
            Some("it is a superuser, or may become one")
        } else if self.bypasses {
            Some("it has BYPASSRLS, or may become a role that has it")
        } else if self.owns_tables {
            Some("it owns the tables, or may become who owns them")
        } else if self.owns_database {
            Some("it owns the database, or may become who owns it")
        } else {
            None
        }
    }
}

/// Refuses a role that row-level security does not hold. There is nothing to check on SQLite.
pub(crate) async fn check(store: &Store, which: Which) -> Result<(), Trouble> {
    if store.engine() == Engine::Sqlite {
        return Ok(());
    }
    let role = Role::of(store).await.map_err(|error| {
        let what = format!("the {} does not say what its role may do", which.name());
        Trouble::new(what, "check that it is a PostgreSQL server, version 13 or later").because(chain(&error))
    })?;
    let Some(objection) = role.objection() else {
        return Ok(());
    };
    let (setting, owner) = (which.setting(), which.owner_setting());
    let remedy = format!(
        "make a role for weir alone, CREATE ROLE weir_app LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS, and name it in {setting}; \
         move the address that is there now to {owner} (WEIR_{}), which only `weir migrate` and `weir serve` need. \
         docs/operations.md, \"Postgres\", has the whole of it",
        owner.to_uppercase()
    );
    Err(Trouble::new(
        format!(
            "the role {} of {setting} is not held by row-level security",
            role.name
        ),
        remedy,
    )
    .because(objection))
}

/// What the role is called.
pub(super) async fn name(store: &Store) -> Result<String, DbError> {
    let ask = Statement::from_string(DbBackend::Postgres, "SELECT current_user::text");
    let row = store.connection_for_maintenance().query_one_raw(ask).await?;
    row.ok_or_else(|| DbError::RecordNotFound("the role".to_owned()))?
        .try_get_by_index(0)
}
