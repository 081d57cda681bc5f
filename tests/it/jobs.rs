//! Background work: several workers share it, none does what another one does, and what a dead one had begun is taken over.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use tests::{
    Server, Tenant,
    backends::{Database, Postgres},
    eventually,
    tenant::text,
    wait::eventually_within,
};

/// An API without a worker on a PostgreSQL of its own, or nothing where that is not installed.
async fn api() -> Option<(Database, Server)> {
    if !Postgres::is_installed() {
        eprintln!("skipped: postgresql is not installed; `make test` installs it");
        return None;
    }
    let database = Postgres::shared().database();
    let api = Server::builder()
        .database(database.clone())
        .role("api")
        .start()
        .await;
    Some((database, api))
}

/// A worker of the same installation, whose claims hold for two seconds.
async fn worker(database: &Database, api: &Server, name: &str) -> Server {
    Server::builder()
        .database(database.clone())
        .beside(api)
        .role("worker")
        .env("WEIR_NODE__NAME", name)
        .env("WEIR_WORKER__LEASE_SECONDS", "2")
        .start()
        .await
}

/// Somebody whose address the tenant knows asks for a code: a job that ends in one mail.
async fn order_code(api: &Server, acme: &Tenant, name: &str) -> String {
    let email = format!("{name}@example.com");
    acme.create("/subjects", json!({ "external_id": name, "email": email }))
        .await;
    api.nobody()
        .post("/portal/acme/codes", json!({ "email": email }))
        .await
        .expect(202);
    email
}

async fn jobs(acme: &Tenant) -> Vec<Value> {
    acme.owner.all("/jobs?kind=send_portal_code").await
}

/// How many codes each address got.
fn codes(api: &Server) -> HashMap<String, usize> {
    let mut codes = HashMap::new();
    for mail in api.mailbox().into_iter().filter(|mail| mail.code().is_some()) {
        *codes.entry(mail.to[0].clone()).or_default() += 1;
    }
    codes
}

#[tokio::test]
async fn two_workers_share_the_jobs_and_each_is_done_once() {
    let Some((database, api)) = api().await else {
        return;
    };
    let _one = worker(&database, &api, "one").await;
    let _two = worker(&database, &api, "two").await;
    let acme = api.tenant("acme").await;
    let mut people = Vec::new();
    for n in 0..16 {
        people.push(order_code(&api, &acme, &format!("person-{n}")).await);
    }
    let done = eventually("the end of all jobs", || async {
        let jobs = jobs(&acme).await;
        (jobs.len() == 16 && jobs.iter().all(|job| job["state"] == "done")).then_some(jobs)
    })
    .await;
    assert!(done.iter().all(|job| job["attempts"] == 1), "{done:?}");
    eventually("all mails", || async { (codes(&api).len() == 16).then_some(()) }).await;
    // Whatever is sent twice would come within a moment.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let codes = codes(&api);
    assert!(people.iter().all(|person| codes[person] == 1), "{codes:?}");
    let workers = database.must(
        "SELECT count(DISTINCT split_part(locked_by, '-', 1)) FROM job WHERE kind = 'send_portal_code'",
    );
    assert_eq!(workers, "2", "one of the two did everything");
}

