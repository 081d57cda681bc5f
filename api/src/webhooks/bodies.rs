//! What the webhooks' operations take and answer.

use chrono::{DateTime, Utc};
use domain::webhooks::{EventKind, NewWebhook, WebhookPatch};
use entity::{
    id::{EndpointId, LifecycleEventId, WebhookDeliveryId, WebhookId},
    lifecycle_event::{self, LifecycleKind},
    webhook::{self, DisabledReason},
    webhook_attempt,
    webhook_delivery::{self, DeliveryError, DeliveryState},
};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::Deserialize;
use serde_json::Value;

/// A webhook to be made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookIn {
    /// Whose events.
    endpoint_id: EndpointId,
    /// Where to. Absent: nothing is sent; channels' comings and goings are kept to be read (`/lifecycle-events`).
    url: Option<String>,
    /// For people.
    description: Option<String>,
    /// Some of `channel_occupied`, `channel_vacated`, `member_added`, `member_removed`, `client_event`, `cache_miss`,
    /// `subscription_count`, `connected`, `disconnected`.
    events: Vec<String>,
    /// Only of channels whose name begins so. Sessions are on no channel, so this keeps none of them out.
    channel_prefix: Option<String>,
    /// Default true.
    enabled: Option<bool>,
}

impl From<WebhookIn> for NewWebhook {
    fn from(input: WebhookIn) -> Self {
        Self {
            endpoint: input.endpoint_id,
            url: input.url,
            description: input.description,
            events: input.events,
            channel_prefix: input.channel_prefix,
            enabled: input.enabled.unwrap_or(true),
        }
    }
}

/// Changes to a webhook. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatchIn {
    #[serde(default)]
    url: MaybeUndefined<String>,
    #[serde(default)]
    description: MaybeUndefined<String>,
    events: Option<Vec<String>>,
    #[serde(default)]
    channel_prefix: MaybeUndefined<String>,
    /// On: failures of before are forgotten.
    enabled: Option<bool>,
}

impl From<WebhookPatchIn> for WebhookPatch {
    fn from(input: WebhookPatchIn) -> Self {
        Self {
            url: input.url.into(),
            description: input.description.into(),
            events: input.events,
            channel_prefix: input.channel_prefix.into(),
            enabled: input.enabled,
        }
    }
}

/// An address that is told what happens on an endpoint.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Webhook {
    id: WebhookId,
    endpoint_id: EndpointId,
    url: Option<String>,
    description: Option<String>,
    events: Vec<String>,
    channel_prefix: Option<String>,
    enabled: bool,
    /// Why it was switched off, where nobody of yours did. `gone`: the receiver answered 410. `failing`: nothing was taken
    /// for days.
    disabled_reason: Option<DisabledReason>,
    disabled_at: Option<DateTime<Utc>>,
    /// Since when nothing was taken.
    failing_since: Option<DateTime<Utc>>,
    /// Until then deliveries are signed with the secret before the last rotation too.
    previous_signs_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

fn names(bits: i32) -> Vec<String> {
    EventKind::of(bits).map(|kind| kind.as_str().to_owned()).collect()
}

impl From<webhook::Model> for Webhook {
    fn from(row: webhook::Model) -> Self {
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            url: row.url,
            description: row.description,
            events: names(row.events),
            channel_prefix: row.channel_prefix,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            disabled_at: row.disabled_at,
            failing_since: row.failing_since,
            previous_signs_until: row.previous_secret_until,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// A webhook and its secret, which is shown this once.
#[derive(Clone, Debug, Object)]
pub struct WebhookWithSecret {
    #[oai(flatten)]
    pub(super) webhook: Webhook,
    /// Signs deliveries the way of Standard Webhooks: `whsec_` and base64. Not shown again.
    pub(super) secret: String,
}

/// A new secret, which is shown this once.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RotatedWebhookSecret {
    /// Signs deliveries from now on. Not shown again.
    pub(super) secret: String,
    /// Until then deliveries are signed with the secret before it too.
    pub(super) previous_signs_until: Option<DateTime<Utc>>,
}

/// A batch of events, on its way or told. Never what the events said.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WebhookDelivery {
    /// The same as the header `webhook-id`.
    id: WebhookDeliveryId,
    webhook_id: WebhookId,
    /// `expired`: everything in it was erased, withdrawn or expired before it could be delivered.
    state: DeliveryState,
    /// Kinds of events in it.
    kinds: Vec<String>,
    /// How many of each.
    counts: Value,
    /// How many events it was made of.
    events: i32,
    /// How many of them were in the last attempt: fewer, where some were erased, withdrawn or expired.
    sent: Option<i32>,
    /// Attempts so far.
    attempts: i32,
    /// When the next attempt is due.
    next_at: Option<DateTime<Utc>>,
    /// What the receiver answered last.
    status: Option<i32>,
    /// How long the last attempt took.
    duration_ms: Option<i32>,
    /// How the last attempt failed.
    error: Option<DeliveryError>,
    created_at: DateTime<Utc>,
    /// When it was delivered or given up.
    finished_at: Option<DateTime<Utc>>,
}

impl From<webhook_delivery::Model> for WebhookDelivery {
    fn from(row: webhook_delivery::Model) -> Self {
        Self {
            id: row.id,
            webhook_id: row.webhook_id,
            state: row.state,
            kinds: names(row.kinds),
            counts: row.counts,
            events: row.events,
            sent: row.sent,
            attempts: row.attempts_total,
            next_at: (row.state == DeliveryState::Pending).then_some(row.next_at),
            status: row.status,
            duration_ms: row.duration_ms,
            error: row.error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WebhookAttempt {
    /// From 1.
    number: i32,
    at: DateTime<Utc>,
    /// Events that were in it.
    sent: i32,
    /// What the receiver answered.
    status: Option<i32>,
    duration_ms: i32,
    /// Absent: the receiver took it.
    error: Option<DeliveryError>,
}

/// A delivery and its attempts.
#[derive(Clone, Debug, Object)]
pub struct WebhookDeliveryWithAttempts {
    #[oai(flatten)]
    delivery: WebhookDelivery,
    /// The first one first.
    attempt_log: Vec<WebhookAttempt>,
}

impl WebhookDeliveryWithAttempts {
    pub(super) fn new(row: webhook_delivery::Model, attempts: Vec<webhook_attempt::Model>) -> Self {
        let attempts = attempts.into_iter().map(|attempt| WebhookAttempt {
            number: attempt.number,
            at: attempt.at,
            sent: attempt.sent,
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            error: attempt.error,
        });
        Self {
            delivery: row.into(),
            attempt_log: attempts.collect(),
        }
    }
}

/// That a channel was occupied or vacated.
#[derive(Clone, Debug, Object)]
pub struct LifecycleEvent {
    id: LifecycleEventId,
    endpoint_id: EndpointId,
    kind: LifecycleKind,
    channel: String,
    at: DateTime<Utc>,
}

impl From<lifecycle_event::Model> for LifecycleEvent {
    fn from(row: lifecycle_event::Model) -> Self {
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            kind: row.kind,
            channel: row.channel,
            at: row.at,
        }
    }
}
