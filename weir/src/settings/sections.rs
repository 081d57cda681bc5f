//! Settings as types, a section each. What a key means and why it has its default is in `defaults.toml`.

use std::path::PathBuf;

use serde::Deserialize;
use vault::Redacted;

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(super) listen: String,
    pub(super) public_url: String,
    pub(crate) data_dir: PathBuf,
    pub(super) database_url: Redacted<String>,
    pub(super) database_owner_url: Redacted<String>,
    pub(super) vault_url: Redacted<String>,
    pub(super) vault_owner_url: Redacted<String>,
    pub(super) redis_url: Redacted<String>,
    pub(super) smtp_url: Redacted<String>,
    pub(super) tls_cert: String,
    pub(super) tls_key: String,
    pub(super) opendsr_cert: String,
    pub(super) opendsr_key: String,
    pub(super) root_key: Redacted<String>,
    pub(super) root_key_command: String,
    pub(super) page_keys: String,
    pub(super) old_root_key: Redacted<String>,
    pub(crate) log: Log,
    pub(crate) node: Node,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) http: Http,
    pub(super) sockets: Sockets,
    pub(super) journal: Journal,
    pub(super) webhooks: domain::webhooks::Settings,
    pub(crate) worker: worker::Settings,
    pub(super) mail: Mail,
    pub(super) passwords: Passwords,
    pub(super) quotas: domain::quotas::Quotas,
    pub(super) egress: Egress,
    pub(crate) shutdown: Shutdown,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

/// What log lines look like.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For eyes.
    Human,
    /// For programs: one object a line.
    Json,
}

/// `[node]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    pub(super) name: String,
    pub(crate) number: u16,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) connections: u32,
    pub(crate) durable: bool,
    pub(crate) statement_seconds: u64,
    pub(crate) check_up_to_mib: u64,
}

/// `[vault]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vault {
    pub(crate) connections: u32,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) requests_per_second: u32,
    pub(crate) anonymous_requests_per_second: u32,
    pub(crate) handshakes_per_second: u32,
    pub(crate) require_tls: bool,
    pub(crate) trust_forwarded: bool,
    pub(crate) tls_handshake_seconds: u64,
    pub(crate) head_seconds: u64,
    pub(crate) idle_seconds: u64,
}

/// `[sockets]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sockets {
    pub(super) queue_messages: usize,
    pub(super) queue_bytes: usize,
    pub(super) ping_every_seconds: u64,
    pub(super) pong_within_seconds: u64,
    pub(super) write_timeout_seconds: u64,
    pub(super) close_timeout_seconds: u64,
    pub(super) cut_within_ms: u64,
    pub(super) write_buffer_bytes: usize,
    pub(super) report_every_seconds: u64,
    pub(super) window: usize,
    pub(super) dials: usize,
    pub(super) waiting: usize,
}

/// `[journal]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    pub(super) queue_messages: usize,
    pub(super) queue_bytes: usize,
    pub(super) batch_messages: usize,
    pub(super) batch_bytes: usize,
}

/// `[mail]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    pub(super) from: String,
}

/// `[passwords]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Passwords {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// `[egress]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Egress {
    pub(super) allow: Vec<String>,
    pub(super) loopback: Loopback,
    pub(super) ports: Vec<u16>,
    pub(super) plain: bool,
    pub(super) resolve_seconds: u64,
    pub(super) hosts_file: String,
    pub(super) prove: Prove,
}

/// Which back ends have to be proven.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Prove {
    Public,
    All,
    None,
}

/// Whether tenants may name loopback addresses.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Loopback {
    Yes,
    No,
    Auto,
}

/// `[shutdown]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    pub(super) drain_seconds: u64,
    pub(super) within_seconds: u64,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}
