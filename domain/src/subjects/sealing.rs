//! What identifies a person, sealed under the key of that person alone.

use entity::{id::SubjectId, subject};
use sea_orm::ActiveValue::Set;

use super::{NewSubject, email_index, external_index};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    keys::SubjectKeyName,
    tenancy::TenantTx,
};

/// A person with what is sealed, opened. Both are none once the person's key is destroyed.
pub struct Person {
    /// As stored.
    pub row: subject::Model,
    /// The tenant's own id for the person.
    pub external_id: Option<String>,
    /// The address.
    pub email: Option<String>,
}

/// Opens what is sealed of a person.
pub async fn reveal(ctx: &Ctx, row: subject::Model) -> Result<Person> {
    let name = SubjectKeyName::for_record(row.tenant_id, row.id);
    let Some(key) = ctx.keys.subject(name).await? else {
        return Ok(Person {
            row,
            external_id: None,
            email: None,
        });
    };
    let open = |context: String, sealed: &[u8]| -> Result<String> {
        String::from_utf8(key.open_value(&context, sealed)?).map_err(Error::internal)
    };
    let external_id = open(external_context(row.id), &row.external_sealed)?;
    let email = row.email_sealed.as_deref();
    let email = email
        .map(|sealed| open(email_context(row.id), sealed))
        .transpose()?;
    Ok(Person {
        row,
        external_id: Some(external_id),
        email,
    })
}

/// A row with a new id, sealed under a new key.
pub(super) async fn sealed(tx: &TenantTx, ctx: &Ctx, new: &NewSubject) -> Result<subject::ActiveModel> {
    let id: SubjectId = ctx.ids.next();
    let index = external_index(&*ctx.keys.tenant(tx.tenant()).await?, &new.external_id);
    let name = SubjectKeyName::for_record(tx.tenant(), id);
    // Before the row: a key without a person harms nobody, a person without a key could not be read.
    let key = ctx.keys.subject_or_new(name).await?;
    let external = key.seal_value(&external_context(id), new.external_id.as_bytes(), &*ctx.chance);
    let (email_index, email_sealed) = match &new.email {
        Some(email) => {
            let (index, sealed) = seal_email(tx, ctx, id, email).await?;
            (Some(index), Some(sealed))
        }
        None => (None, None),
    };
    Ok(subject::ActiveModel {
        id: Set(id),
        tenant_id: Set(tx.tenant()),
        external_index: Set(index.to_vec()),
        external_sealed: Set(external),
        email_index: Set(email_index),
        email_sealed: Set(email_sealed),
        restricted_at: Set(None),
        created_at: Set(ctx.now()),
        last_seen_at: Set(None),
        version: Set(1),
    })
}

pub(super) async fn seal_email(
    tx: &TenantTx,
    ctx: &Ctx,
    id: SubjectId,
    email: &str,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let index = email_index(&*ctx.keys.tenant(tx.tenant()).await?, email);
    let key = ctx
        .keys
        .subject(SubjectKeyName::for_record(tx.tenant(), id))
        .await?
        .ok_or(Error::Gone {
            what: "the person's key",
        })?;
    let sealed = key.seal_value(&email_context(id), email.trim().as_bytes(), &*ctx.chance);
    Ok((index.to_vec(), sealed))
}

fn external_context(id: SubjectId) -> String {
    format!("subject.external_id/{id}")
}

fn email_context(id: SubjectId) -> String {
    format!("subject.email/{id}")
}
