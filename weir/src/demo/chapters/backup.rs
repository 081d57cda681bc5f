//! A backup from before the withdrawal and the erasure, put beside the keys of after it: the rows are back, what they held is not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::{
        Story,
        rest::{Rest, items},
        stage::{self, Own},
    },
    People, Scene,
};
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// Messages about nobody.
const FOR_ALL: usize = 3;

/// A backup, and the folder of the server that it was taken from.
pub(super) struct Copy {
    file: PathBuf,
    folder: PathBuf,
}

/// Takes a backup while the server goes on, of what is about Ada and of what is about nobody.
pub(super) async fn take(story: &mut Story, scene: &Scene, people: &mut People) -> Result<Option<Copy>> {
    let ears = [&mut people.ada, &mut people.bob];
    let heard = ears.each_ref().map(|ear| ear.state().heard.len());
    for number in 0..FOR_ALL {
        scene
            .publish(&scene.updates, json!({ "data": { "for all": number } }))
            .await?;
    }
    for (ear, heard) in ears.into_iter().zip(heard) {
        ear.hears(heard + FOR_ALL).await?;
    }
    story.tally.messages += FOR_ALL;
    story.tally.recorded += FOR_ALL;
    story.tally.deliveries += 2 * FOR_ALL;
    let Some(folder) = &story.stage.folder else {
        return Ok(None);
    };
    let file = story.stage.scratch.path().join("before.backup");
    stage::run(folder, &["backup", "--to", path(&file)?]).await?;
    Ok(Some(Copy {
        file,
        folder: folder.clone(),
    }))
}

/// Opens it with today's keys.
pub(super) async fn open(story: &mut Story, scene: &Scene, copy: Option<Copy>) -> Result<()> {
    story.teller.chapter("A backup from before is opened")?;
    let Some(Copy { file, folder }) = copy else {
        story
            .teller
            .aside("left out: it takes the server's data folder, give --data-dir to have it")?;
        return Ok(());
    };
    let size = file.metadata()?.len();
    story.teller.aside(format!(
        "`weir backup` made it while the server went on: {} KiB, no keys in it",
        size / 1024
    ))?;
    let other = story.stage.scratch.path().join("restored");
    fs::create_dir(&other)?;
    copy_keys(&folder, &other).await?;
    stage::run(&other, &["restore", "--from", path(&file)?]).await?;
    let server = Own::start(&other).await?;
    let checked = check(story, &server, scene).await;
    server.stop().await?;
    checked
}

async fn check(story: &Story, server: &Own, scene: &Scene) -> Result<()> {
    let owner = Rest::new(server.base.clone()).with_token(scene.owner.token());
    let (mut hers, mut others) = (0, 0);
    let path = format!("/messages?endpoint_id={}&unseal=true&limit=200", scene.updates.id);
    let found = owner.get(&path).await?.expect(200)?;
    for message in items(&found) {
        if message["subject_id"] == scene.ada.as_str() {
            ensure!(
                message["unreadable"] == "key_destroyed",
                "a message about her opens: {message}"
            );
            ensure!(
                message.get("data").is_none(),
                "a message about her opens: {message}"
            );
            hers += 1;
        } else {
            ensure!(
                message.get("data").is_some(),
                "a message about somebody else does not open: {message}"
            );
            others += 1;
        }
    }
    ensure!(
        hers > 0,
        "the backup should have the rows of messages about her, and has {found}"
    );
    story.teller.holds(format!(
        "restored beside today's keys: {hers} of her messages are there, and none opens (key_destroyed)"
    ))?;
    ensure!(
        others >= FOR_ALL,
        "{others} of {FOR_ALL} messages about nobody are there"
    );
    story
        .teller
        .holds(format!("{others} messages that are not about her open as before"))?;
    Ok(())
}

/// The keys as they are now, while the server goes on.
async fn copy_keys(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from.join("root.key"), to.join("root.key")).context("the root key cannot be copied")?;
    stage::run(from, &["backup", "--keys-to", path(to)?]).await
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
