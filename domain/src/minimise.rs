//! Data minimisation (GDPR Art. 5(1)(c)): finds the catalogue's data types in a message by JSONPath (RFC 9535) and makes
//! what was found say less, before anything is stored or delivered.
//!
//! Pure: no store, no clock. The catalogue is compiled once ([`Compiled`]) and used for every message
//! ([`classify_and_minimise`]). All paths are looked up in the message as it came, only then is it changed, so what is
//! found does not depend on the order of the catalogue.

mod coarse;
mod parts;
mod paths;
mod strategies;

use std::sync::Arc;

use entity::{data_type, id::DataTypeId};
use serde_json::Value;
use serde_json_path::JsonPath;

pub use coarse::TimeUnit;
pub use parts::MinimiseParts;
pub use paths::{MAX_PATHS, check_path};
pub use strategies::Minimise;

use crate::{error::Result, keys::TenantKeys};

/// A data type, ready to be looked for.
pub struct Compiled {
    /// The data type; nil for a draft.
    pub id: DataTypeId,
    /// Its name in paths and answers.
    pub slug: String,
    paths: Vec<JsonPath>,
    minimise: Minimise,
    /// What is left of it when its message expires under a rule that anonymises.
    at_expiry: Minimise,
    /// For [`Minimise::Hash`].
    keys: Arc<TenantKeys>,
    /// It is of a special category (GDPR Art. 9(1)), and something of it is left when it was minimised.
    pub special: bool,
}

impl Compiled {
    /// Compiles a stored data type.
    pub fn new(row: &data_type::Model, keys: Arc<TenantKeys>) -> Result<Self> {
        let paths: Vec<String> = serde_json::from_value(row.paths.clone())?;
        let mut compiled = Self::of(
            row.id,
            row.slug.clone(),
            paths
                .iter()
                .map(|path| JsonPath::parse(path).map_err(crate::Error::internal))
                .collect::<Result<_>>()?,
            serde_json::from_value(row.minimise.clone())?,
            keys,
        );
        compiled.at_expiry = match &row.at_expiry {
            Some(stored) => serde_json::from_value(stored.clone())?,
            None => Self::usual_at_expiry(row.personal),
        };
        compiled.special = row.special_category.is_some() && compiled.minimise.leaves_something();
        Ok(compiled)
    }

    pub(crate) fn of(
        id: DataTypeId,
        slug: String,
        paths: Vec<JsonPath>,
        minimise: Minimise,
        keys: Arc<TenantKeys>,
    ) -> Self {
        Self {
            id,
            slug,
            paths,
            minimise,
            at_expiry: Minimise::Remove,
            keys,
            special: false,
        }
    }

    /// Where nothing is said: nothing is left of what is personal.
    pub(crate) fn usual_at_expiry(personal: bool) -> Minimise {
        if personal {
            Minimise::Remove
        } else {
            Minimise::None
        }
    }

    /// The same with another end.
    pub(crate) fn ending(self, at_expiry: Minimise) -> Self {
        Self { at_expiry, ..self }
    }

    fn is_in(&self, value: &Value) -> bool {
        self.paths.iter().any(|path| !path.query(value).is_empty())
    }
}

/// A step from a value to one inside it. Ordered, so that of two elements of a list the later one is the greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Name(String),
    Index(usize),
}

/// Something that was found in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where in the list of data types its own is.
    pub data_type: usize,
    /// Where it is, as a normalised path (RFC 9535 §2.7): `$['user']['email']`.
    pub path: String,
    steps: Vec<Step>,
}

