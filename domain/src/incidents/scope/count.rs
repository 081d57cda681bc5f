//! The counting. Messages are counted in the index over (person, id, class), never in the table: what they say is not read,
//! and the store answers with one row per person, whatever the number of messages. The persons come from the tenant's own
//! list, so what other tenants have stored costs nothing.

use std::collections::{BTreeMap, HashMap};

use entity::{
    connection, data_type,
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
    incident::{self, ScopeStep},
    message, retention_class,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, FromQueryResult, QueryFilter, QuerySelect, Statement,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Affected, Category, Extent, Over, Progress, Scope, note_progress, unintelligible::Unintelligible,
};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    ids::MessageId,
    incidents::endpoints_of,
    keys::SubjectKeyName,
    tenancy::{Engine, TenantScope, TenantTx},
};

/// Classes in one statement: each is a column. More take longer for each row, fewer need more looks at each row.
const CLASSES_AT_ONCE: usize = 8;

/// A class, and which kind of messages it is.
struct Counted {
    id: i64,
    /// Its place among the kinds.
    kind: usize,
    /// Of the key that seals its messages.
    purpose: Uuid,
}

/// Kinds of messages, told apart by what a report tells apart.
type Kinds = BTreeMap<(EndpointId, Option<PurposeId>, Vec<DataTypeId>), Vec<i64>>;

/// Computes the scope of an incident, and who was touched.
pub async fn compute(
    ctx: &Ctx,
    scope: &TenantScope,
    incident: &incident::Model,
) -> Result<(Scope, Vec<Affected>)> {
    let endpoints = endpoints_of(incident)?;
    let extent = Extent::of(incident, ctx.now());
    let window = Window::of(extent);
    let tx = ctx.store.read(scope).await?;
    let unintelligible = Unintelligible::of(&tx, ctx, incident).await?;
    let kinds = kinds(&tx, window, &endpoints).await?;
    let classes: Vec<Counted> = kinds
        .iter()
        .enumerate()
        .flat_map(|(kind, ((_, purpose, _), ids))| {
            let purpose = SubjectKeyName::for_messages(scope.tenant(), None, *purpose).purpose;
            ids.iter().map(move |id| Counted {
                id: *id,
                kind,
                purpose,
            })
        })
        .collect();
    drop(tx);
    let mut tally = Tally::new(kinds.len());
    for (number, some) in classes.chunks(CLASSES_AT_ONCE).enumerate() {
        let progress = Progress {
            step: ScopeStep::Counting,
            done: (number * CLASSES_AT_ONCE) as u64,
            total: classes.len() as u64,
        };
        note_progress(ctx, scope, incident.id, progress).await?;
        let tx = ctx.store.read(scope).await?;
        tally.count(&tx, ctx, window, some, &unintelligible).await?;
        tally.unattributed(&tx, ctx, window, some).await?;
    }
    let tx = ctx.store.read(scope).await?;
    let mut found = Scope {
        over: Some(Over::of(incident)?),
        from: extent.from,
        to: extent.to,
        categories: categories(&tx, kinds, &tally).await?,
        records: tally.by_kind.iter().map(|kind| kind.records).sum(),
        unattributed_records: tally.by_kind.iter().map(|kind| kind.unattributed).sum(),
        ..Scope::default()
    };
    connections(&tx, extent, &endpoints, &mut tally, &mut found).await?;
    let affected = tally.into_affected(&unintelligible);
    found.subjects = affected.len() as u64;
    found.unintelligible_subjects = affected.iter().filter(|one| one.unintelligible).count() as u64;
    match unintelligible {
        Unintelligible::Nothing => {}
        Unintelligible::Everything => found.sealed_records = found.records + found.unattributed_records,
        Unintelligible::WithoutKeys(_) => found.shredded_records = affected.shredded,
    }
    Ok((found, affected.persons))
}

/// As ids of messages: from the first to before the last.
#[derive(Clone, Copy)]
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn of(extent: Extent) -> Self {
        Self {
            from: extent.from.map_or(0, |from| MessageId::first_at(from).0),
            to: MessageId::first_at(extent.to).0,
        }
    }
}

