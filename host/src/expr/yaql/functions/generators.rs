//! What makes values without end, or many.

use std::collections::VecDeque;

use indexmap::IndexSet;

use super::super::{
    call::{Call, Lambda},
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    key::Key,
    registry::{Default, Registry, Type, function, method},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("range", |call| range(call, 0, Some(call.int(0)?), 1)).takes("stop", Type::INT),
        function("range", |call| {
            range(call, call.int(0)?, Some(call.int(1)?), call.int(2)?)
        })
        .takes("start", Type::INT)
        .takes("stop", Type::INT)
        .may_take("step", Type::INT, Default::Int(1)),
        function("sequence", |call| {
            range(call, call.int(0)?, None, call.int(1)?)
        })
        .may_take("start", Type::INT, Default::Int(0))
        .may_take("step", Type::INT, Default::Int(1)),
        method("repeat", repeat).takes("value", Type::ANY).may_take(
            "times",
            Type::INT,
            Default::Int(-1),
        ),
        method("cycle", cycle).takes("collection", Type::ITERABLE),
        function("generate", generate)
            .takes("initial", Type::ANY)
            .takes("predicate", Type::LAMBDA)
            .takes("producer", Type::LAMBDA)
            .may_take("selector", Type::LAMBDA, Default::Null)
            .may_take("decycle", Type::BOOL, Default::Bool(false)),
        function("generateMany", generate_many)
            .takes("initial", Type::ANY)
            .takes("producer", Type::LAMBDA)
            .may_take("selector", Type::LAMBDA, Default::Null)
            .may_take("decycle", Type::BOOL, Default::Bool(false))
            .may_take("depthFirst", Type::BOOL, Default::Bool(false)),
    ]);
}

fn range<'a>(
    call: &Call<'_, 'a>,
    start: i128,
    stop: Option<i128>,
    step: i128,
) -> Outcome<Value<'a>> {
    if step == 0 && stop.is_some() {
        return Err(Fault::told("range() arg 3 must not be zero"));
    }
    let mut next = start;
    call.iter(move |_| {
        let is_over = match stop {
            None => false,
            Some(stop) if step > 0 => next >= stop,
            Some(stop) => next <= stop,
        };
        if is_over {
            return Ok(None);
        }
        let value = next;
        next = next.saturating_add(step);
        Ok(Some(Value::Int(value)))
    })
}

fn repeat<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = call.value(0);
    // Without end when it is negative.
    let mut left = u128::try_from(call.int(1)?).ok();
    call.iter(move |_| {
        if let Some(left) = &mut left {
            let Some(fewer) = left.checked_sub(1) else {
                return Ok(None);
            };
            *left = fewer;
        }
        Ok(Some(value.clone()))
    })
}

fn cycle<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let source = call.value(0);
    let mut cursor = Some(call.evaluator.cursor(&source)?);
    let mut seen: Vec<Value<'a>> = Vec::new();
    let mut at = 0;
    call.iter(move |evaluator| {
        if let Some(open) = &mut cursor {
            if let Some(item) = open.next(evaluator)? {
                evaluator.bytes(size_of::<Value<'_>>())?;
                seen.push(item.clone());
                return Ok(Some(item));
            }
            cursor = None;
        }
        if at >= seen.len() {
            at = 0;
        }
        at += 1;
        Ok(seen.get(at - 1).cloned())
    })
}

/// What was seen, when nothing is to be seen twice.
struct Seen<'a>(Option<IndexSet<Key<'a>>>);

impl<'a> Seen<'a> {
    fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(IndexSet::new))
    }

    /// Whether `value` was seen before.
    fn knows(&mut self, evaluator: &Evaluator<'a>, value: &Value<'a>) -> Outcome<bool> {
        let Some(seen) = &mut self.0 else {
            return Ok(false);
        };
        let key = Key::of(evaluator, value.clone())?;
        evaluator.bytes(2 * size_of::<Value<'_>>())?;
        Ok(!seen.insert(key))
    }
}

fn generate<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut next = Some(call.value(0));
    let predicate = call.some_lambda(1)?;
    let producer = call.some_lambda(2)?;
    let selector = call.lambda(3);
    let mut seen = Seen::new(call.is_true(4));
    let mut is_begun = false;
    call.iter(move |evaluator| {
        let Some(current) = next.take() else {
            return Ok(None);
        };
        let current = if is_begun {
            producer.call(evaluator, [current])?
        } else {
            current
        };
        is_begun = true;
        evaluator.step()?;
        let goes_on = predicate.call(evaluator, [current.clone()])?.is_true();
        if !goes_on || seen.knows(evaluator, &current)? {
            return Ok(None);
        }
        next = Some(current.clone());
        selected(evaluator, selector.as_ref(), current).map(Some)
    })
}

fn selected<'a>(
    evaluator: &Evaluator<'a>,
    selector: Option<&Lambda<'a>>,
    value: Value<'a>,
) -> Outcome<Value<'a>> {
    match selector {
        None => Ok(value),
        Some(selector) => selector.call(evaluator, [value]),
    }
}

fn generate_many<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let producer = call.some_lambda(1)?;
    let selector = call.lambda(2);
    let mut seen = Seen::new(call.is_true(3));
    let is_depth_first = call.is_true(4);
    let mut queue = VecDeque::from([call.value(0)]);
    // What was given last, whose children are not asked for yet.
    let mut given: Option<Value<'a>> = None;
    call.iter(move |evaluator| {
        if let Some(item) = given.take() {
            let children = producer.call(evaluator, [item])?;
            let children = evaluator.cursor(&children)?.collect(evaluator)?;
            if is_depth_first {
                children
                    .into_iter()
                    .rev()
                    .for_each(|it| queue.push_front(it));
            } else {
                queue.extend(children);
            }
        }
        while let Some(item) = queue.pop_front() {
            evaluator.step()?;
            if seen.knows(evaluator, &item)? {
                continue;
            }
            given = Some(item.clone());
            return selected(evaluator, selector.as_ref(), item).map(Some);
        }
        Ok(None)
    })
}
