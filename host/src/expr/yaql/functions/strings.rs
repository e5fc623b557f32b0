//! Texts.

use super::{
    super::{
        super::python,
        call::Call,
        evaluator::Evaluator,
        fault::{Fault, Outcome},
        registry::{Body, Default, Function, Registry, Type, extension, function, method},
        value::{Text, Value},
    },
    datetime,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        two("#operator_<", |call| {
            Ok(Value::Bool(*call.text(0)? < *call.text(1)?))
        }),
        two("#operator_<=", |call| {
            Ok(Value::Bool(*call.text(0)? <= *call.text(1)?))
        }),
        two("#operator_>", |call| {
            Ok(Value::Bool(*call.text(0)? > *call.text(1)?))
        }),
        two("#operator_>=", |call| {
            Ok(Value::Bool(*call.text(0)? >= *call.text(1)?))
        }),
        two("#operator_in", |call| {
            let (part, text) = (call.text(0)?, call.text(1)?);
            call.evaluator.steps(text.len() / 64)?;
            Ok(Value::Bool(text.contains(&*part)))
        }),
        function("#operator_+", concat).takes_rest(Type::TEXT),
        function("concat", concat).takes_rest(Type::TEXT),
        function("#operator_*", |call| {
            repeat(call.evaluator, &call.text(0)?, call.int(1)?)
        })
        .takes("left", Type::TEXT)
        .takes("right", Type::INT),
        function("#operator_*", |call| {
            repeat(call.evaluator, &call.text(1)?, call.int(0)?)
        })
        .takes("left", Type::INT)
        .takes("right", Type::TEXT),
        on_text(extension("len", |call| {
            let text = call.text(0)?;
            call.evaluator.steps(text.len() / 64)?;
            Ok(Value::Int(text.chars().count() as i128))
        })),
        on_text(method("toUpper", |call| {
            call.evaluator.text(call.text(0)?.to_uppercase())
        })),
        on_text(method("toLower", |call| {
            call.evaluator.text(call.text(0)?.to_lowercase())
        })),
        on_text(method("toCharArray", |call| {
            let text = call.text(0)?;
            let one = |c: char| call.evaluator.text(c.to_string());
            let characters = text.chars().map(one).collect::<Outcome<Vec<_>>>()?;
            call.evaluator.tuple(characters)
        })),
        splits(method("split", |call| split(call, false))),
        splits(method("rightSplit", |call| split(call, true))),
        method("join", |call| join(call, 0, 1))
            .takes("sequence", Type::ITERABLE)
            .takes("separator", Type::TEXT),
        method("join", |call| join(call, 1, 0))
            .takes("separator", Type::TEXT)
            .takes("sequence", Type::ITERABLE),
        function("str", |call| {
            text(call.evaluator, &call.value(0)).map(Value::Text)
        })
        .takes("value", Type::ANY),
        trims(on_text(method("trim", |call| trim(call, true, true)))),
        trims(on_text(method("trimLeft", |call| trim(call, true, false)))),
        trims(on_text(method("trimRight", |call| trim(call, false, true)))),
        trims(extension("norm", norm).takes("string", Type::TEXT.or_null())),
        trims(
            extension("isEmpty", is_empty)
                .takes("string", Type::TEXT.or_null())
                .may_take("trim", Type::BOOL, Default::Bool(true)),
        ),
    ]);
    register_parts(registry);
}

