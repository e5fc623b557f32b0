//! Actions: what can be run.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Path, QueryArgs},
        filter::Filters,
        json_text::time,
        page::{Listable, PageArgs, Shown},
        routes::Routes,
    },
    domain::{AccessRule, ActionName, JsonText, Order, Scope, Timestamp},
    engine::Action,
    policy::Rule,
};

const LISTABLE: Listable = Listable {
    path: "/v2/actions",
    default_sort: "name",
    sort_keys: &["name", "created_at", "updated_at"],
    fields: FIELDS,
};

const FIELDS: &[&str] = &[
    "id",
    "name",
    "is_system",
    "input",
    "description",
    "tags",
    "definition",
    "scope",
    "project_id",
    "namespace",
    "created_at",
    "updated_at",
    "module",
    "input_schema",
    "output_schema",
    "access",
    "idempotent",
    "asynchronous",
];

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "is_system",
    "input",
    "description",
    "tags",
    "definition",
    "scope",
    "project_id",
    "created_at",
    "updated_at",
    "module",
];

const QUERY: &[(&str, &str)] = &[
    ("limit", "at most so many, 1 to 1000"),
    ("marker", "the name of the last one of the page before"),
    ("sort_keys", "name, created_at, updated_at or id"),
    ("sort_dirs", "asc or desc"),
    ("fields", "the fields to show, separated by commas"),
    ("namespace", "without effect"),
    (
        "name",
        "a filter, as every other field: VALUE or OP:VALUE with eq neq gt gte lt lte has in nin",
    ),
];

/// Adds the routes of actions.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let one = || {
        Doc::new("Shows an action.")
            .query(&[("namespace", "without effect")])
            .answers::<ActionView>(OK)
    };
    routes
        .get(
            "/v2/actions",
            Rule::ActionsList,
            Doc::new("Lists the actions that the caller can run, by name.")
                .query(QUERY)
                .answers::<ActionsView>(OK),
            list,
        )
        .get("/v2/actions/{name}", Rule::ActionsGet, one(), get)
        // The stock client puts the namespace into the path.
        .get(
            "/v2/actions/{name}/{namespace}",
            Rule::ActionsGet,
            one(),
            get,
        )
}

/// An action as Mistral shows it, and what Mistral does not know of.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionView {
    /// Its name.
    id: String,
    name: String,
    /// Whether the host ships it.
    is_system: bool,
    /// Mistral's text of its inputs: `a, b="x"`.
    input: String,
    description: String,
    tags: Option<Vec<String>>,
    definition: Option<String>,
    scope: &'static str,
    project_id: Option<String>,
    namespace: &'static str,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    module: ActionModuleView,
    /// A JSON Schema as text.
    #[schemars(with = "String")]
    input_schema: JsonText,
    /// A JSON Schema as text.
    #[schemars(with = "Option<String>")]
    output_schema: Option<JsonText>,
    /// The most that it will ever ask of a cloud.
    #[schemars(with = "Vec<AccessRuleView>")]
    access: Vec<AccessRule>,
    /// Whether it may be run again after a crash.
    idempotent: bool,
    /// Whether it may be completed through the API.
    asynchronous: bool,
}

/// The module that offers an action.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionModuleView {
    id: String,
    name: String,
    version: u32,
    digest: String,
}

/// One kind of cloud request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for the domain's type in the schema")]
struct AccessRuleView {
    service_type: String,
    method: String,
    path: String,
}

/// A page of actions.
#[derive(Serialize, JsonSchema)]
pub struct ActionsView {
    actions: Vec<Shown<ActionView>>,
    /// The next page, when this one is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl ActionView {
    fn new(action: &Action) -> Result<Self, ApiError> {
        let (module, spec) = (&action.module, &action.spec);
        Ok(Self {
            id: spec.name.to_string(),
            name: spec.name.to_string(),
            is_system: module.project_id.is_none(),
            input: action.schema()?.mistral_input(),
            description: spec.description.clone(),
            tags: None,
            definition: None,
            scope: module.scope.as_str(),
            project_id: module.project_id.as_ref().map(ToString::to_string),
            namespace: "",
            created_at: Some(module.created_at),
            updated_at: module.updated_at,
            module: ActionModuleView {
                id: module.id.to_string(),
                name: module.name.to_string(),
                version: module.version,
                digest: module.digest.to_string(),
            },
            input_schema: spec.input_schema.clone(),
            output_schema: spec.output_schema.clone(),
            access: spec.access.clone(),
            idempotent: spec.idempotent,
            asynchronous: spec.asynchronous,
        })
    }
}

