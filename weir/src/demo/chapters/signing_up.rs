//! A tenant signs up by itself.

use anyhow::Result;
use serde_json::json;
use vault::chance::{self, SystemChance};

use super::super::{
    Story, hex, mailbox,
    rest::{Rest, text},
};

pub(super) async fn play(story: &mut Story) -> Result<Rest> {
    let (teller, cast) = (&story.teller, &story.cast);
    teller.chapter("A tenant signs up")?;
    let password = hex(chance::bytes::<16>(&SystemChance));
    let body = json!({
        "tenant": { "name": "The demonstration", "slug": cast.tenant },
        "owner": { "name": "Olive Owner", "email": cast.owner, "password": password },
    });
    let made = story.nobody.post("/sign-up", body).await?.expect(201)?;
    teller.holds(format!(
        "tenant {} is there, its owner is signed in",
        text(&made, "/tenant/slug")?
    ))?;
    let token = story
        .mailbox
        .find(&cast.owner, "a link to confirm the address", mailbox::token)
        .await?;
    let confirmed = story
        .nobody
        .post("/email-verifications/confirm", json!({ "token": token }))
        .await?
        .expect(200)?;
    teller.holds(format!(
        "the link that was mailed to {} confirms the address",
        text(&confirmed, "/email")?
    ))?;
    Ok(story.nobody.with_token(text(&made, "/session/token")?))
}
