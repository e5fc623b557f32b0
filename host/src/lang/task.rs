//! Tasks and the defaults of tasks.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Callee, Clauses, Join, Next, Retry, Task, WorkflowKind, inline,
    on_clause::OnClause,
    reader::{self, Reader},
    spot::{Members, Spot},
};
use crate::expr::Template;

/// What a task runs when it names nothing.
const NOOP: &str = "std.noop";
/// The longest name of a join: with the execution's id it makes one key.
const MOST_JOIN_NAME: usize = 208;

/// The members of a task of either kind of workflow.
const MEMBERS: [&str; 22] = [
    "name",
    "version",
    "type",
    "description",
    "tags",
    "action",
    "workflow",
    "input",
    "with-items",
    "publish",
    "publish-on-error",
    "publish-on-skip",
    "retry",
    "wait-before",
    "wait-after",
    "timeout",
    "pause-before",
    "concurrency",
    "fail-on",
    "target",
    "keep-result",
    "safe-rerun",
];
/// Those that only tasks of direct workflows have.
const DIRECT: [&str; 5] = ["join", "on-success", "on-error", "on-complete", "on-skip"];
/// Those that only tasks of reverse workflows have.
const REVERSE: [&str; 1] = ["requires"];
/// The members of `task-defaults`.
const DEFAULTS: [&str; 15] = [
    "name",
    "version",
    "retry",
    "wait-before",
    "wait-after",
    "timeout",
    "pause-before",
    "concurrency",
    "fail-on",
    "on-success",
    "on-error",
    "on-complete",
    "on-skip",
    "safe-rerun",
    "requires",
];

/// What holds for each task that does not say otherwise.
#[derive(Default)]
pub(super) struct Defaults {
    policies: Policies,
    safe_rerun: Option<Template>,
    on_success: Vec<Next>,
    on_error: Vec<Next>,
    on_complete: Vec<Next>,
    on_skip: Vec<Next>,
    requires: Vec<Arc<str>>,
}

#[derive(Default)]
struct Policies {
    retry: Option<Retry>,
    wait_before: Option<Template>,
    wait_after: Option<Template>,
    timeout: Option<Template>,
    pause_before: Option<Template>,
    concurrency: Option<Template>,
    fail_on: Option<Template>,
}

/// `own`, or the default when it says nothing: 0 and false say nothing, as in Mistral.
fn or(own: Option<Template>, default: Option<&Template>) -> Option<Template> {
    let says = |template: &Template| match template.source() {
        Value::Bool(is_on) => *is_on,
        Value::Number(number) => reader::whole(number) != Some(0),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => true,
    };
    own.filter(says).or_else(|| default.cloned())
}

