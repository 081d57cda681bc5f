//! Persons over REST.

use chrono::{DateTime, Utc};
use domain::{
    consents,
    error::Error,
    page::PageIn,
    permissions::Permission,
    requests::{self, NewForSubject},
    subjects,
    subjects::{NewSubject, Person, SubjectPatch},
    tenancy::expect_version,
};
use entity::{
    consent_event::ConsentState,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    request::RequestKind,
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    requests::{Request, Told, one},
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
    withdrawal,
};

/// A person to be added.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectIn {
    /// Your own id for the person: the `sub` of connection tokens.
    external_id: String,
    /// Where the privacy page sends its codes.
    email: Option<String>,
}

/// Changes to a person. What is absent stays; `null` clears.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectPatchIn {
    #[serde(default)]
    email: MaybeUndefined<String>,
    /// Whether processing is restricted (GDPR Art. 18): nothing of theirs passes or is read while it is.
    restricted: Option<bool>,
}

/// A person that data is about.
#[derive(Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Subject {
    id: SubjectId,
    /// Your own id for the person. Absent while they are being erased.
    external_id: Option<String>,
    email: Option<String>,
    /// Whether processing is restricted (GDPR Art. 18).
    restricted: bool,
    created_at: DateTime<Utc>,
    /// When they were last connected.
    last_seen_at: Option<DateTime<Utc>>,
    /// What there is of them; only when one person is read.
    counts: Option<SubjectCounts>,
    version: i32,
}

/// How much there is of a person.
#[derive(Clone, Debug, Object)]
pub struct SubjectCounts {
    /// Messages that can be read now.
    messages: i64,
    /// Records of connections.
    connections: u64,
    /// Recorded consents.
    consents: u64,
    /// Requests.
    requests: u64,
}

impl From<subjects::Counts> for SubjectCounts {
    fn from(counts: subjects::Counts) -> Self {
        Self {
            messages: counts.messages,
            connections: counts.connections,
            consents: counts.consents,
            requests: counts.requests,
        }
    }
}

impl From<Person> for Subject {
    fn from(person: Person) -> Self {
        Self {
            id: person.row.id,
            external_id: person.external_id,
            email: person.email,
            restricted: person.row.restricted_at.is_some(),
            created_at: person.row.created_at,
            last_seen_at: person.row.last_seen_at,
            counts: None,
            version: person.row.version,
        }
    }
}

/// How a person stands to a purpose.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct CurrentConsent {
    purpose_id: PurposeId,
    /// Its slug.
    purpose: String,
    state: ConsentState,
    /// When the person acted.
    since: DateTime<Utc>,
    /// The event that says so.
    event_id: ConsentEventId,
    /// What they were told.
    notice_version_id: Option<NoticeVersionId>,
    /// Whether it allows processing now: given and renewed do, until they expire.
    valid: bool,
    /// From when on it holds no more.
    expires_at: Option<DateTime<Utc>>,
}

impl From<consents::Current> for CurrentConsent {
    fn from(current: consents::Current) -> Self {
        Self {
            purpose_id: current.purpose.id,
            purpose: current.purpose.slug,
            state: current.state,
            since: current.since,
            event_id: current.event_id,
            notice_version_id: current.notice_version_id,
            valid: current.valid,
            expires_at: current.expires_at,
        }
    }
}

/// A request that is being carried out.
#[derive(ApiResponse)]
pub enum AcceptedRequest {
    /// It is being carried out; the request says how it goes.
    #[oai(status = 202)]
    Accepted(Json<Request>),
}

/// Persons.
pub struct SubjectsApi(pub State);

