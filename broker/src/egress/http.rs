//! HTTP to where a tenant's URL leads: to checked addresses, with no redirects and no proxy, and next to nothing read of an answer.

use reqwest::{Client, Response, redirect};
use url::Url;

use super::{Egress, EgressFault, PeerTls};

impl Egress {
    /// A client that reaches this URL's host at addresses that were checked a moment before, and at no others: a name that changes
    /// its answer changes nothing for it. `proven` as for [`Egress::connect`].
    ///
    /// # Errors
    /// As [`Egress::resolve`]; [`EgressFault::NoRoots`] where no TLS could be set up.
    pub async fn http(&self, url: &Url, tls: &PeerTls, proven: bool) -> Result<Client, EgressFault> {
        let addresses = self.resolve(url).await?;
        if !proven && !self.vouches(&addresses) {
            return Err(EgressFault::Unreachable);
        }
        let mut client = Client::builder()
            .resolve_to_addrs(url.host_str().unwrap_or_default(), &addresses)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Weir/", env!("CARGO_PKG_VERSION")));
        if !tls.is_usual() {
            client = client.tls_backend_preconfigured(tls.config().map_err(|_| EgressFault::Unreachable)?);
        }
        client.build().map_err(|error| {
            tracing::error!(%error, "no HTTP client could be made");
            EgressFault::NoRoots
        })
    }
}

/// The body of an answer, if it is not longer than `limit` bytes.
///
/// # Errors
/// That the connection was lost on the way.
pub async fn body(mut answer: Response, limit: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
