//! One HTTP request, on a short leash: to a checked address, with no redirects and no proxy, in limited time, and with
//! next to nothing read of the answer.

use std::time::Duration;

use broker::egress::Egress;
use domain::webhooks::{Header, Outcome};
use entity::webhook_delivery::DeliveryError;
use url::Url;

/// Bytes of an answer that are read, and thrown away, so that the connection can be used again.
const MAX_ANSWER: usize = 16 << 10;

/// Sends to one address, over connections that are kept as long as this is.
pub(crate) struct Sender {
    client: reqwest::Client,
    url: Url,
    text: String,
}

impl Sender {
    /// Checks where the URL leads now. Whatever is wrong with it is one and the same fault.
    pub(crate) async fn to(egress: &Egress, url: &str, timeout: Duration) -> Result<Self, DeliveryError> {
        let text = url.to_owned();
        let url = Url::parse(url).map_err(|_| DeliveryError::Unreachable)?;
        let addresses = egress
            .resolve(&url)
            .await
            .map_err(|_| DeliveryError::Unreachable)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // The checked addresses and no others: a name that changes its answer changes nothing here.
        let client = reqwest::Client::builder()
            .resolve_to_addrs(&host, &addresses)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Weir/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .build()
            .map_err(|error| {
                tracing::error!(%error, "no HTTP client could be made");
                DeliveryError::Internal
            })?;
        Ok(Self { client, url, text })
    }

    /// Whether it sends there.
    pub(crate) fn is_to(&self, url: &str) -> bool {
        self.text == url
    }

    /// Sends. Nothing of what goes wrong is logged: it would name the receiver, and could quote it.
    pub(crate) async fn send(&self, headers: &[Header], body: &[u8]) -> Outcome {
        let mut request = self.client.post(self.url.clone()).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Outcome::Failed(DeliveryError::Timeout),
            Err(_) => return Outcome::Failed(DeliveryError::Unreachable),
        };
        let status = response.status().as_u16();
        let mut read = 0;
        while read < MAX_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => read += chunk.len(),
                // The status is the answer, whatever becomes of the rest.
                Ok(None) | Err(_) => break,
            }
        }
        Outcome::Answered(status)
    }
}
