//! Attempts: which webhook has something due, what it is told next, how that went.
//!
//! A worker takes a *turn* at a webhook, so its deliveries go out one after the other, in the order in which they were
//! written down. One that fails holds the others back for a while; then it steps aside and is tried again by itself, so
//! that a single delivery that a receiver never takes does not stop the rest for good.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{TenantId, WebhookDeliveryId, WebhookId},
    webhook::{self, DisabledReason},
    webhook_attempt,
    webhook_delivery::{self, DeliveryError, DeliveryState},
    webhook_part,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Set,
    sea_query::{Expr, LockBehavior, LockType, OnConflict},
};
use serde_json::json;
use vault::chance;

use super::{
    Settings, contents,
    secrets::signing_keys,
    signing::{self, Header, Signers},
    told::{self, Told},
};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    pictures,
    tenancy::{Actor, TenantScope, TenantTx},
};

/// How long a turn may go on before others get theirs.
pub const TURN: Duration = Duration::from_secs(20);
/// What a lease is longer than one attempt. Each attempt renews it, so that what a worker leaves behind that dies is soon
/// taken over.
const SLACK: Duration = Duration::from_secs(10);

/// One worker's turn at one webhook.
#[derive(Debug)]
pub struct Turn {
    /// The webhook.
    pub webhook: WebhookId,
    /// The right to work on the tenant's data.
    scope: TenantScope,
}

impl Turn {
    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant()
    }
}

/// A delivery that is ready to be sent.
pub struct Attempt {
    /// The delivery.
    pub delivery: WebhookDeliveryId,
    /// Where to.
    pub url: String,
    /// Signatures and the rest.
    pub headers: Vec<Header>,
    /// What it says. Never to be logged.
    pub body: Vec<u8>,
    /// Events in it.
    sent: i32,
    /// Whom it says something of.
    told: Told,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered with this status.
    Answered(u16),
    /// It did not come to an answer.
    Failed(DeliveryError),
}

impl Outcome {
    fn error(self) -> Option<DeliveryError> {
        match self {
            Self::Answered(200..=299) => None,
            Self::Answered(410) => Some(DeliveryError::Gone),
            Self::Answered(_) => Some(DeliveryError::Status),
            Self::Failed(error) => Some(error),
        }
    }

    fn status(self) -> Option<i32> {
        match self {
            Self::Answered(status) => Some(status.into()),
            Self::Failed(_) => None,
        }
    }
}

fn lease(settings: &Settings) -> TimeDelta {
    TimeDelta::from_std(settings.timeout() + SLACK).unwrap_or(TimeDelta::MAX)
}

/// Claims webhooks that have something due, at most so many, and of no tenant more than its share.
pub async fn claim(ctx: &Ctx, limit: usize) -> Result<Vec<Turn>> {
    use webhook::Column;
    let (now, settings) = (ctx.now(), &ctx.settings.webhooks);
    let due = || {
        Condition::all()
            .add(Column::DueAt.lte(now))
            .add(Column::Enabled.eq(true))
            .add(Column::Url.is_not_null())
            .add(
                Condition::any()
                    .add(Column::LockedUntil.is_null())
                    .add(Column::LockedUntil.lt(now)),
            )
    };
    let view = ctx
        .store
        .system_read("the worker looks for webhooks of all tenants")
        .await?;
    let there = view
        .find::<webhook::Entity>()
        .filter(due())
        .limit(1)
        .one(view.conn())
        .await?;
    drop(view);
    // Nearly every look finds nothing, and should keep no writer waiting.
    if there.is_none() {
        return Ok(Vec::new());
    }
    let tx = ctx
        .store
        .system("the worker sends the webhooks of all tenants")
        .await?;
    let running: Vec<TenantId> = tx
        .find::<webhook::Entity>()
        .select_only()
        .column(Column::TenantId)
        .filter(Column::LockedUntil.gte(now))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut shares: HashMap<TenantId, usize> = HashMap::new();
    for tenant in running {
        *shares.entry(tenant).or_default() += 1;
    }
    let mut rows = tx
        .find::<webhook::Entity>()
        .filter(due())
        .order_by_asc(Column::DueAt)
        .limit(u64::try_from(limit.saturating_mul(4)).unwrap_or(u64::MAX));
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        rows = rows.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let mut taken = Vec::new();
    for row in rows.all(tx.conn()).await? {
        let share = shares.entry(row.tenant_id).or_default();
        if taken.len() < limit && *share < settings.per_tenant.max(1) {
            *share += 1;
            taken.push(row);
        }
    }
    tx.update_many::<webhook::Entity>()
        .filter(Column::Id.is_in(taken.iter().map(|row| row.id)))
        .col_expr(Column::LockedUntil, Expr::value(now + lease(settings)))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(taken
        .into_iter()
        .map(|row| Turn {
            webhook: row.id,
            scope: TenantScope::new(row.tenant_id, Actor::System),
        })
        .collect())
}