/// What looks for parts of texts, takes them out or puts others in their place.
fn register_parts(registry: &mut Registry) {
    registry.add_all([
        on_text(method("replace", |call| {
            let replaced = replaced(call, call.text(0)?, &call.text(1)?, &call.text(2)?, 3)?;
            Ok(Value::Text(replaced))
        }))
        .takes("old", Type::TEXT)
        .takes("new", Type::TEXT)
        .may_take("count", Type::INT, Default::Int(-1)),
        on_text(method("replace", replace_all_of))
            .takes("replacements", Type::DICT)
            .may_take("count", Type::INT, Default::Int(-1)),
        on_text(method("substring", substring))
            .takes("start", Type::INT)
            .may_take("length", Type::INT, Default::Int(-1)),
        finds("indexOf", |call| index(call, |text, part| text.find(part))).may_take(
            "start",
            Type::INT,
            Default::Int(0),
        ),
        finds("indexOf", |call| {
            index_within(call, |text, part| text.find(part))
        })
        .takes("start", Type::INT)
        .takes("length", Type::INT),
        finds("lastIndexOf", |call| {
            index(call, |text, part| text.rfind(part))
        })
        .may_take("start", Type::INT, Default::Int(0)),
        finds("lastIndexOf", |call| {
            index_within(call, |text, part| text.rfind(part))
        })
        .takes("start", Type::INT)
        .takes("length", Type::INT),
        CHARACTERS
            .iter()
            .fold(function("characters", characters), |function, (name, _)| {
                function.may_take(name, Type::BOOL, Default::Bool(false))
            }),
        function("isString", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Text(_))))
        })
        .takes("arg", Type::ANY),
        on_text(method("startsWith", |call| {
            let text = call.text(0)?;
            let mut parts = call.rest();
            Ok(Value::Bool(parts.any(|part| {
                part.as_text().is_some_and(|it| text.starts_with(it))
            })))
        }))
        .takes_rest(Type::TEXT),
        on_text(method("endsWith", |call| {
            let text = call.text(0)?;
            let mut parts = call.rest();
            Ok(Value::Bool(parts.any(|part| {
                part.as_text().is_some_and(|it| text.ends_with(it))
            })))
        }))
        .takes_rest(Type::TEXT),
        function("hex", hex).takes("num", Type::NUMBER.or_null()),
    ]);
}

fn two(name: &'static str, body: Body) -> Function {
    let function = function(name, body);
    function
        .takes("left", Type::TEXT)
        .takes("right", Type::TEXT)
}

fn on_text(function: Function) -> Function {
    function.takes("string", Type::TEXT)
}

fn splits(function: Function) -> Function {
    on_text(function)
        .may_take("separator", Type::TEXT.or_null(), Default::Null)
        .may_take("maxSplits", Type::INT, Default::Int(-1))
}

fn trims(function: Function) -> Function {
    function.may_take("chars", Type::TEXT.or_null(), Default::Null)
}

fn finds(name: &'static str, body: Body) -> Function {
    on_text(method(name, body)).takes("sub", Type::TEXT)
}

fn concat<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let length = call
        .rest()
        .filter_map(|it| it.as_text().map(str::len))
        .sum();
    call.evaluator.bytes(length)?;
    let mut text = String::with_capacity(length);
    for part in call.rest() {
        text.push_str(part.as_text().unwrap_or_default());
    }
    Ok(Value::Text(text.into()))
}

fn repeat<'a>(evaluator: &Evaluator<'a>, text: &str, count: i128) -> Outcome<Value<'a>> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    evaluator.bytes(text.len().saturating_mul(count))?;
    // A text that is empty can be repeated more often than there are addresses.
    let text = if text.is_empty() {
        String::new()
    } else {
        text.repeat(count)
    };
    Ok(Value::Text(text.into()))
}

fn split<'a>(call: &Call<'_, 'a>, from_end: bool) -> Outcome<Value<'a>> {
    let (text, separator) = (call.text(0)?, call.optional_text(1));
    call.evaluator.steps(text.len() / 16)?;
    let most = usize::try_from(call.int(2)?).ok();
    let parts = python::split(&text, separator.as_deref(), most, from_end);
    let parts = parts.ok_or_else(|| Fault::told("empty separator"))?;
    let parts = parts.into_iter().map(|part| call.evaluator.text(part));
    call.evaluator.list(parts.collect::<Outcome<_>>()?)
}

fn join<'a>(call: &Call<'_, 'a>, sequence: usize, separator: usize) -> Outcome<Value<'a>> {
    let separator = call.text(separator)?;
    let mut joined = String::new();
    let mut is_first = true;
    call.cursor(sequence)?.for_each(call.evaluator, |item| {
        if !is_first {
            joined.push_str(&separator);
        }
        is_first = false;
        let item = call.evaluator.call("str", vec![item], call.context)?;
        let item = item.as_text().unwrap_or_default();
        call.evaluator.bytes(item.len() + separator.len())?;
        joined.push_str(item);
        Ok(())
    })?;
    Ok(Value::Text(joined.into()))
}

fn trim<'a>(call: &Call<'_, 'a>, left: bool, right: bool) -> Outcome<Value<'a>> {
    let (text, chars) = (call.text(0)?, call.optional_text(1));
    call.evaluator.steps(text.len() / 64)?;
    call.evaluator
        .text(python::strip(&text, chars.as_deref(), left, right))
}

