//! Values in the words of messages, as Mistral writes them.

use serde_json::{Map, Value};

/// A text as it is, anything else as Python writes it.
pub(super) fn plain(value: Value) -> String {
    if let Value::String(text) = value {
        text
    } else {
        python(&value)
    }
}

/// The object that `value` is; anything else as Python writes it.
pub(super) fn object_or_text(value: Value) -> Result<Map<String, Value>, String> {
    if let Value::Object(members) = value {
        Ok(members)
    } else {
        Err(python(&value))
    }
}

/// Names as Python writes a list of texts.
pub(super) fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

/// A value as Python writes it.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), python(value));
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// At most `most` bytes of `text`, and a word that there were more.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("…(cut)");
    }
    text
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_in_python() {
        let value = serde_json::json!({"a": [1, true, null], "b": "it's \"so\"\n"});
        assert_eq!(
            python(&value),
            r#"{'a': [1, True, None], 'b': 'it\'s "so"\n'}"#
        );
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("aäb".to_owned(), 2), "a…(cut)");
    }
}
