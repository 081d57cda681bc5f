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

/// Which end of a message's life is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// On the way in: what would be recorded and delivered.
    #[default]
    Ingest,
    /// At the end of a rule that anonymises: what would be left.
    Expiry,
}

/// Tries the drafts on a sample, or the catalogue when there are none.
pub async fn preview(
    tx: &TenantTx,
    ctx: &Ctx,
    mut data: Value,
    drafts: Option<Vec<NewDataType>>,
    end: End,
) -> Result<Preview> {
    let types = match drafts {
        None => super::compiled(tx, ctx).await?,
        Some(drafts) => {
            let keys = ctx.keys.tenant(tx.tenant()).await?;
            let compile = |(number, draft): (usize, NewDataType)| {
                let (paths, strategies) = draft.compile(&format!("/data_types/{number}"))?;
                let at_expiry = strategies
                    .at_expiry
                    .unwrap_or_else(|| Compiled::usual_at_expiry(draft.personal));
                let keys = Arc::clone(&keys);
                Ok(
                    Compiled::of(Uuid::nil().into(), draft.slug, paths, strategies.minimise, keys)
                        .ending(at_expiry),
                )
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
    if end == End::Expiry {
        // What is left then is what was recorded, and that was minimised.
        let places = minimise::locate(&types, &data);
        minimise::anonymise(&types, places, &mut data);
    }
    Ok(Preview { data, found })
}
