//! What is held, class by class.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    balance,
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId},
    message,
};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QuerySelect};

use crate::{
    ctx::Ctx,
    duration::Kept,
    error::Result,
    ids::MessageId,
    pictures::{self, Picture},
    retention::{balance::last, classes::Class, counts},
    tenancy::TenantTx,
};

/// What is held of one class.
#[derive(Clone, Debug)]
pub struct ClassSummary {
    /// The class.
    pub id: i64,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found in it.
    pub data_types: Vec<DataTypeId>,
    /// The channels it is limited to.
    pub channel_pattern: Option<String>,
    /// The rule that decides now. None: no rule says that it is kept, or rules on channels decide one by one.
    pub rule: Option<RetentionRuleId>,
    /// ISO 8601; the longest, where rules on channels decide.
    pub duration: String,
    /// Readable messages.
    pub messages: i64,
    /// The oldest of them.
    pub oldest_at: Option<DateTime<Utc>>,
    /// When the oldest of them expires.
    pub next_expiry_at: Option<DateTime<Utc>>,
    /// Messages that have expired and are not removed yet; nobody can read them.
    pub overdue: i64,
    /// For how long the oldest of those has been expired.
    pub lag: TimeDelta,
    /// Messages that are gone but for what legal holds keep of them.
    pub held: u64,
    /// The newest balance.
    pub balance: Option<balance::Model>,
}

#[derive(FromQueryResult)]
struct Counted {
    messages: i64,
    oldest: Option<i64>,
}

/// What the tenant holds, in the order in which the classes were met.
pub async fn classes(tx: &TenantTx, ctx: &Ctx) -> Result<Vec<ClassSummary>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut summaries = Vec::new();
    for (id, class) in picture.classes() {
        // An endpoint that is gone holds nothing that anybody could read.
        if picture.endpoint(class.key.endpoint).is_some() {
            summaries.push(summary(tx, ctx, &picture, id, &class).await?);
        }
    }
    Ok(summaries)
}

async fn summary(
    tx: &TenantTx,
    ctx: &Ctx,
    picture: &Picture,
    id: i64,
    class: &Class,
) -> Result<ClassSummary> {
    let cut = picture.cut(&class.key, ctx.now());
    let counted = if cut.is_nothing() {
        None
    } else {
        tx.find::<message::Entity>()
            .select_only()
            .column_as(message::Column::Id.count(), "messages")
            .column_as(message::Column::Id.min(), "oldest")
            .filter(message::Column::ClassId.eq(id))
            .filter(cut.readable(ctx.store.engine()))
            .into_model::<Counted>()
            .one(tx.conn())
            .await?
    };
    let overdue = tx
        .find::<message::Entity>()
        .select_only()
        .column_as(message::Column::Id.count(), "messages")
        .column_as(message::Column::Id.min(), "oldest")
        .filter(message::Column::ClassId.eq(id))
        .filter(message::Column::Id.lt(cut.lowest()))
        .into_model::<Counted>()
        .one(tx.conn())
        .await?;
    let line = MessageId(cut.lowest().min(MessageId::first_at(ctx.now()).0)).at();
    let lag = overdue
        .as_ref()
        .and_then(|overdue| overdue.oldest)
        .map_or(TimeDelta::zero(), |oldest| line - MessageId(oldest).at());
    let pattern = class.key.pattern.as_deref();
    let cases = picture.rules.cases(class.key.case(), pattern);
    let kept = cases
        .iter()
        .map(|(_, kept)| *kept)
        .max_by_key(Kept::approximate)
        .unwrap_or(Kept::Nothing);
    let oldest = counted.as_ref().and_then(|counted| counted.oldest).map(MessageId);
    Ok(ClassSummary {
        id,
        endpoint: class.key.endpoint,
        purpose: class.key.purpose,
        data_types: class.key.data_types.clone(),
        channel_pattern: class.key.pattern.clone(),
        rule: picture.rules.only(class.key.case(), pattern).map(|rule| rule.id),
        duration: kept.to_string(),
        messages: counted.map_or(0, |counted| counted.messages),
        oldest_at: oldest.map(MessageId::at),
        next_expiry_at: oldest.map(|oldest| kept.until(oldest.at())),
        overdue: overdue.map_or(0, |overdue| overdue.messages),
        lag,
        held: counts::held_only(tx, id, i64::MIN, i64::MAX).await?,
        balance: last(tx, id).await?,
    })
}