fn norm<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    if matches!(call.value(0), Value::Null) {
        return Ok(Value::Null);
    }
    let trimmed = trim(call, true, true)?;
    let is_empty = trimmed.as_text().is_some_and(str::is_empty);
    Ok(if is_empty { Value::Null } else { trimmed })
}

fn is_empty<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let Some(text) = call.optional_text(0) else {
        return Ok(Value::Bool(true));
    };
    let chars = call.optional_text(2);
    let rest = if call.is_true(1) {
        python::strip(&text, chars.as_deref(), true, true)
    } else {
        &text
    };
    Ok(Value::Bool(rest.is_empty()))
}

/// `text` with `old` replaced, as often as the argument `count` says.
fn replaced<'a>(
    call: &Call<'_, 'a>,
    text: Text<'a>,
    old: &str,
    new: &str,
    count: usize,
) -> Outcome<Text<'a>> {
    let most = usize::try_from(call.int(count)?).unwrap_or(usize::MAX);
    call.evaluator.steps(text.len() / 16)?;
    let found = text.matches(old).take(most).count();
    let grown = found.saturating_mul(new.len()).saturating_add(text.len());
    call.evaluator.bytes(grown)?;
    if found == 0 {
        return Ok(text);
    }
    Ok(text.replacen(old, new, most).into())
}

fn replace_all_of<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut result = call.text(0)?;
    for (old, new) in call.dict(1)?.iter() {
        let old = call.evaluator.call("str", vec![old], call.context)?;
        let new = call.evaluator.call("str", vec![new], call.context)?;
        let (old, new) = (
            old.as_text().unwrap_or_default(),
            new.as_text().unwrap_or_default(),
        );
        result = replaced(call, result, old, new, 2)?;
    }
    Ok(Value::Text(result))
}

/// Where in a text of `length` characters a slice may begin or end, as Python takes `at`.
fn clamped(at: i128, length: i128) -> usize {
    let at = if at < 0 {
        at.saturating_add(length)
    } else {
        at
    };
    usize::try_from(at.clamp(0, length)).unwrap_or(0)
}

/// The characters from `start` to `end`, and how many are before them.
fn slice(text: &str, start: i128, end: i128) -> (&str, usize) {
    let length = text.chars().count() as i128;
    let (start, end) = (clamped(start, length), clamped(end, length));
    let byte = |at: usize| {
        text.char_indices()
            .nth(at)
            .map_or(text.len(), |(byte, _)| byte)
    };
    (text.get(byte(start)..byte(end)).unwrap_or_default(), start)
}

fn substring<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let text = call.text(0)?;
    call.evaluator.steps(text.len() / 64)?;
    let (start, length) = window(&text, call.int(1)?, call.int(2)?, |count, _| count);
    call.evaluator
        .text(slice(&text, start, start.saturating_add(length)).0)
}

/// `start` and `length`, where those that are negative count from the end.
fn window(text: &str, start: i128, length: i128, rest: fn(i128, i128) -> i128) -> (i128, i128) {
    let count = text.chars().count() as i128;
    let start = if start < 0 {
        start.saturating_add(count)
    } else {
        start
    };
    let length = if length < 0 {
        rest(count, start)
    } else {
        length
    };
    (start, length)
}

type Find = for<'t, 'p> fn(&'t str, &'p str) -> Option<usize>;

fn index<'a>(call: &Call<'_, 'a>, find: Find) -> Outcome<Value<'a>> {
    find_within(call, call.int(2)?, i128::MAX, find)
}

fn index_within<'a>(call: &Call<'_, 'a>, find: Find) -> Outcome<Value<'a>> {
    let text = call.text(0)?;
    let (start, length) = window(&text, call.int(2)?, call.int(3)?, |count, start| {
        count.saturating_sub(start)
    });
    find_within(call, start, start.saturating_add(length), find)
}

fn find_within<'a>(call: &Call<'_, 'a>, start: i128, end: i128, find: Find) -> Outcome<Value<'a>> {
    let (text, part) = (call.text(0)?, call.text(1)?);
    call.evaluator.steps(text.len() / 16)?;
    // Behind the end there is not even nothing.
    if start > text.chars().count() as i128 {
        return Ok(Value::Int(-1));
    }
    let (within, before) = slice(&text, start, end);
    let at = find(within, &part).and_then(|at| within.get(..at));
    Ok(Value::Int(at.map_or(-1, |skipped| {
        (before + skipped.chars().count()) as i128
    })))
}

