//! Jinja, as Mistral's sandboxed jinja2 with strict undefined values evaluates it.
//!
//! A text is compiled once, within an environment of its own that shares everything but the compiled text, since fuel is
//! set on environments. What Mistral's functions need from the scope is asked for between renderings: a rendering that
//! meets a question without an answer ends, and the next one has it. Renderings of one text over one scope ask the same
//! questions in the same order.

mod filters;
#[cfg(test)]
mod fuzz;
mod methods;
#[cfg(test)]
mod tests;
mod values;

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use minijinja::{
    AutoEscape, Environment, ErrorKind, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
    value::{Kwargs, Object, Rest},
};
use serde_json::Value as Json;

use self::values::Room;
use super::{
    Call, Error, Scope,
    functions::{Answer, FUNCTIONS, Fault, Function},
    template::characters,
};

/// The longest text.
const LONGEST: usize = 64 << 10;
/// The longest text that is parsed and evaluated where it is asked for, when it has no blocks: an expression of this
/// length cannot nest deep enough to fill the stack of a thread.
const SHORT: usize = 512;
/// The stack for all others. minijinja goes through nested syntax and nested values recursively and does not bound
/// values: this is enough for what [`ROOMY_FUEL`] can nest. Memory is taken for what is used of it.
const ROOMY_STACK: usize = 256 << 20;
/// The most steps of a text with blocks.
const ROOMY_FUEL: u64 = 50_000;
/// Bytes that one step may make, as minijinja charges them.
const BYTES_A_STEP: u64 = 64;
/// The name in the environment.
const NAME: &str = "expression";
/// Where functions find the answers; no expression can have such a name.
const ANSWERS: &str = "zonda.answers";
/// Where the formatter leaves the value of a text that is one expression.
const WHOLE: &str = "zonda.whole";

/// A text in Jinja, compiled. Cheap to clone.
#[derive(Clone)]
pub(super) struct Text(Arc<Compiled>);

struct Compiled {
    environment: Environment<'static>,
    text: Arc<str>,
    /// Whether it is one expression, whose value may be of any type.
    is_whole: bool,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment.set_debug(false);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(|out, state, value| {
        if value.is_undefined() {
            return Err(ErrorKind::UndefinedError.into());
        }
        if state.lookup(WHOLE).is_some() {
            state.set_temp(WHOLE, value.clone());
            return Ok(());
        }
        out.write_str(&values::text(state, value)?)?;
        Ok(())
    });
    // It shows the whole state.
    environment.remove_global("debug");
    filters::add_to(&mut environment);
    for function in &FUNCTIONS {
        environment.add_function(
            function.name,
            move |state: &State<'_, '_>, given: Rest<Value>, named: Kwargs| {
                answer(function, state, &given, &named)
            },
        );
    }
    environment
});

