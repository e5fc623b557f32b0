//! What must hold after every schedule.

use std::collections::HashSet;

use super::world::{Course, Kept, World, tasks_by_id};
use crate::{domain::State, lang::WorkflowKind};

/// Whether all ended, in states that the definition allows, and every task had its effects once; and, where nothing but
/// the definition decides, whether it came to what it came to without trouble.
pub(super) fn world(world: &World, plain: Option<&Course>) -> Result<(), String> {
    for kept in world.executions.values() {
        execution(kept, world.is_disturbed)?;
    }
    if let Some(twice) = world.twice.first() {
        return Err(format!("a run was begun twice: {twice}"));
    }
    followed_once(world)?;
    match plain {
        Some(plain) if !world.is_disturbed && !world.is_racy() => {
            let course = world.course();
            if course == *plain {
                return Ok(());
            }
            let differs = |(line, count): &(&String, &u32)| plain.get(*line) != Some(*count);
            let more: Vec<_> = course.iter().filter(differs).collect();
            let less: Vec<_> = plain
                .iter()
                .filter(|(line, count)| course.get(*line) != Some(*count))
                .collect();
            Err(format!(
                "it came to {more:?}, and without trouble to {less:?}"
            ))
        }
        Some(_) | None => Ok(()),
    }
}

fn execution(kept: &Kept, is_disturbed: bool) -> Result<(), String> {
    let execution = &kept.execution;
    let name = &kept.spec.name;
    if !execution.state.is_completed() {
        return Err(format!("{name} is {}", execution.state));
    }
    for task in kept.tasks.values() {
        // A join keeps waiting where something else ended the execution, as in Mistral.
        let is_cut_off = task.state == State::Waiting
            && (is_disturbed
                || execution.state == State::Cancelled
                || kept.has_command(&["fail", "succeed"]));
        if !task.state.is_completed() && !is_cut_off {
            return Err(format!(
                "{name} is {}, and its task {} {}",
                execution.state, task.name, task.state
            ));
        }
    }
    for child in kept.children.values() {
        if !child.state.is_completed() {
            return Err(format!(
                "{name} is {}, and a run of it {}",
                execution.state, child.state
            ));
        }
    }
    let failed = kept
        .tasks
        .values()
        .find(|task| task.state == State::Error && !task.error_handled);
    if let (State::Success, Some(failed), false) =
        (execution.state, failed, kept.has_command(&["succeed"]))
    {
        return Err(format!(
            "{name} is SUCCESS, although {} failed and nothing handled it",
            failed.name
        ));
    }
    // Who ends it, or a `fail`, may say why.
    let needs_reason = !is_disturbed && !kept.has_command(&["fail"]);
    if execution.state == State::Error && execution.state_info.is_none() && needs_reason {
        return Err(format!("{name} is ERROR and does not say why"));
    }
    Ok(())
}

/// No task leads to the same next task twice by one clause, and only joins have several that lead to them.
fn followed_once(world: &World) -> Result<(), String> {
    let tasks = tasks_by_id(world);
    for kept in world
        .executions
        .values()
        .filter(|kept| kept.spec.kind == WorkflowKind::Direct)
    {
        let mut seen = HashSet::new();
        for task in kept.tasks.values() {
            let is_join = kept
                .spec
                .tasks
                .get(&task.name)
                .is_some_and(|spec| spec.join.is_some());
            if !is_join && task.inbound.len() > 1 {
                return Err(format!(
                    "{} was begun by {} tasks",
                    task.name,
                    task.inbound.len()
                ));
            }
            for inbound in &task.inbound {
                let Some(from) = tasks.get(&inbound.task_execution_id) else {
                    return Err(format!(
                        "{} was begun by a task that is not there",
                        task.name
                    ));
                };
                // A rerun of the one before leads on once more.
                if !seen.insert((from.id, inbound.clause.clone(), task.name.clone()))
                    && !world.is_disturbed
                {
                    return Err(format!("{} led to {} twice", from.name, task.name));
                }
            }
        }
    }
    Ok(())
}
