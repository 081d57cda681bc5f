use super::*;

fn parse(text: &str) -> Result<ClientEvent<'_>, ParseFault> {
    ClientEvent::parse(text)
}

fn client(text: &str) -> Published<'_> {
    match parse(text) {
        Ok(ClientEvent::Client(published)) => published,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_client_event_is_read_without_copying() {
    let event = client(
        r#"{"event":"client-x","channel":"private-c","data":{ "a": 1.0,"b":[ ] },"id":"m-1","more":0}"#,
    );
    assert_eq!(event.data, r#"{ "a": 1.0,"b":[ ] }"#);
    for (piece, is) in [
        (&event.event, "client-x"),
        (&event.channel, "private-c"),
        (event.id.as_ref().unwrap(), "m-1"),
    ] {
        assert!(matches!(piece, Cow::Borrowed(text) if *text == is), "{piece}");
    }
    assert!(matches!(event.data, Cow::Borrowed(_)));
}

#[test]
fn data_may_be_anything_and_a_text_says_what_it_says() {
    for (data, said) in [
        (r#""plain""#, "plain"),
        (r#""{\"a\":\"\u00e4\"}""#, r#"{"a":"ä"}"#),
        ("5", "5"),
        ("1.50e1", "1.50e1"),
        ("true", "true"),
        ("null", "null"),
        ("[1, 2]", "[1, 2]"),
        (r#""""#, ""),
    ] {
        let text = format!(r#"{{"event":"client-x","channel":"private-c","data":{data}}}"#);
        assert_eq!(client(&text).data, said, "{data}");
    }
    assert_eq!(
        client(r#"{"event":"client-x","channel":"private-c"}"#).data,
        "null"
    );
}

#[test]
fn what_libraries_send_is_understood() {
    assert_eq!(
        parse(r#"{"event":"pusher:ping","data":{}}"#),
        Ok(ClientEvent::Ping)
    );
    assert_eq!(parse(r#"{"event":"pusher:ping"}"#), Ok(ClientEvent::Ping));
    assert_eq!(
        parse(r#"{"event":"pusher:pong","data":""}"#),
        Ok(ClientEvent::Pong)
    );
    let subscribe = |channel: &str, auth: Option<&str>, data: Option<&str>| {
        Ok(ClientEvent::Subscribe(Subscribe {
            channel: channel.into(),
            auth: auth.map(Into::into),
            channel_data: data.map(Into::into),
            recover: None,
            rewind: None,
        }))
    };
    assert_eq!(
        parse(r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"news"}}"#),
        subscribe("news", Some(""), None)
    );
    assert_eq!(
        parse(
            r#"{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"k:s","channel_data":"{\"user_id\":1}"}}"#
        ),
        subscribe("presence-a", Some("k:s"), Some(r#"{"user_id":1}"#))
    );
    // Encoded twice.
    assert_eq!(
        parse(r#"{"event":"pusher:subscribe","data":"{\"channel\":\"news\"}"}"#),
        subscribe("news", None, None)
    );
    assert_eq!(
        parse(r#"{"event":"pusher:unsubscribe","data":{"channel":"news"}}"#),
        Ok(ClientEvent::Unsubscribe("news".into()))
    );
    assert_eq!(
        parse(r#"{"event":"pusher:signin","data":{"auth":"k:s","user_data":"{\"id\":\"1\"}"}}"#),
        Ok(ClientEvent::SignIn(SignIn {
            auth: "k:s".into(),
            user_data: r#"{"id":"1"}"#.into(),
        }))
    );
    assert_eq!(
        parse(r#"{"event":"pusher:other","data":1}"#),
        Ok(ClientEvent::Unknown("pusher:other".into()))
    );
}

#[test]
fn what_we_add_is_understood() {
    let mark = |offset| Mark {
        offset,
        epoch: "e".into(),
    };
    let hello = parse(
        r#"{"event":"weir:hello","data":{"v":1,"features":["acks","flying","offsets"],
            "recover":{"a":{"offset":7,"epoch":"e"}},"rewind":{"b":3}}}"#,
    );
    let Ok(ClientEvent::Hello(hello)) = hello else {
        panic!("{hello:?}");
    };
    assert_eq!(hello.version, 1);
    assert_eq!(hello.features.names().collect::<Vec<_>>(), ["offsets", "acks"]);
    assert_eq!(hello.recover["a"], mark(7));
    assert_eq!(hello.rewind["b"], 3);
    let bare = parse(r#"{"event":"weir:hello","data":{"v":2}}"#);
    assert!(
        matches!(bare, Ok(ClientEvent::Hello(Hello { version: 2, .. }))),
        "{bare:?}"
    );
    let subscribe = parse(
        r#"{"event":"pusher:subscribe","data":{"channel":"a","recover":{"offset":7,"epoch":"e"},"rewind":2}}"#,
    );
    let Ok(ClientEvent::Subscribe(subscribe)) = subscribe else {
        panic!("{subscribe:?}");
    };
    assert_eq!((subscribe.recover, subscribe.rewind), (Some(mark(7)), Some(2)));
    assert_eq!(
        parse(r#"{"event":"weir:history","channel":"c","data":{"id":"x","after":5,"limit":10}}"#),
        Ok(ClientEvent::History(Question {
            channel: "c".into(),
            id: "x".into(),
            after: Some(5),
            limit: 10,
        }))
    );
}

#[test]
fn what_means_nothing_is_told_apart() {
    let long = "x".repeat(MAX_EVENT);
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let data = |event, members| ParseFault::Data { event, members };
    let many = (0..=MAX_CHANNELS)
        .map(|n| format!(r#""c{n}":1,"#))
        .collect::<Vec<_>>()
        .concat();
    for (text, fault) in [
        ("", ParseFault::NotJson),
        ("{", ParseFault::NotJson),
        ("[]", ParseFault::NotJson),
        ("null", ParseFault::NotJson),
        (r#"{"event":1}"#, ParseFault::NotJson),
        (
            r#"{"event":"client-a","event":"client-b","channel":"c"}"#,
            ParseFault::NotJson,
        ),
        (r#"{"event":"client-a","channel":"c"} {}"#, ParseFault::NotJson),
        (
            r#"{"event":"client-a","channel":"c","data":"\ud800"}"#,
            ParseFault::NotJson,
        ),
        ("{}", ParseFault::Event),
        (r#"{"event":null}"#, ParseFault::Event),
        (r#"{"event":""}"#, ParseFault::Event),
        (
            &format!(r#"{{"event":"client-{long}","channel":"c"}}"#),
            ParseFault::Event,
        ),
        (
            &format!(r#"{{"event":"client-a","channel":"c","data":{deep}}}"#),
            ParseFault::TooDeep,
        ),
        (r#"{"event":"client-a"}"#, ParseFault::Channel),
        (
            r#"{"event":"weir:history","data":{"id":"x","limit":1}}"#,
            ParseFault::Channel,
        ),
        (r#"{"event":"client-a","channel":"c","id":5}"#, ParseFault::Id),
        (r#"{"event":"client-a","channel":"c","id":""}"#, ParseFault::Id),
        (
            &format!(r#"{{"event":"client-a","channel":"c","id":"{long}"}}"#),
            ParseFault::Id,
        ),
        (
            r#"{"event":"weir:history","channel":"c","data":{"id":"","limit":1}}"#,
            ParseFault::Id,
        ),
        (
            r#"{"event":"pusher:subscribe"}"#,
            data("pusher:subscribe", "a channel"),
        ),
        (
            r#"{"event":"pusher:subscribe","data":{"channel":5}}"#,
            data("pusher:subscribe", "a channel"),
        ),
        (
            r#"{"event":"pusher:subscribe","data":"news"}"#,
            data("pusher:subscribe", "a channel"),
        ),
        (
            r#"{"event":"pusher:unsubscribe","data":{}}"#,
            data("pusher:unsubscribe", "a channel"),
        ),
        (
            r#"{"event":"pusher:signin","data":{"auth":"a"}}"#,
            data("pusher:signin", "auth and user_data"),
        ),
        (
            r#"{"event":"weir:history","channel":"c","data":{"id":"x","limit":-1}}"#,
            data("weir:history", "id, limit, and perhaps after"),
        ),
        (r#"{"event":"weir:hello","data":{}}"#, data("weir:hello", "v")),
        (
            &format!(
                r#"{{"event":"weir:hello","data":{{"v":1,"rewind":{{{}}}}}}}"#,
                many.trim_end_matches(',')
            ),
            data("weir:hello", "at most 1000 channels"),
        ),
    ] {
        assert_eq!(parse(text), Err(fault), "{text}");
    }
    // The name of an event counts characters, and the depth that of the whole message.
    let umlauts = format!(
        r#"{{"event":"client-{}","channel":"c","data":{}}}"#,
        "ü".repeat(MAX_EVENT - 7),
        &deep[1..deep.len() - 1]
    );
    assert!(parse(&umlauts).is_ok());
}
