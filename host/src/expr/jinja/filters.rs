//! jinja2's filters that minijinja does not have, or has otherwise.

use std::fmt::Write as _;

use minijinja::{
    Environment, Error, State, Value,
    value::{Kwargs, Rest, from_args},
};

use super::{
    super::{Bounds, functions},
    invalid, methods,
    values::{self, Room},
};

/// Makes all of them known.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("string", string);
    environment.add_filter("join", join);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("tojson", to_json);
    environment.add_filter("center", center);
    environment.add_filter("filesizeformat", file_size);
    environment.add_filter("forceescape", force_escape);
    environment.add_filter("striptags", strip_tags);
    environment.add_filter("truncate", truncate);
    environment.add_filter("urlencode", url_encode);
    environment.add_filter("wordcount", word_count);
    environment.add_filter("wordwrap", word_wrap);
    environment.add_test("callable", |_: Value| false);
}

fn string(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    Ok(values::text(state, &value)?.into_owned())
}

fn join(
    state: &State<'_, '_>,
    items: Value,
    separator: Option<String>,
    attribute: Option<String>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let separator = separator.or(kwargs.get("d")?).unwrap_or_default();
    let attribute = attribute.or(kwargs.get("attribute")?);
    kwargs.assert_all_used()?;
    let mut out = String::new();
    for (at, item) in items.try_iter()?.enumerate() {
        if at > 0 {
            out.push_str(&separator);
        }
        let item = match &attribute {
            Some(name) => name
                .split('.')
                .try_fold(item, |item, name| item.get_attr(name))?,
            None => item,
        };
        let text = values::text(state, &item)?;
        state.consume_fuel(1 + ((text.len() + separator.len()) / 64) as u64)?;
        out.push_str(&text);
    }
    Ok(out)
}

/// The default where there is no number.
fn int(
    value: Value,
    default: Option<Value>,
    base: Option<u32>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let default = default.or(kwargs.get("default")?);
    let base = base.or(kwargs.get("base")?).unwrap_or(10);
    kwargs.assert_all_used()?;
    let number = match value.as_str() {
        Some(text) => whole(text.trim(), base),
        None => f64::try_from(value.clone()).ok().and_then(|number| {
            if value.is_integer() {
                return Some(value.clone());
            }
            truncated(number)
        }),
    };
    Ok(number.or(default).unwrap_or_else(|| Value::from(0)))
}

fn whole(text: &str, base: u32) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    let (sign, digits) = match lower.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, lower.strip_prefix('+').unwrap_or(&lower)),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    if !(2..=36).contains(&base) || digits.starts_with(['+', '-']) {
        return None;
    }
    match i64::from_str_radix(&digits.replace('_', ""), base) {
        Ok(number) => Some(Value::from(sign * number)),
        Err(_) => text.parse().ok().and_then(truncated),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is within the bounds of an i64"
)]
fn truncated(number: f64) -> Option<Value> {
    (number.abs() < 9.2e18).then(|| Value::from(number.trunc() as i64))
}

/// The default where there is no number.
fn float(value: Value, default: Option<Value>) -> Value {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value).ok(),
    };
    let number = number.map(Value::from);
    number.or(default).unwrap_or_else(|| Value::from(0.0))
}

/// Names in order, nothing but ASCII, and safe in HTML.
fn to_json(
    state: &State<'_, '_>,
    value: Value,
    indent: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let indent = indent.or(kwargs.get("indent")?);
    kwargs.assert_all_used()?;
    let mut json = values::to_json(&value, &mut Room::of(state, Bounds::default().depth))?;
    json.sort_all_objects();
    let text = functions::json_text(&json, indent.map(|indent| indent.min(100)));
    state.consume_fuel((text.len() / 64) as u64)?;
    Ok(text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027"))
}

fn center(state: &State<'_, '_>, value: Value, width: Option<usize>) -> Result<String, Error> {
    let width = width.unwrap_or(80);
    state.consume_fuel((width / 64) as u64)?;
    let text = values::text(state, &value)?;
    Ok(methods::padded(&text, "center", width, None))
}

/// `13 Bytes`, `4.1 kB`; with `binary`, `4.0 KiB`.
fn file_size(value: Value, binary: Option<bool>) -> Result<String, Error> {
    const DECIMAL: [&str; 8] = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    const BINARY: [&str; 8] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    let bytes = match value.as_str() {
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| invalid("it is not a number"))?,
        None => f64::try_from(value)?,
    };
    let (base, units) = if binary.unwrap_or(false) {
        (1024.0, BINARY)
    } else {
        (1000.0, DECIMAL)
    };
    if (bytes - 1.0).abs() < f64::EPSILON {
        return Ok("1 Byte".to_owned());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", bytes.trunc()));
    }
    let mut amount = bytes / base;
    let mut unit = "";
    for (at, name) in units.into_iter().enumerate() {
        unit = name;
        if amount < base || at + 1 == units.len() {
            break;
        }
        amount /= base;
    }
    Ok(format!("{amount:.1} {unit}"))
}

