use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{super::presence::Members, *};
use crate::host::Label;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The message with the JSON in its data instead of the text that holds it.
fn unwrapped(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut message = written(write);
    message["data"] = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
    message
}

#[test]
fn the_words_of_the_protocol_are_spelled_as_documented() {
    let mut out = Vec::new();
    connection_established(&mut out, "123.456", 120);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"123.456\",\"activity_timeout\":120}"}"#
    );
    assert_eq!(
        written(|out| error(out, Some(4001), "no \"such\" app")),
        json!({"event": "pusher:error", "data": {"code": 4001, "message": "no \"such\" app"}})
    );
    assert_eq!(written(|out| error(out, None, "x"))["data"]["code"], Value::Null);
    assert_eq!(
        unwrapped(|out| subscription_succeeded(out, "news", None, None)),
        json!({"event": "pusher_internal:subscription_succeeded", "channel": "news", "data": {}})
    );
    assert_eq!(
        written(|out| subscription_error(out, "private-a", "AuthError", "wrong", 401)),
        json!({"event": "pusher:subscription_error", "channel": "private-a",
               "data": {"type": "AuthError", "error": "wrong", "status": 401}})
    );
    assert_eq!(
        unwrapped(|out| member_added(out, "presence-a", "a\"da", Some(r#"{"name":"Ada \"x\""}"#))),
        json!({"event": "pusher_internal:member_added", "channel": "presence-a",
               "data": {"user_id": "a\"da", "user_info": {"name": "Ada \"x\""}}})
    );
    assert_eq!(
        unwrapped(|out| member_added(out, "presence-a", "bob", None))["data"],
        json!({"user_id": "bob", "user_info": {}})
    );
    assert_eq!(
        unwrapped(|out| member_removed(out, "presence-a", "bob")),
        json!({"event": "pusher_internal:member_removed", "channel": "presence-a", "data": {"user_id": "bob"}})
    );
    assert_eq!(
        unwrapped(|out| subscription_count(out, "news", 7)),
        json!({"event": "pusher_internal:subscription_count", "channel": "news", "data": {"subscription_count": 7}})
    );
    assert_eq!(
        unwrapped(|out| cache_miss(out, "cache-a")),
        json!({"event": "pusher:cache_miss", "channel": "cache-a", "data": {}})
    );
    let user_data = r#"{"id":"1","name":"\"Ada\""}"#;
    assert_eq!(
        unwrapped(|out| signin_success(out, user_data)),
        json!({"event": "pusher:signin_success", "data": {"user_data": user_data}})
    );
    assert_eq!(
        serde_json::from_str::<Value>(PONG).unwrap(),
        json!({"event": "pusher:pong", "data": "{}"})
    );
}

#[test]
fn a_presence_channel_tells_its_members_and_those_who_asked_their_standing() {
    let mut members = Members::default();
    members.join("ada", Some(r#"{"name":"Ada"}"#), uuid::Uuid::from_u128(1), 9);
    let standing = Standing {
        top: Some((7, "e\"1")),
        recoverable: true,
        recovered: Some(false),
        missed: Some(3),
    };
    let mut list = Vec::new();
    members.write(&mut list);
    let presence = json!({"ids": ["ada"], "hash": {"ada": {"name": "Ada"}}, "count": 1});
    let weir = json!({"offset": 7, "epoch": "e\"1", "recoverable": true, "recovered": false, "missed": 3});
    for (members, standing, data) in [
        (Some(&*list), None, json!({"presence": presence})),
        (
            Some(&*list),
            Some(standing),
            json!({"presence": presence, "weir": weir}),
        ),
        (None, Some(standing), json!({"weir": weir})),
        (
            None,
            Some(Standing {
                top: None,
                recoverable: false,
                recovered: None,
                missed: None,
            }),
            json!({"weir": {"recoverable": false}}),
        ),
    ] {
        let message = unwrapped(|out| subscription_succeeded(out, "presence-a", members, standing));
        assert_eq!(message["data"], data);
    }
}

#[test]
fn a_watchlist_event_lists_only_what_there_is() {
    let said = |online: &[&'static str], offline: &[&'static str]| {
        let mut out = Vec::new();
        watchlist_events(&mut out, online.iter().copied(), offline.iter().copied());
        (!out.is_empty()).then(|| unwrapped(|same| *same = out)["data"].clone())
    };
    assert_eq!(said(&[], &[]), None);
    assert_eq!(
        said(&["a", "b\""], &["c"]),
        Some(
            json!({"events": [{"name": "online", "user_ids": ["a", "b\""]}, {"name": "offline", "user_ids": ["c"]}]})
        )
    );
    assert_eq!(
        said(&[], &["c"]),
        Some(json!({"events": [{"name": "offline", "user_ids": ["c"]}]}))
    );
}

fn named(event: &str, user: Option<&str>, data: &str) -> Payload {
    let label = Label {
        event: event.into(),
        user: user.map(Into::into),
    };
    Payload::named(Arc::new(label), data)
}

fn position() -> Position {
    Position {
        id: None,
        offset: 42,
        epoch: "e".into(),
    }
}

#[test]
fn a_message_tells_its_place_and_its_end_where_they_are_given() {
    let (payload, position) = (
        named("my \"event\"", Some("u1"), "{\"a\":\"\\n\"}\u{7}"),
        position(),
    );
    let message_with = |position, expires_at| {
        let mut out = Vec::new();
        let what = Message {
            channel: "presence-a",
            payload: &payload,
            position,
            expires_at,
        };
        message(&mut out, what);
        out
    };
    let mut expected = json!({"event": "my \"event\"", "channel": "presence-a", "data": "{\"a\":\"\\n\"}\u{7}", "user_id": "u1"});
    assert_eq!(written(|out| *out = message_with(None, None)), expected);
    expected["offset"] = 42.into();
    expected["epoch"] = "e".into();
    expected["expires_at"] = 1_700_000_000_000_i64.into();
    assert_eq!(
        written(|out| *out = message_with(Some(&position), Some(1_700_000_000_000))),
        expected
    );
}

#[test]
fn what_has_no_name_is_called_message_and_bytes_travel_as_base64() {
    let write = |payload: &Payload| {
        written(|out| {
            let what = Message {
                channel: "news",
                payload,
                position: None,
                expires_at: None,
            };
            message(out, what);
        })
    };
    assert_eq!(
        write(&Payload::new(Opcode::Text, "hello".into())),
        json!({"event": "message", "channel": "news", "data": "hello"})
    );
    assert_eq!(
        write(&Payload::new(Opcode::Binary, Bytes::from_static(&[0, 255, 34]))),
        json!({"event": "message", "channel": "news", "data": "AP8i", "encoding": "base64"})
    );
}

#[test]
fn what_we_add_is_spelled_as_documented() {
    let position = position();
    assert_eq!(
        unwrapped(|out| welcome(out, ["offsets", "acks"].into_iter(), "s-1")),
        json!({"event": "weir:welcome", "data": {"v": 1, "features": ["offsets", "acks"], "session": "s-1"}})
    );
    assert_eq!(
        unwrapped(|out| ack(out, "m\"1", Some(&position), true)),
        json!({"event": "weir:ack", "data": {"id": "m\"1", "offset": 42, "epoch": "e", "recorded": true}})
    );
    assert_eq!(
        unwrapped(|out| ack(out, "m", None, false))["data"],
        json!({"id": "m", "recorded": false})
    );
    assert_eq!(
        unwrapped(|out| nack(out, "m", 4301, "slow down")),
        json!({"event": "weir:nack", "data": {"id": "m", "code": 4301, "message": "slow down"}})
    );
    assert_eq!(
        unwrapped(|out| notice(out, "consent_withdrawn", Some("news"))),
        json!({"event": "weir:notice", "data": {"kind": "consent_withdrawn", "purpose": "news"}})
    );
    assert_eq!(
        unwrapped(|out| notice(out, "subject_erased", None))["data"],
        json!({"kind": "subject_erased"})
    );
    let payloads = [named("a", None, "1"), Payload::new(Opcode::Text, "\"".into())];
    let piece = Piece {
        id: "q",
        channel: "news",
        top: Some((43, "e")),
        complete: false,
    };
    let messages = payloads.iter().map(|payload| Message {
        channel: "news",
        payload,
        position: Some(&position),
        expires_at: Some(9),
    });
    assert_eq!(
        unwrapped(|out| history(out, &piece, messages)),
        json!({"event": "weir:history", "channel": "news", "data": {
            "id": "q",
            "messages": [
                {"event": "a", "data": "1", "offset": 42, "expires_at": 9},
                {"event": "message", "data": "\"", "offset": 42, "expires_at": 9},
            ],
            "epoch": "e", "top": 43, "complete": false,
        }})
    );
}
