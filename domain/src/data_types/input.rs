//! What a data type is made and changed from.

use entity::data_type;
use sea_orm::ActiveValue::Set;
use serde_json::json;
use serde_json_path::JsonPath;

use crate::{
    error::{Faults, Result},
    fields,
    minimise::{MAX_PATHS, Minimise, MinimiseParts, check_path},
};

/// A data type to be added.
#[derive(Clone, Debug)]
pub struct NewDataType {
    /// Unique in the tenant.
    pub slug: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// GDPR Art. 4(1).
    pub personal: bool,
    /// GDPR Art. 9(1): `health`, `religion`, …
    pub special_category: Option<String>,
    /// JSONPath expressions.
    pub paths: Vec<String>,
    /// What happens to what is found.
    pub minimise: MinimiseParts,
    /// What is left of it when its message expires under a rule that anonymises. None: nothing of what is personal.
    pub at_expiry: Option<MinimiseParts>,
}

/// A data type's ends, checked.
pub(super) struct Strategies {
    pub(super) minimise: Minimise,
    pub(super) at_expiry: Option<Minimise>,
}

impl NewDataType {
    pub(super) fn check(&self) -> Result<Strategies> {
        self.compile("").map(|(_, strategies)| strategies)
    }

    /// Checks everything; `at` is where in the body this stands, empty for the body itself.
    pub(super) fn compile(&self, at: &str) -> Result<(Vec<JsonPath>, Strategies)> {
        let mut faults = Faults::default();
        fields::slug(&mut faults, &format!("{at}/slug"), &self.slug);
        fields::name(&mut faults, &format!("{at}/name"), &self.name);
        fields::text(
            &mut faults,
            &format!("{at}/description"),
            self.description.as_deref(),
        );
        special_category(
            &mut faults,
            &format!("{at}/special_category"),
            self.special_category.as_deref(),
        );
        let paths = paths(&mut faults, &format!("{at}/paths"), &self.paths);
        let minimise = self.minimise.check(&mut faults, &format!("{at}/minimise"));
        let at_expiry = self
            .at_expiry
            .as_ref()
            .and_then(|parts| at_end(&mut faults, &format!("{at}/at_expiry"), parts, self.personal));
        faults.finish()?;
        // Without a strategy there was a fault.
        let minimise = minimise.unwrap_or(Minimise::None);
        Ok((paths, Strategies { minimise, at_expiry }))
    }
}

/// What to change of a data type. `None` leaves a field as it is, `Some(None)` clears it. The slug stays: others name it.
#[derive(Clone, Debug, Default)]
pub struct DataTypePatch {
    /// See [`NewDataType`].
    pub name: Option<String>,
    /// See [`NewDataType`].
    pub description: Option<Option<String>>,
    /// See [`NewDataType`].
    pub personal: Option<bool>,
    /// See [`NewDataType`].
    pub special_category: Option<Option<String>>,
    /// See [`NewDataType`].
    pub paths: Option<Vec<String>>,
    /// See [`NewDataType`].
    pub minimise: Option<MinimiseParts>,
    /// See [`NewDataType`].
    pub at_expiry: Option<Option<MinimiseParts>>,
}

impl DataTypePatch {
    /// Whether the row as it will be makes sense.
    pub(super) fn check(&self, current: &data_type::Model) -> Result<()> {
        let mut faults = Faults::default();
        if let Some(name) = &self.name {
            fields::name(&mut faults, "/name", name);
        }
        if let Some(description) = &self.description {
            fields::text(&mut faults, "/description", description.as_deref());
        }
        if let Some(category) = &self.special_category {
            special_category(&mut faults, "/special_category", category.as_deref());
        }
        if let Some(list) = &self.paths {
            paths(&mut faults, "/paths", list);
        }
        if let Some(minimise) = &self.minimise {
            minimise.check(&mut faults, "/minimise");
        }
        let personal = self.personal.unwrap_or(current.personal);
        match &self.at_expiry {
            Some(Some(parts)) => drop(at_end(&mut faults, "/at_expiry", parts, personal)),
            // What was good for something impersonal is not, for what is personal now.
            None if personal && !current.personal => faults.check(
                current.at_expiry.is_none(),
                "/at_expiry",
                "not_anonymous",
                "what becomes personal needs it said anew, or null",
            ),
            Some(None) | None => {}
        }
        faults.finish()
    }

    /// Writes the changes into a row. Answers the names of the fields.
    pub(super) fn apply(self, row: &mut data_type::ActiveModel) -> Result<Vec<&'static str>> {
        let mut fields = Vec::new();
        if let Some(name) = self.name {
            row.name = Set(name);
            fields.push("name");
        }
        if let Some(description) = self.description {
            row.description = Set(description);
            fields.push("description");
        }
        if let Some(personal) = self.personal {
            row.personal = Set(personal);
            fields.push("personal");
        }
        if let Some(category) = self.special_category {
            row.special_category = Set(category);
            fields.push("special_category");
        }
        if let Some(paths) = self.paths {
            row.paths = Set(json!(paths));
            fields.push("paths");
        }
        if let Some(minimise) = self
            .minimise
            .and_then(|parts| parts.check(&mut Faults::default(), ""))
        {
            row.minimise = Set(serde_json::to_value(minimise)?);
            fields.push("minimise");
        }
        if let Some(parts) = self.at_expiry {
            let strategy = parts.and_then(|parts| parts.check(&mut Faults::default(), ""));
            row.at_expiry = Set(strategy.map(serde_json::to_value).transpose()?);
            fields.push("at_expiry");
        }
        Ok(fields)
    }
}

fn at_end(faults: &mut Faults, field: &str, parts: &MinimiseParts, personal: bool) -> Option<Minimise> {
    if personal {
        parts.check_anonymous(faults, field)
    } else {
        parts.check(faults, field)
    }
}

fn special_category(faults: &mut Faults, field: &str, category: Option<&str>) {
    faults.check(
        category.is_none_or(fields::is_slug),
        field,
        "not_a_slug",
        "name the category of GDPR Art. 9(1) in lower case, such as health, biometric or religion",
    );
}

fn paths(faults: &mut Faults, field: &str, list: &[String]) -> Vec<JsonPath> {
    faults.check(
        list.len() <= MAX_PATHS,
        field,
        "too_many",
        format!("use at most {MAX_PATHS} paths"),
    );
    let mut compiled = Vec::new();
    for (number, text) in list.iter().take(MAX_PATHS).enumerate() {
        match check_path(format!("{field}/{number}"), text) {
            Ok(path) => compiled.push(path),
            Err(fault) => faults.add(fault.field, fault.code, fault.detail),
        }
    }
    compiled
}
