//! The pages, in a real browser. What they must do is written beside them, in `web-client/e2e`.

use std::{path::Path, process::Command};

use tests::{Server, binary};

#[tokio::test]
async fn the_pages_work_in_a_real_browser() {
    let folder = binary::root().join("web-client");
    let browser = Path::new("/usr/bin/chromium");
    if !folder.join("node_modules").exists() || !browser.exists() {
        eprintln!("skipped: run `npm ci` in web-client and install chromium, as `make test` does");
        return;
    }
    let server = Server::start().await;
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "e2e"]).current_dir(folder);
    npm.env("WEIR_URL", server.base())
        .env("WEIR_MAILBOX_DIR", server.data_dir().join("mailbox"));
    let output = tokio::task::spawn_blocking(move || npm.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn the_pages_come_with_a_strict_policy_and_from_here_only() {
    let server = Server::start().await;
    server.tenant("acme").await;
    for path in ["//console/", "//privacy/acme", "//api/docs"] {
        let page = server.nobody().get(path).await;
        page.check(200);
        let policy = page.header("content-security-policy").unwrap().to_owned();
        assert!(
            policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
            "{path}: {policy}"
        );
        assert!(
            !policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe-inline'"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert!(
                page.header(name)
                    .is_some_and(|found| found.contains(value) || found == "same-origin"),
                "{path}: {name}"
            );
        }
        for line in page.text().lines() {
            assert!(
                !line.contains("src=\"http") && !line.contains("href=\"http"),
                "{path}: {line}"
            );
        }
    }
}
