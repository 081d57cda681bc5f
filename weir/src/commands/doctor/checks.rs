//! The checks, one a function.

use std::{io::ErrorKind, net::TcpListener, path::Path};

use domain::{
    clock::{Clock, SystemClock},
    installation,
    tenancy::Store,
};

use super::Finding;
use crate::{
    data_folder::DataFolder,
    reach,
    settings::{Settings, redact_url},
    stores::{Place, Version, Which, check_role, damage, fits, given_root_keys, places, version_of},
    tls,
    trouble::{Trouble, chain},
};

/// Below this much free space, a busy day may fill the disk.
const LITTLE_SPACE: u64 = 1 << 30;
/// Fewer open files than this are few sockets.
const FEW_FILES: u64 = 65_536;
/// How far the clock may be behind the newest row, in seconds.
const BEHIND: i64 = 60;

/// Who may read the data folder, whether somebody serves from it, and how much space is left.
pub(super) fn folder(folder: &DataFolder) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = folder.path().display();
    let user = if folder.is_locked() {
        "in use by a running weir"
    } else {
        "not in use"
    };
    findings.push(Finding::ok("data folder", format!("{path}, {user}")));
    for open in folder.readable_by_others() {
        let open = open.display();
        findings.push(Finding::warn(
            "data folder",
            format!("others than the owner may read {open}"),
            format!("chmod go-rwx {open}"),
        ));
    }
    match rustix::fs::statvfs(folder.path()) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} MiB free", free >> 20);
            findings.push(if free < LITTLE_SPACE {
                Finding::warn(
                    "disk space",
                    text,
                    "free some: when it is full, nothing is acknowledged any more",
                )
            } else {
                Finding::ok("disk space", text)
            });
        }
        Err(error) => findings.push(Finding::warn(
            "disk space",
            format!("cannot be told: {error}"),
            "look for yourself",
        )),
    }
    findings
}

/// Both stores, the root key, whether they belong together, and the clock.
pub(super) async fn stores(settings: &Settings, folder: &DataFolder) -> Vec<Finding> {
    let (data_place, vault_place) = places(settings, folder);
    let mut findings = Vec::new();
    let data = store(&mut findings, Which::Data, &data_place, settings).await;
    let vault = store(&mut findings, Which::Vault, &vault_place, settings).await;
    findings.push(root_key(settings, folder, data.as_ref(), vault.as_ref()).await);
    if let Some(vault) = &vault {
        findings.push(page_keys(&settings.page_keys(folder), vault).await);
    }
    if let Some(data) = &data {
        findings.push(clock(data).await);
    }
    for store in [data, vault].into_iter().flatten() {
        // It was only looked at.
        let _ = store.close().await;
    }
    findings
}

async fn store(
    findings: &mut Vec<Finding>,
    which: Which,
    place: &Place,
    settings: &Settings,
) -> Option<Store> {
    let about = which.name();
    if place.file.as_ref().is_some_and(|file| !file.exists()) {
        let remedy = "the first `weir serve` makes it; if there were data, put the file back";
        findings.push(Finding::warn(
            about,
            format!("there is no {} yet", place.shown),
            remedy,
        ));
        return None;
    }
    let store = match place.open(which, settings).await {
        Ok(store) => store,
        Err(trouble) => {
            findings.push(Finding::fail(about, &trouble));
            return None;
        }
    };
    let damaged = |cause: String| {
        Trouble::new(
            format!("{} is damaged", place.shown),
            "put back a good copy; see docs/operations.md",
        )
        .because(cause)
    };
    let damage = match damage(&store).await {
        Ok(damage) => damage,
        Err(error) => Some(chain(&error)),
    };
    if let Some(cause) = damage {
        findings.push(Finding::fail(about, &damaged(cause)));
        // What it says of anything else is not to be believed.
        let _ = store.close().await;
        return None;
    }
    if let Err(trouble) = check_role(&store, which).await {
        findings.push(Finding::fail(about, &trouble));
    }
    match migration::unfenced(store.connection_for_maintenance()).await {
        Ok(open) if open.is_empty() => {}
        Ok(open) => findings.push(Finding::fail(
            about,
            &Trouble::new(
                format!("tables without row-level security: {}", open.join(", ")),
                "run `weir migrate` with the address of the owner set",
            ),
        )),
        Err(error) => findings.push(Finding::fail(
            about,
            &Trouble::new("its fences cannot be seen", "check what its role may do").because(chain(&error)),
        )),
    }
    findings.push(match version_of(&store, which).await {
        Ok(Version::Current) => Finding::ok(about, format!("{}, whole and up to date", place.shown)),
        Ok(Version::Older(names)) => Finding::warn(
            about,
            format!(
                "{} is of an older version (it lacks {})",
                place.shown,
                names.join(", ")
            ),
            "`weir serve` and `weir migrate` bring it up to date",
        ),
        Ok(Version::Newer(names)) => Finding::fail(
            about,
            &Trouble::new(
                format!(
                    "{} was written by a newer version (it has {})",
                    place.shown,
                    names.join(", ")
                ),
                "run that version",
            ),
        ),
        Err(error) => Finding::fail(
            about,
            &Trouble::new(
                format!("the version of {} cannot be read", place.shown),
                "put back a good copy",
            )
            .because(chain(&error)),
        ),
    });
    Some(store)
}

