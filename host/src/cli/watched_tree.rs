//! What a watched execution looks like: its tasks with what they run, as lines.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{api_client::Object, events::Event, run_action::member};

/// The executions, tasks and runs of actions that were told of.
#[derive(Debug, Default)]
pub(super) struct Tree {
    executions: BTreeMap<String, Object>,
    tasks: BTreeMap<String, Object>,
    /// The runs of actions of each task: those in each state.
    runs: HashMap<String, BTreeMap<String, String>>,
    /// The names of runs of actions.
    names: HashMap<String, String>,
}

impl Tree {
    /// Takes what an event tells; answers it in one line, if it is for people.
    pub(super) fn take(&mut self, event: &Event) -> Option<String> {
        let data = &event.data;
        let id = member(data, "id").to_owned();
        let state = member(data, "state");
        match event.name.as_str() {
            "execution" => {
                let line = with_reason(
                    format!("execution {} {state}", member(data, "workflow_name")),
                    data,
                );
                self.executions.insert(id, data.clone());
                Some(line)
            }
            "task" => {
                let line = with_reason(format!("task {} {state}", self.path(data)), data);
                self.tasks.insert(id, data.clone());
                Some(line)
            }
            "action_execution" => {
                let task = member(data, "task_execution_id").to_owned();
                let runs = self.runs.entry(task).or_default();
                runs.insert(id.clone(), state.to_owned());
                self.names.insert(id, self.named(data));
                None
            }
            "log" => {
                let line = data.get("line")?.as_object()?;
                let (level, message) = (member(line, "level"), member(line, "message"));
                Some(format!("{} {level}: {message}", self.speaker(data)))
            }
            "request" => {
                let request = data.get("request")?.as_object()?;
                let text = |name| member(request, name);
                let answer = match request.get("status").and_then(Value::as_u64) {
                    Some(status) => status.to_string(),
                    None => text("error").to_owned(),
                };
                let (method, service, path) = (text("method"), text("service_type"), text("path"));
                Some(format!(
                    "{} asked {method} {service} {path}: {answer}",
                    self.speaker(data)
                ))
            }
            "lagged" => Some(
                "the server told more than this client took; some steps are left out".to_owned(),
            ),
            _ => None,
        }
    }

    /// The task's name below those of the sub-workflows that it is in.
    fn path(&self, task: &Object) -> String {
        let mut names = vec![member(task, "name")];
        let mut execution = member(task, "workflow_execution_id");
        while let Some(above) = self
            .executions
            .get(execution)
            .and_then(|execution| self.tasks.get(member(execution, "task_execution_id")))
            && names.len() < 64
        {
            names.push(member(above, "name"));
            execution = member(above, "workflow_execution_id");
        }
        names.reverse();
        names.join("/")
    }

    fn named(&self, run: &Object) -> String {
        let task = self.tasks.get(member(run, "task_execution_id"));
        let task = task.map_or_else(|| member(run, "task_name").to_owned(), |it| self.path(it));
        match run.get("index").and_then(Value::as_u64) {
            Some(index) => format!("{task}[{index}]"),
            None => task,
        }
    }

    fn speaker(&self, data: &Object) -> &str {
        let name = self.names.get(member(data, "action_execution_id"));
        name.map_or("an action", String::as_str)
    }

    /// The tree below the execution `id`, at most so many lines: what is under way rather than what has ended.
    pub(super) fn lines(&self, id: &str, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(execution) = self.executions.get(id) {
            let name = member(execution, "workflow_name");
            lines.push((false, format!("{name} {}", member(execution, "state"))));
        }
        self.add(id, 1, &mut lines);
        let mut left_out = lines.len().saturating_sub(most);
        if left_out == 0 {
            return lines.into_iter().map(|(_, line)| line).collect();
        }
        // One line says how many there are more.
        left_out += 1;
        let text = format!("… and {left_out} more");
        lines.retain(|(has_ended, _)| {
            let goes = *has_ended && left_out > 0;
            left_out -= usize::from(goes);
            !goes
        });
        lines.truncate(most.saturating_sub(1));
        let lines = lines.into_iter().map(|(_, line)| line);
        lines.chain([text]).collect()
    }

