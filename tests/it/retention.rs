//! What expires is gone, on every read path, on time; rows follow soon after.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Endpoint, Server, Tenant, backends::Postgres, eventually, tenant::text};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    portal::sign_in,
    requests::{in_state, unzip},
};

/// Every way there is to read a message. Answers the names of those that still show it.
async fn readers(acme: &Tenant, endpoint: &Endpoint, id: &str, subject: Option<&str>) -> Vec<&'static str> {
    let mut open = Vec::new();
    let shows = |list: &[Value]| list.iter().any(|message| message["id"] == id);
    let search = format!("/messages?endpoint_id={}", endpoint.id);
    if shows(&acme.owner.all(&search).await) {
        open.push("search");
    }
    if shows(&acme.owner.all(format!("{search}&unseal=true")).await) {
        open.push("search, unsealed");
    }
    if shows(
        &acme
            .owner
            .all(format!("{search}&channel=main&direction=inbound"))
            .await,
    ) {
        open.push("search by channel");
    }
    if shows(
        &acme
            .owner
            .all(format!("/endpoints/{}/channels/main/messages", endpoint.id))
            .await,
    ) {
        open.push("history");
    }
    for (name, path) in [
        ("read", format!("/messages/{id}")),
        ("read, unsealed", format!("/messages/{id}?unseal=true")),
    ] {
        let answer = acme.owner.get(path).await;
        if answer.status == 200 {
            open.push(name);
        } else {
            answer.problem(404, "not_found");
        }
    }
    if let Some(subject) = subject
        && shows(&acme.owner.all(format!("/messages?subject_id={subject}")).await)
    {
        open.push("search by subject");
    }
    open
}

#[tokio::test]
async fn a_message_of_two_seconds_is_unreadable_everywhere_from_its_deadline_on() {
    let server = Server::start().await;
    two_seconds(&server.tenant_without_rules("acme").await).await;
}

#[tokio::test]
async fn no_worker_is_needed_for_that() {
    if !Postgres::is_installed() {
        eprintln!("skipped: postgresql is not installed; `make test` installs it");
        return;
    }
    // Parts of their own are for PostgreSQL. Whatever cannot be read here was cut off by the read itself.
    let database = Postgres::shared().database();
    let mut server = Server::builder()
        .database(database.clone())
        .role("api")
        .prepared();
    server.run_well(&["migrate"]);
    server.restart().await;
    two_seconds(&Tenant::sign_up_unverified(&server, "acme").await).await;
    let rows = database.must("SELECT COUNT(*) FROM message");
    assert_ne!(rows, "0", "the row is there all the time");
}

async fn two_seconds(acme: &Tenant) {
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT2S" })).await;
    let subject = acme.create("/subjects", json!({ "external_id": "ada" })).await;
    // A machine that is very busy may need more than two seconds for the first round of reads.
    for attempt in 0.. {
        let body = json!({ "data": "soon gone", "subject": "ada" });
        let id = text(&acme.publish(&chat, body).await.expect(201)["id"]);
        // The deadline counts from the commit, which was before this.
        let deadline = Instant::now() + Duration::from_secs(2);
        let open = readers(acme, &chat, &id, Some(&subject)).await;
        if Instant::now() < deadline {
            assert_eq!(open.len(), 7, "readable until then: {open:?}");
            sleep_until(deadline).await;
            assert_eq!(
                readers(acme, &chat, &id, Some(&subject)).await,
                [""; 0],
                "unreadable from then on"
            );
            return;
        }
        assert!(attempt < 5, "this machine is too slow for this test");
    }
}

#[tokio::test]
async fn what_has_expired_is_in_no_copy_and_on_no_privacy_page() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let (chat, ticker) = (acme.channel("chat").await, acme.channel("ticker").await);
    acme.rule(json!({ "duration": "P30D" })).await;
    acme.rule(json!({ "name": "ticker", "duration": "PT1S", "endpoint_id": ticker.id }))
        .await;
    acme.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    acme.publish(&chat, json!({ "data": "to stay", "subject": "ada" }))
        .await
        .expect(201);
    acme.publish(&ticker, json!({ "data": "to go", "subject": "ada" }))
        .await
        .expect(201);
    sleep(Duration::from_millis(1100)).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let me = ada.get("/portal/acme/me").await.expect(200);
    let held: i64 = me["held"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|class| class["messages"].as_i64())
        .sum();
    assert_eq!(held, 1, "{me:#}");
    let request = ada
        .post("/portal/acme/requests", json!({ "kind": "access" }))
        .await
        .expect(201);
    let id = text(&request["id"]);
    in_state(&acme, &id, "completed").await;
    let export = ada.get(format!("/portal/acme/requests/{id}/export")).await;
    let files = unzip(export.check(200).bytes.clone());
    assert!(files.iter().any(|(_, content)| content.contains("to stay")));
    assert!(files.iter().all(|(_, content)| !content.contains("to go")));
}

