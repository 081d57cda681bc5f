//! How many sessions may wait for sockets to back ends on one node, whatever relay they wait for.

use std::{sync::Arc, time::Duration};

use broker::{
    Broker, RelayOptions, SessionOptions, Settings,
    host::Identity,
    upstream::{Mux, PoolError, PoolSettings},
};
use bytes::Bytes;
use tokio::{io::duplex, net::TcpListener, time::Instant};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use uuid::Uuid;

use crate::{
    house::{Client, House, eventually},
    relay::{BackEnd, connect, local},
};

#[tokio::test]
async fn too_many_who_wait_for_different_back_ends_are_sent_away() {
    let house = House::new();
    // A side that does not answer a close frame is not waited for long.
    let broker = house.broker(Settings {
        waiting: 2,
        close_timeout: Duration::from_millis(300),
        ..Settings::default()
    });
    let mut pools = Vec::new();
    let mut held = Vec::new();
    for endpoint in 1..=3 {
        let mut back_end = BackEnd::start().await;
        let settings = PoolSettings {
            endpoint: Uuid::from_u128(endpoint),
            min: 0,
            max: 1,
            acquire_timeout: Duration::from_secs(30),
            ..back_end.settings()
        };
        let pool = broker.open_pool(settings, local());
        let client = connect(&broker, house.somebody(), &pool).await;
        let socket = back_end.socket().await;
        eventually(|| pool.stats().active == 1).await;
        pools.push(pool);
        held.push((client, socket, back_end));
    }
    assert_eq!(pools[2].refusal(), None, "nobody waits yet");
    let first = connect(&broker, house.somebody(), &pools[0]).await;
    let second = connect(&broker, house.somebody(), &pools[1]).await;
    eventually(|| pools[0].stats().waiting + pools[1].stats().waiting == 2).await;

    // Before the handshake, and after it.
    let refusal = pools[2].refusal().expect("there is no place left");
    assert_eq!(refusal.0, PoolError::QueueFull);
    assert!(refusal.1 >= Duration::from_secs(1));
    let start = Instant::now();
    let mut third = connect(&broker, house.somebody(), &pools[2]).await;
    assert_eq!(third.closed().await, 4100);
    assert!(start.elapsed() < Duration::from_secs(5), "it did not wait");

    // Who is served leaves a place to somebody else.
    held[0].0.socket.close(None).await.unwrap();
    eventually(|| pools[2].refusal().is_none()).await;
    let _third = connect(&broker, house.somebody(), &pools[2]).await;
    eventually(|| pools[2].stats().waiting == 1).await;
    drop((first, second));
}

#[tokio::test]
async fn who_finds_a_socket_ready_waits_for_nothing() {
    let house = House::new();
    let broker = house.broker(Settings {
        waiting: 1,
        ..Settings::default()
    });
    let mut busy = BackEnd::start().await;
    let settings = PoolSettings {
        min: 0,
        max: 1,
        acquire_timeout: Duration::from_secs(30),
        ..busy.settings()
    };
    let full = broker.open_pool(settings, local());
    let _held = connect(&broker, house.somebody(), &full).await;
    let _socket = busy.socket().await;
    let _waits = connect(&broker, house.somebody(), &full).await;
    eventually(|| full.stats().waiting == 1).await;

    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(back_end.settings(), local());
    let _socket = back_end.socket().await;
    eventually(|| pool.stats().idle == 1).await;
    assert_eq!(pool.refusal(), None, "a socket is ready");
    let _served = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().active == 1).await;
}

async fn connect_shared(broker: &Broker, who: Arc<Identity>, mux: &Mux) -> Client {
    let (near, far) = duplex(64 << 10);
    let options = RelayOptions {
        channel: "relay".into(),
        session: SessionOptions::default(),
    };
    let served = tokio::spawn({
        let (broker, who, mux) = (broker.clone(), Arc::clone(&who), mux.clone());
        async move {
            broker
                .serve_shared(far, who, options, mux, Bytes::from_static(b"{}"))
                .await
        }
    });
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    Client { socket, who, served }
}

#[tokio::test]
async fn those_who_would_share_sockets_take_places_while_there_is_none() {
    let house = House::new();
    let broker = house.broker(Settings {
        waiting: 1,
        ..Settings::default()
    });
    // Takes connections and never answers a handshake.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let settings = PoolSettings {
        min: 0,
        acquire_timeout: Duration::from_secs(3),
        subprotocol: Some(Mux::PROTOCOL.to_owned()),
        ..PoolSettings::new(url.parse().unwrap())
    };
    let mux = Mux::new(broker.open_pool(settings, local()), 10);
    assert_eq!(mux.refusal(), None);
    let _first = connect_shared(&broker, house.somebody(), &mux).await;
    eventually(|| mux.pool().stats().waiting == 1).await;
    assert_eq!(
        mux.refusal().map(|(why, _)| why),
        Some(PoolError::QueueFull),
        "there is no place left"
    );
    let mut second = connect_shared(&broker, house.somebody(), &mux).await;
    assert_eq!(second.closed().await, 4100);
    // Who waited in vain leaves its place.
    eventually(|| mux.refusal().is_none()).await;
}