impl Text {
    /// Compiles `text`.
    ///
    /// # Errors
    /// When it is not written in Jinja, or too long.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::Syntax {
                message: format!("a text in Jinja has at most {LONGEST} bytes"),
                at: 0,
            });
        }
        let compile = || {
            let mut environment = ENVIRONMENT.clone();
            environment.add_template_owned(NAME, text.to_owned())?;
            Ok(environment)
        };
        let compiled = within_stack(is_small(text), compile);
        let environment = compiled.unwrap_or_else(|told| Err(invalid(told)));
        let environment = environment.map_err(|error| Error::Syntax {
            message: message(&error),
            at: error
                .range()
                .map_or(0, |range| characters(text, range.start)),
        })?;
        let inner = text.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
        Ok(Self(Arc::new(Compiled {
            environment,
            text: text.into(),
            is_whole: inner.is_some_and(|it| !it.contains("}}") && !it.contains('\n')),
        })))
    }

    /// Its value over `scope`.
    ///
    /// # Errors
    /// When it has none, or takes more than the scope's budget.
    pub(super) fn evaluate(&self, scope: &dyn Scope) -> Result<Json, Error> {
        let budget = scope.budget();
        let variables = Arc::new(values::Data::new(scope.variables().clone()));
        let answers = Arc::new(Answers::default());
        loop {
            let is_small = is_small(&self.0.text);
            let left = budget.bounds.steps.saturating_sub(budget.steps.get());
            let left_bytes = budget.bounds.bytes.saturating_sub(budget.bytes.get());
            let most = left.min(left_bytes / BYTES_A_STEP);
            let fuel = if is_small { most } else { most.min(ROOMY_FUEL) };
            let rendering = Rendering {
                environment: self.0.environment.clone(),
                fuel,
                is_whole: self.0.is_whole,
                depth: budget.bounds.depth,
                variables: Arc::clone(&variables),
                answers: Arc::clone(&answers),
            };
            let (value, taken) =
                within_stack(is_small, || rendering.run()).map_err(|fault| self.fault(fault))?;
            // A rendering costs something in any case.
            budget.take_steps(
                usize::try_from(taken)
                    .unwrap_or(usize::MAX)
                    .saturating_add(8),
            )?;
            budget.take_bytes(
                answers
                    .taken_bytes()
                    .saturating_add(variables.taken_bytes()),
            )?;
            if let Some(bound) = answers.bound() {
                return Err(bound);
            }
            if let Some(call) = answers.question() {
                let value = scope.call(&call).map_err(|told| self.fault(told))?;
                budget.take_bytes(super::template::weigh(&value))?;
                answers.add(call, value);
                continue;
            }
            return match value {
                Ok(value) => {
                    budget.take_bytes(super::template::weigh(&value))?;
                    Ok(value)
                }
                Err(error) if error.kind() == ErrorKind::OutOfFuel => Err(if fuel == left {
                    Error::Bound("time", "expression_steps", budget.bounds.steps)
                } else if fuel == most {
                    Error::memory(budget.bounds)
                } else {
                    self.fault(format!(
                        "a text with blocks takes at most {ROOMY_FUEL} steps"
                    ))
                }),
                Err(error) => Err(self.fault(message(&error))),
            };
        }
    }

    fn fault(&self, message: impl Into<String>) -> Error {
        Error::Evaluation {
            language: "Jinja",
            expression: Arc::clone(&self.0.text),
            message: message.into(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.0.text).finish()
    }
}

fn is_small(text: &str) -> bool {
    text.len() <= SHORT && !text.contains("{%")
}

/// Why a thread did not give anything, which is told like any other fault.
const NO_THREAD: &str = "there is no memory for it at the moment";

/// What `work` gives, on a stack that is large enough for it.
fn within_stack<T: Send>(
    is_small: bool,
    work: impl FnOnce() -> T + Send,
) -> Result<T, &'static str> {
    if is_small {
        return Ok(work());
    }
    std::thread::scope(|threads| {
        std::thread::Builder::new()
            .name("jinja".to_owned())
            .stack_size(ROOMY_STACK)
            .spawn_scoped(threads, work)
            .map_err(|_| NO_THREAD)?
            .join()
            .map_err(|_| "it cannot be evaluated")
    })
}

/// One rendering of a text.
struct Rendering {
    environment: Environment<'static>,
    fuel: u64,
    is_whole: bool,
    depth: u32,
    variables: Arc<values::Data>,
    answers: Arc<Answers>,
}

impl Rendering {
    /// The value, and how many steps it took.
    fn run(mut self) -> (Result<Json, minijinja::Error>, u64) {
        self.environment.set_fuel(Some(self.fuel));
        self.answers.begin();
        let root = values::Root {
            variables: Arc::clone(&self.variables),
            answers: Arc::clone(&self.answers),
            is_whole: self.is_whole,
        };
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured(Value::from_object(root)));
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(error) => {
                // How much it took is not told: all that it may have taken is.
                let taken = if error.kind() == ErrorKind::OutOfFuel {
                    self.fuel
                } else {
                    self.answers.taken_steps()
                };
                return (Err(error), taken);
            }
        };
        let taken = rendered.state().fuel_levels().map_or(0, |(taken, _)| taken);
        let value = match rendered.state().get_temp(WHOLE) {
            Some(value) => values::to_json(&value, &mut Room::of(rendered.state(), self.depth)),
            None => Ok(Json::String(rendered.into_output())),
        };
        (value, taken)
    }
}

