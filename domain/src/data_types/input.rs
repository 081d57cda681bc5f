//! What a data type is made and changed from.

use entity::data_type;
use sea_orm::ActiveValue::Set;
use serde_json::json;
use serde_json_path::JsonPath;

use crate::{
    error::{Faults, Result},
    fields,
    minimise::{MAX_PATHS, Minimise, check_path},
};

/// A minimisation as the API's body says it; see [`Minimise::from_parts`].
#[derive(Clone, Debug)]
pub struct MinimiseParts {
    /// `none`, `remove`, …
    pub strategy: String,
    /// For `mask` and `truncate`.
    pub keep: Option<u32>,
    /// For `replace`.
    pub with: Option<String>,
}

impl MinimiseParts {
    /// Leaves values as they are.
    pub fn none() -> Self {
        Self {
            strategy: "none".into(),
            keep: None,
            with: None,
        }
    }

    fn check(&self, faults: &mut Faults, field: &str) -> Option<Minimise> {
        Minimise::from_parts(faults, field, &self.strategy, self.keep, self.with.clone())
    }
}

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
}

impl NewDataType {
    pub(super) fn check(&self) -> Result<Minimise> {
        self.compile("").map(|(_, minimise)| minimise)
    }

    /// Checks everything; `at` is where in the body this stands, empty for the body itself.
    pub(super) fn compile(&self, at: &str) -> Result<(Vec<JsonPath>, Minimise)> {
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
        // Without a strategy there is a fault.
        faults
            .finish()
            .map(|()| (paths, minimise.unwrap_or(Minimise::None)))
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
}

impl DataTypePatch {
    pub(super) fn check(&self) -> Result<()> {
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
        Ok(fields)
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
