//! Messages of one tenant, class by class.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{channel, message, retention_class};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Budget, KeysLeft, Progress, Report,
    evidence::{Evidence, Removed},
};
use crate::{
    ctx::Ctx,
    error::Result,
    ids::MessageId,
    pictures::Picture,
    retention::{classes::Class, cut::Cut},
    tenancy::{Actor, TenantScope, TenantTx},
};

/// A message on its way was admitted a moment before the rules changed, perhaps by another process that heard of the
/// change seconds later.
const ON_THE_WAY: TimeDelta = TimeDelta::seconds(60);

/// Longer than any bucket is open.
const LONGEST_SLICE: TimeDelta = TimeDelta::days(2);

pub(super) async fn purge(
    ctx: &Ctx,
    picture: &Picture,
    budget: Budget,
    evidence: &mut Evidence,
    report: &mut Report,
) -> Result<()> {
    for (id, class) in picture.classes() {
        let mut run = Run {
            ctx,
            picture,
            scope: TenantScope::new(picture.tenant, Actor::System),
            id,
            class: &class,
            cut: picture.cut(&class.key, ctx.now()),
            budget,
        };
        run.keys(report).await?;
        run.rows(evidence, report).await?;
        if report.more {
            return Ok(());
        }
        run.channels(evidence, report).await?;
        if report.more {
            return Ok(());
        }
        run.class_itself(evidence).await?;
    }
    Ok(())
}

struct Run<'a> {
    ctx: &'a Ctx,
    picture: &'a Picture,
    scope: TenantScope,
    id: i64,
    class: &'a Class,
    cut: Cut,
    budget: Budget,
}

