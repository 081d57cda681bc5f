//! From a message in the queue to a row's sealed bytes.

use std::{collections::HashMap, sync::Arc};

use entity::id::{EndpointId, SubjectId, TenantId};
use vault::message::{Aad, OVERHEAD, PairKey};

use super::{BINARY, Entry, JournalError, Label, NAMED, OUTBOUND, Queued, Reply};
use crate::{
    ctx::Ctx,
    error::Result,
    ids::MessageId,
    keys::{Slice, SubjectKeyName},
    pictures::Picture,
};

/// A message that only lacks its position.
pub(super) struct Sealed {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) channel: Arc<str>,
    pub(super) subject: Option<SubjectId>,
    /// What is stored; none when it is only counted.
    pub(super) row: Option<Row>,
    /// What it took in the queue.
    pub(super) weight: usize,
    pub(super) reply: Reply,
}

/// A row that only lacks its position.
pub(super) struct Row {
    pub(super) class: i64,
    pub(super) bucket: i64,
    pub(super) id: MessageId,
    pub(super) flags: i16,
    /// Bytes of what the message says.
    pub(super) size: usize,
    pub(super) bytes: Vec<u8>,
}

impl Sealed {
    fn new(queued: Queued, row: Option<Row>) -> Self {
        let entry = queued.entry;
        Self {
            weight: entry.weight(),
            tenant: entry.tenant,
            endpoint: entry.endpoint,
            channel: entry.channel,
            subject: entry.subject,
            row,
            reply: queued.reply,
        }
    }

    /// Bytes that it adds to a transaction.
    pub(super) fn stored_bytes(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.bytes.len())
    }
}

/// Binds a sealed message to its place.
pub(crate) fn aad(
    tenant: TenantId,
    endpoint: EndpointId,
    subject: Option<SubjectId>,
    class: i64,
) -> [u8; Aad::LENGTH] {
    let aad = Aad::new(tenant.0.into_bytes(), endpoint.0.into_bytes()).class(class);
    match subject {
        Some(subject) => aad.subject(subject.0.into_bytes()).bytes(),
        None => aad.bytes(),
    }
}

/// Seals one message.
pub fn seal(
    pair: &PairKey,
    id: MessageId,
    tenant: TenantId,
    endpoint: EndpointId,
    subject: Option<SubjectId>,
    class: i64,
    label: Option<&Label>,
    payload: &[u8],
) -> Result<Vec<u8>> {
    let label = label.map_or(&[][..], Label::bytes);
    let mut plaintext = Vec::with_capacity(label.len() + payload.len() + OVERHEAD);
    plaintext.extend_from_slice(label);
    plaintext.extend_from_slice(payload);
    Ok(pair.seal(id.0, &aad(tenant, endpoint, subject, class), plaintext)?)
}

/// What is the same for all messages of a class, where no rule names channels.
#[derive(Clone, Copy)]
struct Place {
    tenant: TenantId,
    class: i64,
    slice: Slice,
}

/// Seals what was taken from the queue, in its order. What may no longer be recorded is answered here.
pub(super) struct Sealer {
    ctx: Ctx,
    places: HashMap<i64, Place>,
}

impl Sealer {
    pub(super) fn new(ctx: Ctx) -> Self {
        Self {
            ctx,
            places: HashMap::new(),
        }
    }

    /// Answers what was refused, with its reason.
    pub(super) async fn seal(
        &mut self,
        taken: &mut Vec<Queued>,
        sealed: &mut Vec<Sealed>,
    ) -> Vec<(Queued, JournalError)> {
        // Rules may change between two groups.
        self.places.clear();
        let mut refused = Vec::new();
        let mut prepared = None;
        let mut waiting = taken.drain(..);
        while let Some(queued) = waiting.next() {
            if !queued.entry.kept {
                match self.may_count(&queued.entry) {
                    Ok(()) => sealed.push(Sealed::new(queued, None)),
                    Err(error) => refused.push((queued, error)),
                }
                continue;
            }
            let place = match self.place(&queued.entry).await {
                Ok(place) => place,
                Err(error) => {
                    refused.push((queued, error));
                    continue;
                }
            };
            let name = name(&queued.entry);
            // The id first: its time says which bucket the message falls into.
            let id = self.ctx.ids.next_message();
            let mut pair = self.ctx.keys.ready_pair(name, place.class, id.at());
            if pair.is_none() && prepared.is_none() {
                prepared = Some(self.prepare(&queued, waiting.as_slice()).await);
            }
            if pair.is_none() && prepared == Some(true) {
                pair = self.pair(name, place, id).await;
            }
            match pair
                .and_then(|(bucket, pair)| Some((bucket, bytes(&queued.entry, &pair, id, place.class)?)))
            {
                Some((bucket, bytes)) => {
                    let row = Row {
                        class: place.class,
                        bucket,
                        id,
                        flags: flags(&queued.entry),
                        size: queued.entry.payload.len(),
                        bytes,
                    };
                    sealed.push(Sealed::new(queued, Some(row)));
                }
                None => refused.push((queued, JournalError::Failed)),
            }
        }
        refused
    }

