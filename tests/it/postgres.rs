//! The same program on PostgreSQL and Redis. The whole list of tests runs there with `WEIR_TEST_STORE=postgres`; this much
//! runs always.

use std::sync::Arc;

use serde_json::json;
use tests::{
    Server,
    backends::{APP, Database, OWNER, Postgres, Redis},
};

/// A server on a PostgreSQL and a Redis of its own, or nothing where they are not installed.
async fn server() -> Option<Server> {
    if !Postgres::is_installed() || !Redis::is_installed() {
        eprintln!("skipped: postgresql and redis-server are not installed; `make test` installs them");
        return None;
    }
    let database = Postgres::shared().database();
    Some(
        Server::builder()
            .database(database)
            .redis(Arc::new(Redis::start()))
            .start()
            .await,
    )
}

#[tokio::test]
async fn the_whole_story_holds_on_postgres() {
    let Some(server) = server().await else { return };
    let output = server.run(&["demo", "--url", server.base()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("Everything holds"), "{said}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_on_postgres() {
    let Some(mut server) = server().await else { return };
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for n in 1..=50 {
        let made = acme
            .publish(&chat, json!({ "data": n.to_string() }))
            .await
            .expect(201);
        assert_eq!(made["offset"], n);
    }
    server.restart().await;
    let kept = acme.messages(&chat).await;
    assert_eq!(kept.len(), 50);
    assert_eq!(kept[0]["data"], "50");
    assert_eq!(
        acme.publish(&chat, json!({ "data": "next" })).await.expect(201)["offset"],
        51
    );
}

/// Databases of a test's own, or nothing where PostgreSQL is not installed.
fn database() -> Option<Database> {
    if !Postgres::is_installed() {
        eprintln!("skipped: postgresql is not installed; `make test` installs it");
        return None;
    }
    Some(Postgres::shared().empty_database())
}

/// Tables of the store with rows of tenants, and the column that says whose.
fn fenced(database: &Database) -> Vec<(String, String)> {
    let ask = "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables \
               USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE' \
               AND (column_name = 'tenant_id' OR (table_name = 'tenant' AND column_name = 'id')) ORDER BY 1";
    let said = database.must(ask);
    let pair = |line: &str| {
        let (table, column) = line.split_once('|').expect("two columns");
        (table.to_owned(), column.to_owned())
    };
    said.lines().map(pair).collect()
}

#[tokio::test]
async fn a_query_of_the_servers_role_sees_no_row_without_a_tenant_and_never_one_of_another() {
    let Some(database) = database() else { return };
    let server = Server::builder().database(database.clone()).start().await;
    let mut ids = Vec::new();
    for slug in ["acme", "globex"] {
        let tenant = server.tenant(slug).await;
        let chat = tenant.channel("chat").await;
        tenant
            .publish(&chat, json!({ "data": "hello" }))
            .await
            .expect(201);
        ids.push(database.must(&format!("SELECT id FROM tenant WHERE slug = '{slug}'")));
    }
    let tables = fenced(&database);
    assert!(tables.len() >= 25, "only {} tables are fenced", tables.len());
    let mut seen = 0;
    for (table, column) in &tables {
        // The owner of a table is held by its fence too.
        for role in [APP, OWNER] {
            let all = database.run_as(role, &[&format!("SELECT count(*) FROM {table}")]);
            if role == OWNER
                || !all
                    .as_ref()
                    .is_err_and(|error| error.contains("permission denied"))
            {
                assert_eq!(
                    all.as_deref(),
                    Ok("0"),
                    "{role} sees rows of {table} without a tenant"
                );
            }
        }
        let (mine, theirs) = (&ids[0], &ids[1]);
        let set = format!("SET weir.tenant = '{mine}'");
        let count = format!("SELECT count(*), count(*) FILTER (WHERE {column} <> '{mine}') FROM {table}");
        if let Ok(said) = database.run_as(APP, &[&set, &count]) {
            let (all, others) = said.split_once('|').expect("two counts");
            assert_eq!(others, "0", "rows of another tenant in {table}");
            seen += all.parse::<u32>().expect("a count");
        }
        let steal = format!("UPDATE {table} SET {column} = '{mine}' WHERE {column} = '{theirs}' RETURNING 1");
        assert_eq!(
            database.run_as(APP, &[&set, &steal]).unwrap_or_default(),
            "",
            "rows of {table} changed hands"
        );
        let give = format!("UPDATE {table} SET {column} = '{theirs}' RETURNING 1");
        assert_eq!(
            database.run_as(APP, &[&set, &give]).unwrap_or_default(),
            "",
            "rows of {table} were given away"
        );
    }
    assert!(seen > 5, "the tenant sees only {seen} rows of its own");
    for forbidden in [
        "ALTER TABLE message DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE message NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY of_tenant ON message",
        "DROP TABLE message",
        "TRUNCATE message",
        &format!("SET ROLE {OWNER}"),
        "CREATE TABLE mine (id int)",
        "DELETE FROM seaql_migrations",
    ] {
        let error = database.run_as(APP, &[forbidden]).expect_err(forbidden);
        assert!(
            error.contains("permission denied") || error.contains("must be owner"),
            "{forbidden}: {error}"
        );
    }
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_hold_is_refused() {
    let Some(database) = database() else { return };
    // Roles are the server's, so their names are this database's.
    let name = database.name();
    let (bypassing, joined) = (format!("bypassing_{name}"), format!("joined_{name}"));
    database.must(&format!("CREATE ROLE {bypassing} LOGIN BYPASSRLS"));
    database.must(&format!("CREATE ROLE {joined} LOGIN NOINHERIT IN ROLE {OWNER}"));
    for (role, word) in [
        ("postgres", "superuser"),
        (OWNER, "owns the database"),
        (&bypassing, "BYPASSRLS"),
        (&joined, "may become who owns"),
    ] {
        let server = Server::builder()
            .database(database.clone())
            .env("WEIR_DATABASE_URL", database.url_as(role))
            .prepared();
        let (status, said) = server.fails_to_start();
        assert!(!status.success(), "{role} was let in: {said}");
        for word in [word, role, "database_owner_url", "CREATE ROLE"] {
            assert!(said.contains(word), "{word:?} is not said of {role}: {said}");
        }
    }
    assert_eq!(
        database.must("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"),
        "0"
    );
}

#[tokio::test]
async fn only_the_owner_changes_tables_and_puts_a_fallen_fence_up_again() {
    let Some(database) = database() else { return };
    let without_owner = |role| {
        Server::builder()
            .database(database.clone())
            .env("WEIR_DATABASE_OWNER_URL", "")
            .role(role)
            .prepared()
    };
    let (status, said) = without_owner("serve").fails_to_start();
    assert!(!status.success());
    assert!(
        said.contains("vault") || said.contains("database_owner_url"),
        "{said}"
    );
    assert!(said.contains("weir migrate"), "{said}");

    let mut server = Server::builder().database(database.clone()).start().await;
    server.tenant("acme").await;
    server.terminate().await;
    database.must("ALTER TABLE message NO FORCE ROW LEVEL SECURITY");
    let (status, said) = without_owner("api").fails_to_start();
    assert!(!status.success());
    assert!(
        said.contains("without row-level security: message"),
        "the open table is not named: {said}"
    );
    let doctor = String::from_utf8_lossy(&server.run(&["doctor", "--quiet"]).stdout).into_owned();
    assert!(
        doctor.contains("tables without row-level security: message"),
        "{doctor}"
    );
    server.run_well(&["migrate"]);
    assert_eq!(
        database.must("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'message'"),
        "t"
    );
    server.restart().await;
}
