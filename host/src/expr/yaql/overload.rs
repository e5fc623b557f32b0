//! Which overload of a function takes the arguments of a call, as yaql decides it.

use std::rc::Rc;

use super::{
    ast::Expr,
    call::{Argument, Call, Lambda, Names},
    context::{Context, Defined},
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    registry::{Function, Registry, Type},
    value::{Text, Value},
};

/// Something that has the name.
enum Candidate<'a> {
    Known(&'static Function),
    Defined(Rc<Defined<'a>>, Context<'a>),
}

/// Calls the function `name`, or the method of `receiver`.
///
/// # Errors
/// When there is none, when none takes the arguments or more than one does, and when it fails.
pub(super) fn call<'a>(
    evaluator: &Evaluator<'a>,
    name: &str,
    receiver: Option<Value<'a>>,
    arguments: Vec<Argument<'a>>,
    names: Names<'a>,
    context: &Context<'a>,
) -> Outcome<Value<'a>> {
    evaluator.steps(arguments.len().max(1))?;
    let is_method = receiver.is_some();
    let name = name.trim_end_matches('_');
    let levels = candidates(evaluator, name, is_method, context);
    let Some(first) = levels.iter().flatten().next() else {
        return Err(unknown(name, receiver.as_ref()));
    };
    let mut given: Vec<Argument<'a>> = Vec::with_capacity(arguments.len() + 1);
    let receiver_type = receiver.as_ref().map(Value::type_name);
    given.extend(receiver.map(Argument::Value));
    given.extend(arguments);
    let no_match = || match receiver_type {
        None => Fault::NoFunction(name.to_owned()),
        Some(receiver) => Fault::NoMethod(name.to_owned(), receiver.to_owned()),
    };

    let takes_pairs = first.takes_pairs();
    let ambiguous = || Fault::Ambiguous(name.to_owned());
    if levels
        .iter()
        .flatten()
        .any(|it| it.takes_pairs() != takes_pairs)
    {
        return Err(ambiguous());
    }
    let (mut given, mut names) = by_name(takes_pairs, given, names)?;

    let mut lazy: Option<&Candidate<'a>> = None;
    let mut fitting: Vec<Vec<&Candidate<'a>>> = Vec::with_capacity(levels.len());
    for level in &levels {
        let mut fits = Vec::new();
        for candidate in level {
            if !candidate.may_take(&given, &names) {
                continue;
            }
            match lazy {
                None => lazy = Some(candidate),
                Some(first) if first.is_as_lazy(candidate, given.len(), &names) => {}
                Some(_) => return Err(ambiguous()),
            }
            fits.push(candidate);
        }
        fitting.push(fits);
    }
    let Some(lazy) = lazy else {
        return Err(no_match());
    };

    for (at, argument) in given.iter_mut().enumerate() {
        if !lazy.is_lazy(at) {
            evaluate(evaluator, argument, context)?;
        }
    }
    for (name, argument) in &mut names {
        if !lazy.is_lazy_named(name) {
            evaluate(evaluator, argument, context)?;
        }
    }

    for level in fitting {
        let mut winner: Option<&Candidate<'a>> = None;
        for candidate in level {
            if !candidate.takes(&given, &names) {
                continue;
            }
            match winner {
                Some(other) if other.is_special(candidate, &given, &names) => {}
                Some(other) if !candidate.is_special(other, &given, &names) => {
                    return Err(ambiguous());
                }
                _ => winner = Some(candidate),
            }
        }
        if let Some(winner) = winner {
            return winner.run(evaluator, given, names, context);
        }
    }
    Err(no_match())
}

/// Calls the function `name` with values, as operators do, without the detours that lazy arguments and definitions take.
///
/// # Errors
/// As [`call`] does.
pub(super) fn call_values<'a>(
    evaluator: &Evaluator<'a>,
    name: &str,
    values: Vec<Argument<'a>>,
    context: &Context<'a>,
) -> Outcome<Value<'a>> {
    if !evaluator.has_definitions.get() {
        let names = Names::new();
        let known = Registry::get().overloads(name).iter();
        let mut fitting = known
            .filter(|it| it.is_function)
            .map(Candidate::Known)
            .filter(|it| it.may_take(&values, &names));
        if let (Some(only), None) = (fitting.next(), fitting.next()) {
            evaluator.step()?;
            return only.run(evaluator, values, names, context);
        }
    }
    call(evaluator, name, None, values, Names::new(), context)
}

