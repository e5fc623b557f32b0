//! Environments: variables under a name.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, QueryArgs},
        json_text::{JsonObject, time},
        list::{ListView, Listable},
        routes::Routes,
    },
    auth::Caller,
    domain::{
        Column, Environment, EnvironmentName, PrivateObject, Scope, Secret, Timestamp,
        plain_option, private_json,
    },
    engine::{ChangeEnvironment, NewEnvironment},
    policy::Rule,
};

/// The longest text of variables, Mistral's limit of a field.
const MAX_VARIABLES_KIB: usize = 1024;

/// The longest description, Mistral's limit of a text.
const MAX_DESCRIPTION_KIB: usize = 64;

const VARIABLES: &str = "variables";

/// Variables are no column: they are kept sealed.
static LISTABLE: Listable<Environment> = Listable {
    path: "/v2/environments",
    collection: "environments",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &Environment| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &Environment| it.name.as_str().into()).indexed(),
        Column::text("description", |it| it.description.as_deref().into()),
        Column::text("scope", |it: &Environment| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::time("created_at", |it: &Environment| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &[VARIABLES],
    flags: &[],
    ignored: &[],
    all_projects: Rule::EnvironmentsListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Adds the routes of environments.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .list(
            Rule::EnvironmentsList,
            &LISTABLE,
            Doc::new("Lists environments, oldest first.").lists::<EnvironmentView>(),
            list,
        )
        .post(
            "/v2/environments",
            Rule::EnvironmentsCreate,
            Doc::new("Makes an environment.")
                .publicizes(Rule::EnvironmentsPublicize)
                .takes::<EnvironmentBody>()
                .answers::<EnvironmentView>(StatusCode::CREATED),
            create,
        )
        .put(
            "/v2/environments",
            Rule::EnvironmentsUpdate,
            Doc::new(
                "Changes the caller's environment that the body names; what it leaves out stays.",
            )
            .publicizes(Rule::EnvironmentsPublicize)
            .takes::<EnvironmentBody>()
            .answers::<EnvironmentView>(OK),
            update,
        )
        .get(
            "/v2/environments/{environment}",
            Rule::EnvironmentsGet,
            Doc::new(
                "Shows an environment by name, the caller's own before a public one, or by id.",
            )
            .all_projects(Rule::EnvironmentsListAllProjects)
            .answers::<EnvironmentView>(OK),
            get,
        )
        .delete(
            "/v2/environments/{environment}",
            Rule::EnvironmentsDelete,
            Doc::new("Deletes an environment of the caller's by name or id."),
            delete,
        )
}

/// An environment to be made, or its changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentBody {
    /// 1 to 255 characters, unique within the project.
    name: Option<String>,
    /// Words about it, at most 64 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    description: Option<Option<String>>,
    /// An object, or a string that holds one; at most 1024 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<JsonObject>")]
    variables: Option<Option<JsonObject>>,
    /// `private`, which it is when nothing is said, or `public`.
    scope: Option<String>,
}

impl JsonBody for EnvironmentBody {
    const ARGUMENT: &'static str = "env";
}

/// Tells null, which empties a field, from a field that is not there.
fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// An environment.
#[derive(Serialize, JsonSchema)]
pub struct EnvironmentView {
    id: String,
    name: String,
    description: Option<String>,
    /// A JSON object as text.
    #[serde(serialize_with = "plain_option::serialize")]
    #[schemars(with = "Option<String>")]
    variables: Option<Secret>,
    scope: &'static str,
    project_id: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

impl EnvironmentView {
    fn new(environment: &Environment, variables: Option<Secret>) -> Self {
        Self {
            id: environment.id.to_string(),
            name: environment.name.to_string(),
            description: environment.description.clone(),
            variables,
            scope: environment.scope.as_str(),
            project_id: environment.project_id.to_string(),
            created_at: Some(environment.created_at),
            updated_at: environment.updated_at,
        }
    }
}

/// `POST /v2/environments`: one more.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Json(body): Json<EnvironmentBody>,
) -> Result<(StatusCode, Answer<EnvironmentView>), ApiError> {
    let (name, change) = read(&app, &caller, body)?;
    let new = NewEnvironment {
        name,
        description: change.description.flatten(),
        variables: change.variables.flatten(),
        scope: change.scope.unwrap_or_default(),
    };
    let environment = app.engine.create_environment(&op, new).await?;
    Ok((StatusCode::CREATED, show(&app, &environment)?))
}

