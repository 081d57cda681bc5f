//! Recorded messages: finding them, reading them, removing a person's.
//!
//! Every way to a message goes through a [`reader::Reader`], which drops what has expired by the rules of this moment,
//! however much of it is still there. What a message says is opened on its own ([`unseal`]), and every opening is recorded.

mod channel;
mod open;
mod reader;
mod search;
mod stretch;
mod subject;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
    message,
};
use sea_orm::{ColumnTrait, QueryFilter};

pub use channel::{History, Window, history};
pub use open::{Unsealed, open, unseal};
pub use search::{Filter, search};
pub use stretch::{Past, Remembered, Start, Stretch, stretch};
pub use subject::{Held, count_subject, erase_subject, for_subject, held};
pub(crate) use subject::{gone_for_good, held_by_channel};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    ids::MessageId,
    pictures::{self, Picture},
    retention::Class,
    tenancy::TenantTx,
};
use reader::Reader;

/// A recorded message that can be read now; what it says is still sealed.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The endpoint it passed.
    pub endpoint: EndpointId,
    /// Its channel.
    pub channel: Arc<str>,
    /// Its position in the channel.
    pub position: i64,
    /// It went to the end-user.
    pub outbound: bool,
    /// It is no text.
    pub binary: bool,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found in it.
    pub data_types: Vec<DataTypeId>,
    /// Bytes of what it says.
    pub size: i32,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// From when on it is unreadable.
    pub expires_at: DateTime<Utc>,
    row: message::Model,
}

/// Reads one message.
pub async fn read(tx: &TenantTx, ctx: &Ctx, id: MessageId) -> Result<Message> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut reader = Reader::new(tx, ctx, &picture);
    let (row, _) = locate(tx, &picture, id).await?;
    reader
        .take(vec![row])
        .await?
        .pop()
        .ok_or(Error::NotFound { what: "message" })
}

/// One readable message and its class.
pub(crate) async fn find(
    tx: &TenantTx,
    ctx: &Ctx,
    picture: &Picture,
    id: MessageId,
) -> Result<(Message, Arc<Class>)> {
    let (row, class) = locate(tx, picture, id).await?;
    let message = Reader::new(tx, ctx, picture).take(vec![row]).await?.pop();
    Ok((message.ok_or(Error::NotFound { what: "message" })?, class))
}

/// The row, wherever it is filed.
async fn locate(tx: &TenantTx, picture: &Picture, id: MessageId) -> Result<(message::Model, Arc<Class>)> {
    let classes = picture.classes();
    for some in classes.chunks(500) {
        let row = tx
            .find::<message::Entity>()
            .filter(message::Column::ClassId.is_in(some.iter().map(|(id, _)| *id)))
            .filter(message::Column::Id.eq(id.0))
            .one(tx.conn())
            .await?;
        if let Some(row) = row
            && let Some(class) = picture.class(row.class_id)
        {
            return Ok((row, class));
        }
    }
    Err(Error::NotFound { what: "message" })
}
