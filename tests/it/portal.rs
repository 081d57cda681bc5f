//! The privacy page's API: a person without an account, known by reading the mail of an address.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, Server, Tenant, tenant::text};

use crate::requests::in_state;

/// Signs a person in with a code from their mail.
pub(crate) async fn sign_in(server: &Server, tenant: &Tenant, email: &str) -> Client {
    let base = format!("/portal/{}", tenant.slug);
    let before = server.mailbox().len();
    server
        .nobody()
        .post(format!("{base}/codes"), json!({ "email": email }))
        .await
        .expect(202);
    let code = tests::eventually("a code by mail", || async {
        let mails = server.mailbox();
        mails[before.min(mails.len())..]
            .iter()
            .rev()
            .filter(|mail| mail.to == [email])
            .find_map(tests::Mail::code)
    })
    .await;
    let body = json!({ "email": email, "code": code });
    let session = server
        .nobody()
        .post(format!("{base}/sessions"), body)
        .await
        .expect(201);
    server.nobody().with_token(text(&session["token"]))
}

/// A tenant with a person that it has messages and a consent of.
pub(crate) async fn known_person(server: &Server) -> (Tenant, String) {
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "chat", "name": "Chat", "kind": "channel", "purpose_id": news });
    let chat = acme.endpoint(body).await;
    let subject = acme
        .create(
            "/subjects",
            json!({ "external_id": "ada", "email": "ada@example.com" }),
        )
        .await;
    acme.consent("ada", "news", "given").await.expect(201);
    for n in 0..3 {
        acme.publish(
            &chat,
            json!({ "data": { "n": n, "text": "about ada" }, "subject": "ada" }),
        )
        .await
        .expect(201);
    }
    (acme, subject)
}

