//! The functions that expressions can call, and the types of what they take.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    ast::Expr,
    call::{Argument, Call},
    fault::Outcome,
    functions,
    value::{Text, Value},
};

/// What a function does.
pub(crate) type Body = for<'c, 'a> fn(&'c Call<'c, 'a>) -> Outcome<Value<'a>>;

/// A function that expressions can call.
pub(crate) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: Vec<Parameter>,
    /// What more arguments are, when it takes any number.
    pub(super) rest: Option<Type>,
    pub(super) takes_names: bool,
    pub(super) is_function: bool,
    pub(super) is_method: bool,
    /// Whether `key => value` are arguments of their own and not arguments by name.
    pub(super) takes_pairs: bool,
    pub(super) body: Body,
}

/// What a function takes.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) default: Default,
}

/// What a parameter is when nothing is given for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// It has to be given.
    Required,
    /// It stays missing: [`Call::given`] tells that from null.
    Missing,
    /// Null.
    Null,
    /// Such a truth value.
    Bool(bool),
    /// Such an integer.
    Int(i32),
    /// Such text.
    Text(&'static str),
    /// No time.
    TimeSpan,
}

impl Default {
    pub(super) fn argument<'a>(self) -> Argument<'a> {
        Argument::Value(match self {
            Self::Required | Self::Missing => return Argument::Missing,
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(it),
            Self::Int(number) => Value::Int(i128::from(number)),
            Self::Text(text) => Value::Text(Text::Borrowed(text)),
            Self::TimeSpan => Value::TimeSpan(0),
        })
    }
}

/// `name(…)`.
pub(crate) fn function(name: &'static str, body: Body) -> Function {
    Function {
        name,
        parameters: Vec::new(),
        rest: None,
        takes_names: false,
        is_function: true,
        is_method: false,
        takes_pairs: false,
        body,
    }
}

/// `receiver.name(…)`; the receiver is the first parameter.
pub(crate) fn method(name: &'static str, body: Body) -> Function {
    Function {
        is_function: false,
        is_method: true,
        ..function(name, body)
    }
}

/// Both `name(receiver, …)` and `receiver.name(…)`.
pub(crate) fn extension(name: &'static str, body: Body) -> Function {
    Function {
        is_method: true,
        ..function(name, body)
    }
}

impl Function {
    /// Takes one more, which has to be given.
    pub(crate) fn takes(self, name: &'static str, kind: Type) -> Self {
        self.may_take(name, kind, Default::Required)
    }

    /// Takes one more, which is `default` when it is not given.
    pub(crate) fn may_take(mut self, name: &'static str, kind: Type, default: Default) -> Self {
        self.parameters.push(Parameter {
            name,
            kind,
            default,
        });
        self
    }

    /// Takes any number more.
    pub(crate) fn takes_rest(mut self, kind: Type) -> Self {
        self.rest = Some(kind);
        self
    }

    /// Takes any arguments by name.
    pub(crate) const fn takes_names(mut self) -> Self {
        self.takes_names = true;
        self
    }

    /// Takes `key => value` as arguments of their own.
    pub(crate) const fn takes_pairs(mut self) -> Self {
        self.takes_pairs = true;
        self
    }

    /// Whether what is given at `at` is handed over without being evaluated.
    pub(super) fn is_lazy(&self, at: usize) -> bool {
        self.kind(at).is_some_and(Type::is_lazy)
    }

    pub(super) fn kind(&self, at: usize) -> Option<Type> {
        self.parameters.get(at).map(|it| it.kind).or(self.rest)
    }
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    kind: Kind,
    takes_null: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Null,
    Text,
    Int,
    Integer,
    Number,
    Bool,
    Iterable,
    Elements,
    Iterator,
    Sequence,
    Dict,
    Set,
    Pair,
    Ordered,
    DateTime,
    TimeSpan,
    Regex,
    Lambda,
    LazyPair,
}

