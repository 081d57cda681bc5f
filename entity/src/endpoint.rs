//! A WebSocket that a tenant registered: a channel we serve ourselves, or a relay to an upstream of theirs.

use sea_orm::entity::prelude::*;

use crate::{
    id::{DpiaId, EndpointId, PurposeId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Who the back end is.
    pub enum EndpointKind {
        /// We are: publish and subscribe.
        Channel = "channel",
        /// The tenant is: we pool connections to `upstream_url`.
        Relay = "relay",
    }
}

string_enum! {
    /// When a message is recorded, relative to its delivery.
    pub enum RecordMode {
        Before = "before",
        After = "after",
        Never = "never",
    }
}

string_enum! {
    /// What happens to messages that the catalogue cannot look into: bytes, and text that is not JSON.
    pub enum Opaque {
        /// They are recorded as they are.
        Record = "record",
        /// They are delivered and never recorded.
        Pass = "pass",
        /// They may not pass.
        Refuse = "refuse",
    }
}

string_enum! {
    /// What happens to a person's open sockets when they withdraw the consent that the endpoint rests on.
    pub enum OnWithdrawal {
        Close = "close",
        Silence = "silence",
    }
}

string_enum! {
    /// What happens when a session does not read as fast as messages come for it.
    pub enum SlowConsumer {
        /// It is closed with 4102.
        Disconnect = "disconnect",
        /// The oldest messages that wait for it are dropped.
        DropOldest = "drop_oldest",
        /// Of the same channel and event only the newest message waits.
        Conflate = "conflate",
    }
}

string_enum! {
    /// How the end-users of a relay share sockets to its back end.
    pub enum PoolMode {
        /// A socket for each.
        Session = "session",
        /// Many on a few: the back end speaks `weir.mux.v1`.
        Multiplex = "multiplex",
        /// None: the back end is called over HTTP.
        Webhook = "webhook",
    }
}

string_enum! {
    /// What the pool of a relay was told to do.
    pub enum PoolState {
        /// Serve.
        Open = "open",
        /// Let who comes wait; sockets in use stay.
        Paused = "paused",
        /// Refuse who comes; close ready sockets now and those in use when their sessions end.
        Draining = "draining",
    }
}

string_enum! {
    /// Whether the back end of a relay was proven to be the tenant's.
    pub enum UpstreamState {
        /// Not yet: nobody is led there.
        Unproven = "unproven",
        /// Its host answered the challenge.
        Proven = "proven",
        /// The operator vouches for the networks that it is in.
        Exempt = "exempt",
    }
}

string_enum! {
    /// Why a host did not prove whose it is.
    pub enum ProofFault {
        /// No answer, or none from an address that may be reached.
        Unreachable = "unreachable",
        /// Another status than 200.
        WrongStatus = "wrong_status",
        /// Another text than was asked for.
        WrongAnswer = "wrong_answer",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "endpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EndpointId,
    pub tenant_id: TenantId,
    /// Unique in the tenant; part of `/connect/{tenant}/{endpoint}`.
    pub slug: String,
    pub name: String,
    pub kind: EndpointKind,
    /// The Pusher application id: decimal digits, unique.
    pub app_id: String,
    /// The Pusher application key, public, unique.
    pub app_key: String,
    /// Signs connection tokens and Pusher requests; sealed under the tenant's key.
    pub secret_sealed: Vec<u8>,
    /// The secret before the last rotation, accepted until `previous_secret_until`.
    pub previous_secret_sealed: Option<Vec<u8>>,
    pub previous_secret_until: Option<DateTimeUtc>,
    pub upstream_url: Option<String>,
    /// Whether the back end was proven to be the tenant's.
    pub upstream_state: UpstreamState,
    /// What its host is asked for.
    pub upstream_token: Option<String>,
    pub upstream_proven_at: Option<DateTimeUtc>,
    /// When it was last asked.
    pub upstream_tried_at: Option<DateTimeUtc>,
    /// Why that came to nothing.
    pub upstream_fault: Option<ProofFault>,
    /// Headers of the opening request to the upstream; sealed under the tenant's key.
    pub upstream_headers_sealed: Option<Vec<u8>>,
    /// Their names.
    pub upstream_header_names: Option<Json>,
    /// The certificate that the upstream is shown, and its key; sealed.
    pub upstream_certificate_sealed: Option<Vec<u8>>,
    pub upstream_certificate_expires_at: Option<DateTimeUtc>,
    /// The authorities that the upstream is known by, in PEM.
    pub upstream_ca: Option<String>,
    /// Offered to the upstream as `Sec-WebSocket-Protocol`.
    pub subprotocol: Option<String>,
    /// Warm upstream sockets kept ready.
    pub pool_min: i32,
    /// Most upstream sockets at a time.
    pub pool_max: i32,
    /// How end-users share sockets.
    pub pool_mode: PoolMode,
    /// End-users on one socket, where they share.
    pub sessions_per_socket: i32,
    /// What the pool was told to do.
    pub pool_state: PoolState,
    /// Counts how often the pool was told to replace all its sockets.
    pub pool_generation: i32,
    pub record: RecordMode,
    pub opaque: Opaque,
    /// What the endpoint's messages are processed for.
    pub purpose_id: Option<PurposeId>,
    pub on_withdrawal: OnWithdrawal,
    /// Origins that browsers may connect from; empty: any.
    pub allowed_origins: Json,
    /// Where the keys of EdDSA and RS256 tokens are found (RFC 7517).
    pub jwks_url: Option<String>,
    /// The keys themselves, for those who have no such address.
    pub jwks: Option<Json>,
    /// Bytes.
    pub max_message_bytes: i32,
    /// Whether clients may publish `client-` events.
    pub client_events: bool,
    /// Client events per session and second; 0: any number.
    pub client_events_per_second: i32,
    /// Whether subscribers hear how many there are on a channel.
    pub subscription_counts: bool,
    /// Members of one presence channel.
    pub presence_members: i32,
    /// Channels that one session may be on.
    pub channels_per_session: i32,
    pub slow_consumer: SlowConsumer,
    /// Open connections on the endpoint; none: as many as the tenant has.
    pub max_connections: Option<i32>,
    /// Open connections of one person on the endpoint.
    pub max_connections_per_subject: Option<i32>,
    /// Open connections from one address on the endpoint.
    pub max_connections_per_address: Option<i32>,
    /// Messages from one session per second; 0: any number.
    pub messages_per_second: i32,
    /// Payload bytes from one session per second; 0: any number.
    pub bytes_per_second: i32,
    /// Seconds in which a session must say whose it is; none: only where a consent has to be known.
    pub authenticate_within_seconds: Option<i32>,
    /// Somebody said that it needs an impact assessment (GDPR Art. 35).
    pub dpia_required: bool,
    /// The assessment that it rests on.
    pub dpia_id: Option<DpiaId>,
    pub enabled: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
