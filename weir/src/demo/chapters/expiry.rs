//! Two seconds are two seconds.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::{sleep, sleep_until};

use super::{
    super::{
        Story,
        rest::{items, number, text},
        tally::short,
    },
    People, Scene,
};

/// What the rule says.
const KEPT: Duration = Duration::from_secs(2);
/// For how long after the deadline every way to read is tried again and again.
const WATCHED: Duration = Duration::from_millis(500);
/// How long the worker may take for the rows.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn play(story: &mut Story, scene: &Scene, people: &mut People) -> Result<()> {
    story.teller.chapter("A message of two seconds")?;
    let before = stored(scene).await?;
    let made = scene
        .publish(&scene.ticker, json!({ "data": "soon gone", "subject": "ada" }))
        .await?;
    // Its time counts from the commit, which was before this moment: from here on it must be over.
    let deadline = Instant::now() + KEPT;
    people.ada_ticker.hears(1).await?;
    story.tally.messages += 1;
    story.tally.recorded += 1;
    story.tally.deliveries += 1;
    let id = text(&made, "/id")?;
    let open = readable(scene, &id).await?;
    let ways = WAYS.len();
    ensure!(
        open.len() == ways,
        "it should be readable in {ways} ways, and is in {open:?}"
    );
    story.teller.holds(format!(
        "it is delivered, and readable in {ways} ways: {}",
        WAYS.map(|way| way.0).join(", ")
    ))?;

    let shortly_before = deadline
        .checked_sub(Duration::from_millis(50))
        .unwrap_or(deadline);
    sleep_until(shortly_before.into()).await;
    let mut unreadable = None;
    let mut tries = 0;
    while Instant::now() < deadline + WATCHED {
        let begun = Instant::now();
        let open = readable(scene, &id).await?;
        if begun >= deadline {
            ensure!(
                open.is_empty(),
                "{:?} after its deadline it can still be read by {open:?}",
                begun - deadline
            );
            tries += ways;
        }
        if open.is_empty() {
            unreadable.get_or_insert(begun);
        }
    }
    let Some(unreadable) = unreadable else {
        bail!("it never became unreadable")
    };
    story.tally.unreadable_after = unreadable.saturating_duration_since(deadline);
    story.teller.holds(format!(
        "from its deadline on, {tries} reads in all of these ways find nothing"
    ))?;

    while stored(scene).await? > before {
        ensure!(
            deadline.elapsed() < PATIENCE,
            "its row is still there {PATIENCE:?} after the deadline"
        );
        sleep(Duration::from_millis(50)).await;
    }
    story.tally.rows_gone_after = deadline.elapsed();
    story.teller.holds(format!(
        "its row is gone {} after the deadline",
        short(story.tally.rows_gone_after)
    ))?;
    Ok(())
}

/// The ways to read a message: a name, and where to look.
const WAYS: [(&str, &str); 5] = [
    ("by its id", "/messages/{id}"),
    ("unsealed", "/messages/{id}?unseal=true"),
    ("search", "/messages?endpoint_id={endpoint}"),
    ("search by person", "/messages?subject_id={ada}"),
    ("history", "/endpoints/{endpoint}/channels/main/messages"),
];

/// The ways in which it can be read now.
async fn readable(scene: &Scene, id: &str) -> Result<Vec<&'static str>> {
    let mut open = Vec::new();
    for (name, path) in WAYS {
        let path = path
            .replace("{id}", id)
            .replace("{endpoint}", &scene.ticker.id)
            .replace("{ada}", &scene.ada);
        let answer = scene.owner.get(&path).await?;
        if answer.status == 404 {
            continue;
        }
        let found = answer.expect(200)?;
        if found["id"] == id || items(&found).iter().any(|message| message["id"] == id) {
            open.push(name);
        }
    }
    Ok(open)
}

/// Messages that the store holds for the tenant.
async fn stored(scene: &Scene) -> Result<u64> {
    let usage: Value = scene.owner.get("/tenant/usage").await?.expect(200)?;
    number(&usage, "/used/stored_messages")
}
