//! A message's way from its sender to the sessions: admitted, recorded when its passage says so, delivered.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    broker::Core,
    close::Close,
    delivery::Message,
    host::{
        Counting, Direction, Draft, Happening, JournalFault, Passage, Payload, Position, Record, Refusal,
        Source,
    },
    hub::channel::{Origin, Way},
};

/// A message to be published.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it comes from.
    pub source: Source,
    /// The channel.
    pub channel: Arc<str>,
    /// Which way it goes.
    pub direction: Direction,
    /// What it says.
    pub payload: Payload,
    /// A session that does not get it: as a rule the one it comes from.
    pub except: Option<Uuid>,
}

/// What became of a published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it stands; `None` where nobody counts. Only what has an id was recorded.
    pub position: Option<Position>,
    /// To how many sessions of this node it was handed.
    pub recipients: usize,
}

impl Published {
    /// Whether it is in the journal, to be read later.
    pub fn is_recorded(&self) -> bool {
        self.position
            .as_ref()
            .is_some_and(|position| position.id.is_some())
    }
}

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It may not pass.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be recorded. Where the endpoint records before delivery, nobody got it.
    #[error(transparent)]
    Journal(#[from] JournalFault),
}

impl From<PublishError> for Close {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(refusal) => refusal.into(),
            PublishError::Journal(fault) => fault.into(),
        }
    }
}

/// A message that is published already, or on its way through the journal.
pub(crate) enum Step {
    Done(Published),
    /// To be polled, in the order of the steps: the first poll is what enters the journal's queue.
    Recording(BoxFuture<'static, Result<Published, JournalFault>>),
}

impl Core {
    /// Admits and, where nothing is to be recorded first, delivers.
    pub(crate) fn publish(self: &Arc<Self>, post: Post) -> Result<Step, Refusal> {
        let at = Instant::now();
        let Post {
            source,
            channel,
            direction,
            payload,
            except,
        } = post;
        let passage = self.admit(&source, &channel, direction, payload)?;
        let route = Route {
            tenant: source.tenant(),
            endpoint: source.endpoint(),
            subject: source.subject(),
            from: match &source {
                Source::Session(who) => Some(who.session),
                Source::Tenant { .. } => None,
            },
            channel: Arc::clone(&channel),
            except,
            at,
        };
        let record = passage.record;
        let draft = |passage| Draft {
            source,
            channel,
            direction,
            passage,
        };
        let step = match record {
            Record::Never => {
                let (position, recipients) = route.deliver(self, Counting::Memory, passage, None);
                Step::Done(Published { position, recipients })
            }
            Record::After => {
                let (_, recipients) = route.deliver(self, Counting::Nowhere, passage.clone(), None);
                let (core, draft) = (Arc::clone(self), draft(passage));
                Step::Recording(Box::pin(async move {
                    let position = core.journal.record(draft, Box::new(|_, _| {})).await?;
                    Ok(Published {
                        position: Some(position),
                        recipients,
                    })
                }))
            }
            Record::Before => {
                let (core, draft) = (Arc::clone(self), draft(passage));
                Step::Recording(Box::pin(async move {
                    // The journal delivers, in the order of its commits, whether or not anybody still waits for the answer:
                    // what is recorded as passed has passed.
                    let reached = Arc::new(AtomicUsize::new(0));
                    let (hub, count) = (Arc::clone(&core), Arc::clone(&reached));
                    let committed = move |position: &Position, passage: Passage| {
                        let (_, n) = route.deliver(&hub, Counting::Journal, passage, Some(position.clone()));
                        count.store(n, Ordering::Release);
                    };
                    let position = core.journal.record(draft, Box::new(committed)).await?;
                    Ok(Published {
                        position: Some(position),
                        recipients: reached.load(Ordering::Acquire),
                    })
                }))
            }
        };
        Ok(step)
    }

    pub(crate) fn admit(
        &self,
        source: &Source,
        channel: &str,
        direction: Direction,
        payload: Payload,
    ) -> Result<Passage, Refusal> {
        // A message that fits no queue would close everybody it is for.
        if payload.bytes.len() > self.settings.queue_bytes {
            return Err(Refusal::TooLarge);
        }
        self.admission.admit(source, channel, direction, payload)
    }
}

/// Where an admitted message goes.
struct Route {
    tenant: Uuid,
    endpoint: Uuid,
    subject: Option<Uuid>,
    /// The session that sent it.
    from: Option<Uuid>,
    channel: Arc<str>,
    except: Option<Uuid>,
    at: Instant,
}

impl Route {
    /// Hands it to the subscribers. Answers where it stands and how many they are.
    fn deliver(
        &self,
        core: &Core,
        counting: Counting,
        passage: Passage,
        position: Option<Position>,
    ) -> (Option<Position>, usize) {
        self.tell_host(core, &passage);
        let channel = core.hub.channel_for(self.tenant, self.endpoint, &self.channel);
        let Some(channel) = channel else {
            return (position, 0);
        };
        let Passage {
            payload,
            purpose,
            class,
            at,
            expires_at,
            ..
        } = passage;
        let ask = || core.admission.reach(self.endpoint, purpose);
        let way = Way {
            purpose,
            at: self.at,
            except: self.except,
            // What clients say to each other is not what the channel stands for.
            is_remembered: self.from.is_none(),
            reach: ask(),
            ask: &ask,
        };
        let origin = Origin {
            subject: self.subject,
            class,
            published: at,
        };
        let message = Message::new(Arc::clone(&self.channel), payload, position, expires_at);
        channel.deliver(counting, message, &way, origin, &core.settings)
    }

    /// The tenant may want to hear what its clients tell each other.
    fn tell_host(&self, core: &Core, passage: &Passage) {
        let (Some(session), Some(label)) = (self.from, &passage.payload.label) else {
            return;
        };
        let said = Happening::ClientEvent {
            label: Arc::clone(label),
            data: passage.payload.bytes.clone(),
            session,
            subject: self.subject,
            purpose: passage.purpose,
            class: passage.class,
        };
        core.registry
            .happened(self.tenant, self.endpoint, &self.channel, said);
    }
}
