//! Writing a consent down: event, leaf and projection in one transaction, the gate right after.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{
    consent_event::{self, ConsentState},
    consent_state,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    notice, notice_version, purpose,
};
use sea_orm::{ActiveValue::Set, sea_query::OnConflict};
use serde_json::{Map, Value, json};

use super::{erase, evidence_context};
use crate::{
    audit::{self, Event},
    callbacks,
    ctx::Ctx,
    duration::Kept,
    error::{Error, Faults, Result},
    keys::SubjectKeyName,
    notices, purposes,
    standings::is_valid,
    subjects,
    tenancy::TenantTx,
};

/// Whose consent.
#[derive(Clone)]
pub enum WhichSubject {
    /// Somebody known.
    Id(SubjectId),
    /// By the tenant's own id; added when not known yet.
    External(String),
}

/// Consent to what.
#[derive(Clone, Debug)]
pub enum WhichPurpose {
    /// By id.
    Id(PurposeId),
    /// By slug.
    Slug(String),
}

/// A consent to be written down.
#[derive(Clone)]
pub struct NewConsent {
    /// Whose.
    pub subject: WhichSubject,
    /// To what.
    pub purpose: WhichPurpose,
    /// What they said.
    pub state: ConsentState,
    /// What they were told.
    pub notice_version_id: Option<NoticeVersionId>,
    /// How they said it: `api`, `portal`, `import`, `web form`, … Stays in the log for good, so a name of a kind.
    pub method: String,
    /// Whatever proves it; stored sealed.
    pub evidence: Option<Map<String, Value>>,
    /// When they said it; left out: now.
    pub at: Option<DateTime<Utc>>,
    /// Where they said it: the page or the screen, nothing personal.
    pub place: Option<String>,
    /// For how long, ISO 8601; left out: as purpose and notice say. Never longer than they do.
    pub valid_for: Option<String>,
    /// Tells lines of imports apart; a second consent with the same key is refused by the store.
    pub import_key: Option<Vec<u8>>,
}

impl NewConsent {
    /// What somebody says now, and no more than that.
    pub fn new(subject: WhichSubject, purpose: WhichPurpose, state: ConsentState, method: &str) -> Self {
        Self {
            subject,
            purpose,
            state,
            notice_version_id: None,
            method: method.to_owned(),
            evidence: None,
            at: None,
            place: None,
            valid_for: None,
            import_key: None,
        }
    }
}

/// A consent that was written down.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The event.
    pub event: consent_event::Model,
    /// Whether it is what counts now. Not when something later was recorded before, as with imports.
    pub in_force: bool,
    /// Whether it ended a consent that held.
    pub ended: bool,
}

/// Longest evidence, in bytes of JSON.
const MAX_EVIDENCE: usize = 16 << 10;
/// Longest method.
const MAX_METHOD: usize = 50;
/// Longest place.
const MAX_PLACE: usize = 200;

/// Writes a consent down. Once saved, the gate goes by it; open connections are the caller's to deal with.
pub async fn record(tx: &TenantTx, ctx: &Ctx, new: NewConsent) -> Result<Recorded> {
    // Stores keep microseconds; what is answered is what is stored.
    let now = ctx.now().trunc_subsecs(6);
    let at = new.at.unwrap_or(now).trunc_subsecs(6);
    let Checked {
        purpose,
        notice,
        expires_at,
    } = check(tx, ctx, &new, at, now).await?;
    let subject = match &new.subject {
        WhichSubject::Id(id) => known(tx, *id).await?,
        WhichSubject::External(id) => subjects::get_or_create_in(tx, ctx, id).await?.id,
    };
    let id: ConsentEventId = ctx.ids.next();
    let evidence_sealed = match &new.evidence {
        Some(evidence) => Some(seal(tx, ctx, subject, id, evidence).await?),
        None => None,
    };
    let mut facts = json!({ "purpose": purpose.slug, "state": new.state, "method": new.method, "at": at });
    if let Some(notice) = &notice {
        facts["notice_hash"] = json!(hex::encode(&notice.hash));
        facts["language"] = json!(notice.language);
    }
    if let Some(expires_at) = expires_at {
        facts["expires_at"] = json!(expires_at);
    }
    // The log has one head, locked until we save: from here on, two consents of one person come one after the other.
    let event = Event::new(kind(new.state)).target("consent", id).subject(subject);
    let audit_index = audit::record(tx, ctx, event.facts(facts)).await?;
    let event = tx
        .insert(consent_event::ActiveModel {
            id: Set(id),
            subject_id: Set(subject),
            purpose_id: Set(purpose.id),
            state: Set(new.state),
            notice_version_id: Set(new.notice_version_id),
            method: Set(new.method),
            evidence_sealed: Set(evidence_sealed),
            at: Set(at),
            recorded_at: Set(now),
            expires_at: Set(expires_at),
            place: Set(new.place),
            import_key: Set(new.import_key),
            audit_index: Set(audit_index),
            ..Default::default()
        })
        .await?;
    let (in_force, before) = project(tx, &event).await?;
    let held = before.as_ref().is_some_and(|before| is_valid(before.state));
    let holds = is_valid(event.state);
    if in_force {
        let (standings, state, purpose) = (ctx.standings.clone(), event.state, purpose.id);
        tx.after_save(move || standings.consent_changed(subject, purpose, state, expires_at));
        ctx.tell_standing_after(tx, subject);
    }
    let ended = in_force && held && !holds;
    if ended {
        callbacks::tell_of_withdrawal(tx, ctx, &purpose, subject).await?;
        erase::order(tx, ctx, &purpose, subject).await?;
    }
    if in_force && holds && before.is_some() && !held {
        erase::begin_anew(tx, ctx, &purpose, subject).await?;
    }
    Ok(Recorded {
        event,
        in_force,
        ended,
    })
}

