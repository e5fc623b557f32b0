//! What a step has to know of other records, and asks for.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::{
    domain::{ActionName, Namespace, WorkbookName, WorkflowId, WorkflowName},
    expr, lang,
};

/// Something to look up, within the project of the execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// The action that a task means by a name; within a workbook `workbook.name` comes first.
    Action(String),
    /// The workflow that a task means by a name; within a workbook `workbook.name` comes first.
    Workflow(String),
    /// `executions(…)` and `tasks(…)` of other executions: the expression's call, by its debug text.
    Call(String),
}

/// An action as a task can run it.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionFacts {
    /// A module's.
    Module {
        /// Its name.
        name: ActionName,
        /// Whether it may be run again after a crash.
        is_idempotent: bool,
    },
    /// An ad-hoc one.
    AdHoc {
        /// Its name.
        name: ActionName,
        /// Its specification; its base is looked up in turn.
        spec: Arc<lang::AdHocAction>,
    },
}

/// A workflow as a task can run it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowFacts {
    /// The definition.
    pub id: WorkflowId,
    /// Its name.
    pub name: WorkflowName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The workbook it is part of.
    pub workbook: Option<WorkbookName>,
    /// Its specification.
    pub spec: Arc<lang::Workflow>,
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Nothing.
    Missing,
    /// An action.
    Action(ActionFacts),
    /// A workflow.
    Workflow(Arc<WorkflowFacts>),
    /// The value of a call.
    Value(Value),
    /// Why a call has no value.
    Refused(String),
}

/// What was looked up so far, for one step.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// By what was asked.
    pub known: HashMap<Lookup, Fact>,
}

/// A step needs to know these first; nothing has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    /// What is to be looked up.
    pub lookups: Vec<Lookup>,
    /// The calls among them, as the expressions made them.
    pub calls: Vec<expr::Call>,
}
