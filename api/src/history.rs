//! The broker's questions about the past, answered by the domain.

use std::sync::Arc;

use broker::host::{
    History, HistoryFault, Label, Opcode, Past, Payload, Position, Remembered, Start, Stretch,
};
use domain::{Ctx, messages};
use entity::id::{EndpointId, TenantId};
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// Reads what the journal recorded.
pub struct HistoryKeeper(pub Ctx);

impl History for HistoryKeeper {
    fn read(&self, past: Past) -> BoxFuture<'static, Result<Option<Stretch>, HistoryFault>> {
        let ctx = self.0.clone();
        Box::pin(async move {
            let wanted = messages::Past {
                tenant: TenantId(past.tenant),
                endpoint: EndpointId(past.endpoint),
                channel: &past.channel,
                start: match past.start {
                    Start::After(offset) => messages::Start::After(offset),
                    Start::Newest => messages::Start::Newest,
                },
                limit: past.limit,
            };
            let found = messages::stretch(&ctx, wanted).await.map_err(|error| {
                tracing::error!(%error, "a channel's past cannot be read");
                HistoryFault
            })?;
            Ok(found.map(stretch))
        })
    }
}

fn stretch(found: messages::Stretch) -> Stretch {
    let epoch = found.epoch;
    Stretch {
        messages: found
            .messages
            .into_iter()
            .map(|message| remembered(message, &epoch))
            .collect(),
        top: found.top,
        epoch,
    }
}

fn remembered(message: messages::Remembered, epoch: &Arc<str>) -> Remembered {
    let opcode = if message.binary {
        Opcode::Binary
    } else {
        Opcode::Text
    };
    let said = message.said;
    let label = said.event.map(|event| {
        Arc::new(Label {
            event,
            user: said.user,
        })
    });
    Remembered {
        position: Position {
            id: Some(message.id.0),
            offset: message.position,
            epoch: epoch.clone(),
        },
        payload: Payload {
            opcode,
            bytes: said.data,
            label,
        },
        purpose: message.purpose.map(Uuid::from),
        expires_at: Some(message.expires_at.timestamp_millis()),
    }
}
