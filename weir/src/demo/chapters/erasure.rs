//! Ada asks to be forgotten.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    super::{
        Story,
        rest::{Rest, items, number, text},
    },
    People, Scene, access,
};

const SUBJECT_ERASED: u16 = 4033;

/// Answers the id of the request.
pub(super) async fn play(
    story: &mut Story,
    scene: &Scene,
    people: &mut People,
    ada: &Rest,
    held: u64,
) -> Result<String> {
    story.teller.chapter("Ada asks to be forgotten")?;
    let made = ada
        .post(
            &format!("/portal/{}/requests", story.cast.tenant),
            json!({ "kind": "erasure" }),
        )
        .await?
        .expect(201)?;
    let id = text(&made, "/id")?;
    let done = access::completed(scene, &id).await?;
    let (rows, keys) = (number(&done, "/result/messages")?, number(&done, "/result/keys")?);
    ensure!(keys > 0, "no key was destroyed: {done}");
    ensure!(rows >= held, "{rows} of {held} messages were removed: {done}");
    story
        .teller
        .holds(format!("{keys} keys are destroyed and {rows} messages removed"))?;
    let code = people
        .ada_ticker
        .ends()
        .await
        .context("her open socket outlives her erasure")?;
    ensure!(
        code == SUBJECT_ERASED,
        "her open socket was closed with {code} instead of {SUBJECT_ERASED}"
    );
    story
        .teller
        .holds(format!("her open sockets close with {code}"))?;
    let path = format!("/subjects/{}", scene.ada);
    let answer = scene.owner.get(&path).await?;
    ensure!(answer.status == 404, "{path} is still there: {}", answer.text());
    for path in [
        "/subjects?external_id=ada".to_owned(),
        format!("/messages?subject_id={}", scene.ada),
    ] {
        let found = scene.owner.get(&path).await?.expect(200)?;
        ensure!(items(&found).is_empty(), "{path} still finds something: {found}");
    }
    story
        .teller
        .holds("neither she nor any message about her can be found")?;
    if story.mailbox.is_here().await? {
        let told = |text: &str| text.contains(&id).then_some(());
        story
            .mailbox
            .find(&story.cast.subject, "the confirmation", told)
            .await?;
        story
            .teller
            .holds("a last mail tells her so, with the receipt attached")?;
    }
    Ok(id)
}
