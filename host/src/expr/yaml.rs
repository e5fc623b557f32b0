//! YAML documents of `yaml_parse()` and `yaml_dump()`.

use std::fmt::Write as _;

use serde_json::Value;

/// The deepest nesting of lists and objects.
const DEEPEST: usize = 100;

/// The value of a document.
///
/// # Errors
/// When it is no YAML, or makes much of little by references.
pub(super) fn parse(text: &str) -> Result<Value, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST, max_aliases: 0, max_anchors: 0 },
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// `value` in block style, the members of objects by their names, as Mistral's `yaml_dump` has them.
pub(super) fn dump(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => write_items(&mut out, items, 0),
        Value::Object(members) if !members.is_empty() => write_members(&mut out, members, 0),
        scalar @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => {
            write_scalar(&mut out, scalar);
            out.push('\n');
            if !matches!(scalar, Value::Array(_) | Value::Object(_)) {
                out.push_str("...\n");
            }
        }
    }
    out
}

/// Lists within an object are not indented, as PyYAML leaves them.
fn write_items(out: &mut String, items: &[Value], indent: usize) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Array(items) if !items.is_empty() => write_items(out, items, indent + 2),
            Value::Object(members) if !members.is_empty() => {
                write_members(out, members, indent + 2);
            }
            scalar @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                write_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn write_members(out: &mut String, members: &serde_json::Map<String, Value>, indent: usize) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            pad(out, indent);
        }
        write_text(out, name);
        out.push(':');
        match value {
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                pad(out, indent);
                write_items(out, items, indent);
            }
            Value::Object(members) if !members.is_empty() => {
                out.push('\n');
                pad(out, indent + 2);
                write_members(out, members, indent + 2);
            }
            scalar @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                out.push(' ');
                write_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn write_scalar(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&float_text(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_text(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// An exponent needs a point before it, or YAML 1.1 takes it for text.
fn float_text(number: f64) -> String {
    let text = super::python::float_text(number);
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

fn write_text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.chars().all(|c| matches!(c, ' '..='~')) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                ' '..='~' => out.push(c),
                c => {
                    let code = u32::from(c);
                    let written = match code {
                        0..=0xff => write!(out, "\\x{code:02X}"),
                        0x100..=0xffff => write!(out, "\\u{code:04X}"),
                        _ => write!(out, "\\U{code:08X}"),
                    };
                    written.expect("text takes all that is written to it");
                }
            }
        }
        out.push('"');
    }
}

/// Whether YAML 1.1 reads `text` as this text when it stands without quotes.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 7] = ["null", "true", "false", "yes", "no", "on", "off"];
    let is_inner = |c: char| c.is_ascii_alphanumeric() || " _./-+@()%$!?;<>=*&~^".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(is_inner)
        && !text.ends_with(' ')
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_written_as_pyyaml_writes_them() {
        let value = json!({
            "b": [1, {"x": "y", "a": [1.5]}, [2, 3], []],
            "a": {"n": null, "t": true, "e": {}},
            "c": ["yes", "10", "", "it's: so", "a b", "/tmp/x"],
        });
        let expected = "a:\n  e: {}\n  n: null\n  t: true\nb:\n- 1\n- a:\n  - 1.5\n  x: y\n- - 2\n  - 3\n- []\n\
                        c:\n- 'yes'\n- '10'\n- ''\n- 'it''s: so'\n- a b\n- /tmp/x\n";
        assert_eq!(dump(&value), expected);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in [
            json!("ü\n\t\"\\😀"),
            json!([
                "null",
                "- a",
                "a: b",
                "#",
                " a",
                "1e3",
                "0x10",
                "~",
                "2020-01-01",
                "=",
                "<<",
                "a #b",
                "!x"
            ]),
            json!({"": 1, "a: b": [[[]]], "1": {"x": 1e300}}),
            json!(null),
        ] {
            assert_eq!(parse(&dump(&value)).unwrap(), value, "{}", dump(&value));
        }
    }

    #[test]
    fn references_cannot_make_much_of_little() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (last, next) in ('a'..'k').zip('b'..='k') {
            let items = vec![format!("*{last}"); 10].join(", ");
            writeln!(text, "{next}: &{next} [{items}]").unwrap();
        }
        assert!(parse(&text).is_err());
    }
}