/// Whether it would be a no that changes nothing, which must not be taken for one that does. What was said about a purpose before
/// can always be taken back.
async fn is_idle_no(tx: &TenantTx, ctx: &Ctx, new: &NewConsent, purpose: &purpose::Model) -> Result<bool> {
    let says_no = matches!(
        new.state,
        ConsentState::Refused | ConsentState::Withdrawn | ConsentState::Revoked
    );
    if !says_no || purposes::heeds_a_no(purpose) {
        return Ok(false);
    }
    let subject = match &new.subject {
        WhichSubject::Id(id) => Some(*id),
        WhichSubject::External(id) => subjects::by_external_id(tx, ctx, id).await?.map(|row| row.id),
    };
    let Some(subject) = subject else { return Ok(true) };
    let before = tx
        .find_by_id::<consent_state::Entity, _>((subject, purpose.id))
        .one(tx.conn())
        .await?;
    Ok(before.is_none())
}

struct Checked {
    purpose: purpose::Model,
    notice: Option<notice_version::Model>,
    expires_at: Option<DateTime<Utc>>,
}

async fn check(
    tx: &TenantTx,
    ctx: &Ctx,
    new: &NewConsent,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Checked> {
    let mut faults = Faults::default();
    if let WhichSubject::External(id) = &new.subject {
        subjects::check_external_id(&mut faults, "/subject", id);
    }
    faults.check(
        at <= now,
        "/at",
        "in_the_future",
        "a person cannot have said it yet; leave it out for now",
    );
    faults.check(
        (1..=MAX_METHOD).contains(&new.method.len())
            && new.method.trim() == new.method
            && new
                .method
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_. ".contains(&b)),
        "/method",
        "not_a_method",
        format!(
            "name a kind in at most {MAX_METHOD} of a-z, 0-9, space, -, _ and ., such as web form; details are evidence"
        ),
    );
    faults.check(
        new.place.as_ref().is_none_or(|place| {
            (1..=MAX_PLACE).contains(&place.chars().count()) && !place.chars().any(char::is_control)
        }),
        "/place",
        "not_a_place",
        format!("name the page or the screen in at most {MAX_PLACE} characters"),
    );
    let purpose = match &new.purpose {
        WhichPurpose::Id(id) => {
            let found = tx.find_by_id::<purpose::Entity, _>(*id).one(tx.conn()).await?;
            faults.check(
                found.is_some(),
                "/purpose_id",
                "unknown",
                "there is no such purpose",
            );
            found
        }
        WhichPurpose::Slug(slug) => {
            let found = purposes::by_slug(tx, slug).await?;
            faults.check(found.is_some(), "/purpose", "unknown", "there is no such purpose");
            found
        }
    };
    if let Some(purpose) = &purpose {
        faults.check(
            !is_idle_no(tx, ctx, new, purpose).await?,
            "/state",
            "not_consent",
            "this purpose does not rest on consent, so that a no to it changes nothing; where the law gives a right to object, \
             make a request of the kind objection",
        );
    }
    let told = match new.notice_version_id {
        None => None,
        Some(id) => check_notice(tx, &mut faults, id, purpose.as_ref()).await?,
    };
    let expires_at = match (&purpose, is_valid(new.state)) {
        (Some(purpose), true) => {
            let notice = told.as_ref().map(|(notice, _)| notice);
            end_of(&mut faults, new.valid_for.as_deref(), purpose, notice, at)
        }
        _ => None,
    };
    faults.finish()?;
    // Without a purpose there is a fault.
    let purpose = purpose.ok_or(Error::NotFound { what: "purpose" })?;
    Ok(Checked {
        purpose,
        notice: told.map(|(_, words)| words),
        expires_at,
    })
}

/// The first of the ends that the person, the purpose and the notice set.
fn end_of(
    faults: &mut Faults,
    said: Option<&str>,
    purpose: &purpose::Model,
    notice: Option<&notice::Model>,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut ends = Vec::new();
    if let Some(said) = said {
        match said.parse::<Kept>() {
            Ok(Kept::Nothing) => faults.add("/valid_for", "too_short", "a consent that ends at once is none"),
            Ok(kept) => ends.push(kept.until(at)),
            Err(error) => faults.add("/valid_for", error.code(), error.to_string()),
        }
    }
    let declared = [
        purpose.consent_validity.as_deref(),
        notice.and_then(|notice| notice.consent_validity.as_deref()),
    ];
    // Checked when they were declared.
    let declared = declared
        .into_iter()
        .flatten()
        .filter_map(|text| text.parse::<Kept>().ok());
    ends.extend(declared.map(|kept| kept.until(at)));
    ends.into_iter().min()
}

/// The notice must exist and, when it names purposes, name this one: else the person was told something else.
async fn check_notice(
    tx: &TenantTx,
    faults: &mut Faults,
    id: NoticeVersionId,
    purpose: Option<&purpose::Model>,
) -> Result<Option<(notice::Model, notice_version::Model)>> {
    const FIELD: &str = "/notice_version_id";
    let Some(version) = tx
        .find_by_id::<notice_version::Entity, _>(id)
        .one(tx.conn())
        .await?
    else {
        faults.add(
            FIELD,
            "unknown",
            "there is no such version of a notice; publish it first",
        );
        return Ok(None);
    };
    let notice = tx.get::<notice::Entity, _>(version.notice_id, "notice").await?;
    let explained = notices::purposes_of(&notice);
    faults.check(
        explained.is_empty() || purpose.is_none_or(|purpose| explained.contains(&purpose.id)),
        FIELD,
        "not_about_this",
        "this notice does not explain the purpose; add the purpose to the notice or use another",
    );
    Ok(Some((notice, version)))
}

async fn known(tx: &TenantTx, id: SubjectId) -> Result<SubjectId> {
    match subjects::read(tx, id).await {
        Err(Error::NotFound { .. }) => Err(Error::invalid(
            "/subject_id",
            "unknown",
            "there is no such person; subject takes your own id and adds them",
        )),
        other => other.map(|row| row.id),
    }
}

async fn seal(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    id: ConsentEventId,
    evidence: &Map<String, Value>,
) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(evidence)?;
    if bytes.len() > MAX_EVIDENCE {
        return Err(Error::invalid(
            "/evidence",
            "too_long",
            format!("use at most {MAX_EVIDENCE} bytes; keep the rest and put its hash here"),
        ));
    }
    let key = ctx
        .keys
        .subject(SubjectKeyName::for_record(tx.tenant(), subject))
        .await?
        .ok_or(Error::Gone {
            what: "the person's key",
        })?;
    Ok(key.seal_value(&evidence_context(id), &bytes, &*ctx.chance))
}

