//! How a value is made to say less.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use vault::key::IndexKey;

use super::coarse::{self, TimeUnit};

/// What happens to a value that was found. Stored with the data type.
///
/// Those from `mask` on work on single values; on a list or an object they work on everything inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Minimise {
    /// Stays as it is.
    None,
    /// Leaves its object or list.
    Remove,
    /// Becomes `null`.
    Null,
    /// Becomes this text.
    Replace {
        /// The text.
        with: String,
    },
    /// Becomes asterisks but for its last characters.
    Mask {
        /// How many stay. Never more than half of the value.
        keep: u32,
    },
    /// Becomes its beginning: the first characters of a text, the first digits of a number. An IP address becomes its
    /// network instead (IPv4 /24, IPv6 /48), whatever `keep` says.
    Truncate {
        /// How many stay.
        keep: u32,
    },
    /// A place becomes a coarser one: a coordinate keeps so many decimal places (one: 11 km, two: 1 km).
    TruncateGeo {
        /// How many decimal places stay.
        keep: u32,
    },
    /// A time becomes the beginning of what it falls into.
    TruncateTime {
        /// What that is.
        to: TimeUnit,
    },
    /// A number becomes the beginning of its step: with a step of ten, 37 is 30.
    Generalise {
        /// How wide the steps are.
        step: u32,
    },
    /// Becomes a keyed hash: equal values stay equal within the tenant, and nobody without the key can try values out.
    Hash,
}

/// Separates these hashes from those that people are found by.
const LABEL: &str = "minimise";

impl Minimise {
    /// Whether anything of a value is left.
    pub(super) fn leaves_something(&self) -> bool {
        !matches!(self, Self::Remove | Self::Null | Self::Replace { .. })
    }

    /// The published spelling.
    pub fn strategy(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Remove => "remove",
            Self::Null => "null",
            Self::Replace { .. } => "replace",
            Self::Mask { .. } => "mask",
            Self::Truncate { .. } => "truncate",
            Self::TruncateGeo { .. } => "truncate_geo",
            Self::TruncateTime { .. } => "truncate_time",
            Self::Generalise { .. } => "generalise",
            Self::Hash => "hash",
        }
    }

    /// Changes a value in its place. [`Minimise::Remove`] can only empty it: taking it away is up to whoever holds what
    /// is around it.
    pub(super) fn apply(&self, value: &mut Value, key: &IndexKey) {
        match self {
            Self::None => {}
            Self::Remove | Self::Null => *value = Value::Null,
            Self::Replace { with } => *value = Value::String(with.clone()),
            Self::Mask { keep } => each_leaf(value, &mut |leaf| {
                if let Some(text) = said(leaf) {
                    *leaf = Value::String(mask(&text, *keep));
                }
            }),
            Self::Truncate { keep } => each_leaf(value, &mut |leaf| truncate(leaf, *keep)),
            Self::TruncateGeo { keep } => each_leaf(value, &mut |leaf| coarse::place(leaf, *keep)),
            Self::TruncateTime { to } => each_leaf(value, &mut |leaf| coarse::time(leaf, *to)),
            Self::Generalise { step } => each_leaf(value, &mut |leaf| coarse::step(leaf, *step)),
            Self::Hash => each_leaf(value, &mut |leaf| {
                if let Some(text) = said(leaf) {
                    *leaf = Value::String(hex::encode(key.blind(LABEL, &text)));
                }
            }),
        }
    }
}

fn each_leaf(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| each_leaf(element, change)),
        Value::Object(members) => Map::values_mut(members).for_each(|member| each_leaf(member, change)),
        leaf => change(leaf),
    }
}

/// What a single value says, as text. `null` says nothing.
fn said(leaf: &Value) -> Option<String> {
    match leaf {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn mask(text: &str, keep: u32) -> String {
    let length = text.chars().count();
    // Of a short value the end alone would say everything.
    let hidden = length - (keep as usize).min(length / 2);
    "*".repeat(hidden) + &text.chars().skip(hidden).collect::<String>()
}

fn truncate(leaf: &mut Value, keep: u32) {
    match leaf {
        Value::String(text) => {
            *text = match text.parse() {
                Ok(address) => network(address).to_string(),
                Err(_) => text.chars().take(keep as usize).collect(),
            };
        }
        Value::Number(number) => *number = first_digits(number, keep),
        // `true` has no beginning.
        _ => {}
    }
}

/// The first address of the /24 or /48 that an address is in.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & (u32::MAX << 8)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 80)).into()),
    }
}

