//! What a tenant may say about an endpoint, and what of it makes sense.

use entity::{
    endpoint::{self, EndpointKind, OnWithdrawal, Opaque, PoolMode, PoolState, RecordMode, UpstreamState},
    id::PurposeId,
};
use sea_orm::Set;
use serde_json::{Value, json};
use url::Url;

use super::{
    access::{self, ClientCertificate, Headers},
    limits::{Limits, LimitsPatch},
};
use crate::error::{Faults, Result};

/// An endpoint to be registered.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// 2 to 64 of `a-z`, `0-9`, `-`, `_`; part of the connect address.
    pub slug: String,
    /// Defaults to the slug.
    pub name: Option<String>,
    /// Who the back end is.
    pub kind: EndpointKind,
    /// `ws://` or `wss://`; needed for a relay, refused for a channel.
    pub upstream_url: Option<String>,
    /// What is known of its host: that somebody vouches for it, or nothing.
    pub upstream_state: UpstreamState,
    /// Sent to it in the opening request.
    pub upstream_headers: Headers,
    /// What it is shown.
    pub upstream_certificate: Option<ClientCertificate>,
    /// The authorities that it is known by, in PEM; none: those of the operating system.
    pub upstream_ca: Option<String>,
    /// Offered to the upstream.
    pub subprotocol: Option<String>,
    /// Warm upstream sockets kept ready.
    pub pool_min: i32,
    /// Most upstream sockets at a time.
    pub pool_max: i32,
    /// How end-users share upstream sockets.
    pub pool_mode: PoolMode,
    /// End-users on one upstream socket, where they share.
    pub sessions_per_socket: i32,
    /// When messages are recorded.
    pub record: RecordMode,
    /// What happens to messages that the catalogue cannot look into: bytes, and text that is not JSON.
    pub opaque: Opaque,
    /// What messages are processed for.
    pub purpose_id: Option<PurposeId>,
    /// What withdrawal does to open sockets.
    pub on_withdrawal: OnWithdrawal,
    /// Origins that browsers may connect from; empty: any.
    pub allowed_origins: Vec<String>,
    /// Where the keys of EdDSA and RS256 tokens are.
    pub jwks_url: Option<String>,
    /// Those keys themselves.
    pub jwks: Option<Value>,
    /// Bytes.
    pub max_message_bytes: i32,
    /// What its sessions may do, and how many there may be.
    pub limits: Limits,
}

impl NewEndpoint {
    /// An endpoint with the settings that are used when nothing is said.
    pub fn new(slug: impl Into<String>, kind: EndpointKind) -> Self {
        Self {
            slug: slug.into(),
            name: None,
            kind,
            upstream_url: None,
            upstream_state: UpstreamState::Unproven,
            upstream_headers: Vec::new(),
            upstream_certificate: None,
            upstream_ca: None,
            subprotocol: None,
            pool_min: 2,
            pool_max: 100,
            pool_mode: PoolMode::Session,
            sessions_per_socket: 100,
            record: RecordMode::Before,
            opaque: Opaque::Record,
            purpose_id: None,
            on_withdrawal: OnWithdrawal::Close,
            allowed_origins: Vec::new(),
            jwks_url: None,
            jwks: None,
            max_message_bytes: 65_536,
            limits: Limits::default(),
        }
    }

    /// The bounds of its pool, where they are said. Fewer sockets are kept ready than usual where there may be fewer at all.
    #[must_use]
    pub fn with_pool(mut self, min: Option<i32>, max: Option<i32>) -> Self {
        self.pool_max = max.unwrap_or(self.pool_max);
        self.pool_min = min.unwrap_or(self.pool_min.min(self.pool_max).max(0));
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        faults.check(
            is_slug(&self.slug),
            "/slug",
            "malformed",
            "use 2 to 64 of a-z, 0-9, - and _, beginning and ending with a letter or digit",
        );
        check_name(&mut faults, self.name.as_deref());
        check_upstream(
            &mut faults,
            self.kind,
            self.pool_mode,
            self.upstream_url.as_deref(),
        );
        check_access(
            &mut faults,
            self.kind,
            self.upstream_url.as_deref(),
            &self.upstream_headers,
            self.upstream_certificate.as_ref(),
            self.upstream_ca.as_deref(),
        );
        check_pool(&mut faults, self.pool_min, self.pool_max);
        check_sharing(&mut faults, self.sessions_per_socket);
        check_origins(&mut faults, &self.allowed_origins);
        check_jwks(&mut faults, self.jwks_url.as_deref(), self.jwks.as_ref());
        check_size(&mut faults, self.max_message_bytes);
        self.limits.check(&mut faults, self.max_message_bytes);
        faults.finish()
    }

