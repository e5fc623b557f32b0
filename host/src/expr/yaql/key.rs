//! Equality and hashes as Python has them: 1, 1.0 and true are one key.

use std::hash::{DefaultHasher, Hash, Hasher};

use indexmap::Equivalent;

use super::{
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    value::{Dict, Set, Value},
};

/// A value that can be hashed.
#[derive(Clone, Debug)]
pub(crate) struct Key<'a>(Value<'a>);

impl<'a> Key<'a> {
    /// `value` as a key; what it takes to hash and compare it is charged.
    ///
    /// # Errors
    /// When Python cannot hash it.
    pub(crate) fn of(evaluator: &Evaluator<'a>, value: Value<'a>) -> Outcome<Self> {
        weigh(evaluator, &value, true)?;
        Ok(Self(value))
    }

    pub(crate) const fn value(&self) -> &Value<'a> {
        &self.0
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        is_equal(&self.0, &other.0)
    }
}

impl Eq for Key<'_> {}

/// Looks a key up without making one.
pub(super) struct Probe<'p, 'a>(pub(super) &'p Value<'a>);

impl Hash for Probe<'_, '_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.0, state);
    }
}

impl<'a> Equivalent<Key<'a>> for Probe<'_, '_> {
    fn equivalent(&self, key: &Key<'a>) -> bool {
        is_equal(self.0, &key.0)
    }
}

/// Charges for going through `value`; with `is_key`, refuses what cannot be hashed.
fn weigh<'a>(evaluator: &Evaluator<'a>, value: &Value<'a>, is_key: bool) -> Outcome<()> {
    evaluator.step()?;
    match value {
        Value::Text(text) => evaluator.steps(text.len() / 64),
        Value::List(list) if !(is_key && list.is_mutable) => list
            .iter()
            .try_for_each(|item| weigh(evaluator, &item, is_key)),
        Value::Dict(dict) if !(is_key && dict.is_mutable()) => {
            dict.iter().try_for_each(|(key, value)| {
                weigh(evaluator, &key, is_key)?;
                weigh(evaluator, &value, is_key)
            })
        }
        Value::Set(set) if !(is_key && set.is_view()) => set
            .keys()
            .try_for_each(|key| weigh(evaluator, key.value(), is_key)),
        Value::List(_) | Value::Dict(_) | Value::Set(_) => Err(Fault::told(format!(
            "unhashable type: '{}'",
            value.type_name()
        ))),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Values(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_)
        | Value::Pair(_)
        | Value::Context(_)
        | Value::DateTime(_)
        | Value::TimeSpan(_)
        | Value::Regex(_) => Ok(()),
    }
}

/// Whether Python takes `left` and `right` for equal; charges for it.
pub(crate) fn same<'a>(
    evaluator: &Evaluator<'a>,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Outcome<bool> {
    // Scalars of different kinds are told apart at once.
    if std::mem::discriminant(left) == std::mem::discriminant(right) {
        weigh(evaluator, left, false)?;
    } else {
        evaluator.step()?;
    }
    Ok(is_equal(left, right))
}

fn is_equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left
            .partial_cmp(&right)
            .is_some_and(std::cmp::Ordering::is_eq);
    }
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Text(left), Value::Text(right)) => **left == **right,
        (Value::List(left), Value::List(right)) => {
            left.is_mutable == right.is_mutable
                && left.len() == right.len()
                && left.iter().zip(right.iter()).all(|(l, r)| is_equal(&l, &r))
        }
        (Value::Dict(left), Value::Dict(right)) => is_equal_dict(left, right),
        (Value::Set(left), Value::Set(right)) => is_equal_set(left, right),
        (Value::DateTime(left), Value::DateTime(right)) => left == right,
        (Value::TimeSpan(left), Value::TimeSpan(right)) => left == right,
        (Value::Regex(left), Value::Regex(right)) => left == right,
        _ => {
            left.type_name() == right.type_name()
                && left.address() != 0
                && left.address() == right.address()
        }
    }
}

fn is_equal_dict(left: &Dict<'_>, right: &Dict<'_>) -> bool {
    left.len() == right.len()
        && left.iter().all(|(key, value)| {
            let other = match right {
                Dict::Made(made) => made.items.get(&Probe(&key)).cloned(),
                Dict::Json(_) | Dict::Variables(_) => {
                    key.as_text().and_then(|key| right.get_text(key))
                }
            };
            other.is_some_and(|other| is_equal(&value, &other))
        })
}

fn is_equal_set(left: &Set<'_>, right: &Set<'_>) -> bool {
    left.len() == right.len()
        && left
            .keys()
            .all(|key| right.0.items.contains(&Probe(key.value())))
}

fn hash<H: Hasher>(value: &Value<'_>, state: &mut H) {
    match value {
        Value::Bool(it) => i128::from(*it).hash(state),
        Value::Int(number) => number.hash(state),
        Value::Float(number) => match whole(*number) {
            Some(number) => number.hash(state),
            None => number.to_bits().hash(state),
        },
        Value::Text(text) => (**text).hash(state),
        Value::List(list) => {
            list.len().hash(state);
            list.iter().for_each(|item| hash(&item, state));
        }
        // In no order.
        Value::Dict(dict) => dict
            .iter()
            .map(|(key, value)| {
                let mut one = DefaultHasher::new();
                hash(&key, &mut one);
                hash(&value, &mut one);
                one.finish()
            })
            .fold(0, u64::wrapping_add)
            .hash(state),
        Value::Set(set) => set
            .keys()
            .map(|key| {
                let mut one = DefaultHasher::new();
                hash(key.value(), &mut one);
                one.finish()
            })
            .fold(0, u64::wrapping_add)
            .hash(state),
        Value::DateTime(moment) => moment.timestamp_micros().hash(state),
        Value::TimeSpan(length) => length.hash(state),
        Value::Regex(pattern) => pattern.hash(state),
        Value::Null
        | Value::Values(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_)
        | Value::Pair(_)
        | Value::Context(_) => value.address().hash(state),
    }
}

/// A number or a truth value, which compare with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    /// An integer.
    Int(i128),
    /// A number with a point.
    Float(f64),
}

impl Number {
    /// `value` as a number.
    pub(crate) const fn of(value: &Value<'_>) -> Option<Self> {
        if let Value::Int(number) = value {
            Some(Self::Int(*number))
        } else if let Value::Float(number) = value {
            Some(Self::Float(*number))
        } else if let Value::Bool(it) = value {
            Some(Self::Int(*it as i128))
        } else {
            None
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other)
            .is_some_and(std::cmp::Ordering::is_eq)
    }
}

impl PartialOrd for Number {
    /// Exact also between an integer and a number with a point.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (*self, *other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Float(right)) => compare(left, right),
            (Self::Float(left), Self::Int(right)) => {
                compare(right, left).map(std::cmp::Ordering::reverse)
            }
        }
    }
}

fn compare(left: i128, right: f64) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if right.is_nan() {
        return None;
    }
    let Some(floor) = whole(right.floor()) else {
        return Some(if right > 0.0 { Less } else { Greater });
    };
    let order = left.cmp(&floor);
    let is_below = order == Equal && right > right.floor();
    Some(if is_below { Less } else { order })
}

/// `number` as an integer, when it is one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is within the bounds of an i128 and has no fraction"
)]
pub(crate) fn whole(number: f64) -> Option<i128> {
    const END: f64 = 1.7e38;
    (number.fract() == 0.0 && number.abs() < END).then_some(number as i128)
}
