//! The direction of the crates, held by what Cargo itself says about them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Who of ours may import whom of ours. An arrow that is not here is a decision to be made, not a line to be added.
const DIRECTION: &[(&str, &[&str])] = &[
    (
        "weir",
        &[
            "api",
            "worker",
            "domain",
            "broker",
            "entity",
            "migration",
            "openapi",
            "ledger",
            "vault",
        ],
    ),
    (
        "api",
        &["domain", "broker", "entity", "ledger", "vault", "openapi"],
    ),
    ("worker", &["domain", "broker", "entity", "vault"]),
    ("domain", &["entity", "vault", "ledger"]),
    (
        "bench",
        // The harness starts Postgres, Redis and several nodes.
        &[
            "broker",
            "domain",
            "entity",
            "ledger",
            "migration",
            "tests",
            "vault",
        ],
    ),
    ("entity", &[]),
    ("migration", &[]),
    ("vault", &[]),
    ("ledger", &[]),
    ("broker", &[]),
    ("openapi", &[]),
    // The harness knows the program from outside only.
    ("tests", &[]),
];

/// Crates that only some of ours may import.
const KEPT: &[(&str, &[&str])] = &[
    ("poem", &["api"]),
    // `entity` lets its typed ids stand in the API description, behind a feature.
    ("poem-openapi", &["api", "entity"]),
    // `bench` compares with bare SQL.
    ("sea-orm", &["entity", "migration", "domain", "weir", "bench"]),
    ("sea-orm-migration", &["migration"]),
    ("redis", &["broker"]),
    // `weir` is a client of its own server in `weir demo`; `tests` and `bench` are clients too.
    ("tokio-tungstenite", &["broker", "weir", "tests", "bench"]),
    ("lettre", &["worker"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(tests::binary::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

fn imports(package: &Package) -> BTreeSet<&str> {
    let normal = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn crates_import_only_in_the_direction_of_the_design() {
    let metadata = metadata();
    let direction: BTreeMap<_, _> = DIRECTION.iter().copied().collect();
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(
        ours,
        direction.keys().copied().collect(),
        "every crate has its place in the house"
    );
    for package in &metadata.packages {
        for other in imports(package).intersection(&ours) {
            let allowed = direction[package.name.as_str()];
            assert!(
                allowed.contains(other),
                "{} must not import {other}",
                package.name
            );
        }
    }
}

#[test]
fn each_big_dependency_stays_where_it_belongs() {
    let metadata = metadata();
    for package in &metadata.packages {
        let imports = imports(package);
        for (kept, owners) in KEPT {
            let is_owner = owners.contains(&package.name.as_str());
            assert!(
                !imports.contains(kept) || is_owner,
                "{} must not import {kept}",
                package.name
            );
        }
    }
}

#[test]
fn entities_speak_openapi_only_when_asked() {
    let metadata = metadata();
    let entity = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "entity")
        .unwrap();
    let poem = entity
        .dependencies
        .iter()
        .find(|dependency| dependency.name == "poem-openapi")
        .unwrap();
    assert!(poem.optional, "poem-openapi is behind a feature of entity");
    assert!(entity.features.get("default").is_none_or(Vec::is_empty));
}

#[test]
fn all_crates_share_edition_version_and_lints() {
    for package in &metadata().packages {
        assert_eq!(package.edition.to_string(), "2024", "{}", package.name);
        assert_eq!(
            package.publish.as_deref(),
            Some(&[][..]),
            "{} is not for publishing",
            package.name
        );
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} takes the workspace's lints",
            package.name
        );
    }
}
