//! Members: who may act for a tenant, and as what.

use std::collections::HashMap;

use entity::{
    account,
    id::{AccountId, MemberId},
    mailed_token,
    member::{self, Role},
    sign_in,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, IntoActiveModel, QueryFilter, QuerySelect, Set, sea_query::Query,
};
use serde_json::json;

use crate::{
    accounts,
    audit::{self, Event},
    authentication::Caller,
    changes::Change,
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    tenancy::{TenantTx, expect_version, on_conflict},
};

/// A member and the person behind it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// What they are for the tenant.
    pub member: member::Model,
    /// The person's name.
    pub name: String,
    /// The person's e-mail address.
    pub email: String,
}

impl Membership {
    pub(crate) fn new(member: member::Model, account: account::Model) -> Self {
        Self {
            member,
            name: account.name,
            email: account.email,
        }
    }
}

/// Lists members, newest first.
pub async fn list(tx: &TenantTx, role: Option<Role>, page: &PageIn) -> Result<Page<Membership>> {
    let mut rows = tx.find::<member::Entity>();
    if let Some(role) = role {
        rows = rows.filter(member::Column::Role.eq(role));
    }
    let page = page::by_id(rows, tx.conn(), member::Column::Id, page, |row| row.id.0).await?;
    let mut accounts: HashMap<AccountId, account::Model> = tx
        .find_shared::<account::Entity>()
        .filter(account::Column::Id.is_in(page.items.iter().map(|member| member.account_id)))
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    Ok(Page {
        items: page
            .items
            .into_iter()
            .filter_map(|member| {
                Some(Membership::new(
                    member.clone(),
                    accounts.remove(&member.account_id)?,
                ))
            })
            .collect(),
        next_cursor: page.next_cursor,
    })
}

/// Reads one member.
pub async fn read(tx: &TenantTx, id: MemberId) -> Result<Membership> {
    let member = tx.get::<member::Entity, _>(id, "member").await?;
    let account = accounts::read(tx, member.account_id).await?;
    Ok(Membership::new(member, account))
}

/// Gives a member another role, at once for their open sessions too.
///
/// # Errors
/// `Forbidden` when the caller may do less than the old or the new role; `Conflict` with `last_owner` when the tenant
/// would be without one.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &Caller,
    id: MemberId,
    expected: Option<i32>,
    role: Option<Role>,
) -> Result<Membership> {
    let before = read(tx, id).await?;
    let member = before.member.clone();
    expect_version(member.version, expected)?;
    let Some(role) = role.filter(|role| *role != member.role) else {
        return Ok(before);
    };
    caller.outranks(member.role)?;
    caller.outranks(role)?;
    if member.role == Role::Owner {
        keep_an_owner(tx, id).await?;
    }
    let (old, version) = (member.role, member.version + 1);
    let mut row = member.into_active_model();
    row.role = Set(role);
    row.version = Set(version);
    let member = tx.update(row).await?;
    audit::record(
        tx,
        ctx,
        Event::new("member.role_changed")
            .target("member", id)
            .facts(json!({ "from": old, "to": role, "version": version })),
    )
    .await?;
    forget_after(tx, ctx, id);
    Ok(Membership { member, ..before })
}

/// Removes a member: their sessions at this tenant end at once. Who is no member of any tenant any more is forgotten.
///
/// # Errors
/// As [`update`]. Everybody may remove themselves.
pub async fn delete(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &Caller,
    id: MemberId,
    expected: Option<i32>,
) -> Result<()> {
    let member = tx.get::<member::Entity, _>(id, "member").await?;
    expect_version(member.version, expected)?;
    if caller.person().ok().map(|person| person.member_id) != Some(id) {
        caller.outranks(member.role)?;
    }
    if member.role == Role::Owner {
        keep_an_owner(tx, id).await?;
    }
    tx.delete_many::<sign_in::Entity>()
        .filter(sign_in::Column::AccountId.eq(member.account_id))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<member::Entity>()
        .filter(member::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    forget_unless_member(tx, member.account_id).await?;
    audit::record(
        tx,
        ctx,
        Event::new("member.removed")
            .target("member", id)
            .facts(json!({ "role": member.role })),
    )
    .await?;
    forget_after(tx, ctx, id);
    Ok(())
}

/// Makes an account a member.
pub(crate) async fn add(
    tx: &TenantTx,
    ctx: &Ctx,
    id: MemberId,
    account: AccountId,
    role: Role,
) -> Result<member::Model> {
    let member = tx
        .insert(member::ActiveModel {
            id: Set(id),
            account_id: Set(account),
            role: Set(role),
            created_at: Set(ctx.now()),
            version: Set(1),
            ..Default::default()
        })
        .await
        .map_err(|error| on_conflict(error, "member", "account_id", "/email"))?;
    audit::record(
        tx,
        ctx,
        Event::new("member.added")
            .target("member", id)
            .facts(json!({ "role": role })),
    )
    .await?;
    Ok(member)
}

/// Refuses when there is no owner beside this one.
async fn keep_an_owner(tx: &TenantTx, leaving: MemberId) -> Result<()> {
    let mut owners = tx
        .find::<member::Entity>()
        .filter(member::Column::Role.eq(Role::Owner));
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        // Two owners who remove each other at once must not both find the other one there.
        owners = owners.lock_exclusive();
    }
    let owners = owners.all(tx.conn()).await?;
    if owners.iter().any(|owner| owner.id != leaving) {
        return Ok(());
    }
    Err(Error::conflict(
        "last_owner",
        "a tenant needs an owner; make somebody else one first",
    ))
}

/// An account that is a member of nothing is personal data that nobody needs.
async fn forget_unless_member(tx: &TenantTx, account: AccountId) -> Result<()> {
    let somewhere = Query::select()
        .column(member::Column::AccountId)
        .from(member::Entity)
        .and_where(member::Column::AccountId.eq(account))
        .to_owned();
    tx.delete_many_shared::<mailed_token::Entity>()
        .filter(mailed_token::Column::AccountId.eq(account))
        .filter(mailed_token::Column::AccountId.not_in_subquery(somewhere.clone()))
        .exec(tx.conn())
        .await?;
    tx.delete_many_shared::<account::Entity>()
        .filter(account::Column::Id.eq(account))
        .filter(account::Column::Id.not_in_subquery(somewhere))
        .exec(tx.conn())
        .await?;
    Ok(())
}

fn forget_after(tx: &TenantTx, ctx: &Ctx, member: MemberId) {
    ctx.tell_after(tx, Change::Credentials);
    let ctx = ctx.clone();
    tx.after_save(move || ctx.authentications.forget_member(member));
}

#[cfg(test)]
mod tests;
