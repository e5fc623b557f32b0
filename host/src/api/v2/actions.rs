//! Actions: what can be run.

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
        json_text::time,
        list::{ListView, Listable},
        routes::Routes,
    },
    domain::{AccessRule, ActionName, Column, JsonText, ProjectId, Reach, Schema, Timestamp},
    engine::Action,
    policy::Rule,
};

static LISTABLE: Listable<Action> = Listable {
    path: "/v2/actions",
    collection: "actions",
    default_sort: "name",
    columns: &[
        Column::text("id", |it| it.spec.name.as_str().into()),
        Column::text("name", |it| it.spec.name.as_str().into()),
        Column::flag("is_system", |it| it.module.project_id.is_none().into()),
        Column::text("input", |it| {
            it.schema().ok().map(Schema::mistral_input).into()
        }),
        Column::text("description", |it| it.spec.description.as_str().into()),
        Column::null("tags"),
        Column::null("definition"),
        Column::text("scope", |it| it.module.scope.as_str().into()),
        Column::text("project_id", |it| {
            it.module.project_id.as_ref().map(ProjectId::as_str).into()
        }),
        Column::time("created_at", |it| it.module.created_at.into()),
        Column::time("updated_at", |it| it.module.updated_at.into()),
        Column::text("module", |it| it.module.name.as_str().into()),
        Column::flag("idempotent", |it| it.spec.idempotent.into()),
        Column::flag("asynchronous", |it| it.spec.asynchronous.into()),
    ],
    shown: &["namespace", "input_schema", "output_schema", "access"],
    flags: &[],
    ignored: &["namespace"],
    all_projects: Rule::ActionsListAllProjects,
    marker: |it| it.spec.name.to_string(),
};

/// Adds the routes of actions.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let one = || {
        Doc::new("Shows an action.")
            .query(&[("namespace", "without effect")])
            .answers::<ActionView>(OK)
    };
    routes
        .list(
            Rule::ActionsList,
            &LISTABLE,
            Doc::new("Lists the actions that the caller can run, by name.").lists::<ActionView>(),
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
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<ActionView>>, ApiError> {
    let mut asked = LISTABLE.ask(&app, &acting, args)?;
    if asked.request.reach == Reach::All {
        // Several projects may have an action of one name.
        asked = asked.marked_by(Action::place);
    }
    let page = app.engine.actions(&asked.request)?;
    asked.answer(&app, &headers, &page, ActionView::new)
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
