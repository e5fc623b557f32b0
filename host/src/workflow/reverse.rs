//! What follows in a reverse workflow: a task begins when all that it requires have ended well.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::{scope::Halt, snapshot::object, step::Step};
use crate::domain::{Inbound, State, TaskExecution};

impl Step<'_, '_, '_, '_> {
    /// Begins what the asked task needs and requires nothing itself.
    pub(super) fn begin_reverse(&mut self) -> Result<(), Halt> {
        let target = self.target()?;
        for name in self.required(&target) {
            let spec = self.draft.spec().tasks.get(&name);
            if spec.is_some_and(|spec| spec.requires.is_empty()) {
                self.begin(&name, Vec::new())?;
            }
        }
        Ok(())
    }

    /// Begins what waited for the end of `task` alone.
    pub(super) fn follow_reverse(&mut self, task: &TaskExecution) -> Result<(), Halt> {
        self.draft
            .change_task(task.id, self.now, |task| task.processed = true);
        if !matches!(task.state, State::Success | State::Skipped) {
            return Ok(());
        }
        let graph = Arc::clone(&self.draft.base.graph);
        let after = graph.outbound(&task.name);
        if after.is_empty() {
            return Ok(());
        }
        let target = self.target()?;
        let wanted: HashSet<_> = self.required(&target).into_iter().collect();
        for name in after.iter().filter(|name| wanted.contains(*name)) {
            if self.draft.named(name).is_some() {
                continue;
            }
            if let Some(inbound) = self.requirements(name) {
                self.begin(name, inbound)?;
            }
        }
        Ok(())
    }

    /// The task that was asked for.
    pub(super) fn target(&self) -> Result<Arc<str>, Halt> {
        let params = object(&self.draft.execution().params);
        let name = params.get("task_name").and_then(Value::as_str);
        let found = name.and_then(|name| self.draft.spec().tasks.get_key_value(name));
        found.map(|(name, _)| Arc::clone(name)).ok_or_else(|| {
            let message = match name {
                Some(name) => format!(
                    "Invalid task name [wf={}, task_name={name}]: the workflow has no such task",
                    self.draft.execution().workflow_name
                ),
                None => {
                    "A reverse workflow needs the parameter 'task_name': the task to run, with \
                         all that it requires"
                        .to_owned()
                }
            };
            Halt::Fault(message)
        })
    }

    /// `target` and all that it requires, what is required first.
    fn required(&self, target: &Arc<str>) -> Vec<Arc<str>> {
        let mut ordered = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![(Arc::clone(target), false)];
        while let Some((name, is_expanded)) = open.pop() {
            if is_expanded {
                ordered.push(name);
            } else if seen.insert(Arc::clone(&name)) {
                let before = self.draft.base.graph.inbound(&name).iter().rev().cloned();
                open.push((name, true));
                open.extend(before.map(|name| (name, false)));
            }
        }
        ordered
    }

    /// The tasks that `name` requires, if all have ended well.
    fn requirements(&self, name: &str) -> Option<Vec<Inbound>> {
        let spec = self.draft.spec().tasks.get(name)?;
        let ended = |name: &Arc<str>| {
            let task = self.draft.task(self.draft.named(name)?.latest)?;
            matches!(task.state, State::Success | State::Skipped).then(|| Inbound {
                task_execution_id: task.id,
                clause: "requires".into(),
                is_late: false,
            })
        };
        spec.requires.iter().map(ended).collect()
    }
}
