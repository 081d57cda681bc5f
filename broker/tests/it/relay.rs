use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{
    Broker, Close, RelayOptions, Scope, Selector, SessionOptions, Settings,
    egress::{Egress, EgressSettings},
    host::{Direction, Identity, JournalFault, Record, Refusal},
    upstream::{Pool, PoolSettings},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::duplex,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};

use crate::house::{Client, House, TENANT, eventually, soon};

/// A back end whose sockets the test holds itself.
pub(crate) struct BackEnd {
    pub(crate) address: SocketAddr,
    pub(crate) sockets: mpsc::UnboundedReceiver<WebSocketStream<TcpStream>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl BackEnd {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, sockets) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(socket) = accept_async(stream).await {
                    let _ = accepted.send(socket);
                }
            }
        });
        Self {
            address,
            sockets,
            accepting,
        }
    }

    pub(crate) async fn socket(&mut self) -> WebSocketStream<TcpStream> {
        soon(self.sockets.recv()).await.unwrap()
    }

    pub(crate) fn settings(&self) -> PoolSettings {
        let url = format!("ws://{}/", self.address).parse().unwrap();
        PoolSettings {
            min: 1,
            acquire_timeout: Duration::from_millis(300),
            ..PoolSettings::new(url)
        }
    }

    /// Takes no more connections, and drops those it has.
    pub(crate) async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

pub(crate) fn local() -> Egress {
    Egress::new(EgressSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressSettings::default()
    })
}

pub(crate) async fn connect(broker: &Broker, who: Arc<Identity>, pool: &Pool) -> Client {
    let (near, far) = duplex(64 << 10);
    let options = RelayOptions {
        channel: "relay".into(),
        session: SessionOptions::default(),
    };
    let served = tokio::spawn({
        let (broker, who, pool) = (broker.clone(), Arc::clone(&who), pool.clone());
        async move { broker.serve_relay(far, who, options, pool).await }
    });
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    Client { socket, who, served }
}

struct Scene {
    house: Arc<House>,
    broker: Broker,
    pool: Pool,
    back_end: BackEnd,
    client: Client,
    /// The socket that is tied to the client's.
    back: WebSocketStream<TcpStream>,
}

async fn scene(record: Record) -> Scene {
    let house = House::new();
    // A side that does not answer a close frame, as a test that looks elsewhere, is not waited for long.
    let settings = Settings {
        close_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let broker = house.recording(record).broker(settings);
    let mut back_end = BackEnd::start().await;
    let pool = broker.open_pool(back_end.settings(), local());
    let back = back_end.socket().await;
    eventually(|| pool.stats().idle == 1).await;
    let client = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().active == 1).await;
    Scene {
        house,
        broker,
        pool,
        back_end,
        client,
        back,
    }
}

async fn heard(socket: &mut WebSocketStream<TcpStream>) -> Message {
    loop {
        match soon(socket.next()).await.unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => {
                // The answer to a close frame leaves with the next flush.
                let _ = socket.flush().await;
                return message;
            }
        }
    }
}

fn frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }
}

#[tokio::test]
async fn text_and_binary_pass_both_ways_in_order() {
    for record in [Record::Never, Record::After, Record::Before] {
        let mut scene = scene(record).await;
        for n in 0..100 {
            scene.client.say(&format!("up {n}")).await;
            scene.back.send(Message::text(format!("down {n}"))).await.unwrap();
        }
        scene
            .client
            .socket
            .send(Message::binary(vec![255, 0]))
            .await
            .unwrap();
        scene.back.send(Message::binary(vec![254, 0])).await.unwrap();
        for n in 0..100 {
            assert_eq!(
                heard(&mut scene.back).await,
                Message::text(format!("up {n}")),
                "{record:?}"
            );
            assert_eq!(scene.client.hear().await, format!("down {n}"));
        }
        assert_eq!(heard(&mut scene.back).await, Message::binary(vec![255, 0]));
        assert_eq!(scene.client.next().await, Message::binary(vec![254, 0]));

        let recorded = if record == Record::Never { 0 } else { 101 };
        let count = |direction| {
            scene
                .house
                .drafts
                .lock()
                .iter()
                .filter(|(way, _)| *way == direction)
                .count()
        };
        eventually(|| count(Direction::Inbound) == recorded && count(Direction::Outbound) == recorded).await;
    }
}

