//! End-users come; who did not consent stays outside.

use anyhow::{Result, ensure};

use super::{
    super::{Story, ear::Ear},
    People, Scene,
};

/// Consent is missing.
const CONSENT_MISSING: u16 = 4030;

pub(super) async fn play(story: &mut Story, scene: &Scene) -> Result<People> {
    let teller = &story.teller;
    teller.chapter("End-users connect")?;
    for person in ["ada", "bob"] {
        scene.consent(person, "given").await?;
    }
    teller.holds("Ada and Bob consented, Eve did not")?;
    let code = Ear::open(&scene.door(&scene.updates, "eve").await?)
        .await?
        .ends()
        .await?;
    ensure!(
        code == CONSENT_MISSING,
        "Eve's socket was closed with {code} instead of {CONSENT_MISSING}"
    );
    teller.holds(format!("Eve's socket is closed with {code}, consent missing"))?;
    let ada = Ear::open(&scene.door(&scene.updates, "ada").await?).await?;
    let bob = Ear::open(&scene.door(&scene.updates, "bob").await?).await?;
    let ada_ticker = Ear::open(&scene.door(&scene.ticker, "ada").await?).await?;
    let mut open = vec![scene.updates.slug, scene.ticker.slug];
    let ada_support = match &scene.support {
        Some(support) => {
            open.push(support.slug);
            Some(Ear::open(&scene.door(support, "ada").await?).await?)
        }
        None => None,
    };
    for ear in [&ada, &bob, &ada_ticker] {
        let closed = ear.state().closed;
        ensure!(
            closed.is_none(),
            "a socket was closed with {closed:?} although nothing is missing"
        );
    }
    teller.holds(format!(
        "Ada is on {}, Bob on {}",
        open.join(", "),
        scene.updates.slug
    ))?;
    Ok(People {
        ada,
        bob,
        ada_ticker,
        ada_support,
    })
}
