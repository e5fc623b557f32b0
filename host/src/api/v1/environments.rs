//! Murano's list of environments, over ours.

use axum::{
    Json as Answer,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::error;

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Path, QueryArgs},
        routes::Routes,
    },
    auth::Caller,
    domain::{Environment, EnvironmentId, Operation, ProjectId, Timestamp},
    engine::{self, EnvironmentUse},
    policy::Rule,
    telemetry::Chain,
};

/// How many environments are held at a time: Murano's list has no pages, so it is sent while it is read.
const BATCH: usize = 100;
/// Of how many of them it is asked at once what executions make of them.
const AT_A_TIME: usize = 8;

/// Adds Murano's routes.
pub(crate) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    const RULE: Rule = Rule::ListEnvironments;
    routes
        .get(
            "/v1/environments",
            RULE,
            Doc::new("Lists environments as Murano does, all at once.")
                .query(&[
                    ("all_tenants", "true in any case: those of all projects"),
                    ("tenant", "those of this project"),
                ])
                .all_projects(Rule::ListEnvironmentsAllTenants)
                .answers::<MuranoEnvironmentsView>(OK),
            list,
        )
        .get(
            "/v1/environments/{environment}",
            RULE,
            Doc::new("Shows an environment by id as Murano does.")
                .all_projects(Rule::ListEnvironmentsAllTenants)
                .answers::<ShownMuranoEnvironmentView>(OK),
            get,
        )
        .get(
            "/v1/environments/{environment}/services",
            RULE,
            Doc::new("The applications in an environment: none, since Zonda deploys none.")
                .answers::<[Nothing; 0]>(OK),
            services,
        )
        .get(
            "/v1/environments/{environment}/deployments",
            RULE,
            Doc::new("The deployments of an environment: none, since Zonda deploys none.")
                .answers::<DeploymentsView>(OK),
            deployments,
        )
        .get(
            "/v1/catalog/packages",
            RULE,
            Doc::new("Murano's packages: none, since Zonda deploys none.")
                .answers::<PackagesView>(OK),
            packages,
        )
}

/// An environment as Murano lists it; never its variables.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MuranoEnvironmentView {
    id: String,
    name: String,
    tenant_id: String,
    /// `deploying` while an execution names it, `deploy failure` when the last that did ended in ERROR, else `ready`.
    status: &'static str,
    /// How often it was changed.
    version: u64,
    created: String,
    updated: String,
    description_text: String,
    networking: Nothing,
}

/// An empty object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Nothing {}

/// An environment as Murano shows it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShownMuranoEnvironmentView {
    #[serde(flatten)]
    environment: MuranoEnvironmentView,
    /// Always null: nobody deploys it.
    acquired_by: Option<()>,
    /// Always empty.
    services: [Nothing; 0],
}

/// All environments.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the list is written as it is read")]
pub(crate) struct MuranoEnvironmentsView {
    environments: Vec<MuranoEnvironmentView>,
}

/// No deployments.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeploymentsView {
    deployments: [Nothing; 0],
}

/// No packages.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PackagesView {
    packages: [Nothing; 0],
}

impl MuranoEnvironmentView {
    fn of(environment: &Environment, used: EnvironmentUse) -> Self {
        Self {
            id: environment.id.to_string(),
            name: environment.name.to_string(),
            tenant_id: environment.project_id.to_string(),
            status: match used {
                EnvironmentUse::Idle => "ready",
                EnvironmentUse::Running => "deploying",
                EnvironmentUse::Failed => "deploy failure",
            },
            version: environment.version,
            created: time(environment.created_at),
            updated: time(environment.updated_at.unwrap_or(environment.created_at)),
            description_text: environment.description.clone().unwrap_or_default(),
            networking: Nothing {},
        }
    }
}

/// A time in Murano's form.
fn time(time: Timestamp) -> String {
    time.to_string().replace(' ', "T")
}

