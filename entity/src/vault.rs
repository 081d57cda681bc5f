//! The vault's own tables. They live in a store of their own, which no backup of the data includes.

pub mod bucket_key;
pub mod key_page;
pub mod subject_key;
pub mod tenant_key;
pub mod vault_meta;
