//! Recipients are told to do as was done (GDPR Art. 19), and say that they did.

use serde_json::{Value, json};
use tests::{Receiver, Server, Tenant, eventually, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

/// A webhook on the endpoint of the known person; it has been told that they connected.
async fn told(acme: &Tenant, receiver: &Receiver) -> String {
    let chat = acme.owner.all("/endpoints").await.remove(0);
    let hook = json!({ "endpoint_id": chat["id"], "url": receiver.url(), "events": ["connected"] });
    let made = acme.owner.post("/webhooks", hook).await.expect(201);
    let path = format!("/endpoints/{}/tokens", text(&chat["id"]));
    let minted = acme.owner.post(path, json!({ "sub": "ada" })).await.expect(201);
    let url = format!("{}?token={}", text(&chat["connect_url"]), text(&minted["token"]));
    let mut socket = tests::Socket::connect(&url).await;
    receiver
        .event("connected", |event| event["user_id"] == "ada")
        .await;
    socket.close(1000, "").await;
    text(&made["secret"])
}

async fn callback(acme: &Tenant, query: &str, state: &str) -> Value {
    eventually(&format!("a callback that is {state}"), || async {
        let all = acme.owner.all(format!("/callbacks{query}")).await;
        all.into_iter().find(|one| one["state"] == state)
    })
    .await
}

#[tokio::test]
async fn an_erasure_reaches_whoever_was_told_of_the_person_until_they_say_that_they_did_it() {
    let server = Server::builder()
        .env("WEIR_WEBHOOKS__RETRY_SECONDS", "1,1,1")
        .start()
        .await;
    let (acme, subject) = known_person(&server).await;
    let receiver = Receiver::start().await;
    let secret = told(&acme, &receiver).await;
    // An endpoint that the person never used, and a receiver that was told of nobody.
    let stranger = Receiver::start().await;
    let quiet = acme.channel("quiet").await;
    let hook = json!({ "endpoint_id": quiet.id, "url": stranger.url(), "events": ["connected"] });
    acme.create("/webhooks", hook).await;

    let recipients = eventually("the recipient", || async {
        let all = acme.owner.all(format!("/subjects/{subject}/recipients")).await;
        (!all.is_empty()).then_some(all)
    })
    .await;
    assert_eq!((recipients.len(), recipients[0]["events"].as_i64()), (1, Some(1)));
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let seen = ada.get("/portal/acme/recipients").await.expect(200);
    assert_eq!(seen["items"][0]["host"], "127.0.0.1", "the person sees it too");

    receiver.answer(&[500, 500]);
    let request = ada
        .post("/portal/acme/requests", json!({ "kind": "erasure" }))
        .await
        .expect(201);
    let id = text(&request["id"]);
    in_state(&acme, &id, "completed").await;
    let told = receiver
        .event("subject_erased", |event| event["user_id"] == "ada")
        .await;
    assert_eq!(told["request_id"], json!(id));
    let delivered = eventually("the attempt that was taken", || async {
        let all = receiver.received();
        all.into_iter().rev().find(|one| {
            one.answered == 200 && one.events().iter().any(|event| event["name"] == "subject_erased")
        })
    })
    .await;
    assert!(delivered.is_signed_with(&secret), "signed as any delivery");

    let query = format!("?request_id={id}&acknowledged=false");
    let silent = callback(&acme, &query, "unanswered").await;
    assert!(
        silent["attempts"].as_i64() >= Some(3) && silent["subject_id"].is_null(),
        "{silent:#}"
    );
    let acknowledge = |token: &str, note: Value| {
        let body = json!({ "token": token, "note": note });
        let nobody = server.nobody();
        async move { nobody.post("/callbacks/acknowledgements", body).await }
    };
    let token = text(&told["acknowledge"]["token"]);
    assert_eq!(
        text(&told["acknowledge"]["url"]),
        format!("{}/api/v1/callbacks/acknowledgements", server.base())
    );
    acknowledge("weir_ak_forged", json!(null))
        .await
        .problem(401, "token_invalid");
    acknowledge("", json!(null)).await.problem(401, "token_invalid");
    acknowledge(&token, json!("x".repeat(1_001)))
        .await
        .fault(422, "invalid_request", "/note");
    acknowledge(&token, json!("gone from the warehouse"))
        .await
        .expect(204);
    acknowledge(&token, json!("again")).await.expect(204);
    let done = acme
        .owner
        .get(format!("/callbacks/{}", text(&silent["id"])))
        .await
        .expect(200);
    assert_eq!(
        (
            done["state"].as_str(),
            done["acknowledged_by"].as_str(),
            done["note"].as_str()
        ),
        (
            Some("acknowledged"),
            Some("recipient"),
            Some("gone from the warehouse")
        )
    );
    assert!(acme.owner.all(format!("/callbacks{query}")).await.is_empty());
    assert_eq!(
        acme.owner
            .all("/audit-events?kind=callback.acknowledged")
            .await
            .len(),
        1
    );
    assert!(
        stranger.received().is_empty(),
        "who never heard of them hears nothing now"
    );
    assert!(!server.log().contains(&token));
}

#[tokio::test]
async fn corrections_restrictions_and_withdrawals_are_told_too() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let receiver = Receiver::start().await;
    told(&acme, &receiver).await;
    eventually("the recipient", || async {
        let all = acme.owner.all(format!("/subjects/{subject}/recipients")).await;
        (!all.is_empty()).then_some(())
    })
    .await;
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    let event = receiver.event("consent_withdrawn", |_| true).await;
    assert_eq!(
        (event["user_id"].as_str(), event["purpose"].as_str()),
        (Some("ada"), Some("news"))
    );
    let body = json!({ "kind": "rectification", "subject_id": subject,
        "details": { "corrections": [{ "field": "email", "value": "ada@new.example" }] } });
    acme.create("/requests", body).await;
    let event = receiver.event("subject_rectified", |_| true).await;
    assert_eq!(event["corrections"][0]["value"], "ada@new.example");
    let body = json!({ "kind": "restriction", "subject_id": subject, "details": { "ground": "accuracy" } });
    acme.create("/requests", body).await;
    let event = receiver.event("subject_restricted", |_| true).await;
    assert_eq!(
        (event["user_id"].as_str(), event["ground"].as_str()),
        (Some("ada"), Some("accuracy"))
    );
    let silent = callback(&acme, "?act=restriction", "unanswered").await;
    let path = format!("/callbacks/{}/acknowledge", text(&silent["id"]));
    let noted = acme
        .owner
        .post(&path, json!({ "note": "they rang" }))
        .await
        .expect(200);
    assert_eq!(
        (noted["state"].as_str(), noted["note"].as_str()),
        (Some("acknowledged"), Some("they rang"))
    );
    let reader = acme.key(&["requests:read"]).await;
    reader.post(&path, json!({})).await.problem(403, "forbidden");
    let silent: Vec<String> = acme
        .owner
        .all("/callbacks?acknowledged=false")
        .await
        .iter()
        .map(|one| text(&one["act"]))
        .collect();
    assert_eq!(silent, ["rectification", "withdrawal"], "newest first");
}

