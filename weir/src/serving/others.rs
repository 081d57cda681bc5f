//! The other nodes of the installation, reached over Redis.

use std::sync::Arc;

use anyhow::Context as _;
use api::{Gatekeeper, HistoryKeeper, Household, relays::Relays, signing::Signings};
use broker::{
    Broker, Close, Nodes,
    backplane::redis::Redis,
    host::{Draft, Happening, Identity, Journal, JournalFault, OnCommit, Position, Registry, Traffic},
};
use domain::{Ctx, installation};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{settings::Settings, trouble::Trouble};

/// What makes this process one of several; nothing where no Redis is set.
pub(super) async fn nodes(settings: &Settings, ctx: &Ctx, relays: &Relays) -> anyhow::Result<Option<Nodes>> {
    let Some(url) = settings.redis_url() else {
        return Ok(None);
    };
    let mark = installation::mark_of_data(&ctx.store).await?;
    let installation = mark.context("the store has its mark")?.installation;
    let mut me = [0; 8];
    ctx.chance.fill(&mut me);
    let me = u64::from_be_bytes(me);
    let (backplane, heard) = Redis::open(url, me).map_err(|error| {
        Trouble::new(
            "redis_url does not read",
            "write redis://host:6379, or several with commas between them",
        )
        .because(error)
    })?;
    Ok(Some(Nodes {
        me,
        name: settings.node_name().into(),
        prefix: format!("weir:{}", installation.simple()).into(),
        backplane,
        heard,
        house: Arc::new(Household {
            ctx: ctx.clone(),
            relays: relays.clone(),
        }),
    }))
}

/// A broker without sockets, through which a worker reaches those of the other nodes.
pub(super) fn envoy(settings: &Settings, ctx: &Ctx, nodes: Nodes) -> Broker {
    let broker = Broker::with_others(
        settings.sockets(),
        Arc::new(Gatekeeper {
            ctx: ctx.clone(),
            signings: Arc::<Signings>::default(),
        }),
        Arc::new(Nobody),
        Arc::new(HistoryKeeper(ctx.clone())),
        Arc::new(Nobody),
        nodes,
    );
    Household::tell(ctx, &broker);
    broker
}

/// Where nobody is connected, nothing is said and nothing happens.
struct Nobody;

impl Journal for Nobody {
    fn record(&self, _: Draft, _: OnCommit) -> BoxFuture<'_, Result<Position, JournalFault>> {
        Box::pin(async { Err(JournalFault::Stopping) })
    }
}

impl Registry for Nobody {
    fn active(&self, _: &Identity, _: Traffic) {}

    fn closed(&self, _: &Identity, _: &Close, _: Traffic) {}

    fn identified(&self, _: &Identity) {}

    fn happened(&self, _: Uuid, _: Uuid, _: &Arc<str>, _: Happening) {}
}
