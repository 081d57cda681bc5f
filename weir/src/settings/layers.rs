//! Four layers of settings, later ones on top, each value with where it came from.

use std::{collections::BTreeMap, ffi::OsString, fmt, fs, path::Path};

use toml::{Table, Value};

use super::{Flags, Settings, nearest::nearest};
use crate::trouble::Trouble;

/// The manual of all settings.
pub(crate) const DEFAULTS: &str = include_str!("../../defaults.toml");

/// What the environment variables of Weir begin with.
const PREFIX: &str = "WEIR_";
/// Names the file of settings; the one variable that is no setting itself.
const CONFIG: &str = "WEIR_CONFIG";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `defaults.toml`.
    Default,
    /// The file of settings.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// All settings by their dotted name (`log.format`), with their origin.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    pub(super) values: BTreeMap<String, (Value, Origin)>,
}

impl Layers {
    /// The layers as a process finds them.
    pub(crate) fn load(flags: &Flags) -> Result<Self, Trouble> {
        Self::load_from(flags, std::env::vars_os())
    }

    /// The layers over an environment.
    pub(super) fn load_from(
        flags: &Flags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Trouble> {
        let environment = ours(environment)?;
        let mut layers = Self::defaults()?;
        let file = flags.config.clone().or_else(|| {
            let named = environment.iter().find(|(name, _)| name == CONFIG);
            named
                .map(|(_, path)| path.into())
                .filter(|path: &std::path::PathBuf| !path.as_os_str().is_empty())
        });
        if let Some(path) = file {
            layers.add_file(&path)?;
        }
        for (name, value) in environment.iter().filter(|(name, _)| name != CONFIG) {
            layers.add_variable(name, value)?;
        }
        for (flag, key, value) in flags.given() {
            layers.add_text(key, value, Origin::Flag(flag))?;
        }
        Ok(layers)
    }

    fn defaults() -> Result<Self, Trouble> {
        let table: Table = DEFAULTS.parse().map_err(|error| {
            Trouble::new(
                "the built-in defaults cannot be read",
                "this is a fault of this build: please report it",
            )
            .because(error)
        })?;
        let mut values = BTreeMap::new();
        flatten("", table, &mut |key, value| {
            values.insert(key, (value, Origin::Default));
        });
        Ok(Self { values })
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Trouble> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| {
            Trouble::new(
                format!("the file of settings {name} cannot be read"),
                "check the path in --config or WEIR_CONFIG and who may read the file",
            )
            .because(error)
        })?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // Not the error's own rendering: that quotes the line, which may hold a password.
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            Trouble::new(
                format!("{name} is not TOML, at line {line}"),
                "mend that line; texts stand in quotes",
            )
            .because(error.message())
        })?;
        let mut found = Vec::new();
        flatten("", table, &mut |key, value| found.push((key, value)));
        for (key, value) in found {
            let section = format!("{key}.");
            // A section whose keys are all commented out.
            if matches!(&value, Value::Table(_))
                && self.values.keys().any(|known| known.starts_with(&section))
            {
                continue;
            }
            let Some((known, _)) = self.values.get(&key) else {
                return Err(self.unknown(
                    &key,
                    &format!("{name} has the unknown setting {key}"),
                    str::to_owned,
                ));
            };
            if known.type_str() != value.type_str() {
                return Err(Trouble::new(
                    format!(
                        "{key} in {name} is {}, but must be {}",
                        article(&value),
                        article(known)
                    ),
                    format!("write it like the default: {key} = {known}"),
                ));
            }
            self.values.insert(key, (value, Origin::File(name.clone())));
        }
        Ok(())
    }

    fn add_variable(&mut self, name: &str, text: &str) -> Result<(), Trouble> {
        let key = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
        if !self.values.contains_key(&key) {
            return Err(self.unknown(
                &key,
                &format!("the environment variable {name} is not a setting"),
                variable,
            ));
        }
        self.add_text(&key, text, Origin::Environment(name.to_owned()))
    }

    /// Puts a text where the defaults have a value, read as what that value is.
    fn add_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), Trouble> {
        let known = &self.values[key].0;
        let value = match known {
            Value::String(_) => Some(Value::String(text.to_owned())),
            Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
            Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
            Value::Array(_) => Some(Value::Array(list(text))),
            // The defaults hold no other kind.
            Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
        };
        let Some(value) = value else {
            return Err(Trouble::new(
                format!("{origin} must be {}", article(known)),
                format!("the default is {known}"),
            ));
        };
        self.values.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    fn unknown(&self, key: &str, what: &str, spell: impl Fn(&str) -> String) -> Trouble {
        let remedy = match nearest(key, self.values.keys().map(String::as_str)) {
            Some(known) => format!("did you mean {}? Otherwise remove it", spell(known)),
            None => "remove it; `weir doctor` lists all settings".to_owned(),
        };
        Trouble::new(what, remedy)
    }

    /// Reads the layers as settings and checks what they say.
    pub(crate) fn settings(&self) -> Result<Settings, Trouble> {
        let mut root = Table::new();
        for (key, (value, _)) in &self.values {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            let table = if section.is_empty() {
                &mut root
            } else {
                let entry = root.entry(section).or_insert_with(|| Value::Table(Table::new()));
                match entry {
                    Value::Table(table) => table,
                    // A key and a section of one name cannot be in one TOML file.
                    _ => continue,
                }
            };
            table.insert(name.to_owned(), value.clone());
        }
        let settings: Settings = serde_path_to_error::deserialize(Value::Table(root)).map_err(|error| {
            let key = error.path().to_string();
            let origin = self.origin(&key);
            let message = error.inner().message().trim().to_owned();
            Trouble::new(
                format!("the setting {key} is not valid (from {origin})"),
                remedy(&key),
            )
            .because(message)
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Where the value of a key came from; of a list's entry, where the list did.
    fn origin(&self, key: &str) -> String {
        let name = key.split('[').next().unwrap_or(key);
        self.values
            .get(name)
            .map_or_else(|| "default".to_owned(), |(_, origin)| origin.to_string())
    }
}

/// How a setting is spelled in the environment.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn remedy(key: &str) -> String {
    format!("see the comment on {key} in weir/defaults.toml or docs/operations.md")
}

/// The variables that are meant for us.
fn ours(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, Trouble> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let value = value.into_string().map_err(|_| {
            Trouble::new(
                format!("the environment variable {name} is not UTF-8"),
                "set it to a text in UTF-8",
            )
        })?;
        found.push((name.to_owned(), value));
    }
    found.sort_unstable();
    Ok(found)
}

/// A list in an environment variable: `a,b`. A TOML array is understood too.
fn list(text: &str) -> Vec<Value> {
    if let Ok(Value::Array(list)) = text.trim().parse() {
        return list;
    }
    let entry = |text: &str| {
        text.parse()
            .map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
    };
    text.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(entry)
        .collect()
}

fn flatten(prefix: &str, table: Table, found: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(table) if !table.is_empty() => flatten(&key, table, found),
            value => found(key, value),
        }
    }
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
