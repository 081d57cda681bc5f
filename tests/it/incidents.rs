//! The register of incidents: the clock, the scope, the authority, the persons, the lessons.

use serde_json::{Value, json};
use tests::{
    Server, eventually,
    tenant::{Tenant, text},
};

/// Orders the scope of an incident and waits until it is there.
async fn scope(acme: &Tenant, path: &str) -> Value {
    let ordered = acme
        .owner
        .post(format!("{path}/scope"), json!({}))
        .await
        .expect(202);
    assert!(ordered["scoping"]["job_id"].is_string(), "{ordered:#}");
    eventually("the scope", || async {
        let now = acme.owner.get(path).await.expect(200);
        now["scoping"].is_null().then_some(now)
    })
    .await
}

fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(tests::jwt::now(), 0).unwrap()
}

#[tokio::test]
async fn an_incident_goes_from_the_first_hour_to_the_lessons() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.owner
        .patch(
            "/tenant",
            json!({ "controller": { "dpo_name": "Dora", "dpo_email": "dpo@acme.example", "country": "DE" } }),
        )
        .await
        .expect(200);
    let email = json!({ "slug": "email", "name": "E-mail", "personal": true, "paths": ["$.email"], "minimise": { "strategy": "none" } });
    acme.create("/data-types", email).await;
    let chat = acme.channel("chat").await;
    let other = acme.channel("other").await;
    for (who, address) in [("ada", Some("ada@example.com")), ("bob", None)] {
        let mut body = json!({ "external_id": who });
        if let Some(address) = address {
            body["email"] = json!(address);
        }
        acme.create("/subjects", body).await;
        for n in 0..3 {
            acme.publish(
                &chat,
                json!({ "data": { "n": n, "email": "x@y.z" }, "subject": who }),
            )
            .await
            .expect(201);
        }
    }
    acme.publish(&chat, json!({ "data": "to nobody in particular" }))
        .await
        .expect(201);
    acme.publish(&other, json!({ "data": "elsewhere", "subject": "eve" }))
        .await
        .expect(201);
    let mut socket = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(socket.text().await, "hello");

    let aware = now() - chrono::TimeDelta::hours(73);
    let started = now() - chrono::TimeDelta::hours(1);
    let body = json!({
        "title": "A laptop was lost", "facts": "With a session open.", "nature": ["confidentiality"], "exposure": "live",
        "endpoint_ids": [chat.id], "started_at": started, "aware_at": aware,
    });
    acme.owner
        .post(
            "/incidents",
            json!({ "title": "x", "facts": "", "nature": ["luck"], "exposure": "live", "started_at": aware }),
        )
        .await
        .fault(422, "invalid_request", "/nature");
    let incident = acme.owner.post("/incidents", body).await.expect(201);
    assert_eq!(
        (incident["late"].as_bool(), incident["risk"].as_str()),
        (Some(true), Some("unknown"))
    );
    let due: chrono::DateTime<chrono::Utc> = text(&incident["due_at"]).parse().unwrap();
    assert!((due - aware - chrono::TimeDelta::hours(72)).num_seconds().abs() <= 1);
    let path = format!("/incidents/{}", text(&incident["id"]));

    // Nobody can be told before it is known whom it touched.
    acme.owner
        .post(
            format!("{path}/mails"),
            json!({ "message": "Change your password." }),
        )
        .await
        .problem(409, "not_scoped");
    // The record of a connection is written a moment later, so the scope is asked for until it is there.
    let scoped = eventually("the connection in the scope", || async {
        let scoped = scope(&acme, &path).await;
        (scoped["scope"]["connections"] == 1).then_some(scoped)
    })
    .await;
    let found = &scoped["scope"];
    let counts = |found: &Value| {
        [
            "subjects",
            "records",
            "unattributed_records",
            "unintelligible_records",
            "connected_subjects",
        ]
        .map(|field| found[field].as_u64().unwrap())
    };
    assert_eq!(counts(found), [2, 6, 2, 0, 1], "{found:#}");
    let with_email = found["categories"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["data_types"] == json!(["email"]))
        .unwrap();
    assert_eq!(
        (with_email["records"].as_u64(), with_email["subjects"].as_u64()),
        (Some(6), Some(2))
    );
    let subjects = acme.owner.all(format!("{path}/subjects")).await;
    let records: Vec<_> = subjects.iter().map(|one| one["records"].as_u64()).collect();
    assert_eq!(records, [Some(3), Some(3)]);
    assert_eq!(
        acme.owner.all(format!("{path}/subjects?told=true")).await.len(),
        0
    );
    assert_eq!(acme.owner.all(format!("{path}/subjects?limit=1")).await.len(), 2);

    // The same records in a stolen copy of the store say nothing to anybody; and a copy holds what was there before.
    let change = json!({ "exposure": "stored", "started_at": now() });
    acme.owner.patch(&path, change).await.expect(200);
    let sealed = scope(&acme, &path).await;
    assert_eq!(counts(&sealed["scope"]), [2, 6, 2, 8, 1], "{sealed:#}");
    assert_eq!(sealed["scope"]["sealed_records"], 8);
    assert_eq!(sealed["scope"]["unintelligible_subjects"], 2);
    assert!(sealed["scope"]["from"].is_null());
    // Whoever has the keys too reads all of it: nobody's key was destroyed before.
    acme.owner
        .patch(&path, json!({ "exposure": "stored_with_keys" }))
        .await
        .expect(200);
    assert_eq!(counts(&scope(&acme, &path).await["scope"]), [2, 6, 2, 0, 1]);
    let change = json!({ "exposure": "live", "started_at": started, "risk": "high", "effects": "Spam.",
                         "measures": "Session ended." });
    acme.owner.patch(&path, change).await.expect(200);
    scope(&acme, &path).await;
    let overdue = acme.owner.all("/incidents?overdue=true&risk=high").await;
    assert_eq!(overdue.len(), 1);

    // Late needs a reason.
    acme.owner
        .post(format!("{path}/notifications"), json!({}))
        .await
        .fault(422, "invalid_request", "/late_reason");
    let notice =
        json!({ "late_reason": "The laptop was missed late.", "note": "by the portal of the authority" });
    let first = acme
        .owner
        .post(format!("{path}/notifications"), notice)
        .await
        .expect(201);
    assert_eq!(
        (first["phase"].as_i64(), first["form"]["kind"].as_str()),
        (Some(1), Some("initial"))
    );
    assert_eq!(first["form"]["contact"]["name"], "Dora");
    assert_eq!(first["form"]["data_subjects"]["approximate_number"], 2);
    let receipt = acme
        .owner
        .get(text(&first["receipt_url"]).trim_start_matches("/api/v1"))
        .await;
    assert!(receipt.text().starts_with("c2sp.org/tlog-proof@v1"));
    let second = acme
        .owner
        .post(format!("{path}/notifications"), json!({ "note": "more" }))
        .await
        .expect(201);
    assert_eq!(
        (second["phase"].as_i64(), second["form"]["kind"].as_str()),
        (Some(2), Some("additional"))
    );
    assert_eq!(acme.owner.all(format!("{path}/notifications")).await.len(), 2);
    let page = acme.owner.get(format!("{path}/form.html")).await;
    page.check(200);
    assert!(page.text().contains("A laptop was lost") && page.text().contains("Dora"));

    let sent = acme
        .owner
        .get(format!("{path}/notifications/{}/form.html", text(&first["id"])))
        .await;
    sent.check(200);
    assert!(sent.text().contains("initial notification, phase 1"));

    // Everybody with an address is told once, however often it is ordered.
    let told = |sent: u64| {
        let (acme, path) = (&acme, &path);
        async move {
            let message = json!({ "message": "Change your password." });
            acme.owner
                .post(format!("{path}/mails"), message)
                .await
                .expect(202);
            eventually("the mails", || async {
                let told = acme.owner.get(format!("{path}/mails")).await.expect(200);
                (told["sent"] == sent && told["queued"] == 0 && told["unreachable"] == 1).then_some(told)
            })
            .await
        }
    };
    assert_eq!(told(1).await["affected"], 2);
    eventually("the job is done", || async {
        let jobs = acme.owner.all("/jobs?kind=mail_affected").await;
        jobs.iter().all(|job| job["state"] == "done").then_some(())
    })
    .await;
    told(1).await;
    let mails: Vec<_> = server
        .mailbox()
        .into_iter()
        .filter(|mail| mail.to == ["ada@example.com"])
        .collect();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        acme.owner.all(format!("{path}/subjects?told=true")).await.len(),
        1
    );

    acme.owner
        .patch(&path, json!({ "state": "closed" }))
        .await
        .fault(422, "invalid_request", "/lessons");
    let closed = acme
        .owner
        .patch(&path, json!({ "state": "closed", "lessons": "Lock screens." }))
        .await
        .expect(200);
    assert!(closed["closed_at"].is_string());
}

