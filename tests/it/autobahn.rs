//! RFC 6455 to the letter: the cases of the Autobahn test suite, on a relay that leads to an echo, and on channels where somebody
//! else sends back what they hear.

use tests::{Echo, Endpoint, Server, Socket, Tenant, sdks, socket::Frame};
use tokio::task::JoinSet;

/// More than there are cases at a time, so that each rests a while.
const CHANNELS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_keep_every_rule_of_the_protocol() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    let relay_url = url(&acme, &relay).await;
    let mut mirrors = JoinSet::new();
    let mut channel_urls = Vec::new();
    for n in 0..CHANNELS {
        let channel = acme.channel(&format!("channel-{n}")).await;
        mirrors.spawn(mirror(acme.connect(&channel, "mirror").await));
        channel_urls.push(url(&acme, &channel).await);
    }
    let settings = vec![
        ("WEIR_RELAY_URL", relay_url),
        ("WEIR_CHANNEL_URLS", channel_urls.join(" ")),
    ];
    sdks::run("autobahn.py", settings).await;
    assert!(mirrors.try_join_next().is_none(), "nobody else was disturbed");
}

async fn url(acme: &Tenant, endpoint: &Endpoint) -> String {
    endpoint.url(&acme.token(endpoint, "ada").await)
}

/// Sends back what it hears.
async fn mirror(mut socket: Socket) {
    loop {
        match socket.within(std::time::Duration::from_mins(1)).await {
            Some(Frame::Text(text)) => socket.send(text).await,
            Some(Frame::Binary(bytes)) => socket.send_bytes(bytes).await,
            Some(Frame::Close(..) | Frame::Lost) => return,
            None => {}
        }
    }
}
