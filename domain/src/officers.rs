//! Those at a tenant who answer for its data, by role.

use entity::{
    account,
    member::{self, Role},
};
use sea_orm::{ColumnTrait, QueryFilter};
use serde_json::Value;

use crate::{
    Result,
    ctx::Ctx,
    mails::{self, NewMail},
    tenancy::TenantTx,
    tenants,
};

/// Owners and privacy officers: whom all hear that there is something to look at.
pub(crate) const OFFICERS: &[Role] = &[Role::Owner, Role::Dpo];

/// Writes to all members with one of these roles whose address is verified.
pub(crate) async fn tell(
    tx: &TenantTx,
    ctx: &Ctx,
    roles: &[Role],
    template: &'static str,
    values: Value,
) -> Result<()> {
    let officers = tx
        .find::<member::Entity>()
        .filter(member::Column::Role.is_in(roles.iter().copied()))
        .all(tx.conn())
        .await?;
    let accounts = tx
        .find_shared::<account::Entity>()
        .filter(account::Column::Id.is_in(officers.iter().map(|member| member.account_id)))
        .filter(account::Column::EmailVerifiedAt.is_not_null())
        .all(tx.conn())
        .await?;
    let language = tenants::read(tx).await?.language;
    for account in accounts {
        let mail = NewMail {
            template,
            to: account.email,
            language: language.clone(),
            values: values.clone(),
        };
        mails::enqueue(tx, ctx, mail).await?;
    }
    Ok(())
}
