//! One transaction on one tenant's rows.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the door that the ban points to"
)]
#![expect(
    clippy::unused_self,
    reason = "whoever holds the transaction may ask; nobody else"
)]

use entity::{TenantOwned, id::TenantId};
use parking_lot::Mutex;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    DeleteMany, EntityTrait, IntoActiveModel, PrimaryKeyTrait, QueryFilter, Select, UpdateMany,
    sea_query::OnConflict,
};

use super::{Actor, Shared, TenantScope, fence};
use crate::error::{Error, Result};

/// One transaction on one tenant's rows. Dropped without [`TenantTx::save`], it rolls back.
pub struct TenantTx {
    tx: DatabaseTransaction,
    scope: TenantScope,
    after: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl TenantTx {
    pub(super) async fn enter(tx: DatabaseTransaction, scope: &TenantScope) -> Result<Self, DbErr> {
        fence::enter_tenant(&tx, scope).await?;
        Ok(Self {
            tx,
            scope: scope.clone(),
            after: Mutex::default(),
        })
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.scope.actor
    }

    /// The scope this was opened with.
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// Rows of this tenant.
    pub fn find<E: TenantOwned>(&self) -> Select<E> {
        E::find().filter(E::TENANT.eq(self.scope.tenant))
    }

    /// One row of this tenant by its primary key.
    pub fn find_by_id<E, K>(&self, id: K) -> Select<E>
    where
        E: TenantOwned,
        K: Into<<E::PrimaryKey as PrimaryKeyTrait>::ValueType>,
    {
        E::find_by_id(id).filter(E::TENANT.eq(self.scope.tenant))
    }

    /// One row of this tenant, or `NotFound { what }`.
    pub async fn get<E, K>(&self, id: K, what: &'static str) -> Result<E::Model>
    where
        E: TenantOwned,
        K: Into<<E::PrimaryKey as PrimaryKeyTrait>::ValueType>,
    {
        self.find_by_id::<E, K>(id)
            .one(&self.tx)
            .await?
            .ok_or(Error::NotFound { what })
    }

    /// Adds a row, stamped with the tenant.
    pub async fn insert<A>(&self, mut row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantOwned,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        row.set(<A::Entity as TenantOwned>::TENANT, self.scope.tenant.into());
        row.insert(&self.tx).await
    }

    /// Adds rows in one statement, stamped with the tenant. Does nothing when there are none.
    pub async fn insert_many<A>(&self, rows: Vec<A>) -> Result<(), DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantOwned,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let stamped = rows.into_iter().map(|mut row| {
            row.set(<A::Entity as TenantOwned>::TENANT, self.scope.tenant.into());
            row
        });
        <A::Entity as EntityTrait>::insert_many(stamped)
            .exec_without_returning(&self.tx)
            .await
            .map(drop)
    }

    /// Adds a row, stamped with the tenant, or does what `clash` says when it is there already.
    pub async fn upsert<A>(&self, mut row: A, clash: OnConflict) -> Result<(), DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantOwned,
    {
        row.set(<A::Entity as TenantOwned>::TENANT, self.scope.tenant.into());
        <A::Entity as EntityTrait>::insert(row)
            .on_conflict(clash)
            .exec_without_returning(&self.tx)
            .await
            .map(drop)
    }

    /// Changes a row of this tenant, found by its primary key. A row of somebody else's is not found.
    pub async fn update<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantOwned,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        <A::Entity as EntityTrait>::update(row)
            .validate()?
            .filter(<A::Entity as TenantOwned>::TENANT.eq(self.scope.tenant))
            .exec(&self.tx)
            .await
    }

    /// Changes rows of this tenant.
    pub fn update_many<E: TenantOwned>(&self) -> UpdateMany<E> {
        E::update_many().filter(E::TENANT.eq(self.scope.tenant))
    }

    /// Removes rows of this tenant.
    pub fn delete_many<E: TenantOwned>(&self) -> DeleteMany<E> {
        E::delete_many().filter(E::TENANT.eq(self.scope.tenant))
    }

    /// Rows of a table that is nobody's in particular.
    pub(crate) fn find_shared<E: Shared>(&self) -> Select<E> {
        E::find()
    }

    /// Adds a row to a table that is nobody's in particular.
    pub(crate) async fn insert_shared<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: Shared,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        row.insert(&self.tx).await
    }

    /// Changes a row, found by its primary key, of a table that is nobody's in particular.
    pub(crate) async fn update_shared<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: Shared,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        row.update(&self.tx).await
    }

    /// Removes rows of a table that is nobody's in particular.
    pub(crate) fn delete_many_shared<E: Shared>(&self) -> DeleteMany<E> {
        E::delete_many()
    }

    /// Goes on as a transaction on another tenant, for what touches several. Effects in memory stay ordered.
    pub(crate) async fn for_tenant(self, scope: &TenantScope) -> Result<Self, DbErr> {
        fence::enter_tenant(&self.tx, scope).await?;
        Ok(Self {
            scope: scope.clone(),
            ..self
        })
    }

    /// What queries run on.
    pub fn conn(&self) -> &impl ConnectionTrait {
        &self.tx
    }

    /// Has something done in memory once the transaction is committed, and not at all when it is not: this is how
    /// caches hear of a change. It must not wait.
    pub fn after_save(&self, effect: impl FnOnce() + Send + 'static) {
        self.after.lock().push(Box::new(effect));
    }

    /// Commits.
    pub async fn save(self) -> Result<(), DbErr> {
        self.tx.commit().await?;
        for effect in self.after.into_inner() {
            effect();
        }
        Ok(())
    }
}

/// Refuses when the caller saw another version than the one that stands now (`If-Match`).
pub fn expect_version(current: i32, expected: Option<i32>) -> Result<()> {
    match expected {
        Some(version) if version != current => Err(Error::VersionMismatch { current }),
        _ => Ok(()),
    }
}
