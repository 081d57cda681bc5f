//! Who answers for the processing: the tenant as the controller (GDPR Art. 4(7), 13(1)(a)(b), 30(1)(a)), its representative,
//! its data protection officer, its authority. Records, receipts and notifications name them.

use entity::tenant;
use serde::{Deserialize, Serialize};

use crate::{
    accounts::email,
    error::{Faults, Result},
    fields,
};

/// What is said of the controller. What is not said is said so in documents, never guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controller {
    /// As registered; the tenant's name, where this is not said.
    pub legal_name: Option<String>,
    /// Postal.
    pub address: Option<String>,
    /// ISO 3166-1 alpha-2, where it is established.
    pub country: Option<String>,
    /// For questions.
    pub phone: Option<String>,
    /// Of the data protection officer.
    pub dpo_name: Option<String>,
    /// Of the data protection officer.
    pub dpo_email: Option<String>,
    /// Of the data protection officer.
    pub dpo_phone: Option<String>,
    /// In the Union, of a controller outside (Art. 27).
    pub representative: Option<String>,
    /// The lead authority.
    pub authority: Option<String>,
    /// Where the data are, as countries or regions.
    pub storage_locations: Vec<String>,
    /// Transfers to third countries and their safeguards (Art. 30(1)(e)).
    pub transfers: Option<String>,
    /// Measures beyond those that Weir takes itself (Art. 32(1)).
    pub security_measures: Vec<String>,
}

/// Most entries of a list.
const MAX_LIST: usize = 50;

impl Controller {
    /// Of a tenant.
    pub fn of(tenant: &tenant::Model) -> Result<Self> {
        match &tenant.controller {
            Some(said) => Ok(serde_json::from_value(said.clone())?),
            None => Ok(Self::default()),
        }
    }

    /// Its name in documents.
    pub fn name<'a>(&'a self, tenant: &'a tenant::Model) -> &'a str {
        self.legal_name.as_deref().unwrap_or(&tenant.name)
    }

    /// Where questions go.
    pub fn contact<'a>(&'a self, tenant: &'a tenant::Model) -> Option<&'a str> {
        self.dpo_email.as_deref().or(tenant.contact_email.as_deref())
    }

    /// Adds what is wrong with it, and tidies what is not.
    pub(crate) fn check(&mut self, faults: &mut Faults) {
        for (field, text) in [
            ("legal_name", &self.legal_name),
            ("dpo_name", &self.dpo_name),
            ("phone", &self.phone),
            ("dpo_phone", &self.dpo_phone),
        ] {
            if let Some(text) = text {
                fields::name(faults, &format!("/controller/{field}"), text);
            }
        }
        for (field, text) in [
            ("address", &self.address),
            ("representative", &self.representative),
            ("authority", &self.authority),
            ("transfers", &self.transfers),
        ] {
            fields::text(faults, &format!("/controller/{field}"), text.as_deref());
        }
        if let Some(address) = &self.dpo_email {
            self.dpo_email = Some(email::checked(faults, "/controller/dpo_email", address));
        }
        faults.check(
            self.country
                .as_ref()
                .is_none_or(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())),
            "/controller/country",
            "not_a_country",
            "use the two capital letters of ISO 3166-1, such as DE",
        );
        for (field, list) in [
            ("storage_locations", &self.storage_locations),
            ("security_measures", &self.security_measures),
        ] {
            faults.check(
                list.len() <= MAX_LIST,
                format!("/controller/{field}"),
                "too_many",
                format!("use at most {MAX_LIST} entries"),
            );
            for (number, entry) in list.iter().enumerate() {
                let at = format!("/controller/{field}/{number}");
                faults.check(!entry.trim().is_empty(), at.clone(), "empty", "say something");
                fields::text(faults, &at, Some(entry));
            }
        }
    }
}
