//! Values between Mistral's JSON and minijinja: converted when an expression asks for them, each once.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Enumerator, Object, ObjectRepr, ValueKind},
};
use serde_json::{Map, Value as Json};

use super::{ANSWERS, Answers, WHOLE, invalid};
use crate::expr::{Variables, python, template::weigh};

/// The deepest value that is written as text.
const DEEPEST: u32 = 128;

/// The variables: `_`.
pub(super) struct Data {
    variables: Variables,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    values: HashMap<String, Value>,
    bytes: usize,
}

impl Data {
    pub(super) fn new(variables: Variables) -> Self {
        Self {
            variables,
            seen: Mutex::default(),
        }
    }

    fn get(&self, name: &str) -> Option<Value> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = seen.values.get(name) {
            return Some(value.clone());
        }
        let json = self.variables.get(name)?;
        let value = from_json(json);
        seen.bytes = seen.bytes.saturating_add(weigh(json));
        seen.values.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// About how many bytes were made since this was asked last.
    pub(super) fn taken_bytes(&self) -> usize {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut seen.bytes)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variables")
    }
}

impl Object for Data {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self
            .variables
            .iter()
            .map(|(name, _)| Value::from(name.as_str()));
        Enumerator::Values(names.collect())
    }
}

/// What an expression has names for.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) variables: Arc<Data>,
    pub(super) answers: Arc<Answers>,
    pub(super) is_whole: bool,
}

impl Object for Root {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "_" => Some(Value::from_dyn_object(Arc::clone(&self.variables))),
            "__env" | "__execution" | "__task_execution" => {
                Some(self.variables.get(key).unwrap_or_default())
            }
            ANSWERS => Some(Value::from_dyn_object(Arc::clone(&self.answers))),
            WHOLE => self.is_whole.then(|| Value::from(true)),
            _ => None,
        }
    }
}

/// `json` as minijinja has it.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(it) => Value::from(*it),
        Json::Number(number) => {
            if let Some(number) = number.as_i64() {
                Value::from(number)
            } else if let Some(number) = number.as_u64() {
                Value::from(number)
            } else {
                Value::from(number.as_f64())
            }
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(name, value)| (Value::from(name.as_str()), from_json(value))),
        ),
    }
}

/// What making JSON or text of a value may still take. Values share their parts, so what is made of a small one may be
/// large.
pub(super) struct Room {
    bytes: u64,
    depth: u32,
}

impl Room {
    /// As much as the rendering has left.
    pub(super) fn of(state: &State<'_, '_>, depth: u32) -> Self {
        let left = state.fuel_levels().map_or(0, |(_, left)| left);
        Self {
            bytes: left.saturating_mul(super::BYTES_A_STEP),
            depth,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let left = self.bytes.checked_sub(bytes as u64);
        self.bytes = left.ok_or(ErrorKind::OutOfFuel)?;
        Ok(())
    }

    /// Does `work` one level deeper.
    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let deep = || invalid("the value is nested too deep: [engine] expression_depth");
        self.depth = self.depth.checked_sub(1).ok_or_else(deep)?;
        let done = work(self);
        self.depth += 1;
        done
    }
}

/// `value` as JSON.
pub(super) fn to_json(value: &Value, room: &mut Room) -> Result<Json, Error> {
    room.take(size_of::<Json>())?;
    match value.kind() {
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            room.take(text.len())?;
            Ok(Json::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => room.deeper(|room| {
            let items = value.try_iter()?.map(|item| to_json(&item, room));
            items.collect::<Result<_, _>>().map(Json::Array)
        }),
        ValueKind::Map => room.deeper(|room| {
            let members = value.try_iter()?.map(|key| {
                let name = to_json(&key, room)?;
                let name = name
                    .as_str()
                    .map_or_else(|| name.to_string(), str::to_owned);
                Ok((name, to_json(&value.get_item(&key)?, room)?))
            });
            members.collect::<Result<Map<_, _>, _>>().map(Json::Object)
        }),
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        other @ (ValueKind::Bytes | ValueKind::Plain | ValueKind::Invalid | _) => {
            Err(invalid(format!("an expression cannot give a {other}")))
        }
    }
}

fn number(value: &Value) -> Result<Json, Error> {
    if value.is_integer() {
        let small = i64::try_from(value.clone()).map(Json::from);
        return small.or_else(|_| u64::try_from(value.clone()).map(Json::from));
    }
    let number = f64::try_from(value.clone())?;
    serde_json::Number::from_f64(number)
        .map(Json::Number)
        .ok_or_else(|| invalid(format!("{number} is not a number of JSON")))
}

/// `value` as Python's `str` has it.
pub(super) fn text<'v>(state: &State<'_, '_>, value: &'v Value) -> Result<Cow<'v, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::new();
    write_repr(&mut out, value, &mut Room::of(state, DEEPEST))?;
    Ok(Cow::Owned(out))
}

fn write_repr(out: &mut String, value: &Value, room: &mut Room) -> Result<(), Error> {
    let before = out.len();
    match value.kind() {
        ValueKind::String => python::write_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Number if !value.is_integer() => {
            out.push_str(&python::float_text(f64::try_from(value.clone())?));
        }
        ValueKind::Seq | ValueKind::Iterable => return write_items(out, value, room),
        ValueKind::Map => return write_members(out, value, room),
        ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::None
        | ValueKind::Bool
        | ValueKind::Number
        | ValueKind::Bytes
        | ValueKind::Plain
        | ValueKind::Invalid
        | _ => out.push_str(&value.to_string()),
    }
    room.take(out.len() - before)
}

fn write_items(out: &mut String, value: &Value, room: &mut Room) -> Result<(), Error> {
    let (open, close) = if value.is_tuple() {
        ('(', ')')
    } else {
        ('[', ']')
    };
    room.take(2)?;
    out.push(open);
    let mut count = 0;
    room.deeper(|room| {
        for item in value.try_iter()? {
            if count > 0 {
                out.push_str(", ");
            }
            room.take(2)?;
            write_repr(out, &item, room)?;
            count += 1;
        }
        Ok(())
    })?;
    if count == 1 && value.is_tuple() {
        out.push(',');
    }
    out.push(close);
    Ok(())
}

fn write_members(out: &mut String, value: &Value, room: &mut Room) -> Result<(), Error> {
    room.take(2)?;
    out.push('{');
    room.deeper(|room| {
        for (at, key) in value.try_iter()?.enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            room.take(4)?;
            write_repr(out, &key, room)?;
            out.push_str(": ");
            write_repr(out, &value.get_item(&key)?, room)?;
        }
        Ok(())
    })?;
    out.push('}');
    Ok(())
}
