//! Ada, who has no account, asks what is held about her.

use std::{io::Cursor, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    super::{
        Story, mailbox,
        rest::{Rest, items, number, text},
    },
    Scene,
};

/// How long the worker may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers Ada, signed in on the privacy page, and how many messages about her there are.
pub(super) async fn play(story: &mut Story, scene: &Scene) -> Result<(Rest, u64)> {
    story.teller.chapter("Ada asks what is held about her")?;
    let page = format!("/portal/{}", story.cast.tenant);
    let email = &story.cast.subject;
    story
        .nobody
        .post(&format!("{page}/codes"), json!({ "email": email }))
        .await?
        .expect(202)?;
    let code = story
        .mailbox
        .find(email, "a code of six digits", mailbox::code)
        .await?;
    let session = story
        .nobody
        .post(
            &format!("{page}/sessions"),
            json!({ "email": email, "code": code }),
        )
        .await?;
    let ada = story.nobody.with_token(text(&session.expect(201)?, "/token")?);
    story.teller.holds(format!(
        "a code that was mailed to {email} lets her in, without an account"
    ))?;
    let me = ada.get(&format!("{page}/me")).await?.expect(200)?;
    let held: u64 = items(&me["held"])
        .iter()
        .filter_map(|class| class["messages"].as_u64())
        .sum();
    ensure!(held > 0, "the page says that nothing is held: {me}");
    story.teller.holds(format!(
        "the page shows {held} messages about her, and until when each kind is kept"
    ))?;

    let request = ada
        .post(&format!("{page}/requests"), json!({ "kind": "access" }))
        .await?
        .expect(201)?;
    let id = text(&request, "/id")?;
    let due = text(&request, "/due_at")?;
    let done = completed(scene, &id).await?;
    story.teller.holds(format!(
        "her request for a copy, due by {}, is answered",
        due.get(..10).unwrap_or(&due)
    ))?;
    let export = ada.get(&format!("{page}/requests/{id}/export")).await?;
    ensure!(
        export.status == 200,
        "the copy cannot be downloaded: {} {}",
        export.status,
        export.text()
    );
    let archive = zip::ZipArchive::new(Cursor::new(&export.body)).context("the copy is not a ZIP file")?;
    let mut names = archive
        .file_names()
        .collect::<Result<Vec<_>, _>>()
        .context("the copy has a file without a name")?;
    names.sort_unstable();
    let page = names
        .iter()
        .any(|name| name.to_ascii_lowercase().ends_with(".html"));
    let data = names
        .iter()
        .any(|name| name.to_ascii_lowercase().ends_with(".json"));
    ensure!(
        page && data,
        "the copy lacks a page to read or the data for programs: {names:?}"
    );
    let messages = number(&done, "/result/messages")?;
    ensure!(messages >= held, "the copy has {messages} of {held} messages");
    story.teller.holds(format!(
        "the copy: {} KiB of ZIP with {messages} messages, in {}",
        export.body.len() / 1024 + 1,
        names.join(", ")
    ))?;
    Ok((ada, held))
}

/// The request, once it is completed.
pub(super) async fn completed(scene: &Scene, id: &str) -> Result<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let request = scene.owner.get(&format!("/requests/{id}")).await?.expect(200)?;
        match request["state"].as_str() {
            Some("completed") => return Ok(request),
            Some("received" | "verified" | "in_progress") if Instant::now() < end => {
                sleep(Duration::from_millis(100)).await;
            }
            state => bail!(
                "the request is {} after {PATIENCE:?}: {request}",
                state.unwrap_or("in no state")
            ),
        }
    }
}
