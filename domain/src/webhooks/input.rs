//! What may be said about a webhook.

use entity::{
    id::EndpointId,
    webhook::{self, ActiveModel},
};
use sea_orm::ActiveValue::Set;
use url::Url;

use super::events::EventKind;
use crate::error::{Error, Faults, Result};

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Whose events.
    pub endpoint: EndpointId,
    /// Where to; none: nothing is sent, channels' comings and goings are kept to be read.
    pub url: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Which events, in their published spelling.
    pub events: Vec<String>,
    /// Only of channels whose name begins so.
    pub channel_prefix: Option<String>,
    /// Switched on.
    pub enabled: bool,
}

/// What to change of a webhook. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct WebhookPatch {
    /// See [`NewWebhook`].
    pub url: Option<Option<String>>,
    /// See [`NewWebhook`].
    pub description: Option<Option<String>>,
    /// See [`NewWebhook`].
    pub events: Option<Vec<String>>,
    /// See [`NewWebhook`].
    pub channel_prefix: Option<Option<String>>,
    /// Switched on: then failures of before are forgotten.
    pub enabled: Option<bool>,
}

const MAX_URL: usize = 2_000;
const MAX_DESCRIPTION: usize = 500;
/// Channel names have at most 164 characters.
const MAX_PREFIX: usize = 164;

impl NewWebhook {
    /// Checks what can be known from it alone.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        check_url(&mut faults, self.url.as_deref());
        check_texts(
            &mut faults,
            self.description.as_deref(),
            self.channel_prefix.as_deref(),
        );
        check_events(&mut faults, &self.events);
        faults.finish()
    }

    pub(super) fn bits(&self) -> i32 {
        bits(&self.events)
    }
}

impl WebhookPatch {
    /// Checks what can be known from it alone.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        check_url(&mut faults, self.url.as_ref().and_then(Option::as_deref));
        check_texts(
            &mut faults,
            self.description.as_ref().and_then(Option::as_deref),
            self.channel_prefix.as_ref().and_then(Option::as_deref),
        );
        if let Some(events) = &self.events {
            check_events(&mut faults, events);
        }
        faults.finish()
    }

    /// Writes the changes into the row; answers the names of the fields.
    pub(super) fn apply(self, current: &webhook::Model, row: &mut ActiveModel) -> Vec<&'static str> {
        let mut changed = Vec::new();
        if let Some(url) = self.url {
            row.url = Set(url);
            changed.push("url");
        }
        if let Some(description) = self.description {
            row.description = Set(description);
            changed.push("description");
        }
        if let Some(events) = self.events {
            row.events = Set(bits(&events));
            changed.push("events");
        }
        if let Some(prefix) = self.channel_prefix {
            row.channel_prefix = Set(prefix.filter(|prefix| !prefix.is_empty()));
            changed.push("channel_prefix");
        }
        if let Some(enabled) = self.enabled {
            row.enabled = Set(enabled);
            if enabled && !current.enabled {
                row.disabled_reason = Set(None);
                row.disabled_at = Set(None);
                row.failing_since = Set(None);
            }
            changed.push("enabled");
        }
        changed
    }
}

fn bits(events: &[String]) -> i32 {
    events
        .iter()
        .filter_map(|event| EventKind::parse(event))
        .fold(0, |bits, kind| bits | kind.bit())
}

fn check_events(faults: &mut Faults, events: &[String]) {
    faults.check(
        !events.is_empty(),
        "/events",
        "missing",
        "name at least one kind of event",
    );
    for (index, event) in events.iter().enumerate() {
        let known = EventKind::parse(event).is_some_and(|kind| kind != EventKind::Test);
        let names: Vec<&str> = EventKind::ALL
            .iter()
            .filter(|kind| **kind != EventKind::Test)
            .map(|kind| kind.as_str())
            .collect();
        faults.check(
            known,
            format!("/events/{index}"),
            "unknown",
            format!("use some of {}", names.join(", ")),
        );
    }
}

fn check_url(faults: &mut Faults, url: Option<&str>) {
    let fits = url.is_none_or(|url| {
        url.len() <= MAX_URL
            && Url::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.host_str().is_some()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.fragment().is_none()
            })
    });
    faults.check(
        fits,
        "/url",
        "malformed",
        "use https://host/… without user, password or fragment, or null to send nothing and read channels' comings and goings over REST",
    );
}

fn check_texts(faults: &mut Faults, description: Option<&str>, prefix: Option<&str>) {
    faults.check(
        description.is_none_or(|text| text.chars().count() <= MAX_DESCRIPTION),
        "/description",
        "too_long",
        format!("use at most {MAX_DESCRIPTION} characters"),
    );
    faults.check(
        prefix.is_none_or(|prefix| prefix.len() <= MAX_PREFIX && !prefix.chars().any(char::is_control)),
        "/channel_prefix",
        "malformed",
        format!("use the beginning of channel names, at most {MAX_PREFIX} bytes"),
    );
}

/// How many webhooks an endpoint may have: each gets its own copy of what happens.
pub(super) const MAX_WEBHOOKS: u64 = 20;

pub(super) fn check_count(there: u64) -> Result<()> {
    if there >= MAX_WEBHOOKS {
        return Err(Error::OverQuota {
            quota: "webhooks of an endpoint",
            limit: i64::try_from(MAX_WEBHOOKS).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}
