//! Claims stored runs, makes them, and renews their leases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Engine;
use crate::{
    domain::{Job, JobId, ProjectId, Work},
    store::Wanted,
};

/// How long a worker waits for news before it looks at the store again: for work of other hosts and work that is due.
const POLL: Duration = Duration::from_secs(1);

/// The claims that are held.
#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Claims>>);

#[derive(Debug, Default)]
struct Claims {
    /// How the runs under them are ended when one is lost.
    lost: HashMap<JobId, CancellationToken>,
    /// How many there are of each project.
    under_way: HashMap<ProjectId, usize>,
}

/// Keeps a claim in [`Held`] until it is dropped.
struct Claim {
    held: Held,
    job: Job,
    lost: CancellationToken,
}

impl Held {
    fn enter(&self, job: Job) -> Claim {
        let lost = CancellationToken::new();
        let mut claims = self.lock();
        claims.lost.insert(job.id, lost.clone());
        *claims.under_way.entry(job.project_id.clone()).or_default() += 1;
        drop(claims);
        Claim {
            held: self.clone(),
            job,
            lost,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.held.lock();
        claims.lost.remove(&self.job.id);
        let project = &self.job.project_id;
        if let Some(count) = claims.under_way.get_mut(project) {
            *count -= 1;
            if *count == 0 {
                claims.under_way.remove(project);
            }
        }
    }
}

impl Engine {
    /// Claims and makes stored runs until `stop` is cancelled; then waits `grace` for those under way, and ends the
    /// rest uncommitted, for their next claim.
    pub async fn work(self: Arc<Self>, stop: CancellationToken, grace: Duration) {
        let held = Held::default();
        let renewals = tokio::spawn(Arc::clone(&self).renew_leases(held.clone()));
        let slots = Arc::new(Semaphore::new(self.settings.concurrent_jobs));
        let mut runs = JoinSet::new();
        let mut last_turn = None;
        while !stop.is_cancelled() {
            while runs.try_join_next().is_some() {}
            let free = slots.available_permits().min(64);
            let claimed = if free == 0 {
                Vec::new()
            } else {
                let wanted = Wanted {
                    limit: free,
                    per_project: self.settings.runs_per_project,
                    under_way: held.lock().under_way.clone(),
                    after: last_turn.clone(),
                };
                self.claim(wanted).await
            };
            let claimed_all = claimed.len() == free && free > 0;
            if let Some(job) = claimed.last() {
                last_turn = Some(job.project_id.clone());
            }
            for job in claimed {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                    break;
                };
                let engine = Arc::clone(&self);
                let claim = held.enter(job);
                runs.spawn(async move {
                    engine.carry_out(&claim).await;
                    drop((claim, slot));
                });
            }
            if !claimed_all {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.work_added.notified() => {}
                    () = self.clock.sleep(POLL) => {}
                    _ = runs.join_next(), if !runs.is_empty() && (free == 0 || self.is_one_full(&held)) => {}
                }
            }
        }
        let drained = async { while runs.join_next().await.is_some() {} };
        let is_drained = tokio::select! {
            () = drained => true,
            () = self.clock.sleep(grace) => false,
        };
        if !is_drained {
            for run in held.lock().lost.values() {
                run.cancel();
            }
            while runs.join_next().await.is_some() {}
        }
        renewals.abort();
    }

    /// Whether a project has so many runs under way that its next are not claimed before one of them ends.
    fn is_one_full(&self, held: &Held) -> bool {
        let per_project = self.settings.runs_per_project;
        held.lock()
            .under_way
            .values()
            .any(|count| *count >= per_project)
    }

    async fn claim(&self, wanted: Wanted) -> Vec<Job> {
        let lease = Duration::from_secs(self.settings.lease_secs);
        self.store
            .claim_jobs(self.host_id, self.clock.now(), lease, wanted)
            .await
            .unwrap_or_else(|err| {
                error!(error = %crate::telemetry::Chain(&err), "cannot claim stored runs");
                Vec::new()
            })
    }

    async fn carry_out(&self, Claim { job, lost, .. }: &Claim) {
        let result = match job.work {
            Work::RunAction(id) => self.complete_action(job, id, lost.clone()).await,
        };
        if let Err(err) = result {
            error!(job.id = %job.id, error = %crate::telemetry::Chain(&err), "a stored run is left for its next claim");
        }
    }

    async fn renew_leases(self: Arc<Self>, held: Held) {
        let lease = Duration::from_secs(self.settings.lease_secs);
        loop {
            self.clock.sleep(lease / 3).await;
            let jobs: Vec<JobId> = held.lock().lost.keys().copied().collect();
            if jobs.is_empty() {
                continue;
            }
            match self
                .store
                .renew(self.host_id, &jobs, self.clock.now(), lease)
                .await
            {
                Ok(lost) => {
                    let held = held.lock();
                    for id in lost {
                        if let Some(run) = held.lost.get(&id) {
                            warn!(job.id = %id, "lost the lease of a stored run");
                            run.cancel();
                        }
                    }
                }
                Err(err) => error!(error = %crate::telemetry::Chain(&err), "cannot renew leases"),
            }
        }
    }
}
