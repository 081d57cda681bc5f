//! A client of the REST API that says what it asked when an answer is not the expected one.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;
use url::Url;

/// Somebody who asks.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// What came back.
pub(super) struct Reply {
    asked: String,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Times that a request is sent again because the server asked to wait.
const PATIENCE: u32 = 30;

impl Rest {
    /// Somebody without a credential.
    pub(super) fn new(base: Url) -> Self {
        Self {
            http: reqwest::Client::new(),
            base,
            token: None,
        }
    }

    /// The same way, with a credential.
    pub(super) fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// The credential, empty where there is none.
    pub(super) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The server.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Asks for a path outside the API.
    pub(super) async fn outside(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, self.base.join(path)?, None).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, self.url(path)?, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Reply> {
        self.send(Method::POST, self.url(path)?, Some(body)).await
    }

    fn url(&self, path: &str) -> Result<Url> {
        Ok(self.base.join(&format!("/api/v1{path}"))?)
    }

    async fn send(&self, method: Method, url: Url, body: Option<Value>) -> Result<Reply> {
        let asked = format!("{method} {}", url.path());
        for _ in 0..PATIENCE {
            let mut request = self
                .http
                .request(method.clone(), url.clone())
                .timeout(Duration::from_mins(1));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let unreachable = || format!("{} does not answer", self.base);
            let response = request.send().await.with_context(unreachable)?;
            let status = response.status().as_u16();
            if status == 429 {
                let wait = response
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                sleep(Duration::from_secs(wait.unwrap_or(1).clamp(1, 60))).await;
                continue;
            }
            let body = response.bytes().await.with_context(unreachable)?.into();
            return Ok(Reply { asked, status, body });
        }
        bail!("{asked} was asked to wait again and again")
    }
}

impl Reply {
    /// The body, of an answer with this status.
    pub(super) fn expect(self, status: u16) -> Result<Value> {
        if self.status != status {
            let said: String = self.text().chars().take(600).collect();
            bail!(
                "{} answered {} instead of {status}: {said}",
                self.asked,
                self.status
            );
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).with_context(|| format!("{} did not answer JSON", self.asked))
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or nothing.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A text in an answer.
pub(super) fn text(value: &Value, field: &str) -> Result<String> {
    let found = value.pointer(field).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("an answer has no text at {field}: {value}"))
}

/// A number in an answer.
pub(super) fn number(value: &Value, field: &str) -> Result<u64> {
    let found = value.pointer(field).and_then(Value::as_u64);
    found.ok_or_else(|| anyhow!("an answer has no number at {field}: {value}"))
}

/// The items of a list.
pub(super) fn items(value: &Value) -> &[Value] {
    value["items"]
        .as_array()
        .or(value.as_array())
        .map_or(&[], Vec::as_slice)
}
