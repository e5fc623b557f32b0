//! Quotas: what a project may have and has, and what an admin gives it.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, QueryArgs},
        list::{ListView, Listable},
        routes::Routes,
    },
    domain::{Column, Limit, Limits, OwnLimits, ProjectId, Tally},
    engine::QuotaState,
    policy::Rule,
};

/// The longest project id.
const PROJECT_CHARS: usize = 255;

static LISTABLE: Listable<QuotaState> = Listable {
    path: "/v2/quotas",
    collection: "quotas",
    default_sort: "id",
    columns: &[Column::text("id", |it: &QuotaState| it.project_id.as_str().into()).by_id()],
    shown: &[
        "project_id",
        "stored_action_executions",
        "running_action_executions",
        "stored_executions",
        "running_executions",
        "modules",
        "bytes",
    ],
    flags: &[],
    ignored: &[],
    all_projects: Rule::QuotasListAllProjects,
    marker: |it| it.project_id.to_string(),
};

/// Adds the routes of quotas.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .list(
            Rule::QuotasGet,
            &LISTABLE,
            Doc::new("Lists quotas and what is used of them: the caller's project's, or those of all that have any.")
                .lists::<QuotaView>(),
            list,
        )
        .get(
            "/v2/quotas/defaults",
            Rule::QuotasGet,
            Doc::new("The quotas of a project that has none of its own.").answers::<LimitsView>(OK),
            defaults,
        )
        .get(
            "/v2/quotas/{project_id}",
            Rule::QuotasGet,
            Doc::new("Shows a project's quotas and what it uses of them.")
                .all_projects(Rule::QuotasListAllProjects)
                .answers::<QuotaView>(OK),
            get,
        )
        .put(
            "/v2/quotas/{project_id}",
            Rule::QuotasUpdate,
            Doc::new("Gives a project quotas of its own.")
                .takes::<QuotaBody>()
                .answers::<QuotaView>(OK),
            update,
        )
        .delete(
            "/v2/quotas/{project_id}",
            Rule::QuotasDelete,
            Doc::new("Gives a project the usual quotas again."),
            delete,
        )
}

/// The quotas to set, -1 for no limit; what is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaBody {
    /// Action executions that are kept.
    stored_action_executions: Option<Limit>,
    /// Kept action executions that have not ended.
    running_action_executions: Option<Limit>,
    /// Executions that are kept.
    stored_executions: Option<Limit>,
    /// Kept executions that have not ended.
    running_executions: Option<Limit>,
    /// Modules.
    modules: Option<Limit>,
    /// Bytes of all that is kept.
    bytes: Option<Limit>,
}

impl JsonBody for QuotaBody {
    const ARGUMENT: &'static str = "quota";
}

impl From<QuotaBody> for OwnLimits {
    fn from(body: QuotaBody) -> Self {
        Self {
            stored_action_executions: body.stored_action_executions,
            running_action_executions: body.running_action_executions,
            stored_executions: body.stored_executions,
            running_executions: body.running_executions,
            modules: body.modules,
            bytes: body.bytes,
        }
    }
}

/// How much a project may have, -1 for no limit, and how much it has.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuotaUse {
    limit: Limit,
    in_use: u64,
}

/// The quotas of a project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuotaView {
    /// The project's id, as Nova shows it.
    id: String,
    /// The same.
    project_id: String,
    stored_action_executions: QuotaUse,
    running_action_executions: QuotaUse,
    stored_executions: QuotaUse,
    running_executions: QuotaUse,
    modules: QuotaUse,
    bytes: QuotaUse,
}

/// The limits alone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LimitsView {
    stored_action_executions: Limit,
    running_action_executions: Limit,
    stored_executions: Limit,
    running_executions: Limit,
    modules: Limit,
    bytes: Limit,
}

impl From<&QuotaState> for QuotaView {
    fn from(state: &QuotaState) -> Self {
        let used = |tally| QuotaUse {
            limit: state.limits.of(tally),
            in_use: state.usage.of(tally),
        };
        Self {
            id: state.project_id.to_string(),
            project_id: state.project_id.to_string(),
            stored_action_executions: used(Tally::StoredActionExecutions),
            running_action_executions: used(Tally::RunningActionExecutions),
            stored_executions: used(Tally::StoredExecutions),
            running_executions: used(Tally::RunningExecutions),
            modules: used(Tally::Modules),
            bytes: used(Tally::Bytes),
        }
    }
}

impl From<Limits> for LimitsView {
    fn from(limits: Limits) -> Self {
        Self {
            stored_action_executions: limits.stored_action_executions,
            running_action_executions: limits.running_action_executions,
            stored_executions: limits.stored_executions,
            running_executions: limits.running_executions,
            modules: limits.modules,
            bytes: limits.bytes,
        }
    }
}

/// `GET /v2/quotas`: those of the caller's project, or a page of all.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<QuotaView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.list_quotas(&asked.request).await?;
    asked.answer(&app, &headers, &page, |state| Ok(QuotaView::from(state)))
}

/// `GET /v2/quotas/defaults`: the usual ones.
async fn defaults(State(app): State<App>, _: Acting) -> Answer<LimitsView> {
    Answer(app.engine.usual_quotas().into())
}

/// `GET /v2/quotas/{project_id}`: those of one project.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(project): Path,
) -> Result<Answer<QuotaView>, ApiError> {
    let project = parse_project(project)?;
    if project != op.project_id {
        app.policy.enforce(&caller, Rule::QuotasListAllProjects)?;
    }
    let state = app.engine.quotas(&project).await?;
    Ok(Answer(QuotaView::from(&state)))
}

/// `PUT /v2/quotas/{project_id}`: some of them change.
async fn update(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(project): Path,
    Json(body): Json<QuotaBody>,
) -> Result<Answer<QuotaView>, ApiError> {
    let project = parse_project(project)?;
    let state = app.engine.set_quotas(&op, &project, body.into()).await?;
    Ok(Answer(QuotaView::from(&state)))
}

/// `DELETE /v2/quotas/{project_id}`: the usual ones hold again.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(project): Path,
) -> Result<StatusCode, ApiError> {
    let project = parse_project(project)?;
    app.engine.reset_quotas(&op, &project).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The id of a project, which may not have been here yet.
fn parse_project(text: String) -> Result<ProjectId, ApiError> {
    let is_right = !text.is_empty()
        && text.chars().count() <= PROJECT_CHARS
        && text.chars().all(|c| c.is_ascii_graphic());
    if !is_right {
        return Err(ApiError::bad_request(format!(
            "project_id: must be at most {PROJECT_CHARS} visible ASCII characters without spaces."
        )));
    }
    Ok(ProjectId::new(text))
}
