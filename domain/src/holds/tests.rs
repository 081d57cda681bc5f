use chrono::TimeDelta;
use entity::{consent_event::ConsentState, id::SubjectId, purpose::LawfulBasis};
use proptest::prelude::*;

use super::{preserve::preserve_subject, *};
use crate::{
    Error,
    admission::{self, Passing, Sender},
    consents::{self, EraseWithdrawn},
    journal::bed::Bed,
    messages,
    page::PageIn,
    pictures,
    purposes::{self, NewPurpose},
    retention::{self, glob},
};

fn new(name: &str) -> NewHold {
    NewHold {
        name: name.into(),
        reason: "a lawsuit".into(),
        ..NewHold::default()
    }
}

async fn place(bed: &Bed, new: NewHold) -> hold::Model {
    let tx = begin(bed.ctx(), &bed.world.scope).await.unwrap();
    let row = create(&tx, bed.ctx(), new).await.unwrap();
    tx.save().await.unwrap();
    row
}

async fn lift_it(bed: &Bed, id: HoldId) {
    let tx = begin(bed.ctx(), &bed.world.scope).await.unwrap();
    let name = find(&tx, id).await.unwrap().name;
    lift(&tx, bed.ctx(), id, None, &name, None).await.unwrap();
    tx.save().await.unwrap();
}

/// What can be read through a hold, oldest first.
async fn kept(bed: &Bed, id: HoldId) -> Vec<(i64, String)> {
    let tx = bed.read().await;
    let page = PageIn::new(Some(200), None).unwrap();
    let page = super::messages(&tx, bed.ctx(), id, &page).await.unwrap();
    drop(tx);
    let opened = open(bed.ctx(), &bed.world.scope, id, &page.items).await.unwrap();
    let text = |said: Option<crate::journal::Said>| String::from_utf8(said.unwrap().data.into()).unwrap();
    let ids = page.items.iter().map(|held| held.id.0);
    ids.zip(opened.into_iter().map(text)).collect()
}

async fn adds_up(bed: &Bed) {
    for balance in retention::balance(bed.ctx(), &bed.world.scope).await.unwrap() {
        assert_eq!(balance.difference, 0, "{balance:?}");
    }
}

/// What an erasure does to messages.
async fn erase(bed: &Bed, subject: SubjectId) -> u64 {
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let watch = watch(ctx, scope).await.unwrap();
    let preserved = preserve_subject(ctx, scope, &watch, subject, None).await.unwrap();
    ctx.keys.destroy_subject(scope.tenant(), subject).await.unwrap();
    let tx = ctx.store.begin(scope).await.unwrap();
    while messages::erase_subject(&tx, subject, 3).await.unwrap() > 0 {}
    tx.save().await.unwrap();
    preserved.messages
}

#[tokio::test]
async fn what_a_hold_covers_outlives_expiry_and_is_seen_through_the_hold_only() {
    let bed = Bed::new().await;
    bed.rule("PT1H", |_| {}).await;
    bed.say("main", "evidence").await;
    bed.say("lobby", "small talk").await;
    let hold = place(
        &bed,
        NewHold {
            channel_pattern: Some("ma*".into()),
            ..new("the lawsuit")
        },
    )
    .await;
    bed.advance(TimeDelta::hours(2));
    assert_eq!(bed.texts().await, [""; 0], "expired is expired");
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (2, 1));
    assert_eq!(bed.rows().await, 0);
    let found: Vec<_> = kept(&bed, hold.id)
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(found, ["evidence"]);
    adds_up(&bed).await;
    lift_it(&bed, hold.id).await;
    let tx = bed.read().await;
    let page = PageIn::new(None, None).unwrap();
    let gone = super::messages(&tx, bed.ctx(), hold.id, &page).await;
    assert!(matches!(gone, Err(Error::Gone { .. })));
    drop(tx);
    assert_eq!(sweep(bed.ctx()).await.unwrap(), 1);
    assert_eq!(sweep(bed.ctx()).await.unwrap(), 0);
    let tenant = bed.world.tenant.id;
    let key = bed
        .ctx()
        .keys
        .hold_pair_to_open(tenant, hold.number)
        .await
        .unwrap();
    assert!(key.is_none(), "its key is destroyed");
    adds_up(&bed).await;
}

