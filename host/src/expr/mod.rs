//! Expressions in definitions: YAQL between `<%` and `%>`, Jinja between `{{` and `}}` or `{%` and `%}`.
//!
//! A [`Template`] is parsed once, when its definition is read, and evaluated over a [`Scope`]. Evaluation takes no
//! clock, does no I/O and ends within its [`Bounds`].

mod functions;
mod jinja;
mod python;
mod template;
mod yaml;
pub mod yaql;

use std::{cell::Cell, sync::Arc};

use serde_json::{Map, Value};

pub use template::Template;

use crate::domain::Timestamp;

/// Why an expression has no value, in words for the author of the definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not written in the language.
    #[error("{message}")]
    Syntax {
        /// What is wrong, and what would be right.
        message: String,
        /// Where in the text, in characters from its beginning.
        at: usize,
    },
    /// It cannot be evaluated over what there is.
    #[error("Can not evaluate {language} expression [expression={expression}, error={message}]")]
    Evaluation {
        /// `YAQL` or `Jinja`.
        language: &'static str,
        /// The expression.
        expression: Arc<str>,
        /// Why.
        message: String,
    },
    /// It would take more than an evaluation may.
    #[error("The expression takes too much {0}: [engine] {1} = {2}")]
    Bound(&'static str, &'static str, u64),
}

impl Error {
    /// More memory than `bounds` has.
    const fn memory(bounds: Bounds) -> Self {
        Self::Bound("memory", "expression_mib", bounds.bytes >> 20)
    }
}

/// How much an evaluation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most steps: a measure of time that does not depend on the machine.
    pub steps: u64,
    /// The most bytes of values at a time, roughly.
    pub bytes: u64,
    /// The deepest nesting of calls and values.
    pub depth: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            bytes: 64 << 20,
            depth: 64,
        }
    }
}

/// What is left of the bounds: of one evaluation, or of all evaluations of one step of the engine.
#[derive(Debug)]
pub struct Budget {
    /// What it began with.
    pub bounds: Bounds,
    /// Steps that were taken.
    pub steps: Cell<u64>,
    /// Bytes of values that were made.
    pub bytes: Cell<u64>,
}

impl Budget {
    /// All of `bounds`.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            steps: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// Takes `steps`.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take_steps(&self, steps: usize) -> Result<(), Error> {
        let taken = self.steps.get().saturating_add(steps as u64);
        self.steps.set(taken);
        if taken > self.bounds.steps {
            return Err(Error::Bound("time", "expression_steps", self.bounds.steps));
        }
        Ok(())
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take_bytes(&self, bytes: usize) -> Result<(), Error> {
        let taken = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(taken);
        if taken > self.bounds.bytes {
            return Err(Error::memory(self.bounds));
        }
        Ok(())
    }

    /// Lets what is nested `depth` deep pass.
    ///
    /// # Errors
    /// When that is too deep.
    pub const fn check_depth(&self, depth: u32) -> Result<(), Error> {
        if depth > self.bounds.depth {
            return Err(Error::Bound(
                "nesting",
                "expression_depth",
                self.bounds.depth as u64,
            ));
        }
        Ok(())
    }
}

/// The variables of an expression, `$` in YAQL and `_` in Jinja: layers of which the first that has a name gives its
/// value. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables {
    layers: Vec<Arc<Map<String, Value>>>,
}

impl Variables {
    /// Those of `layers`, the first first.
    #[must_use]
    pub fn new(layers: impl IntoIterator<Item = Arc<Map<String, Value>>>) -> Self {
        Self {
            layers: layers.into_iter().collect(),
        }
    }

    /// The same under one more layer.
    #[must_use]
    pub fn over(mut self, layer: Arc<Map<String, Value>>) -> Self {
        self.layers.insert(0, layer);
        self
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// Every name with its value, each once.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        let layers = &self.layers;
        layers.iter().enumerate().flat_map(move |(depth, layer)| {
            let is_hidden = move |name: &String| {
                layers
                    .iter()
                    .take(depth)
                    .any(|above| above.contains_key(name))
            };
            layer.iter().filter(move |(name, _)| !is_hidden(name))
        })
    }

    /// All of them in one map.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        self.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// A function that only who evaluates can answer: Mistral's own, besides those that need nothing but their arguments
/// (`json_parse`, `json_dump`, `yaml_parse`, `yaml_dump`), which are answered here.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `env()`: the environment of the execution.
    Env,
    /// `execution()`: the execution itself.
    Execution,
    /// `executions(id, root_execution_id, state, from_time, to_time)`.
    Executions {
        /// Its id.
        id: Option<String>,
        /// The execution at the top.
        root_execution_id: Option<String>,
        /// Its state.
        state: Option<String>,
        /// Made at this time or later, `YYYY-MM-DD HH:MM:SS`.
        from_time: Option<String>,
        /// Made before this time.
        to_time: Option<String>,
    },
    /// `task(name)`: the latest of this name; of none, the task whose expression this is.
    Task(Option<String>),
    /// `tasks(workflow_execution_id, recursive, state, flat)`.
    Tasks {
        /// The execution; all of the project's when none.
        execution_id: Option<String>,
        /// Whether with the tasks of sub-workflows.
        recursive: bool,
        /// Only those in this state.
        state: Option<String>,
        /// Only those that sub-workflows or actions do not repeat.
        flat: bool,
    },
    /// `global(name)`: what tasks published for all of the execution.
    Global(String),
    /// `uuid()`.
    Uuid,
}

/// What an expression is evaluated over.
pub trait Scope {
    /// The variables.
    fn variables(&self) -> &Variables;

    /// What `$` is in YAQL, where it is not the variables.
    fn data(&self) -> Option<&Value> {
        None
    }

    /// Answers `call`.
    ///
    /// # Errors
    /// In words for the author of the definition.
    fn call(&self, call: &Call) -> Result<Value, String>;

    /// What the evaluation may take.
    fn budget(&self) -> &Budget;

    /// The moment that is now for it, `now()` in YAQL: the same for all of a step of the engine. None where there is no
    /// time, so that it is a fault to ask for it.
    fn now(&self) -> Option<Timestamp> {
        None
    }
}
