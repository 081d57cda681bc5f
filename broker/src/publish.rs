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
    cluster::wire::Said,
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
            Record::Never if let Some(cluster) = &self.cluster => {
                route.tell_host(self, &passage);
                Step::Recording(cluster.say(self, route.said(passage, None, true)))
            }
            Record::After if let Some(cluster) = &self.cluster => {
                route.tell_host(self, &passage);
                let saying = cluster.say(self, route.said(passage.clone(), None, false));
                let (core, draft) = (Arc::clone(self), draft(passage));
                Step::Recording(Box::pin(async move {
                    let told = saying.await?;
                    let position = core.journal.record(draft, Box::new(|_, _| {})).await?;
                    Ok(Published {
                        position: Some(position),
                        recipients: told.recipients,
                    })
                }))
            }
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
                        let position = Some(position.clone());
                        let n = match &hub.cluster {
                            None => route.deliver(&hub, Counting::Journal, passage, position).1,
                            Some(cluster) => {
                                route.tell_host(&hub, &passage);
                                cluster.committed(&hub, route.said(passage, position, true))
                            }
                        };
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

    /// Hands a message that was admitted somewhere, and whose turn it is, to the subscribers of this node. Answers how many
    /// they are.
    pub(crate) fn hand_out(&self, said: Said) -> usize {
        let channel = self.hub.channel_for(said.tenant, said.endpoint, &said.channel);
        let Some(channel) = channel else { return 0 };
        let ask = || self.admission.reach(said.endpoint, said.purpose);
        let way = Way {
            purpose: said.purpose,
            at: said.at,
            except: said.except,
            is_remembered: !said.is_clients,
            reach: ask(),
            ask: &ask,
            is_fenced: self.is_fenced(),
        };
        let origin = Origin {
            subject: said.subject,
            class: said.class,
            published: said.published,
        };
        let message = Message::new(said.channel, said.payload, said.position, said.expires_at);
        // Whatever counts has counted.
        channel
            .deliver(Counting::Journal, message, &way, origin, &self.settings)
            .1
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
            is_fenced: false,
        };
        let origin = Origin {
            subject: self.subject,
            class,
            published: at,
        };
        let message = Message::new(Arc::clone(&self.channel), payload, position, expires_at);
        channel.deliver(counting, message, &way, origin, &core.settings)
    }

    /// What other nodes have to know to deliver it.
    fn said(&self, passage: Passage, position: Option<Position>, tells_position: bool) -> Said {
        Said {
            tenant: self.tenant,
            endpoint: self.endpoint,
            channel: Arc::clone(&self.channel),
            subject: self.subject,
            is_clients: self.from.is_some(),
            except: self.except,
            purpose: passage.purpose,
            class: passage.class,
            published: passage.at,
            expires_at: passage.expires_at,
            payload: passage.payload,
            position,
            tells_position,
            at: self.at,
        }
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
