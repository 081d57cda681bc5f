//! One transaction across tenants.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the door that the ban points to"
)]

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbErr, DeleteMany,
    EntityTrait, IntoActiveModel, PrimaryKeyTrait, Select, UpdateMany, sea_query::OnConflict,
};

use super::{TenantScope, TenantTx, fence};

/// One transaction across tenants: for what belongs to none (accounts, the store's own facts), for finding out whose
/// a credential is, and for background work that sweeps all. Dropped without [`SystemTx::save`], it rolls back.
#[derive(Debug)]
pub struct SystemTx {
    tx: DatabaseTransaction,
}

impl SystemTx {
    pub(super) async fn enter(tx: DatabaseTransaction, reason: &'static str) -> Result<Self, DbErr> {
        tracing::trace!(reason, "working across tenants");
        fence::enter_all(&tx, reason).await?;
        Ok(Self { tx })
    }

    /// Rows of any tenant.
    pub fn find<E: EntityTrait>(&self) -> Select<E> {
        E::find()
    }

    /// One row by its primary key.
    pub fn find_by_id<E, K>(&self, id: K) -> Select<E>
    where
        E: EntityTrait,
        K: Into<<E::PrimaryKey as PrimaryKeyTrait>::ValueType>,
    {
        E::find_by_id(id)
    }

    /// Adds a row as it is.
    pub async fn insert<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        row.insert(&self.tx).await
    }

    /// Adds a row unless it clashes with one that is there.
    pub async fn insert_if_absent<A>(&self, row: A, clash: OnConflict) -> Result<(), DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
    {
        <A::Entity as EntityTrait>::insert(row)
            .on_conflict(clash)
            .exec_without_returning(&self.tx)
            .await
            .map(drop)
    }

    /// Adds rows as they are in one statement, but for those that are there already. Does nothing when there are none.
    pub(crate) async fn insert_many_if_absent<A>(&self, rows: Vec<A>) -> Result<(), DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
    {
        if rows.is_empty() {
            return Ok(());
        }
        <A::Entity as EntityTrait>::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&self.tx)
            .await
            .map(drop)
    }

    /// Changes a row, found by its primary key.
    pub async fn update<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        row.update(&self.tx).await
    }

    /// Changes rows of any tenant.
    pub fn update_many<E: EntityTrait>(&self) -> UpdateMany<E> {
        E::update_many()
    }

    /// Removes rows of any tenant.
    pub fn delete_many<E: EntityTrait>(&self) -> DeleteMany<E> {
        E::delete_many()
    }

    /// What queries run on.
    pub fn conn(&self) -> &impl ConnectionTrait {
        &self.tx
    }

    /// Goes on as a transaction on one tenant. What was done so far is saved or lost together with the rest: opening a
    /// second transaction instead would wait for this one for ever, since there is one writer.
    pub(crate) async fn for_tenant(self, scope: &TenantScope) -> Result<TenantTx, DbErr> {
        TenantTx::enter(self.tx, scope).await
    }

    /// Commits.
    pub async fn save(self) -> Result<(), DbErr> {
        self.tx.commit().await
    }
}
