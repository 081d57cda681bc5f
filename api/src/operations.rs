//! Which operations there are. A new resource gets its two lines here.

use crate::{
    account, anonymised_messages, api_keys, audit, balances, callbacks, channels, connections,
    consent_imports, consents, data_types, dpias, endpoints, gpc, holds, incidents, invitations, jobs,
    jurisdictions, log_witnesses, mails, members, messages, notices, pools, portal, processing_records,
    publish, purposes, reports, requests, retention, retention_changes, retention_rules, session_messages,
    sign_ins, state::State, subjects, tenant, tenant_key, upstreams, webhooks,
};

/// Who signs in, and for whom.
type SignInOperations = (
    account::AccountApi,
    sign_ins::SignInsApi,
    tenant::TenantApi,
    tenant_key::TenantKeyApi,
    members::MembersApi,
    invitations::InvitationsApi,
    api_keys::ApiKeysApi,
);

fn sign_in_operations(state: &State) -> SignInOperations {
    (
        account::AccountApi(state.clone()),
        sign_ins::SignInsApi(state.clone()),
        tenant::TenantApi(state.clone()),
        tenant_key::TenantKeyApi(state.clone()),
        members::MembersApi(state.clone()),
        invitations::InvitationsApi(state.clone()),
        api_keys::ApiKeysApi(state.clone()),
    )
}

/// What is declared, and who consents.
type DeclaredOperations = (
    data_types::DataTypesApi,
    purposes::PurposesApi,
    notices::NoticesApi,
    retention_rules::RetentionRulesApi,
    retention_changes::RetentionChangesApi,
    subjects::SubjectsApi,
    consents::ConsentsApi,
    consent_imports::ConsentImportsApi,
    gpc::GpcApi,
);

fn declared_operations(state: &State) -> DeclaredOperations {
    (
        data_types::DataTypesApi(state.clone()),
        purposes::PurposesApi(state.clone()),
        notices::NoticesApi(state.clone()),
        retention_rules::RetentionRulesApi(state.clone()),
        retention_changes::RetentionChangesApi(state.clone()),
        subjects::SubjectsApi(state.clone()),
        consents::ConsentsApi(state.clone()),
        consent_imports::ConsentImportsApi(state.clone()),
        gpc::GpcApi(state.clone()),
    )
}

/// What passed, who was there, and how long either is kept.
type RecordedOperations = (
    retention::RetentionApi,
    holds::HoldsApi,
    anonymised_messages::AnonymisedMessagesApi,
    balances::BalancesApi,
    connections::ConnectionsApi,
    channels::ChannelsApi,
    messages::MessagesApi,
);

fn recorded_operations(state: &State) -> RecordedOperations {
    (
        retention::RetentionApi(state.clone()),
        holds::HoldsApi(state.clone()),
        anonymised_messages::AnonymisedMessagesApi(state.clone()),
        balances::BalancesApi(state.clone()),
        connections::ConnectionsApi(state.clone()),
        channels::ChannelsApi(state.clone()),
        messages::MessagesApi(state.clone()),
    )
}

/// The data subject's own page.
type PortalOperations = (
    portal::PortalApi,
    portal::sign_in::PortalSignInApi,
    portal::held::PortalHeldApi,
    portal::consents::PortalConsentsApi,
    portal::requests::PortalRequestsApi,
);

fn portal_operations(state: &State) -> PortalOperations {
    (
        portal::PortalApi(state.clone()),
        portal::sign_in::PortalSignInApi::new(state.clone()),
        portal::held::PortalHeldApi(state.clone()),
        portal::consents::PortalConsentsApi(state.clone()),
        portal::requests::PortalRequestsApi(state.clone()),
    )
}

/// What data subjects ask for, and the work behind it.
type RightsOperations = (
    requests::RequestsApi,
    requests::clock::RequestClockApi,
    requests::correspondence::CorrespondenceApi,
    jurisdictions::JurisdictionsApi,
    callbacks::CallbacksApi,
    PortalOperations,
    mails::MailsApi,
    jobs::JobsApi,
);

/// What the tenant answers to authorities for.
type AccountableOperations = (
    incidents::IncidentsApi,
    incidents::told::IncidentNoticesApi,
    dpias::DpiasApi,
    reports::ReportsApi,
    processing_records::ProcessingRecordsApi,
);

fn accountable_operations(state: &State) -> AccountableOperations {
    (
        incidents::IncidentsApi(state.clone()),
        incidents::told::IncidentNoticesApi(state.clone()),
        dpias::DpiasApi(state.clone()),
        reports::ReportsApi(state.clone()),
        processing_records::ProcessingRecordsApi(state.clone()),
    )
}

fn rights_operations(state: &State) -> RightsOperations {
    (
        requests::RequestsApi(state.clone()),
        requests::clock::RequestClockApi(state.clone()),
        requests::correspondence::CorrespondenceApi(state.clone()),
        jurisdictions::JurisdictionsApi,
        callbacks::CallbacksApi(state.clone()),
        portal_operations(state),
        mails::MailsApi::new(state.clone()),
        jobs::JobsApi(state.clone()),
    )
}

/// What tenants register, and what it is connected to.
type EndpointOperations = (
    endpoints::EndpointsApi,
    publish::PublishApi,
    pools::PoolsApi,
    upstreams::UpstreamsApi,
    session_messages::SessionMessagesApi,
    webhooks::WebhooksApi,
);

fn endpoint_operations(state: &State) -> EndpointOperations {
    (
        endpoints::EndpointsApi(state.clone()),
        publish::PublishApi(state.clone()),
        pools::PoolsApi(state.clone()),
        upstreams::UpstreamsApi(state.clone()),
        session_messages::SessionMessagesApi(state.clone()),
        webhooks::WebhooksApi(state.clone()),
    )
}

/// What is proven.
type LogOperations = (audit::AuditApi, log_witnesses::LogWitnessesApi);

fn log_operations(state: &State) -> LogOperations {
    (
        audit::AuditApi(state.clone()),
        log_witnesses::LogWitnessesApi(state.clone()),
    )
}

/// All operations, in the chapters of the description.
pub(crate) type Operations = (
    SignInOperations,
    DeclaredOperations,
    RecordedOperations,
    RightsOperations,
    AccountableOperations,
    EndpointOperations,
    LogOperations,
);

pub(crate) fn all(state: &State) -> Operations {
    (
        sign_in_operations(state),
        declared_operations(state),
        recorded_operations(state),
        rights_operations(state),
        accountable_operations(state),
        endpoint_operations(state),
        log_operations(state),
    )
}
