//! A link that was mailed to an account: to verify its address or to set a new password. Used once.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AccountId, MailedTokenId},
    macros::string_enum,
};

string_enum! {
    /// What following the link does.
    pub enum MailedTokenKind {
        VerifyEmail = "verify_email",
        ResetPassword = "reset_password",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mailed_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MailedTokenId,
    pub account_id: AccountId,
    pub kind: MailedTokenKind,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