/// Looks for every data type in a message. Answers in the order of `types`.
pub fn locate(types: &[Compiled], value: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    for (data_type, compiled) in types.iter().enumerate() {
        let first = found.len();
        for path in &compiled.paths {
            for location in path.query_located(value).locations() {
                let steps: Vec<Step> = location
                    .iter()
                    .filter_map(|element| {
                        let name = element.as_name().map(|name| Step::Name(name.to_owned()));
                        name.or(element.as_index().map(Step::Index))
                    })
                    .collect();
                // Two paths of a type may meet at one place, which must not be minimised twice.
                if !found[first..].iter().any(|other: &Found| other.steps == steps) {
                    found.push(Found {
                        data_type,
                        path: location.to_string(),
                        steps,
                    });
                }
            }
        }
    }
    found
}

/// Minimises what [`locate`] found, as on the way in.
pub fn minimise(types: &[Compiled], found: Vec<Found>, value: &mut Value) {
    apply(types, found, value, |compiled| &compiled.minimise);
}

/// Makes anonymous what [`locate`] found, as at the end of a rule that says so.
pub fn anonymise(types: &[Compiled], found: Vec<Found>, value: &mut Value) {
    apply(types, found, value, |compiled| &compiled.at_expiry);
}

fn apply(types: &[Compiled], found: Vec<Found>, value: &mut Value, how: impl Fn(&Compiled) -> &Minimise) {
    let mut removals = Vec::new();
    for place in found {
        let compiled = &types[place.data_type];
        let strategy = how(compiled);
        if *strategy == Minimise::Remove {
            removals.push(place.steps);
        } else if let Some(target) = inside(value, &place.steps) {
            // Gone when another data type's strategy has replaced what was around it: then nothing is left to do.
            strategy.apply(target, &compiled.keys.index);
        }
    }
    // From the back, so that places further ahead in the same list keep their index; inner ones before outer ones.
    removals.sort_unstable_by(|a, b| b.cmp(a));
    removals.dedup();
    for steps in removals {
        remove(value, &steps);
    }
}

/// Finds which data types a message has and minimises them. Answers the ids, sorted. Cheap when nothing is found.
pub fn classify_and_minimise(types: &[Compiled], value: &mut Value) -> Vec<DataTypeId> {
    // Most messages have none of most types: looking without keeping the way there is several times faster.
    if !types.iter().any(|compiled| compiled.is_in(value)) {
        return Vec::new();
    }
    let found = locate(types, value);
    let mut ids: Vec<_> = found.iter().map(|place| types[place.data_type].id).collect();
    ids.sort_unstable();
    ids.dedup();
    minimise(types, found, value);
    ids
}

fn inside<'v>(value: &'v mut Value, steps: &[Step]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(members), Step::Name(name)) => members.get_mut(name),
        (Value::Array(elements), Step::Index(index)) => elements.get_mut(*index),
        _ => None,
    })
}

