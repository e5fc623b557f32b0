//! Starts a run of a task: finds the action or workflow that it means and prepares its input.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    ActionFacts, Child, ChildId, Command, Fact, Lookup, WorkflowFacts, input,
    scope::{Halt, is_true},
    step::Step,
    text::{object_or_text, plain},
};
use crate::{
    domain::{ActionExecutionId, ActionName, State, TaskExecution, WorkflowExecutionId},
    expr::Template,
    lang::{Callee, Task},
};

/// The variables of an item over those of its task.
type Over = Option<Arc<Map<String, Value>>>;

/// A module's action, and how an ad-hoc action uses it.
struct Chain {
    base: ActionName,
    input: Map<String, Value>,
    output: Vec<Template>,
}

impl Step<'_, '_, '_, '_> {
    /// Starts a run of a task, of one of its items with the item's place and variables.
    pub(super) fn start_run(
        &mut self,
        task: &TaskExecution,
        spec: &Task,
        item: Option<(u32, Arc<Map<String, Value>>)>,
    ) -> Result<(), Halt> {
        let (index, over) = match item {
            Some((index, over)) => (Some(index), Some(over)),
            None => (None, None),
        };
        let mut input = self.input_of(task, spec, over.clone())?;
        let child = match &spec.callee {
            Callee::Action(name) => {
                // Only a task without items fails its execution with it, as in Mistral.
                let severity = if index.is_some() {
                    Halt::Failed
                } else {
                    Halt::Fault
                };
                let called = self.callee_name(name, task, over.clone())?;
                let called = called.unwrap_or_else(|| "std.noop".to_owned());
                self.add_defaults(&mut input, name);
                self.start_action(task, spec, &called, index, input, over, severity)?
            }
            Callee::Workflow(name) => {
                let called = self.callee_name(name, task, over)?.unwrap_or_default();
                self.start_workflow(task, &called, index.unwrap_or(0), input)?
            }
        };
        self.draft.put_child(child);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all of them make one command")]
    fn start_action(
        &mut self,
        task: &TaskExecution,
        spec: &Task,
        called: &str,
        index: Option<u32>,
        input: Map<String, Value>,
        over: Over,
        severity: fn(String) -> Halt,
    ) -> Result<Child, Halt> {
        let (name, chain) = self.chain(task, called, input, over.clone(), severity)?;
        let safe_rerun = match &spec.safe_rerun {
            Some(template) => Some(is_true(&self.evaluate_for(template, task.id, over)?)),
            None => None,
        };
        self.check_input(&chain.input)?;
        let id = ActionExecutionId::from((self.moment.new_id)());
        let generation = task.policies.generation;
        let child = self.child(task, ChildId::Action(id), index.unwrap_or(0), called);
        self.draft.changes.commands.push(Command::StartAction {
            id,
            task: task.id,
            generation,
            index,
            name,
            base: chain.base,
            input: chain.input,
            output: chain.output,
            safe_rerun,
            timeout: self.time_left_of(task),
        });
        Ok(child)
    }

    fn start_workflow(
        &mut self,
        task: &TaskExecution,
        called: &str,
        index: u32,
        input: Map<String, Value>,
    ) -> Result<Child, Halt> {
        let workflow = self.find_workflow(called)?;
        let depth = self
            .draft
            .execution()
            .parent
            .map_or(0, |parent| parent.depth);
        let most = self.moment.limits.depth;
        if depth >= most {
            return Err(Halt::Failed(format!(
                "Sub-workflows may lie at most {most} deep below each other: [engine] depth = {most}"
            )));
        }
        let (input, params) = input.into_iter().partition(|(name, _)| {
            workflow
                .spec
                .input
                .iter()
                .any(|known| *known.name == **name)
        });
        let name = workflow.name.to_string();
        let input = input::complete(&workflow.spec.input, input, &name, "WorkflowSpec")
            .map_err(Halt::Failed)?;
        self.check_input(&input)?;
        let id = WorkflowExecutionId::from((self.moment.new_id)());
        let child = self.child(task, ChildId::Workflow(id), index, &name);
        self.draft.changes.commands.push(Command::StartWorkflow {
            id,
            task: task.id,
            generation: task.policies.generation,
            index,
            workflow,
            input,
            params,
            timeout: self.time_left_of(task),
        });
        Ok(child)
    }

    fn child(&self, task: &TaskExecution, id: ChildId, index: u32, name: &str) -> Child {
        Child {
            id,
            task: task.id,
            generation: task.policies.generation,
            index,
            name: name.into(),
            state: State::Running,
            ended: None,
            is_accepted: true,
            run: 0,
        }
    }

    /// What `timeout` leaves a task, as its record has it by now.
    fn time_left_of(&self, task: &TaskExecution) -> Option<std::time::Duration> {
        self.draft
            .task(task.id)
            .and_then(|task| self.time_left(task))
    }

    fn input_of(
        &mut self,
        task: &TaskExecution,
        spec: &Task,
        over: Over,
    ) -> Result<Map<String, Value>, Halt> {
        let Some(template) = &spec.input else {
            return Ok(Map::new());
        };
        object_or_text(self.evaluate_for(template, task.id, over)?).map_err(|other| {
            Halt::Fault(format!(
                "Wrong dynamic input for task: {}. Dict type is expected. Actual value: {other}",
                task.name
            ))
        })
    }

    fn callee_name(
        &mut self,
        name: &Template,
        task: &TaskExecution,
        over: Over,
    ) -> Result<Option<String>, Halt> {
        let value = self.evaluate_for(name, task.id, over)?;
        Ok(Some(plain(value)).filter(|name| !name.is_empty() && name != "None"))
    }

    /// Fills in what the environment has for every run of an action, under `__actions`.
    fn add_defaults(&self, input: &mut Map<String, Value>, name: &Template) {
        let defaults = self.draft.base.env.get("__actions");
        let defaults = name
            .source()
            .as_str()
            .and_then(|name| defaults?.get(name)?.as_object());
        for (name, value) in defaults.into_iter().flatten() {
            if !input.contains_key(name) {
                input.insert(name.clone(), value.clone());
            }
        }
    }

    fn find_workflow(&self, name: &str) -> Result<Arc<WorkflowFacts>, Halt> {
        let lookup = Lookup::Workflow(name.to_owned());
        match self.moment.facts.known.get(&lookup) {
            Some(Fact::Workflow(workflow)) => Ok(Arc::clone(workflow)),
            Some(Fact::Missing | Fact::Action(_) | Fact::Value(_) | Fact::Refused(_)) => {
                Err(Halt::Failed(format!(
                    "Failed to find workflow [name={name}] [namespace={}]",
                    self.draft.execution().workflow_namespace
                )))
            }
            None => Err(self.lookup(lookup)),
        }
    }

    fn find_action(&self, name: &str) -> Result<Option<&ActionFacts>, Halt> {
        let lookup = Lookup::Action(name.to_owned());
        match self.moment.facts.known.get(&lookup) {
            Some(Fact::Action(action)) => Ok(Some(action)),
            Some(Fact::Missing | Fact::Workflow(_) | Fact::Value(_) | Fact::Refused(_)) => Ok(None),
            None => Err(self.lookup(lookup)),
        }
    }

    /// The action that a task means, and the module's action below it with its input.
    fn chain(
        &mut self,
        task: &TaskExecution,
        called: &str,
        mut input: Map<String, Value>,
        over: Over,
        severity: fn(String) -> Halt,
    ) -> Result<(ActionName, Chain), Halt> {
        let namespace = self.draft.execution().workflow_namespace.to_string();
        let mut output = Vec::new();
        let mut first = None;
        let mut seen = HashSet::new();
        let mut asked = called.to_owned();
        loop {
            let action = self.find_action(&asked)?.cloned();
            let (name, spec) = match action {
                Some(ActionFacts::Module { name, .. }) => {
                    output.reverse();
                    let first = first.unwrap_or_else(|| name.clone());
                    let chain = Chain {
                        base: name,
                        input,
                        output,
                    };
                    return Ok((first, chain));
                }
                Some(ActionFacts::AdHoc { name, spec }) => (name, spec),
                None if first.is_none() => {
                    return Err(severity(format!(
                        "Failed to find action [action_name={asked}, namespace={namespace}]"
                    )));
                }
                None => {
                    return Err(Halt::Failed(format!(
                        "Failed to find base action [action_name={asked} namespace={namespace}] "
                    )));
                }
            };
            if !seen.insert(name.to_string()) {
                return Err(Halt::Failed(format!(
                    "Found a cycle in an ad-hoc action chain [action_name={called}, \
                     duplicate_action_name={name}]"
                )));
            }
            let completed = input::complete(&spec.input, input, name.as_str(), "AdHocAction");
            let mut own = completed.map_err(Halt::Failed)?;
            input = match &spec.base_input {
                None => std::mem::take(&mut own),
                Some(template) => {
                    let mut above = over.as_deref().cloned().unwrap_or_default();
                    above.extend(own);
                    let value = self.evaluate_for(template, task.id, Some(Arc::new(above)))?;
                    object_or_text(value).map_err(|other| {
                        Halt::Failed(format!(
                            "'base-input' of {name} is to be an object, not {other}"
                        ))
                    })?
                }
            };
            output.extend(spec.output.clone());
            first.get_or_insert(name);
            asked = spec.base.to_string();
        }
    }

    /// Evaluates `vars` once, when the execution begins.
    pub(super) fn evaluate_vars(&mut self) -> Result<(), Halt> {
        let Some(template) = &self.draft.spec().vars else {
            return Ok(());
        };
        let variables = self
            .draft
            .variables(None, None, &super::context::Context::default());
        let vars = object_or_text(self.evaluate(template, None, &variables)?)
            .map_err(|other| Halt::Fault(format!("'vars' is to be an object, not {other}")))?;
        let vars = self.kept("vars", &Value::Object(vars))?;
        self.draft
            .change_execution(self.now, |execution| execution.vars = vars);
        self.draft.refresh_shared();
        Ok(())
    }
}
