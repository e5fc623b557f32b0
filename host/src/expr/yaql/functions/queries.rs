//! Queries: choose, change, join and divide what can be gone through, lazily.

use std::rc::Rc;

use indexmap::IndexSet;

use super::{
    super::{
        call::{Call, Lambda},
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        iter::{Cursor, Memo},
        key::Key,
        registry::{Body, Default, Function, Registry, Type, extension, method},
        value::{List, Value},
    },
    collections::{bound, is_iterable, to_list},
};

pub(super) fn register(registry: &mut Registry) {
    for name in ["where", "filter"] {
        registry.add(over(name, chosen).takes("predicate", Type::LAMBDA));
    }
    for name in ["select", "map"] {
        registry.add(over(name, selected).takes("selector", Type::LAMBDA));
    }
    for name in ["limit", "take"] {
        registry.add(over(name, limited).takes("count", Type::INT));
    }
    registry.add_all([
        over("skip", skipped).takes("count", Type::INT),
        extension("append", |call| {
            let more = call.evaluator.tuple(call.rest().collect())?;
            concat(call.evaluator, vec![call.value(0), more])
        })
        .takes("collection", Type::ITERABLE)
        .takes_rest(Type::ANY),
        extension("concat", |call| {
            concat(call.evaluator, call.rest().collect())
        })
        .takes_rest(Type::ITERABLE),
        extension("distinct", |call| {
            distinct(call.evaluator, &call.value(0), call.lambda(1))
        })
        .takes("collection", Type::ITERABLE)
        .may_take("keySelector", Type::LAMBDA, Default::Null),
        extension("enumerate", enumerated)
            .takes("collection", Type::ITERABLE)
            .may_take("start", Type::INT.or_null(), Default::Int(0)),
        over("selectMany", select_many).takes("selector", Type::LAMBDA),
        over("takeWhile", take_while).takes("predicate", Type::LAMBDA),
        over("skipWhile", skip_while).takes("predicate", Type::LAMBDA),
        over("accumulate", accumulate)
            .takes("selector", Type::LAMBDA)
            .may_take("seed", Type::ANY, Default::Missing),
        over("reverse", |call| {
            let list = to_list(call, 0)?;
            let mut left = list.len();
            call.iter(move |_| {
                let Some(at) = left.checked_sub(1) else {
                    return Ok(None);
                };
                left = at;
                Ok(list.get(at))
            })
        }),
        over("defaultIfEmpty", default_if_empty).takes("default", Type::ITERABLE),
        method("join", join)
            .takes("collection1", Type::ITERABLE)
            .takes("collection2", Type::ITERABLE)
            .takes("predicate", Type::LAMBDA)
            .takes("selector", Type::LAMBDA),
        method("zip", |call| zip(call, None)).takes_rest(Type::ITERABLE),
        method("zipLongest", |call| {
            let default = call.names().find(|(name, _)| **name == *"default");
            zip(call, Some(default.map_or(Value::Null, |(_, value)| value)))
        })
        .takes_rest(Type::ITERABLE)
        .takes_names(),
    ]);
}

/// A method of what can be gone through.
pub(super) fn over(name: &'static str, body: Body) -> Function {
    method(name, body).takes("collection", Type::ITERABLE)
}

/// What remembers what it goes through, when `value` would not.
pub(super) fn memorize<'a>(evaluator: &Evaluator<'a>, value: Value<'a>) -> Outcome<Value<'a>> {
    let Value::Iter(iter) = value else {
        return Ok(value);
    };
    evaluator.bytes(size_of::<Memo<'_>>())?;
    Ok(Value::Memo(Rc::new(Memo::new(iter))))
}

/// What is in each of `collections`, one after the other.
pub(super) fn concat<'a>(
    evaluator: &Evaluator<'a>,
    collections: Vec<Value<'a>>,
) -> Outcome<Value<'a>> {
    let nesting = collections.iter().map(Value::nesting).max().unwrap_or(0);
    let mut collections = collections.into_iter();
    let mut current: Option<Cursor<'a>> = None;
    evaluator.iter(nesting, move |evaluator| {
        loop {
            if let Some(cursor) = &mut current
                && let Some(item) = cursor.next(evaluator)?
            {
                return Ok(Some(item));
            }
            current = match collections.next() {
                None => return Ok(None),
                Some(next) => Some(evaluator.cursor(&next)?),
            };
        }
    })
}

