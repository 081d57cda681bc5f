use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use broker::{
    Settings,
    egress::{Egress, EgressSettings},
    upstream::PoolSettings,
};
use futures_util::{SinkExt, StreamExt};
use rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use tokio::{net::TcpListener, time::Instant};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    accept_async, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use crate::{
    house::{House, eventually, soon},
    relay::{BackEnd, connect, local},
};

#[tokio::test]
async fn warm_sockets_are_there_before_anybody_comes_and_are_replaced_when_taken() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(
        PoolSettings {
            min: 3,
            ..back_end.settings()
        },
        local(),
    );
    eventually(|| pool.stats().idle == 3).await;
    let client = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().active == 1 && pool.stats().idle == 3).await;
    assert_eq!(pool.stats().connects, 4);
    for _ in 0..4 {
        back_end.socket().await;
    }
    drop(client);
    eventually(|| pool.stats().active == 0).await;
}

#[tokio::test]
async fn the_back_end_never_sees_more_than_max_and_everybody_gets_a_turn() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    tokio::spawn({
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (open, most) = (Arc::clone(&open), Arc::clone(&most));
                tokio::spawn(async move {
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let mut socket = accept_async(stream).await.unwrap();
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_text() {
                            socket.send(message).await.unwrap();
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
    let settings = PoolSettings {
        min: 2,
        max: 3,
        ..PoolSettings::new(url)
    };
    let pool = broker.open_pool(settings, local());
    let clients: Vec<_> = (0..20)
        .map(|n| {
            let (house, broker, pool) = (Arc::clone(&house), broker.clone(), pool.clone());
            tokio::spawn(async move {
                let mut client = connect(&broker, house.somebody(), &pool).await;
                client.say(&n.to_string()).await;
                assert_eq!(client.hear().await, n.to_string());
                client.socket.close(None).await.unwrap();
                client.closed().await;
            })
        })
        .collect();
    for client in clients {
        soon(client).await.unwrap();
    }
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?} sockets at once");
    eventually(|| pool.stats().active == 0 && pool.stats().idle == 2).await;
}

#[tokio::test]
async fn who_waits_too_long_or_behind_too_many_is_told() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let settings = PoolSettings {
        max: 1,
        queue: 1,
        ..back_end.settings()
    };
    let pool = broker.open_pool(settings, local());
    let _back = back_end.socket().await;
    let _first = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().active == 1).await;
    let start = Instant::now();
    let mut waits = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().waiting == 1).await;
    let mut too_many = connect(&broker, house.somebody(), &pool).await;
    assert_eq!(too_many.closed().await, 4100);
    assert!(start.elapsed() < Duration::from_millis(250), "it did not wait");
    assert_eq!(waits.closed().await, 4100);
    assert!(start.elapsed() >= Duration::from_millis(300), "it waited");
}

#[tokio::test]
async fn a_socket_that_becomes_free_goes_to_who_waits_longest() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let settings = PoolSettings {
        max: 1,
        acquire_timeout: Duration::from_secs(5),
        ..back_end.settings()
    };
    let pool = broker.open_pool(settings, local());
    let mut first = connect(&broker, house.somebody(), &pool).await;
    let back = back_end.socket().await;
    eventually(|| pool.stats().active == 1).await;
    let mut second = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().waiting == 1).await;
    let mut third = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().waiting == 2).await;
    drop(back);
    first.closed().await;
    let mut back = back_end.socket().await;
    back.send(Message::text("yours")).await.unwrap();
    assert_eq!(second.hear().await, "yours");
    third.silence().await;
    drop(back);
    second.closed().await;
    back_end
        .socket()
        .await
        .send(Message::text("yours now"))
        .await
        .unwrap();
    assert_eq!(third.hear().await, "yours now");
}

#[tokio::test]
async fn what_a_back_end_says_first_is_kept_for_its_session() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(back_end.settings(), local());
    let mut back = back_end.socket().await;
    back.send(Message::text("welcome")).await.unwrap();
    back.send(Message::binary(vec![1, 2])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut client = connect(&broker, house.somebody(), &pool).await;
    assert_eq!(client.hear().await, "welcome");
    assert_eq!(client.next().await, Message::binary(vec![1, 2]));
    back.send(Message::text("more")).await.unwrap();
    assert_eq!(client.hear().await, "more");
}

#[tokio::test]
async fn dead_sockets_are_noticed_and_the_pool_refills_after_a_restart() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(
        PoolSettings {
            min: 2,
            ..back_end.settings()
        },
        local(),
    );
    let sockets = [back_end.socket().await, back_end.socket().await];
    eventually(|| pool.stats().idle == 2).await;
    let address = back_end.address;
    back_end.stop().await;
    drop(sockets);
    eventually(|| pool.stats().idle == 0 && pool.stats().failures > 0).await;

    let mut back_end = BackEnd::start_at(address).await;
    eventually(|| pool.stats().idle == 2).await;
    let mut client = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().active == 1).await;
    client.say("still here").await;
    // Whichever of the fresh sockets it got.
    let heard = async {
        let mut sockets = futures_util::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(mut socket) = back_end.sockets.recv() => sockets.push(async move { socket.next().await }),
                Some(Some(Ok(message))) = sockets.next() => break message,
            }
        }
    };
    assert_eq!(soon(heard).await, Message::text("still here"));
}

