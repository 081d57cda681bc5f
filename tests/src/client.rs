//! A REST client that believes nothing: every answer is checked where it arrives, and a wrong one shows its body.

use std::{fmt::Display, sync::Once, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

/// Somebody who talks to the API: nobody, a member, an API key, a data subject.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for the message of a failure.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Vec<u8>,
}

/// TLS libraries want to know whose cryptography to use before the first client exists, plain HTTP or not.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that somebody was faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

impl Client {
    /// Somebody without a credential, at this server.
    pub fn nobody(base: impl Into<String>) -> Self {
        install_crypto();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_mins(1))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client without special wishes can be built");
        Self {
            http,
            base: base.into(),
            token: None,
        }
    }

    /// The same way in, with this bearer token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Somebody without a credential, by the same way.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The bearer token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this client has a token")
    }

    /// A request to an operation (`/endpoints`), or to a path outside the API when it begins with `//`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = match path.strip_prefix('/') {
            Some(outside) if outside.starts_with('/') => format!("{}{outside}", self.base),
            _ => format!("{}/api/v1{path}", self.base),
        };
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request of any shape.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the server answers")
    }

    /// Sends a request that may find no server.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url());
        let response = self.http.execute(request).await?;
        Ok(Answer {
            asked,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            bytes: response.bytes().await?.into(),
        })
    }

    /// `GET`.
    pub async fn get(&self, path: impl Display) -> Answer {
        self.send(self.request(Method::GET, &path.to_string())).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: impl Display, body: Value) -> Answer {
        self.send(self.request(Method::POST, &path.to_string()).json(&body))
            .await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: impl Display, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, &path.to_string()).json(&body))
            .await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: impl Display) -> Answer {
        self.send(self.request(Method::DELETE, &path.to_string())).await
    }

    /// All items of a list, page by page.
    pub async fn all(&self, path: impl Display) -> Vec<Value> {
        let path = path.to_string();
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = match &cursor {
                None => path.clone(),
                Some(cursor) => {
                    let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                    format!(
                        "{path}{}cursor={cursor}",
                        if path.contains('?') { '&' } else { '?' }
                    )
                }
            };
            let page = self.get(page).await.expect(200);
            items.extend(
                page["items"]
                    .as_array()
                    .expect("a list has items")
                    .iter()
                    .cloned(),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}

impl Answer {
    /// The JSON body of an answer with this status; another status fails the test and shows the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        self.check(status);
        self.json()
    }

    /// Like [`Answer::expect`], and keeps the headers.
    #[track_caller]
    pub fn check(&self, status: u16) -> &Self {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(
            self.status,
            status,
            "{}\n{}",
            self.asked,
            text.chars().take(4000).collect::<String>()
        );
        self
    }

    /// A problem of this status and code, as RFC 9457 wants it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        self.check(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.asked
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}\n{problem:#}", self.asked);
        assert_eq!(problem["status"], status, "{problem:#}");
        for field in ["type", "title", "request_id", "instance"] {
            assert!(problem[field].is_string(), "a problem has {field}: {problem:#}");
        }
        problem
    }

    /// A problem at this field.
    #[track_caller]
    pub fn fault(self, status: u16, code: &str, field: &str) -> Value {
        let asked = self.asked.clone();
        let problem = self.problem(status, code);
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            errors.iter().any(|error| error["field"] == field),
            "{asked}: nothing is said about {field}: {problem:#}"
        );
        for error in &errors {
            assert!(
                error["code"].is_string() && error["detail"].is_string(),
                "{error:#}"
            );
        }
        problem
    }

    /// The body as JSON, null when there is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{}: not JSON ({error}): {}", self.asked, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the status says that it worked.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}
