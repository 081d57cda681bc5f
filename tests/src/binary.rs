//! Where the program under test is.
//!
//! Cargo tells a test only about the binaries of its own package, and the program belongs to another. Both end up in the same
//! target folder, so it is looked for beside the running test, and built when it is not there. A test run that should
//! see the newest code builds it first (`cargo build -p weir`), as `make test` does. `WEIR_TEST_BINARY` names another one.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The path of the `weir` binary.
pub fn weir() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = env::var_os("WEIR_TEST_BINARY") {
            return path.into();
        }
        let test = env::current_exe().expect("a running program has a path");
        // target/<profile>/deps/<test>, or target/<profile>/<program>
        let folder = test.parent().expect("a program lies in a folder");
        let profile = match folder.parent() {
            Some(profile) if folder.ends_with("deps") => profile,
            _ => folder,
        };
        let path = profile.join("weir");
        if !path.exists() {
            build(profile);
        }
        assert!(
            path.exists(),
            "cargo build -p weir did not make {}",
            path.display()
        );
        path
    })
}

fn build(profile: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "-p", "weir"]).current_dir(root());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().expect("cargo runs").success(),
        "weir does not build"
    );
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the workspace")
}
