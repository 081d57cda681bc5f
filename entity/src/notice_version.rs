//! One published version of a notice in one language. Never changed, never deleted while a consent refers to it.

use sea_orm::entity::prelude::*;

use crate::{
    id::{NoticeId, NoticeVersionId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notice_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NoticeVersionId,
    pub tenant_id: TenantId,
    pub notice_id: NoticeId,
    pub number: i32,
    /// BCP 47.
    pub language: String,
    pub text: String,
    /// SHA-256 of `text`; what a consent event quotes.
    pub hash: Vec<u8>,
    pub published_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
