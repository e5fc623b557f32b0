//! Mistral's workflow language, DSL v2: YAML documents to specifications, and what is wrong with one that is none.

mod action;
mod check;
mod document;
mod fault;
#[cfg(test)]
mod fuzz;
pub mod graph;
mod inline;
mod nearest;
mod on_clause;
mod reader;
mod scalar;
mod source;
mod spec;
mod spot;
mod task;
#[cfg(test)]
mod tests;
mod workflow;
mod yaml;

pub use document::{actions, workbook, workflow, workflows};
pub use fault::Fault;
pub use spec::{
    AdHocAction, Callee, Clauses, Input, Join, Next, Publish, Retry, Task, Workbook, Workflow,
    WorkflowKind,
};

/// The engine's commands, which may follow a task in place of another task.
pub const COMMANDS: [&str; 4] = ["noop", "fail", "succeed", "pause"];
