//! Lists in pages.

use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn pages_join_to_the_whole_list_without_gaps_or_doubles() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for n in 0..7 {
        acme.create(
            "/purposes",
            json!({ "slug": format!("p-{n}"), "name": "P", "lawful_basis": "contract" }),
        )
        .await;
    }
    let whole = acme.owner.all("/purposes").await;
    assert_eq!(whole.len(), 7);
    for limit in [1, 2, 3, 7] {
        assert_eq!(
            acme.owner.all(format!("/purposes?limit={limit}")).await,
            whole,
            "limit {limit}"
        );
    }
    let page = acme.owner.get("/purposes?limit=7").await.expect(200);
    assert!(
        page.get("next_cursor").is_none(),
        "the last page says so: {page:#}"
    );
}

#[tokio::test]
async fn what_comes_in_between_does_not_shift_the_pages() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let create = |n: i32| {
        acme.create(
            "/purposes",
            json!({ "slug": format!("p-{n}"), "name": "P", "lawful_basis": "contract" }),
        )
    };
    for n in 0..4 {
        create(n).await;
    }
    let first = acme.owner.get("/purposes?limit=2").await.expect(200);
    create(9).await;
    let second = acme
        .owner
        .get(format!(
            "/purposes?limit=2&cursor={}",
            text(&first["next_cursor"])
        ))
        .await
        .expect(200);
    let slugs: Vec<String> = [&first, &second]
        .iter()
        .flat_map(|page| {
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| text(&one["slug"]))
        })
        .collect();
    assert_eq!(slugs, ["p-3", "p-2", "p-1", "p-0"]);
}

#[tokio::test]
async fn a_foreign_cursor_or_a_wild_limit_is_refused_at_its_parameter() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for (query, field) in [
        ("cursor=hello", "?cursor"),
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=many", "?limit"),
    ] {
        let answer = acme.owner.get(format!("/purposes?{query}")).await;
        assert!([400, 422].contains(&answer.status), "{query}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["errors"][0]["field"], field, "{problem:#}");
    }
}
