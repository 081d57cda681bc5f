//! The register of personal-data breaches: all of them (GDPR Art. 33(5)), with the clock that begins when somebody becomes
//! aware (Art. 33(1)), the scope as the records say it, what the authority and the persons were told, and the lessons.

mod affected;
mod clock;
mod form;
mod notify;
mod scope;

use chrono::{DateTime, Utc};
use entity::{
    endpoint,
    id::{EndpointId, IncidentId},
    incident::{self, Exemption, Exposure, IncidentState, Risk},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, IntoActiveModel, QueryFilter};
use serde_json::json;

pub use affected::{
    AffectedFilter, AffectedSubject, MailAffected, Told, list_affected, mail_affected, order_mails, told,
};
pub use clock::{CLOCK, due_at, is_late, remind};
pub use form::{form, page};
pub use notify::{NewNotice, list_notices, next_phase, notify, read_notice};
pub use scope::{Affected, Category, Progress, Scope, ScopeIncident, compute, order_scope, run_scope};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    fields,
    page::{self as pages, Page, PageIn},
    tenancy::{TenantTx, expect_version},
};

/// What a breach may be of (Art. 4(12)).
pub const NATURES: [&str; 3] = ["confidentiality", "integrity", "availability"];

/// An incident to be entered.
#[derive(Clone, Debug)]
pub struct NewIncident {
    /// For the list.
    pub title: String,
    /// What happened.
    pub facts: String,
    /// Of [`NATURES`].
    pub nature: Vec<String>,
    /// What got out.
    pub exposure: Exposure,
    /// What it means for the persons.
    pub risk: Risk,
    /// Where; empty: everywhere.
    pub endpoint_ids: Vec<EndpointId>,
    /// From when.
    pub started_at: DateTime<Utc>,
    /// Until when; none: it goes on.
    pub ended_at: Option<DateTime<Utc>>,
    /// When the tenant became aware; none: now.
    pub aware_at: Option<DateTime<Utc>>,
}

/// What to change of an incident. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct IncidentPatch {
    /// See [`NewIncident`].
    pub title: Option<String>,
    /// See [`NewIncident`].
    pub facts: Option<String>,
    /// See [`NewIncident`].
    pub nature: Option<Vec<String>>,
    /// See [`NewIncident`].
    pub exposure: Option<Exposure>,
    /// See [`NewIncident`].
    pub risk: Option<Risk>,
    /// See [`NewIncident`].
    pub endpoint_ids: Option<Vec<EndpointId>>,
    /// See [`NewIncident`].
    pub started_at: Option<DateTime<Utc>>,
    /// See [`NewIncident`].
    pub ended_at: Option<Option<DateTime<Utc>>>,
    /// Likely consequences.
    pub effects: Option<Option<String>>,
    /// Taken or proposed.
    pub measures: Option<Option<String>>,
    /// What is done differently from now on.
    pub lessons: Option<Option<String>>,
    /// Why persons need not be told.
    pub exemption: Option<Option<Exemption>>,
    /// How far it has come. Closing needs lessons.
    pub state: Option<IncidentState>,
}

/// Enters an incident.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewIncident) -> Result<incident::Model> {
    let now = ctx.now();
    let aware_at = new.aware_at.unwrap_or(now);
    let mut faults = Faults::default();
    fields::name(&mut faults, "/title", &new.title);
    check_facts(&mut faults, &new.facts);
    check_nature(&mut faults, &new.nature);
    check_window(&mut faults, new.started_at, new.ended_at, now);
    faults.check(
        aware_at <= now,
        "/aware_at",
        "in_the_future",
        "nobody is aware yet; leave it out for now",
    );
    check_endpoints(tx, &mut faults, &new.endpoint_ids).await?;
    faults.finish()?;
    let row = incident::ActiveModel {
        id: Set(ctx.ids.next()),
        title: Set(new.title),
        state: Set(IncidentState::Open),
        nature: Set(json!(new.nature)),
        exposure: Set(new.exposure),
        risk: Set(new.risk),
        facts: Set(new.facts),
        effects: Set(None),
        measures: Set(None),
        lessons: Set(None),
        late_reason: Set(None),
        exemption: Set(None),
        endpoint_ids: Set(json!(new.endpoint_ids)),
        started_at: Set(new.started_at),
        ended_at: Set(new.ended_at),
        aware_at: Set(aware_at),
        notified_at: Set(None),
        reminded: Set(0),
        scope: Set(None),
        scoped_at: Set(None),
        scope_job_id: Set(None),
        scope_step: Set(None),
        scope_done: Set(0),
        scope_total: Set(0),
        mail_job_id: Set(None),
        closed_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        ..Default::default()
    };
    let row = tx.insert(row).await?;
    let facts = json!({ "aware_at": row.aware_at, "due_at": due_at(&row), "risk": row.risk, "exposure": row.exposure });
    let event = Event::new("incident.entered")
        .target("incident", row.id)
        .facts(facts);
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<IncidentState>,
    /// Of this risk.
    pub risk: Option<Risk>,
    /// Whether the authority should have been told and was not.
    pub overdue: Option<bool>,
}

