//! What servers say. Every function appends one whole message, a JSON text, to a buffer.
//!
//! `data` is a text that holds JSON, as the protocol wants it ("double encoding"), in all events but `pusher:error` and
//! `pusher:subscription_error`, where it is an object.

use std::fmt::Display;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::text::{escape, string};
use crate::host::{Opcode, Payload, Position};

/// The answer to `pusher:ping`.
pub(crate) const PONG: &str = r#"{"event":"pusher:pong","data":"{}"}"#;

/// A message on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The channel.
    pub(crate) channel: &'a str,
    /// What it says, and its name.
    pub(crate) payload: &'a Payload,
    /// Where it stands in the channel.
    pub(crate) position: Option<&'a Position>,
    /// Until when it may be read, in milliseconds since 1970.
    pub(crate) expires_at: Option<i64>,
}

/// What a subscriber learns of the channel's past.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'a> {
    /// The newest offset and its epoch.
    pub(crate) top: Option<(i64, &'a str)>,
    /// Whether a lost connection can be made up for.
    pub(crate) recoverable: bool,
    /// Whether everything was there, where it was asked for.
    pub(crate) recovered: Option<bool>,
    /// How many messages follow.
    pub(crate) missed: Option<u64>,
}

/// `pusher:connection_established`. The timeout is in seconds.
pub(crate) fn connection_established(out: &mut Vec<u8>, socket_id: impl Display, activity_timeout: u64) {
    event(out, "pusher:connection_established", None, |data| {
        display(
            data,
            format_args!(r#"{{"socket_id":"{socket_id}","activity_timeout":{activity_timeout}}}"#),
        );
    });
}

/// `pusher:error`.
pub(crate) fn error(out: &mut Vec<u8>, code: Option<u16>, message: &str) {
    out.extend_from_slice(br#"{"event":"pusher:error","data":{"code":"#);
    match code {
        Some(code) => display(out, code),
        None => out.extend_from_slice(b"null"),
    }
    member(out, "message", message);
    out.extend_from_slice(b"}}");
}

/// `pusher:error` in place of the answer to the question with this id.
pub(crate) fn no_answer(out: &mut Vec<u8>, id: &str, message: &str) {
    out.extend_from_slice(br#"{"event":"pusher:error","data":{"code":null"#);
    member(out, "message", message);
    member(out, "id", id);
    out.extend_from_slice(b"}}");
}

/// `pusher_internal:subscription_succeeded`: with the members on a presence channel, as they were written; with the standing for
/// those who know what we add.
pub(crate) fn subscription_succeeded(
    out: &mut Vec<u8>,
    channel: &str,
    members: Option<&[u8]>,
    standing: Option<Standing<'_>>,
) {
    event(
        out,
        "pusher_internal:subscription_succeeded",
        Some(channel),
        |data| {
            data.push(b'{');
            if let Some(members) = members {
                data.extend_from_slice(br#""presence":"#);
                data.extend_from_slice(members);
            }
            if let Some(standing) = standing {
                if members.is_some() {
                    data.push(b',');
                }
                data.extend_from_slice(br#""weir":"#);
                standing.write(data);
            }
            data.push(b'}');
        },
    );
}

impl Standing<'_> {
    fn write(self, data: &mut Vec<u8>) {
        data.push(b'{');
        if let Some((offset, epoch)) = self.top {
            display(data, format_args!(r#""offset":{offset},"epoch":"#));
            string(data, epoch);
            data.push(b',');
        }
        display(data, format_args!(r#""recoverable":{}"#, self.recoverable));
        if let Some(recovered) = self.recovered {
            display(data, format_args!(r#","recovered":{recovered}"#));
        }
        if let Some(missed) = self.missed {
            display(data, format_args!(r#","missed":{missed}"#));
        }
        data.push(b'}');
    }
}

/// `pusher:subscription_error`. The status is that of HTTP: 401 where the signature is wrong, 403 where it is good and the answer
/// is no all the same.
pub(crate) fn subscription_error(out: &mut Vec<u8>, channel: &str, kind: &str, message: &str, status: u16) {
    out.extend_from_slice(br#"{"event":"pusher:subscription_error","channel":"#);
    string(out, channel);
    out.extend_from_slice(br#","data":{"type":"#);
    string(out, kind);
    member(out, "error", message);
    display(out, format_args!(r#","status":{status}}}}}"#));
}

/// `pusher_internal:member_added`. What is told of the member is JSON.
pub(crate) fn member_added(out: &mut Vec<u8>, channel: &str, user: &str, info: Option<&str>) {
    event(out, "pusher_internal:member_added", Some(channel), |data| {
        data.extend_from_slice(br#"{"user_id":"#);
        string(data, user);
        data.extend_from_slice(br#","user_info":"#);
        data.extend_from_slice(info.unwrap_or("{}").as_bytes());
        data.push(b'}');
    });
}

/// `pusher_internal:member_removed`.
pub(crate) fn member_removed(out: &mut Vec<u8>, channel: &str, user: &str) {
    event(out, "pusher_internal:member_removed", Some(channel), |data| {
        data.extend_from_slice(br#"{"user_id":"#);
        string(data, user);
        data.push(b'}');
    });
}

/// `pusher_internal:subscription_count`.
pub(crate) fn subscription_count(out: &mut Vec<u8>, channel: &str, count: u64) {
    event(out, "pusher_internal:subscription_count", Some(channel), |data| {
        display(data, format_args!(r#"{{"subscription_count":{count}}}"#));
    });
}

/// `pusher:cache_miss`.
pub(crate) fn cache_miss(out: &mut Vec<u8>, channel: &str) {
    event(out, "pusher:cache_miss", Some(channel), |data| {
        data.extend_from_slice(b"{}");
    });
}

/// `pusher:signin_success`: the client hears what it said.
pub(crate) fn signin_success(out: &mut Vec<u8>, user_data: &str) {
    event(out, "pusher:signin_success", None, |data| {
        data.extend_from_slice(br#"{"user_data":"#);
        string(data, user_data);
        data.push(b'}');
    });
}

/// `pusher_internal:watchlist_events`. Nothing is written when there is nothing to say.
pub(crate) fn watchlist_events<'a>(
    out: &mut Vec<u8>,
    online: impl IntoIterator<Item = &'a str>,
    offline: impl IntoIterator<Item = &'a str>,
) {
    let mut events = Vec::new();
    let mut list = |name: &str, users: &mut dyn Iterator<Item = &'a str>| {
        let mut users = users.peekable();
        if users.peek().is_none() {
            return;
        }
        if !events.is_empty() {
            events.push(b',');
        }
        display(&mut events, format_args!(r#"{{"name":"{name}","user_ids":["#));
        separated(&mut events, users, string);
        events.extend_from_slice(b"]}");
    };
    list("online", &mut online.into_iter());
    list("offline", &mut offline.into_iter());
    if events.is_empty() {
        return;
    }
    event(out, "pusher_internal:watchlist_events", None, |data| {
        data.extend_from_slice(br#"{"events":["#);
        data.extend_from_slice(&events);
        data.extend_from_slice(b"]}");
    });
}

/// A message on a channel. Without a name it is called `message`. Bytes that are no text travel as base64, and say so. Where
/// it stands and until when it may be kept is told where that is given.
pub(crate) fn message(out: &mut Vec<u8>, message: Message<'_>) {
    let payload = message.payload;
    let label = payload.label.as_deref();
    out.extend_from_slice(br#"{"event":"#);
    string(out, label.map_or("message", |label| &label.event));
    member(out, "channel", message.channel);
    body(out, payload);
    if let Some(user) = label.and_then(|label| label.user.as_deref()) {
        member(out, "user_id", user);
    }
    if let Some(position) = message.position {
        display(out, format_args!(r#","offset":{}"#, position.offset));
        member(out, "epoch", &position.epoch);
    }
    expiry(out, message.expires_at);
    out.push(b'}');
}

/// `weir:welcome`: what the client wants and we have.
pub(crate) fn welcome(
    out: &mut Vec<u8>,
    features: impl Iterator<Item = &'static str>,
    session: impl Display,
) {
    event(out, "weir:welcome", None, |data| {
        data.extend_from_slice(br#"{"v":1,"features":["#);
        separated(data, features, string);
        display(data, format_args!(r#"],"session":"{session}"}}"#));
    });
}

/// `weir:ack`: a publish was taken.
pub(crate) fn ack(out: &mut Vec<u8>, id: &str, position: Option<&Position>, recorded: bool) {
    event(out, "weir:ack", None, |data| {
        data.extend_from_slice(br#"{"id":"#);
        string(data, id);
        if let Some(position) = position {
            display(data, format_args!(r#","offset":{}"#, position.offset));
            member(data, "epoch", &position.epoch);
        }
        display(data, format_args!(r#","recorded":{recorded}}}"#));
    });
}

/// `weir:nack`: a publish was refused.
pub(crate) fn nack(out: &mut Vec<u8>, id: &str, code: u16, message: &str) {
    event(out, "weir:nack", None, |data| {
        data.extend_from_slice(br#"{"id":"#);
        string(data, id);
        display(data, format_args!(r#","code":{code}"#));
        member(data, "message", message);
        data.push(b'}');
    });
}

/// `weir:notice`: what the person may have or be told changed. The purpose is named as the tenant names it.
pub(crate) fn notice(out: &mut Vec<u8>, kind: &str, purpose: Option<&str>) {
    event(out, "weir:notice", None, |data| {
        data.extend_from_slice(br#"{"kind":"#);
        string(data, kind);
        if let Some(purpose) = purpose {
            member(data, "purpose", purpose);
        }
        data.push(b'}');
    });
}

/// A piece of a channel's past.
pub(crate) struct Piece<'a> {
    /// What the client called its question.
    pub(crate) id: &'a str,
    /// The channel.
    pub(crate) channel: &'a str,
    /// The channel's epoch and newest offset; none where nothing was ever recorded.
    pub(crate) top: Option<(i64, &'a str)>,
    /// Whether every message of the piece is there.
    pub(crate) complete: bool,
}

/// `weir:history`: the answer to a question for it.
pub(crate) fn history<'a>(out: &mut Vec<u8>, piece: &Piece<'_>, messages: impl Iterator<Item = Message<'a>>) {
    event(out, "weir:history", Some(piece.channel), |data| {
        data.extend_from_slice(br#"{"id":"#);
        string(data, piece.id);
        data.extend_from_slice(br#","messages":["#);
        separated(data, messages, past);
        data.push(b']');
        if let Some((top, epoch)) = piece.top {
            member(data, "epoch", epoch);
            display(data, format_args!(r#","top":{top}"#));
        }
        display(data, format_args!(r#","complete":{}}}"#, piece.complete));
    });
}

fn past(out: &mut Vec<u8>, message: Message<'_>) {
    let label = message.payload.label.as_deref();
    out.extend_from_slice(br#"{"event":"#);
    string(out, label.map_or("message", |label| &label.event));
    body(out, message.payload);
    if let Some(user) = label.and_then(|label| label.user.as_deref()) {
        member(out, "user_id", user);
    }
    if let Some(position) = message.position {
        display(out, format_args!(r#","offset":{}"#, position.offset));
    }
    expiry(out, message.expires_at);
    out.push(b'}');
}

/// The data of a message.
fn body(out: &mut Vec<u8>, payload: &Payload) {
    out.extend_from_slice(br#","data":""#);
    match payload.opcode {
        Opcode::Text => {
            escape(out, &payload.bytes);
            out.push(b'"');
        }
        Opcode::Binary => {
            out.extend_from_slice(STANDARD.encode(&payload.bytes).as_bytes());
            out.extend_from_slice(br#"","encoding":"base64""#);
        }
    }
}

fn expiry(out: &mut Vec<u8>, at: Option<i64>) {
    if let Some(at) = at {
        display(out, format_args!(r#","expires_at":{at}"#));
    }
}

/// A message whose data is a text that holds what `write` writes.
fn event(out: &mut Vec<u8>, name: &str, channel: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"event":""#);
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    if let Some(channel) = channel {
        member(out, "channel", channel);
    }
    let mut data = Vec::with_capacity(128);
    write(&mut data);
    out.extend_from_slice(br#","data":""#);
    escape(out, &data);
    out.extend_from_slice(br#""}"#);
}

/// One more member of an object, a text.
fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    string(out, value);
}

/// Writes items with commas in between.
pub(super) fn separated<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

/// What has no need of escapes.
pub(super) fn display(out: &mut Vec<u8>, what: impl Display) {
    use std::io::Write as _;
    // A vector takes everything.
    write!(out, "{what}").unwrap_or_default();
}

#[cfg(test)]
mod tests;
