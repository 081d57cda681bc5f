//! Consent in the data path: who may connect, what may pass, and what a withdrawal stops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tests::{Endpoint, Server, Socket, Tenant, jwt, socket::Frame};
use tokio::time::sleep;

async fn gated(server: &Server, on_withdrawal: &str) -> (Tenant, Endpoint) {
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let body =
        json!({ "slug": "news", "kind": "channel", "purpose_id": news, "on_withdrawal": on_withdrawal });
    let endpoint = acme.endpoint(body).await;
    (acme, endpoint)
}

#[tokio::test]
async fn nobody_connects_without_consent() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    let mut ada = acme.connect(&news, "ada").await;
    assert_eq!(ada.close_code().await, 4030);
    acme.consent("ada", "news", "given").await.expect(201);
    let mut ada = acme.connect(&news, "ada").await;
    acme.publish(&news, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
}

#[tokio::test]
async fn a_refused_consent_is_none() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    for state in ["refused", "withdrawn"] {
        acme.consent("ada", "news", "given").await.expect(201);
        acme.consent("ada", "news", state).await.expect(201);
        assert_eq!(
            acme.connect(&news, "ada").await.close_code().await,
            4030,
            "after {state}"
        );
    }
}

#[tokio::test]
async fn nothing_is_published_about_a_person_who_did_not_consent() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    acme.publish(&news, json!({ "data": "x", "subject": "ada" }))
        .await
        .problem(403, "consent_required");
    assert!(acme.messages(&news).await.is_empty(), "nothing was recorded");
    acme.consent("ada", "news", "given").await.expect(201);
    acme.publish(&news, json!({ "data": "x", "subject": "ada" }))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_message_for_a_purpose_of_its_own_reaches_only_those_who_consented_to_it() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.purpose("offers").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    acme.publish(&chat, json!({ "data": "x", "purpose": "nothing" }))
        .await
        .problem(422, "invalid_request");
    acme.consent("ada", "offers", "given").await.expect(201);
    let offer = json!({ "data": "an offer", "purpose": "offers" });
    acme.publish(&chat, offer.clone()).await.expect(201);
    assert_eq!(ada.text().await, "an offer");
    acme.consent("ada", "offers", "withdrawn").await.expect(201);
    acme.publish(&chat, offer).await.expect(201);
    acme.publish(&chat, json!({ "data": "for everybody" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "for everybody");
    assert_eq!(bob.text().await, "for everybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_under_a_flood_closes_the_socket_before_it_answers_and_nothing_comes_after() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    acme.consent("ada", "news", "given").await.expect(201);
    acme.consent("bob", "news", "given").await.expect(201);
    let mut ada = acme.connect(&news, "ada").await;
    let mut bob = acme.connect(&news, "bob").await;
    let stop = Arc::new(AtomicBool::new(false));
    // Every message is numbered when its publishing begins.
    let begun = Arc::new(AtomicU64::new(0));
    let mut floods = Vec::new();
    for _ in 0..4 {
        let (acme, news, stop, begun) = (acme.clone(), news.clone(), Arc::clone(&stop), Arc::clone(&begun));
        floods.push(tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                acme.publish(&news, json!({ "data": number })).await.expect(201);
            }
        }));
    }
    let listen = |mut socket: Socket| {
        tokio::spawn(async move {
            let mut numbers = Vec::new();
            loop {
                match socket.frame().await {
                    Frame::Text(number) => numbers.push(number.parse::<u64>().unwrap()),
                    Frame::Close(code, _) => return (numbers, code),
                    other => panic!("{other:?}"),
                }
            }
        })
    };
    // Both are in the middle of it.
    for _ in 0..20 {
        ada.text().await;
        bob.text().await;
    }
    let (ada, bob) = (listen(ada), listen(bob));
    sleep(Duration::from_millis(200)).await;
    let withdrawn = acme.consent("ada", "news", "withdrawn").await.expect(201);
    let first_after = begun.load(Ordering::SeqCst);
    let (heard, code) = ada.await.unwrap();
    assert_eq!(code, 4031);
    let late: Vec<_> = heard.iter().filter(|number| **number >= first_after).collect();
    assert!(
        late.is_empty(),
        "published after the answer, and delivered: {late:?}"
    );
    // The server's own word: what went out before the cut, and that the record of the connection agrees.
    let cut = &withdrawn["cutoffs"][0];
    assert_eq!(cut["messages_out"], heard.len() + 20, "{withdrawn:#}");
    tests::eventually("the flood goes on", || async {
        (begun.load(Ordering::SeqCst) > first_after + 10).then_some(())
    })
    .await;
    let session = cut["session_id"].as_str().unwrap();
    let record = tests::eventually("the end of the connection's record", || async {
        let record = acme
            .owner
            .get(format!("/connections/{session}"))
            .await
            .expect(200);
        (record["state"] == "closed").then_some(record)
    })
    .await;
    assert_eq!(record["close_code"], 4031);
    assert_eq!(
        record["messages_out"], cut["messages_out"],
        "nothing was delivered after the cut: {record:#}"
    );
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        flood.await.unwrap();
    }
    // Nobody else noticed: Bob heard what was said after it too.
    let path = format!("/connections?endpoint_id={}&state=open", news.id);
    for connection in acme.owner.all(path).await {
        acme.owner
            .delete(format!("/connections/{}", connection["id"].as_str().unwrap()))
            .await
            .expect(204);
    }
    let (heard, _) = bob.await.unwrap();
    assert!(heard.iter().any(|number| *number > first_after + 4));
    let token = jwt::hs256(&news.secret, &jwt::claims("ada"));
    assert_eq!(Socket::connect(&news.url(&token)).await.close_code().await, 4030);
}

