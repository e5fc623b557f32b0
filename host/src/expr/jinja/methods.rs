//! Python's methods of texts, lists and dictionaries, which jinja2 lets expressions call.

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, Rest, ValueKind, from_args},
};

use super::{super::python, invalid, values};

/// Calls the method `name` of `value`.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => of_text(state, value.as_str().unwrap_or_default(), name, args),
        ValueKind::Map => of_dict(value, name, args),
        ValueKind::Seq => of_list(value, name, args),
        ValueKind::Undefined
        | ValueKind::None
        | ValueKind::Bool
        | ValueKind::Number
        | ValueKind::Bytes
        | ValueKind::Iterable
        | ValueKind::Plain
        | ValueKind::Invalid
        | _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn of_dict(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match name {
        "get" => {
            let (key, default): (Value, Option<Value>) = from_args(args)?;
            let found = Some(value.get_item(&key)?).filter(|it| !it.is_undefined());
            Ok(found.or(default).unwrap_or_else(|| Value::from(())))
        }
        "keys" => {
            let () = from_args(args)?;
            Ok(value.try_iter()?.collect())
        }
        "values" => {
            let () = from_args(args)?;
            let values = value.try_iter()?.map(|key| value.get_item(&key));
            Ok(Value::from(values.collect::<Result<Vec<_>, _>>()?))
        }
        "items" => {
            let () = from_args(args)?;
            let items = value
                .try_iter()?
                .map(|key| Ok(Value::from(vec![key.clone(), value.get_item(&key)?])));
            Ok(Value::from(items.collect::<Result<Vec<_>, Error>>()?))
        }
        "copy" => {
            let () = from_args(args)?;
            Ok(value.clone())
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn of_list(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match name {
        "count" => {
            let (wanted,): (Value,) = from_args(args)?;
            Ok(value
                .try_iter()?
                .filter(|item| *item == wanted)
                .count()
                .into())
        }
        "index" => {
            let (wanted,): (Value,) = from_args(args)?;
            let at = value.try_iter()?.position(|item| item == wanted);
            at.map(Value::from)
                .ok_or_else(|| invalid("the value is not in the list"))
        }
        "copy" => {
            let () = from_args(args)?;
            Ok(value.clone())
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn stripped<'t>(text: &'t str, args: &[Value], left: bool, right: bool) -> Result<&'t str, Error> {
    let (chars,): (Option<String>,) = from_args(args)?;
    Ok(python::strip(text, chars.as_deref(), left, right))
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm a method, each as short as it can be"
)]
fn of_text(
    state: &mut State<'_, '_>,
    text: &str,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match name {
        "upper" | "lower" | "title" | "capitalize" => {
            let () = from_args(args)?;
            state.apply_filter(name, &[Value::from(text)])
        }
        "casefold" => {
            let () = from_args(args)?;
            Ok(text.to_lowercase().into())
        }
        "swapcase" => {
            let () = from_args(args)?;
            let swap = |c: char| -> String {
                if c.is_uppercase() {
                    c.to_lowercase().collect()
                } else {
                    c.to_uppercase().collect()
                }
            };
            Ok(text.chars().map(swap).collect::<String>().into())
        }
        "strip" => stripped(text, args, true, true).map(Value::from),
        "lstrip" => stripped(text, args, true, false).map(Value::from),
        "rstrip" => stripped(text, args, false, true).map(Value::from),
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(text.strip_prefix(prefix).unwrap_or(text).into())
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(text.strip_suffix(suffix).unwrap_or(text).into())
        }
        "startswith" | "endswith" => {
            let (parts,): (Value,) = from_args(args)?;
            let is_part = |part: &str| {
                if name == "startswith" {
                    text.starts_with(part)
                } else {
                    text.ends_with(part)
                }
            };
            Ok(Value::from(match parts.as_str() {
                Some(part) => is_part(part),
                None => parts
                    .try_iter()?
                    .any(|part| part.as_str().is_some_and(is_part)),
            }))
        }
        "split" | "rsplit" => {
            let (separator, most, kwargs): (Option<Value>, Option<i64>, Kwargs) = from_args(args)?;
            let separator = separator.or(kwargs.get("sep")?).filter(|it| !it.is_none());
            let most = most.or(kwargs.get("maxsplit")?).unwrap_or(-1);
            kwargs.assert_all_used()?;
            let separator = separator.as_ref().map(|it| text_of(it)).transpose()?;
            let most = usize::try_from(most).ok();
            let parts = python::split(text, separator, most, name == "rsplit");
            let parts = parts.ok_or_else(|| invalid("empty separator"))?;
            Ok(parts.into_iter().map(Value::from).collect())
        }
        "splitlines" => {
            let () = from_args(args)?;
            Ok(text.lines().map(Value::from).collect())
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let found = if name == "partition" {
                text.split_once(separator)
            } else {
                text.rsplit_once(separator)
            };
            let parts = match found {
                Some((before, after)) => [before, separator, after],
                None if name == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Ok(Value::from(parts.map(Value::from).to_vec()))
        }
        "join" => {
            let (items,): (Value,) = from_args(args)?;
            let mut out = String::new();
            for (at, item) in items.try_iter()?.enumerate() {
                state.consume_fuel(1 + (text.len() / 64) as u64)?;
                if at > 0 {
                    out.push_str(text);
                }
                out.push_str(text_of(&item)?);
            }
            Ok(out.into())
        }
        "replace" => {
            let (from, to, most): (&str, &str, Option<i64>) = from_args(args)?;
            let most = usize::try_from(most.unwrap_or(-1)).unwrap_or(usize::MAX);
            let count = text.matches(from).count().min(most) as u64;
            state.consume_fuel(count.saturating_mul(to.len() as u64) / 64)?;
            Ok(text.replacen(from, to, most).into())
        }
        "find" | "index" | "rfind" | "rindex" => {
            let (part,): (&str,) = from_args(args)?;
            let at = if name.starts_with('r') {
                text.rfind(part)
            } else {
                text.find(part)
            };
            match at.and_then(|at| text.get(..at)) {
                Some(before) => Ok(before.chars().count().into()),
                None if name.ends_with("find") => Ok(Value::from(-1)),
                None => Err(invalid("substring not found")),
            }
        }
        "count" => {
            let (part,): (&str,) = from_args(args)?;
            Ok(text.matches(part).count().into())
        }
        "isdigit" | "isdecimal" | "isnumeric" => is_all(text, args, char::is_numeric),
        "isalpha" => is_all(text, args, char::is_alphabetic),
        "isalnum" => is_all(text, args, char::is_alphanumeric),
        "isspace" => is_all(text, args, char::is_whitespace),
        "isascii" => {
            let () = from_args(args)?;
            Ok(text.is_ascii().into())
        }
        "isupper" | "islower" => {
            let () = from_args(args)?;
            let is_other = |c: char| {
                if name == "isupper" {
                    c.is_lowercase()
                } else {
                    c.is_uppercase()
                }
            };
            let is_cased = |c: char| c.is_lowercase() || c.is_uppercase();
            Ok(Value::from(
                text.chars().any(is_cased) && !text.chars().any(is_other),
            ))
        }
        "zfill" | "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<char>) = from_args(args)?;
            state.consume_fuel((width / 64) as u64)?;
            Ok(padded(text, name, width, fill).into())
        }
        "format" => {
            let (args, kwargs): (Rest<Value>, Kwargs) = from_args(args)?;
            format(state, text, &args, &kwargs).map(Value::from)
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn is_all(text: &str, args: &[Value], is: fn(char) -> bool) -> Result<Value, Error> {
    let () = from_args(args)?;
    Ok(Value::from(!text.is_empty() && text.chars().all(is)))
}

fn text_of(value: &Value) -> Result<&str, Error> {
    value
        .as_str()
        .ok_or_else(|| invalid(format!("text is expected, not a {}", value.kind())))
}

/// `text` with as much before and behind it as makes it `width` characters long.
pub(super) fn padded(text: &str, method: &str, width: usize, fill: Option<char>) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let fills = |count| std::iter::repeat_n(fill.unwrap_or(' '), count).collect::<String>();
    match method {
        "ljust" => format!("{text}{}", fills(missing)),
        "rjust" => format!("{}{text}", fills(missing)),
        "zfill" => {
            let (sign, digits) = match text.chars().next() {
                Some('+' | '-') => text.split_at(1),
                _ => ("", text),
            };
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
        _ => {
            // Where it cannot be in the middle, Python has more before it when the width is odd.
            let before = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", fills(before), fills(missing - before))
        }
    }
}

/// Python's `format` with fields that have a name, a number or neither, and no more.
fn format(
    state: &State<'_, '_>,
    text: &str,
    args: &[Value],
    kwargs: &Kwargs,
) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = text;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = brace.strip_prefix("{{") {
            out.push('{');
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            out.push('}');
            rest = after;
        } else {
            let field = brace.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (field, after) =
                field.ok_or_else(|| invalid("a brace stands alone in the format"))?;
            let value = if field.is_empty() {
                next += 1;
                args.get(next - 1).cloned()
            } else if let Ok(at) = field.parse::<usize>() {
                args.get(at).cloned()
            } else {
                Some(kwargs.get::<Value>(field)?)
            };
            let value = value.ok_or_else(|| invalid("the format has more fields than values"))?;
            out.push_str(&values::text(state, &value)?);
            rest = after;
        }
        state.consume_fuel(1)?;
    }
    out.push_str(rest);
    Ok(out)
}
