//! Consents that are taken over in bulk from elsewhere. The lines wait, sealed, until the worker has looked at them, a
//! few hundred in a transaction; each becomes an event like any other, or a fault that says what is wrong with it.
//! Repeating an import changes nothing: a line is known by its `id`, or by what it says.

mod lines;

use entity::{
    consent_event,
    consent_import::{self, ImportFormat, ImportState},
    consent_import_fault, consent_import_part,
    id::ConsentImportId,
};
use sea_orm::{
    ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::lines::{Line, Numbered};
use super::{Ended, record};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Fault, Result},
    jobs::{self, Job},
    keys::TenantKeys,
    page::{self, Cursor, Page, PageIn},
    tenancy::{TenantScope, TenantTx},
};

/// Consents to be taken over.
pub struct NewImport {
    /// What the lines are.
    pub format: ImportFormat,
    /// The lines.
    pub bytes: Vec<u8>,
}

/// Look at the lines of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportConsents {
    /// Which.
    pub import: ConsentImportId,
}

impl Job for ImportConsents {
    const KIND: &'static str = "import_consents";
}

/// How far a run has come.
#[derive(Debug)]
pub enum Progress {
    /// Some lines were looked at; more wait. What was held until then, and ended by them.
    More(Vec<Ended>),
    /// All lines were looked at.
    Done,
}

/// A line that was refused.
#[derive(Clone, Debug)]
pub struct Faulty {
    /// As in the file; the first is 1.
    pub line: i64,
    /// Field, code, detail.
    pub faults: Vec<(String, String, String)>,
}

/// Lines in one transaction: few, since each person who is new costs the vault a write, and others want to write too.
const PART: usize = 50;
/// Lines in one import.
const MAX_LINES: usize = 200_000;

pub(crate) fn context(import: ConsentImportId, first_line: i64) -> String {
    format!("consent_import/{import}/{first_line}")
}

/// Orders an import. The lines are looked at later; what is no table at all is refused now.
pub async fn create_import(tx: &TenantTx, ctx: &Ctx, new: &NewImport) -> Result<consent_import::Model> {
    let lines = match new.format {
        ImportFormat::Ndjson => lines::of_ndjson(&new.bytes)?,
        ImportFormat::Csv => lines::of_csv(&new.bytes)?,
    };
    if lines.is_empty() {
        return Err(Error::invalid(
            "",
            "empty",
            "send at least one line that holds a consent",
        ));
    }
    if lines.len() > MAX_LINES {
        return Err(Error::invalid(
            "",
            "too_many",
            format!("send at most {MAX_LINES} lines at a time"),
        ));
    }
    let id: ConsentImportId = ctx.ids.next();
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    for part in lines.chunks(PART) {
        let first_line = part.first().map_or(0, |line| line.number);
        let bytes = serde_json::to_vec(part)?;
        let row = consent_import_part::ActiveModel {
            import_id: Set(id),
            first_line: Set(first_line),
            sealed: Set(keys
                .tenant
                .seal_value(&context(id, first_line), &bytes, &*ctx.chance)),
            ..Default::default()
        };
        tx.insert_many(vec![row]).await?;
    }
    let count = i64::try_from(lines.len()).map_err(Error::internal)?;
    let row = consent_import::ActiveModel {
        id: Set(id),
        state: Set(ImportState::Running),
        format: Set(new.format),
        actor: Set(tx.actor().to_string()),
        lines: Set(count),
        done: Set(0),
        recorded: Set(0),
        repeated: Set(0),
        failed: Set(0),
        created_at: Set(ctx.now()),
        finished_at: Set(None),
        ..Default::default()
    };
    let row = tx.insert(row).await?;
    jobs::enqueue(tx, ctx, &ImportConsents { import: id }).await?;
    let event = Event::new("consent_import.ordered")
        .target("consent_import", id)
        .facts(json!({ "lines": count, "format": new.format }));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Looks at the next lines, and records what they say.
pub async fn run_import(ctx: &Ctx, scope: &TenantScope, job: &ImportConsents) -> Result<Progress> {
    use consent_import::Column;
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    let tx = ctx.store.begin(scope).await?;
    let part = tx
        .find::<consent_import_part::Entity>()
        .filter(consent_import_part::Column::ImportId.eq(job.import))
        .order_by_asc(consent_import_part::Column::FirstLine)
        .one(tx.conn())
        .await?;
    let Some(part) = part else {
        finish(&tx, ctx, job.import).await?;
        tx.save().await?;
        return Ok(Progress::Done);
    };
    let bytes = keys
        .tenant
        .open_value(&context(job.import, part.first_line), &part.sealed)?;
    let lines: Vec<Numbered> = serde_json::from_slice(&bytes)?;
    let mut run = Run {
        tx: &tx,
        ctx,
        keys: &keys,
        job,
        recorded: 0,
        repeated: 0,
        failed: 0,
        ended: Vec::new(),
    };
    for line in &lines {
        run.line(line).await?;
    }
    let Run {
        recorded,
        repeated,
        failed,
        ended,
        ..
    } = run;
    let done = i64::try_from(lines.len()).map_err(Error::internal)?;
    let add = |column: Column, count: i64| Expr::col(column).add(count);
    tx.update_many::<consent_import::Entity>()
        .col_expr(Column::Done, add(Column::Done, done))
        .col_expr(Column::Recorded, add(Column::Recorded, recorded))
        .col_expr(Column::Repeated, add(Column::Repeated, repeated))
        .col_expr(Column::Failed, add(Column::Failed, failed))
        .filter(Column::Id.eq(job.import))
        .exec(tx.conn())
        .await?;
    // In the same transaction: a line is recorded and forgotten, or neither.
    tx.delete_many::<consent_import_part::Entity>()
        .filter(consent_import_part::Column::ImportId.eq(job.import))
        .filter(consent_import_part::Column::FirstLine.eq(part.first_line))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(Progress::More(ended))
}

struct Run<'a> {
    tx: &'a TenantTx,
    ctx: &'a Ctx,
    keys: &'a TenantKeys,
    job: &'a ImportConsents,
    recorded: i64,
    repeated: i64,
    failed: i64,
    ended: Vec<Ended>,
}

