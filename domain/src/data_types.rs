//! The data catalogue: which kinds of data messages carry, where they stand in them, how they are minimised.

mod input;
mod preview;

use std::sync::Arc;

use entity::{
    data_type,
    id::{DataTypeId, PurposeId},
    message, retention_class, retention_rule,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, QueryFilter, QuerySelect};
use serde_json::json;

pub use crate::minimise::MinimiseParts;
pub use input::{DataTypePatch, NewDataType};
pub use preview::{End, Preview, preview};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    minimise::Compiled,
    page::{self, Page, PageIn},
    search,
    tenancy::{TenantTx, expect_version, on_conflict},
};

/// Adds a data type to the catalogue.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewDataType) -> Result<data_type::Model> {
    let strategies = new.check()?;
    let now = ctx.now();
    let row = data_type::ActiveModel {
        id: Set(ctx.ids.next()),
        slug: Set(new.slug),
        name: Set(new.name),
        description: Set(new.description),
        personal: Set(new.personal),
        special_category: Set(new.special_category),
        paths: Set(json!(new.paths)),
        minimise: Set(serde_json::to_value(strategies.minimise)?),
        at_expiry: Set(strategies.at_expiry.map(serde_json::to_value).transpose()?),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        ..Default::default()
    };
    let row = tx
        .insert(row)
        .await
        .map_err(|error| on_conflict(error, "data_type", "slug", "/slug"))?;
    let facts = json!({ "slug": row.slug, "personal": row.personal, "minimise": row.minimise["strategy"] });
    audit::record(
        tx,
        ctx,
        Event::new("data_type.created")
            .target("data_type", row.id)
            .facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Personal data, or not.
    pub personal: Option<bool>,
    /// In slug or name.
    pub q: Option<String>,
}

/// Lists data types, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<data_type::Model>> {
    use data_type::Column;
    let mut rows = tx.find::<data_type::Entity>();
    if let Some(personal) = filter.personal {
        rows = rows.filter(Column::Personal.eq(personal));
    }
    if let Some(q) = &filter.q {
        rows = rows.filter(
            Condition::any()
                .add(search::holds(Column::Slug, q))
                .add(search::holds(Column::Name, q)),
        );
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one data type.
pub async fn read(tx: &TenantTx, id: DataTypeId) -> Result<data_type::Model> {
    tx.get::<data_type::Entity, _>(id, "data type").await
}

/// Changes a data type. Messages from now on are looked at with the new one; stored ones stay as they are.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: DataTypeId,
    expected: Option<i32>,
    patch: DataTypePatch,
) -> Result<data_type::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    patch.check(&current)?;
    let version = current.version + 1;
    let mut row = current.into_active_model();
    let fields = patch.apply(&mut row)?;
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    let row = tx.update(row).await?;
    let facts = json!({ "fields": fields, "version": version });
    audit::record(
        tx,
        ctx,
        Event::new("data_type.updated")
            .target("data_type", id)
            .facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Takes a data type out of the catalogue, unless a rule or a stored message refers to it.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: DataTypeId, expected: Option<i32>) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let ruled = tx
        .find::<retention_rule::Entity>()
        .filter(retention_rule::Column::DataTypeId.eq(id))
        .one(tx.conn())
        .await?;
    if let Some(rule) = ruled {
        return Err(in_use(format!("the retention rule “{}” refers to it", rule.name)));
    }
    let name = id.to_string();
    let has_it = |class: &retention_class::Model| {
        class
            .data_types
            .as_array()
            .is_some_and(|ids| ids.iter().any(|id| id.as_str() == Some(&name)))
    };
    if has_messages(tx, has_it).await? {
        return Err(in_use(
            "stored messages have it; it can go when they are gone".into(),
        ));
    }
    tx.delete_many::<data_type::Entity>()
        .filter(data_type::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "slug": current.slug });
    audit::record(
        tx,
        ctx,
        Event::new("data_type.deleted")
            .target("data_type", id)
            .facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(())
}

/// The whole catalogue, ready to be looked for in messages.
pub async fn compiled(tx: &TenantTx, ctx: &Ctx) -> Result<Vec<Compiled>> {
    let rows = tx.find::<data_type::Entity>().all(tx.conn()).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    rows.iter()
        .map(|row| Compiled::new(row, Arc::clone(&keys)))
        .collect()
}

/// Whether messages are stored that are processed for a purpose.
pub(crate) async fn has_messages_for(tx: &TenantTx, purpose: PurposeId) -> Result<bool> {
    has_messages(tx, |class| class.purpose_id == Some(purpose)).await
}

/// Whether a message is stored in one of the classes that `wanted` says.
async fn has_messages(tx: &TenantTx, wanted: impl Fn(&retention_class::Model) -> bool) -> Result<bool> {
    let classes = tx.find::<retention_class::Entity>().all(tx.conn()).await?;
    let ids: Vec<i64> = classes
        .iter()
        .filter(|class| wanted(class))
        .map(|class| class.id)
        .collect();
    // Few at a time: a statement takes only so many values.
    for some in ids.chunks(500) {
        let one = tx
            .find::<message::Entity>()
            .filter(message::Column::ClassId.is_in(some.iter().copied()))
            .limit(1)
            .one(tx.conn())
            .await?;
        if one.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_use(detail: String) -> Error {
    Error::conflict("in_use", detail)
}
