//! Workbooks: workflows and ad-hoc actions in one document.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::definitions::{
    ARGUMENTS, NAMESPACE, OWN_NAMESPACE, ValidityView, document, namespace, validates,
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
    domain::{Column, Timestamp, Workbook},
    policy::Rule,
};

static LISTABLE: Listable<Workbook> = Listable {
    path: "/v2/workbooks",
    collection: "workbooks",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &Workbook| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &Workbook| it.name.as_str().into()).indexed(),
        Column::text("namespace", |it| it.namespace.as_str().into()),
        Column::text("definition", |it| (*it.definition).into()),
        Column::text("checksum", |it| it.checksum.hex().into()),
        Column::text("tags", |it| it.tags.join(",").into()),
        Column::text("scope", |it: &Workbook| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::time("created_at", |it: &Workbook| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &[],
    flags: &[],
    ignored: &[],
    all_projects: Rule::WorkbooksListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Adds the routes of workbooks.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .list(
            Rule::WorkbooksList,
            &LISTABLE,
            Doc::new("Lists workbooks, oldest first.").lists::<WorkbookView>(),
            list,
        )
        .post(
            "/v2/workbooks",
            Rule::WorkbooksCreate,
            Doc::new("Makes a workbook with its workflows and ad-hoc actions.")
                .publicizes(Rule::WorkbooksPublicize)
                .query(ARGUMENTS)
                .takes_text()
                .answers::<WorkbookView>(StatusCode::CREATED),
            create,
        )
        .put(
            "/v2/workbooks",
            Rule::WorkbooksUpdate,
            Doc::new(
                "Changes the caller's workbook that a document names: its workflows and ad-hoc actions are changed, added \
                 and deleted with it.",
            )
            .publicizes(Rule::WorkbooksPublicize)
            .query(ARGUMENTS)
            .takes_text()
            .answers::<WorkbookView>(OK),
            update,
        )
        .post(
            "/v2/workbooks/validate",
            Rule::WorkbooksCreate,
            validates("Says whether a workbook has faults, and which."),
            validate,
        )
        .get(
            "/v2/workbooks/{workbook}",
            Rule::WorkbooksGet,
            Doc::new("Shows a workbook by name, the caller's own before a public one, or by id.")
                .all_projects(Rule::WorkbooksListAllProjects)
                .query(NAMESPACE)
                .answers::<WorkbookView>(OK),
            get,
        )
        .delete(
            "/v2/workbooks/{workbook}",
            Rule::WorkbooksDelete,
            Doc::new(
                "Deletes a workbook of the caller's by name or id, with its workflows and ad-hoc actions.",
            )
            .query(OWN_NAMESPACE),
            delete,
        )
}

/// A workbook as Mistral shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkbookView {
    id: String,
    name: String,
    namespace: String,
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

impl From<&Workbook> for WorkbookView {
    fn from(workbook: &Workbook) -> Self {
        Self {
            id: workbook.id.to_string(),
            name: workbook.name.to_string(),
            namespace: workbook.namespace.to_string(),
            definition: workbook.definition.to_string(),
            checksum: workbook.checksum.hex(),
            tags: workbook.tags.clone(),
            scope: workbook.scope.as_str(),
            project_id: workbook.project_id.to_string(),
            created_at: Some(workbook.created_at),
            updated_at: workbook.updated_at,
        }
    }
}

/// `POST /v2/workbooks`: one more.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
    Text(text): Text,
) -> Result<(StatusCode, Answer<WorkbookView>), ApiError> {
    let document = document(&app, &caller, Rule::WorkbooksPublicize, args, text)?;
    let workbook = app.engine.create_workbook(&op, document).await?;
    Ok((StatusCode::CREATED, Answer((&workbook).into())))
}

/// `PUT /v2/workbooks`: another content for the one that the document names.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
    Text(text): Text,
) -> Result<Answer<WorkbookView>, ApiError> {
    let document = document(&app, &caller, Rule::WorkbooksPublicize, args, text)?;
    let workbook = app.engine.update_workbook(&op, document).await?;
    Ok(Answer((&workbook).into()))
}

/// `POST /v2/workbooks/validate`: what is wrong with a document.
async fn validate(
    State(app): State<App>,
    _: Acting,
    Text(text): Text,
) -> Result<Answer<ValidityView>, ApiError> {
    let faults = app.engine.check_workbook(text).await?;
    Ok(Answer(faults.into()))
}

/// `GET /v2/workbooks`: a page of those that the caller sees.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<WorkbookView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.workbooks(&asked.request).await?;
    asked.answer(&app, &headers, &page, |workbook| Ok(workbook.into()))
}

/// `GET /v2/workbooks/{workbook}`: one that the caller sees, or any by id for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<WorkbookView>, ApiError> {
    let namespace = namespace(args)?;
    let sight = app.sight(&caller, Rule::WorkbooksListAllProjects);
    let workbook = app.engine.workbook(&op, &reference, &namespace, sight);
    Ok(Answer((&workbook.await?).into()))
}

/// `DELETE /v2/workbooks/{workbook}`: one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let namespace = namespace(args)?;
    app.engine
        .delete_workbook(&op, &reference, &namespace)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
