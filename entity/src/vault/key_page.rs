//! A page of keys: a few dozen rows of the vault that one page key lies around. The page key is kept outside the stores.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_page")]
pub struct Model {
    /// 0, 1, 2, …: the place of the page key in its file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Which of the page's keys lies around its rows: greater with every destruction.
    pub version: i64,
    /// Nothing is on it; it may be used again.
    pub free: bool,
}

impl ActiveModelBehavior for ActiveModel {}
