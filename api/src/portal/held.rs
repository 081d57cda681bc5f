//! What is held of the person who is signed in, and until when.

use chrono::{DateTime, Utc};
use domain::{callbacks, pictures, portal};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use crate::{portal_caller::Person, problem::ApiError, responses::Page, state::State, tags::Tag};

/// Who is signed in, and what is held of them.
#[derive(Clone, Debug, Object)]
pub struct PortalMe {
    /// The address; empty once it was erased.
    email: String,
    /// Whether the tenant knows somebody with this address.
    known: bool,
    /// What is held, most first.
    held: Vec<Held>,
    /// Records of connections.
    connections: u64,
}

/// Messages that are held for the same reason.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Held {
    /// What for, by name.
    purpose: Option<String>,
    /// Where they passed, by name.
    endpoint: String,
    /// What was found in them, by name.
    data_types: Vec<String>,
    messages: u64,
    oldest_at: DateTime<Utc>,
    newest_at: DateTime<Utc>,
    /// When the first of them is erased.
    next_expiry_at: DateTime<Utc>,
    /// When the last of them is erased.
    last_expiry_at: DateTime<Utc>,
    /// For how long each is kept; ISO 8601.
    duration: String,
}

impl From<portal::Held> for Held {
    fn from(held: portal::Held) -> Self {
        Self {
            purpose: held.purpose.map(|purpose| purpose.name.clone()),
            endpoint: held.endpoint.name,
            data_types: held.data_types,
            messages: held.messages,
            oldest_at: held.oldest_at,
            newest_at: held.newest_at,
            next_expiry_at: held.next_expiry_at,
            last_expiry_at: held.last_expiry_at,
            duration: held.duration,
        }
    }
}

/// Somebody who got data about you.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalRecipient {
    /// Where the data passed, by name.
    endpoint: String,
    /// Whose system it is, by its address.
    host: Option<String>,
    /// Pieces of data about you.
    events: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

/// What is held of whoever is signed in.
pub struct PortalHeldApi(pub State);

#[OpenApi(tag = "Tag::Portal")]
impl PortalHeldApi {
    /// See what is held of you, and until when.
    #[oai(path = "/portal/:tenant/me", method = "get", operation_id = "read_portal_me")]
    async fn me(&self, person: Person, tenant: Path<String>) -> Result<Json<PortalMe>, ApiError> {
        let (ctx, person) = (&self.0.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let tx = ctx.store.read(&person.scope).await?;
        let held = portal::held(&tx, ctx, &person.subjects).await?;
        Ok(Json(PortalMe {
            email: person.email.clone().unwrap_or_default(),
            known: !person.subjects.is_empty(),
            held: held.into_iter().map(Into::into).collect(),
            connections: portal::connections(&tx, ctx, &person.subjects).await?,
        }))
    }

    /// See who got data about you.
    ///
    /// The systems outside that took something about you, most lately first.
    #[oai(
        path = "/portal/:tenant/recipients",
        method = "get",
        operation_id = "list_portal_recipients"
    )]
    async fn recipients(
        &self,
        person: Person,
        tenant: Path<String>,
    ) -> Result<Json<Page<PortalRecipient>>, ApiError> {
        let (ctx, person) = (&self.0.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let picture = pictures::load(ctx, &person.scope).await?;
        let tx = ctx.store.read(&person.scope).await?;
        let rows = callbacks::recipients_of(&tx, &person.subjects).await?;
        let items = rows.into_iter().map(|row| PortalRecipient {
            endpoint: picture
                .endpoint(row.endpoint_id)
                .map(|endpoint| endpoint.row.name.clone())
                .unwrap_or_default(),
            host: row.host,
            events: row.events,
            first_at: row.first_at,
            last_at: row.last_at,
        });
        Ok(Json(Page {
            items: items.collect(),
            next_cursor: None,
        }))
    }
}
