//! From SQLite to Postgres: everything arrives, once, and works on.

use std::time::Duration;

use serde_json::json;
use tests::{Server, Tenant, auditor, backends::Postgres, tenant::Endpoint};

use crate::log::key_of;

/// Messages that are there before.
const MESSAGES: usize = 2_500;

struct Before {
    server: Server,
    acme: Tenant,
    chat: Endpoint,
    newest: serde_json::Value,
}

/// A server on SQLite with something of everything that matters, or nothing where PostgreSQL is not installed.
async fn before() -> Option<Before> {
    if !Postgres::is_installed() {
        eprintln!("skipped: postgresql is not installed; `make test` installs it");
        return None;
    }
    let server = Server::builder().in_folder().start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.purpose("support").await;
    acme.consent("ada", "support", "given").await.expect(201);
    for n in 1..=MESSAGES / 100 {
        let some: Vec<_> = (0..100)
            .map(|of| acme.publish(&chat, json!({ "data": format!("{n}/{of}"), "subject": "ada" })))
            .collect();
        for answer in futures_util::future::join_all(some).await {
            answer.expect(201);
        }
    }
    let newest = acme.messages(&chat).await.swap_remove(0);
    Some(Before {
        server,
        acme,
        chat,
        newest,
    })
}

#[tokio::test]
async fn an_installation_moves_to_postgres_also_when_it_is_interrupted_and_goes_on_there() {
    let Some(Before {
        mut server,
        acme,
        chat,
        newest,
    }) = before().await
    else {
        return;
    };
    let database = Postgres::shared().empty_database();
    let refused = server.run(&["move"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("two Postgres databases"),
        "{said}"
    );
    for (name, value) in database.settings() {
        server.set_env(name, value);
    }
    let refused = server.run(&["move"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("another weir is using"),
        "a server that runs would go on writing: {said}"
    );
    server.terminate().await;
    for after in [100, 300, 600] {
        server.run_and_kill(&["move"], Duration::from_millis(after)).await;
    }
    let moved = server.run(&["move"]);
    let said = String::from_utf8_lossy(&moved.stderr).into_owned();
    if !said.contains("moved there already") {
        assert!(moved.status.success(), "{said}");
        assert!(
            said.contains(&format!("message: {MESSAGES} of {MESSAGES} rows")),
            "{said}"
        );
    }
    let count = database
        .must("SELECT set_config('weir.reason', 'a test counts', false); SELECT count(*) FROM message");
    assert!(count.ends_with(&MESSAGES.to_string()), "{count}");

    // As if nothing had happened.
    server.restart().await;
    let kept = acme.messages(&chat).await;
    assert_eq!(kept[0], newest);
    let next = acme
        .publish(&chat, json!({ "data": "after", "subject": "ada" }))
        .await;
    assert_eq!(next.expect(201)["offset"], MESSAGES + 1);
    let mut ada = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "live" })).await.expect(201);
    assert_eq!(ada.text().await, "live");
    // The log goes on from where it was: an old receipt is as good, and what is new is in the same tree.
    let key = key_of(&acme).await;
    let oldest = acme.owner.get("/log/0/receipt").await;
    assert!(auditor::receipt(&oldest.bytes, &key).is_some());
    let again = server.run(&["move"]);
    assert!(!again.status.success());
}
