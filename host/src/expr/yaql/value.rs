//! The values of an evaluation: they borrow from the data and from the expression, and share what they made.

use std::{fmt, ops::Deref, rc::Rc};

use chrono::{DateTime, FixedOffset};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Number, Value as Json};

use super::{
    super::Variables,
    context::Context,
    functions::{grouping::Ordered, regex::Pattern},
    iter::{Iter, Memo},
    key::{Key, Probe},
};

/// A value. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`, which Python takes for 1 and 0.
    Bool(bool),
    /// An integer: Python's, as far as 128 bits go.
    Int(i128),
    /// A number with a point.
    Float(f64),
    /// Text.
    Text(Text<'a>),
    /// A tuple or a list.
    List(List<'a>),
    /// A dictionary.
    Dict(Dict<'a>),
    /// A set, or the keys or items of a dictionary.
    Set(Set<'a>),
    /// The values of a dictionary, which can be gone through again and again, and nothing else.
    Values(List<'a>),
    /// What `orderBy` gives.
    Ordered(Rc<Ordered<'a>>),
    /// What can be gone through once.
    Iter(Iter<'a>),
    /// What `memorize` gives.
    Memo(Rc<Memo<'a>>),
    /// `key => value`.
    Pair(Rc<(Self, Self)>),
    /// What `let`, `with`, `def` and `unpack` give.
    Context(Context<'a>),
    /// A moment, with its offset from UTC.
    DateTime(DateTime<FixedOffset>),
    /// A length of time, in microseconds.
    TimeSpan(i64),
    /// A compiled regular expression.
    Regex(Rc<Pattern>),
}

/// Text, borrowed or shared.
#[derive(Clone)]
pub(crate) enum Text<'a> {
    /// Of the data or of the expression.
    Borrowed(&'a str),
    /// Made.
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

/// A tuple, or a list, which Python does not take for equal and cannot hash.
#[derive(Clone)]
pub(crate) struct List<'a> {
    items: Items<'a>,
    /// Whether it is a list and not a tuple.
    pub(crate) is_mutable: bool,
}

#[derive(Clone)]
enum Items<'a> {
    Json(&'a [Json]),
    Made(Rc<MadeList<'a>>),
}

struct MadeList<'a> {
    items: Vec<Value<'a>>,
    nesting: u32,
}

impl<'a> List<'a> {
    /// A tuple or a list of `items`, of which the deepest is `nesting` deep.
    pub(super) fn made(items: Vec<Value<'a>>, nesting: u32, is_mutable: bool) -> Self {
        let items = Items::Made(Rc::new(MadeList { items, nesting }));
        Self { items, is_mutable }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::Json(items) => items.len(),
            Items::Made(made) => made.items.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, at: usize) -> Option<Value<'a>> {
        match &self.items {
            Items::Json(items) => items.get(at).map(Value::from),
            Items::Made(made) => made.items.get(at).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Value<'a>> + use<'_, 'a> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    fn nesting(&self) -> u32 {
        match &self.items {
            Items::Json(_) => 0,
            Items::Made(made) => made.nesting,
        }
    }

    fn address(&self) -> usize {
        match &self.items {
            Items::Json(items) => items.as_ptr().addr(),
            Items::Made(made) => Rc::as_ptr(made).addr(),
        }
    }
}

/// A dictionary.
#[derive(Clone)]
pub(crate) enum Dict<'a> {
    /// Of the data.
    Json(&'a Map<String, Json>),
    /// All of the data.
    Variables(&'a Variables),
    /// Made.
    Made(Rc<MadeDict<'a>>),
}

/// A dictionary that a function made.
pub(crate) struct MadeDict<'a> {
    pub(super) items: IndexMap<Key<'a>, Value<'a>>,
    pub(super) nesting: u32,
    /// Whether it is Python's own, which cannot be hashed.
    pub(super) is_mutable: bool,
}

impl<'a> Dict<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Variables(variables) => variables.iter().count(),
            Self::Made(made) => made.items.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Json(items) => items.is_empty(),
            Self::Variables(variables) => variables.iter().next().is_none(),
            Self::Made(made) => made.items.is_empty(),
        }
    }

    /// The value of a key that is text.
    pub(crate) fn get_text(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(key).map(Value::from),
            Self::Variables(variables) => variables.get(key).map(Value::from),
            Self::Made(made) => {
                let key = Value::Text(Text::Borrowed(key));
                made.items.get(&Probe(&key)).cloned()
            }
        }
    }

    /// The value of `key`, which can be hashed.
    pub(crate) fn get(&self, key: &Key<'a>) -> Option<Value<'a>> {
        match (self, key.value()) {
            (Self::Made(made), _) => made.items.get(key).cloned(),
            (Self::Json(_) | Self::Variables(_), Value::Text(text)) => self.get_text(text),
            (Self::Json(_) | Self::Variables(_), _) => None,
        }
    }

    /// The keys with their values, in their order.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = (Value<'a>, Value<'a>)> + '_> {
        fn entry<'a>((key, value): (&'a String, &'a Json)) -> (Value<'a>, Value<'a>) {
            (Value::Text(Text::Borrowed(key)), Value::from(value))
        }
        match self {
            Self::Json(items) => Box::new(items.iter().map(entry)),
            Self::Variables(variables) => Box::new(variables.iter().map(entry)),
            Self::Made(made) => Box::new(
                made.items
                    .iter()
                    .map(|(key, value)| (key.value().clone(), value.clone())),
            ),
        }
    }

    /// Whether it can be hashed, as far as it is concerned.
    pub(crate) fn is_mutable(&self) -> bool {
        matches!(self, Self::Made(made) if made.is_mutable)
    }

    fn nesting(&self) -> u32 {
        match self {
            Self::Json(_) | Self::Variables(_) => 0,
            Self::Made(made) => made.nesting,
        }
    }
}

/// A set.
#[derive(Clone)]
pub(crate) struct Set<'a>(pub(super) Rc<MadeSet<'a>>);

/// A set that a function made.
pub(crate) struct MadeSet<'a> {
    pub(super) items: IndexSet<Key<'a>>,
    pub(super) nesting: u32,
    /// Whether it is the keys or items of a dictionary: no `union` and the like, and no hash.
    pub(super) is_view: bool,
}

impl<'a> Set<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }

    pub(crate) fn is_view(&self) -> bool {
        self.0.is_view
    }

    pub(crate) fn contains(&self, key: &Key<'a>) -> bool {
        self.0.items.contains(key)
    }

    pub(crate) fn get(&self, at: usize) -> Option<Value<'a>> {
        self.0.items.get_index(at).map(|key| key.value().clone())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key<'a>> {
        self.0.items.iter()
    }
}

