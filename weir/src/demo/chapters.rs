//! The chapters in their order, and what one hands on to the next.

mod access;
mod backup;
mod connecting;
mod erasure;
mod expiry;
mod passing;
mod receipt;
mod setting_up;
mod signing_up;
mod withdrawal;

use anyhow::Result;
use serde_json::json;

use super::{
    Story,
    ear::Ear,
    echo::Echo,
    rest::{Rest, text},
};

/// What the tenant set up.
struct Scene {
    /// The owner, signed in.
    owner: Rest,
    /// Waits for consent, keeps for 30 days.
    updates: Endpoint,
    /// Keeps for 2 seconds.
    ticker: Endpoint,
    /// Leads to the tenant's own back end; none where the server cannot reach it.
    support: Option<Endpoint>,
    back_end: Echo,
    /// The purpose that waits for consent.
    purpose: String,
    /// The text that people were shown.
    notice_version: String,
    /// The person that the story is about.
    ada: String,
}

/// An endpoint of the tenant.
struct Endpoint {
    id: String,
    slug: &'static str,
}

/// The people on their sockets.
struct People {
    /// On updates. Will withdraw, and later be erased.
    ada: Ear,
    /// On updates. Stays.
    bob: Ear,
    /// Ada on the ticker.
    ada_ticker: Ear,
    /// Ada on the relay.
    ada_support: Option<Ear>,
}

/// Plays them all.
pub(super) async fn play(story: &mut Story) -> Result<()> {
    let owner = signing_up::play(story).await?;
    let scene = setting_up::play(story, owner).await?;
    let mut people = connecting::play(story, &scene).await?;
    let secrets = passing::play(story, &scene, &mut people).await?;
    expiry::play(story, &scene, &mut people).await?;
    let copy = backup::take(story, &scene, &mut people).await?;
    withdrawal::play(story, &scene, &mut people, &secrets).await?;
    let (ada, held) = access::play(story, &scene).await?;
    let erased = erasure::play(story, &scene, &mut people, &ada, held).await?;
    backup::open(story, &scene, copy).await?;
    receipt::play(story, &scene, &erased).await
}

impl Scene {
    /// Where a person connects, token included.
    async fn door(&self, endpoint: &Endpoint, person: &str) -> Result<String> {
        let minted = self
            .owner
            .post(
                &format!("/endpoints/{}/tokens", endpoint.id),
                json!({ "sub": person }),
            )
            .await?;
        let minted = minted.expect(201)?;
        let (url, token) = (text(&minted, "/connect_url")?, text(&minted, "/token")?);
        // The address may carry the token already.
        Ok(if url.contains("token=") {
            url
        } else {
            format!("{url}?token={token}")
        })
    }

    async fn publish(&self, endpoint: &Endpoint, body: serde_json::Value) -> Result<serde_json::Value> {
        self.owner
            .post(&format!("/endpoints/{}/messages", endpoint.id), body)
            .await?
            .expect(201)
    }

    async fn consent(&self, person: &str, state: &str) -> Result<serde_json::Value> {
        let body = json!({
            "subject": person, "purpose_id": self.purpose, "state": state, "method": "web form",
            "notice_version_id": self.notice_version,
        });
        self.owner.post("/consents", body).await?.expect(201)
    }
}