#[tokio::test]
async fn an_endpoint_that_needs_an_assessment_does_not_open_without_one() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let ward = acme.channel("ward").await;
    let mut before = acme.connect(&ward, "ada").await;
    let dpia = format!("/endpoints/{}/dpia", ward.id);
    let state = acme
        .owner
        .request(reqwest::Method::PUT, &dpia)
        .json(&json!({ "required": true }));
    assert_eq!(acme.owner.send(state).await.expect(200)["closed"], true);
    let closed = before.close_code().await;
    assert_eq!(acme.connect(&ward, "ada").await.close_code().await, closed);
    acme.publish(&ward, json!({ "data": "x" }))
        .await
        .problem(409, "disabled");
    let risky = json!({ "title": "Ward", "description": "Vital signs.", "necessity": "Care.",
                        "risks": [{ "risk": "disclosure", "measure": "sealing", "residual": "high" }] });
    let id = acme.create("/dpias", risky).await;
    let decide = |outcome: &str| {
        acme.owner
            .post(format!("/dpias/{id}/decision"), json!({ "outcome": outcome }))
    };
    decide("acceptable")
        .await
        .fault(422, "invalid_request", "/outcome");
    let better = json!({ "title": "Ward", "description": "Vital signs.", "necessity": "Care.",
                         "risks": [{ "risk": "disclosure", "measure": "sealing", "residual": "low" }] });
    let better = acme
        .owner
        .request(reqwest::Method::PUT, &format!("/dpias/{id}"))
        .json(&better);
    acme.owner.send(better).await.expect(200);
    let name = acme
        .owner
        .request(reqwest::Method::PUT, &dpia)
        .json(&json!({ "required": true, "dpia_id": id }));
    assert_eq!(
        acme.owner.send(name).await.expect(200)["closed"],
        true,
        "nobody approved it yet"
    );
    let approved = decide("acceptable").await.expect(200);
    assert!(text(&approved["approved_by"]).starts_with("member:"));
    acme.publish(&ward, json!({ "data": "x" })).await.expect(201);
    acme.owner
        .delete(format!("/dpias/{id}"))
        .await
        .problem(409, "in_use");
    decide("rejected").await.expect(200);
    acme.publish(&ward, json!({ "data": "x" }))
        .await
        .problem(409, "disabled");
}

