//! From events to deliveries that only have to be written down: split per webhook, put into batches, sealed.
//!
//! Events about nobody share one sealed part of a delivery. An event about a person gets a part of its own: a member's
//! coming and going under the key of that person, a message under its person's and its bucket's keys, as in the journal.
//! So what is erased, withdrawn or expired while a delivery waits takes its part with it and leaves the others.
//!
//! That a session opened or ended names nobody here. Who it was is looked up when it is sent ([`super::contents`]).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::id::{ConnectionId, EndpointId, PurposeId, SubjectId, TenantId, WebhookDeliveryId, WebhookId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::message::OVERHEAD;

use super::{events::EventKind, listening::Hook};
use crate::{
    ctx::Ctx,
    error::Result,
    journal,
    keys::{Slice, SubjectKeyName},
    pictures::Picture,
};

/// Whom an event is about.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// Nobody in particular.
    Nobody,
    /// Whoever had this session.
    Session(ConnectionId),
    /// This person.
    Person(SubjectId),
    /// What was said, perhaps by a person.
    Message {
        subject: Option<SubjectId>,
        purpose: Option<PurposeId>,
        /// The handle of its retention class.
        class: i64,
        channel: std::sync::Arc<str>,
    },
}

/// An event that somebody is told.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) kind: EventKind,
    pub(super) about: About,
    /// As receivers read it.
    pub(super) shape: Value,
}

/// An event inside a sealed part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Item {
    /// Its place in the delivery.
    #[serde(rename = "n")]
    pub(super) number: i32,
    #[serde(rename = "e")]
    pub(super) shape: Value,
    /// The session to look up.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<ConnectionId>,
}

/// What an event about a message is cut off by.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// The channel decides how long it is kept.
    #[serde(rename = "c")]
    pub(super) channel: String,
    #[serde(flatten)]
    pub(super) item: Item,
}

/// Sealed events.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) subject: Option<SubjectId>,
    pub(super) purpose: Option<PurposeId>,
    pub(super) class: Option<i64>,
    pub(super) bucket: Option<i64>,
    pub(super) message: Option<i64>,
    pub(super) sealed: Vec<u8>,
}

/// A delivery to be written down.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: WebhookDeliveryId,
    pub(super) tenant: TenantId,
    pub(super) webhook: WebhookId,
    pub(super) endpoint: EndpointId,
    pub(super) kinds: i32,
    pub(super) counts: BTreeMap<&'static str, i32>,
    pub(super) events: i32,
    pub(super) at: DateTime<Utc>,
    pub(super) parts: Vec<Part>,
}

/// The context that a part is sealed in.
pub(crate) fn context(delivery: WebhookDeliveryId, number: i32) -> String {
    format!("webhook-part:{delivery}/{number}")
}

/// Where deliveries of one webhook come from.
pub(super) struct Source<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) picture: &'a Picture,
    pub(super) endpoint: EndpointId,
    pub(super) hook: &'a Hook,
    /// How long what no rule keeps may wait.
    pub(super) transit: TimeDelta,
}

impl Source<'_> {
    /// One delivery of these events. None when nothing of it may be sent.
    pub(super) async fn draft(&self, events: &[Telling]) -> Result<Option<Draft>> {
        let (ctx, tenant) = (self.ctx, self.picture.tenant);
        let mut draft = Draft {
            id: ctx.ids.next(),
            tenant,
            webhook: self.hook.id,
            endpoint: self.endpoint,
            kinds: 0,
            counts: BTreeMap::new(),
            events: 0,
            at: ctx.now(),
            parts: Vec::new(),
        };
        let mut shared: Vec<Item> = Vec::new();
        for (number, event) in (0..).zip(events) {
            draft.kinds |= event.kind.bit();
            *draft.counts.entry(event.kind.as_str()).or_default() += 1;
            draft.events += 1;
            let item = |session| Item {
                number,
                shape: event.shape.clone(),
                session,
            };
            match &event.about {
                About::Nobody => shared.push(item(None)),
                About::Session(session) => shared.push(item(Some(*session))),
                About::Person(subject) => {
                    let sealed = self.seal_for(*subject, draft.id, &item(None)).await?;
                    draft.parts.extend(sealed);
                }
                About::Message { .. } => {
                    draft.parts.push(self.seal_said(&event.about, item(None)).await?);
                }
            }
        }
        if let Some(first) = shared.first() {
            let number = first.number;
            let keys = ctx.keys.tenant(tenant).await?;
            let bytes = serde_json::to_vec(&shared)?;
            draft.parts.push(Part {
                number,
                subject: None,
                purpose: None,
                class: None,
                bucket: None,
                message: None,
                sealed: keys
                    .tenant
                    .seal_value(&context(draft.id, number), &bytes, &*ctx.chance),
            });
        }
        Ok((!draft.parts.is_empty()).then_some(draft))
    }

    /// None when the person's key is destroyed: then nobody is told anything of them any more.
    async fn seal_for(
        &self,
        subject: SubjectId,
        delivery: WebhookDeliveryId,
        item: &Item,
    ) -> Result<Option<Part>> {
        let name = SubjectKeyName::for_record(self.picture.tenant, subject);
        let Some(key) = self.ctx.keys.subject(name).await? else {
            return Ok(None);
        };
        let bytes = serde_json::to_vec(std::slice::from_ref(item))?;
        Ok(Some(Part {
            number: item.number,
            subject: Some(subject),
            purpose: None,
            class: None,
            bucket: None,
            message: None,
            sealed: key.seal_value(&context(delivery, item.number), &bytes, &*self.ctx.chance),
        }))
    }

    async fn seal_said(&self, about: &About, item: Item) -> Result<Part> {
        let About::Message {
            subject,
            purpose,
            class,
            channel,
        } = about
        else {
            return Err(crate::Error::internal(anyhow::anyhow!("this says nothing")));
        };
        let (ctx, tenant) = (self.ctx, self.picture.tenant);
        let kept = self
            .picture
            .classes
            .by_handle(*class)
            .and_then(|class| Some((self.picture.kept(&class.key, channel)?, class)));
        let (class, slice) = match kept {
            Some((kept, class)) => (
                class.ensure_stored(ctx, tenant).await?,
                Slice::of(kept.approximate()),
            ),
            // No rule keeps it: it may travel, and its key dies soon.
            None => (self.hook.transit_class, Slice::of(self.transit)),
        };
        let name = SubjectKeyName::for_messages(tenant, *subject, *purpose);
        let number = item.number;
        // The id first: its time says which bucket it falls into.
        let id = ctx.ids.next_message();
        let (bucket, pair) = ctx.keys.pair_to_seal(name, class, slice, id.at()).await?;
        let said = Said {
            channel: channel.to_string(),
            item,
        };
        let mut bytes = serde_json::to_vec(&said)?;
        bytes.reserve_exact(OVERHEAD);
        Ok(Part {
            number,
            subject: *subject,
            purpose: *purpose,
            class: Some(class),
            bucket: Some(bucket),
            message: Some(id.0),
            sealed: pair.seal(id.0, &journal::aad(tenant, self.endpoint, *subject, class), bytes)?,
        })
    }
}
