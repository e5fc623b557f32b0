//! The report of an execution for people: numbers, and a tree of what became of each task.

use serde_json::Value;

use super::{api_client::Object, error::Error, run_action::member, session::Session};

/// No tree is printed deeper.
const DEEPEST: usize = 64;

/// Prints a report: as text, or in the form that the user asked for.
pub(super) fn print(report: &Object, session: &mut Session<'_>) -> Result<(), Error> {
    if session.output.format().is_some() {
        return session.output.value(&Value::Object(report.clone()));
    }
    session.output.print(&text(report))
}

fn text(report: &Object) -> String {
    let mut lines = Vec::new();
    if let Some(statistics) = report.get("statistics").and_then(Value::as_object) {
        let numbers = statistics.iter().map(|(name, number)| {
            let name = name.trim_end_matches("_tasks_count");
            format!("{name} {number}")
        });
        let numbers: Vec<String> = numbers.collect();
        lines.push(format!("tasks: {}", numbers.join(", ")));
    }
    if let Some(root) = report.get("root_workflow_execution") {
        add(root, "workflow", 0, &mut lines);
    }
    lines.join("\n")
}

fn add(entry: &Value, kind: &str, depth: usize, lines: &mut Vec<String>) {
    let Some(entry) = entry.as_object().filter(|_| depth < DEEPEST) else {
        return;
    };
    let indent = "  ".repeat(depth);
    let (name, state, id) = (
        member(entry, "name"),
        member(entry, "state"),
        member(entry, "id"),
    );
    lines.push(format!("{indent}{kind} {name} {state} ({id})"));
    let reason = member(entry, "state_info").lines();
    lines.extend(reason.map(|line| format!("{indent}    {line}")));
    for (below, kind) in [
        ("task_executions", "task"),
        ("workflow_executions", "workflow"),
        ("action_executions", "action"),
    ] {
        let below = entry.get(below).and_then(Value::as_array);
        for entry in below.into_iter().flatten() {
            add(entry, kind, depth + 1, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_numbers_and_a_tree_with_reasons() {
        let report = json!({
            "statistics": {"total_tasks_count": 1, "error_tasks_count": 1, "estimated_time": 0},
            "root_workflow_execution": {
                "id": "e", "name": "main", "state": "ERROR", "state_info": "no luck\nat all",
                "task_executions": [{
                    "id": "t", "name": "tried", "state": "ERROR", "state_info": null,
                    "action_executions": [{"id": "a", "name": "std.fail", "state": "ERROR"}],
                    "workflow_executions": [],
                }],
            },
        });
        assert_eq!(
            text(report.as_object().unwrap()),
            "tasks: total 1, error 1, estimated_time 0\nworkflow main ERROR (e)\n    no luck\n    at all\n  \
             task tried ERROR (t)\n    action std.fail ERROR (a)"
        );
    }
}
