//! Members over REST.

use chrono::{DateTime, Utc};
use domain::{
    members::{self, Membership},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    id::{AccountId, MemberId},
    member::Role,
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{NoContent, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// A person who may act for the tenant.
#[derive(Clone, Debug, Object)]
pub(crate) struct Member {
    id: MemberId,
    /// The person; the same at every tenant.
    account_id: AccountId,
    name: String,
    email: String,
    role: Role,
    created_at: DateTime<Utc>,
    version: i32,
}

impl From<Membership> for Member {
    fn from(membership: Membership) -> Self {
        let Membership { member, name, email } = membership;
        Self {
            id: member.id,
            account_id: member.account_id,
            name,
            email,
            role: member.role,
            created_at: member.created_at,
            version: member.version,
        }
    }
}

/// Changes to a member. What is absent stays.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberPatchIn {
    role: Option<Role>,
}

/// Members.
pub(crate) struct MembersApi(pub(crate) State);

#[OpenApi(tag = "Tag::Tenant")]
impl MembersApi {
    /// List members.
    #[oai(path = "/members", method = "get", operation_id = "list_members")]
    async fn list(
        &self,
        caller: Caller,
        role: Query<Option<Role>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Member>>, ApiError> {
        let scope = caller.may(Permission::MembersRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = members::list(&tx, role.0, &page).await?;
        Ok(Page::from(rows, Member::from))
    }

    /// Read a member.
    #[oai(path = "/members/:member_id", method = "get", operation_id = "read_member")]
    async fn read(&self, caller: Caller, member_id: Path<MemberId>) -> Result<Versioned<Member>, ApiError> {
        let scope = caller.may(Permission::MembersRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = members::read(&tx, member_id.0).await?;
        Ok(Versioned::new(row.member.version, row))
    }

    /// Give a member another role.
    ///
    /// It counts at once, in open sessions too. Nobody gives a role that may do more than they may themselves, and only
    /// owners make owners.
    #[oai(
        path = "/members/:member_id",
        method = "patch",
        operation_id = "update_member"
    )]
    async fn update(
        &self,
        caller: Caller,
        member_id: Path<MemberId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<MemberPatchIn>,
    ) -> Result<Versioned<Member>, ApiError> {
        let scope = caller.may(Permission::MembersWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let caller = caller.inner();
        let row = members::update(&tx, &self.0.ctx, caller, member_id.0, expected, body.0.role).await?;
        tx.save().await?;
        Ok(Versioned::new(row.member.version, row))
    }

    /// Remove a member.
    ///
    /// Their sessions end at once. The last owner cannot go (409 `last_owner`). Who is no member of any tenant any more
    /// is forgotten.
    #[oai(
        path = "/members/:member_id",
        method = "delete",
        operation_id = "delete_member"
    )]
    async fn delete(
        &self,
        caller: Caller,
        member_id: Path<MemberId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::MembersWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        members::delete(&tx, &self.0.ctx, caller.inner(), member_id.0, expected).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }
}