/// Makes the event the current state, unless there is a later one. Answers whether it did, and what stood before.
async fn project(
    tx: &TenantTx,
    event: &consent_event::Model,
) -> Result<(bool, Option<consent_state::Model>)> {
    use consent_state::Column;
    let key = (event.subject_id, event.purpose_id);
    let current = tx
        .find_by_id::<consent_state::Entity, _>(key)
        .one(tx.conn())
        .await?;
    if current.as_ref().is_some_and(|current| current.at > event.at) {
        return Ok((false, current));
    }
    let row = consent_state::ActiveModel {
        subject_id: Set(event.subject_id),
        purpose_id: Set(event.purpose_id),
        state: Set(event.state),
        event_id: Set(event.id),
        at: Set(event.at),
        expires_at: Set(event.expires_at),
        ..Default::default()
    };
    let clash = OnConflict::columns([Column::SubjectId, Column::PurposeId])
        .update_columns([Column::State, Column::EventId, Column::At, Column::ExpiresAt])
        .to_owned();
    tx.upsert(row, clash).await?;
    Ok((true, current))
}

fn kind(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Requested => "consent.requested",
        ConsentState::Given => "consent.given",
        ConsentState::Renewed => "consent.renewed",
        ConsentState::Refused => "consent.refused",
        ConsentState::Withdrawn => "consent.withdrawn",
        ConsentState::Revoked => "consent.revoked",
        ConsentState::Expired => "consent.expired",
        ConsentState::Invalidated => "consent.invalidated",
        ConsentState::Unknown => "consent.unknown",
    }
}