/// Keeps the first significant digits and puts zeros in place of the others: 52.5163 to three is 52.5, 48123 is 48100.
fn first_digits(number: &Number, keep: u32) -> Number {
    if keep == 0 {
        return 0.into();
    }
    let mut kept = 0;
    let mut significant = false;
    let mut exponent = false;
    let text: String = number
        .to_string()
        .chars()
        .map(|c| match c {
            'e' | 'E' => {
                exponent = true;
                c
            }
            '0'..='9' if !exponent => {
                significant |= c != '0';
                kept += u32::from(significant);
                if kept > keep { '0' } else { c }
            }
            c => c,
        })
        .collect();
    // Only digits were changed and the first one that counts was not, so it is a number still.
    text.parse().unwrap_or_else(|_| 0.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vault::{chance::SeededChance, key::TenantKey};

    use super::*;

    fn applied(strategy: &Minimise, value: &Value) -> Value {
        let key = TenantKey::generate(&SeededChance::new(1)).index_key();
        let mut value = value.clone();
        strategy.apply(&mut value, &key);
        value
    }

    #[test]
    fn each_strategy_does_what_it_says() {
        let replace = Minimise::Replace { with: "x".into() };
        let mask = |keep| Minimise::Mask { keep };
        let truncate = |keep| Minimise::Truncate { keep };
        for (strategy, before, after) in [
            (Minimise::None, json!("a"), json!("a")),
            (Minimise::Null, json!({"a": 1}), json!(null)),
            (replace.clone(), json!({"a": 1}), json!("x")),
            (replace, json!(7), json!("x")),
            (
                mask(4),
                json!("DE02120300000000202051"),
                json!("******************2051"),
            ),
            (mask(0), json!("secret"), json!("******")),
            (mask(2), json!("äöü€"), json!("**ü€")),
            (mask(4), json!("1234"), json!("**34")),
            (mask(4), json!("1"), json!("*")),
            (mask(2), json!(123_456), json!("****56")),
            (mask(9), json!(true), json!("**ue")),
            (mask(2), json!(null), json!(null)),
            (mask(1), json!({"a": ["xyz", 12]}), json!({"a": ["**z", "*2"]})),
            (truncate(3), json!("Müller"), json!("Mül")),
            (truncate(0), json!("Ada"), json!("")),
            (truncate(30), json!("Ada"), json!("Ada")),
            (truncate(4), json!(52.520_008), json!(52.52)),
            (truncate(3), json!(-0.001_234_5), json!(-0.001_23)),
            (truncate(2), json!(48_123), json!(48_000)),
            (
                truncate(1),
                json!(u64::MAX),
                json!(10_000_000_000_000_000_000_u64),
            ),
            (truncate(2), json!(1.5e300), json!(1.5e300)),
            (truncate(0), json!(12.5), json!(0)),
            (truncate(1), json!(true), json!(true)),
            (truncate(9), json!("192.168.17.33"), json!("192.168.17.0")),
            (truncate(9), json!("2001:db8:1:2:3::4"), json!("2001:db8:1::")),
            (truncate(1), json!(["abc", {"b": 55}]), json!(["a", {"b": 50}])),
        ] {
            assert_eq!(applied(&strategy, &before), after, "{strategy:?} of {before}");
        }
    }

    #[test]
    fn a_hash_keeps_equality_and_nothing_else() {
        let hash = |value| applied(&Minimise::Hash, &value);
        assert_eq!(hash(json!("a@b.c")), hash(json!("a@b.c")));
        assert_ne!(hash(json!("a@b.c")), hash(json!("a@b.d")));
        assert_eq!(hash(json!("a")).as_str().map(str::len), Some(64));
        assert_eq!(hash(json!({"id": 5})), json!({"id": hash(json!(5))}));
        let other = TenantKey::generate(&SeededChance::new(2)).index_key();
        let mut value = json!("a@b.c");
        Minimise::Hash.apply(&mut value, &other);
        assert_ne!(
            value,
            hash(json!("a@b.c")),
            "another tenant's hashes tell nothing"
        );
    }

    #[test]
    fn what_is_stored_comes_back() {
        let replace = Minimise::Replace { with: "x".into() };
        for strategy in [
            Minimise::None,
            replace,
            Minimise::Mask { keep: 4 },
            Minimise::TruncateTime { to: TimeUnit::Hour },
            Minimise::Hash,
        ] {
            let stored = serde_json::to_value(&strategy).unwrap();
            assert_eq!(stored["strategy"], strategy.strategy());
            assert_eq!(serde_json::from_value::<Minimise>(stored).unwrap(), strategy);
        }
    }
}
