//! Why an execution failed, in Mistral's words.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    ChildId,
    step::Step,
    stop::REASON_BYTES,
    text::{cut, plain},
};
use crate::{domain::State, lang::WorkflowKind};

/// What one task or run may say in a report, in bytes.
const SAYS_BYTES: usize = 4 << 10;

impl Step<'_, '_, '_, '_> {
    /// The tasks that failed and what they and their runs say.
    pub(super) fn failure_report(&self) -> String {
        let is_reverse = self.draft.spec().kind == WorkflowKind::Reverse;
        let mut failed = self.draft.tasks();
        failed.retain(|task| {
            let spec = self.draft.spec_of(task);
            let says_nothing = spec.is_none_or(|spec| spec.on_error.next.is_empty());
            task.state == State::Error && (is_reverse || says_nothing)
        });
        failed.sort_by(|one, other| one.name.cmp(&other.name));
        let names: Vec<_> = failed.iter().map(|task| task.name.as_ref()).collect();
        let mut report = format!("Failure caused by error in tasks: {}\n", names.join(", "));
        for task in &failed {
            if report.len() > REASON_BYTES {
                break;
            }
            let info = task.state_info.clone().unwrap_or_else(|| "None".to_owned());
            let info = cut(info, SAYS_BYTES);
            // Writing to a text cannot fail.
            let _ = write!(
                report,
                "\n  {} [task_ex_id={}] -> {info}\n",
                task.name, task.id
            );
            let children = self.draft.children_of(task.id);
            let (mut actions, mut workflows) = (0, 0);
            for child in &children {
                let (kind, place) = match child.id {
                    ChildId::Action(_) => ("action_ex_id", &mut actions),
                    ChildId::Workflow(_) => ("wf_ex_id", &mut workflows),
                };
                let index = *place;
                *place += 1;
                if child.state != State::Error || report.len() > REASON_BYTES {
                    continue;
                }
                let result = child
                    .ended
                    .as_ref()
                    .and_then(|ended| ended.result.to().ok());
                let mut result: Value = result.unwrap_or_default();
                let id = match child.id {
                    ChildId::Action(id) => id.to_string(),
                    ChildId::Workflow(id) => {
                        let said = result.get_mut("result").map(Value::take);
                        result = said.unwrap_or_else(|| Value::from("Unknown"));
                        id.to_string()
                    }
                };
                let said = cut(plain(result), SAYS_BYTES);
                let _ = writeln!(report, "    [{kind}={id}, idx={index}]: {said}");
            }
        }
        report
    }
}
