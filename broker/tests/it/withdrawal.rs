use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{
    Broker, Close, Cutoff, Scope, Selector, Settings,
    host::{Identity, Record},
};
use futures_util::StreamExt;
use tokio::{task::JoinHandle, time::Instant};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::house::{
    ENDPOINT, House, PURPOSE, TENANT, connect, connect_with, eventually, options, post, soon, tenant, text,
};

fn only(who: &Identity) -> Selector {
    Selector {
        tenant: TENANT,
        scope: Scope::Subject(who.subject().unwrap()),
    }
}

/// Publishes as fast as it can, numbers in rising order, until told to stop.
fn flood(broker: &Broker) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let flood = tokio::spawn({
        let (stop, broker) = (Arc::clone(&stop), broker.clone());
        async move {
            let channel = Arc::from("main");
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                broker
                    .publish(post(tenant(), &channel, text(&n.to_string())))
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    (stop, flood)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_delivered_after_a_withdrawal_is_answered() {
    for record in [Record::Never, Record::Before] {
        for round in 0..20 {
            let house = House::new();
            let settings = Settings {
                queue_messages: 1 << 20,
                queue_bytes: 1 << 30,
                ..Settings::default()
            };
            let broker = house.recording(record).broker(settings);
            let mut client = connect(&house, &broker).await;
            let mut witness = connect(&house, &broker).await;
            let (stop, flood) = flood(&broker);
            for _ in 0..(round * 7) {
                client.hear().await;
            }
            let cutoffs = soon(broker.disconnect(only(&client.who), Close::CONSENT_WITHDRAWN)).await;
            // The flood goes on.
            for _ in 0..50 {
                witness.hear().await;
            }
            let [cutoff] = cutoffs.as_slice() else {
                panic!("{cutoffs:?}")
            };
            let (rest, code) = client.drain().await;
            assert_eq!(
                (cutoff.session, cutoff.endpoint, cutoff.exact),
                (client.who.session, ENDPOINT, true)
            );
            assert_eq!(
                cutoff.delivered,
                round * 7 + rest as u64,
                "{record:?}, round {round}"
            );
            assert_eq!(code, 4031);
            let last = cutoff.last.as_ref().map_or(0, |position| position.offset);
            let expected = if record == Record::Before {
                cutoff.delivered
            } else {
                0
            };
            assert_eq!(last, i64::try_from(expected).unwrap());
            soon(&mut client.served).await.unwrap();
            let (why, traffic) = house.end_of(client.who.session);
            assert_eq!(
                (why, traffic.messages_out),
                (Close::CONSENT_WITHDRAWN, cutoff.delivered)
            );
            stop.store(true, Ordering::Relaxed);
            flood.await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_waited_for_the_session_is_dropped() {
    let house = House::new();
    let settings = Settings {
        write_buffer: 256,
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let mut client = connect_with(&broker, house.somebody(), options(), 256).await;
    let channel = Arc::from("main");
    for n in 0..100 {
        broker
            .publish(post(tenant(), &channel, text(&format!("{n:060}"))))
            .await
            .unwrap();
    }
    // The socket is stuck with most of them in the queue; the reader comes back just in time.
    let disconnect = tokio::spawn({
        let (broker, who) = (broker.clone(), Arc::clone(&client.who));
        async move { broker.disconnect(only(&who), Close::CONSENT_WITHDRAWN).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!disconnect.is_finished(), "bytes are still on their way");
    let (got, code) = client.drain().await;
    let cutoff = soon(disconnect).await.unwrap().remove(0);
    assert_eq!((got as u64, code, cutoff.exact), (cutoff.delivered, 4031, true));
    assert!(got < 20, "{got}");
}

#[tokio::test]
async fn a_stuck_socket_is_cut_and_says_so() {
    let house = House::new();
    let settings = Settings {
        cut_within: Duration::from_millis(100),
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let mut client = connect_with(&broker, house.somebody(), options(), 64).await;
    let channel = Arc::from("main");
    for _ in 0..10 {
        broker
            .publish(post(tenant(), &channel, text(&"x".repeat(100))))
            .await
            .unwrap();
    }
    // The session's task gets as far as it can.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let start = Instant::now();
    let cutoff = soon(broker.disconnect(only(&client.who), Close::SUBJECT_ERASED))
        .await
        .remove(0);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(!cutoff.exact);
    // What lies in the pipe comes out, and then the pipe is closed.
    let (got, code) = client.drain().await;
    assert!(got as u64 <= cutoff.delivered);
    assert_eq!(code, 0);
    assert_eq!(soon(client.served).await.unwrap().code, 4033);
    assert_eq!(house.end_of(client.who.session).0, Close::SUBJECT_ERASED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silenced_purpose_stops_and_the_session_goes_on() {
    for _ in 0..20 {
        let house = House::new();
        let settings = Settings {
            queue_messages: 1 << 20,
            queue_bytes: 1 << 30,
            ..Settings::default()
        };
        let broker = house.broker(settings);
        *house.purpose.lock() = Some(PURPOSE);
        let mut client = connect(&house, &broker).await;
        let (stop, flood) = flood(&broker);
        for _ in 0..20 {
            client.hear().await;
        }
        house
            .withdrawn
            .lock()
            .insert((client.who.subject(), Some(PURPOSE)));
        let cutoff = soon(broker.silence(only(&client.who), PURPOSE)).await.remove(0);
        assert!(cutoff.exact);
        // Everything up to the cut-off comes, and nothing after it though the flood goes on.
        for _ in 20..cutoff.delivered {
            client.hear().await;
        }
        client.silence().await;
        stop.store(true, Ordering::Relaxed);
        flood.await.unwrap();
        *house.purpose.lock() = None;
        broker
            .publish(post(tenant(), &Arc::from("main"), text("other")))
            .await
            .unwrap();
        assert_eq!(client.hear().await, "other");
    }
}

#[tokio::test]
async fn a_selector_means_what_it_says_and_never_another_tenant() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let first = connect(&house, &broker).await;
    let second = Arc::new(Identity::new(
        Uuid::from_u128(71),
        TENANT,
        ENDPOINT,
        first.who.subject().map(|subject| house.known(subject)),
    ));
    let second = connect_with(&broker, second, options(), 1024).await;
    let third = Arc::new(Identity::new(
        Uuid::from_u128(72),
        TENANT,
        Uuid::from_u128(73),
        first.who.subject().map(|subject| house.known(subject)),
    ));
    let third = connect_with(&broker, third, options(), 1024).await;
    let fourth = connect(&house, &broker).await;
    let subject = first.who.subject().unwrap();

    let found = |tenant, scope| {
        let mut found: Vec<_> = broker
            .sessions(Selector { tenant, scope })
            .iter()
            .map(|who| who.session)
            .collect();
        found.sort();
        found
    };
    let sorted = |clients: &[&crate::house::Client]| {
        let mut sessions: Vec<_> = clients.iter().map(|client| client.who.session).collect();
        sessions.sort();
        sessions
    };
    assert_eq!(
        found(TENANT, Scope::Tenant),
        sorted(&[&first, &second, &third, &fourth])
    );
    assert_eq!(
        found(TENANT, Scope::Endpoint(ENDPOINT)),
        sorted(&[&first, &second, &fourth])
    );
    assert_eq!(
        found(TENANT, Scope::Subject(subject)),
        sorted(&[&first, &second, &third])
    );
    let both = Scope::SubjectOn {
        subject,
        endpoint: ENDPOINT,
    };
    assert_eq!(found(TENANT, both), sorted(&[&first, &second]));
    assert_eq!(
        found(TENANT, Scope::Session(third.who.session)),
        sorted(&[&third])
    );
    let stranger = Uuid::from_u128(999);
    for scope in [
        Scope::Tenant,
        Scope::Endpoint(ENDPOINT),
        Scope::Subject(subject),
        both,
        Scope::Session(first.who.session),
    ] {
        assert!(found(stranger, scope).is_empty(), "{scope:?}");
        let selector = Selector {
            tenant: stranger,
            scope,
        };
        assert!(
            broker
                .disconnect(selector, Close::DISCONNECTED_BY_TENANT)
                .await
                .is_empty()
        );
    }
    assert_eq!(broker.count_tenant(TENANT), 4);

    // One of three goes, and the other two are still found.
    drop(second.socket);
    soon(second.served).await.unwrap();
    assert_eq!(found(TENANT, Scope::Subject(subject)), sorted(&[&first, &third]));
}

#[tokio::test]
async fn many_are_closed_at_once_and_each_answers() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(connect(&house, &broker).await);
    }
    let selector = Selector {
        tenant: TENANT,
        scope: Scope::Endpoint(ENDPOINT),
    };
    let cutoffs: Vec<Cutoff> = soon(broker.disconnect(selector, Close::DISABLED)).await;
    assert_eq!(cutoffs.len(), 50);
    for client in &mut clients {
        let Some(Ok(Message::Close(Some(frame)))) = soon(client.socket.next()).await else {
            panic!("no close frame")
        };
        assert_eq!(u16::from(frame.code), 4003);
        client.drain().await;
    }
    eventually(|| house.closed.lock().len() == 50).await;
}
