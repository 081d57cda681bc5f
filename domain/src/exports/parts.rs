//! Parts in the store, sealed one by one; each names its place, and the last says that it is.

use std::sync::Arc;

use entity::{
    export, export_part,
    id::{ExportId, SubjectId, TenantId},
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use tokio::sync::mpsc::Receiver;
use vault::key::SubjectKey;

use crate::{
    Error, Result,
    ctx::Ctx,
    keys::{SubjectKeyName, TenantKeys},
    tenancy::TenantScope,
};

/// What seals an export.
pub(super) enum Lock {
    /// The person's own key.
    Subject(Arc<SubjectKey>),
    /// The tenant's, where there is no person: then the export says only that.
    Tenant(Arc<TenantKeys>),
}

impl Lock {
    /// The lock of exports of this person.
    ///
    /// # Errors
    /// `Gone` when the person was erased.
    pub(super) async fn of(ctx: &Ctx, tenant: TenantId, subject: Option<SubjectId>) -> Result<Self> {
        match subject {
            Some(subject) => ctx
                .keys
                .subject(SubjectKeyName::for_record(tenant, subject))
                .await?
                .map(Self::Subject)
                .ok_or(Error::Gone { what: "the export" }),
            None => Ok(Self::Tenant(ctx.keys.tenant(tenant).await?)),
        }
    }

    fn seal(&self, ctx: &Ctx, id: ExportId, number: i32, last: bool, part: &[u8]) -> Vec<u8> {
        let (context, number) = (context(id), u64::try_from(number).unwrap_or_default());
        match self {
            Self::Subject(key) => key.seal_chunk(&context, number, last, part, &*ctx.chance),
            Self::Tenant(keys) => keys.tenant.seal_chunk(&context, number, last, part, &*ctx.chance),
        }
    }

    pub(super) fn open(&self, export: &export::Model, number: i32, sealed: &[u8]) -> Result<Vec<u8>> {
        let (context, last) = (context(export.id), number + 1 == export.parts);
        let number = u64::try_from(number).unwrap_or_default();
        Ok(match self {
            Self::Subject(key) => key.open_chunk(&context, number, last, sealed)?,
            Self::Tenant(keys) => keys.tenant.open_chunk(&context, number, last, sealed)?,
        })
    }
}

pub(crate) fn context(id: ExportId) -> String {
    format!("export/{id}")
}

/// Seals and stores parts as they come, each in a transaction of its own. Answers how many.
pub(super) async fn store(
    ctx: &Ctx,
    scope: &TenantScope,
    lock: &Lock,
    id: ExportId,
    mut parts: Receiver<Vec<u8>>,
) -> Result<i32> {
    let mut number = 0;
    let mut held: Option<Vec<u8>> = None;
    loop {
        // One part is held back, since only what follows tells whether it is the last.
        let next = parts.recv().await;
        if let Some(part) = held.take() {
            put(
                ctx,
                scope,
                id,
                number,
                lock.seal(ctx, id, number, next.is_none(), &part),
            )
            .await?;
            number += 1;
        }
        match next {
            Some(part) => held = Some(part),
            None => return Ok(number),
        }
    }
}

async fn put(ctx: &Ctx, scope: &TenantScope, id: ExportId, number: i32, sealed: Vec<u8>) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    tx.insert_many(vec![export_part::ActiveModel {
        export_id: Set(id),
        number: Set(number),
        sealed: Set(sealed),
        ..Default::default()
    }])
    .await?;
    tx.save().await?;
    Ok(())
}

/// Removes what an attempt left behind.
pub(super) async fn remove(ctx: &Ctx, scope: &TenantScope, id: ExportId) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    tx.delete_many::<export_part::Entity>()
        .filter(export_part::Column::ExportId.eq(id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// One part, opened.
pub(super) async fn take(
    ctx: &Ctx,
    scope: &TenantScope,
    lock: &Lock,
    export: &export::Model,
    number: i32,
) -> Result<Vec<u8>> {
    let tx = ctx.store.read(scope).await?;
    let part = tx
        .find_by_id::<export_part::Entity, _>((export.id, number))
        .one(tx.conn())
        .await?
        .ok_or(Error::Gone { what: "the export" })?;
    lock.open(export, number, &part.sealed)
}
