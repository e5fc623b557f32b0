//! Evaluates the expressions of a definition, and answers what they ask of the execution.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Draft, Fact, Facts, Lookup, Needed, step::Step};
use crate::{
    domain::{JsonText, TaskExecution, TaskExecutionId, Timestamp},
    expr::{self, Budget, Call, Scope, Template, Variables},
};

/// How many times what one evaluation may take all evaluations of a step may take together.
const STEP: u64 = 64;
/// How deep values may be: what is kept as text is read back to 128.
const DEPTH: u32 = 100;

/// The most actions and workflows that one step asks for.
const LOOKUPS: usize = 500;
/// How many times the bound of one input all that begin in one step may have.
const AT_ONCE: usize = 64;
/// The most different `executions(…)` and `tasks(…)` of one step.
const CALLS: usize = 50;

/// Why a step does not go on as it would.
#[derive(Debug)]
pub(super) enum Halt {
    /// Something has to be looked up first.
    Needed(Needed),
    /// The definition is at fault: the task ends in ERROR, and the execution with it.
    Fault(String),
    /// The task cannot do what it is to do: it ends in ERROR, and what the definition says of that follows.
    Failed(String),
}

impl From<Needed> for Halt {
    fn from(needed: Needed) -> Self {
        Self::Needed(needed)
    }
}

/// What one expression is evaluated over.
struct Over<'a, 'b> {
    draft: &'a Draft<'b>,
    task: Option<&'a TaskExecution>,
    variables: &'a Variables,
    budget: Budget,
    facts: &'a Facts,
    new_id: RefCell<&'a mut dyn FnMut() -> Uuid>,
    needed: RefCell<Vec<Call>>,
    now: Timestamp,
}

impl Scope for Over<'_, '_> {
    fn variables(&self) -> &Variables {
        self.variables
    }

    fn call(&self, call: &Call) -> Result<Value, String> {
        match call {
            Call::Env => Ok(Value::Object(self.draft.base.env.as_ref().clone())),
            Call::Execution => Ok(self.draft.execution_view()),
            Call::Task(name) => self.task_view(name.as_deref()),
            Call::Global(name) => {
                let value = self.draft.shared().get(name);
                Ok(value.cloned().unwrap_or_default())
            }
            Call::Uuid => {
                let mut new_id = self
                    .new_id
                    .try_borrow_mut()
                    .map_err(|_| "uuid() is under way".to_owned())?;
                Ok(Value::from(new_id().to_string()))
            }
            Call::Tasks {
                execution_id: Some(id),
                recursive: false,
                state,
                flat,
            } if *id == self.draft.execution().id.to_string() => {
                Ok(self.draft.tasks_view(state.as_deref(), *flat))
            }
            Call::Tasks { .. } | Call::Executions { .. } => self.look_up(call),
        }
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn now(&self) -> Option<Timestamp> {
        Some(self.now)
    }
}

impl Over<'_, '_> {
    /// The task of this name that is meant: the one whose expression this is, or else the youngest.
    fn task_view(&self, name: Option<&str>) -> Result<Value, String> {
        let own = self
            .task
            .filter(|own| name.is_none_or(|name| *own.name == *name));
        let found = match (own, name) {
            (Some(own), _) => Some(own.id),
            (None, Some(name)) => self.draft.named(name).map(|named| named.latest),
            (None, None) => {
                return Err("task() needs a name where no task is under way".to_owned());
            }
        };
        let found = found.and_then(|id| self.draft.task(id));
        Ok(found.map_or(Value::Null, |task| self.draft.task_view(task)))
    }

