//! Publishing: one event on up to a hundred channels, or ten events.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use broker::{
    Post, PublishError, Published, SocketId,
    host::{Direction, Label, Payload, Refusal, Source},
    pusher::names::{ChannelName, Kind, MAX_EVENT, is_event},
};
use domain::pictures::App;
use poem::http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    answer::{Fault, Reply},
    queries::Info,
};
use crate::{
    publish::{About, is_reserved, refused},
    state::State,
};

/// The largest `data`, in bytes.
const MAX_DATA: usize = 10 << 10;
/// Channels of one event.
const MAX_CHANNELS: usize = 100;
/// Events of one batch.
const MAX_BATCH: usize = 10;

/// Text that is borrowed from the body where it is written without escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An event, as it comes in. What is not known is ignored: SDKs send more than is documented.
#[derive(Deserialize)]
struct EventIn<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    data: String,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow, default)]
    channels: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    socket_id: Option<Text<'a>>,
    #[serde(borrow)]
    info: Option<Text<'a>>,
    /// Ours: the person that it is about, by the tenant's own id.
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    /// Ours: the slug of the purpose that it is processed for.
    #[serde(borrow)]
    purpose: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct BatchIn<'a> {
    #[serde(borrow)]
    batch: Vec<EventIn<'a>>,
}

/// `POST /apps/{id}/events`
pub(super) async fn one(state: &State, app: &App, body: &[u8]) -> Result<Reply, Fault> {
    let mut event: EventIn<'_> = read(body)?;
    // Taken out: the names are looked at while the rest of the event is used up.
    let (many, single) = (event.channels.take(), event.channel.take());
    let channels = match (&many, &single) {
        (Some(channels), _) => channels.as_slice(),
        (None, Some(channel)) => std::slice::from_ref(channel),
        (None, None) => return Err(Fault::bad("name the channels of the event: channels or channel")),
    };
    if channels.is_empty() || channels.len() > MAX_CHANNELS {
        return Err(Fault::bad(format!(
            "an event goes to 1 to {MAX_CHANNELS} channels"
        )));
    }
    let channels = channels
        .iter()
        .map(|channel| name(&channel.0))
        .collect::<Result<Vec<_>, _>>()?;
    let encrypted = channels.iter().any(|channel| channel.kind() == Kind::Encrypted);
    if encrypted && channels.len() > 1 {
        let text =
            "an event for an encrypted channel goes to that channel alone: its key is another for each";
        return Err(Fault::bad(text));
    }
    let info = Info::of_event(text(event.info.as_ref()))?;
    let prepared = Prepared::new(state, app, event).await?;
    let posts: Vec<_> = channels
        .iter()
        .map(|channel| prepared.post(channel.as_str()))
        .collect();
    let done = publish(state, app, posts).await?;
    if info.is_empty() {
        return Ok(Reply::Nothing);
    }
    let mut out = String::from("{\"channels\":{");
    for (index, (channel, published)) in channels.iter().zip(&done).enumerate() {
        if index > 0 {
            out.push(',');
        }
        // Of all characters that a channel's name may have, none needs an escape but those of a user's own channel.
        let _ = write!(out, "{}:", serde_json::Value::from(channel.as_str()));
        info.write(&mut out, state, app, *channel, Some(published)).await;
    }
    out.push_str("}}");
    Ok(Reply::Json(out))
}

/// `POST /apps/{id}/batch_events`
pub(super) async fn batch(state: &State, app: &App, body: &[u8]) -> Result<Reply, Fault> {
    let events = read::<BatchIn<'_>>(body)?.batch;
    if events.is_empty() || events.len() > MAX_BATCH {
        return Err(Fault::bad(format!("a batch has 1 to {MAX_BATCH} events")));
    }
    let mut infos = Vec::with_capacity(events.len());
    let mut posts = Vec::with_capacity(events.len());
    let mut held = Vec::new();
    for event in events {
        let Some(channel) = &event.channel else {
            return Err(Fault::bad("each event of a batch names its channel"));
        };
        let channel: Arc<str> = name(&channel.0)?.as_str().into();
        infos.push(Info::of_event(text(event.info.as_ref()))?);
        let prepared = Prepared::new(state, app, event).await?;
        posts.push(prepared.post_on(channel));
        held.push(prepared.about);
    }
    let channels: Vec<_> = posts.iter().map(|post| Arc::clone(&post.channel)).collect();
    let done = publish(state, app, posts).await?;
    drop(held);
    if infos.iter().all(|info| info.is_empty()) {
        return Ok(Reply::Nothing);
    }
    let mut out = String::from("{\"batch\":[");
    for (index, ((channel, published), info)) in channels.iter().zip(&done).zip(&infos).enumerate() {
        if index > 0 {
            out.push(',');
        }
        info.write(&mut out, state, app, name(channel)?, Some(published))
            .await;
    }
    out.push_str("]}");
    Ok(Reply::Json(out))
}

