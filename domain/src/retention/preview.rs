//! What a change of the rules would destroy: counted in the store, with the very lines that readers and the removal use.

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId},
    message, retention_rule,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter};

use super::{classes::ClassKey, cut::Cut, rules::Rules};
use crate::{
    ctx::Ctx,
    error::Result,
    pictures::{self, Picture},
    tenancy::TenantTx,
};

/// What would become of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The class.
    pub class: i64,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found in it.
    pub data_types: Vec<DataTypeId>,
    /// The channels it is limited to.
    pub channel_pattern: Option<String>,
    /// Readable now, and gone at that moment although it would not be otherwise.
    pub destroyed: u64,
    /// Readable at that moment, although it would be gone otherwise and is still there.
    pub kept: u64,
}

/// How the rules are to be changed.
#[derive(Clone, Debug)]
pub(crate) enum Change<'a> {
    /// This row comes, or takes the place of the one with its id.
    Put(&'a retention_rule::Model),
    /// The row with this id goes.
    Remove(&'a retention_rule::Model),
}

/// The rules as they are, and as they would be.
pub(crate) async fn rules(tx: &TenantTx, change: &Change<'_>) -> Result<(Rules, Rules)> {
    let mut rows = tx.find::<retention_rule::Entity>().all(tx.conn()).await?;
    let before = Rules::new(&rows)?;
    let (Change::Put(changed) | Change::Remove(changed)) = change;
    rows.retain(|row| row.id != changed.id);
    if let Change::Put(row) = change {
        rows.push((*row).clone());
    }
    Ok((before, Rules::new(&rows)?))
}

/// What the change would come to at a moment, class by class; classes in which nothing changes are left out. What has
/// already expired is nobody's loss and not counted.
pub(crate) async fn preview(
    tx: &TenantTx,
    ctx: &Ctx,
    change: &Change<'_>,
    at: DateTime<Utc>,
) -> Result<Vec<Consequence>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let (before, after) = rules(tx, change).await?;
    let mut consequences = Vec::new();
    for (id, class) in picture.classes() {
        let key = &class.key;
        let line = |rules: &Rules, at| line(&picture, rules, key, at);
        let (old, new) = (line(&before, at), line(&after, at));
        if old == new {
            continue;
        }
        // What expires meanwhile anyway, under the rules of now, is not the change's doing.
        let count = |readable: &Cut, gone: &Cut| {
            let engine = ctx.store.engine();
            tx.find::<message::Entity>()
                .filter(message::Column::ClassId.eq(id))
                .filter(readable.readable(engine))
                .filter(gone.expired(engine))
                .count(tx.conn())
        };
        let destroyed = count(&old, &new).await?;
        let kept = count(&new, &old).await?;
        if destroyed + kept > 0 {
            consequences.push(Consequence {
                class: id,
                endpoint: key.endpoint,
                purpose: key.purpose,
                data_types: key.data_types.clone(),
                channel_pattern: key.pattern.clone(),
                destroyed,
                kept,
            });
        }
    }
    Ok(consequences)
}

fn line(picture: &Picture, rules: &Rules, key: &ClassKey, at: DateTime<Utc>) -> Cut {
    if picture.endpoint(key.endpoint).is_none() {
        return Cut::NOTHING;
    }
    rules.cut(key.case(), key.pattern.as_deref(), at)
}
