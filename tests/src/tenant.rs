//! People to play: a tenant with its owner, and shorthands for what most stories begin with.

use std::fmt::Display;

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    server::Server,
    socket::Socket,
    wait::eventually,
};

/// A signed-up tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its slug.
    pub slug: String,
    /// Its id.
    pub id: String,
    /// The owner's e-mail address.
    pub email: String,
    /// The owner, signed in.
    pub owner: Client,
}

/// A registered endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// What tokens for it are signed with.
    pub secret: String,
    /// Where to connect, without a token.
    pub connect_url: String,
    /// Everything the API said.
    pub json: Value,
}

/// The password of everybody in these tests.
pub const PASSWORD: &str = "Correct-horse-battery-9-staple";

impl Tenant {
    /// Signs up, and verifies the owner's address with the link that was mailed.
    pub async fn sign_up(server: &Server, slug: &str) -> Self {
        let email = format!("owner@{slug}.example");
        let tenant = Self::sign_up_unverified(server, slug).await;
        // Whoever signs up again has older mails, whose links are not valid any more.
        eventually("a link that confirms the address", || async {
            let mail = server.mail(&email, |mail| mail.token().is_some()).await;
            let token = mail.token().expect("just looked");
            let nobody = server.nobody();
            let confirmed = nobody
                .post("/email-verifications/confirm", json!({ "token": token }))
                .await;
            (confirmed.status == 200).then_some(())
        })
        .await;
        tenant
    }

    /// Keeps every message for 30 days. Without a rule nothing is recorded, and most stories are about something else.
    pub async fn keep_everything(self) -> Self {
        self.rule(json!({ "name": "thirty days", "duration": "P30D" }))
            .await;
        self
    }

    /// Signs up and leaves the mail unread.
    pub async fn sign_up_unverified(server: &Server, slug: &str) -> Self {
        let email = format!("owner@{slug}.example");
        let body = json!({
            "tenant": { "name": format!("{slug} Inc."), "slug": slug },
            "owner": { "name": "Olive Owner", "email": email, "password": PASSWORD },
        });
        let done = server.nobody().post("/sign-up", body).await.expect(201);
        let owner = server.nobody().with_token(text(&done["session"]["token"]));
        Self {
            slug: slug.into(),
            id: text(&done["tenant"]["id"]),
            email,
            owner,
        }
    }

    /// Registers an endpoint.
    pub async fn endpoint(&self, body: Value) -> Endpoint {
        let json = self.owner.post("/endpoints", body).await.expect(201);
        Endpoint {
            id: text(&json["id"]),
            slug: text(&json["slug"]),
            secret: text(&json["secret"]),
            connect_url: text(&json["connect_url"]),
            json,
        }
    }

    /// Registers a channel endpoint.
    pub async fn channel(&self, slug: &str) -> Endpoint {
        self.endpoint(json!({ "slug": slug, "kind": "channel" })).await
    }

    /// Registers a relay endpoint.
    pub async fn relay(&self, slug: &str, upstream: &str) -> Endpoint {
        self.endpoint(
            json!({ "slug": slug, "kind": "relay", "upstream_url": upstream, "pool_min": 1, "pool_max": 8 }),
        )
        .await
    }

    /// A token for a person.
    pub async fn token(&self, endpoint: &Endpoint, sub: &str) -> String {
        let minted = self
            .owner
            .post(
                format!("/endpoints/{}/tokens", endpoint.id),
                json!({ "sub": sub }),
            )
            .await;
        text(&minted.expect(201)["token"])
    }

    /// A person on a socket.
    pub async fn connect(&self, endpoint: &Endpoint, sub: &str) -> Socket {
        let token = self.token(endpoint, sub).await;
        Socket::connect(&endpoint.url(&token)).await.served().await
    }

    /// Publishes by REST.
    pub async fn publish(&self, endpoint: &Endpoint, body: Value) -> Answer {
        self.owner
            .post(format!("/endpoints/{}/messages", endpoint.id), body)
            .await
    }

    /// An API key with these scopes.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        let key = self
            .owner
            .post("/api-keys", json!({ "name": "a key", "scopes": scopes }))
            .await
            .expect(201);
        self.owner.with_token(text(&key["token"]))
    }

    /// Creates something and answers its id.
    pub async fn create(&self, path: impl Display, body: Value) -> String {
        text(&self.owner.post(path, body).await.expect(201)["id"])
    }

    /// A purpose that waits for consent.
    pub async fn purpose(&self, slug: &str) -> String {
        let body = json!({ "slug": slug, "name": slug, "lawful_basis": "consent", "description": "to keep you informed" });
        self.create("/purposes", body).await
    }

    /// Records a consent, or its end.
    pub async fn consent(&self, subject: &str, purpose: &str, state: &str) -> Answer {
        let body = json!({ "subject": subject, "purpose": purpose, "state": state, "method": "api" });
        self.owner.post("/consents", body).await
    }

    /// A retention rule for messages.
    pub async fn rule(&self, body: Value) -> String {
        let mut rule = json!({ "name": "a rule", "target": "messages", "action": "delete" });
        for (name, value) in body.as_object().expect("an object") {
            rule[name] = value.clone();
        }
        self.create("/retention-rules", rule).await
    }

    /// Messages of an endpoint, newest first, opened.
    pub async fn messages(&self, endpoint: &Endpoint) -> Vec<Value> {
        self.owner
            .all(format!(
                "/messages?endpoint_id={}&unseal=true&limit=200",
                endpoint.id
            ))
            .await
    }
}

impl Endpoint {
    /// Where to connect with this token.
    pub fn url(&self, token: &str) -> String {
        format!("{}?token={token}", self.connect_url)
    }
}

/// A string in an answer.
#[track_caller]
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected a string, got {value}"))
        .to_owned()
}
