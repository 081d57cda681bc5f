//! Relays whose back end has no sockets: what happens on a session is posted to it, and it answers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{Endpoint, Receiver, Server, Socket, Tenant, eventually, socket::Frame, tenant::text};

async fn called(acme: &Tenant, receiver: &Receiver, change: Value) -> Endpoint {
    let mut body = json!({
        "slug": "called", "kind": "relay", "pool_mode": "webhook", "upstream_url": receiver.url(),
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    acme.endpoint(body).await
}

/// Echoes what it hears, greets who comes, and says goodbye to who asks for it.
fn echo(body: &Value) -> String {
    let mut messages = Vec::new();
    let mut close = Value::Null;
    for event in body["events"].as_array().unwrap() {
        match event["name"].as_str().unwrap() {
            "connected" => {
                messages.push(json!({ "data": format!("hello {}", body["sub"].as_str().unwrap()) }));
            }
            "message" if event["data"] == "quit" => close = json!({ "code": 4567, "reason": "as you like" }),
            "message" if event["base64"].is_string() => messages.push(json!({ "base64": event["base64"] })),
            "message" => messages.push(json!({ "data": event["data"] })),
            _ => {}
        }
    }
    let mut answer = json!({ "messages": messages });
    if !close.is_null() {
        answer["close"] = close;
    }
    answer.to_string()
}

/// All events that were told of, in order; what came again under the same id counts once.
fn told(receiver: &Receiver) -> Vec<Value> {
    receiver.events()
}

#[tokio::test]
async fn what_happens_on_a_session_is_told_in_order_and_answered() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(echo);
    let relay = called(&acme, &receiver, json!({})).await;
    let mut ada = acme.connect(&relay, "ada").await;
    assert_eq!(ada.text().await, "hello ada");
    for n in 0..50 {
        ada.send(format!("message {n}")).await;
    }
    for n in 0..50 {
        assert_eq!(ada.text().await, format!("message {n}"));
    }
    ada.send_bytes(vec![1, 2, 255]).await;
    assert_eq!(ada.frame().await, Frame::Binary(vec![1, 2, 255]));
    ada.close(4321, "going home").await;
    eventually("it is told of the end", || async {
        told(&receiver)
            .last()
            .is_some_and(|event| event["name"] == "disconnected")
            .then_some(())
    })
    .await;
    let events = told(&receiver);
    assert_eq!(events[0]["name"], "connected");
    let texts: Vec<&Value> = events.iter().filter_map(|event| event.get("data")).collect();
    let wanted: Vec<Value> = (0..50).map(|n| json!(format!("message {n}"))).collect();
    assert_eq!(texts, wanted.iter().collect::<Vec<_>>());
    let end = events.last().unwrap();
    assert_eq!(
        (&end["code"], &end["reason"]),
        (&json!(4321), &json!("going home"))
    );

    // It knows who it is, and that it is us.
    let secret = format!("whsec_{}", STANDARD.encode(&relay.secret));
    for request in receiver.received() {
        assert!(request.is_signed_with(&secret), "{:?}", request.headers);
        assert!(request.is_signed_for_pusher(&relay.secret));
        let body = request.json();
        assert_eq!(body["sub"], "ada");
        assert!(body["session"].is_string() && body["subject"].is_string());
    }
    // Recorded as those of any relay.
    let kept = acme.messages(&relay).await;
    let count = |direction: &str| {
        kept.iter()
            .filter(|message| message["direction"] == direction)
            .count()
    };
    assert_eq!((count("inbound"), count("outbound")), (51, 52));
}

#[tokio::test]
async fn a_back_end_ends_a_session_by_its_answer() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(echo);
    let relay = called(&acme, &receiver, json!({})).await;
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("before").await;
    ada.send("quit").await;
    let (_, code, reason) = ada.closed_after().await;
    assert_eq!((code, reason.as_str()), (4567, "as you like"));
}

