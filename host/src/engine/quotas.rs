//! Quotas: how much of each thing a project may have, and the limits that commits keep.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Engine, Error, apply::Act};
use crate::{
    domain::{
        Limit, Limits, ListRequest, ObjectType, Operation, Order, OwnLimits, Page, ProjectId,
        ProjectQuotas, Reach, Tallies, Tally, Timestamp,
    },
    store::{self, Commit, Kept},
};

/// How long the limits of a project are believed: so long another host over the same store may not know of a change.
const BELIEVED: Duration = Duration::from_secs(10);
/// The most projects whose limits are remembered.
const REMEMBERED: usize = 10_000;

/// How many projects are looked at in one step of a list.
const BATCH: usize = 200;

/// `[quotas]`: how much a project may have that no admin gave quotas of its own; -1 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Action executions that are kept, running and ended.
    pub stored_action_executions: Limit,
    /// Kept action executions that have not ended.
    pub running_action_executions: Limit,
    /// Executions of workflows that are kept, running and ended; sub-workflows are part of theirs.
    pub stored_executions: Limit,
    /// Kept executions of workflows that have not ended.
    pub running_executions: Limit,
    /// Modules.
    pub modules: Limit,
    /// Bytes of what is kept: records of executions, tasks and action executions with their logs, definitions,
    /// environments, and components of all versions of modules.
    pub bytes: Limit,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            stored_action_executions: Limit::at_most(10_000_000),
            running_action_executions: Limit::at_most(100_000),
            stored_executions: Limit::at_most(1_000_000),
            running_executions: Limit::at_most(10_000),
            modules: Limit::at_most(1000),
            bytes: Limit::at_most(100 << 30),
        }
    }
}

impl QuotaSettings {
    const fn limits(&self) -> Limits {
        Limits {
            stored_action_executions: self.stored_action_executions,
            running_action_executions: self.running_action_executions,
            stored_executions: self.stored_executions,
            running_executions: self.running_executions,
            modules: self.modules,
            bytes: self.bytes,
        }
    }
}

/// What a project may have and has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaState {
    /// The project.
    pub project_id: ProjectId,
    /// What it may have.
    pub limits: Limits,
    /// What it has.
    pub usage: Tallies,
}

/// The limits of projects that were asked for lately, and the places of runs that will be kept at their end.
#[derive(Debug, Default)]
pub(super) struct QuotaBook(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    limits: HashMap<ProjectId, (Limits, Timestamp)>,
    /// Counts the changes up, so that what was read before one is not remembered after it.
    changes: u64,
    reserved: HashMap<ProjectId, u64>,
}

/// A place for an action execution that will be kept when it has ended; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    book: Arc<Mutex<Pages>>,
    project: ProjectId,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut pages = lock(&self.book);
        if let Some(count) = pages.reserved.get_mut(&self.project) {
            *count -= 1;
            if *count == 0 {
                pages.reserved.remove(&self.project);
            }
        }
    }
}

impl QuotaBook {
    /// A place, and how many there were before.
    fn reserve(&self, project: &ProjectId) -> (Reservation, u64) {
        let mut pages = lock(&self.0);
        let count = pages.reserved.entry(project.clone()).or_default();
        let before = *count;
        *count += 1;
        let reservation = Reservation {
            book: Arc::clone(&self.0),
            project: project.clone(),
        };
        (reservation, before)
    }

    fn reserved(&self, project: &ProjectId) -> u64 {
        let pages = lock(&self.0);
        pages.reserved.get(project).copied().unwrap_or_default()
    }

    /// What is remembered, or else the count of changes before it is read.
    fn limits(&self, project: &ProjectId, now: Timestamp) -> Result<Limits, u64> {
        let pages = lock(&self.0);
        match pages.limits.get(project) {
            Some((limits, read_at)) if now.since(*read_at) < BELIEVED => Ok(*limits),
            Some(_) | None => Err(pages.changes),
        }
    }

    fn remember(&self, project: &ProjectId, limits: Limits, now: Timestamp, changes: u64) {
        let mut pages = lock(&self.0);
        if pages.changes != changes {
            return;
        }
        if pages.limits.len() >= REMEMBERED {
            pages.limits.clear();
        }
        pages.limits.insert(project.clone(), (limits, now));
    }

    fn forget(&self, project: &ProjectId) {
        let mut pages = lock(&self.0);
        pages.changes += 1;
        pages.limits.remove(project);
    }
}

