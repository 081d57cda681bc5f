//! The change of a rule that ends everything there is of a class: how long it takes until nothing of it is read any more,
//! with few messages and with many. The keys and the rows follow, at their own pace.

use std::time::Instant;

use anyhow::ensure;
use chrono::TimeDelta;
use domain::{
    ids::MessageId,
    messages::{self, Filter},
    page::PageIn,
    pictures,
    retention_rules::{self, RulePatch},
};
use entity::channel;
use sea_orm::Set;
use serde_json::json;
use vault::message::OVERHEAD;

use crate::{place::Place, purge::first_class, report, rows::Rows};

/// Channels that the messages are on.
const CHANNELS: i64 = 16;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages that the rule is about; each number is measured by itself.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    messages: Vec<i64>,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            messages: vec![10_000, 1_000_000],
            payload: 128,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    for messages in &arguments.messages {
        let (took, found) = change(&arguments, *messages).await?;
        report::table(
            &format!("rule: {messages} messages of a month, kept for a day from now on, durable"),
            &[
                ("until nothing of them is read", format!("{took:.1} ms")),
                ("read just before, on one page", report::grouped(found as f64)),
                ("read after", "0".to_owned()),
            ],
        )?;
        report::json(&json!({ "bench": "rule", "messages": messages, "milliseconds": took }))?;
    }
    Ok(())
}

/// Milliseconds, and how many a page of a search had before. After, none may have any.
async fn change(arguments: &Arguments, count: i64) -> anyhow::Result<(f64, usize)> {
    let place = Place::new("P30D").await?;
    let class = first_class(&place).await?;
    channels(&place).await?;
    let rows = Rows::sized(&place, class, arguments.payload + OVERHEAD, CHANNELS, 1_000);
    let first = MessageId::first_at(place.ctx.now() - TimeDelta::days(2)).0;
    let mut written = 0;
    while written < count {
        let tx = place.ctx.store.system("a measurement fills a store").await?;
        for _ in 0..50 {
            if written < count {
                rows.write(&tx, first + written, written).await?;
                written += rows.at_once();
            }
        }
        tx.save().await?;
    }
    let before = found(&place).await?;
    ensure!(before > 0, "nothing was found before");
    let started = Instant::now();
    let tx = place.ctx.store.begin(&place.scope).await?;
    let patch = RulePatch {
        duration: Some("P1D".into()),
        ..RulePatch::default()
    };
    retention_rules::update(&tx, &place.ctx, place.rule, None, patch, None).await?;
    tx.save().await?;
    pictures::reload(&place.ctx, &place.scope).await?;
    let after = found(&place).await?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    ensure!(after == 0, "{after} messages are still found");
    Ok((took, before))
}

/// The channels that the rows are on.
async fn channels(place: &Place) -> anyhow::Result<()> {
    let tx = place.ctx.store.begin(&place.scope).await?;
    for id in 1..=CHANNELS {
        tx.insert(channel::ActiveModel {
            id: Set(id),
            tenant_id: Set(place.tenant),
            endpoint_id: Set(place.endpoint),
            name: Set(format!("channel-{id}")),
            epoch: Set("bench".into()),
            last_offset: Set(0),
            created_at: Set(place.ctx.now()),
        })
        .await?;
    }
    tx.save().await?;
    Ok(())
}

async fn found(place: &Place) -> anyhow::Result<usize> {
    let tx = place.ctx.store.read(&place.scope).await?;
    let page = PageIn::new(Some(100), None)?;
    let found = messages::search(&tx, &place.ctx, &Filter::default(), &page).await?;
    Ok(found.items.len())
}
