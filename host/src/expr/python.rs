//! Values as Python writes them, which is how Mistral puts them into texts, and what Python takes for true.

use std::{fmt::Write as _, sync::LazyLock};

use fancy_regex::Regex;
use serde_json::Value;

/// What Python's `repr` shows as an escape, beyond ASCII.
static UNPRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{C}\p{Z}]").expect("a constant that a test compiles"));

/// Whether Python takes `value` for true.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(it) => *it,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// `value` as `str` has it, at the end of `out`.
pub(super) fn write_str(out: &mut String, value: &Value) {
    match value.as_str() {
        Some(text) => out.push_str(text),
        None => write_repr(out, value),
    }
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(it) => out.push_str(boolean(*it)),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&float_text(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_quoted(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_quoted(out, name);
                out.push_str(": ");
                write_repr(out, member);
            }
            out.push('}');
        }
    }
}

/// `True` or `False`.
pub(super) const fn boolean(it: bool) -> &'static str {
    if it { "True" } else { "False" }
}

/// A number with a point as `repr` has it: `1.0`, `1e+16`, `1e-05`, `inf`.
pub(super) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{number:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// `text` in quotes, as `repr` has it, at the end of `out`.
pub(super) fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let written = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                written.expect("text takes all that is written to it");
            }
        }
    }
    out.push(quote);
}

fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // One character cannot make it fail.
    !UNPRINTABLE
        .is_match(c.encode_utf8(&mut [0; 4]))
        .unwrap_or(true)
}

/// `text` without the characters `chars` at its ends, or without blanks.
pub(super) fn strip<'t>(text: &'t str, chars: Option<&str>, left: bool, right: bool) -> &'t str {
    let is_out = |c: char| chars.map_or_else(|| c.is_whitespace(), |chars| chars.contains(c));
    let text = if left {
        text.trim_start_matches(is_out)
    } else {
        text
    };
    if right {
        text.trim_end_matches(is_out)
    } else {
        text
    }
}

/// The pieces of `text`, cut at most `most` times, from the end when that is asked for. Without a separator it is cut at
/// any blanks, and those at the ends do not count. None when the separator is empty.
pub(super) fn split<'t>(
    text: &'t str,
    separator: Option<&str>,
    most: Option<usize>,
    from_end: bool,
) -> Option<Vec<&'t str>> {
    let pieces = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts: Vec<&str> = match separator {
        Some("") => return None,
        Some(separator) if from_end => text.rsplitn(pieces, separator).collect(),
        Some(separator) => text.splitn(pieces, separator).collect(),
        None => {
            let mut parts = Vec::new();
            let mut rest = strip(text, None, !from_end, from_end);
            while !rest.is_empty() {
                let cut = if from_end {
                    let cut = rest.rsplit_once(char::is_whitespace);
                    cut.map(|(rest, part)| (part, rest.trim_end()))
                } else {
                    let cut = rest.split_once(char::is_whitespace);
                    cut.map(|(part, rest)| (part, rest.trim_start()))
                };
                let (part, other) = cut
                    .filter(|_| parts.len() + 1 < pieces)
                    .unwrap_or((rest, ""));
                parts.push(part);
                rest = other;
            }
            parts
        }
    };
    if from_end {
        parts.reverse();
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        for (value, expected) in [
            (json!("it's"), "it's"),
            (json!(null), "None"),
            (json!([true, false]), "[True, False]"),
            (
                json!([1.0, 1e16, 1.5e-7, 0.0001]),
                "[1.0, 1e+16, 1.5e-07, 0.0001]",
            ),
            (
                json!({"a": ["it's", "\"", "'\""]}),
                r#"{'a': ["it's", '"', '\'"']}"#,
            ),
            (
                json!(["a\n\u{7f}\u{ad}ü😀\u{2028}"]),
                r"['a\n\x7f\xadü😀\u2028']",
            ),
            (json!([]), "[]"),
        ] {
            let mut text = String::new();
            write_str(&mut text, &value);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn empty_things_and_zeros_are_false() {
        for value in [
            json!(null),
            json!(0),
            json!(0.0),
            json!(""),
            json!([]),
            json!({}),
            json!(false),
        ] {
            assert!(!is_true(&value), "{value}");
        }
        for value in [json!("false"), json!([0]), json!(-1), json!({"a": null})] {
            assert!(is_true(&value), "{value}");
        }
    }
}