fn candidates<'a>(
    evaluator: &Evaluator<'a>,
    name: &str,
    is_method: bool,
    context: &Context<'a>,
) -> Vec<Vec<Candidate<'a>>> {
    let mut levels = Vec::with_capacity(1);
    if evaluator.has_definitions.get() && !is_method {
        let defined = context
            .defined(name)
            .into_iter()
            .map(|(context, functions)| {
                let candidate = |it| Candidate::Defined(it, context.clone());
                functions.into_iter().map(candidate).collect()
            });
        levels.extend(defined);
    }
    let known: Vec<_> = Registry::get()
        .overloads(name)
        .iter()
        .filter(|it| {
            if is_method {
                it.is_method
            } else {
                it.is_function
            }
        })
        .map(Candidate::Known)
        .collect();
    levels.push(known);
    levels
}

fn unknown(name: &str, receiver: Option<&Value<'_>>) -> Fault {
    Fault::told(match receiver {
        None => format!("Unknown function \"{name}\""),
        Some(receiver) => format!(
            "Unknown method \"{name}\" for receiver {}",
            receiver.type_name()
        ),
    })
}

/// The arguments by position and those by name.
fn by_name<'a>(
    takes_pairs: bool,
    arguments: Vec<Argument<'a>>,
    mut names: Names<'a>,
) -> Outcome<(Vec<Argument<'a>>, Names<'a>)> {
    if takes_pairs {
        return match names.first() {
            None => Ok((arguments, names)),
            Some((name, _)) => Err(Fault::told(format!("Invalid argument {}", &**name))),
        };
    }
    if !arguments.iter().any(|it| matches!(it, Argument::Pair(..))) {
        return Ok((arguments, names));
    }
    let mut positional = Vec::with_capacity(arguments.len());
    let mut named: Names<'a> = Vec::new();
    for argument in arguments {
        let Argument::Pair(key, value) = argument else {
            positional.push(argument);
            continue;
        };
        let Expr::Keyword(key) = key else {
            return Err(Fault::told("Cannot convert mapping to keyword argument"));
        };
        // Said again, the last one holds.
        named.retain(|(name, _)| **name != **key);
        named.push((Text::Borrowed(key), Argument::Expr(value)));
    }
    named.append(&mut names);
    Ok((positional, named))
}

