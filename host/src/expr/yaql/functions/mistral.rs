//! Mistral's own functions and variables: those that only who evaluates can answer.

use super::super::{
    super::{
        Call as Question, Scope,
        functions::{Answer, FUNCTIONS},
    },
    call::Call,
    fault::{Fault, Outcome},
    input, output,
    registry::{Body, Default, Function, Registry, Type, function},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("env", |call| ask(call, &Question::Env)),
        function("execution", |call| ask(call, &Question::Execution)),
        function("uuid", |call| ask(call, &Question::Uuid)),
        function("global", |call| {
            ask(call, &Question::Global(required(call, 0)?))
        })
        .takes("varName", Type::ANY),
        function("task", |call| ask(call, &Question::Task(text(call, 0)?))).may_take(
            "taskName",
            Type::ANY,
            Default::Null,
        ),
        texts(
            function("executions", executions),
            ["id", "rootExecutionId", "state", "fromTime", "toTime"],
        ),
        function("tasks", tasks)
            .may_take("workflowExecutionId", Type::ANY, Default::Null)
            .may_take("recursive", Type::BOOL.or_null(), Default::Bool(false))
            .may_take("state", Type::ANY, Default::Null)
            .may_take("flat", Type::BOOL.or_null(), Default::Bool(false)),
        document("json_dump", |call| shared(call, "json_dump")),
        document("json_parse", |call| shared(call, "json_parse")),
        document("yaml_dump", |call| shared(call, "yaml_dump")),
        document("yaml_parse", |call| shared(call, "yaml_parse")),
    ]);
}

fn texts<const N: usize>(function: Function, names: [&'static str; N]) -> Function {
    names.into_iter().fold(function, |function, name| {
        function.may_take(name, Type::ANY, Default::Null)
    })
}

fn document(name: &'static str, body: Body) -> Function {
    function(name, body).takes("data", Type::ANY)
}

/// What the function `name`, which Jinja has as well, gives for the argument.
fn shared<'a>(call: &Call<'_, 'a>, name: &str) -> Outcome<Value<'a>> {
    let data = output::json(call.evaluator, &call.value(0))?;
    let budget = call.evaluator.scope().budget();
    let function = FUNCTIONS.iter().find(|function| function.name == name);
    let answer = function.map(|function| function.answer(vec![Some(data)], budget));
    match answer {
        Some(Ok(Answer::Value(value))) => input::value(call.evaluator, value),
        Some(Ok(Answer::Ask(question))) => ask(call, &question),
        Some(Err(fault)) => Err(fault.into()),
        None => Err(Fault::told(format!("there is no {name}()"))),
    }
}

/// The variable `name` that Mistral sets beside `$`.
pub(crate) fn variable<'a>(scope: &'a dyn Scope, name: &str) -> Option<Value<'a>> {
    matches!(name, "__env" | "__execution" | "__task_execution")
        .then(|| scope.variables().get(name).map(Value::from))
        .flatten()
}

/// What who evaluates answers to `question`.
pub(crate) fn ask<'a>(call: &Call<'_, 'a>, question: &Question) -> Outcome<Value<'a>> {
    let answer = call.evaluator.scope().call(question).map_err(Fault::told)?;
    input::value(call.evaluator, answer)
}

fn executions<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let question = Question::Executions {
        id: text(call, 0)?,
        root_execution_id: text(call, 1)?,
        state: text(call, 2)?,
        from_time: text(call, 3)?,
        to_time: text(call, 4)?,
    };
    ask(call, &question)
}

fn tasks<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let question = Question::Tasks {
        execution_id: text(call, 0)?,
        recursive: call.is_true(1),
        state: text(call, 2)?,
        flat: call.is_true(3),
    };
    ask(call, &question)
}

/// The argument `at`, which is text or null.
fn text(call: &Call<'_, '_>, at: usize) -> Outcome<Option<String>> {
    let value = call.value(at);
    if matches!(value, Value::Null) {
        return Ok(None);
    }
    match value.as_text() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(Fault::told(format!(
            "argument {} must be text, not {}",
            at + 1,
            value.type_name()
        ))),
    }
}

fn required(call: &Call<'_, '_>, at: usize) -> Outcome<String> {
    text(call, at)?.ok_or_else(|| Fault::told(format!("argument {} must be text", at + 1)))
}
