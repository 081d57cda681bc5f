//! SDKs of others, unmodified: installed from their registries into the target folder, once per lock file, and run on the
//! scripts in `tests/sdk`.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::binary;

/// Runs a script of `tests/sdk` with these settings and waits for its end. A failure fails the test and shows what it said.
pub async fn run(script: &'static str, settings: Vec<(&'static str, String)>) {
    let job = tokio::task::spawn_blocking(move || run_now(script, &settings));
    job.await.expect("the script was started");
}

/// Runs a script of `tests/sdk` in Python with these words and answers what it printed. A failure fails the test.
pub async fn python_says(script: &'static str, words: Vec<String>) -> String {
    let job = tokio::task::spawn_blocking(move || {
        let output = on_python(script)
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("python runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{script} ended with {}\n{said}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stdout).expect("text")
    });
    job.await.expect("the script was started")
}

fn run_now(script: &str, settings: &[(&str, String)]) {
    let mut command = if Path::new(script).extension().is_some_and(|kind| kind == "py") {
        on_python(script)
    } else {
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=spec"]);
        node.arg(node_scripts().join(script));
        node
    };
    // Proxies are for strangers; the server is on this machine.
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(name);
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("node and python run");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success(),
        "{script} ended with {}\n{said}",
        output.status
    );
}

fn on_python(script: &str) -> Command {
    let home = python(script);
    let mut python = Command::new(home.join("bin/python"));
    python.env("PYTHONDONTWRITEBYTECODE", "1").arg("-B");
    python.arg(copied(&home.join("scripts")).join(script));
    python
}

fn node() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        installed("node", "package-lock.json", |folder| {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(source().join(file), folder.join(file)).expect("a file can be copied");
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(folder);
            works(npm);
        })
    })
}

/// What a script needs. The Autobahn cases are pinned by hash, which pip wants for all of a list or for none.
fn python(script: &str) -> PathBuf {
    let lock = match script {
        "autobahn.py" => "autobahn.txt",
        _ => "requirements.txt",
    };
    installed("python", lock, |folder| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(folder);
        works(venv);
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ]);
        pip.arg(source().join(lock));
        works(pip);
    })
}

/// The module of `web-client/recovery`, built from its sources as they are now.
pub async fn recovery() -> String {
    let built = tokio::task::spawn_blocking(|| built_recovery().join("dist/index.js"));
    let module = built.await.expect("the helper builds");
    module.to_str().expect("a path in UTF-8").to_owned()
}

fn built_recovery() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let source = binary::root().join("web-client/recovery");
        let sources = fs::read_dir(source.join("src")).expect("the helper has sources");
        let mut files: Vec<PathBuf> = sources
            .map(|entry| entry.expect("a folder can be read").path())
            .collect();
        files.extend([source.join("package.json"), source.join("tsconfig.json")]);
        files.sort();
        let mut hasher = DefaultHasher::new();
        for file in files {
            fs::read(file).expect("a source can be read").hash(&mut hasher);
        }
        let folder = node().join(format!("recovery-{:016x}", hasher.finish()));
        filled(folder, |folder| {
            // It says that these are modules.
            fs::copy(source.join("package.json"), folder.join("package.json")).expect("a file can be copied");
            let mut tsc = Command::new("node");
            tsc.arg(node().join("node_modules/typescript/bin/tsc"));
            tsc.arg("-p").arg(&source);
            tsc.arg("--outDir").arg(folder.join("dist"));
            works(tsc);
        })
    })
}

/// Node looks for modules upwards from where a script lies, so the scripts lie beside them.
fn node_scripts() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| copied(&node().join("scripts")))
}

fn source() -> PathBuf {
    binary::root().join("tests/sdk")
}

/// The folder that `make` fills for this state of the lock file; filled already, nothing is done.
fn installed(kind: &str, lock: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let lock = fs::read(source().join(lock)).expect("the lock file is there");
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let test = env::current_exe().expect("a running program has a path");
    // target/<profile>/deps/<test>
    let home = test
        .ancestors()
        .nth(3)
        .expect("a test runs from the target folder")
        .join("sdks");
    filled(home.join(format!("{kind}-{:016x}", hasher.finish())), make)
}

/// This folder, which `make` fills where it is not there yet.
fn filled(folder: PathBuf, make: impl FnOnce(&Path)) -> PathBuf {
    if folder.exists() {
        return folder;
    }
    let home = folder.parent().expect("it lies in the target folder");
    fs::create_dir_all(home).expect("the target folder is writable");
    let fresh = tempfile::tempdir_in(home).expect("the target folder is writable");
    make(fresh.path());
    // Half an installation is never seen under the final name; who comes second throws its own away.
    let fresh = fresh.keep();
    if let Err(error) = fs::rename(&fresh, &folder) {
        let _ = fs::remove_dir_all(&fresh);
        assert!(
            matches!(
                error.kind(),
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
            ),
            "{error}"
        );
    }
    folder
}

/// The scripts as they are now. Other test runs may be reading them, so only what differs is put in place, whole.
fn copied(to: &Path) -> PathBuf {
    fs::create_dir_all(to).expect("the target folder is writable");
    for entry in fs::read_dir(source()).expect("the scripts are there") {
        let from = entry.expect("a folder can be read").path();
        if !from.extension().is_some_and(|kind| kind == "mjs" || kind == "py") {
            continue;
        }
        let name = from.file_name().expect("a file has a name");
        let script = fs::read(&from).expect("a script can be read");
        if fs::read(to.join(name)).is_ok_and(|there| there == script) {
            continue;
        }
        let mut fresh = tempfile::NamedTempFile::new_in(to).expect("the target folder is writable");
        std::io::Write::write_all(&mut fresh, &script).expect("the target folder is writable");
        fresh.persist(to.join(name)).expect("a file can be put in place");
    }
    to.to_owned()
}

fn works(mut command: Command) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run .ci/tools test"));
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}",
        output.status,
        String::from_utf8_lossy(&said)
    );
}
