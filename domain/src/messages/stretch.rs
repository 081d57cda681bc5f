//! A stretch of a channel's past, opened, to be delivered: to somebody who comes back after a lost connection, or who
//! asks what was said before they came.
//!
//! What may not be passed on any more is not there: expired, erased, of a person who restricted the processing or withdrew
//! the consent that it was said under, its key destroyed, or never kept. The positions tell that something is missing; what
//! it was, nobody learns.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entity::{
    consent_state,
    id::{EndpointId, PurposeId, SubjectId, TenantId},
    objection, subject,
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};

use super::{
    Message,
    channel::{Walk, Window},
    open::open_each,
    reader::{Place, Reader},
};
use crate::{
    channels,
    ctx::Ctx,
    error::Result,
    ids::MessageId,
    journal::Said,
    pictures::{self, Picture},
    standings::{self, Standing},
    tenancy::{Actor, TenantScope, TenantTx},
};

/// Bytes of messages in one answer, but for a single message: whoever asks holds them all at once.
const MOST_BYTES: usize = 4 << 20;
/// Messages in one answer.
const MOST_MESSAGES: usize = 10_000;

/// Which part of a channel's past is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The channel.
    pub channel: &'a str,
    /// From where.
    pub start: Start,
    /// At most so many messages, and never more than 10,000 or, but for a single one, 4 MiB.
    pub limit: usize,
}

/// Where a stretch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this position, as far as the limit goes.
    After(i64),
    /// As far before the newest as the limit goes.
    Newest,
}

/// A stretch of a channel's past.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Positions of another epoch mean nothing here.
    pub epoch: Arc<str>,
    /// The newest position that was given out, whatever became of its message.
    pub top: i64,
    /// What may be passed on, oldest first.
    pub messages: Vec<Remembered>,
}

/// A message of the past.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its id.
    pub id: MessageId,
    /// Its position in the channel.
    pub position: i64,
    /// It is no text.
    pub binary: bool,
    /// What for. Whoever gets it must be open for that.
    pub purpose: Option<PurposeId>,
    /// From when on it is unreadable.
    pub expires_at: DateTime<Utc>,
    /// What it says.
    pub said: Said,
}

/// Reads a stretch. It holds everything that was committed before this was called. None when nothing was ever recorded
/// on the channel.
pub async fn stretch(ctx: &Ctx, past: Past<'_>) -> Result<Option<Stretch>> {
    let scope = TenantScope::new(past.tenant, Actor::System);
    let picture = pictures::load(ctx, &scope).await?;
    let tx = ctx.store.read(&scope).await?;
    let Some(channel) = channels::find(&tx, past.endpoint, past.channel).await? else {
        return Ok(None);
    };
    let mut reader = Reader::new(&tx, ctx, &picture);
    let window = Window {
        after: match past.start {
            Start::After(position) => Some(position),
            Start::Newest => None,
        },
        before: None,
        newest_first: past.start == Start::Newest,
    };
    let limit = past.limit.min(MOST_MESSAGES);
    let mut walk = Walk::new(&mut reader, &picture, &channel, window);
    let mut places = within_bounds(walk.take(&mut reader, limit).await?, limit);
    if window.newest_first {
        places.reverse();
    }
    let mut messages = reader.fetch(&places).await?;
    let consents = Consents::read(&tx, &picture, &messages, ctx.now()).await?;
    drop(tx);
    messages.retain(|message| consents.allow(message));
    let opened = open_each(ctx, past.tenant, &messages).await?;
    let now = ctx.now();
    let mut remembered = Vec::with_capacity(messages.len());
    for (message, said) in messages.into_iter().zip(opened) {
        // Opening may have waited for keys, and meanwhile time passed and persons changed their minds.
        if message.expires_at <= now || !consents.still_allow(ctx, &message) {
            continue;
        }
        match said {
            Some(Ok(said)) => remembered.push(Remembered {
                id: message.id,
                position: message.position,
                binary: message.binary,
                purpose: message.purpose,
                expires_at: message.expires_at,
                said,
            }),
            Some(Err(error)) => {
                tracing::error!(message = message.id.0, %error, "a recorded message cannot be opened");
            }
            None => {}
        }
    }
    Ok(Some(Stretch {
        epoch: Arc::from(channel.epoch),
        top: channel.last_offset,
        messages: remembered,
    }))
}

