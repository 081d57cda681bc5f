//! Folds the write-ahead log of a SQLite store into its file, beside the writer: who commits does not wait for it.
//!
//! SQLite by itself folds within the commit that makes the log long enough, and everybody behind that commit waits for tens of
//! milliseconds. Here a connection of its own does nearly all of it, and the writer, in its turn, only what came meanwhile: with
//! nothing left to fold, and nobody writing, the log begins anew at its start.
#![expect(clippy::disallowed_types, reason = "it has connections of its own")]

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::JoinHandle,
    time::sleep,
};

/// How often it is looked how long the log is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the log is gone through beside the writer before the writer has to; each time less is left.
const ROUNDS: usize = 2;

/// The task that folds. It ends with [`Folding::stop`], or with the last store that knows it.
pub(super) struct Folding {
    task: JoinHandle<()>,
    beside: DatabaseConnection,
    /// Only one folds at a time: a second one would be sent away, and what it wanted gone would stay.
    turn: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Folding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folding").finish_non_exhaustive()
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Folding {
    /// Folds whenever the log has so many pages that are not in the file.
    pub(super) fn start(pages: u32, beside: DatabaseConnection, writer: DatabaseConnection) -> Self {
        let turn = Arc::new(Mutex::new(()));
        let (of_task, by_task) = (Arc::clone(&turn), beside.clone());
        let task = tokio::spawn(async move {
            loop {
                sleep(LOOK_EVERY).await;
                let _turn = of_task.lock().await;
                if let Err(error) = look(pages, &by_task, &writer).await {
                    tracing::warn!(%error, "the log of the store could not be folded into its file");
                }
            }
        });
        Self { task, beside, turn }
    }

    /// Keeps it from folding while this is held.
    pub(super) async fn pause(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Ends it, between two folds, and closes its connection: whoever closes the store last tidies up behind it.
    pub(super) async fn stop(&self) -> Result<(), DbErr> {
        let _turn = self.turn.lock().await;
        self.task.abort();
        self.beside.clone().close().await
    }
}

async fn look(pages: u32, beside: &DatabaseConnection, writer: &DatabaseConnection) -> Result<(), DbErr> {
    // The index of the log is not read by ourselves: closing a file that SQLite has open takes away its locks.
    if checkpoint(beside, "NOOP").await?.left() < pages {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        checkpoint(beside, "PASSIVE").await?;
    }
    checkpoint(writer, "PASSIVE").await?;
    Ok(())
}

/// How long a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// Pages in it.
    all: u32,
    /// Of them in the file already.
    folded: u32,
}

impl Log {
    /// Pages that are not in the file.
    fn left(self) -> u32 {
        self.all.saturating_sub(self.folded)
    }
}

/// Folds the log, in one of SQLite's ways (sqlite.org/pragma.html#pragma_wal_checkpoint).
pub(super) async fn checkpoint(connection: &DatabaseConnection, way: &str) -> Result<Log, DbErr> {
    let pragma = format!("PRAGMA wal_checkpoint({way})");
    let statement = Statement::from_string(DbBackend::Sqlite, pragma);
    let row = connection.query_one_raw(statement).await?;
    // Below zero: there is no log.
    let pages = |index| {
        let pages = row
            .as_ref()
            .map_or(Ok(0), |row| row.try_get_by_index::<i64>(index))?;
        Ok::<_, DbErr>(u32::try_from(pages).unwrap_or(0))
    };
    Ok(Log {
        all: pages(1)?,
        folded: pages(2)?,
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, Database};

    use super::*;

    #[tokio::test]
    async fn a_long_log_is_folded_although_nobody_writes_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let open = async || {
            let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
            options.max_connections(1).map_sqlx_sqlite_opts(|options| {
                options
                    .pragma("journal_mode", "WAL")
                    .pragma("wal_autocheckpoint", "0")
            });
            Database::connect(options).await.unwrap()
        };
        let (writer, beside) = (open().await, open().await);
        let third = open().await;
        let log = async || checkpoint(&third, "NOOP").await.unwrap();
        writer
            .execute_unprepared("CREATE TABLE note (body BLOB)")
            .await
            .unwrap();
        let folding = Folding::start(40, beside, writer.clone());
        let paused = folding.pause().await;
        for _ in 0..50 {
            writer
                .execute_unprepared("INSERT INTO note VALUES (randomblob(4000))")
                .await
                .unwrap();
        }
        let full = log().await;
        assert!(full.left() >= 50, "{full:?}");
        drop(paused);
        while log().await.left() > 0 {
            sleep(LOOK_EVERY).await;
        }
        let before = log().await;
        writer
            .execute_unprepared("INSERT INTO note VALUES ('short')")
            .await
            .unwrap();
        let after = log().await;
        assert!(
            after.all < before.all,
            "the log begins anew: {after:?} after {before:?}"
        );
        folding.stop().await.unwrap();
    }
}