impl From<&Number> for Value<'_> {
    fn from(number: &Number) -> Self {
        match number.as_i128() {
            Some(number) => Self::Int(number),
            None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
        }
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(it) => Self::Bool(*it),
            Json::Number(number) => Self::from(number),
            Json::String(text) => Self::Text(Text::Borrowed(text)),
            Json::Array(items) => Self::List(List {
                items: Items::Json(items),
                is_mutable: false,
            }),
            Json::Object(members) => Self::Dict(Dict::Json(members)),
        }
    }
}

impl<'a> Value<'a> {
    /// Whether Python takes it for true.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(it) => *it,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) | Self::Values(list) => !list.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Set(set) => !set.is_empty(),
            Self::TimeSpan(length) => *length != 0,
            Self::Ordered(_)
            | Self::Iter(_)
            | Self::Memo(_)
            | Self::Pair(_)
            | Self::Context(_)
            | Self::DateTime(_)
            | Self::Regex(_) => true,
        }
    }

    /// How deep what was made for it is nested; what ends with it is not deeper.
    pub(crate) fn nesting(&self) -> u32 {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::DateTime(_)
            | Self::TimeSpan(_)
            | Self::Regex(_) => 0,
            Self::List(list) | Self::Values(list) => list.nesting(),
            Self::Dict(dict) => dict.nesting(),
            Self::Set(set) => set.0.nesting,
            Self::Ordered(ordered) => ordered.nesting(),
            Self::Iter(iter) => iter.nesting(),
            Self::Memo(memo) => memo.nesting(),
            Self::Pair(pair) => pair.0.nesting().max(pair.1.nesting()),
            Self::Context(context) => context.nesting(),
        }
    }

    /// What it is as text, when it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// What Python calls its type, for messages.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(list) if list.is_mutable => "list",
            Self::List(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Values(_) => "dict_values",
            Self::Ordered(_) => "OrderingIterable",
            Self::Iter(_) | Self::Memo(_) => "generator",
            Self::Pair(_) => "MappingRule",
            Self::Context(_) => "Context",
            Self::DateTime(_) => "datetime",
            Self::TimeSpan(_) => "timedelta",
            Self::Regex(_) => "Pattern",
        }
    }

    /// What tells it from others that are equal in nothing else.
    pub(super) fn address(&self) -> usize {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Dict(_)
            | Self::DateTime(_)
            | Self::TimeSpan(_) => 0,
            Self::List(list) | Self::Values(list) => list.address(),
            Self::Set(set) => Rc::as_ptr(&set.0).addr(),
            Self::Ordered(ordered) => Rc::as_ptr(ordered).addr(),
            Self::Iter(iter) => iter.address(),
            Self::Memo(memo) => Rc::as_ptr(memo).addr(),
            Self::Pair(pair) => Rc::as_ptr(pair).addr(),
            Self::Context(context) => context.address(),
            Self::Regex(pattern) => Rc::as_ptr(pattern).addr(),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}
