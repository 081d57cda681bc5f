//! The broker's questions, answered by the domain: who may pass, record this, somebody went.

use std::sync::Arc;

use broker::{
    Close,
    host::{
        Admission, Counting, Direction, Draft, Happening, Identity, Journal, JournalFault, Known, OnCommit,
        Opcode, Passage, Payload, Position, Reach, Record, Refusal, Registry, Signing, Source, Standing,
        Traffic,
    },
};
use chrono::DateTime;
use domain::{
    Ctx,
    admission::{self, Denied, Sender},
    connections::{self, Recorder},
    journal::{self, JournalError},
    pictures::App,
    standings, subjects,
    webhooks::Hooks,
};
use entity::{
    endpoint::RecordMode,
    id::{ConnectionId, EndpointId, PurposeId, SubjectId, TenantId},
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{happenings::told, signing::Signings};

/// Answers from the domain's memory.
pub struct Gatekeeper {
    /// Rules and store.
    pub ctx: Ctx,
    /// What clients of the Pusher protocol sign with.
    pub signings: Arc<Signings>,
}

/// How a person stands, for the broker.
struct Stands(Arc<standings::Standing>, Ctx);

impl Standing for Stands {
    fn may_get(&self, reach: Reach) -> bool {
        let reach = match reach {
            Reach::Nobody => admission::Reach::Nobody,
            Reach::Everybody => admission::Reach::Everybody,
            Reach::Consenting(purpose) => admission::Reach::Consenting(PurposeId(purpose)),
            Reach::Unobjected(purpose) => admission::Reach::Unobjected(PurposeId(purpose)),
            Reach::Unrefused(purpose) => admission::Reach::Unrefused(PurposeId(purpose)),
        };
        self.0.may_get(&self.1, reach)
    }
}

/// A person, for the broker: held for as long as somebody is connected as them.
pub(crate) fn known(ctx: &Ctx, subject: SubjectId, standing: &Arc<standings::Standing>) -> Known {
    Known {
        subject: subject.0,
        standing: Arc::new(Stands(Arc::clone(standing), ctx.clone())),
    }
}

impl Admission for Gatekeeper {
    fn admit(
        &self,
        source: &Source,
        channel: &str,
        _: Direction,
        mut payload: Payload,
    ) -> Result<Passage, Refusal> {
        let passing = admission::Passing {
            endpoint: EndpointId(source.endpoint()),
            sender: match source {
                Source::Session(_) => Sender::Session,
                Source::Tenant { .. } => Sender::Tenant,
            },
            subject: source.subject().map(SubjectId),
            purpose: source.purpose().map(PurposeId),
            channel,
            binary: payload.opcode == Opcode::Binary,
            payload: std::mem::take(&mut payload.bytes),
        };
        let admitted = admission::admit(&self.ctx, passing).map_err(refusal)?;
        Ok(Passage {
            payload: Payload {
                bytes: admitted.payload,
                ..payload
            },
            record: match admitted.record {
                RecordMode::Before => Record::Before,
                RecordMode::After => Record::After,
                RecordMode::Never => Record::Never,
            },
            purpose: admitted.purpose.map(Uuid::from),
            class: admitted.class,
            kept: admitted.kept,
            at: admitted.at.timestamp_millis(),
            expires_at: admitted.expires_at.map(|at| at.timestamp_millis()),
        })
    }

    fn reach(&self, endpoint: Uuid, purpose: Option<Uuid>) -> Reach {
        match admission::reach(&self.ctx, EndpointId(endpoint), purpose.map(PurposeId)) {
            admission::Reach::Nobody => Reach::Nobody,
            admission::Reach::Everybody => Reach::Everybody,
            admission::Reach::Consenting(purpose) => Reach::Consenting(purpose.0),
            admission::Reach::Unobjected(purpose) => Reach::Unobjected(purpose.0),
            admission::Reach::Unrefused(purpose) => Reach::Unrefused(purpose.0),
        }
    }

    fn counting(&self, endpoint: Uuid) -> Counting {
        match admission::counting(&self.ctx, EndpointId(endpoint)) {
            admission::Counting::Journal => Counting::Journal,
            admission::Counting::Memory => Counting::Memory,
            admission::Counting::Nowhere => Counting::Nowhere,
        }
    }

    fn may_stay(&self, who: &Identity) -> Result<(), Refusal> {
        let (endpoint, subject) = (EndpointId(who.endpoint), who.subject().map(SubjectId));
        match admission::may_stay(&self.ctx, endpoint, subject) {
            // Whose it is may still be said, on a socket that opens without a token; until then it gets nothing of this.
            Err(Denied::ConsentMissing) if subject.is_none() => Ok(()),
            answer => answer.map_err(refusal),
        }
    }

    fn may_join(&self, who: &Identity, _channel: &str) -> Result<(), Refusal> {
        let (endpoint, subject) = (EndpointId(who.endpoint), who.subject().map(SubjectId));
        admission::may_stay(&self.ctx, endpoint, subject).map_err(refusal)
    }

    fn is_readable(&self, endpoint: Uuid, channel: &str, class: i64, at: i64) -> bool {
        DateTime::from_timestamp_millis(at)
            .is_some_and(|at| admission::is_readable(&self.ctx, EndpointId(endpoint), channel, class, at))
    }

    fn signing(&self, endpoint: Uuid) -> Option<Arc<Signing>> {
        let endpoint = EndpointId(endpoint);
        let picture = self.ctx.pictures.get(endpoint)?;
        self.signings.of(picture.endpoint(endpoint)?, self.ctx.now())
    }

    fn identify(&self, _: Uuid, endpoint: Uuid, user: &str) -> BoxFuture<'static, Result<Known, Refusal>> {
        let (ctx, user, endpoint) = (self.ctx.clone(), user.to_owned(), EndpointId(endpoint));
        Box::pin(async move {
            let picture = ctx.pictures.get(endpoint).ok_or(Refusal::NoEndpoint)?;
            let endpoint = picture.endpoint(endpoint).cloned().ok_or(Refusal::NoEndpoint)?;
            let scope = App { picture, endpoint }.scope();
            let found = async {
                let subject = subjects::get_or_create(&ctx, &scope, &user).await?;
                let standing = ctx.standings.load(&ctx.store, &scope, subject).await?;
                Ok::<_, domain::Error>(known(&ctx, subject, &standing))
            };
            found.await.map_err(|error| {
                tracing::error!(error = format!("{error:#}"), "a person could not be looked up");
                Refusal::Unavailable
            })
        })
    }
}