fn within_bounds(places: Vec<(Place, i32)>, limit: usize) -> Vec<Place> {
    let mut bytes = 0_usize;
    places
        .into_iter()
        .take(limit)
        .take_while(|(_, size)| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(usize::try_from(*size).unwrap_or_default());
            first || bytes <= MOST_BYTES
        })
        .map(|(place, _)| place)
        .collect()
}

/// Who of the persons that messages are about lets them be passed on.
struct Consents {
    /// Those who are there and restricted nothing.
    open: HashSet<SubjectId>,
    /// Purposes that wait for a consent, and who gave it.
    given: HashMap<PurposeId, HashSet<SubjectId>>,
    /// Who objected to what.
    objected: HashSet<(SubjectId, PurposeId)>,
}

impl Consents {
    async fn read(
        tx: &TenantTx,
        picture: &Picture,
        messages: &[Message],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut about = HashSet::new();
        let mut given: HashMap<PurposeId, HashSet<SubjectId>> = HashMap::new();
        for message in messages {
            let Some(subject) = message.subject else { continue };
            about.insert(subject);
            if let Some(purpose) = message.purpose
                && picture
                    .purpose(purpose)
                    .is_none_or(|purpose| purpose.requires_consent)
            {
                given.entry(purpose).or_default();
            }
        }
        let about: Vec<_> = about.into_iter().collect();
        let mut open = HashSet::with_capacity(about.len());
        let mut objected = HashSet::new();
        for some in about.chunks(500) {
            let rows: Vec<SubjectId> = tx
                .find::<subject::Entity>()
                .select_only()
                .column(subject::Column::Id)
                .filter(subject::Column::Id.is_in(some.iter().copied()))
                .filter(subject::Column::RestrictedAt.is_null())
                .into_tuple()
                .all(tx.conn())
                .await?;
            open.extend(rows);
            let objections = tx
                .find::<objection::Entity>()
                .filter(objection::Column::SubjectId.is_in(some.iter().copied()))
                .all(tx.conn())
                .await?;
            objected.extend(objections.iter().map(|row| (row.subject_id, row.purpose_id)));
            if given.is_empty() {
                continue;
            }
            let states = tx
                .find::<consent_state::Entity>()
                .filter(consent_state::Column::SubjectId.is_in(some.iter().copied()))
                .filter(consent_state::Column::PurposeId.is_in(given.keys().copied().collect::<Vec<_>>()))
                .all(tx.conn())
                .await?;
            let valid = |state: &&consent_state::Model| {
                standings::is_valid(state.state) && state.expires_at.is_none_or(|until| now < until)
            };
            for state in states.iter().filter(valid) {
                given
                    .entry(state.purpose_id)
                    .or_default()
                    .insert(state.subject_id);
            }
        }
        Ok(Self {
            open,
            given,
            objected,
        })
    }

    fn waits_for(&self, message: &Message) -> Option<(PurposeId, &HashSet<SubjectId>)> {
        let purpose = message.purpose?;
        self.given.get(&purpose).map(|given| (purpose, given))
    }

    /// What the store said.
    fn allow(&self, message: &Message) -> bool {
        let Some(subject) = message.subject else {
            return true;
        };
        self.open.contains(&subject)
            && !message
                .purpose
                .is_some_and(|purpose| self.objected.contains(&(subject, purpose)))
            && self
                .waits_for(message)
                .is_none_or(|(_, given)| given.contains(&subject))
    }

    /// What is known in memory by now of those whom somebody holds there.
    fn still_allow(&self, ctx: &Ctx, message: &Message) -> bool {
        let standing = message.subject.and_then(|subject| ctx.standings.get(subject));
        let allows = |standing: Arc<Standing>| {
            !standing.is_gone()
                && !standing.is_restricted()
                && !message
                    .purpose
                    .is_some_and(|purpose| standing.objects_to(purpose))
                && self
                    .waits_for(message)
                    .is_none_or(|(purpose, _)| standing.consents_to(purpose, ctx.now()))
        };
        standing.is_none_or(allows)
    }
}