/// An iterator over the first argument and with the lambda `at`.
fn with_lambda<'a>(
    call: &Call<'_, 'a>,
    at: usize,
    mut next: impl FnMut(&Evaluator<'a>, &mut Cursor<'a>, &Lambda<'a>) -> Outcome<Option<Value<'a>>>
    + 'a,
) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let lambda = call.some_lambda(at)?;
    call.iter(move |evaluator| next(evaluator, &mut cursor, &lambda))
}

fn chosen<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    with_lambda(call, 1, |evaluator, cursor, predicate| {
        while let Some(item) = cursor.next(evaluator)? {
            if predicate.call(evaluator, [item.clone()])?.is_true() {
                return Ok(Some(item));
            }
        }
        Ok(None)
    })
}

fn selected<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    with_lambda(call, 1, |evaluator, cursor, selector| {
        let item = cursor.next(evaluator)?;
        item.map(|item| selector.call(evaluator, [item]))
            .transpose()
    })
}

fn take_while<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut is_over = false;
    with_lambda(call, 1, move |evaluator, cursor, predicate| {
        if is_over {
            return Ok(None);
        }
        let item = cursor.next(evaluator)?;
        let goes_on = match &item {
            None => false,
            Some(item) => predicate.call(evaluator, [item.clone()])?.is_true(),
        };
        is_over = !goes_on;
        Ok(item.filter(|_| goes_on))
    })
}

fn skip_while<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut is_begun = false;
    with_lambda(call, 1, move |evaluator, cursor, predicate| {
        while let Some(item) = cursor.next(evaluator)? {
            if is_begun || !predicate.call(evaluator, [item.clone()])?.is_true() {
                is_begun = true;
                return Ok(Some(item));
            }
        }
        Ok(None)
    })
}

fn select_many<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut inner: Option<Cursor<'a>> = None;
    with_lambda(call, 1, move |evaluator, cursor, selector| {
        loop {
            if let Some(open) = &mut inner {
                if let Some(item) = open.next(evaluator)? {
                    return Ok(Some(item));
                }
                inner = None;
            }
            let Some(item) = cursor.next(evaluator)? else {
                return Ok(None);
            };
            let selected = selector.call(evaluator, [item])?;
            if !is_iterable(&selected) {
                return Ok(Some(selected));
            }
            inner = Some(evaluator.cursor(&selected)?);
        }
    })
}

fn accumulate<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut seed = call.given(2);
    let mut total: Option<Value<'a>> = None;
    with_lambda(call, 1, move |evaluator, cursor, selector| {
        let Some(before) = total.take() else {
            let first = match seed.take() {
                Some(seed) => Some(seed),
                None => cursor.next(evaluator)?,
            };
            total = first.clone();
            return first.map(Some).ok_or_else(|| {
                Fault::told("accumulate() of empty sequence with no initial value")
            });
        };
        let Some(item) = cursor.next(evaluator)? else {
            total = Some(before);
            return Ok(None);
        };
        total = Some(selector.call(evaluator, [before, item])?);
        Ok(total.clone())
    })
}

/// A count of items, which is not negative.
fn count(call: &Call<'_, '_>, at: usize) -> Outcome<usize> {
    usize::try_from(call.int(at)?)
        .map_err(|_| Fault::told("a count of items must be zero or a positive integer"))
}

fn limited<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut left = count(call, 1)?;
    let mut cursor = call.cursor(0)?;
    call.iter(move |evaluator| {
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        cursor.next(evaluator)
    })
}

