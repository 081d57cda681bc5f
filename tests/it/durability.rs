//! `kill -9` in the middle of everything: what was acknowledged is there afterwards, whole and in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Endpoint, Server, Tenant, eventually, socket::Frame};
use tokio::{task::JoinHandle, time::sleep};

/// What somebody was told is recorded: by its text, the offset, where the acknowledgement named one.
type Acknowledged = Arc<Mutex<BTreeMap<String, Option<i64>>>>;

fn publishers(
    acme: &Tenant,
    chat: &Endpoint,
    round: usize,
    stop: &Arc<AtomicBool>,
    kept: &Acknowledged,
) -> Vec<JoinHandle<()>> {
    (0..4)
        .map(|task| {
            let (acme, chat, stop, kept) = (acme.clone(), chat.clone(), Arc::clone(stop), Arc::clone(kept));
            tokio::spawn(async move {
                let path = format!("/endpoints/{}/messages", chat.id);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let text = format!("rest {round} {task} {n}");
                    let request = acme
                        .owner
                        .request(Method::POST, &path)
                        .json(&json!({ "data": text }));
                    // The server is killed under this: no answer is no acknowledgement.
                    let Ok(answer) = acme.owner.try_send(request).await else {
                        break;
                    };
                    let made = answer.expect(201);
                    kept.lock().unwrap().insert(text, made["offset"].as_i64());
                }
            })
        })
        .collect()
}

/// A socket has no acknowledgement of its own; but where messages are recorded before delivery, whoever hears one
/// may rely on it.
async fn talkers(acme: &Tenant, chat: &Endpoint, round: usize, kept: &Acknowledged) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let mut ear = acme.connect(chat, "ear").await;
    let heard = Arc::clone(kept);
    tasks.push(tokio::spawn(async move {
        while let Some(Frame::Text(text)) = ear.within(Duration::from_secs(10)).await {
            heard.lock().unwrap().entry(text).or_insert(None);
        }
    }));
    for name in ["ada", "bob"] {
        let mut mouth = acme.connect(chat, name).await;
        tasks.push(tokio::spawn(async move {
            for n in 0.. {
                if mouth
                    .try_send(format!("socket {round} {name} {n}"))
                    .await
                    .is_err()
                {
                    break;
                }
                // Everything that others say comes here too, and has to be read.
                while let Some(frame) = mouth.within(Duration::from_millis(1)).await {
                    if !matches!(frame, Frame::Text(_)) {
                        return;
                    }
                }
            }
        }));
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_publishing_loses_nothing_that_it_acknowledged() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let kept = Acknowledged::default();
    for round in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = talkers(&acme, &chat, round, &kept).await;
        tasks.extend(publishers(&acme, &chat, round, &stop, &kept));
        let before = kept.lock().unwrap().len();
        eventually("a good number of messages", || async {
            (kept.lock().unwrap().len() >= before + 100).then_some(())
        })
        .await;
        // Not at a quiet moment.
        sleep(Duration::from_millis(37)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        server.restart().await;
        let acknowledged = kept.lock().unwrap().clone();
        verify(&acme, &chat, &acknowledged).await;
    }
}

async fn verify(acme: &Tenant, chat: &Endpoint, kept: &BTreeMap<String, Option<i64>>) {
    let stored = acme.messages(chat).await;
    let by_text: BTreeMap<&str, i64> = stored
        .iter()
        .map(|message| {
            (
                message["data"].as_str().unwrap(),
                message["offset"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(by_text.len(), stored.len(), "nothing is stored twice");
    for (text, offset) in kept {
        let found = by_text
            .get(text.as_str())
            .unwrap_or_else(|| panic!("{text:?} was acknowledged and is lost"));
        assert!(
            offset.is_none_or(|offset| offset == *found),
            "{text:?} was acknowledged at {offset:?}, stands at {found}"
        );
    }
    let offsets: BTreeSet<i64> = by_text.values().copied().collect();
    let whole: BTreeSet<i64> = (1..=i64::try_from(stored.len()).unwrap()).collect();
    assert_eq!(offsets, whole, "offsets count without gaps");
    // The next one goes on where the last one stood.
    let next = acme
        .publish(chat, json!({ "data": format!("after {}", stored.len()) }))
        .await
        .expect(201);
    assert_eq!(next["offset"], Value::from(stored.len() + 1));
}

#[tokio::test]
async fn a_server_killed_between_changes_keeps_each_with_its_audit_event() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (owner, base) = (acme.owner.clone(), Arc::new(Mutex::new(BTreeSet::new())));
    let made = Arc::clone(&base);
    let task = tokio::spawn(async move {
        for n in 0.. {
            let body = json!({ "slug": format!("purpose-{n}"), "name": "P", "lawful_basis": "contract" });
            let Ok(answer) = owner
                .try_send(owner.request(Method::POST, "/purposes").json(&body))
                .await
            else {
                break;
            };
            let id = answer.expect(201)["id"].as_str().unwrap().to_owned();
            made.lock().unwrap().insert(id);
        }
    });
    eventually("some purposes", || async {
        (base.lock().unwrap().len() > 20).then_some(())
    })
    .await;
    server.kill();
    task.await.unwrap();
    server.restart().await;
    let there: BTreeSet<String> = acme
        .owner
        .all("/purposes?limit=200")
        .await
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    let told: BTreeSet<String> = acme
        .owner
        .all("/audit-events?kind=purpose.created&limit=200")
        .await
        .iter()
        .map(|event| event["target"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        there, told,
        "no change without its event, no event without its change"
    );
    assert!(
        base.lock().unwrap().is_subset(&there),
        "what was answered is there"
    );
}
