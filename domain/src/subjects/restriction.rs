//! A restriction that the tenant sets or lifts of its own accord. Whoever is concerned hears of it as they do when the person
//! asked for it (GDPR Art. 18(3), 19).

use entity::subject;
use serde_json::json;

use crate::{
    Result, callbacks,
    ctx::Ctx,
    deadlines,
    mails::{self, NewMail},
    tenancy::TenantTx,
    tenants,
};

/// Tells the person and, of a restriction, those who got their data. Answers whether there was an address to write to.
pub(super) async fn tell(
    tx: &TenantTx,
    ctx: &Ctx,
    person: &subject::Model,
    restricted: bool,
) -> Result<bool> {
    if restricted {
        callbacks::tell_of_restriction(tx, ctx, person).await?;
    }
    let Some(to) = super::reveal(ctx, person.clone()).await?.email else {
        return Ok(false);
    };
    let tenant = tenants::read(tx).await?;
    let law = deadlines::profile_or_default(&tenant.jurisdiction);
    let mail = NewMail {
        template: "restriction",
        to,
        language: tenant.language,
        values: json!({
            "restricted": restricted,
            "at": ctx.now().to_rfc3339(),
            "jurisdiction": law.key,
            "complaint": law.complaint,
            "remedy": law.remedy,
        }),
    };
    mails::enqueue(tx, ctx, mail).await?;
    Ok(true)
}
