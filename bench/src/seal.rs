//! What a message costs before it reaches the disk: admission, classification, sealing.

use std::hint::black_box;

use bytes::Bytes;
use chrono::TimeDelta;
use domain::{
    admission::{self, Passing, Sender},
    data_types::{self, MinimiseParts, NewDataType},
    journal,
    keys::{Slice, SubjectKeyName},
    pictures,
};
use serde_json::json;

use crate::{cpu, place::Place, report};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages per measurement.
    #[arg(long, default_value_t = 200_000)]
    messages: u32,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            messages: 200_000,
            payload: 128,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let place = Place::new("P30D").await?;
    let ctx = &place.ctx;
    let name = SubjectKeyName::for_messages(place.tenant, None, None);
    let class = 1;
    let (_, pair) = ctx
        .keys
        .pair_to_seal(name, class, Slice::of(TimeDelta::days(30)), ctx.now())
        .await?;
    let payload = vec![b'x'; arguments.payload];
    let sealing = each(arguments.messages, || {
        let id = ctx.ids.next_message();
        journal::seal(
            &pair,
            id,
            place.tenant,
            place.endpoint,
            None,
            class,
            None,
            &payload,
        )
        .map(drop)
    })?;
    let text = message(arguments.payload);
    let admit = |text: &Bytes| {
        let passing = Passing {
            endpoint: place.endpoint,
            sender: Sender::Tenant,
            subject: None,
            purpose: None,
            channel: "main",
            binary: false,
            payload: text.clone(),
        };
        admission::admit(ctx, passing)
    };
    let plain = each(arguments.messages, || admit(&text).map(drop))?;
    let tx = ctx.store.begin(&place.scope).await?;
    for (slug, path) in [
        ("email", "$.email"),
        ("place", "$.position"),
        ("name", "$.user.name"),
    ] {
        let new = NewDataType {
            slug: slug.into(),
            name: slug.into(),
            description: None,
            personal: true,
            special_category: None,
            paths: vec![path.into()],
            minimise: MinimiseParts {
                keep: Some(2),
                ..MinimiseParts::new("mask")
            },
            at_expiry: None,
        };
        data_types::create(&tx, ctx, new).await?;
    }
    tx.save().await?;
    pictures::reload(ctx, &place.scope).await?;
    let not_found = each(arguments.messages, || admit(&text).map(drop))?;
    let personal =
        Bytes::from(json!({ "user": { "name": "Ada" }, "email": "ada@example.org", "n": 1 }).to_string());
    let found = each(arguments.messages, || admit(&personal).map(drop))?;
    let figure = |nanoseconds: f64| format!("{nanoseconds:.0} ns");
    report::table(
        &format!("seal: {} bytes, processor time per message", arguments.payload),
        &[
            ("seal", figure(sealing)),
            ("admit, no catalogue", figure(plain)),
            (
                "admit and classify, three data types, none found",
                figure(not_found),
            ),
            ("admit, classify and minimise, two found", figure(found)),
        ],
    )?;
    report::json(&json!({
        "bench": "seal",
        "payload": arguments.payload,
        "seal_ns": sealing,
        "admit_ns": plain,
        "classify_none_found_ns": not_found,
        "classify_two_found_ns": found,
    }))?;
    Ok(())
}

/// A JSON text of about this many bytes.
fn message(bytes: usize) -> Bytes {
    let frame = json!({ "text": "", "n": 1 }).to_string().len();
    Bytes::from(json!({ "text": "x".repeat(bytes.saturating_sub(frame)), "n": 1 }).to_string())
}

/// Nanoseconds of processor time per call.
fn each<E>(times: u32, mut work: impl FnMut() -> Result<(), E>) -> anyhow::Result<f64>
where
    anyhow::Error: From<E>,
{
    for _ in 0..times / 10 {
        black_box(work())?;
    }
    let before = cpu::used()?;
    for _ in 0..times {
        black_box(work())?;
    }
    let used = cpu::used()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e9 / f64::from(times))
}