/// What is to be sent now, signed. None: nothing is due, or the webhook was switched off or removed.
///
/// # Errors
/// What the store or the vault said; then the turn is over, and another one comes when its lease runs out.
pub async fn next(ctx: &Ctx, turn: &Turn) -> Result<Option<Attempt>> {
    let settings = &ctx.settings.webhooks;
    loop {
        let tx = ctx.store.read(&turn.scope).await?;
        let hook = tx
            .find_by_id::<webhook::Entity, _>(turn.webhook)
            .filter(webhook::Column::Enabled.eq(true))
            .one(tx.conn())
            .await?;
        let Some(hook) = hook else { return Ok(None) };
        let Some(url) = hook.url.clone() else {
            return Ok(None);
        };
        let now = ctx.now();
        let waiting = Waiting::read(&tx, hook.id, settings).await?;
        let Some(delivery) = waiting.due(now) else {
            return Ok(None);
        };
        drop(tx);
        if now - delivery.begun_at > settings.give_up_after() {
            let outcome = Outcome::Failed(DeliveryError::TooOld);
            note(ctx, turn, delivery.id, &Said::NOTHING, outcome, Duration::ZERO).await?;
            continue;
        }
        let contents = match contents::read(ctx, &turn.scope, &hook, &delivery).await {
            Ok(contents) => contents,
            Err(error) => {
                tracing::error!(delivery.id = %delivery.id, error = ?error, "a delivery could not be put together");
                let outcome = Outcome::Failed(DeliveryError::Internal);
                note(ctx, turn, delivery.id, &Said::NOTHING, outcome, Duration::ZERO).await?;
                continue;
            }
        };
        let Some(contents) = contents else {
            expire(ctx, turn, delivery.id).await?;
            continue;
        };
        let picture = pictures::load_tenant(ctx, turn.tenant()).await?;
        let Some(endpoint) = picture.endpoint(hook.endpoint_id) else {
            return Ok(None);
        };
        let signers = Signers {
            app_key: endpoint.row.app_key.clone(),
            app_secret: endpoint.secrets(now).next().unwrap_or_default().to_owned(),
            own: signing_keys(ctx, &hook).await?,
        };
        return Ok(Some(Attempt {
            delivery: delivery.id,
            url,
            headers: signing::headers(&signers, &delivery.id.to_string(), now, &contents.body),
            body: contents.body,
            sent: contents.events,
            told: contents.told,
        }));
    }
}

/// Notes how an attempt went: the delivery is done, waits for its next attempt or is given up.
pub async fn settle(
    ctx: &Ctx,
    turn: &Turn,
    attempt: &Attempt,
    outcome: Outcome,
    took: Duration,
) -> Result<()> {
    let said = Said {
        events: attempt.sent,
        told: &attempt.told,
    };
    note(ctx, turn, attempt.delivery, &said, outcome, took).await
}

