//! Expressions to values, within a budget.

use std::cell::Cell;

use indexmap::{IndexMap, IndexSet};

use super::{
    super::{Budget, Scope},
    ast::{Arguments, Constant, Expr, Function, Link},
    call::{Argument, Names},
    context::Context,
    fault::{Fault, Outcome},
    functions,
    iter::{Cursor, Iter},
    key::{self, Key},
    overload,
    value::{Dict, List, MadeDict, MadeSet, Set, Text, Value},
};
use std::rc::Rc;

/// What evaluates one expression: it counts what the evaluation takes and makes its values.
pub(crate) struct Evaluator<'a> {
    scope: &'a dyn Scope,
    budget: &'a Budget,
    level: Cell<u32>,
    /// Whether `def` was called, so that functions are to be looked for in contexts too.
    pub(super) has_definitions: Cell<bool>,
}

/// A level of an evaluation; ends when it is dropped.
pub(crate) struct Level<'e>(&'e Cell<u32>);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        Self {
            scope,
            budget: scope.budget(),
            level: Cell::new(0),
            has_definitions: Cell::new(false),
        }
    }

    /// What the expression is evaluated over.
    pub(crate) const fn scope(&self) -> &'a dyn Scope {
        self.scope
    }

    /// Charges one step.
    ///
    /// # Errors
    /// When there is none left.
    pub(crate) fn step(&self) -> Outcome<()> {
        self.steps(1)
    }

    /// Charges `steps`, for what takes longer the larger something is.
    ///
    /// # Errors
    /// When fewer are left.
    pub(crate) fn steps(&self, steps: usize) -> Outcome<()> {
        Ok(self.budget.take_steps(steps)?)
    }

    /// Charges `bytes` of values that are about to be made.
    ///
    /// # Errors
    /// When fewer are left.
    pub(crate) fn bytes(&self, bytes: usize) -> Outcome<()> {
        Ok(self.budget.take_bytes(bytes)?)
    }

    /// Begins a level of calls.
    ///
    /// # Errors
    /// When it would be too deep.
    pub(crate) fn deeper(&self) -> Outcome<Level<'_>> {
        let level = self.level.get() + 1;
        self.budget.check_depth(level)?;
        self.level.set(level);
        Ok(Level(&self.level))
    }

    /// How deep is what holds something that is `nesting` deep.
    ///
    /// # Errors
    /// When that is too deep.
    pub(crate) fn nested(&self, nesting: u32) -> Outcome<u32> {
        self.budget.check_depth(nesting.saturating_add(1))?;
        Ok(nesting.saturating_add(1))
    }

    /// `text` as a value.
    pub(crate) fn text(&self, text: impl Into<String>) -> Outcome<Value<'a>> {
        let text = text.into();
        self.bytes(text.len())?;
        Ok(Value::Text(text.into()))
    }

    /// A tuple of `items`: what most functions give.
    pub(crate) fn tuple(&self, items: Vec<Value<'a>>) -> Outcome<Value<'a>> {
        Ok(Value::List(self.made_list(items, false)?))
    }

    /// A list of `items`: where Python's own lists come through.
    pub(crate) fn list(&self, items: Vec<Value<'a>>) -> Outcome<Value<'a>> {
        Ok(Value::List(self.made_list(items, true)?))
    }

    /// A tuple or list of `items`.
    pub(crate) fn made_list(&self, items: Vec<Value<'a>>, is_mutable: bool) -> Outcome<List<'a>> {
        self.bytes(items.len().saturating_mul(size_of::<Value<'_>>()) + 48)?;
        let nesting = items.iter().map(Value::nesting).max().unwrap_or(0);
        Ok(List::made(items, self.nested(nesting)?, is_mutable))
    }

    /// A dictionary of `items`; with `is_mutable`, Python's own, which cannot be hashed.
    pub(crate) fn dict(
        &self,
        items: IndexMap<Key<'a>, Value<'a>>,
        is_mutable: bool,
    ) -> Outcome<Value<'a>> {
        self.bytes(items.len().saturating_mul(3 * size_of::<Value<'_>>()) + 64)?;
        let deepest =
            |(key, value): (&Key<'a>, &Value<'a>)| key.value().nesting().max(value.nesting());
        let nesting = items.iter().map(deepest).max().unwrap_or(0);
        Ok(Value::Dict(Dict::Made(Rc::new(MadeDict {
            items,
            nesting: self.nested(nesting)?,
            is_mutable,
        }))))
    }

    /// A set of `items`; with `is_view`, the keys or items of a dictionary.
    pub(crate) fn set(&self, items: IndexSet<Key<'a>>, is_view: bool) -> Outcome<Value<'a>> {
        self.bytes(items.len().saturating_mul(2 * size_of::<Value<'_>>()) + 64)?;
        let nesting = items
            .iter()
            .map(|key| key.value().nesting())
            .max()
            .unwrap_or(0);
        Ok(Value::Set(Set(Rc::new(MadeSet {
            items,
            nesting: self.nested(nesting)?,
            is_view,
        }))))
    }

    /// A lazy iterator over what `produce` gives; `holds` is how deep what it holds is nested. Functions have
    /// [`super::call::Call::iter`].
    pub(super) fn iter(
        &self,
        holds: u32,
        produce: impl FnMut(&Self) -> Outcome<Option<Value<'a>>> + 'a,
    ) -> Outcome<Value<'a>> {
        self.bytes(size_of_val(&produce) + 48)?;
        Ok(Value::Iter(Iter::new(self.nested(holds)?, produce)))
    }

    /// Goes through `value`, which is a list, a set, an iterator or the like.
    ///
    /// # Errors
    /// When it is nothing that can be gone through.
    pub(crate) fn cursor(&self, value: &Value<'a>) -> Outcome<Cursor<'a>> {
        match value {
            Value::List(list) | Value::Values(list) => Ok(Cursor::List(list.clone(), 0)),
            Value::Set(set) => Ok(Cursor::Set(set.clone(), 0)),
            Value::Iter(iter) => Ok(Cursor::Iter(iter.clone())),
            Value::Memo(memo) => Ok(Cursor::Memo(Rc::clone(memo), 0)),
            Value::Ordered(ordered) => Ok(Cursor::List(ordered.sorted(self)?, 0)),
            Value::Dict(dict) => {
                let keys = dict.iter().map(|(key, _)| key).collect();
                Ok(Cursor::List(self.made_list(keys, false)?, 0))
            }
            Value::Text(text) => {
                let characters: Outcome<Vec<_>> =
                    text.chars().map(|c| self.text(c.to_string())).collect();
                Ok(Cursor::List(self.made_list(characters?, false)?, 0))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Pair(_)
            | Value::Context(_)
            | Value::DateTime(_)
            | Value::TimeSpan(_)
            | Value::Regex(_) => Err(Fault::told(format!(
                "'{}' object is not iterable",
                value.type_name()
            ))),
        }
    }

    /// Whether Python takes `left` and `right` for equal.
    pub(crate) fn same(&self, left: &Value<'a>, right: &Value<'a>) -> Outcome<bool> {
        key::same(self, left, right)
    }

    /// The value of `expr` over `context`.
    pub(crate) fn evaluate(&self, expr: &'a Expr, context: &Context<'a>) -> Outcome<Value<'a>> {
        match expr {
            Expr::Constant(constant) => Ok(Value::from(constant)),
            Expr::Keyword(word) => Ok(Value::Text(Text::Borrowed(word))),
            Expr::Variable(name) => self.variable(name, context),
            Expr::Function(_)
            | Expr::Chain(..)
            | Expr::Send(_)
            | Expr::Unary(..)
            | Expr::List(_)
            | Expr::Dict(_)
            | Expr::Wrapped(_) => self.evaluate_inner(expr, context),
        }
    }

    fn evaluate_inner(&self, expr: &'a Expr, context: &Context<'a>) -> Outcome<Value<'a>> {
        let _level = self.deeper()?;
        self.step()?;
        match expr {
            Expr::Function(function) => self.function(function, None, context),
            Expr::Chain(first, links) => {
                let first = self.evaluate(first, context)?;
                links
                    .iter()
                    .try_fold(first, |left, link| self.link(left, link, context))
            }
            Expr::Send(sides) => {
                let Value::Context(inner) = self.evaluate(&sides.0, context)? else {
                    return Err(Fault::NoFunction("#operator_->".to_owned()));
                };
                self.evaluate(&sides.1, &inner)
            }
            Expr::Unary(operator, operand) => {
                let operand = self.evaluate(operand, context)?;
                self.call(operator.function(), vec![operand], context)
            }
            Expr::List(arguments) => self.arguments("#list", None, arguments, context),
            Expr::Dict(arguments) => self.arguments("#map", None, arguments, context),
            Expr::Wrapped(inner) => self.evaluate(inner, context),
            Expr::Constant(_) | Expr::Keyword(_) | Expr::Variable(_) => {
                self.evaluate(expr, context)
            }
        }
    }

    fn variable(&self, name: &str, context: &Context<'a>) -> Outcome<Value<'a>> {
        let value = context
            .get(self, name)?
            .or_else(|| functions::mistral::variable(self.scope, name));
        Ok(value.unwrap_or(Value::Null))
    }

    fn link(&self, left: Value<'a>, link: &'a Link, context: &Context<'a>) -> Outcome<Value<'a>> {
        self.step()?;
        match link {
            Link::Dot {
                is_optional: true, ..
            } if matches!(left, Value::Null) => Ok(left),
            Link::Dot {
                member: Expr::Keyword(name),
                ..
            } => self.member(&left, name, context),
            Link::Dot {
                member: Expr::Function(function),
                ..
            } => self.function(function, Some(left), context),
            Link::Dot { .. } => Err(Fault::NoFunction("#operator_.".to_owned())),
            Link::Index(arguments) => self.arguments("#indexer", Some(left), arguments, context),
            Link::And(right) if left.is_true() => self.evaluate(right, context),
            Link::Or(right) if !left.is_true() => self.evaluate(right, context),
            Link::And(_) | Link::Or(_) => Ok(left),
            Link::Binary(operator, right) => {
                let right = self.evaluate(right, context)?;
                self.call(operator.function(), vec![left, right], context)
            }
        }
    }

    /// `value.name`: of each of its items when it has items.
    pub(crate) fn member(
        &self,
        value: &Value<'a>,
        name: &'a str,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        match value {
            Value::Dict(dict) => dict
                .get_text(name)
                .ok_or_else(|| Fault::told(format!("'{name}'"))),
            Value::List(_)
            | Value::Set(_)
            | Value::Values(_)
            | Value::Ordered(_)
            | Value::Iter(_)
            | Value::Memo(_) => {
                let mut cursor = None;
                let holds = value.nesting().max(context.nesting());
                let (value, context) = (value.clone(), context.clone());
                self.iter(holds, move |evaluator| {
                    let cursor = match &mut cursor {
                        Some(cursor) => cursor,
                        none => none.insert(evaluator.cursor(&value)?),
                    };
                    cursor
                        .next(evaluator)?
                        .map(|item| evaluator.member(&item, name, &context))
                        .transpose()
                })
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Pair(_)
            | Value::Context(_)
            | Value::DateTime(_)
            | Value::TimeSpan(_)
            | Value::Regex(_) => {
                let property = format!("#property#{name}");
                self.call(&property, vec![value.clone()], context)
            }
        }
    }

    /// Calls a function of this name with values.
    ///
    /// # Errors
    /// When there is none that takes them, or it fails.
    pub(crate) fn call(
        &self,
        name: &str,
        values: Vec<Value<'a>>,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        let values = values.into_iter().map(Argument::Value).collect();
        overload::call_values(self, name, values, context)
    }

    fn function(
        &self,
        function: &'a Function,
        receiver: Option<Value<'a>>,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        let arguments = Argument::all(&function.arguments);
        overload::call(
            self,
            &function.name,
            receiver,
            arguments,
            Names::new(),
            context,
        )
    }

    /// Calls the function that brackets stand for; `first` is what is before them.
    fn arguments(
        &self,
        name: &'static str,
        first: Option<Value<'a>>,
        arguments: &'a Arguments,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        let all = first
            .map(Argument::Value)
            .into_iter()
            .chain(Argument::all(arguments))
            .collect();
        overload::call(self, name, None, all, Names::new(), context)
    }
}

impl<'a> From<&'a Constant> for Value<'a> {
    fn from(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(it) => Self::Bool(*it),
            Constant::Int(number) => Self::Int(*number),
            Constant::Float(number) => Self::Float(*number),
            Constant::Text(text) => Self::Text(Text::Borrowed(text)),
        }
    }
}
