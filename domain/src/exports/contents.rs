//! What goes into an export, file by file.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    connection, correction, endpoint,
    id::{ConnectionId, DataTypeId, EndpointId, PurposeId, SubjectId},
    purpose::{self, LawfulBasis},
    request::{self, RequestKind},
    tenant,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::json;
use tokio::sync::mpsc::Sender;

use super::{
    package::Packed,
    page,
    recipients::{self, Recipient},
    redact::Redactor,
    schema,
    tables::{self, Row},
};
use crate::{
    Error, Result,
    consents::{self, Current, Detail},
    ctx::Ctx,
    deadlines::{self, Profile},
    ids::MessageId,
    journal::Said,
    messages::{self, Message},
    page::PageIn,
    pictures,
    portal::{self, Held},
    requests::{self, Corrected, Outcome},
    subjects::{self, Person},
    tenancy::{TenantScope, TenantTx},
    tenants,
};

/// Messages opened at a time. Each may have the size that its endpoint allows.
const MESSAGES: u64 = 64;
/// How often progress is written down.
const SAY_EVERY: TimeDelta = TimeDelta::seconds(1);
/// Other rows read at a time.
const ROWS: u64 = 500;

/// Everything but messages and connections, of which there may be very many.
pub(super) struct About {
    pub(super) request: request::Model,
    pub(super) tenant: tenant::Model,
    pub(super) profile: &'static Profile,
    pub(super) person: Option<Person>,
    pub(super) held: Vec<Held>,
    pub(super) current: Vec<Current>,
    pub(super) consents: Vec<Detail>,
    pub(super) purposes: HashMap<PurposeId, purpose::Model>,
    pub(super) endpoints: HashMap<EndpointId, endpoint::Model>,
    pub(super) data_types: HashMap<DataTypeId, String>,
    pub(super) connections: u64,
    pub(super) corrections: Vec<(correction::Model, Corrected)>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) redactor: Redactor,
    pub(super) at: DateTime<Utc>,
}

impl About {
    fn subject(&self) -> Option<SubjectId> {
        self.person.as_ref().map(|person| person.row.id)
    }

    /// Whether only what the person gave is wanted (GDPR Art. 20).
    pub(super) fn portable(&self) -> bool {
        self.request.kind == RequestKind::Portability
    }

    /// Whether a message belongs into the package. What the person provided, on the basis of their consent or of a
    /// contract, they may take elsewhere (Art. 20(1)); what was sent to them, or rests on something else, is not of it.
    fn takes(&self, message: &Message) -> bool {
        let portable = || {
            message
                .purpose
                .and_then(|id| self.purposes.get(&id))
                .is_some_and(|purpose| {
                    matches!(purpose.lawful_basis, LawfulBasis::Consent | LawfulBasis::Contract)
                })
        };
        !self.portable() || (!message.outbound && portable())
    }

    pub(super) fn endpoint(&self, id: EndpointId) -> &str {
        self.endpoints.get(&id).map_or("(removed)", |row| &row.name)
    }

    pub(super) fn purpose(&self, id: PurposeId) -> &str {
        self.purposes.get(&id).map_or("(removed)", |row| &row.name)
    }
}

/// Writes all files. Answers what was in them.
pub(super) async fn write(
    ctx: &Ctx,
    scope: &TenantScope,
    request: &request::Model,
    to: Sender<Packed>,
) -> Result<Outcome> {
    let about = gather(ctx, scope, request).await?;
    let source = Source {
        ctx,
        scope,
        about: &about,
    };
    let out = Out(to);
    out.file("README.html").await?;
    out.text(page::render(&about)?).await?;
    out.file("data.json").await?;
    let outcome = data(source, &out).await?;
    out.file("schema.json").await?;
    out.text(format!("{:#}\n", schema::json())).await?;
    out.file("tables.json").await?;
    out.text(format!("{:#}\n", schema::csv(about.portable()))).await?;
    out.file("messages.csv").await?;
    messages_table(source, &out).await?;
    if !about.portable() {
        out.file("consents.csv").await?;
        out.text(tables::consents(&about)).await?;
        out.file("connections.csv").await?;
        connections_table(source, &out).await?;
    }
    out.send(Packed::End).await?;
    Ok(outcome)
}

