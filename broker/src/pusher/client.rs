//! What clients say. A message is one JSON object with an `event`; unknown members are ignored, unknown events are told apart
//! so that they can be answered.
//!
//! Client events, which are what costs, are read without copying: their data is a piece of the message. `data` may be any
//! JSON. A text is taken for what it says, since many libraries encode twice; anything else stays the JSON it is, byte for byte.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    names::{MAX_EVENT, is_event},
    text::{self, Text},
};

/// Deepest nesting of a message.
pub(crate) const MAX_DEPTH: usize = 64;
/// Longest id of a publish that wants an answer, and of a question for history, in characters.
pub(crate) const MAX_ID: usize = 64;
/// Most channels that one hello names.
pub(crate) const MAX_CHANNELS: usize = 1_000;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientEvent<'a> {
    /// `pusher:ping`: are you there?
    Ping,
    /// `pusher:pong`: I am here.
    Pong,
    /// `pusher:subscribe`.
    Subscribe(Subscribe),
    /// `pusher:unsubscribe` from this channel.
    Unsubscribe(Box<str>),
    /// `pusher:signin`.
    SignIn(SignIn),
    /// `client-…`: to everybody else on a channel.
    Client(Published<'a>),
    /// `weir:hello`: the client knows what we add to the protocol.
    Hello(Hello),
    /// `weir:history`: a piece of a channel's past is wanted.
    History(Question),
    /// Anything else, by name.
    Unknown(Cow<'a, str>),
}

/// A client event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published<'a> {
    /// Its name, which begins with `client-`.
    pub(crate) event: Cow<'a, str>,
    /// The channel; not looked at yet.
    pub(crate) channel: Cow<'a, str>,
    /// What it says.
    pub(crate) data: Cow<'a, str>,
    /// What the client calls it, where it wants an answer.
    pub(crate) id: Option<Cow<'a, str>>,
}

/// A wish to subscribe.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Subscribe {
    /// The channel; not looked at yet.
    pub(crate) channel: Box<str>,
    /// The tenant's signature.
    pub(crate) auth: Option<Box<str>>,
    /// What was signed with it: who the member is.
    pub(crate) channel_data: Option<Box<str>>,
    /// The last message that the client has.
    pub(crate) recover: Option<Mark>,
    /// How many of the newest messages to send first.
    pub(crate) rewind: Option<u32>,
}

/// A wish to sign in.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SignIn {
    /// The tenant's signature.
    pub(crate) auth: Box<str>,
    /// What was signed: who it is.
    pub(crate) user_data: Box<str>,
}

/// A place in a channel's past.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Mark {
    /// Counts the channel's messages.
    pub(crate) offset: i64,
    /// Says which count it is.
    pub(crate) epoch: Box<str>,
}

/// What a client knows of what we add.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Hello {
    /// The version of our addition.
    #[serde(rename = "v")]
    pub(crate) version: u32,
    /// What the client wants of it. Unknown ones are left out.
    #[serde(default)]
    pub(crate) features: Features,
    /// The last message that the client has, by channel.
    #[serde(default)]
    pub(crate) recover: BTreeMap<Box<str>, Mark>,
    /// How many of the newest messages to send first, by channel.
    #[serde(default)]
    pub(crate) rewind: BTreeMap<Box<str>, u32>,
}

/// What a client may want beyond the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<String>")]
pub(crate) struct Features {
    /// Messages say where they stand.
    pub(crate) offsets: bool,
    /// Publishes are answered.
    pub(crate) acks: bool,
    /// Consent and restriction changes are told.
    pub(crate) notices: bool,
    /// Messages say until when they may be kept.
    pub(crate) expiry: bool,
}

impl Features {
    /// The names of those that are wanted, in their order.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.offsets, "offsets"),
            (self.acks, "acks"),
            (self.notices, "notices"),
            (self.expiry, "expiry"),
        ];
        all.into_iter()
            .filter_map(|(wanted, name)| wanted.then_some(name))
    }
}

impl From<Vec<String>> for Features {
    fn from(names: Vec<String>) -> Self {
        let has = |name| names.iter().any(|known| known == name);
        Self {
            offsets: has("offsets"),
            acks: has("acks"),
            notices: has("notices"),
            expiry: has("expiry"),
        }
    }
}

/// A question for history.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The channel; not looked at yet.
    pub(crate) channel: Box<str>,
    /// What the client calls it.
    pub(crate) id: Box<str>,
    /// Only what came after this offset; without it, the newest.
    pub(crate) after: Option<i64>,
    /// At most so many messages.
    pub(crate) limit: u32,
}

