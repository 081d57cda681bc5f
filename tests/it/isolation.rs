//! The third fence around tenancy: every operation of the API description is tried by nobody and by another tenant.
//! An operation without a case here fails the test, and so does a case without an operation.

mod cases;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Server, Tenant, eventually, tenant::text};

use self::cases::{
    CASES,
    Case::{Names, Open, Own, Person},
};
use crate::portal::sign_in;

/// Operations as the description lists them: `METHOD /path`, every id called `{id}`.
fn operations(description: &Value) -> BTreeSet<String> {
    let mut operations = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let segments = path.split('/').map(|segment| {
            if segment.ends_with("_id}") {
                "{id}"
            } else {
                segment
            }
        });
        let path = segments.collect::<Vec<_>>().join("/");
        for method in item.as_object().unwrap().keys() {
            if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                operations.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    operations
}

/// A path with every kind of thing that the parameters can name: `{id}` by the segment before it.
fn fill(path: &str, of: &dyn Fn(&str) -> String) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let mut filled = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        filled.push(match *segment {
            "{tenant}" => "acme".to_owned(),
            "{channel}" => "main".to_owned(),
            "{index}" => "0".to_owned(),
            named if named.starts_with('{') => of(segments[index - 1]),
            plain => plain.to_owned(),
        });
    }
    filled.join("/")
}

async fn call(client: &Client, operation: &str, path: &str, body: &str) -> Answer {
    let method: Method = operation.split(' ').next().unwrap().parse().unwrap();
    let request = client.request(method, path);
    let request = match body {
        "" => request,
        body => request
            .header("content-type", "application/json")
            .body(body.to_owned()),
    };
    client.send(request).await
}

/// The key of some witness.
pub(crate) const WITNESS: &str = "witness.example+3ac253b8+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a stranger can tell from an answer.
fn visible(answer: &Answer) -> Value {
    let mut body = answer.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
        body.remove("request_id");
    }
    json!({ "status": answer.status, "body": body, "etag": answer.header("etag") })
}

