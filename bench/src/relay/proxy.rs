//! What is measured: weir with relays of some tenants, and nginx.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;

use crate::sockets::{
    process::{self, Process},
    speech,
};

/// A relay to be.
pub(super) struct Plan {
    slug: &'static str,
    text: String,
}

impl Plan {
    /// To a back end on this port. Nothing is recorded: a proxy does not either.
    pub(super) fn relay(slug: &'static str, port: u16, min: usize, max: usize) -> Self {
        let text = format!(
            "[[endpoints]]\nslug = \"{slug}\"\nkind = \"relay\"\nrecord = \"never\"\nupstream = \"ws://127.0.0.1:{port}/\"\n\
             pool_min = {min}\npool_max = {max}\n\n"
        );
        Self { slug, text }
    }
}

/// A data folder with tenants and their relays.
pub(super) struct Weir {
    binary: PathBuf,
    home: TempDir,
    /// Tenant, endpoint and its secret.
    secrets: Vec<(String, String, String)>,
}

impl Weir {
    pub(super) fn build(binary: &Path, tenants: &[(&str, Vec<Plan>)]) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
        let mut secrets = Vec::new();
        for (tenant, plans) in tenants {
            let mut text = format!("[tenant]\nslug = \"{tenant}\"\nowner = \"owner@{tenant}.example\"\n\n");
            for plan in plans {
                text.write_str(&plan.text)?;
            }
            let file = home.path().join(format!("{tenant}.toml"));
            fs::write(&file, text)?;
            let made = process::bootstrap(binary, &home.path().join("data"), &file)?;
            for plan in plans {
                let mut endpoints = made["endpoints"].as_array().context("no endpoints")?.iter();
                let found = endpoints.find(|endpoint| endpoint["slug"] == plan.slug);
                let secret = found.and_then(|endpoint| endpoint["secret"].as_str());
                let secret = secret.context("an endpoint is missing")?.to_owned();
                secrets.push(((*tenant).to_owned(), plan.slug.to_owned(), secret));
            }
        }
        Ok(Self {
            binary: binary.to_owned(),
            home,
            secrets,
        })
    }

    pub(super) fn start(&self) -> anyhow::Result<Process> {
        Process::weir(&self.binary, &self.home.path().join("data"))
    }

    /// Where a person connects, with a token.
    pub(super) fn path(&self, tenant: &str, slug: &str, person: usize) -> anyhow::Result<String> {
        let mut secrets = self.secrets.iter();
        let found = secrets.find(|(of, name, _)| of == tenant && name == slug);
        let (_, _, secret) = found.context("there is no such relay")?;
        let day = 24 * 60 * 60;
        let claims = json!({ "sub": format!("person-{person:05}"), "exp": speech::now()? + day });
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let token = speech::token(&claims, |text| hmac::sign(&key, text.as_bytes()));
        Ok(format!("/connect/{tenant}/{slug}?token={token}"))
    }
}

/// Where nginx is.
pub(super) struct Nginx(PathBuf);

impl Nginx {
    /// The one that was named, or the system's, if there is one.
    pub(super) fn find(named: Option<&PathBuf>) -> Option<Self> {
        let usual = ["nginx", "/usr/sbin/nginx"].map(PathBuf::from);
        let all = named.into_iter().cloned().chain(usual);
        let works = |path: &PathBuf| {
            let tried = Command::new(path)
                .arg("-v")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            tried.is_ok_and(|status| status.success())
        };
        all.into_iter().find(works).map(Self)
    }

    /// One process, as a proxy of WebSockets to this port, as its documentation says to.
    pub(super) fn start(&self, back_end: u16) -> anyhow::Result<Process> {
        let home = tempfile::Builder::new().prefix("nginx-bench-").tempdir()?;
        // Given back at once; nobody takes it in the moment until the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = home.path().display();
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(temporary, "  {kind}_temp_path {folder}/{kind};")?;
        }
        let text = format!(
            "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr crit;\n\
             events {{ worker_connections 16384; }}\nhttp {{\n  access_log off;\n{temporary}\
             server {{\n    listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass http://127.0.0.1:{back_end};\n\
             proxy_http_version 1.1;\n      proxy_set_header Upgrade $http_upgrade;\n\
             proxy_set_header Connection \"upgrade\";\n      proxy_read_timeout 1h;\n    }}\n  }}\n}}\n"
        );
        let file = home.path().join("nginx.conf");
        fs::write(&file, text)?;
        let mut command = Command::new(&self.0);
        command.arg("-p").arg(home.path()).arg("-c").arg(&file);
        Process::other(command, port, home)
    }
}
