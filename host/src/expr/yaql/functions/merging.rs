//! What merges dictionaries, level by level.

use super::{
    super::{
        call::{Call, Lambda},
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        registry::{Default, Registry, Type, method},
        value::{List, Value},
    },
    dicts,
    queries::{concat, distinct},
};

pub(super) fn register(registry: &mut Registry) {
    registry.add(
        method("mergeWith", merge_with)
            .takes("dict", Type::DICT)
            .takes("another", Type::DICT)
            .may_take("listMerger", Type::LAMBDA, Default::Null)
            .may_take("itemMerger", Type::LAMBDA, Default::Null)
            .may_take("maxLevels", Type::INT, Default::Int(0)),
    );
}

/// How `mergeWith` merges what is in both.
struct Merger<'a> {
    lists: Option<Lambda<'a>>,
    items: Option<Lambda<'a>>,
}

fn merge_with<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let merger = Merger {
        lists: call.lambda(2),
        items: call.lambda(3),
    };
    merger.merge(call.evaluator, &call.value(0), &call.value(1), call.int(4)?)
}

impl<'a> Merger<'a> {
    fn merge(
        &self,
        evaluator: &Evaluator<'a>,
        left: &Value<'a>,
        right: &Value<'a>,
        levels: i128,
    ) -> Outcome<Value<'a>> {
        let (Value::Dict(left), Value::Dict(right)) = (left, right) else {
            return Err(Self::cannot(left, right));
        };
        let _level = evaluator.deeper()?;
        let mut merged = dicts::copied(evaluator, left)?;
        for (key, value) in dicts::copied(evaluator, right)? {
            evaluator.step()?;
            let Some(old) = merged.get_mut(&key) else {
                merged.insert(key, value);
                continue;
            };
            let is_deep = levels != 1;
            *old = match (&*old, &value) {
                (_, Value::Dict(_)) if is_deep => {
                    let levels = if levels == 0 { 0 } else { levels - 1 };
                    self.merge(evaluator, old, &value, levels)?
                }
                (Value::List(old), Value::List(new)) if is_deep => {
                    self.merge_lists(evaluator, old, new)?
                }
                (_, Value::List(_)) if is_deep => return Err(Self::cannot(old, &value)),
                _ => match &self.items {
                    None => value,
                    Some(items) => items.call(evaluator, [old.clone(), value])?,
                },
            };
        }
        evaluator.dict(merged, true)
    }

    fn merge_lists(
        &self,
        evaluator: &Evaluator<'a>,
        left: &List<'a>,
        right: &List<'a>,
    ) -> Outcome<Value<'a>> {
        let values = [Value::List(left.clone()), Value::List(right.clone())];
        if let Some(lists) = &self.lists {
            return lists.call(evaluator, values);
        }
        if left.is_mutable != right.is_mutable {
            let [left, right] = &values;
            return Err(Self::cannot(left, right));
        }
        let both = concat(evaluator, values.into())?;
        let items = evaluator.cursor(&distinct(evaluator, &both, None)?)?;
        evaluator.tuple(items.collect(evaluator)?)
    }

    fn cannot(left: &Value<'a>, right: &Value<'a>) -> Fault {
        Fault::told(format!(
            "Cannot merge {} with {}",
            left.type_name(),
            right.type_name()
        ))
    }
}
