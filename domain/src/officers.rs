//! Those at a tenant who answer for its data: its owners and privacy officers.

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

/// Writes to all of them whose address is verified.
pub(crate) async fn tell(tx: &TenantTx, ctx: &Ctx, template: &'static str, values: Value) -> Result<()> {
    let officers = tx
        .find::<member::Entity>()
        .filter(member::Column::Role.is_in([Role::Owner, Role::Dpo]))
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
