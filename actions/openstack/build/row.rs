//! The catalogue as it is written, and one row of it with every shorthand spelled out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// One service's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) service: String,
    pub(crate) prefix: String,
    pub(crate) microversion: Option<String>,
    pub(crate) legacy_microversion_header: Option<String>,
    #[serde(default)]
    pub(crate) envelope: bool,
    pub(crate) actions: BTreeMap<String, Columns>,
}

/// One row as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    does: String,
    request: Requests,
    microversion: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    body: Option<Value>,
    wrap: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    rest: Option<String>,
    result: Option<String>,
    list: Option<String>,
    find: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Requests {
    One(String),
    Many(Vec<String>),
}

/// One row with every shorthand spelled out.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) does: String,
    pub(crate) microversion: Option<String>,
    pub(crate) routes: Vec<Route>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
    pub(crate) wrap: Option<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) rest: String,
    pub(crate) answer: Answer,
}

/// A way to make the request: `METHOD PATH[ if INPUT]`.
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: Vec<Piece>,
    pub(crate) when: Option<String>,
}

/// A piece of a path: its kind and its text or input.
pub(crate) struct Piece {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// An input: `TYPE[!][ = DEFAULT][ -> PLACE][ | CONVERSION]`.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) default: Option<String>,
    pub(crate) to: (&'static str, Option<String>),
    pub(crate) convert: String,
}

/// Where the result is in the answer: a variant and its arguments.
pub(crate) enum Answer {
    Plain(&'static str, Option<String>),
    List {
        member: String,
        inner: Option<String>,
        find: Option<String>,
        shape: &'static str,
    },
}

impl Row {
    pub(crate) fn read(file: &File, name: &str, columns: &Columns) -> Result<Self, String> {
        let requests = match &columns.request {
            Requests::One(one) => std::slice::from_ref(one),
            Requests::Many(many) => many,
        };
        let routes = requests
            .iter()
            .map(|text| route(text))
            .collect::<Result<Vec<_>, _>>()?;
        let first = routes.first().ok_or("`request` is empty")?;
        let in_query = matches!(first.method.as_str(), "GET" | "HEAD" | "DELETE");
        let switches: BTreeSet<_> = routes
            .iter()
            .filter_map(|route| route.when.clone())
            .collect();
        if let Some(switch) = switches
            .iter()
            .find(|name| !columns.inputs.contains_key(*name))
        {
            return Err(format!("`if {switch}` names no input"));
        }

        let placeholders: BTreeSet<_> = routes.iter().flat_map(Route::inputs).collect();
        let mut written = columns.inputs.clone();
        for name in &placeholders {
            let everywhere = routes
                .iter()
                .all(|route| route.inputs().any(|input| input == *name));
            written
                .entry(name.to_string())
                .or_insert_with(|| if everywhere { "id!" } else { "id" }.into());
        }
        let inputs = written
            .iter()
            .map(|(name, text)| {
                let place = if placeholders.contains(name.as_str()) {
                    ("Path", None)
                } else if switches.contains(name) {
                    ("Switch", None)
                } else {
                    (
                        if in_query { "Query" } else { "Member" },
                        Some(name.clone()),
                    )
                };
                input(name, text, place).map_err(|fault| format!("input {name}: {fault}"))
            })
            .collect::<Result<_, _>>()?;

        let rest = match (columns.rest.as_deref(), &columns.find) {
            (Some("query"), _) => "Query",
            (Some("body"), _) => "Body",
            (Some("patch"), _) => "Patch",
            (None, Some(_)) => "Match",
            (None, None) => "Refuse",
            (Some(other), _) => return Err(format!("`rest: {other}` is not query, body or patch")),
        };
        Ok(Self {
            name: name.into(),
            does: columns.does.clone(),
            microversion: columns.microversion.clone(),
            routes,
            headers: columns.headers.clone(),
            query: columns.query.clone(),
            body: columns.body.clone(),
            wrap: columns.wrap.clone(),
            inputs,
            rest: rest.into(),
            answer: answer(file, columns)?,
        })
    }
}

impl Route {
    fn inputs(&self) -> impl Iterator<Item = &str> {
        self.path
            .iter()
            .filter(|piece| piece.kind != "Text")
            .map(|piece| piece.text.as_str())
    }
}

fn route(text: &str) -> Result<Route, String> {
    let (request, when) = match text.split_once(" if ") {
        Some((request, when)) => (request, Some(when.to_owned())),
        None => (text, None),
    };
    let (method, path) = request
        .split_once(' ')
        .ok_or(format!("`{text}` is not METHOD PATH"))?;
    if !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "COPY"].contains(&method) {
        return Err(format!("`{method}` is not a method"));
    }
    if !path.starts_with('/') {
        return Err(format!("`{path}` does not begin with /"));
    }
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after
            .split_once('}')
            .ok_or(format!("`{path}` has an open brace"))?;
        pieces.push(Piece {
            kind: "Text",
            text: before.into(),
        });
        let (kind, name) = match inside.split_at_checked(1) {
            Some(("+", name)) => ("Rest", name),
            Some(("=", name)) => ("Stack", name),
            Some(("~", name)) => ("StackOrName", name),
            _ => ("Segment", inside),
        };
        pieces.push(Piece {
            kind,
            text: name.into(),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece {
            kind: "Text",
            text: rest.into(),
        });
    }
    Ok(Route {
        method: method.into(),
        path: pieces,
        when,
    })
}

fn input(name: &str, text: &str, place: (&'static str, Option<String>)) -> Result<Input, String> {
    let (text, convert) = text.split_once(" | ").unwrap_or((text, "as is"));
    let (text, to) = match text.split_once(" -> ") {
        Some((text, to)) => (text, destination(place.0, to)),
        None => (text, place),
    };
    let (kind, default) = match text.split_once(" = ") {
        Some((kind, default)) => (kind, Some(default.to_owned())),
        None => (text, None),
    };
    if let Some(default) = &default {
        serde_json::from_str::<Value>(default).map_err(|_| format!("`{default}` is not JSON"))?;
    }
    let (kind, required) = kind
        .strip_suffix('!')
        .map_or((kind, false), |kind| (kind, true));
    let kind = match kind {
        "id" | "string" | "integer" | "number" | "boolean" | "object" | "array" | "any" => {
            variant(kind)
        }
        other => return Err(format!("`{other}` is not a type")),
    };
    Ok(Input {
        name: name.into(),
        kind,
        required,
        default,
        to,
        convert: variant(convert),
    })
}

fn destination(usual: &'static str, text: &str) -> (&'static str, Option<String>) {
    match text.split_once(':') {
        Some(("query", "*")) => ("QueryMembers", None),
        Some(("query", name)) => ("Query", Some(name.into())),
        Some(("header", "*")) => ("HeaderMembers", None),
        Some(("header", name)) => ("Header", Some(name.into())),
        Some(("root", name)) => ("Root", Some(name.into())),
        Some(("match", name)) => ("Match", Some(name.into())),
        Some(("body", "*")) => ("Members", None),
        Some(("patch", "remove")) => ("Remove", None),
        None if text == "body" => ("Body", None),
        None if text == "raw" => ("Raw", None),
        None if text == "paging" => ("Paging", None),
        _ => (usual, Some(text.into())),
    }
}

fn answer(file: &File, columns: &Columns) -> Result<Answer, String> {
    let plain = match (&columns.result, &columns.list) {
        (Some(_), Some(_)) => return Err("`result` and `list` exclude each other".into()),
        (None, None) => ("Nothing", None),
        (Some(result), None) => match result.as_str() {
            "@body" => ("Body", None),
            "@text" => ("Text", None),
            "@true" => ("True", None),
            "@headers" => ("Headers", None),
            "@headers_and_text" => ("HeadersAndText", None),
            other => match other.strip_prefix("@header ") {
                Some(header) => ("Header", Some(header.to_owned())),
                None => ("Member", Some(other.to_owned())),
            },
        },
        (None, Some(list)) => {
            let (member, inner) = match list.split_once("[].") {
                Some((member, inner)) => (member, Some(inner.to_owned())),
                None => (list.as_str(), None),
            };
            let shape = match (member, file.envelope) {
                ("@headers", _) => "WithHeaders",
                (_, true) => "Envelope",
                (_, false) => "Items",
            };
            let find = match columns.find.as_deref() {
                None => None,
                Some("one" | "all") => columns.find.as_deref().map(variant),
                Some(other) => return Err(format!("`find: {other}` is not one or all")),
            };
            return Ok(Answer::List {
                member: member.trim_start_matches("@headers").into(),
                inner,
                find,
                shape,
            });
        }
    };
    Ok(Answer::Plain(plain.0, plain.1))
}

/// `as is` → `AsIs`.
fn variant(words: &str) -> String {
    words
        .split(' ')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect()
}
