//! Members, roles and invitations.

use serde_json::{Value, json};
use tests::{
    Client, Server, Tenant,
    tenant::{PASSWORD, text},
};

/// Invites somebody and plays their part; they end up signed in.
pub(crate) async fn join(server: &Server, tenant: &Tenant, email: &str, role: &str) -> Client {
    tenant
        .owner
        .post("/invitations", json!({ "email": email, "role": role }))
        .await
        .expect(201);
    let mail = server.mail(email, |mail| mail.token().is_some()).await;
    let body = json!({ "token": mail.token().unwrap(), "name": format!("The {role}"), "password": PASSWORD });
    let joined = server
        .nobody()
        .post("/invitations/accept", body)
        .await
        .expect(201);
    server.nobody().with_token(text(&joined["token"]))
}

async fn member(tenant: &Tenant, email: &str) -> Value {
    let members = tenant.owner.all("/members").await;
    members
        .into_iter()
        .find(|member| member["email"] == email)
        .unwrap()
}

#[tokio::test]
async fn an_invitation_makes_a_member_with_its_role() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let dan = join(&server, &acme, "dan@acme.example", "developer").await;
    let me = dan.get("/me").await.expect(200);
    assert_eq!(me["member"]["role"], "developer");
    assert_eq!(member(&acme, "dan@acme.example").await["role"], "developer");
    let invitations = acme.owner.all("/invitations").await;
    assert!(invitations[0]["accepted_at"].is_string(), "{invitations:#?}");
}

#[tokio::test]
async fn each_role_may_do_its_work_and_no_more() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let developer = join(&server, &acme, "dan@acme.example", "developer").await;
    let auditor = join(&server, &acme, "ann@acme.example", "auditor").await;
    let dpo = join(&server, &acme, "dora@acme.example", "dpo").await;
    let endpoint = json!({ "slug": "chat", "kind": "channel" });
    auditor
        .post("/endpoints", endpoint.clone())
        .await
        .problem(403, "forbidden");
    auditor.get("/audit-events").await.expect(200);
    let made = developer.post("/endpoints", endpoint).await.expect(201);
    let id = text(&made["id"]);
    developer
        .get(format!("/messages?endpoint_id={id}&unseal=true"))
        .await
        .problem(403, "forbidden");
    let rule = json!({ "name": "a month", "target": "messages", "duration": "P30D", "action": "delete" });
    developer
        .post("/retention-rules", rule.clone())
        .await
        .problem(403, "forbidden");
    dpo.post("/retention-rules", rule).await.expect(201);
    let invitation = json!({ "email": "x@acme.example", "role": "owner" });
    for member in [&developer, &auditor, &dpo] {
        member
            .post("/invitations", invitation.clone())
            .await
            .problem(403, "forbidden");
    }
}

#[tokio::test]
async fn the_last_owner_cannot_go_or_step_down() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let id = text(&member(&acme, &acme.email).await["id"]);
    acme.owner
        .delete(format!("/members/{id}"))
        .await
        .problem(409, "last_owner");
    acme.owner
        .patch(format!("/members/{id}"), json!({ "role": "developer" }))
        .await
        .problem(409, "last_owner");
}

#[tokio::test]
async fn who_is_removed_is_out_at_once() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let dan = join(&server, &acme, "dan@acme.example", "developer").await;
    let id = text(&member(&acme, "dan@acme.example").await["id"]);
    let changed = acme
        .owner
        .patch(format!("/members/{id}"), json!({ "role": "auditor" }))
        .await
        .expect(200);
    assert_eq!(changed["role"], "auditor");
    dan.post("/endpoints", json!({ "slug": "chat", "kind": "channel" }))
        .await
        .problem(403, "forbidden");
    acme.owner.delete(format!("/members/{id}")).await.expect(204);
    dan.get("/endpoints").await.problem(401, "unauthenticated");
    assert_eq!(acme.owner.all("/members").await.len(), 1);
}

#[tokio::test]
async fn an_invitation_taken_back_opens_nothing() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let made = acme
        .owner
        .post(
            "/invitations",
            json!({ "email": "x@acme.example", "role": "admin" }),
        )
        .await
        .expect(201);
    let mail = server.mail("x@acme.example", |mail| mail.token().is_some()).await;
    acme.owner
        .delete(format!("/invitations/{}", text(&made["id"])))
        .await
        .expect(204);
    let body = json!({ "token": mail.token().unwrap(), "name": "X", "password": PASSWORD });
    let late = server.nobody().post("/invitations/accept", body).await;
    assert!([401, 404, 410].contains(&late.status), "{}", late.text());
}
