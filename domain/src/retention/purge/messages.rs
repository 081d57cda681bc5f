//! Messages of one tenant, class by class.

mod anonymise;

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{anonymised_message, channel, class_count, held_message, message, retention_class};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{
    Budget, KeysLeft, Progress, Report,
    evidence::{Evidence, Removed},
};
use crate::{
    ctx::Ctx,
    error::Result,
    holds::{self, Watch},
    ids::MessageId,
    pictures::Picture,
    retention::{classes::Class, counts, cut::Cut},
    tenancy::{Actor, Engine, TenantScope, TenantTx},
};

/// A message on its way was admitted a moment before the rules changed, perhaps by another process that heard of the
/// change seconds later.
const ON_THE_WAY: TimeDelta = TimeDelta::seconds(60);

/// By then what had its id at that moment is in the journal or will never be: a group is sealed and committed in one go.
const SETTLED: TimeDelta = TimeDelta::seconds(5);

/// Longer than any bucket is open.
const LONGEST_SLICE: TimeDelta = TimeDelta::days(2);

/// Destroys the keys of a tenant's buckets in which everything has expired.
pub(super) async fn keys(
    ctx: &Ctx,
    picture: &Picture,
    budget: Budget,
    evidence: &mut Evidence,
    report: &mut Report,
) -> Result<()> {
    for (id, class) in picture.classes() {
        Run::new(ctx, picture, (id, &class), budget)
            .keys(evidence, report)
            .await?;
    }
    Ok(())
}

/// Removes a tenant's rows that have expired, until the budget is used up. Answers false when it stopped since it is time for keys.
pub(super) async fn rows(
    ctx: &Ctx,
    picture: &Picture,
    budget: Budget,
    evidence: &mut Evidence,
    report: &mut Report,
) -> Result<bool> {
    for (id, class) in picture.classes() {
        let mut run = Run::new(ctx, picture, (id, &class), budget);
        // What has expired since the keys were looked at goes with its row, and its key next time.
        let all = run.rows(evidence, report).await? && run.channels(evidence, report).await?;
        if report.more || !all {
            return Ok(all);
        }
        run.class_itself(evidence).await?;
    }
    Ok(true)
}

struct Run<'a> {
    ctx: &'a Ctx,
    picture: &'a Picture,
    scope: TenantScope,
    id: i64,
    class: &'a Class,
    cut: Cut,
    /// When the line was drawn.
    drawn_at: DateTime<Utc>,
    budget: Budget,
}

impl<'a> Run<'a> {
    fn new(ctx: &'a Ctx, picture: &'a Picture, (id, class): (i64, &'a Class), budget: Budget) -> Self {
        let drawn_at = ctx.now();
        Self {
            ctx,
            picture,
            scope: TenantScope::new(picture.tenant, Actor::System),
            id,
            class,
            cut: picture.cut(&class.key, drawn_at),
            drawn_at,
            budget,
        }
    }
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

    /// The tenant's holds that stand. Read from the store by whoever is about to destroy something, not from memory: another
    /// process may have placed one just now.
    async fn watch(&self) -> Result<Watch> {
        holds::watch(self.ctx, &self.scope).await
    }

    /// How far destruction may go now. What is on its way into the journal has an id already; under a hold, or a rule that
    /// anonymises, it is waited for, so that it can be put aside.
    fn reach(&self, watch: &Watch, line: i64) -> i64 {
        if self.anonymises() || watch.iter().any(|hold| hold.may_cover(&self.class.key)) {
            line.min(MessageId::first_at(self.ctx.now() - SETTLED).0)
        } else {
            line
        }
    }

    /// Has what holds cover put aside, and anonymised what the rules want so, of these messages from one id to another.
    async fn preserve(
        &self,
        watch: &Watch,
        which: Condition,
        (from, to): (i64, i64),
        evidence: &mut Evidence,
        report: &mut Report,
    ) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        let which = which
            .add(message::Column::Id.gte(from))
            .add(message::Column::Id.lt(to));
        if !watch.is_empty() {
            let class = (self.id, self.class);
            holds::preserve(self.ctx, &self.scope, class, watch, which.clone()).await?;
        }
        if self.anonymises() {
            self.anonymise(which, evidence, report).await?;
        }
        Ok(())
    }

