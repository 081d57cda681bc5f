use std::{sync::Arc, time::Duration};

use broker::{
    ChannelOptions, Close, PublishError, Scope, Selector, Settings,
    host::{JournalFault, Opcode, Payload, Record, Refusal},
};
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use uuid::Uuid;

use crate::house::{
    ENDPOINT, House, TENANT, connect, connect_with, eventually, options, post, soon, tenant, text,
};

#[tokio::test]
async fn everybody_but_the_sender_gets_each_message_in_order() {
    for record in [Record::Never, Record::After, Record::Before] {
        let house = House::new();
        house.recording(record);
        let broker = house.broker(Settings::default());
        let mut sender = connect(&house, &broker).await;
        let mut others = [connect(&house, &broker).await, connect(&house, &broker).await];
        for n in 0..200 {
            sender.say(&format!("message {n}")).await;
        }
        sender
            .socket
            .send(Message::binary(vec![0, 159, 146, 150]))
            .await
            .unwrap();
        for other in &mut others {
            for n in 0..200 {
                assert_eq!(other.hear().await, format!("message {n}"), "{record:?}");
            }
            assert_eq!(other.next().await, Message::binary(vec![0, 159, 146, 150]));
        }
        sender.silence().await;
        let recorded = if record == Record::Never { 0 } else { 201 };
        eventually(|| house.drafts.lock().len() == recorded).await;
    }
}

#[tokio::test]
async fn a_publish_answers_with_position_and_recipients() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut client = connect(&house, &broker).await;
    let channel = Arc::from("main");
    let first = broker.publish(post(tenant(), &channel, text("a"))).await.unwrap();
    let second = broker.publish(post(tenant(), &channel, text("b"))).await.unwrap();
    assert_eq!((first.recipients, first.position.unwrap().offset), (1, 1));
    assert_eq!((second.recipients, second.position.unwrap().offset), (1, 2));
    assert_eq!(client.hear().await, "a");

    house.recording(Record::Never);
    let empty = broker
        .publish(post(tenant(), &Arc::from("empty"), text("c")))
        .await
        .unwrap();
    assert_eq!((empty.recipients, empty.position), (0, None));
}

#[tokio::test]
async fn a_message_stays_in_its_tenant_endpoint_and_channel() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut here = connect(&house, &broker).await;
    let elsewhere = house.somebody_on(Uuid::from_u128(9));
    let mut elsewhere = connect_with(&broker, elsewhere, options(), 1024).await;
    let aside = ChannelOptions {
        channel: "aside".into(),
        ..options()
    };
    let mut aside = connect_with(&broker, house.somebody(), aside, 1024).await;

    let stranger = broker::host::Source::Tenant {
        tenant: Uuid::nil(),
        endpoint: ENDPOINT,
        subject: None,
        purpose: None,
    };
    let channel = Arc::from("main");
    let lost = broker
        .publish(post(stranger, &channel, text("from a stranger")))
        .await
        .unwrap();
    assert_eq!(lost.recipients, 0);
    broker
        .publish(post(tenant(), &channel, text("hello")))
        .await
        .unwrap();
    assert_eq!(here.hear().await, "hello");
    here.silence().await;
    elsewhere.silence().await;
    aside.silence().await;
}

#[tokio::test]
async fn a_refused_message_closes_its_session_with_the_code_for_it() {
    for (refusal, code) in [
        (Refusal::NoEndpoint, 4001),
        (Refusal::Disabled, 4003),
        (Refusal::OverQuota, 4004),
        (Refusal::ConsentMissing, 4030),
        (Refusal::Restricted, 4032),
        (Refusal::NotAllowed, 1008),
        (Refusal::TooLarge, 1009),
        (Refusal::Opaque, 1003),
    ] {
        let house = House::new();
        let broker = house.broker(Settings::default());
        let mut witness = connect(&house, &broker).await;
        let mut client = connect(&house, &broker).await;
        *house.refusal.lock() = Some(refusal);
        client.say("something").await;
        assert_eq!(client.closed().await, code, "{refusal:?}");
        assert_eq!(house.end_of(client.who.session).0.code, code);
        witness.silence().await;
    }
}

#[tokio::test]
async fn what_the_journal_does_not_take_nobody_gets() {
    for (fault, code) in [
        (JournalFault::Full, 4100),
        (JournalFault::Failed, 1011),
        (JournalFault::Stopping, 4200),
    ] {
        let house = House::new();
        let broker = house.recording(Record::Before).broker(Settings::default());
        let mut witness = connect(&house, &broker).await;
        let mut client = connect(&house, &broker).await;
        *house.fault.lock() = Some(fault);
        client.say("something").await;
        assert_eq!(client.closed().await, code, "{fault:?}");
        let refused = broker
            .publish(post(tenant(), &Arc::from("main"), text("x")))
            .await;
        assert_eq!(refused, Err(PublishError::Journal(fault)));
        witness.silence().await;
    }
}

