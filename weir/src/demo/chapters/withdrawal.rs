//! Consent is withdrawn while messages keep coming.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::{
    super::{Story, ear::Ear, rest::number, tally::short},
    People, Scene,
};

const CONSENT_WITHDRAWN: u16 = 4031;
const CONSENT_MISSING: u16 = 4030;
/// Between two messages: many enough to be in the middle, few enough for the rate limit of any server.
const PACE: Duration = Duration::from_millis(15);
/// How long the worker may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// `messages` rested on her consent alone.
pub(super) async fn play(
    story: &mut Story,
    scene: &Scene,
    people: &mut People,
    messages: &[String],
) -> Result<()> {
    story.teller.chapter("Ada withdraws her consent")?;
    let (ada_before, bob_before) = (people.ada.state().heard.len(), people.bob.state().heard.len());
    // Numbered when their publishing begins, so that it is known which came after the answer.
    let begun = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let (owner, begun, stop) = (scene.owner.clone(), Arc::clone(&begun), Arc::clone(&stop));
        let path = format!("/endpoints/{}/messages", scene.updates.id);
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                owner
                    .post(&path, json!({ "data": { "flood": number } }))
                    .await?
                    .expect(201)?;
                sleep(PACE).await;
            }
            anyhow::Ok(())
        })
    };
    let outcome = withdraw(story, scene, people, &begun, (ada_before, bob_before)).await;
    stop.store(true, Ordering::SeqCst);
    flood.await.context("the flood broke off")??;
    outcome?;
    let sent = begun.load(Ordering::SeqCst);
    people
        .bob
        .hears(bob_before + sent)
        .await
        .context("Bob, who withdrew nothing, missed something")?;
    story.tally.messages += sent;
    story.tally.recorded += sent;
    story.tally.deliveries += sent + (people.ada.state().heard.len() - ada_before);
    story
        .teller
        .holds(format!("Bob, who withdrew nothing, hears all {sent}"))?;
    let code = Ear::open(&scene.door(&scene.updates, "ada").await?)
        .await?
        .ends()
        .await?;
    ensure!(
        code == CONSENT_MISSING,
        "Ada's next attempt ends with {code} instead of {CONSENT_MISSING}"
    );
    story
        .teller
        .holds(format!("when she tries again, the door closes with {code}"))?;
    are_gone(scene, messages).await?;
    story.teller.holds(format!(
        "what rested on her consent alone, {} messages, is erased",
        messages.len()
    ))?;
    Ok(())
}

/// Waits until the worker has removed the rows; no key opened them since the answer.
async fn are_gone(scene: &Scene, messages: &[String]) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    for id in messages {
        loop {
            let found = scene.owner.get(&format!("/messages/{id}?unseal=true")).await?;
            if found.status == 404 {
                break;
            }
            let message = found.expect(200)?;
            ensure!(message.get("data").is_none(), "{id} still opens: {message}");
            ensure!(Instant::now() < end, "{id} is still there: {message}");
            sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

async fn withdraw(
    story: &mut Story,
    scene: &Scene,
    people: &mut People,
    begun: &AtomicUsize,
    (ada_before, _): (usize, usize),
) -> Result<()> {
    people.ada.hears(ada_before + 5).await?;
    let asked = Instant::now();
    let event = scene.consent("ada", "withdrawn").await?;
    story.tally.withdrawal = asked.elapsed();
    let first_after = begun.load(Ordering::SeqCst);
    let code = people.ada.ends().await?;
    ensure!(
        code == CONSENT_WITHDRAWN,
        "her socket was closed with {code} instead of {CONSENT_WITHDRAWN}"
    );
    story.teller.holds(format!(
        "in the middle of a flood her socket closes with {code}; the answer took {}",
        short(story.tally.withdrawal)
    ))?;
    // Let some more be published before it is counted.
    sleep(Duration::from_millis(300)).await;
    let heard = people.ada.state().heard;
    let numbers = heard[ada_before..]
        .iter()
        .filter_map(|(text, _)| serde_json::from_str::<serde_json::Value>(text).ok()?["flood"].as_u64());
    let late = numbers.filter(|number| *number >= first_after as u64).count();
    ensure!(
        late == 0,
        "{late} messages reached her that were published after the answer"
    );
    let counted = number(&event, "/cutoffs/0/messages_out")?;
    ensure!(
        counted == heard.len() as u64,
        "the server counts {counted} messages to her, and she has {}",
        heard.len()
    );
    story.teller.holds(format!(
        "{} more were published since, none reached her: {counted} went out before the cut, and she has {counted}",
        begun.load(Ordering::SeqCst).saturating_sub(first_after),
    ))?;
    Ok(())
}
