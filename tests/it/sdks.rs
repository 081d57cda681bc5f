//! Unmodified SDKs drive the real server: pusher-js, pusher (Node), pusher (Python) and laravel-echo. What each must do is
//! written beside it, in `tests/sdk`.

use serde_json::json;
use tests::{Endpoint, Server, Tenant, sdks};

/// A server, and an endpoint on it that shows all there is.
async fn house() -> (Server, Vec<(&'static str, String)>) {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "subscription_counts": true }))
        .await;
    let settings = settings(&server, &acme, &chat);
    (server, settings)
}

fn settings(server: &Server, tenant: &Tenant, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let field = |name: &str| tests::tenant::text(&endpoint.json[name]);
    vec![
        ("WEIR_URL", server.base().to_owned()),
        ("WEIR_PID", server.pid().to_string()),
        ("WEIR_TOKEN", tenant.owner.token().to_owned()),
        ("WEIR_ENDPOINT_ID", endpoint.id.clone()),
        ("WEIR_APP_ID", field("app_id")),
        ("WEIR_APP_KEY", field("key")),
        ("WEIR_APP_SECRET", endpoint.secret.clone()),
    ]
}

/// Runs a script against a server of its own.
async fn passes(script: &'static str) {
    let (_server, settings) = house().await;
    sdks::run(script, settings).await;
}

#[tokio::test]
async fn pusher_js_connects_is_refused_and_stays_alive() {
    passes("connection.test.mjs").await;
}

#[tokio::test]
async fn public_channels_carry_events_to_pusher_js() {
    passes("public.test.mjs").await;
}

#[tokio::test]
async fn private_channels_and_client_events_work_in_pusher_js() {
    passes("private.test.mjs").await;
}

#[tokio::test]
async fn presence_channels_work_in_pusher_js() {
    passes("presence.test.mjs").await;
}

#[tokio::test]
async fn encrypted_channels_work_in_pusher_js_and_stay_closed_to_the_server() {
    passes("encrypted.test.mjs").await;
}

#[tokio::test]
async fn cache_channels_work_in_pusher_js() {
    passes("cache.test.mjs").await;
}

#[tokio::test]
async fn users_sign_in_are_reached_watched_and_disconnected() {
    passes("users.test.mjs").await;
}

#[tokio::test]
async fn the_node_server_sdk_asks_publishes_and_is_refused() {
    passes("http_api.test.mjs").await;
}

#[tokio::test]
async fn the_python_server_sdk_asks_publishes_and_is_refused() {
    passes("server_sdk.py").await;
}

#[tokio::test]
async fn laravel_echo_works_on_every_kind_of_channel() {
    passes("echo.test.mjs").await;
}

#[tokio::test]
async fn recovery_on_top_of_pusher_js_is_complete_or_says_that_it_is_not() {
    let (_server, mut settings) = house().await;
    settings.push(("WEIR_RECOVERY", sdks::recovery().await));
    sdks::run("recovery.test.mjs", settings).await;
}

#[tokio::test]
async fn pusher_js_comes_back_after_a_restart() {
    let (mut server, settings) = house().await;
    let mut script = tokio::spawn(sdks::run("drain.test.mjs", settings));
    tokio::select! {
        // The script asks for it.
        status = server.stopped() => assert!(status.success(), "{status}"),
        ended = &mut script => {
            ended.unwrap();
            panic!("the script ended and the server was never asked to stop");
        }
    }
    server.restart().await;
    script.await.unwrap();
}