#[tokio::test]
async fn the_page_says_whose_it_is_to_everybody() {
    let server = Server::start().await;
    known_person(&server).await;
    let page = server.nobody().get("/portal/acme").await.expect(200);
    assert_eq!(page["tenant"]["slug"], "acme");
    assert_eq!(page["purposes"][0]["name"], "news");
    server
        .nobody()
        .get("/portal/nobody")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_person_sees_what_is_held_and_until_when() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let me = ada.get("/portal/acme/me").await.expect(200);
    assert_eq!(
        (me["email"].as_str(), me["known"].as_bool()),
        (Some("ada@example.com"), Some(true))
    );
    let held = &me["held"][0];
    assert_eq!(
        (held["messages"].as_i64(), held["duration"].as_str()),
        (Some(3), Some("P30D")),
        "{me:#}"
    );
    for field in ["oldest_at", "newest_at", "next_expiry_at"] {
        assert!(held[field].is_string(), "{field}: {held:#}");
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_about_who_is_known() {
    let server = Server::start().await;
    let (_, _) = known_person(&server).await;
    let ask = |email: &str| {
        let body = json!({ "email": email });
        let nobody = server.nobody();
        async move { nobody.post("/portal/acme/codes", body).await }
    };
    let (known, unknown) = (ask("ada@example.com").await, ask("eve@example.com").await);
    assert_eq!((known.status, &known.bytes), (202, &unknown.bytes));
    server.mail("ada@example.com", |mail| mail.code().is_some()).await;
    let guess = |email: &str| {
        let body = json!({ "email": email, "code": "000000" });
        let nobody = server.nobody();
        async move {
            let mut problem = nobody
                .post("/portal/acme/sessions", body)
                .await
                .problem(401, "code_invalid");
            problem.as_object_mut().unwrap().remove("request_id");
            problem
        }
    };
    assert_eq!(guess("ada@example.com").await, guess("eve@example.com").await);
    assert!(
        server.mailbox().iter().all(|mail| mail.to != ["eve@example.com"]),
        "a stranger gets no code"
    );
}

#[tokio::test]
async fn a_code_works_once_and_dies_after_a_few_wrong_tries() {
    let server = Server::start().await;
    let (_, _) = known_person(&server).await;
    let nobody = server.nobody();
    let attempt = |code: String| {
        nobody.post(
            "/portal/acme/sessions",
            json!({ "email": "ada@example.com", "code": code }),
        )
    };
    nobody
        .post("/portal/acme/codes", json!({ "email": "ada@example.com" }))
        .await
        .expect(202);
    let code = server
        .mail("ada@example.com", |mail| mail.code().is_some())
        .await
        .code()
        .unwrap();
    attempt(code.clone()).await.expect(201);
    attempt(code.clone()).await.problem(401, "code_invalid");
    nobody
        .post("/portal/acme/codes", json!({ "email": "ada@example.com" }))
        .await
        .expect(202);
    let second = server
        .mail("ada@example.com", |mail| {
            mail.code().is_some_and(|new| new != code)
        })
        .await
        .code()
        .unwrap();
    for n in 0..8 {
        let wrong = attempt(format!(
            "{:06}",
            (second.parse::<u32>().unwrap() + n + 1) % 1_000_000
        ))
        .await;
        assert!([401, 429].contains(&wrong.status), "{}", wrong.text());
    }
    let late = attempt(second).await;
    assert!(
        [401, 429].contains(&late.status),
        "the right code comes too late: {}",
        late.text()
    );
}

#[tokio::test]
async fn a_link_from_a_mail_signs_in_once_and_only_when_it_is_asked_to() {
    let server = Server::start().await;
    let (_, _) = known_person(&server).await;
    let beta = server.tenant("beta").await;
    let nobody = server.nobody();
    let order = || nobody.post("/portal/acme/codes", json!({ "email": "ada@example.com" }));
    let open = |slug: &str, token: &str| {
        let path = format!("/portal/{slug}/sessions/by-link");
        nobody.post(path, json!({ "token": token }))
    };
    order().await.expect(202);
    let mail = server
        .mail("ada@example.com", |mail| mail.token().is_some())
        .await;
    let (token, code) = (mail.token().unwrap(), mail.code().unwrap());
    // The page that it leads to may be fetched as often as a scanner likes: what signs in never reaches the server.
    let link = mail
        .text
        .split_whitespace()
        .find(|word| word.contains("#token="))
        .unwrap()
        .to_owned();
    assert!(
        mail.html.unwrap().contains(&link),
        "both forms of the mail have it"
    );
    let page = link.split('#').next().unwrap();
    assert!(
        !page.contains("weir_pl") && page.ends_with("/privacy/acme"),
        "{page}"
    );
    for _ in 0..3 {
        let fetched = reqwest::get(format!("{}/privacy/acme", server.base()))
            .await
            .unwrap();
        assert!(
            fetched.status().is_success(),
            "{}: if the pages are not built, run `npm ci && npm run build` in web-client, then `cargo build -p weir`",
            fetched.status()
        );
    }
    open(&beta.slug, &token).await.problem(401, "token_invalid");
    open("acme", "weir_pl_guess").await.problem(401, "token_invalid");
    let session = open("acme", &token).await.expect(201);
    let ada = server.nobody().with_token(text(&session["token"]));
    assert_eq!(
        ada.get("/portal/acme/me").await.expect(200)["email"],
        "ada@example.com"
    );
    open("acme", &token).await.problem(401, "token_invalid");
    let body = json!({ "email": "ada@example.com", "code": code });
    nobody
        .post("/portal/acme/sessions", body)
        .await
        .problem(401, "code_invalid");
}

#[tokio::test]
async fn a_session_of_one_tenants_page_opens_no_other() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let beta = server.tenant("beta").await;
    beta.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    ada.get("/portal/beta/me").await.check(401);
    ada.get("/endpoints").await.problem(401, "unauthenticated");
    acme.owner.get("/portal/acme/me").await.check(401);
    ada.delete("/portal/acme/sessions/current").await.expect(204);
    ada.get("/portal/acme/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_person_withdraws_and_gives_consent_and_it_acts_at_once() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let chat: Value = acme.owner.all("/endpoints").await.remove(0);
    let path = format!("/endpoints/{}/tokens", text(&chat["id"]));
    let minted = acme.owner.post(path, json!({ "sub": "ada" })).await.expect(201);
    let url = format!("{}?token={}", text(&chat["connect_url"]), text(&minted["token"]));
    let mut socket = tests::Socket::connect(&url).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let consents = ada.get("/portal/acme/consents").await.expect(200);
    let consents = consents["items"]
        .as_array()
        .or(consents.as_array())
        .unwrap()
        .clone();
    assert_eq!(
        (
            consents[0]["purpose"]["slug"].as_str(),
            consents[0]["state"].as_str()
        ),
        (Some("news"), Some("given"))
    );
    let purpose = consents[0]["purpose"]["id"].clone();
    let change = |state: &str| {
        ada.post(
            "/portal/acme/consents",
            json!({ "purpose_id": purpose, "state": state }),
        )
    };
    assert!(change("withdrawn").await.is_success());
    assert_eq!(socket.close_code().await, 4031);
    let events = acme.owner.all(format!("/consents?subject_id={subject}")).await;
    assert_eq!(
        (events[0]["state"].as_str(), events[0]["method"].as_str()),
        (Some("withdrawn"), Some("portal"))
    );
    assert!(change("given").await.is_success());
    let mut socket = tests::Socket::connect(&url).await;
    socket.is_silent_for(std::time::Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_person_is_written_to_in_the_language_that_the_page_was_read_in() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let spoken = |client: &Client, path: &str, body: Value| {
        let request = client.request(Method::POST, path).json(&body);
        let request = request.header("Accept-Language", "sv-SE, pl-PL;q=0.9, en;q=0.1");
        let client = client.clone();
        async move { client.send(request).await }
    };
    let email = json!({ "email": "ada@example.com" });
    spoken(&server.nobody(), "/portal/acme/codes", email)
        .await
        .expect(202);
    let code = server
        .mail("ada@example.com", |mail| {
            mail.subject == "Kod do strony prywatności"
        })
        .await;
    let body = json!({ "email": "ada@example.com", "code": code.code() });
    let session = server
        .nobody()
        .post("/portal/acme/sessions", body)
        .await
        .expect(201);
    let ada = server.nobody().with_token(text(&session["token"]));
    let made = spoken(&ada, "/portal/acme/requests", json!({ "kind": "access" }))
        .await
        .expect(201);
    assert_eq!(made["language"], "pl");
    // Minutes or weeks later, what the officer does is told in it too.
    server
        .mail("ada@example.com", |mail| mail.text.contains("Numer wniosku"))
        .await;
    acme.owner
        .post(
            format!("/requests/{}/messages", text(&made["id"])),
            json!({ "text": "Hello" }),
        )
        .await
        .expect(201);
    server
        .mail("ada@example.com", |mail| {
            mail.subject == "Jest wiadomość w sprawie wniosku"
        })
        .await;
    // Your own system may know the language of a person whom it makes a request for.
    let request = |language: &str| json!({ "kind": "restriction", "subject": "ada", "language": language });
    acme.owner
        .post("/requests", request("not a language"))
        .await
        .fault(422, "invalid_request", "/language");
    let made = acme.owner.post("/requests", request("de-AT")).await.expect(201);
    assert_eq!(made["language"], "de-AT");
    server
        .mail("ada@example.com", |mail| mail.text.contains("Nummer des Antrags"))
        .await;
}

#[tokio::test]
async fn whoever_has_somebodys_old_address_gets_nothing_of_theirs() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let before = sign_in(&server, &acme, "ada@example.com").await;
    let request = before
        .post("/portal/acme/requests", json!({ "kind": "access" }))
        .await
        .expect(201);
    let id = text(&request["id"]);
    in_state(&acme, &id, "completed").await;
    let export = format!("/portal/acme/requests/{id}/export");
    before.get(&export).await.check(200);
    acme.owner
        .patch(
            format!("/subjects/{subject}"),
            json!({ "email": "ada@example.com" }),
        )
        .await
        .expect(200);
    before.get(&export).await.check(200);
    acme.owner
        .patch(
            format!("/subjects/{subject}"),
            json!({ "email": "ada@new.example" }),
        )
        .await
        .expect(200);
    before.get(&export).await.problem(401, "unauthenticated");

    acme.create(
        "/subjects",
        json!({ "external_id": "eve", "email": "ada@example.com" }),
    )
    .await;
    let eve = sign_in(&server, &acme, "ada@example.com").await;
    let seen = eve.get("/portal/acme/requests").await.expect(200);
    assert_eq!(seen["items"], json!([]));
    for what in ["export", "receipt", "messages"] {
        let path = format!("/portal/acme/requests/{id}/{what}");
        eve.get(path).await.problem(404, "not_found");
    }
    eve.post(format!("/portal/acme/requests/{id}/withdraw"), json!({}))
        .await
        .problem(404, "not_found");

    let after = sign_in(&server, &acme, "ada@new.example").await;
    let seen = after.get("/portal/acme/requests").await.expect(200);
    assert_eq!(seen["items"][0]["id"], id);
    after.get(&export).await.check(200);
}

#[tokio::test]
async fn a_no_that_would_change_nothing_is_not_taken_for_one_that_does() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let body = json!({ "slug": "orders", "name": "Orders", "lawful_basis": "contract" });
    let orders = acme.create("/purposes", body).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let no = json!({ "purpose_id": orders, "state": "withdrawn" });
    let problem = ada
        .post("/portal/acme/consents", no)
        .await
        .problem(422, "invalid_request");
    assert!(problem.to_string().contains("not_consent"), "{problem:#}");
    acme.consent("ada", "orders", "refused")
        .await
        .problem(422, "invalid_request");
    let events = acme.owner.all("/consents").await;
    assert_eq!(events.len(), 1, "nothing was written down: {events:#?}");
}
