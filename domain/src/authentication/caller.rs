//! Who is asking, once that is proven.

use std::sync::Arc;

use entity::{
    id::{AccountId, ApiKeyId, MemberId, SignInId},
    member::Role,
};

use crate::{
    error::{Error, Result},
    permissions::{self, Permission},
    tenancy::TenantScope,
};

/// What kind of credential proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A person, by a session.
    Member {
        /// The person.
        account_id: AccountId,
        /// Their membership of the tenant.
        member_id: MemberId,
        /// What they are there.
        role: Role,
        /// The session.
        sign_in_id: SignInId,
        /// Whether the address was proven to be theirs.
        email_verified: bool,
    },
    /// A program, by an API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
    },
}

/// A member's session, for what only persons may do.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The person.
    pub account_id: AccountId,
    /// Their membership of the tenant.
    pub member_id: MemberId,
    /// What they are there.
    pub role: Role,
    /// The session.
    pub sign_in_id: SignInId,
    /// Whether the address was proven to be theirs.
    pub email_verified: bool,
}

/// Who is asking. Made by [`super::authenticate`]; cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) scope: TenantScope,
    pub(super) kind: CallerKind,
    pub(super) permissions: Arc<[Permission]>,
    pub(super) name: Arc<str>,
}

impl Caller {
    /// The right to work on the tenant's data, given that the caller may do this.
    ///
    /// # Errors
    /// `Forbidden` when they may not.
    pub fn may(&self, permission: Permission) -> Result<&TenantScope> {
        if self.permissions.contains(&permission) {
            Ok(&self.scope)
        } else {
            Err(Error::Forbidden {
                permission: permission.as_str(),
            })
        }
    }

    /// The right to work on the tenant's data, for what every caller may do.
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// What kind of credential proved it.
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// What the caller may do.
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// The person's or the key's name, to be shown. Personal: not for logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person behind the call.
    ///
    /// # Errors
    /// `Forbidden` for a program: it has no profile, no password and no sessions.
    pub fn person(&self) -> Result<Person> {
        match self.kind {
            CallerKind::Member {
                account_id,
                member_id,
                role,
                sign_in_id,
                email_verified,
            } => Ok(Person {
                account_id,
                member_id,
                role,
                sign_in_id,
                email_verified,
            }),
            CallerKind::ApiKey { .. } => Err(Error::Forbidden {
                permission: "of a signed-in member",
            }),
        }
    }

    /// Refuses when the caller would make, change or remove somebody who may do more than they may themselves. Owners
    /// are the matter of owners.
    pub(crate) fn outranks(&self, role: Role) -> Result<()> {
        let owner = matches!(
            self.kind,
            CallerKind::Member {
                role: Role::Owner,
                ..
            }
        );
        if role == Role::Owner && !owner {
            return Err(Error::Forbidden {
                permission: "of an owner",
            });
        }
        permissions::of_role(role)
            .into_iter()
            .try_for_each(|permission| self.may(permission).map(drop))
    }
}
