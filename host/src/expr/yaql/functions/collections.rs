//! Lists.

use super::super::{
    call::Call,
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    iter::Cursor,
    key::Key,
    registry::{Default, Registry, Type, extension, function, method},
    value::{List, Value},
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("list", |call| {
            let mut items = Vec::new();
            unfold(call.evaluator, call.rest(), &mut |item| {
                items.push(item);
                Ok(())
            })?;
            call.evaluator.tuple(items)
        })
        .takes_rest(Type::ANY),
        function("#list", |call| call.evaluator.tuple(call.rest().collect())).takes_rest(Type::ANY),
        method("toList", |call| to_list(call, 0).map(Value::List))
            .takes("collection", Type::ITERABLE),
        method("flatten", flatten).takes("collection", Type::ITERABLE),
        function("#indexer", |call| {
            let list = call.list(0)?;
            position(call.int(1)?, list.len())
                .and_then(|at| list.get(at))
                .ok_or(Fault::Index)
        })
        .takes("list", Type::SEQUENCE)
        .takes("index", Type::INT),
        function("#operator_in", |call| contains(call, 1, &call.value(0)))
            .takes("value", Type::ANY)
            .takes("collection", Type::ITERABLE),
        method("contains", |call| contains(call, 0, &call.value(1)))
            .takes("collection", Type::ITERABLE)
            .takes("value", Type::ANY),
        function("#operator_+", combine)
            .takes("left", Type::ITERABLE)
            .takes("right", Type::ITERABLE),
        function("#operator_*", |call| repeated(call, 0, 1))
            .takes("left", Type::SEQUENCE)
            .takes("right", Type::INT),
        function("#operator_*", |call| repeated(call, 1, 0))
            .takes("left", Type::INT)
            .takes("right", Type::SEQUENCE),
        function("isList", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::List(_))))
        })
        .takes("arg", Type::ANY),
        extension("len", |call| Ok(length(call.list(0)?.len()))).takes("sequence", Type::SEQUENCE),
    ]);
    register_changes(registry);
}

fn register_changes(registry: &mut Registry) {
    registry.add_all([
        method("delete", |call| {
            let (position, count) = (call.int(1)?, call.int(2)?);
            spliced(
                call,
                Edit {
                    position,
                    count,
                    ..Edit::default()
                },
            )
        })
        .takes("collection", Type::ITERABLE)
        .takes("position", Type::INT)
        .may_take("count", Type::INT, Default::Int(1)),
        method("replace", |call| {
            let (position, count) = (call.int(1)?, call.int(3)?);
            let put = Some(Put::One(call.value(2)));
            spliced(
                call,
                Edit {
                    position,
                    count,
                    put,
                    ..Edit::default()
                },
            )
        })
        .takes("collection", Type::ITERABLE)
        .takes("position", Type::INT)
        .takes("value", Type::ANY)
        .may_take("count", Type::INT, Default::Int(1)),
        method("replaceMany", |call| {
            let (position, count) = (call.int(1)?, call.int(3)?);
            let put = Some(Put::Many(call.value(2)));
            spliced(
                call,
                Edit {
                    position,
                    count,
                    put,
                    ..Edit::default()
                },
            )
        })
        .takes("collection", Type::ITERABLE)
        .takes("position", Type::INT)
        .takes("values", Type::ITERABLE)
        .may_take("count", Type::INT, Default::Int(1)),
        method("insert", |call| {
            let put = Some(Put::One(call.value(2)));
            let position = call.int(1)?;
            spliced(
                call,
                Edit {
                    position,
                    put,
                    is_insertion: true,
                    ..Edit::default()
                },
            )
        })
        .takes("collection", Type::ELEMENTS)
        .takes("position", Type::INT)
        .takes("value", Type::ANY),
        method("insert", |call| {
            let mut items: Vec<_> = call.list(0)?.iter().collect();
            call.evaluator.steps(items.len())?;
            let at = bound(call.int(1)?, items.len());
            items.insert(at, call.value(2));
            call.evaluator.list(items)
        })
        .takes("collection", Type::SEQUENCE)
        .takes("position", Type::INT)
        .takes("value", Type::ANY),
        method("insertMany", |call| {
            let put = Some(Put::Many(call.value(2)));
            let position = call.int(1)?;
            let before = position < 0;
            spliced(
                call,
                Edit {
                    position,
                    put,
                    is_insertion: true,
                    before,
                    ..Edit::default()
                },
            )
        })
        .takes("collection", Type::ITERABLE)
        .takes("position", Type::INT)
        .takes("values", Type::ITERABLE),
    ]);
}

/// A length as a value.
pub(super) fn length<'a>(length: usize) -> Value<'a> {
    Value::Int(length as i128)
}

/// Where `index` is in what has `length` items; from the end when it is negative.
pub(super) fn position(index: i128, length: usize) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add(length as i128)?
    } else {
        index
    };
    usize::try_from(index).ok().filter(|at| *at < length)
}

/// Where `index` bounds a part of what has `length` items, as in Python's slices.
pub(super) fn bound(index: i128, length: usize) -> usize {
    let end = length as i128;
    let index = if index < 0 {
        index.saturating_add(end)
    } else {
        index
    };
    usize::try_from(index.clamp(0, end)).unwrap_or(length)
}

/// The argument `at` as a tuple.
pub(super) fn to_list<'a>(call: &Call<'_, 'a>, at: usize) -> Outcome<List<'a>> {
    let value = call.value(at);
    if let Value::List(list) = &value
        && !list.is_mutable
    {
        return Ok(list.clone());
    }
    let items = call.evaluator.cursor(&value)?.collect(call.evaluator)?;
    call.evaluator.made_list(items, false)
}

