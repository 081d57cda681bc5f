//! Inserts of many rows. A few dozen row counts, so that as many prepared statements serve groups of any size: preparing a
//! statement of a thousand rows costs more than running it. Small groups are served by one or two, since there a statement
//! costs more than its rows.

use sea_orm::{DbBackend, Statement, Value, sea_query::Values};

/// The largest: 512 rows of sixteen values stay far below what SQLite (32,766) and Postgres (65,535) take.
pub(crate) const MOST: usize = 512;

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
pub(crate) struct Insert {
    backend: DbBackend,
    columns: usize,
    /// By row count, the largest last.
    sql: Vec<(usize, String)>,
}

impl Insert {
    /// Of what stands before the values, how many of them a row has, and what stands behind.
    pub(crate) fn new(backend: DbBackend, head: &str, columns: usize, tail: &str) -> Self {
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
        Self {
            backend,
            columns,
            sql,
        }
    }

    /// For rows of values, in the order of the columns.
    pub(crate) fn statements(&self, mut values: Vec<Value>) -> Vec<Statement> {
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
                db_backend: self.backend,
            });
        }
        // In the order of the rows: ids grow, and a tree grows best at its end.
        statements.reverse();
        statements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_inserted_exactly_once_by_few_statements() {
        let insert = Insert::new(DbBackend::Sqlite, "INSERT INTO message", 10, "");
        for rows in (1..100_usize).chain([511, 512, 513, 1023, 1024, 1500]) {
            let values: Vec<Value> = (0..rows * 10)
                .map(|value| Value::BigInt(i64::try_from(value).ok()))
                .collect();
            let statements = insert.statements(values.clone());
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