/// `GET /v2/actions`: a page of what the caller can run.
async fn list(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    headers: HeaderMap,
    mut args: QueryArgs,
) -> Result<Answer<ActionsView>, ApiError> {
    let page = PageArgs::take(&mut args, &LISTABLE)?;
    let filters = Filters::take(&mut args, COLUMNS);
    args.take("namespace");
    args.finish()?;
    let mut actions = app.engine.actions(&op);
    if !filters.is_empty() {
        actions.retain(|action| filters.pass(|column| column_text(action, column)));
    }
    sort(&mut actions, &page);
    let mut rest = after(&actions, &page).iter();
    let shown: Vec<&Arc<Action>> = rest.by_ref().take(page.limit).collect();
    let next = shown
        .last()
        .filter(|_| shown.len() == page.limit)
        .map(|last| {
            let base = app.base_url(&headers);
            page.next(
                &base,
                &LISTABLE,
                &filters.repeated(),
                last.spec.name.as_str(),
            )
        });
    let fields = page.fields.as_deref();
    let views = shown
        .into_iter()
        .map(|action| Shown::new(ActionView::new(action)?, fields));
    Ok(Answer(ActionsView {
        actions: views.collect::<Result<_, _>>()?,
        next,
    }))
}

/// `GET /v2/actions/{name}`: one that the caller can run.
async fn get(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(name): Path,
    mut args: QueryArgs,
) -> Result<Answer<ActionView>, ApiError> {
    args.take("namespace");
    args.finish()?;
    let name = ActionName::parse(&name)
        .map_err(|_| ApiError::not_found(format!("Action not found [name={name}]")))?;
    let action = app.engine.action(&op, &name)?;
    ActionView::new(&action).map(Answer)
}

/// Brings `actions`, which come by name, into the order asked for; equal ones stay by name.
fn sort(actions: &mut [Arc<Action>], page: &PageArgs) {
    match page.sort_key.as_str() {
        "created_at" => actions.sort_by_key(|action| action.module.created_at),
        "updated_at" => actions.sort_by_key(|action| action.module.updated_at),
        _ => {}
    }
    if page.order == Order::Descending {
        actions.reverse();
    }
}

/// What follows the marker.
fn after<'a>(actions: &'a [Arc<Action>], page: &PageArgs) -> &'a [Arc<Action>] {
    let Some(marker) = page.marker.as_deref() else {
        return actions;
    };
    let at = actions
        .iter()
        .position(|action| action.spec.name.as_str() == marker);
    let start = at.map_or_else(
        // The marker was deleted meanwhile: go on where it would stand.
        || {
            actions.partition_point(|action| match page.order {
                Order::Ascending => action.spec.name.as_str() < marker,
                Order::Descending => action.spec.name.as_str() > marker,
            })
        },
        |at| at + 1,
    );
    actions.get(start..).unwrap_or_default()
}

fn column_text<'a>(action: &'a Action, column: &str) -> Option<Cow<'a, str>> {
    let (module, spec) = (&action.module, &action.spec);
    match column {
        "id" | "name" => Some(spec.name.as_str().into()),
        "is_system" => Some(
            if module.project_id.is_none() {
                "true"
            } else {
                "false"
            }
            .into(),
        ),
        "input" => action
            .schema()
            .ok()
            .map(|schema| schema.mistral_input().into()),
        "description" => Some(spec.description.as_str().into()),
        "scope" => Some(Scope::as_str(module.scope).into()),
        "project_id" => module.project_id.as_ref().map(|id| id.as_str().into()),
        "module" => Some(module.name.as_str().into()),
        "created_at" => Some(module.created_at.to_string().into()),
        "updated_at" => module.updated_at.map(|time| time.to_string().into()),
        // Tags and definitions come with ad-hoc actions.
        _ => None,
    }
}