const CHARACTERS: [(&str, Option<&str>); 12] = [
    ("digits", Some("0123456789")),
    ("hexdigits", Some("0123456789abcdefABCDEF")),
    ("asciiLowercase", Some("abcdefghijklmnopqrstuvwxyz")),
    ("asciiUppercase", Some("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    (
        "asciiLetters",
        Some("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ),
    // These Python 3 does not have.
    ("letters", None),
    ("octdigits", Some("01234567")),
    ("punctuation", Some(PUNCTUATION)),
    ("printable", Some(PRINTABLE)),
    ("lowercase", None),
    ("uppercase", None),
    ("whitespace", Some(" \t\n\r\u{b}\u{c}")),
];
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const PRINTABLE: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
                         !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\u{b}\u{c}";

/// Each once, in the order of their codes: Python has them in none.
fn characters<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut characters = Vec::new();
    for (at, (name, set)) in CHARACTERS.iter().enumerate() {
        if call.is_true(at) {
            let set = set.ok_or_else(|| Fault::told(format!("there is no set {name}")))?;
            characters.extend(set.chars());
        }
    }
    characters.sort_unstable();
    characters.dedup();
    let characters = characters.into_iter();
    let characters = characters.map(|c| call.evaluator.text(c.to_string()));
    call.evaluator.tuple(characters.collect::<Outcome<_>>()?)
}

fn hex<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = call.value(0);
    let Value::Int(number) = value else {
        return Err(Fault::told(format!(
            "'{}' object cannot be interpreted as an integer",
            value.type_name()
        )));
    };
    let sign = if number < 0 { "-" } else { "" };
    call.evaluator
        .text(format!("{sign}0x{:x}", number.unsigned_abs()))
}

/// `value` as `str()` has it: as Python, but for null and truth values.
fn text<'a>(evaluator: &Evaluator<'a>, value: &Value<'a>) -> Outcome<Text<'a>> {
    if let Value::Bool(it) = value {
        return Ok(Text::Borrowed(if *it { "true" } else { "false" }));
    }
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    if let Value::DateTime(moment) = value {
        return Ok(datetime::text(moment).into());
    }
    if matches!(value, Value::Null) {
        return Ok(Text::Borrowed("null"));
    }
    let mut text = String::new();
    write_repr(evaluator, &mut text, value)?;
    Ok(text.into())
}

fn write_repr<'a>(evaluator: &Evaluator<'a>, out: &mut String, value: &Value<'a>) -> Outcome<()> {
    let _level = evaluator.deeper()?;
    let before = out.len();
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(it) => out.push_str(python::boolean(*it)),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&python::float_text(*number)),
        Value::Text(text) => python::write_quoted(out, text),
        Value::TimeSpan(length) => out.push_str(&datetime::span_output(*length)),
        Value::DateTime(moment) => out.push_str(&datetime::text(moment)),
        Value::List(list) => {
            let (open, close) = if list.is_mutable {
                ('[', "]")
            } else {
                ('(', ")")
            };
            let is_one = !list.is_mutable && list.len() == 1;
            out.push(open);
            write_items(evaluator, out, list.iter())?;
            out.push_str(if is_one { ",)" } else { close });
            return Ok(());
        }
        Value::Set(set) => {
            out.push_str("frozenset({");
            write_items(evaluator, out, set.keys().map(|key| key.value().clone()))?;
            out.push_str("})");
            return Ok(());
        }
        Value::Dict(dict) => {
            out.push('{');
            for (at, (key, value)) in dict.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                evaluator.bytes(4)?;
                write_repr(evaluator, out, &key)?;
                out.push_str(": ");
                write_repr(evaluator, out, &value)?;
            }
            out.push('}');
            return Ok(());
        }
        Value::Values(_)
        | Value::Ordered(_)
        | Value::Iter(_)
        | Value::Memo(_)
        | Value::Pair(_)
        | Value::Context(_)
        | Value::Regex(_) => {
            out.push('<');
            out.push_str(value.type_name());
            out.push('>');
        }
    }
    evaluator.bytes(out.len() - before)
}

fn write_items<'a>(
    evaluator: &Evaluator<'a>,
    out: &mut String,
    items: impl Iterator<Item = Value<'a>>,
) -> Outcome<()> {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        evaluator.bytes(2)?;
        write_repr(evaluator, out, &item)?;
    }
    Ok(())
}
