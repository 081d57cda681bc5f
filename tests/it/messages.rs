//! Publishing, history, search and unsealing.

use serde_json::{Value, json};
use tests::{Server, tenant::text};

#[tokio::test]
async fn a_published_message_reaches_everybody_and_stands_in_the_journal() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let (mut ada, mut bob) = (acme.connect(&chat, "ada").await, acme.connect(&chat, "bob").await);
    let made = acme
        .publish(&chat, json!({ "data": { "text": "hello" } }))
        .await
        .expect(201);
    assert_eq!(
        (made["channel"].as_str(), made["offset"].as_i64()),
        (Some("main"), Some(1))
    );
    assert_eq!(
        (made["recorded"].as_bool(), made["recipients"].as_i64()),
        (Some(true), Some(2))
    );
    for socket in [&mut ada, &mut bob] {
        assert_eq!(socket.json().await, json!({ "text": "hello" }));
    }
    let message = acme
        .owner
        .get(format!("/messages/{}", text(&made["id"])))
        .await
        .expect(200);
    assert_eq!(message["sealed"], true);
    assert!(message.get("data").is_none(), "sealed until asked: {message:#}");
}

#[tokio::test]
async fn text_is_sent_as_it_is_and_other_json_as_json() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    for (data, sent) in [
        (json!("plain \"words\""), "plain \"words\""),
        (json!(42), "42"),
        (json!(null), "null"),
        (json!([1, "två"]), "[1,\"två\"]"),
    ] {
        acme.publish(&chat, json!({ "data": data })).await.expect(201);
        assert_eq!(ada.text().await, sent);
    }
}

#[tokio::test]
async fn offsets_have_no_gaps_and_history_goes_on_from_any() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for n in 1..=10 {
        let made = acme.publish(&chat, json!({ "data": n })).await.expect(201);
        assert_eq!(made["offset"], n);
    }
    let history = format!("/endpoints/{}/channels/main/messages", chat.id);
    let offsets = |list: Vec<Value>| {
        list.iter()
            .filter_map(|message| message["offset"].as_i64())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        offsets(acme.owner.all(format!("{history}?limit=3")).await),
        (1..=10).collect::<Vec<_>>()
    );
    assert_eq!(
        offsets(acme.owner.all(format!("{history}?after=7")).await),
        [8, 9, 10]
    );
    let channels = acme.owner.all(format!("/endpoints/{}/channels", chat.id)).await;
    assert_eq!(
        (channels[0]["name"].as_str(), channels[0]["last_offset"].as_i64()),
        (Some("main"), Some(10))
    );
    assert!(channels[0]["epoch"].is_string());
}

#[tokio::test]
async fn channels_are_counted_and_kept_apart() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for (channel, offset) in [("main", 1), ("room-1", 1), ("room-1", 2), ("main", 2)] {
        let made = acme
            .publish(&chat, json!({ "data": "x", "channel": channel }))
            .await
            .expect(201);
        assert_eq!(
            (made["channel"].as_str(), made["offset"].as_i64()),
            (Some(channel), Some(offset))
        );
    }
    let room = acme
        .owner
        .all(format!("/endpoints/{}/channels/room-1/messages", chat.id))
        .await;
    assert_eq!(room.len(), 2);
    assert_eq!(
        acme.owner
            .all(format!("/messages?endpoint_id={}&channel=room-1", chat.id))
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn messages_are_found_by_person_purpose_type_and_time() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "slug": "email", "name": "E", "personal": true, "paths": ["$.email"], "minimise": { "strategy": "none" } });
    let email = acme.create("/data-types", body).await;
    let body = json!({ "slug": "service", "name": "S", "lawful_basis": "contract" });
    let service = acme.create("/purposes", body).await;
    let chat = acme.channel("chat").await;
    let desk = acme
        .endpoint(json!({ "slug": "desk", "kind": "channel", "purpose_id": service }))
        .await;
    let ada = acme.create("/subjects", json!({ "external_id": "ada" })).await;
    let of_ada = acme
        .publish(&chat, json!({ "data": { "text": "a" }, "subject": "ada" }))
        .await
        .expect(201);
    let of_service = acme
        .publish(&desk, json!({ "data": { "text": "b" } }))
        .await
        .expect(201);
    let with_email = acme
        .publish(&chat, json!({ "data": { "email": "x@example.com" } }))
        .await
        .expect(201);
    for (filter, one) in [
        (format!("subject_id={ada}"), &of_ada),
        (format!("purpose_id={service}"), &of_service),
        (format!("data_type_id={email}"), &with_email),
    ] {
        let found = acme.owner.all(format!("/messages?{filter}")).await;
        assert_eq!(found.len(), 1, "{filter}: {found:#?}");
        assert_eq!(found[0]["id"], one["id"], "{filter}");
    }
    let at = text(
        &acme
            .owner
            .get(format!("/messages/{}", text(&of_service["id"])))
            .await
            .expect(200)["created_at"],
    )
    .replace('+', "%2B");
    assert_eq!(acme.owner.all(format!("/messages?from={at}")).await.len(), 2);
    assert_eq!(acme.owner.all(format!("/messages?to={at}")).await.len(), 1);
}