/// Ends a turn. The webhook is claimed again when its next delivery is due.
pub async fn release(ctx: &Ctx, turn: Turn) -> Result<()> {
    let tx = ctx.store.begin(&turn.scope).await?;
    let mut row = tx.find_by_id::<webhook::Entity, _>(turn.webhook);
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        // Whoever writes a delivery down and wakes the webhook meanwhile waits, and has the last word.
        row = row.lock_exclusive();
    }
    if row.one(tx.conn()).await?.is_none() {
        return Ok(());
    }
    let waiting = Waiting::read(&tx, turn.webhook, &ctx.settings.webhooks).await?;
    tx.update_many::<webhook::Entity>()
        .filter(webhook::Column::Id.eq(turn.webhook))
        .col_expr(webhook::Column::DueAt, Expr::value(waiting.next_at()))
        .col_expr(webhook::Column::LockedUntil, Expr::value(None::<DateTime<Utc>>))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// What waits for a webhook: the first in order, and the first of those that stepped aside.
struct Waiting {
    head: Option<webhook_delivery::Model>,
    aside: Option<webhook_delivery::Model>,
}

impl Waiting {
    async fn read(tx: &TenantTx, hook: WebhookId, settings: &Settings) -> Result<Self> {
        use webhook_delivery::Column;
        let pending = || {
            tx.find::<webhook_delivery::Entity>()
                .filter(Column::WebhookId.eq(hook))
                .filter(Column::State.eq(DeliveryState::Pending))
        };
        Ok(Self {
            head: pending()
                .filter(Column::Attempts.lt(settings.ordered_attempts))
                .order_by_asc(Column::Id)
                .limit(1)
                .one(tx.conn())
                .await?,
            aside: pending()
                .filter(Column::Attempts.gte(settings.ordered_attempts))
                .order_by_asc(Column::NextAt)
                .limit(1)
                .one(tx.conn())
                .await?,
        })
    }

    fn due(self, now: DateTime<Utc>) -> Option<webhook_delivery::Model> {
        [self.aside, self.head]
            .into_iter()
            .flatten()
            .find(|delivery| delivery.next_at <= now)
    }

    fn next_at(&self) -> Option<DateTime<Utc>> {
        let both = [&self.aside, &self.head];
        both.into_iter().flatten().map(|delivery| delivery.next_at).min()
    }
}

