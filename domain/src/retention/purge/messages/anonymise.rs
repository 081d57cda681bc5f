//! What a rule anonymises: of each message that expired, what the catalogue does not know to be personal is kept without who,
//! on which channel and when; the message goes in the same transaction. A message that nobody can look into (bytes, plain
//! text, what does not open any more) is not anonymised: it is removed like any other.

use std::collections::HashSet;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use entity::{anonymised_message, held_message, message};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::{Value, json};
use vault::chance;

use super::{Evidence, Report, Run};
use crate::{
    anonymised,
    channels::names,
    error::Result,
    ids::MessageId,
    journal::{self, BINARY, NAMED, Said},
    keys::SubjectKeyName,
    minimise,
    retention::counts,
};

/// Messages in one transaction.
const BATCH: u64 = 500;

impl Run<'_> {
    /// Whether a rule that anonymises may decide about messages of the class.
    pub(super) fn anonymises(&self) -> bool {
        let key = &self.class.key;
        self.picture.endpoint(key.endpoint).is_some()
            && self
                .picture
                .rules
                .candidates(key.case(), key.pattern.as_deref())
                .iter()
                .any(|rule| rule.anonymises)
    }

    /// Anonymises these messages of the class, all of which have expired.
    pub(super) async fn anonymise(
        &self,
        which: Condition,
        evidence: &mut Evidence,
        report: &mut Report,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let view = self.ctx.store.read(&self.scope).await?;
            let mut rows = view
                .find::<message::Entity>()
                .filter(message::Column::ClassId.eq(self.id))
                .filter(which.clone())
                .order_by_asc(message::Column::Id)
                .limit(BATCH);
            if let Some(after) = after {
                rows = rows.filter(message::Column::Id.gt(after));
            }
            let mut rows = rows.all(view.conn()).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = Some(last.id);
            let channels = names(&view, rows.iter().map(|row| row.channel_id)).await?;
            // What a hold keeps is evidence, as it was; the balance counts it once.
            let held: Vec<i64> = view
                .find::<held_message::Entity>()
                .select_only()
                .column(held_message::Column::MessageId)
                .filter(held_message::Column::ClassId.eq(self.id))
                .filter(held_message::Column::MessageId.is_in(rows.iter().map(|row| row.id)))
                .into_tuple()
                .all(view.conn())
                .await?;
            drop(view);
            let held: HashSet<i64> = held.into_iter().collect();
            rows.retain(|row| {
                let channel = channels.get(&row.channel_id).map_or("", String::as_str);
                let decision = self.picture.rules.decide(self.class.key.case(), channel);
                decision.deletion.is_some_and(|rule| rule.anonymises) && !held.contains(&row.id)
            });
            let rest = self.rest_of(rows).await?;
            self.exchange(rest, evidence, report).await?;
            tokio::task::yield_now().await;
        }
    }

    /// What is left of messages, with their ids. Those of which nothing can be left are not in it.
    async fn rest_of(
        &self,
        rows: Vec<message::Model>,
    ) -> Result<Vec<(i64, anonymised_message::ActiveModel)>> {
        let (tenant, key) = (self.picture.tenant, &self.class.key);
        let name = |row: &message::Model| {
            (
                SubjectKeyName::for_messages(tenant, row.subject_id, key.purpose),
                row.bucket_id,
            )
        };
        let pairs = self.ctx.keys.pairs_to_open(rows.iter().map(name)).await?;
        let keys = self.ctx.keys.tenant(tenant).await?;
        let mut rest = Vec::with_capacity(rows.len());
        for row in rows {
            let aad = journal::aad(tenant, key.endpoint, row.subject_id, row.class_id);
            let said = pairs
                .get(&name(&row))
                .and_then(|pair| pair.open(row.id, &aad, row.sealed).ok())
                .filter(|_| row.flags & BINARY == 0)
                .and_then(|opened| journal::take_apart(opened, row.flags & NAMED != 0));
            let Some(left) = said.and_then(|said| self.left_of(&said)) else {
                continue;
            };
            let id = uuid::Builder::from_random_bytes(chance::bytes(&*self.ctx.chance)).into_uuid();
            let plain = left.to_string();
            let copy = anonymised_message::ActiveModel {
                id: Set(id.into()),
                class_id: Set(self.id),
                endpoint_id: Set(key.endpoint),
                purpose_id: Set(key.purpose),
                hour: Set(hour(MessageId(row.id).at())),
                size: Set(i32::try_from(plain.len()).unwrap_or(i32::MAX)),
                sealed: Set(keys.tenant.seal_value(
                    &anonymised::context(id.into()),
                    plain.as_bytes(),
                    &*self.ctx.chance,
                )),
                ..Default::default()
            };
            rest.push((row.id, copy));
        }
        Ok(rest)
    }

    fn left_of(&self, said: &Said) -> Option<Value> {
        let mut data: Value = serde_json::from_slice(&said.data).ok()?;
        // The catalogue says where in an object or a list something stands. Of a bare text it knows nothing.
        if !data.is_object() && !data.is_array() {
            return None;
        }
        let found = minimise::locate(&self.picture.data_types, &data);
        minimise::anonymise(&self.picture.data_types, found, &mut data);
        Some(json!({ "event": said.event, "data": data }))
    }

    /// Puts the rest in the place of the messages.
    async fn exchange(
        &self,
        rest: Vec<(i64, anonymised_message::ActiveModel)>,
        evidence: &mut Evidence,
        report: &mut Report,
    ) -> Result<()> {
        let (ids, copies): (Vec<i64>, Vec<_>) = rest.into_iter().unzip();
        let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else {
            return Ok(());
        };
        let count = ids.len() as u64;
        let tx = self.ctx.store.begin(&self.scope).await?;
        let gone = tx
            .delete_many::<message::Entity>()
            .filter(message::Column::ClassId.eq(self.id))
            .filter(message::Column::Id.is_in(ids))
            .exec(tx.conn())
            .await?
            .rows_affected;
        if gone != count {
            // Somebody else was faster: with an erasure, or with the same. Nothing is left of what is not there.
            return Ok(());
        }
        for copy in copies {
            tx.insert(copy).await?;
        }
        counts::anonymised(&tx, self.id, count).await?;
        let removed = self.removed((count, count), first, last);
        let noted = evidence.note(&tx, self.ctx, removed).await?;
        tx.save().await?;
        evidence.saved(noted);
        report.messages += count;
        report.row_lags.push((self.late(MessageId(first).at()), count));
        Ok(())
    }
}

fn hour(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}