async fn root_key(
    settings: &Settings,
    folder: &DataFolder,
    data: Option<&Store>,
    vault: Option<&Store>,
) -> Finding {
    const ABOUT: &str = "root key";
    let roots = match given_root_keys(settings, folder) {
        Ok(roots) if !roots.is_empty() => roots,
        Ok(_) if data.is_none() && vault.is_none() => {
            return Finding::warn(ABOUT, "there is none yet", "the first `weir serve` makes it");
        }
        Ok(_) => {
            let remedy = "put root.key back, or set WEIR_ROOT_KEY; without it nothing sealed can be opened";
            return Finding::fail(
                ABOUT,
                &Trouble::new("there is none, although there are data", remedy),
            );
        }
        Err(trouble) => return Finding::fail(ABOUT, &trouble),
    };
    // What cannot be read has been told already.
    let of_data = match data {
        Some(store) => installation::mark_of_data(store).await.ok().flatten(),
        None => None,
    };
    let of_keys = match vault {
        Some(store) => installation::mark_of_keys(store).await.ok().flatten(),
        None => None,
    };
    if of_data.iter().chain(&of_keys).any(|mark| !fits(mark, &roots)) {
        let remedy = "put back the root.key of this installation";
        return Finding::fail(
            ABOUT,
            &Trouble::new("it is not the one that the stores were made with", remedy),
        );
    }
    if roots.len() > 1 {
        return Finding::warn(
            ABOUT,
            "it is being replaced, and the one from before is still there",
            "if nobody is at it, run `weir rotate-root` to go on; then take the old one away",
        );
    }
    match (of_data, of_keys) {
        (Some(data), Some(keys)) if data.installation != keys.installation => Finding::fail(
            ABOUT,
            &Trouble::new(
                "store and vault are of two installations",
                "put back the vault that belongs to these data",
            ),
        ),
        (Some(_), Some(_)) => Finding::ok(ABOUT, "it fits, and store and vault belong together"),
        _ => Finding::ok(ABOUT, "nothing to compare it with yet"),
    }
}

/// Whether the file that the vault's keys lie under is there. Whether it fits, the start looks.
async fn page_keys(path: &Path, vault: &Store) -> Finding {
    const ABOUT: &str = "page keys";
    let used = installation::has_pages(vault).await.unwrap_or(false);
    if used && !path.exists() {
        let remedy = "put pages.key back together with the vault's copy of the same moment";
        let what = format!("there is no {}, and no key opens without it", path.display());
        return Finding::fail(ABOUT, &Trouble::new(what, remedy));
    }
    match path.metadata() {
        Ok(found) => Finding::ok(ABOUT, format!("{}, {} KiB", path.display(), found.len() / 1024)),
        Err(_) => Finding::ok(ABOUT, "none yet"),
    }
}

