//! A call of a function: its arguments by parameter, and lambdas.

use super::{
    ast::{Arguments, Expr},
    context::Context,
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    iter::Cursor,
    value::{Dict, List, Set, Text, Value},
};

/// What is given for a parameter.
#[derive(Clone)]
pub(crate) enum Argument<'a> {
    /// Nothing.
    Missing,
    /// A value.
    Value(Value<'a>),
    /// An expression, which the function may evaluate.
    Expr(&'a Expr),
    /// `key => value`, of which the function may evaluate the sides.
    Pair(&'a Expr, &'a Expr),
}

impl<'a> Argument<'a> {
    /// Those between brackets.
    pub(super) fn all(arguments: &'a Arguments) -> Vec<Self> {
        let positional = arguments
            .positional
            .iter()
            .map(|it| it.as_ref().map_or(Self::Missing, Self::Expr));
        let pairs = arguments
            .pairs
            .iter()
            .map(|(key, value)| Self::Pair(key, value));
        positional.chain(pairs).collect()
    }
}

impl Argument<'_> {
    fn nesting(&self) -> u32 {
        match self {
            Self::Value(value) => value.nesting(),
            Self::Missing | Self::Expr(_) | Self::Pair(..) => 0,
        }
    }
}

/// Arguments by name.
pub(crate) type Names<'a> = Vec<(Text<'a>, Argument<'a>)>;

/// A call of a function. Arguments are numbered as its parameters are, the receiver of a method first; that they are of
/// the parameters' types is checked before.
pub(crate) struct Call<'c, 'a> {
    pub(crate) evaluator: &'c Evaluator<'a>,
    /// Where it is called. What a function publishes goes to a [`Context::child`] of it.
    pub(crate) context: &'c Context<'a>,
    pub(super) arguments: Vec<Argument<'a>>,
    pub(super) rest: Vec<Argument<'a>>,
    pub(super) names: Names<'a>,
}

