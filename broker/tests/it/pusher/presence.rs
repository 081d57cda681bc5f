//! Presence channels: who is there, told once per person.

use broker::{PusherOptions, Settings, host::Happening};
use serde_json::json;

use crate::house::{
    ENDPOINT, House, TENANT,
    pusher::{join, join_with, options},
    soon,
};

const ROOM: &str = "presence-room";

#[tokio::test]
async fn a_member_is_added_with_the_first_connection_and_removed_with_the_last() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let alone = anna.subscribe_as(ROOM, "anna").await;
    let of_anna = json!({"ids": ["anna"], "hash": {"anna": {"name": "anna"}}, "count": 1});
    assert_eq!(alone.data, json!({"presence": of_anna}));
    anna.silence().await;

    let mut bert = join(&house, &broker).await;
    let both = bert.subscribe_as(ROOM, "bert").await.data["presence"].clone();
    assert_eq!(
        (&both["ids"], &both["count"]),
        (&json!(["anna", "bert"]), &json!(2))
    );
    let added = anna.hear("pusher_internal:member_added").await;
    assert_eq!(added.all["channel"], ROOM);
    assert_eq!(
        added.data,
        json!({"user_id": "bert", "user_info": {"name": "bert"}})
    );

    let mut bert_again = join(&house, &broker).await;
    let both = bert_again.subscribe_as(ROOM, "bert").await.data["presence"].clone();
    assert_eq!(both["count"], 2);
    anna.silence().await;
    bert.silence().await;
    assert_eq!(broker.channel_here(ENDPOINT, ROOM).users, Some(2));
    assert_eq!(broker.channel_here(ENDPOINT, ROOM).subscriptions, 3);
    let wanted: [Box<str>; 2] = ["anna".into(), "bert".into()];
    assert_eq!(broker.users_here(ENDPOINT, ROOM), wanted);
    assert_eq!(broker.count_subject(TENANT, House::subject_of("bert")), 2);

    drop(bert.client.socket);
    soon(bert.client.served).await.unwrap();
    anna.silence().await;
    bert_again
        .say(json!({"event": "pusher:unsubscribe", "data": {"channel": ROOM}}))
        .await;
    let removed = anna.hear("pusher_internal:member_removed").await;
    assert_eq!(removed.data, json!({"user_id": "bert"}));
    bert_again.silence().await;
    let told: Vec<_> = house
        .happenings(ROOM)
        .into_iter()
        .filter(|what| !matches!(what, Happening::SubscriptionCount(_)))
        .collect();
    let added = |user: &str| Happening::MemberAdded { user: user.into() };
    let removed = Happening::MemberRemoved { user: "bert".into() };
    assert_eq!(told, [Happening::Occupied, added("anna"), added("bert"), removed]);
}

#[tokio::test]
async fn a_member_without_info_and_with_a_number_for_an_id_is_one_too() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.subscribe_as(ROOM, "anna").await;
    let mut seven = join(&house, &broker).await;
    seven.ask_signed(ROOM, Some(r#"{"user_id":7}"#)).await;
    let welcome = seven.succeeds(ROOM).await;
    assert!(
        welcome.data["presence"]["hash"]
            .as_object()
            .unwrap()
            .contains_key("7")
    );
    let added = anna.hear("pusher_internal:member_added").await;
    assert_eq!(added.data["user_id"], "7");
}

#[tokio::test]
async fn a_full_channel_takes_no_more_people_but_more_connections_of_its_members() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let two = || PusherOptions {
        presence_members: 2,
        ..options()
    };
    let mut anna = join_with(&broker, house.nobody(), two()).await;
    anna.subscribe_as(ROOM, "anna").await;
    let mut bert = join_with(&broker, house.nobody(), two()).await;
    bert.subscribe_as(ROOM, "bert").await;
    anna.hear("pusher_internal:member_added").await;
    let mut cleo = join_with(&broker, house.nobody(), two()).await;
    cleo.ask_signed(ROOM, Some(r#"{"user_id":"cleo"}"#)).await;
    assert_eq!(cleo.is_refused(ROOM).await, (403, "LimitReached".to_owned()));
    let mut anna_again = join_with(&broker, house.nobody(), two()).await;
    anna_again.subscribe_as(ROOM, "anna").await;
    anna.silence().await;
    drop(bert.client.socket);
    soon(bert.client.served).await.unwrap();
    anna.hear("pusher_internal:member_removed").await;
    cleo.ask_signed(ROOM, Some(r#"{"user_id":"cleo"}"#)).await;
    cleo.succeeds(ROOM).await;
}

#[tokio::test]
async fn whoever_is_signed_in_needs_no_channel_data() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.sign_in(json!({"id": "anna", "user_info": {"name": "Anna"}}))
        .await;
    anna.ask_signed(ROOM, None).await;
    let welcome = anna.succeeds(ROOM).await;
    assert_eq!(
        welcome.data["presence"]["hash"],
        json!({"anna": {"name": "Anna"}})
    );
}

#[tokio::test]
async fn a_session_has_one_person() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.subscribe_as(ROOM, "anna").await;
    assert_eq!(anna.client.who.subject(), Some(House::subject_of("anna")));
    assert_eq!(*house.identified.lock(), [anna.client.who.session]);
    anna.subscribe_as("presence-other", "anna").await;
    anna.ask_signed("presence-third", Some(r#"{"user_id":"bert"}"#))
        .await;
    anna.ends(4009).await;
    assert!(broker.users_here(ENDPOINT, ROOM).is_empty());

    let mut token = join_with(&broker, house.somebody(), options()).await;
    token.ask_signed(ROOM, Some(r#"{"user_id":"anna"}"#)).await;
    token.ends(4009).await;
}
