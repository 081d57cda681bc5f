//! The WebSocket doors: `/connect/{tenant}/{endpoint}` for plain sockets, and `/app/{app_key}` for clients of the Pusher
//! protocol ([`pusher`]). They find the endpoint, believe or refuse the token, open the socket and hand it to the broker.
//!
//! A browser cannot see why a handshake failed, so whatever is wrong with the *caller* is said with a close code on an
//! open socket; only what is not a WebSocket handshake at all, comes from a foreign page, or comes too often is refused
//! before it.

mod entrance;
pub mod pusher;

use std::{net::IpAddr, sync::Arc, time::Duration};

use broker::{ChannelOptions, Close, RelayOptions, handshake::Handshake, host::Identity};
use domain::connections;
use entity::{endpoint::EndpointKind, id::ConnectionId};
use poem::{
    Body, IntoResponse, Request, Response, Result, Upgraded, handler,
    http::{HeaderValue, StatusCode, header},
    web::{Data, Path},
};
use tokio::io::AsyncWriteExt as _;

use self::entrance::Entrance;
use crate::{
    calls::{Calls, is_called},
    gpc,
    limits::{client_address, counted_address},
    problem::ApiError,
    publish::MAIN_CHANNEL,
    relays::Way,
    state::State,
};

/// The subprotocol that carries a token where the client can set no query: `weir.token.<jwt>`.
const TOKEN_PROTOCOL: &str = "weir.token.";

/// The plain door.
#[handler]
pub async fn connect(
    req: &Request,
    Path((tenant, endpoint)): Path<(String, String)>,
    Data(state): Data<&State>,
) -> Result<Response> {
    let handshake = match knock(req, state) {
        Ok(handshake) => handshake,
        Err(refusal) => return Ok(refusal),
    };
    let offered = handshake
        .protocols
        .iter()
        .find_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL));
    let token = offered.map(str::to_owned).or_else(|| in_query(req, "token"));
    let entrance = entrance::admit(state, &tenant, &endpoint, token.as_deref(), gpc::asserted(req)).await;
    if let Ok(entrance) = &entrance
        && !entrance.is_open_to(handshake.origin.as_deref())
    {
        return Ok(foreign_page());
    }
    if let Ok(entrance) = &entrance
        && entrance.endpoint.row.kind == EndpointKind::Relay
        && !state.relays.is_usable(&entrance.endpoint.row)
    {
        metrics::counter!("weir_sockets_refused_total", "code" => "503").increment(1);
        state.ask_soon(&tenant, entrance.endpoint.row.id);
        return Ok(ApiError::unproven_upstream().into_response());
    }
    if let Ok(entrance) = &entrance
        && let Some(retry_after) = no_upstream(state, entrance)
    {
        metrics::counter!("weir_sockets_refused_total", "code" => "503").increment(1);
        return Ok(ApiError::no_upstream(retry_after).into_response());
    }
    let spoken = entrance
        .as_ref()
        .ok()
        .and_then(|entrance| entrance.endpoint.row.subprotocol.as_deref());
    let protocol = spoken
        .and_then(|spoken| handshake.choose(&[spoken]))
        .map(str::to_owned);
    let chosen = protocol
        .clone()
        // A client that offered only the token needs it back, or it fails the connection itself (RFC 6455 §4.1).
        .or_else(|| {
            handshake
                .protocols
                .iter()
                .find(|protocol| protocol.starts_with(TOKEN_PROTOCOL))
                .cloned()
        });
    let from = Peer::of(req, state);
    let serving = state.clone();
    let mut response = upgrade(req, state, &handshake, First::They, move |io| {
        serve(&serving, entrance, protocol.as_deref(), from, io);
    })?;
    if let Some(protocol) = chosen.and_then(|protocol| HeaderValue::from_str(&protocol).ok()) {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// Where a client is.
#[derive(Clone, Copy)]
struct Peer {
    /// The whole address, for its record.
    address: Option<IpAddr>,
    /// What counts as one address.
    counted: Option<IpAddr>,
}

impl Peer {
    fn of(req: &Request, state: &State) -> Self {
        let trust = state.settings.trust_forwarded;
        Self {
            address: client_address(req, trust),
            counted: counted_address(req, trust),
        }
    }
}

/// Looks at a handshake before anything else is done for it.
#[expect(
    clippy::result_large_err,
    reason = "the answer is made once, and goes out as it is"
)]
fn knock(req: &Request, state: &State) -> std::result::Result<Handshake, Response> {
    let handshake = broker::handshake::check(req.method(), req.version(), req.headers());
    let handshake = handshake.map_err(not_a_handshake)?;
    match state
        .limits
        .handshake(client_address(req, state.settings.trust_forwarded))
    {
        Ok(()) => Ok(handshake),
        Err(retry_after) => Err(too_often(retry_after)),
    }
}

/// Who speaks first on a socket that was just opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// We: the answer to the handshake goes along.
    We,
    /// The client, which needs the answer for that.
    They,
}

