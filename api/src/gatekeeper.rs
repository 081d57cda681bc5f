//! The broker's questions, answered by the domain: who may pass, record this, somebody went.

use std::sync::Arc;

use broker::{
    Close,
    host::{
        Admission, Direction, Draft, Happening, Identity, Journal, JournalFault, Known, OnCommit, Opcode,
        Passage, Payload, Position, Record, Refusal, Registry, Signing, Source, Traffic,
    },
};
use domain::{
    Ctx,
    admission::{self, Denied, Sender},
    connections::{self, Recorder},
    journal::{self, JournalError},
};
use entity::{
    endpoint::RecordMode,
    id::{ConnectionId, EndpointId, PurposeId, SubjectId, TenantId},
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// Answers from the domain's memory.
pub struct Gatekeeper(pub Ctx);

impl Admission for Gatekeeper {
    fn admit(
        &self,
        source: &Source,
        channel: &str,
        _: Direction,
        payload: Payload,
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
            payload: payload.bytes.clone(),
        };
        let admitted = admission::admit(&self.0, passing).map_err(refusal)?;
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
            kept: true,
            expires_at: None,
        })
    }

    fn may_deliver(&self, to: &Identity, purpose: Option<Uuid>) -> bool {
        let (endpoint, subject) = (EndpointId(to.endpoint), to.subject().map(SubjectId));
        admission::may_deliver(&self.0, endpoint, subject, purpose.map(PurposeId))
    }

    fn may_stay(&self, who: &Identity) -> Result<(), Refusal> {
        admission::may_stay(&self.0, EndpointId(who.endpoint), who.subject().map(SubjectId)).map_err(refusal)
    }

    fn is_readable(&self, _: Uuid, _: i64, _: i64) -> bool {
        false
    }

    fn signing(&self, _: Uuid) -> Option<Arc<Signing>> {
        None
    }

    fn identify(&self, _: Uuid, _: Uuid, _: &str) -> BoxFuture<'static, Result<Known, Refusal>> {
        Box::pin(async { Err(Refusal::NotAllowed) })
    }
}

/// What the broker calls a denial.
pub(crate) fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::NoEndpoint => Refusal::NoEndpoint,
        Denied::Disabled => Refusal::Disabled,
        Denied::ConsentMissing => Refusal::ConsentMissing,
        Denied::Restricted => Refusal::Restricted,
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

/// Writes life cycles down.
pub struct RegistryKeeper(pub Recorder);

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

    fn identified(&self, _: &Identity) {}

    fn happened(&self, _: Uuid, _: Uuid, _: &Arc<str>, _: Happening) {}
}

fn totals(traffic: Traffic) -> connections::Totals {
    connections::Totals {
        bytes_in: traffic.bytes_in,
        bytes_out: traffic.bytes_out,
        messages_in: traffic.messages_in,
        messages_out: traffic.messages_out,
    }
}
