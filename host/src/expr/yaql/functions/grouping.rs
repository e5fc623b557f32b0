//! What sorts, groups and divides what can be gone through.

use std::{cell::RefCell, rc::Rc};

use indexmap::IndexMap;

use super::{
    super::{
        call::{Call, Lambda},
        context::Context,
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        key::Key,
        registry::{Default, Registry, Type, method},
        value::{List, Value},
    },
    collections::to_list,
    queries::{over, part},
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        over("orderBy", |call| ordered(call, true)).takes("selector", Type::LAMBDA),
        over("orderByDescending", |call| ordered(call, false)).takes("selector", Type::LAMBDA),
        method("thenBy", |call| then(call, true))
            .takes("collection", Type::ORDERED)
            .takes("selector", Type::LAMBDA),
        method("thenByDescending", |call| then(call, false))
            .takes("collection", Type::ORDERED)
            .takes("selector", Type::LAMBDA),
        over("groupBy", group_by)
            .takes("keySelector", Type::LAMBDA)
            .may_take("valueSelector", Type::LAMBDA, Default::Null)
            .may_take("aggregator", Type::LAMBDA, Default::Null),
        over("slice", slice).takes("length", Type::INT),
        over("splitWhere", split_where).takes("predicate", Type::LAMBDA),
        over("sliceWhere", slice_where).takes("predicate", Type::LAMBDA),
        over("splitAt", split_at).takes("index", Type::INT),
    ]);
}

/// What `orderBy` gives: sorted when it is gone through first.
pub(crate) struct Ordered<'a> {
    source: Value<'a>,
    fields: Vec<Field<'a>>,
    /// Whose operators compare.
    context: Context<'a>,
    sorted: RefCell<Option<List<'a>>>,
}

/// What it is ordered by.
#[derive(Clone)]
struct Field<'a> {
    selector: Lambda<'a>,
    is_ascending: bool,
}

fn field<'a>(call: &Call<'_, 'a>, is_ascending: bool) -> Outcome<Field<'a>> {
    Ok(Field {
        selector: call.some_lambda(1)?,
        is_ascending,
    })
}

fn ordered<'a>(call: &Call<'_, 'a>, is_ascending: bool) -> Outcome<Value<'a>> {
    let ordered = Ordered {
        source: call.value(0),
        fields: vec![field(call, is_ascending)?],
        context: call.context.clone(),
        sorted: RefCell::new(None),
    };
    call.evaluator.bytes(size_of::<Ordered<'_>>())?;
    call.evaluator.nested(ordered.nesting())?;
    Ok(Value::Ordered(Rc::new(ordered)))
}

fn then<'a>(call: &Call<'_, 'a>, is_ascending: bool) -> Outcome<Value<'a>> {
    let Value::Ordered(before) = call.value(0) else {
        return Err(Fault::told("thenBy needs what orderBy gives"));
    };
    let mut fields = before.fields.clone();
    fields.push(field(call, is_ascending)?);
    call.evaluator.steps(fields.len())?;
    call.evaluator
        .bytes(size_of::<Ordered<'_>>() + fields.len() * size_of::<Field<'_>>())?;
    let ordered = Ordered {
        source: before.source.clone(),
        fields,
        context: before.context.clone(),
        sorted: RefCell::new(None),
    };
    call.evaluator.nested(ordered.nesting())?;
    Ok(Value::Ordered(Rc::new(ordered)))
}

impl<'a> Ordered<'a> {
    /// How deep what it holds is nested.
    pub(crate) fn nesting(&self) -> u32 {
        let fields = self.fields.iter().map(|field| field.selector.nesting());
        fields.max().unwrap_or(0).max(self.source.nesting()) + 1
    }

    /// Its items in their order.
    pub(crate) fn sorted(&self, evaluator: &Evaluator<'a>) -> Outcome<List<'a>> {
        if let Some(sorted) = &*self.sorted.borrow() {
            return Ok(sorted.clone());
        }
        let _level = evaluator.deeper()?;
        let items = evaluator.cursor(&self.source)?.collect(evaluator)?;
        evaluator.bytes(items.len().saturating_mul(2 * size_of::<Entry<'_>>()))?;
        let entries = items.into_iter().map(Entry::new).collect();
        let sorted = self.sort(evaluator, entries)?.into_iter();
        let list = evaluator.made_list(sorted.map(|entry| entry.item).collect(), true)?;
        *self.sorted.borrow_mut() = Some(list.clone());
        Ok(list)
    }

    /// Sorts by merging, which keeps what is equal in its order; comparing may fail.
    fn sort(
        &self,
        evaluator: &Evaluator<'a>,
        mut entries: Vec<Entry<'a>>,
    ) -> Outcome<Vec<Entry<'a>>> {
        if entries.len() < 2 {
            return Ok(entries);
        }
        let right = entries.split_off(entries.len() / 2);
        let left = self.sort(evaluator, entries)?;
        let right = self.sort(evaluator, right)?;
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
            evaluator.step()?;
            let next = if self.is_before(evaluator, r, l)? {
                right.next()
            } else {
                left.next()
            };
            merged.extend(next);
        }
        merged.extend(left);
        merged.extend(right);
        Ok(merged)
    }

    fn is_before(
        &self,
        evaluator: &Evaluator<'a>,
        left: &Entry<'a>,
        right: &Entry<'a>,
    ) -> Outcome<bool> {
        for (at, field) in self.fields.iter().enumerate() {
            let values = [
                left.key(evaluator, at, field)?,
                right.key(evaluator, at, field)?,
            ];
            let holds = |operator| {
                let answer = evaluator.call(operator, values.to_vec(), &self.context);
                answer.map(|answer| answer.is_true())
            };
            if holds("#operator_<")? {
                return Ok(field.is_ascending);
            }
            if holds("#operator_>")? {
                return Ok(!field.is_ascending);
            }
        }
        Ok(false)
    }
}

/// An item with what it is ordered by, as far as that was asked for.
struct Entry<'a> {
    item: Value<'a>,
    keys: RefCell<Vec<Value<'a>>>,
}

impl<'a> Entry<'a> {
    const fn new(item: Value<'a>) -> Self {
        Self {
            item,
            keys: RefCell::new(Vec::new()),
        }
    }

    fn key(&self, evaluator: &Evaluator<'a>, at: usize, field: &Field<'a>) -> Outcome<Value<'a>> {
        if let Some(key) = self.keys.borrow().get(at) {
            return Ok(key.clone());
        }
        let key = field.selector.call(evaluator, [self.item.clone()])?;
        self.keys.borrow_mut().push(key.clone());
        Ok(key)
    }
}