/// A tenant that has one of everything. Answers the ids by the segment of their path.
async fn one_of_everything(server: &Server, acme: &Tenant) -> BTreeMap<&'static str, String> {
    let mut ids = BTreeMap::new();
    let first = |list: Vec<Value>| text(&list[0]["id"]);
    ids.insert("purposes", acme.purpose("news").await);
    let notice = acme
        .create(
            "/notices",
            json!({ "slug": "n", "name": "N", "purpose_ids": [ids["purposes"]] }),
        )
        .await;
    let version = json!({ "language": "en", "text": "We send you news." });
    ids.insert(
        "notice-versions",
        acme.create(format!("/notices/{notice}/versions"), version).await,
    );
    ids.insert("notices", notice);
    let body = json!({ "slug": "email", "name": "E", "personal": true, "paths": ["$.email"], "minimise": { "strategy": "none" } });
    ids.insert("data-types", acme.create("/data-types", body).await);
    ids.insert("retention-rules", first(acme.owner.all("/retention-rules").await));
    ids.insert(
        "subjects",
        acme.create(
            "/subjects",
            json!({ "external_id": "ada", "email": "ada@example.com" }),
        )
        .await,
    );
    ids.insert(
        "consents",
        text(&acme.consent("ada", "news", "given").await.expect(201)["id"]),
    );
    let line = r#"{"subject":"ada","purpose":"news","state":"given","id":"1"}"#;
    let order = acme
        .owner
        .request(reqwest::Method::POST, "/consent-imports")
        .header("content-type", "application/x-ndjson")
        .body(line);
    ids.insert(
        "consent-imports",
        text(&acme.owner.send(order).await.expect(202)["id"]),
    );
    let incident = json!({ "title": "T", "facts": "F", "nature": ["integrity"], "exposure": "stored",
                           "started_at": "2026-01-01T00:00:00Z" });
    let incident = acme.create("/incidents", incident).await;
    ids.insert(
        "notifications",
        acme.create(format!("/incidents/{incident}/notifications"), json!({}))
            .await,
    );
    ids.insert("incidents", incident);
    let dpia = json!({ "title": "T", "description": "D", "necessity": "N",
                       "risks": [{ "risk": "r", "measure": "m", "residual": "low" }] });
    ids.insert("dpias", acme.create("/dpias", dpia).await);
    ids.insert("reports", acme.create("/reports", json!({})).await);
    let witness = json!({ "verifier_key": WITNESS, "url": "http://127.0.0.1:9" });
    ids.insert("witnesses", acme.create("/log/witnesses", witness).await);
    let chat = acme.channel("chat").await;
    ids.insert("endpoints", chat.id.clone());
    ids.insert(
        "messages",
        text(
            &acme
                .publish(&chat, json!({ "data": "of acme", "subject": "ada" }))
                .await
                .expect(201)["id"],
        ),
    );
    let never = json!({ "duration": "P0D" });
    let waits = acme
        .owner
        .patch(format!("/retention-rules/{}", ids["retention-rules"]), never)
        .await
        .expect(202);
    ids.insert("retention-changes", text(&waits["id"]));
    let receiver = tests::Receiver::start().await;
    let hook = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": ["connected", "channel_occupied", "consent_withdrawn"] });
    ids.insert("webhooks", acme.create("/webhooks", hook).await);
    let test = acme
        .create(format!("/webhooks/{}/test", ids["webhooks"]), json!({}))
        .await;
    eventually("the test", || async { receiver.events().pop() }).await;
    ids.insert("deliveries", test);
    // Recipients are told of a withdrawal; the consent that the others lean on is given anew.
    for state in ["withdrawn", "given"] {
        acme.consent("ada", "news", state).await.expect(201);
    }
    ids.insert("callbacks", first(acme.owner.all("/callbacks").await));
    let hold = json!({ "name": "all", "reason": "a test" });
    ids.insert("holds", acme.create("/holds", hold).await);
    let drawn = acme.owner.post("/balances", json!({})).await.expect(200);
    ids.insert("balances", text(&drawn["items"][0]["id"]));
    let mut socket = acme.connect(&chat, "ada").await;
    let open = eventually("the connection", || async {
        acme.owner.all("/connections").await.pop()
    })
    .await;
    ids.insert("connections", text(&open["id"]));
    socket.is_silent_for(std::time::Duration::from_millis(50)).await;
    acme.owner
        .post(
            "/invitations",
            json!({ "email": "x@acme.example", "role": "developer" }),
        )
        .await
        .expect(201);
    acme.key(&["endpoints:read"]).await;
    for path in ["members", "invitations", "api-keys", "sessions", "audit-events"] {
        ids.insert(path, first(acme.owner.all(format!("/{path}")).await));
    }
    let ada = sign_in(server, acme, "ada@example.com").await;
    ids.insert(
        "requests",
        text(
            &ada.post("/portal/acme/requests", json!({ "kind": "access" }))
                .await
                .expect(201)["id"],
        ),
    );
    crate::requests::in_state(acme, &ids["requests"], "completed").await;
    let jobs = acme.owner.get("/jobs").await.expect(200);
    let job = jobs["items"]
        .as_array()
        .and_then(|jobs| jobs.first())
        .map(|job| text(&job["id"]));
    // Work that is done may be gone from the list; then no tenant has one to name.
    ids.insert("jobs", job.unwrap_or_else(|| missing("jobs")));
    ids
}

fn missing(kind: &str) -> String {
    match kind {
        "messages" => "7000000000000000001".into(),
        _ => "0198f0e2-7c40-7abc-8def-000000000000".into(),
    }
}

async fn description(server: &Server) -> Value {
    server.nobody().get("//api/openapi.json").await.expect(200)
}

#[tokio::test]
async fn every_operation_has_a_case_and_every_case_an_operation() {
    let server = Server::start().await;
    let described = operations(&description(&server).await);
    let cases: BTreeSet<String> = CASES
        .iter()
        .map(|(operation, _)| (*operation).to_owned())
        .collect();
    let without: Vec<_> = described.difference(&cases).collect();
    assert!(without.is_empty(), "operations without a case: {without:#?}");
    let stale: Vec<_> = cases.difference(&described).collect();
    assert!(stale.is_empty(), "cases without an operation: {stale:#?}");
    for (operation, case) in CASES {
        if let Open(reason) = case {
            assert!(!reason.is_empty(), "{operation} is open for a reason");
        }
    }
}