#[tokio::test]
async fn a_hold_ends_when_it_says_and_an_erasure_waits_for_it() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    let (ada, _standing) = bed.person("ada").await;
    bed.try_say("main", Some(ada), "by ada").await.unwrap();
    bed.try_say("main", None, "by nobody").await.unwrap();
    let ends_at = bed.ctx().now() + TimeDelta::days(1);
    let hold = place(
        &bed,
        NewHold {
            subject_id: Some(ada),
            ends_at: Some(ends_at),
            ..new("about ada")
        },
    )
    .await;
    assert_eq!(erase(&bed, ada).await, 1);
    assert_eq!(bed.texts().await, ["by nobody"]);
    assert_eq!(kept(&bed, hold.id).await[0].1, "by ada");
    adds_up(&bed).await;
    bed.advance(TimeDelta::days(1));
    assert_eq!(sweep(bed.ctx()).await.unwrap(), 1);
    let tx = bed.read().await;
    let row = find(&tx, hold.id).await.unwrap();
    assert_eq!((row.state, row.cleared_at.is_some()), (HoldState::Ended, true));
    drop(tx);
    adds_up(&bed).await;
}

#[tokio::test]
async fn input_that_makes_no_sense_is_refused_at_its_field() {
    let bed = Bed::new().await;
    let now = bed.ctx().now();
    for (field, new) in [
        ("/name", new(" ")),
        (
            "/reason",
            NewHold {
                reason: String::new(),
                ..new("a")
            },
        ),
        (
            "/ends_at",
            NewHold {
                ends_at: Some(now),
                ..new("a")
            },
        ),
        (
            "/review_every",
            NewHold {
                review_every: Some("P0D".into()),
                ..new("a")
            },
        ),
        (
            "/recorded_to",
            NewHold {
                recorded_from: Some(now),
                recorded_to: Some(now),
                ..new("a")
            },
        ),
        (
            "/subject_id",
            NewHold {
                subject_id: Some(bed.ctx().ids.next()),
                ..new("a")
            },
        ),
    ] {
        let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
        match create(&tx, bed.ctx(), new).await {
            Err(Error::Invalid(faults)) => assert_eq!(faults[0].field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let hold = place(&bed, new("a name")).await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let refused = lift(&tx, bed.ctx(), hold.id, None, "another name", None).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_hold_is_reviewed_again_and_again() {
    let bed = Bed::new().await;
    let hold = place(
        &bed,
        NewHold {
            review_every: Some("P7D".into()),
            ..new("the lawsuit")
        },
    )
    .await;
    assert_eq!(remind(bed.ctx()).await.unwrap(), 0);
    for _ in 0..2 {
        bed.advance(TimeDelta::days(7));
        assert_eq!(remind(bed.ctx()).await.unwrap(), 1);
        assert_eq!(remind(bed.ctx()).await.unwrap(), 0);
    }
    bed.advance(TimeDelta::days(6));
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    reviewed(&tx, bed.ctx(), hold.id).await.unwrap();
    tx.save().await.unwrap();
    bed.advance(TimeDelta::days(6));
    assert_eq!(remind(bed.ctx()).await.unwrap(), 0);
}

#[tokio::test]
async fn what_two_holds_cover_goes_when_the_second_is_lifted() {
    let bed = Bed::new().await;
    bed.rule("PT1H", |_| {}).await;
    bed.say("main", "evidence").await;
    let first = place(&bed, new("the first")).await;
    bed.advance(TimeDelta::hours(2));
    bed.purge().await;
    // Placed when the message was among no messages any more.
    let second = place(&bed, new("the second")).await;
    assert_eq!(kept(&bed, second.id).await.len(), 0);
    lift_it(&bed, first.id).await;
    let lifted = find(&bed.read().await, first.id).await.unwrap();
    destroy_key(bed.ctx(), &bed.world.scope, &lifted).await.unwrap();
    sweep(bed.ctx()).await.unwrap();
    assert_eq!(kept(&bed, second.id).await[0].1, "evidence");
    adds_up(&bed).await;
    lift_it(&bed, second.id).await;
    let lifted = find(&bed.read().await, second.id).await.unwrap();
    destroy_key(bed.ctx(), &bed.world.scope, &lifted).await.unwrap();
    let tenant = bed.world.tenant.id;
    let key = bed
        .ctx()
        .keys
        .hold_pair_to_open(tenant, second.number)
        .await
        .unwrap();
    assert!(key.is_none(), "at once, since no other hold stands");
    assert_eq!(sweep(bed.ctx()).await.unwrap(), 1);
    let row = find(&bed.read().await, second.id).await.unwrap();
    assert!(row.cleared_index > row.lifted_index && row.lifted_index > Some(row.placed_index));
    adds_up(&bed).await;
}

#[tokio::test]
async fn whoever_places_a_hold_waits_for_whoever_is_destroying() {
    let bed = Bed::new().await;
    let watching = watch(bed.ctx(), &bed.world.scope).await.unwrap();
    let (ctx, scope) = (bed.ctx().clone(), bed.world.scope.clone());
    let placing = tokio::spawn(async move {
        let tx = begin(&ctx, &scope).await.unwrap();
        create(&tx, &ctx, new("a hold")).await.unwrap();
        tx.save().await.unwrap();
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!placing.is_finished() && watching.is_empty());
    drop(watching);
    placing.await.unwrap();
    assert_eq!(watch(bed.ctx(), &bed.world.scope).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_consent_that_comes_back_waits_until_a_hold_has_its_copy() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let consented = NewPurpose::new("chatting", LawfulBasis::Consent);
    let purpose = purposes::create(&tx, bed.ctx(), consented).await.unwrap().id;
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), &bed.world.scope).await.unwrap();
    let (ada, _standing) = bed.person("ada").await;
    let say = async |state| {
        bed.advance(TimeDelta::seconds(1));
        let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
        let new = consents::NewConsent::new(
            consents::WhichSubject::Id(ada),
            consents::WhichPurpose::Id(purpose),
            state,
            "api",
        );
        consents::record(&tx, bed.ctx(), new).await?;
        tx.save().await.unwrap();
        Ok::<_, Error>(())
    };
    say(ConsentState::Given).await.unwrap();
    let passing = Passing {
        endpoint: bed.endpoint,
        sender: Sender::Tenant,
        subject: Some(ada),
        purpose: Some(purpose),
        channel: "main",
        binary: false,
        payload: "by ada".into(),
    };
    let admitted = admission::admit(bed.ctx(), passing).unwrap();
    let entry = bed.entry("main", Some(ada), admitted);
    bed.journal.record(entry, Box::new(|_| {})).await.unwrap();
    let hold = place(
        &bed,
        NewHold {
            purpose_id: Some(purpose),
            ..new("the lawsuit")
        },
    )
    .await;
    say(ConsentState::Withdrawn).await.unwrap();
    let early = say(ConsentState::Given).await;
    assert!(
        matches!(
            early,
            Err(Error::Conflict {
                code: "erasure_under_way",
                ..
            })
        ),
        "{early:?}"
    );
    let job = EraseWithdrawn {
        subject: ada,
        purpose,
        late: false,
    };
    consents::erase_withdrawn(bed.ctx(), &bed.world.scope, &job)
        .await
        .unwrap();
    say(ConsentState::Given).await.unwrap();
    assert_eq!(kept(&bed, hold.id).await[0].1, "by ada");
    assert_eq!(bed.texts().await, [""; 0]);
    adds_up(&bed).await;
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Act {
    Say {
        channel: usize,
        person: usize,
    },
    Wait {
        minutes: i64,
    },
    Place {
        channel: Option<&'static str>,
        person: Option<usize>,
        since_now: bool,
    },
    Lift {
        which: usize,
    },
    Purge,
    Erase {
        person: usize,
    },
}

const CHANNELS: [&str; 3] = ["main", "room-1", "room-2"];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0..CHANNELS.len(), 0..3_usize).prop_map(|(channel, person)| Act::Say { channel, person }),
        3 => (1..90_i64).prop_map(|minutes| Act::Wait { minutes }),
        2 => (
            prop::option::of(prop::sample::select(vec!["room-*", "*", "main"])),
            prop::option::weighted(0.3, 0..2_usize),
            prop::bool::weighted(0.3),
        )
            .prop_map(|(channel, person, since_now)| Act::Place { channel, person, since_now }),
        1 => (0..4_usize).prop_map(|which| Act::Lift { which }),
        3 => Just(Act::Purge),
        1 => (0..2_usize).prop_map(|person| Act::Erase { person }),
    ]
}

/// The oracle's idea of a message.
struct Said {
    id: i64,
    channel: &'static str,
    subject: Option<SubjectId>,
    text: String,
    until: chrono::DateTime<chrono::Utc>,
    live: bool,
    /// Holds that stood and covered it when it went.
    kept_by: Vec<HoldId>,
}

/// The oracle's idea of a hold that stands.
struct Stands {
    row: hold::Model,
}

impl Stands {
    fn covers(&self, said: &Said) -> bool {
        let from = self
            .row
            .recorded_from
            .map_or(i64::MIN, |at| crate::ids::MessageId::first_at(at).0);
        said.id >= from
            && self
                .row
                .subject_id
                .is_none_or(|person| said.subject == Some(person))
            && self
                .row
                .channel_pattern
                .as_deref()
                .is_none_or(|pattern| glob::matches(pattern, said.channel))
    }
}

async fn play(acts: Vec<Act>) {
    let bed = Bed::new().await;
    bed.rule("PT2H", |_| {}).await;
    bed.rule("PT30M", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    let people = [bed.person("ada").await, bed.person("bob").await];
    let mut erased = [false; 2];
    let mut all: Vec<Said> = Vec::new();
    let mut holds: Vec<Stands> = Vec::new();
    let go = |said: &mut Said, holds: &[Stands]| {
        said.live = false;
        said.kept_by = holds
            .iter()
            .filter(|hold| hold.covers(said))
            .map(|hold| hold.row.id)
            .collect();
    };
    for (number, act) in acts.into_iter().enumerate() {
        match act {
            Act::Say { channel, person } => {
                let subject = people.get(person).filter(|_| !erased[person]).map(|(id, _)| *id);
                let channel = CHANNELS[channel];
                let text = format!("message {number}");
                let stored = bed.try_say(channel, subject, &text).await.unwrap();
                let minutes = if channel == "main" { 120 } else { 30 };
                let id = stored.recorded();
                let until = id.at() + TimeDelta::minutes(minutes);
                let kept_by = Vec::new();
                all.push(Said {
                    id: id.0,
                    channel,
                    subject,
                    text,
                    until,
                    live: true,
                    kept_by,
                });
            }
            Act::Wait { minutes } => bed.advance(TimeDelta::minutes(minutes)),
            Act::Place {
                channel,
                person,
                since_now,
            } => {
                let person = person.filter(|person| !erased[*person]);
                let row = place(
                    &bed,
                    NewHold {
                        channel_pattern: channel.map(str::to_owned),
                        subject_id: person.map(|person| people[person].0),
                        recorded_from: since_now.then(|| bed.ctx().now()),
                        ..new(&format!("hold {number}"))
                    },
                )
                .await;
                holds.push(Stands { row });
            }
            Act::Lift { which } if which < holds.len() => {
                let hold = holds.remove(which);
                lift_it(&bed, hold.row.id).await;
                sweep(bed.ctx()).await.unwrap();
                for said in all.iter_mut().filter(|said| said.kept_by.contains(&hold.row.id)) {
                    // Evidence of one case may be evidence of another.
                    let mut others = holds.iter().filter(|hold| hold.covers(said));
                    said.kept_by = others.by_ref().map(|hold| hold.row.id).collect();
                }
            }
            Act::Lift { .. } => {}
            Act::Purge => {
                let now = bed.ctx().now();
                bed.purge().await;
                for said in all.iter_mut().filter(|said| said.live && said.until <= now) {
                    go(said, &holds);
                }
            }
            Act::Erase { person } => {
                if !erased[person] {
                    erased[person] = true;
                    erase(&bed, people[person].0).await;
                    let theirs = Some(people[person].0);
                    for said in all.iter_mut().filter(|said| said.live && said.subject == theirs) {
                        go(said, &holds);
                    }
                }
            }
        }
        let live: Vec<i64> = all.iter().filter(|said| said.live).map(|said| said.id).collect();
        assert_eq!(bed.ids().await, live, "what is live");
        for hold in &holds {
            let expected: Vec<_> = all
                .iter()
                .filter(|said| said.kept_by.contains(&hold.row.id))
                .map(|said| (said.id, said.text.clone()))
                .collect();
            assert_eq!(
                kept(&bed, hold.row.id).await,
                expected,
                "what {} keeps",
                hold.row.name
            );
        }
    }
    adds_up(&bed).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn nothing_covered_is_ever_lost_and_nothing_uncovered_is_ever_kept(acts in prop::collection::vec(act(), 5..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(acts));
    }
}
