//! What several processes on one store have to know of each other's changes.
//!
//! Whatever decides about messages is in memory ([`crate::standings`], [`crate::pictures`], keys, credentials), and follows a
//! change of this process when it is saved. [`Changes`] hands on to whoever carries it that something changed; another process
//! [`follow`]s, which reads the store: a change says what to look at, never what is there. [`revalidate`] looks at everything, for
//! a process that may have missed some.

use std::sync::OnceLock;

use entity::id::{SubjectId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{ctx::Ctx, error::Result, pictures, standings};

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// How a person stands: consents, objections, a restriction, their being gone.
    Standing(TenantId, SubjectId),
    /// A person was erased, who was known under this hash of the tenant's id for them.
    Erased(TenantId, SubjectId, Vec<u8>),
    /// Endpoints, catalogue or rules of a tenant.
    Picture(TenantId),
    /// Who may sign in.
    Credentials,
    /// What a tenant is called, or whether it is there.
    Tenant(Box<str>),
    /// Keys were destroyed.
    Keys,
    /// A tenant's key is being replaced.
    TenantKey(TenantId),
}

struct Outlet {
    tell: Box<dyn Fn(&Change) + Send + Sync>,
    others: bool,
}

/// Where changes of this process go.
#[derive(Default)]
pub struct Changes(OnceLock<Outlet>);

impl Changes {
    /// Tells `outlet` of every change from now on, after it was saved. It must not wait. Once; a second one is not heard.
    /// `others`: whether there are any that hold sockets.
    pub fn tell(&self, others: bool, outlet: impl Fn(&Change) + Send + Sync + 'static) {
        let tell = Box::new(outlet);
        let _ = self.0.set(Outlet { tell, others });
    }

    /// Whether there is anybody else.
    pub(crate) fn are_heard(&self) -> bool {
        self.0.get().is_some_and(|outlet| outlet.others)
    }

    pub(crate) fn note(&self, change: &Change) {
        if let Some(outlet) = self.0.get() {
            (outlet.tell)(change);
        }
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Changes").field(&self.0.get().is_some()).finish()
    }
}

/// Follows a change that another process made. Answers the persons for whom that may mean less than before.
///
/// # Errors
/// What the store said; then memory may be wrong.
pub async fn follow(ctx: &Ctx, change: &Change) -> Result<Vec<(TenantId, SubjectId)>> {
    match change {
        Change::Standing(_, subject) => {
            standings::reread(ctx, Some(*subject)).await?;
            return Ok(people_of(change));
        }
        Change::Erased(tenant, subject, index) => {
            ctx.known.forget(*tenant, index);
            standings::reread(ctx, Some(*subject)).await?;
            return Ok(people_of(change));
        }
        Change::Picture(tenant) => {
            ctx.pictures.forget(*tenant);
            if ctx.pictures.slot(*tenant).is_some() {
                pictures::reload_or_remove(ctx, *tenant).await?;
            }
        }
        Change::Credentials => ctx.authentications.forget_all(),
        Change::Tenant(slug) => ctx.tenants.forget(slug),
        Change::Keys => ctx.keys.forget_all(),
        Change::TenantKey(tenant) => ctx.keys.reread_tenant(*tenant).await?,
    }
    Ok(Vec::new())
}

fn people_of(change: &Change) -> Vec<(TenantId, SubjectId)> {
    match change {
        Change::Standing(tenant, subject) | Change::Erased(tenant, subject, _) => vec![(*tenant, *subject)],
        _ => Vec::new(),
    }
}

/// Compares everything in memory that decides about messages with the store. Answers the persons who stand otherwise than
/// they did.
///
/// # Errors
/// What the store said; then memory may be wrong.
pub async fn revalidate(ctx: &Ctx) -> Result<Vec<(TenantId, SubjectId)>> {
    ctx.keys.forget_all();
    ctx.authentications.forget_all();
    ctx.tenants.forget_all();
    ctx.known.forget_all();
    pictures::compare_now(ctx).await?;
    standings::reread(ctx, None).await
}