    /// The same below a line, but for what an earlier run did under the same holds and rules.
    async fn preserve_below(
        &self,
        watch: &Watch,
        line: i64,
        evidence: &mut Evidence,
        report: &mut Report,
    ) -> Result<()> {
        let anonymises = self.anonymises();
        if watch.is_empty() && !anonymises {
            return Ok(());
        }
        let mut hasher = DefaultHasher::new();
        watch.hash(&mut hasher);
        anonymises.then_some(self.picture.rules_changed).hash(&mut hasher);
        let print = hasher.finish();
        let known = self.class.progress.lock().preserved;
        let from = known.filter(|(under, _)| *under == print).map_or(0, |(_, id)| id);
        self.preserve(watch, Condition::all(), (from, line), evidence, report)
            .await?;
        let settled = MessageId::first_at(self.ctx.now() - ON_THE_WAY).0;
        self.class.progress.lock().preserved = Some((print, line.min(settled).max(from)));
        Ok(())
    }

    /// Destroys the keys of buckets in which everything has expired.
    async fn keys(&mut self, evidence: &mut Evidence, report: &mut Report) -> Result<()> {
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
        let watch = self.watch().await?;
        let lowest = self.cut.lowest();
        let reach = self.reach(&watch, lowest);
        self.preserve_below(&watch, reach, evidence, report).await?;
        let line = if reach < lowest {
            MessageId(reach).at().min(self.line())
        } else {
            self.line()
        };
        let ended = keys.destroy_buckets(tenant, self.id, None, line).await?;
        self.note_keys(&ended, report);
        if let Some((since, until)) = self.own() {
            let until = self.reach(&watch, until);
            self.preserve(&watch, Condition::all(), (since, until), evidence, report)
                .await?;
            let (since, until) = (Some(MessageId(since).at()), MessageId(until).at());
            let ended = keys.destroy_buckets(tenant, self.id, since, until).await?;
            self.note_keys(&ended, report);
        }
        drop(watch);
        let left = keys.earliest_bucket_end(self.picture.tenant, self.id).await?;
        self.class.progress.lock().keys = left.map_or(KeysLeft::None, KeysLeft::EndsAt);
        Ok(())
    }

    /// Rows are going that came since the keys were looked at last, with keys that nobody has seen yet.
    fn look_for_keys(&self) {
        let mut progress = self.class.progress.lock();
        if progress.keys == KeysLeft::None {
            progress.keys = KeysLeft::Unknown;
        }
    }

    fn note_keys(&self, ended: &[DateTime<Utc>], report: &mut Report) {
        report.keys += ended.len() as u64;
        report.key_lags.extend(ended.iter().map(|at| self.late(*at)));
    }

    /// How long ago what was recorded then has expired. By the clock of now, not by the one of the line: what was done in
    /// between took its time. What a new rule ended just now has not been late for longer than the rule is there.
    fn late(&self, recorded: DateTime<Utc>) -> TimeDelta {
        let now = self.ctx.now();
        let since_line = now - self.drawn_at;
        let behind = (self.line().min(now) - recorded + since_line).max(TimeDelta::zero());
        behind.min(now - self.picture.rules_changed)
    }

