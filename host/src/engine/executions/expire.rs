//! Ended executions are deleted when they are older, or more, than are kept.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    domain::{Order, ProjectId, Tally, Timestamp, WorkflowExecution},
    engine::{Engine, Error},
    store::{self, Entity as _, Kept, List},
    telemetry::Chain,
};

/// How often those that are too old or too many are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// How many executions and projects are looked at in one step.
const BATCH: usize = 100;

impl Engine {
    /// Deletes ended executions that are older than `[engine] keep_executions_hours`, and of each project those beyond
    /// `[engine] keep_executions`, until `stop`.
    pub async fn expire_executions(self: Arc<Self>, stop: CancellationToken) {
        let settings = &self.settings;
        if settings.keep_executions_hours == 0 && settings.keep_executions == 0 {
            return;
        }
        loop {
            if let Err(err) = self.sweep_executions(&stop).await {
                warn!(error = %Chain(&err), "old executions stay for now");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(SWEEP_EVERY) => {}
            }
        }
    }

    /// One look at all projects; answers how many executions it deleted.
    pub(in crate::engine) async fn sweep_executions(
        &self,
        stop: &CancellationToken,
    ) -> Result<usize, Error> {
        let hours = self.settings.keep_executions_hours;
        let kept_for = Duration::from_secs(hours.saturating_mul(3600));
        let now = self.clock.now();
        let is_old = |ended: Timestamp| hours > 0 && now.since(ended) > kept_for;
        let (mut after, mut deleted) = (None, 0);
        loop {
            let projects = self.store.usages(after, Order::Ascending, BATCH).await?;
            let is_last = projects.len() < BATCH;
            after = projects.last().map(|(project, _)| project.clone());
            for (project, usage) in projects {
                let stored = usage.of(Tally::StoredExecutions);
                let ended = stored.saturating_sub(usage.of(Tally::RunningExecutions));
                let most = self.settings.keep_executions;
                let surplus = if most == 0 {
                    0
                } else {
                    ended.saturating_sub(most)
                };
                if ended > 0 {
                    deleted += self.sweep_project(&project, surplus, is_old, stop).await?;
                }
            }
            if is_last || stop.is_cancelled() {
                return Ok(deleted);
            }
        }
    }

    /// Deletes of a project's ended executions the `surplus` oldest, and all that are old. Sub-workflows go with their
    /// roots.
    async fn sweep_project(
        &self,
        project: &ProjectId,
        surplus: u64,
        is_old: impl Fn(Timestamp) -> bool,
        stop: &CancellationToken,
    ) -> Result<usize, Error> {
        let (mut after, mut left, mut deleted) = (None, surplus, 0);
        loop {
            let list = List {
                project: Some(project.clone()),
                index: None,
                order: Order::Ascending,
                after,
                limit: BATCH,
                is_filtered: true,
            };
            let batch: Vec<Kept<WorkflowExecution>> =
                store::list(&*self.store, list, |_| true).await?;
            let Some(last) = batch.last() else {
                return Ok(deleted);
            };
            after = Some(last.entity.age());
            for kept in &batch {
                let execution = &kept.entity;
                let is_root = execution.parent.is_none() && execution.state.is_completed();
                let ended = execution.updated_at.unwrap_or(execution.created_at);
                if !is_root || (left == 0 && !is_old(ended)) {
                    continue;
                }
                if stop.is_cancelled() {
                    return Ok(deleted);
                }
                left = left.saturating_sub(1);
                self.delete_tree(execution, None).await?;
                deleted += 1;
            }
            // One that was made later has ended later, but for those that are under way for long.
            let is_young = |kept: &Kept<WorkflowExecution>| !is_old(kept.entity.created_at);
            if left == 0 && batch.last().is_some_and(is_young) {
                return Ok(deleted);
            }
        }
    }
}