#[tokio::test]
async fn the_worker_removes_rows_soon_after_and_says_so_in_the_log() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT1S" })).await;
    for n in 0..5 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    let event = eventually("an event about removed rows", || async {
        acme.owner.all("/audit-events?kind=messages.expired").await.pop()
    })
    .await;
    assert!(
        event["facts"].to_string().contains('5'),
        "it says how many: {event:#}"
    );
    eventually("an empty dashboard", || async {
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (usage["used"]["stored_messages"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_rule_acts_at_once_on_what_is_stored() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    // Nobody is to be given time to think again.
    acme.owner
        .patch("/tenant", json!({ "retention_grace": "PT0S" }))
        .await
        .expect(200);
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    let made = acme
        .publish(&chat, json!({ "data": "kept for a month" }))
        .await
        .expect(201);
    let id = text(&made["id"]);
    sleep(Duration::from_millis(1100)).await;
    assert!(!readers(&acme, &chat, &id, None).await.is_empty());
    acme.owner
        .patch(
            format!("/retention-rules/{rule}"),
            json!({ "duration": "PT1S", "why": "on second thoughts" }),
        )
        .await
        .expect(200);
    assert_eq!(readers(&acme, &chat, &id, None).await, [""; 0]);
}

#[tokio::test]
async fn what_is_to_be_kept_for_no_time_is_delivered_and_never_recorded() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "P0D", "endpoint_id": chat.id }))
        .await;
    let mut ada = acme.connect(&chat, "ada").await;
    let made = acme
        .publish(&chat, json!({ "data": "just passing" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "just passing");
    assert_eq!(made["recorded"], false, "{made:#}");
    assert!(made.get("id").is_none(), "{made:#}");
    assert!(acme.messages(&chat).await.is_empty());
    assert_eq!(
        acme.owner.get("/tenant/usage").await.expect(200)["used"]["stored_messages"],
        0
    );
}

#[tokio::test]
async fn the_shortest_rule_for_a_data_type_in_a_message_wins() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let body = json!({
        "slug": "location", "name": "Location", "personal": true, "paths": ["$.position"], "minimise": { "strategy": "none" },
    });
    let location = acme.create("/data-types", body).await;
    acme.rule(json!({ "duration": "P30D" })).await;
    acme.rule(json!({ "name": "locations", "duration": "PT1S", "data_type_id": location }))
        .await;
    let plain = acme
        .publish(&chat, json!({ "data": { "text": "hi" } }))
        .await
        .expect(201);
    let place = acme
        .publish(&chat, json!({ "data": { "position": [52.5, 13.4] } }))
        .await
        .expect(201);
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(readers(&acme, &chat, &text(&place["id"]), None).await, [""; 0]);
    assert!(!readers(&acme, &chat, &text(&plain["id"]), None).await.is_empty());
}

#[tokio::test]
async fn records_of_connections_expire_too() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let body =
        json!({ "name": "connections", "target": "connections", "duration": "PT1S", "action": "delete" });
    acme.create("/retention-rules", body).await;
    let mut ada = acme.connect(&chat, "ada").await;
    let open = eventually("the connection", || async {
        acme.owner.all("/connections").await.pop()
    })
    .await;
    assert_eq!(
        open["state"].as_str().map(|state| state != "closed"),
        Some(true),
        "{open:#}"
    );
    ada.close(1000, "bye").await;
    eventually("the end of the record", || async {
        acme.owner.all("/connections").await.is_empty().then_some(())
    })
    .await;
    acme.owner
        .get(format!("/connections/{}", text(&open["id"])))
        .await
        .problem(404, "not_found");
}
