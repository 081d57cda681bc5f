//! The door of Pusher clients: `/app/{app_key}?protocol=7`. The key names the endpoint; nobody has to say who they are
//! here, but `?token=` may. What is wrong is said as the protocol says it: an error event, then the close.
//!
//! Everything is answered from memory once the endpoint was looked at, and nothing is kept of a connection but its session.

use broker::{Close, PusherOptions};
use domain::pictures::{self, AppName};
use entity::endpoint::EndpointKind;
use poem::{Request, Response, Upgraded, http::uri::Scheme};
use url::form_urlencoded;

use super::{
    First, Peer, count_refusal,
    entrance::{self, Entrance},
    foreign_page, knock, open, upgrade,
};
use crate::{gpc, state::State};

/// The versions of the protocol that are spoken here. What is newer in 7 than in 5 are events that a client of before
/// does not ask for.
const PROTOCOLS: std::ops::RangeInclusive<u32> = 5..=7;

/// Only encrypted connections are taken.
const TLS_NEEDED: Close = Close::new(4000, "connect over TLS");
/// There is nothing under this path.
const NO_SUCH_PATH: Close = Close::new(4005, "there is no such path; use /app/<key>");
/// The version of the protocol is not a number.
const BAD_VERSION: Close = Close::new(4006, "the protocol version is not a number");
/// A version that is not spoken here.
const UNSUPPORTED_PROTOCOL: Close = Close::new(4007, "protocol versions 5 to 7 are spoken here");
/// No version was named.
const NO_PROTOCOL: Close = Close::new(4008, "the query names no protocol version");

/// Opens a socket, or says why not.
pub async fn app(req: &Request, state: &State) -> Response {
    let handshake = match knock(req, state) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal,
    };
    let entrance = admit(req, state).await;
    if let Ok(entrance) = &entrance
        && !entrance.is_open_to(handshake.origin.as_deref())
    {
        return foreign_page();
    }
    let from = Peer::of(req, state);
    let serving = state.clone();
    let response = upgrade(req, state, &handshake, First::We, move |io| {
        serve(&serving, entrance, from, io);
    });
    response.unwrap_or_else(poem::Error::into_response)
}

/// Decides. The close code says why not.
async fn admit(req: &Request, state: &State) -> Result<Entrance, Close> {
    let uri = req.uri();
    let key = uri.path().strip_prefix("/app/").unwrap_or_default();
    if key.is_empty() || key.contains('/') {
        return Err(NO_SUCH_PATH);
    }
    if state.settings.require_tls && !is_encrypted(req, state) {
        return Err(TLS_NEEDED);
    }
    let (mut protocol, mut token) = (None, None);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "protocol" => protocol = protocol.or(Some(value)),
            "token" => token = token.or(Some(value)),
            _ => {}
        }
    }
    check_protocol(protocol.as_deref())?;
    let app = pictures::app(&state.ctx, AppName::Key(key)).await;
    let app = app.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "an endpoint could not be looked up");
        Close::INTERNAL
    })?;
    let Some(app) = app.filter(|app| app.endpoint.row.kind == EndpointKind::Channel) else {
        return Err(Close::NO_ENDPOINT);
    };
    if !app.endpoint.is_open() {
        return Err(Close::DISABLED);
    }
    let person = match token.as_deref() {
        Some(token) => {
            Some(entrance::believe(state, &app.scope(), &app.endpoint, token, gpc::asserted(req)).await?)
        }
        None => None,
    };
    Ok(Entrance {
        picture: app.picture,
        endpoint: app.endpoint,
        person,
    })
}

fn check_protocol(version: Option<&str>) -> Result<(), Close> {
    let version = version.filter(|version| !version.is_empty()).ok_or(NO_PROTOCOL)?;
    if !version.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BAD_VERSION);
    }
    let version = version.parse().map_err(|_| UNSUPPORTED_PROTOCOL)?;
    if PROTOCOLS.contains(&version) {
        Ok(())
    } else {
        Err(UNSUPPORTED_PROTOCOL)
    }
}

/// Whether nobody on the way could read along: TLS ends here, or at the proxy that we trust.
fn is_encrypted(req: &Request, state: &State) -> bool {
    *req.scheme() == Scheme::HTTPS
        || (state.settings.trust_forwarded
            && req
                .header("x-forwarded-proto")
                .and_then(|protocols| protocols.rsplit(',').next())
                .is_some_and(|protocol| matches!(protocol.trim(), "https" | "wss")))
}

fn serve(state: &State, entrance: Result<Entrance, Close>, from: Peer, io: Upgraded) {
    let broker = state.broker.clone();
    let entrance = match entrance.and_then(|entrance| entrance.check(state, from.counted).map(|()| entrance))
    {
        Ok(entrance) => entrance,
        Err(why) => {
            count_refusal(&why);
            state
                .sockets
                .spawn(async move { broker.refuse_pusher(io, why).await });
            return;
        }
    };
    let who = open(state, &entrance, from);
    let row = &entrance.endpoint.row;
    let unsigned = |number: i32| u32::try_from(number).unwrap_or_default();
    let options = PusherOptions {
        session: entrance.options(state, from.counted),
        client_events: row.client_events,
        client_events_per_second: unsigned(row.client_events_per_second),
        presence_members: unsigned(row.presence_members),
        channels: unsigned(row.channels_per_session),
        subscription_counts: row.subscription_counts,
        authenticate_within: entrance.endpoint.authenticate_within(),
    };
    state.sockets.spawn(broker.serve_pusher(io, who, &options));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_protocol_are_told_apart() {
        for (version, code) in [
            (None, 4008),
            (Some(""), 4008),
            (Some("seven"), 4006),
            (Some("-7"), 4006),
            (Some("7.0"), 4006),
            (Some("4"), 4007),
            (Some("8"), 4007),
            (Some("99999999999999"), 4007),
        ] {
            assert_eq!(check_protocol(version).unwrap_err().code, code, "{version:?}");
        }
        for version in ["5", "6", "7"] {
            assert_eq!(check_protocol(Some(version)), Ok(()));
        }
    }
}
