//! Sets.

use indexmap::IndexSet;

use super::{
    super::{
        call::Call,
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        key::Key,
        registry::{Body, Function, Registry, Type, extension, function, method},
        value::{Set, Value},
    },
    collections::{length, unfold},
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("set", |call| {
            let mut items = IndexSet::new();
            unfold(call.evaluator, call.rest(), &mut |item| {
                items.insert(Key::of(call.evaluator, item)?);
                Ok(())
            })?;
            call.evaluator.set(items, false)
        })
        .takes_rest(Type::ANY),
        method("toSet", |call| {
            let mut items = IndexSet::new();
            call.cursor(0)?.for_each(call.evaluator, |item| {
                items.insert(Key::of(call.evaluator, item)?);
                Ok(())
            })?;
            call.evaluator.set(items, false)
        })
        .takes("collection", Type::ITERABLE),
        function("isSet", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Set(_))))
        })
        .takes("arg", Type::ANY),
        extension("len", |call| Ok(length(call.set(0)?.len()))).takes("set", Type::SET),
        of_two(function, "#operator_<", |call| {
            let (left, right) = (call.set(0)?, call.set(1)?);
            is_within(call, &left, &right, left.len() < right.len())
        }),
        of_two(function, "#operator_<=", |call| {
            is_within(call, &call.set(0)?, &call.set(1)?, true)
        }),
        of_two(function, "#operator_>", |call| {
            let (left, right) = (call.set(0)?, call.set(1)?);
            is_within(call, &right, &left, right.len() < left.len())
        }),
        of_two(function, "#operator_>=", |call| {
            is_within(call, &call.set(1)?, &call.set(0)?, true)
        }),
        of_two(method, "union", |call| {
            union(call.evaluator, &no_view(call)?, &call.set(1)?)
        }),
        of_two(method, "intersect", |call| {
            let right = call.set(1)?;
            chosen(call, &no_view(call)?, |key| right.contains(key))
        }),
        of_two(method, "difference", difference),
        of_two(function, "#operator_-", difference),
        of_two(method, "symmetricDifference", |call| {
            let (left, right) = (no_view(call)?, call.set(1)?);
            call.evaluator
                .steps(left.len().saturating_add(right.len()))?;
            let only_left = left.keys().filter(|key| !right.contains(key));
            let only_right = right.keys().filter(|key| !left.contains(key));
            call.evaluator
                .set(only_left.chain(only_right).cloned().collect(), false)
        }),
        method("add", |call| {
            let mut items: IndexSet<_> = no_view(call)?.keys().cloned().collect();
            call.evaluator.steps(items.len())?;
            for value in call.rest() {
                items.insert(Key::of(call.evaluator, value)?);
            }
            call.evaluator.set(items, false)
        })
        .takes("set", Type::SET)
        .takes_rest(Type::ANY),
        method("remove", |call| {
            let removed: Outcome<IndexSet<_>> = call
                .rest()
                .map(|value| Key::of(call.evaluator, value))
                .collect();
            let removed = removed?;
            chosen(call, &no_view(call)?, |key| !removed.contains(key))
        })
        .takes("set", Type::SET)
        .takes_rest(Type::ANY),
    ]);
}

fn of_two(make: fn(&'static str, Body) -> Function, name: &'static str, body: Body) -> Function {
    make(name, body)
        .takes("left", Type::SET)
        .takes("right", Type::SET)
}

/// The first argument; the keys or items of a dictionary have no such methods.
fn no_view<'a>(call: &Call<'_, 'a>) -> Outcome<Set<'a>> {
    let set = call.set(0)?;
    if set.is_view() {
        return Err(Fault::told(
            "the keys or items of a dictionary are no set yet: toSet() makes them one",
        ));
    }
    Ok(set)
}

fn is_within<'a>(
    call: &Call<'_, 'a>,
    part: &Set<'a>,
    whole: &Set<'a>,
    is_size_right: bool,
) -> Outcome<Value<'a>> {
    call.evaluator.steps(part.len())?;
    let is_within = is_size_right && part.keys().all(|key| whole.contains(key));
    Ok(Value::Bool(is_within))
}

/// All items of both.
pub(super) fn union<'a>(
    evaluator: &Evaluator<'a>,
    left: &Set<'a>,
    right: &Set<'a>,
) -> Outcome<Value<'a>> {
    evaluator.steps(left.len().saturating_add(right.len()))?;
    evaluator.set(left.keys().chain(right.keys()).cloned().collect(), false)
}

fn difference<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let right = call.set(1)?;
    chosen(call, &no_view(call)?, |key| !right.contains(key))
}

fn chosen<'a>(
    call: &Call<'_, 'a>,
    set: &Set<'a>,
    is_chosen: impl Fn(&Key<'a>) -> bool,
) -> Outcome<Value<'a>> {
    call.evaluator.steps(set.len())?;
    let items = set.keys().filter(|key| is_chosen(key)).cloned().collect();
    call.evaluator.set(items, false)
}