#[tokio::test]
async fn a_scope_that_was_counted_over_something_else_counts_for_nothing() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    acme.publish(&chat, json!({ "data": "about ada", "subject": "ada" }))
        .await
        .expect(201);
    let body = json!({
        "title": "A disk was lost", "facts": "A copy of the store.", "nature": ["confidentiality"], "exposure": "stored",
        "started_at": now() - chrono::TimeDelta::hours(1),
    });
    let path = format!("/incidents/{}", acme.create("/incidents", body).await);
    let scoped = scope(&acme, &path).await;
    assert_eq!(
        (
            scoped["scope"]["unintelligible_subjects"].as_i64(),
            &scoped["scope_is_stale"]
        ),
        (Some(1), &json!(false)),
        "{scoped:#}"
    );

    let exempt = json!({ "exemption": "unintelligible", "exposure": "live", "risk": "high" });
    let problem = acme
        .owner
        .patch(&path, exempt)
        .await
        .problem(422, "invalid_request");
    assert!(problem.to_string().contains("not_unintelligible"), "{problem:#}");
    let live = json!({ "exposure": "live", "risk": "high" });
    let changed = acme.owner.patch(&path, live).await.expect(200);
    assert_eq!(changed["scope_is_stale"], true, "{changed:#}");
    let form = acme.owner.get(format!("{path}/form")).await.expect(200);
    assert!(
        form["records"].is_null() && form["data_subjects"].is_null(),
        "{form:#}"
    );
    let mails = format!("{path}/mails");
    let words = json!({ "message": "Somebody may have read what you wrote." });
    acme.owner
        .post(&mails, words.clone())
        .await
        .problem(409, "stale_scope");

    let anew = scope(&acme, &path).await;
    assert_eq!(
        (
            anew["scope"]["unintelligible_subjects"].as_i64(),
            &anew["scope_is_stale"]
        ),
        (Some(0), &json!(false)),
        "{anew:#}"
    );
    acme.owner.post(&mails, words).await.expect(202);
    server
        .mail("ada@example.com", |mail| {
            mail.text.contains("Somebody may have read")
        })
        .await;
}
