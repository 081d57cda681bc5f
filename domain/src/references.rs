//! What a row refers to by id must be there, and of the same tenant.

use entity::TenantOwned;
use sea_orm::PrimaryKeyTrait;

use crate::{
    error::{Faults, Result},
    tenancy::TenantTx,
};

/// Adds a fault at `field` when there is no such `what`. Nothing is referred to without an id.
pub(crate) async fn check<E, K>(
    tx: &TenantTx,
    faults: &mut Faults,
    id: Option<K>,
    field: &str,
    what: &str,
) -> Result<()>
where
    E: TenantOwned,
    K: Into<<E::PrimaryKey as PrimaryKeyTrait>::ValueType>,
{
    let Some(id) = id else { return Ok(()) };
    let found = tx.find_by_id::<E, _>(id).one(tx.conn()).await?;
    faults.check(
        found.is_some(),
        field,
        "unknown",
        format!("there is no such {what}"),
    );
    Ok(())
}