#[OpenApi(tag = "Tag::Subjects")]
impl SubjectsApi {
    /// List persons.
    #[oai(path = "/subjects", method = "get", operation_id = "list_subjects")]
    async fn list(
        &self,
        caller: Caller,
        /// Exactly this id of yours.
        external_id: Query<Option<String>>,
        /// This address, in upper or lower case.
        email: Query<Option<String>>,
        restricted: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Subject>>, ApiError> {
        let scope = caller.may(Permission::SubjectsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = subjects::Filter {
            external_id: external_id.0,
            email: email.0,
            restricted: restricted.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = subjects::list(&tx, &self.0.ctx, &filter, &page).await?;
        drop(tx);
        let mut items = Vec::with_capacity(rows.items.len());
        for row in rows.items {
            items.push(subjects::reveal(&self.0.ctx, row).await?.into());
        }
        Ok(Json(Page {
            items,
            next_cursor: rows.next_cursor,
        }))
    }

    /// Add a person.
    ///
    /// Persons are also added when they first connect or a consent of theirs is recorded.
    #[oai(path = "/subjects", method = "post", operation_id = "create_subject")]
    async fn create(&self, caller: Caller, body: Body<SubjectIn>) -> Result<Created<Subject>, ApiError> {
        let scope = caller.may(Permission::SubjectsWrite)?;
        let new = NewSubject {
            external_id: body.0.external_id,
            email: body.0.email,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let person = subjects::create(&tx, &self.0.ctx, new).await?;
        tx.save().await?;
        Ok(Created::versioned(person.row.version, person))
    }

    /// Read a person.
    #[oai(path = "/subjects/:subject_id", method = "get", operation_id = "read_subject")]
    async fn read(
        &self,
        caller: Caller,
        subject_id: Path<SubjectId>,
    ) -> Result<Versioned<Subject>, ApiError> {
        let scope = caller.may(Permission::SubjectsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = subjects::read(&tx, subject_id.0).await?;
        let counts = subjects::counts(&tx, &self.0.ctx, row.id).await?;
        drop(tx);
        let version = row.version;
        let mut subject = Subject::from(subjects::reveal(&self.0.ctx, row).await?);
        subject.counts = Some(counts.into());
        Ok(Versioned::new(version, subject))
    }

    /// Change a person.
    ///
    /// A restriction closes their sockets before it is answered. The person, by mail, and those who got their data, by webhook,
    /// are told of it; of its end the person is. Once the person asked for it, its end is announced at the request.
    #[oai(
        path = "/subjects/:subject_id",
        method = "patch",
        operation_id = "update_subject"
    )]
    async fn update(
        &self,
        caller: Caller,
        subject_id: Path<SubjectId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<SubjectPatchIn>,
    ) -> Result<Versioned<Subject>, ApiError> {
        let scope = caller.may(Permission::SubjectsWrite)?;
        let patch = SubjectPatch {
            email: body.0.email.into(),
            restricted: body.0.restricted,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = subjects::update(
            &tx,
            &self.0.ctx,
            subject_id.0,
            expected(if_match.0.as_deref())?,
            patch,
        )
        .await?;
        tx.save().await?;
        // What is told of it goes out now.
        self.0.nudge.notify_one();
        if row.restricted_at.is_some() {
            withdrawal::restricted(&self.0, scope, row.id).await;
        }
        Ok(Versioned::new(
            row.version,
            subjects::reveal(&self.0.ctx, row).await?,
        ))
    }

    /// Erase a person.
    ///
    /// An erasure request that you make and that is carried out now: keys first, then rows; the receipt is the request's.
    /// The person gets no mail about it. Needs the person's id of yours once more, since nothing can bring them back.
    #[oai(
        path = "/subjects/:subject_id",
        method = "delete",
        operation_id = "delete_subject"
    )]
    async fn delete(
        &self,
        caller: Caller,
        subject_id: Path<SubjectId>,
        /// The person's `external_id`.
        confirm: Query<Option<String>>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<AcceptedRequest, ApiError> {
        let scope = caller.may(Permission::SubjectsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = subjects::read(&tx, subject_id.0).await?;
        expect_version(row.version, expected(if_match.0.as_deref())?)?;
        let person = subjects::reveal(ctx, row).await?;
        if confirm.0.is_none() || confirm.0 != person.external_id {
            return Err(
                Error::invalid("?confirm", "mismatch", "repeat the person's external_id here").into(),
            );
        }
        let new = NewForSubject {
            kind: RequestKind::Erasure,
            subject: person.row.id,
            note: None,
            notify: false,
            details: requests::Details::default(),
            language: None,
        };
        let request = requests::create_for_subject(&tx, ctx, new).await?;
        let out = one(&tx, ctx, request, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(AcceptedRequest::Accepted(Json(out)))
    }

    /// List how a person stands to purposes.
    #[oai(
        path = "/subjects/:subject_id/consents",
        method = "get",
        operation_id = "list_current_consents"
    )]
    async fn consents(
        &self,
        caller: Caller,
        subject_id: Path<SubjectId>,
    ) -> Result<Json<Page<CurrentConsent>>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        subjects::read(&tx, subject_id.0).await?;
        let items = consents::current(&tx, &self.0.ctx, subject_id.0).await?;
        Ok(Json(Page {
            items: items.into_iter().map(Into::into).collect(),
            next_cursor: None,
        }))
    }
}
