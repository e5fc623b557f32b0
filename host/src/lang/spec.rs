//! What a document says, checked: names that are there, expressions parsed, defaults filled in.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::expr::Template;

/// A workbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Workbook {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its workflows, by their short names.
    pub workflows: IndexMap<Arc<str>, Workflow>,
    /// Its ad-hoc actions, by their short names.
    pub actions: IndexMap<Arc<str>, AdHocAction>,
}

/// An ad-hoc action.
#[derive(Debug, Clone, PartialEq)]
pub struct AdHocAction {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The action that it runs, which may be ad-hoc itself.
    pub base: Arc<str>,
    /// What the base gets, over the inputs of this one and the workflow's variables; the same input when none.
    pub base_input: Option<Template>,
    /// Its inputs.
    pub input: Vec<Input>,
    /// What it answers, over the base's result as `$`; the base's result when none.
    pub output: Option<Template>,
    /// The document of this action alone.
    pub source: Arc<str>,
}

/// An input of a workflow or ad-hoc action.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: Arc<str>,
    /// Its value when the caller gives none; without it, the caller has to.
    pub default: Option<Template>,
}

/// How a workflow finds its next task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowKind {
    /// Each task says what follows.
    Direct,
    /// The last task is asked for, and each says what it requires.
    Reverse,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Its name in its document.
    pub name: Arc<str>,
    /// How it finds its next task.
    pub kind: WorkflowKind,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its inputs.
    pub input: Vec<Input>,
    /// Its variables, over its input.
    pub vars: Option<Template>,
    /// What it ends in when it ends well; all its variables when none.
    pub output: Option<Template>,
    /// What it ends in when it ends badly.
    pub output_on_error: Option<Template>,
    /// Its tasks by name, in the order of the document, with its `task-defaults` filled in.
    pub tasks: IndexMap<Arc<str>, Task>,
    /// The document of this workflow alone, with its `version`.
    pub source: Arc<str>,
}

/// What a task runs, by its name, which may be an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Callee {
    /// An action.
    Action(Template),
    /// A workflow.
    Workflow(Template),
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it runs; `std.noop` when the document says nothing.
    pub callee: Callee,
    /// What that gets: an object, or an expression for one. Inline inputs are in it.
    pub input: Option<Template>,
    /// The variables of `with-items`, each with the template of its list.
    pub with_items: Vec<(Arc<str>, Template)>,
    /// The most items under way at a time.
    pub concurrency: Option<Template>,
    /// Whether the result is kept; it is when none.
    pub keep_result: Option<Template>,
    /// Where the action is to be run.
    pub target: Option<Template>,
    /// Whether the action may be run again after a crash; the action says it when none.
    pub safe_rerun: Option<Template>,
    /// What is done when it ends well.
    pub on_success: Clauses,
    /// What is done when it ends badly.
    pub on_error: Clauses,
    /// What is done when it ends, after one of the above.
    pub on_complete: Clauses,
    /// What is done when it is skipped.
    pub on_skip: Clauses,
    /// Tries again.
    pub retry: Option<Retry>,
    /// Seconds before it runs.
    pub wait_before: Option<Template>,
    /// Seconds after it ran.
    pub wait_after: Option<Template>,
    /// Seconds after which it ends in ERROR; 0 for never.
    pub timeout: Option<Template>,
    /// Whether the execution is paused before it runs.
    pub pause_before: Option<Template>,
    /// Whether it ends in ERROR although its action did well.
    pub fail_on: Option<Template>,
    /// How many tasks that lead to it have to come in before it runs. Direct workflows only.
    pub join: Option<Join>,
    /// The tasks that have to be done before. Reverse workflows only.
    pub requires: Vec<Arc<str>>,
}

/// How many of the tasks that lead to a join have to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Each.
    All,
    /// So many; `one` is 1.
    Count(u32),
}

/// What is done at one kind of end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clauses {
    /// What is published; `publish`, `publish-on-error` and `publish-on-skip` are in it.
    pub publish: Publish,
    /// What follows.
    pub next: Vec<Next>,
}

/// What a task publishes: objects of variables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publish {
    /// For the tasks after it.
    pub branch: Option<Template>,
    /// For all of the execution.
    pub global: Option<Template>,
    /// For all of the execution, no two tasks at a time.
    pub atomic: Option<Template>,
}

/// What follows: a task, or an engine command, by its name. A command comes before a task of its name, as in Mistral.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The task's or command's name: `noop`, `fail`, `succeed`, `pause`.
    pub name: Arc<str>,
    /// Only when this is true.
    pub guard: Option<Template>,
    /// What a command says: its `msg`.
    pub message: Option<Template>,
}

/// How a task is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How often, besides the first.
    pub count: Template,
    /// Seconds between two tries.
    pub delay: Template,
    /// No more when this is true, after a try that ended badly.
    pub break_on: Option<Template>,
    /// Again when this is true, after a try that ended well.
    pub continue_on: Option<Template>,
}

impl Input {
    /// The inputs as Mistral writes them: `a, b="x"`.
    #[must_use]
    pub fn text(inputs: &[Self]) -> String {
        let one = |input: &Self| match &input.default {
            None => input.name.to_string(),
            Some(default) => format!("{}={}", input.name, default.source()),
        };
        inputs.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The inputs as Mistral's `interface` shows them: a name, or an object of a name and its default.
    #[must_use]
    pub fn interface(inputs: &[Self]) -> Vec<Value> {
        let one = |input: &Self| match &input.default {
            None => Value::from(input.name.as_ref()),
            Some(default) => serde_json::json!({ input.name.as_ref(): default.source() }),
        };
        inputs.iter().map(one).collect()
    }
}