    fn add(&self, execution: &str, depth: usize, lines: &mut Vec<(bool, String)>) {
        let is_of = |task: &&Object| member(task, "workflow_execution_id") == execution;
        for task in self.tasks.values().filter(is_of) {
            let id = member(task, "id");
            let state = member(task, "state");
            let mut line = format!("{}{} {state}", "  ".repeat(depth), member(task, "name"));
            let runs = self.runs.get(id);
            if let Some(items) = task.get("items").and_then(Value::as_u64) {
                let ended = runs.map_or(0, |runs| {
                    runs.values().filter(|state| *state == "SUCCESS").count()
                });
                line.push_str(&format!(" ({ended} of {items})"));
            }
            let has_ended = matches!(state, "SUCCESS" | "SKIPPED");
            lines.push((has_ended, line));
            if depth < 64 {
                let below = self.executions.iter();
                let below = below.filter(|(_, it)| member(it, "task_execution_id") == id);
                for (sub, _) in below {
                    self.add(sub, depth + 1, lines);
                }
            }
        }
    }
}

fn with_reason(line: String, data: &Object) -> String {
    match member(data, "state_info").lines().next() {
        Some(reason) if !reason.is_empty() => format!("{line}: {reason}"),
        Some(_) | None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, data: Value) -> Event {
        Event {
            name: name.to_owned(),
            data: serde_json::from_value(data).unwrap(),
        }
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for event in [
            event(
                "execution",
                json!({"id": "e", "workflow_name": "main", "state": "RUNNING"}),
            ),
            event(
                "task",
                json!({"id": "t1", "name": "a", "workflow_execution_id": "e", "state": "SUCCESS"}),
            ),
            event(
                "task",
                json!({"id": "t2", "name": "sub", "workflow_execution_id": "e", "state": "RUNNING"}),
            ),
            event(
                "execution",
                json!({"id": "s", "workflow_name": "leaf", "state": "RUNNING", "task_execution_id": "t2"}),
            ),
            event(
                "task",
                json!({"id": "t3", "name": "items", "workflow_execution_id": "s", "state": "RUNNING", "items": 2}),
            ),
            event(
                "action_execution",
                json!({"id": "r", "name": "std.echo", "task_execution_id": "t3", "index": 1, "state": "SUCCESS"}),
            ),
        ] {
            tree.take(&event);
        }
        tree
    }

    #[test]
    fn tasks_stand_below_what_runs_them() {
        let lines = tree().lines("e", 9);
        assert_eq!(
            lines,
            [
                "main RUNNING",
                "  a SUCCESS",
                "  sub RUNNING",
                "    items RUNNING (1 of 2)"
            ]
        );
    }

    #[test]
    fn where_there_is_no_room_what_has_ended_goes_first() {
        assert_eq!(
            tree().lines("e", 3),
            ["main RUNNING", "  sub RUNNING", "… and 2 more"]
        );
    }

    #[test]
    fn an_event_is_told_in_one_line() {
        let mut tree = tree();
        for (event, line) in [
            (
                event(
                    "task",
                    json!({"id": "t3", "name": "items", "workflow_execution_id": "s", "state": "ERROR",
                                     "state_info": "no luck\nat all"}),
                ),
                Some("task sub/items ERROR: no luck"),
            ),
            (
                event(
                    "log",
                    json!({"action_execution_id": "r", "line": {"level": "info", "message": "hi"}}),
                ),
                Some("sub/items[1] info: hi"),
            ),
            (
                event(
                    "request",
                    json!({"action_execution_id": "r", "request": {
                    "method": "GET", "service_type": "compute", "path": "/servers", "status": 200}}),
                ),
                Some("sub/items[1] asked GET compute /servers: 200"),
            ),
            (
                event("action_execution", json!({"id": "r", "state": "ERROR"})),
                None,
            ),
            (event("of the future", json!({})), None),
        ] {
            assert_eq!(tree.take(&event).as_deref(), line);
        }
    }
}
