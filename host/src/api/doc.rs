//! What routes say about themselves, and the OpenAPI document made of it.

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    error::FaultView,
    list::Listable,
    routes::{Access, Route},
    v1::MuranoFaultView,
};
use crate::policy::Rule;

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

#[derive(Debug, Clone, Copy)]
enum Content {
    Json(SchemaOf),
    /// A page of a list, by the schema of its items.
    Page(SchemaOf),
    Wasm,
    Text,
    Events,
}

/// What a route does, takes and answers.
#[derive(Debug, Clone)]
pub struct Doc {
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    list: Option<List>,
    all_projects: Option<Rule>,
    publicizes: Option<Rule>,
    headers: bool,
    own_headers: &'static [(&'static str, &'static str)],
    takes: Option<Content>,
    is_body_optional: bool,
    status: StatusCode,
    answers: Option<Content>,
}

/// What a list takes and answers.
#[derive(Debug, Clone)]
struct List {
    collection: &'static str,
    arguments: Vec<(&'static str, String)>,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Doc {
    /// A route that answers 204 without a body.
    #[must_use]
    pub const fn new(summary: &'static str) -> Self {
        Self {
            summary,
            query: &[],
            list: None,
            all_projects: None,
            publicizes: None,
            headers: false,
            own_headers: &[],
            takes: None,
            is_body_optional: false,
            status: StatusCode::NO_CONTENT,
            answers: None,
        }
    }

    /// It answers a page of `V`, when it is added by [`Routes::list`](super::Routes::list).
    #[must_use]
    pub fn lists<V: JsonSchema>(mut self) -> Self {
        self.status = StatusCode::OK;
        self.answers = Some(Content::Page(schema_of::<V>));
        self
    }

    /// It is the list that `listable` tells of.
    pub(super) fn list_of<T>(mut self, listable: &Listable<T>) -> Self {
        self.list = Some(List {
            collection: listable.collection,
            arguments: listable.arguments(),
        });
        self.all_projects(listable.all_projects)
    }

    /// It shows other projects' objects too, under `rule`.
    #[must_use]
    pub const fn all_projects(mut self, rule: Rule) -> Self {
        self.all_projects = Some(rule);
        self
    }

    /// The rule under which it shows other projects' objects.
    #[must_use]
    pub const fn all_projects_rule(&self) -> Option<Rule> {
        self.all_projects
    }

    /// It makes public what it makes or changes, where `scope` says so, under `rule`.
    #[must_use]
    pub const fn publicizes(mut self, rule: Rule) -> Self {
        self.publicizes = Some(rule);
        self
    }

    /// The rule under which it makes objects public.
    #[must_use]
    pub const fn publicizing_rule(&self) -> Option<Rule> {
        self.publicizes
    }

    /// Whether it is a list that a [`Listable`] tells of.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        self.list.is_some()
    }

    /// It takes these arguments of the query: names and descriptions.
    #[must_use]
    pub const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// It takes the headers of a target cloud.
    #[must_use]
    pub const fn target_headers(mut self) -> Self {
        self.headers = true;
        self
    }

    /// It takes these headers: names and descriptions.
    #[must_use]
    pub const fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.own_headers = headers;
        self
    }

    /// It takes `T` in JSON.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(Content::Json(schema_of::<T>));
        self
    }

    /// It takes a component.
    #[must_use]
    pub const fn takes_wasm(mut self) -> Self {
        self.takes = Some(Content::Wasm);
        self
    }

    /// It takes plain text.
    #[must_use]
    pub const fn takes_text(mut self) -> Self {
        self.takes = Some(Content::Text);
        self
    }

    /// It works without what it takes, too.
    #[must_use]
    pub const fn or_no_body(mut self) -> Self {
        self.is_body_optional = true;
        self
    }

    /// It answers `T` in JSON.
    #[must_use]
    pub fn answers<T: JsonSchema>(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.answers = Some(Content::Json(schema_of::<T>));
        self
    }

    /// It answers a component.
    #[must_use]
    pub const fn answers_wasm(mut self) -> Self {
        self.status = StatusCode::OK;
        self.answers = Some(Content::Wasm);
        self
    }

    /// It answers server-sent events.
    #[must_use]
    pub const fn answers_events(mut self) -> Self {
        self.status = StatusCode::OK;
        self.answers = Some(Content::Events);
        self
    }

    /// It answers plain text.
    #[must_use]
    pub const fn answers_text(mut self) -> Self {
        self.status = StatusCode::OK;
        self.answers = Some(Content::Text);
        self
    }

    /// What the route does, in one sentence.
    #[must_use]
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// The names of its query arguments.
    pub fn query_names(&self) -> impl Iterator<Item = &'static str> {
        let list = self.list.iter().flat_map(|list| &list.arguments);
        let list = list.map(|(name, _)| *name);
        self.query.iter().map(|(name, _)| *name).chain(list)
    }
}