#[tokio::test]
async fn a_large_message_passes_and_waits_for_a_slow_reader() {
    let mut scene = scene(Record::Never).await;
    let large = "x".repeat(1 << 20);
    // More than all the buffers on the way hold, before anybody reads.
    let mut back = scene.back;
    let sender = tokio::spawn({
        let large = large.clone();
        async move {
            for _ in 0..20 {
                back.send(Message::text(large.clone())).await.unwrap();
            }
            back
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..20 {
        assert_eq!(scene.client.hear().await.len(), large.len());
    }
    soon(sender).await.unwrap();
}

#[tokio::test]
async fn the_clients_close_code_reaches_the_back_end_after_its_messages() {
    let mut scene = scene(Record::Before).await;
    for n in 0..50 {
        scene.client.say(&n.to_string()).await;
    }
    scene.client.socket.close(Some(frame(4777, "bye"))).await.unwrap();
    for n in 0..50 {
        assert_eq!(heard(&mut scene.back).await, Message::text(n.to_string()));
    }
    assert_eq!(
        heard(&mut scene.back).await,
        Message::Close(Some(frame(4777, "bye")))
    );
    assert_eq!(scene.client.closed().await, 4777);
    assert_eq!(
        scene.house.end_of(scene.client.who.session).0,
        Close::new(4777, "closed by the peer")
    );
    eventually(|| scene.pool.stats().active == 0).await;
}

#[tokio::test]
async fn the_back_ends_close_code_reaches_the_client_after_its_messages() {
    let mut scene = scene(Record::Before).await;
    for n in 0..50 {
        scene.back.send(Message::text(n.to_string())).await.unwrap();
    }
    scene.back.close(Some(frame(4888, "enough"))).await.unwrap();
    for n in 0..50 {
        assert_eq!(scene.client.hear().await, n.to_string());
    }
    let Message::Close(Some(close)) = scene.client.next().await else {
        panic!("no close frame")
    };
    assert_eq!(close, frame(4888, "enough"));
    scene.client.closed().await;
    eventually(|| scene.pool.stats().active == 0).await;
}

#[tokio::test]
async fn a_close_without_a_code_stays_one() {
    let mut scene = scene(Record::Never).await;
    scene.client.socket.close(None).await.unwrap();
    assert_eq!(heard(&mut scene.back).await, Message::Close(None));
    assert_eq!(scene.client.closed().await, 1005);
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_no_socket_behind() {
    let mut scene = scene(Record::Never).await;
    drop(scene.client.socket);
    let Message::Close(Some(close)) = heard(&mut scene.back).await else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(close.code), 1001);
    assert_eq!(soon(scene.client.served).await.unwrap(), Close::ABNORMAL);
    eventually(|| scene.pool.stats().active == 0).await;
}

#[tokio::test]
async fn a_back_end_that_vanishes_is_told_as_unavailable() {
    let mut scene = scene(Record::Never).await;
    drop(scene.back);
    assert_eq!(scene.client.closed().await, 4101);
    assert_eq!(
        scene.house.end_of(scene.client.who.session).0,
        Close::UPSTREAM_UNAVAILABLE
    );
}

#[tokio::test]
async fn no_back_end_at_all_is_told_as_unavailable() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let back_end = BackEnd::start().await;
    let settings = back_end.settings();
    back_end.stop().await;
    let pool = broker.open_pool(settings, local());
    let mut client = connect(&broker, house.somebody(), &pool).await;
    assert_eq!(client.closed().await, 4101);
    assert!(pool.stats().failures > 0);
}

#[tokio::test]
async fn what_may_not_pass_reaches_nobody() {
    let mut inbound = scene(Record::Never).await;
    *inbound.house.refusal.lock() = Some(Refusal::ConsentMissing);
    inbound.client.say("something").await;
    let Message::Close(Some(close)) = heard(&mut inbound.back).await else {
        panic!("it passed")
    };
    assert_eq!(u16::from(close.code), 4030);
    assert_eq!(inbound.client.closed().await, 4030);

    let mut outbound = scene(Record::Before).await;
    *outbound.house.fault.lock() = Some(JournalFault::Failed);
    outbound.back.send(Message::text("something")).await.unwrap();
    assert_eq!(outbound.client.drain().await, (0, 1011));
}

#[tokio::test]
async fn a_withdrawal_ends_both_sides() {
    let mut scene = scene(Record::Never).await;
    for _ in 0..10 {
        scene.back.send(Message::text("down")).await.unwrap();
    }
    scene.client.hear().await;
    let selector = Selector {
        tenant: TENANT,
        scope: Scope::Session(scene.client.who.session),
    };
    let cutoff = soon(scene.broker.disconnect(selector, Close::CONSENT_WITHDRAWN))
        .await
        .remove(0);
    let _ = scene.back.send(Message::text("too late")).await;
    let (rest, code) = scene.client.drain().await;
    assert_eq!((cutoff.delivered, code), (1 + rest as u64, 4031));
    let Message::Close(Some(close)) = heard(&mut scene.back).await else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(close.code), 4031);
    scene.client.closed().await;
}

#[tokio::test]
async fn a_session_that_waits_for_a_socket_can_be_withdrawn() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut back_end = BackEnd::start().await;
    let settings = PoolSettings {
        max: 1,
        acquire_timeout: Duration::from_secs(30),
        ..back_end.settings()
    };
    let pool = broker.open_pool(settings, local());
    let _back = back_end.socket().await;
    let _first = connect(&broker, house.somebody(), &pool).await;
    let mut second = connect(&broker, house.somebody(), &pool).await;
    eventually(|| pool.stats().waiting == 1).await;
    let selector = Selector {
        tenant: TENANT,
        scope: Scope::Session(second.who.session),
    };
    assert_eq!(
        soon(broker.disconnect(selector, Close::SUBJECT_ERASED))
            .await
            .len(),
        1
    );
    assert_eq!(second.closed().await, 4033);
    eventually(|| pool.stats().waiting == 0).await;
}

