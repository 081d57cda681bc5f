//! The removal of what has expired. It frees space and takes expired rows out of reach for good; nothing waits for it,
//! since every read draws the line itself.
//!
//! Rows go in key order, a few thousand per transaction, and other writers get their turn in between. Keys go first:
//! destroying a bucket's key is one small write and reaches every copy of its messages. Between runs it is remembered per
//! class what its oldest row is, so that a run with nothing to do asks the store nothing.

mod evidence;
mod messages;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::id::TenantId;
use serde_json::json;

use super::sweep;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    officers::{self, OFFICERS},
    pictures::{self, Picture},
    tenancy::{Actor, TenantScope},
};

/// How much one run may do.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Messages removed in one run, about.
    pub rows: u64,
    /// Messages removed in one transaction on SQLite, where nobody else writes meanwhile; on Postgres it may be more.
    pub batch: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            rows: 200_000,
            batch: 5_000,
        }
    }
}

/// What one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages removed.
    pub messages: u64,
    /// Bucket keys destroyed.
    pub keys: u64,
    /// For how long the oldest message that was removed had been expired.
    pub lag: TimeDelta,
    /// Messages that had expired and were still there when the budget ran out.
    pub backlog: u64,
    /// The budget ran out: there is more to do.
    pub more: bool,
    /// Of each key that was destroyed: for how long everything under it had been expired.
    pub key_lags: Vec<TimeDelta>,
    /// Of the rows that were removed, transaction by transaction: for how long the oldest had been expired, and how many.
    pub row_lags: Vec<(TimeDelta, u64)>,
    /// When keys are to be looked at again, whatever rows there are.
    keys_at: DateTime<Utc>,
}

impl Report {
    /// Whether rows have to wait for keys.
    fn is_time_for_keys(&self, ctx: &Ctx) -> bool {
        ctx.now() >= self.keys_at
    }
}

/// How long rows are removed before keys are looked at again: a key should be gone within a second of its bucket's end, however
/// many rows there are.
const KEYS_EVERY: TimeDelta = TimeDelta::milliseconds(250);

/// What is remembered of a class.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// No row has a smaller id. None: not looked yet.
    oldest: Option<i64>,
    /// Under the rules known since then, channels were looked through up to this id.
    scanned: Option<(DateTime<Utc>, i64)>,
    /// Under the rules known since then, what was filed under them is removed up to this id.
    own: Option<(DateTime<Utc>, i64)>,
    /// What the holds with this fingerprint cover is put aside up to this id.
    preserved: Option<(u64, i64)>,
    /// Buckets that still have a key.
    keys: KeysLeft,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum KeysLeft {
    #[default]
    Unknown,
    None,
    /// The oldest ended or ends then.
    EndsAt(DateTime<Utc>),
}

/// What is remembered from run to run.
#[derive(Debug, Default)]
pub(crate) struct PurgeMemory {
    tenants: Vec<TenantId>,
    listed_at: Option<DateTime<Utc>>,
    /// How many tenants this process knew then.
    known: usize,
    /// Where the next run begins, so that a tenant with very much to remove keeps nobody waiting for ever.
    next: usize,
    evidence: evidence::Evidence,
    /// When a tenant last heard that the removal is late.
    alarmed: HashMap<TenantId, DateTime<Utc>>,
}

/// Later than this, those who answer for the data hear of it, once an hour.
const LATE: TimeDelta = TimeDelta::minutes(5);
const ALARM_EVERY: TimeDelta = TimeDelta::hours(1);

/// How often it is looked which tenants there are, besides those that this process hears of: what a new one says may be gone a
/// second later.
const LIST_EVERY: TimeDelta = TimeDelta::seconds(1);

/// One run over all tenants. To be called every second or so, and again at once while it says `more`.
///
/// # Errors
/// What the store or the vault said. What was removed until then stays removed.
pub async fn purge(ctx: &Ctx, budget: Budget) -> Result<Report> {
    // In a process that serves nobody, this is who notices a change of rules.
    pictures::refresh(ctx).await?;
    let mut memory = ctx.pictures.purging.lock().await;
    let memory = &mut *memory;
    let mut report = Report::default();
    let (now, known) = (ctx.now(), ctx.pictures.count());
    if known != memory.known
        || memory
            .listed_at
            .is_none_or(|at| now - at >= LIST_EVERY || now < at)
    {
        memory.tenants = sweep::tenants(ctx).await?;
        memory.listed_at = Some(now);
        memory.known = known;
    }
    memory.evidence.recall(ctx).await?;
    loop {
        // All keys first: each is one small write, and none should wait for somebody's rows.
        report.keys_at = ctx.now() + KEYS_EVERY;
        for tenant in &memory.tenants {
            if let Some(picture) = picture(ctx, *tenant).await? {
                messages::keys(ctx, &picture, budget, &mut memory.evidence, &mut report).await?;
            }
        }
        if rows(ctx, memory, budget, &mut report).await? {
            break;
        }
    }
    memory.evidence.write_due(ctx).await?;
    Ok(report)
}

/// Removes rows of all tenants in turn. Answers whether that is all for this run; otherwise it is time for keys.
async fn rows(ctx: &Ctx, memory: &mut PurgeMemory, budget: Budget, report: &mut Report) -> Result<bool> {
    let (count, now) = (memory.tenants.len(), ctx.now());
    let first = memory.next;
    for turn in 0..count {
        let place = (first + turn) % count;
        let tenant = memory.tenants[place];
        let Some(picture) = picture(ctx, tenant).await? else {
            continue;
        };
        let lag_of_others = std::mem::take(&mut report.lag);
        let all = messages::rows(ctx, &picture, budget, &mut memory.evidence, report).await?;
        let lag = report.lag;
        report.lag = lag.max(lag_of_others);
        if lag >= LATE
            && memory
                .alarmed
                .get(&tenant)
                .is_none_or(|at| now - *at >= ALARM_EVERY)
        {
            alarm(ctx, tenant, lag, report).await?;
            memory.alarmed.insert(tenant, now);
        }
        if report.more {
            memory.next = (place + 1) % count;
            break;
        }
        if !all {
            memory.next = place;
            return Ok(false);
        }
    }
    Ok(true)
}

/// None when its keys were destroyed, or it was removed since it was listed: nothing of it can be read.
async fn picture(ctx: &Ctx, tenant: TenantId) -> Result<Option<Arc<Picture>>> {
    match pictures::load_tenant(ctx, tenant).await {
        Ok(picture) => Ok(Some(picture)),
        Err(Error::Gone { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has expired is unreadable all the same; but it should not lie around.
async fn alarm(ctx: &Ctx, tenant: TenantId, lag: TimeDelta, report: &Report) -> Result<()> {
    tracing::warn!(tenant.id = %tenant, lag_seconds = lag.num_seconds(), "the removal of expired data is late");
    let tx = ctx.store.begin(&TenantScope::new(tenant, Actor::System)).await?;
    let facts = json!({ "lag_seconds": lag.num_seconds(), "backlog": report.backlog });
    audit::record(&tx, ctx, Event::new("retention.late").facts(facts)).await?;
    let values = json!({ "alarm": "late", "minutes": lag.num_minutes() });
    officers::tell(&tx, ctx, OFFICERS, "retention_alarm", values).await?;
    tx.save().await?;
    Ok(())
}