#[tokio::test]
async fn nobody_gets_nothing_but_a_401() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let ids = one_of_everything(&server, &acme).await;
    let events = acme.owner.all("/audit-events").await.len();
    let nobody = server.nobody();
    let stranger = nobody.with_token("weir_sk_0000000000000000000000000000000000000000000");
    for (operation, case) in CASES {
        let (suffix, body) = match case {
            Open(_) => continue,
            Own => ("", ""),
            Names(suffix, body) => (*suffix, *body),
            Person(body) => ("", *body),
        };
        let path = fill(operation.split_once(' ').unwrap().1, &|kind| ids[kind].clone());
        for client in [&nobody, &stranger] {
            let answer = call(client, operation, &format!("{path}{suffix}"), body).await;
            assert_eq!(answer.status, 401, "{operation}: {}", answer.text());
            answer.problem(401, "unauthenticated");
        }
    }
    assert_eq!(
        acme.owner.all("/audit-events").await.len(),
        events,
        "nothing happened"
    );
}

#[tokio::test]
async fn what_is_another_tenants_is_not_there() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let ids = one_of_everything(&server, &acme).await;
    let events = acme.owner.all("/audit-events").await.len();
    for (operation, case) in CASES {
        let Names(suffix, body) = case else { continue };
        let template = operation.split_once(' ').unwrap().1;
        let theirs = format!("{}{suffix}", fill(template, &|kind| ids[kind].clone()));
        let none = format!("{}{suffix}", fill(template, &|kind| missing(kind)));
        let theirs = call(&beta.owner, operation, &theirs, body).await;
        let none = call(&beta.owner, operation, &none, body).await;
        assert_eq!(theirs.status, 404, "{operation}: {}", theirs.text());
        assert_eq!(
            visible(&theirs),
            visible(&none),
            "{operation}: a stranger can tell that it exists"
        );
    }
    assert_eq!(
        acme.owner.all("/audit-events").await.len(),
        events,
        "nothing happened"
    );
    // All of it is still there, and untouched.
    for (operation, case) in CASES {
        if let (Some(template), Names(_, _)) = (operation.strip_prefix("GET "), case)
            && !template.starts_with("/jobs")
            && !template.ends_with("/pool")
            && !template.ends_with("/upstream")
        {
            let path = fill(template, &|kind| ids[kind].clone());
            let answer = acme.owner.get(&path).await;
            assert_eq!(answer.status, 200, "{operation}, as its owner: {}", answer.text());
            assert!(!answer.text().contains("mine now"), "{operation}");
        }
    }
}

#[tokio::test]
async fn lists_show_only_what_is_the_callers_own() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let ids = one_of_everything(&server, &acme).await;
    for (operation, case) in CASES {
        let (Some(template), Own) = (operation.strip_prefix("GET "), case) else {
            continue;
        };
        let answer = beta.owner.get(fill(template, &|kind| ids[kind].clone())).await;
        answer.check(200);
        for (kind, id) in &ids {
            assert!(
                !answer.text().contains(id.as_str()),
                "{operation} shows one of acme's {kind}"
            );
        }
        assert!(!answer.text().contains("acme"), "{operation}: {}", answer.text());
    }
    for filter in ["endpoint_id", "subject_id", "purpose_id", "data_type_id"] {
        let kind = format!("{}s", filter.trim_end_matches("_id").replace('_', "-"));
        let id = &ids[kind.as_str()];
        assert!(
            beta.owner
                .all(format!("/messages?{filter}={id}"))
                .await
                .is_empty(),
            "{filter}"
        );
    }
}

/// A body that refers to this id.
type Body<'a> = &'a dyn Fn(String) -> Value;

