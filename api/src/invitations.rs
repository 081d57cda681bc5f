//! Invitations over REST.

use chrono::{DateTime, Utc};
use domain::{
    invitations::{self, Acceptance, NewInvitation},
    page::PageIn,
    permissions::Permission,
};
use entity::{id::InvitationId, invitation, member::Role};
use poem::Request;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page},
    sign_ins::{SignedInResponse, client},
    state::State,
    tags::Tag,
};

/// Somebody to be invited.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationIn {
    /// Where the link is mailed to.
    email: String,
    /// What they shall be.
    role: Role,
}

/// An invitation to become a member.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Invitation {
    id: InvitationId,
    email: String,
    role: Role,
    /// The name of who invited.
    invited_by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
}

impl From<invitation::Model> for Invitation {
    fn from(row: invitation::Model) -> Self {
        Self {
            id: row.id,
            email: row.email,
            role: row.role,
            invited_by: row.invited_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            accepted_at: row.accepted_at,
        }
    }
}

/// Somebody who follows the link.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptanceIn {
    /// From the link.
    token: String,
    /// Needed if you have no account yet.
    name: Option<String>,
    /// The password of your account, or of the one that is made for you.
    password: String,
}

/// Invitations.
pub(crate) struct InvitationsApi(pub(crate) State);

#[OpenApi(tag = "Tag::Tenant")]
impl InvitationsApi {
    /// List invitations.
    #[oai(path = "/invitations", method = "get", operation_id = "list_invitations")]
    async fn list(
        &self,
        caller: Caller,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Invitation>>, ApiError> {
        let scope = caller.may(Permission::MembersRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = invitations::list(&tx, &page).await?;
        Ok(Page::from(rows, Invitation::from))
    }

    /// Invite somebody.
    ///
    /// They get a link by mail that works for seven days. Your own address must be verified first.
    #[oai(path = "/invitations", method = "post", operation_id = "create_invitation")]
    async fn create(
        &self,
        caller: Caller,
        body: Body<InvitationIn>,
    ) -> Result<Created<Invitation>, ApiError> {
        let scope = caller.may(Permission::MembersWrite)?;
        let new = NewInvitation {
            email: body.0.email,
            role: body.0.role,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = invitations::create(&tx, &self.0.ctx, caller.inner(), new).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Created::fixed(row))
    }

    /// Withdraw an invitation.
    #[oai(
        path = "/invitations/:invitation_id",
        method = "delete",
        operation_id = "delete_invitation"
    )]
    async fn delete(&self, caller: Caller, invitation_id: Path<InvitationId>) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::MembersWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        invitations::delete(&tx, &self.0.ctx, invitation_id.0).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }

    /// Accept an invitation.
    ///
    /// Makes an account if there is none, and signs in. Needs no credential but the link's token.
    #[oai(
        path = "/invitations/accept",
        method = "post",
        operation_id = "accept_invitation"
    )]
    async fn accept(&self, req: &Request, body: Body<AcceptanceIn>) -> Result<SignedInResponse, ApiError> {
        let acceptance = Acceptance {
            token: body.0.token.into(),
            name: body.0.name,
            password: body.0.password.into(),
            client: client(req),
        };
        let signed = invitations::accept(&self.0.ctx, acceptance).await?;
        Ok(SignedInResponse::new(&self.0, signed))
    }
}