    /// The key of one message, when it was not among those that were prepared.
    async fn pair(&self, name: SubjectKeyName, place: Place, id: MessageId) -> Option<(i64, Arc<PairKey>)> {
        let keys = &self.ctx.keys;
        keys.pair_to_seal(name, place.class, place.slice, id.at())
            .await
            .inspect_err(|error| tracing::error!(%error, "the vault gave no key"))
            .ok()
    }

    /// Gets the keys of the rest of the group in one go. Answers whether the vault is there.
    async fn prepare(&mut self, first: &Queued, rest: &[Queued]) -> bool {
        let now = self.ctx.now();
        let mut wanted = Vec::new();
        for entry in std::iter::once(first).chain(rest).map(|queued| &queued.entry) {
            if entry.kept
                && let Ok(place) = self.place(entry).await
                && self.ctx.keys.ready_pair(name(entry), place.class, now).is_none()
            {
                wanted.push((name(entry), place.class, place.slice));
            }
        }
        match self.ctx.keys.prepare(&wanted, now).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the vault gave no keys");
                false
            }
        }
    }

    /// Whether a message of which nothing is kept may pass all the same.
    fn may_count(&self, entry: &Entry) -> Result<(), JournalError> {
        refuse_gone(&self.ctx, entry)?;
        let picture = self.ctx.pictures.of(entry.tenant);
        picture
            .filter(|picture| picture.endpoint(entry.endpoint).is_some())
            .map(drop)
            .ok_or(JournalError::Refused)
    }

    async fn place(&mut self, entry: &Entry) -> Result<Place, JournalError> {
        refuse_gone(&self.ctx, entry)?;
        if let Some(place) = self.places.get(&entry.class)
            && place.tenant == entry.tenant
        {
            return Ok(*place);
        }
        let picture = self.ctx.pictures.of(entry.tenant).ok_or(JournalError::Refused)?;
        let class = picture
            .classes
            .by_handle(entry.class)
            .filter(|class| class.key.endpoint == entry.endpoint && class.key.purpose == entry.purpose)
            .ok_or(JournalError::Refused)?;
        let kept = picture
            .kept(&class.key, &entry.channel)
            .ok_or(JournalError::Refused)?;
        let id = class
            .ensure_stored(&self.ctx, entry.tenant)
            .await
            .map_err(|error| {
                tracing::error!(%error, "a retention class could not be stored");
                JournalError::Failed
            })?;
        let place = Place {
            tenant: entry.tenant,
            class: id,
            slice: Slice::of(kept.approximate()),
        };
        if is_uniform(&picture) {
            self.places.insert(entry.class, place);
        }
        Ok(place)
    }
}

fn bytes(entry: &Entry, pair: &PairKey, id: MessageId, class: i64) -> Option<Vec<u8>> {
    let payload = &entry.payload;
    seal(
        pair,
        id,
        entry.tenant,
        entry.endpoint,
        entry.subject,
        class,
        entry.label.as_ref(),
        payload,
    )
    .inspect_err(|error| tracing::error!(%error, "a message could not be sealed"))
    .ok()
}

fn is_uniform(picture: &Picture) -> bool {
    !picture.rules.ask_for_channels()
}

fn refuse_gone(ctx: &Ctx, entry: &Entry) -> Result<(), JournalError> {
    if entry.subject.is_some_and(|subject| is_gone(ctx, subject)) {
        return Err(JournalError::Refused);
    }
    Ok(())
}

pub(super) fn is_gone(ctx: &Ctx, subject: SubjectId) -> bool {
    ctx.standings
        .get(subject)
        .is_some_and(|standing| standing.is_gone())
}

fn name(entry: &Entry) -> SubjectKeyName {
    SubjectKeyName::for_messages(entry.tenant, entry.subject, entry.purpose)
}

fn flags(entry: &Entry) -> i16 {
    let outbound = if entry.outbound { OUTBOUND } else { 0 };
    let binary = if entry.binary { BINARY } else { 0 };
    let named = if entry.label.is_some() { NAMED } else { 0 };
    outbound | binary | named
}
