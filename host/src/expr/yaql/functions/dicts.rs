//! Dictionaries.

use indexmap::{IndexMap, IndexSet};

use super::{
    super::{
        call::Call,
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        key::Key,
        registry::{Default, Registry, Type, extension, function, method},
        value::{Dict, Value},
    },
    collections::length,
};

type Items<'a> = IndexMap<Key<'a>, Value<'a>>;

pub(super) fn register(registry: &mut Registry) {
    for name in ["dict", "#map"] {
        let of_pairs = function(name, |call| {
            let mut items = Items::new();
            put_pairs(call, &mut items)?;
            call.evaluator.dict(items, false)
        });
        registry.add(of_pairs.takes_rest(Type::PAIR).takes_pairs());
    }
    registry.add_all([
        function("dict", of_items)
            .takes("items", Type::ITERABLE)
            .takes_pairs(),
        method("toDict", to_dict)
            .takes("collection", Type::ITERABLE)
            .takes("keySelector", Type::LAMBDA)
            .may_take("valueSelector", Type::LAMBDA, Default::Null),
        function("#indexer", |call| {
            let key = call.value(1);
            find(call.evaluator, &call.dict(0)?, &key)?.ok_or_else(|| Fault::told(missing(&key)))
        })
        .takes("dict", Type::DICT)
        .takes("key", Type::ANY),
        function("#indexer", get)
            .takes("dict", Type::DICT)
            .takes("key", Type::ANY)
            .takes("default", Type::ANY),
        method("get", get)
            .takes("dict", Type::DICT)
            .takes("key", Type::ANY)
            .may_take("default", Type::ANY, Default::Null),
        method("containsKey", |call| {
            let value = find(call.evaluator, &call.dict(0)?, &call.value(1))?;
            Ok(Value::Bool(value.is_some()))
        })
        .takes("dict", Type::DICT)
        .takes("key", Type::ANY),
        method("containsValue", contains_value)
            .takes("dict", Type::DICT)
            .takes("value", Type::ANY),
        function("isDict", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Dict(_))))
        })
        .takes("arg", Type::ANY),
        extension("len", |call| {
            // The data is in layers, of which members are told apart.
            let length_of = call.dict(0)?.len();
            call.evaluator.steps(length_of / 32)?;
            Ok(length(length_of))
        })
        .takes("dict", Type::DICT),
    ]);
    register_views(registry);
    register_changes(registry);
}

fn register_views(registry: &mut Registry) {
    registry.add_all([
        method("keys", |call| {
            let keys: Outcome<IndexSet<_>> = call
                .dict(0)?
                .iter()
                .map(|(key, _)| Key::of(call.evaluator, key))
                .collect();
            call.evaluator.set(keys?, true)
        })
        .takes("dict", Type::DICT),
        method("values", |call| {
            let values: Vec<_> = call.dict(0)?.iter().map(|(_, value)| value).collect();
            call.evaluator.steps(values.len())?;
            Ok(Value::Values(call.evaluator.made_list(values, false)?))
        })
        .takes("dict", Type::DICT),
        method("items", items).takes("dict", Type::DICT),
    ]);
}

/// The items of a dictionary: a set, unless a value cannot be hashed.
fn items<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let items: Outcome<Vec<_>> = call
        .dict(0)?
        .iter()
        .map(|(key, value)| call.evaluator.tuple(vec![key, value]))
        .collect();
    let items = items?;
    let keys: Outcome<IndexSet<_>> = items
        .iter()
        .map(|item| Key::of(call.evaluator, item.clone()))
        .collect();
    match keys {
        Ok(keys) => call.evaluator.set(keys, true),
        Err(Fault::Told(_)) => Ok(Value::Values(call.evaluator.made_list(items, false)?)),
        Err(other) => Err(other),
    }
}

