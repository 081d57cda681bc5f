//! The words of notices.

use std::collections::HashMap;

use entity::{
    id::{NoticeId, NoticeVersionId, PurposeId},
    notice, notice_version,
};
use ring::digest;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ExprTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use serde_json::json;

use super::{purposes_of, read};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Faults, Result},
    fields,
    page::{self, Page, PageIn},
    tenancy::TenantTx,
};

/// Longest text of a notice, in bytes.
const MAX_NOTICE_TEXT: usize = 60_000;

/// Words to be published.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// BCP 47.
    pub language: String,
    /// As the person reads it.
    pub text: String,
}

/// Publishes words: one language, the next number of the notice.
pub async fn publish(
    tx: &TenantTx,
    ctx: &Ctx,
    notice: NoticeId,
    new: NewVersion,
) -> Result<notice_version::Model> {
    let mut faults = Faults::default();
    fields::language(&mut faults, "/language", &new.language);
    faults.check(!new.text.trim().is_empty(), "/text", "empty", "say something");
    faults.check(
        new.text.len() <= MAX_NOTICE_TEXT,
        "/text",
        "too_long",
        format!("use at most {MAX_NOTICE_TEXT} bytes"),
    );
    faults.finish()?;
    // Counted in the store: of two that publish at once, each gets a number of its own.
    tx.update_many::<notice::Entity>()
        .col_expr(
            notice::Column::LatestNumber,
            Expr::col(notice::Column::LatestNumber).add(1),
        )
        .col_expr(notice::Column::Version, Expr::col(notice::Column::Version).add(1))
        .filter(notice::Column::Id.eq(notice))
        .exec(tx.conn())
        .await?;
    let number = read(tx, notice).await?.latest_number;
    let hash = digest::digest(&digest::SHA256, new.text.as_bytes());
    let row = notice_version::ActiveModel {
        id: Set(ctx.ids.next()),
        notice_id: Set(notice),
        number: Set(number),
        language: Set(new.language),
        text: Set(new.text),
        hash: Set(hash.as_ref().to_vec()),
        published_at: Set(ctx.now()),
        ..Default::default()
    };
    let row = tx.insert(row).await?;
    let facts = json!({ "number": number, "language": row.language, "hash": hex::encode(&row.hash) });
    audit::record(
        tx,
        ctx,
        Event::new("notice.published")
            .target("notice", notice)
            .facts(facts),
    )
    .await?;
    Ok(row)
}

/// Lists the versions of a notice, newest first.
pub async fn list_versions(
    tx: &TenantTx,
    notice: NoticeId,
    page: &PageIn,
) -> Result<Page<notice_version::Model>> {
    use notice_version::Column;
    read(tx, notice).await?;
    let rows = tx
        .find::<notice_version::Entity>()
        .filter(Column::NoticeId.eq(notice));
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one version.
pub async fn read_version(tx: &TenantTx, id: NoticeVersionId) -> Result<notice_version::Model> {
    tx.get::<notice_version::Entity, _>(id, "notice version").await
}

/// The newest words of each of these notices; the ones without words are left out.
pub async fn latest_of(
    tx: &TenantTx,
    notices: &[notice::Model],
) -> Result<HashMap<NoticeId, notice_version::Model>> {
    use notice_version::Column;
    let mut wanted = Condition::any();
    for notice in notices.iter().filter(|notice| notice.latest_number > 0) {
        wanted = wanted.add(
            Condition::all()
                .add(Column::NoticeId.eq(notice.id))
                .add(Column::Number.eq(notice.latest_number)),
        );
    }
    // No condition at all would be all rows.
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let versions = tx
        .find::<notice_version::Entity>()
        .filter(wanted)
        .all(tx.conn())
        .await?;
    Ok(versions
        .into_iter()
        .map(|version| (version.notice_id, version))
        .collect())
}

/// The newest words that explain a purpose: in this language, in its primary language, or else in any.
pub async fn latest_for(
    tx: &TenantTx,
    purpose: PurposeId,
    language: &str,
) -> Result<Option<notice_version::Model>> {
    let notices = tx.find::<notice::Entity>().all(tx.conn()).await?;
    let explaining: Vec<_> = notices
        .iter()
        .filter(|notice| purposes_of(notice).contains(&purpose))
        .map(|notice| notice.id)
        .collect();
    let versions = tx
        .find::<notice_version::Entity>()
        .filter(notice_version::Column::NoticeId.is_in(explaining))
        .order_by_desc(notice_version::Column::Id)
        .all(tx.conn())
        .await?;
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let distance = |version: &notice_version::Model| {
        if version.language.eq_ignore_ascii_case(language) {
            0
        } else if primary(&version.language) == primary(language) {
            1
        } else {
            2
        }
    };
    // The first of the nearest: the list is newest first and `min_by_key` keeps the first.
    Ok(versions.into_iter().min_by_key(distance))
}