#[tokio::test]
async fn it_speaks_to_a_session_when_it_was_not_asked() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(|_| String::new());
    let relay = called(&acme, &receiver, json!({})).await;
    let mut ada = acme.connect(&relay, "ada").await;
    let connected = receiver.requests(1).await;
    let session = text(&connected[0].json()["session"]);
    let path = format!("/endpoints/{}/sessions/{session}/messages", relay.id);
    let say = async |body: Value| acme.owner.post(&path, body).await;
    say(json!({ "data": "text" })).await.check(202);
    say(json!({ "data": { "n": 1 } })).await.check(202);
    say(json!({ "base64": "AQL/" })).await.check(202);
    assert_eq!(ada.text().await, "text");
    assert_eq!(ada.text().await, r#"{"n":1}"#);
    assert_eq!(ada.frame().await, Frame::Binary(vec![1, 2, 255]));

    for (body, field) in [
        (json!({}), "/data"),
        (json!({ "data": 1, "base64": "" }), "/base64"),
        (json!({ "base64": "%" }), "/base64"),
        (json!({ "data": "x".repeat(70_000) }), "/data"),
    ] {
        say(body).await.fault(422, "invalid_request", field);
    }
    ada.close(1000, "").await;
    eventually("the session is gone", || async {
        (say(json!({ "data": "late" })).await.status == 404).then_some(())
    })
    .await;
    let chat = acme.channel("chat").await;
    let other = format!("/endpoints/{}/sessions/{session}/messages", chat.id);
    acme.owner
        .post(other, json!({ "data": "x" }))
        .await
        .problem(409, "wrong_kind");
    let reader = acme.key(&["endpoints:read"]).await;
    reader
        .post(&path, json!({ "data": "x" }))
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_and_one_that_is_refused_ends_the_session() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(echo);
    let relay = called(&acme, &receiver, json!({})).await;
    let mut ada = acme.connect(&relay, "ada").await;
    assert_eq!(ada.text().await, "hello ada");
    receiver.answer(&[500, 503]);
    ada.send("again").await;
    ada.send("and again").await;
    assert_eq!(ada.text().await, "again");
    assert_eq!(ada.text().await, "and again");
    let requests = receiver.received();
    let ids: Vec<&str> = requests[1..4]
        .iter()
        .map(|request| request.header("webhook-id"))
        .collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[2]), "it is the same call");
    receiver.answer(&[403]);
    ada.send("no more").await;
    assert_eq!(ada.close_code().await, 4101);

    // Who is not let in by the back end does not come in.
    receiver.answer(&[403]);
    let mut bob = Socket::connect(&relay.url(&acme.token(&relay, "bob").await)).await;
    assert_eq!(bob.close_code().await, 4101);
    // Nor is anything made of an answer that is none.
    receiver.say(|_| "hello".to_owned());
    let mut eve = Socket::connect(&relay.url(&acme.token(&relay, "eve").await)).await;
    assert_eq!(eve.close_code().await, 4101);
}

#[tokio::test]
async fn an_end_user_who_does_not_read_ends_by_the_endpoints_rule() {
    let server = Server::builder()
        .env("WEIR_SOCKETS__QUEUE_MESSAGES", "20")
        .env("WEIR_HTTP__REQUESTS_PER_SECOND", "10000")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(|_| String::new());
    let relay = called(&acme, &receiver, json!({ "record": "never" })).await;
    let _ada = acme.connect(&relay, "ada").await;
    let session = text(&receiver.requests(1).await[0].json()["session"]);
    let path = format!("/endpoints/{}/sessions/{session}/messages", relay.id);
    let large = "x".repeat(60_000);
    let refused = async {
        loop {
            let said = acme.owner.post(&path, json!({ "data": large })).await;
            if said.status != 202 {
                return said;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_mins(1), refused)
        .await
        .expect("the queue is bounded");
    refused.problem(409, "slow_consumer");
    eventually("it is told of the end", || async {
        told(&receiver)
            .iter()
            .any(|event| event["name"] == "disconnected")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_slow_back_end_holds_its_end_users_back_and_loses_nothing() {
    let server = Server::builder()
        .env("WEIR_SOCKETS__QUEUE_MESSAGES", "10")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let receiver = Receiver::start().await;
    receiver.say(echo);
    let relay = called(&acme, &receiver, json!({ "pool_max": 1 })).await;
    let people = ["ada", "bob", "eve"].map(|who| {
        let (acme, relay) = (&acme, &relay);
        async move {
            let mut socket = acme.connect(relay, who).await;
            assert_eq!(socket.text().await, format!("hello {who}"));
            for n in 0..100 {
                socket.send(format!("{who} {n}")).await;
            }
            for n in 0..100 {
                assert_eq!(socket.text().await, format!("{who} {n}"));
            }
        }
    });
    futures_util::future::join_all(people).await;
    let events = told(&receiver);
    let texts = events.iter().filter(|event| event["name"] == "message").count();
    assert_eq!(texts, 300, "nothing is lost, and nothing comes twice");
}

#[tokio::test]
async fn the_mode_says_what_kind_of_address_it_needs() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let refused = |body: Value| async { acme.owner.post("/endpoints", body).await };
    for (mode, url) in [
        ("webhook", "ws://127.0.0.1:9/"),
        ("session", "http://127.0.0.1:9/"),
    ] {
        let body = json!({ "slug": "x", "kind": "relay", "pool_mode": mode, "upstream_url": url });
        refused(body).await.fault(422, "invalid_request", "/upstream_url");
    }
    let receiver = Receiver::start().await;
    let relay = called(&acme, &receiver, json!({})).await;
    let path = format!("/endpoints/{}", relay.id);
    acme.owner
        .patch(&path, json!({ "pool_mode": "session" }))
        .await
        .fault(422, "invalid_request", "/upstream_url");
    acme.owner
        .patch(
            &path,
            json!({ "pool_mode": "session", "upstream_url": "ws://127.0.0.1:9/" }),
        )
        .await
        .expect(200);
    acme.owner
        .patch(
            &path,
            json!({ "pool_mode": "webhook", "upstream_url": receiver.url() }),
        )
        .await
        .expect(200);
    acme.owner
        .post(format!("{path}/pool/pause"), json!({}))
        .await
        .problem(409, "wrong_kind");
}