/// Lists incidents, newest first.
pub async fn list(
    tx: &TenantTx,
    filter: &Filter,
    now: DateTime<Utc>,
    page: &PageIn,
) -> Result<Page<incident::Model>> {
    use incident::Column;
    let mut rows = tx.find::<incident::Entity>();
    if let Some(state) = filter.state {
        rows = rows.filter(Column::State.eq(state));
    }
    if let Some(risk) = filter.risk {
        rows = rows.filter(Column::Risk.eq(risk));
    }
    if let Some(overdue) = filter.overdue {
        let running = clock::is_running().add(Column::AwareAt.lt(now - CLOCK));
        rows = rows.filter(if overdue { running } else { running.not() });
    }
    pages::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one incident.
pub async fn read(tx: &TenantTx, id: IncidentId) -> Result<incident::Model> {
    tx.get::<incident::Entity, _>(id, "incident").await
}

/// Changes an incident. Nothing is ever taken out of the register.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: IncidentId,
    expected: Option<i32>,
    mut patch: IncidentPatch,
) -> Result<incident::Model> {
    for text in [&mut patch.effects, &mut patch.measures, &mut patch.lessons] {
        // What says nothing was not said.
        *text = text
            .take()
            .map(|text| text.filter(|text| !text.trim().is_empty()));
    }
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let now = ctx.now();
    let mut faults = Faults::default();
    if let Some(title) = &patch.title {
        fields::name(&mut faults, "/title", title);
    }
    if let Some(facts) = &patch.facts {
        check_facts(&mut faults, facts);
    }
    if let Some(nature) = &patch.nature {
        check_nature(&mut faults, nature);
    }
    if let Some(ids) = &patch.endpoint_ids {
        check_endpoints(tx, &mut faults, ids).await?;
    }
    let texts = [
        ("/effects", &patch.effects),
        ("/measures", &patch.measures),
        ("/lessons", &patch.lessons),
    ];
    for (field, text) in texts {
        fields::text(&mut faults, field, text.as_ref().and_then(|text| text.as_deref()));
    }
    let started_at = patch.started_at.unwrap_or(current.started_at);
    let ended_at = patch.ended_at.unwrap_or(current.ended_at);
    check_window(&mut faults, started_at, ended_at, now);
    let lessons = patch.lessons.clone().unwrap_or_else(|| current.lessons.clone());
    check_closing(&mut faults, &current, &patch, lessons.as_deref());
    check_exemption(&mut faults, &current, &patch);
    faults.finish()?;
    let (before, version) = (current.state, current.version + 1);
    let mut row = current.into_active_model();
    let changed = apply(patch, &mut row);
    if row.state.as_ref() == &IncidentState::Closed && before != IncidentState::Closed {
        row.closed_at = Set(Some(now));
    }
    row.version = Set(version);
    row.updated_at = Set(now);
    let row = tx.update(row).await?;
    let facts = json!({ "fields": changed, "version": version, "state": row.state, "risk": row.risk });
    let event = Event::new("incident.updated").target("incident", id).facts(facts);
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// An incident is closed when whoever had to be told was told, and something was learned.
fn check_closing(
    faults: &mut Faults,
    current: &incident::Model,
    patch: &IncidentPatch,
    lessons: Option<&str>,
) {
    if patch.state != Some(IncidentState::Closed) {
        return;
    }
    faults.check(
        lessons.is_some_and(|lessons| !lessons.trim().is_empty()),
        "/lessons",
        "missing",
        "write down what is done differently from now on",
    );
    let risk = patch.risk.unwrap_or(current.risk);
    faults.check(
        risk != Risk::Unknown,
        "/risk",
        "missing",
        "decide what it means for the persons",
    );
    faults.check(
        risk == Risk::Unlikely || current.notified_at.is_some(),
        "/state",
        "not_notified",
        "tell the authority first, or find that a risk is unlikely (Art. 33(1))",
    );
}

/// What passes live is read by whoever listens: nobody is spared the news because it is unintelligible.
fn check_exemption(faults: &mut Faults, current: &incident::Model, patch: &IncidentPatch) {
    let exposure = patch.exposure.unwrap_or(current.exposure);
    let exemption = patch.exemption.unwrap_or(current.exemption);
    faults.check(
        exposure != Exposure::Live || exemption != Some(Exemption::Unintelligible),
        "/exemption",
        "not_unintelligible",
        "what got out while it passed can be read; this exemption (Art. 34(3)(a)) is for what was sealed",
    );
}

fn apply(patch: IncidentPatch, row: &mut incident::ActiveModel) -> Vec<&'static str> {
    let mut fields = Vec::new();
    macro_rules! take {
        ($($field:ident),*) => { $(
            if let Some(value) = patch.$field {
                row.$field = Set(value);
                fields.push(stringify!($field));
            }
        )* };
    }
    take!(
        title, facts, exposure, risk, started_at, ended_at, effects, measures, lessons, exemption, state
    );
    if let Some(nature) = patch.nature {
        row.nature = Set(json!(nature));
        fields.push("nature");
    }
    if let Some(ids) = patch.endpoint_ids {
        row.endpoint_ids = Set(json!(ids));
        fields.push("endpoint_ids");
    }
    fields
}