/// The classes that hold something of this time, by kind. From the store: another process may have made one.
async fn kinds(tx: &TenantTx, window: Window, endpoints: &[EndpointId]) -> Result<Kinds> {
    let mut classes = tx.find::<retention_class::Entity>();
    if !endpoints.is_empty() {
        classes = classes.filter(retention_class::Column::EndpointId.is_in(endpoints.iter().copied()));
    }
    let mut kinds = Kinds::new();
    for class in classes.all(tx.conn()).await? {
        let some: Option<i64> = tx
            .find::<message::Entity>()
            .select_only()
            .column(message::Column::Id)
            .filter(message::Column::ClassId.eq(class.id))
            .filter(message::Column::Id.gte(window.from))
            .filter(message::Column::Id.lt(window.to))
            .limit(1)
            .into_tuple()
            .one(tx.conn())
            .await?;
        if some.is_some() {
            let found: Vec<DataTypeId> = serde_json::from_value(class.data_types)?;
            kinds
                .entry((class.endpoint_id, class.purpose_id, found))
                .or_default()
                .push(class.id);
        }
    }
    Ok(kinds)
}

/// What one person has.
#[derive(Clone, Copy, Default)]
struct Theirs {
    records: u64,
    unreadable: u64,
    connections: u64,
    /// The kind that they were counted for last, so that they are counted once for each.
    last_kind: Option<usize>,
}

/// What there is of one kind.
#[derive(Clone, Copy, Default)]
struct OfKind {
    subjects: u64,
    records: u64,
    unattributed: u64,
}

struct Tally {
    persons: HashMap<SubjectId, Theirs>,
    by_kind: Vec<OfKind>,
}

impl Tally {
    fn new(kinds: usize) -> Self {
        Self {
            persons: HashMap::new(),
            by_kind: vec![OfKind::default(); kinds],
        }
    }

    async fn count(
        &mut self,
        tx: &TenantTx,
        ctx: &Ctx,
        window: Window,
        classes: &[Counted],
        unintelligible: &Unintelligible,
    ) -> Result<()> {
        if ctx.store.engine() == Engine::Postgres {
            // It is a job, and nobody waits for this transaction.
            tx.conn()
                .execute_unprepared("SET LOCAL statement_timeout = '15min'")
                .await?;
        }
        let sql = per_person(ctx.store.engine(), window, classes);
        let statement =
            Statement::from_sql_and_values(tx.conn().get_database_backend(), sql, [tx.tenant().0.into()]);
        for row in tx.conn().query_all_raw(statement).await? {
            let subject = SubjectId(row.try_get_by_index(0)?);
            let theirs = self.persons.entry(subject).or_default();
            for (number, class) in classes.iter().enumerate() {
                let count = unsigned(row.try_get_by_index(number + 1)?)?;
                if count == 0 {
                    continue;
                }
                let kind = &mut self.by_kind[class.kind];
                kind.records += count;
                if theirs.last_kind != Some(class.kind) {
                    theirs.last_kind = Some(class.kind);
                    kind.subjects += 1;
                }
                theirs.records += count;
                if unintelligible.is(subject, class.purpose) {
                    theirs.unreadable += count;
                }
            }
        }
        Ok(())
    }

    async fn unattributed(
        &mut self,
        tx: &TenantTx,
        ctx: &Ctx,
        window: Window,
        classes: &[Counted],
    ) -> Result<()> {
        let index = match ctx.store.engine() {
            Engine::Sqlite => "INDEXED BY message_subject_id_id",
            Engine::Postgres => "",
        };
        let sql = format!(
            "SELECT class_id, COUNT(*) FROM message {index} \
             WHERE subject_id IS NULL AND id >= {} AND id < {} AND class_id IN ({}) GROUP BY class_id",
            window.from,
            window.to,
            list(classes)
        );
        let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
        for row in tx.conn().query_all_raw(statement).await? {
            let id: i64 = row.try_get_by_index(0)?;
            if let Some(class) = classes.iter().find(|class| class.id == id) {
                self.by_kind[class.kind].unattributed += unsigned(row.try_get_by_index(1)?)?;
            }
        }
        Ok(())
    }

