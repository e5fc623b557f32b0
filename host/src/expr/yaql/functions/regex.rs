//! Regular expressions.

use std::rc::Rc;

use fancy_regex::Captures;
use indexmap::IndexMap;

use super::super::{
    call::{Call, Lambda},
    context::Context,
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    key::Key,
    registry::{Body, Default, Function, Registry, Type, function, method},
    value::{Text, Value},
};
pub(crate) use super::pattern::Pattern;

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("regex", |call| {
            let flags = match (call.is_true(1), call.is_true(2), call.is_true(3)) {
                (false, false, false) => "",
                (true, false, false) => "i",
                (false, true, false) => "m",
                (true, true, false) => "im",
                (false, false, true) => "s",
                (true, false, true) => "is",
                (false, true, true) => "ms",
                (true, true, true) => "ims",
            };
            let pattern = Pattern::compile(call.evaluator, &call.text(0)?, flags)?;
            Ok(Value::Regex(Rc::new(pattern)))
        })
        .takes("pattern", Type::TEXT)
        .may_take("ignoreCase", Type::BOOL, Default::Bool(false))
        .may_take("multiLine", Type::BOOL, Default::Bool(false))
        .may_take("dotAll", Type::BOOL, Default::Bool(false)),
        on_regex(method("matches", |call| is_match(call, 0, 1))).takes("string", Type::TEXT),
        on_text(method("matches", |call| is_match(call, 1, 0))).takes("regexp", Type::TEXT),
        operator("#operator_=~", Type::REGEX, |call| is_match(call, 1, 0)),
        operator("#operator_=~", Type::TEXT, |call| is_match(call, 1, 0)),
        operator("#operator_!~", Type::REGEX, is_no_match),
        operator("#operator_!~", Type::TEXT, is_no_match),
        on_regex(method("search", search))
            .takes("string", Type::TEXT)
            .may_take("selector", Type::LAMBDA, Default::Null),
        on_regex(method("searchAll", search_all))
            .takes("string", Type::TEXT)
            .may_take("selector", Type::LAMBDA, Default::Null),
        on_regex(method("split", |call| split(call, 0, 1)))
            .takes("string", Type::TEXT)
            .may_take("maxSplit", Type::INT, Default::Int(0)),
        on_text(method("split", |call| split(call, 1, 0)))
            .takes("regexp", Type::REGEX)
            .may_take("maxSplit", Type::INT, Default::Int(0)),
        replaces(
            on_regex(method("replace", |call| replace(call, 0, 1))).takes("string", Type::TEXT),
            Type::TEXT,
        ),
        replaces(
            on_text(method("replace", |call| replace(call, 1, 0))).takes("regexp", Type::REGEX),
            Type::TEXT,
        ),
        replaces(
            on_regex(method("replaceBy", |call| replace_by(call, 0, 1)))
                .takes("string", Type::TEXT),
            Type::LAMBDA,
        ),
        replaces(
            on_text(method("replaceBy", |call| replace_by(call, 1, 0)))
                .takes("regexp", Type::REGEX),
            Type::LAMBDA,
        ),
        function("escapeRegex", escape).takes("string", Type::TEXT),
        function("isRegex", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Regex(_))))
        })
        .takes("value", Type::ANY),
    ]);
}

fn on_regex(function: Function) -> Function {
    function.takes("regexp", Type::REGEX)
}

fn on_text(function: Function) -> Function {
    function.takes("string", Type::TEXT)
}

fn operator(name: &'static str, pattern: Type, body: Body) -> Function {
    on_text(function(name, body)).takes("pattern", pattern)
}

fn replaces(function: Function, by: Type) -> Function {
    function
        .takes("repl", by)
        .may_take("count", Type::INT, Default::Int(0))
}

/// The argument `at`, an expression or its text.
fn pattern(call: &Call<'_, '_>, at: usize) -> Outcome<Rc<Pattern>> {
    if let Value::Regex(pattern) = call.value(at) {
        return Ok(pattern);
    }
    Pattern::compile(call.evaluator, &call.text(at)?, "").map(Rc::new)
}

fn is_match<'a>(call: &Call<'_, 'a>, regex: usize, text: usize) -> Outcome<Value<'a>> {
    let text = call.text(text)?;
    let found = pattern(call, regex)?.find(call.evaluator, &text, 0)?;
    Ok(Value::Bool(found.is_some()))
}

fn is_no_match<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let is_match = is_match(call, 1, 0)?.is_true();
    Ok(Value::Bool(!is_match))
}

