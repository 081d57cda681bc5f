//! Trying the catalogue, or drafts for it, on a sample. Nothing is stored.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::NewDataType;
use crate::{
    ctx::Ctx,
    error::Result,
    minimise::{self, Compiled},
    tenancy::TenantTx,
};

/// A sample after minimisation.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What would be recorded.
    pub data: Value,
    /// What was found: the data type's slug and where it was, as a normalised path (RFC 9535 §2.7).
    pub found: Vec<(String, String)>,
}

/// Tries the drafts on a sample, or the catalogue when there are none.
pub async fn preview(
    tx: &TenantTx,
    ctx: &Ctx,
    mut data: Value,
    drafts: Option<Vec<NewDataType>>,
) -> Result<Preview> {
    let types = match drafts {
        None => super::compiled(tx, ctx).await?,
        Some(drafts) => {
            let keys = ctx.keys.tenant(tx.tenant()).await?;
            let compile = |(number, draft): (usize, NewDataType)| {
                let (paths, minimise) = draft.compile(&format!("/data_types/{number}"))?;
                let keys = Arc::clone(&keys);
                Ok(Compiled::of(
                    Uuid::nil().into(),
                    draft.slug,
                    paths,
                    minimise,
                    keys,
                ))
            };
            drafts
                .into_iter()
                .enumerate()
                .map(compile)
                .collect::<Result<_>>()?
        }
    };
    let places = minimise::locate(&types, &data);
    let found = places
        .iter()
        .map(|place| (types[place.data_type].slug.clone(), place.path.clone()))
        .collect();
    minimise::minimise(&types, places, &mut data);
    Ok(Preview { data, found })
}
