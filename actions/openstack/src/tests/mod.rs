//! Rows run against a canned cloud, which denies what their access rules do not allow.

mod requests;
mod results;
mod rows;

use serde_json::{Value, json};
use zonda_sdk::Failure;
use zonda_sdk::testing::{Body, Request, Response, Test};

/// Runs an action by name.
fn run(test: &Test, name: &str, input: Value) -> Result<Value, Failure> {
    let action = match crate::table::find(name) {
        Some(row) => crate::row::action(row),
        // The canned cloud does not know `*` as a service type.
        None => crate::any_request::action().access("dns", "*", "/**"),
    };
    assert_eq!(action.name(), name);
    let schema =
        jsonschema::validator_for(&serde_json::from_str(&action.spec().input_schema).unwrap())
            .unwrap();
    assert!(schema.is_valid(&input), "{name} takes {input}");
    test.run(&action, input)
}

/// The one request that an action makes when the cloud answers `{}`-like `answer`.
fn request_of(
    name: &str,
    input: Value,
    [service_type, method, path]: [&str; 3],
    answer: Value,
) -> Request {
    let test = Test::new().answer(service_type, method, path, 200, answer);
    run(&test, name, input).unwrap();
    let mut requests = test.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn json_body(request: &Request) -> Value {
    match &request.body {
        Some(Body::Text(text)) => serde_json::from_str(text).unwrap(),
        Some(Body::Bytes(bytes)) => json!(String::from_utf8(bytes.clone()).unwrap()),
        None => Value::Null,
    }
}

fn query(request: &Request) -> Vec<(&str, &str)> {
    request
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut found = request
        .headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.as_str())
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        body: Body::Text(body.into()),
    }
}
