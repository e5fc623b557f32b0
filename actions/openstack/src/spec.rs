//! What the host is told about a row: its input schema, its access rules, whether it may be run again.

use serde_json::{Map, Value, json};

use crate::inputs::REGION;
use crate::stack;
use crate::table::{Input, Kind, Piece, Rest, Route, Row};

/// The JSON Schema of a row's input. Optional inputs may be null, as in Mistral.
pub(crate) fn input_schema(row: &Row) -> Value {
    let mut properties: Map<_, _> = row
        .inputs
        .iter()
        .map(|input| (input.name.to_owned(), of_input(input)))
        .collect();
    properties.insert(
        REGION.into(),
        json!({"type": ["string", "null"], "description": "The region, if not the target's own."}),
    );
    let required: Vec<_> = row
        .inputs
        .iter()
        .filter(|input| input.required)
        .map(|input| input.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": row.rest != Rest::Refuse,
    })
}

fn of_input(input: &Input) -> Value {
    let mut types = match input.kind {
        Kind::Id => vec!["string", "integer"],
        Kind::String => vec!["string"],
        Kind::Integer => vec!["integer"],
        Kind::Number => vec!["number"],
        Kind::Boolean => vec!["boolean"],
        Kind::Object => vec!["object"],
        Kind::Array => vec!["array"],
        Kind::Any => Vec::new(),
    };
    if !input.required && !types.is_empty() {
        types.push("null");
    }
    let mut schema = Map::new();
    let types = match types.as_slice() {
        [] => None,
        [one] => Some(json!(one)),
        several => Some(json!(several)),
    };
    schema.extend(types.map(|types| ("type".into(), types)));
    match input.default {
        Some(r#""@user""#) => {
            schema.insert("description".into(), json!("Without it, the token's user."));
        }
        Some(default) => {
            schema.insert(
                "default".into(),
                serde_json::from_str(default).unwrap_or_default(),
            );
        }
        None => {}
    }
    Value::Object(schema)
}

/// The requests that a row can make: methods and path patterns.
pub(crate) fn access(row: &Row) -> Vec<(&'static str, String)> {
    let mut rules: Vec<(&'static str, String)> = Vec::new();
    for route in row.routes {
        if route
            .path
            .iter()
            .any(|piece| matches!(piece, Piece::Stack(_)))
        {
            rules.extend(stack::LOOKUP.map(|(method, path)| (method, path.to_owned())));
        }
        rules.extend(patterns(route).into_iter().map(|path| (route.method, path)));
    }
    let mut seen = Vec::new();
    rules.retain(|rule| {
        !seen.contains(rule) && {
            seen.push(rule.clone());
            true
        }
    });
    rules
}

/// The patterns of a route's paths; a stack's name alone is redirected to its `name/id`.
fn patterns(route: &Route) -> Vec<String> {
    let mut patterns = vec![String::new()];
    for piece in route.path {
        let alternatives: Vec<String> = match piece {
            Piece::Text(text) => vec![(*text).to_owned()],
            Piece::Segment(name) => vec![format!("{{{name}}}")],
            Piece::Rest(_) => vec!["**".to_owned()],
            Piece::Stack(_) => vec!["{stack_name}/{stack_id}".to_owned()],
            Piece::StackOrName(_) => {
                vec!["{stack}".to_owned(), "{stack_name}/{stack_id}".to_owned()]
            }
        };
        patterns = patterns
            .iter()
            .flat_map(|begun| alternatives.iter().map(move |end| format!("{begun}{end}")))
            .collect();
    }
    patterns
}

/// Whether a row only reads, so that a run cut short may be run again.
pub(crate) fn is_idempotent(row: &Row) -> bool {
    row.routes
        .iter()
        .all(|route| matches!(route.method, "GET" | "HEAD"))
}
