//! Identities that a controller names by their hash alone. A person's identities lie sealed here, and are found by hashes under a
//! key of the tenant's, which a hash of somebody else's says nothing about. So everybody's are opened and hashed, a batch at a time,
//! by a job: the controller is answered before anybody has looked, and in the same time whether there is such a person or not.

use entity::{
    id::{RequestId, SubjectId},
    subject::{self, Column},
};
use md5::{Digest as _, Md5};
use ring::digest;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    ctx::Ctx,
    jobs::Job,
    requests::{self, Details},
    subjects,
    tenancy::TenantScope,
};

/// Persons in one batch.
const BATCH: u64 = 200;

/// How an identity is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// The specification's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The one that is spelt so.
    pub(super) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// The bytes of a hash.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn hash(self, text: &str) -> Vec<u8> {
        let text = text.as_bytes();
        match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text)
                .as_ref()
                .to_vec(),
            Self::Sha256 => digest::digest(&digest::SHA256, text).as_ref().to_vec(),
        }
    }
}

/// What was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The tenant's own id, as it is.
    CustomerId,
    /// The address, in lower case.
    Email,
}

/// An identity of which only the hash is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// What was hashed.
    pub what: What,
    /// And how.
    pub format: Format,
    /// The hash.
    pub hash: Vec<u8>,
}

impl Hashed {
    fn is_of(&self, text: &str) -> bool {
        self.hash == self.format.hash(text)
    }
}

/// Finds out whom a request is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdentifyPerson {
    /// The request. It says by which hashes, sealed.
    pub request: RequestId,
    /// Whether the person must confirm it then.
    pub unconfirmed: bool,
}

impl Job for IdentifyPerson {
    const KIND: &'static str = "identify_person";
    // More than others: giving up would let a deadline pass.
    const ATTEMPTS: i32 = 30;
}

/// Finds out whom a request is about, and lets it go on. Can be run again.
///
/// # Errors
/// What the store or the vault said.
pub async fn identify(ctx: &Ctx, scope: &TenantScope, job: &IdentifyPerson) -> Result<()> {
    let tx = ctx.store.read(scope).await?;
    let request = requests::read(&tx, job.request).await?;
    let hashed = Details::open(&tx, ctx, &request).await?.hashed;
    drop(tx);
    let found = find(ctx, scope, &hashed).await?;
    let tx = ctx.store.begin(scope).await?;
    match requests::identified(&tx, ctx, job.request, &found, job.unconfirmed).await {
        // Taken back at this moment: there is nobody to be found any more.
        Err(Error::Conflict {
            code: "wrong_state", ..
        }) => return Ok(()),
        done => done?,
    }
    tx.save().await?;
    Ok(())
}

/// The persons whom these identities name. The controller's own id says which is meant of those who share an address.
async fn find(ctx: &Ctx, scope: &TenantScope, hashed: &[Hashed]) -> Result<Vec<SubjectId>> {
    let of = |what: What| hashed.iter().filter(move |one| one.what == what);
    let by_address_only = of(What::CustomerId).next().is_none();
    let (mut by_id, mut by_address) = (Vec::new(), Vec::new());
    let mut after: Option<SubjectId> = None;
    loop {
        let tx = ctx.store.read(scope).await?;
        let mut rows = tx.find::<subject::Entity>();
        if by_address_only {
            rows = rows.filter(Column::EmailSealed.is_not_null());
        }
        if let Some(after) = after {
            rows = rows.filter(Column::Id.gt(after));
        }
        let rows = rows.order_by_asc(Column::Id).limit(BATCH).all(tx.conn()).await?;
        drop(tx);
        after = match rows.last() {
            Some(last) => Some(last.id),
            None if by_id.is_empty() => return Ok(by_address),
            None => return Ok(by_id),
        };
        for row in rows {
            let id = row.id;
            let person = match subjects::reveal(ctx, row).await {
                Ok(person) => person,
                // Erased while this was looking.
                Err(Error::Gone { .. }) => continue,
                Err(error) => return Err(error),
            };
            let is_named = |what, text: Option<&str>| {
                text.is_some_and(|text| of(what).any(|one: &Hashed| one.is_of(text)))
            };
            if is_named(What::CustomerId, person.external_id.as_deref()) {
                by_id.push(id);
            }
            let address = person.email.map(|email| email.to_lowercase());
            if is_named(What::Email, address.as_deref()) {
                by_address.push(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_others_make() {
        // RFC 1321 A.5; FIPS 180 examples.
        for (format, hash) in [
            (Format::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Format::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Format::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            assert_eq!(hex::encode(format.hash("abc")), hash);
            assert_eq!(hash.len(), 2 * format.length());
            assert_eq!(Format::read(format.as_str()), Some(format));
        }
        assert_eq!(Format::read("raw"), None);
    }
}