/// Answers a handshake, and hands the socket over once it is open.
fn upgrade(
    req: &Request,
    state: &State,
    handshake: &Handshake,
    first: First,
    serve: impl FnOnce(Upgraded) + Send + 'static,
) -> Result<Response> {
    let upgraded = req.take_upgrade()?;
    // A task of its own, and a short one: the session's task is another, which then holds nothing of this.
    state.sockets.spawn(async move {
        let Ok(mut io) = upgraded.await else { return };
        if first == First::They && io.flush().await.is_err() {
            return;
        }
        serve(io);
    });
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .body(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&handshake.accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}

/// Serves a plain socket until it ends.
fn serve(
    state: &State,
    entrance: std::result::Result<Entrance, Close>,
    protocol: Option<&str>,
    from: Peer,
    io: Upgraded,
) {
    let entrance = match entrance.and_then(|entrance| entrance.check(state, from.counted).map(|()| entrance))
    {
        Ok(entrance) => entrance,
        Err(why) => {
            count_refusal(&why);
            let broker = state.broker.clone();
            state.sockets.spawn(async move { broker.refuse(io, why).await });
            return;
        }
    };
    let who = open(state, &entrance, from);
    let session = entrance.options(state, from.counted);
    let channel: Arc<str> = MAIN_CHANNEL.into();
    let broker = state.broker.clone();
    match entrance.endpoint.row.kind {
        EndpointKind::Channel => {
            let options = ChannelOptions { channel, session };
            state.sockets.spawn(broker.serve_channel(io, who, options));
        }
        EndpointKind::Relay => {
            let options = RelayOptions { channel, session };
            if is_called(&entrance.endpoint) {
                let about = entrance.about(ConnectionId(who.session), protocol);
                let calls = Calls::new(state, entrance.endpoint.row.id, who.session, about);
                state
                    .sockets
                    .spawn(async move { broker.serve_called(io, who, options, Box::new(calls)).await });
                return;
            }
            let way = state.relays.way(&broker, &entrance.endpoint);
            if let Some(Way::Own(pool)) = way {
                state
                    .sockets
                    .spawn(async move { broker.serve_relay(io, who, options, pool).await });
            } else if let Some(Way::Shared(mux)) = way {
                let about = entrance.about(ConnectionId(who.session), protocol).to_string();
                state
                    .sockets
                    .spawn(async move { broker.serve_shared(io, who, options, mux, about.into()).await });
            } else {
                let why = Close::UPSTREAM_UNAVAILABLE;
                let (id, tenant) = (ConnectionId(who.session), entrance.endpoint.row.tenant_id);
                let nothing = connections::Totals::default();
                state.recorder.closed(id, tenant, why.code, &why.reason, nothing);
                state.sockets.spawn(async move { broker.refuse(io, why).await });
            }
        }
    }
}

/// When to come back, where it is known already that there is no socket to the back end: a handshake that is refused costs
/// less than a session that waits in vain.
fn no_upstream(state: &State, entrance: &Entrance) -> Option<Duration> {
    if entrance.endpoint.row.kind != EndpointKind::Relay {
        return None;
    }
    state.relays.way(&state.broker, &entrance.endpoint)?.refusal()
}

/// Begins a session's record.
fn open(state: &State, entrance: &Entrance, from: Peer) -> Arc<Identity> {
    let session: ConnectionId = state.ctx.ids.next();
    let endpoint = &entrance.endpoint.row;
    state.recorder.opened(connections::Opened {
        id: session,
        tenant: endpoint.tenant_id,
        endpoint: endpoint.id,
        subject: entrance.subject(),
        address: from.address.map(connections::network_of),
    });
    Arc::new(entrance.identity(&state.ctx, session))
}

fn count_refusal(why: &Close) {
    metrics::counter!("weir_sockets_refused_total", "code" => why.code.to_string()).increment(1);
    tracing::debug!(code = why.code, "refused a socket");
}

/// The first value of a parameter.
fn in_query(req: &Request, wanted: &str) -> Option<String> {
    let query = req.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

fn not_a_handshake(fault: broker::handshake::HandshakeFault) -> Response {
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = crate::problem::plain(status, Some(fault.to_string()));
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if status == StatusCode::UPGRADE_REQUIRED {
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    response
}

fn foreign_page() -> Response {
    let fault = domain::Fault::new(
        "Origin",
        "not_allowed",
        "this page is not on the endpoint's allowed_origins",
    );
    tracing::debug!("a foreign page tried to connect");
    let problem = ApiError::from(domain::Error::Invalid(vec![fault]));
    problem.with_status(StatusCode::FORBIDDEN).into_response()
}

fn too_often(retry_after: Duration) -> Response {
    metrics::counter!("weir_sockets_refused_total", "code" => "429").increment(1);
    ApiError::from(domain::Error::TooMany { retry_after }).into_response()
}