    fn into_affected(self, unintelligible: &Unintelligible) -> Everybody {
        let mut shredded = 0;
        let mut persons: Vec<_> = self
            .persons
            .into_iter()
            .filter(|(_, theirs)| theirs.records + theirs.connections > 0)
            .map(|(subject, theirs)| {
                shredded += theirs.unreadable;
                // Of a connection the store says when and from which network, and not who it was.
                let sealed = matches!(unintelligible, Unintelligible::Everything);
                Affected {
                    subject,
                    records: theirs.records,
                    connections: theirs.connections,
                    unintelligible: sealed || theirs.records > 0 && theirs.unreadable == theirs.records,
                }
            })
            .collect();
        persons.sort_unstable_by_key(|one| one.subject);
        Everybody { persons, shredded }
    }
}

struct Everybody {
    persons: Vec<Affected>,
    shredded: u64,
}

impl std::ops::Deref for Everybody {
    type Target = [Affected];

    fn deref(&self) -> &[Affected] {
        &self.persons
    }
}

/// The persons of a tenant, and how many messages of each class are about each of them. The numbers are ours; the one
/// value from outside is the tenant.
fn per_person(engine: Engine, window: Window, classes: &[Counted]) -> String {
    let columns: Vec<String> = classes
        .iter()
        .map(|class| format!("COUNT(*) FILTER (WHERE m.class_id = {})", class.id))
        .collect();
    // On SQLite the order of the loops and the index are ours to choose: its planner would rather read the messages.
    let (join, index, tenant) = match engine {
        Engine::Sqlite => ("CROSS JOIN", "INDEXED BY message_subject_id_id", "?"),
        Engine::Postgres => ("JOIN", "", "$1"),
    };
    format!(
        "SELECT s.id, {} FROM subject s {join} message m {index} ON m.subject_id = s.id AND m.id >= {} AND m.id < {} \
         WHERE s.tenant_id = {tenant} AND m.class_id IN ({}) GROUP BY s.id",
        columns.join(", "),
        window.from,
        window.to,
        list(classes)
    )
}

fn list(classes: &[Counted]) -> String {
    classes
        .iter()
        .map(|class| class.id.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(Error::internal)
}

async fn categories(tx: &TenantTx, kinds: Kinds, tally: &Tally) -> Result<Vec<Category>> {
    let slugs: HashMap<DataTypeId, String> = tx
        .find::<data_type::Entity>()
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|row| (row.id, row.slug))
        .collect();
    let slug = |id: &DataTypeId| slugs.get(id).cloned().unwrap_or_else(|| "removed".to_owned());
    let mut categories: Vec<Category> = kinds
        .into_keys()
        .zip(&tally.by_kind)
        .map(|((endpoint, purpose, data_types), counted)| Category {
            endpoint,
            purpose,
            slugs: data_types.iter().map(slug).collect(),
            data_types,
            subjects: counted.subjects,
            records: counted.records + counted.unattributed,
        })
        .collect();
    categories.sort_by(|a, b| {
        b.records
            .cmp(&a.records)
            .then_with(|| a.data_types.cmp(&b.data_types))
    });
    Ok(categories)
}

#[derive(FromQueryResult)]
struct Connected {
    subject_id: Option<SubjectId>,
    connections: i64,
    deliveries: i64,
}

async fn connections(
    tx: &TenantTx,
    extent: Extent,
    endpoints: &[EndpointId],
    tally: &mut Tally,
    found: &mut Scope,
) -> Result<()> {
    use connection::Column;
    let mut open = Condition::all().add(Column::OpenedAt.lt(extent.to));
    if let Some(from) = extent.from {
        let still = Condition::any()
            .add(Column::ClosedAt.is_null())
            .add(Column::ClosedAt.gte(from));
        open = open.add(still);
    }
    if !endpoints.is_empty() {
        open = open.add(Column::EndpointId.is_in(endpoints.iter().copied()));
    }
    let rows = tx
        .find::<connection::Entity>()
        .select_only()
        .column(Column::SubjectId)
        .column_as(Column::Id.count(), "connections")
        .column_as(Expr::cust("CAST(SUM(messages_out) AS BIGINT)"), "deliveries")
        .filter(open)
        .group_by(Column::SubjectId)
        .into_model::<Connected>()
        .all(tx.conn())
        .await?;
    for row in rows {
        let connections = unsigned(row.connections)?;
        found.connections += connections;
        found.deliveries += unsigned(row.deliveries)?;
        if let Some(subject) = row.subject_id {
            found.connected_subjects += 1;
            tally.persons.entry(subject).or_default().connections = connections;
        }
    }
    Ok(())
}