fn register_changes(registry: &mut Registry) {
    registry.add_all([
        method("set", |call| {
            let mut items = copied(call.evaluator, &call.dict(0)?)?;
            items.insert(Key::of(call.evaluator, call.value(1))?, call.value(2));
            call.evaluator.dict(items, false)
        })
        .takes("dict", Type::DICT)
        .takes("key", Type::ANY)
        .takes("value", Type::ANY)
        .takes_pairs(),
        method("set", combine)
            .takes("dict", Type::DICT)
            .takes("replacements", Type::DICT)
            .takes_pairs(),
        method("set", |call| {
            let mut items = copied(call.evaluator, &call.dict(0)?)?;
            put_pairs(call, &mut items)?;
            call.evaluator.dict(items, false)
        })
        .takes("dict", Type::DICT)
        .takes_rest(Type::PAIR)
        .takes_pairs(),
        function("#operator_+", combine)
            .takes("left", Type::DICT)
            .takes("right", Type::DICT),
        method("delete", |call| {
            let keys = call.evaluator.tuple(call.rest().collect())?;
            without(call, &keys)
        })
        .takes("dict", Type::DICT)
        .takes_rest(Type::ANY),
        method("deleteAll", |call| without(call, &call.value(1)))
            .takes("dict", Type::DICT)
            .takes("keys", Type::ITERABLE),
    ]);
}

/// The value of `key`, which need not be one of the dictionary's.
pub(super) fn find<'a>(
    evaluator: &Evaluator<'a>,
    dict: &Dict<'a>,
    key: &Value<'a>,
) -> Outcome<Option<Value<'a>>> {
    match key.as_text() {
        Some(key) => Ok(dict.get_text(key)),
        None => Ok(dict.get(&Key::of(evaluator, key.clone())?)),
    }
}

/// The items of `dict`, to be changed.
pub(super) fn copied<'a>(evaluator: &Evaluator<'a>, dict: &Dict<'a>) -> Outcome<Items<'a>> {
    dict.iter()
        .map(|(key, value)| Ok((Key::of(evaluator, key)?, value)))
        .collect()
}

fn missing(key: &Value<'_>) -> String {
    match key.as_text() {
        Some(key) => format!("'{key}'"),
        None => format!("no such key: {}", key.type_name()),
    }
}

fn put_pairs<'a>(call: &Call<'_, 'a>, items: &mut Items<'a>) -> Outcome<()> {
    for pair in call.rest() {
        if let Value::Pair(pair) = pair {
            items.insert(Key::of(call.evaluator, pair.0.clone())?, pair.1.clone());
        }
    }
    Ok(())
}

fn of_items<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut items = Items::new();
    call.cursor(0)?.for_each(call.evaluator, |item| {
        let mut cursor = call.evaluator.cursor(&item)?;
        let mut next = || {
            cursor
                .next(call.evaluator)?
                .ok_or_else(|| Fault::told("an item of a dictionary needs a key and a value"))
        };
        let key = next()?;
        items.insert(Key::of(call.evaluator, key)?, next()?);
        Ok(())
    })?;
    call.evaluator.dict(items, false)
}

fn to_dict<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let key_of = call.some_lambda(1)?;
    let value_of = call.lambda(2);
    let mut items = Items::new();
    call.cursor(0)?.for_each(call.evaluator, |item| {
        let key = key_of.call(call.evaluator, [item.clone()])?;
        let value = match &value_of {
            None => item,
            Some(value_of) => value_of.call(call.evaluator, [item])?,
        };
        items.insert(Key::of(call.evaluator, key)?, value);
        Ok(())
    })?;
    call.evaluator.dict(items, true)
}

fn get<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = find(call.evaluator, &call.dict(0)?, &call.value(1))?;
    Ok(value.unwrap_or_else(|| call.value(2)))
}

fn contains_value<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = call.value(1);
    for (_, other) in call.dict(0)?.iter() {
        if call.evaluator.same(&other, &value)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn combine<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut items = copied(call.evaluator, &call.dict(0)?)?;
    items.extend(copied(call.evaluator, &call.dict(1)?)?);
    call.evaluator.dict(items, false)
}

fn without<'a>(call: &Call<'_, 'a>, keys: &Value<'a>) -> Outcome<Value<'a>> {
    let mut items = copied(call.evaluator, &call.dict(0)?)?;
    let mut removed = IndexSet::new();
    call.evaluator
        .cursor(keys)?
        .for_each(call.evaluator, |key| {
            removed.insert(Key::of(call.evaluator, key)?);
            Ok(())
        })?;
    items.retain(|key, _| !removed.contains(key));
    call.evaluator.dict(items, true)
}
