//! JSON that is not of the data to values: what functions answer.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{
    evaluator::Evaluator,
    fault::Outcome,
    key::Key,
    value::{Text, Value},
};

/// `json` as a value, which owns what it has.
///
/// # Errors
/// When it is too large or too deep.
pub(crate) fn value<'a>(evaluator: &Evaluator<'a>, json: Json) -> Outcome<Value<'a>> {
    evaluator.step()?;
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(it) => Ok(Value::Bool(it)),
        Json::Number(number) => Ok(Value::from(&number)),
        Json::String(text) => evaluator.text(text),
        Json::Array(items) => {
            let _level = evaluator.deeper()?;
            let items: Outcome<Vec<_>> = items
                .into_iter()
                .map(|item| value(evaluator, item))
                .collect();
            evaluator.tuple(items?)
        }
        Json::Object(members) => {
            let _level = evaluator.deeper()?;
            let members: Outcome<IndexMap<_, _>> = members
                .into_iter()
                .map(|(name, member)| {
                    evaluator.bytes(name.len())?;
                    let name = Value::Text(Text::from(name));
                    Ok((Key::of(evaluator, name)?, value(evaluator, member)?))
                })
                .collect();
            evaluator.dict(members?, false)
        }
    }
}
