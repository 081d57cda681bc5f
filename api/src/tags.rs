//! The chapters of the API description.

use poem_openapi::Tags;

/// A chapter.
#[derive(Tags)]
pub enum Tag {
    /// Sign up, sign in, the own account.
    Account,
    /// The tenant, its members and credentials.
    Tenant,
    /// The WebSockets a tenant registers, and publishing to them.
    Endpoints,
    /// Who is told what happens on them, and what they were told.
    Webhooks,
    /// What data there is and why: data types, purposes, notices.
    Catalogue,
    /// How long what is kept.
    Retention,
    /// The persons that data is about, and their consents.
    Subjects,
    /// Who is and was connected.
    Connections,
    /// What passed.
    Messages,
    /// Requests of data subjects.
    Requests,
    /// Personal-data breaches: the register, the authority, the persons.
    Incidents,
    /// What happened, with proofs, and the work going on behind.
    Audit,
    /// The data subject's own page.
    Portal,
}