async fn clock(data: &Store) -> Finding {
    const ABOUT: &str = "clock";
    match installation::newest_event(data).await {
        Ok(Some(newest)) => {
            let now = SystemClock.now();
            let behind = (newest - now).num_seconds();
            if behind > BEHIND {
                Finding::warn(
                    ABOUT,
                    format!(
                        "it says {now:.0}, and the newest event was recorded {behind} seconds after that"
                    ),
                    "set the clock, best by NTP: deadlines and expiry go by it",
                )
            } else {
                Finding::ok(
                    ABOUT,
                    format!("{}, after everything that is stored", now.format("%FT%TZ")),
                )
            }
        }
        Ok(None) => Finding::ok(ABOUT, "nothing stored to compare it with yet"),
        Err(_) => Finding::warn(
            ABOUT,
            "cannot be compared with what is stored",
            "see the store above",
        ),
    }
}

/// Whether the address can be listened on.
pub(super) fn listen(settings: &Settings) -> Finding {
    let address = settings.listen();
    let serving = DataFolder::existing(&settings.data_dir).is_ok_and(|folder| folder.is_locked());
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("listen", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && serving => Finding::ok(
            "listen",
            format!("{address} is taken, probably by the weir that uses the data folder"),
        ),
        Err(error) => Finding::warn(
            "listen",
            format!("{address} cannot be listened on: {error}"),
            "if that is not your running weir, choose another with --listen",
        ),
    }
}

/// Certificate and key.
pub(super) fn tls(settings: &Settings) -> Finding {
    match settings.tls() {
        Some(files) => match tls::server_config(&files) {
            Ok(_) => Finding::ok("tls", "certificate and key belong together"),
            Err(trouble) => Finding::fail("tls", &trouble),
        },
        None if settings.listen().ip().is_loopback() => Finding::ok("tls", "none needed on loopback"),
        None => Finding::warn(
            "tls",
            "none, and the address is reachable from outside",
            "set tls_cert and tls_key, or let only a proxy that speaks TLS reach this port",
        ),
    }
}

/// Redis.
pub(super) async fn redis(settings: &Settings) -> Finding {
    match settings.redis_url() {
        None => Finding::ok("redis", "not set: this process brokers alone"),
        Some(url) => match reach::redis(url).await {
            Ok(silent) => match silent.first() {
                None => Finding::ok("redis", "answers"),
                Some(trouble) => Finding::warn(
                    "redis",
                    trouble.to_string(),
                    "the other addresses of the cluster answer; start it, or take it out of redis_url",
                ),
            },
            Err(trouble) => Finding::fail("redis", &trouble),
        },
    }
}

/// The mail server.
pub(super) async fn mail(settings: &Settings) -> Finding {
    let Some(url) = settings.smtp_url() else {
        return Finding::ok("mail", "no server: mails go to the mailbox in the data folder");
    };
    let folder = DataFolder::existing(&settings.data_dir);
    let public_url = settings.public_url(settings.listen());
    let (Ok(folder), Ok(public_url)) = (folder, public_url) else {
        return Finding::warn(
            "mail",
            "not asked: there is no data folder yet",
            "start weir once",
        );
    };
    match crate::mail::open(settings, &folder, &public_url).await {
        Ok(_) => Finding::ok("mail", format!("{} answers", redact_url(url))),
        Err(trouble) => Finding::fail("mail", &trouble),
    }
}

/// What tenants may have this server connect to.
pub(super) fn egress(settings: &Settings) -> Finding {
    let (Ok(egress), Ok(loopback)) = (settings.egress(), settings.is_loopback_open()) else {
        return Finding::warn("egress", "cannot be read", "see [egress] in the settings");
    };
    let networks: Vec<String> = egress.allow.iter().map(ToString::to_string).collect();
    let text = match networks.as_slice() {
        [] => "public addresses only".to_owned(),
        networks => format!("public addresses, and {}", networks.join(", ")),
    };
    if loopback && !settings.listen().ip().is_loopback() {
        let remedy = "tenants can reach whatever listens on this machine; set egress.loopback to no";
        return Finding::warn("egress", text, remedy);
    }
    Finding::ok("egress", text)
}

/// How many sockets the system lets this process hold.
pub(super) fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(files) if files < FEW_FILES => Finding::warn(
            "open files",
            format!("at most {files}, and each socket takes one"),
            format!(
                "raise the limit for many sockets: LimitNOFILE={} in systemd, or ulimit -n",
                FEW_FILES * 16
            ),
        ),
        Some(files) => Finding::ok("open files", format!("at most {files}")),
        None => Finding::ok("open files", "no limit"),
    }
}
