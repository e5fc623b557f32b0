//! An action: a function with typed input and a typed result, and what the host should know about it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::exports::zonda::action::actions as wit;
use crate::bindings::zonda::action::types::AccessRule;
use crate::{Context, Failure, Result, schema};

type Run = dyn Fn(&Context, &str) -> Result<Outcome<String>>;
type Schema = dyn Fn() -> Value;

/// A function that the host can run by name, with all that the host knows about it.
pub struct Action {
    name: Cow<'static, str>,
    description: Cow<'static, str>,
    access: Vec<[Cow<'static, str>; 3]>,
    idempotent: bool,
    asynchronous: bool,
    input_schema: Box<Schema>,
    output_schema: fn() -> Option<Value>,
    run: Box<Run>,
}

impl Action {
    /// An action that runs `function`; its input and output schemas come from the function's types.
    ///
    /// The input is a struct (or a map); `()` stands for none. A function that returns [`Pending`] or an [`Outcome`]
    /// makes the action asynchronous. `name` is the full name, with the module's own name as the prefix.
    pub fn new<I, T>(
        name: impl Into<Cow<'static, str>>,
        function: impl Fn(&Context, I) -> Result<T> + 'static,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        T: Answer,
    {
        Self {
            name: name.into(),
            description: Cow::Borrowed(""),
            access: Vec::new(),
            idempotent: false,
            asynchronous: T::ASYNCHRONOUS,
            input_schema: Box::new(schema::of_input::<I>),
            output_schema: T::schema,
            run: Box::new(move |context, input| {
                let input = schema::read_input(input)
                    .map_err(|error| Failure::new(format!("the input does not fit: {error}")))?;
                function(context, input)?.into_outcome()
            }),
        }
    }

    /// An action whose input schema is data: for modules that make their actions from a table.
    ///
    /// `input_schema` gives a JSON Schema (2020-12) of an object; it is asked only when the host wants a description,
    /// never for a run.
    pub fn dynamic<T: Answer>(
        name: impl Into<Cow<'static, str>>,
        input_schema: impl Fn() -> Value + 'static,
        function: impl Fn(&Context, Value) -> Result<T> + 'static,
    ) -> Self {
        Self {
            input_schema: Box::new(input_schema),
            ..Self::new(name, function)
        }
    }

    /// Says in a sentence or two what the action does.
    #[must_use]
    pub fn describe(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    /// Allows a kind of cloud request; without any, the action may ask nothing of a cloud.
    ///
    /// In `path`, `*` and `{name}` stand for one segment and `**` for any rest; `method` may be `*`.
    #[must_use]
    pub fn access(
        mut self,
        service_type: impl Into<Cow<'static, str>>,
        method: impl Into<Cow<'static, str>>,
        path: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.access
            .push([service_type.into(), method.into(), path.into()]);
        self
    }

    /// Says that a run which a crash cut short may be run again.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that the action may answer pending; implied by a function that returns [`Pending`] or an [`Outcome`].
    #[must_use]
    pub fn asynchronous(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// The full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the host is told about the action, schemas included.
    pub fn spec(&self) -> wit::ActionSpec {
        wit::ActionSpec {
            name: self.name.to_string(),
            description: self.description.to_string(),
            input_schema: (self.input_schema)().to_string(),
            output_schema: (self.output_schema)().map(|schema| schema.to_string()),
            access: self
                .access
                .iter()
                .map(|[service_type, method, path]| AccessRule {
                    service_type: service_type.to_string(),
                    method: method.to_string(),
                    path: path.to_string(),
                })
                .collect(),
            idempotent: self.idempotent,
            asynchronous: self.asynchronous,
        }
    }

    pub(crate) fn run(&self, context: &Context, input: &str) -> Result<Outcome<String>> {
        (self.run)(context, input)
    }
}

/// What a run that did not fail ended in, for an action that decides while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// The result.
    Done(T),
    /// The result comes later, through the REST API.
    Pending,
}

/// What a function returns whose result always comes later, through the REST API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending;

/// What a function may return: anything that serializes and has a schema, [`Pending`], or an [`Outcome`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of an action",
    note = "derive both `serde::Serialize` and `zonda_sdk::JsonSchema` for it"
)]
pub trait Answer {
    #[doc(hidden)]
    const ASYNCHRONOUS: bool;
    #[doc(hidden)]
    fn schema() -> Option<Value>;
    #[doc(hidden)]
    fn into_outcome(self) -> Result<Outcome<String>>;
}

impl<T: Serialize + JsonSchema> Answer for T {
    const ASYNCHRONOUS: bool = false;

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }

    fn into_outcome(self) -> Result<Outcome<String>> {
        serde_json::to_string(&self)
            .map(Outcome::Done)
            .map_err(|error| Failure::new(format!("the result cannot be written as JSON: {error}")))
    }
}

impl<T: Serialize + JsonSchema> Answer for Outcome<T> {
    const ASYNCHRONOUS: bool = true;

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }

    fn into_outcome(self) -> Result<Outcome<String>> {
        match self {
            Self::Done(result) => result.into_outcome(),
            Self::Pending => Ok(Outcome::Pending),
        }
    }
}

impl Answer for Pending {
    const ASYNCHRONOUS: bool = true;

    fn schema() -> Option<Value> {
        None
    }

    fn into_outcome(self) -> Result<Outcome<String>> {
        Ok(Outcome::Pending)
    }
}
