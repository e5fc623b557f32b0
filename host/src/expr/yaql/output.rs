//! Values to JSON, as Mistral writes what an expression gives.

use serde_json::{Map, Value as Json};

use super::{
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    functions::datetime,
    value::Value,
};

/// `value` as JSON: lists for everything that can be gone through.
///
/// # Errors
/// When JSON has no such value, and when it is endless or nested too deep.
pub(crate) fn json<'a>(evaluator: &Evaluator<'a>, value: &Value<'a>) -> Outcome<Json> {
    match value {
        Value::Null => Ok(Json::Null),
        Value::Bool(it) => Ok(Json::Bool(*it)),
        Value::Int(number) => integer(*number),
        Value::Float(number) => serde_json::Number::from_f64(*number)
            .map(Json::Number)
            .ok_or_else(|| Fault::told(format!("{number} is not a number of JSON"))),
        Value::Text(text) => {
            evaluator.bytes(text.len())?;
            Ok(Json::String((**text).to_owned()))
        }
        Value::Dict(dict) => {
            let _level = evaluator.deeper()?;
            let mut members = Map::with_capacity(dict.len());
            for (key, value) in dict.iter() {
                evaluator.step()?;
                evaluator.bytes(2 * size_of::<Json>())?;
                members.insert(member(evaluator, &key)?, json(evaluator, &value)?);
            }
            Ok(Json::Object(members))
        }
        Value::List(_)
        | Value::Set(_)
        | Value::Values(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_) => {
            let _level = evaluator.deeper()?;
            let mut items = Vec::new();
            evaluator.cursor(value)?.for_each(evaluator, |item| {
                evaluator.bytes(size_of::<Json>())?;
                items.push(json(evaluator, &item)?);
                Ok(())
            })?;
            Ok(Json::Array(items))
        }
        Value::DateTime(moment) => Ok(Json::String(datetime::output(moment))),
        Value::TimeSpan(length) => Ok(Json::String(datetime::span_output(*length))),
        Value::Pair(_) | Value::Context(_) | Value::Regex(_) => Err(Fault::told(format!(
            "an expression cannot give a {}",
            value.type_name()
        ))),
    }
}

fn integer(number: i128) -> Outcome<Json> {
    let small = i64::try_from(number).map(Json::from);
    small
        .or_else(|_| u64::try_from(number).map(Json::from))
        .map_err(|_| Fault::told(format!("the integer {number} has more than 64 bits")))
}

/// The name of a member whose key is `key`, as Python's `json` writes it.
fn member<'a>(evaluator: &Evaluator<'a>, key: &Value<'a>) -> Outcome<String> {
    match key {
        Value::Text(text) => {
            evaluator.bytes(text.len())?;
            Ok((**text).to_owned())
        }
        Value::Null => Ok("null".to_owned()),
        Value::Bool(it) => Ok(it.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(format!("{number:?}")),
        Value::List(_)
        | Value::Dict(_)
        | Value::Set(_)
        | Value::Values(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_)
        | Value::Pair(_)
        | Value::Context(_)
        | Value::DateTime(_)
        | Value::TimeSpan(_)
        | Value::Regex(_) => Err(Fault::told(format!(
            "keys must be text, numbers, truth values or null, not {}",
            key.type_name()
        ))),
    }
}
