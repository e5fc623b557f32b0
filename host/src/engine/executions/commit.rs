//! One commit of all that follows from some letters: records, jobs, the turn, and what caused it.

use std::sync::Arc;

use super::{Cause, handle::Ready, load::Loaded};
use crate::{
    domain::{AuditEvent, AuditOutcome, ProjectId, WorkflowExecution},
    engine::Engine,
    store::{self, Commit, Turn, Write},
};

impl Engine {
    /// Commits what is ready; within the quotas of `limited`, if there is one.
    pub(super) async fn commit_ready(
        &self,
        ready: &Ready,
        limited: Option<&ProjectId>,
    ) -> Result<(), store::Error> {
        // First: what follows may take away the very timer that caused it.
        let mut commit = Commit::new();
        for letter in &ready.letters {
            commit = match &letter.cause {
                Cause::Job(job) => commit.and(Write::FinishJob {
                    id: job.id,
                    owner: self.host_id,
                    attempt: job.attempt,
                }),
                Cause::Caller(op, act) => act.objects().iter().fold(commit, |commit, object| {
                    let now = self.clock.now();
                    commit.create(&AuditEvent::new(
                        op,
                        object.clone(),
                        AuditOutcome::Done,
                        now,
                    ))
                }),
            };
        }
        let mut commit = self.with_writes(commit, ready);
        if let Some(project) = limited {
            commit = self.within_quotas(project, commit).await?;
        }
        self.store.commit(commit).await
    }

    fn with_writes(&self, mut commit: Commit, Ready { loaded, made, .. }: &Ready) -> Commit {
        let changes = &made.changes;
        let has_stepped = changes.execution.is_some()
            || !changes.tasks.is_empty()
            || !changes.children.is_empty();
        if let Some(execution) = &changes.execution {
            commit = commit.put(execution.as_ref(), loaded.version);
        }
        for task in changes.tasks.values() {
            let version = loaded.tasks.get(&task.id).copied();
            commit = commit.put(task.as_ref(), version.unwrap_or(0));
        }
        for (action, version) in made.actions.values() {
            commit = commit.put(action, *version);
        }
        for (execution, version) in made.executions.values() {
            commit = commit.put(execution, *version);
        }
        for journal in &made.journals {
            commit = commit.create(journal);
        }
        for job in &made.jobs {
            commit = commit.and(job.clone());
        }
        if has_stepped || !made.jobs.is_empty() {
            let execution = &loaded.snapshot.execution;
            let turn = Turn {
                id: execution.id,
                project_id: execution.project_id.clone(),
            };
            commit = commit.put(&turn, loaded.turn);
        }
        commit
    }

    /// Takes what was committed, answers the letters, and lets what was begun go on.
    pub(super) fn accept(&self, ready: Ready) -> Box<Loaded> {
        let Ready {
            mut loaded,
            letters,
            made,
            desk,
        } = ready;
        let made = *made;
        let changes = made.changes;
        let has_stepped = changes.execution.is_some()
            || !changes.tasks.is_empty()
            || !changes.children.is_empty();
        if changes.execution.is_some() {
            loaded.version += 1;
        }
        for id in changes.tasks.keys() {
            *loaded.tasks.entry(*id).or_default() += 1;
        }
        if has_stepped || !made.jobs.is_empty() {
            loaded.turn += 1;
        }
        let root = loaded.snapshot.execution.root_id();
        if let Some(execution) = &changes.execution {
            self.watchers.changed(root, execution);
        }
        for task in changes.tasks.values() {
            self.watchers.changed(root, task);
        }
        for (run, _) in made.actions.values() {
            self.watchers.changed(root, run);
        }
        for (execution, _) in made.executions.values() {
            self.watchers.changed(root, execution);
        }
        loaded.snapshot.accept(changes);
        for id in made.cancelled {
            self.running.cancel(id);
        }
        let has_work = |write: &Write| matches!(write, Write::AddJob(_));
        if made.jobs.iter().any(has_work) {
            self.work_added.notify_one();
        }
        for letter in letters {
            letter.answer(Ok(()));
        }
        if desk.root.is_some_and(|change| change.is_for_all()) {
            let root = loaded.snapshot.execution.root_id();
            self.executions.mark_stale(root);
        }
        loaded
    }
}

impl Loaded {
    /// The execution as it was last committed.
    pub(super) fn execution(&self) -> Arc<WorkflowExecution> {
        Arc::clone(&self.snapshot.execution)
    }
}