/// Why a message means nothing. Answered with an error; the connection stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseFault {
    /// Not a JSON object, or one that says something twice.
    #[error("a message is a JSON object with an event")]
    NotJson,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("a message is nested at most {MAX_DEPTH} deep")]
    TooDeep,
    /// No event, or a name that is no name.
    #[error("an event has a name of 1 to {MAX_EVENT} characters")]
    Event,
    /// A client event without a channel.
    #[error("a client event names its channel")]
    Channel,
    /// An id that is not a text, or too long.
    #[error("an id is a text of 1 to {MAX_ID} characters")]
    Id,
    /// The data of an event is not what it should be.
    #[error("the data of {event} is an object with {members}")]
    Data {
        /// The event.
        event: &'static str,
        /// What it should have.
        members: &'static str,
    },
}

/// The members of a message.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

impl<'a> ClientEvent<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// Why it means nothing.
    pub(crate) fn parse(text: &'a str) -> Result<Self, ParseFault> {
        if text::is_deeper(text, MAX_DEPTH) {
            return Err(ParseFault::TooDeep);
        }
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|_| ParseFault::NotJson)?;
        let event = envelope.event.map(|name| name.0).filter(|name| is_event(name));
        let event = event.ok_or(ParseFault::Event)?;
        let data = envelope.data;
        match &*event {
            name if name.starts_with("client-") => Ok(Self::Client(Published {
                event,
                channel: envelope.channel.ok_or(ParseFault::Channel)?.0,
                data: said(data)?,
                id: envelope.id.map(id).transpose()?,
            })),
            "pusher:ping" => Ok(Self::Ping),
            "pusher:pong" => Ok(Self::Pong),
            "pusher:subscribe" => members(data, "pusher:subscribe", "a channel").map(Self::Subscribe),
            "pusher:unsubscribe" => members(data, "pusher:unsubscribe", "a channel")
                .map(|Unsubscribe { channel }| Self::Unsubscribe(channel)),
            "pusher:signin" => members(data, "pusher:signin", "auth and user_data").map(Self::SignIn),
            "weir:hello" => {
                let hello: Hello = members(data, "weir:hello", "v")?;
                if hello.recover.len().max(hello.rewind.len()) > MAX_CHANNELS {
                    return Err(ParseFault::Data {
                        event: "weir:hello",
                        members: "at most 1000 channels",
                    });
                }
                Ok(Self::Hello(hello))
            }
            "weir:history" => {
                let asked: Asked = members(data, "weir:history", "id, limit, and perhaps after")?;
                if !is_id(&asked.id) {
                    return Err(ParseFault::Id);
                }
                Ok(Self::History(Question {
                    channel: envelope.channel.ok_or(ParseFault::Channel)?.0.into(),
                    id: asked.id,
                    after: asked.after,
                    limit: asked.limit,
                }))
            }
            _ => Ok(Self::Unknown(event)),
        }
    }
}

#[derive(Deserialize)]
struct Unsubscribe {
    channel: Box<str>,
}

#[derive(Deserialize)]
struct Asked {
    id: Box<str>,
    after: Option<i64>,
    limit: u32,
}

/// What data says: a text without its quotes, anything else as it is written.
fn said(data: Option<&RawValue>) -> Result<Cow<'_, str>, ParseFault> {
    let Some(data) = data.map(RawValue::get) else {
        return Ok(Cow::Borrowed("null"));
    };
    if data.starts_with('"') {
        // Checked already, but for halves of surrogate pairs.
        return serde_json::from_str::<Text<'_>>(data)
            .map(|text| text.0)
            .map_err(|_| ParseFault::NotJson);
    }
    Ok(Cow::Borrowed(data))
}

/// The members of an event's data, which some libraries encode twice.
fn members<T: DeserializeOwned>(
    data: Option<&RawValue>,
    event: &'static str,
    members: &'static str,
) -> Result<T, ParseFault> {
    let fault = ParseFault::Data { event, members };
    serde_json::from_str(&said(data)?).map_err(|_| fault)
}

fn id(raw: &RawValue) -> Result<Cow<'_, str>, ParseFault> {
    let text: Text<'_> = serde_json::from_str(raw.get()).map_err(|_| ParseFault::Id)?;
    if is_id(&text.0) {
        Ok(text.0)
    } else {
        Err(ParseFault::Id)
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().take(MAX_ID + 1).count() <= MAX_ID
}

#[cfg(test)]
mod tests;
