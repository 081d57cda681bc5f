//! What a hold covers.

use chrono::{DateTime, Utc};
use entity::{
    hold::{self, HoldState},
    id::{DataTypeId, EndpointId, HoldId, PurposeId, SubjectId},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder};

use crate::{
    error::Result,
    ids::MessageId,
    retention::{ClassKey, glob},
    tenancy::TenantTx,
};

/// What a hold covers, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) hold: HoldId,
    pub(crate) number: i64,
    endpoint: Option<EndpointId>,
    channel: Option<String>,
    pub(crate) subject: Option<SubjectId>,
    data_type: Option<DataTypeId>,
    purpose: Option<PurposeId>,
    from: Option<i64>,
    to: Option<i64>,
}

impl Scope {
    fn new(row: hold::Model) -> Self {
        Self {
            hold: row.id,
            number: row.number,
            endpoint: row.endpoint_id,
            channel: row.channel_pattern,
            subject: row.subject_id,
            data_type: row.data_type_id,
            purpose: row.purpose_id,
            from: row.recorded_from.map(|at| MessageId::first_at(at).0),
            to: row.recorded_to.map(|at| MessageId::first_at(at).0),
        }
    }

    /// Whether it may cover messages of a class.
    pub(crate) fn may_cover(&self, class: &ClassKey) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == class.endpoint)
            && self
                .data_type
                .is_none_or(|data_type| class.data_types.contains(&data_type))
            && self.purpose.is_none_or(|purpose| class.purpose == Some(purpose))
    }

    /// Whether it may cover messages of a class on a channel, about somebody, recorded between two moments.
    fn may_cover_between(
        &self,
        class: &ClassKey,
        channel: &str,
        subject: Option<SubjectId>,
        (first, last): (i64, i64),
    ) -> bool {
        self.may_cover(class)
            && self.covers(first.max(self.from.unwrap_or(first)).min(last), channel, subject)
    }

    /// Whether it covers a message of a class that it may cover.
    pub(crate) fn covers(&self, id: i64, channel: &str, subject: Option<SubjectId>) -> bool {
        self.from.is_none_or(|from| id >= from)
            && self.to.is_none_or(|to| id < to)
            && self.subject.is_none_or(|person| subject == Some(person))
            && self
                .channel
                .as_deref()
                .is_none_or(|pattern| glob::matches(pattern, channel))
    }
}

/// Holds that stand now.
pub(super) fn stands(now: DateTime<Utc>) -> Condition {
    use hold::Column;
    Condition::all()
        .add(Column::State.eq(HoldState::Active))
        .add(Column::StartsAt.lte(now))
        .add(
            Condition::any()
                .add(Column::EndsAt.is_null())
                .add(Column::EndsAt.gt(now)),
        )
}

/// The holds that stand now and keep something of a kind: of a class on a channel, about somebody or about nobody in
/// particular, recorded between two moments.
pub(crate) async fn keeping(
    tx: &TenantTx,
    now: DateTime<Utc>,
    class: &ClassKey,
    channel: &str,
    subject: Option<SubjectId>,
    between: (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<hold::Model>> {
    let between = (MessageId::first_at(between.0).0, MessageId::first_at(between.1).0);
    let rows = tx
        .find::<hold::Entity>()
        .filter(stands(now))
        .order_by_asc(hold::Column::Id)
        .all(tx.conn())
        .await?;
    Ok(rows
        .into_iter()
        .filter(|row| Scope::new(row.clone()).may_cover_between(class, channel, subject, between))
        .collect())
}

/// The tenant's holds that stand now.
pub(crate) async fn active(tx: &TenantTx, now: DateTime<Utc>) -> Result<Vec<Scope>> {
    let rows = tx
        .find::<hold::Entity>()
        .filter(stands(now))
        .order_by_asc(hold::Column::Id)
        .all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(Scope::new).collect())
}