fn lock(book: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// What holds for a project that no admin gave quotas of its own.
    #[must_use]
    pub const fn usual_quotas(&self) -> Limits {
        self.settings.quotas.limits()
    }

    /// What `project` may have and has.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn quotas(&self, project: &ProjectId) -> Result<QuotaState, Error> {
        let usage = self.store.usage(project).await?;
        self.quota_state(project.clone(), usage).await
    }

    /// A page of quotas, shorter ids of projects first: of one project, or of all that have quotas of their own or
    /// anything that is counted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_quotas(
        &self,
        request: &ListRequest<QuotaState>,
    ) -> Result<Page<QuotaState>, Error> {
        let order = request
            .sort
            .first()
            .map_or(Order::Ascending, |key| key.order);
        let mut after = request.marker.clone().map(ProjectId::new);
        let mut items = Vec::new();
        if let Reach::SeenBy(project) | Reach::OwnedBy(project) = &request.reach {
            let state = self.quotas(project).await?;
            let is_left = after.as_ref() != Some(project);
            items.extend(Some(state).filter(|state| is_left && request.passes(state)));
            return Ok(Page {
                is_full: items.len() == request.limit,
                items,
            });
        }
        loop {
            let usages = self.store.usages(after, order, BATCH).await?;
            let is_last = usages.len() < BATCH;
            after = usages.last().map(|(project, _)| project.clone());
            for (project, usage) in usages {
                let state = self.quota_state(project, usage).await?;
                if request.passes(&state) {
                    items.push(state);
                }
                if items.len() == request.limit {
                    return Ok(Page {
                        items,
                        is_full: true,
                    });
                }
            }
            if is_last {
                return Ok(Page {
                    items,
                    is_full: false,
                });
            }
        }
    }

    /// Gives `project` quotas of its own; what `limits` does not set stays as it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_quotas(
        &self,
        op: &Operation,
        project: &ProjectId,
        limits: OwnLimits,
    ) -> Result<QuotaState, Error> {
        loop {
            let now = self.clock.now();
            let commit = match self.own_quotas(project).await? {
                Some(mut kept) => {
                    kept.entity.limits = kept.entity.limits.overridden_by(limits);
                    kept.entity.updated_at = Some(now);
                    Commit::new().update(&kept)
                }
                None => Commit::new().create(&ProjectQuotas {
                    project_id: project.clone(),
                    limits,
                    created_at: now,
                    updated_at: None,
                }),
            };
            match self.commit_quotas(op, project, commit).await {
                Ok(()) => return self.quotas(project).await,
                Err(store::Error::Conflict { .. }) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }

    /// Gives `project` the usual quotas again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reset_quotas(&self, op: &Operation, project: &ProjectId) -> Result<(), Error> {
        while let Some(kept) = self.own_quotas(project).await? {
            let commit = Commit::new().delete(&kept);
            match self.commit_quotas(op, project, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result?),
            }
        }
        Ok(())
    }

    async fn commit_quotas(
        &self,
        op: &Operation,
        project: &ProjectId,
        commit: Commit,
    ) -> Result<(), store::Error> {
        let act = Act::changing(ObjectType::Quota, project, None);
        let committed = self.commit_for(op, act, commit).await;
        self.quota_book.forget(project);
        committed
    }

    async fn own_quotas(
        &self,
        project: &ProjectId,
    ) -> Result<Option<Kept<ProjectQuotas>>, store::Error> {
        store::find(&*self.store, ProjectQuotas::id_of(project)).await
    }

    async fn quota_state(
        &self,
        project_id: ProjectId,
        usage: Tallies,
    ) -> Result<QuotaState, Error> {
        let has_own = usage.of(Tally::OwnQuotas) > 0;
        let own = if has_own {
            self.own_quotas(&project_id).await?
        } else {
            None
        };
        let own = own.map_or_else(OwnLimits::default, |kept| kept.entity.limits);
        Ok(QuotaState {
            project_id,
            limits: own.over(self.usual_quotas()),
            usage,
        })
    }

    /// `commit`, which is refused where the project would then have more than it may. Costs no read of the store while
    /// the project's limits are remembered.
    pub(super) async fn within_quotas(
        &self,
        project: &ProjectId,
        mut commit: Commit,
    ) -> Result<Commit, store::Error> {
        let limits = self.limits_of(project).await?;
        for tally in Tally::LIMITED {
            let Some(most) = limits.of(tally).most() else {
                continue;
            };
            let taken = match tally {
                Tally::StoredActionExecutions => self.quota_book.reserved(project),
                Tally::RunningActionExecutions
                | Tally::StoredExecutions
                | Tally::RunningExecutions
                | Tally::Modules
                | Tally::Bytes
                | Tally::OwnQuotas => 0,
            };
            commit = commit.within(project, tally, most.saturating_sub(taken));
        }
        Ok(commit)
    }

    /// Refuses what would be more than the project may have, before much is done for it. The commit decides.
    pub(super) async fn check_quotas(
        &self,
        project: &ProjectId,
        wanted: Tallies,
    ) -> Result<(), Error> {
        self.check_quotas_beside(project, Tallies::default(), wanted)
            .await
    }

    /// The same, where `taken` is as good as kept.
    async fn check_quotas_beside(
        &self,
        project: &ProjectId,
        taken: Tallies,
        wanted: Tallies,
    ) -> Result<(), Error> {
        let limits = self.limits_of(project).await?;
        let usage = self.store.usage(project).await?.plus(taken);
        for tally in Tally::LIMITED {
            let (in_use, wanted) = (usage.of(tally), wanted.of(tally));
            if let Some(limit) = limits.of(tally).most()
                && wanted > 0
                && in_use.saturating_add(wanted) > limit
            {
                return Err(store::Error::QuotaExceeded {
                    project: project.clone(),
                    tally,
                    in_use,
                    wanted,
                    limit,
                }
                .into());
            }
        }
        Ok(())
    }

    /// A place for a run that is kept at its end, when it cannot be refused any more. The places of runs under way count
    /// as taken, those that are just being kept perhaps twice.
    pub(super) async fn reserve_execution(
        &self,
        project: &ProjectId,
    ) -> Result<Reservation, Error> {
        let (reservation, before) = self.quota_book.reserve(project);
        let taken = Tallies::default().with(Tally::StoredActionExecutions, before);
        let wanted = Tallies::default()
            .with(Tally::StoredActionExecutions, 1)
            .with(Tally::Bytes, 1);
        self.check_quotas_beside(project, taken, wanted).await?;
        Ok(reservation)
    }

    async fn limits_of(&self, project: &ProjectId) -> Result<Limits, store::Error> {
        let now = self.clock.now();
        let changes = match self.quota_book.limits(project, now) {
            Ok(limits) => return Ok(limits),
            Err(changes) => changes,
        };
        let own = self.own_quotas(project).await?;
        let own = own.map_or_else(OwnLimits::default, |kept| kept.entity.limits);
        let limits = own.over(self.usual_quotas());
        self.quota_book.remember(project, limits, now, changes);
        Ok(limits)
    }
}