/// `PUT /v2/environments`: another content for the one that the body names.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Json(body): Json<EnvironmentBody>,
) -> Result<Answer<EnvironmentView>, ApiError> {
    let (name, change) = read(&app, &caller, body)?;
    let environment = app.engine.change_environment(&op, &name, change).await?;
    show(&app, &environment)
}

/// `GET /v2/environments`: a page of those that the caller can use.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<EnvironmentView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.environments(&asked.request).await?;
    let shows_variables = asked.shows(VARIABLES);
    asked.answer(&app, &headers, &page, |environment| {
        let variables = if shows_variables {
            app.engine.variables(environment)?
        } else {
            None
        };
        Ok(EnvironmentView::new(environment, variables))
    })
}

/// `GET /v2/environments/{environment}`: one that the caller can use, or any by id for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<EnvironmentView>, ApiError> {
    args.finish()?;
    let sight = app.sight(&caller, Rule::EnvironmentsListAllProjects);
    let environment = app.engine.environment(&op, &reference, sight).await?;
    show(&app, &environment)
}

/// `DELETE /v2/environments/{environment}`: one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_environment(&op, &reference).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn show(app: &App, environment: &Environment) -> Result<Answer<EnvironmentView>, ApiError> {
    let variables = app.engine.variables(environment)?;
    Ok(Answer(EnvironmentView::new(environment, variables)))
}

/// Turns text into what is to be changed.
fn read(
    app: &App,
    caller: &Caller,
    body: EnvironmentBody,
) -> Result<(EnvironmentName, ChangeEnvironment), ApiError> {
    // Out of sight before anything can fail.
    let variables = body
        .variables
        .map(|given| given.map(|object| PrivateObject::new(object.0)));
    let name = body
        .name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| ApiError::bad_request("Name of the environment is not provided."))?;
    let name = EnvironmentName::parse(&name)
        .map_err(|error| ApiError::bad_request(format!("name: {error}.")))?;
    if let Some(Some(description)) = &body.description {
        check_size("description", description.len(), MAX_DESCRIPTION_KIB)?;
    }
    let change = ChangeEnvironment {
        description: body.description,
        variables: variables
            .map(|given| given.as_ref().map(variables_text).transpose())
            .transpose()?,
        scope: body
            .scope
            .map(|scope| parse_scope(app, caller, &scope))
            .transpose()?,
    };
    Ok((name, change))
}

fn variables_text(object: &PrivateObject) -> Result<Secret, ApiError> {
    let mut json = private_json(object.members()).map_err(|error| ApiError::internal(&error))?;
    check_size(VARIABLES, json.len(), MAX_VARIABLES_KIB)?;
    let text = String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8");
    Ok(Secret::new(text))
}

fn check_size(field: &str, bytes: usize, max_kib: usize) -> Result<(), ApiError> {
    if bytes <= max_kib * 1024 {
        return Ok(());
    }
    let kib = bytes.div_ceil(1024);
    Err(ApiError::bad_request(format!(
        "Field size limit exceeded [class=Environment, field={field}, size={kib}KB, limit={max_kib}KB]"
    )))
}

fn parse_scope(app: &App, caller: &Caller, text: &str) -> Result<Scope, ApiError> {
    match text {
        "private" => Ok(Scope::Private),
        "public" => {
            app.policy.enforce(caller, Rule::EnvironmentsPublicize)?;
            Ok(Scope::Public)
        }
        _ => Err(ApiError::bad_request(
            "Invalid input for field/attribute scope. Value should be one of: private, public",
        )),
    }
}