fn evaluate<'a>(
    evaluator: &Evaluator<'a>,
    argument: &mut Argument<'a>,
    context: &Context<'a>,
) -> Outcome<()> {
    match *argument {
        Argument::Missing | Argument::Value(_) => {}
        Argument::Expr(expr) => *argument = Argument::Value(evaluator.evaluate(expr, context)?),
        Argument::Pair(key, value) => {
            let key = evaluator.evaluate(key, context)?;
            let value = evaluator.evaluate(value, context)?;
            evaluator.bytes(2 * size_of::<Value<'_>>())?;
            *argument = Argument::Value(Value::Pair(Rc::new((key, value))));
        }
    }
    Ok(())
}

impl<'a> Candidate<'a> {
    const fn takes_pairs(&self) -> bool {
        match self {
            Self::Known(function) => function.takes_pairs,
            Self::Defined(..) => false,
        }
    }

    fn is_lazy(&self, at: usize) -> bool {
        match self {
            Self::Known(function) => function.is_lazy(at),
            Self::Defined(..) => false,
        }
    }

    fn is_lazy_named(&self, name: &str) -> bool {
        match self {
            Self::Known(function) => {
                position(function, name).is_some_and(|at| function.is_lazy(at))
            }
            Self::Defined(..) => false,
        }
    }

    fn is_as_lazy(&self, other: &Self, count: usize, names: &Names<'a>) -> bool {
        (0..count).all(|at| self.is_lazy(at) == other.is_lazy(at))
            && names
                .iter()
                .all(|(name, _)| self.is_lazy_named(name) == other.is_lazy_named(name))
    }

    /// Whether the arguments fit, as far as can be told before they are evaluated.
    fn may_take(&self, given: &[Argument<'a>], names: &Names<'a>) -> bool {
        let Self::Known(function) = self else {
            return !given.iter().any(|it| matches!(it, Argument::Missing));
        };
        let is_named = |name: &str| names.iter().any(|(known, _)| **known == *name);
        let parameters_fit = function
            .parameters
            .iter()
            .enumerate()
            .all(|(at, parameter)| {
                let has_default = !matches!(parameter.default, super::registry::Default::Required);
                match given.get(at) {
                    None => has_default || is_named(parameter.name),
                    // Left out and given by name is too much.
                    Some(Argument::Missing) => has_default && !is_named(parameter.name),
                    Some(argument) => {
                        !is_named(parameter.name) && parameter.kind.may_take(argument)
                    }
                }
            });
        let rest = given.get(function.parameters.len()..).unwrap_or(&[]);
        let rest_fits = rest.iter().all(|argument| match argument {
            // One of those that `let` numbers.
            Argument::Missing => function.takes_names && function.rest == Some(Type::ANY),
            Argument::Value(_) | Argument::Expr(_) | Argument::Pair(..) => {
                function.rest.is_some_and(|kind| kind.may_take(argument))
            }
        });
        parameters_fit
            && rest_fits
            && names
                .iter()
                .all(|(name, _)| function.takes_names || position(function, name).is_some())
    }

    /// Whether the arguments fit now that they are evaluated.
    fn takes(&self, given: &[Argument<'a>], names: &Names<'a>) -> bool {
        let Self::Known(function) = self else {
            return true;
        };
        let fits = |kind: Option<Type>, argument: &Argument<'a>| {
            kind.is_some_and(|kind| kind.accepts(argument))
        };
        given
            .iter()
            .enumerate()
            .all(|(at, argument)| fits(function.kind(at), argument))
            && names.iter().all(|(name, argument)| {
                position(function, name).is_none_or(|at| fits(function.kind(at), argument))
            })
    }

    /// Whether this takes a part of what `other` takes, and nothing that `other` does not.
    fn is_special(&self, other: &Self, given: &[Argument<'a>], names: &Names<'a>) -> bool {
        let (Self::Known(this), Self::Known(other)) = (self, other) else {
            return false;
        };
        let named = names
            .iter()
            .map(|(name, _)| (kind_named(this, name), kind_named(other, name)));
        let pairs = (0..given.len())
            .map(|at| (this.kind(at), other.kind(at)))
            .chain(named);
        let mut is_special = false;
        for (this, other) in pairs {
            let (Some(this), Some(other)) = (this, other) else {
                continue;
            };
            if other.is_special(this) {
                return false;
            }
            is_special |= this.is_special(other);
        }
        is_special
    }

    fn run(
        &self,
        evaluator: &Evaluator<'a>,
        given: Vec<Argument<'a>>,
        names: Names<'a>,
        context: &Context<'a>,
    ) -> Outcome<Value<'a>> {
        let function = match self {
            Self::Known(function) => function,
            Self::Defined(defined, context) => {
                let lambda = Lambda::new(defined.body.clone(), context.clone());
                let values = given.iter().filter_map(value);
                let names = names
                    .iter()
                    .filter_map(|(name, it)| Some((name.clone(), value(it)?)));
                return lambda.call_with(evaluator, values, names);
            }
        };
        let mut given = given.into_iter();
        let mut names = names;
        let mut arguments = Vec::with_capacity(function.parameters.len());
        for parameter in &function.parameters {
            let argument = match given.next() {
                None | Some(Argument::Missing) => names
                    .iter()
                    .position(|(name, _)| **name == *parameter.name)
                    .map_or_else(
                        || parameter.default.argument(),
                        |at| names.swap_remove(at).1,
                    ),
                Some(argument) => argument,
            };
            arguments.push(converted(evaluator, argument, parameter.kind)?);
        }
        let rest: Outcome<Vec<_>> = given
            .map(|argument| match function.rest {
                Some(kind) => converted(evaluator, argument, kind),
                None => Ok(argument),
            })
            .collect();
        (function.body)(&Call {
            evaluator,
            context,
            arguments,
            rest: rest?,
            names,
        })
    }
}

/// What can be gone through again and again comes to functions as what can be gone through once.
fn converted<'a>(
    evaluator: &Evaluator<'a>,
    argument: Argument<'a>,
    kind: Type,
) -> Outcome<Argument<'a>> {
    let Argument::Value(value @ (Value::Values(_) | Value::Ordered(_) | Value::Memo(_))) =
        &argument
    else {
        return Ok(argument);
    };
    if !kind.goes_through() {
        return Ok(argument);
    }
    let source = value.clone();
    let mut cursor = None;
    let iter = evaluator.iter(value.nesting(), move |evaluator| {
        let cursor = match &mut cursor {
            Some(cursor) => cursor,
            none => none.insert(evaluator.cursor(&source)?),
        };
        cursor.next(evaluator)
    })?;
    Ok(Argument::Value(iter))
}

fn value<'a>(argument: &Argument<'a>) -> Option<Value<'a>> {
    match argument {
        Argument::Value(value) => Some(value.clone()),
        Argument::Missing | Argument::Expr(_) | Argument::Pair(..) => None,
    }
}

fn position(function: &Function, name: &str) -> Option<usize> {
    function.parameters.iter().position(|it| it.name == name)
}

fn kind_named(function: &Function, name: &str) -> Option<Type> {
    position(function, name).and_then(|at| function.kind(at))
}
