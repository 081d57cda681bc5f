//! The own account over REST: sign up, profile, verification of the address, a new password.

use chrono::{DateTime, Utc};
use domain::{
    accounts::{self, AccountPatch, NewPassword, SignUp, password_reset, verification},
    api_keys,
    authentication::{self, CallerKind},
    members, sign_ins, tenants,
};
use entity::{account, id::AccountId};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use serde::Deserialize;

use crate::{
    api_keys::ApiKey,
    body::Body,
    caller::Caller,
    limits::client_address,
    members::Member,
    problem::ApiError,
    responses::{Accepted, NoContent},
    sign_ins::{client, cookie},
    state::State,
    tags::Tag,
    tenant::Tenant,
};

/// A new tenant and its owner.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpIn {
    tenant: SignUpTenant,
    owner: SignUpOwner,
    /// Of pages and mails, BCP 47; `en` if absent.
    language: Option<String>,
}

/// A new tenant.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpTenant {
    name: String,
    /// 3 to 40 of `a-z`, `0-9` and `-`, for addresses; made from the name if absent. Never changes.
    slug: Option<String>,
}

/// Its owner.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpOwner {
    name: String,
    email: String,
    /// 10 to 128 characters, not one of the commonest.
    password: String,
}

/// A tenant that was just founded.
#[derive(Object)]
pub(crate) struct SignedUp {
    tenant: Tenant,
    member: Member,
    session: SessionToken,
}

/// What proves a session.
#[derive(Object)]
pub(crate) struct SessionToken {
    /// Proves who you are, as `Authorization: Bearer`. Not shown again.
    token: String,
    /// When it ends if it is not used: every use puts that off, up to 90 days after signing in.
    expires_at: DateTime<Utc>,
}

impl From<sign_ins::SignedIn> for SignedUp {
    fn from(signed: sign_ins::SignedIn) -> Self {
        Self {
            tenant: signed.tenant.into(),
            member: signed.member.into(),
            session: SessionToken {
                token: signed.token.into_inner(),
                expires_at: signed.expires_at,
            },
        }
    }
}

/// A tenant was founded.
#[derive(ApiResponse)]
pub(crate) enum SignedUpResponse {
    /// The tenant is there and you are signed in.
    #[oai(status = 201)]
    Created(
        Json<SignedUp>,
        /// The session as a cookie, for browsers.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// Who is calling.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Me {
    /// The person, for a session.
    account: Option<Account>,
    /// What they are for the tenant, for a session.
    member: Option<Member>,
    /// The key, for a program.
    api_key: Option<ApiKey>,
    tenant: Tenant,
    /// What the caller may do.
    permissions: Vec<String>,
}

/// A person who signs in.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Account {
    id: AccountId,
    name: String,
    email: String,
    /// Since when the address is proven to be theirs.
    email_verified_at: Option<DateTime<Utc>>,
}

impl From<account::Model> for Account {
    fn from(row: account::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            email_verified_at: row.email_verified_at,
        }
    }
}

/// Changes to the own account. What is absent stays.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatchIn {
    name: Option<String>,
    /// Ends all other sessions.
    password: Option<PasswordChange>,
}

/// Another password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The one that stands.
    current: String,
    /// 10 to 128 characters, not one of the commonest.
    new: String,
}

impl From<MePatchIn> for AccountPatch {
    fn from(input: MePatchIn) -> Self {
        Self {
            name: input.name,
            password: input.password.map(|password| NewPassword {
                current: password.current.into(),
                new: password.new.into(),
            }),
        }
    }
}

/// The token of a mailed link.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkTokenIn {
    /// From the link.
    token: String,
}

/// An address that is proven.
#[derive(Object)]
pub(crate) struct VerifiedEmail {
    email: String,
}

/// Who forgot their password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordResetIn {
    email: String,
}

/// A new password, by a mailed link.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPasswordIn {
    /// From the link.
    token: String,
    /// 10 to 128 characters, not one of the commonest.
    password: String,
}

/// The own account.
pub(crate) struct AccountApi(pub(crate) State);

