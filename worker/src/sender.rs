//! One HTTP request, on a short leash: to a checked address, in limited time, and with next to nothing read of the answer.

use std::time::Duration;

use broker::egress::{Egress, EgressFault, PeerTls};
use domain::webhooks::{Header, Outcome};
use entity::webhook_delivery::DeliveryError;
use url::Url;

/// Bytes of an answer that are read, so that the connection can be used again.
const MAX_ANSWER: usize = 16 << 10;

/// Sends to one address, over connections that are kept as long as this is.
pub(crate) struct Sender {
    client: reqwest::Client,
    url: Url,
    text: String,
    timeout: Duration,
}

impl Sender {
    /// Checks where the URL leads now. Whatever is wrong with it is one and the same fault.
    pub(crate) async fn to(egress: &Egress, url: &str, timeout: Duration) -> Result<Self, DeliveryError> {
        let text = url.to_owned();
        let url = Url::parse(url).map_err(|_| DeliveryError::Unreachable)?;
        let client = egress.http(&url, &PeerTls::default(), true).await;
        let client = client.map_err(|fault| match fault {
            EgressFault::NoRoots => DeliveryError::Internal,
            _ => DeliveryError::Unreachable,
        })?;
        Ok(Self {
            client,
            url,
            text,
            timeout,
        })
    }

    /// Whether it sends there.
    pub(crate) fn is_to(&self, url: &str) -> bool {
        self.text == url
    }

    /// Sends a webhook's delivery. The status is the answer, whatever the rest says.
    pub(crate) async fn send(&self, headers: &[Header], body: &[u8]) -> Outcome {
        match self.post(headers, body.to_vec()).await {
            Ok((status, _)) => Outcome::Answered(status),
            Err(fault) => Outcome::Failed(fault),
        }
    }

    /// Posts, and answers the status and the first [`MAX_ANSWER`] bytes of the answer. Nothing of what goes wrong is logged:
    /// it would name the receiver, and could quote it.
    pub(crate) async fn post(
        &self,
        headers: &[Header],
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), DeliveryError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .timeout(self.timeout)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Err(DeliveryError::Timeout),
            Err(_) => return Err(DeliveryError::Unreachable),
        };
        let mut answer = Vec::new();
        while answer.len() < MAX_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => answer.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        answer.truncate(MAX_ANSWER);
        Ok((response.status().as_u16(), answer))
    }
}
