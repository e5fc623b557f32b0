//! Contexts, definitions and calls by name.

use super::super::{
    call::{Argument, Call},
    context::{Context, Defined},
    fault::{Fault, Outcome},
    overload,
    registry::{Default, Registry, Type, function, method},
    value::{Text, Value},
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("with", with).takes_rest(Type::ANY),
        function("let", with).takes_rest(Type::ANY).takes_names(),
        method("unpack", unpack)
            .takes("sequence", Type::ITERABLE)
            .takes_rest(Type::TEXT),
        function("def", define)
            .takes("name", Type::TEXT)
            .takes("func", Type::LAMBDA),
        method("assert", assert)
            .takes("obj", Type::ANY)
            .takes("condition", Type::LAMBDA)
            .may_take("message", Type::TEXT, Default::Text("Assertion failed")),
        function("call", call_named)
            .takes("name", Type::TEXT)
            .takes("args", Type::SEQUENCE)
            .takes("kwargs", Type::DICT)
            .may_take("receiver", Type::ANY, Default::Missing),
        method("memorize", |call| {
            super::queries::memorize(call.evaluator, call.value(0))
        })
        .takes("collection", Type::ITERABLE),
    ]);
}

fn with<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let context = numbered(call, call.rest())?;
    for (name, value) in call.names() {
        context.set(call.evaluator, name, value)?;
    }
    Ok(Value::Context(context))
}

/// A context with `values` as `$1`, `$2` and so on.
fn numbered<'a>(
    call: &Call<'_, 'a>,
    values: impl Iterator<Item = Value<'a>>,
) -> Outcome<Context<'a>> {
    let context = call.context.child(call.evaluator)?;
    for (at, value) in values.enumerate() {
        context.set(call.evaluator, Text::from((at + 1).to_string()), value)?;
    }
    Ok(context)
}

fn unpack<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let names = call.rest();
    let count = names.len();
    let mut values = Vec::new();
    while values.len() <= count
        && let Some(value) = cursor.next(call.evaluator)?
    {
        values.push(value);
    }
    if count == 0 {
        // What can be gone through once has lost its first by now, in yaql too.
        let values = call.cursor(0)?.collect(call.evaluator)?;
        return Ok(Value::Context(numbered(call, values.into_iter())?));
    }
    if values.len() != count {
        return Err(Fault::told(format!(
            "Cannot unpack {} elements into {count}",
            values.len()
        )));
    }
    let context = call.context.child(call.evaluator)?;
    for (name, value) in names.zip(values) {
        if let Value::Text(name) = name {
            context.set(call.evaluator, name, value)?;
        }
    }
    Ok(Value::Context(context))
}

fn define<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let context = call.context.child(call.evaluator)?;
    let name = camel_case(&call.text(0)?);
    let body = call.some_lambda(1)?.body();
    context.define(call.evaluator, Defined { name, body })?;
    call.evaluator.has_definitions.set(true);
    Ok(Value::Context(context))
}

/// `name` as yaql's convention has names of functions: `a_b` is `aB`.
fn camel_case(name: &str) -> String {
    let name = name.trim_end_matches('_');
    let Some(first) = name.chars().next() else {
        return String::new();
    };
    // What stands between two of the same sign is kept: `#operator_…`.
    let kept = if first.is_alphabetic() {
        0
    } else {
        let second = name
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == first)
            .map_or(0, |(at, _)| at);
        if name
            .get(..second)
            .is_none_or(|before| before.chars().count() <= 1)
        {
            return name.to_owned();
        }
        second + first.len_utf8()
    };
    let (kept, rest) = name.split_at_checked(kept).unwrap_or((name, ""));
    let mut made = kept.to_owned();
    let mut is_first = true;
    let mut is_upper = false;
    for c in rest.chars() {
        if c == '_' && !is_first && !is_upper {
            is_upper = true;
        } else if is_upper {
            made.extend(c.to_uppercase());
            is_upper = false;
        } else {
            made.push(c);
        }
        is_first = false;
    }
    made
}

fn assert<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = super::queries::memorize(call.evaluator, call.value(0))?;
    let condition = call.some_lambda(1)?;
    if condition.call(call.evaluator, [value.clone()])?.is_true() {
        Ok(value)
    } else {
        Err(Fault::told(&*call.text(2)?))
    }
}

fn call_named<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let arguments = call.list(1)?.iter().map(Argument::Value).collect();
    let mut names = Vec::new();
    for (name, value) in call.dict(2)?.iter() {
        call.evaluator.step()?;
        let Value::Text(name) = name else {
            return Err(not_a_word(name.type_name()));
        };
        if !is_word(&name) {
            return Err(not_a_word(&name));
        }
        names.push((name, Argument::Value(value)));
    }
    let receiver = call.given(3);
    overload::call(
        call.evaluator,
        &call.text(0)?,
        receiver,
        arguments,
        names,
        call.context,
    )
}

fn not_a_word(found: &str) -> Fault {
    Fault::told(format!(
        "a keyword argument's name must be a word, not {found}"
    ))
}

/// Whether a word begins `text`.
fn is_word(text: &str) -> bool {
    let is_first = |c: char| c.is_alphabetic() || c == '_';
    text.starts_with(is_first) && !text.starts_with("__")
}
