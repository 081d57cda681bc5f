//! What keeps the server from starting, and what it says then: what is wrong, and what to do.

use std::{fs, net::TcpListener};

use tests::{Server, ports};

#[track_caller]
fn fails(server: &Server, words: &[&str]) {
    let (status, said) = server.fails_to_start();
    assert!(!status.success(), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not said: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn an_unknown_setting_is_named_with_what_was_probably_meant() {
    fails(
        &Server::builder().env("WEIR_LISTN", "127.0.0.1:1").prepared(),
        &["WEIR_LISTN", "WEIR_LISTEN"],
    );
    fails(
        &Server::builder().env("WEIR_LOG__FORMET", "json").prepared(),
        &["FORMET", "FORMAT"],
    );
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_named() {
    fails(
        &Server::builder().env("WEIR_LISTEN", "somewhere").prepared(),
        &["listen"],
    );
    fails(
        &Server::builder().env("WEIR_LOG__FORMAT", "xml").prepared(),
        &["format"],
    );
}

#[tokio::test]
async fn an_unknown_key_in_the_file_is_named() {
    let server = Server::builder().prepared();
    let file = server.scratch("weir.toml");
    fs::write(&file, "[journal]\nbatch_mesages = 10\n").unwrap();
    let server = Server::builder()
        .env("WEIR_CONFIG", file.to_str().unwrap())
        .prepared();
    // The file is in the first one's folder, which is gone by now if it was moved.
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "[journal]\nbatch_mesages = 10\n").unwrap();
    fails(&server, &["batch_mesages", "batch_messages"]);
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_said_and_left_as_it_is() {
    let mut server = Server::builder().in_folder().start().await;
    server.tenant("acme").await;
    server.terminate().await;
    let file = server.data_dir().join("weir.db");
    for extra in ["weir.db-wal", "weir.db-shm"] {
        drop(fs::remove_file(server.data_dir().join(extra)));
    }
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    let end = bytes.len().min(middle + 40_000);
    bytes[middle..end].fill(0xA5);
    fs::write(&file, &bytes).unwrap();
    fails(&server, &["damaged", "weir restore"]);
    // SQLite counts in the header how often a file was opened by somebody with settings; the rest is data.
    let header = 100;
    let after = fs::read(&file).unwrap();
    let changed: Vec<usize> = (header..bytes.len())
        .filter(|at| after.get(*at) != Some(&bytes[*at]))
        .take(20)
        .collect();
    assert!(
        changed.is_empty() && after.len() == bytes.len(),
        "it was changed, at {changed:?}"
    );
    fs::write(&file, "this is no database at all, and never was one").unwrap();
    fails(&server, &["weir.db"]);
}

#[tokio::test]
async fn a_wrong_or_missing_root_key_is_said() {
    let mut server = Server::builder().in_folder().start().await;
    server.tenant("acme").await;
    server.terminate().await;
    let file = server.data_dir().join("root.key");
    let right = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fails(&server, &["root key"]);
    assert!(!file.exists(), "no other key is made in its place");
    fs::write(&file, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    fails(&server, &["root key"]);
    fs::write(&file, right).unwrap();
    server.restart().await;
}

#[tokio::test]
async fn a_vault_that_is_gone_is_said() {
    let mut server = Server::builder().in_folder().start().await;
    server.tenant("acme").await;
    server.terminate().await;
    for name in ["vault.db", "vault.db-wal", "vault.db-shm"] {
        drop(fs::remove_file(server.data_dir().join(name)));
    }
    fails(&server, &["vault.db", "keys"]);
}

#[tokio::test]
async fn a_store_from_a_newer_version_is_not_touched() {
    let mut server = Server::builder().in_folder().start().await;
    server.terminate().await;
    let file = server.data_dir().join("weir.db");
    let future = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0)";
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()\n";
    let done = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&file)
        .arg(future)
        .status()
        .unwrap();
    assert!(done.success());
    fails(&server, &["newer"]);
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let address = ports::free();
    let _taken = TcpListener::bind(address).unwrap();
    fails(
        &Server::builder()
            .env("WEIR_LISTEN", address.to_string())
            .prepared(),
        &[&address.to_string()],
    );
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::builder().in_folder().start().await;
    let folder = server.data_dir();
    fails(
        &Server::builder()
            .env("WEIR_DATA_DIR", folder.to_str().unwrap())
            .prepared(),
        &["another weir"],
    );
}

#[tokio::test]
async fn a_redis_or_a_postgres_that_does_not_answer_is_said() {
    let nowhere = ports::free();
    fails(
        &Server::builder()
            .env("WEIR_REDIS_URL", format!("redis://{nowhere}"))
            .prepared(),
        &["edis"],
    );
    let server = Server::builder()
        .env(
            "WEIR_DATABASE_URL",
            format!("postgres://weir:secret-word@{nowhere}/weir"),
        )
        .env(
            "WEIR_VAULT_URL",
            format!("postgres://weir:secret-word@{nowhere}/vault"),
        )
        .prepared();
    let (status, said) = server.fails_to_start();
    assert!(!status.success());
    assert!(said.contains(&nowhere.port().to_string()), "{said}");
    assert!(!said.contains("secret-word"), "{said}");
}

#[tokio::test]
async fn a_redis_that_answers_is_taken() {
    if !tests::backends::Redis::is_installed() {
        eprintln!("skipped: redis-server is not installed");
        return;
    }
    let redis = std::sync::Arc::new(tests::backends::Redis::start());
    let server = Server::builder().redis(redis).start().await;
    server.tenant("acme").await;
}