/// Calls `each` with `items`, and with those of the iterators among them.
pub(super) fn unfold<'a>(
    evaluator: &Evaluator<'a>,
    items: impl Iterator<Item = Value<'a>>,
    each: &mut dyn FnMut(Value<'a>) -> Outcome<()>,
) -> Outcome<()> {
    for item in items {
        if !matches!(item, Value::Iter(_) | Value::Memo(_)) {
            each(item)?;
            continue;
        }
        let _level = evaluator.deeper()?;
        evaluator.cursor(&item)?.for_each(evaluator, |inner| {
            unfold(evaluator, std::iter::once(inner), each)
        })?;
    }
    Ok(())
}

/// Whether `value` is what yaql goes through: no text and no dictionary.
pub(super) const fn is_iterable(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Set(_)
            | Value::Values(_)
            | Value::Ordered(_)
            | Value::Iter(_)
            | Value::Memo(_)
    )
}

fn flatten<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let source = call.value(0);
    let mut open: Vec<Cursor<'a>> = vec![call.evaluator.cursor(&source)?];
    call.iter(move |evaluator| {
        while let Some(cursor) = open.last_mut() {
            match cursor.next(evaluator)? {
                None => {
                    open.pop();
                }
                Some(item) if is_iterable(&item) => {
                    evaluator.nested(u32::try_from(open.len()).unwrap_or(u32::MAX))?;
                    open.push(evaluator.cursor(&item)?);
                }
                item => return Ok(item),
            }
        }
        Ok(None)
    })
}

fn contains<'a>(call: &Call<'_, 'a>, collection: usize, value: &Value<'a>) -> Outcome<Value<'a>> {
    if let Value::Set(set) = call.value(collection) {
        let key = Key::of(call.evaluator, value.clone())?;
        return Ok(Value::Bool(set.contains(&key)));
    }
    let mut cursor = call.cursor(collection)?;
    while let Some(item) = cursor.next(call.evaluator)? {
        if call.evaluator.same(&item, value)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn combine<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    match (call.value(0), call.value(1)) {
        (Value::List(left), Value::List(right)) if !left.is_mutable && !right.is_mutable => {
            call.evaluator
                .steps(left.len().saturating_add(right.len()))?;
            call.evaluator
                .tuple(left.iter().chain(right.iter()).collect())
        }
        (Value::Set(left), Value::Set(right)) if !left.is_view() && !right.is_view() => {
            super::sets::union(call.evaluator, &left, &right)
        }
        (left, right) => super::queries::concat(call.evaluator, vec![left, right]),
    }
}

fn repeated<'a>(call: &Call<'_, 'a>, list: usize, times: usize) -> Outcome<Value<'a>> {
    let list = call.list(list)?;
    let times = usize::try_from(call.int(times)?.max(0)).unwrap_or(usize::MAX);
    // Before so many are made.
    let count = list.len().saturating_mul(times);
    call.evaluator.steps(count)?;
    call.evaluator
        .bytes(count.saturating_mul(size_of::<Value<'_>>()))?;
    let items = (0..count)
        .filter_map(|at| list.get(at % list.len()))
        .collect();
    Ok(Value::List(
        call.evaluator.made_list(items, list.is_mutable)?,
    ))
}

/// What is put among the items of a collection.
enum Put<'a> {
    One(Value<'a>),
    Many(Value<'a>),
}

/// A change of a collection while it is gone through.
#[derive(Default)]
struct Edit<'a> {
    position: i128,
    /// How many items are left out; all when it is negative.
    count: i128,
    put: Option<Put<'a>>,
    /// Whether what is put comes before the item at the position, which stays.
    is_insertion: bool,
    /// Whether what is put comes first.
    before: bool,
}

/// The first argument with `edit` made as one goes through it.
fn spliced<'a>(call: &Call<'_, 'a>, edit: Edit<'a>) -> Outcome<Value<'a>> {
    let source = call.value(0);
    let mut cursor = call.evaluator.cursor(&source)?;
    let Edit {
        position,
        count,
        mut put,
        is_insertion,
        before,
    } = edit;
    // What is being put at the moment, and the item that comes behind it.
    let mut putting: Option<Cursor<'a>> = None;
    let mut held: Option<Value<'a>> = None;
    let mut at = -1;
    let mut is_over = false;
    let mut is_first = before;
    call.iter(move |evaluator| {
        loop {
            if let Some(cursor) = &mut putting {
                match cursor.next(evaluator)? {
                    None => putting = None,
                    item => return Ok(item),
                }
            }
            if let Some(item) = held.take() {
                return Ok(Some(item));
            }
            if is_over {
                return Ok(None);
            }
            let is_put_here;
            if is_first {
                is_first = false;
                is_put_here = true;
            } else if let Some(item) = cursor.next(evaluator)? {
                at += 1;
                if is_insertion {
                    is_put_here = at == position;
                    held = Some(item);
                } else {
                    is_put_here = if count < 0 {
                        at >= position
                    } else {
                        position <= at && at < position.saturating_add(count)
                    };
                    if !is_put_here {
                        return Ok(Some(item));
                    }
                }
            } else {
                is_over = true;
                is_put_here = is_insertion && position > at;
            }
            if !is_put_here {
                continue;
            }
            match put.take() {
                None => {}
                Some(Put::One(value)) => {
                    putting = Some(Cursor::List(evaluator.made_list(vec![value], false)?, 0))
                }
                Some(Put::Many(values)) => putting = Some(evaluator.cursor(&values)?),
            }
        }
    })
}
