//! From what happened to what one round writes: who is told, what is held, what can be read later.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use entity::{
    id::{EndpointId, SubjectId, TenantId, WebhookId},
    lifecycle_event::LifecycleKind,
    subject,
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};

use super::{
    draft::{About, Source, Telling},
    events::Happening,
    hooks::Happened,
    listening::Hook,
    shared::{Standing, Verdict},
    write::{Held, Lived, Round},
};
use crate::{
    admission,
    ctx::Ctx,
    error::{Error, Result},
    keys::{SubjectKeyName, TenantKeys},
    pictures::{self, Picture},
    subjects,
    tenancy::{Actor, TenantScope},
};

/// Names in one query.
const AT_ONCE: usize = 500;

/// What a row of occupancy is found by.
pub(super) fn occupancy_id(
    keys: &TenantKeys,
    endpoint: EndpointId,
    channel: &str,
    user: Option<&str>,
) -> Vec<u8> {
    let user = user.map_or_else(|| "channel".to_owned(), |user| format!("member/{user}"));
    let name = format!("{endpoint}/{}/{channel}/{user}", channel.len());
    keys.index.blind("webhook_occupancy", &name).to_vec()
}

/// The context that a member's id is sealed in.
pub(super) fn user_context(subject: SubjectId) -> String {
    format!("webhook-occupancy/{subject}")
}

