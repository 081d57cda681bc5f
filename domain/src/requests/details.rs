//! What a request asks for beyond its kind: what to correct, which purposes to stop, in whose name. Sealed under the
//! tenant's key, and forgotten when the person is erased.

use std::collections::HashMap;

use entity::{
    data_type,
    id::{PurposeId, RequestId},
    purpose::{self, LawfulBasis},
    request::{self, RequestKind},
};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::{Result, ctx::Ctx, error::Faults, opendsr::Hashed, subjects, tenancy::TenantTx};

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What the person says: reasons, or a supplementary statement (Art. 16).
    pub text: Option<String>,
    /// What is to be corrected.
    pub corrections: Vec<Correction>,
    /// What an objection is against.
    pub purposes: Vec<PurposeId>,
    /// Why processing is to be restricted: one of [`GROUNDS`].
    pub ground: Option<String>,
    /// Who asks in the person's name.
    pub agent: Option<Agent>,
    /// By which hashes the person is looked for, until they are found or are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashed: Vec<Hashed>,
}

/// One thing to be corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// `email`, or the slug of a data type.
    pub field: String,
    /// What it should be.
    pub value: String,
}

/// Somebody whom the person authorised (11 CCR §7063; EDPB Guidelines 01/2022, paragraph 80).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Who.
    pub name: String,
    /// Where they hear of it.
    pub email: String,
    /// How the authority was shown: a power of attorney, a signed permission.
    pub authority: String,
}

/// The grounds of GDPR Art. 18(1), in its order.
pub const GROUNDS: &[&str] = &["accuracy", "unlawful", "legal_claims", "objection"];

/// The field of a correction that is not of the catalogue.
pub(super) const EMAIL: &str = "email";

const MAX_TEXT: usize = 4_000;
const MAX_VALUE: usize = 1_000;
const MAX_ITEMS: usize = 20;

pub(crate) fn context(id: RequestId) -> String {
    format!("request.details/{id}")
}

impl Details {
    /// Nothing beyond the kind.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Seals it for a request.
    pub(super) async fn seal(&self, tx: &TenantTx, ctx: &Ctx, id: RequestId) -> Result<Option<Vec<u8>>> {
        if self.is_empty() {
            return Ok(None);
        }
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        let plain = serde_json::to_vec(self)?;
        Ok(Some(keys.tenant.seal_value(&context(id), &plain, &*ctx.chance)))
    }

    /// What a request asks for.
    pub async fn open(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<Self> {
        let Some(sealed) = &request.details_sealed else {
            return Ok(Self::default());
        };
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        Ok(serde_json::from_slice(
            &keys.tenant.open_value(&context(request.id), sealed)?,
        )?)
    }

    /// Checks it against what the kind can ask for.
    ///
    /// # Errors
    /// `Invalid` with all that is wrong.
    pub(super) async fn check(&self, tx: &TenantTx, kind: RequestKind) -> Result<()> {
        let mut faults = Faults::default();
        let text = self.text.as_deref().unwrap_or_default();
        faults.check(
            text.chars().count() <= MAX_TEXT,
            "/details/text",
            "too_long",
            format!("use at most {MAX_TEXT} characters"),
        );
        if kind == RequestKind::Rectification {
            faults.check(
                !self.corrections.is_empty() || !text.trim().is_empty(),
                "/details/corrections",
                "required",
                "say what is to be corrected, or add a statement in text",
            );
            self.check_corrections(tx, &mut faults).await?;
        } else {
            unexpected(
                &mut faults,
                !self.corrections.is_empty(),
                "/details/corrections",
                "rectification",
            );
        }
        if kind == RequestKind::Objection {
            self.check_purposes(tx, &mut faults).await?;
        } else {
            unexpected(
                &mut faults,
                !self.purposes.is_empty(),
                "/details/purpose_ids",
                "objection",
            );
        }
        if kind == RequestKind::Restriction {
            faults.check(
                self.ground
                    .as_deref()
                    .is_none_or(|ground| GROUNDS.contains(&ground)),
                "/details/ground",
                "unknown",
                format!("use one of {}", GROUNDS.join(", ")),
            );
        } else {
            unexpected(
                &mut faults,
                self.ground.is_some(),
                "/details/ground",
                "restriction",
            );
        }
        if let Some(agent) = &self.agent {
            crate::fields::name(&mut faults, "/details/agent/name", &agent.name);
            subjects::check_email(&mut faults, "/details/agent/email", &agent.email);
            faults.check(
                !agent.authority.trim().is_empty() && agent.authority.chars().count() <= MAX_VALUE,
                "/details/agent/authority",
                "required",
                format!("say in at most {MAX_VALUE} characters how the authority was shown"),
            );
        }
        faults.finish()
    }

    async fn check_corrections(&self, tx: &TenantTx, faults: &mut Faults) -> Result<()> {
        faults.check(
            self.corrections.len() <= MAX_ITEMS,
            "/details/corrections",
            "too_many",
            format!("at most {MAX_ITEMS} at a time"),
        );
        let known = tx.find::<data_type::Entity>().all(tx.conn()).await?;
        for (at, correction) in self.corrections.iter().enumerate() {
            let field = correction.field.as_str();
            faults.check(
                field == EMAIL || known.iter().any(|row| row.slug == field),
                format!("/details/corrections/{at}/field"),
                "unknown",
                "use email, or the slug of a data type",
            );
            let value = format!("/details/corrections/{at}/value");
            if field == EMAIL {
                subjects::check_email(faults, &value, &correction.value);
            }
            faults.check(
                !correction.value.trim().is_empty() && correction.value.chars().count() <= MAX_VALUE,
                &value,
                "out_of_range",
                format!("use 1 to {MAX_VALUE} characters"),
            );
        }
        Ok(())
    }

    /// There is a right to object to what rests on a public task or on legitimate interests (Art. 21(1)); consent is
    /// withdrawn instead, and against the others there is none.
    async fn check_purposes(&self, tx: &TenantTx, faults: &mut Faults) -> Result<()> {
        faults.check(
            !self.purposes.is_empty() && self.purposes.len() <= MAX_ITEMS,
            "/details/purpose_ids",
            "required",
            format!("name 1 to {MAX_ITEMS} purposes"),
        );
        let known: HashMap<PurposeId, LawfulBasis> = tx
            .find::<purpose::Entity>()
            .filter(purpose::Column::Id.is_in(self.purposes.iter().copied()))
            .all(tx.conn())
            .await?
            .into_iter()
            .map(|row| (row.id, row.lawful_basis))
            .collect();
        for (at, purpose) in self.purposes.iter().enumerate() {
            let field = format!("/details/purpose_ids/{at}");
            match known.get(purpose) {
                Some(LawfulBasis::PublicTask | LawfulBasis::LegitimateInterests) => {}
                Some(LawfulBasis::Consent) => {
                    faults.add(
                        field,
                        "not_objectable",
                        "it rests on consent: withdraw that instead",
                    );
                }
                Some(_) => faults.add(
                    field,
                    "not_objectable",
                    "there is a right to object only to what rests on a public task or legitimate interests",
                ),
                None => faults.add(field, "unknown", "there is no such purpose"),
            }
        }
        Ok(())
    }
}

fn unexpected(faults: &mut Faults, there: bool, field: &str, kind: &str) {
    faults.check(
        !there,
        field,
        "unexpected",
        format!("only a request for {kind} takes this"),
    );
}