#[tokio::test]
async fn a_restriction_of_the_tenants_own_accord_is_told_as_one_that_was_asked_for() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let receiver = Receiver::start().await;
    told(&acme, &receiver).await;
    eventually("the recipient", || async {
        let all = acme.owner.all(format!("/subjects/{subject}/recipients")).await;
        (!all.is_empty()).then_some(())
    })
    .await;
    let path = format!("/subjects/{subject}");
    let restrict = |restricted: bool| acme.owner.patch(&path, json!({ "restricted": restricted }));
    restrict(true).await.expect(200);
    let event = receiver.event("subject_restricted", |_| true).await;
    assert_eq!(event["user_id"], "ada");
    assert!(event["request_id"].is_null(), "nobody asked for it: {event:#}");
    callback(&acme, "?act=restriction", "unanswered").await;
    let (stopped, again) = ("We have stopped using your data", "We use your data again");
    let mails = || {
        let about = |mail: &tests::Mail| [stopped, again].contains(&mail.subject.as_str());
        let mails = server.mailbox().into_iter().filter(about);
        mails.map(|mail| mail.subject).collect::<Vec<_>>()
    };
    eventually("the mail", || async { (mails() == [stopped]).then_some(()) }).await;
    // Saying it again tells nobody anything.
    restrict(true).await.expect(200);
    restrict(false).await.expect(200);
    eventually("the mail of its end", || async {
        (mails() == [stopped, again]).then_some(())
    })
    .await;
    let all = acme.owner.all("/callbacks?act=restriction").await;
    assert_eq!(all.len(), 1, "{all:#?}");
    let log = acme.owner.all("/audit-events?kind=subject.restricted").await;
    assert_eq!(log[0]["facts"]["by_mail"], true, "{log:#?}");
}