impl Type {
    /// Anything, null too.
    pub(crate) const ANY: Self = Self::of(Kind::Any).or_null();
    /// Anything but null.
    pub(crate) const SOME: Self = Self::of(Kind::Any);
    /// Null alone.
    pub(crate) const NULL: Self = Self::of(Kind::Null).or_null();
    /// Text.
    pub(crate) const TEXT: Self = Self::of(Kind::Text);
    /// An integer or a truth value, as Python's `int`.
    pub(crate) const INT: Self = Self::of(Kind::Int);
    /// An integer and no truth value.
    pub(crate) const INTEGER: Self = Self::of(Kind::Integer);
    /// A number and no truth value.
    pub(crate) const NUMBER: Self = Self::of(Kind::Number);
    /// A truth value.
    pub(crate) const BOOL: Self = Self::of(Kind::Bool);
    /// What can be gone through, but no text and no dictionary: a [`Value::List`], a [`Value::Set`] or a
    /// [`Value::Iter`], which what can be gone through again and again becomes.
    pub(crate) const ITERABLE: Self = Self::of(Kind::Iterable);
    /// The same but no set.
    pub(crate) const ELEMENTS: Self = Self::of(Kind::Elements);
    /// What can be gone through once.
    pub(crate) const ITERATOR: Self = Self::of(Kind::Iterator);
    /// A tuple or a list.
    pub(crate) const SEQUENCE: Self = Self::of(Kind::Sequence);
    /// A dictionary.
    pub(crate) const DICT: Self = Self::of(Kind::Dict);
    /// A set, or the keys or items of a dictionary.
    pub(crate) const SET: Self = Self::of(Kind::Set);
    /// `key => value`, evaluated.
    pub(crate) const PAIR: Self = Self::of(Kind::Pair);
    /// What `orderBy` gives.
    pub(crate) const ORDERED: Self = Self::of(Kind::Ordered);
    /// A moment.
    pub(crate) const DATE_TIME: Self = Self::of(Kind::DateTime);
    /// A length of time.
    pub(crate) const TIME_SPAN: Self = Self::of(Kind::TimeSpan);
    /// A compiled regular expression.
    pub(crate) const REGEX: Self = Self::of(Kind::Regex);
    /// An expression that the function evaluates when it wants to: [`Call::lambda`].
    pub(crate) const LAMBDA: Self = Self::of(Kind::Lambda).or_null();
    /// `key => value`, of which the function evaluates the sides when it wants to: [`Call::rest_pairs`].
    pub(crate) const LAZY_PAIR: Self = Self::of(Kind::LazyPair);

    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            takes_null: false,
        }
    }

    /// The same, or null.
    pub(crate) const fn or_null(self) -> Self {
        Self {
            takes_null: true,
            ..self
        }
    }

    const fn is_lazy(self) -> bool {
        matches!(self.kind, Kind::Lambda | Kind::LazyPair)
    }

    /// Whether `argument` may be one, as far as can be told before it is evaluated.
    pub(super) fn may_take(self, argument: &Argument<'_>) -> bool {
        match argument {
            Argument::Value(value) => self.takes(value),
            Argument::Expr(Expr::Constant(constant)) => {
                self.kind == Kind::Lambda || self.takes(&Value::from(constant))
            }
            Argument::Expr(_) => self.kind != Kind::LazyPair,
            Argument::Pair(..) => true,
            Argument::Missing => false,
        }
    }

    /// Whether `argument` is one, once what is to be evaluated is.
    pub(super) fn accepts(self, argument: &Argument<'_>) -> bool {
        match argument {
            Argument::Value(value) => self.takes(value),
            Argument::Expr(_) => self.kind == Kind::Lambda,
            Argument::Pair(..) => self.kind == Kind::LazyPair,
            Argument::Missing => true,
        }
    }

    fn takes(self, value: &Value<'_>) -> bool {
        match (self.kind, value) {
            (Kind::LazyPair, _) => false,
            (Kind::Lambda, _) => true,
            (_, Value::Null) => self.takes_null,
            (Kind::Any, _)
            | (Kind::Text, Value::Text(_))
            | (Kind::Int, Value::Int(_) | Value::Bool(_))
            | (Kind::Integer, Value::Int(_))
            | (Kind::Number, Value::Int(_) | Value::Float(_))
            | (Kind::Bool, Value::Bool(_))
            | (
                Kind::Iterable,
                Value::List(_)
                | Value::Set(_)
                | Value::Values(_)
                | Value::Ordered(_)
                | Value::Iter(_)
                | Value::Memo(_),
            )
            | (
                Kind::Elements,
                Value::List(_)
                | Value::Values(_)
                | Value::Ordered(_)
                | Value::Iter(_)
                | Value::Memo(_),
            )
            | (Kind::Iterator, Value::Iter(_) | Value::Memo(_))
            | (Kind::Sequence, Value::List(_))
            | (Kind::Dict, Value::Dict(_))
            | (Kind::Set, Value::Set(_))
            | (Kind::Pair, Value::Pair(_))
            | (Kind::Ordered, Value::Ordered(_))
            | (Kind::DateTime, Value::DateTime(_))
            | (Kind::TimeSpan, Value::TimeSpan(_))
            | (Kind::Regex, Value::Regex(_)) => true,
            _ => false,
        }
    }

    /// Whether what can be gone through again and again becomes an iterator for it.
    pub(super) const fn goes_through(self) -> bool {
        matches!(self.kind, Kind::Iterable | Kind::Elements)
    }

    /// Whether it takes a part of what `other` takes.
    pub(super) const fn is_special(self, other: Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Any | Kind::Number | Kind::Lambda | Kind::LazyPair, _) => false,
            (_, Kind::Any) => true,
            (Kind::Bool, Kind::Int | Kind::Integer)
            | (
                Kind::Iterator
                | Kind::Sequence
                | Kind::Set
                | Kind::Dict
                | Kind::Text
                | Kind::Ordered,
                Kind::Iterable | Kind::Elements,
            )
            | (Kind::Text, Kind::Sequence) => true,
            _ => false,
        }
    }
}

/// Every function, by name.
pub(crate) struct Registry(HashMap<&'static str, Vec<Function>>);

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry(HashMap::new());
    functions::register(&mut registry);
    registry
});

impl Registry {
    /// The one that there is.
    pub(super) fn get() -> &'static Self {
        &REGISTRY
    }

    /// Makes `function` known. Functions of one name are overloads.
    pub(crate) fn add(&mut self, function: Function) {
        self.0.entry(function.name).or_default().push(function);
    }

    /// Makes each of `functions` known.
    pub(crate) fn add_all(&mut self, functions: impl IntoIterator<Item = Function>) {
        functions
            .into_iter()
            .for_each(|function| self.add(function));
    }

    /// The overloads of `name`.
    pub(super) fn overloads(&self, name: &str) -> &[Function] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}