/// Goes through all matches as Python does: one that is empty may stand right behind one that is not.
struct Matches {
    pattern: Rc<Pattern>,
    from: usize,
    is_done: bool,
}

impl Matches {
    const fn new(pattern: Rc<Pattern>) -> Self {
        Self {
            pattern,
            from: 0,
            is_done: false,
        }
    }

    fn next<'t>(
        &mut self,
        evaluator: &Evaluator<'_>,
        text: &'t str,
    ) -> Outcome<Option<Captures<'t, str>>> {
        if self.is_done {
            return Ok(None);
        }
        let found = self.pattern.find(evaluator, text, self.from)?;
        let Some(whole) = found.as_ref().and_then(|found| found.get(0)) else {
            self.is_done = true;
            return Ok(None);
        };
        self.from = whole.end();
        if whole.start() == whole.end() {
            match text.get(whole.end()..).and_then(|rest| rest.chars().next()) {
                Some(next) => self.from += next.len_utf8(),
                None => self.is_done = true,
            }
        }
        Ok(found)
    }
}

/// What matched of the group `at`.
fn group<'a>(
    evaluator: &Evaluator<'a>,
    found: &Captures<'_, str>,
    at: usize,
) -> Outcome<Value<'a>> {
    match found.get(at) {
        Some(part) => evaluator.text(part.as_str()),
        None => Ok(Value::Null),
    }
}

/// A context with each group of a match as a variable: `$` and `$1` the whole, `$2` the first group, and groups by name.
fn publish<'a>(
    call: (&Evaluator<'a>, &Context<'a>),
    pattern: &Pattern,
    text: &str,
    found: &Captures<'_, str>,
) -> Outcome<Context<'a>> {
    let (evaluator, context) = call;
    let context = context.child(evaluator)?;
    for (at, name) in pattern.names().enumerate() {
        let place = |byte: Option<usize>| {
            let before = byte.and_then(|byte| text.get(..byte));
            Value::Int(before.map_or(-1, |before| before.chars().count() as i128))
        };
        evaluator.steps(text.len() / 64)?;
        let part = found.get(at);
        let mut record = IndexMap::new();
        for (name, value) in [
            ("value", group(evaluator, found, at)?),
            ("start", place(part.as_ref().map(fancy_regex::Match::start))),
            ("end", place(part.as_ref().map(fancy_regex::Match::end))),
        ] {
            record.insert(
                Key::of(evaluator, Value::Text(Text::Borrowed(name)))?,
                value,
            );
        }
        let record = evaluator.dict(record, true)?;
        if let Some(name) = name {
            context.set(evaluator, Text::from(name.to_owned()), record.clone())?;
        }
        context.set(evaluator, Text::from((at + 1).to_string()), record)?;
    }
    Ok(context)
}

/// What `selector` gives for a match, or the match.
fn selected<'a>(
    call: (&Evaluator<'a>, &Context<'a>),
    pattern: &Pattern,
    text: &str,
    found: &Captures<'_, str>,
    selector: Option<&Lambda<'a>>,
) -> Outcome<Value<'a>> {
    match selector {
        None => group(call.0, found, 0),
        Some(selector) => selector.within(call.0, &publish(call, pattern, text, found)?),
    }
}

fn search<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let (pattern, text) = (pattern(call, 0)?, call.text(1)?);
    let Some(found) = pattern.find(call.evaluator, &text, 0)? else {
        return Ok(Value::Null);
    };
    let place = (call.evaluator, call.context);
    selected(place, &pattern, &text, &found, call.lambda(2).as_ref())
}

fn search_all<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let (pattern, text) = (pattern(call, 0)?, call.text(1)?);
    let (selector, context) = (call.lambda(2), call.context.clone());
    let mut matches = Matches::new(Rc::clone(&pattern));
    call.iter(move |evaluator| match matches.next(evaluator, &text)? {
        Some(found) => {
            let place = (evaluator, &context);
            selected(place, &pattern, &text, &found, selector.as_ref()).map(Some)
        }
        None => Ok(None),
    })
}

/// How many matches are taken: as many as there are for 0, none for fewer.
fn most(count: i128) -> usize {
    match count {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(0),
    }
}

