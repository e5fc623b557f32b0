//! Workflows: definitions of what executions do.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    definitions::{
        ARGUMENTS, NAMESPACE, OWN_NAMESPACE, ValidityView, document, namespace, validates,
    },
    members::{self, Shared},
};
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Path, QueryArgs, Text},
        json_text::time,
        list::{ListView, Listable},
        routes::Routes,
    },
    domain::{Column, JsonText, Timestamp, WorkflowDefinition},
    engine::ShareableRef,
    policy::Rule,
};

static LISTABLE: Listable<WorkflowDefinition> = Listable {
    path: "/v2/workflows",
    collection: "workflows",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &WorkflowDefinition| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &WorkflowDefinition| it.name.as_str().into()).indexed(),
        Column::text("namespace", |it| it.namespace.as_str().into()),
        Column::text("input", |it| it.input.as_str().into()),
        Column::text("definition", |it| (*it.definition).into()),
        Column::text("checksum", |it| it.checksum.hex().into()),
        Column::text("tags", |it| it.tags.join(",").into()),
        Column::text("scope", |it: &WorkflowDefinition| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::time("created_at", |it: &WorkflowDefinition| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &["interface"],
    flags: &[],
    ignored: &[],
    all_projects: Rule::WorkflowsListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Workflows as what is shared: by their ids alone, as in Mistral.
const SHARED: Shared = Shared {
    members: "/v2/workflows/{workflow}/members",
    member: "/v2/workflows/{workflow}/members/{member_id}",
    parse: |text| {
        text.parse().map(ShareableRef::Workflow).map_err(|_| {
            ApiError::bad_request(
                "Only support UUID as resource identifier in resource sharing feature.",
            )
        })
    },
    all_projects: Rule::WorkflowsListAllProjects,
};

/// Adds the routes of workflows.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let routes = routes
        .list(
            Rule::WorkflowsList,
            &LISTABLE,
            Doc::new("Lists workflows, oldest first.").lists::<WorkflowView>(),
            list,
        )
        .post(
            "/v2/workflows",
            Rule::WorkflowsCreate,
            Doc::new("Makes the workflows of a document, all or none of them.")
                .publicizes(Rule::WorkflowsPublicize)
                .query(ARGUMENTS)
                .takes_text()
                .answers::<WorkflowsView>(StatusCode::CREATED),
            create,
        )
        .put(
            "/v2/workflows",
            Rule::WorkflowsUpdate,
            Doc::new("Changes the caller's workflows that a document names, all or none of them.")
                .publicizes(Rule::WorkflowsPublicize)
                .query(ARGUMENTS)
                .takes_text()
                .answers::<WorkflowsView>(OK),
            update,
        )
        .post(
            "/v2/workflows/validate",
            Rule::WorkflowsCreate,
            validates("Says whether a document of workflows has faults, and which."),
            validate,
        )
        .get(
            "/v2/workflows/{workflow}",
            Rule::WorkflowsGet,
            Doc::new(
                "Shows a workflow by id or name: the caller's own before an accepted one before a public one.",
            )
            .all_projects(Rule::WorkflowsListAllProjects)
            .query(NAMESPACE)
            .answers::<WorkflowView>(OK),
            get,
        )
        .put(
            "/v2/workflows/{workflow}",
            Rule::WorkflowsUpdate,
            Doc::new("Changes a workflow of the caller's by id or name to the one of a document.")
                .publicizes(Rule::WorkflowsPublicize)
                .query(ARGUMENTS)
                .takes_text()
                .answers::<WorkflowView>(OK),
            update_one,
        )
        .delete(
            "/v2/workflows/{workflow}",
            Rule::WorkflowsDelete,
            Doc::new("Deletes a workflow of the caller's by id or name.").query(OWN_NAMESPACE),
            delete,
        );
    members::routes(routes, SHARED)
}

/// A workflow as Mistral shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkflowView {
    id: String,
    name: String,
    namespace: String,
    /// Mistral's text of its inputs: `a, b="x"`.
    input: String,
    /// `{"input": […], "output": […]}`: an object where the workflow was made or changed, else the object as text.
    #[schemars(with = "serde_json::Value")]
    interface: Interface,
    definition: String,
    /// The sha256 of the definition.
    checksum: String,
    tags: Vec<String>,
    scope: &'static str,
    project_id: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

/// Workflows that were made or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkflowsView {
    workflows: Vec<WorkflowView>,
}

