//! Trusts: made with triggers, removed after them.

use std::time::Duration;

use tracing::{error, warn};

use crate::{
    domain::{
        Errand, Job, Operation, ProjectId, TargetCloud, Timestamp, TrustId, Work,
        WorkflowExecution, WorkflowExecutionId,
    },
    engine::{Engine, Error},
    openstack::{Trustee, keystone},
    store::{self, Commit, Kept, Write},
    telemetry::Chain,
};

/// How often it is looked whether the last execution that works by a trust has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often the removal of a trust is tried, once a lease.
const ATTEMPTS: u32 = 100;

impl Engine {
    /// Lets callers trust the host's own user on the home cloud, from here on.
    pub fn set_trustee(&self, trustee: Trustee) {
        self.clouds.set_trustee(trustee);
    }

    /// A trust by which executions work on the caller's own cloud; none where the host has nobody to trust and the caller
    /// does not ask for it.
    pub(super) async fn trust(
        &self,
        op: &Operation,
        token: &TargetCloud,
        roles: &[String],
        is_asked_for: bool,
    ) -> Result<Option<TrustId>, Error> {
        let Some(trustee) = self.clouds.trustee() else {
            if is_asked_for {
                return Err(Error::BadInput(
                    "trust: this host has no user whom callers can trust; name the cloud in custom_context[\"os.auth\"], \
                     with an application credential."
                        .to_owned(),
                ));
            }
            return Ok(None);
        };
        match trustee.trust(token, roles, &op.request).await {
            Ok(id) => Ok(Some(id)),
            Err(refusal @ keystone::Error::NoTrust(_)) => Err(Error::BadInput(format!(
                "trust: {refusal}. Name the cloud in custom_context[\"os.auth\"] with an application credential, or leave \
                 it out with \"trust\": false."
            ))),
            Err(error) => Err(Error::Busy(format!(
                "No trust can be made at the moment: {error}. Try again later."
            ))),
        }
    }

    /// Adds to `commit` that the trust of `errand`, if it has one, is removed once `last` has ended.
    pub(super) fn without_trust(
        &self,
        commit: Commit,
        project_id: &ProjectId,
        errand: &Errand,
        last: Option<WorkflowExecutionId>,
    ) -> Commit {
        match errand.trust_id {
            Some(id) => {
                let work = Work::RemoveTrust(id, last);
                commit.and(Write::AddJob(due(project_id, work, self.clock.now())))
            }
            None => commit,
        }
    }

    /// Removes the trust of a trigger that was not kept.
    pub(super) async fn give_up(&self, project_id: &ProjectId, errand: &Errand) {
        if errand.trust_id.is_none() {
            return;
        }
        let commit = self.without_trust(Commit::new(), project_id, errand, None);
        if let Err(err) = self.store.commit(commit).await {
            error!(error = %Chain(&err), trust.id = ?errand.trust_id, "a trust stays in Keystone");
        }
        self.work_added.notify_one();
    }

    /// Removes a trust, once the execution that works by it has ended.
    pub(in crate::engine) async fn remove_trust(
        &self,
        job: &Job,
        id: TrustId,
        last: Option<WorkflowExecutionId>,
    ) -> Result<(), Error> {
        let commit = Commit::new().and(self.finished(job));
        if let Some(last) = last {
            let last: Option<Kept<WorkflowExecution>> =
                store::find(&*self.store, last.uuid()).await?;
            if last.is_some_and(|last| !last.entity.state.is_completed()) {
                let again = self.clock.now().after(LOOK_AGAIN);
                let job = due(&job.project_id, job.work, again);
                self.store.commit(commit.and(Write::AddJob(job))).await?;
                return Ok(());
            }
        }
        match self.clouds.trustee() {
            Some(trustee) => {
                if let Err(err) = trustee.remove(id).await {
                    if job.attempt < ATTEMPTS {
                        return Err(Error::Host(err.into()));
                    }
                    error!(error = %Chain(&err), trust.id = %id, "a trust stays in Keystone");
                }
            }
            None => {
                warn!(trust.id = %id, "a trust stays in Keystone, where the host has no user any more")
            }
        }
        Ok(self.store.commit(commit).await?)
    }

    /// That this host ends `job`.
    pub(super) const fn finished(&self, job: &Job) -> Write {
        Write::FinishJob {
            id: job.id,
            owner: self.host_id,
            attempt: job.attempt,
        }
    }
}

/// The only job of its sort, due at `time`.
pub(super) fn due(project_id: &ProjectId, work: Work, time: Timestamp) -> Job {
    Job {
        id: work.job_id(),
        ..Job::new(project_id.clone(), work, time)
    }
}
