//! `weir demo`: the whole story in one command.

use tests::Server;

fn tell(said: &[u8]) -> String {
    String::from_utf8_lossy(said).into_owned()
}

#[tokio::test]
async fn the_story_holds_on_a_server_of_its_own() {
    let server = Server::builder().prepared();
    let output = server.run(&["demo"]);
    let said = tell(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", tell(&output.stderr));
    for word in ["messages", "deliveries", "lag", "receipts"] {
        assert!(
            said.lines()
                .rev()
                .take(8)
                .any(|line| line.to_lowercase().contains(word)),
            "{word} in the summary: {said}"
        );
    }
    assert!(!said.contains('\u{1b}'), "no colours where nobody sees them");
    assert!(
        !server.data_dir().exists(),
        "it leaves the configured folder alone"
    );
}

#[tokio::test]
async fn the_story_holds_on_a_server_that_runs_already() {
    let server = Server::builder().in_folder().start().await;
    let folder = server.data_dir();
    let output = server.run(&[
        "demo",
        "--url",
        server.base(),
        "--data-dir",
        folder.to_str().unwrap(),
    ]);
    let said = tell(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", tell(&output.stderr));
    // Twice, as somebody would who liked it.
    let output = server.run(&["demo", "--url", server.base()]);
    let said = tell(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", tell(&output.stderr));
    assert!(
        said.contains("left out"),
        "what needs the server's folder is left out, and said to be: {said}"
    );
}

#[tokio::test]
async fn a_story_that_does_not_hold_is_said_and_ends_with_an_error() {
    let nobody = tests::ports::free();
    let server = Server::builder().prepared();
    let output = server.run(&["demo", "--url", &format!("http://{nobody}")]);
    assert!(!output.status.success());
    let said = [tell(&output.stdout), tell(&output.stderr)].concat();
    assert!(said.contains(&nobody.to_string()), "{said}");
}
