//! Who is told of an incident: the authority (GDPR Art. 33) and the persons (Art. 34).

use domain::{
    incidents::{self, NewNotice},
    page::PageIn,
    permissions::Permission,
    tenancy::TenantScope,
};
use entity::id::{IncidentId, IncidentNoticeId};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::{Html, Json},
};
use serde_json::Value;

use super::bodies::{IncidentMailIn, IncidentMails, IncidentNotice, IncidentNoticeIn};
use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page},
    state::State,
    tags::Tag,
    versions::expected,
};

/// The mails were ordered.
#[derive(ApiResponse)]
pub enum MailsOrdered {
    /// They are written some at a time; ask again for how far that has come.
    #[oai(status = 202)]
    Accepted(Json<IncidentMails>),
}

/// Notices and mails of incidents.
pub struct IncidentNoticesApi(pub State);

#[OpenApi(tag = "Tag::Incidents")]
impl IncidentNoticesApi {
    /// Read the notification to the authority as it stands.
    #[oai(
        path = "/incidents/:incident_id/form",
        method = "get",
        operation_id = "read_incident_form"
    )]
    async fn form(&self, caller: Caller, incident_id: Path<IncidentId>) -> Result<Json<Value>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        Ok(Json(self.filled(scope, incident_id.0).await?))
    }

    /// Take the notification to the authority as a page to print.
    #[oai(
        path = "/incidents/:incident_id/form.html",
        method = "get",
        operation_id = "read_incident_form_page"
    )]
    async fn form_page(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
    ) -> Result<Html<String>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let form = self.filled(scope, incident_id.0).await?;
        Ok(Html(incidents::page(&form)?))
    }

    /// Note that the authority is told.
    ///
    /// Keeps the form as it is now, and a leaf with its hash. The first notice stops the clock; after 72 hours it needs a
    /// reason. What becomes known later follows in further notices (Art. 33(4)).
    #[oai(
        path = "/incidents/:incident_id/notifications",
        method = "post",
        operation_id = "notify_incident"
    )]
    async fn notify(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<IncidentNoticeIn>,
    ) -> Result<Created<IncidentNotice>, ApiError> {
        let scope = caller.may(Permission::IncidentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let new = NewNotice {
            note: body.0.note,
            late_reason: body.0.late_reason,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = incidents::notify(&tx, &self.0.ctx, incident_id.0, expected, new).await?;
        tx.save().await?;
        Ok(Created::fixed(row))
    }

    /// List what the authority was told.
    #[oai(
        path = "/incidents/:incident_id/notifications",
        method = "get",
        operation_id = "list_incident_notifications"
    )]
    async fn notices(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<IncidentNotice>>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = incidents::list_notices(&tx, incident_id.0, &page).await?;
        Ok(Page::from(rows, IncidentNotice::from))
    }

    /// Take what the authority was told as a page to print.
    #[oai(
        path = "/incidents/:incident_id/notifications/:notification_id/form.html",
        method = "get",
        operation_id = "read_incident_notification_page"
    )]
    async fn notice_page(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        notification_id: Path<IncidentNoticeId>,
    ) -> Result<Html<String>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let notice = incidents::read_notice(&tx, incident_id.0, notification_id.0).await?;
        Ok(Html(incidents::page(&notice.form)?))
    }

    /// Mail the persons whom an incident touched.
    ///
    /// Everybody whom the scope found is told once, however often this is ordered.
    #[oai(
        path = "/incidents/:incident_id/mails",
        method = "post",
        operation_id = "mail_incident_subjects"
    )]
    async fn mail(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        body: Body<IncidentMailIn>,
    ) -> Result<MailsOrdered, ApiError> {
        let scope = caller.may(Permission::IncidentsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let everybody = body.0.everybody.unwrap_or(false);
        let told = incidents::order_mails(&tx, ctx, incident_id.0, body.0.message, everybody).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(MailsOrdered::Accepted(Json(told.into())))
    }

    /// Read how far telling the persons has come.
    #[oai(
        path = "/incidents/:incident_id/mails",
        method = "get",
        operation_id = "read_incident_mails"
    )]
    async fn mails(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
    ) -> Result<Json<IncidentMails>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = incidents::read(&tx, incident_id.0).await?;
        Ok(Json(incidents::told(&tx, &row).await?.into()))
    }
}

impl IncidentNoticesApi {
    async fn filled(&self, scope: &TenantScope, id: IncidentId) -> domain::Result<Value> {
        let tx = self.0.ctx.store.read(scope).await?;
        let row = incidents::read(&tx, id).await?;
        let phase = incidents::next_phase(&tx, id).await?;
        incidents::form(&tx, &self.0.ctx, &row, phase).await
    }
}
