//! A place to measure in: a real store and vault, durable as in production, one tenant with an endpoint and a rule.

use std::sync::Arc;

use anyhow::Context as _;
use domain::{
    Ctx,
    clock::{Clock, SystemClock},
    ctx::{Parts, Settings},
    endpoints::{self, NewEndpoint},
    ids::Ids,
    keys::{Keys, Pages},
    pictures,
    quotas::Quotas,
    retention_rules::{self, NewRule},
    tenancy::{Store, StoreSettings, TenantScope},
    tenants::{self, Provision},
    webhooks,
};
use entity::{
    endpoint::EndpointKind,
    id::{EndpointId, RetentionRuleId, TenantId},
};
use migration::{DataMigrator, MigratorTrait, VaultMigrator};
use tempfile::TempDir;
use tests::backends::{Database, Postgres};
use vault::{chance::SystemChance, key::RootKey, password::Cost};

/// What to measure on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum On {
    /// The embedded database.
    #[default]
    Sqlite,
    /// A server of our own, started for this, on the same machine.
    Postgres,
}

impl On {
    /// For reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, synchronous=FULL",
            Self::Postgres => "Postgres, fsync and synchronous_commit on",
        }
    }

    /// Whether that can be measured here.
    pub(crate) fn is_there(self) -> bool {
        self == Self::Sqlite || Postgres::is_installed()
    }
}

/// Its files go when it does.
pub(crate) struct Place {
    pub(crate) ctx: Ctx,
    pub(crate) scope: TenantScope,
    pub(crate) tenant: TenantId,
    pub(crate) endpoint: EndpointId,
    pub(crate) rule: RetentionRuleId,
    _database: Option<Database>,
    _folder: TempDir,
}

impl Place {
    /// A place where messages are kept for `duration`. Files are made in the folder of `TMPDIR`: name one on the disk
    /// that is to be measured.
    pub(crate) async fn new(duration: &str) -> anyhow::Result<Self> {
        Self::on(On::Sqlite, duration).await
    }

    /// The same, on another store.
    pub(crate) async fn on(on: On, duration: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let database = (on == On::Postgres).then(|| Arc::new(Postgres::start_durable()).database());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance = Arc::new(SystemChance);
        let ids = Arc::new(Ids::new(clock.clone(), chance.clone(), 0));
        let (store, vault) = match &database {
            None => (
                open::<DataMigrator>(&folder, "weir").await?,
                open::<VaultMigrator>(&folder, "vault").await?,
            ),
            // Its tables are there already.
            Some(database) => (
                connect(database.url()).await?,
                connect(database.vault_url()).await?,
            ),
        };
        let root = RootKey::generate(&SystemChance);
        let pages = Pages::open(&folder.path().join("pages.key"), &*chance)?;
        let ctx = Ctx::new(Parts {
            keys: Keys::new(vault, root, pages, clock.clone(), ids.clone(), chance.clone()),
            clock,
            ids,
            chance,
            store,
            standings: Arc::default(),
            known: Arc::default(),
            pictures: Arc::default(),
            authentications: Arc::default(),
            changes: Arc::default(),
            tenants: Arc::default(),
            settings: Settings {
                public_url: "http://127.0.0.1:8080".parse().context("an address")?,
                password_cost: Cost {
                    memory_kib: 8,
                    passes: 1,
                    lanes: 1,
                },
                default_quotas: Quotas {
                    messages_per_day: i64::MAX,
                    ..Quotas::default()
                },
                webhooks: webhooks::Settings::default(),
                opendsr: None,
            },
        });
        let wanted = Provision {
            slug: "bench".into(),
            name: None,
            owner_email: "owner@bench.example".into(),
            owner_password: None,
        };
        let (tenant, scope, _) = tenants::find_or_create(&ctx, wanted).await?;
        let tx = ctx.store.begin(&scope).await?;
        let new = NewEndpoint::new("bench", EndpointKind::Channel);
        let (endpoint, _) = endpoints::create(&tx, &ctx, new).await?;
        let rule = NewRule::new("everything", duration);
        let rule = retention_rules::create(&tx, &ctx, rule).await?;
        tx.save().await?;
        pictures::load(&ctx, &scope).await?;
        Ok(Self {
            ctx,
            scope,
            tenant: tenant.id,
            endpoint: endpoint.id,
            rule: rule.id,
            _database: database,
            _folder: folder,
        })
    }
}

async fn connect(url: String) -> anyhow::Result<Store> {
    let settings = StoreSettings {
        url,
        ..StoreSettings::default()
    };
    Ok(Store::open(&settings).await?)
}

async fn open<M: MigratorTrait>(folder: &TempDir, name: &str) -> anyhow::Result<Store> {
    let file = folder.path().join(format!("{name}.db"));
    let settings = StoreSettings {
        url: format!("sqlite://{}?mode=rwc", file.display()),
        connections: 4,
        durable: true,
        // As weir opens the data.
        log_pages: 8192,
        ..StoreSettings::default()
    };
    let store = Store::open(&settings).await?;
    M::up(store.connection_for_maintenance(), None).await?;
    Ok(store)
}