fn split<'a>(call: &Call<'_, 'a>, regex: usize, text: usize) -> Outcome<Value<'a>> {
    let evaluator = call.evaluator;
    let (pattern, text) = (pattern(call, regex)?, call.text(text)?);
    let mut matches = Matches::new(pattern);
    let (mut parts, mut from, mut left) = (Vec::new(), 0, most(call.int(2)?));
    while left > 0
        && let Some(found) = matches.next(evaluator, &text)?
        && let Some(whole) = found.get(0)
    {
        left -= 1;
        parts.push(evaluator.text(text.get(from..whole.start()).unwrap_or_default())?);
        for at in 1..found.len() {
            parts.push(group(evaluator, &found, at)?);
        }
        from = whole.end();
    }
    parts.push(evaluator.text(text.get(from..).unwrap_or_default())?);
    evaluator.list(parts)
}

/// `text` with each match replaced by what `by` adds to the end of what is before it.
fn replaced<'a>(
    call: &Call<'_, 'a>,
    pattern: &Rc<Pattern>,
    text: &str,
    mut by: impl FnMut(&mut String, &Captures<'_, str>) -> Outcome<()>,
) -> Outcome<Value<'a>> {
    let mut matches = Matches::new(Rc::clone(pattern));
    let (mut out, mut from, mut left) = (String::new(), 0, most(call.int(3)?));
    while left > 0
        && let Some(found) = matches.next(call.evaluator, text)?
        && let Some(whole) = found.get(0)
    {
        left -= 1;
        out.push_str(text.get(from..whole.start()).unwrap_or_default());
        let before = out.len();
        by(&mut out, &found)?;
        call.evaluator.bytes(out.len().saturating_sub(before))?;
        from = whole.end();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    call.evaluator.text(out)
}

fn replace<'a>(call: &Call<'_, 'a>, regex: usize, text: usize) -> Outcome<Value<'a>> {
    let (pattern, text, by) = (pattern(call, regex)?, call.text(text)?, call.text(2)?);
    replaced(call, &pattern, &text, |out, found| {
        expand(out, &by, &pattern, found)
    })
}

fn replace_by<'a>(call: &Call<'_, 'a>, regex: usize, text: usize) -> Outcome<Value<'a>> {
    let (pattern, text, by) = (
        pattern(call, regex)?,
        call.text(text)?,
        call.some_lambda(2)?,
    );
    replaced(call, &pattern, &text, |out, found| {
        let place = (call.evaluator, call.context);
        let value = selected(place, &pattern, &text, found, Some(&by))?;
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let value = value.as_text().ok_or_else(|| {
            Fault::told(format!(
                "expected str instance, {} found",
                value.type_name()
            ))
        })?;
        out.push_str(value);
        Ok(())
    })
}

/// Adds `by` with `\1`, `\g<1>`, `\g<name>` and `\n` in it replaced, as Python does.
fn expand(out: &mut String, by: &str, pattern: &Pattern, found: &Captures<'_, str>) -> Outcome<()> {
    let invalid = || Fault::told("the replacement refers to a group that there is not");
    let mut rest = by;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut signs = after.chars();
        let sign = signs
            .next()
            .ok_or_else(|| Fault::told("bad escape (end of pattern)"))?;
        rest = signs.as_str();
        match sign {
            'g' => {
                let (name, behind) = rest
                    .strip_prefix('<')
                    .and_then(|it| it.split_once('>'))
                    .ok_or_else(|| Fault::told("missing <"))?;
                rest = behind;
                let part = match name.parse::<usize>() {
                    Ok(at) if at < found.len() => found.get(at),
                    Ok(_) => return Err(invalid()),
                    Err(_) if !pattern.names().flatten().any(|known| known == name) => {
                        return Err(invalid());
                    }
                    Err(_) => found.name(name),
                };
                out.push_str(part.map_or("", |part| part.as_str()));
            }
            '1'..='9' => {
                let digits = 1 + usize::from(rest.starts_with(|c: char| c.is_ascii_digit()));
                let (number, behind) = after.split_at(digits);
                rest = behind;
                let at = number.parse::<usize>().map_err(|_| invalid())?;
                if at >= found.len() {
                    return Err(invalid());
                }
                out.push_str(found.get(at).map_or("", |part| part.as_str()));
            }
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '0' => out.push('\0'),
            '\\' => out.push('\\'),
            c if c.is_ascii_alphabetic() => return Err(Fault::told(format!("bad escape \\{c}"))),
            c => out.extend(['\\', c]),
        }
    }
    out.push_str(rest);
    Ok(())
}

fn escape<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let text = call.text(0)?;
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    call.evaluator.text(out)
}