    pub(super) fn fill(self, row: &mut endpoint::ActiveModel) {
        row.name = Set(self.name.unwrap_or_else(|| self.slug.clone()));
        row.slug = Set(self.slug);
        row.kind = Set(self.kind);
        row.upstream_url = Set(self.upstream_url);
        row.upstream_ca = Set(self.upstream_ca);
        row.subprotocol = Set(self.subprotocol);
        row.pool_min = Set(self.pool_min);
        row.pool_max = Set(self.pool_max);
        row.pool_mode = Set(self.pool_mode);
        row.sessions_per_socket = Set(self.sessions_per_socket);
        row.pool_state = Set(PoolState::Open);
        row.pool_generation = Set(0);
        row.record = Set(self.record);
        row.opaque = Set(self.opaque);
        row.purpose_id = Set(self.purpose_id);
        row.on_withdrawal = Set(self.on_withdrawal);
        row.allowed_origins = Set(json!(self.allowed_origins));
        row.jwks_url = Set(self.jwks_url);
        row.jwks = Set(self.jwks);
        row.max_message_bytes = Set(self.max_message_bytes);
        self.limits.fill(row);
        row.enabled = Set(true);
    }
}

/// Changes to an endpoint: what is none stays; an inner none clears.
#[derive(Clone, Debug, Default)]
pub struct EndpointPatch {
    /// See [`NewEndpoint`], as for all of these.
    pub name: Option<String>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub upstream_url: Option<String>,
    /// What is known of the host that this leads to, where it is another one; none: nothing.
    pub upstream_state: Option<UpstreamState>,
    /// All of them, in place of those that are there.
    pub upstream_headers: Option<Headers>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub upstream_certificate: Option<Option<ClientCertificate>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub upstream_ca: Option<Option<String>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub subprotocol: Option<Option<String>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub pool_min: Option<i32>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub pool_max: Option<i32>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub pool_mode: Option<PoolMode>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub sessions_per_socket: Option<i32>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub record: Option<RecordMode>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub opaque: Option<Opaque>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub purpose_id: Option<Option<PurposeId>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub on_withdrawal: Option<OnWithdrawal>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub allowed_origins: Option<Vec<String>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub jwks_url: Option<Option<String>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub jwks: Option<Option<Value>>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub max_message_bytes: Option<i32>,
    #[expect(missing_docs, reason = "see NewEndpoint")]
    pub limits: LimitsPatch,
    /// Off: nobody connects, nothing is published.
    pub enabled: Option<bool>,
}

impl EndpointPatch {
    pub(super) fn check(&self, current: &endpoint::Model) -> Result<()> {
        let mut faults = Faults::default();
        check_name(&mut faults, self.name.as_deref());
        if self.upstream_url.is_some() || self.pool_mode.is_some() {
            let url = self.upstream_url.as_deref().or(current.upstream_url.as_deref());
            let mode = self.pool_mode.unwrap_or(current.pool_mode);
            check_upstream(&mut faults, current.kind, mode, url);
        }
        check_access(
            &mut faults,
            current.kind,
            self.upstream_url.as_deref().or(current.upstream_url.as_deref()),
            self.upstream_headers.as_deref().unwrap_or_default(),
            self.upstream_certificate.as_ref().and_then(Option::as_ref),
            self.upstream_ca.as_ref().and_then(Option::as_deref),
        );
        check_pool(
            &mut faults,
            self.pool_min.unwrap_or(current.pool_min),
            self.pool_max.unwrap_or(current.pool_max),
        );
        check_sharing(
            &mut faults,
            self.sessions_per_socket.unwrap_or(current.sessions_per_socket),
        );
        check_origins(&mut faults, self.allowed_origins.as_deref().unwrap_or_default());
        let url = self.jwks_url.as_ref().and_then(Option::as_deref);
        check_jwks(&mut faults, url, self.jwks.as_ref().and_then(Option::as_ref));
        let size = self.max_message_bytes.unwrap_or(current.max_message_bytes);
        check_size(&mut faults, size);
        Limits::of(current).with(&self.limits).check(&mut faults, size);
        faults.finish()
    }

    /// Writes the changes into the row; answers the names of the fields.
    pub(super) fn apply(self, row: &mut endpoint::ActiveModel) -> Vec<&'static str> {
        let mut changed = Vec::new();
        macro_rules! set {
            ($($field:ident),* $(,)?) => { $(
                if let Some(value) = self.$field {
                    row.$field = Set(value);
                    changed.push(stringify!($field));
                }
            )* };
        }
        set!(
            name,
            upstream_ca,
            subprotocol,
            pool_min,
            pool_max,
            pool_mode,
            sessions_per_socket,
            record,
            opaque,
            purpose_id,
            on_withdrawal,
            jwks_url,
            jwks,
            max_message_bytes,
            enabled
        );
        self.limits.apply(row, &mut changed);
        // Their values are sealed already.
        if self.upstream_headers.is_some() {
            changed.push("upstream_headers");
        }
        if self.upstream_certificate.is_some() {
            changed.push("upstream_certificate");
        }
        if let Some(url) = self.upstream_url {
            row.upstream_url = Set(Some(url));
            changed.push("upstream_url");
        }
        if let Some(origins) = self.allowed_origins {
            row.allowed_origins = Set(json!(origins));
            changed.push("allowed_origins");
        }
        changed
    }
}

