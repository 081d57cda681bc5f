//! A data folder to start servers on: a tenant with two applications, made once per measurement with the tools that
//! everybody has, and copied for every server.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    dialect::App,
    process::{self, Process},
    rest::Rest,
    speech,
};

/// `plain` keeps nothing and asks for nothing. `gated` rests on consent, looks for three data types in every message and
/// records every message, sealed, before it is delivered.
const PLAN: &str = r#"
[tenant]
slug = "bench"
owner = "owner@bench.example"

[[purposes]]
slug = "chat"
lawful_basis = "consent"

[[data_types]]
slug = "email"
paths = ["$.email"]
minimise = { strategy = "mask", keep = 2 }

[[data_types]]
slug = "place"
paths = ["$.position"]
minimise = { strategy = "remove" }

[[data_types]]
slug = "name"
paths = ["$.user.name"]
minimise = { strategy = "mask", keep = 1 }

[[endpoints]]
slug = "plain"
kind = "channel"
record = "never"

[[endpoints]]
slug = "gated"
kind = "channel"
record = "before"
purpose = "chat"
retain = "P30D"
"#;

/// The folder and what belongs to it.
pub(crate) struct House {
    binary: PathBuf,
    home: TempDir,
    pub(crate) plain: Arc<App>,
    pub(crate) gated: Arc<App>,
    gated_id: String,
}

/// A server on a copy of the folder.
pub(crate) struct Running {
    pub(crate) process: Process,
    _home: TempDir,
}

impl House {
    /// Makes the folder. So many persons consent; tokens for them are made by [`Self::token`].
    pub(crate) fn build(binary: &Path, persons: usize) -> anyhow::Result<Self> {
        let home = folder()?;
        let plan = home.path().join("plan.toml");
        fs::write(&plan, PLAN)?;
        let made = process::bootstrap(binary, &home.path().join("data"), &plan)?;
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("weir bootstrap left something out")
        };
        let endpoint = |slug: &str| {
            let endpoints = made["endpoints"].as_array().context("no endpoints")?;
            let found = endpoints.iter().find(|endpoint| endpoint["slug"] == slug);
            found.context("an endpoint is missing")
        };
        let app = |slug: &str| {
            let endpoint = endpoint(slug)?;
            let (id, key) = (text(&endpoint["app_id"])?, text(&endpoint["key"])?);
            anyhow::Ok(Arc::new(App::new(&id, &key, &text(&endpoint["secret"])?)))
        };
        let house = Self {
            binary: binary.to_owned(),
            plain: app("plain")?,
            gated: app("gated")?,
            gated_id: text(&endpoint("gated")?["id"])?,
            home,
        };
        let server = Process::weir(binary, &house.home.path().join("data"))?;
        let mut rest = Rest::connect(server.port, &text(&made["api_key"])?)?;
        for slug in ["plain", "gated"] {
            let id = text(&endpoint(slug)?["id"])?;
            let limits = json!({ "client_events_per_second": 0, "channels_per_session": 1000 });
            rest.done("PATCH", &format!("/endpoints/{id}"), &limits)?;
        }
        for person in 0..persons {
            let consent = json!({ "subject": name(person), "purpose": "chat", "state": "given" });
            rest.done("POST", "/consents", &consent)?;
        }
        server.stop()?;
        Ok(house)
    }

    /// A token for one of the persons on the `gated` application.
    pub(crate) fn token(&self, person: usize) -> anyhow::Result<Arc<str>> {
        let day = 24 * 60 * 60;
        let claims = json!({ "sub": name(person), "aud": self.gated_id, "exp": speech::now()? + day });
        Ok(speech::token(&claims, |text| self.gated.mac(text)).into())
    }

    /// Starts a server.
    pub(crate) fn start(&self) -> anyhow::Result<Running> {
        let home = folder()?;
        let data = home.path().join("data");
        copy(&self.home.path().join("data"), &data)?;
        Ok(Running {
            process: Process::weir(&self.binary, &data)?,
            _home: home,
        })
    }
}

fn name(person: usize) -> String {
    format!("person-{person:05}")
}

fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("weir-bench-").tempdir()?)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