/// The OpenAPI 3.1 document of `routes`.
pub(super) fn open_api(routes: &[Route]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let fault = schema_of::<FaultView>(&mut generator);
    let murano_fault = schema_of::<MuranoFaultView>(&mut generator);
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let fault = if route.path.starts_with("/v1/") {
            &murano_fault
        } else {
            &fault
        };
        let operation = operation(route, fault, &mut generator);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = methods {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Zonda", "version": env!("CARGO_PKG_VERSION"),
                  "description": "Runs WebAssembly actions against any OpenStack cloud; Mistral's v2 API.",
                  "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "apiKey", "in": "header", "name": "X-Auth-Token" } },
        },
    })
}

fn operation(route: &Route, fault: &Schema, generator: &mut SchemaGenerator) -> Value {
    let doc = &route.doc;
    let mut parameters: Vec<Value> = path_parameters(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let arguments = doc.query.iter().map(|(name, does)| (*name, *does));
    let of_list = doc.list.iter().flat_map(|list| &list.arguments);
    let of_list = of_list.map(|(name, does)| (*name, does.as_str()));
    for (name, description) in arguments.chain(of_list) {
        parameters.push(
            json!({ "name": name, "in": "query", "description": description,
                                "schema": { "type": "string" } }),
        );
    }
    if doc.headers {
        for name in super::target::header_names() {
            parameters
                .push(json!({ "name": name, "in": "header", "schema": { "type": "string" } }));
        }
    }
    for (name, description) in doc.own_headers {
        parameters.push(
            json!({ "name": name, "in": "header", "required": true, "description": description,
                                "schema": { "type": "string" } }),
        );
    }
    if matches!(doc.takes, Some(Content::Wasm)) {
        parameters.push(
            json!({ "name": "X-Module-Signature", "in": "header",
                                "description": "the component's detached minisign signature, a .minisig file's text in base64",
                                "schema": { "type": "string" } }),
        );
    }
    let mut answer = json!({ "description": doc.status.canonical_reason() });
    if let (Some(content), Value::Object(members)) = (doc.answers, &mut answer) {
        members.insert("content".to_owned(), media(doc, content, generator));
    }
    let mut responses = Map::new();
    responses.insert(doc.status.as_u16().to_string(), answer);
    responses.insert(
        "default".to_owned(),
        json!({ "description": "A refusal", "content": { "application/json": { "schema": fault } } }),
    );
    let mut operation =
        json!({ "summary": doc.summary, "parameters": parameters, "responses": responses });
    if let Value::Object(members) = &mut operation {
        if let Some(content) = doc.takes {
            let body = json!({ "required": !doc.is_body_optional, "content": media(doc, content, generator) });
            members.insert("requestBody".to_owned(), body);
        }
        if let Some(rule) = doc.all_projects {
            members.insert("x-all-projects-rule".to_owned(), json!(rule.name()));
        }
        if let Some(rule) = doc.publicizes {
            members.insert("x-publicize-rule".to_owned(), json!(rule.name()));
        }
        match route.access {
            Access::Open | Access::Signed => members.insert("security".to_owned(), json!([])),
            Access::Guarded(rule) => {
                members.insert("x-policy-rule".to_owned(), json!(rule.name()));
                members.insert("security".to_owned(), json!([{ "token": [] }, {}]))
            }
        };
    }
    operation
}

fn media(doc: &Doc, content: Content, generator: &mut SchemaGenerator) -> Value {
    match content {
        Content::Page(item) => {
            let collection = doc.list.as_ref().map_or("items", |list| list.collection);
            let next =
                json!({ "type": "string", "description": "The next page, when this one is full." });
            let items = json!({ "type": "array", "items": item(generator) });
            let page = json!({
                "type": "object",
                "required": [collection],
                "properties": { collection: items, "next": next },
            });
            json!({ "application/json": { "schema": page } })
        }
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::Wasm => json!({ "application/wasm": {} }),
        Content::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
        Content::Events => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
