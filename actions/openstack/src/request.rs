//! The request that a row makes of a run's inputs.

use serde_json::{Map, Value, json};
use zonda_sdk::{Cloud, Failure, Request, Result};

use crate::inputs::Inputs;
use crate::table::{Answer, Piece, Rest, Route, Row, Shape, To};
use crate::{list, stack};

/// Builds the request; a stack's name may be looked up for it.
pub(crate) fn build(
    row: &'static Row,
    inputs: &Inputs<'_>,
    cloud: &Cloud,
    microversion: Option<&str>,
) -> Result<Request> {
    let route = inputs.route(row)?;
    let path = path(route, inputs, cloud)?;
    let mut request = Request::new(row.service.service_type, route.method, path);
    if let Some(region) = inputs.region {
        request = request.region(region);
    }
    for (name, value) in query(row, inputs) {
        request = request.query(name, value);
    }
    for (name, value) in headers(row, inputs, microversion) {
        request = request.header(name, value);
    }
    Ok(match body(row, route, inputs) {
        Some(Body::Json(body)) => request.json(&body),
        Some(Body::Raw(text)) => request.bytes(text),
        None => request,
    })
}

fn path(route: &Route, inputs: &Inputs<'_>, cloud: &Cloud) -> Result<String> {
    let mut path = String::new();
    for piece in route.path {
        let value = match piece.input() {
            Some(name) => inputs.get(name).map(text).unwrap_or_default(),
            None => String::new(),
        };
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Segment(name) => path.push_str(&segments(name, &value, 1)?),
            Piece::Rest(name) => path.push_str(&segments(name, &value, usize::MAX)?),
            Piece::StackOrName(name) => path.push_str(&segments(name, &value, 2)?),
            Piece::Stack(name) => {
                let given = segments(name, &value, 2)?;
                path.push_str(&stack::identity(given, inputs.region, cloud)?);
            }
        }
    }
    Ok(path)
}

/// A value as path segments, percent-encoded; nothing in it can lead to another path.
pub(crate) fn segments(name: &str, value: &str, most: usize) -> Result<String> {
    // The name of a pseudo-directory ends in a slash.
    let whole = if most == usize::MAX {
        value.strip_suffix('/').unwrap_or(value)
    } else {
        value
    };
    let parts: Vec<&str> = whole.split('/').collect();
    if parts.len() > most || parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(Failure::new(format!(
            "`{name}` cannot be {value:?}: it is part of a path, where it would lead elsewhere"
        )));
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(encoded)
}

fn query(row: &Row, inputs: &Inputs<'_>) -> Vec<(String, String)> {
    let mut query: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &Value| {
        // What the caller gave comes first; a default for the same parameter stays behind.
        if query.iter().any(|(known, _)| known == name) || list::is_unlimited(name, value) {
            return;
        }
        query.extend(texts(value).map(|value| (name.to_owned(), value)));
    };
    for (input, value) in inputs.named() {
        match (input.to, value) {
            (To::Query(name) | To::Match(name), value) => set(name, value),
            (To::QueryMembers, Value::Object(members)) => {
                members.iter().for_each(|(name, value)| set(name, value));
            }
            _ => {}
        }
    }
    if row.rest == Rest::Query {
        inputs.others().for_each(|(name, value)| set(name, value));
    }
    for (name, value) in row.query {
        set(name, &json!(value));
    }
    if let Answer::List(list) = &row.answer
        && list.shape == Shape::WithHeaders
        && list::follows(inputs)
    {
        set("limit", &json!(list::MOST));
    }
    query
}

fn headers(row: &Row, inputs: &Inputs<'_>, microversion: Option<&str>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (input, value) in inputs.named() {
        match (input.to, value) {
            (To::Header(name), value) => headers.push((name.to_owned(), text(value))),
            (To::HeaderMembers, Value::Object(members)) => {
                headers.extend(
                    members
                        .iter()
                        .map(|(name, value)| (name.clone(), text(value))),
                );
            }
            _ => {}
        }
    }
    for (name, value) in row.headers {
        headers.push(((*name).to_owned(), (*value).to_owned()));
    }
    if let (Some(known), Some(version)) = (&row.service.microversion, microversion) {
        headers.push((
            "OpenStack-API-Version".to_owned(),
            format!("{} {version}", known.name),
        ));
        if let Some(legacy) = known.legacy_header {
            headers.push((legacy.to_owned(), version.to_owned()));
        }
    }
    headers
}

/// A request's body.
enum Body {
    Json(Value),
    Raw(String),
}

fn body(row: &Row, route: &Route, inputs: &Inputs<'_>) -> Option<Body> {
    if matches!(route.method, "GET" | "HEAD" | "DELETE" | "COPY") {
        return None;
    }
    if row.rest == Rest::Patch {
        return Some(Body::Json(Value::Array(patch(inputs))));
    }
    let constant = row.body.and_then(|body| serde_json::from_str(body).ok());
    let takes_members = row.wrap.is_some() || row.rest == Rest::Body;
    let mut body = constant.or_else(|| takes_members.then(|| json!({})));
    for (input, value) in inputs.named() {
        let value = value.clone();
        match (input.to, value) {
            (To::Raw, value) => return Some(Body::Raw(text(&value))),
            (To::Body, value) => body = Some(value),
            (To::Root(name), value) => put(&mut body, None, name, value),
            (To::Member(name), value) => put(&mut body, row.wrap, name, value),
            (To::Members, Value::Object(members)) => {
                members
                    .into_iter()
                    .for_each(|(name, value)| put(&mut body, row.wrap, &name, value));
            }
            _ => {}
        }
    }
    if row.rest == Rest::Body {
        inputs
            .others()
            .for_each(|(name, value)| put(&mut body, row.wrap, name, value.clone()));
    }
    // A wrapper that nothing was put into is an empty object, unless the row says what it is.
    if let (Some(Value::Object(body)), Some(wrap)) = (&mut body, row.wrap) {
        body.entry(wrap).or_insert_with(|| json!({}));
    }
    body.map(Body::Json)
}

/// Sets a member of the body, or of its wrapper; lists that two inputs feed are joined.
fn put(body: &mut Option<Value>, wrap: Option<&str>, name: &str, value: Value) {
    let body = object(body.get_or_insert(Value::Null));
    let place = match wrap {
        Some(wrap) => object(body.entry(wrap).or_insert(Value::Null)),
        None => body,
    };
    match (place.get_mut(name), value) {
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
        (_, value) => {
            place.insert(name.to_owned(), value);
        }
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value
        .as_object_mut()
        .expect("it was made an object just now")
}

/// A JSON patch (RFC 6902): `add` also replaces what is there.
fn patch(inputs: &Inputs<'_>) -> Vec<Value> {
    let pointer = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let mut patch: Vec<Value> = inputs
        .others()
        .map(|(name, value)| json!({"op": "add", "path": pointer(name), "value": value}))
        .collect();
    for (input, value) in inputs.named() {
        if let (To::Remove, Value::Array(names)) = (input.to, value) {
            patch.extend(
                names
                    .iter()
                    .map(|name| json!({"op": "remove", "path": pointer(&text(name))})),
            );
        }
    }
    patch
}

/// A value as it stands in a path, a query or a header.
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The values of a parameter: a list repeats it, null leaves it out.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = String> {
    let values = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    values.iter().filter(|value| !value.is_null()).map(text)
}