impl Run<'_> {
    /// What is older has expired on every channel.
    fn line(&self) -> DateTime<Utc> {
        if self.cut.is_nothing() {
            self.ctx.now() + LONGEST_SLICE
        } else {
            MessageId(self.cut.lowest()).at()
        }
    }

    /// Where rules for channels decide one by one: from where on, and until where, everything in the class has expired,
    /// because it was filed here under the rules of now. What other rules are about has a class of its own since then.
    fn own(&self) -> Option<(i64, i64)> {
        let since = MessageId::first_at(self.picture.rules_since + ON_THE_WAY).0;
        let until = self.cut.otherwise().min(MessageId::first_at(self.ctx.now()).0);
        (!self.cut.is_uniform() && since < until).then_some((since, until))
    }

    /// Destroys the keys of buckets in which everything has expired.
    async fn keys(&mut self, report: &mut Report) -> Result<()> {
        let due = {
            let progress = self.class.progress.lock();
            match progress.keys {
                KeysLeft::Unknown => true,
                KeysLeft::EndsAt(at) => {
                    at <= self.line() || self.own().is_some_and(|(_, until)| at <= MessageId(until).at())
                }
                // New rows may have come with new keys.
                KeysLeft::None => progress.oldest.is_none_or(|oldest| oldest < self.cut.lowest()),
            }
        };
        if !due {
            return Ok(());
        }
        let keys = &self.ctx.keys;
        let tenant = self.picture.tenant;
        report.keys += keys.destroy_buckets(tenant, self.id, None, self.line()).await?;
        if let Some((since, until)) = self.own() {
            let (since, until) = (Some(MessageId(since).at()), MessageId(until).at());
            report.keys += keys.destroy_buckets(tenant, self.id, since, until).await?;
        }
        let left = keys.earliest_bucket_end(self.picture.tenant, self.id).await?;
        self.class.progress.lock().keys = left.map_or(KeysLeft::None, KeysLeft::EndsAt);
        Ok(())
    }

    /// Removes rows that have expired on every channel: one range.
    async fn rows(&mut self, evidence: &mut Evidence, report: &mut Report) -> Result<()> {
        let lowest = self.cut.lowest();
        if self
            .class
            .progress
            .lock()
            .oldest
            .is_some_and(|oldest| oldest >= lowest)
        {
            return Ok(());
        }
        let Some(mut first) = self.oldest().await? else {
            // What comes from now on is younger than this.
            self.class.progress.lock().oldest = Some(MessageId::first_at(self.ctx.now()).0);
            return Ok(());
        };
        if first < lowest {
            let line = self.line().min(self.ctx.now());
            report.lag = report.lag.max(line - MessageId(first).at());
        }
        while first < lowest {
            if report.messages >= self.budget.rows {
                report.more = true;
                return Ok(());
            }
            let (stop, count) = self.remove(Condition::all(), first, lowest, evidence).await?;
            report.messages += count;
            first = stop;
            tokio::task::yield_now().await;
        }
        self.class.progress.lock().oldest = Some(first);
        Ok(())
    }

    /// Removes rows that have expired on some channels only. Needed for rows from before the rules became what they are:
    /// since then, messages that a channel's rule is about have been filed under a class of their own ([`Run::own`]).
    async fn channels(&mut self, evidence: &mut Evidence, report: &mut Report) -> Result<()> {
        if self.cut.is_uniform() {
            return Ok(());
        }
        let since = self.picture.rules_since;
        let end = self.cut.highest().min(MessageId::first_at(since + ON_THE_WAY).0);
        let start = {
            let progress = self.class.progress.lock();
            let scanned = progress.scanned.filter(|(under, _)| *under == since);
            let from = scanned.map_or(0, |(_, id)| id);
            from.max(self.cut.lowest())
                .max(progress.oldest.unwrap_or_default())
        };
        self.scan(start, end, evidence, report, |progress, id| {
            progress.scanned = Some((since, id));
        })
        .await?;
        let Some((first, until)) = self.own().filter(|_| !report.more) else {
            return Ok(());
        };
        let start = {
            let progress = self.class.progress.lock();
            let removed = progress.own.filter(|(under, _)| *under == since);
            first.max(removed.map_or(0, |(_, id)| id))
        };
        // Asked first, so that a class in which nothing passes costs no transaction every second.
        if !self.has_rows(start, until).await? {
            self.class.progress.lock().own = Some((since, until));
            return Ok(());
        }
        self.scan(start, until, evidence, report, |progress, id| {
            progress.own = Some((since, id));
        })
        .await
    }

    /// Goes from `start` to `end` and removes what has expired.
    async fn scan(
        &self,
        mut start: i64,
        end: i64,
        evidence: &mut Evidence,
        report: &mut Report,
        remember: impl Fn(&mut Progress, i64),
    ) -> Result<()> {
        let expired = self.cut.expired(self.ctx.store.engine());
        while start < end {
            if report.messages >= self.budget.rows {
                report.more = true;
                return Ok(());
            }
            let some = expired.clone().add(message::Column::Id.gte(start));
            let (stop, count) = self.remove(some, start, end, evidence).await?;
            report.messages += count;
            start = stop;
            remember(&mut self.class.progress.lock(), start);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// A class whose endpoint is gone goes too, when nothing is left of it.
    async fn class_itself(&mut self, evidence: &mut Evidence) -> Result<()> {
        let endpoint = self.class.key.endpoint;
        if self.picture.endpoint(endpoint).is_some() || self.oldest().await?.is_some() {
            return Ok(());
        }
        evidence.write_now(self.ctx, self.id).await?;
        let tx = self.ctx.store.begin(&self.scope).await?;
        tx.delete_many::<retention_class::Entity>()
            .filter(retention_class::Column::Id.eq(self.id))
            .exec(tx.conn())
            .await?;
        tx.delete_many::<channel::Entity>()
            .filter(channel::Column::EndpointId.eq(endpoint))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        self.picture.classes.forget(self.class);
        Ok(())
    }

    async fn has_rows(&self, start: i64, end: i64) -> Result<bool> {
        let tx = self.ctx.store.read(&self.scope).await?;
        let row: Option<i64> = self
            .of_class(&tx)
            .filter(message::Column::Id.gte(start))
            .filter(message::Column::Id.lt(end))
            .limit(1)
            .into_tuple()
            .one(tx.conn())
            .await?;
        Ok(row.is_some())
    }

    async fn oldest(&self) -> Result<Option<i64>> {
        let tx = self.ctx.store.read(&self.scope).await?;
        let oldest = self
            .of_class(&tx)
            .order_by_asc(message::Column::Id)
            .limit(1)
            .into_tuple()
            .one(tx.conn())
            .await?;
        Ok(oldest)
    }

    /// Where a batch that begins at `start` ends.
    async fn boundary(&self, tx: &TenantTx, start: i64, end: i64) -> Result<i64> {
        let boundary: Option<i64> = self
            .of_class(tx)
            .filter(message::Column::Id.gte(start))
            .filter(message::Column::Id.lt(end))
            .order_by_asc(message::Column::Id)
            .offset(self.budget.batch)
            .limit(1)
            .into_tuple()
            .one(tx.conn())
            .await?;
        Ok(boundary.unwrap_or(end))
    }

    fn of_class(&self, tx: &TenantTx) -> sea_orm::Select<message::Entity> {
        tx.find::<message::Entity>()
            .select_only()
            .column(message::Column::Id)
            .filter(message::Column::ClassId.eq(self.id))
    }

    /// Removes what fulfils the condition of one batch of the class, from `first` on and not beyond `end`, and notes that.
    /// Answers where the batch ended, and how many rows went.
    async fn remove(
        &self,
        which: Condition,
        first: i64,
        end: i64,
        evidence: &mut Evidence,
    ) -> Result<(i64, u64)> {
        let tx = self.ctx.store.begin(&self.scope).await?;
        let stop = self.boundary(&tx, first, end).await?;
        let count = tx
            .delete_many::<message::Entity>()
            .filter(message::Column::ClassId.eq(self.id))
            .filter(message::Column::Id.lt(stop))
            .filter(which)
            .exec(tx.conn())
            .await?
            .rows_affected;
        if count == 0 {
            return Ok((stop, 0));
        }
        let now = self.ctx.now();
        let only = self
            .picture
            .rules
            .only(self.class.key.case(), self.class.key.pattern.as_deref());
        let removed = Removed {
            tenant: self.picture.tenant,
            class: self.id,
            endpoint: self.class.key.endpoint,
            rule: only.map(|rule| rule.id),
            count,
            first,
            last: stop - 1,
            cutoff: self.line().min(now),
            since: now,
        };
        let noted = evidence.note(&tx, self.ctx, removed).await?;
        tx.save().await?;
        evidence.saved(noted);
        Ok((stop, count))
    }
}
