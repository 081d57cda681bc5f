//! What is held about a person, and until when: counted, not read; in words, not ids.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    connection, data_type, endpoint,
    id::{DataTypeId, SubjectId},
    purpose,
};
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter};

use crate::{
    Result,
    ctx::Ctx,
    messages,
    pictures::{self, Picture},
    retention,
    tenancy::TenantTx,
};

/// Messages of a person that are held for the same reason.
#[derive(Clone, Debug)]
pub struct Held {
    /// What for.
    pub purpose: Option<Arc<purpose::Model>>,
    /// Where they passed.
    pub endpoint: endpoint::Model,
    /// Names of the kinds of data found in them.
    pub data_types: Vec<String>,
    /// How many.
    pub messages: u64,
    /// When the first of them was recorded.
    pub oldest_at: DateTime<Utc>,
    /// When the last of them was recorded.
    pub newest_at: DateTime<Utc>,
    /// When the first of them expires.
    pub next_expiry_at: DateTime<Utc>,
    /// When the last of them expires.
    pub last_expiry_at: DateTime<Utc>,
    /// For how long each is kept; ISO 8601.
    pub duration: String,
}

/// What is held of these persons, most first. Nothing that has expired is counted.
pub async fn held(tx: &TenantTx, ctx: &Ctx, subjects: &[SubjectId]) -> Result<Vec<Held>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let names = data_types(tx).await?;
    let mut all = Vec::new();
    for subject in subjects {
        for held in messages::held(tx, ctx, *subject).await? {
            let Some(endpoint) = picture.endpoint(held.endpoint) else {
                continue;
            };
            all.push(Held {
                purpose: held.purpose.and_then(|id| picture.purpose(id)).cloned(),
                endpoint: endpoint.row.clone(),
                data_types: spelled(&names, &held.data_types),
                messages: u64::try_from(held.messages).unwrap_or_default(),
                oldest_at: held.oldest_at,
                newest_at: held.newest_at,
                next_expiry_at: held.next_expiry_at,
                last_expiry_at: held.last_expiry_at,
                duration: held.duration,
            });
        }
    }
    all.sort_by(|a, b| {
        b.messages
            .cmp(&a.messages)
            .then_with(|| (&a.endpoint.slug, &a.data_types).cmp(&(&b.endpoint.slug, &b.data_types)))
    });
    Ok(all)
}

/// Names of the catalogue, as people read them.
pub(crate) async fn data_types(tx: &TenantTx) -> Result<HashMap<DataTypeId, String>> {
    let rows = tx.find::<data_type::Entity>().all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The names of some entries of the catalogue. What was taken out of it has none.
pub(crate) fn spelled(names: &HashMap<DataTypeId, String>, ids: &[DataTypeId]) -> Vec<String> {
    ids.iter().filter_map(|id| names.get(id).cloned()).collect()
}

/// How many records of connections of these persons there are.
pub async fn connections(tx: &TenantTx, ctx: &Ctx, subjects: &[SubjectId]) -> Result<u64> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    Ok(tx
        .find::<connection::Entity>()
        .filter(connection::Column::SubjectId.is_in(subjects.iter().copied()))
        .filter(connections_kept(&picture, ctx.now()))
        .count(tx.conn())
        .await?)
}

/// Records of connections that have not expired, whether they were removed already or not.
pub(crate) fn connections_kept(picture: &Picture, now: DateTime<Utc>) -> Condition {
    // An open one has no end to compare, and in SQL "not unknown" is still unknown.
    Condition::any()
        .add(connection::Column::ClosedAt.is_null())
        .add(retention::connections_expired(&picture.rules, now).not())
}