impl<'a> Call<'_, 'a> {
    /// The argument `at`; null when it is left out.
    pub(crate) fn value(&self, at: usize) -> Value<'a> {
        self.given(at).unwrap_or(Value::Null)
    }

    /// The argument `at`, unless it is left out and its parameter has no default.
    pub(crate) fn given(&self, at: usize) -> Option<Value<'a>> {
        if let Some(Argument::Value(value)) = self.arguments.get(at) {
            Some(value.clone())
        } else {
            None
        }
    }

    /// The argument `at` of a parameter that takes text.
    pub(crate) fn text(&self, at: usize) -> Outcome<Text<'a>> {
        match self.given(at) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(wrong(at, other.as_ref())),
        }
    }

    /// The argument `at` of a parameter that takes text or null.
    pub(crate) fn optional_text(&self, at: usize) -> Option<Text<'a>> {
        match self.given(at) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The argument `at` of a parameter that takes an integer; a truth value is one.
    pub(crate) fn int(&self, at: usize) -> Outcome<i128> {
        match self.given(at) {
            Some(Value::Int(number)) => Ok(number),
            Some(Value::Bool(it)) => Ok(i128::from(it)),
            other => Err(wrong(at, other.as_ref())),
        }
    }

    /// Whether the argument `at` is true.
    pub(crate) fn is_true(&self, at: usize) -> bool {
        self.given(at).is_some_and(|value| value.is_true())
    }

    /// The argument `at` of a parameter that takes a sequence.
    pub(crate) fn list(&self, at: usize) -> Outcome<List<'a>> {
        match self.given(at) {
            Some(Value::List(list)) => Ok(list),
            other => Err(wrong(at, other.as_ref())),
        }
    }

    /// The argument `at` of a parameter that takes a dictionary.
    pub(crate) fn dict(&self, at: usize) -> Outcome<Dict<'a>> {
        match self.given(at) {
            Some(Value::Dict(dict)) => Ok(dict),
            other => Err(wrong(at, other.as_ref())),
        }
    }

    /// The argument `at` of a parameter that takes a set.
    pub(crate) fn set(&self, at: usize) -> Outcome<Set<'a>> {
        match self.given(at) {
            Some(Value::Set(set)) => Ok(set),
            other => Err(wrong(at, other.as_ref())),
        }
    }

    /// Goes through the argument `at` of a parameter that takes what can be gone through.
    pub(crate) fn cursor(&self, at: usize) -> Outcome<Cursor<'a>> {
        self.evaluator.cursor(&self.value(at))
    }

    /// A lazy iterator over what `produce` gives from the arguments.
    pub(crate) fn iter(
        &self,
        produce: impl FnMut(&Evaluator<'a>) -> Outcome<Option<Value<'a>>> + 'a,
    ) -> Outcome<Value<'a>> {
        let names = self.names.iter().map(|(_, argument)| argument);
        let arguments = self.arguments.iter().chain(&self.rest).chain(names);
        let nesting = arguments.map(Argument::nesting).max().unwrap_or(0);
        self.evaluator
            .iter(nesting.max(self.context.nesting()), produce)
    }

    /// The argument `at` of a parameter that takes a lambda; none when it is left out.
    pub(crate) fn lambda(&self, at: usize) -> Option<Lambda<'a>> {
        self.arguments.get(at).and_then(|it| self.as_lambda(it))
    }

    /// The argument `at` of a parameter that takes a lambda and has no default.
    pub(crate) fn some_lambda(&self, at: usize) -> Outcome<Lambda<'a>> {
        self.lambda(at).ok_or_else(|| wrong(at, None))
    }

    /// The arguments behind those of the parameters.
    pub(crate) fn rest(&self) -> impl ExactSizeIterator<Item = Value<'a>> + '_ {
        self.rest.iter().map(|it| match it {
            Argument::Value(value) => value.clone(),
            Argument::Missing | Argument::Expr(_) | Argument::Pair(..) => Value::Null,
        })
    }

    /// The lambdas behind the arguments of the parameters.
    pub(crate) fn rest_lambdas(&self) -> impl Iterator<Item = Lambda<'a>> + '_ {
        self.rest.iter().filter_map(|it| self.as_lambda(it))
    }

    /// The pairs that are not evaluated, each side as a lambda.
    pub(crate) fn rest_pairs(&self) -> impl Iterator<Item = (Lambda<'a>, Lambda<'a>)> + '_ {
        self.rest.iter().filter_map(|it| match it {
            Argument::Pair(key, value) => {
                Some((self.over(Body::Expr(key)), self.over(Body::Expr(value))))
            }
            Argument::Missing | Argument::Expr(_) | Argument::Value(_) => None,
        })
    }

    /// The arguments by name that are of no parameter.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Text<'a>, Value<'a>)> + '_ {
        self.names
            .iter()
            .filter_map(|(name, argument)| match argument {
                Argument::Value(value) => Some((name.clone(), value.clone())),
                Argument::Missing | Argument::Expr(_) | Argument::Pair(..) => None,
            })
    }

    fn as_lambda(&self, argument: &Argument<'a>) -> Option<Lambda<'a>> {
        match argument {
            Argument::Expr(expr) => Some(self.over(Body::Expr(expr))),
            Argument::Value(Value::Null) | Argument::Missing | Argument::Pair(..) => None,
            Argument::Value(value) => Some(self.over(Body::Value(value.clone()))),
        }
    }

    fn over(&self, body: Body<'a>) -> Lambda<'a> {
        Lambda {
            body,
            context: self.context.clone(),
        }
    }
}

fn wrong(at: usize, value: Option<&Value<'_>>) -> Fault {
    let name = value.map_or("nothing", Value::type_name);
    Fault::told(format!("Invalid argument {}: {name}", at + 1))
}

/// What a lambda evaluates to.
#[derive(Clone)]
pub(crate) enum Body<'a> {
    /// What this gives, each time.
    Expr(&'a Expr),
    /// This.
    Value(Value<'a>),
}

/// An expression that a function evaluates when it wants to, over the context of the call.
#[derive(Clone)]
pub(crate) struct Lambda<'a> {
    body: Body<'a>,
    context: Context<'a>,
}

impl<'a> Lambda<'a> {
    /// One over `context`.
    pub(super) const fn new(body: Body<'a>, context: Context<'a>) -> Self {
        Self { body, context }
    }

    /// Its value, with `values` as `$1` (which is `$`), `$2` and so on.
    pub(crate) fn call<const N: usize>(
        &self,
        evaluator: &Evaluator<'a>,
        values: [Value<'a>; N],
    ) -> Outcome<Value<'a>> {
        self.call_with(evaluator, values.into_iter(), std::iter::empty())
    }

    /// Its value, with `values` and `names`.
    pub(super) fn call_with(
        &self,
        evaluator: &Evaluator<'a>,
        values: impl Iterator<Item = Value<'a>>,
        names: impl Iterator<Item = (Text<'a>, Value<'a>)>,
    ) -> Outcome<Value<'a>> {
        const NUMBERS: [&str; 4] = ["1", "2", "3", "4"];
        let Body::Expr(expr) = &self.body else {
            return self.within(evaluator, &self.context);
        };
        let context = self.context.child(evaluator)?;
        for (at, value) in values.enumerate() {
            let name = NUMBERS.get(at).map_or_else(
                || Text::from((at + 1).to_string()),
                |name| Text::Borrowed(name),
            );
            context.set(evaluator, name, value)?;
        }
        for (name, value) in names {
            context.set(evaluator, name, value)?;
        }
        evaluator.evaluate(expr, &context)
    }

    /// Its value over a context of the function's own.
    pub(crate) fn within(
        &self,
        evaluator: &Evaluator<'a>,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        match &self.body {
            Body::Expr(expr) => evaluator.evaluate(expr, context),
            Body::Value(value) => Ok(value.clone()),
        }
    }

    pub(super) fn body(&self) -> Body<'a> {
        self.body.clone()
    }

    /// How deep what it holds is nested.
    pub(crate) fn nesting(&self) -> u32 {
        match &self.body {
            Body::Expr(_) => self.context.nesting(),
            Body::Value(value) => value.nesting().max(self.context.nesting()),
        }
    }
}
