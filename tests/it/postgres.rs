//! The same program on PostgreSQL and Redis. The whole list of tests runs there with `WEIR_TEST_STORE=postgres`; this much
//! runs always.

use std::sync::Arc;

use serde_json::json;
use tests::{
    Server,
    backends::{Postgres, Redis},
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
