//! The statements of the journal. A few dozen row counts, so that as many prepared statements serve groups of any size:
//! preparing a statement of a thousand rows costs more than running it. Small groups are served by one or two, since there
//! a statement costs more than its rows.

use std::collections::BTreeMap;

use entity::id::TenantId;
use sea_orm::{DbBackend, Statement, Value, sea_query::Values};

/// The largest: 512 rows of ten values stay far below what SQLite (32,766) and Postgres (65,535) take.
const MOST: usize = 512;

/// Row counts: each up to eight, eight to every doubling up to 64, then doublings.
fn steps() -> Vec<usize> {
    let mut steps: Vec<usize> = (1..=8).collect();
    for from in [8, 16, 32] {
        steps.extend((1..=8).map(|eighth| from + from * eighth / 8));
    }
    steps.extend([128, 256, MOST]);
    steps
}

/// One statement, prepared per row count.
struct Insert {
    columns: usize,
    /// By row count, the largest last.
    sql: Vec<(usize, String)>,
}

impl Insert {
    fn new(backend: DbBackend, head: &str, columns: usize, tail: &str) -> Self {
        let sql = steps()
            .into_iter()
            .map(|rows| {
                let mut sql = String::with_capacity(head.len() + rows * columns * 6 + tail.len());
                sql.push_str(head);
                for row in 0..rows {
                    sql.push_str(if row == 0 { " VALUES (" } else { ",(" });
                    for column in 0..columns {
                        if column > 0 {
                            sql.push(',');
                        }
                        match backend {
                            DbBackend::Postgres => {
                                sql.push('$');
                                sql.push_str(&(row * columns + column + 1).to_string());
                            }
                            _ => sql.push('?'),
                        }
                    }
                    sql.push(')');
                }
                sql.push_str(tail);
                (rows, sql)
            })
            .collect();
        Self { columns, sql }
    }

    fn statements(&self, backend: DbBackend, mut values: Vec<Value>) -> Vec<Statement> {
        let mut statements = Vec::new();
        // Cut from the back, so that nothing is moved.
        while !values.is_empty() {
            let rows = values.len() / self.columns;
            let above = self.sql.partition_point(|(count, _)| *count <= rows);
            let (count, sql) = &self.sql[above.saturating_sub(1)];
            let some = values.split_off((rows - count) * self.columns);
            statements.push(Statement {
                sql: sql.clone(),
                values: Some(Values(some)),
                db_backend: backend,
            });
        }
        // In the order of the rows: ids grow, and a tree grows best at its end.
        statements.reverse();
        statements
    }
}

/// The statements of one journal.
pub(super) struct Inserts {
    backend: DbBackend,
    /// Where this process counts.
    shard: i16,
    channels: Insert,
    messages: Insert,
    counts: Insert,
}

impl Inserts {
    pub(super) fn new(backend: DbBackend, shard: i16) -> Self {
        Self {
            backend,
            shard,
            // The row's own lock gives out positions: whoever commits second counts on from the first.
            channels: Insert::new(
                backend,
                "INSERT INTO channel (id, tenant_id, endpoint_id, name, epoch, last_offset, created_at)",
                7,
                " ON CONFLICT (endpoint_id, name) DO UPDATE \
                 SET last_offset = channel.last_offset + excluded.last_offset \
                 RETURNING endpoint_id, name, id, epoch, last_offset",
            ),
            messages: Insert::new(
                backend,
                "INSERT INTO message \
                 (class_id, id, tenant_id, channel_id, position, subject_id, bucket_id, flags, size, sealed)",
                10,
                "",
            ),
            counts: Insert::new(
                backend,
                "INSERT INTO class_count (class_id, shard, tenant_id, ingested, deleted, anonymised)",
                6,
                " ON CONFLICT (class_id, shard) DO UPDATE \
                 SET ingested = class_count.ingested + excluded.ingested",
            ),
        }
    }

    /// Values in the order of the columns: id, tenant, endpoint, name, epoch, how many positions, now.
    pub(super) fn channels(&self, values: Vec<Value>) -> Vec<Statement> {
        self.channels.statements(self.backend, values)
    }

    /// What came into which class of which tenant.
    pub(super) fn counts(&self, ingested: &BTreeMap<i64, (TenantId, i64)>) -> Vec<Statement> {
        let mut values = Vec::with_capacity(ingested.len() * 6);
        // In one order everywhere, so that two processes never wait for each other.
        for (class, (tenant, count)) in ingested {
            values.extend([
                Value::from(*class),
                self.shard.into(),
                (*tenant).into(),
                (*count).into(),
                0_i64.into(),
                0_i64.into(),
            ]);
        }
        self.counts.statements(self.backend, values)
    }

    /// Values in the order of the columns.
    pub(super) fn messages(&self, values: Vec<Value>) -> Vec<Statement> {
        self.messages.statements(self.backend, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_inserted_exactly_once_by_few_statements() {
        let inserts = Inserts::new(DbBackend::Sqlite, 0);
        for rows in (1..100_usize).chain([511, 512, 513, 1023, 1024, 1500]) {
            let values: Vec<Value> = (0..rows * 10)
                .map(|value| Value::BigInt(i64::try_from(value).ok()))
                .collect();
            let statements = inserts.messages(values.clone());
            assert!(
                statements.len() <= if rows <= 64 { 2 } else { 8 },
                "{rows} rows in {} statements",
                statements.len()
            );
            let mut again = Vec::new();
            for statement in &statements {
                let some = &statement.values.as_ref().unwrap().0;
                assert_eq!(statement.sql.matches('?').count(), some.len());
                again.extend(some.iter().cloned());
            }
            assert_eq!(again, values);
        }
    }
}
