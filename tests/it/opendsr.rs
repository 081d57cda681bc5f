//! OpenDSR 2.0 at `/opendsr/{tenant}`: a controller's system hands requests on, and checks what it is answered.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};
use serde_json::{Value, json};
use tests::{Answer, Client, Receiver, Server, Tenant, eventually, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

/// The specification's example, mended: `regulation`, which it requires and leaves out, and no comma before a brace.
fn example(id: &str, kind: &str, callback: Option<&str>) -> Value {
    let mut body = json!({
        "regulation": "gdpr",
        "subject_request_id": id,
        "subject_request_type": kind,
        "submitted_time": "2026-10-02T15:00:00Z",
        "subject_identities": [
            { "identity_type": "email", "identity_value": "ada@example.com", "identity_format": "raw" }
        ],
        "api_version": "2.0",
        "extensions": {
            "example-processor.com": { "foo-processor-custom-id": 123_456, "property_id": "123456" },
            "example-other-processor.com": { "foo-other-processor-custom-id": 654_321 }
        }
    });
    if let Some(callback) = callback {
        body["status_callback_urls"] = json!([callback]);
    }
    body
}

const ID: &str = "a7551968-d5d6-44b2-9831-815ac9017798";
const OTHER: &str = "a7551968-d5d6-44b2-9831-815ac9017799";
const NAMES: [&str; 3] = [
    "a7551968-d5d6-44b2-9831-815ac9017701",
    "a7551968-d5d6-44b2-9831-815ac9017702",
    "a7551968-d5d6-44b2-9831-815ac9017703",
];
const CUSTOMER_7_MD5: &str = "0DDC4D690DCFFBA915C288A68E6665DE";

/// The public key in a certificate on P-256: the point behind the header of its bit string.
fn point(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("base64 in PEM");
    let at = der
        .windows(4)
        .position(|window| window == [0x03, 0x42, 0x00, 0x04])
        .expect("a key on P-256");
    der[at + 3..at + 68].to_vec()
}

struct Door {
    controller: Client,
    key: Vec<u8>,
}

impl Door {
    async fn open(acme: &Tenant, trust: &str) -> Self {
        acme.owner
            .patch("/tenant", json!({ "opendsr_trust": trust }))
            .await
            .expect(200);
        let controller = acme.key(&["requests:read", "requests:write"]).await;
        let discovery = controller.get("//opendsr/acme/discovery").await.expect(200);
        assert_eq!(discovery["api_version"], "2.0");
        let certificate = reqwest::get(text(&discovery["processor_certificate"]))
            .await
            .unwrap();
        let key = point(&certificate.text().await.unwrap());
        Self { controller, key }
    }

    fn verified(&self, answer: Answer, status: u16) -> Value {
        answer.check(status);
        assert_eq!(answer.header("x-opendsr-processor-domain"), Some("127.0.0.1"));
        let signature = answer.header("x-opendsr-signature").expect("a signature");
        self.check(signature, &answer.bytes);
        answer.expect(status)
    }

    fn check(&self, signature: &str, body: &[u8]) {
        let signature = STANDARD.decode(signature).expect("base64");
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key);
        key.verify(body, &signature).expect("the signature holds");
        let mut forged = body.to_vec();
        forged[0] ^= 1;
        assert!(key.verify(&forged, &signature).is_err());
    }

    async fn post(&self, body: Value) -> Answer {
        self.controller.post("//opendsr/acme/requests", body).await
    }
}

