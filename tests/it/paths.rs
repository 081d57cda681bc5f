//! Each right on each path that is not the happy one: refused, extended, taken back. With a real mail, a live socket that must
//! not notice, and a receipt that `weir verify` proves.
//!
//! Where the other paths are:
//!
//! | right | granted, to the receipt | what ends by itself |
//! |---|---|---|
//! | access | `requests`: a copy that a person and a program can read | download: `domain::requests::tests::copies` |
//! | portability | `rights`: what the person gave | as access |
//! | rectification | `rights`: history, and in the copy | – |
//! | erasure | `erasure`, `destruction`, `crashes` | – |
//! | restriction | `rights`: sockets, reading, notice | `domain::requests::tests::rights`, on a clock that is set |
//! | objection | `rights`: one purpose, live | as restriction |
//! | withdrawal | `consent`, `cluster`: live, on three nodes | `consent`: at its instant |
//!
//! Codes and links that are wrong, late, used or guessed: `portal`, `domain::requests::tests::codes`. Somebody else's request:
//! `requests`, `isolation`. Forged callbacks: `callbacks`, `opendsr`. What is pending too long: `domain::requests::tests::clock`.

use serde_json::{Value, json};
use tests::{Client, Server, Tenant, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

/// Each right with a reason to refuse it, and what that is in a letter.
const RIGHTS: [(&str, &str, &str); 6] = [
    ("access", "rights_of_others", "Art. 15(4) GDPR"),
    ("portability", "rights_of_others_portability", "Art. 20(4) GDPR"),
    ("rectification", "data_accurate", "Art. 16 GDPR"),
    ("erasure", "legal_claims", "Art. 17(3)(e) GDPR"),
    ("restriction", "no_ground", "Art. 18(1) GDPR"),
    ("objection", "compelling_grounds", "Art. 21(1) GDPR"),
];

/// A tenant that looks at every request first, somebody with a live socket, and what can be objected to.
struct Scene {
    server: Server,
    acme: Tenant,
    ada: Client,
    subject: String,
    purpose: String,
    endpoint: tests::Endpoint,
}

impl Scene {
    async fn set() -> Self {
        let server = Server::start().await;
        let (acme, subject) = known_person(&server).await;
        acme.owner
            .patch("/tenant", json!({ "request_approval": "always" }))
            .await
            .expect(200);
        let body = json!({
            "slug": "analytics",
            "name": "Analytics",
            "lawful_basis": "legitimate_interests",
            "balancing_note": "Counting visits needs no names.",
        });
        let purpose = acme.create("/purposes", body).await;
        let body = json!({ "slug": "tracking", "kind": "channel", "purpose_id": purpose });
        let endpoint = acme.endpoint(body).await;
        let ada = sign_in(&server, &acme, "ada@example.com").await;
        Self {
            server,
            acme,
            ada,
            subject,
            purpose,
            endpoint,
        }
    }

    /// Asks for a right on the privacy page; somebody has to decide.
    async fn ask(&self, kind: &str) -> String {
        let details = match kind {
            "rectification" => json!({ "corrections": [{ "field": "email", "value": "ada@new.example" }] }),
            "objection" => json!({ "purpose_ids": [self.purpose] }),
            "restriction" => json!({ "ground": "accuracy" }),
            _ => json!({ "text": "Please." }),
        };
        let body = json!({ "kind": kind, "details": details });
        let made = self.ada.post("/portal/acme/requests", body).await.expect(201);
        let id = text(&made["id"]);
        in_state(&self.acme, &id, "approval").await;
        id
    }

    /// A mail to the person about this request.
    async fn letter(&self, id: &str, subject: &str) -> String {
        let fits = |mail: &tests::Mail| mail.subject.contains(subject) && mail.text.contains(id);
        let mail = self.server.mail("ada@example.com", fits).await;
        mail.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Nothing was done: the person is who they were, unrestricted, and hears what is said to them.
    async fn untouched(&self, socket: &mut tests::Socket, said: &str) {
        let path = format!("/subjects/{}", self.subject);
        let person = self.acme.owner.get(path).await.expect(200);
        assert_eq!(person["email"], "ada@example.com", "after {said}");
        assert_eq!(person["restricted"], false, "after {said}");
        self.acme
            .publish(&self.endpoint, json!({ "data": said, "subject": "ada" }))
            .await
            .expect(201);
        assert!(socket.text().await.contains(said), "{said}");
    }

    /// What the person takes away proves offline how it ended.
    async fn receipt(&self, id: &str) {
        let answer = self.ada.get(format!("/portal/acme/requests/{id}/receipt")).await;
        answer.check(200);
        let file = self.server.scratch(&format!("{id}.proof"));
        std::fs::write(&file, &answer.bytes).unwrap();
        let log = self.acme.owner.get("/log").await.expect(200);
        let key = text(&log["verifier_key"]);
        let file = file.to_str().unwrap();
        self.server.run_well(&["verify", file, "--key", &key]);
        // A proof that proves everything proves nothing.
        let forged = answer.text().replacen("extra ", "extra A", 1);
        let forged = if forged == answer.text() {
            answer.text().replacen("index ", "index 1", 1)
        } else {
            forged
        };
        std::fs::write(file, forged).unwrap();
        assert!(!self.server.run(&["verify", file, "--key", &key]).status.success());
    }
}

#[tokio::test]
async fn each_right_can_be_refused_with_a_letter_that_names_the_way_on_and_nothing_is_done() {
    let scene = Scene::set().await;
    let mut socket = scene.acme.connect(&scene.endpoint, "ada").await;
    for (kind, code, provision) in RIGHTS {
        let id = scene.ask(kind).await;
        let refuse = |code: &str, words: &str| {
            let body = json!({ "code": code, "text": words });
            scene.acme.owner.post(format!("/requests/{id}/refuse"), body)
        };
        // A reason that the law does not know for this right is none.
        let wrong = if kind == "objection" {
            "no_ground"
        } else {
            "compelling_grounds"
        };
        refuse(wrong, "Because.").await.check(422);
        let refused = refuse(code, "We looked into it closely.").await.expect(200);
        assert_eq!(
            (refused["state"].as_str(), refused["refusal"]["code"].as_str()),
            (Some("refused"), Some(code)),
            "{kind}"
        );
        let letter = scene.letter(&id, "answer").await;
        for needed in ["looked into it closely", provision, "Art. 77", "Art. 79"] {
            assert!(letter.contains(needed), "{kind}: no {needed} in {letter}");
        }
        let seen = scene.ada.get("/portal/acme/requests").await.expect(200);
        let seen = seen["items"].as_array().unwrap().iter();
        let seen: Vec<&Value> = seen.filter(|one| one["id"] == id.as_str()).collect();
        assert_eq!(seen[0]["refusal"]["code"], code, "{kind}");
        assert!(
            seen[0]["export"].is_null() && seen[0]["result"].is_null(),
            "{kind}"
        );
        scene.untouched(&mut socket, kind).await;
        scene.receipt(&id).await;
        // What is refused is over: nobody can approve it, extend it or take it back any more.
        for step in ["approve", "extend", "refuse"] {
            let body = match step {
                "approve" => json!({}),
                "extend" => json!({ "reason": "complexity", "text": "More." }),
                _ => json!({ "code": code, "text": "Again." }),
            };
            let path = format!("/requests/{id}/{step}");
            scene.acme.owner.post(path, body).await.check(409);
        }
        let path = format!("/portal/acme/requests/{id}/withdraw");
        scene.ada.post(path, json!({})).await.check(409);
    }
}

#[tokio::test]
async fn each_right_can_be_extended_and_then_taken_back_and_nothing_is_done() {
    let scene = Scene::set().await;
    let mut socket = scene.acme.connect(&scene.endpoint, "ada").await;
    for (kind, ..) in RIGHTS {
        let id = scene.ask(kind).await;
        let before = scene.acme.owner.get(format!("/requests/{id}")).await.expect(200);
        let body = json!({ "reason": "number_of_requests", "text": "Many ask this month." });
        let path = format!("/requests/{id}/extend");
        let extended = scene.acme.owner.post(path, body).await.expect(200);
        assert!(text(&extended["due_at"]) > text(&before["due_at"]), "{kind}");
        let letter = scene.letter(&id, "takes longer").await;
        assert!(
            letter.contains("Many ask this month") && letter.contains("Art. 77"),
            "{kind}: {letter}"
        );
        let path = format!("/portal/acme/requests/{id}/withdraw");
        let withdrawn = scene.ada.post(&path, json!({})).await.expect(200);
        assert_eq!(withdrawn["state"], "withdrawn", "{kind}");
        scene.untouched(&mut socket, kind).await;
        scene
            .acme
            .owner
            .post(format!("/requests/{id}/approve"), json!({}))
            .await
            .check(409);
        // It stands in nobody's way: the person can ask again.
        let again = scene.ask(kind).await;
        let path = format!("/portal/acme/requests/{again}/withdraw");
        scene.ada.post(path, json!({})).await.expect(200);
    }
}
