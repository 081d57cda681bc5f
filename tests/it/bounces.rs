//! Mails that do not arrive: tried again, or given up and told to those who believe that the person knows.

use serde_json::json;
use tests::{Server, Sink, Tenant, eventually, tenant::text};

/// A tenant whose mails go to a server, and a person of it.
async fn mailing(sink: &Sink) -> (Server, Tenant, String) {
    let server = Server::builder().env("WEIR_SMTP_URL", sink.url()).start().await;
    let acme = Tenant::sign_up_unverified(&server, "acme").await;
    let mail = sink.mail(&acme.email, |mail| mail.token().is_some()).await;
    let token = json!({ "token": mail.token().unwrap() });
    server
        .nobody()
        .post("/email-verifications/confirm", token)
        .await
        .expect(200);
    let person = json!({ "external_id": "ada", "email": "ada@example.com" });
    let subject = acme.create("/subjects", person).await;
    (server, acme, subject)
}

#[tokio::test]
async fn a_mailbox_that_is_full_for_now_gets_its_mail_later() {
    let sink = Sink::start().await;
    let (_server, acme, subject) = mailing(&sink).await;
    sink.bounce("ada@example.com", "452 4.2.2 mailbox full", 2);
    let body = json!({ "kind": "restriction", "subject_id": subject });
    acme.create("/requests", body).await;
    sink.mail("ada@example.com", |mail| {
        mail.text.contains("Number of the request")
    })
    .await;
    assert_eq!(sink.bounces_left("ada@example.com"), 0);
    let given_up = acme.owner.all("/audit-events?kind=mail.undelivered").await;
    assert!(given_up.is_empty(), "{given_up:#?}");
}

#[tokio::test]
async fn an_address_that_nobody_has_is_given_up_and_the_officer_sees_why() {
    let sink = Sink::start().await;
    let (server, acme, subject) = mailing(&sink).await;
    sink.bounce(
        "ada@example.com",
        "550 5.1.1 <ada@example.com> no such user",
        u16::MAX,
    );
    let body = json!({ "kind": "restriction", "subject_id": subject });
    let id = acme.create("/requests", body).await;
    let remark = eventually("a remark on the timeline", || async {
        let request = acme.owner.get(format!("/requests/{id}")).await.expect(200);
        let notes = request["events"].as_array().unwrap().iter();
        notes
            .filter_map(|event| event["note"].as_str())
            .find(|note| note.contains("did not arrive"))
            .map(str::to_owned)
    })
    .await;
    assert!(
        remark.contains("550 5.1.1") && !remark.contains("no such user") && !remark.contains("ada@"),
        "{remark}"
    );
    let given_up = acme.owner.all("/audit-events?kind=mail.undelivered").await;
    assert!(
        given_up.iter().any(|event| text(&event["facts"]["request"]) == id
            && text(&event["facts"]["reason"]) == "the server answered 550 5.1.1"),
        "{given_up:#?}"
    );
    assert!(!server.log().contains("ada@example.com"));
}

#[tokio::test]
async fn a_code_that_cannot_be_delivered_is_answered_as_every_other() {
    let sink = Sink::start().await;
    let (server, acme, _) = mailing(&sink).await;
    sink.bounce("ada@example.com", "550 5.1.1 no such user", u16::MAX);
    let order = |email: &str| {
        let (nobody, body) = (server.nobody(), json!({ "email": email }));
        async move { nobody.post("/portal/acme/codes", body).await }
    };
    let (known, unknown) = (order("ada@example.com").await, order("eve@example.com").await);
    assert_eq!((known.status, &known.bytes), (202, &unknown.bytes));
    let given_up = eventually("the mail to be given up", || async {
        let all = acme.owner.all("/audit-events?kind=mail.undelivered").await;
        (!all.is_empty()).then_some(all)
    })
    .await;
    assert_eq!(given_up[0]["facts"]["template"], "portal_code");
    // It is not tried again: a code that comes late is of no use, and the address has nobody.
    let tried = u16::MAX - sink.bounces_left("ada@example.com");
    assert_eq!(tried, 1);
}
