//! Somebody outside who vouches that a tenant's log only grew (c2sp.org/tlog-witness).

use sea_orm::entity::prelude::*;

use crate::{
    id::{LogWitnessId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Why the last attempt at a cosignature brought none.
    pub enum WitnessFailure {
        /// No answer, or none in time. Where it leads, and why there was none, is nobody's business.
        Unreachable = "unreachable",
        /// The witness was not told of this log: give it the log's verifier key.
        UnknownLog = "unknown_log",
        /// The witness does not know the key that signs the log now.
        NotSigned = "not_signed",
        /// The witness has seen a log of this name that says otherwise, or one that is longer: an older copy of the store
        /// was put back, or there are two logs.
        Conflict = "conflict",
        /// An answer that is not of the protocol, or a cosignature that is not good.
        BadAnswer = "bad_answer",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_witness")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LogWitnessId,
    pub tenant_id: TenantId,
    /// `name+hash+key` of type 0x04 (c2sp.org/tlog-cosignature).
    pub verifier_key: String,
    /// The submission prefix: `/add-checkpoint` is appended.
    pub url: String,
    /// Where the witness stands, as far as is known: proofs to it start here.
    pub stands_at: i64,
    /// The size of the newest checkpoint that has its cosignature.
    pub cosigned_size: i64,
    pub cosigned_at: Option<DateTimeUtc>,
    /// Of the last attempt; none when it brought a cosignature.
    pub failure: Option<WitnessFailure>,
    /// Attempts without a cosignature since the last one with.
    pub failures: i32,
    /// Not asked before.
    pub due_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