#[tokio::test]
async fn nothing_new_can_refer_to_what_is_another_tenants() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let ids = one_of_everything(&server, &acme).await;
    beta.purpose("own").await;
    let of = |kind: &str| ids[kind].clone();
    let rule = |field: &str, id: String| {
        let mut body = json!({ "name": "r", "target": "messages", "action": "delete", "duration": "P1D" });
        body[field] = json!(id);
        body
    };
    let consent = |field: &str, id: String| {
        let mut body = json!({ "subject": "eve", "purpose": "own", "state": "given", "method": "api" });
        match field {
            "subject_id" => drop(body.as_object_mut().unwrap().remove("subject")),
            "purpose_id" => drop(body.as_object_mut().unwrap().remove("purpose")),
            _ => {}
        }
        body[field] = json!(id);
        body
    };
    let tries: [(&str, &str, Body<'_>); 12] = [
        (
            "/webhooks",
            "endpoints",
            &|id| json!({ "endpoint_id": id, "events": ["connected"] }),
        ),
        (
            "/endpoints",
            "purposes",
            &|id| json!({ "slug": "e", "kind": "channel", "purpose_id": id }),
        ),
        (
            "/notices",
            "purposes",
            &|id| json!({ "slug": "n", "name": "N", "purpose_ids": [id] }),
        ),
        ("/retention-rules", "endpoints", &|id| rule("endpoint_id", id)),
        ("/retention-rules", "data-types", &|id| rule("data_type_id", id)),
        ("/retention-rules", "purposes", &|id| rule("purpose_id", id)),
        (
            "/retention-rules/explain",
            "messages",
            &|id| json!({ "message_id": id }),
        ),
        (
            "/retention-rules/explain",
            "endpoints",
            &|id| json!({ "endpoint_id": id }),
        ),
        ("/consents", "subjects", &|id| consent("subject_id", id)),
        ("/consents", "purposes", &|id| consent("purpose_id", id)),
        ("/consents", "notice-versions", &|id| {
            consent("notice_version_id", id)
        }),
        (
            "/requests",
            "subjects",
            &|id| json!({ "kind": "access", "subject_id": id }),
        ),
    ];
    for (path, kind, body) in tries {
        let theirs = beta.owner.post(path, body(of(kind))).await;
        let none = beta.owner.post(path, body(missing(kind))).await;
        assert!(
            [404, 422].contains(&theirs.status),
            "{path} with acme's {kind}: {}",
            theirs.text()
        );
        assert_eq!(visible(&theirs), visible(&none), "{path} with acme's {kind}");
    }
}

#[tokio::test]
async fn a_person_of_another_tenant_gets_nothing_on_this_ones_page() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let ids = one_of_everything(&server, &acme).await;
    beta.create(
        "/subjects",
        json!({ "external_id": "eve", "email": "eve@example.com" }),
    )
    .await;
    let eve = sign_in(&server, &beta, "eve@example.com").await;
    let mallory = acme
        .create(
            "/subjects",
            json!({ "external_id": "mallory", "email": "mallory@example.com" }),
        )
        .await;
    let neighbour = sign_in(&server, &acme, "mallory@example.com").await;
    for (operation, case) in CASES {
        let Person(body) = case else { continue };
        let body = body.replace("$purposes", &ids["purposes"]);
        let template = operation.split_once(' ').unwrap().1;
        let path = fill(template, &|kind| ids[kind].clone());
        for who in [&eve, &acme.owner] {
            let answer = call(who, operation, &path, &body).await;
            assert_eq!(answer.status, 401, "{operation}: {}", answer.text());
        }
        // Somebody else on the same page: what names Ada's request is not there.
        if template.contains("{id}") {
            let answer = call(&neighbour, operation, &path, &body).await;
            let none = call(
                &neighbour,
                operation,
                &fill(template, &|kind| missing(kind)),
                &body,
            )
            .await;
            assert_eq!(answer.status, 404, "{operation}: {}", answer.text());
            assert_eq!(visible(&answer), visible(&none), "{operation}");
        }
    }
    assert_eq!(
        acme.owner.get(format!("/subjects/{mallory}")).await.expect(200)["restricted"],
        false
    );
}