    /// Removes rows that have expired on every channel: one range. Answers false when it stopped since it is time for keys.
    async fn rows(&mut self, evidence: &mut Evidence, report: &mut Report) -> Result<bool> {
        let lowest = self.cut.lowest();
        if self
            .class
            .progress
            .lock()
            .oldest
            .is_some_and(|oldest| oldest >= lowest)
        {
            return Ok(true);
        }
        let Some(mut first) = self.oldest().await? else {
            // What comes from now on is younger than this.
            self.class.progress.lock().oldest = Some(MessageId::first_at(self.ctx.now()).0);
            return Ok(true);
        };
        if first >= lowest {
            self.class.progress.lock().oldest = Some(first);
            return Ok(true);
        }
        report.lag = report.lag.max(self.late(MessageId(first).at()));
        let watch = self.watch().await?;
        let reach = self.reach(&watch, lowest);
        self.preserve_below(&watch, reach, evidence, report).await?;
        while first < reach {
            if report.messages >= self.budget.rows {
                report.more = true;
                report.backlog += self.count(first, lowest).await?;
                return Ok(true);
            }
            let (stop, count) = self
                .remove(&watch, Condition::all(), first, reach, evidence)
                .await?;
            report.messages += count;
            report.row_lags.push((self.late(MessageId(first).at()), count));
            self.look_for_keys();
            first = stop;
            if first < reach && report.is_time_for_keys(self.ctx) {
                return Ok(false);
            }
            tokio::task::yield_now().await;
        }
        self.class.progress.lock().oldest = Some(first);
        Ok(true)
    }

