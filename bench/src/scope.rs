//! The scope of an incident: how long it takes to say whom it touched, among many recorded messages, beside a bare count of
//! the same rows in the same store.

use std::time::Instant;

use anyhow::{Context, ensure};
use chrono::TimeDelta;
use domain::{
    ids::MessageId,
    incidents::{self, NewIncident},
    subjects,
};
use entity::{
    id::SubjectId,
    incident::{Exposure, Risk},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::{place::Place, purge::first_class, report, rows::Rows};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Recorded messages.
    #[arg(long, default_value_t = 1_000_000)]
    messages: i64,
    /// Persons whom they are about, in turn.
    #[arg(long, default_value_t = 20_000)]
    persons: usize,
    /// Bytes per message.
    #[arg(long, default_value_t = 200)]
    payload: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            messages: 1_000_000,
            persons: 20_000,
            payload: 200,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let place = Place::new("P30D").await?;
    let (ctx, now) = (&place.ctx, place.ctx.now());
    let class = first_class(&place).await?;
    let mut persons: Vec<SubjectId> = Vec::with_capacity(arguments.persons);
    for number in 0..arguments.persons {
        persons.push(subjects::get_or_create(ctx, &place.scope, &format!("person-{number}")).await?);
    }
    let rows = Rows::sized(&place, class, arguments.payload, 16, 50);
    let first = MessageId::first_at(now - TimeDelta::days(1)).0;
    let sealed =
        |id: i64| Ok(id.to_le_bytes().repeat(arguments.payload / 8 + 1)[..arguments.payload].to_vec());
    let (mut written, mut turn) = (0, 0);
    while written < arguments.messages {
        let tx = ctx.store.system("a measurement fills a store").await?;
        for _ in 0..400 {
            // A stride, so that what is about somebody lies all over the table.
            turn = (turn + 7_919) % persons.len();
            rows.write_of(&tx, first + written, written, Some(persons[turn].0), 1, sealed)
                .await?;
            written += rows.at_once();
        }
        tx.save().await?;
    }
    let tx = ctx.store.begin(&place.scope).await?;
    let new = NewIncident {
        title: "bench".to_owned(),
        facts: "bench".to_owned(),
        nature: vec!["confidentiality".to_owned()],
        exposure: Exposure::Live,
        risk: Risk::High,
        endpoint_ids: vec![place.endpoint],
        started_at: now - TimeDelta::days(2),
        ended_at: None,
        aware_at: None,
    };
    let incident = incidents::create(&tx, ctx, new).await?;
    tx.save().await?;
    let began = Instant::now();
    let (found, affected) = incidents::compute(ctx, &place.scope, &incident).await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(
        i64::try_from(found.records)? == written && affected.len() == found.categories[0].subjects as usize,
        "it counted {} of {written}",
        found.records
    );
    let tx = ctx.store.read(&place.scope).await?;
    let sql = format!("SELECT COUNT(*) FROM message WHERE class_id = {class} AND subject_id IS NOT NULL");
    let began = Instant::now();
    let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
    let row = tx.conn().query_one_raw(statement).await?.context("a count")?;
    let bare = began.elapsed().as_secs_f64();
    ensure!(
        row.try_get_by_index::<i64>(0)? == written,
        "a bare count counts the same"
    );
    report::table(
        &format!("scope: {written} messages about {} persons", affected.len()),
        &[
            ("whom it touched", format!("{:.0} ms", took * 1e3)),
            ("messages per second", report::grouped(written as f64 / took)),
            ("a bare count of the same rows", format!("{:.0} ms", bare * 1e3)),
        ],
    )?;
    report::json(&json!({
        "bench": "scope", "messages": written, "persons": affected.len(), "seconds": took, "bare_seconds": bare,
    }))
}
