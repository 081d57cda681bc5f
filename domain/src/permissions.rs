//! What may be done, and which role may do it. The same names are the scopes of API keys.

use entity::member::Role;
use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Something that a caller may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl Permission {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Permission] = &[$(Permission::$variant,)*];

            /// The published spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The permission of a spelling, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

permissions! {
    /// See the tenant and its usage.
    TenantRead = "tenant:read",
    /// Change the tenant.
    TenantWrite = "tenant:write",
    /// Delete the tenant, for good.
    TenantDelete = "tenant:delete",
    /// See members and invitations.
    MembersRead = "members:read",
    /// Invite, change roles, remove.
    MembersWrite = "members:write",
    /// See, make and revoke API keys.
    KeysWrite = "keys:write",
    /// See endpoints, channels and pools.
    EndpointsRead = "endpoints:read",
    /// Register, change and delete endpoints; mint tokens.
    EndpointsWrite = "endpoints:write",
    /// See webhooks and what they were told.
    WebhooksRead = "webhooks:read",
    /// Make, change and delete webhooks; test and replay.
    WebhooksWrite = "webhooks:write",
    /// See data types, purposes and notices.
    CatalogueRead = "catalogue:read",
    /// Change them.
    CatalogueWrite = "catalogue:write",
    /// See retention rules and what they hold.
    RulesRead = "rules:read",
    /// Change retention rules.
    RulesWrite = "rules:write",
    /// See legal holds, and which messages they keep.
    HoldsRead = "holds:read",
    /// Place, change and lift legal holds.
    HoldsWrite = "holds:write",
    /// See persons.
    SubjectsRead = "subjects:read",
    /// Add, change and erase persons.
    SubjectsWrite = "subjects:write",
    /// See consents.
    ConsentsRead = "consents:read",
    /// Record consents.
    ConsentsWrite = "consents:write",
    /// See who is and was connected.
    ConnectionsRead = "connections:read",
    /// Disconnect.
    ConnectionsWrite = "connections:write",
    /// See that messages are there: when, where, how large, of whom.
    MessagesRead = "messages:read",
    /// Publish.
    MessagesWrite = "messages:write",
    /// Read what messages say; every use is recorded.
    MessagesUnseal = "messages:unseal",
    /// See requests.
    RequestsRead = "requests:read",
    /// Make, decide and fulfil requests.
    RequestsWrite = "requests:write",
    /// See incidents.
    IncidentsRead = "incidents:read",
    /// Enter incidents, tell authorities and persons.
    IncidentsWrite = "incidents:write",
    /// See impact assessments.
    AssessmentsRead = "assessments:read",
    /// Make and decide impact assessments.
    AssessmentsWrite = "assessments:write",
    /// See audit reports and records of processing.
    ReportsRead = "reports:read",
    /// Make audit reports.
    ReportsWrite = "reports:write",
    /// See the audit log, the background work and take receipts.
    AuditRead = "audit:read",
}

/// What a role may do.
pub fn of_role(role: Role) -> Vec<Permission> {
    use Permission as P;
    let may = |permission: &Permission| match role {
        Role::Owner => true,
        Role::Admin => *permission != P::TenantDelete,
        Role::Dpo => !matches!(
            permission,
            P::TenantWrite
                | P::TenantDelete
                | P::MembersWrite
                | P::KeysWrite
                | P::EndpointsWrite
                | P::WebhooksWrite
                | P::MessagesWrite
        ),
        Role::Developer => !matches!(
            permission,
            P::TenantWrite
                | P::TenantDelete
                | P::MembersWrite
                | P::RulesWrite
                | P::HoldsRead
                | P::HoldsWrite
                | P::MessagesUnseal
                | P::RequestsRead
                | P::RequestsWrite
                | P::IncidentsWrite
                | P::AssessmentsWrite
                | P::ReportsWrite
        ),
        Role::Auditor => permission.as_str().ends_with(":read"),
    };
    Permission::ALL.iter().copied().filter(may).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_changes_nothing_and_unseals_nothing() {
        assert!(
            of_role(Role::Auditor)
                .iter()
                .all(|permission| permission.as_str().ends_with(":read"))
        );
    }

    #[test]
    fn spellings_come_back() {
        assert!(
            Permission::ALL
                .iter()
                .all(|permission| Permission::parse(permission.as_str()) == Some(*permission))
        );
    }
}
