//! Typed ids: a `SubjectId` cannot be passed where an `EndpointId` is asked for.

use sea_orm::DbErr;
use uuid::Uuid;

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
                 serde::Serialize, serde::Deserialize, sea_orm::DeriveValueType)]
        #[cfg_attr(feature = "openapi", derive(poem_openapi::NewType))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self { Self(id) }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self { id.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }

        // SeaORM asks this of every primary key; a UUID key is never a row number.
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    )* };
}

typed_ids! {
    /// A customer organisation: the unit of isolation.
    TenantId;
    /// A person who signs in, known by an e-mail address, member of one or more tenants.
    AccountId;
    /// An account's membership of one tenant.
    MemberId;
    /// An open invitation to become a member.
    InvitationId;
    /// A signed-in browser or program of an account.
    SignInId;
    /// A link that was mailed to an account: verification or password reset.
    MailedTokenId;
    /// A machine credential of a tenant.
    ApiKeyId;
    /// A WebSocket that a tenant registered.
    EndpointId;
    /// An entry of the data catalogue.
    DataTypeId;
    /// What is left of a message that was anonymised.
    AnonymisedMessageId;
    /// A reason for processing.
    PurposeId;
    /// A text that consents refer to, in versions.
    NoticeId;
    /// One published version of a notice in one language.
    NoticeVersionId;
    /// How long something is kept.
    RetentionRuleId;
    /// A change of the rules that waits.
    RetentionChangeId;
    /// A legal hold.
    HoldId;
    /// What became of all that came into a class, at one moment.
    BalanceId;
    /// A person that data is about.
    SubjectId;
    /// One recorded change of a consent.
    ConsentEventId;
    /// Consents that are taken over in bulk.
    ConsentImportId;
    /// A personal-data breach.
    IncidentId;
    /// What the authority was told of one.
    IncidentNoticeId;
    /// A data protection impact assessment.
    DpiaId;
    /// An audit report.
    ReportId;
    /// One end-user connection (a session).
    ConnectionId;
    /// A data subject's request.
    RequestId;
    /// One step of a request.
    RequestEventId;
    /// A message about a request.
    RequestMessageId;
    /// Something that a person had corrected.
    CorrectionId;
    /// A one-time code for the privacy page.
    PortalCodeId;
    /// A person signed in on the privacy page.
    PortalSignInId;
    /// A package made for an access request.
    ExportId;
    /// An entry of the audit log.
    AuditEventId;
    /// Somebody outside who vouches for a log.
    LogWitnessId;
    /// A piece of background work.
    JobId;
    /// A mail waiting to be sent, or sent.
    MailId;
    /// A remembered answer to a request with an `Idempotency-Key`.
    IdempotencyId;
    /// An address that is told what happens on an endpoint.
    WebhookId;
    /// That a recipient was told to do as was done here.
    CallbackId;
    /// A batch of events on its way to a webhook, or told.
    WebhookDeliveryId;
    /// That a channel was occupied or vacated.
    LifecycleEventId;
}