/// What the broker calls a denial.
pub(crate) fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::NoEndpoint => Refusal::NoEndpoint,
        Denied::Disabled => Refusal::Disabled,
        Denied::ConsentMissing => Refusal::ConsentMissing,
        Denied::NoSpecialBasis => Refusal::NotAllowed,
        Denied::Opaque => Refusal::Opaque,
        // Of this purpose, it is: to the other end the two are the same.
        Denied::Restricted | Denied::Objected => Refusal::Restricted,
        Denied::Gone => Refusal::Gone,
        Denied::TooLarge => Refusal::TooLarge,
        Denied::OverQuota => Refusal::OverQuota,
    }
}

/// Records in the domain's journal.
pub struct JournalKeeper(pub journal::Journal);

impl Journal for JournalKeeper {
    fn record(&self, draft: Draft, committed: OnCommit) -> BoxFuture<'_, Result<Position, JournalFault>> {
        let passage = draft.passage;
        let Ok(label) = label(&passage.payload) else {
            return Box::pin(async { Err(JournalFault::Refused) });
        };
        let entry = journal::Entry {
            tenant: TenantId(draft.source.tenant()),
            endpoint: EndpointId(draft.source.endpoint()),
            subject: draft.source.subject().map(SubjectId),
            channel: draft.channel,
            purpose: passage.purpose.map(PurposeId),
            class: passage.class,
            kept: passage.kept,
            outbound: draft.direction == Direction::Outbound,
            binary: passage.payload.opcode == Opcode::Binary,
            label,
            payload: passage.payload.bytes.clone(),
        };
        let on_commit = Box::new(move |stored: &journal::Stored| committed(&position(stored), passage));
        let recording = self.0.record(entry, on_commit);
        Box::pin(async move {
            let stored = recording.await.map_err(|error| match error {
                JournalError::Full => JournalFault::Full,
                JournalError::Failed => JournalFault::Failed,
                JournalError::Stopping => JournalFault::Stopping,
                JournalError::Refused => JournalFault::Refused,
            })?;
            Ok(position(&stored))
        })
    }
}

fn label(payload: &Payload) -> Result<Option<journal::Label>, journal::TooLong> {
    let label = payload.label.as_ref();
    label
        .map(|label| journal::Label::new(&label.event, label.user.as_deref()))
        .transpose()
}

fn position(stored: &journal::Stored) -> Position {
    Position {
        id: stored.id.map(|id| id.0),
        offset: stored.position,
        epoch: Arc::clone(&stored.epoch),
    }
}

/// Writes life cycles down, and has tenants told of them.
pub struct RegistryKeeper(pub Recorder, pub Hooks);

impl Registry for RegistryKeeper {
    fn active(&self, who: &Identity, traffic: Traffic) {
        self.0
            .active(ConnectionId(who.session), TenantId(who.tenant), totals(traffic));
    }

    fn closed(&self, who: &Identity, why: &Close, traffic: Traffic) {
        let why = why.recorded();
        self.0.closed(
            ConnectionId(who.session),
            TenantId(who.tenant),
            why.code,
            &why.reason,
            totals(traffic),
        );
    }

    fn identified(&self, who: &Identity) {
        if let Some(subject) = who.subject() {
            self.0.identified(
                ConnectionId(who.session),
                TenantId(who.tenant),
                SubjectId(subject),
            );
        }
    }

    fn happened(&self, tenant: Uuid, endpoint: Uuid, channel: &Arc<str>, what: Happening) {
        self.1
            .happened(TenantId(tenant), EndpointId(endpoint), channel, told(what));
    }

    fn kept(&self, tenant: Uuid, endpoint: Uuid, channel: &Arc<str>, user: Option<&str>) {
        self.1.kept(TenantId(tenant), EndpointId(endpoint), channel, user);
    }
}

fn totals(traffic: Traffic) -> connections::Totals {
    connections::Totals {
        bytes_in: traffic.bytes_in,
        bytes_out: traffic.bytes_out,
        messages_in: traffic.messages_in,
        messages_out: traffic.messages_out,
    }
}
