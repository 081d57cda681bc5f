//! What back ends may ask: which channels are occupied, who is on one.

use std::fmt::Write as _;

use broker::{
    Published,
    pusher::names::{ChannelName, Kind},
};
use domain::pictures::App;
use serde_json::Value;
use url::form_urlencoded;

use super::answer::{Fault, Reply};
use crate::state::State;

/// Which attributes of a channel are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    user_count: bool,
    subscription_count: bool,
    cache: bool,
    /// Ours: where an event stands in its channel.
    offset: bool,
}

impl Info {
    /// The attributes that an event may ask for, of the channels it goes to.
    pub(super) fn of_event(text: Option<&str>) -> Result<Self, Fault> {
        let info = Self::parse(text)?;
        if info.cache {
            return Err(Fault::bad(
                "an event may ask for user_count, subscription_count and offset",
            ));
        }
        Ok(info)
    }

    fn of_query(text: Option<&str>) -> Result<Self, Fault> {
        let info = Self::parse(text)?;
        if info.offset {
            return Err(Fault::bad("only an event may ask for its offset"));
        }
        Ok(info)
    }

    fn parse(text: Option<&str>) -> Result<Self, Fault> {
        let mut info = Self::default();
        for word in text.unwrap_or_default().split(',').map(str::trim) {
            match word {
                "" => {}
                "user_count" => info.user_count = true,
                "subscription_count" => info.subscription_count = true,
                "cache" => info.cache = true,
                "offset" => info.offset = true,
                _ => {
                    let text = "info is a list of user_count, subscription_count, cache and offset";
                    return Err(Fault::bad(text));
                }
            }
        }
        Ok(info)
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Writes the attributes as an object; those that the channel does not have are left out.
    pub(super) async fn write(
        self,
        out: &mut String,
        state: &State,
        app: &App,
        channel: ChannelName<'_>,
        published: Option<&Published>,
    ) {
        let mut object = Object::open(out);
        if self.user_count || self.subscription_count {
            let found = state
                .broker
                .channel(app.endpoint.row.id.0, channel.as_str())
                .await;
            if self.user_count && channel.kind() == Kind::Presence {
                object.number("user_count", found.users.unwrap_or_default());
            }
            if self.subscription_count {
                object.number("subscription_count", found.subscriptions);
            }
        }
        if self.offset
            && let Some(position) = published.and_then(|published| published.position.as_ref())
        {
            object.field("offset", position.offset);
            object.field("epoch", Value::from(&*position.epoch));
        }
        object.close();
    }
}

/// A JSON object being written.
struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(self.out, "{comma}\"{name}\":{value}");
    }

    fn number(&mut self, name: &str, value: u64) {
        self.field(name, value);
    }

    fn close(self) {
        self.out.push('}');
    }
}

/// The first value of a parameter.
fn parameter(query: &str, wanted: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

/// `GET /apps/{id}/channels`
pub(super) async fn channels(state: &State, app: &App, query: &str) -> Result<Reply, Fault> {
    let prefix = parameter(query, "filter_by_prefix").unwrap_or_default();
    let info = Info::of_query(parameter(query, "info").as_deref())?;
    if info.user_count && !prefix.starts_with("presence-") {
        let text = "user_count is for presence channels: add filter_by_prefix=presence-";
        return Err(Fault::bad(text));
    }
    if info.cache {
        return Err(Fault::bad(
            "cache is an attribute of one channel: ask for that channel",
        ));
    }
    let mut out = String::from("{\"channels\":{");
    let mut first = true;
    for channel in state.broker.channels(app.endpoint.row.id.0, &prefix).await {
        if channel.name.starts_with('#') {
            continue;
        }
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        let _ = write!(out, "{comma}\"{}\":", channel.name);
        let mut object = Object::open(&mut out);
        if info.user_count {
            object.number("user_count", channel.users.unwrap_or_default());
        }
        if info.subscription_count {
            object.number("subscription_count", channel.subscriptions);
        }
        object.close();
    }
    out.push_str("}}");
    Ok(Reply::Json(out))
}

/// `GET /apps/{id}/channels/{name}`
pub(super) async fn channel(state: &State, app: &App, name: &str, query: &str) -> Result<Reply, Fault> {
    let parsed = ChannelName::parse(name).map_err(|fault| Fault::bad(fault.to_string()))?;
    let info = Info::of_query(parameter(query, "info").as_deref())?;
    if info.user_count && parsed.kind() != Kind::Presence {
        return Err(Fault::bad("user_count is an attribute of presence channels"));
    }
    if info.cache && !parsed.is_cache() {
        return Err(Fault::bad("cache is an attribute of cache channels"));
    }
    let found = state.broker.channel(app.endpoint.row.id.0, name).await;
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    object.field("occupied", found.subscriptions > 0);
    if info.user_count {
        object.number("user_count", found.users.unwrap_or_default());
    }
    if info.subscription_count {
        object.number("subscription_count", found.subscriptions);
    }
    if info.cache {
        match found.cache {
            Some(cached) => {
                let data = Value::from(String::from_utf8_lossy(&cached.data));
                let ttl = cached.left.as_secs();
                object.field("cache", format_args!("{{\"data\":{data},\"ttl\":{ttl}}}"));
            }
            None => object.field("cache", "null"),
        }
    }
    object.close();
    Ok(Reply::Json(out))
}

/// `GET /apps/{id}/channels/{name}/users`
pub(super) async fn users(state: &State, app: &App, name: &str) -> Result<Reply, Fault> {
    let parsed = ChannelName::parse(name).map_err(|fault| Fault::bad(fault.to_string()))?;
    if parsed.kind() != Kind::Presence {
        return Err(Fault::bad("only presence channels know their users"));
    }
    let users = state.broker.users(app.endpoint.row.id.0, name).await;
    let mut out = String::from("{\"users\":[");
    for (index, user) in users.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{{\"id\":{}}}", Value::from(&**user));
    }
    out.push_str("]}");
    Ok(Reply::Json(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_attributes_is_read_and_a_wrong_one_is_refused() {
        let info = Info::parse(Some("user_count, subscription_count")).unwrap();
        assert!(info.user_count && info.subscription_count && !info.cache);
        assert!(Info::parse(None).unwrap().is_empty());
        assert!(Info::parse(Some("")).unwrap().is_empty());
        assert!(Info::parse(Some("users")).is_err());
        assert!(Info::of_event(Some("cache")).is_err());
        assert!(Info::of_query(Some("offset")).is_err());
    }

    #[test]
    fn an_object_has_commas_between_its_fields_only() {
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        object.number("a", 1);
        object.field("b", true);
        object.close();
        assert_eq!(out, r#"{"a":1,"b":true}"#);
    }
}