/// Longest account of what happened.
const MAX_FACTS: usize = 20_000;

fn check_facts(faults: &mut Faults, facts: &str) {
    faults.check(
        !facts.trim().is_empty() && facts.chars().count() <= MAX_FACTS,
        "/facts",
        "not_an_account",
        format!("say what happened, in at most {MAX_FACTS} characters"),
    );
}

fn check_nature(faults: &mut Faults, nature: &[String]) {
    let known = |nature: &String| NATURES.contains(&nature.as_str());
    faults.check(
        !nature.is_empty() && nature.len() <= NATURES.len() && nature.iter().all(known),
        "/nature",
        "unknown",
        format!("name one or more of {}", NATURES.join(", ")),
    );
}

fn check_window(
    faults: &mut Faults,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) {
    faults.check(
        started_at <= now,
        "/started_at",
        "in_the_future",
        "it has not begun yet",
    );
    faults.check(
        ended_at.is_none_or(|ended_at| started_at <= ended_at && ended_at <= now),
        "/ended_at",
        "out_of_order",
        "it ends after it began and not later than now; leave it out while it goes on",
    );
}

async fn check_endpoints(tx: &TenantTx, faults: &mut Faults, ids: &[EndpointId]) -> Result<()> {
    if ids.len() > 100 {
        faults.add(
            "/endpoint_ids",
            "too_many",
            "name at most 100, or none for all of them",
        );
        return Ok(());
    }
    let known = tx
        .find::<endpoint::Entity>()
        .filter(endpoint::Column::Id.is_in(ids.iter().copied()))
        .all(tx.conn())
        .await?;
    for (number, id) in ids.iter().enumerate() {
        faults.check(
            known.iter().any(|endpoint| endpoint.id == *id),
            format!("/endpoint_ids/{number}"),
            "unknown",
            "there is no such endpoint",
        );
    }
    Ok(())
}

/// Where an incident was; empty: everywhere.
pub fn endpoints_of(incident: &incident::Model) -> Result<Vec<EndpointId>> {
    serde_json::from_value(incident.endpoint_ids.clone()).map_err(Error::from)
}
