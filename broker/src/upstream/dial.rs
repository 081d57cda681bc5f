//! Opening one socket to a back end: guard, TCP, TLS, handshake, within one bound.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_tungstenite::{
    Connector, client_async_tls_with_config,
    tungstenite::{ClientRequestBuilder, http::Uri},
};

use super::{Inner, UpstreamIo};
use crate::{
    egress::EgressFault,
    wire::{self, UpstreamWire},
};

/// Why there is no new socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialFault {
    /// The URL itself may not be used; trying again changes nothing.
    Denied,
    /// It may work later.
    Failed,
}

pub(super) async fn dial(pool: &Inner) -> Result<UpstreamWire<UpstreamIo>, DialFault> {
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

async fn connect(pool: &Inner) -> Result<UpstreamWire<UpstreamIo>, DialFault> {
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
    let connector = if settings.url.scheme() == "wss" {
        Connector::Rustls(tls(pool)?)
    } else {
        Connector::Plain
    };
    let uri: Uri = settings.url.as_str().parse().map_err(|_| DialFault::Denied)?;
    let mut request = ClientRequestBuilder::new(uri);
    for (name, value) in &settings.headers {
        request = request.with_header(name, value);
    }
    if let Some(subprotocol) = &settings.subprotocol {
        request = request.with_sub_protocol(subprotocol);
    }
    let config = wire::config(&pool.session, settings.max_message);
    // An answer other than 101, a redirect included, is a failure.
    let (stream, _) = client_async_tls_with_config(request, stream, Some(config), Some(connector))
        .await
        .map_err(|_| DialFault::Failed)?;
    Ok(UpstreamWire::new(stream))
}
