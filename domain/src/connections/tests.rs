use chrono::TimeDelta;
use entity::{
    connection,
    id::{ConnectionId, SubjectId, TenantId},
    retention_rule::RetentionTarget,
};

use super::{Filter, Opened, Recorder, State, Totals, check_quota, list, network_of, read, state};
use crate::{error::Error, journal::bed::Bed, page::PageIn, retention};

#[test]
fn an_address_is_cut_to_its_network() {
    for (address, network) in [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
    ] {
        assert_eq!(network_of(address.parse().unwrap()), network);
    }
}

async fn recorder(bed: &Bed) -> Recorder {
    Recorder::start(bed.ctx().clone(), "node-1".into())
        .await
        .unwrap()
        .0
}

fn open(bed: &Bed, recorder: &Recorder, subject: Option<SubjectId>) -> ConnectionId {
    let id = bed.ctx().ids.next();
    recorder.opened(Opened {
        id,
        tenant: bed.world.tenant.id,
        endpoint: bed.endpoint,
        subject,
        address: Some("192.0.2.0/24".into()),
    });
    id
}

async fn listed(bed: &Bed, filter: &Filter) -> Vec<connection::Model> {
    let tx = bed.read().await;
    let page = PageIn::new(None, None).unwrap();
    list(&tx, bed.ctx(), filter, &page).await.unwrap().items
}

fn totals(messages_in: u64) -> Totals {
    Totals {
        messages_in,
        bytes_in: messages_in * 10,
        ..Totals::default()
    }
}

#[tokio::test]
async fn a_life_is_recorded_from_its_opening_to_its_close() {
    let bed = Bed::new().await;
    let recorder = recorder(&bed).await;
    let (ada, _standing) = bed.person("ada").await;
    let (id, tenant) = (open(&bed, &recorder, Some(ada)), bed.world.tenant.id);
    open(&bed, &recorder, None);
    recorder.flush().await.unwrap();
    let now = bed.ctx().now();
    let all = listed(&bed, &Filter::default()).await;
    assert_eq!(
        all.iter().map(|row| state(row, now)).collect::<Vec<_>>(),
        [State::Opened, State::Authenticated]
    );
    bed.advance(TimeDelta::seconds(90));
    assert_eq!(state(&all[1], bed.ctx().now()), State::Idle);
    recorder.active(id, tenant, totals(3));
    recorder.flush().await.unwrap();
    let of_ada = Filter {
        subject: Some(ada),
        ..Filter::default()
    };
    assert_eq!(
        (
            listed(&bed, &of_ada).await[0].messages_in,
            listed(&bed, &of_ada).await[0].bytes_in
        ),
        (3, 30)
    );
    recorder.closed(id, tenant, 4031, "consent withdrawn", totals(5));
    // Another tenant's word counts for nothing.
    recorder.closed(id, TenantId(uuid::Uuid::from_u128(9)), 1000, "", totals(9));
    // The first close is the one that counts.
    recorder.closed(id, tenant, 1000, "", totals(9));
    recorder.flush().await.unwrap();
    let row = &listed(
        &bed,
        &Filter {
            open: Some(false),
            ..Filter::default()
        },
    )
    .await[0];
    assert_eq!((row.id, row.close_code, row.messages_in), (id, Some(4031), 5));
    assert_eq!(row.close_reason.as_deref(), Some("consent withdrawn"));
    assert_eq!(
        listed(
            &bed,
            &Filter {
                open: Some(true),
                ..Filter::default()
            }
        )
        .await
        .len(),
        1
    );
}

#[tokio::test]
async fn who_says_late_who_they_are_is_recorded_unless_erased_meanwhile() {
    let bed = Bed::new().await;
    let recorder = recorder(&bed).await;
    let (ada, _standing) = bed.person("ada").await;
    let tenant = bed.world.tenant.id;
    let (known, erased) = (open(&bed, &recorder, None), open(&bed, &recorder, None));
    recorder.flush().await.unwrap();
    recorder.identified(known, tenant, ada);
    recorder.identified(erased, tenant, bed.ctx().ids.next());
    recorder.flush().await.unwrap();
    let mut rows = listed(&bed, &Filter::default()).await;
    rows.sort_unstable_by_key(|row| row.id != known);
    assert_eq!((rows[0].id, rows[0].subject_id), (known, Some(ada)));
    assert!(rows[0].authenticated_at.is_some());
    assert_eq!((rows[1].id, rows[1].subject_id), (erased, None));
}

#[tokio::test]
async fn what_a_node_left_open_is_closed_when_it_starts_again() {
    let bed = Bed::new().await;
    let before = recorder(&bed).await;
    let id = open(&bed, &before, None);
    before.flush().await.unwrap();
    let _again = recorder(&bed).await;
    let tx = bed.read().await;
    let row = read(&tx, bed.ctx(), id).await.unwrap();
    assert_eq!(
        (row.close_code, row.close_reason.as_deref()),
        (Some(1006), Some("node stopped"))
    );
    assert!(row.closed_at.is_some());
}

#[tokio::test]
async fn stopping_writes_down_what_is_left() {
    let bed = Bed::new().await;
    let (recorder, task) = Recorder::start(bed.ctx().clone(), "node-1".into()).await.unwrap();
    for _ in 0..1_200 {
        open(&bed, &recorder, None);
    }
    recorder.stop();
    task.await.unwrap();
    let usage = crate::tenants::usage(bed.ctx(), &bed.world.scope).await.unwrap();
    assert_eq!((usage.connections, usage.days[0].connections), (1_200, 1_200));
}

#[tokio::test]
async fn records_of_closed_connections_go_by_the_rules_and_open_ones_stay() {
    let bed = Bed::new().await;
    let recorder = recorder(&bed).await;
    let (closed, stays) = (open(&bed, &recorder, None), open(&bed, &recorder, None));
    recorder.closed(closed, bed.world.tenant.id, 1000, "", Totals::default());
    recorder.flush().await.unwrap();
    bed.advance(TimeDelta::days(29));
    assert_eq!(listed(&bed, &Filter::default()).await.len(), 2);
    // Thirty days when no rule says anything.
    bed.advance(TimeDelta::days(2));
    assert_eq!(listed(&bed, &Filter::default()).await.len(), 1);
    bed.rule("P60D", |rule| rule.target = RetentionTarget::Connections)
        .await;
    assert_eq!(listed(&bed, &Filter::default()).await.len(), 2);
    bed.rule("P1D", |rule| {
        rule.target = RetentionTarget::Connections;
        rule.endpoint_id = Some(bed.endpoint);
    })
    .await;
    assert_eq!(listed(&bed, &Filter::default()).await.len(), 1);
    assert_eq!(retention::sweep(bed.ctx()).await.unwrap().connections, 1);
    assert_eq!(retention::sweep(bed.ctx()).await.unwrap().connections, 0);
    let tx = bed.read().await;
    assert!(read(&tx, bed.ctx(), stays).await.is_ok());
    assert!(matches!(
        read(&tx, bed.ctx(), closed).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn open_connections_are_counted_against_the_quota() {
    let bed = Bed::new().await;
    let recorder = recorder(&bed).await;
    let tenant = bed.world.tenant.id;
    let id = open(&bed, &recorder, None);
    let open_now = || bed.ctx().pictures.of(tenant).unwrap().counters.open();
    assert_eq!(open_now(), 1);
    recorder.closed(id, tenant, 1000, "", Totals::default());
    recorder.closed(id, tenant, 1000, "", Totals::default());
    assert_eq!(open_now(), 0);
    assert!(check_quota(bed.ctx(), tenant).is_ok());
}