#[tokio::test]
async fn a_message_that_fits_no_queue_is_refused_and_closes_nobody() {
    let house = House::new();
    let broker = house.broker(Settings {
        queue_bytes: 100,
        ..Settings::default()
    });
    let mut client = connect(&house, &broker).await;
    let channel = Arc::from("main");
    let huge = Payload::new(Opcode::Binary, vec![0; 101].into());
    let refused = broker.publish(post(tenant(), &channel, huge)).await;
    assert_eq!(refused, Err(PublishError::Refused(Refusal::TooLarge)));
    broker
        .publish(post(tenant(), &channel, text("small")))
        .await
        .unwrap();
    assert_eq!(client.hear().await, "small");
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_holds_nobody_up() {
    let house = House::new();
    let settings = Settings {
        queue_messages: 16,
        write_buffer: 1024,
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let mut slow = connect_with(&broker, house.somebody(), options(), 512).await;
    let mut quick = connect(&house, &broker).await;
    let channel = Arc::from("main");
    let words = "x".repeat(500);
    for _ in 0..100 {
        broker
            .publish(post(tenant(), &channel, text(&words)))
            .await
            .unwrap();
        assert_eq!(quick.hear().await, words);
    }
    let (got, code) = slow.drain().await;
    assert_eq!(code, 4102);
    assert!(got < 30, "{got} messages got through a queue of 16");
    soon(&mut slow.served).await.unwrap();
    let (why, traffic) = house.end_of(slow.who.session);
    assert_eq!(why, Close::SLOW_CONSUMER);
    assert_eq!(traffic.messages_out, got as u64);
    assert_eq!(broker.count_endpoint(ENDPOINT), 1);
}

#[tokio::test]
async fn everything_said_before_a_goodbye_is_published() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut witness = connect(&house, &broker).await;
    let mut client = connect(&house, &broker).await;
    for n in 0..100 {
        client.say(&n.to_string()).await;
    }
    let frame = CloseFrame {
        code: CloseCode::Library(4999),
        reason: "my secret reason".into(),
    };
    client.socket.close(Some(frame)).await.unwrap();
    for n in 0..100 {
        assert_eq!(witness.hear().await, n.to_string());
    }
    // The code comes back; the words go nowhere.
    assert_eq!(client.closed().await, 4999);
    let (why, traffic) = house.end_of(client.who.session);
    assert_eq!(why, Close::new(4999, "closed by the peer"));
    assert_eq!((traffic.messages_in, traffic.bytes_in), (100, 190));
}

#[tokio::test]
async fn an_end_is_told_once_however_it_comes() {
    let house = House::new();
    let broker = house.broker(Settings::default());

    let gone = connect(&house, &broker).await;
    drop(gone.socket);
    assert_eq!(soon(gone.served).await.unwrap(), Close::ABNORMAL);

    let aborted = connect(&house, &broker).await;
    aborted.served.abort();
    assert!(soon(aborted.served).await.unwrap_err().is_cancelled());

    let mut panicked = connect(&house, &broker).await;
    panicked.say("poison").await;
    assert!(soon(panicked.served).await.unwrap_err().is_panic());

    for who in [gone.who, aborted.who, panicked.who] {
        assert_eq!(house.end_of(who.session).0, Close::ABNORMAL);
    }
    assert_eq!(broker.count_endpoint(ENDPOINT), 0);
    assert_eq!(broker.count_tenant(TENANT), 0);
    assert!(
        broker
            .sessions(Selector {
                tenant: TENANT,
                scope: Scope::Tenant
            })
            .is_empty()
    );
}

#[tokio::test]
async fn totals_are_told_now_and_then_and_only_when_something_moved() {
    let house = House::new();
    let settings = Settings {
        report_every: Duration::from_millis(50),
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let mut client = connect(&house, &broker).await;
    let _silent = connect(&house, &broker).await;
    client.say("four").await;
    client.say("five!").await;
    eventually(|| !house.active.lock().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    let active = house.active.lock().clone();
    let of_client: Vec<_> = active
        .iter()
        .filter(|(id, _)| *id == client.who.session)
        .collect();
    assert_eq!(of_client.len(), 1, "{active:?}");
    assert_eq!((of_client[0].1.messages_in, of_client[0].1.bytes_in), (2, 9));
}

#[tokio::test]
async fn whoever_was_withdrawn_while_connecting_does_not_stay() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    *house.may_stay.lock() = Err(Refusal::ConsentMissing);
    let mut late = connect(&house, &broker).await;
    assert_eq!(late.closed().await, 4030);
}

#[tokio::test]
async fn an_idle_session_is_small() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let (_near, far) = tokio::io::duplex(1);
    let size = size_of_val(&broker.serve_channel(far, house.somebody(), options()));
    // Every socket has one of these, whatever it does. The buffers come on top.
    assert!(size <= 1024, "{size} bytes");
}
