//! What unit tests of this crate stand on: a real store and vault in a temporary folder, time that stands still, chance
//! that repeats itself, and one tenant.

use std::sync::Arc;

use chrono::DateTime;
use entity::tenant;
use migration::{DataMigrator, MigratorTrait, VaultMigrator};
use tempfile::TempDir;
use vault::{chance::SeededChance, key::RootKey, password::Cost};

use crate::{
    authentication,
    clock::FrozenClock,
    ctx::{Ctx, Parts, Settings},
    ids::Ids,
    keys::{Keys, Pages},
    pictures::Pictures,
    quotas::Quotas,
    standings::Standings,
    tenancy::{Store, StoreSettings, TenantScope},
    tenants::{self, Provision},
};

/// A place to test in. Its files go when it does.
pub(crate) struct World {
    pub(crate) ctx: Ctx,
    /// The clock of `ctx`: stands at 15 January 2027, 08:00 UTC, until it is moved.
    pub(crate) clock: FrozenClock,
    /// `acme`, owned by `owner@acme.example`.
    pub(crate) tenant: tenant::Model,
    /// Weir itself, working for `acme`.
    pub(crate) scope: TenantScope,
    folder: TempDir,
}

impl World {
    /// Makes one.
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = FrozenClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let shared: Arc<FrozenClock> = Arc::new(clock.clone());
        let chance = Arc::new(SeededChance::new(1));
        let ids = Arc::new(Ids::new(shared.clone(), chance.clone(), 0));
        let data = open::<DataMigrator>(&folder, "data").await;
        let keys = open::<VaultMigrator>(&folder, "vault").await;
        let keys = Keys::new(
            keys,
            root_key(),
            Pages::open(&folder.path().join("pages.key"), &SeededChance::new(9)).unwrap(),
            shared.clone(),
            ids.clone(),
            chance.clone(),
        );
        let ctx = Ctx::new(Parts {
            clock: shared,
            ids,
            chance,
            store: data,
            keys,
            standings: Arc::new(Standings::default()),
            known: Arc::default(),
            pictures: Arc::new(Pictures::default()),
            authentications: Arc::new(authentication::Cache::default()),
            changes: Arc::default(),
            tenants: Arc::new(tenants::Cache::default()),
            settings: Settings {
                public_url: "https://weir.example".parse().unwrap(),
                password_cost: Cost {
                    memory_kib: 8,
                    passes: 1,
                    lanes: 1,
                },
                default_quotas: Quotas::default(),
                webhooks: crate::webhooks::Settings::default(),
                opendsr: None,
            },
        });
        let wanted = Provision {
            slug: "acme".to_owned(),
            name: Some("Acme".to_owned()),
            owner_email: "owner@acme.example".to_owned(),
            owner_password: None,
        };
        let (tenant, scope, _) = tenants::find_or_create(&ctx, wanted).await.unwrap();
        Self {
            ctx,
            clock,
            tenant,
            scope,
            folder,
        }
    }
}

async fn open<M: MigratorTrait>(folder: &TempDir, name: &str) -> Store {
    let file = folder.path().join(format!("{name}.sqlite"));
    let settings = StoreSettings {
        url: format!("sqlite://{}?mode=rwc", file.display()),
        connections: 2,
        durable: false,
        ..StoreSettings::default()
    };
    let store = Store::open(&settings).await.unwrap();
    M::up(store.connection_for_maintenance(), None).await.unwrap();
    store
}

/// The root key of every world.
fn root_key() -> RootKey {
    RootKey::generate(&SeededChance::new(41))
}

/// Its files.
impl World {
    /// The folder: `data.sqlite`, `vault.sqlite`, `pages.key`.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The keys as another process would find them: in this vault's file, beside this file of page keys, under the same
    /// root key.
    pub(crate) async fn keys_in(&self, vault: &std::path::Path, pages: &std::path::Path) -> Keys {
        let settings = StoreSettings {
            url: format!("sqlite://{}?mode=rwc", vault.display()),
            connections: 2,
            durable: false,
            ..StoreSettings::default()
        };
        Keys::new(
            Store::open(&settings).await.unwrap(),
            root_key(),
            Pages::open(pages, &SeededChance::new(9)).unwrap(),
            Arc::new(self.clock.clone()),
            Arc::new(Ids::new(
                Arc::new(self.clock.clone()),
                Arc::new(SeededChance::new(2)),
                1,
            )),
            Arc::new(SeededChance::new(3)),
        )
    }
}

/// Persons and what they get by mail.
impl World {
    /// Signs somebody up, with the password [`PASSWORD`]. Their tenant is called like them.
    pub(crate) async fn sign_up(&self, email: &str) -> crate::sign_ins::SignedIn {
        let name = email.split('@').next().unwrap();
        let new = crate::accounts::SignUp {
            tenant_name: format!("House of {name}"),
            tenant_slug: None,
            owner_name: name.to_owned(),
            owner_email: email.to_owned(),
            owner_password: PASSWORD.to_owned().into(),
            language: None,
            client: Some("test".to_owned()),
        };
        crate::accounts::sign_up(&self.ctx, new).await.unwrap()
    }

    /// Who holds this credential.
    pub(crate) async fn caller(&self, token: &vault::Redacted<String>) -> authentication::Caller {
        authentication::authenticate(&self.ctx, token.expose())
            .await
            .unwrap()
    }

    /// Somebody new with a role at the tenant of `owner`, by an invitation.
    pub(crate) async fn join(
        &self,
        owner: &authentication::Caller,
        email: &str,
        role: entity::member::Role,
    ) -> crate::sign_ins::SignedIn {
        use crate::invitations::{self, Acceptance, NewInvitation};
        let email = email.to_owned();
        let tx = self.ctx.store.begin(owner.scope()).await.unwrap();
        let new = NewInvitation { email, role };
        invitations::create(&tx, &self.ctx, owner, new).await.unwrap();
        tx.save().await.unwrap();
        let acceptance = Acceptance {
            token: self.mailed_token("invitation").await.into(),
            name: Some("Somebody New".to_owned()),
            password: PASSWORD.to_owned().into(),
            client: None,
        };
        invitations::accept(&self.ctx, acceptance).await.unwrap()
    }

    /// The token in the link of the newest mail of this kind. All mails that wait are taken out of the box.
    pub(crate) async fn mailed_token(&self, template: &str) -> String {
        let mails = crate::mails::claim(&self.ctx, 1000, chrono::TimeDelta::days(365))
            .await
            .unwrap();
        let newest = mails
            .iter()
            .filter(|mail| mail.template == template)
            .max_by_key(|mail| mail.id);
        let link: url::Url = newest.unwrap().values["link"].as_str().unwrap().parse().unwrap();
        link.query_pairs()
            .find(|(name, _)| name == "token")
            .unwrap()
            .1
            .into_owned()
    }
}

/// Everybody's password.
pub(crate) const PASSWORD: &str = "the weir above the mill";
