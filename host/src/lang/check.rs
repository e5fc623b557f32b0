//! Whether the tasks of a workflow can all come to run.

use std::collections::{HashMap, HashSet};

use super::{Join, Task, Workflow, WorkflowKind, fault::Faults, spot::Members};

/// Adds the faults of the links between tasks.
pub(super) fn links(workflow: &Workflow, tasks: Members<'_>, faults: &mut Faults) {
    match workflow.kind {
        WorkflowKind::Direct => direct(workflow, tasks, faults),
        WorkflowKind::Reverse => reverse(workflow, tasks, faults),
    }
}

fn direct(workflow: &Workflow, tasks: Members<'_>, faults: &mut Faults) {
    let mut inbound: HashMap<&str, u32> = HashMap::new();
    for task in workflow.tasks.values() {
        let clauses = [
            &task.on_success,
            &task.on_error,
            &task.on_complete,
            &task.on_skip,
        ];
        let next = clauses.iter().flat_map(|clauses| &clauses.next);
        let next: HashSet<&str> = next.map(|next| next.name.as_ref()).collect();
        for name in next {
            *inbound.entry(name).or_default() += 1;
        }
    }
    let inbound = |task: &Task| inbound.get(task.name.as_ref()).copied().unwrap_or(0);
    if workflow.tasks.values().all(|task| inbound(task) > 0) {
        let message = "no task begins the workflow: each follows another one; \
                       leave one task out of every `on-…` clause";
        if let Some(first) = tasks.iter().next() {
            faults.add_name(first, message);
        }
    }
    for (task, spot) in workflow.tasks.values().zip(tasks.iter()) {
        let there = inbound(task);
        let message = match task.join {
            Some(Join::All) if there == 0 => "no task leads to this join".to_owned(),
            Some(Join::Count(wanted)) if wanted > there => {
                format!("the join waits for {wanted} tasks, but {there} lead to it")
            }
            Some(Join::All | Join::Count(_)) | None => continue,
        };
        let join = spot.as_members().and_then(|members| members.get("join"));
        faults.add(join.unwrap_or(spot), message);
    }
}

/// Finds a task that requires itself in the end, without recursion: each task is entered and left once.
fn reverse(workflow: &Workflow, tasks: Members<'_>, faults: &mut Faults) {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        Entered,
        Left,
    }
    let mut visits: HashMap<&str, Visit> = HashMap::new();
    for (start, spot) in workflow.tasks.values().zip(tasks.iter()) {
        if visits.contains_key(start.name.as_ref()) {
            continue;
        }
        visits.insert(&start.name, Visit::Entered);
        let mut path = vec![(start, 0)];
        while let Some((task, place)) = path.last_mut() {
            let Some(name) = task.requires.get(*place) else {
                visits.insert(&task.name, Visit::Left);
                path.pop();
                continue;
            };
            *place += 1;
            match (visits.get(name.as_ref()), workflow.tasks.get(name)) {
                (None, Some(required)) => {
                    visits.insert(&required.name, Visit::Entered);
                    path.push((required, 0));
                }
                (Some(Visit::Entered), _) => {
                    let circle = circle(&path, name);
                    faults.add_name(spot, format!("requires itself in the end: {circle}"));
                }
                (Some(Visit::Left), _) | (None, None) => {}
            }
        }
    }
}

/// The names from `name` on, and `name` again.
fn circle(path: &[(&Task, usize)], name: &str) -> String {
    let from = path.iter().skip_while(|(task, _)| *task.name != *name);
    let names = from.map(|(task, _)| task.name.as_ref());
    let mut names: Vec<&str> = names.take(10).collect();
    names.push(name);
    names.join(" → ")
}
