//! A tenant leaves: its one key is destroyed, and with it everything of the tenant, here and in every copy. Its rows go
//! right after, behind the scenes.
//!
//! 1. [`begin_delete`]: nobody can sign in for it any more, its endpoints are gone, the last leaf of its log says so; the
//!    receipt of that leaf is all that will remain.
//! 2. The caller closes its sockets.
//! 3. [`finish_delete`]: the key is destroyed. The job [`RemoveTenant`] does it too, if a crash comes between.

use chrono::TimeDelta;
use entity::{
    account, anonymised_message, api_key, channel, class_count, connection, consent_state, endpoint,
    held_message,
    hold::{self, HoldState},
    id::{AccountId, EndpointId},
    incident_subject, invitation, log_checkpoint, log_head, log_key, log_leaf, log_tile, log_witness, mail,
    mailed_token, member, message, opendsr_key, opendsr_request, portal_sign_in, recipient, report_schedule,
    retention_class, store_meta, tenant, usage_day,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::read;
use crate::{
    audit::{self, Event},
    changes::Change,
    ctx::Ctx,
    endpoints,
    error::{Error, Result},
    holds,
    jobs::{self, Job},
    log,
    tenancy::{SystemTx, TenantScope, TenantTx},
};

/// Rows in one transaction.
const BATCH: u64 = 5_000;

/// Removes what a tenant left behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoveTenant {
    /// Who could sign in for it. Whoever can for no other tenant goes with it.
    #[serde(default)]
    pub accounts: Vec<AccountId>,
}

impl Job for RemoveTenant {
    const KIND: &'static str = "remove_tenant";
    /// It must come to its end some day.
    const ATTEMPTS: i32 = 1_000;
}

/// What a tenant takes along.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Proves that the tenant was deleted, and when.
    pub receipt: String,
    /// What it is checked with.
    pub verifier_key: String,
    /// Its endpoints, which are gone.
    pub endpoints: Vec<EndpointId>,
}

/// Takes the tenant out of service. `confirm` is its slug: this cannot be undone.
pub async fn begin_delete(ctx: &Ctx, scope: &TenantScope, confirm: &str) -> Result<Leaving> {
    let tx = holds::begin(ctx, scope).await?;
    let tenant = read(&tx).await?;
    if confirm != tenant.slug {
        let detail = format!(
            "this deletes the tenant and all it has, for everybody and for good; confirm with ?confirm={}",
            tenant.slug
        );
        return Err(Error::invalid("?confirm", "confirmation_needed", detail));
    }
    // A hold beats every deletion, this one too.
    let stands = tx
        .find::<hold::Entity>()
        .filter(hold::Column::State.eq(HoldState::Active))
        .limit(1)
        .one(tx.conn())
        .await?;
    if let Some(hold) = stands {
        let detail = format!(
            "the legal hold \"{}\" stands; lift it first, if you may",
            hold.name
        );
        return Err(Error::conflict("held", detail));
    }
    let endpoints = endpoints::ids(&tx).await?;
    let accounts: Vec<AccountId> = tx
        .find::<member::Entity>()
        .select_only()
        .column(member::Column::AccountId)
        .into_tuple()
        .all(tx.conn())
        .await?;
    tx.delete_many::<endpoint::Entity>().exec(tx.conn()).await?;
    tx.delete_many::<member::Entity>().exec(tx.conn()).await?;
    tx.delete_many::<invitation::Entity>().exec(tx.conn()).await?;
    tx.delete_many::<api_key::Entity>().exec(tx.conn()).await?;
    tx.delete_many::<portal_sign_in::Entity>().exec(tx.conn()).await?;
    // They are sealed by the key that goes.
    tx.delete_many::<mail::Entity>().exec(tx.conn()).await?;
    let event = Event::new("tenant.deleted")
        .target("tenant", tenant.id)
        .facts(json!({ "endpoints": endpoints.len() }));
    let index = audit::record(&tx, ctx, event).await?;
    // Before the job: the job ends with the key, and then nothing is signed any more.
    let receipt = log::receipt_within(&tx, ctx, index).await?;
    // A little later: whoever called this closes sockets meanwhile.
    let soon = ctx.now() + TimeDelta::seconds(2);
    jobs::enqueue_at(&tx, ctx, &RemoveTenant { accounts }, soon).await?;
    ctx.forget_picture_after(&tx);
    ctx.tell_after(&tx, Change::Credentials);
    ctx.tell_after(&tx, Change::Tenant(tenant.slug.as_str().into()));
    let (after, id, slug) = (ctx.clone(), tenant.id, tenant.slug.clone());
    tx.after_save(move || {
        after.authentications.forget_tenant(id);
        after.tenants.forget(&slug);
    });
    tx.save().await?;
    Ok(Leaving {
        receipt: receipt.0,
        verifier_key: receipt.1,
        endpoints,
    })
}

