//! What mails look like, before anybody gets one.

use domain::{
    error::{Error, Faults},
    letters::{self, Templates},
    permissions::Permission,
};
use poem_openapi::{Object, OpenApi, payload::Json};
use serde::Deserialize;

use crate::{body::Body, caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// A mail that is sent when something happens.
#[derive(Clone, Debug, Object)]
pub struct MailTemplate {
    name: String,
    /// What it says when nothing is filled in is for nobody; this is the subject with sample values, in your language.
    subject: String,
    /// The languages that it can be said in, BCP 47.
    languages: Vec<String>,
}

/// Which mail to show.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailPreviewIn {
    /// The name of one of `/mail-templates`.
    template: String,
    /// BCP 47; yours when absent. What there is no text in is shown in English.
    language: Option<String>,
}

/// A mail as it would go out, with sample values and your letterhead.
#[derive(Clone, Debug, Object)]
pub struct MailPreview {
    template: String,
    language: String,
    /// Never holds anything personal.
    subject: String,
    text: String,
    /// Needs no images and fetches nothing.
    html: String,
}

/// Mails.
pub struct MailsApi {
    state: State,
    templates: Templates,
}

impl MailsApi {
    pub fn new(state: State) -> Self {
        Self {
            state,
            templates: Templates::new(),
        }
    }

    fn render(
        &self,
        head: &letters::Letterhead,
        template: &str,
        language: &str,
    ) -> Result<letters::Words, Error> {
        let common = head.common(&self.state.ctx);
        self.templates
            .render(template, language, common, &letters::sample(template))
            .map_err(Error::internal)
    }
}

#[OpenApi(tag = "Tag::Tenant")]
impl MailsApi {
    /// List the mails that are sent on your behalf.
    #[oai(
        path = "/mail-templates",
        method = "get",
        operation_id = "list_mail_templates"
    )]
    async fn list(&self, caller: Caller) -> Result<Json<Page<MailTemplate>>, ApiError> {
        let scope = caller.may(Permission::TenantRead)?;
        let head = letters::letterhead(&self.state.ctx, scope.tenant()).await?;
        let mut items = Vec::new();
        for name in self.templates.names() {
            items.push(MailTemplate {
                subject: self.render(&head, &name, &head.language)?.subject,
                languages: self.templates.languages_of(&name),
                name,
            });
        }
        Ok(Json(Page {
            items,
            next_cursor: None,
        }))
    }

    /// See what a mail looks like.
    #[oai(path = "/mails/preview", method = "post", operation_id = "preview_mail")]
    async fn preview(
        &self,
        caller: Caller,
        body: Body<MailPreviewIn>,
    ) -> Result<Json<MailPreview>, ApiError> {
        let scope = caller.may(Permission::TenantRead)?;
        let names = self.templates.names();
        let mut faults = Faults::default();
        faults.check(
            names.contains(&body.0.template),
            "/template",
            "unknown",
            format!("use one of {}", names.join(", ")),
        );
        faults.finish()?;
        let head = letters::letterhead(&self.state.ctx, scope.tenant()).await?;
        let language = body.0.language.as_deref().unwrap_or(&head.language);
        let words = self.render(&head, &body.0.template, language)?;
        Ok(Json(MailPreview {
            template: body.0.template,
            language: words.language,
            subject: words.subject,
            text: words.text,
            html: words.html,
        }))
    }
}