    fn look_up(&self, call: &Call) -> Result<Value, String> {
        match self.facts.known.get(&Lookup::Call(format!("{call:?}"))) {
            Some(Fact::Value(value)) => Ok(value.clone()),
            Some(Fact::Refused(reason)) => Err(reason.clone()),
            Some(Fact::Missing | Fact::Action(_) | Fact::Workflow(_)) => Ok(Value::Null),
            None => {
                if let Ok(mut needed) = self.needed.try_borrow_mut() {
                    needed.push(call.clone());
                }
                Err("it has to be looked up first".to_owned())
            }
        }
    }
}

impl Step<'_, '_, '_, '_> {
    /// The value of `template` over `variables`, for `task` if it is one's.
    pub(super) fn evaluate(
        &mut self,
        template: &Template,
        task: Option<TaskExecutionId>,
        variables: &Variables,
    ) -> Result<Value, Halt> {
        if template.is_plain() {
            return Ok(template.source().clone());
        }
        let bounds = self.moment.bounds;
        if self.spent > bounds.steps.saturating_mul(STEP) {
            let error = expr::Error::Bound("time", "expression_steps", bounds.steps);
            return Err(Halt::Fault(error.to_string()));
        }
        let task = task.and_then(|id| self.draft.task(id)).cloned();
        let over = Over {
            draft: self.draft,
            task: task.as_deref(),
            variables,
            budget: Budget::new(bounds),
            facts: self.moment.facts,
            new_id: RefCell::new(&mut *self.moment.new_id),
            needed: RefCell::default(),
            now: self.now,
        };
        let value = template.evaluate(&over);
        let calls = over.needed.take();
        let steps = Cell::get(&over.budget.steps);
        self.spent = self.spent.saturating_add(steps);
        if !calls.is_empty() {
            let lookups = calls.iter().map(|call| Lookup::Call(format!("{call:?}")));
            return Err(self.need(lookups.collect(), calls));
        }
        match value {
            Ok(value) if is_deeper(&value, DEPTH) => Err(Halt::Fault(format!(
                "The value of an expression lies more than {DEPTH} lists and objects deep"
            ))),
            Ok(value) => Ok(value),
            Err(err) => Err(Halt::Fault(err.to_string())),
        }
    }

    /// Needs one look-up.
    pub(super) fn lookup(&self, lookup: Lookup) -> Halt {
        self.need(vec![lookup], Vec::new())
    }

    /// Needs look-ups, unless it had so many already: each has the step made again from its beginning.
    fn need(&self, lookups: Vec<Lookup>, calls: Vec<Call>) -> Halt {
        let known = self.moment.facts.known.keys();
        let is_call = |lookup: &&Lookup| matches!(lookup, Lookup::Call(_));
        let (is_much, what) = if calls.is_empty() {
            (known.len() >= LOOKUPS, "actions and workflows")
        } else {
            (
                known.filter(is_call).count() >= CALLS,
                "executions() and tasks()",
            )
        };
        if is_much {
            return Halt::Fault(format!(
                "One step of an execution asks for too many different {what}"
            ));
        }
        Halt::Needed(Needed { lookups, calls })
    }

    /// `value` as it is kept in a record, under the name of `field`.
    pub(super) fn kept(&self, field: &str, value: &Value) -> Result<JsonText, Halt> {
        let text = JsonText::from_value(value);
        let (size, most) = (text.as_str().len(), self.moment.limits.field_bytes);
        if size > most {
            return Err(Halt::Fault(format!(
                "Size of '{field}' is {size} bytes, more than [engine] field_kib = {}",
                most >> 10
            )));
        }
        Ok(text)
    }

    /// Holds the input of a run to what a record may hold, and all inputs of one step to 64 times as much: they are kept
    /// in one commit.
    pub(super) fn check_input(&mut self, input: &Map<String, Value>) -> Result<(), Halt> {
        let size = serde_json::to_string(input).map_or(usize::MAX, |text| text.len());
        let most = self.moment.limits.field_bytes;
        self.given = self.given.saturating_add(size);
        if size > most {
            return Err(Halt::Failed(format!(
                "Size of 'input' is {size} bytes, more than [engine] field_kib = {}",
                most >> 10
            )));
        }
        if self.given > most.saturating_mul(AT_ONCE) {
            return Err(Halt::Failed(format!(
                "Size of all inputs that begin at once is more than {AT_ONCE} times [engine] field_kib = {}: \
                 'concurrency' has fewer begin",
                most >> 10
            )));
        }
        Ok(())
    }

    /// As [`evaluate`](Self::evaluate), over what `task` sees with `over` above it.
    pub(super) fn evaluate_for(
        &mut self,
        template: &Template,
        task: TaskExecutionId,
        over: Option<Arc<Map<String, Value>>>,
    ) -> Result<Value, Halt> {
        if template.is_plain() {
            return Ok(template.source().clone());
        }
        let context = self.draft.inbound(task);
        let record = self.draft.task(task).cloned();
        let variables = self.draft.variables(record.as_deref(), over, &context);
        self.evaluate(template, Some(task), &variables)
    }
}

/// Whether lists and objects lie more than `most` deep in `value`.
fn is_deeper(value: &Value, most: u32) -> bool {
    let Some(left) = most.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, left)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// As Mistral takes a condition: empty is false.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