/// Works out a round. Events of tenants that are gone are nobody's.
/// `node` is the process that they happened in.
pub(super) async fn round(ctx: &Ctx, events: Vec<Happened>, node: &str) -> Result<Round> {
    let mut round = Round::default();
    let mut by_tenant: BTreeMap<TenantId, Vec<Happened>> = BTreeMap::new();
    for event in newest_counts(events) {
        by_tenant.entry(event.tenant).or_default().push(event);
    }
    for (tenant, events) in by_tenant {
        let picture = match pictures::load_tenant(ctx, tenant).await {
            Ok(picture) => picture,
            Err(Error::Gone { .. } | Error::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        tell(ctx, &picture, events, &mut round, node).await?;
    }
    Ok(round)
}

/// Of a channel's counts, only the newest says anything.
fn newest_counts(mut events: Vec<Happened>) -> Vec<Happened> {
    let mut seen = HashSet::new();
    events.reverse();
    events.retain(|event| {
        !matches!(event.what, Happening::SubscriptionCount(_))
            || seen.insert((event.endpoint, event.channel.clone()))
    });
    events.reverse();
    events
}

async fn tell(
    ctx: &Ctx,
    picture: &Picture,
    events: Vec<Happened>,
    round: &mut Round,
    node: &str,
) -> Result<()> {
    let keys = ctx.keys.tenant(picture.tenant).await?;
    let mut standing = Standing::of(ctx, &keys, &events).await?;
    let members = members(ctx, picture.tenant, &keys, &events).await?;
    let speakers = speakers(ctx, picture.tenant, &events).await?;
    let settings = &ctx.settings.webhooks;
    let mut told: BTreeMap<WebhookId, (EndpointId, &Hook, Vec<Telling>)> = BTreeMap::new();
    for event in events {
        let (user, member) = match &event.what {
            Happening::MemberAdded { user } | Happening::MemberRemoved { user } => {
                (Some(user.as_ref()), members.get(user).copied())
            }
            _ => (None, None),
        };
        let verdict = standing.judge(&keys, &event, node);
        if verdict == Verdict::Drop {
            continue;
        }
        hold(ctx, picture.tenant, &keys, &event, user, member, round).await?;
        if verdict == Verdict::Hold {
            continue;
        }
        // Members are persons we know, or knew: of whoever was erased meanwhile nobody is told.
        if user.is_some() && member.is_none() {
            continue;
        }
        // So are those who said something: sealing it would make a new key for somebody who is gone.
        if let Happening::ClientEvent(said) = &event.what
            && said.subject.is_some_and(|subject| !speakers.contains(&subject))
        {
            continue;
        }
        // A rule that says that nothing is to be kept means this too: to tell it is to keep it until it is told.
        if let Happening::ClientEvent(said) = &event.what
            && !admission::is_readable(ctx, event.endpoint, &event.channel, said.class, event.at)
        {
            continue;
        }
        let Some(endpoint) = picture.endpoint(event.endpoint) else {
            continue;
        };
        live(
            ctx,
            picture.tenant,
            &event,
            endpoint
                .listening
                .wants(event.what.kind().bit(), Some(&event.channel)),
            round,
        );
        let shape = event.what.shape(&event.channel);
        let kind = event.what.kind();
        for hook in endpoint.listening.receivers(kind, Some(&event.channel)) {
            let telling = Telling {
                kind,
                about: about(&event, member),
                shape: shape.clone(),
            };
            told.entry(hook.id)
                .or_insert_with(|| (event.endpoint, hook, Vec::new()))
                .2
                .push(telling);
        }
    }
    for (endpoint, hook, events) in told.into_values() {
        let source = Source {
            ctx,
            picture,
            endpoint,
            hook,
            transit: settings.transit(),
        };
        for some in events.chunks(settings.batch_events.max(1)) {
            round.drafts.extend(source.draft(some).await?);
        }
    }
    Ok(())
}

fn about(event: &Happened, member: Option<SubjectId>) -> About {
    match (&event.what, member) {
        (Happening::ClientEvent(said), _) => About::Message {
            subject: said.subject,
            purpose: said.purpose,
            class: said.class,
            channel: event.channel.clone(),
        },
        (_, Some(member)) => About::Person(member),
        (_, None) => About::Nobody,
    }
}

/// Notes who is there now, so that somebody is told of the end even if this process does not see it.
async fn hold(
    ctx: &Ctx,
    tenant: TenantId,
    keys: &TenantKeys,
    event: &Happened,
    user: Option<&str>,
    member: Option<SubjectId>,
    round: &mut Round,
) -> Result<()> {
    let comes = match event.what {
        Happening::Occupied | Happening::MemberAdded { .. } => true,
        Happening::Vacated | Happening::MemberRemoved { .. } => false,
        _ => return Ok(()),
    };
    let id = occupancy_id(keys, event.endpoint, &event.channel, user);
    let mut held = comes.then(|| Held {
        tenant,
        endpoint: event.endpoint,
        channel: event.channel.clone(),
        subject: member,
        user_sealed: None,
    });
    if let (Some(held_now), Some(user)) = (&mut held, user) {
        let key = match member {
            Some(member) => {
                ctx.keys
                    .subject(SubjectKeyName::for_record(tenant, member))
                    .await?
            }
            None => None,
        };
        match (key, member) {
            (Some(key), Some(member)) => {
                let sealed = key.seal_value(&user_context(member), user.as_bytes(), &*ctx.chance);
                held_now.user_sealed = Some(sealed);
            }
            // Erased meanwhile.
            _ => held = None,
        }
    }
    round.held.insert(id, held);
    Ok(())
}

fn live(ctx: &Ctx, tenant: TenantId, event: &Happened, wanted: bool, round: &mut Round) {
    let kind = match event.what {
        Happening::Occupied => LifecycleKind::ChannelOccupied,
        Happening::Vacated => LifecycleKind::ChannelVacated,
        _ => return,
    };
    if wanted {
        round.lived.push(Lived {
            id: ctx.ids.next(),
            tenant,
            endpoint: event.endpoint,
            kind,
            channel: event.channel.clone(),
            at: event.at,
        });
    }
}

/// Which persons the members are.
async fn members(
    ctx: &Ctx,
    tenant: TenantId,
    keys: &Arc<TenantKeys>,
    events: &[Happened],
) -> Result<HashMap<Box<str>, SubjectId>> {
    let users: HashSet<&Box<str>> = events
        .iter()
        .filter_map(|event| match &event.what {
            Happening::MemberAdded { user } | Happening::MemberRemoved { user } => Some(user),
            _ => None,
        })
        .collect();
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let by_index: HashMap<Vec<u8>, &Box<str>> = users
        .into_iter()
        .map(|user| (subjects::external_index(keys, user).to_vec(), user))
        .collect();
    let indexes: Vec<Vec<u8>> = by_index.keys().cloned().collect();
    let tx = ctx.store.read(&TenantScope::new(tenant, Actor::System)).await?;
    let mut found = HashMap::with_capacity(indexes.len());
    for some in indexes.chunks(AT_ONCE) {
        let rows: Vec<(SubjectId, Vec<u8>)> = tx
            .find::<subject::Entity>()
            .select_only()
            .column(subject::Column::Id)
            .column(subject::Column::ExternalIndex)
            .filter(subject::Column::ExternalIndex.is_in(some.iter().cloned()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        for (id, index) in rows {
            if let Some(user) = by_index.get(&index) {
                found.insert((*user).clone(), id);
            }
        }
    }
    Ok(found)
}

/// Those of the persons who said something that are there.
async fn speakers(ctx: &Ctx, tenant: TenantId, events: &[Happened]) -> Result<HashSet<SubjectId>> {
    let wanted: HashSet<SubjectId> = events
        .iter()
        .filter_map(|event| match &event.what {
            Happening::ClientEvent(said) => said.subject,
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(wanted);
    }
    let wanted: Vec<SubjectId> = wanted.into_iter().collect();
    let tx = ctx.store.read(&TenantScope::new(tenant, Actor::System)).await?;
    let mut found = HashSet::with_capacity(wanted.len());
    for some in wanted.chunks(AT_ONCE) {
        let rows: Vec<SubjectId> = tx
            .find::<subject::Entity>()
            .select_only()
            .column(subject::Column::Id)
            .filter(subject::Column::Id.is_in(some.iter().copied()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        found.extend(rows);
    }
    Ok(found)
}