#[tokio::test]
async fn every_unsealing_is_an_event_that_says_who() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let made = acme.publish(&chat, json!({ "data": "secret" })).await.expect(201);
    let path = format!("/messages/{}", text(&made["id"]));
    let unsealed = || async {
        let events = acme.owner.all("/audit-events?kind=messages.").await;
        events
            .into_iter()
            .filter(|event| event["kind"].as_str().is_some_and(|kind| kind.contains("unseal")))
            .collect::<Vec<_>>()
    };
    acme.owner.get(&path).await.expect(200);
    assert!(
        unsealed().await.is_empty(),
        "looking at the envelope is not unsealing"
    );
    assert_eq!(
        acme.owner.get(format!("{path}?unseal=true")).await.expect(200)["data"],
        "secret"
    );
    acme.owner
        .get(format!("/messages?endpoint_id={}&unseal=true", chat.id))
        .await
        .expect(200);
    let events = unsealed().await;
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(events[0]["actor"]["kind"], "member");
    assert!(!events[0]["facts"].to_string().contains("secret"));
    let key = acme.key(&["messages:read"]).await;
    key.get(&path).await.expect(200);
    key.get(format!("{path}?unseal=true"))
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn what_no_rule_covers_is_delivered_and_not_recorded() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let made = acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(
        (made["recorded"].as_bool(), ada.text().await.as_str()),
        (Some(false), "hello")
    );
    assert!(acme.messages(&chat).await.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_never_records_delivers_and_forgets() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "record": "never" }))
        .await;
    let mut ada = acme.connect(&chat, "ada").await;
    let made = acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(made["recorded"], false);
    assert_eq!(ada.text().await, "hello");
    assert!(acme.messages(&chat).await.is_empty());
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_not_recorded() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "max_message_bytes": 100 }))
        .await;
    let refused = acme.publish(&chat, json!({ "data": "x".repeat(101) })).await;
    assert!([413, 422].contains(&refused.status), "{}", refused.text());
    acme.publish(&chat, json!({ "data": "x".repeat(100) }))
        .await
        .expect(201);
    assert_eq!(acme.messages(&chat).await.len(), 1);
}

#[tokio::test]
async fn usage_counts_what_passed_and_what_is_kept() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for n in 0..4 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    let usage = tests::eventually("the usage of today", || async {
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (usage["used"]["messages_today"] == 4).then_some(usage)
    })
    .await;
    assert_eq!(usage["used"]["endpoints"], 1, "{usage:#}");
    assert_eq!(usage["used"]["stored_messages"], 4);
    assert!(usage["used"]["stored_bytes"].as_i64().unwrap() > 0);
    for quota in ["endpoints", "connections", "messages_per_day", "stored_bytes"] {
        assert!(usage["quotas"][quota].as_i64().unwrap() > 0, "{quota}");
    }
}
