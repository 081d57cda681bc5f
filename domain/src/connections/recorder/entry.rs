//! What is known of one connection. Every open one has one of these for its whole life, so it is small: what most of them
//! do not have is behind a pointer.

use chrono::{DateTime, Utc};
use entity::{
    connection,
    id::{ConnectionId, EndpointId, SubjectId, TenantId},
};

use crate::connections::{Opened, Totals};

/// A close reason has at most 123 bytes on the wire.
const REASON: usize = 123;

pub(super) struct Entry {
    pub(super) tenant: TenantId,
    endpoint: EndpointId,
    subject: Option<SubjectId>,
    address: Option<Box<str>>,
    opened_at: DateTime<Utc>,
    authenticated_at: Option<DateTime<Utc>>,
    last_activity_at: DateTime<Utc>,
    totals: Totals,
    end: Option<Box<End>>,
    /// It was taken to be written down at least once.
    is_taken: bool,
    /// Only after that it was known whose it is.
    named_late: bool,
}

struct End {
    at: DateTime<Utc>,
    code: u16,
    reason: Option<Box<str>>,
}

impl Entry {
    pub(super) fn new(opened: Opened, now: DateTime<Utc>) -> Self {
        Self {
            tenant: opened.tenant,
            endpoint: opened.endpoint,
            subject: opened.subject,
            address: opened.address.map(String::into_boxed_str),
            opened_at: now,
            authenticated_at: opened.subject.map(|_| now),
            last_activity_at: now,
            totals: Totals::default(),
            end: None,
            is_taken: false,
            named_late: false,
        }
    }

    pub(super) fn identify(&mut self, subject: SubjectId, now: DateTime<Utc>) {
        self.subject = Some(subject);
        self.authenticated_at.get_or_insert(now);
        self.named_late = self.is_taken;
    }

    pub(super) fn moved(&mut self, totals: Totals, now: DateTime<Utc>) {
        self.totals = totals;
        self.last_activity_at = now;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.end.is_some()
    }

    /// The first end counts. Answers whether this is it.
    pub(super) fn close(&mut self, code: u16, reason: &str, totals: Totals, now: DateTime<Utc>) -> bool {
        if self.is_closed() {
            return false;
        }
        self.totals = totals;
        self.end = Some(Box::new(End {
            at: now,
            code,
            reason: (!reason.is_empty()).then(|| cut(reason)),
        }));
        true
    }

    pub(super) fn closed_at(&self) -> Option<DateTime<Utc>> {
        self.end.as_ref().map(|end| end.at)
    }

    /// Whether the person is to be added to a record that was written without. Asked once.
    pub(super) fn is_named_late(&mut self) -> bool {
        std::mem::take(&mut self.named_late)
    }

    /// The answer to [`Entry::is_named_late`] did not reach the store.
    pub(super) fn name_again(&mut self) {
        self.named_late = true;
    }

    /// As it is to be stored now.
    pub(super) fn row(&mut self, id: ConnectionId, node: &str) -> connection::Model {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.is_taken = true;
        let end = self.end.as_deref();
        connection::Model {
            id,
            tenant_id: self.tenant,
            endpoint_id: self.endpoint,
            subject_id: self.subject,
            node: node.to_owned(),
            address: self.address.as_deref().map(str::to_owned),
            opened_at: self.opened_at,
            authenticated_at: self.authenticated_at,
            last_activity_at: self.last_activity_at,
            closed_at: self.closed_at(),
            close_code: end.map(|end| end.code.into()),
            close_reason: end.and_then(|end| end.reason.as_deref()).map(str::to_owned),
            bytes_in: signed(self.totals.bytes_in),
            bytes_out: signed(self.totals.bytes_out),
            messages_in: signed(self.totals.messages_in),
            messages_out: signed(self.totals.messages_out),
        }
    }
}

fn cut(reason: &str) -> Box<str> {
    let end = (0..=REASON.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end))
        .unwrap_or_default();
    reason[..end].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_open_costs_little() {
        assert!(size_of::<Entry>() <= 176, "{} bytes", size_of::<Entry>());
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(&*cut("going away"), "going away");
        assert_eq!(cut(&"ü".repeat(100)).len(), 122);
    }
}