fn group_by<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let key_of = call.some_lambda(1)?;
    let value_of = call.lambda(2);
    let mut groups: IndexMap<Key<'a>, Vec<Value<'a>>> = IndexMap::new();
    call.cursor(0)?.for_each(call.evaluator, |item| {
        let value = match &value_of {
            None => item.clone(),
            Some(value_of) => value_of.call(call.evaluator, [item.clone()])?,
        };
        let key = Key::of(call.evaluator, key_of.call(call.evaluator, [item])?)?;
        call.evaluator.bytes(2 * size_of::<Value<'_>>())?;
        groups.entry(key).or_default().push(value);
        Ok(())
    })?;
    let groups: Outcome<Vec<_>> = groups
        .into_iter()
        .map(|(key, values)| {
            let values = call.evaluator.list(values)?;
            call.evaluator.tuple(vec![key.value().clone(), values])
        })
        .collect();
    let groups = call.evaluator.made_list(groups?, false)?;
    let mut aggregator = call.lambda(3).map(Aggregator::new);
    let mut at = 0;
    call.iter(move |evaluator| {
        let Some(group) = groups.get(at) else {
            return Ok(None);
        };
        at += 1;
        match &mut aggregator {
            None => Ok(Some(group)),
            Some(aggregator) => aggregator.aggregate(evaluator, &group).map(Some),
        }
    })
}

/// What makes one value of a group: of its values, or as yaql once had it of its key and values.
struct Aggregator<'a> {
    lambda: Lambda<'a>,
    may_be_old: bool,
    failed: Option<Fault>,
}

impl<'a> Aggregator<'a> {
    const fn new(lambda: Lambda<'a>) -> Self {
        Self {
            lambda,
            may_be_old: true,
            failed: None,
        }
    }

