//! Rows of messages, written without us: as many per statement as is fast, nothing sealed, nothing counted.

use domain::tenancy::SystemTx;
use entity::id::TenantId;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value, sea_query::Values};

use crate::place::Place;

const COLUMNS: usize = 10;
/// Stays below the 32,766 values that SQLite takes; Postgres takes twice as many.
const MOST: usize = 3_000;

/// One statement, prepared once and used again.
pub(crate) struct Rows {
    sql: String,
    backend: DbBackend,
    at_once: usize,
    tenant: TenantId,
    class: i64,
    bytes: usize,
    channels: i64,
}

impl Rows {
    /// Rows of `bytes` sealed bytes each on so many channels in turn, `at_once` per statement.
    pub(crate) fn sized(place: &Place, class: i64, bytes: usize, channels: i64, at_once: usize) -> Self {
        let backend = place
            .ctx
            .store
            .connection_for_maintenance()
            .get_database_backend();
        let at_once = at_once.clamp(1, MOST);
        Self {
            sql: insert(backend, at_once),
            backend,
            at_once,
            tenant: place.tenant,
            class,
            bytes,
            channels,
        }
    }

    /// Rows that one call writes.
    pub(crate) fn at_once(&self) -> i64 {
        i64::try_from(self.at_once).unwrap_or(i64::MAX)
    }

    /// Writes as many rows as go at once, from this id on; `first_row` counts from 0.
    pub(crate) async fn write(&self, tx: &SystemTx, first_id: i64, first_row: i64) -> anyhow::Result<()> {
        // Not all the same, as sealed bytes never are.
        let sealed = |id: i64| Ok(id.to_le_bytes().repeat(self.bytes / 8 + 1)[..self.bytes].to_vec());
        self.write_of(tx, first_id, first_row, None, 1, sealed).await
    }

    /// The same, of a person and in a bucket, with what `sealed` makes of an id.
    pub(crate) async fn write_of(
        &self,
        tx: &SystemTx,
        first_id: i64,
        first_row: i64,
        subject: Option<uuid::Uuid>,
        bucket: i64,
        sealed: impl Fn(i64) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let mut values: Vec<Value> = Vec::with_capacity(self.at_once * COLUMNS);
        for (id, row) in (first_id..).zip(first_row..).take(self.at_once) {
            values.extend([
                Value::from(self.class),
                id.into(),
                self.tenant.into(),
                (1 + row % self.channels).into(),
                (1 + row / self.channels).into(),
                subject.into(),
                bucket.into(),
                0_i16.into(),
                i32::try_from(self.bytes)?.into(),
                sealed(id)?.into(),
            ]);
        }
        let statement = Statement {
            sql: self.sql.clone(),
            values: Some(Values(values)),
            db_backend: self.backend,
        };
        tx.conn().execute_raw(statement).await?;
        Ok(())
    }
}

/// An insert of so many rows, with the places of values as the store wants them.
fn insert(backend: DbBackend, rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO message \
        (class_id, id, tenant_id, channel_id, position, subject_id, bucket_id, flags, size, sealed) VALUES ",
    );
    for row in 0..rows {
        let values: Vec<String> = (1..=COLUMNS)
            .map(|column| match backend {
                DbBackend::Postgres => format!("${}", row * COLUMNS + column),
                _ => "?".to_owned(),
            })
            .collect();
        sql.push_str(if row == 0 { "(" } else { ",(" });
        sql.push_str(&values.join(","));
        sql.push(')');
    }
    sql
}
