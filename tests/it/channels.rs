//! Channels that somebody is on now, over REST. Members are in `tests/sdk/presence.test.mjs`, where somebody signs for them.

use serde_json::{Value, json};
use tests::{Endpoint, Server, Socket, Tenant, eventually, tenant::text};

/// A Pusher socket on these public channels.
async fn on(server: &Server, endpoint: &Endpoint, channels: &[&str]) -> Socket {
    let key = text(&endpoint.json["key"]);
    let mut socket = server
        .connect(&format!("/app/{key}?protocol=7"), &[])
        .await
        .unwrap();
    socket.text().await;
    for channel in channels {
        let wish = json!({ "event": "pusher:subscribe", "data": { "channel": channel } });
        socket.send(wish.to_string()).await;
        assert!(socket.text().await.contains("subscription_succeeded"));
    }
    socket
}

fn live(endpoint: &Endpoint, query: &str) -> String {
    format!("/endpoints/{}/live-channels{query}", endpoint.id)
}

async fn names(tenant: &Tenant, path: String) -> Vec<String> {
    let items = tenant.owner.all(path).await;
    items.iter().map(|item| text(&item["name"])).collect()
}

#[tokio::test]
async fn live_channels_are_those_that_somebody_is_on_by_name_and_prefix() {
    let server = Server::start().await;
    // Nothing is recorded, so no channel is known but these.
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let other = acme.channel("other").await;
    assert!(names(&acme, live(&chat, "")).await.is_empty());

    let _ada = on(&server, &chat, &["b", "a", "room-2"]).await;
    let mut bob = on(&server, &chat, &["a", "room-1"]).await;
    assert_eq!(
        names(&acme, live(&chat, "")).await,
        ["a", "b", "room-1", "room-2"]
    );
    assert_eq!(
        names(&acme, live(&chat, "?prefix=room-")).await,
        ["room-1", "room-2"]
    );
    assert!(names(&acme, live(&other, "")).await.is_empty());
    let first = acme.owner.get(live(&chat, "?limit=1")).await.expect(200);
    assert_eq!(first["items"], json!([{ "name": "a", "subscribers": 2 }]));
    let cursor = text(&first["next_cursor"]);
    let next = live(&chat, &format!("?limit=1&cursor={cursor}"));
    let next = acme.owner.get(next).await.expect(200);
    assert_eq!(next["items"], json!([{ "name": "b", "subscribers": 1 }]));

    bob.close(1000, "").await;
    eventually("that he is gone", || async {
        (names(&acme, live(&chat, "")).await == ["a", "b", "room-2"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_may_not_see_connections_sees_channels_and_no_members() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let key = acme.key(&["endpoints:read"]).await;
    key.get(live(&chat, "")).await.check(200);
    let members = live(&chat, "/presence-room/members");
    key.get(&members).await.problem(403, "forbidden");
    let none: Value = acme.owner.get(&members).await.expect(200);
    assert_eq!(none, json!({ "items": [] }));
}

#[tokio::test]
async fn a_cursor_or_a_limit_that_means_nothing_is_refused() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for (query, field) in [("?limit=0", "?limit"), ("?cursor=%21", "?cursor")] {
        let answer = acme.owner.get(live(&chat, query)).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(answer.text().contains(field), "{}", answer.text());
    }
}