#[tokio::test]
async fn the_examples_of_the_specification_pass_and_every_answer_is_signed() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let door = Door::open(&acme, "controller").await;
    let receiver = Receiver::start().await;
    receiver.answer(&[503]);
    let body = example(ID, "erasure", Some(&receiver.url()));
    let told = door.verified(door.post(body.clone()).await, 201);
    assert_eq!(told["subject_request_id"], ID);
    assert!(
        text(&told["expected_completion_time"]).starts_with("2026-11-0"),
        "counted from when the person asked"
    );
    let encoded = STANDARD.decode(text(&told["encoded_request"])).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&encoded).unwrap(), body);
    let request = eventually("the request", || async {
        let all = acme.owner.all("/requests").await;
        all.into_iter().find(|one| one["origin"] == "opendsr")
    })
    .await;
    in_state(&acme, &text(&request["id"]), "completed").await;
    acme.owner
        .get(format!("/subjects/{subject}"))
        .await
        .problem(404, "not_found");
    let status = door.verified(
        door.controller.get(format!("//opendsr/acme/requests/{ID}")).await,
        200,
    );
    assert_eq!(status["request_status"], "completed");
    assert!(status["results_count"].as_i64() > Some(0), "{status:#}");
    // Refused once, and told again; each signed, in the words of the specification.
    let completed = eventually("the callback", || async {
        let all = receiver.received();
        all.into_iter()
            .find(|one| one.answered == 200 && one.json()["request_status"] == "completed")
    })
    .await;
    door.check(completed.header("x-opendsr-signature"), &completed.body);
    assert_eq!(completed.header("x-opendsr-processor-domain"), "127.0.0.1");
    let said = completed.json();
    assert_eq!(
        (
            said["status_callback_url"].as_str(),
            said["subject_request_id"].as_str()
        ),
        (Some(receiver.url().as_str()), Some(ID))
    );
    let told: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| text(&one.json()["request_status"]))
        .collect();
    assert!(told.contains(&"in_progress".to_owned()), "{told:?}");
    // It is done: nothing to cancel, and its name is used up.
    let late = door
        .controller
        .delete(format!("//opendsr/acme/requests/{ID}"))
        .await;
    assert_eq!(
        door.verified(late, 400)["error"]["errors"][0]["reason"],
        "wrong_state"
    );
    assert_eq!(
        door.verified(door.post(body).await, 400)["error"]["errors"][0]["reason"],
        "duplicate"
    );
}

#[tokio::test]
async fn who_may_not_gets_nothing_and_what_is_wrong_is_said_in_full() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let closed = acme.key(&["requests:read", "requests:write"]).await;
    closed
        .post("//opendsr/acme/requests", example(ID, "access", None))
        .await
        .check(404);
    server.nobody().get("//opendsr/acme/discovery").await.check(404);
    let door = Door::open(&acme, "controller").await;
    let nobody = server
        .nobody()
        .post("//opendsr/acme/requests", example(ID, "access", None))
        .await;
    assert!(nobody.header("x-opendsr-signature").is_none());
    nobody.check(401);
    let reader = acme.key(&["requests:read"]).await;
    reader
        .post("//opendsr/acme/requests", example(ID, "access", None))
        .await
        .check(403);
    let beta = server.tenant("beta").await;
    beta.owner
        .post("//opendsr/acme/requests", example(ID, "access", None))
        .await
        .check(404);
    beta.owner
        .get(format!("//opendsr/acme/requests/{ID}"))
        .await
        .check(404);
    let mut wrong = example(ID, "deletion", Some("file:///etc/passwd"));
    wrong.as_object_mut().unwrap().remove("regulation");
    let told = door.verified(door.post(wrong).await, 400);
    assert_eq!(
        (
            told["error"]["code"].as_i64(),
            told["error"]["errors"].as_array().map(Vec::len)
        ),
        (Some(400), Some(3)),
        "{told:#}"
    );
    assert!(!told.to_string().contains("ada@example.com"));
    let unknown = door
        .controller
        .get(format!("//opendsr/acme/requests/{OTHER}"))
        .await;
    assert_eq!(door.verified(unknown, 404)["error"]["code"], 404);
    assert!(acme.owner.all("/requests").await.is_empty());
    // By its older name it is answered under that, too.
    let old = door
        .controller
        .post("//opendsr/acme/opengdpr_requests", example(ID, "access", None))
        .await;
    assert!(old.header("x-opengdpr-signature").is_some());
    door.verified(old, 201);
}

