//! Messages pass: minimised, recorded, sealed, delivered.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    super::{
        Story,
        rest::{items, text},
    },
    People, Scene,
};

/// Messages by REST.
const PUBLISHED: usize = 20;
/// Messages by a socket.
const SAID: usize = 5;
/// Words that must stand nowhere in the clear.
const SECRET: &str = "the launch is on Thursday";

/// Answers the ids of messages about Ada.
pub(super) async fn play(story: &mut Story, scene: &Scene, people: &mut People) -> Result<Vec<String>> {
    story.teller.chapter("Messages pass")?;
    let mut about_ada = Vec::new();
    for number in 0..PUBLISHED {
        let data = json!({ "number": number, "text": SECRET, "email": "somebody@example.com" });
        let begun = Instant::now();
        let made = scene
            .publish(&scene.updates, json!({ "data": data, "subject": "ada" }))
            .await?;
        about_ada.push(text(&made, "/id").context("a message of this endpoint is recorded")?);
        for ear in [&mut people.ada, &mut people.bob] {
            let state = ear.hears(number + 1).await?;
            story
                .tally
                .delivery_lags
                .push(state.heard[number].1.saturating_duration_since(begun));
        }
    }
    for number in 0..SAID {
        people.ada.say(format!("hello from Ada, {number}")).await?;
    }
    let heard = people.bob.hears(PUBLISHED + SAID).await?.heard;
    let ada = people.ada.state().heard.len();
    ensure!(
        ada == PUBLISHED,
        "Ada hears what she says herself: {ada} messages instead of {PUBLISHED}"
    );
    story.teller.holds(format!(
        "{PUBLISHED} by REST reach Ada and Bob, {SAID} by Ada's socket reach Bob, in order"
    ))?;
    let first: Value = serde_json::from_str(&heard[0].0)?;
    let email = text(&first, "/email")?;
    ensure!(
        !email.contains("somebody"),
        "the e-mail address passed as {email:?}"
    );
    story
        .teller
        .holds(format!("the e-mail address in them arrives as {email:?}"))?;
    story.tally.messages += PUBLISHED + SAID;
    story.tally.recorded += PUBLISHED + SAID;
    story.tally.deliveries += 2 * PUBLISHED + SAID;

    sealed(story, scene, &about_ada[0]).await?;
    if let Some(ear) = &mut people.ada_support {
        for number in 0..SAID {
            ear.say(format!("question {number}")).await?;
        }
        let answers = ear.hears(SAID).await?.heard;
        let there = scene.back_end.heard().await.len();
        ensure!(
            there == SAID && answers.len() == SAID,
            "the back end heard {there} of {SAID} messages"
        );
        story.teller.holds(format!(
            "{SAID} messages go through the relay to the back end, and its {SAID} answers come back"
        ))?;
        story.tally.messages += 2 * SAID;
        story.tally.recorded += 2 * SAID;
        story.tally.deliveries += 2 * SAID;
    }
    Ok(about_ada)
}

async fn sealed(story: &Story, scene: &Scene, message: &str) -> Result<()> {
    let path = format!("/messages/{message}");
    let envelope = scene.owner.get(&path).await?.expect(200)?;
    ensure!(
        envelope["sealed"] == true && envelope.get("data").is_none(),
        "the message is shown unasked: {envelope}"
    );
    let open = scene
        .owner
        .get(&format!("{path}?unseal=true"))
        .await?
        .expect(200)?;
    ensure!(
        open["data"].to_string().contains(SECRET),
        "the message does not open: {open}"
    );
    story
        .teller
        .holds("the journal shows the envelope, and what is in it only to who unseals it")?;
    let events = scene
        .owner
        .get("/audit-events?kind=messages.unsealed")
        .await?
        .expect(200)?;
    ensure!(
        items(&events).len() == 1,
        "the unsealing is not in the audit log: {events}"
    );
    story.teller.holds("the unsealing stands in the audit log")?;
    match &story.stage.folder {
        Some(folder) => {
            let (files, bytes) = search(folder)?;
            story.teller.holds(format!(
                "in {files} files of {bytes} bytes, none of the words stands in the clear"
            ))?;
        }
        None => story
            .teller
            .aside("the search of the server's files is left out: give --data-dir to have it")?,
    }
    Ok(())
}

/// Looks for what must be sealed in the files of the stores.
fn search(folder: &Path) -> Result<(usize, usize)> {
    let (mut files, mut total) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file()
            || path
                .file_name()
                .is_some_and(|name| name == "root.key" || name == "weir.lock")
        {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let found = bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes());
        ensure!(!found, "{} holds a message in the clear", path.display());
        files += 1;
        total += bytes.len();
    }
    ensure!(files > 0, "{} has no files to search", folder.display());
    Ok((files, total))
}