/// What was asked and answered so far.
#[derive(Debug, Default)]
struct Answers(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    known: Vec<(Call, Value)>,
    /// How many of those this rendering has asked for.
    at: usize,
    question: Option<Call>,
    bound: Option<Error>,
    steps: u64,
    bytes: usize,
}

impl Object for Answers {}

impl Answers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let mut asked = self.lock();
        asked.at = 0;
        asked.steps = 0;
    }

    fn question(&self) -> Option<Call> {
        self.lock().question.take()
    }

    fn add(&self, call: Call, value: Json) {
        self.lock().known.push((call, values::from_json(&value)));
    }

    fn bound(&self) -> Option<Error> {
        self.lock().bound.take()
    }

    fn taken_steps(&self) -> u64 {
        self.lock().steps
    }

    fn taken_bytes(&self) -> usize {
        std::mem::take(&mut self.lock().bytes)
    }
}

/// What a function of Mistral's gives in a rendering.
fn answer(
    function: &'static Function,
    state: &State<'_, '_>,
    given: &[Value],
    named: &Kwargs,
) -> Result<Value, minijinja::Error> {
    let missing = || invalid("there is nobody to ask");
    let answers = state.lookup(ANSWERS).ok_or_else(missing)?;
    let answers = answers
        .downcast_object_ref::<Answers>()
        .ok_or_else(missing)?;
    let arguments = arguments(function, state, given, named)?;
    // What its own work may take is charged to the rendering, of which the budget is.
    let left = state.fuel_levels().map_or(0, |(_, left)| left);
    let budget = super::Budget::new(super::Bounds {
        steps: left,
        bytes: left.saturating_mul(BYTES_A_STEP),
        ..super::Bounds::default()
    });
    let answered = function.answer(arguments, &budget);
    state.consume_fuel(budget.bytes.get() / BYTES_A_STEP)?;
    let call = match answered {
        Ok(Answer::Value(value)) => return Ok(values::from_json(&value)),
        Ok(Answer::Ask(call)) => call,
        Err(Fault::Told(told)) => return Err(invalid(told)),
        Err(Fault::Bound(bound)) => {
            answers.lock().bound = Some(bound);
            return Err(invalid("it takes too much"));
        }
    };
    let mut asked = answers.lock();
    let at = asked.at;
    if let Some((known, value)) = asked.known.get(at)
        && *known == call
    {
        let value = value.clone();
        asked.at += 1;
        return Ok(value);
    }
    asked.known.truncate(at);
    asked.question = Some(call);
    asked.steps = state.fuel_levels().map_or(0, |(taken, _)| taken);
    Err(invalid("a question is open"))
}

/// Arguments in the places of the parameters of `function`.
fn arguments(
    function: &'static Function,
    state: &State<'_, '_>,
    given: &[Value],
    named: &Kwargs,
) -> Result<Vec<Option<Json>>, minijinja::Error> {
    let too_many = || {
        invalid(format!(
            "{}() takes {} arguments",
            function.name,
            function.parameters.len()
        ))
    };
    let mut arguments = vec![None; function.parameters.len()];
    let mut room = Room::of(state, super::Bounds::default().depth);
    for (at, value) in given.iter().enumerate() {
        *arguments.get_mut(at).ok_or_else(too_many)? = Some(values::to_json(value, &mut room)?);
    }
    for (place, name) in arguments.iter_mut().zip(function.parameters) {
        if let Some(value) = named.get::<Option<Value>>(name)? {
            *place = Some(values::to_json(&value, &mut room)?);
        }
    }
    named.assert_all_used()?;
    if arguments
        .iter()
        .take(function.required)
        .any(Option::is_none)
    {
        return Err(invalid(format!(
            "{}() needs {}",
            function.name,
            function.parameters.join(", ")
        )));
    }
    Ok(arguments)
}

/// A fault of an operation.
fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, message)
}

/// Why minijinja did not do it, without where: a text of a definition has no name.
fn message(error: &minijinja::Error) -> String {
    error.detail().map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    )
}