#[tokio::test]
async fn where_persons_are_trusted_nothing_happens_before_they_confirm() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let door = Door::open(&acme, "person").await;
    let receiver = Receiver::start().await;
    door.verified(
        door.post(example(ID, "erasure", Some(&receiver.url()))).await,
        201,
    );
    let request = acme.owner.all("/requests").await.remove(0);
    let id = text(&request["id"]);
    assert_eq!(request["state"], "received");
    // A second name for the same is a link to it, and proves nothing.
    door.verified(door.post(example(OTHER, "erasure", None)).await, 201);
    assert_eq!(acme.owner.all("/requests").await.len(), 1);
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("confirm"))
        .await;
    assert!(mail.text.contains("/privacy/acme"), "{}", mail.text);
    // The second name is taken back; the request stands for the first.
    let cancelled = door
        .controller
        .delete(format!("//opendsr/acme/requests/{OTHER}"))
        .await;
    door.verified(cancelled, 202);
    let status = |name: &'static str| {
        let controller = door.controller.clone();
        async move {
            controller
                .get(format!("//opendsr/acme/requests/{name}"))
                .await
                .expect(200)
        }
    };
    assert_eq!(status(OTHER).await["request_status"], "cancelled");
    assert_eq!(status(ID).await["request_status"], "pending");
    sign_in(&server, &acme, "ada@example.com").await;
    in_state(&acme, &id, "completed").await;
    assert_eq!(status(ID).await["request_status"], "completed");
    eventually("the callback", || async {
        receiver
            .received()
            .into_iter()
            .find(|one| one.json()["request_status"] == "completed")
    })
    .await;
}

#[tokio::test]
async fn a_pending_request_can_be_taken_back_and_somebody_unknown_is_answered_too() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let door = Door::open(&acme, "person").await;
    let receiver = Receiver::start().await;
    door.verified(door.post(example(ID, "access", Some(&receiver.url()))).await, 201);
    let id = text(&acme.owner.all("/requests").await[0]["id"]);
    door.verified(
        door.controller
            .delete(format!("//opendsr/acme/requests/{ID}"))
            .await,
        202,
    );
    in_state(&acme, &id, "withdrawn").await;
    eventually("the callback", || async {
        receiver
            .received()
            .into_iter()
            .find(|one| one.json()["request_status"] == "cancelled")
    })
    .await;
    acme.owner
        .patch("/tenant", json!({ "opendsr_trust": "controller" }))
        .await
        .expect(200);
    let mut stranger = example(OTHER, "erasure", None);
    stranger["subject_identities"] = json!([
        { "identity_type": "controller_customer_id", "identity_value": "nobody-here", "identity_format": "raw" }
    ]);
    door.verified(door.post(stranger).await, 201);
    eventually("the end", || async {
        let status = door
            .controller
            .get(format!("//opendsr/acme/requests/{OTHER}"))
            .await
            .expect(200);
        (status["request_status"] == "completed" && status["results_count"] == 0).then_some(())
    })
    .await;
}

fn hashed(id: &str, kind: &str, what: &str, format: &str, hash: impl AsRef<[u8]>) -> Value {
    let mut body = example(id, kind, None);
    body["subject_identities"] = json!([
        { "identity_type": what, "identity_value": hex::encode(hash), "identity_format": format }
    ]);
    body
}

fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

/// How a request stands, once it is not pending any more.
async fn ended(door: &Door, id: &str) -> Value {
    eventually("an end", || async {
        let asked = door.controller.get(format!("//opendsr/acme/requests/{id}"));
        let status = asked.await.expect(200);
        let ended = ["completed", "cancelled"].map(Value::from);
        ended.contains(&status["request_status"]).then_some(status)
    })
    .await
}

