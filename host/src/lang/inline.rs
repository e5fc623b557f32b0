//! Inputs in one line with what they are for: `std.echo output="x" n=<% $.a %>`, `fail(msg="gone")`.

use serde_json::{Map, Value};

/// The ends of expressions, by their beginnings.
const EXPRESSIONS: [(&str, &str); 3] = [("<%", "%>"), ("{{", "}}"), ("{%", "%}")];

/// Whether an expression begins in `text`.
pub(super) fn has_expression(text: &str) -> bool {
    EXPRESSIONS.iter().any(|(start, _)| text.contains(start))
}

/// Whether `text` is an expression from its beginning to its end.
pub(super) fn is_expression(text: &str) -> bool {
    let text = text.trim_end();
    EXPRESSIONS
        .iter()
        .any(|(start, end)| text.starts_with(start) && text.len() >= 4 && text.ends_with(end))
}

/// A name, which may have expressions in it, and the inputs after it.
pub(super) fn call(text: &str) -> Result<(&str, Map<String, Value>), String> {
    let text = text.trim();
    let length = name_length(text)?;
    let (name, rest) = text.split_at(length);
    if name.is_empty() {
        return Err("begins with no name".to_owned());
    }
    if name.contains(['=', '"', '\'']) && !has_expression(name) {
        return Err(format!(
            "`{name}` is no name; a name is followed by a space and inputs, as in `std.echo output=\"x\"`"
        ));
    }
    let rest = rest.trim_start();
    match rest.strip_prefix('(') {
        None => Ok((name, inputs(rest)?)),
        Some(inside) => match inside.trim_end().strip_suffix(')') {
            Some(inside) => Ok((name, inputs(inside)?)),
            None => Err("has a `(` without its `)` at the end".to_owned()),
        },
    }
}

/// The bytes of the name that `text` begins with.
fn name_length(text: &str) -> Result<usize, String> {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(next) = rest.chars().next()
    {
        if let Some(length) = expression_length(rest) {
            at += length?;
        } else if next.is_whitespace() || next == '(' {
            break;
        } else {
            at += next.len_utf8();
        }
    }
    Ok(at)
}

/// The bytes of the expression that `text` begins with, if it does.
fn expression_length(text: &str) -> Option<Result<usize, String>> {
    let (start, end) = EXPRESSIONS
        .iter()
        .find(|(start, _)| text.starts_with(start))?;
    let length = text.get(start.len()..).and_then(|rest| rest.find(end));
    Some(match length {
        Some(length) => Ok(start.len() + length + end.len()),
        None => Err(format!("has a `{start}` without its `{end}`")),
    })
}

/// Inputs: `name=value`, parted by spaces or commas.
pub(super) fn inputs(text: &str) -> Result<Map<String, Value>, String> {
    let mut inputs = Map::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Ok(inputs);
        }
        let is_part = |c: char| c == '-' || c == '_' || c.is_alphanumeric();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start().strip_prefix('=');
        let after = after.map(str::trim_start).filter(|_| !name.is_empty());
        let Some(after) = after else {
            return Err(format!(
                "`{}` is no input; an input is `name=value`, a text in quotes",
                piece(rest)
            ));
        };
        let (value, length) = value(name, after)?;
        rest = after.get(length..).unwrap_or("");
        if rest.starts_with(|c: char| !c.is_whitespace() && c != ',') {
            let message = format!("`{}` follows the value of `{name}` at once", piece(rest));
            return Err(message);
        }
        if inputs.insert(name.to_owned(), value).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
}

/// The value that `text` begins with, and its bytes.
fn value(name: &str, text: &str) -> Result<(Value, usize), String> {
    if let Some(length) = expression_length(text) {
        let length = length?;
        return Ok((text.get(..length).unwrap_or("").into(), length));
    }
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = text.get(1..).unwrap_or("");
            match inside.find(quote) {
                Some(end) => Ok((inside.get(..end).unwrap_or("").into(), end + 2)),
                None => Err(format!("the value of `{name}` has no closing `{quote}`")),
            }
        }
        Some('[' | '{') => {
            let Some(length) = bracketed_length(text) else {
                return Err(format!("the value of `{name}` has no closing bracket"));
            };
            let list = text.get(..length).unwrap_or("");
            let value = serde_json::from_str(list).unwrap_or_else(|_| list.into());
            Ok((value, length))
        }
        _ => {
            let length = text
                .find(|c: char| c.is_whitespace() || c == ',')
                .unwrap_or(text.len());
            let word = text.get(..length).unwrap_or("");
            match serde_json::from_str(word) {
                Ok(value @ (Value::Bool(_) | Value::Null | Value::Number(_))) => {
                    Ok((value, length))
                }
                _ => Err(format!(
                    "the value of `{name}` must be a number, true, false, null, a list, an expression or a text in quotes: {name}=\"{}\"",
                    piece(word)
                )),
            }
        }
    }
}

/// The bytes up to the bracket that closes the first one, texts aside.
fn bracketed_length(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (None, _) => {}
        }
    }
    None
}

/// The beginning of `text`, to show it.
fn piece(text: &str) -> &str {
    let word = text.split_whitespace().next().unwrap_or(text);
    let end = word.char_indices().nth(30).map_or(word.len(), |(at, _)| at);
    word.get(..end).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (&str, Value) {
        let (name, inputs) = call(text).unwrap();
        (name, Value::Object(inputs))
    }

    #[test]
    fn a_name_may_stand_alone() {
        assert_eq!(read("std.noop"), ("std.noop", json!({})));
        assert_eq!(read(" std.noop() "), ("std.noop", json!({})));
        assert_eq!(read("<% $.a b %>"), ("<% $.a b %>", json!({})));
        assert_eq!(read("std.{{ _.a }}"), ("std.{{ _.a }}", json!({})));
    }

    #[test]
    fn inputs_are_texts_in_quotes_expressions_and_json() {
        let text = r#"a.b s="x y", q='"' n=-5 f=1.5 t=true z=null l=[1, "]"] o={"a": {}} e=<% $.x = 1 %> j={{ _.a }} m-1="""#;
        let inputs = json!({
            "s": "x y", "q": "\"", "n": -5, "f": 1.5, "t": true, "z": null, "l": [1, "]"], "o": {"a": {}},
            "e": "<% $.x = 1 %>", "j": "{{ _.a }}", "m-1": ""
        });
        assert_eq!(read(text), ("a.b", inputs));
    }

    #[test]
    fn a_list_with_expressions_stays_text() {
        assert_eq!(read("a l=[<% 1 %>, 2]").1, json!({"l": "[<% 1 %>, 2]"}));
    }

    #[test]
    fn spaces_may_surround_the_equals_sign() {
        assert_eq!(read("a x = \"y\" z= 1").1, json!({"x": "y", "z": 1}));
    }

    #[test]
    fn parentheses_may_surround_inputs() {
        assert_eq!(read("fail(msg='a (b)')"), ("fail", json!({"msg": "a (b)"})));
        assert_eq!(
            read("fail (msg=<% task() %>)").1,
            json!({"msg": "<% task() %>"})
        );
    }

    #[test]
    fn what_is_no_input_is_told() {
        for text in [
            "a.b x",
            "a.b x=",
            "a.b x=y",
            "a.b x=\"y",
            "a.b x=[1",
            "a.b x=<% y",
            "a.b x=1 x=2",
            "a.b(x=1",
            "a.b x=\"1\"2",
            "a=1",
            "",
            "(x=1)",
            "a.b =1",
        ] {
            assert!(call(text).is_err(), "{text}");
        }
    }
}