#[tokio::test]
async fn a_silenced_socket_stays_open_and_hears_nothing_until_consent_returns() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "silence").await;
    acme.consent("ada", "news", "given").await.expect(201);
    let mut ada = acme.connect(&news, "ada").await;
    acme.publish(&news, json!({ "data": "one" })).await.expect(201);
    assert_eq!(ada.text().await, "one");
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    let unheard = acme.publish(&news, json!({ "data": "two" })).await.expect(201);
    assert_eq!(unheard["recipients"], 0);
    ada.is_silent_for(Duration::from_millis(500)).await;
    acme.consent("ada", "news", "given").await.expect(201);
    acme.publish(&news, json!({ "data": "three" })).await.expect(201);
    assert_eq!(ada.text().await, "three", "and not what was said in between");
}

#[tokio::test]
async fn what_a_person_without_consent_sends_goes_nowhere() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "silence").await;
    acme.consent("ada", "news", "given").await.expect(201);
    acme.consent("bob", "news", "given").await.expect(201);
    let mut ada = acme.connect(&news, "ada").await;
    let mut bob = acme.connect(&news, "bob").await;
    ada.send("before").await;
    assert_eq!(bob.text().await, "before");
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    // The server may take it and drop it, or close; it must not pass it on.
    drop(ada.try_send("after").await);
    bob.is_silent_for(Duration::from_millis(500)).await;
    let left = acme.messages(&news).await;
    assert!(left.iter().all(|message| message["data"] != "after"), "{left:?}");
}