#[tokio::test]
async fn whoever_is_named_by_a_hash_alone_is_found_and_whoever_is_not_here_is_answered_alike() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    // Among some who are somebody else; one of them has an address that was written in capitals.
    for n in 0..250 {
        let person = json!({ "external_id": format!("somebody-{n}") });
        acme.owner.post("/subjects", person).await.expect(201);
    }
    let bea = json!({ "external_id": "customer-7", "email": "Bea@Example.COM" });
    let bea = acme.create("/subjects", bea).await;
    let door = Door::open(&acme, "controller").await;
    let discovery = door.controller.get("//opendsr/acme/discovery").await.expect(200);
    let supported = discovery["supported_identities"].as_array().unwrap();
    assert_eq!(supported.len(), 8, "{discovery:#}");

    let known = hashed(ID, "erasure", "email", "sha256", sha256("ada@example.com"));
    let known = door.verified(door.post(known).await, 201);
    let stranger = hashed(OTHER, "erasure", "email", "sha256", sha256("eve@example.com"));
    let stranger = door.verified(door.post(stranger).await, 201);
    let fields = |told: &Value| told.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&known), fields(&stranger));
    let done = ended(&door, ID).await;
    assert_eq!(done["request_status"], "completed");
    assert!(done["results_count"].as_i64() > Some(0), "{done:#}");
    let gone = acme.owner.get(format!("/subjects/{subject}")).await;
    gone.problem(404, "not_found");
    let nobody = ended(&door, OTHER).await;
    assert_eq!(nobody["request_status"], "completed");
    assert_eq!(nobody["results_count"], 0);

    // An id of the tenant's own, by a hash of another kind, in capitals; an address in small letters.
    let wrong = hashed(
        NAMES[0],
        "access",
        "controller_customer_id",
        "sha1",
        sha256("customer-7"),
    );
    let refused = door.verified(door.post(wrong).await, 400);
    assert_eq!(refused["error"]["errors"][0]["reason"], "invalid");
    let mut by_id = example(NAMES[0], "access", None);
    by_id["subject_identities"] = json!([
        { "identity_type": "controller_customer_id", "identity_value": CUSTOMER_7_MD5, "identity_format": "md5" },
        { "identity_type": "email", "identity_value": "nobody@example.com", "identity_format": "raw" },
    ]);
    door.verified(door.post(by_id).await, 201);
    assert_eq!(ended(&door, NAMES[0]).await["request_status"], "completed");
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b"bea@example.com");
    let by_address = hashed(NAMES[1], "portability", "email", "sha1", sha1);
    door.verified(door.post(by_address).await, 201);
    assert_eq!(ended(&door, NAMES[1]).await["request_status"], "completed");
    for request in acme.owner.all(format!("/requests?subject_id={bea}")).await {
        assert_eq!(request["state"], "completed");
    }
    assert_eq!(
        acme.owner.all(format!("/requests?subject_id={bea}")).await.len(),
        2
    );

    // A hash that is of two persons is of nobody who could be answered.
    let twin = json!({ "external_id": "customer-8", "email": "bea@example.com" });
    acme.create("/subjects", twin).await;
    let both = hashed(NAMES[2], "erasure", "email", "sha1", sha1);
    door.verified(door.post(both).await, 201);
    assert_eq!(ended(&door, NAMES[2]).await["request_status"], "cancelled");
    acme.owner.get(format!("/subjects/{bea}")).await.expect(200);
}

#[tokio::test]
async fn whoever_is_found_by_a_hash_confirms_it_where_persons_are_trusted_and_is_one_request_by_any_name() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let door = Door::open(&acme, "person").await;
    let known = hashed(ID, "erasure", "email", "sha256", sha256("ada@example.com"));
    door.verified(door.post(known.clone()).await, 201);
    let stranger = hashed(OTHER, "erasure", "email", "sha256", sha256("eve@example.com"));
    door.verified(door.post(stranger).await, 201);
    let confirm = |mail: &tests::Mail| mail.subject.contains("confirm");
    let mail = server.mail("ada@example.com", confirm).await;
    assert!(mail.text.contains("/privacy/acme"), "{}", mail.text);
    let mut again = known;
    again["subject_request_id"] = json!(NAMES[0]);
    door.verified(door.post(again).await, 201);
    eventually("both names lead to one", || async {
        let open = acme.owner.all("/requests?state=received").await;
        (open.len() == 2).then_some(())
    })
    .await;
    for name in [ID, OTHER, NAMES[0]] {
        let asked = door.controller.get(format!("//opendsr/acme/requests/{name}"));
        assert_eq!(asked.await.expect(200)["request_status"], "pending", "{name}");
    }
    sign_in(&server, &acme, "ada@example.com").await;
    for name in [ID, NAMES[0]] {
        let done = ended(&door, name).await;
        assert_eq!(done["request_status"], "completed");
        assert!(done["results_count"].as_i64() > Some(0), "{done:#}");
    }
    let asked = door.controller.get(format!("//opendsr/acme/requests/{OTHER}"));
    assert_eq!(asked.await.expect(200)["request_status"], "pending");
}