    /// Removes rows that have expired on some channels only. Needed for rows from before the rules became what they are:
    /// since then, messages that a channel's rule is about have been filed under a class of their own ([`Run::own`]). Answers as
    /// [`Run::rows`].
    async fn channels(&mut self, evidence: &mut Evidence, report: &mut Report) -> Result<bool> {
        if self.cut.is_uniform() {
            return Ok(true);
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
        let all = self
            .scan(start, end, evidence, report, |progress, id| {
                progress.scanned = Some((since, id));
            })
            .await?;
        if report.more || !all {
            return Ok(all);
        }
        let Some((first, until)) = self.own() else {
            return Ok(true);
        };
        let start = {
            let progress = self.class.progress.lock();
            let removed = progress.own.filter(|(under, _)| *under == since);
            first.max(removed.map_or(0, |(_, id)| id))
        };
        // Asked first, so that a class in which nothing passes costs no transaction every second.
        if !self.has_rows(start, until).await? {
            self.class.progress.lock().own = Some((since, until));
            return Ok(true);
        }
        self.scan(start, until, evidence, report, |progress, id| {
            progress.own = Some((since, id));
        })
        .await
    }

    /// Goes from `start` to `end` and removes what has expired. Answers as [`Run::rows`].
    async fn scan(
        &self,
        mut start: i64,
        end: i64,
        evidence: &mut Evidence,
        report: &mut Report,
        remember: impl Fn(&mut Progress, i64),
    ) -> Result<bool> {
        if start >= end {
            return Ok(true);
        }
        let expired = self.cut.expired(self.ctx.store.engine());
        let watch = self.watch().await?;
        let end = self.reach(&watch, end);
        self.preserve(&watch, expired.clone(), (start, end), evidence, report)
            .await?;
        while start < end {
            if report.messages >= self.budget.rows {
                report.more = true;
                return Ok(true);
            }
            let some = expired.clone().add(message::Column::Id.gte(start));
            let (stop, count) = self.remove(&watch, some, start, end, evidence).await?;
            report.messages += count;
            start = stop;
            remember(&mut self.class.progress.lock(), start);
            if start < end && report.is_time_for_keys(self.ctx) {
                return Ok(false);
            }
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    /// A class whose endpoint is gone goes too, when nothing is left of it.
    async fn class_itself(&mut self, evidence: &mut Evidence) -> Result<()> {
        let endpoint = self.class.key.endpoint;
        if self.picture.endpoint(endpoint).is_some() || self.oldest().await?.is_some() {
            return Ok(());
        }
        evidence.write_now(self.ctx, self.id).await?;
        let tx = self.ctx.store.begin(&self.scope).await?;
        let held = tx
            .find::<held_message::Entity>()
            .filter(held_message::Column::ClassId.eq(self.id))
            .limit(1)
            .one(tx.conn())
            .await?;
        // Its balance still counts what a hold keeps of it.
        if held.is_some() {
            return Ok(());
        }
        tx.delete_many::<anonymised_message::Entity>()
            .filter(anonymised_message::Column::ClassId.eq(self.id))
            .exec(tx.conn())
            .await?;
        tx.delete_many::<class_count::Entity>()
            .filter(class_count::Column::ClassId.eq(self.id))
            .exec(tx.conn())
            .await?;
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

    async fn count(&self, start: i64, end: i64) -> Result<u64> {
        let tx = self.ctx.store.read(&self.scope).await?;
        let rows = tx
            .find::<message::Entity>()
            .filter(message::Column::ClassId.eq(self.id))
            .filter(message::Column::Id.gte(start))
            .filter(message::Column::Id.lt(end));
        Ok(rows.count(tx.conn()).await?)
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

    /// Messages that one transaction removes.
    fn batch(&self) -> u64 {
        match self.ctx.store.engine() {
            Engine::Sqlite => self.budget.batch,
            // Other writers do not wait for it there, and each commit waits for the disk.
            Engine::Postgres => self.budget.batch * 5,
        }
    }

    /// Where a batch that begins at `start` ends.
    async fn boundary(&self, tx: &TenantTx, start: i64, end: i64) -> Result<i64> {
        if self.ctx.store.engine() == Engine::Postgres {
            // Where the table was not analysed lately, Postgres thinks of so few rows that it would sort all that are left,
            // batch by batch; the index has them in order.
            tx.conn()
                .execute_unprepared("SET LOCAL enable_sort = off")
                .await?;
        }
        let boundary: Option<i64> = self
            .of_class(tx)
            .filter(message::Column::Id.gte(start))
            .filter(message::Column::Id.lt(end))
            .order_by_asc(message::Column::Id)
            .offset(self.batch())
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
        watch: &Watch,
        which: Condition,
        first: i64,
        end: i64,
        evidence: &mut Evidence,
    ) -> Result<(i64, u64)> {
        let is_held = !watch.is_empty();
        let tx = self.ctx.store.begin(&self.scope).await?;
        let stop = self.boundary(&tx, first, end).await?;
        let held_before = if is_held {
            counts::held_only(&tx, self.id, first, stop).await?
        } else {
            0
        };
        let count = tx
            .delete_many::<message::Entity>()
            .filter(message::Column::ClassId.eq(self.id))
            .filter(message::Column::Id.gte(first))
            .filter(message::Column::Id.lt(stop))
            .filter(which)
            .exec(tx.conn())
            .await?
            .rows_affected;
        if count == 0 {
            return Ok((stop, 0));
        }
        let held = if is_held {
            counts::held_only(&tx, self.id, first, stop)
                .await?
                .saturating_sub(held_before)
        } else {
            0
        };
        counts::deleted(&tx, self.id, count.saturating_sub(held)).await?;
        let removed = self.removed((count, 0), first, stop - 1);
        let noted = evidence.note(&tx, self.ctx, removed).await?;
        tx.save().await?;
        evidence.saved(noted);
        Ok((stop, count))
    }
    /// What is noted of rows that went, so many in all and so many of them anonymised, between two ids.
    fn removed(&self, (count, anonymised): (u64, u64), first: i64, last: i64) -> Removed {
        let now = self.ctx.now();
        let only = self
            .picture
            .rules
            .only(self.class.key.case(), self.class.key.pattern.as_deref());
        Removed {
            tenant: self.picture.tenant,
            class: self.id,
            endpoint: self.class.key.endpoint,
            rule: only.map(|rule| rule.id),
            count,
            anonymised,
            first,
            last,
            cutoff: self.line().min(now),
            since: now,
        }
    }
}