fn is_slug(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    (2..=64).contains(&bytes.len())
        && bytes.iter().all(|b| inner(*b))
        && edge(bytes.first())
        && edge(bytes.last())
}

fn check_name(faults: &mut Faults, name: Option<&str>) {
    let fits = name.is_none_or(|name| (1..=120).contains(&name.trim().chars().count()));
    faults.check(fits, "/name", "out_of_range", "use 1 to 120 characters");
}

fn check_upstream(faults: &mut Faults, kind: EndpointKind, mode: PoolMode, url: Option<&str>) {
    const FIELD: &str = "/upstream_url";
    match (kind, url) {
        (EndpointKind::Channel, None) => {}
        (EndpointKind::Channel, Some(_)) => {
            faults.add(
                FIELD,
                "not_allowed",
                "a channel has no upstream; make the endpoint a relay or leave this out",
            );
        }
        (EndpointKind::Relay, None) => {
            faults.add(FIELD, "missing", "a relay needs the address of your back end");
        }
        (EndpointKind::Relay, Some(url)) => {
            let (schemes, detail) = match mode {
                PoolMode::Session | PoolMode::Multiplex => (
                    ["ws", "wss"],
                    "use ws://host/… or wss://host/… without user, password or fragment",
                ),
                PoolMode::Webhook => (
                    ["http", "https"],
                    "with webhook, use https://host/… without user, password or fragment",
                ),
            };
            let fits = Url::parse(url).is_ok_and(|url| {
                schemes.contains(&url.scheme())
                    && url.host_str().is_some()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.fragment().is_none()
            });
            faults.check(fits, FIELD, "malformed", detail);
        }
    }
}

fn check_access(
    faults: &mut Faults,
    kind: EndpointKind,
    url: Option<&str>,
    headers: &[(String, vault::Redacted<String>)],
    certificate: Option<&ClientCertificate>,
    ca: Option<&str>,
) {
    let fields = [
        ("/upstream_headers", !headers.is_empty()),
        ("/upstream_certificate", certificate.is_some()),
        ("/upstream_ca", ca.is_some()),
    ];
    for (field, is_there) in fields {
        faults.check(
            kind == EndpointKind::Relay || !is_there,
            field,
            "not_allowed",
            "a channel has no upstream; make the endpoint a relay or leave this out",
        );
    }
    let plain = url.is_some_and(|url| url.starts_with("ws://") || url.starts_with("http://"));
    faults.check(
        !plain || certificate.is_none(),
        "/upstream_certificate",
        "not_allowed",
        "a certificate is shown over TLS only: begin upstream_url with wss:// or https://",
    );
    access::check_headers(faults, headers);
    access::check_pem(faults, certificate, ca);
}

fn check_pool(faults: &mut Faults, min: i32, max: i32) {
    faults.check(
        (0..=1000).contains(&min),
        "/pool_min",
        "out_of_range",
        "use 0 to 1000",
    );
    faults.check(
        (1..=10_000).contains(&max),
        "/pool_max",
        "out_of_range",
        "use 1 to 10000",
    );
    faults.check(
        min <= max,
        "/pool_min",
        "out_of_range",
        "pool_min must not be above pool_max",
    );
}

fn check_sharing(faults: &mut Faults, sessions: i32) {
    faults.check(
        (1..=10_000).contains(&sessions),
        "/sessions_per_socket",
        "out_of_range",
        "use 1 to 10000",
    );
}

fn check_origins(faults: &mut Faults, origins: &[String]) {
    for (index, origin) in origins.iter().enumerate() {
        // `https://*.example.com` stands for any subdomain; the star is a letter to the parser.
        let fits = Url::parse(&origin.replacen("*.", "star.", 1)).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.path() == "/"
                && url.query().is_none()
                // `https://*.com` would be half of the web.
                && (!origin.contains("*.") || url.domain().is_some_and(|host| host.matches('.').count() > 1))
        }) && !origin.ends_with('/');
        let detail = "use scheme://host[:port] without a path, or https://*.example.com";
        faults.check(fits, format!("/allowed_origins/{index}"), "malformed", detail);
    }
}

fn check_jwks(faults: &mut Faults, url: Option<&str>, keys: Option<&Value>) {
    let fits = url.is_none_or(|url| {
        Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty())
    });
    faults.check(
        fits,
        "/jwks_url",
        "malformed",
        "use the https:// address of a JSON Web Key Set",
    );
    let fits =
        keys.is_none_or(|keys| serde_json::from_value::<jsonwebtoken::jwk::JwkSet>(keys.clone()).is_ok());
    faults.check(
        fits,
        "/jwks",
        "malformed",
        "use a JSON Web Key Set (RFC 7517): {\"keys\": […]}",
    );
}

fn check_size(faults: &mut Faults, bytes: i32) {
    faults.check(
        (1..=1 << 24).contains(&bytes),
        "/max_message_bytes",
        "out_of_range",
        "use 1 to 16777216",
    );
}
