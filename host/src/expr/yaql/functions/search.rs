//! What looks for something in what can be gone through, or makes one value of it.

use super::{
    super::{
        call::Call,
        fault::{Fault, Outcome},
        registry::{Body, Default, Function, Registry, Type, extension, function, method},
        value::Value,
    },
    collections::{is_iterable, length},
};

pub(super) fn register(registry: &mut Registry) {
    let predicate = |name, body: Body| {
        let over = extension(name, body).takes("collection", Type::ITERABLE);
        over.may_take("predicate", Type::LAMBDA, Default::Null)
    };
    let with_default = |name, body: Body| {
        let over = method(name, body).takes("collection", Type::ITERABLE);
        over.may_take("default", Type::ANY, Default::Missing)
    };
    registry.add_all([
        predicate("any", |call| is_any(call, true)),
        predicate("all", |call| is_any(call, false)),
        extension("len", count).takes("collection", Type::ITERATOR),
        method("count", count).takes("collection", Type::ITERABLE),
        function("isIterable", |call| {
            Ok(Value::Bool(is_iterable(&call.value(0))))
        })
        .takes("value", Type::ANY),
        with_default("first", |call| {
            let first = call.cursor(0)?.next(call.evaluator)?;
            first.or_else(|| call.given(1)).ok_or_else(nothing)
        }),
        with_default("last", last),
        method("single", single).takes("collection", Type::ITERABLE),
        item("indexOf", |call| index(call, true)),
        item("lastIndexOf", |call| index(call, false)),
        where_("indexWhere", |call| index_where(call, true)),
        where_("lastIndexWhere", |call| index_where(call, false)),
        initial("sum", |call| reduce_with(call, "#operator_+")),
        initial("max", |call| reduce_with(call, "max")),
        initial("min", |call| reduce_with(call, "min")),
    ]);
    for name in ["aggregate", "reduce"] {
        let over = method(name, |call| {
            let selector = call.some_lambda(1)?;
            reduce(call, call.given(2), |left, right| {
                selector.call(call.evaluator, [left, right])
            })
        });
        registry.add(
            over.takes("collection", Type::ITERABLE)
                .takes("selector", Type::LAMBDA)
                .may_take("seed", Type::ANY, Default::Missing),
        );
    }
}

fn item(name: &'static str, body: Body) -> Function {
    method(name, body)
        .takes("collection", Type::ITERABLE)
        .takes("item", Type::ANY)
}

fn where_(name: &'static str, body: Body) -> Function {
    method(name, body)
        .takes("collection", Type::ITERABLE)
        .takes("predicate", Type::LAMBDA)
}

fn initial(name: &'static str, body: Body) -> Function {
    method(name, body)
        .takes("collection", Type::ITERABLE)
        .may_take("initial", Type::ANY, Default::Missing)
}

fn nothing() -> Fault {
    Fault::told("the collection is empty")
}

/// Whether one item is true when `wanted`, or else whether none is not.
fn is_any<'a>(call: &Call<'_, 'a>, wanted: bool) -> Outcome<Value<'a>> {
    let predicate = call.lambda(1);
    let mut cursor = call.cursor(0)?;
    while let Some(item) = cursor.next(call.evaluator)? {
        let is_true = match &predicate {
            Some(predicate) => predicate.call(call.evaluator, [item])?.is_true(),
            // `any` asks then whether there is an item.
            None => wanted || item.is_true(),
        };
        if is_true == wanted {
            return Ok(Value::Bool(wanted));
        }
    }
    Ok(Value::Bool(!wanted))
}

fn count<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut count = 0;
    call.cursor(0)?.for_each(call.evaluator, |_| {
        count += 1;
        Ok(())
    })?;
    Ok(length(count))
}

fn last<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut last = None;
    if let Value::List(list) = call.value(0) {
        last = list.len().checked_sub(1).and_then(|at| list.get(at));
    } else {
        call.cursor(0)?.for_each(call.evaluator, |item| {
            last = Some(item);
            Ok(())
        })?;
    }
    last.or_else(|| call.given(1)).ok_or_else(nothing)
}

fn single<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let item = cursor.next(call.evaluator)?.ok_or_else(nothing)?;
    match cursor.next(call.evaluator)? {
        None => Ok(item),
        Some(_) => Err(Fault::told("Collection contains more than one item")),
    }
}

fn index<'a>(call: &Call<'_, 'a>, is_first: bool) -> Outcome<Value<'a>> {
    let wanted = call.value(1);
    find_index(call, is_first, |item| call.evaluator.same(&item, &wanted))
}

fn index_where<'a>(call: &Call<'_, 'a>, is_first: bool) -> Outcome<Value<'a>> {
    let predicate = call.some_lambda(1)?;
    find_index(call, is_first, |item| {
        Ok(predicate.call(call.evaluator, [item])?.is_true())
    })
}

fn find_index<'a>(
    call: &Call<'_, 'a>,
    is_first: bool,
    is_wanted: impl Fn(Value<'a>) -> Outcome<bool>,
) -> Outcome<Value<'a>> {
    let mut found = -1;
    let mut cursor = call.cursor(0)?;
    let mut at = 0;
    while let Some(item) = cursor.next(call.evaluator)? {
        if is_wanted(item)? {
            found = at;
            if is_first {
                break;
            }
        }
        at += 1;
    }
    Ok(Value::Int(found))
}

fn reduce_with<'a>(call: &Call<'_, 'a>, function: &str) -> Outcome<Value<'a>> {
    reduce(call, call.given(1), |left, right| {
        call.evaluator
            .call(function, vec![left, right], call.context)
    })
}

fn reduce<'a>(
    call: &Call<'_, 'a>,
    seed: Option<Value<'a>>,
    merge: impl Fn(Value<'a>, Value<'a>) -> Outcome<Value<'a>>,
) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let mut total = match seed {
        Some(seed) => seed,
        None => cursor
            .next(call.evaluator)?
            .ok_or_else(|| Fault::told("reduce() of empty iterable with no initial value"))?,
    };
    while let Some(item) = cursor.next(call.evaluator)? {
        total = merge(total, item)?;
    }
    Ok(total)
}