fn skipped<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut left = count(call, 1)?;
    let mut cursor = call.cursor(0)?;
    call.iter(move |evaluator| {
        while left > 0 {
            left -= 1;
            if cursor.next(evaluator)?.is_none() {
                return Ok(None);
            }
        }
        cursor.next(evaluator)
    })
}

pub(super) fn distinct<'a>(
    evaluator: &Evaluator<'a>,
    source: &Value<'a>,
    key_of: Option<Lambda<'a>>,
) -> Outcome<Value<'a>> {
    let mut cursor = evaluator.cursor(source)?;
    let nesting = key_of
        .as_ref()
        .map_or(0, Lambda::nesting)
        .max(source.nesting());
    let mut seen = IndexSet::new();
    evaluator.iter(nesting, move |evaluator| {
        while let Some(item) = cursor.next(evaluator)? {
            let key = match &key_of {
                None => item.clone(),
                Some(key_of) => key_of.call(evaluator, [item.clone()])?,
            };
            if seen.insert(Key::of(evaluator, key)?) {
                evaluator.bytes(2 * size_of::<Value<'_>>())?;
                return Ok(Some(item));
            }
        }
        Ok(None)
    })
}

fn enumerated<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let start = call.value(1);
    let mut at = call.int(1).unwrap_or(0);
    call.iter(move |evaluator| {
        if matches!(start, Value::Null) {
            return Err(Fault::told(
                "'NoneType' object cannot be interpreted as an integer",
            ));
        }
        let Some(item) = cursor.next(evaluator)? else {
            return Ok(None);
        };
        at = at.saturating_add(1);
        evaluator.list(vec![Value::Int(at - 1), item]).map(Some)
    })
}

fn default_if_empty<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let collection = memorize(call.evaluator, call.value(0))?;
    let first = call.evaluator.cursor(&collection)?.next(call.evaluator)?;
    Ok(if first.is_some() {
        collection
    } else {
        call.value(1)
    })
}

fn join<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let selector = call.some_lambda(3)?;
    let right = memorize(call.evaluator, call.value(1))?;
    let mut current: Option<(Value<'a>, Cursor<'a>)> = None;
    with_lambda(call, 2, move |evaluator, cursor, predicate| {
        loop {
            if let Some((left, rights)) = &mut current {
                while let Some(right) = rights.next(evaluator)? {
                    let both = [left.clone(), right];
                    if predicate.call(evaluator, both.clone())?.is_true() {
                        return selector.call(evaluator, both).map(Some);
                    }
                }
            }
            let Some(left) = cursor.next(evaluator)? else {
                return Ok(None);
            };
            current = Some((left, evaluator.cursor(&right)?));
        }
    })
}

/// Tuples of the items at one place; as many as the shortest has, or with `fill`, the longest.
fn zip<'a>(call: &Call<'_, 'a>, fill: Option<Value<'a>>) -> Outcome<Value<'a>> {
    let cursors: Outcome<Vec<_>> = call.rest().map(|it| call.evaluator.cursor(&it)).collect();
    let mut cursors = cursors?;
    let mut is_over = cursors.is_empty();
    call.iter(move |evaluator| {
        let mut items = Vec::with_capacity(cursors.len());
        let mut found = 0;
        for cursor in &mut cursors {
            if is_over {
                return Ok(None);
            }
            match (cursor.next(evaluator)?, &fill) {
                (Some(item), _) => {
                    found += 1;
                    items.push(item);
                }
                (None, Some(fill)) => items.push(fill.clone()),
                (None, None) => is_over = true,
            }
        }
        if is_over || found == 0 {
            is_over = true;
            return Ok(None);
        }
        evaluator.tuple(items).map(Some)
    })
}

/// The part of `list` from `start` to `end`.
pub(super) fn part<'a>(
    evaluator: &Evaluator<'a>,
    list: &List<'a>,
    start: i128,
    end: i128,
) -> Outcome<Value<'a>> {
    let start = bound(start, list.len());
    let end = bound(end, list.len());
    let items: Vec<_> = (start..end).filter_map(|at| list.get(at)).collect();
    evaluator.steps(items.len())?;
    evaluator.tuple(items)
}