#[tokio::test]
async fn what_a_killed_worker_had_begun_another_one_ends() {
    let Some((database, api)) = api().await else {
        return;
    };
    let mut one = worker(&database, &api, "one").await;
    let acme = api.tenant("acme").await;
    // Whoever does the job comes to a stop in the middle of it.
    let lock = database.lock("portal_code");
    let ada = order_code(&api, &acme, "ada").await;
    let begun = eventually("a claim", || async {
        let job = jobs(&acme).await.pop()?;
        job["claimed_until"].is_string().then_some(job)
    })
    .await;
    assert_eq!(
        (&begun["state"], &begun["attempts"]),
        (&json!("ready"), &json!(1))
    );
    let id = text(&begun["id"]);
    acme.owner
        .post(format!("/jobs/{id}/cancel"), json!({}))
        .await
        .problem(409, "wrong_state");
    // Its lease is renewed for as long as it lives, so a second worker keeps its hands off.
    let two = worker(&database, &api, "two").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let holder = "SELECT split_part(locked_by, '-', 1) FROM job WHERE kind = 'send_portal_code'";
    assert_eq!(database.must(holder), "one");
    one.kill();
    drop(lock);
    let done = eventually_within(Duration::from_secs(20), "the job, taken over", || async {
        let job = acme.owner.get(format!("/jobs/{id}")).await.expect(200);
        (job["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!(done["attempts"], 2);
    assert!(database.must(holder).starts_with("two"));
    eventually("the mail", || async { codes(&api).get(&ada).copied() }).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(codes(&api)[&ada], 1);
    drop(two);
}

#[tokio::test]
async fn a_job_that_cannot_be_done_is_given_up_with_a_reason_retried_and_cancelled_by_hand() {
    let Some((database, api)) = api().await else {
        return;
    };
    let _worker = worker(&database, &api, "one").await;
    let acme = api.tenant("acme").await;
    // Of a newer program, and one attempt before the end.
    database.must(&format!(
        "INSERT INTO job (id, tenant_id, kind, payload, state, attempts, run_at, created_at) \
         VALUES (gen_random_uuid(), '{}', 'paint_the_bridge', '{{}}', 'ready', 9, now(), now())",
        acme.id
    ));
    let job = eventually("a job that was given up", || async {
        acme.owner
            .all("/jobs?state=dead&kind=paint_the_bridge")
            .await
            .pop()
    })
    .await;
    let reason = text(&job["last_error"]);
    assert!(reason.contains("paint_the_bridge"), "{reason}");
    assert_eq!(job["attempts"], 10);
    assert!(job["finished_at"].is_string());
    let id = text(&job["id"]);
    let path = |verb: &str| format!("/jobs/{id}/{verb}");
    acme.owner
        .post(path("cancel"), json!({}))
        .await
        .problem(409, "wrong_state");
    let again = acme.owner.post(path("retry"), json!({})).await.expect(200);
    assert_eq!(
        (&again["state"], &again["attempts"]),
        (&json!("ready"), &json!(0))
    );
    // It fails again and waits two seconds or so for its second attempt: time to call it off.
    eventually("a first new attempt", || async {
        let job = acme.owner.get(format!("/jobs/{id}")).await.expect(200);
        (job["attempts"] == 1 && job["claimed_until"].is_null()).then_some(())
    })
    .await;
    acme.owner
        .post(path("retry"), json!({}))
        .await
        .problem(409, "wrong_state");
    let off = acme.owner.post(path("cancel"), json!({})).await.expect(200);
    assert_eq!(off["state"], "cancelled");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let still = acme.owner.get(format!("/jobs/{id}")).await.expect(200);
    assert_eq!(
        (&still["state"], &still["attempts"]),
        (&json!("cancelled"), &json!(1))
    );
    let events = acme.owner.all("/audit-events").await;
    for kind in ["job.retried", "job.cancelled"] {
        assert!(
            events
                .iter()
                .any(|event| event["kind"] == kind && event["target"]["id"] == id.as_str()),
            "no {kind} for {id} in {events:?}"
        );
    }
    let stranger = api.tenant("globex").await;
    for (verb, answer) in [
        ("", stranger.owner.get(format!("/jobs/{id}")).await),
        ("cancel", stranger.owner.post(path("cancel"), json!({})).await),
        ("retry", stranger.owner.post(path("retry"), json!({})).await),
    ] {
        assert_eq!(answer.status, 404, "{verb}");
    }
    // A key that may only read events may look and not touch.
    let auditor = acme.key(&["audit:read"]).await;
    auditor.get(format!("/jobs/{id}")).await.expect(200);
    auditor
        .post(path("retry"), json!({}))
        .await
        .problem(403, "forbidden");
}
