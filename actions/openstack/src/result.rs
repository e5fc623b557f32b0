//! The result in a service's answer, in the shape that the Python client gives.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use zonda_sdk::{Failure, Response, Result};

use crate::table::Answer;

/// The result in a good answer.
pub(crate) fn of(answer: &Answer, response: &Response) -> Result<Value> {
    Ok(match answer {
        Answer::Nothing => Value::Null,
        Answer::True => Value::Bool(true),
        Answer::Body | Answer::List(_) => body(response),
        Answer::Text => contents(response),
        Answer::Headers => headers(response),
        Answer::HeadersAndText => json!([headers(response), contents(response)]),
        Answer::Header(name) => json!(response.header(name).map(|value| value.trim_matches('"'))),
        Answer::Member(name) => match body(response).get_mut(*name) {
            Some(member) => member.take(),
            None => return Err(Failure::new(format!("the answer has no `{name}`"))),
        },
    })
}

/// The body as JSON if it is, as text otherwise; `null` if it is empty.
pub(crate) fn body(response: &Response) -> Value {
    if response.bytes().is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(response.bytes()).unwrap_or_else(|_| contents(response))
}

/// All headers, by their names in lower case; repeated ones are joined by commas.
pub(crate) fn headers(response: &Response) -> Value {
    let mut headers = Map::new();
    for (name, value) in response.headers() {
        let place = headers
            .entry(name.to_ascii_lowercase())
            .or_insert(Value::Null);
        *place = match place.as_str() {
            Some(known) => json!(format!("{known}, {value}")),
            None => json!(value),
        };
    }
    Value::Object(headers)
}

/// The items of a body that is a list; an empty body is an empty list.
pub(crate) fn items(response: &Response) -> Result<Vec<Value>> {
    if response.bytes().is_empty() {
        return Ok(Vec::new());
    }
    response.json()
}

/// The body as text, or as `{"base64": …}` if it is not UTF-8.
fn contents(response: &Response) -> Value {
    match std::str::from_utf8(response.bytes()) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(response.bytes()) }),
    }
}
