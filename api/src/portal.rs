//! The privacy page over REST: for data subjects, who have no account.

pub mod consents;
pub mod held;
pub mod requests;
pub mod sign_in;

use domain::portal;
use entity::{
    id::PurposeId,
    purpose::{self, LawfulBasis},
    tenant,
};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use crate::{
    problem::ApiError,
    purposes::{RightOut, rights_of},
    state::State,
    tags::Tag,
};

/// Whose page it is, and why data are processed there.
#[derive(Clone, Debug, Object)]
pub struct Portal {
    tenant: PortalTenant,
    purposes: Vec<PortalPurpose>,
}

/// A tenant as everybody may know it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalTenant {
    name: String,
    slug: String,
    /// Where questions go.
    contact_email: Option<String>,
    /// BCP 47.
    language: String,
}

impl From<tenant::Model> for PortalTenant {
    fn from(row: tenant::Model) -> Self {
        Self {
            name: row.name,
            slug: row.slug,
            contact_email: row.contact_email,
            language: row.language,
        }
    }
}

/// Why data are processed.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalPurpose {
    id: PurposeId,
    slug: String,
    name: String,
    description: Option<String>,
    lawful_basis: LawfulBasis,
    /// What you may demand, as it follows from the basis.
    rights: Vec<RightOut>,
    /// Whether your browser's `Sec-GPC: 1` is an objection to it.
    honours_gpc: bool,
}

impl From<purpose::Model> for PortalPurpose {
    fn from(row: purpose::Model) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            rights: rights_of(row.lawful_basis),
            honours_gpc: row.honours_gpc,
            lawful_basis: row.lawful_basis,
        }
    }
}

/// What everybody may see of a privacy page.
pub struct PortalApi(pub State);

#[OpenApi(tag = "Tag::Portal")]
impl PortalApi {
    /// See whose page it is.
    #[oai(path = "/portal/:tenant", method = "get", operation_id = "read_portal")]
    async fn read(&self, tenant: Path<String>) -> Result<Json<Portal>, ApiError> {
        let ctx = &self.0.ctx;
        let scope = portal::stranger(ctx, &tenant.0).await?;
        let tx = ctx.store.read(&scope).await?;
        let purposes = portal::purposes(&tx).await?;
        let tenant = portal::open(ctx, &tenant.0).await?;
        Ok(Json(Portal {
            tenant: tenant.into(),
            purposes: purposes.into_iter().map(Into::into).collect(),
        }))
    }
}
