//! Claims due work, carries it out, and renews its leases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Engine;
use crate::{
    domain::{Job, JobId, Line, ProjectId, Timestamp, Work},
    store::Wanted,
};

/// The most jobs of a line that are claimed at once.
const AT_ONCE: usize = 64;
/// How long a worker waits for news before it looks at the store again: for work of other hosts and work that is due.
const POLL: Duration = Duration::from_secs(1);

/// The first time for which this process knows of work.
#[derive(Debug, Default)]
pub(super) struct NextWake(Mutex<Option<Timestamp>>);

impl NextWake {
    /// How long after `now` it is, at most [`POLL`]; once it has come it is forgotten.
    fn take(&self, now: Timestamp) -> Duration {
        let mut next = self.lock();
        let left = next.map_or(POLL, |at| at.since(now).min(POLL));
        if left.is_zero() {
            *next = None;
        }
        left
    }

    fn add(&self, at: Timestamp) {
        let mut next = self.lock();
        *next = Some(next.map_or(at, |next| next.min(at)));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The claims that are held.
#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Claims>>);

#[derive(Debug, Default)]
struct Claims {
    /// How the runs under them are ended when one is lost.
    lost: HashMap<JobId, CancellationToken>,
    /// How many runs of actions there are of each project.
    under_way: HashMap<ProjectId, usize>,
}

/// A line of jobs, with the slots for those under way.
struct Lane {
    line: Line,
    slots: Arc<Semaphore>,
    last_turn: Option<ProjectId>,
    claimed: Vec<(Job, OwnedSemaphorePermit)>,
}

impl Lane {
    fn new(line: Line, slots: usize) -> Self {
        Self {
            line,
            slots: Arc::new(Semaphore::new(slots.max(1))),
            last_turn: None,
            claimed: Vec::new(),
        }
    }
}

/// What there may be to claim after a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// More, at once.
    More,
    /// More, when a run ends: at the time of the claim there was no room for it.
    NoRoom,
    /// Nothing that is due.
    Nothing,
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
        if job.work.line() == Line::Runs {
            *claims.under_way.entry(job.project_id.clone()).or_default() += 1;
        }
        drop(claims);
        Claim {
            held: self.clone(),
            job,
            lost,
        }
    }

    /// How many runs of actions there are of each project.
    fn under_way(&self) -> HashMap<ProjectId, usize> {
        self.lock().under_way.clone()
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
        if self.job.work.line() == Line::Steps {
            return;
        }
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
        let mut action_runs = Lane::new(Line::Runs, self.settings.concurrent_jobs);
        let mut steps = Lane::new(Line::Steps, self.settings.concurrent_steps);
        let mut runs = JoinSet::new();
        while !stop.is_cancelled() {
            while runs.try_join_next().is_some() {}
            let (runs_left, steps_left) = tokio::join!(
                self.claim_for(&mut action_runs, &held),
                self.claim_for(&mut steps, &held),
            );
            let left = [runs_left, steps_left];
            let claimed = action_runs.claimed.drain(..).chain(steps.claimed.drain(..));
            for (job, slot) in claimed {
                let engine = Arc::clone(&self);
                let claim = held.enter(job);
                runs.spawn(async move {
                    engine.carry_out(&claim).await;
                    drop((claim, slot));
                });
            }
            if !left.contains(&Left::More) {
                let has_room = !left.contains(&Left::NoRoom);
                let poll = self.next_wake.take(self.clock.now());
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.work_added.notified() => {}
                    () = self.clock.sleep(poll) => {}
                    // Also one that has ended since the claim.
                    _ = runs.join_next(), if !runs.is_empty() && !has_room => {}
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

    /// Looks for work that is due at `time`, or soon after.
    pub(super) fn wake_at(&self, time: Timestamp) {
        self.next_wake.add(time);
    }

    /// Claims as many jobs as there are slots in `lane`.
    async fn claim_for(&self, lane: &mut Lane, held: &Held) -> Left {
        let free = lane.slots.available_permits().min(AT_ONCE);
        if free == 0 {
            return Left::NoRoom;
        }
        let (per_project, mut under_way) = match lane.line {
            Line::Runs => (self.settings.runs_per_project, held.under_way()),
            Line::Steps => (usize::MAX, HashMap::new()),
        };
        let wanted = Wanted {
            line: lane.line,
            limit: free,
            per_project,
            under_way: under_way.clone(),
            after: lane.last_turn.clone(),
        };
        let jobs = self.claim(wanted).await;
        let is_more = jobs.len() == free;
        if let Some(job) = jobs.last() {
            lane.last_turn = Some(job.project_id.clone());
        }
        for job in jobs {
            *under_way.entry(job.project_id.clone()).or_default() += 1;
            if let Ok(slot) = Arc::clone(&lane.slots).try_acquire_owned() {
                lane.claimed.push((job, slot));
            }
        }
        if is_more {
            Left::More
        } else if under_way.values().any(|count| *count >= per_project) {
            Left::NoRoom
        } else {
            Left::Nothing
        }
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

    async fn carry_out(self: &Arc<Self>, Claim { job, lost, .. }: &Claim) {
        let result = match job.work {
            Work::RunAction(id) => self.complete_action(job, id, lost.clone()).await,
            Work::StartExecution(_)
            | Work::BeginMore(_)
            | Work::WakeTask(..)
            | Work::EndExecution(_)
            | Work::SubWorkflowChanged(..)
            | Work::ActionChanged(..)
            | Work::ChangeExecution(..) => self.tell_of_job(job).await,
            Work::FireCronTrigger(id) => self.fire_cron_trigger(job, id).await,
            Work::RemoveTrust(id, execution) => self.remove_trust(job, id, execution).await,
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
