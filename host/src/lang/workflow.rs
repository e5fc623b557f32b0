//! Workflows.

use std::{collections::HashSet, sync::Arc};

use indexmap::IndexMap;

use super::{
    Workflow, WorkflowKind, check,
    fault::Faults,
    reader::{self, Reader},
    spot::{Members, Spot},
    task::Defaults,
};

/// The members of a workflow.
const MEMBERS: [&str; 11] = [
    "name",
    "version",
    "description",
    "tags",
    "type",
    "input",
    "vars",
    "task-defaults",
    "tasks",
    "output",
    "output-on-error",
];

/// Reads the workflow at `spot`, whose document alone is `source`.
pub(super) fn read(spot: Spot<'_>, source: Arc<str>, faults: &mut Faults) -> Option<Workflow> {
    let name = reader::name(spot, "a workflow", faults);
    let members = spot.members_of(&MEMBERS, faults)?;
    let kind = kind(members, faults);
    let description = reader::description(members, faults);
    let tags = reader::tags(members, faults);
    let input = reader::input(members, faults);
    let mut object = |name| {
        members
            .get(name)
            .and_then(|spot: Spot<'_>| spot.object(faults))
    };
    let vars = object("vars");
    let output = object("output");
    let output_on_error = object("output-on-error");
    let Some(tasks) = members.get("tasks") else {
        faults.add_name(spot, "a workflow must have `tasks`");
        return None;
    };
    let tasks = tasks.members(faults)?;
    let mut reader = Reader {
        faults,
        kind,
        tasks: tasks.iter().map(Spot::name).collect::<HashSet<_>>(),
    };
    let defaults = members
        .get("task-defaults")
        .map_or_else(Defaults::default, |spot| reader.defaults(spot));
    let read: IndexMap<Arc<str>, _> = tasks
        .iter()
        .filter_map(|spot| reader.task(spot, &defaults))
        .map(|task| (task.name.clone(), task))
        .collect();
    let workflow = Workflow {
        name,
        kind,
        description,
        tags,
        input,
        vars,
        output,
        output_on_error,
        tasks: read,
        source,
    };
    // A task that cannot be read leads nowhere; faults of its followers would be none.
    if workflow.tasks.len() == tasks.iter().len() {
        check::links(&workflow, tasks, faults);
    }
    Some(workflow)
}

fn kind(members: Members<'_>, faults: &mut Faults) -> WorkflowKind {
    let Some(spot) = members.get("type") else {
        return WorkflowKind::Direct;
    };
    match spot.as_text() {
        Some("direct") => WorkflowKind::Direct,
        Some("reverse") => WorkflowKind::Reverse,
        _ => {
            faults.add(spot, "must be `direct` or `reverse`");
            WorkflowKind::Direct
        }
    }
}
