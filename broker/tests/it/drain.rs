use std::{sync::Arc, time::Duration};

use broker::{Drained, Settings};
use tokio::time::Instant;

use crate::house::{House, connect, connect_with, options, post, soon, tenant, text};

#[tokio::test]
async fn a_drain_delivers_what_waits_and_sends_everybody_elsewhere() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut clients = [connect(&house, &broker).await, connect(&house, &broker).await];
    for n in 0..10 {
        broker
            .publish(post(tenant(), &Arc::from("main"), text(&n.to_string())))
            .await
            .unwrap();
    }
    let drain = tokio::spawn({
        let broker = broker.clone();
        async move { broker.drain(Duration::from_secs(5)).await }
    });
    for client in &mut clients {
        assert_eq!(client.drain().await, (10, 4200));
    }
    assert_eq!(soon(drain).await.unwrap(), Drained { told: 2, cut: 0 });
    let mut late = connect(&house, &broker).await;
    assert_eq!(late.closed().await, 4200);
}

#[tokio::test]
async fn a_drain_ends_in_time_whoever_stays() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let stuck = connect_with(&broker, house.somebody(), options(), 16).await;
    for _ in 0..10 {
        broker
            .publish(post(tenant(), &Arc::from("main"), text("something")))
            .await
            .unwrap();
    }
    let start = Instant::now();
    assert_eq!(
        broker.drain(Duration::from_millis(200)).await,
        Drained { told: 1, cut: 1 }
    );
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(soon(stuck.served).await.unwrap().code, 4200);
    house.end_of(stuck.who.session);
}

#[tokio::test]
async fn an_empty_house_drains_at_once() {
    let house = House::new();
    let start = Instant::now();
    assert_eq!(
        house
            .broker(Settings::default())
            .drain(Duration::from_mins(1))
            .await,
        Drained { told: 0, cut: 0 }
    );
    assert!(start.elapsed() < Duration::from_secs(1));
}
