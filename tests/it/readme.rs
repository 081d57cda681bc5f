//! The README's promise: from nothing to a delivered message in six calls, as it stands there.

use std::{fs, process::Command};

use tests::{Server, binary};

/// The fenced block that stands right after this mark is what is run.
const MARK: &str = "<!-- transcript -->";

fn transcript() -> String {
    let readme = fs::read_to_string(binary::root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once(MARK).expect("the README marks its transcript");
    let (_, rest) = rest.split_once("```").expect("a fenced block follows the mark");
    let (_language, rest) = rest.split_once('\n').unwrap();
    let (block, _) = rest.split_once("\n```").expect("the block ends");
    // A transcript may show what is answered; only what is typed is run.
    if block.lines().any(|line| line.starts_with("$ ")) {
        let typed: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        return typed.join("\n");
    }
    block.to_owned()
}

#[tokio::test]
async fn the_transcript_leads_from_nothing_to_a_delivered_message_in_at_most_six_calls() {
    let server = Server::start().await;
    let script = transcript();
    let commands = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let calls: usize = commands.map(|line| line.matches("curl ").count()).sum();
    assert!((1..=6).contains(&calls), "{calls} calls");
    for tool in ["jq", "python"] {
        assert!(
            !script.contains(tool),
            "nothing but curl and what every shell has: {tool}"
        );
    }
    let default = "http://127.0.0.1:8080";
    assert!(
        script.contains(default),
        "the transcript names the address that `make run` prints"
    );
    let script = script.replace(default, server.base());
    let script = format!("set -eu\n{script}\nwait\n");
    let output = tokio::task::spawn_blocking(move || {
        let home = tempfile::tempdir().unwrap();
        Command::new("timeout")
            .args(["60", "bash", "-o", "pipefail", "-c", &script])
            .current_dir(home.path())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let trouble = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{trouble}");
    assert!(
        said.contains("\"recipients\":1") || said.contains("\"offset\":1"),
        "a message was delivered: {said}\n{trouble}"
    );
    assert!(!said.contains("\"code\":"), "no call went wrong: {said}");
}
