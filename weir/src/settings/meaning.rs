//! What settings mean to the parts of the house, and which of them make no sense together.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use broker::egress::{self, EgressSettings};
use url::Url;

use super::sections::{Loopback, Prove, Settings, Shutdown, Tls};
use crate::{data_folder::DataFolder, trouble::Trouble};

fn set(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn wrong(key: &str, reason: &str, remedy: &str) -> Trouble {
    Trouble::new(format!("the setting {key} is not valid: {reason}"), remedy)
}

impl Settings {
    /// What types alone do not check.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        self.parse_listen()?;
        self.parse_public_url()?;
        self.parse_networks()?;
        for (key, url, schemes) in [
            (
                "database_url",
                &self.database_url,
                &["postgres", "postgresql", "sqlite"][..],
            ),
            (
                "vault_url",
                &self.vault_url,
                &["postgres", "postgresql", "sqlite"],
            ),
            (
                "database_owner_url",
                &self.database_owner_url,
                &["postgres", "postgresql"],
            ),
            (
                "vault_owner_url",
                &self.vault_owner_url,
                &["postgres", "postgresql"],
            ),
            ("redis_url", &self.redis_url, &["redis", "rediss"]),
            ("smtp_url", &self.smtp_url, &["smtp", "smtps"]),
        ] {
            let Some(url) = set(url.expose()) else { continue };
            // The value stays out of the message: it may hold a password.
            let is_known = |url: &str| {
                let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
                schemes.contains(&scheme)
            };
            // Several of a Redis Cluster; in any other address a comma is a letter like others.
            let is_valid = match key {
                "redis_url" => url.split(',').all(|url| is_known(url.trim())),
                _ => is_known(url),
            };
            if !is_valid {
                let remedy = format!("begin it with {}://", schemes.join(":// or "));
                return Err(wrong(key, "it is not an address of a known kind", &remedy));
            }
        }
        if self.database_url().is_some_and(|url| !url.starts_with("sqlite:")) && self.vault_url().is_none() {
            return Err(wrong(
                "vault_url",
                "it is not set although database_url is",
                "give the keys a Postgres database of their own, which is never backed up together with the data",
            ));
        }
        if self.database_url().is_some() && self.database_url() == self.vault_url() {
            return Err(wrong(
                "vault_url",
                "it names the same database as database_url",
                "use another database: a backup of the data must not hold the keys",
            ));
        }
        if set(&self.opendsr_cert).is_some() != set(&self.opendsr_key).is_some() {
            return Err(wrong(
                "opendsr_cert",
                "opendsr_cert and opendsr_key belong together",
                "name both files, or neither",
            ));
        }
        if set(&self.tls_cert).is_some() != set(&self.tls_key).is_some() {
            return Err(wrong(
                "tls_cert",
                "tls_cert and tls_key belong together",
                "set both, or neither",
            ));
        }
        if self.node.number > 1023 {
            return Err(wrong(
                "node.number",
                "it is above 1023",
                "use 0 to 1023, another one for each process",
            ));
        }
        let positive = [
            ("store.connections", u64::from(self.store.connections)),
            ("store.statement_seconds", self.store.statement_seconds),
            ("vault.connections", u64::from(self.vault.connections)),
            (
                "http.requests_per_second",
                u64::from(self.http.requests_per_second),
            ),
            (
                "http.anonymous_requests_per_second",
                u64::from(self.http.anonymous_requests_per_second),
            ),
            ("http.head_seconds", self.http.head_seconds),
            ("http.idle_seconds", self.http.idle_seconds),
            ("sockets.queue_messages", self.sockets.queue_messages as u64),
            ("sockets.queue_bytes", self.sockets.queue_bytes as u64),
            ("sockets.ping_every_seconds", self.sockets.ping_every_seconds),
            ("sockets.pong_within_seconds", self.sockets.pong_within_seconds),
            ("sockets.report_every_seconds", self.sockets.report_every_seconds),
            ("sockets.window", self.sockets.window as u64),
            ("sockets.dials", self.sockets.dials as u64),
            ("sockets.waiting", self.sockets.waiting as u64),
            ("journal.queue_messages", self.journal.queue_messages as u64),
            ("journal.queue_bytes", self.journal.queue_bytes as u64),
            ("journal.batch_messages", self.journal.batch_messages as u64),
            ("journal.batch_bytes", self.journal.batch_bytes as u64),
            ("worker.poll_ms", self.worker.poll_ms),
            ("worker.concurrency", self.worker.concurrency as u64),
            ("worker.mails", self.worker.mails as u64),
            ("worker.lease_seconds", self.worker.lease_seconds),
            ("worker.purge_rows", self.worker.purge_rows),
            ("passwords.passes", u64::from(self.passwords.passes)),
            ("passwords.lanes", u64::from(self.passwords.lanes)),
            ("shutdown.within_seconds", self.shutdown.within_seconds),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(wrong(key, "it is 0", "use 1 or more"));
        }
        if self.passwords.memory_kib < self.passwords.lanes.saturating_mul(8) {
            return Err(wrong(
                "passwords.memory_kib",
                "Argon2 needs 8 KiB for each lane",
                "use the default, 19456",
            ));
        }
        Ok(())
    }

    fn parse_listen(&self) -> Result<SocketAddr, Trouble> {
        self.listen.trim().parse().map_err(|_| {
            let reason = format!("{} is not an address and a port", self.listen);
            wrong(
                "listen",
                &reason,
                "use 127.0.0.1:8080, 0.0.0.0:8080 for every network, or [::1]:8080",
            )
        })
    }

    fn parse_public_url(&self) -> Result<Option<Url>, Trouble> {
        let Some(text) = set(&self.public_url) else {
            return Ok(None);
        };
        let usable = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        let url = text.parse::<Url>().ok().filter(usable).ok_or_else(|| {
            let reason = format!("{text} is not the address of a server");
            wrong(
                "public_url",
                &reason,
                "use https://weir.example.com, without a path",
            )
        })?;
        Ok(Some(url))
    }

    fn parse_networks(&self) -> Result<EgressSettings, Trouble> {
        let mut settings = EgressSettings {
            ports: self.egress.ports.clone(),
            plain: self.egress.plain,
            resolve_timeout: Duration::from_secs(self.egress.resolve_seconds),
            prove: match self.egress.prove {
                Prove::Public => egress::Prove::Public,
                Prove::All => egress::Prove::All,
                Prove::None => egress::Prove::Nothing,
            },
            hosts: set(&self.egress.hosts_file).map(PathBuf::from),
            ..Default::default()
        };
        if let Some(path) = &settings.hosts
            && let Err(error) = std::fs::read_to_string(path)
        {
            let reason = format!("{} cannot be read: {error}", path.display());
            return Err(wrong(
                "egress.hosts_file",
                &reason,
                "name a file in the form of /etc/hosts, or leave it empty",
            ));
        }
        for text in &self.egress.allow {
            let network = text.trim().parse().map_err(|_| {
                let reason = format!("{text} is not a network");
                wrong(
                    "egress.allow",
                    &reason,
                    "write networks with their prefix length: 10.1.0.0/16, 10.1.2.3/32",
                )
            })?;
            settings.allow.push(network);
        }
        Ok(settings)
    }

    /// Where to listen.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.parse_listen()
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)))
    }

    /// The address of this server when it listens on `bound`.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> Result<Url, Trouble> {
        if let Some(url) = self.parse_public_url()? {
            return Ok(url);
        }
        let ip = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let scheme = if self.tls().is_some() { "https" } else { "http" };
        let bound = SocketAddr::new(ip, bound.port());
        let text = format!("{scheme}://{bound}");
        text.parse()
            .map_err(|error| wrong("public_url", &format!("{text}: {error}"), "set public_url"))
    }

    /// The address of the data, unless it is in the data folder.
    pub(crate) fn database_url(&self) -> Option<&str> {
        set(self.database_url.expose())
    }

    /// The address of the data by the role that owns the tables, if it is named here.
    pub(crate) fn database_owner_url(&self) -> Option<&str> {
        set(self.database_owner_url.expose())
    }

    /// The address of the keys by the role that owns the tables, if it is named here.
    pub(crate) fn vault_owner_url(&self) -> Option<&str> {
        set(self.vault_owner_url.expose())
    }

    /// The address of the keys, unless they are in the data folder.
    pub(crate) fn vault_url(&self) -> Option<&str> {
        set(self.vault_url.expose())
    }

    /// Redis.
    pub(crate) fn redis_url(&self) -> Option<&str> {
        set(self.redis_url.expose())
    }

    /// Where mails go, unless to the mailbox.
    pub(crate) fn smtp_url(&self) -> Option<&str> {
        set(self.smtp_url.expose())
    }

    /// The sender of mails, if one is named.
    pub(crate) fn mail_from(&self) -> Option<&str> {
        set(&self.mail.from)
    }

    /// The root key, unless it is in the data folder.
    pub(crate) fn root_key(&self) -> Option<&str> {
        set(self.root_key.expose())
    }

    /// What prints the root key, where a key service has it.
    pub(crate) fn root_key_command(&self) -> Option<&str> {
        set(&self.root_key_command)
    }

    /// The file of page keys.
    pub(crate) fn page_keys(&self, folder: &DataFolder) -> PathBuf {
        set(&self.page_keys).map_or_else(|| folder.pages_file(), PathBuf::from)
    }

    /// The root key that is being replaced.
    pub(crate) fn old_root_key(&self) -> Option<&str> {
        set(self.old_root_key.expose())
    }

    /// Certificate and key, for TLS here.
    pub(crate) fn tls(&self) -> Option<Tls> {
        Some(Tls {
            cert: set(&self.tls_cert)?.into(),
            key: set(&self.tls_key)?.into(),
        })
    }

    /// Certificate and key that answers of OpenDSR are signed with, where they were named.
    pub(crate) fn opendsr(&self) -> Option<Tls> {
        Some(Tls {
            cert: set(&self.opendsr_cert)?.into(),
            key: set(&self.opendsr_key)?.into(),
        })
    }

    /// The name of this node: the same after a restart, so that what it left open is found again.
    pub(crate) fn node_name(&self) -> String {
        set(&self.node.name).map_or_else(
            || {
                let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
                set(&host).unwrap_or("weir").to_owned()
            },
            str::to_owned,
        )
    }

    /// Limits and times of sockets.
    pub(crate) fn sockets(&self) -> broker::Settings {
        let sockets = &self.sockets;
        broker::Settings {
            queue_messages: sockets.queue_messages,
            queue_bytes: sockets.queue_bytes,
            ping_every: Duration::from_secs(sockets.ping_every_seconds),
            pong_within: Duration::from_secs(sockets.pong_within_seconds),
            write_timeout: Duration::from_secs(sockets.write_timeout_seconds),
            close_timeout: Duration::from_secs(sockets.close_timeout_seconds),
            cut_within: Duration::from_millis(sockets.cut_within_ms),
            write_buffer: sockets.write_buffer_bytes,
            report_every: Duration::from_secs(sockets.report_every_seconds),
            window: sockets.window,
            dials: sockets.dials,
            waiting: sockets.waiting,
            ..broker::Settings::default()
        }
    }

    /// How much the journal takes on.
    pub(crate) fn journal(&self) -> domain::journal::Settings {
        domain::journal::Settings {
            queue_messages: self.journal.queue_messages,
            queue_bytes: self.journal.queue_bytes,
            group_messages: self.journal.batch_messages,
            group_bytes: self.journal.batch_bytes,
        }
    }

    /// What tenants may have this server connect to.
    pub(crate) fn egress(&self) -> Result<EgressSettings, Trouble> {
        let mut settings = self.parse_networks()?;
        if self.is_loopback_open()? {
            for network in ["127.0.0.0/8", "::1/128"] {
                let network = network
                    .parse()
                    .map_err(|_| wrong("egress.loopback", network, "please report this"))?;
                settings.allow.push(network);
            }
        }
        Ok(settings)
    }

    /// Whether tenants may name loopback addresses.
    pub(crate) fn is_loopback_open(&self) -> Result<bool, Trouble> {
        Ok(match self.egress.loopback {
            Loopback::Yes => true,
            Loopback::No => false,
            Loopback::Auto => {
                let public = self.parse_public_url()?.is_none_or(|url| is_loopback(&url));
                public && self.listen().ip().is_loopback()
            }
        })
    }

    /// The domain's settings.
    pub(crate) fn domain(
        &self,
        public_url: Url,
        opendsr: Option<domain::opendsr::Identity>,
    ) -> domain::ctx::Settings {
        domain::ctx::Settings {
            public_url,
            password_cost: vault::password::Cost {
                memory_kib: self.passwords.memory_kib,
                passes: self.passwords.passes,
                lanes: self.passwords.lanes,
            },
            default_quotas: self.quotas,
            webhooks: self.webhooks.clone(),
            opendsr,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Shutdown {
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub(crate) fn within(&self) -> Duration {
        Duration::from_secs(self.within_seconds)
    }
}
