//! JSON on the command line: as it is, from a file, from standard input, or as `key=value`.

use std::{fs, io::Read as _, path::PathBuf};

use serde_json::{Map, Value};

use super::error::Error;

/// The text that `argument` stands for: `@file` is the file's, `-` is standard input's, anything else its own.
fn text_of(argument: &str) -> Result<String, Error> {
    let (path, text) = match argument.strip_prefix('@') {
        Some(path) => (PathBuf::from(path), fs::read_to_string(path)),
        None if argument == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            (PathBuf::from("standard input"), read.map(|_| text))
        }
        None => return Ok(argument.to_owned()),
    };
    text.map_err(|source| Error::Read { path, source })
}

fn document(name: &str, argument: &str) -> Result<Value, Error> {
    serde_json::from_str(&text_of(argument)?).map_err(|err| {
        let place = format!("line {}, column {}", err.line(), err.column());
        Error::usage(format!("{name} is not JSON ({place})"))
    })
}

/// The JSON object that `argument` stands for; `name` is the option's, for the message.
///
/// # Errors
/// When the file cannot be read, or it is no JSON object. The message says where, and never repeats the document.
pub(super) fn object(name: &str, argument: &str) -> Result<Map<String, Value>, Error> {
    match document(name, argument)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Error::usage(format!("{name} must be a JSON object")))
        }
    }
}

/// An action's input: the object, if any, under the `key=value` pairs. A value is JSON where it reads as JSON, and
/// text otherwise.
///
/// # Errors
/// As of [`object`], and when a pair has no key.
pub(super) fn input(argument: Option<&str>, pairs: &[String]) -> Result<Map<String, Value>, Error> {
    let mut input = match argument {
        Some(argument) => object("the input", argument)?,
        None => Map::new(),
    };
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Error::usage(format!(
                "--input wants KEY=VALUE and got `{pair}`; a whole JSON object is given without --input"
            )));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        input.insert(key.to_owned(), value);
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_are_json_where_they_read_as_json() {
        let pairs = [
            "n=3",
            "name=web",
            "quoted=\"3\"",
            "url=http://a?b=c",
            "all=true",
        ];
        let input = input(Some("{\"n\": 1, \"m\": 2}"), &pairs.map(String::from)).unwrap();
        assert_eq!(
            Value::from(input),
            json!({"n": 3, "m": 2, "name": "web", "quoted": "3", "url": "http://a?b=c", "all": true})
        );
    }

    #[test]
    fn a_file_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{\"a\": 1}").unwrap();
        let argument = format!("@{}", file.path().display());
        assert_eq!(
            Value::from(object("x", &argument).unwrap()),
            json!({"a": 1})
        );
    }

    #[test]
    fn faults_name_the_option_and_do_not_repeat_the_document() {
        let message = object("--custom-context", "{\"k\": hunter2}")
            .unwrap_err()
            .to_string();
        assert_eq!(message, "--custom-context is not JSON (line 1, column 7)");
        let message = object("--custom-context", "[]").unwrap_err().to_string();
        assert_eq!(message, "--custom-context must be a JSON object");
        assert!(input(None, &["novalue".into()]).is_err());
    }
}