/// An event whose every part was looked at.
struct Prepared {
    payload: Payload,
    source: Source,
    except: Option<Uuid>,
    /// Held while the event passes, so that admission finds how the person stands.
    about: About,
}

impl Prepared {
    async fn new(state: &State, app: &App, event: EventIn<'_>) -> Result<Self, Fault> {
        if !is_event(&event.name) {
            return Err(Fault::bad(format!(
                "an event's name has 1 to {MAX_EVENT} characters"
            )));
        }
        if is_reserved(&event.name) {
            return Err(Fault::bad(
                "names beginning with pusher:, pusher_internal: or weir: are the protocol's",
            ));
        }
        if event.data.len() > MAX_DATA {
            return Err(Fault::too_large("the data of an event has at most 10 KB"));
        }
        let except = match text(event.socket_id.as_ref()) {
            Some(id) => match id.parse::<SocketId>() {
                Ok(id) => Some(id.0),
                Err(fault) => return Err(Fault::bad(fault.to_string())),
            },
            None => None,
        };
        let (subject, purpose) = (text(event.subject.as_ref()), text(event.purpose.as_ref()));
        let about = if subject.is_none() && purpose.is_none() {
            About::default()
        } else {
            About::find(state, &app.scope(), &app.picture, subject, purpose).await?
        };
        let row = &app.endpoint.row;
        let label = Label {
            event: event.name.into(),
            user: None,
        };
        Ok(Self {
            payload: Payload::named(Arc::new(label), event.data),
            source: Source::Tenant {
                tenant: row.tenant_id.0,
                endpoint: row.id.0,
                subject: about.subject(),
                purpose: about.purpose(),
            },
            except,
            about,
        })
    }

    fn post(&self, channel: &str) -> Post {
        self.post_on(channel.into())
    }

    fn post_on(&self, channel: Arc<str>) -> Post {
        Post {
            source: self.source.clone(),
            channel,
            direction: Direction::Inbound,
            payload: self.payload.clone(),
            except: self.except,
        }
    }
}

/// Publishes all of it. The first that may not pass is the answer; what passed before it has passed.
async fn publish(state: &State, app: &App, mut posts: Vec<Post>) -> Result<Vec<Published>, Fault> {
    let done = match posts.pop() {
        Some(post) if posts.is_empty() => vec![state.broker.publish(post).await],
        Some(last) => {
            posts.push(last);
            state.broker.publish_all(posts).await
        }
        None => Vec::new(),
    };
    let fault = |error| match error {
        PublishError::Refused(Refusal::TooLarge) => {
            Fault::too_large("the data is larger, or nested deeper, than the application takes")
        }
        PublishError::Refused(Refusal::Disabled) => {
            Fault::new(StatusCode::FORBIDDEN, "the application is disabled")
        }
        error => refused(error, &app.picture.quotas).into(),
    };
    done.into_iter().map(|done| done.map_err(fault)).collect()
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        // What was found there instead may be the tenant's data, so only the place is told, and what is missing.
        let missing = error.to_string();
        let what = match missing.split_once(" at line ") {
            Some((what, _)) if what.starts_with("missing field") => what.to_owned(),
            _ => "it is not JSON as documented; name, data and channels are strings".to_owned(),
        };
        let (line, column) = (error.line(), error.column());
        Fault::bad(format!(
            "the body cannot be read at line {line}, column {column}: {what}"
        ))
    })
}

fn text<'a>(text: Option<&'a Text<'_>>) -> Option<&'a str> {
    text.map(|text| &*text.0)
}

fn name(text: &str) -> Result<ChannelName<'_>, Fault> {
    ChannelName::parse(text).map_err(|fault| Fault::bad(fault.to_string()))
}