async fn gather(ctx: &Ctx, scope: &TenantScope, request: &request::Model) -> Result<About> {
    let picture = pictures::load(ctx, scope).await?;
    let tx = ctx.store.read(scope).await?;
    let tenant = tenants::read(&tx).await?;
    let person = match request.subject_id {
        Some(subject) => Some(subjects::reveal(ctx, subjects::read(&tx, subject).await?).await?),
        None => None,
    };
    let subjects: Vec<SubjectId> = request.subject_id.into_iter().collect();
    let (current, consents) = match request.subject_id {
        Some(subject) => (
            consents::current(&tx, ctx, subject).await?,
            all_consents(&tx, ctx, subject).await?,
        ),
        None => (Vec::new(), Vec::new()),
    };
    let purposes = tx.find::<purpose::Entity>().all(tx.conn()).await?;
    let endpoints: HashMap<EndpointId, endpoint::Model> = picture
        .endpoints()
        .map(|endpoint| (endpoint.row.id, endpoint.row.clone()))
        .collect();
    let held = portal::held(&tx, ctx, &subjects).await?;
    let mut passed: Vec<EndpointId> = held.iter().map(|held| held.endpoint.id).collect();
    passed.sort_unstable();
    passed.dedup();
    Ok(About {
        recipients: recipients::of(&tx, &endpoints, &passed, &subjects).await?,
        corrections: match request.subject_id {
            Some(subject) => requests::corrections_of(&tx, ctx, subject).await?,
            None => Vec::new(),
        },
        redactor: Redactor::new(person.as_ref()),
        request: request.clone(),
        profile: deadlines::profile_or_default(&request.jurisdiction),
        tenant,
        held,
        connections: portal::connections(&tx, ctx, &subjects).await?,
        data_types: portal::data_types(&tx).await?,
        person,
        current,
        consents,
        purposes: purposes.into_iter().map(|row| (row.id, row)).collect(),
        endpoints,
        at: ctx.now(),
    })
}

/// Oldest first. A person says yes or no a few times a year, so these fit into memory.
async fn all_consents(tx: &TenantTx, ctx: &Ctx, subject: SubjectId) -> Result<Vec<Detail>> {
    let filter = consents::Filter {
        subject: Some(subject),
        ..Default::default()
    };
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = PageIn::new(Some(crate::page::MAX_LIMIT), cursor)?;
        let page = consents::list(tx, &filter, &page).await?;
        all.extend(consents::details(tx, ctx, page.items).await?);
        cursor = page.next_cursor;
        if cursor.is_none() {
            all.reverse();
            return Ok(all);
        }
    }
}

/// `data.json`: everything, for programs.
async fn data(source: Source<'_>, out: &Out) -> Result<Outcome> {
    let about = source.about;
    let mut outcome = Outcome::default();
    if !about.portable() {
        outcome.consents = about.consents.len() as u64;
    }
    let head = tables::head(about).to_string();
    // The object stays open: connections and messages follow one by one.
    let open = head.strip_suffix('}').unwrap_or(&head);
    out.text(format!("{open},\n")).await?;
    if !about.portable() {
        connections(source, out, &mut outcome).await?;
    }
    out.text("\"messages\": [".to_owned()).await?;
    let mut progress = Progress::new(source);
    let mut messages = source.messages();
    while let Some(batch) = messages.next().await? {
        for (message, opened) in &batch {
            let comma = if outcome.messages == 0 { "" } else { "," };
            let text = Row::new(about, message, opened.as_ref()).json();
            out.text(format!("{comma}\n{text}")).await?;
            outcome.messages += 1;
        }
        progress.note(outcome.messages).await?;
    }
    out.text("\n]\n}\n".to_owned()).await?;
    Ok(outcome)
}

async fn connections(source: Source<'_>, out: &Out, outcome: &mut Outcome) -> Result<()> {
    let about = source.about;
    out.text("\"connections\": [".to_owned()).await?;
    let mut connections = source.connections();
    while let Some(rows) = connections.next().await? {
        for row in rows {
            let comma = if outcome.connections == 0 { "" } else { "," };
            let text = tables::connection_json(about, &row);
            out.text(format!("{comma}\n{text}")).await?;
            outcome.connections += 1;
        }
    }
    out.text("\n],\n".to_owned()).await
}

/// How far it has come, written down now and then for those who wait.
struct Progress<'a> {
    source: Source<'a>,
    total: u64,
    said_at: DateTime<Utc>,
}

impl<'a> Progress<'a> {
    fn new(source: Source<'a>) -> Self {
        let total = source.about.held.iter().map(|held| held.messages).sum();
        Self {
            source,
            total,
            said_at: source.ctx.now(),
        }
    }

