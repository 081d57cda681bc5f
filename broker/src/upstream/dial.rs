//! Opening one socket to a back end: guard, TCP, TLS, handshake, within one bound.

use std::sync::Arc;

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::MaybeTlsStream;

use super::{
    Inner, UpstreamIo,
    opening::{Refused, Wanted, open},
};
use crate::{egress::EgressFault, wire::Wire};

/// Why there is no new socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialFault {
    /// The URL itself may not be used; trying again changes nothing.
    Denied,
    /// It may work later.
    Failed,
}

pub(super) async fn dial(pool: &Inner) -> Result<Wire<UpstreamIo>, DialFault> {
    match timeout(pool.settings.connect_timeout, connect(pool)).await {
        Ok(dialled) => dialled,
        Err(_) => Err(DialFault::Failed),
    }
}

/// How the back end is known, worked out at the first dial.
fn tls(pool: &Inner) -> Result<Arc<ClientConfig>, DialFault> {
    if pool.settings.tls.is_usual() {
        return pool.egress.tls().map_err(|_| DialFault::Failed);
    }
    if let Some(tls) = pool.tls.get() {
        return Ok(Arc::clone(tls));
    }
    let made = pool.settings.tls.config().map_err(|_| DialFault::Failed)?;
    Ok(Arc::clone(pool.tls.get_or_init(|| Arc::new(made))))
}

async fn connect(pool: &Inner) -> Result<Wire<UpstreamIo>, DialFault> {
    let settings = &pool.settings;
    let stream = pool
        .egress
        .connect(&settings.url, settings.proven)
        .await
        .map_err(|fault| match fault {
            EgressFault::Unreachable | EgressFault::NoRoots => DialFault::Failed,
            EgressFault::Scheme | EgressFault::User | EgressFault::Host | EgressFault::Port => {
                DialFault::Denied
            }
        })?;
    let mut stream = match settings.url.scheme() {
        "wss" => {
            let host = settings.url.host_str().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host).map_err(|_| DialFault::Denied)?;
            let stream = TlsConnector::from(tls(pool)?).connect(name, stream).await;
            MaybeTlsStream::Rustls(stream.map_err(|_| DialFault::Failed)?)
        }
        _ => MaybeTlsStream::Plain(stream),
    };
    let wanted = Wanted {
        url: &settings.url,
        subprotocol: settings.subprotocol.as_deref(),
        headers: &settings.headers,
    };
    let rest = open(&mut stream, &wanted)
        .await
        .map_err(|Refused| DialFault::Failed)?;
    Ok(Wire::client(stream, rest, &pool.session, settings.max_message))
}