/// Everything in it is gone: there is nothing to say.
async fn expire(ctx: &Ctx, turn: &Turn, id: WebhookDeliveryId) -> Result<()> {
    let tx = ctx.store.begin(&turn.scope).await?;
    tx.update_many::<webhook_delivery::Entity>()
        .set(webhook_delivery::ActiveModel {
            state: Set(DeliveryState::Expired),
            finished_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(webhook_delivery::Column::Id.eq(id))
        .filter(webhook_delivery::Column::State.eq(DeliveryState::Pending))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<webhook_part::Entity>()
        .filter(webhook_part::Column::DeliveryId.eq(id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// What was sent, and of whom.
struct Said<'a> {
    events: i32,
    told: &'a Told,
}

impl Said<'_> {
    const NOTHING: Said<'static> = Said {
        events: 0,
        told: &Told::new(),
    };
}

async fn note(
    ctx: &Ctx,
    turn: &Turn,
    id: WebhookDeliveryId,
    said: &Said<'_>,
    outcome: Outcome,
    took: Duration,
) -> Result<()> {
    let (now, settings) = (ctx.now(), &ctx.settings.webhooks);
    let tx = ctx.store.begin(&turn.scope).await?;
    let delivery = tx
        .find_by_id::<webhook_delivery::Entity, _>(id)
        .filter(webhook_delivery::Column::State.eq(DeliveryState::Pending))
        .one(tx.conn())
        .await?;
    let hook = tx
        .find_by_id::<webhook::Entity, _>(turn.webhook)
        .one(tx.conn())
        .await?;
    // Removed while it was under way, or settled by somebody whose lease was newer.
    let (Some(delivery), Some(hook)) = (delivery, hook) else {
        return Ok(());
    };
    let (error, attempts) = (outcome.error(), delivery.attempts + 1);
    let duration_ms = i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
    let row = webhook_attempt::ActiveModel {
        delivery_id: Set(id),
        number: Set(delivery.attempts_total + 1),
        at: Set(now),
        sent: Set(said.events),
        status: Set(outcome.status()),
        duration_ms: Set(duration_ms),
        error: Set(error),
        ..Default::default()
    };
    tx.upsert(row, OnConflict::new().do_nothing().to_owned()).await?;
    let pause = match error {
        Some(DeliveryError::Gone | DeliveryError::TooOld) | None => None,
        Some(_) => settings.pause_after(attempts),
    };
    let state = match (error, pause) {
        (None, _) => DeliveryState::Delivered,
        (Some(_), Some(_)) => DeliveryState::Pending,
        (Some(_), None) => DeliveryState::Failed,
    };
    tx.update_many::<webhook_delivery::Entity>()
        .set(webhook_delivery::ActiveModel {
            state: Set(state),
            attempts: Set(attempts),
            attempts_total: Set(delivery.attempts_total + 1),
            sent: Set(Some(said.events)),
            next_at: Set(now + pause.map_or(TimeDelta::zero(), |pause| jittered(ctx, pause))),
            status: Set(outcome.status()),
            duration_ms: Set(Some(duration_ms)),
            error: Set(error),
            finished_at: Set((state != DeliveryState::Pending).then_some(now)),
            ..Default::default()
        })
        .filter(webhook_delivery::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    tx.update_many::<webhook::Entity>()
        .filter(webhook::Column::Id.eq(turn.webhook))
        .col_expr(webhook::Column::LockedUntil, Expr::value(now + lease(settings)))
        .exec(tx.conn())
        .await?;
    if state == DeliveryState::Delivered {
        told::taken(&tx, &hook, &delivery, said.told, now).await?;
    }
    health(&tx, ctx, hook, error).await?;
    tx.save().await?;
    Ok(())
}

/// Up to a tenth more, so that what failed together is not tried again together.
fn jittered(ctx: &Ctx, pause: TimeDelta) -> TimeDelta {
    let [byte] = chance::bytes::<1>(&*ctx.chance);
    pause + pause * i32::from(byte) / 2_550
}

/// Remembers since when nothing was taken, and switches off what failed for too long or says that it is gone.
async fn health(tx: &TenantTx, ctx: &Ctx, hook: webhook::Model, error: Option<DeliveryError>) -> Result<()> {
    let now = ctx.now();
    let failing_since = match error {
        None => None,
        // Says nothing about the receiver.
        Some(DeliveryError::Internal | DeliveryError::TooOld) => hook.failing_since,
        Some(_) => hook.failing_since.or(Some(now)),
    };
    let reason = match error {
        Some(DeliveryError::Gone) => Some(DisabledReason::Gone),
        Some(_)
            if failing_since.is_some_and(|since| now - since >= ctx.settings.webhooks.disable_after()) =>
        {
            Some(DisabledReason::Failing)
        }
        _ => None,
    };
    if failing_since == hook.failing_since && reason.is_none() {
        return Ok(());
    }
    let (id, version) = (hook.id, hook.version + 1);
    let mut row = hook.into_active_model();
    row.failing_since = Set(failing_since);
    if let Some(reason) = reason {
        row.enabled = Set(false);
        row.disabled_reason = Set(Some(reason));
        row.disabled_at = Set(Some(now));
        row.version = Set(version);
        row.updated_at = Set(now);
    }
    tx.update(row).await?;
    if let Some(reason) = reason {
        let facts = json!({ "reason": reason, "version": version });
        let event = Event::new("webhook.disabled").target("webhook", id).facts(facts);
        audit::record(tx, ctx, event).await?;
        ctx.forget_picture_after(tx);
    }
    Ok(())
}