fn force_escape(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    let text = values::text(state, &value)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// Without what is between `<` and `>`, and with single spaces.
fn strip_tags(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    let text = values::text(state, &value)?;
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        let Some((_, after)) = tag.split_once('>') else {
            out.push('<');
            rest = tag;
            break;
        };
        rest = after;
    }
    out.push_str(rest);
    Ok(out.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn truncate(
    state: &State<'_, '_>,
    value: Value,
    given: Rest<Value>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    type Given = (Option<usize>, Option<bool>, Option<String>, Option<usize>);
    let (length, kill_words, end, leeway): Given = from_args(&given)?;
    let length = length.or(kwargs.get("length")?).unwrap_or(255);
    let kill_words = kill_words.or(kwargs.get("killwords")?).unwrap_or(false);
    let end = end
        .or(kwargs.get("end")?)
        .unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(kwargs.get("leeway")?).unwrap_or(5);
    kwargs.assert_all_used()?;
    let text = values::text(state, &value)?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.into_owned());
    }
    let kept = length.checked_sub(end.chars().count());
    let kept = kept.ok_or_else(|| invalid("the length is less than what is to end it"))?;
    let cut: String = text.chars().take(kept).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if !kill_words => words,
        _ => &cut,
    };
    Ok(format!("{cut}{end}"))
}

fn url_encode(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    if value.as_str().is_some() || value.is_number() {
        return Ok(quoted(&values::text(state, &value)?, true));
    }
    let mut pairs = Vec::new();
    for item in value.try_iter()? {
        state.consume_fuel(1)?;
        let (key, item) = if value.kind() == minijinja::value::ValueKind::Map {
            let member = value.get_item(&item)?;
            (item, member)
        } else {
            (item.get_item_by_index(0)?, item.get_item_by_index(1)?)
        };
        let (key, item) = (values::text(state, &key)?, values::text(state, &item)?);
        pairs.push(format!("{}={}", quoted(&key, false), quoted(&item, false)));
    }
    Ok(pairs.join("&"))
}

fn quoted(text: &str, is_path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            b'/' if is_path => out.push('/'),
            b' ' if !is_path => out.push('+'),
            byte => write!(out, "%{byte:02X}").expect("text takes all that is written to it"),
        }
    }
    out
}

fn word_count(state: &State<'_, '_>, value: Value) -> Result<usize, Error> {
    let text = values::text(state, &value)?;
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    Ok(words.filter(|word| !word.is_empty()).count())
}

/// Lines of at most `width` characters; words that are longer are cut.
fn word_wrap(
    state: &State<'_, '_>,
    value: Value,
    width: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let width = width.or(kwargs.get("width")?).unwrap_or(79);
    let cuts: bool = kwargs
        .get::<Option<bool>>("break_long_words")?
        .unwrap_or(true);
    let between: Option<String> = kwargs.get("wrapstring")?;
    let between = between.unwrap_or_else(|| "\n".to_owned());
    kwargs.assert_all_used()?;
    if width == 0 {
        return Err(invalid("the width is 0"));
    }
    let text = values::text(state, &value)?;
    state.consume_fuel((text.len() / 8) as u64)?;
    let lines = text
        .lines()
        .map(|line| wrapped(line, width, cuts).join(&between));
    Ok(lines.collect::<Vec<_>>().join(&between))
}

fn wrapped(line: &str, width: usize, cuts: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut left = width;
    for word in line.split(' ') {
        let mut count = word.chars().count();
        let mut word = word.chars();
        let blank = usize::from(left < width);
        if let Some(line) = lines.last_mut().filter(|_| count + blank <= left) {
            line.extend(std::iter::repeat_n(' ', blank).chain(word));
            left -= count + blank;
            continue;
        }
        // What is longer than a line begins where there is room.
        if cuts && count > width && left > blank {
            if let Some(line) = lines.last_mut() {
                line.extend(std::iter::repeat_n(' ', blank));
                line.extend(word.by_ref().take(left - blank));
            }
            count -= left - blank;
        }
        while cuts && count > width {
            lines.push(word.by_ref().take(width).collect());
            count -= width;
        }
        lines.push(word.collect());
        left = width.saturating_sub(count);
    }
    lines.retain(|line| !line.is_empty());
    lines
}