impl AccountApi {
    async fn me(&self, caller: &authentication::Caller) -> Result<Json<Me>, ApiError> {
        let tx = self.0.ctx.store.read(caller.scope()).await?;
        let mut me = Me {
            account: None,
            member: None,
            api_key: None,
            tenant: tenants::read(&tx).await?.into(),
            permissions: caller
                .permissions()
                .iter()
                .map(|permission| permission.as_str().to_owned())
                .collect(),
        };
        match caller.kind() {
            CallerKind::Member {
                account_id,
                member_id,
                ..
            } => {
                me.account = Some(accounts::read(&tx, account_id).await?.into());
                me.member = Some(members::read(&tx, member_id).await?.into());
            }
            CallerKind::ApiKey { id } => me.api_key = Some(api_keys::read(&tx, id).await?.into()),
        }
        Ok(Json(me))
    }
}

#[OpenApi(tag = "Tag::Account")]
impl AccountApi {
    /// Sign up.
    ///
    /// Founds a tenant with you as its owner, signs you in, and mails the link that verifies your address.
    #[oai(path = "/sign-up", method = "post", operation_id = "sign_up")]
    async fn sign_up(&self, req: &Request, body: Body<SignUpIn>) -> Result<SignedUpResponse, ApiError> {
        let SignUpIn {
            tenant,
            owner,
            language,
        } = body.0;
        let new = SignUp {
            tenant_name: tenant.name,
            tenant_slug: tenant.slug,
            owner_name: owner.name,
            owner_email: owner.email,
            owner_password: owner.password.into(),
            language,
            client: client(req),
        };
        let signed = accounts::sign_up(&self.0.ctx, new).await?;
        self.0.nudge.notify_one();
        let cookie = cookie(&self.0, signed.token.expose());
        Ok(SignedUpResponse::Created(Json(signed.into()), cookie))
    }

    /// Read who you are.
    #[oai(path = "/me", method = "get", operation_id = "read_me")]
    async fn read(&self, caller: Caller) -> Result<Json<Me>, ApiError> {
        self.me(caller.inner()).await
    }

    /// Change your account.
    ///
    /// Another password ends all your other sessions.
    #[oai(path = "/me", method = "patch", operation_id = "update_me")]
    async fn update(&self, caller: Caller, body: Body<MePatchIn>) -> Result<Json<Me>, ApiError> {
        accounts::update(&self.0.ctx, caller.inner(), body.0.into()).await?;
        self.me(caller.inner()).await
    }

    /// Ask for the link that verifies your address once more.
    #[oai(
        path = "/email-verifications",
        method = "post",
        operation_id = "create_email_verification"
    )]
    async fn resend_verification(&self, caller: Caller) -> Result<Accepted, ApiError> {
        verification::resend(&self.0.ctx, caller.inner()).await?;
        self.0.nudge.notify_one();
        Ok(Accepted::Accepted)
    }

    /// Verify an address.
    ///
    /// Needs no credential but the link's token.
    #[oai(
        path = "/email-verifications/confirm",
        method = "post",
        operation_id = "confirm_email_verification"
    )]
    async fn confirm_verification(&self, body: Body<LinkTokenIn>) -> Result<Json<VerifiedEmail>, ApiError> {
        let email = verification::confirm(&self.0.ctx, &body.0.token).await?;
        Ok(Json(VerifiedEmail { email }))
    }

    /// Ask for a link to set a new password.
    ///
    /// The answer is the same whether there is such an account or not. The link works for an hour.
    #[oai(
        path = "/password-resets",
        method = "post",
        operation_id = "create_password_reset"
    )]
    async fn request_reset(&self, req: &Request, body: Body<PasswordResetIn>) -> Result<Accepted, ApiError> {
        let address = client_address(req, self.0.settings.trust_forwarded);
        password_reset::request(&self.0.ctx, &body.0.email, address).await?;
        self.0.nudge.notify_one();
        Ok(Accepted::Accepted)
    }

    /// Set a new password.
    ///
    /// Ends all your sessions. Needs no credential but the link's token.
    #[oai(
        path = "/password-resets/confirm",
        method = "post",
        operation_id = "confirm_password_reset"
    )]
    async fn confirm_reset(&self, body: Body<NewPasswordIn>) -> Result<NoContent, ApiError> {
        password_reset::confirm(&self.0.ctx, &body.0.token, &body.0.password.into()).await?;
        Ok(NoContent::Done)
    }
}
