//! The audit trail beside commits: refusals are recorded in the background, and what is old goes.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Engine, Error};
use crate::{
    domain::{
        AuditEvent, AuditObject, AuditOutcome, ListRequest, Operation, Order, Page, Timestamp,
    },
    store::{self, Commit, Kept, List},
    telemetry::Chain,
};

/// Refusals that are recorded a second when there are many, and how many at once after a quiet time: what fills the
/// disk is bounded, whoever asks for what.
const REFUSALS_PER_SECOND: u32 = 5;
const BURST: u32 = 500;
/// How many events are written or deleted in one commit.
const BATCH: usize = 100;
/// How often old events are looked for, and how many commits then delete them at most.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_BATCHES: usize = 1000;

/// `[audit]`: how long it is kept who did what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// For how many days; 0 keeps it for ever.
    pub keep_days: u32,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { keep_days: 90 }
    }
}

/// Refusals on their way into the store.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<AuditEvent>,
    dropped: u64,
    /// How many of a burst are used up, and since when.
    used: u32,
    used_at: Option<Timestamp>,
}

impl Refusals {
    /// Takes `event`, unless there were too many lately.
    fn add(&self, event: AuditEvent) -> bool {
        let is_taken = self.with(|waiting| waiting.add(event));
        self.added.notify_one();
        is_taken
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting {
    fn add(&mut self, event: AuditEvent) -> bool {
        let now = event.created_at;
        let since = self.used_at.map_or(0, |at| now.since(at).as_secs());
        let regained = u32::try_from(since)
            .unwrap_or(u32::MAX)
            .saturating_mul(REFUSALS_PER_SECOND);
        if regained > 0 || self.used_at.is_none() {
            self.used = self.used.saturating_sub(regained);
            self.used_at = Some(now);
        }
        if self.used >= BURST {
            self.dropped += 1;
            return false;
        }
        self.used += 1;
        self.events.push(event);
        true
    }
}

impl Engine {
    /// Records that the caller of `op` was refused, soon and not for sure: false when there were too many lately.
    #[must_use]
    pub fn record_refusal(
        &self,
        op: &Operation,
        object: AuditObject,
        status: u16,
        reason: &str,
    ) -> bool {
        let outcome = AuditOutcome::Refused {
            status,
            reason: reason.to_owned(),
        };
        let event = AuditEvent::new(op, object, outcome, self.clock.now());
        self.refusals.add(event)
    }

    /// A page of the audit trail.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn audit_events(
        &self,
        request: &ListRequest<AuditEvent>,
    ) -> Result<Page<AuditEvent>, Error> {
        self.list(request, |_| Vec::new()).await
    }

    /// Writes refusals down and deletes what is older than `[audit] keep_days`, until `stop`; then what still waits is
    /// written.
    pub async fn keep_audit_trail(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.sweep_audit_trail(&stop).await;
            let next_sweep = self.clock.sleep(SWEEP_EVERY);
            tokio::pin!(next_sweep);
            loop {
                self.write_refusals().await;
                tokio::select! {
                    () = stop.cancelled() => return self.write_refusals().await,
                    () = self.refusals.added.notified() => {}
                    () = &mut next_sweep => break,
                }
            }
        }
    }

    async fn write_refusals(&self) {
        let (events, dropped) = self.refusals.with(|waiting| {
            (
                mem::take(&mut waiting.events),
                mem::take(&mut waiting.dropped),
            )
        });
        if dropped > 0 {
            warn!(
                dropped,
                "refusals came too fast and are not in the audit trail"
            );
        }
        for batch in events.chunks(BATCH) {
            let commit = batch.iter().fold(Commit::new(), Commit::create);
            if let Err(err) = self.store.commit(commit).await {
                let count = batch.len();
                error!(error = %Chain(&err), count, "refusals are not in the audit trail");
            }
        }
    }

    async fn sweep_audit_trail(&self, stop: &CancellationToken) {
        for _ in 0..SWEEP_BATCHES {
            if stop.is_cancelled() {
                return;
            }
            match self.delete_old_events().await {
                Ok(0) => return,
                Ok(_) => {}
                Err(err) => {
                    warn!(error = %Chain(&err), "old events stay in the audit trail for now");
                    return;
                }
            }
        }
    }

    /// Deletes some events that are older than they are kept; answers how many.
    async fn delete_old_events(&self) -> Result<usize, Error> {
        let days = u64::from(self.settings.audit.keep_days);
        if days == 0 {
            return Ok(0);
        }
        let oldest = List {
            project: None,
            index: None,
            order: Order::Ascending,
            after: None,
            limit: BATCH,
            is_filtered: false,
        };
        let (now, kept_for) = (self.clock.now(), Duration::from_secs(days * 24 * 60 * 60));
        let events: Vec<Kept<AuditEvent>> = store::list(&*self.store, oldest, |_| true).await?;
        let old = events
            .iter()
            .take_while(|kept| now.since(kept.entity.created_at) > kept_for);
        let (mut commit, mut count) = (Commit::new(), 0);
        for kept in old {
            commit = commit.delete(kept);
            count += 1;
        }
        match self.store.commit(commit).await {
            // Another host deletes them, too.
            Err(store::Error::Conflict { .. }) => Ok(0),
            result => Ok(result.map(|()| count)?),
        }
    }
}
