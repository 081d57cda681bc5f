//! What tests of the journal, of messages and of retention stand on: a world with an endpoint and an open journal.

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use entity::{
    endpoint::EndpointKind,
    id::{EndpointId, RetentionRuleId, SubjectId},
    message,
};
use sea_orm::{PaginatorTrait, QueryOrder};
use tokio::task::JoinHandle;

use super::{Entry, Journal, JournalError, Settings, Stored};
use crate::{
    admission::{self, Admitted, Denied, Passing, Sender},
    ctx::Ctx,
    endpoints::{self, NewEndpoint},
    ids::MessageId,
    messages::{self, Message},
    page::PageIn,
    pictures,
    retention::{self, Budget, Report},
    retention_rules::{self, NewRule},
    standings::Standing,
    subjects,
    tenancy::TenantTx,
    testing::World,
};

pub(crate) struct Bed {
    pub(crate) world: World,
    pub(crate) endpoint: EndpointId,
    pub(crate) journal: Journal,
    pub(crate) task: JoinHandle<()>,
}

impl Stored {
    /// The id of a message that was recorded.
    pub(crate) fn recorded(&self) -> MessageId {
        self.id.expect("recorded, not just counted")
    }
}

impl Bed {
    /// An endpoint `chat` on which nothing is kept so far.
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let ctx = &world.ctx;
        let tx = ctx.store.begin(&world.scope).await.unwrap();
        let new = NewEndpoint::new("chat", EndpointKind::Channel);
        let (endpoint, _) = endpoints::create(&tx, ctx, new).await.unwrap();
        tx.save().await.unwrap();
        pictures::load(ctx, &world.scope).await.unwrap();
        let (journal, task) = Journal::start(ctx.clone(), Settings::default()).await.unwrap();
        Self {
            endpoint: endpoint.id,
            journal,
            task,
            world,
        }
    }

    pub(crate) fn ctx(&self) -> &Ctx {
        &self.world.ctx
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.world.clock.advance(by);
    }

    pub(crate) async fn read(&self) -> TenantTx {
        self.ctx().store.read(&self.world.scope).await.unwrap()
    }

    /// Adds a rule on messages, which acts when this returns.
    pub(crate) async fn rule(&self, duration: &str, change: impl FnOnce(&mut NewRule)) -> RetentionRuleId {
        let mut new = NewRule::new(format!("keep {duration}"), duration);
        change(&mut new);
        let tx = self.ctx().store.begin(&self.world.scope).await.unwrap();
        let rule = retention_rules::create(&tx, self.ctx(), new).await.unwrap();
        tx.save().await.unwrap();
        pictures::reload(self.ctx(), &self.world.scope).await.unwrap();
        rule.id
    }

    pub(crate) async fn drop_rule(&self, id: RetentionRuleId) {
        let tx = self.ctx().store.begin(&self.world.scope).await.unwrap();
        retention_rules::delete(&tx, self.ctx(), id, None, None)
            .await
            .unwrap();
        tx.save().await.unwrap();
        pictures::reload(self.ctx(), &self.world.scope).await.unwrap();
    }

    /// Somebody, and their standing to be held.
    pub(crate) async fn person(&self, external_id: &str) -> (SubjectId, Arc<Standing>) {
        let (ctx, scope) = (self.ctx(), &self.world.scope);
        let id = subjects::get_or_create(ctx, scope, external_id).await.unwrap();
        let standing = ctx.standings.load(&ctx.store, scope, id).await.unwrap();
        (id, standing)
    }

    pub(crate) fn admit(
        &self,
        channel: &str,
        subject: Option<SubjectId>,
        text: &str,
    ) -> Result<Admitted, Denied> {
        admission::admit(
            self.ctx(),
            Passing {
                endpoint: self.endpoint,
                sender: Sender::Tenant,
                subject,
                purpose: None,
                channel,
                binary: false,
                payload: Bytes::from(text.to_owned()),
            },
        )
    }

    pub(crate) fn entry(&self, channel: &str, subject: Option<SubjectId>, admitted: Admitted) -> Entry {
        Entry {
            tenant: self.world.tenant.id,
            endpoint: self.endpoint,
            channel: Arc::from(channel),
            subject,
            purpose: admitted.purpose,
            class: admitted.class,
            kept: admitted.kept,
            outbound: false,
            binary: false,
            label: None,
            payload: admitted.payload,
        }
    }

    /// Admits and records.
    pub(crate) async fn try_say(
        &self,
        channel: &str,
        subject: Option<SubjectId>,
        text: &str,
    ) -> Result<Stored, JournalError> {
        let admitted = self.admit(channel, subject, text).unwrap();
        let entry = self.entry(channel, subject, admitted);
        self.journal.record(entry, Box::new(|_| {})).await
    }

    /// Records what no rule keeps: it is only counted.
    pub(crate) async fn count(
        &self,
        channel: &str,
        subject: Option<SubjectId>,
    ) -> Result<Stored, JournalError> {
        let entry = Entry {
            tenant: self.world.tenant.id,
            endpoint: self.endpoint,
            channel: Arc::from(channel),
            subject,
            purpose: None,
            class: 0,
            kept: false,
            outbound: false,
            binary: false,
            label: None,
            payload: Bytes::from_static(b"kept by nobody"),
        };
        self.journal.record(entry, Box::new(|_| {})).await
    }

    pub(crate) async fn say(&self, channel: &str, text: &str) -> Stored {
        self.try_say(channel, None, text).await.unwrap()
    }

    /// What a search finds, newest first, opened.
    pub(crate) async fn found(&self, filter: &messages::Filter) -> Vec<(Message, Option<String>)> {
        let tx = self.read().await;
        let page = PageIn::new(Some(200), None).unwrap();
        let page = messages::search(&tx, self.ctx(), filter, &page).await.unwrap();
        drop(tx);
        let opened = messages::open(self.ctx(), &self.world.scope, &page.items)
            .await
            .unwrap();
        let opened = opened
            .into_iter()
            .map(|said| said.map(|said| String::from_utf8(said.data.into()).unwrap()));
        page.items.into_iter().zip(opened).collect()
    }

    pub(crate) async fn texts(&self) -> Vec<String> {
        let found = self.found(&messages::Filter::default()).await;
        found.into_iter().map(|(_, text)| text.unwrap()).collect()
    }

    /// Rows in the store, readable or not.
    pub(crate) async fn rows(&self) -> u64 {
        let tx = self.read().await;
        tx.find::<message::Entity>().count(tx.conn()).await.unwrap()
    }

    pub(crate) async fn ids(&self) -> Vec<i64> {
        use sea_orm::QuerySelect;
        let tx = self.read().await;
        tx.find::<message::Entity>()
            .select_only()
            .column(message::Column::Id)
            .order_by_asc(message::Column::Id)
            .into_tuple()
            .all(tx.conn())
            .await
            .unwrap()
    }

    pub(crate) async fn purge(&self) -> Report {
        retention::purge(self.ctx(), Budget::default()).await.unwrap()
    }
}