impl Run<'_> {
    async fn line(&mut self, line: &Numbered) -> Result<()> {
        let parsed = match Line::parse(line) {
            Ok(parsed) => parsed,
            Err(faults) => return self.refuse(line, &faults).await,
        };
        let key = self.key(&parsed);
        let known = self
            .tx
            .find::<consent_event::Entity>()
            .filter(consent_event::Column::ImportKey.eq(key.clone()))
            .one(self.tx.conn())
            .await?;
        if known.is_some() {
            self.repeated += 1;
            return Ok(());
        }
        match Box::pin(record(self.tx, self.ctx, parsed.into_consent(key))).await {
            Ok(recorded) => {
                self.recorded += 1;
                if recorded.ended {
                    self.ended.push(Ended {
                        scope: self.tx.scope().clone(),
                        subject: recorded.event.subject_id,
                        purpose: recorded.event.purpose_id,
                    });
                }
                Ok(())
            }
            Err(Error::Invalid(faults)) => self.refuse(line, &faults).await,
            Err(error) => Err(error),
        }
    }

    /// What tells the line apart, keyed so that the row says nothing about what the line said.
    fn key(&self, line: &Line) -> Vec<u8> {
        self.keys
            .index
            .blind("consent_event.import", &line.identity())
            .to_vec()
    }

    async fn refuse(&mut self, line: &Numbered, faults: &[Fault]) -> Result<()> {
        self.failed += 1;
        let faults: Vec<Value> = faults
            .iter()
            .map(|fault| json!({ "field": fault.field, "code": fault.code, "detail": fault.detail }))
            .collect();
        let row = consent_import_fault::ActiveModel {
            import_id: Set(self.job.import),
            line: Set(line.number),
            faults: Set(json!(faults)),
            ..Default::default()
        };
        self.tx.insert_many(vec![row]).await?;
        Ok(())
    }
}

async fn finish(tx: &TenantTx, ctx: &Ctx, id: ConsentImportId) -> Result<()> {
    let row = read_import(tx, id).await?;
    if row.state == ImportState::Completed {
        return Ok(());
    }
    tx.update_many::<consent_import::Entity>()
        .set(consent_import::ActiveModel {
            state: Set(ImportState::Completed),
            finished_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(consent_import::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({
        "lines": row.lines, "recorded": row.recorded, "repeated": row.repeated, "failed": row.failed,
    });
    let event = Event::new("consent_import.completed")
        .target("consent_import", id)
        .facts(facts);
    audit::record(tx, ctx, event).await?;
    Ok(())
}

/// Lists imports, newest first.
pub async fn list_imports(tx: &TenantTx, page: &PageIn) -> Result<Page<consent_import::Model>> {
    let rows = tx.find::<consent_import::Entity>();
    page::by_id(rows, tx.conn(), consent_import::Column::Id, page, |row| row.id.0).await
}

/// Reads one import.
pub async fn read_import(tx: &TenantTx, id: ConsentImportId) -> Result<consent_import::Model> {
    tx.get::<consent_import::Entity, _>(id, "import").await
}

/// Lists the lines of an import that were refused, in the order of the file.
pub async fn import_faults(tx: &TenantTx, id: ConsentImportId, page: &PageIn) -> Result<Page<Faulty>> {
    use consent_import_fault::Column;
    read_import(tx, id).await?;
    let mut rows = tx
        .find::<consent_import_fault::Entity>()
        .filter(Column::ImportId.eq(id))
        .order_by_asc(Column::Line)
        .limit(page.limit + 1);
    if let Some(after) = page.after_number()? {
        rows = rows.filter(Column::Line.gt(after));
    }
    let rows = rows.all(tx.conn()).await?;
    let page = Page::cut(rows, page, |row| Cursor::Number(row.line));
    Ok(page.map(|row| Faulty {
        line: row.line,
        faults: told(&row.faults),
    }))
}

fn told(faults: &Value) -> Vec<(String, String, String)> {
    let text = |fault: &Value, field: &str| fault[field].as_str().unwrap_or_default().to_owned();
    let faults = faults.as_array().map(Vec::as_slice).unwrap_or_default();
    faults
        .iter()
        .map(|fault| (text(fault, "field"), text(fault, "code"), text(fault, "detail")))
        .collect()
}
