//! The settings that are flags too.

use std::path::PathBuf;

use clap::Args;

/// Settings that most installations need. Each is an environment variable as well; all others are described in the
/// file of defaults and set by `--config` or as WEIR_<SECTION>__<KEY>.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// A TOML file with settings [env: WEIR_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [env: WEIR_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The address in links and mails [env: WEIR_PUBLIC_URL] [default: that of --listen]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The folder for databases, root key and mailbox [env: WEIR_DATA_DIR] [default: ./weir-data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The store of the data [env: WEIR_DATABASE_URL] [default: SQLite in the data folder]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The same by the role that owns its tables, to change them [env: WEIR_DATABASE_OWNER_URL] [default: none]
    #[arg(long, value_name = "URL")]
    database_owner_url: Option<String>,
    /// The store of the keys [env: WEIR_VAULT_URL] [default: SQLite in the data folder]
    #[arg(long, value_name = "URL")]
    vault_url: Option<String>,
    /// The same by the role that owns its tables, to change them [env: WEIR_VAULT_OWNER_URL] [default: none]
    #[arg(long, value_name = "URL")]
    vault_owner_url: Option<String>,
    /// Redis [env: WEIR_REDIS_URL] [default: none]
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Where mails go [env: WEIR_SMTP_URL] [default: the mailbox in the data folder]
    #[arg(long, value_name = "URL")]
    smtp_url: Option<String>,
    /// A certificate chain in PEM [env: WEIR_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key in PEM [env: WEIR_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
}

impl Flags {
    /// What was given, as flag, key and value.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        [
            ("--listen", "listen", &self.listen),
            ("--public-url", "public_url", &self.public_url),
            ("--data-dir", "data_dir", &self.data_dir),
            ("--database-url", "database_url", &self.database_url),
            (
                "--database-owner-url",
                "database_owner_url",
                &self.database_owner_url,
            ),
            ("--vault-url", "vault_url", &self.vault_url),
            ("--vault-owner-url", "vault_owner_url", &self.vault_owner_url),
            ("--redis-url", "redis_url", &self.redis_url),
            ("--smtp-url", "smtp_url", &self.smtp_url),
            ("--tls-cert", "tls_cert", &self.tls_cert),
            ("--tls-key", "tls_key", &self.tls_key),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value.as_deref()?)))
    }
}
