//! Signing up, verifying an address, signing in and out, forgetting a password.

use serde_json::json;
use tests::{
    Server,
    tenant::{PASSWORD, Tenant, text},
};

#[tokio::test]
async fn a_new_tenant_is_signed_in_and_its_owner_may_do_everything() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let me = acme.owner.get("/me").await.expect(200);
    assert_eq!(me["account"]["email"], acme.email.as_str());
    assert!(me["account"]["email_verified_at"].is_string(), "{me:#}");
    assert_eq!(me["member"]["role"], "owner");
    assert_eq!(me["tenant"]["slug"], "acme");
    let permissions = me["permissions"].as_array().unwrap();
    for permission in [
        "tenant:write",
        "messages:unseal",
        "audit:read",
        "requests:write",
        "keys:write",
    ] {
        assert!(permissions.contains(&json!(permission)), "{permission}");
    }
}

#[tokio::test]
async fn a_slug_is_taken_once_and_says_so_at_its_field() {
    let server = Server::start().await;
    server.tenant("acme").await;
    let body = json!({
        "tenant": { "name": "Another", "slug": "acme" },
        "owner": { "name": "Eve", "email": "eve@example.com", "password": PASSWORD },
    });
    server
        .nobody()
        .post("/sign-up", body)
        .await
        .fault(409, "conflict", "/tenant/slug");
}

#[tokio::test]
async fn a_weak_password_or_a_false_address_is_refused_with_all_faults_at_once() {
    let server = Server::start().await;
    let body = json!({
        "tenant": { "name": "", "slug": "Not A Slug" },
        "owner": { "name": "Eve", "email": "nowhere", "password": "short" },
    });
    let problem = server
        .nobody()
        .post("/sign-up", body)
        .await
        .problem(422, "invalid_request");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|e| e["field"].as_str())
        .collect();
    for field in ["/tenant/slug", "/owner/email", "/owner/password"] {
        assert!(fields.contains(&field), "{field} in {problem:#}");
    }
    let in_again = json!({ "email": "nowhere", "password": "short" });
    assert_eq!(
        server.nobody().post("/sessions", in_again).await.status,
        401,
        "nothing was made of it"
    );
}

#[tokio::test]
async fn a_verification_link_works_once() {
    let server = Server::start().await;
    let acme = Tenant::sign_up_unverified(&server, "acme").await;
    let me = acme.owner.get("/me").await.expect(200);
    assert!(me["account"].get("email_verified_at").is_none(), "{me:#}");
    let mail = server.mail(&acme.email, |mail| mail.token().is_some()).await;
    assert!(
        mail.text.contains(server.base()),
        "the link leads to the public address: {}",
        mail.text
    );
    let token = json!({ "token": mail.token().unwrap() });
    let confirmed = server
        .nobody()
        .post("/email-verifications/confirm", token.clone())
        .await
        .expect(200);
    assert_eq!(confirmed["email"], acme.email.as_str());
    let again = server.nobody().post("/email-verifications/confirm", token).await;
    assert!([401, 410, 422].contains(&again.status), "{}", again.text());
}

#[tokio::test]
async fn a_session_ends_when_it_is_signed_out_and_no_other_does() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "email": acme.email, "password": PASSWORD });
    let second = server.nobody().post("/sessions", body).await.expect(201);
    assert_eq!(second["tenant"]["slug"], "acme");
    let second = server.nobody().with_token(text(&second["token"]));
    let sessions = acme.owner.all("/sessions").await;
    assert_eq!(sessions.len(), 2, "{sessions:#?}");
    assert_eq!(
        sessions
            .iter()
            .filter(|session| session["current"] == true)
            .count(),
        1
    );
    second.delete("/sessions/current").await.expect(204);
    second.get("/me").await.problem(401, "unauthenticated");
    acme.owner.get("/me").await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let wrong = json!({ "email": acme.email, "password": "Wrong-horse-battery-9-staple" });
    let unknown = json!({ "email": "nobody@example.com", "password": PASSWORD });
    let mut answers = Vec::new();
    for body in [wrong, unknown] {
        let answer = server.nobody().post("/sessions", body).await;
        answer.check(401);
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("request_id");
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let mut refused = None;
    for attempt in 0..30 {
        let body = json!({ "email": acme.email, "password": format!("Wrong-horse-battery-{attempt}") });
        let answer = server.nobody().post("/sessions", body).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        answer.check(401);
    }
    let refused = refused.expect("thirty wrong passwords in a row are too many");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    refused.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_ends_every_session() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let strange = server
        .nobody()
        .post("/password-resets", json!({ "email": "nobody@example.com" }))
        .await;
    let known = server
        .nobody()
        .post("/password-resets", json!({ "email": acme.email }))
        .await;
    assert_eq!(
        (strange.status, &strange.bytes),
        (202, &known.bytes),
        "the answer does not tell who has an account"
    );
    let mail = server
        .mail(&acme.email, |mail| mail.subject.contains("password"))
        .await;
    let password = "Another-horse-battery-8-staple";
    let body = json!({ "token": mail.token().unwrap(), "password": password });
    server
        .nobody()
        .post("/password-resets/confirm", body)
        .await
        .expect(204);
    acme.owner.get("/me").await.problem(401, "unauthenticated");
    let old = json!({ "email": acme.email, "password": PASSWORD });
    assert_eq!(server.nobody().post("/sessions", old).await.status, 401);
    server
        .nobody()
        .post("/sessions", json!({ "email": acme.email, "password": password }))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_password_changes_only_with_the_old_one() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let password = "Another-horse-battery-8-staple";
    let wrong = json!({ "password": { "current": "Not-the-one-at-all-7", "new": password } });
    assert!([401, 422].contains(&acme.owner.patch("/me", wrong).await.status));
    acme.owner
        .patch(
            "/me",
            json!({ "name": "Olive O.", "password": { "current": PASSWORD, "new": password } }),
        )
        .await
        .expect(200);
    let me = server
        .nobody()
        .post("/sessions", json!({ "email": acme.email, "password": password }))
        .await
        .expect(201);
    assert_eq!(me["member"]["name"], "Olive O.");
}

#[tokio::test]
async fn a_cookie_signs_in_but_not_from_a_foreign_page() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let nobody = server.nobody();
    let signed_in = nobody
        .post("/sessions", json!({ "email": acme.email, "password": PASSWORD }))
        .await;
    let cookie = signed_in.header("set-cookie").unwrap().to_owned();
    for part in ["weir_session=", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let get = nobody
        .request(reqwest::Method::GET, "/me")
        .header("cookie", cookie);
    nobody.send(get).await.expect(200);
    let body = json!({ "slug": "chat", "kind": "channel" });
    let post = || {
        nobody
            .request(reqwest::Method::POST, "/endpoints")
            .header("cookie", cookie)
            .json(&body)
    };
    let foreign = nobody.send(post().header("origin", "https://evil.example")).await;
    assert!([401, 403].contains(&foreign.status), "{}", foreign.text());
    let without = nobody.send(post()).await;
    assert!([401, 403].contains(&without.status), "{}", without.text());
    nobody
        .send(post().header("origin", server.base()))
        .await
        .expect(201);
}
