//! What is held, why, for how long, and where it passes.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    super::{
        Story,
        echo::Echo,
        rest::{Rest, text},
    },
    Endpoint, Scene,
};

pub(super) async fn play(story: &mut Story, owner: Rest) -> Result<Scene> {
    let teller = &story.teller;
    teller.chapter("It says what it holds, why, and for how long")?;
    let email = json!({
        "slug": "email", "name": "E-mail address", "personal": true,
        "paths": ["$.email"], "minimise": { "strategy": "mask", "keep": 2 },
    });
    create(&owner, "/data-types", email).await?;
    teller.holds("data type email: found at $.email, masked before anything else happens to it")?;
    let purpose = json!({
        "slug": "updates", "name": "Product updates", "lawful_basis": "consent",
        "description": "to tell you what is new",
    });
    let purpose = create(&owner, "/purposes", purpose).await?;
    let notice = json!({ "slug": "updates", "name": "Product updates", "purpose_ids": [purpose] });
    let notice = create(&owner, "/notices", notice).await?;
    let words = json!({ "language": "en", "text": "We send you product updates for as long as you like." });
    let version = owner
        .post(&format!("/notices/{notice}/versions"), words)
        .await?
        .expect(201)?;
    let hash = text(&version, "/hash")?;
    teller.holds(format!(
        "purpose updates waits for consent, to a text with the hash {}…",
        hash.get(..12).unwrap_or(&hash)
    ))?;

    let updates = json!({ "slug": "updates", "kind": "channel", "purpose_id": purpose });
    let updates = Endpoint {
        id: create(&owner, "/endpoints", updates).await?,
        slug: "updates",
    };
    let ticker = Endpoint {
        id: create(
            &owner,
            "/endpoints",
            json!({ "slug": "ticker", "kind": "channel" }),
        )
        .await?,
        slug: "ticker",
    };
    teller.holds("endpoints updates and ticker: channels, Weir is the back end")?;
    let back_end = Echo::start().await?;
    let support = relay(story, &owner, &back_end).await?;

    rule(&owner, json!({ "name": "thirty days", "duration": "P30D" })).await?;
    rule(
        &owner,
        json!({ "name": "two seconds", "duration": "PT2S", "endpoint_id": ticker.id }),
    )
    .await?;
    teller.holds("rules: 2 seconds for the ticker, 30 days for everything else")?;
    let ada = create(
        &owner,
        "/subjects",
        json!({ "external_id": "ada", "email": story.cast.subject }),
    )
    .await?;
    Ok(Scene {
        owner,
        updates,
        ticker,
        support,
        back_end,
        purpose,
        notice_version: text(&version, "/id")?,
        ada,
    })
}

/// A relay to our own back end. A server elsewhere cannot reach it, and rightly refuses the address.
async fn relay(story: &Story, owner: &Rest, back_end: &Echo) -> Result<Option<Endpoint>> {
    let body = json!({
        "slug": "support", "kind": "relay", "upstream_url": back_end.url(), "pool_min": 1, "pool_max": 4,
    });
    let answer = owner.post("/endpoints", body).await?;
    if answer.status == 422 && answer.json()["errors"][0]["field"] == "/upstream_url" {
        story
            .teller
            .aside("the server does not reach into this machine, so the relay is left out")?;
        return Ok(None);
    }
    let id = text(&answer.expect(201)?, "/id")?;
    story.teller.holds(format!(
        "endpoint support: a relay that pools sockets to {}",
        back_end.url()
    ))?;
    Ok(Some(Endpoint { id, slug: "support" }))
}

async fn create(owner: &Rest, path: &str, body: Value) -> Result<String> {
    text(&owner.post(path, body).await?.expect(201)?, "/id")
}

async fn rule(owner: &Rest, mut body: Value) -> Result<()> {
    body["target"] = json!("messages");
    body["action"] = json!("delete");
    owner.post("/retention-rules", body).await?.expect(201)?;
    Ok(())
}