#[tokio::test]
async fn what_rested_on_a_consent_alone_is_erased_with_it_and_a_new_consent_begins_anew() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    acme.consent("ada", "news", "given").await.expect(201);
    acme.consent("bob", "news", "given").await.expect(201);
    for (who, what) in [("ada", "old"), ("bob", "his")] {
        acme.publish(&news, json!({ "data": what, "subject": who }))
            .await
            .expect(201);
    }
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    acme.consent("ada", "news", "given").await.expect(201);
    acme.publish(&news, json!({ "data": "new", "subject": "ada" }))
        .await
        .expect(201);
    tests::eventually("the erasure", || async {
        let left = acme.messages(&news).await;
        let left: Vec<_> = left.iter().map(|message| message["data"].clone()).collect();
        (left == ["new", "his"]).then_some(())
    })
    .await;
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    tests::eventually("the second erasure", || async {
        (acme.messages(&news).await.len() == 1).then_some(())
    })
    .await;
    let erased = tests::eventually("both to be recorded", || async {
        let erased = acme.owner.all("/audit-events?kind=consent.data_erased").await;
        (erased.len() == 2).then_some(erased)
    })
    .await;
    assert_eq!(erased[0]["facts"]["messages"], 1);
}

#[tokio::test]
async fn a_consent_that_runs_out_closes_the_gate_and_the_socket_at_its_instant() {
    let server = Server::start().await;
    let (acme, news) = gated(&server, "close").await;
    let body = json!({ "subject": "ada", "purpose": "news", "state": "given", "valid_for": "PT3S", "place": "sign-up form" });
    let given = acme.owner.post("/consents", body).await.expect(201);
    assert_eq!(given["place"], "sign-up form");
    let mut ada = acme.connect(&news, "ada").await;
    acme.publish(&news, json!({ "data": "in time" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "in time");
    let until: chrono::DateTime<chrono::Utc> = given["expires_at"].as_str().unwrap().parse().unwrap();
    let left = u64::try_from(until.timestamp() + 1 - jwt::now()).unwrap_or_default();
    sleep(Duration::from_secs(left)).await;
    let late = acme.publish(&news, json!({ "data": "late" })).await.expect(201);
    assert_eq!(late["recipients"], 0);
    assert_eq!(ada.close_code().await, 4031);
    let events = acme.owner.all("/consents").await;
    assert_eq!(
        (events[0]["state"].as_str(), events[0]["method"].as_str()),
        (Some("expired"), Some("clock"))
    );
    assert_eq!(acme.connect(&news, "ada").await.close_code().await, 4030);
}

#[tokio::test]
async fn a_browser_that_says_no_is_heard_at_the_upgrade_and_over_rest() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let share = json!({ "slug": "share", "lawful_basis": "legitimate_interests", "balancing_note": "weighed",
                        "honours_gpc": true });
    acme.create("/purposes", share).await;
    let chat = acme.channel("chat").await;
    let offer = json!({ "data": "an offer", "purpose": "share" });
    let mut others = acme.connect(&chat, "bob").await;
    let url = chat.url(&acme.token(&chat, "ada").await);
    let mut loose = Socket::try_connect(&url, &[("sec-gpc", "0")]).await.unwrap();
    acme.publish(&chat, offer.clone()).await.expect(201);
    assert_eq!(loose.text().await, "an offer", "0 says nothing");
    assert_eq!(others.text().await, "an offer");
    let mut ada = Socket::try_connect(&url, &[("sec-gpc", "1")]).await.unwrap();
    acme.publish(&chat, offer.clone()).await.expect(201);
    acme.publish(&chat, json!({ "data": "for all" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "for all");
    assert_eq!(
        loose.text().await,
        "for all",
        "it is the person who said it, not the socket"
    );
    assert_eq!(others.text().await, "an offer");
    assert_eq!(others.text().await, "for all");
    let said = acme
        .owner
        .post("/gpc-signals", json!({ "subject": "bob" }))
        .await
        .expect(200);
    assert_eq!(
        (
            said["items"][0]["state"].as_str(),
            said["items"][0]["method"].as_str()
        ),
        (Some("refused"), Some("gpc"))
    );
    acme.publish(&chat, offer).await.expect(201);
    acme.publish(&chat, json!({ "data": "again" })).await.expect(201);
    assert_eq!(others.text().await, "again");
    let statement = server.nobody().get("//.well-known/gpc.json").await.expect(200);
    assert_eq!(statement["gpc"], true);
}
