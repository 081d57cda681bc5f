//! Credentials that were proven a moment ago, so that not every call asks the store.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::id::{AccountId, ApiKeyId, MemberId, SignInId, TenantId};
use parking_lot::Mutex;

use super::{
    activity::{ActivityLog, Credential},
    attempts::Attempts,
    caller::{Caller, CallerKind},
    hashing::Hashing,
};

/// What is stored of a credential.
pub(super) type Fingerprint = [u8; 32];

/// Another process may have revoked it since, so nothing here is believed for longer than this.
const BELIEVED: TimeDelta = TimeDelta::seconds(5);
/// From this age on one caller asks the store again, while the others go on with what is here.
const RENEWED: TimeDelta = TimeDelta::seconds(3);
/// How many credentials are kept: about 10 MB.
const MAX: usize = 20_000;
/// When a credential was used is written once in this time.
const NOTED: TimeDelta = TimeDelta::seconds(60);

struct Entry {
    caller: Caller,
    credential: Credential,
    read_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    noted_at: DateTime<Utc>,
    renewing: bool,
}

/// What is proven of a credential, fresh from the store.
pub(super) struct Proof {
    pub(super) caller: Caller,
    pub(super) credential: Credential,
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// When its use was last written down.
    pub(super) noted_at: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct Entries {
    proven: HashMap<Fingerprint, Entry>,
    /// Counts what was forgotten, so that a credential read before its revocation is not kept after it.
    generation: u64,
}

/// What is in memory about who signs in.
#[derive(Default)]
pub struct Cache {
    // Synchronous locks: nothing waits while holding one.
    entries: Mutex<Entries>,
    pub(super) activity: ActivityLog,
    pub(crate) attempts: Attempts,
    pub(crate) hashing: Hashing,
}

impl Cache {
    /// The caller of a credential that was proven a moment ago.
    pub(super) fn get(&self, fingerprint: &Fingerprint, now: DateTime<Utc>) -> Option<Caller> {
        let mut entries = self.entries.lock();
        let entry = entries.proven.get_mut(fingerprint)?;
        let age = now - entry.read_at;
        // A clock that was set back makes ages negative; then the store is asked.
        if age < TimeDelta::zero() || age >= BELIEVED || entry.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        if age >= RENEWED && !entry.renewing {
            entry.renewing = true;
            return None;
        }
        let caller = entry.caller.clone();
        let due = now - entry.noted_at >= NOTED;
        let credential = entry.credential;
        if due && self.activity.note(credential, now) {
            entry.noted_at = now;
        }
        Some(caller)
    }

    /// To be taken before the store is asked, and given back to [`Cache::put`].
    pub(super) fn generation(&self) -> u64 {
        self.entries.lock().generation
    }

    /// Keeps what the store just said, unless something was forgotten meanwhile.
    pub(super) fn put(&self, fingerprint: Fingerprint, proof: &Proof, now: DateTime<Utc>, generation: u64) {
        let mut entries = self.entries.lock();
        let before = entries.proven.get(&fingerprint).map(|entry| entry.noted_at);
        let mut noted_at = before.max(proof.noted_at).unwrap_or(DateTime::UNIX_EPOCH);
        if now - noted_at >= NOTED && self.activity.note(proof.credential, now) {
            noted_at = now;
        }
        if entries.generation != generation {
            return;
        }
        if entries.proven.len() >= MAX && !entries.proven.contains_key(&fingerprint) {
            entries.proven.retain(|_, entry| now - entry.read_at < BELIEVED);
            if entries.proven.len() >= MAX {
                entries.proven.clear();
            }
        }
        entries.proven.insert(
            fingerprint,
            Entry {
                caller: proof.caller.clone(),
                credential: proof.credential,
                read_at: now,
                expires_at: proof.expires_at,
                noted_at,
                renewing: false,
            },
        );
    }

    /// The store knows no such credential.
    pub(super) fn remove(&self, fingerprint: &Fingerprint) {
        self.entries.lock().proven.remove(fingerprint);
    }

    fn forget(&self, which: impl Fn(&Caller) -> bool) {
        let mut entries = self.entries.lock();
        entries.generation += 1;
        entries.proven.retain(|_, entry| !which(&entry.caller));
    }

    /// Anything may have changed.
    pub(crate) fn forget_all(&self) {
        self.forget(|_| true);
    }

    /// The API key changed or is revoked.
    pub(crate) fn forget_key(&self, key: ApiKeyId) {
        self.forget(|caller| matches!(caller.kind(), CallerKind::ApiKey { id } if id == key));
    }

    /// The session ended.
    pub(crate) fn forget_sign_in(&self, ended: SignInId) {
        self.forget(
            |caller| matches!(caller.kind(), CallerKind::Member { sign_in_id, .. } if sign_in_id == ended),
        );
    }

    /// The member's role changed, or they are gone.
    pub(crate) fn forget_member(&self, changed: MemberId) {
        self.forget(
            |caller| matches!(caller.kind(), CallerKind::Member { member_id, .. } if member_id == changed),
        );
    }

    /// The account changed, or its sessions ended.
    pub(crate) fn forget_account(&self, changed: AccountId) {
        self.forget(
            |caller| matches!(caller.kind(), CallerKind::Member { account_id, .. } if account_id == changed),
        );
    }

    /// Everything of a tenant.
    pub fn forget_tenant(&self, tenant: TenantId) {
        self.forget(|caller| caller.scope().tenant() == tenant);
    }
}
