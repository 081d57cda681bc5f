//! The connections. SQLite gets one writer and several readers; Postgres one pool for both.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is where connections and transactions come from"
)]

use std::{sync::Arc, time::Duration};

use sea_orm::{
    AccessMode, ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::{
    SystemTx, TenantScope, TenantTx,
    folding::{Folding, checkpoint},
};

/// Which database engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded.
    Sqlite,
    /// A server.
    Postgres,
}

/// Where a store is and how many connections it gets.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// `sqlite://…?mode=rwc` or `postgres://…`.
    pub url: String,
    /// Connections for reading on SQLite, for everything on Postgres.
    pub connections: u32,
    /// Whether a commit waits for the disk. Off only where losing the last moments is fine.
    pub durable: bool,
    /// How long the write-ahead log of a SQLite store may grow before it is folded into the file, in pages of 4 KiB. A
    /// page that is written again and again is folded once: ten times the log spares a journal nine tenths of that.
    pub log_pages: u32,
    /// How long one statement may take on Postgres.
    pub statement_timeout: Duration,
    /// As the role that owns the tables of a Postgres store: to change them, with as much time as that takes.
    pub owner: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections: 8,
            durable: true,
            log_pages: 1000,
            statement_timeout: Duration::from_secs(30),
            owner: false,
        }
    }
}

/// Owns the connections to one database.
#[derive(Clone, Debug)]
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// SQLite's.
    folding: Option<Arc<Folding>>,
}

impl Store {
    /// Connects.
    ///
    /// # Errors
    /// What the database said when it could not be reached or opened.
    pub async fn open(settings: &StoreSettings) -> Result<Self, DbErr> {
        if settings.url.starts_with("sqlite:") {
            let writer = Database::connect(sqlite(settings, Part::Writes)).await?;
            let reader = Database::connect(sqlite(settings, Part::Reads)).await?;
            let beside = Database::connect(sqlite(settings, Part::Folds)).await?;
            let folding = Folding::start(settings.log_pages, beside, writer.clone());
            return Ok(Self {
                writer,
                reader,
                folding: Some(Arc::new(folding)),
            });
        }
        let pool = Database::connect(postgres(settings)).await?;
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            folding: None,
        })
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.writer.get_database_backend() {
            DbBackend::Sqlite => Engine::Sqlite,
            _ => Engine::Postgres,
        }
    }

    /// The connection itself, for migrations and for the copy of a backup. Nothing else has a use for it.
    pub fn connection_for_maintenance(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins to change one tenant's data.
    pub async fn begin(&self, scope: &TenantScope) -> Result<TenantTx, DbErr> {
        TenantTx::enter(self.write().await?, scope).await
    }

    /// Begins to read one tenant's data: one consistent view, and writes fail.
    pub async fn read(&self, scope: &TenantScope) -> Result<TenantTx, DbErr> {
        TenantTx::enter(self.view().await?, scope).await
    }

    /// Begins work across tenants. The reason goes to the log.
    pub async fn system(&self, reason: &'static str) -> Result<SystemTx, DbErr> {
        SystemTx::enter(self.write().await?, reason).await
    }

    /// Begins to read across tenants. The reason goes to the log.
    pub async fn system_read(&self, reason: &'static str) -> Result<SystemTx, DbErr> {
        SystemTx::enter(self.view().await?, reason).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// Closes the connections; on SQLite the write-ahead log is folded into the file first.
    pub async fn close(self) -> Result<(), DbErr> {
        if self.engine() == Engine::Sqlite {
            self.reader.clone().close().await?;
            if let Some(folding) = &self.folding {
                folding.stop().await?;
            }
            self.forget_log().await?;
        }
        self.writer.close().await
    }

    /// Makes what was just deleted leave the write-ahead log too. Readers of older views may delay that; the next call
    /// gets it.
    pub async fn forget_log(&self) -> Result<(), DbErr> {
        let Some(folding) = &self.folding else {
            return Ok(());
        };
        let _alone = folding.pause().await;
        checkpoint(&self.writer, "TRUNCATE").await.map(drop)
    }

    async fn write(&self) -> Result<DatabaseTransaction, DbErr> {
        // Immediate: another process that writes (`weir bootstrap`) makes us wait here, not fail half-way.
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.engine() == Engine::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.writer.begin_with_options(options).await
    }

    async fn view(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.engine() {
            Engine::Sqlite => self.reader.begin().await,
            Engine::Postgres => {
                self.reader
                    .begin_with_config(None, Some(AccessMode::ReadOnly))
                    .await
            }
        }
    }
}

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

fn postgres(settings: &StoreSettings) -> ConnectOptions {
    let timeout = settings.statement_timeout;
    let owner = settings.owner;
    let mut options = ConnectOptions::new(&settings.url);
    options
        // One for the owner: a lock that belongs to a session keeps two processes from changing the tables at once.
        .max_connections(if owner { 1 } else { settings.connections.max(2) })
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(10))
        .set_application_name(if owner { "weir-owner" } else { "weir" })
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |options| {
            if owner {
                // The fences hold for the owner, too; a change of the tables may move rows of all tenants.
                return options.options([
                    ("weir.reason", "the-owner-changes-the-tables"),
                    ("lock_timeout", "10s"),
                ]);
            }
            options.statement_cache_capacity(STATEMENTS).options([
                ("statement_timeout", format!("{}ms", timeout.as_millis())),
                // Waiting for a lock is not working: whoever waits so long gives the connection back.
                ("lock_timeout", format!("{}ms", timeout.as_millis() / 2)),
                // A process that hangs within a transaction must not hold its locks for ever.
                (
                    "idle_in_transaction_session_timeout",
                    format!("{}ms", timeout.as_millis() * 2),
                ),
            ])
        });
    options
}

/// What a connection to SQLite is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Writes,
    Reads,
    Folds,
}

/// A log that is so many times as long as it should be is folded by whoever writes.
const FAR_TOO_LONG: u32 = 8;

fn sqlite(settings: &StoreSettings, part: Part) -> ConnectOptions {
    let synchronous = if settings.durable { "FULL" } else { "NORMAL" };
    let log_pages = settings.log_pages.saturating_mul(FAR_TOO_LONG);
    let mut options = ConnectOptions::new(&settings.url);
    options
        // One writer: SQLite has one anyway, and a queue in front of it is fairer than a busy handler.
        .max_connections(if part == Part::Reads {
            settings.connections.max(1)
        } else {
            1
        })
        .min_connections(1)
        // The writer's queue may be long while a purge runs; failing early would help nobody.
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| {
            // Before the first table, or it has no effect: freed pages can be handed back. Writes to the file's header each
            // time, so a reader that opens while somebody writes would wait for the lock, in vain.
            let options = if part == Part::Writes {
                options.pragma("auto_vacuum", "INCREMENTAL")
            } else {
                options
            };
            options
                // The journal alone has a hundred.
                .statement_cache_capacity(STATEMENTS)
                // Readers do not wait for the writer, nor it for them.
                .pragma("journal_mode", "WAL")
                // FULL: an acknowledged commit survives the loss of power.
                .pragma("synchronous", synchronous)
                .pragma("wal_autocheckpoint", log_pages.to_string())
                .pragma("foreign_keys", "ON")
                // For other processes on the same file: `weir bootstrap`, `weir backup`.
                .pragma("busy_timeout", "5000")
                // Deleted rows are overwritten, not just unlinked.
                .pragma("secure_delete", "ON")
                .pragma("cache_size", "-32768")
                .pragma("temp_store", "MEMORY")
                .pragma("query_only", if part == Part::Reads { "ON" } else { "OFF" })
        });
    options
}
