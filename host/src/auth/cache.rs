//! Verified tokens, until they expire; kept by digest, never by the token itself.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{Secret, Timestamp},
    openstack::cache::{Cache, Key, key},
};

use super::Caller;

/// The most callers kept.
const MOST_CALLERS: usize = 4096;
/// The most refused tokens kept; apart, so that guesses push no caller out.
const MOST_REFUSED: usize = 4096;
/// How long a refusal is believed.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// How long a token without an expiry is believed.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(300);

#[derive(Clone)]
struct Verified {
    caller: Arc<Caller>,
    fresh_until: Timestamp,
}

/// What is known about a token without asking.
pub(super) enum Known {
    /// Verified, a short while ago.
    Fresh(Arc<Caller>),
    /// Verified, and not expired, but time to ask again.
    Stale(Arc<Caller>),
    /// Refused a moment ago, and why.
    Refused(&'static str),
    /// Nothing.
    Nothing,
}

/// The tokens that Keystone was asked about.
pub(super) struct TokenCache {
    fresh_for: Duration,
    verified: Cache<Verified>,
    refused: Cache<&'static str>,
}

/// What a token is kept under.
pub(super) fn key_of(token: &Secret) -> Key {
    key([token.expose().as_bytes()])
}

impl TokenCache {
    pub(super) fn new(fresh_for: Duration) -> Self {
        Self {
            fresh_for,
            verified: Cache::new(MOST_CALLERS),
            refused: Cache::new(MOST_REFUSED),
        }
    }

    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Known {
        match self.verified.get(key, now) {
            Some(verified) if verified.fresh_until > now => Known::Fresh(verified.caller),
            Some(verified) => Known::Stale(verified.caller),
            None => self
                .refused
                .get(key, now)
                .map_or(Known::Nothing, Known::Refused),
        }
    }

    pub(super) fn verified(
        &self,
        key: Key,
        caller: Arc<Caller>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let until = expires_at.unwrap_or_else(|| now.after(WITHOUT_EXPIRY));
        let verified = Verified {
            caller,
            fresh_until: now.after(self.fresh_for).min(until),
        };
        self.verified.put(key, verified, until, now);
    }

    pub(super) fn refused(&self, key: Key, why: &'static str, now: Timestamp) {
        self.verified.remove(&key);
        self.refused.put(key, why, now.after(REFUSED_FOR), now);
    }
}