fn remove(value: &mut Value, steps: &[Step]) {
    let Some((last, parents)) = steps.split_last() else {
        // The message itself cannot go; nothing of it stays.
        *value = Value::Null;
        return;
    };
    match (inside(value, parents), last) {
        (Some(Value::Object(members)), Step::Name(name)) => drop(members.remove(name)),
        (Some(Value::Array(elements)), Step::Index(index)) if *index < elements.len() => {
            elements.remove(*index);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::json;
    use uuid::Uuid;
    use vault::{
        chance::SeededChance,
        key::{SigningSeed, TenantKey},
    };

    use super::*;

    fn keys() -> Arc<TenantKeys> {
        let chance = SeededChance::new(1);
        let tenant = TenantKey::generate(&chance);
        Arc::new(TenantKeys {
            index: tenant.index_key(),
            tenant: tenant.into(),
            signing_next: None,
            signing: SigningSeed::generate(&chance),
        })
    }

    fn types(list: &[(&[&str], Minimise)]) -> Vec<Compiled> {
        let keys = keys();
        (1..)
            .zip(list)
            .map(|(number, (paths, minimise))| {
                let paths = paths.iter().map(|path| JsonPath::parse(path).unwrap()).collect();
                let id = DataTypeId(Uuid::from_u128(number));
                Compiled::of(
                    id,
                    format!("type-{number}"),
                    paths,
                    minimise.clone(),
                    keys.clone(),
                )
            })
            .collect()
    }

    fn numbers(ids: &[DataTypeId]) -> Vec<u128> {
        ids.iter().map(|id| id.0.as_u128()).collect()
    }

    #[test]
    fn what_is_found_is_told_and_changed_and_the_rest_stays() {
        let types = types(&[
            (&["$.user.email", "$..email"], Minimise::Null),
            (&["$.nothing"], Minimise::Remove),
            (&["$.user.name"], Minimise::None),
        ]);
        let mut message = json!({"user": {"email": "a@b.c", "name": "Ada"}, "n": 1});
        let found = classify_and_minimise(&types, &mut message);
        assert_eq!(numbers(&found), [1, 3]);
        assert_eq!(message, json!({"user": {"email": null, "name": "Ada"}, "n": 1}));
    }

    #[test]
    fn removing_from_a_list_takes_exactly_what_was_found() {
        let types = types(&[
            (&["$[1]", "$[?@ == 'b']", "$[3]"], Minimise::Remove),
            (&["$[10]"], Minimise::Remove),
            (&["$[2]"], Minimise::Remove),
        ]);
        let mut message = json!(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
        let found = classify_and_minimise(&types, &mut message);
        assert_eq!(numbers(&found), [1, 2, 3]);
        assert_eq!(message, json!(["a", "e", "f", "g", "h", "i", "j", "l"]));
    }

    #[test]
    fn types_inside_each_other_do_not_get_in_each_others_way() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let all: [(&[&str], Minimise); 3] = [
                (&["$.user"], Minimise::Remove),
                (&["$.user.email"], Minimise::Remove),
                (&["$.user.name"], Minimise::Null),
            ];
            let types = types(&order.map(|i| all[i].clone()));
            let mut message = json!({"user": {"email": "a@b.c", "name": "Ada"}, "n": 1});
            assert_eq!(classify_and_minimise(&types, &mut message).len(), 3);
            assert_eq!(message, json!({"n": 1}), "{order:?}");
        }
    }

    #[test]
    fn a_message_that_is_all_personal_becomes_null() {
        let types = types(&[(&["$"], Minimise::Remove)]);
        let mut message = json!("call me on 0123");
        assert_eq!(numbers(&classify_and_minimise(&types, &mut message)), [1]);
        assert_eq!(message, Value::Null);
    }

    #[test]
    fn names_that_need_quoting_are_found() {
        let types = types(&[(&["$['a/b']['~c'].d"], Minimise::Null)]);
        let mut message = json!({"a/b": {"~c": {"d": 1}}});
        assert_eq!(locate(&types, &message)[0].path, "$['a/b']['~c']['d']");
        classify_and_minimise(&types, &mut message);
        assert_eq!(message, json!({"a/b": {"~c": {"d": null}}}));
    }

    #[test]
    fn a_stored_data_type_compiles() {
        let row = data_type::Model {
            id: DataTypeId(Uuid::from_u128(9)),
            tenant_id: Uuid::nil().into(),
            slug: "email".into(),
            name: "E-mail".into(),
            description: None,
            personal: true,
            special_category: None,
            paths: json!(["$.email"]),
            minimise: json!({"strategy": "mask", "keep": 2}),
            at_expiry: None,
            created_at: chrono::DateTime::<Utc>::UNIX_EPOCH,
            updated_at: chrono::DateTime::<Utc>::UNIX_EPOCH,
            version: 1,
        };
        let types = [Compiled::new(&row, keys()).unwrap()];
        let mut message = json!({"email": "a@b.c"});
        assert_eq!(numbers(&classify_and_minimise(&types, &mut message)), [9]);
        assert_eq!(message, json!({"email": "***.c"}));
        let found = locate(&types, &message);
        anonymise(&types, found, &mut message);
        assert_eq!(message, json!({}), "of what is personal nothing is left");
    }
}
