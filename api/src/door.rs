//! The WebSocket door: `/connect/{tenant}/{endpoint}`. Finds the endpoint, believes or refuses the token, opens the
//! socket and hands it to the broker.
//!
//! A browser cannot see why a handshake failed, so whatever is wrong with the *caller* is said with a close code on an
//! open socket; only what is not a WebSocket handshake at all, or comes from a foreign page, is refused before it.

mod entrance;

use std::{net::IpAddr, sync::Arc};

use broker::{ChannelOptions, Close, RelayOptions, host::Identity};
use domain::connections;
use entity::{endpoint::EndpointKind, id::ConnectionId};
use poem::{
    Body, IntoResponse, Request, Response, Result, handler,
    http::{HeaderValue, StatusCode, Version, header},
    web::{Data, Path},
};
use tokio::time::Instant;

use self::entrance::Entrance;
use crate::{limits::client_address, publish::MAIN_CHANNEL, state::State};

/// The subprotocol that carries a token where the client can set no query: `weir.token.<jwt>`.
const TOKEN_PROTOCOL: &str = "weir.token.";

#[handler]
pub async fn connect(
    req: &Request,
    Path((tenant, endpoint)): Path<(String, String)>,
    Data(state): Data<&State>,
) -> Result<Response> {
    let handshake = match broker::handshake::check(req.method(), Version::HTTP_11, req.headers()) {
        Ok(handshake) => handshake,
        Err(fault) => return Ok(not_a_handshake(fault)),
    };
    let address = client_address(req, state.settings.trust_forwarded);
    let offered = handshake
        .protocols
        .iter()
        .find_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL));
    let token = offered.map(str::to_owned).or_else(|| token_in_query(req));
    let entrance = entrance::admit(state, &tenant, &endpoint, token.as_deref()).await;
    if let Ok(entrance) = &entrance
        && !broker::origin::may_open(&entrance.origins(), handshake.origin.as_deref())
    {
        let fault = domain::Fault::new(
            "Origin",
            "not_allowed",
            "this page is not on the endpoint's allowed_origins",
        );
        tracing::debug!("a foreign page tried to connect");
        let problem = crate::problem::ApiError::from(domain::Error::Invalid(vec![fault]));
        return Ok(problem.with_status(StatusCode::FORBIDDEN).into_response());
    }
    let upgraded = req.take_upgrade()?;
    let spoken = entrance
        .as_ref()
        .ok()
        .and_then(|entrance| entrance.endpoint.row.subprotocol.as_deref());
    let chosen = spoken
        .and_then(|spoken| handshake.choose(&[spoken]))
        .map(str::to_owned)
        // A client that offered only the token needs it back, or it fails the connection itself (RFC 6455 §4.1).
        .or_else(|| {
            handshake
                .protocols
                .iter()
                .find(|protocol| protocol.starts_with(TOKEN_PROTOCOL))
                .cloned()
        });
    let serving = state.clone();
    state.sockets.spawn(async move {
        if let Ok(io) = upgraded.await {
            serve(serving, entrance, address, io).await;
        }
    });
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, handshake.accept)
        .body(Body::empty());
    if let Some(protocol) = chosen.and_then(|protocol| HeaderValue::from_str(&protocol).ok()) {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// Serves one socket until it ends.
async fn serve(state: State, entrance: Result<Entrance, Close>, address: Option<IpAddr>, io: poem::Upgraded) {
    let entrance = match entrance {
        Ok(entrance) => entrance,
        Err(why) => {
            metrics::counter!("weir_sockets_refused_total", "code" => why.code.to_string()).increment(1);
            tracing::debug!(code = why.code, "refused a socket");
            state.broker.refuse(io, why).await;
            return;
        }
    };
    let endpoint = &entrance.endpoint.row;
    let session: ConnectionId = state.ctx.ids.next();
    let opened = connections::Opened {
        id: session,
        tenant: endpoint.tenant_id,
        endpoint: endpoint.id,
        subject: Some(entrance.subject),
        address: address.map(connections::network_of),
    };
    state.recorder.opened(opened);
    let who = Arc::new(Identity {
        session: session.0,
        tenant: endpoint.tenant_id.0,
        endpoint: endpoint.id.0,
        subject: Some(entrance.subject.0),
    });
    let max_message = usize::try_from(endpoint.max_message_bytes).unwrap_or(65_536);
    let left = (entrance.expires_at - state.ctx.now())
        .to_std()
        .unwrap_or_default();
    // A far future that the timer cannot hold is as good as none.
    let expires_at = Instant::now().checked_add(left);
    let channel: Arc<str> = MAIN_CHANNEL.into();
    match endpoint.kind {
        EndpointKind::Channel => {
            state
                .broker
                .serve_channel(
                    io,
                    who,
                    ChannelOptions {
                        channel,
                        max_message,
                        expires_at,
                    },
                )
                .await;
        }
        EndpointKind::Relay => {
            if let Some(pool) = state.relays.pool(&state.broker, endpoint) {
                let options = RelayOptions {
                    channel,
                    max_message,
                    expires_at,
                };
                state.broker.serve_relay(io, who, options, pool).await;
            } else {
                let why = Close::UPSTREAM_UNAVAILABLE;
                let nothing = connections::Totals::default();
                state
                    .recorder
                    .closed(session, endpoint.tenant_id, why.code, &why.reason, nothing);
                state.broker.refuse(io, why).await;
            }
        }
    }
}

fn token_in_query(req: &Request) -> Option<String> {
    let query = req.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token")
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