/// Mistral answers text with an object, and everything else with text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Interface {
    Object(Box<RawValue>),
    Text(JsonText),
}

impl WorkflowView {
    fn new(workflow: &WorkflowDefinition) -> Self {
        Self {
            id: workflow.id.to_string(),
            name: workflow.name.to_string(),
            namespace: workflow.namespace.to_string(),
            input: workflow.input.clone(),
            interface: Interface::Text(workflow.interface.clone()),
            definition: workflow.definition.to_string(),
            checksum: workflow.checksum.hex(),
            tags: workflow.tags.clone(),
            scope: workflow.scope.as_str(),
            project_id: workflow.project_id.to_string(),
            created_at: Some(workflow.created_at),
            updated_at: workflow.updated_at,
        }
    }

    /// The answer to whoever made or changed it.
    fn written(workflow: &WorkflowDefinition) -> Self {
        let view = Self::new(workflow);
        match RawValue::from_string(workflow.interface.as_str().to_owned()) {
            Ok(interface) => Self {
                interface: Interface::Object(interface),
                ..view
            },
            Err(_) => view,
        }
    }
}

impl WorkflowsView {
    fn new(workflows: &[WorkflowDefinition]) -> Self {
        Self {
            workflows: workflows.iter().map(WorkflowView::written).collect(),
        }
    }
}

/// `POST /v2/workflows`: those of a document.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
    Text(text): Text,
) -> Result<(StatusCode, Answer<WorkflowsView>), ApiError> {
    let document = document(&app, &caller, Rule::WorkflowsPublicize, args, text)?;
    let workflows = app.engine.create_workflows(&op, document).await?;
    Ok((StatusCode::CREATED, Answer(WorkflowsView::new(&workflows))))
}

/// `PUT /v2/workflows`: another content for those that a document names.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    mut args: QueryArgs,
    Text(text): Text,
) -> Result<Response, ApiError> {
    let identifier = args.take("identifier").filter(|it| !it.is_empty());
    let document = document(&app, &caller, Rule::WorkflowsPublicize, args, text)?;
    let identifier = identifier.as_deref();
    let workflows = app
        .engine
        .update_workflows(&op, document, identifier)
        .await?;
    Ok(match (identifier, workflows.first()) {
        (Some(_), Some(workflow)) => Answer(WorkflowView::written(workflow)).into_response(),
        _ => Answer(WorkflowsView::new(&workflows)).into_response(),
    })
}

/// `PUT /v2/workflows/{workflow}`: another content for one.
async fn update_one(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
    Text(text): Text,
) -> Result<Answer<WorkflowView>, ApiError> {
    let document = document(&app, &caller, Rule::WorkflowsPublicize, args, text)?;
    let workflows = app
        .engine
        .update_workflows(&op, document, Some(&reference))
        .await?;
    let workflow = workflows
        .first()
        .ok_or_else(|| ApiError::bad_request("The document has no workflow."))?;
    Ok(Answer(WorkflowView::written(workflow)))
}

/// `POST /v2/workflows/validate`: what is wrong with a document.
async fn validate(
    State(app): State<App>,
    _: Acting,
    Text(text): Text,
) -> Result<Answer<ValidityView>, ApiError> {
    let faults = app.engine.check_workflows(text).await?;
    Ok(Answer(faults.into()))
}

/// `GET /v2/workflows`: a page of those that the caller can use.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<WorkflowView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.workflows(&asked.request).await?;
    asked.answer(&app, &headers, &page, |workflow| {
        Ok(WorkflowView::new(workflow))
    })
}

/// `GET /v2/workflows/{workflow}`: one that the caller can use, or any by id for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<WorkflowView>, ApiError> {
    let namespace = namespace(args)?;
    let sight = app.sight(&caller, Rule::WorkflowsListAllProjects);
    let workflow = app.engine.workflow(&op, &reference, &namespace, sight);
    Ok(Answer(WorkflowView::new(&workflow.await?)))
}

/// `DELETE /v2/workflows/{workflow}`: one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let namespace = namespace(args)?;
    app.engine
        .delete_workflow(&op, &reference, &namespace)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
