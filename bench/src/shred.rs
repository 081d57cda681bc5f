//! Erasing a person: how long it takes until nothing of them opens, with few messages and with many, among many other
//! persons. The rows go afterwards, at their own pace; here it is about the keys.

use std::time::Instant;

use anyhow::ensure;
use chrono::TimeDelta;
use domain::{
    ids::MessageId,
    keys::{Slice, SubjectKeyName},
};
use entity::{id::SubjectId, message};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;
use vault::message::OVERHEAD;

use crate::{place::Place, purge::first_class, report, rows::Rows};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages of the person; each number is measured by itself.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 1_000_000])]
    messages: Vec<i64>,
    /// Others who have keys in the same vault.
    #[arg(long, default_value_t = 10_000)]
    others: u32,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            messages: vec![1_000, 1_000_000],
            others: 10_000,
            payload: 128,
        }
    }
}

const SLICE: Slice = Slice(TimeDelta::hours(12));

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    for messages in &arguments.messages {
        let (took, opened) = shred(&arguments, *messages).await?;
        report::table(
            &format!(
                "shred: one person with {messages} messages among {} others, durable",
                arguments.others
            ),
            &[
                ("until nothing of the person opens", format!("{took:.1} ms")),
                ("messages that opened just before", report::grouped(opened as f64)),
                ("that open after", "0".to_owned()),
            ],
        )?;
        report::json(&json!({
            "bench": "shred",
            "messages": messages,
            "others": arguments.others,
            "milliseconds": took,
        }))?;
    }
    Ok(())
}

/// Milliseconds, and how many of a sample opened before. After, none may.
async fn shred(arguments: &Arguments, messages: i64) -> anyhow::Result<(f64, usize)> {
    let place = Place::new("P30D").await?;
    let (keys, now) = (&place.ctx.keys, place.ctx.now());
    let class = first_class(&place).await?;
    let subject = SubjectId(Uuid::from_u128(1));
    let name = SubjectKeyName::for_messages(place.tenant, Some(subject), None);
    let everybody: Vec<_> = (2..2 + u128::from(arguments.others))
        .map(|n| {
            let other = SubjectId(Uuid::from_u128(n));
            (
                SubjectKeyName::for_messages(place.tenant, Some(other), None),
                class,
                SLICE,
            )
        })
        .collect();
    let (half, rest) = everybody.split_at(everybody.len() / 2);
    keys.prepare(half, now).await?;
    let (bucket, pair) = keys.pair_to_seal(name, class, SLICE, now).await?;
    keys.prepare(rest, now).await?;
    let rows = Rows::sized(&place, class, arguments.payload + OVERHEAD, 16, 1_000);
    let first = MessageId::first_at(now - TimeDelta::days(2)).0;
    let mut written = 0;
    while written < messages {
        let tx = place.ctx.store.system("a measurement fills a store").await?;
        for _ in 0..20 {
            if written < messages {
                let sealed = |id: i64| {
                    let mut plain = Vec::with_capacity(arguments.payload + OVERHEAD);
                    plain.resize(arguments.payload, b'x');
                    Ok(pair.seal(id, b"bench", plain)?)
                };
                rows.write_of(&tx, first + written, written, Some(subject.0), bucket, sealed)
                    .await?;
                written += rows.at_once();
            }
        }
        tx.save().await?;
    }
    drop(pair);
    let before = openable(&place, class, name, bucket).await?;
    ensure!(before > 0, "nothing opened before");
    let started = Instant::now();
    let destroyed = keys.destroy_subject(place.tenant, subject).await?;
    let gone = keys.pair_to_open(name, bucket).await?.is_none();
    let took = started.elapsed().as_secs_f64() * 1000.0;
    ensure!(destroyed == 1 && gone, "the key is still there");
    let after = openable(&place, class, name, bucket).await?;
    ensure!(after == 0, "{after} messages still open");
    Ok((took, before))
}

/// How many of the oldest thousand open.
async fn openable(place: &Place, class: i64, name: SubjectKeyName, bucket: i64) -> anyhow::Result<usize> {
    let Some(pair) = place.ctx.keys.pair_to_open(name, bucket).await? else {
        return Ok(0);
    };
    let tx = place.ctx.store.system_read("a measurement looks").await?;
    let rows = tx
        .find::<message::Entity>()
        .filter(message::Column::ClassId.eq(class))
        .order_by_asc(message::Column::Id)
        .limit(1_000)
        .all(tx.conn())
        .await?;
    let opened = rows
        .into_iter()
        .filter(|row| pair.open(row.id, b"bench", row.sealed.clone()).is_ok());
    Ok(opened.count())
}