/// `GET /v1/environments`: all of a project, or of all projects.
async fn list(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
) -> Result<Response, ApiError> {
    let project = project(&app, &caller, &op, args)?;
    // The first batch tells whether the store answers, while the status can still say so.
    let first = batch(&app, project.as_ref(), None).await?;
    let chunks = stream::try_unfold(Some((first, true)), move |state| {
        let (app, project) = (app.clone(), project.clone());
        async move {
            let Some((Batch { views, next }, is_first)) = state else {
                return Ok(None);
            };
            let mut chunk = text(&views, is_first);
            let next = match next {
                Some(_) => {
                    let batch = batch(&app, project.as_ref(), next);
                    Some((batch.await.inspect_err(cut_short)?, false))
                }
                None => {
                    chunk.push_str("]}");
                    None
                }
            };
            Ok::<_, engine::Error>(Some((chunk, next)))
        }
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, Body::from_stream(chunks)).into_response())
}

/// Some environments as they are listed.
struct Batch {
    views: Vec<MuranoEnvironmentView>,
    /// After which the next ones are, if there may be more.
    next: Option<EnvironmentId>,
}

async fn batch(
    app: &App,
    project: Option<&ProjectId>,
    after: Option<EnvironmentId>,
) -> Result<Batch, engine::Error> {
    let found = app.engine.environments_after(project, after, BATCH).await?;
    let next = found.last().filter(|_| found.len() == BATCH);
    let next = next.map(|last| last.id);
    let views = found.into_iter().map(|environment| {
        let app = app.clone();
        async move {
            let used = app.engine.environment_use(&environment).await?;
            Ok::<_, engine::Error>(MuranoEnvironmentView::of(&environment, used))
        }
    });
    let views = stream::iter(views).buffered(AT_A_TIME);
    let views = views.try_collect().await?;
    Ok(Batch { views, next })
}

fn cut_short(error: &engine::Error) {
    error!(error = %Chain(error), "a list of environments was cut short");
}

/// The next part of the answer.
fn text(batch: &[MuranoEnvironmentView], is_first: bool) -> String {
    let mut text = String::from(if is_first {
        r#"{"environments": ["#
    } else {
        ""
    });
    for (n, view) in batch.iter().enumerate() {
        if n > 0 || !is_first {
            text.push_str(", ");
        }
        let view =
            serde_json::to_string(view).expect("a struct of texts and numbers has a form in JSON");
        text.push_str(&view);
    }
    text
}

/// The project whose environments are asked for; none for all. As Murano: unknown arguments are ignored, `all_tenants`
/// is true or it is not, and wins over `tenant`.
fn project(
    app: &App,
    caller: &Caller,
    op: &Operation,
    mut args: QueryArgs,
) -> Result<Option<ProjectId>, ApiError> {
    let all = args.take("all_tenants");
    let all = all.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let tenant = args.take("tenant").filter(|tenant| !tenant.is_empty());
    if all || tenant.is_some() {
        app.policy
            .enforce(caller, Rule::ListEnvironmentsAllTenants)?;
    }
    Ok(match tenant {
        _ if all => None,
        Some(tenant) => Some(ProjectId::new(tenant)),
        None => Some(op.project_id.clone()),
    })
}

/// `GET /v1/environments/{environment}`: one of the project, or of any for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
) -> Result<Answer<ShownMuranoEnvironmentView>, ApiError> {
    let environment = find(&app, &caller, &op, &id).await?;
    let used = app.engine.environment_use(&environment).await?;
    Ok(Answer(ShownMuranoEnvironmentView {
        environment: MuranoEnvironmentView::of(&environment, used),
        acquired_by: None,
        services: [],
    }))
}

/// `GET /v1/environments/{environment}/services`: none.
async fn services(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
) -> Result<Answer<[Nothing; 0]>, ApiError> {
    find(&app, &caller, &op, &id).await?;
    Ok(Answer([]))
}

/// `GET /v1/environments/{environment}/deployments`: none.
async fn deployments(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(id): Path,
) -> Result<Answer<DeploymentsView>, ApiError> {
    find(&app, &caller, &op, &id).await?;
    Ok(Answer(DeploymentsView { deployments: [] }))
}

/// `GET /v1/catalog/packages`: none.
async fn packages() -> Answer<PackagesView> {
    Answer(PackagesView { packages: [] })
}

async fn find(
    app: &App,
    caller: &Caller,
    op: &Operation,
    id: &str,
) -> Result<Environment, ApiError> {
    let sight = app.sight(caller, Rule::ListEnvironmentsAllTenants);
    match app.engine.environment_by_id(op, id, sight).await {
        Err(engine::Error::NotFound(_)) => Err(ApiError::not_found(format!(
            "Environment with id {id} not found"
        ))),
        found => Ok(found?),
    }
}
