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
use vault::{chance::SystemChance, key::RootKey, password::Cost};

/// Its files go when it does.
pub(crate) struct Place {
    pub(crate) ctx: Ctx,
    pub(crate) scope: TenantScope,
    pub(crate) tenant: TenantId,
    pub(crate) endpoint: EndpointId,
    pub(crate) rule: RetentionRuleId,
    _folder: TempDir,
}

impl Place {
    /// A place where messages are kept for `duration`. Files are made in the folder of `TMPDIR`: name one on the disk
    /// that is to be measured.
    pub(crate) async fn new(duration: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance = Arc::new(SystemChance);
        let ids = Arc::new(Ids::new(clock.clone(), chance.clone(), 0));
        let store = open::<DataMigrator>(&folder, "weir").await?;
        let vault = open::<VaultMigrator>(&folder, "vault").await?;
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
            _folder: folder,
        })
    }
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