#[tokio::test]
async fn a_back_end_that_does_not_come_back_is_not_hammered() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let back_end = BackEnd::start().await;
    let settings = PoolSettings {
        min: 10,
        ..back_end.settings()
    };
    back_end.stop().await;
    let pool = broker.open_pool(settings, local());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let failures = pool.stats().failures;
    // Ten at first, one at a time from then on, after pauses that grow.
    assert!((10..40).contains(&failures), "{failures} attempts");
}

#[tokio::test]
async fn sockets_that_are_closed_as_soon_as_they_open_are_not_reopened_in_a_hurry() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(back_end.settings(), local());
    let end = Instant::now() + Duration::from_millis(500);
    let mut opened = 0;
    while tokio::time::timeout_at(end, back_end.sockets.recv())
        .await
        .is_ok()
    {
        opened += 1;
    }
    assert!((1..40).contains(&opened), "{opened} sockets, {:?}", pool.stats());
}

#[tokio::test]
async fn ready_sockets_are_replaced_when_they_are_old_and_closed_when_the_pool_goes() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let settings = PoolSettings {
        max_lifetime: Duration::from_millis(100),
        ..back_end.settings()
    };
    let pool = broker.open_pool(settings, local());
    let mut first = back_end.socket().await;
    assert!(
        matches!(soon(first.next()).await, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1000)
    );
    let mut second = back_end.socket().await;
    eventually(|| pool.stats().idle == 1).await;
    drop(pool);
    assert!(matches!(soon(second.next()).await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_connected_to() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let closed = Egress::new(EgressSettings::default());
    let pool = broker.open_pool(back_end.settings(), closed);
    let mut client = connect(&broker, house.somebody(), &pool).await;
    assert_eq!(client.closed().await, 4101);
    assert_eq!(pool.stats().connects, 0);
    assert!(back_end.sockets.try_recv().is_err());
}

/// A back end with a certificate of its own authority: its address, and the guard of somebody who trusts it.
async fn secure_back_end() -> (TcpListener, TlsAcceptor, Egress) {
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = EgressSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..EgressSettings::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (
        listener,
        TlsAcceptor::from(Arc::new(server)),
        Egress::with_tls(settings, Arc::new(client)),
    )
}

#[tokio::test]
async fn a_secure_back_end_is_known_by_its_name() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let (listener, acceptor, egress) = secure_back_end().await;
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            assert_eq!(stream.get_ref().1.server_name(), Some("localhost"));
            let mut socket = accept_async(stream).await.unwrap();
            tokio::spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let _ = socket.send(message).await;
                }
            });
        }
    });
    let url = format!("wss://localhost:{port}/").parse().unwrap();
    let pool = broker.open_pool(
        PoolSettings {
            min: 1,
            ..PoolSettings::new(url)
        },
        egress.clone(),
    );
    let mut client = connect(&broker, house.somebody(), &pool).await;
    client.say("through the tunnel").await;
    assert_eq!(client.hear().await, "through the tunnel");

    // The same machine by another name is somebody else.
    let url = format!("wss://127.0.0.1:{port}/").parse().unwrap();
    let settings = PoolSettings {
        acquire_timeout: Duration::from_millis(200),
        ..PoolSettings::new(url)
    };
    let pool = broker.open_pool(settings, egress);
    let mut client = connect(&broker, house.somebody(), &pool).await;
    assert_eq!(client.closed().await, 4101);
    assert_eq!(pool.stats().connects, 0);
}

#[tokio::test]
async fn headers_and_subprotocol_reach_the_back_end_and_redirects_lead_nowhere() {
    #[expect(
        clippy::result_large_err,
        clippy::unnecessary_wraps,
        reason = "the library's signature"
    )]
    fn look(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        assert_eq!(request.headers()["x-secret"], "sesame");
        assert_eq!(request.headers()["sec-websocket-protocol"], "chat.v1");
        response
            .headers_mut()
            .insert("sec-websocket-protocol", "chat.v1".parse().unwrap());
        Ok(response)
    }
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    fn redirect(_: &Request, _: Response) -> Result<Response, ErrorResponse> {
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::FOUND;
        response
            .headers_mut()
            .insert("location", "ws://127.0.0.1:1/".parse().unwrap());
        Err(response)
    }
    let house = House::new();
    let broker = house.broker(Settings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "ws://localhost:{}/path?q=1",
        listener.local_addr().unwrap().port()
    )
    .parse()
    .unwrap();
    let settings = PoolSettings {
        min: 1,
        subprotocol: Some("chat.v1".into()),
        headers: vec![("X-Secret".into(), "sesame".into())],
        ..PoolSettings::new(url)
    };
    let egress = Egress::new(EgressSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..Default::default()
    });
    assert!(!format!("{settings:?}").contains("sesame"));
    let pool = broker.open_pool(settings, egress);
    let (stream, _) = soon(listener.accept()).await.unwrap();
    accept_hdr_async(stream, redirect).await.unwrap_err();
    eventually(|| pool.stats().failures == 1).await;
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let _socket = accept_hdr_async(stream, look).await.unwrap();
    eventually(|| pool.stats().idle == 1).await;
}