/// Destroys the tenant's key. From here on nothing of it opens.
pub async fn finish_delete(ctx: &Ctx, scope: &TenantScope) -> Result<()> {
    ctx.keys.destroy_tenant(scope.tenant()).await?;
    ctx.pictures.remove(scope.tenant());
    Ok(())
}

/// Removes what is left of a tenant, the tenant itself last. Can be run again.
pub async fn remove(ctx: &Ctx, scope: &TenantScope, job: &RemoveTenant) -> Result<()> {
    finish_delete(ctx, scope).await?;
    let classes = remove_messages(ctx, scope).await?;
    let tx = ctx.store.begin(scope).await?;
    // What does not go by itself with the tenant's row.
    everything::<anonymised_message::Entity>(&tx).await?;
    everything::<channel::Entity>(&tx).await?;
    everything::<connection::Entity>(&tx).await?;
    everything::<consent_state::Entity>(&tx).await?;
    everything::<incident_subject::Entity>(&tx).await?;
    everything::<opendsr_key::Entity>(&tx).await?;
    everything::<opendsr_request::Entity>(&tx).await?;
    everything::<recipient::Entity>(&tx).await?;
    everything::<report_schedule::Entity>(&tx).await?;
    everything::<retention_class::Entity>(&tx).await?;
    everything::<class_count::Entity>(&tx).await?;
    everything::<held_message::Entity>(&tx).await?;
    everything::<usage_day::Entity>(&tx).await?;
    everything::<log_leaf::Entity>(&tx).await?;
    everything::<log_tile::Entity>(&tx).await?;
    everything::<log_checkpoint::Entity>(&tx).await?;
    everything::<log_witness::Entity>(&tx).await?;
    everything::<log_key::Entity>(&tx).await?;
    everything::<log_head::Entity>(&tx).await?;
    tx.save().await?;
    let tx = ctx.store.system("a tenant that was deleted goes").await?;
    // What was counted of its removals for a leaf that nobody writes any more.
    tx.delete_many::<store_meta::Entity>()
        .filter(store_meta::Column::Name.is_in(classes.iter().map(|class| format!("expired:{class}"))))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<store_meta::Entity>()
        .filter(store_meta::Column::Name.ends_with(format!(":{}", scope.tenant())))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<tenant::Entity>()
        .filter(tenant::Column::Id.eq(scope.tenant()))
        .exec(tx.conn())
        .await?;
    for account in &job.accounts {
        forget_account(&tx, *account).await?;
    }
    tx.save().await?;
    Ok(())
}

/// Somebody who can sign in for nobody any more is a stranger again.
async fn forget_account(tx: &SystemTx, account: AccountId) -> Result<()> {
    let elsewhere = tx
        .find::<member::Entity>()
        .filter(member::Column::AccountId.eq(account))
        .limit(1)
        .one(tx.conn())
        .await?;
    if elsewhere.is_some() {
        return Ok(());
    }
    tx.delete_many::<mailed_token::Entity>()
        .filter(mailed_token::Column::AccountId.eq(account))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<account::Entity>()
        .filter(account::Column::Id.eq(account))
        .exec(tx.conn())
        .await?;
    Ok(())
}

async fn everything<E: entity::TenantOwned>(tx: &TenantTx) -> Result<()> {
    tx.delete_many::<E>().exec(tx.conn()).await?;
    Ok(())
}

/// In key order, a range at a time, so that others get their turn in between. Answers the classes there were.
async fn remove_messages(ctx: &Ctx, scope: &TenantScope) -> Result<Vec<i64>> {
    use message::Column;
    let tx = ctx.store.read(scope).await?;
    let classes: Vec<i64> = tx
        .find::<retention_class::Entity>()
        .select_only()
        .column(retention_class::Column::Id)
        .into_tuple()
        .all(tx.conn())
        .await?;
    drop(tx);
    for class in &classes {
        loop {
            let tx = ctx.store.begin(scope).await?;
            let last: Option<i64> = tx
                .find::<message::Entity>()
                .select_only()
                .column(Column::Id)
                .filter(Column::ClassId.eq(*class))
                .order_by_asc(Column::Id)
                .offset(BATCH)
                .limit(1)
                .into_tuple()
                .one(tx.conn())
                .await?;
            let mut some = tx
                .delete_many::<message::Entity>()
                .filter(Column::ClassId.eq(*class));
            if let Some(last) = last {
                some = some.filter(Column::Id.lt(last));
            }
            some.exec(tx.conn()).await?;
            tx.save().await?;
            if last.is_none() {
                break;
            }
        }
    }
    Ok(classes)
}