    fn aggregate(&mut self, evaluator: &Evaluator<'a>, group: &Value<'a>) -> Outcome<Value<'a>> {
        let Value::List(parts) = group else {
            return Err(Fault::Index);
        };
        let (Some(key), Some(values)) = (parts.get(0), parts.get(1)) else {
            return Err(Fault::Index);
        };
        let failed = match self.failed.take() {
            Some(failed) => failed,
            None => match self.lambda.call(evaluator, [values.clone()]) {
                Ok(result) => {
                    if !is_like_old(evaluator, &values, &result)? {
                        self.may_be_old = false;
                    }
                    return evaluator.tuple(vec![key, result]);
                }
                Err(fault @ (Fault::NoFunction(_) | Fault::NoMethod(..) | Fault::Index)) => fault,
                Err(other) => return Err(other),
            },
        };
        self.failed = Some(failed.clone());
        if self.may_be_old {
            match self.lambda.call(evaluator, [group.clone()]) {
                Ok(result) if has_two(&result) => return Ok(result),
                Err(bound @ Fault::Bound(_)) => return Err(bound),
                Ok(_) | Err(_) => {}
            }
        }
        Err(failed)
    }
}

/// Whether what was made of two values may be what the old way makes: a list of the first and something.
fn is_like_old<'a>(
    evaluator: &Evaluator<'a>,
    values: &Value<'a>,
    result: &Value<'a>,
) -> Outcome<bool> {
    let (Value::List(values), Value::List(result)) = (values, result) else {
        return Ok(false);
    };
    match (values.get(0), result.get(0)) {
        (Some(value), Some(first)) if values.len() == 2 && result.len() == 2 => {
            evaluator.same(&first, &value)
        }
        _ => Ok(false),
    }
}

fn has_two(value: &Value<'_>) -> bool {
    let length = match value {
        Value::List(list) | Value::Values(list) => list.len(),
        Value::Set(set) => set.len(),
        Value::Dict(dict) => dict.len(),
        Value::Text(text) => text.chars().take(3).count(),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_)
        | Value::Pair(_)
        | Value::Context(_)
        | Value::DateTime(_)
        | Value::TimeSpan(_)
        | Value::Regex(_) => 0,
    };
    length == 2
}

fn slice<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut cursor = call.cursor(0)?;
    let length = call.int(1)?;
    call.iter(move |evaluator| {
        let length = usize::try_from(length)
            .map_err(|_| Fault::told("a count of items must be zero or a positive integer"))?;
        let mut items = Vec::new();
        while items.len() < length
            && let Some(item) = cursor.next(evaluator)?
        {
            evaluator.bytes(size_of::<Value<'_>>())?;
            items.push(item);
        }
        if items.is_empty() {
            return Ok(None);
        }
        evaluator.tuple(items).map(Some)
    })
}

fn split_where<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut end = 0;
    let mut start = 0;
    parts(call, move |evaluator, list, predicate| {
        while let Some(item) = list.get(end) {
            end += 1;
            if predicate.call(evaluator, [item])?.is_true() {
                let from = std::mem::replace(&mut start, end);
                return Ok(Some((from, end - 1)));
            }
        }
        let from = std::mem::replace(&mut start, end);
        Ok((from != end).then_some((from, end)))
    })
}

fn slice_where<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut end = 0;
    let mut start = 0;
    let mut before: Option<Value<'a>> = None;
    parts(call, move |evaluator, list, predicate| {
        while let Some(item) = list.get(end) {
            let value = predicate.call(evaluator, [item])?;
            let is_other = match &before {
                None => false,
                Some(before) => !evaluator.same(&value, before)?,
            };
            before = Some(value);
            end += 1;
            if is_other {
                let from = std::mem::replace(&mut start, end - 1);
                return Ok(Some((from, end - 1)));
            }
        }
        let from = std::mem::replace(&mut start, end);
        Ok((from != end).then_some((from, end)))
    })
}

/// Parts of the first argument, from one place to another, as `next` finds them with the predicate.
fn parts<'a>(
    call: &Call<'_, 'a>,
    mut next: impl FnMut(&Evaluator<'a>, &List<'a>, &Lambda<'a>) -> Outcome<Option<(usize, usize)>> + 'a,
) -> Outcome<Value<'a>> {
    let predicate = call.some_lambda(1)?;
    let source = call.value(0);
    let mut list: Option<List<'a>> = None;
    call.iter(move |evaluator| {
        let list = match &mut list {
            Some(list) => list,
            none => {
                let items = evaluator.cursor(&source)?.collect(evaluator)?;
                none.insert(evaluator.made_list(items, false)?)
            }
        };
        let Some((start, end)) = next(evaluator, list, &predicate)? else {
            return Ok(None);
        };
        part(evaluator, list, start as i128, end as i128).map(Some)
    })
}

fn split_at<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let list = to_list(call, 0)?;
    let index = call.int(1)?;
    let parts = vec![
        part(call.evaluator, &list, 0, index)?,
        part(call.evaluator, &list, index, i128::MAX)?,
    ];
    call.evaluator.list(parts)
}