    async fn note(&mut self, messages: u64) -> Result<()> {
        let Source { ctx, scope, about } = self.source;
        let now = ctx.now();
        if now - self.said_at < SAY_EVERY {
            return Ok(());
        }
        self.said_at = now;
        let tx = ctx.store.begin(scope).await?;
        tx.update_many::<request::Entity>()
            .set(request::ActiveModel {
                progress: Set(Some(json!({ "messages": messages, "of": self.total }))),
                ..Default::default()
            })
            .filter(request::Column::Id.eq(about.request.id))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        Ok(())
    }
}

async fn messages_table(source: Source<'_>, out: &Out) -> Result<()> {
    out.text(tables::line(&tables::MESSAGES)).await?;
    let mut messages = source.messages();
    while let Some(batch) = messages.next().await? {
        for (message, opened) in &batch {
            let row = Row::new(source.about, message, opened.as_ref());
            out.text(tables::line(&row.cells())).await?;
        }
    }
    Ok(())
}

async fn connections_table(source: Source<'_>, out: &Out) -> Result<()> {
    out.text(tables::line(&tables::CONNECTIONS)).await?;
    let mut connections = source.connections();
    while let Some(rows) = connections.next().await? {
        for row in rows {
            out.text(tables::line(&tables::connection(source.about, &row)))
                .await?;
        }
    }
    Ok(())
}

/// Where the long lists come from.
#[derive(Clone, Copy)]
struct Source<'a> {
    ctx: &'a Ctx,
    scope: &'a TenantScope,
    about: &'a About,
}

impl<'a> Source<'a> {
    fn messages(self) -> Messages<'a> {
        Messages {
            source: self,
            next: self.about.subject().map(|subject| (subject, None)),
        }
    }

    fn connections(self) -> Connections<'a> {
        Connections {
            source: self,
            next: self.about.subject().map(|subject| (subject, None)),
        }
    }
}

type Opened = (Message, Option<Said>);

/// The person's messages that can be read, oldest first, a few at a time, each batch in a view of its own: what expires
/// meanwhile is left out, and so is what comes meanwhile.
struct Messages<'a> {
    source: Source<'a>,
    /// Where to go on; none at the end.
    next: Option<(SubjectId, Option<MessageId>)>,
}

impl Messages<'_> {
    async fn next(&mut self) -> Result<Option<Vec<Opened>>> {
        let Some((subject, after)) = self.next else {
            return Ok(None);
        };
        let Source { ctx, scope, about } = self.source;
        let tx = ctx.store.read(scope).await?;
        let (mut batch, next) = messages::for_subject(&tx, ctx, subject, after, MESSAGES).await?;
        drop(tx);
        let end = MessageId::first_at(about.at + TimeDelta::milliseconds(1));
        batch.retain(|message| message.id < end && about.takes(message));
        self.next = next.filter(|next| *next < end).map(|next| (subject, Some(next)));
        let opened = messages::open(ctx, scope, &batch).await?;
        Ok(Some(batch.into_iter().zip(opened).collect()))
    }
}

/// Records of the person's connections, oldest first.
struct Connections<'a> {
    source: Source<'a>,
    next: Option<(SubjectId, Option<ConnectionId>)>,
}

impl Connections<'_> {
    async fn next(&mut self) -> Result<Option<Vec<connection::Model>>> {
        let Some((subject, after)) = self.next else {
            return Ok(None);
        };
        let Source { ctx, scope, about } = self.source;
        let picture = pictures::load(ctx, scope).await?;
        let tx = ctx.store.read(scope).await?;
        let mut rows = tx
            .find::<connection::Entity>()
            .filter(connection::Column::SubjectId.eq(subject))
            .filter(portal::connections_kept(&picture, about.at))
            .order_by_asc(connection::Column::Id)
            .limit(ROWS);
        if let Some(after) = after {
            rows = rows.filter(connection::Column::Id.gt(after));
        }
        let rows = rows.all(tx.conn()).await?;
        self.next = rows.last().map(|last| (subject, Some(last.id)));
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// The way to the packing.
struct Out(Sender<Packed>);

impl Out {
    async fn file(&self, name: &'static str) -> Result<()> {
        self.send(Packed::File(name)).await
    }

    async fn text(&self, text: String) -> Result<()> {
        self.send(Packed::Bytes(text.into_bytes())).await
    }

    async fn send(&self, packed: Packed) -> Result<()> {
        self.0
            .send(packed)
            .await
            .map_err(|_| Error::internal(anyhow::anyhow!("the packing ended early")))
    }
}