#[tokio::test]
async fn a_purpose_that_is_withdrawn_while_it_is_recorded_does_not_reach_the_client() {
    let mut scene = scene(Record::Before).await;
    scene
        .house
        .withdrawn
        .lock()
        .insert((scene.client.who.subject(), None));
    scene.back.send(Message::text("withdrawn")).await.unwrap();
    scene.client.silence().await;
    scene.house.withdrawn.lock().clear();
    scene.back.send(Message::text("allowed")).await.unwrap();
    assert_eq!(scene.client.hear().await, "allowed");
}

#[tokio::test]
async fn an_oversize_message_of_either_side_ends_both() {
    let mut from_client = scene(Record::Never).await;
    from_client
        .client
        .socket
        .send(Message::binary(vec![0; (64 << 10) + 1]))
        .await
        .unwrap();
    let Message::Close(Some(close)) = heard(&mut from_client.back).await else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(close.code), 1009);
    assert_eq!(from_client.client.closed().await, 1009);

    let mut from_back = scene(Record::Never).await;
    from_back
        .back
        .send(Message::binary(vec![0; (1 << 20) + 1]))
        .await
        .unwrap();
    assert_eq!(from_back.client.closed().await, 4101);
    // The client did nothing wrong; the back end did.
    let Message::Close(Some(close)) = heard(&mut from_back.back).await else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(close.code), 1009);
    drop(from_back.back_end);
}
