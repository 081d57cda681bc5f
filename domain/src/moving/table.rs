//! One table on its way.

use std::{future::Future, pin::Pin};

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, EntityName, EntityTrait, IntoActiveModel, Iterable,
    PaginatorTrait, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::{Expr, ExprTrait},
};

use super::{Missing, Progress};
use crate::{
    error::{Error, Result},
    tenancy::Store,
};

const WHY: &str = "everything moves to another store";
/// Rows in one transaction.
const ROWS: usize = 1000;
/// Postgres takes 65,535 values in a statement, SQLite 32,766.
const VALUES: usize = 32_000;

type Copying<'a> = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;
type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// How one table is copied.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) copy: for<'a> fn(&'a Store, &'a Store, Tell<'a>) -> Copying<'a>,
}

impl Table {
    pub(super) fn of<E>() -> Self
    where
        E: EntityTrait + EntityName + Default,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        Self {
            name: E::default().table_name(),
            copy: |from, to, tell| Box::pin(copy::<E>(from, to, tell)),
        }
    }
}

async fn copy<E>(from: &Store, to: &Store, tell: Tell<'_>) -> Result<u64>
where
    E: EntityTrait + EntityName + Default,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let table = E::default().table_name();
    let of = count::<E>(from).await?;
    let mut done = count::<E>(to).await?;
    let key: Vec<E::Column> = E::PrimaryKey::iter()
        .map(PrimaryKeyToColumn::into_column)
        .collect();
    let size = ROWS.min(VALUES / E::Column::iter().count().max(1));
    tell(Progress { table, done, of });
    let mut after = if done < of {
        newest::<E>(to, &key).await?
    } else {
        None
    };
    while done < of {
        let tx = from.system_read(WHY).await?;
        let mut rows = tx.find::<E>().limit(size as u64);
        for column in &key {
            rows = rows.order_by_asc(*column);
        }
        if let Some(after) = &after {
            let columns = Expr::tuple(key.iter().map(|column| column.into_expr()));
            let values = Expr::tuple(after.iter().cloned().map(Expr::val));
            rows = rows.filter(columns.gt(values));
        }
        let rows = rows.all(tx.conn()).await?;
        drop(tx);
        let some = rows.len();
        let rows: Vec<E::ActiveModel> = rows
            .into_iter()
            .map(|row| row.into_active_model().reset_all())
            .collect();
        let Some(last) = rows.last() else { break };
        after = Some(place(last, &key));
        let tx = to.system(WHY).await?;
        tx.insert_many_if_absent(rows).await?;
        tx.save().await?;
        done = Ord::min(done + some as u64, of);
        tell(Progress { table, done, of });
    }
    let there = count::<E>(to).await?;
    if there != of {
        return Err(Error::internal(Missing { table, there, of }));
    }
    Ok(of)
}

async fn count<E: EntityTrait>(store: &Store) -> Result<u64>
where
    E::Model: Send + Sync,
{
    let tx = store.system_read(WHY).await?;
    Ok(tx.find::<E>().count(tx.conn()).await?)
}

/// The last row that is there. Rows came in the order of their keys, so all before it are there, too. None where the two
/// engines may not agree on that order: text is compared as the database was told to.
async fn newest<E>(store: &Store, key: &[E::Column]) -> Result<Option<Vec<Value>>>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
{
    let tx = store.system_read(WHY).await?;
    let mut rows = tx.find::<E>().limit(1);
    for column in key {
        rows = rows.order_by_desc(*column);
    }
    let newest = rows
        .one(tx.conn())
        .await?
        .map(|row| place(&row.into_active_model(), key));
    Ok(newest.filter(|place| !place.iter().any(|value| matches!(value, Value::String(_)))))
}

fn place<A: ActiveModelTrait>(row: &A, key: &[<A::Entity as EntityTrait>::Column]) -> Vec<Value> {
    key.iter()
        .filter_map(|column| row.get(*column).into_value())
        .collect()
}