impl Reader<'_> {
    /// Reads `task-defaults`.
    pub(super) fn defaults(&mut self, spot: Spot<'_>) -> Defaults {
        let Some(members) = spot.members_of(&DEFAULTS, self.faults) else {
            return Defaults::default();
        };
        let policies = self.policies(members);
        let safe_rerun = members.get("safe-rerun").and_then(|spot| self.truth(spot));
        if self.kind == WorkflowKind::Reverse {
            return Defaults {
                policies,
                safe_rerun,
                requires: self.requires(members),
                ..Defaults::default()
            };
        }
        let mut next = |name| {
            let clause = members.get(name).map(|spot| self.on_clause(spot));
            clause.unwrap_or_default().next
        };
        Defaults {
            on_success: next("on-success"),
            on_error: next("on-error"),
            on_complete: next("on-complete"),
            on_skip: next("on-skip"),
            policies,
            safe_rerun,
            requires: Vec::new(),
        }
    }

    /// Reads a task.
    pub(super) fn task(&mut self, spot: Spot<'_>, defaults: &Defaults) -> Option<Task> {
        let members = self.task_members(spot)?;
        self.task_name(spot, members);
        let (callee, input) = self.callee(members);
        let own = self.policies(members);
        let default = &defaults.policies;
        let [on_success, on_error, on_complete, on_skip] =
            self.clauses(spot.name(), members, defaults);
        let mut requires = self.requires(members);
        requires.extend(defaults.requires.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        requires.retain(|name| **name != *spot.name() && seen.insert(name.clone()));
        let safe_rerun = members.get("safe-rerun").and_then(|spot| self.truth(spot));
        Some(Task {
            name: spot.name().into(),
            description: reader::description(members, self.faults),
            tags: reader::tags(members, self.faults),
            callee,
            input,
            with_items: members
                .get("with-items")
                .map_or_else(Vec::new, |spot| self.with_items(spot)),
            concurrency: or(own.concurrency, default.concurrency.as_ref()),
            keep_result: members.get("keep-result").and_then(|spot| self.truth(spot)),
            target: self.target(members),
            safe_rerun: safe_rerun.or_else(|| defaults.safe_rerun.clone()),
            on_success,
            on_error,
            on_complete,
            on_skip,
            retry: own.retry.or_else(|| default.retry.clone()),
            wait_before: or(own.wait_before, default.wait_before.as_ref()),
            wait_after: or(own.wait_after, default.wait_after.as_ref()),
            timeout: or(own.timeout, default.timeout.as_ref()),
            pause_before: or(own.pause_before, default.pause_before.as_ref()),
            fail_on: or(own.fail_on, default.fail_on.as_ref()),
            join: members.get("join").and_then(|spot| self.join(spot)),
            requires,
        })
    }

    fn task_members<'s>(&mut self, spot: Spot<'s>) -> Option<Members<'s>> {
        let (own, others, kind, other): (&[&str], &[&str], _, _) = match self.kind {
            WorkflowKind::Direct => (&DIRECT, &REVERSE, "direct", "reverse"),
            WorkflowKind::Reverse => (&REVERSE, &DIRECT, "reverse", "direct"),
        };
        let members = spot.members(self.faults)?;
        for member in members.iter() {
            if others.contains(&member.name()) {
                let message = format!(
                    "`{}` is for tasks of {other} workflows; this one is {kind}",
                    member.name()
                );
                self.faults.add_name(member, message);
            }
        }
        let known: Vec<&str> = MEMBERS.iter().chain(own).chain(others).copied().collect();
        spot.members_of(&known, self.faults)
    }

    fn task_name(&mut self, spot: Spot<'_>, members: Members<'_>) {
        let chars = spot.name().chars().count();
        if chars == 0 || chars > 255 {
            let message = "the name of a task has 1 to 255 characters";
            self.faults.add_name(spot, message);
        } else if spot.name().contains(char::is_control) {
            let message = "the name of a task has no control characters";
            self.faults.add_name(spot, message);
        } else if chars > MOST_JOIN_NAME && members.get("join").is_some() {
            let message =
                format!("the name of a task with `join` has at most {MOST_JOIN_NAME} characters");
            self.faults.add_name(spot, message);
        }
    }

    /// What the task runs, and with which input.
    fn callee(&mut self, members: Members<'_>) -> (Callee, Option<Template>) {
        let action = members.get("action");
        let workflow = members.get("workflow");
        if let (Some(_), Some(workflow)) = (action, workflow) {
            let message = "a task has an `action` or a `workflow`, not both";
            self.faults.add_name(workflow, message);
        }
        let Some(spot) = action.or(workflow) else {
            let input = self.input(members, None, Map::new());
            let noop =
                Template::parse(NOOP.into()).expect("a name without an expression is a template");
            return (Callee::Action(noop), input);
        };
        let (name, inputs) = match spot.text(self.faults).map(inline::call) {
            Some(Ok((name, inputs))) => (name, inputs),
            Some(Err(message)) => {
                self.faults.add(spot, message);
                ("", Map::new())
            }
            None => ("", Map::new()),
        };
        let name = spot.template_of(name.into(), self.faults);
        let name = name.or_else(|| Template::parse(Value::Null).ok());
        let name = name.expect("nothing is a template");
        let input = self.input(members, Some(spot), inputs);
        let callee = match action {
            Some(_) => Callee::Action(name),
            None => Callee::Workflow(name),
        };
        (callee, input)
    }

    /// `input` with the inputs that stand beside the callee's name, which come before those of `input`.
    fn input(
        &mut self,
        members: Members<'_>,
        callee: Option<Spot<'_>>,
        inline: Map<String, Value>,
    ) -> Option<Template> {
        let Some(spot) = members.get("input") else {
            let spot = callee.filter(|_| !inline.is_empty())?;
            return spot.template_of(Value::Object(inline), self.faults);
        };
        if let Some(text) = spot.as_text() {
            if !inline::has_expression(text) {
                let message = "must be an object of names and values, or an expression for one";
                self.faults.add(spot, message);
            } else if !inline.is_empty() {
                let message = "is an expression; give all inputs in it, none beside the name";
                self.faults.add(spot, message);
            }
            return spot.template(self.faults);
        }
        let structured = spot.object(self.faults)?;
        if inline.is_empty() {
            return Some(structured);
        }
        let mut all = structured.source().clone();
        reader::overlay(&mut all, Value::Object(inline));
        callee.unwrap_or(spot).template_of(all, self.faults)
    }

    fn target(&mut self, members: Members<'_>) -> Option<Template> {
        let spot = members.get("target")?;
        spot.text(self.faults)?;
        spot.template(self.faults)
    }

    /// What is done at each kind of end: success, error, completion, skip.
    fn clauses(&mut self, task: &str, members: Members<'_>, defaults: &Defaults) -> [Clauses; 4] {
        let kinds = [
            ("on-success", "publish", &defaults.on_success),
            ("on-error", "publish-on-error", &defaults.on_error),
            ("on-complete", "", &defaults.on_complete),
            ("on-skip", "publish-on-skip", &defaults.on_skip),
        ];
        kinds.map(|(on, publish, default)| {
            let spot = members
                .get(on)
                .filter(|_| self.kind == WorkflowKind::Direct);
            let mut clause = spot.map_or_else(OnClause::default, |spot| self.on_clause(spot));
            let publish = self.publish(&clause, members.get(publish));
            let mut next = std::mem::take(&mut clause.next);
            if next.is_empty() {
                let others = default.iter().filter(|next| *next.name != *task);
                next = others.cloned().collect();
            }
            Clauses { publish, next }
        })
    }

    /// The tasks that have to be done before.
    fn requires(&mut self, members: Members<'_>) -> Vec<Arc<str>> {
        let spot = members
            .get("requires")
            .filter(|_| self.kind == WorkflowKind::Reverse);
        let Some(spot) = spot else {
            return Vec::new();
        };
        let names = match spot.as_text() {
            Some(_) => spot.text(self.faults).map(|text| vec![(spot, text)]),
            None => spot.texts(self.faults),
        };
        let mut required = Vec::new();
        for (spot, name) in names.unwrap_or_default() {
            if !self.tasks.contains(name) {
                let message = self.unknown_task(name, &[]);
                self.faults.add(spot, message);
            }
            required.push(name.into());
        }
        required
    }

    fn join(&mut self, spot: Spot<'_>) -> Option<Join> {
        let count = match spot.as_text() {
            Some("all") => return Some(Join::All),
            Some("one") => Some(1),
            Some(_) => None,
            None => spot.value().as_number().and_then(reader::whole),
        };
        let count = count.and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            let message = "must be `all`, `one` or the number of tasks to wait for";
            self.faults.add(spot, message);
        }
        count.filter(|count| *count > 0).map(Join::Count)
    }

    fn policies(&mut self, members: Members<'_>) -> Policies {
        let mut count = |name| members.get(name).and_then(|spot| self.count(spot));
        Policies {
            wait_before: count("wait-before"),
            wait_after: count("wait-after"),
            timeout: count("timeout"),
            concurrency: count("concurrency"),
            pause_before: members
                .get("pause-before")
                .and_then(|spot| self.truth(spot)),
            fail_on: members.get("fail-on").and_then(|spot| self.truth(spot)),
            retry: members.get("retry").and_then(|spot| self.retry(spot)),
        }
    }

    /// How often a task is tried again: an object, or `count=5 delay=1`.
    fn retry(&mut self, spot: Spot<'_>) -> Option<Retry> {
        const MEMBERS: [&str; 4] = ["count", "delay", "break-on", "continue-on"];
        let written: Vec<(Spot<'_>, String, Value)> = if let Some(text) = spot.as_text() {
            let inputs = inline::inputs(text).map_err(|message| self.faults.add(spot, message));
            let inputs = inputs.ok()?;
            if let Some(name) = inputs.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
                let message = format!(
                    "`{name}` is not known here; known are {}",
                    MEMBERS.join(", ")
                );
                self.faults.add(spot, message);
            }
            inputs
                .into_iter()
                .map(|(name, value)| (spot, name, whole_part(value)))
                .collect()
        } else {
            let members = spot.members_of(&MEMBERS, self.faults)?;
            members
                .iter()
                .map(|member| (member, member.name().to_owned(), member.value()))
                .collect()
        };
        let find = |name: &str| {
            let found = written.iter().find(|(_, other, _)| other == name);
            found.map(|(spot, _, value)| (*spot, value.clone()))
        };
        let (Some(count), Some(delay)) = (find("count"), find("delay")) else {
            let message = "must have a `count` and a `delay` in seconds, as in `count=5 delay=1`";
            self.faults.add(spot, message);
            return None;
        };
        let mut condition = |name| {
            let (spot, value) = find(name)?;
            self.expression_of(spot, name, value)
        };
        let break_on = condition("break-on");
        let continue_on = condition("continue-on");
        let count = self.count_of(count.0, count.1);
        let delay = self.count_of(delay.0, delay.1);
        Some(Retry {
            count: count?,
            delay: delay?,
            break_on,
            continue_on,
        })
    }

    /// The variables of `with-items` and their lists: `name in <% … %>`, `name in [1, 2]`.
    fn with_items(&mut self, spot: Spot<'_>) -> Vec<(Arc<str>, Template)> {
        let texts = match spot.as_text() {
            Some(_) => spot.text(self.faults).map(|text| vec![(spot, text)]),
            None => spot.texts(self.faults),
        };
        let mut items: Vec<(Arc<str>, Template)> = Vec::new();
        for (spot, text) in texts.unwrap_or_default() {
            let Some((name, list)) = item(text) else {
                let message = "must be `name in <% list %>` or `name in [1, 2]`";
                self.faults.add(spot, message);
                continue;
            };
            let list = if is_list(list) {
                match serde_json::from_str(list) {
                    Ok(list) => list,
                    Err(error) => {
                        let message = format!("the list of `{name}` is no JSON: {error}");
                        self.faults.add(spot, message);
                        continue;
                    }
                }
            } else {
                Value::from(list)
            };
            if items.iter().any(|(other, _)| **other == *name) {
                self.faults.add(spot, format!("`{name}` is given twice"));
            }
            if let Some(list) = spot.template_of(list, self.faults) {
                items.push((name.into(), list));
            }
        }
        items
    }
}

/// A number without its fraction, as Mistral takes one in a retry in one line.
fn whole_part(value: Value) -> Value {
    let fraction = value.as_f64().filter(|number| number.fract() > 0.0);
    match fraction.and_then(|number| serde_json::Number::from_f64(number.floor())) {
        Some(whole) => Value::Number(whole),
        None => value,
    }
}

/// The variable and the list of one item of `with-items`.
fn item(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let is_part = |c: char| c == '-' || c == '_' || c.is_alphanumeric();
    let (name, rest) = text.split_at(text.find(|c| !is_part(c))?);
    let list = rest.trim_start().strip_prefix("in")?.trim_start();
    let is_item = !name.is_empty() && (is_list(list) || inline::is_expression(list));
    is_item.then_some((name, list))
}

fn is_list(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']')
}
